import { expect } from 'chai'
import fc from 'fast-check'
import { couchdbConnector } from '../../../lib/connectors/couchdb/index.ts'
import type { Packing } from '../../../lib/packed.ts'
import type { Document, Page, Partition, Source } from '../../../lib/types.ts'
import { Decimal, digestAt, documentDigests, Double, parseJson } from '../../../lib/values/index.ts'
import { servers } from '../../support/servers.ts'
import { pouchdbUrl } from './pouchdb-server.ts'
import { allDocs, context, document, errorOf, json, openSource, openTarget, startStub } from './stub.ts'
import type { Reply, Stub } from './stub.ts'

const whole: Partition = { id: 'd/1of1', collections: ['d'], range: { start: null, end: null } }

async function pagesOf(source: Source, partition: Partition, options: Parameters<Source['read']>[1] = {}): Promise<Page[]> {
  const pages: Page[] = []
  for await (const page of source.read(partition, options)) pages.push(page)
  return pages
}

const idsOf = (pages: readonly Page[]): string[] => pages.flatMap(page => page.documents.map(({ _id }) => _id))

/** A row as CouchDB writes it for a document that it lists and can't open. */
const unopened = (id: string): string => `{"id":"${id}","key":"${id}","value":{"rev":"1-a"},"doc":null}`
const answer = (rows: readonly string[]): string => `{"total_rows":${rows.length},"offset":0,"rows":[\n${rows.join(',\n')}\n]}\n`

