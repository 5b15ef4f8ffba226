import { expect } from 'chai'
import type { Encoded, Target, WriteFailure, WriteOptions, WriteOutcome } from '../../../lib/types.ts'
import { servers } from '../../support/servers.ts'
import { pouchdbUrl } from './pouchdb-server.ts'
import { allDocs, document, errorOf, json, openTarget, startStub } from './stub.ts'
import type { Asked, Reply, Stub } from './stub.ts'

const skip: WriteOptions = { onConflict: 'skip', fresh: false }
const raw = (id: string, fields = ''): Encoded<string> => {
  const payload = `{"_id":${JSON.stringify(id)}${fields && `,${fields}`}}`
  return { id, payload, bytes: Buffer.byteLength(payload) }
}
const many = (count: number): Encoded<string>[] => Array.from({ length: count }, (_, index) => raw(`d${index}`))
const codeOf = (outcome: WriteOutcome | undefined): string | undefined => (typeof outcome === 'object' ? outcome.code : outcome)

interface Sent {
  readonly _id: string
  readonly _rev?: string
}

function sentIn({ body }: Asked): readonly Sent[] {
  return (JSON.parse(body) as { docs: Sent[] }).docs
}

/** Writes all, but refuses any batch that holds one of the bad documents. */
function refusing(bad: Readonly<Record<string, Reply>>): (asked: Asked) => Reply | undefined {
  return asked => {
    if (asked.method === 'GET') return undefined
    const sent = sentIn(asked)
    const found = sent.find(({ _id }) => Object.hasOwn(bad, _id))
    return found
      ? bad[found._id]
      : json(
          sent.map(({ _id }) => ({ ok: true, id: _id, rev: '1-x' })),
          201
        )
  }
}

