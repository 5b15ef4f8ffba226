/** What CouchDB 3.5 answers and refuses. Holds against the server that the suite starts, and against Apache CouchDB (`COUCHDB_URL`). */
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { basicAuth, createCouchdbUser, servers, uniqueName } from '../support/servers.ts'
import type { CouchdbServer } from '../support/servers.ts'

interface Answer {
  readonly status: number
  readonly text: string
  /** Parsed; each spec knows its shape. */
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

function toAnswer(status: number, text: string): Answer {
  return {
    status,
    text,
    get body() {
      return JSON.parse(text)
    }
  }
}

describe('couchdb server', () => {
  let server: CouchdbServer
  let database: string

  const call = async (
    method: string,
    path: string,
    body?: string | Uint8Array | object,
    headers: Record<string, string> = {}
  ): Promise<Answer> => {
    const raw = body === undefined || typeof body === 'string' || body instanceof Uint8Array
    const response = await fetch(server.url + path, {
      method,
      body: raw ? (body as RequestInit['body']) : JSON.stringify(body),
      headers: { authorization: basicAuth(server.user, server.password), 'content-type': 'application/json', ...headers }
    })
    return toAnswer(response.status, await response.text())
  }
  const bulk = (...docs: unknown[]): Promise<Answer> => call('POST', `/${database}/_bulk_docs`, { docs })
  const bulkText = (text: string): Promise<Answer> => call('POST', `/${database}/_bulk_docs`, text)
  const refusal = ({ status, body }: Answer): unknown => [status, body.error, body.reason]
  const ids = async (query = ''): Promise<string[]> =>
    (await call('GET', `/${database}/_all_docs${query}`)).body.rows.map((row: { id: string }) => row.id)

  before(async () => {
    server = await servers.couchdb()
  })

  beforeEach(async () => {
    database = uniqueName('front')
    expect((await call('PUT', `/${database}`)).status).to.equal(201)
  })

  afterEach(async () => {
    await call('DELETE', `/${database}`)
  })

  describe('databases', () => {
    it('refuses a name with capitals', async () => {
      const answer = await call('PUT', '/Agents')
      expect(answer.status).to.equal(400)
      expect(answer.body.error).to.equal('illegal_database_name')
      expect(answer.body.reason).to.match(/^Name: 'Agents'\. Only lowercase characters/)
    })

    it('refuses a name of its own kind that it does not know', async () => {
      expect((await call('PUT', '/_agents')).body.error).to.equal('illegal_database_name')
    })

    it('refuses a name that is too long for a file', async () => {
      expect((await call('PUT', `/d${'x'.repeat(238)}`)).body.error).to.equal('database_name_too_long')
    })

    it('takes a name with a slash', async () => {
      const path = `/${uniqueName('a')}%2Fb`
      expect((await call('PUT', path)).status).to.equal(201)
      expect((await call('GET', path)).body.db_name).to.match(/\/b$/)
      expect((await call('DELETE', path)).status).to.equal(200)
    })

    it('says that one exists already', async () => {
      expect(refusal(await call('PUT', `/${database}`))).to.deep.equal([
        412,
        'file_exists',
        'The database could not be created, the file already exists.'
      ])
    })

    it('says that one is missing', async () => {
      for (const path of ['/nothing-here', '/nothing-here/a', '/nothing-here/_all_docs']) {
        expect(refusal(await call('GET', path))).to.deep.equal([404, 'not_found', 'Database does not exist.'])
      }
    })

    it('lists them, with details on demand', async () => {
      await bulk({ _id: 'a' }, { _id: 'b' })
      expect((await call('GET', '/_all_dbs')).body).to.include(database)
      const { body } = await call('POST', '/_dbs_info', { keys: [database, 'nothing-here'] })
      expect(body[0].info).to.include({ db_name: database, doc_count: 2 })
      expect(body[0].info.sizes.external).to.be.a('number')
      expect(body[1]).to.deep.equal({ key: 'nothing-here', error: 'not_found' })
    })

    it('starts empty again after it was deleted and created', async () => {
      await bulk({ _id: 'a' })
      await call('DELETE', `/${database}`)
      await call('PUT', `/${database}`)
      expect(await ids()).to.deep.equal([])
    })
  })

  describe('bulk writes', () => {
    const whole: readonly (readonly [string, unknown, number, string, string | undefined])[] = [
      [
        'an id that starts with an underscore',
        { _id: '_x' },
        400,
        'illegal_docid',
        'Only reserved document ids may start with underscore.'
      ],
      ['an empty id', { _id: '' }, 400, 'illegal_docid', 'Document id must not be empty'],
      ['an id that is no text', { _id: 5 }, 400, 'illegal_docid', 'Document id must be a string'],
      ['an unknown special field', { _id: 'x', _foo: 1 }, 400, 'doc_validation', 'Bad special document member: _foo'],
      ['a revision that is none', { _id: 'x', _rev: 'xyz' }, 400, 'bad_request', 'Invalid rev format'],
      ['a revision of the wrong type', { _id: 'x', _rev: 5 }, 400, 'bad_request', 'Invalid rev format'],
      ['a deletion mark of the wrong type', { _id: 'x', _deleted: 'yes' }, 400, 'doc_validation', 'Bad special document member: _deleted'],
      ['something that is no document', 5, 400, 'bad_request', 'Document must be a JSON object'],
      [
        'an attachment stub for a document that is not there',
        { _id: 'x', _attachments: { a: { stub: true } } },
        412,
        'missing_stub',
        'Invalid attachment stub in x for a'
      ],
      [
        'attachment data that is none',
        { _id: 'x', _attachments: { a: { data: '!!' } } },
        400,
        'bad_request',
        'Invalid attachment data for a'
      ],
      ['a document past 8,000,000 bytes', { _id: 'x', a: 'x'.repeat(7_999_993) }, 413, 'document_too_large', 'x']
    ]
    for (const [name, document, status, error, reason] of whole) {
      it(`refuse everything for ${name}`, async () => {
        expect(refusal(await bulk({ _id: 'good' }, document))).to.deep.equal([status, error, reason])
        // A stub is found out by the shard that it belongs to: what goes into another shard may be written.
        const left = (await ids()).filter(id => status !== 412 || id !== 'good')
        expect(left).to.deep.equal([])
      })
    }

    const texts: readonly (readonly [string, string, string, string])[] = [
      ['a field __proto__', '{"_id":"x","__proto__":1}', 'doc_validation', 'Bad special document member: __proto__'],
      ['half a surrogate pair', '{"_id":"x","a":"\\ud800"}', 'bad_request', 'invalid UTF-8 JSON'],
      ['a number past the doubles', '{"_id":"x","a":1e400}', 'bad_request', 'invalid UTF-8 JSON'],
      ['text that is no JSON', '{"_id":', 'bad_request', 'invalid UTF-8 JSON']
    ]
    for (const [name, document, error, reason] of texts) {
      it(`refuse everything for ${name}`, async () => {
        expect(refusal(await bulkText(`{"docs":[{"_id":"good"},${document}]}`))).to.deep.equal([400, error, reason])
        expect(await ids()).to.deep.equal([])
      })
    }

    it('refuse everything for bytes that are no UTF-8', async () => {
      const bytes = Buffer.concat([Buffer.from('{"docs":[{"_id":"x","a":"'), Buffer.from([0xff]), Buffer.from('"}]}')])
      expect(refusal(await call('POST', `/${database}/_bulk_docs`, bytes))).to.deep.equal([400, 'bad_request', 'invalid UTF-8 JSON'])
    })

    it('take a document of exactly 8,000,000 bytes', async () => {
      expect((await bulk({ _id: 'x', a: 'x'.repeat(7_999_992) })).body[0].ok).to.equal(true)
    })

    it('report a conflict for the document alone', async () => {
      await bulk({ _id: 'a' })
      const { status, body } = await bulk({ _id: 'a', v: 2 }, { _id: 'b' })
      expect(status).to.equal(201)
      expect(body[0]).to.deep.equal({ id: 'a', error: 'conflict', reason: 'Document update conflict.' })
      expect(body[1]).to.include({ ok: true, id: 'b' })
    })

    it('take the first of two documents with one id', async () => {
      const { body } = await bulk({ _id: 'a', v: 1 }, { _id: 'a', v: 2 })
      expect(body.map((outcome: { error?: string }) => outcome.error)).to.deep.equal([undefined, 'conflict'])
      expect((await call('GET', `/${database}/a`)).body.v).to.equal(1)
    })

    it('create a deleted document again without its revision', async () => {
      const [{ rev }] = (await bulk({ _id: 'a' })).body
      await bulk({ _id: 'a', _rev: rev, _deleted: true })
      expect((await bulk({ _id: 'a', v: 2 })).body[0].rev).to.match(/^3-/)
    })

    it('drop the fields that only answers have', async () => {
      await bulk({ _id: 'a', _conflicts: [], _deleted_conflicts: [], _revs_info: [], _local_seq: 1, v: 1 })
      expect(Object.keys((await call('GET', `/${database}/a`)).body)).to.deep.equal(['_id', '_rev', 'v'])
    })

    it('return failures only when revisions are given', async () => {
      const docs = [{ _id: 'a', _rev: '3-0123456789abcdef0123456789abcdef', v: 1 }]
      expect((await call('POST', `/${database}/_bulk_docs`, { docs, new_edits: false })).body).to.deep.equal([])
      expect((await call('GET', `/${database}/a`)).body).to.deep.equal(docs[0])
    })

    it('take gzip', async () => {
      const body = gzipSync(JSON.stringify({ docs: [{ _id: 'a' }] }))
      expect((await call('POST', `/${database}/_bulk_docs`, body, { 'content-encoding': 'gzip' })).body[0].ok).to.equal(true)
    })

    it('refuse what is no gzip, another encoding and another type', async () => {
      const path = `/${database}/_bulk_docs`
      const body = '{"docs":[]}'
      expect(refusal(await call('POST', path, body, { 'content-encoding': 'gzip' }))).to.deep.equal([
        400,
        'bad_request',
        'Request body is not properly gzipped.'
      ])
      expect((await call('POST', path, body, { 'content-encoding': 'br' })).status).to.equal(415)
      expect((await call('POST', path, body, { 'content-type': 'text/plain' })).status).to.equal(415)
    })

    it('want a list of documents', async () => {
      expect((await bulkText('{}')).body.reason).to.equal('POST body must include `docs` parameter.')
      expect((await bulkText('{"docs":{}}')).body.reason).to.equal('`docs` parameter must be an array.')
      expect((await bulkText('[]')).body.reason).to.equal('Request body must be a JSON object')
    })
  })

  describe('values', () => {
    const numbers: readonly (readonly [string, string])[] = [
      ['1.0', '1.0'],
      ['100.0', '100.0'],
      ['0.1', '0.1'],
      ['-0.0', '0.0'],
      ['9007199254740993', '9007199254740993'],
      ['123456789012345678901234567890', '123456789012345678901234567890'],
      ['1e300', '1e+300'],
      ['1E5', '100000.0'],
      ['0.1234567890123456789', '0.12345678901234568']
    ]
    for (const [sent, kept] of numbers) {
      it(`keep the number ${sent} as ${kept}`, async () => {
        await bulkText(`{"docs":[{"_id":"a","n":[${sent}]}]}`)
        expect((await call('GET', `/${database}/a`)).text).to.include(`"n":[${kept}]`)
        expect((await call('GET', `/${database}/_all_docs?include_docs=true`)).text).to.include(`"n":[${kept}]`)
      })
    }

    it('keep __proto__ below the top level', async () => {
      await bulkText('{"docs":[{"_id":"a","m":{"__proto__":{"b":1}}}]}')
      expect((await call('GET', `/${database}/a`)).text).to.include('"m":{"__proto__":{"b":1}}')
    })

    it('keep odd ids and texts', async () => {
      const odd = ['nl\nx', 'nul\u0000x', 'quote"x', '\u{1f600}', 'é', 'a b/c']
      await bulk(...odd.map(_id => ({ _id, text: _id })))
      for (const id of odd) expect((await call('GET', `/${database}/${encodeURIComponent(id)}`)).body).to.include({ _id: id, text: id })
    })
  })

  describe('_all_docs', () => {
    const docs = ['10', '9', 'A', 'B', 'a', 'a b', 'b', '~', 'é', '\u{1f600}'].map(_id => ({ _id, v: 1 }))

    beforeEach(async () => {
      await bulk(...docs)
    })

    it('puts each row on a line, _id and _rev first', async () => {
      const { text } = await call('GET', `/${database}/_all_docs?include_docs=true&startkey="a"&limit=2`)
      expect(text).to.match(
        /^\{"total_rows":10,"offset":\d+,"rows":\[\r\n\{"id":"a",[^\n]*"doc":\{"_id":"a","_rev":"1-[0-9a-f]{32}","v":1\}\},\r\n\{"id":"a b",[^\n]*\}\r\n\]\}\n$/
      )
    })

    it('has a line even without rows', async () => {
      expect((await call('GET', `/${database}/_all_docs?limit=0`)).text).to.match(/"rows":\[\r\n\r\n\]\}\n$/)
    })

    it('lists by bytes of the id, ids past the first plane included', async () => {
      expect(await ids()).to.deep.equal(docs.map(({ _id }) => _id))
      expect(await ids('?descending=true')).to.deep.equal(docs.map(({ _id }) => _id).toReversed())
    })

    it('takes a range', async () => {
      expect(await ids('?startkey="A"&endkey="a"')).to.deep.equal(['A', 'B', 'a'])
      expect(await ids('?startkey="A"&endkey="a"&inclusive_end=false')).to.deep.equal(['A', 'B'])
      expect(await ids('?startkey="A"&skip=1&limit=2')).to.deep.equal(['B', 'a'])
      expect(await ids('?startkey="b"&endkey="a"')).to.deep.equal([])
      expect(await ids('?key="b"')).to.deep.equal(['b'])
    })

    it('takes its parameters from a body', async () => {
      const { body } = await call('POST', `/${database}/_all_docs`, { startkey: 'a', limit: 2, include_docs: true })
      expect(body.rows.map((row: { doc: { _id: string } }) => row.doc._id)).to.deep.equal(['a', 'a b'])
    })

    it('answers each key, also the missing and the deleted', async () => {
      const { _rev: rev } = (await call('GET', `/${database}/b`)).body
      await call('DELETE', `/${database}/b?rev=${rev}`)
      const { body } = await call('POST', `/${database}/_all_docs?include_docs=true`, { keys: ['a', 'nope', 'b'] })
      const [a, nope, b] = body.rows
      expect(a.doc._id).to.equal('a')
      expect(nope).to.deep.equal({ key: 'nope', error: 'not_found' })
      expect(b.value.deleted).to.equal(true)
      expect(b.doc).to.equal(null)
      expect(body.offset).to.equal(null)
    })

    it('refuses parameters that are none', async () => {
      expect(refusal(await call('GET', `/${database}/_all_docs?limit=x`))).to.deep.equal([
        400,
        'query_parse_error',
        'Invalid value for integer: "x"'
      ])
      expect(refusal(await call('GET', `/${database}/_all_docs?startkey=abc`))).to.deep.equal([400, 'bad_request', 'invalid UTF-8 JSON'])
      expect((await call('POST', `/${database}/_all_docs`, { keys: 5 })).body.reason).to.equal('`keys` body member must be an array.')
    })

    it('refuses an address past 8 KB, but takes the key in a body', async () => {
      const key = 'x'.repeat(9000)
      expect((await call('GET', `/${database}/_all_docs?startkey="${key}"`)).status).to.equal(400)
      expect(
        (await call('POST', `/${database}/_all_docs`, { startkey: key })).body.rows.map((row: { id: string }) => row.id)
      ).to.deep.equal(['~', 'é', '\u{1f600}'])
    })

    it('lists design documents among the others, and alone', async () => {
      await bulk({ _id: '_design/x', language: 'query' })
      expect(await ids('?startkey="_"&endkey="a"')).to.deep.equal(['_design/x', 'a'])
      expect((await call('GET', `/${database}/_design_docs`)).body.rows).to.have.length(1)
    })
  })

  describe('_changes', () => {
    it('has opaque sequences that it goes on from', async () => {
      await bulk({ _id: 'a' }, { _id: 'b' }, { _id: 'c' })
      const first = (await call('GET', `/${database}/_changes?limit=2`)).body
      expect(first.results).to.have.length(2)
      expect(first.pending).to.equal(1)
      expect(first.last_seq).to.match(/^\d+-.{20,}/)
      const rest = (await call('GET', `/${database}/_changes?since=${first.last_seq}`)).body
      const seen = [...first.results, ...rest.results].map((change: { id: string }) => change.id)
      expect(seen.toSorted()).to.deep.equal(['a', 'b', 'c'])
      expect(rest.pending).to.equal(0)
    })

    it('puts each change on a line', async () => {
      await bulk({ _id: 'a' })
      expect((await call('GET', `/${database}/_changes`)).text).to.match(
        /^\{"results":\[\n\{"seq":"[^"]+","id":"a","changes":\[\{"rev":"[^"]+"\}\]\}\n\],\n"last_seq":"[^"]+","pending":0\}\n/
      )
    })

    it('ends a continuous feed after its limit, and after a silent timeout', async () => {
      await bulk({ _id: 'a' }, { _id: 'b' })
      const lines = (await call('GET', `/${database}/_changes?feed=continuous&timeout=5000&limit=1`)).text.trim().split('\n')
      expect(lines).to.have.length(2)
      expect(JSON.parse(lines[1]!)).to.have.keys('last_seq', 'pending')
      const silent = (await call('GET', `/${database}/_changes?feed=continuous&timeout=50&since=now`)).text.trim()
      expect(JSON.parse(silent)).to.include({ pending: 0 })
    })

    it('sends a change to a waiting client', async () => {
      const waiting = call('GET', `/${database}/_changes?feed=longpoll&since=now&timeout=20000`)
      let answer: Answer | undefined
      void waiting.then(given => (answer = given))
      for (let n = 0; answer === undefined; n++) await bulk({ _id: `a${n}` })
      expect(answer.body.results[0].id).to.match(/^a\d+$/)
    })

    it('refuses a sequence that is none', async () => {
      expect((await call('GET', `/${database}/_changes?since=bogus`)).body.reason).to.equal(
        "Malformed sequence supplied in 'since' parameter."
      )
    })
  })

  describe('single documents', () => {
    it('are missing or deleted', async () => {
      const { rev } = (await call('PUT', `/${database}/a`, { v: 1 })).body
      expect(refusal(await call('GET', `/${database}/b`))).to.deep.equal([404, 'not_found', 'missing'])
      expect(refusal(await call('DELETE', `/${database}/a`))).to.deep.equal([409, 'conflict', 'Document update conflict.'])
      expect((await call('DELETE', `/${database}/a?rev=${rev}`)).status).to.equal(200)
      expect(refusal(await call('GET', `/${database}/a`))).to.deep.equal([404, 'not_found', 'deleted'])
    })

    it('are not overwritten without their revision', async () => {
      await call('PUT', `/${database}/a`, { v: 1 })
      expect(refusal(await call('PUT', `/${database}/a`, { v: 2 }))).to.deep.equal([409, 'conflict', 'Document update conflict.'])
    })

    it('are kept aside as local documents', async () => {
      expect((await call('PUT', `/${database}/_local/a`, { v: 1 })).body).to.include({ ok: true, id: '_local/a', rev: '0-1' })
      expect((await call('GET', `/${database}/_local/a`)).body.v).to.equal(1)
      expect(await ids()).to.deep.equal([])
    })
  })

  it('makes up ids that begin alike', async () => {
    const uuids = async (): Promise<string[]> => (await call('GET', '/_uuids?count=2')).body.uuids
    const made = [...(await uuids()), ...(await uuids())]
    expect(new Set(made)).to.have.lengthOf(4)
    for (const id of made) expect(id).to.match(/^[0-9a-f]{32}$/)
    // The beginning is another one where the numbers have come to their end.
    expect(new Set(made.map(id => id.slice(0, 26))).size).to.be.at.most(2)
  })

  describe('access', () => {
    const asUser = async (path: string, authorization?: string): Promise<Answer> => {
      const response = await fetch(server.url + path, { headers: authorization === undefined ? {} : { authorization } })
      return toAnswer(response.status, await response.text())
    }

    it('is refused without credentials', async () => {
      expect(refusal(await asUser(`/${database}`))).to.deep.equal([401, 'unauthorized', 'You are not authorized to access this db.'])
      expect(refusal(await asUser('/_all_dbs'))).to.deep.equal([401, 'unauthorized', 'You are not a server admin.'])
      expect((await asUser('/_session')).body.userCtx).to.deep.equal({ name: null, roles: [] })
      expect((await asUser('/_up')).body.status).to.equal('ok')
    })

    it('tells an admin which nodes there are', async () => {
      expect((await call('GET', '/_membership')).body.all_nodes).to.have.length(1)
      expect((await asUser('/_membership')).status).to.equal(401)
    })

    it('is refused to a user that does not exist', async () => {
      const answer = await asUser(`/${database}`, basicAuth(uniqueName('nobody'), 'x'))
      expect(refusal(answer)).to.deep.equal([401, 'unauthorized', 'Name or password is incorrect.'])
    })

    it('tells the admin who it is', async () => {
      const { body } = await asUser('/_session', basicAuth(server.user, server.password))
      expect(body.userCtx).to.deep.equal({ name: server.user, roles: ['_admin'] })
    })

    it('is refused to a user without the right', async () => {
      const { user, password, remove } = await createCouchdbUser()
      try {
        const answer = await asUser(`/${database}`, basicAuth(user, password))
        expect(refusal(answer)).to.deep.equal([403, 'forbidden', 'You are not allowed to access this db.'])
      } finally {
        await remove()
      }
    })

    it('is locked after five wrong passwords', async () => {
      const { user, password, remove } = await createCouchdbUser()
      try {
        for (let n = 0; n < 5; n++) expect((await asUser(`/${database}`, basicAuth(user, 'wrong'))).status).to.equal(401)
        const answer = await asUser(`/${database}`, basicAuth(user, password))
        expect(refusal(answer)).to.deep.equal([403, 'forbidden', 'Account is temporarily locked due to multiple authentication failures'])
      } finally {
        await remove()
      }
    })
  })
})