describe('couchdb: reader', () => {
  let stub: Stub
  let source: Source
  before(async () => {
    stub = await startStub()
    source = await openSource({ url: stub.url, timeoutMs: 2000 })
  })
  beforeEach(() => void stub.asked.splice(0))
  after(async () => {
    await source.close()
    await stub.stop()
  })

  const fields =
    '"big":12345678901234567890123,"one":1.0,"long":0.12345678901234567890123,"key,\\"doc\\":":"x\\",\\"doc\\":{","$u":{"__proto__":[]}'

  it('keeps every digit and name, in rows on lines of their own', async () => {
    stub.script = () => ({ body: allDocs([document('a', fields)]) })
    const [page] = await pagesOf(source, whole)
    expect(page?.documents[0]).to.deep.include({
      big: 12345678901234567890123n,
      one: new Double(1),
      long: new Decimal('0.12345678901234567890123')
    })
    expect(page?.documents[0]?.['key,"doc":']).to.equal('x","doc":{')
    expect(Object.keys(page?.documents[0]?.['$u'] as object)).to.deep.equal(['__proto__'])
    expect(page?.documents[0]?.['_rev']).to.equal('1-a')
  })

  for (const [how, body, limit] of [
    ['many rows at once of a server that puts each on a line of its own', allDocs([document('a')]), '10000'],
    ['few at first of any other', allDocs([document('a')]).replaceAll('\r\n', ''), '100']
  ] as const)
    it(`asks for ${how}`, async () => {
      stub.script = () => ({ body })
      const opened = await openSource({ url: stub.url })
      const [partition] = await opened.partitions(['d'], { wanted: 1 })
      await pagesOf(opened, partition!)
      await opened.close()
      expect(stub.asked.map(({ query }) => query.get('limit'))).to.deep.equal(['1', limit])
    })

  it('counts open conflicts, which are no part of a document', async () => {
    stub.script = () => ({ body: allDocs([document('a', '"n":1,"_conflicts":["1-b"]'), document('b', '"n":2')]) })
    const opened = await openSource({ url: stub.url })
    const [page] = await pagesOf(opened, whole)
    await opened.close()
    expect(page?.documents).to.deep.equal([
      { _id: 'a', _rev: '1-a', n: 1 },
      { _id: 'b', _rev: '1-a', n: 2 }
    ])
    expect(opened.notes?.()).to.deep.equal([
      'd: 1 document has conflicting revisions: the winning one comes along (docferry replicate keeps them all)'
    ])
  })

  it('keeps them in an answer of one piece', async () => {
    stub.script = () => ({ body: allDocs([document('a', fields), document('b')]).replaceAll('\r\n', '') })
    const [page] = await pagesOf(source, whole)
    expect(page?.documents[0]).to.deep.include({ big: 12345678901234567890123n, one: new Double(1) })
    expect(page?.documents).to.have.length(2)
  })

  it('reads text that is cut between the bytes of a character', async () => {
    stub.script = () => ({ body: allDocs([document('é', `"text":"${'中😀'.repeat(50_000)}"`), document('ü')]) })
    const pages = await pagesOf(source, whole)
    expect(idsOf(pages)).to.deep.equal(['é', 'ü'])
    expect(pages[0]?.documents[0]?.['text']).to.equal('中😀'.repeat(50_000))
  })

  it('counts the bytes that came', async () => {
    const body = allDocs([document('a'), document('b')])
    stub.script = () => ({ body })
    const pages = await pagesOf(source, whole)
    expect(pages.reduce((sum, page) => sum + page.bytes, 0)).to.be.within(body.length - 60, body.length)
  })

  it('does not take deleted documents, and hands on what cannot be read', async () => {
    const rows = [
      '{"id":"a","key":"a","value":{"rev":"2-a","deleted":true},"doc":null}',
      '{"id":"b","key":"b","value":{"rev":"1-b"},"error":"unknown"}',
      `{"id":"c","key":"c","value":{"rev":"1-c"},"doc":{"_id":"c","_rev":"1-c","$x":${'['.repeat(2000)}${']'.repeat(2000)},"m":{"$date":1}}}`,
      '{"id":"d","key":"d","value":{"rev":"1-d"},"doc":{"_id":"d","_rev":"1-d"}}',
      '{"id":"e","key":"e","value":{"rev":"1-e"},"doc":null}'
    ]
    stub.script = () => ({ body: `{"total_rows":5,"offset":0,"rows":[\n${rows.join(',\n')}\n]}\n` })
    const [page] = await pagesOf(source, whole)
    expect(idsOf([page as Page])).to.deep.equal(['d'])
    expect(page?.rejects?.map(({ id, code }) => [id, code])).to.deep.equal([
      ['b', 'DOCFERRY_BAD_DOCUMENT'],
      ['c', 'DOCFERRY_BAD_DOCUMENT'],
      ['e', 'DOCFERRY_BAD_DOCUMENT']
    ])
  })

  it('leaves out a document that was deleted while it was read, and takes one that can be opened after all', async () => {
    const listed = [`{"id":"a","key":"a","value":{"rev":"1-a"},"doc":${document('a')}}`, ...['b', 'c', 'd', 'e'].map(unopened)]
    stub.script = ({ method, body }) => {
      if (method === 'GET') return { body: answer(listed) }
      expect((JSON.parse(body) as { keys: string[] }).keys).to.deep.equal(['b', 'c', 'd', 'e'])
      const rows = [
        '{"id":"b","key":"b","value":{"rev":"2-b","deleted":true},"doc":null}',
        '{"key":"c","error":"not_found"}',
        '{"id":"d","key":"d","value":{"rev":"2-d"},"doc":{"_id":"d","_rev":"2-d"}}',
        '{"id":"e","key":"e","value":{"rev":"1-e"},"doc":null}'
      ]
      return { body: answer(rows) }
    }
    const [page] = await pagesOf(source, whole)
    expect(idsOf([page as Page])).to.deep.equal(['a', 'd'])
    expect(page?.rejects?.map(({ id }) => id)).to.deep.equal(['e'])
  })

  it('finds the one document that the server breaks at, of several that it gave nothing for', async () => {
    stub.script = ({ method, body }) => {
      if (method === 'GET') return { body: answer(['a', 'b', 'c'].map(unopened)) }
      const { keys } = JSON.parse(body) as { keys: string[] }
      return keys.includes('b') ? json({ error: 'badmatch', reason: 'secret' }, 400) : { body: allDocs(keys.map(id => document(id))) }
    }
    const [page] = await pagesOf(source, whole)
    expect(idsOf([page as Page])).to.deep.equal(['a', 'c'])
    expect(page?.rejects).to.deep.equal([{ code: 'DOCFERRY_BAD_DOCUMENT', message: 'cannot be read: badmatch', where: 'id b', id: 'b' }])
  })

  it('goes on behind the last document that came when an answer breaks off', async () => {
    const all = ['a', 'b', 'c', 'd'].map(id => document(id, `"text":"${'x'.repeat(100_000)}"`))
    const body = allDocs(all)
    stub.script = ({ query }, number) => {
      if (number === 1) return { body, cutAfter: Math.round(body.length * 0.6) }
      const from = JSON.parse(query.get('startkey') as string) as string
      return { body: allDocs(all.filter(text => (JSON.parse(text) as { _id: string })._id >= from)) }
    }
    expect(idsOf(await pagesOf(source, whole))).to.deep.equal(['a', 'b', 'c', 'd'])
    expect(stub.asked.map(({ query }) => query.get('startkey'))).to.deep.equal([null, '"b"'])
  })

  const incomplete: readonly (readonly [string, Reply])[] = [
    ['ends early, but in good order', { body: allDocs([document('a')]).slice(0, -4) }],
    ['is empty', { body: '' }],
    ['ends with an error', { body: '{"total_rows":9,"offset":0,"rows":[\r\n{"error":"timeout","reason":"x"}\n' }],
    ['is one piece that is cut', { body: '{"total_rows":1,"offset":0,"rows":[{"id":"a"', headers: { 'transfer-encoding': 'identity' } }],
    ['holds no rows', { body: '{"ok":true}' }],
    ['is a 503', { status: 503, body: '<html>' }],
    ['is a 429', { status: 429, body: '{"error":"too_many_requests"}', headers: { 'retry-after': '0' } }]
  ]
  for (const [how, reply] of incomplete) {
    it(`asks again when an answer ${how}`, async () => {
      stub.script = (_, number) => (number === 1 ? reply : { body: allDocs([document('a'), document('b')]) })
      expect(idsOf(await pagesOf(source, whole))).to.deep.equal(['a', 'b'])
      expect(stub.asked).to.have.length(2)
    })
  }

  it('waits as long as the server asks it to', async () => {
    stub.script = (_, number) => (number === 1 ? json({ error: 'too_many_requests' }, 429, { 'retry-after': '1' }) : { body: allDocs([]) })
    const startedAt = performance.now()
    await pagesOf(source, whole)
    expect(performance.now() - startedAt).to.be.above(990)
  })

  it('asks again when nothing comes', async () => {
    const hasty = await openSource({ url: stub.url, timeoutMs: 100 })
    stub.script = (_, number) => (number === 1 ? { silent: true } : { body: allDocs([document('a')]) })
    expect(idsOf(await pagesOf(hasty, whole))).to.deep.equal(['a'])
    await hasty.close()
  })

  for (const [status, code] of [
    [401, 'DOCFERRY_AUTH'],
    [403, 'DOCFERRY_PERMISSION'],
    [404, 'DOCFERRY_READ'],
    [400, 'DOCFERRY_READ']
  ] as const) {
    it(`gives up at once on ${status}`, async () => {
      stub.script = () => json({ error: 'x', reason: 'y' }, status)
      expect(await errorOf(pagesOf(source, whole))).to.include({ code })
      expect(stub.asked).to.have.length(1)
    })
  }

  it('refuses a server that gives the same documents again and again', async () => {
    const documents = Array.from({ length: 10_001 }, (_, index) => document(`a${index}`))
    stub.script = () => ({ body: allDocs([...documents.slice(0, 10_000), document('z')]) })
    await pagesOf(source, { ...whole, range: {} }, { after: 'z' }).then(
      () => expect.fail('ended'),
      (error: { code: string }) => expect(error.code).to.equal('DOCFERRY_READ')
    )
  })

  it('stops at an abort with the reason of it', async () => {
    const controller = new AbortController()
    stub.script = () => ({ silent: true })
    const reading = errorOf(pagesOf(source, whole, { signal: controller.signal }))
    while (stub.asked.length === 0) await new Promise(setImmediate)
    const reason = new Error('enough')
    controller.abort(reason)
    expect(await reading).to.equal(reason)
  })

  it('sends long ids in the body', async () => {
    stub.script = () => ({ body: allDocs([]) })
    await pagesOf(source, whole, { after: '😀'.repeat(3000) })
    expect(stub.asked[0]).to.include({ method: 'POST' })
    expect(JSON.parse(stub.asked[0]?.body as string)).to.include({ startkey: '😀'.repeat(3000), include_docs: true })
  })

  it('lists databases one by one where the server has no _dbs_info', async () => {
    stub.script = ({ path }) => {
      if (path === '/_all_dbs') return json(['b', '_users', 'a', 'gone', 'closed'])
      if (path === '/closed') return json({ error: 'forbidden' }, 403)
      return path === '/a' || path === '/b' || path === '/_users' ? json({ doc_count: 5, sizes: { external: 1000 } }) : undefined
    }
    const found = await source.collections({})
    expect(found?.map(({ name, documents, system }) => [name, documents, system])).to.deep.equal([
      ['_users', 5, true],
      ['a', 5, undefined],
      ['b', 5, undefined],
      ['closed', undefined, undefined]
    ])
  })

  it('asks again when the list of databases breaks off', async () => {
    stub.script = ({ path }, number) => {
      if (path === '/_all_dbs') return number === 1 ? { body: '["a","b"]', cutAfter: 5 } : json(['a', 'b'])
      return path === '/_dbs_info'
        ? json([
            { key: 'a', info: { doc_count: 1 } },
            { key: 'b', info: { doc_count: 2 } }
          ])
        : undefined
    }
    expect((await source.collections({}))?.map(({ documents }) => documents)).to.deep.equal([1, 2])
  })

  it('needs no list where the databases are named', async () => {
    const named = await openSource({ url: stub.url, databases: ['a'] })
    stub.script = ({ path }) => (path === '/a' ? json({ doc_count: 1 }) : json({ error: 'unauthorized' }, 401))
    expect(await named.collections({})).to.deep.equal([{ name: 'a', documents: 1 }])
    await named.close()
  })
})