describe('couchdb: writer', () => {
  let stub: Stub
  let target: Target<string>
  before(async () => {
    stub = await startStub()
    target = await openTarget({ url: stub.url, user: 'admin', password: 'hush', timeoutMs: 1000 })
  })
  beforeEach(() => void stub.asked.splice(0))
  after(async () => {
    await target.close()
    await stub.stop()
  })

  it('sends one request for a good batch', async () => {
    stub.script = refusing({})
    expect(await target.write('a/b', many(500), skip)).to.deep.equal(new Array(500).fill('written'))
    expect(stub.asked.map(({ method, path }) => `${method} ${path}`)).to.deep.equal(['POST /a/b/_bulk_docs'])
    expect(stub.asked[0]?.authorization).to.equal(`Basic ${Buffer.from('admin:hush').toString('base64')}`)
  })

  it('sends lines as they are, batch after batch, also where they are many bytes', async () => {
    const bodies: unknown[] = []
    stub.script = ({ body }) => {
      const { docs } = JSON.parse(body) as { docs: { _id: string }[] }
      bodies.push(docs)
      return json(
        docs.map(({ _id: id }) => ({ ok: true, id, rev: `1-${'a'.repeat(32)}` })),
        201
      )
    }
    const batches = [3, 1, 40, 2].map((count, batch) =>
      Array.from({ length: count }, (_, at) => ({ _id: `é"${batch}-${at}`, text: 'ü'.repeat(batch === 2 ? 20_000 : at) }))
    )
    for (const batch of batches) {
      const lines = batch.map(each => Buffer.from(JSON.stringify(each)))
      const encoded = batch.map(({ _id }, at) => target.lines!.encode('a', _id, lines[at]!)!)
      expect(await target.write('a', encoded, skip)).to.deep.equal(batch.map(() => 'written'))
    }
    expect(bodies).to.deep.equal(batches)
  })

  it('believes an answer only where it says of each document in turn that it is written', async () => {
    const rev = `1-${'a'.repeat(32)}`
    const row = (id: string): string => `{"ok":true,"id":"${id}","rev":"${rev}"}`
    const documents = [raw('a'), raw('b')]
    for (const [body, outcome] of [
      [`[${row('a')},${row('b')}]\n`, 'written'],
      [` [ ${row('a')} , ${row('b')} ]`, 'written'],
      [`[${row('a')},{"id":"b","rev":"${rev}","ok":true}]`, 'written'],
      [`[${row('b')},${row('a')}]`, 'thrown'],
      [`[${row('a')}]`, 'thrown'],
      [`[${row('a')},${row('b')}`, 'thrown'],
      [`[${row('a')},${row('b')}]]`, 'thrown'],
      [`[${row('a')},${row('b')},${row('c')}]`, 'thrown'],
      [`[${row('a')},{"ok":true,"id":"b","rev":"${rev}","error":"conflict"}]`, 'failed']
    ] as const) {
      stub.script = () => ({ status: 201, body })
      const written = await target.write('a', documents, { ...skip, onConflict: 'fail' }).catch(() => 'thrown' as const)
      const told = written === 'thrown' ? written : typeof written[1] === 'string' ? written[1] : 'failed'
      expect(told, body).to.equal(outcome)
    }
  })

  const bad: Readonly<Record<string, readonly [Reply, string, boolean]>> = {
    d3: [json({ error: 'illegal_docid', reason: 'Only reserved document ids may start with underscore.' }, 400), 'DOCFERRY_BAD_ID', false],
    d77: [json({ error: 'doc_validation', reason: 'Bad special document member: _x' }, 400), 'DOCFERRY_BAD_FIELD', false],
    d78: [json({ error: 'document_too_large', reason: 'd78' }, 413), 'DOCFERRY_TOO_LARGE', false],
    d79: [{ status: 413, body: '<html>nginx</html>' }, 'DOCFERRY_TOO_LARGE', false],
    d200: [json({ error: 'bad_request', reason: 'invalid UTF-8 JSON' }, 400), 'DOCFERRY_BAD_VALUE', false],
    d201: [json({ error: 'missing_stub', reason: 'Invalid attachment stub' }, 412), 'DOCFERRY_BAD_FIELD', false],
    d202: [json({ error: 'function_clause', reason: '{"secret"}' }, 500), 'DOCFERRY_REFUSED', false],
    d299: [json({ error: 'unknown_error', reason: '{"secret"}' }, 500), 'DOCFERRY_REFUSED', true]
  }

  it('isolates the documents for which a whole batch is refused, and writes the others', async () => {
    stub.script = refusing(Object.fromEntries(Object.entries(bad).map(([id, [reply]]) => [id, reply])))
    const outcomes = await target.write('d', many(300), skip)
    for (const [index, outcome] of outcomes.entries()) {
      const [, code, retryable] = bad[`d${index}`] ?? []
      expect(codeOf(outcome)).to.equal(code ?? 'written')
      if (typeof outcome === 'object') expect(outcome.retryable).to.equal(retryable)
    }
    expect(JSON.stringify(outcomes)).to.not.include('secret')
    expect(stub.asked.length).to.be.below(100)
  })

  it('takes no document for one that was there before, which it meets behind a failure of the server', async () => {
    const meets = (_: Asked, number: number): Reply =>
      number === 1
        ? json({ error: 'internal_server_error' }, 500)
        : json([{ id: `d${number - 2}`, error: 'conflict', reason: 'Document update conflict.' }], 201)
    for (const onConflict of ['skip', 'fail'] as const) {
      stub.asked.splice(0)
      stub.script = meets
      const outcomes = await target.write('d', many(2), { onConflict, fresh: false })
      for (const outcome of outcomes) expect(outcome).to.include({ code: 'DOCFERRY_CONFLICT', retryable: false, mayBeApplied: true })
    }
  })

  for (const [words, first, mayBe] of [
    ['413 in words that are not its own', { status: 413, body: '<html>nginx</html>' }, true],
    ['400 in words that are not its own', { status: 400, body: '<html>Bad Request</html>' }, true],
    ['400 in its own words', json({ error: 'bad_request', reason: 'invalid UTF-8 JSON' }, 400), false]
  ] as const) {
    it(`tells of documents behind a ${words} that they may${mayBe ? '' : ' not'} be written by the refused call`, async () => {
      stub.script = asked =>
        asked.body.includes('"d0"') ? first : json([{ id: 'd1', error: 'conflict', reason: 'Document update conflict.' }], 201)
      const [refused, met] = await target.write('d', many(2), skip)
      if (mayBe) for (const outcome of [refused, met]) expect(outcome).to.include({ retryable: false, mayBeApplied: true })
      else {
        expect(refused).to.include({ retryable: false }).and.not.have.property('mayBeApplied')
        expect(met).to.equal('skipped')
      }
    })
  }

  describe('behind a firewall', () => {
    const blocked: Reply = { status: 403, headers: { 'content-type': 'text/html' }, body: '<html>Request blocked</html>' }

    it('isolates what is forbidden while other writes are taken, to be tried again by itself', async () => {
      stub.script = refusing({ d3: blocked, d7: { ...blocked, status: 406 } })
      const outcomes = await target.write('d', many(20), skip)
      for (const index of [3, 7]) expect(outcomes[index]).to.include({ code: 'DOCFERRY_REFUSED', retryable: true, alone: true })
      expect((outcomes[3] as WriteFailure).message)
        .to.include('403')
        .and.include('firewall')
      expect(outcomes.filter(outcome => outcome === 'written')).to.have.length(18)
    })

    it('isolates what is forbidden in words of CouchDB as well', async () => {
      const rule = json({ error: 'forbidden', reason: 'blocked by rule 942100' }, 403)
      stub.script = refusing({ d3: rule })
      const outcomes = await target.write('d', many(20), skip)
      expect(outcomes[3]).to.include({ code: 'DOCFERRY_REFUSED', retryable: true, alone: true })
      expect(outcomes.filter(outcome => outcome === 'written')).to.have.length(19)
    })

    it('shows the reason where nothing is taken, without what it quotes, and speaks of no lockout', async () => {
      stub.script = () => json({ error: 'forbidden', reason: 'blocked by rule 942100 [data "hush-hush"]' }, 403)
      const error = await errorOf(target.write('d', many(20), skip))
      expect(error).to.include({ code: 'DOCFERRY_PERMISSION', retryable: false })
      expect(error.message).to.include('403 forbidden (blocked by rule 942100); check what this user may do').and.not.include('hush-hush')
      expect(stub.asked.filter(({ body }) => body.includes('"d1"'))).to.have.length(1)
    })

    for (const reason of [
      'You are not allowed to access this db.',
      'Account is temporarily locked due to multiple authentication failures'
    ])
      it(`asks nothing else where CouchDB refuses the user: ${reason}`, async () => {
        stub.script = () => json({ error: 'forbidden', reason }, 403)
        expect((await errorOf(target.write('d', many(20), skip))).message).to.include(`(${reason})`)
        expect(stub.asked).to.have.length(1)
      })

    it('throws where nothing is taken, and sends no documents again', async () => {
      stub.script = () => blocked
      expect(await errorOf(target.write('d', many(20), skip))).to.include({ code: 'DOCFERRY_PERMISSION', retryable: false })
      expect(stub.asked.filter(({ body }) => body.includes('"d1"'))).to.have.length(1)
    })

    it('throws what may pass, where that is why other writes are not taken', async () => {
      stub.script = ({ body }) => (body.includes('_local/') ? { status: 503 } : blocked)
      expect(await errorOf(target.write('d', many(20), skip))).to.include({ code: 'DOCFERRY_CONNECT', retryable: true })
    })
  })

  it('gives up on a server that fails for every document', async () => {
    stub.script = () => json({ error: 'internal_server_error' }, 500)
    expect(await errorOf(target.write('d', many(300), skip))).to.include({ code: 'DOCFERRY_CONNECT', retryable: true })
    expect(stub.asked.length).to.be.below(30)
  })

  it('does not say that something can not be read where it is asked whether it writes, and fails', async () => {
    const own = await openTarget({ url: stub.url })
    stub.script = () => json({ error: 'badmatch' }, 500)
    // The second first asks what became of the first.
    const messages = [await errorOf(own.takesWrites!('d', skip)), await errorOf(own.takesWrites!('d', skip))].map(({ message }) => message)
    await own.close()
    expect(stub.asked.slice(0, 2).map(({ method }) => method)).to.deep.equal(['POST', 'GET'])
    expect(messages[0]).to.match(/^writing to d failed/)
    expect(messages[1]).to.match(/^asking whether d takes writes failed/)
  })

  it('blames no document where the server fails for a batch without any', async () => {
    stub.script = () => json({ error: 'badmatch' }, 500)
    for (const count of [1, 3]) {
      stub.asked.splice(0)
      expect(await errorOf(target.write('d', many(count), skip))).to.include({ code: 'DOCFERRY_CONNECT', retryable: true })
    }
  })

  it('asks nothing else of a server that fails now and then, so that others get their turn', async () => {
    let calls = 0
    stub.script = () =>
      ++calls % 2 === 0 ? json({ error: 'internal_server_error' }, 500) : json([{ ok: true, id: 'd0', rev: '1-x' }], 201)
    for (let round = 0; round < 4; round++) {
      const [outcome] = await target.write('d', many(1), skip)
      if (round % 2 === 0) expect(outcome).to.equal('written')
      else expect(outcome).to.include({ code: 'DOCFERRY_REFUSED', retryable: true })
    }
    expect(calls).to.equal(4)
  })

  it('says what the server said of a document that it fails for, and keeps it out of the message', async () => {
    stub.script = refusing({ d1: json({ error: 'unknown_error', reason: 'a reason' }, 500) })
    const [, failure] = (await target.write('d', many(3), skip)) as [WriteOutcome, WriteFailure]
    expect(failure).to.include({ code: 'DOCFERRY_REFUSED', retryable: true })
    expect(failure.message).to.not.include('a reason')
    expect((failure.cause as Error).message).to.equal('a reason')
  })

  it('tells what became of each document', async () => {
    const answers = [
      { ok: true, id: 'd0', rev: '1-x' },
      { id: 'd1', error: 'conflict', reason: 'Document update conflict.' },
      { id: 'd2', error: 'forbidden', reason: 'no agents here' },
      { id: 'd3', error: 'timeout', reason: 'x' }
    ]
    stub.script = () => json(answers, 201)
    expect((await target.write('d', many(4), skip)).map(codeOf)).to.deep.equal([
      'written',
      'skipped',
      'DOCFERRY_REFUSED',
      'DOCFERRY_REFUSED'
    ])
    const failing = await target.write('d', many(4), { onConflict: 'fail', fresh: false })
    expect(failing.map(codeOf)[1]).to.equal('DOCFERRY_CONFLICT')
    expect(failing[2]).to.include({ retryable: false })
    expect(failing[3]).to.include({ retryable: true })
  })

  it('shows no words of the server that may quote a document; they are the cause of a refusal', async () => {
    const words: Readonly<Record<string, string>> = {
      forbidden: 'the e-mail ada@secret.example is taken',
      unauthorized: 'only ada@secret.example may write this',
      compilation_error: 'Compilation of the map function failed: SyntaxError (secret source)',
      '{badmatch,"secret"}': 'secret'
    }
    stub.script = () =>
      json(
        Object.entries(words).map(([error, reason], at) => ({ id: `d${at}`, error, reason })),
        201
      )
    const failures = (await target.write('d', many(4), skip)) as WriteFailure[]
    expect(failures.map(({ message }) => message).join()).to.not.include('secret')
    expect(failures.map(({ cause }) => (cause === undefined ? undefined : String(cause)))).to.deep.equal([
      `forbidden: ${words['forbidden']}`,
      `unauthorized: ${words['unauthorized']}`,
      `compilation_error: ${words['compilation_error']}`,
      'Error: secret'
    ])
    stub.script = () => json({ error: 'forbidden', reason: 'your document {"e-mail":"ada@secret.example"} is not allowed' }, 403)
    const error = await errorOf(target.write('d', many(1), skip))
    expect(error).to.include({ code: 'DOCFERRY_PERMISSION' })
    expect(error.message).to.include('forbidden').and.not.include('secret')
  })

  for (const error of ['forbidden', 'unauthorized']) {
    it(`tells a right that is lacking from what a validation function forbids: ${error}`, async () => {
      stub.script = () => json([{ id: 'd0', error, reason: 'You are not a db or server admin.' }], 201)
      const [failure] = (await target.write('d', many(1), skip)) as WriteFailure[]
      expect(failure).to.include({ code: 'DOCFERRY_REFUSED', retryable: false })
      expect(failure!.message).to.include('only an admin of the database').and.not.include('validation')
    })
  }

  it('says what CouchDB finds wrong with a name or a design document', async () => {
    stub.script = () => json([{ id: 'd0', error: 'invalid_design_doc', reason: '`views.a` field must have object type' }], 201)
    const [failure] = (await target.write('d', many(1), skip)) as WriteFailure[]
    expect(failure?.message).to.include('`views.a` field must have object type')
  })

  it('overwrites with the revision that is there, also when others change it meanwhile', async () => {
    let revision = 1
    stub.script = asked => {
      if (asked.path.endsWith('_all_docs')) {
        const rows = (JSON.parse(asked.body) as { keys: string[] }).keys.map(key =>
          key === 'd0'
            ? { id: key, key, value: { rev: `${revision}-a` }, doc: { _id: key, _rev: `${revision}-a` } }
            : key === 'd1'
              ? { key, error: 'not_found' }
              : { id: key, key, value: { rev: '7-z', deleted: true } }
        )
        return json({ total_rows: 1, offset: 0, rows })
      }
      const answers = sentIn(asked).map(({ _id, _rev }) => {
        if (_id !== 'd0') return _rev === undefined ? { ok: true, id: _id, rev: '1-x' } : { id: _id, error: 'conflict' }
        if (_rev === '3-a') return { ok: true, id: _id, rev: '4-a' }
        revision++
        return { id: _id, error: 'conflict' }
      })
      return json(answers, 201)
    }
    expect(await target.write('d', many(3), { onConflict: 'overwrite', fresh: false })).to.deep.equal(['written', 'written', 'written'])
  })

  it('does not overwrite what it can not read: its attachments could not be kept', async () => {
    stub.script = asked =>
      asked.path.includes('_all_docs')
        ? json({ rows: [{ id: 'd0', key: 'd0', value: { rev: '1-a' } }] })
        : json([{ ok: true, id: 'd0', rev: '2-a' }], 201)
    const [outcome] = await target.write('d', many(1), { onConflict: 'overwrite', fresh: false })
    expect(outcome).to.include({ code: 'DOCFERRY_REFUSED', retryable: false })
  })

  it('does not overwrite for ever', async () => {
    stub.script = asked =>
      asked.path.endsWith('_all_docs')
        ? json({ rows: [{ id: 'd0', key: 'd0', value: { rev: '1-a' }, doc: { _id: 'd0', _rev: '1-a' } }] })
        : json([{ id: 'd0', error: 'conflict' }], 201)
    const [outcome] = await target.write('d', many(1), { onConflict: 'overwrite', fresh: false })
    expect(outcome).to.include({ code: 'DOCFERRY_CONFLICT', retryable: true })
  })

  const calls: readonly (readonly [string, Reply, object])[] = [
    ['401', json({ error: 'unauthorized', reason: 'Name or password is incorrect.' }, 401), { code: 'DOCFERRY_AUTH', retryable: false }],
    [
      '401 of a user who is no admin',
      json({ error: 'unauthorized', reason: 'You are not a server admin.' }, 401),
      { code: 'DOCFERRY_PERMISSION', retryable: false }
    ],
    [
      '403',
      json({ error: 'forbidden', reason: 'You are not allowed to access this db.' }, 403),
      { code: 'DOCFERRY_PERMISSION', retryable: false }
    ],
    [
      '403 of a locked user',
      json({ error: 'forbidden', reason: 'Account is temporarily locked due to multiple authentication failures' }, 403),
      { code: 'DOCFERRY_AUTH', retryable: false }
    ],
    ['404', json({ error: 'not_found', reason: 'Database does not exist.' }, 404), { code: 'DOCFERRY_TARGET', retryable: false }],
    [
      '429',
      json({ error: 'too_many_requests' }, 429, { 'retry-after': '7' }),
      { code: 'DOCFERRY_THROTTLED', retryable: true, retryAfterMs: 7000 }
    ],
    ['502', { status: 502, body: '<html>' }, { code: 'DOCFERRY_CONNECT', retryable: true }],
    ['503', { status: 503, headers: { 'retry-after': '2' } }, { code: 'DOCFERRY_THROTTLED', retryable: true, retryAfterMs: 2000 }],
    ['503 without a word of when', { status: 503 }, { code: 'DOCFERRY_CONNECT', retryable: true }],
    ['504', { status: 504 }, { code: 'DOCFERRY_CONNECT', retryable: true }],
    ['507', { status: 507 }, { code: 'DOCFERRY_TARGET', retryable: false }],
    ['a redirect', { status: 308, headers: { location: 'https://user:pw@elsewhere/d?x' } }, { code: 'DOCFERRY_CONNECT', retryable: false }],
    [
      'a cut answer',
      {
        ...json(
          ['d0', 'd1', 'd2'].map(id => ({ ok: true, id, rev: '1-x' })),
          201
        ),
        cutAfter: 40
      },
      { code: 'DOCFERRY_CONNECT', retryable: true }
    ],
    ['half an answer', { status: 201, body: '[{"ok":true,"id":"d0","rev":"1-x"},' }, { code: 'DOCFERRY_CONNECT', retryable: true }],
    ['an empty answer', { status: 201 }, { code: 'DOCFERRY_CONNECT', retryable: true }],
    ['an answer for fewer documents', json([{ ok: true, id: 'd0', rev: '1-x' }], 201), { code: 'DOCFERRY_CONNECT', retryable: true }],
    [
      'an answer for others',
      json(
        [
          { ok: true, id: 'd1', rev: '1-x' },
          { ok: true, id: 'd0', rev: '1-x' },
          { ok: true, id: 'd2', rev: '1-x' }
        ],
        201
      ),
      { code: 'DOCFERRY_CONNECT', retryable: true }
    ],
    ['no answer', { silent: true }, { code: 'DOCFERRY_CONNECT', retryable: true }]
  ]
  for (const [what, reply, expected] of calls) {
    it(`throws for ${what}`, async () => {
      stub.script = () => reply
      const error = await errorOf(target.write('d', many(3), skip))
      expect(error).to.include(expected)
      expect(error.message).to.include('as admin').and.not.include('hush').and.not.include('pw')
      expect(stub.asked).to.have.length(1)
    })
  }

  it('names another server that it is sent to, and of the same one the path', async () => {
    const advised = async (location: string): Promise<string> => {
      stub.script = () => ({ status: 302, headers: { location } })
      return (await errorOf(target.write('d', many(1), skip))).message
    }
    expect(await advised('https://elsewhere/d')).to.include('use https://elsewhere as the address')
    for (const own of ['/_utils?token=hush', `${stub.url}/_utils`])
      expect(await advised(own))
        .to.include('it points to /_utils of the same server')
        .and.not.match(/as the address|hush/)
  })

  it('stops at an abort with the reason of it', async () => {
    const controller = new AbortController()
    stub.script = () => ({ silent: true })
    const writing = errorOf(target.write('d', many(1), { ...skip, signal: controller.signal }))
    while (stub.asked.length === 0) await new Promise(setImmediate)
    const reason = new Error('enough')
    controller.abort(reason)
    expect(await writing).to.equal(reason)
  })

  it("gives documents without what is CouchDB's own, and with every digit", async () => {
    stub.script = () => ({
      body: allDocs([document('a', '"n":12345678901234567890,"_attachments":{"x":{"stub":true}}')]).replace(
        '\r\n]}',
        ',\r\n{"key":"b","error":"not_found"}\r\n]}'
      )
    })
    expect(await target.get('d', ['a', 'b'], {})).to.deep.equal([{ _id: 'a', n: 12345678901234567890n }])
  })

  it('does not take a short answer for missing documents', async () => {
    stub.script = () => ({ body: allDocs([document('a')]) })
    expect(await errorOf(target.get('d', ['a', 'b'], {}))).to.include({ code: 'DOCFERRY_CONNECT', retryable: true })
  })

  describe('opening', () => {
    it('fails at once where nothing listens', async () => {
      const gone = await startStub()
      await gone.stop()
      const error = await errorOf(openTarget({ url: gone.url, user: 'admin', password: 'hush' }))
      expect(error).to.include({ code: 'DOCFERRY_CONNECT' })
      expect(error.message).to.include('ECONNREFUSED').and.not.include('hush')
    })

    it('says when it is no CouchDB that answers', async () => {
      const other = await startStub()
      for (const welcome of [{ body: '<html>' }, json({ hello: 1 }), json([])]) {
        other.welcome = welcome
        expect(await errorOf(openTarget({ url: other.url })))
          .to.include({ code: 'DOCFERRY_CONNECT' })
          .and.have.property('message')
          .that.includes('is no CouchDB')
      }
      await other.stop()
    })

    it('refuses wrong credentials at once, and asks only once', async () => {
      const other = await startStub()
      other.welcome = json({ error: 'unauthorized', reason: 'Name or password is incorrect.' }, 401)
      expect(await errorOf(openTarget({ url: other.url, user: 'a', password: 'hush' }))).to.include({ code: 'DOCFERRY_AUTH' })
      await other.stop()
    })
  })
})

