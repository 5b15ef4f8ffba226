import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { expect } from 'chai'
import { dynamodbConnector } from '../../../lib/connectors/dynamodb/index.ts'
import type { Document, Page } from '../../../lib/types.ts'
import { byId, Ends, expectCode, fresh, overwrite, readAll, silent, skip } from './support.ts'

describe('dynamodb: reader', () => {
  let ends: Ends
  let table: string
  const documents: Document[] = Array.from({ length: 300 }, (_, index) => ({ _id: `d${index}`, n: index, text: 'x'.repeat(9_000) }))
  before(async function () {
    this.timeout(60_000)
    ends = await Ends.open()
    table = await ends.table()
    for (let start = 0; start < documents.length; start += 100) await ends.write(table, documents.slice(start, start + 100), fresh)
  })
  after(() => ends.close())

  it('lists tables in order, with estimates', async () => {
    const other = await ends.table()
    const infos = (await ends.source.collections({})) ?? []
    const names = infos.map(({ name }) => name)
    expect(names).to.include.members([table, other])
    expect(names).to.deep.equal([...names].sort())
    expect(infos.find(({ name }) => name === table))
      .to.include({ documents: 300 })
      .and.have.property('bytes')
      .greaterThan(2_700_000)
  })

  it('splits a table into segments that hold every document once', async () => {
    const partitions = await ends.source.partitions([table], { wanted: 4 })
    expect(partitions.map(({ id }) => id)).to.deep.equal([1, 2, 3, 4].map(part => `${table}/${part}of4`))
    expect(JSON.parse(JSON.stringify(partitions))).to.deep.equal(partitions)
    expect(byId(await ends.read(table, 4))).to.deep.equal(byId(documents))
  })

  it('reads on after any page, and nothing after the last', async () => {
    const [partition] = await ends.source.partitions([table], { wanted: 1 })
    const cursors: string[] = []
    let read = 0
    for await (const page of ends.source.read(partition!, {})) {
      cursors.push(page.cursor)
      read += page.documents.length
      expect(page.bytes).to.be.greaterThan(0)
      let rest = 0
      for await (const later of ends.source.read(partition!, { after: page.cursor })) rest += later.documents.length
      expect(read + rest).to.equal(300)
    }
    expect(cursors.length).to.be.greaterThan(2)
  })

  it('gives lines where they are asked for, and the same cursors', async () => {
    const [partition] = await ends.source.partitions([table], { wanted: 1 })
    const lines: string[] = []
    const [packedCursors, cursors]: [string[], string[]] = [[], []]
    for await (const page of ends.source.read(partition!, { pageSize: 70, packing: { drop: [] } })) {
      expect(page.documents).to.have.length(0)
      for (const { text } of page.packed ?? []) lines.push(...text.toString().trimEnd().split('\n'))
      packedCursors.push(page.cursor)
    }
    for await (const { cursor } of ends.source.read(partition!, { pageSize: 70 })) cursors.push(cursor)
    expect(byId(lines.map(line => JSON.parse(line) as Document))).to.deep.equal(byId(documents))
    expect(packedCursors).to.deep.equal(cursors)
  })

  it('gives pages of the size that is asked for', async () => {
    const [partition] = await ends.source.partitions([table], { wanted: 1 })
    for await (const page of ends.source.read(partition!, { pageSize: 7 })) {
      expect(page.documents).to.have.length(7)
      break
    }
  })

  for (const pageSize of [1, 7, 100, 10_000]) {
    it(`cuts answers into pages of ${pageSize}, with a place to go on from behind each`, async () => {
      const [partition] = await ends.source.partitions([table], { wanted: 2 })
      const whole = (await readAll(ends.source, partition!)).map(({ _id }) => _id)
      const before = ends.source.usage?.().requests ?? NaN
      const pages: Page[] = []
      for await (const page of ends.source.read(partition!, { pageSize })) pages.push(page)
      // A smaller page is no smaller request: 1 MB, 9 KB an item.
      expect((ends.source.usage?.().requests ?? NaN) - before).to.equal(Math.ceil(whole.length / 110))
      expect(pages.flatMap(({ documents: found }) => found.map(({ _id }) => _id))).to.deep.equal(whole)
      expect(Math.max(...pages.map(page => page.documents.length))).to.be.at.most(pageSize)
      expect(pages.reduce((sum, { bytes }) => sum + bytes, 0)).to.be.within(whole.length * 9_000, whole.length * 10_000)
      let seen = 0
      for (const { documents: found, cursor } of pages.slice(0, 3).concat(pages.slice(-2))) {
        seen = whole.indexOf(found.at(-1)?._id ?? '') + 1
        const rest = (await readAll(ends.source, partition!, { after: cursor, pageSize })).map(({ _id }) => _id)
        expect(rest).to.deep.equal(whole.slice(seen))
      }
    })
  }

  for (const requestUnits of [3, 20]) {
    it(`reads by requests of about ${requestUnits} units`, async () => {
      const source = await dynamodbConnector.openSource(ends.options, { logger: silent })
      const [partition] = await source.partitions([table], { wanted: 1 })
      expect(await readAll(source, partition!, { requestUnits })).to.have.length(300)
      const { requests, readUnits = NaN } = source.usage?.() ?? { requests: NaN }
      expect(readUnits / requests).to.be.within(requestUnits / 2, requestUnits * 1.2)
      await source.close()
    })
  }

  it('stops when the signal aborts, by its reason', async () => {
    const [partition] = await ends.source.partitions([table], { wanted: 1 })
    const controller = new AbortController()
    const reason = new Error('enough')
    let caught: unknown
    try {
      for await (const page of ends.source.read(partition!, { signal: controller.signal, pageSize: 10 })) {
        expect(page.documents).to.have.length(10)
        controller.abort(reason)
      }
    } catch (error) {
      caught = error
    }
    expect(caught).to.equal(reason)
  })

  it('says when the table does not exist, or the place is none', async () => {
    const [missing] = await ends.source.partitions(['no-such-table'], { wanted: 1 })
    await expectCode(ends.source.read(missing!, {})[Symbol.asyncIterator]().next(), 'DOCFERRY_NO_SUCH_COLLECTION')
    const [partition] = await ends.source.partitions([table], { wanted: 1 })
    await expectCode(ends.source.read(partition!, { after: 'nonsense' })[Symbol.asyncIterator]().next(), 'DOCFERRY_STATE')
  })
})