/** What stands in an answer, by chance or not. */
const rowText = fc.oneof(
  fc.nat(99).map(n => document(`p${n}`, `"n":${n}`)),
  fc
    .tuple(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 })
    )
    .map(([id, fields]) => document(`a${id}`, JSON.stringify(fields).slice(1, -1))),
  fc.constantFrom(
    document('one', '"n":1.0,"big":12345678901234567890'),
    document('conflict', '"_conflicts":["1-b"],"n":1'),
    document('both', '"_conflicts":["1-b","1-c"],"_attachments":{"x":{"stub":true}}'),
    document('$%_x', '"n":1'),
    document('name', '"$%$date":{"$%_x":1}'),
    document('date', '"at":{"$date":"2026-01-01T00:00:00Z"}'),
    document('half', '"text":"\\ud800"'),
    document('_design/x', '"views":{}'),
    document('empty'),
    document('long', `"text":"${'é'.repeat(300)}"`)
  )
)

describe('couchdb: reader of packed documents', function () {
  this.timeout(120_000)
  let stub: Stub
  let source: Source
  before(async () => {
    stub = await startStub()
    source = await openSource({ url: stub.url, timeoutMs: 2000 })
  })
  after(async () => {
    await source.close()
    await stub.stop()
  })

  /** What comes by either way, as documents: of what is packed, by what its text says. */
  async function read(packing: Packing | undefined, drop: readonly string[], after: string | undefined) {
    const opened = await openSource({ url: stub.url })
    const pages = await pagesOf(opened, whole, { pageSize: 3, packing, after })
    const notes = opened.notes?.()
    await opened.close()
    const documents = pages.flatMap(page => [
      ...(page.packed ?? []).flatMap(({ text }) =>
        text
          .toString()
          .trimEnd()
          .split('\n')
          .map(line => parseJson(line) as Document)
      ),
      ...page.documents.map(each => Object.fromEntries(Object.entries(each).filter(([name]) => !drop.includes(name))) as Document)
    ])
    const digests = pages.flatMap(page => [
      ...(page.packed ?? []).flatMap(packed => digestTexts(packed.digests)),
      ...page.documents
        .map(each => Object.fromEntries(Object.entries(each).filter(([name]) => !drop.includes(name))) as Document)
        .map(digestText)
    ])
    const rejects = pages.flatMap(page => page.rejects ?? [])
    const packed = pages.reduce((sum, page) => sum + (page.packed ?? []).reduce((total, { count }) => total + count, 0), 0)
    const dropped = pages.flatMap(page => (page.packed ?? []).map(each => each.dropped[each.packing.drop.indexOf('_conflicts')]))
    return {
      told: { documents, digests, rejects, notes, cursor: pages.at(-1)?.cursor },
      pages: pages.length,
      bytes: pages.reduce((sum, { bytes }) => sum + bytes, 0),
      packed,
      dropped
    }
  }

  const digestTexts = (words: Uint32Array): string[] =>
    Array.from({ length: words.length / 8 }, (_, at) => digestAt(words, at).toString('latin1'))
  const digestText = (each: Document): string => Buffer.from(documentDigests(each).values).toString('latin1')
  it('gives what the plain way gives', async () => {
    let packedOnes = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 8, arbitrary: rowText }, { weight: 1, arbitrary: fc.constant(null) }), { minLength: 1, maxLength: 30 }),
        fc.constantFrom(['_rev', '_attachments', '_conflicts'], ['_rev'], []),
        fc.boolean(),
        fc.boolean(),
        async (texts, drop, isPiece, goesOn) => {
          const rows = texts.map((text, at) => (text === null ? unopened(`gone${at}`) : allDocs([text]).split('\r\n')[1]!))
          const body = isPiece ? answer(rows).replaceAll('\n', '') : answer(rows)
          stub.script = ({ method }) => (method === 'GET' ? { body } : { body: answer([]) })
          const after = goesOn && texts[0] ? (JSON.parse(texts[0]) as Document)._id : undefined
          const plain = await read(undefined, drop, after)
          const packed = await read({ drop, counted: '_attachments' }, drop, after)
          expect(packed.told).to.deep.equal(plain.told)
          // Each page's share of an answer is rounded; by the plain way, the row that was read before counts as much as the others.
          if (after === undefined) expect(packed.bytes).to.be.closeTo(plain.bytes, packed.pages + plain.pages)
          expect(packed.dropped.filter(count => count !== 0)).to.deep.equal([])
          packedOnes += packed.packed
        }
      ),
      { numRuns: 60 }
    )
    expect(packedOnes).to.be.greaterThan(20)
  })

  it('goes on behind the last document that came when an answer breaks off', async () => {
    const ids = Array.from({ length: 300 }, (_, index) => `d${String(index).padStart(3, '0')}`)
    const bodyFrom = (start: string): string => allDocs(ids.filter(id => id >= start).map(id => document(id, '"n":1')))
    stub.script = ({ query }, number) => {
      const start = query.get('startkey')
      const body = bodyFrom(start === null ? '' : (JSON.parse(start) as string))
      return number < stub.asked.length + 1 && number <= 3 ? { body, cutAfter: body.length >> 1 } : { body }
    }
    stub.asked.splice(0)
    const pages = await pagesOf(source, whole, { packing: { drop: ['_rev'] }, retry: { baseMs: 1, capMs: 1 } })
    const read = pages.flatMap(page => [
      ...(page.packed ?? []).flatMap(({ text }) =>
        text
          .toString()
          .trimEnd()
          .split('\n')
          .map(line => (JSON.parse(line) as Document)._id)
      ),
      ...page.documents.map(({ _id }) => _id)
    ])
    expect(read).to.deep.equal(ids)
    expect(stub.asked.length).to.be.greaterThan(3)
  })
})