for (const kind of ['CouchDB', 'PouchDB'] as const) {
  describe(`couchdb: writer to ${kind}`, () => {
    let database: string
    let made = 0
    let url: string
    let headers: Record<string, string> = {}
    let target: Target<string>
    before(async () => {
      if (kind === 'PouchDB') {
        url = await pouchdbUrl()
        target = await openTarget({ url })
      } else {
        const server = await servers.couchdb()
        url = server.url
        headers = { authorization: `Basic ${Buffer.from(`${server.user}:${server.password}`).toString('base64')}` }
        target = await openTarget(server)
      }
    })
    beforeEach(() => void (database = `writer-${kind.toLowerCase()}-${process.pid}-${made++}`))
    afterEach(() => fetch(`${url}/${database}`, { method: 'DELETE', headers }))
    after(async () => {
      await target.close()
    })

    it('creates a database only when it may', async () => {
      expect(await target.prepare(database, { create: false })).to.include({ created: true, empty: true })
      expect(await target.prepare(database, { create: false })).to.include({ created: true, empty: true })
      expect(await target.prepare(database, { create: true })).to.include({ created: true, empty: true })
      expect(await target.prepare(database, { create: true })).to.include({ created: false, empty: true })
    })

    it('sees design documents as no data', async () => {
      await target.prepare(database, { create: true })
      await target.write(database, [raw('_design/x', '"language":"query"')], skip)
      expect(await target.prepare(database, { create: true })).to.include({ created: false, empty: true })
      await target.write(database, [raw('a')], skip)
      expect(await target.prepare(database, { create: true })).to.include({ created: false, empty: false })
    })

    it('shows that it writes by something that nobody sees, and that is gone afterwards', async () => {
      await target.prepare(database, { create: true })
      for (let times = 0; times < 2; times++) await target.takesWrites!(database, skip)
      expect(await target.prepare(database, { create: true })).to.include({ created: false, empty: true, documents: 0 })
      expect(await errorOf(target.takesWrites!(`${database}-gone`, skip))).to.include({ code: 'DOCFERRY_TARGET', retryable: false })
    })

    it('skips, fails or overwrites what is there', async () => {
      await target.prepare(database, { create: true })
      expect(await target.write(database, [raw('a', '"v":1')], skip)).to.deep.equal(['written'])
      const both = [raw('a', '"v":2'), raw('b', '"v":2')]
      expect(await target.write(database, both, skip)).to.deep.equal(['skipped', 'written'])
      expect((await target.write(database, both, { onConflict: 'fail', fresh: true })).map(codeOf)).to.deep.equal([
        'DOCFERRY_CONFLICT',
        'DOCFERRY_CONFLICT'
      ])
      expect(await target.get(database, ['a'], {})).to.deep.equal([{ _id: 'a', v: 1 }])
      for (const fresh of [false, true]) {
        expect(await target.write(database, [...both, raw(`c${String(fresh)}`)], { onConflict: 'overwrite', fresh })).to.deep.equal([
          'written',
          'written',
          'written'
        ])
      }
      expect(await target.get(database, ['a'], {})).to.deep.equal([{ _id: 'a', v: 2 }])
      expect(await target.get(database, ['a', 'z', 'b'], { idsOnly: true })).to.deep.equal([{ _id: 'a' }, { _id: 'b' }])
    })

    it('writes a document again that was deleted', async () => {
      await target.prepare(database, { create: true })
      await target.write(database, [raw('a')], skip)
      const { rev } = (await (await fetch(`${url}/${database}/a`, { headers })).json().then(found => ({ rev: (found as Sent)._rev }))) as {
        rev: string
      }
      await fetch(`${url}/${database}/a?rev=${rev}`, { method: 'DELETE', headers })
      expect(await target.get(database, ['a'], {})).to.deep.equal([])
      expect(await target.write(database, [raw('a')], { onConflict: 'overwrite', fresh: false })).to.deep.equal(['written'])
    })

    it('isolates what the server refuses', async () => {
      await target.prepare(database, { create: true })
      const outcomes = await target.write(database, [raw('a'), raw('b', '"_x":1'), raw('c'), raw('_d'), raw('e')], skip)
      expect(outcomes.map(outcome => (typeof outcome === 'object' ? 'refused' : outcome))).to.deep.equal([
        'written',
        'refused',
        'written',
        'refused',
        'written'
      ])
      expect(await target.get(database, ['a', 'b', 'c', 'e'], { idsOnly: true })).to.have.length(3)
    })

    it('finds nothing in a database that is not there', async () => {
      expect(await target.get(database, ['a'], {})).to.deep.equal([])
      expect(await errorOf(target.write(database, [raw('a')], skip))).to.include({ code: 'DOCFERRY_TARGET', retryable: false })
    })
  })
}