describe('dynamodb: writer', () => {
  let ends: Ends
  before(async function () {
    this.timeout(60_000)
    ends = await Ends.open()
  })
  after(() => ends.close())

  const documents: Document[] = Array.from({ length: 100 }, (_, index) => ({ _id: `d${index}`, n: index }))

  it('creates a table as Gofannon does, and only when told to', async () => {
    const name = ends.name()
    expect(await ends.target.prepare(name, { create: false })).to.deep.include({ created: true, empty: true })
    expect((await ends.source.collections({}))?.map(info => info.name)).not.to.include(name)
    const both = await Promise.all([ends.target.prepare(name, { create: true }), ends.target.prepare(name, { create: true })])
    expect(both.filter(({ created }) => created)).to.have.length(1)
    expect(await ends.target.prepare(name, { create: true })).to.deep.include({ created: false, empty: true })
  })

  it('writes a batch in pieces and finds it again', async () => {
    const table = await ends.table()
    expect(new Set(await ends.write(table, documents, fresh))).to.deep.equal(new Set(['written']))
    const ids = documents.map(({ _id }) => _id)
    expect(byId((await ends.target.get(table, ids, {})) ?? [])).to.deep.equal(byId(documents))
    expect(await ends.target.get(table, ['d5', 'd5', 'nobody', ''], { idsOnly: true })).to.deep.equal([{ _id: 'd5' }])
  })

  it('leaves what exists as it is, by a condition in the write', async () => {
    const table = await ends.table()
    await ends.write(table, documents.slice(0, 40), fresh)
    const changed = documents.map(document => ({ ...document, changed: true }))
    const outcomes = await ends.write(table, changed, skip)
    expect(outcomes.filter(outcome => outcome === 'skipped')).to.have.length(40)
    expect(outcomes.slice(40).every(outcome => outcome === 'written')).to.equal(true)
    const [first] = (await ends.target.get(table, ['d0'], {})) ?? []
    expect(first).to.deep.equal(documents[0])
    const again = await ends.write(table, changed, { onConflict: 'fail', fresh: false })
    expect(again.every(outcome => typeof outcome === 'object' && outcome.code === 'DOCFERRY_CONFLICT' && !outcome.retryable)).to.equal(true)
  })

  it('never lets two writers both write a document', async () => {
    const table = await ends.table()
    const writers = await Promise.all(
      [1, 2, 3].map(async writer => {
        const mine = documents.map(document => ({ ...document, writer }))
        const outcomes = new Map<string, string>()
        for (let pending: Document[] = mine; pending.length > 0;) {
          const results = await ends.write(table, pending, skip)
          pending = pending.filter(({ _id }, index) => {
            const outcome = results[index]
            if (typeof outcome === 'string') outcomes.set(_id, outcome)
            return typeof outcome === 'object' && outcome.retryable
          })
        }
        return { writer, outcomes }
      })
    )
    for (const document of await ends.read(table)) {
      const winners = writers.filter(({ outcomes }) => outcomes.get(document._id) === 'written').map(({ writer }) => writer)
      expect(winners).to.deep.equal([document.writer])
    }
  })

  it('writes over what exists when told to', async () => {
    const table = await ends.table()
    await ends.write(table, documents, fresh)
    await ends.write(table, [{ _id: 'd7', other: 1 }], overwrite)
    expect(await ends.target.get(table, ['d7'], {})).to.deep.equal([{ _id: 'd7', other: 1 }])
  })

  for (const options of [overwrite, skip]) {
    it(`finds the document that a batch is refused for (${options.onConflict})`, async () => {
      const table = await ends.table()
      const batch = ends.encode(table, documents)
      const bad = { id: 'd31', bytes: 0, payload: Buffer.from(`{"_id":{"S":"d31"},"text":{"S":"${'x'.repeat(409_600)}"}}`) }
      const outcomes = await ends.target.write(
        table,
        batch.map(encoded => (encoded.id === 'd31' ? bad : encoded)),
        options
      )
      expect(outcomes[31]).to.include({ code: 'DOCFERRY_TOO_LARGE', retryable: false })
      expect(outcomes.filter(outcome => outcome === 'written')).to.have.length(99)
      expect(await ends.read(table)).to.have.length(99)
    })
  }

  it('says that the table is missing', async () => {
    await expectCode(ends.target.write('no-such-table', ends.encode('x', documents), fresh), 'DOCFERRY_TARGET')
    await expectCode(ends.target.write('no-such-table', ends.encode('x', documents), skip), 'DOCFERRY_TARGET')
  })

  it('gives up at once when the signal aborts', async () => {
    const table = await ends.table()
    const controller = new AbortController()
    const reason = new Error('enough')
    const writing = ends.write(table, documents, { ...fresh, signal: controller.signal })
    controller.abort(reason)
    expect(await writing.catch((error: unknown) => error)).to.equal(reason)
  })

  it('reads what others wrote meanwhile', async () => {
    const table = await ends.table()
    await ends.client.send(new PutItemCommand({ TableName: table, Item: { _id: { S: 'late' } } }))
    expect(await ends.read(table)).to.deep.equal([{ _id: 'late' }])
  })
})