const latinIds = [' ', '0', 'A', 'Ab', 'a\u0000b', 'a/b?c#d%2F&+"\\', 'ab', 'e', 'é', 'z', '~', '_design/x', `k${'y'.repeat(9000)}`]

for (const kind of ['CouchDB', 'PouchDB'] as const) {
  describe(`couchdb: reader of ${kind}`, () => {
    const oddIds = kind === 'PouchDB' ? latinIds : [...latinIds, '中', '😀']
    const database = `reader-${kind.toLowerCase()}-${process.pid}`
    let url: string
    let headers: Record<string, string>
    let source: Source
    before(async () => {
      if (kind === 'PouchDB') {
        url = await pouchdbUrl()
        headers = {}
        source = await openSource({ url })
      } else {
        const server = await servers.couchdb()
        url = server.url
        headers = { authorization: `Basic ${Buffer.from(`${server.user}:${server.password}`).toString('base64')}` }
        source = await couchdbConnector.openSource(couchdbConnector.configure('couchdb', server.environment), context)
      }
      const numbered = Array.from(
        { length: 4000 },
        (_, index) => `${index % 5 === 0 ? 'agent-' : 'user_google_'}${String((index * 7919) % 4000).padStart(5, '0')}`
      )
      const docs = [...oddIds, ...numbered].map(_id => ({ _id, text: 'x'.repeat(_id.length % 300) }))
      await fetch(`${url}/${database}`, { method: 'PUT', headers })
      const body = JSON.stringify({ docs })
      const answer = await fetch(`${url}/${database}/_bulk_docs`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body
      })
      expect(await answer.json()).to.have.length(docs.length)
    })
    after(async () => {
      await source.close()
      await fetch(`${url}/${database}`, { method: 'DELETE', headers })
    })

    it('reads every document once, whatever its id', async () => {
      const [partition] = await source.partitions([database], { wanted: 1 })
      const ids = idsOf(await pagesOf(source, partition as Partition))
      expect(new Set(ids).size).to.equal(ids.length)
      expect(ids).to.have.length(4000 + oddIds.length)
      expect(ids).to.include.members(oddIds)
    })

    it('reads the rest after any cursor', async () => {
      const partition = (await source.partitions([database], { wanted: 1 }))[0] as Partition
      const ids = idsOf(await pagesOf(source, partition))
      let after: string | undefined
      const read: string[] = []
      for (let pageSize = 1; ; pageSize += pageSize < 20 ? 1 : 400) {
        let page: Page | undefined
        for await (page of source.read(partition, { after, pageSize })) break
        if (!page) break
        read.push(...idsOf([page]))
        after = page.cursor
      }
      expect(read).to.deep.equal(ids)
    })

    it('reads on where documents are deleted meanwhile', async () => {
      const other = `${database}-deleted`
      const send = async (path: string, body: object): Promise<{ id: string; rev: string }[]> => {
        const options = { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) }
        return (await (await fetch(`${url}/${other}/${path}`, options)).json()) as { id: string; rev: string }[]
      }
      await fetch(`${url}/${other}`, { method: 'PUT', headers })
      const ids = Array.from({ length: 600 }, (_, index) => `d${String(index).padStart(4, '0')}`)
      const text = 'x'.repeat(5_000)
      const written = await send('_bulk_docs', { docs: ids.map(_id => ({ _id, text })) })
      const pages: Page[] = []
      for await (const page of source.read({ id: 'd', collections: [other] }, { pageSize: 20 })) {
        if (pages.push(page) > 1) continue
        const deleted = written.slice(300).map(({ id, rev }) => ({ _id: id, _rev: rev, _deleted: true }))
        expect(await send('_bulk_docs', { docs: deleted })).to.have.length(300)
      }
      expect(pages.flatMap(({ rejects = [] }) => rejects)).to.deep.equal([])
      expect(idsOf(pages).slice(0, 300)).to.deep.equal(ids.slice(0, 300))
      await fetch(`${url}/${other}`, { method: 'DELETE', headers })
    })

    it('splits by ids that exist: into about equal parts where the server tells ranks, and in two where it does not', async () => {
      const partitions = await source.partitions([database], { wanted: 3 })
      const tellsRanks = partitions.length === 3
      const ids = tellsRanks ? ['1of3', '2of3', '3of3'] : ['1of2', '2of2']
      expect(partitions.map(({ id }) => id)).to.deep.equal(ids.map(part => `${database}/${part}`))
      const parts: string[][] = []
      for (const partition of partitions) parts.push(idsOf(await pagesOf(source, JSON.parse(JSON.stringify(partition)) as Partition)))
      expect(new Set(parts.flat()).size).to.equal(4000 + oddIds.length)
      expect(parts.flat()).to.have.length(4000 + oddIds.length)
      const least = tellsRanks ? 1150 : 1
      const most = tellsRanks ? 1550 : 4000
      for (const part of parts) expect(part.length).to.be.within(least, most)
      expect(partitions.slice(1).map(({ range }) => range?.['start'])).to.deep.equal(parts.slice(1).map(part => part[0]))
    })

    if (kind === 'PouchDB') {
      it('says that PouchDB does not list all that it holds', async () => {
        const other = `${database}-wide`
        await fetch(`${url}/${other}`, { method: 'PUT' })
        const body = JSON.stringify({ docs: [{ _id: 'a' }, { _id: '中' }] })
        await fetch(`${url}/${other}/_bulk_docs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
        expect(await errorOf(source.partitions([other], { wanted: 1 }))).to.include({ code: 'DOCFERRY_READ' })
        await fetch(`${url}/${other}`, { method: 'DELETE' })
      })
    }

    it('names a database that does not exist', async () => {
      expect(await errorOf(source.partitions(['no-such-db'], { wanted: 2 }))).to.include({ code: 'DOCFERRY_NO_SUCH_COLLECTION' })
    })

    it('estimates the number of documents', async () => {
      const found = (await source.collections({}))?.find(({ name }) => name === database)
      expect(found?.documents).to.equal(4000 + oddIds.length)
    })

    it('gives back what the writer wrote', async () => {
      const server = kind === 'PouchDB' ? { url } : couchdbConnector.configure('couchdb', (await servers.couchdb()).environment)
      const target = await openTarget(server)
      const other = `${database}-values`
      await target.prepare(other, { create: true })
      const value = {
        _id: 'v',
        big: 9007199254740993n,
        long: new Decimal('0.12345678901234567890123'),
        tiny: 5e-324,
        text: '\u0000\u2028😀',
        map: { $date: 'soon' }
      }
      const encoded = target.encode(other, value)
      if ('code' in encoded) throw new Error(encoded.message)
      expect(await target.write(other, [encoded], { onConflict: 'fail', fresh: true })).to.deep.equal(['written'])
      expect(await target.get(other, ['v'], {})).to.deep.equal([value])
      await fetch(`${url}/${other}`, { method: 'DELETE', headers })
      await target.close()
    })
  })
}
