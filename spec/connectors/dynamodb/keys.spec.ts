import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { expect } from 'chai'
import fc from 'fast-check'
import { toDocument, toItem } from '../../../lib/formats/dynamodb/items.ts'
import { documentKey, idOfItem, keyOfId, otherIdField } from '../../../lib/formats/dynamodb/keys.ts'
import type { TableKey } from '../../../lib/formats/dynamodb/keys.ts'
import type { ItemJson } from '../../../lib/formats/dynamodb/values.ts'
import { Decimal } from '../../../lib/values/types.ts'
import type { Document } from '../../../lib/values/types.ts'
import { byId, Ends, fail, fresh, overwrite, skip } from './support.ts'

const pair: TableKey = [
  { name: 'tenant', type: 'S' },
  { name: 'at', type: 'N' }
]
const texts: TableKey = [
  { name: 'pk', type: 'S' },
  { name: 'sk', type: 'S' }
]
const binary: TableKey = [{ name: 'hash', type: 'B' }]
const numeric: TableKey = [{ name: 'n', type: 'N' }]

describe('dynamodb: keys', () => {
  it('makes an _id from one key as its text', () => {
    expect(idOfItem([{ name: 'email', type: 'S' }], { email: { S: 'a|b%c' } })).to.equal('a|b%c')
    expect(idOfItem(numeric, { n: { N: '42.50' } })).to.equal('42.5')
    expect(idOfItem(binary, { hash: { B: 'AP8=' } })).to.equal('AP8=')
  })

  it('joins two keys by a bar, escaping it', () => {
    expect(idOfItem(pair, { tenant: { S: 'a|b%7C' }, at: { N: '-7' } })).to.equal('a%7Cb%257C|-7')
  })

  it('refuses an _id that stands for no key', () => {
    const wrong: [TableKey, string][] = [
      [pair, 'only-one'],
      [pair, 'a|b'],
      [pair, 'a|1|2'],
      [pair, 'a%20|1'],
      [pair, '|1'],
      [numeric, '1.0'],
      [numeric, 'one'],
      [numeric, '1E+200'],
      [binary, 'not base64!'],
      [texts, `a|${'x'.repeat(1025)}`]
    ]
    for (const [key, id] of wrong) expect(() => keyOfId(key, id), id.slice(0, 20)).to.throw()
    expect(toItem(pair, { _id: 'only-one' })).to.include({ code: 'DOCFERRY_BAD_ID', path: '_id' })
  })

  it('gives back any key from the _id it made, and never one _id for two keys', () => {
    const text = fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom('|', '%', '2', '5', '7', 'C', 'é', 'a', '#', '/') })
    const number = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e20, max: 1e20 }).filter(value => Math.abs(value) > 1e-20)
    const item = fc.tuple(text, text, number, fc.uint8Array({ minLength: 1, maxLength: 6 }))
    fc.assert(
      fc.property(item, item, (one, two) => {
        const of = ([s, t, n, b]: typeof one): ItemJson => ({
          pk: { S: s },
          sk: { S: t },
          tenant: { S: s },
          at: { N: String(n) },
          n: { N: String(n) },
          hash: { B: Buffer.from(b).toString('base64') }
        })
        for (const key of [texts, pair, numeric, binary]) {
          const [first, second] = [of(one), of(two)]
          const id = idOfItem(key, first)
          expect(idOfItem(key, keyOfId(key, id))).to.equal(id)
          if (key === texts) expect({ ...keyOfId(key, id) }).to.deep.equal({ pk: first.pk, sk: first.sk })
          const same = key.every(({ name }) => JSON.stringify(first[name]) === JSON.stringify(second[name]))
          expect(idOfItem(key, second) === id).to.equal(same)
        }
      })
    )
  })

  it('keeps key attributes as fields, and writes them back from the _id where they are missing', () => {
    const document = toDocument(pair, { tenant: { S: 'a' }, at: { N: '5' }, x: { S: 'y' } })
    expect(document).to.deep.equal({ _id: 'a|5', tenant: 'a', at: 5, x: 'y' })
    const item = JSON.stringify({ tenant: { S: 'a' }, at: { N: '5' }, x: { S: 'y' } })
    expect(toItem(pair, document)).to.have.property('json', item)
    expect(toItem(pair, { _id: 'a|5', x: 'y' })).to.have.property('json', item)
    expect(toItem(pair, { _id: 'a|5', at: new Decimal('5'), x: 'y' })).to.have.property('json', item)
  })

  it('refuses fields that contradict the _id', () => {
    expect(toItem(pair, { _id: 'a|5', tenant: 'b' })).to.include({ code: 'DOCFERRY_BAD_ID', path: 'tenant' })
    expect(toItem(pair, { _id: 'a|5', at: '5' })).to.include({ code: 'DOCFERRY_BAD_ID', path: 'at' })
  })

  it('keeps an attribute _id that is no key under a name of its own, both ways', () => {
    const item = { pk: { S: 'a' }, _id: { S: 'inner' } }
    const key: TableKey = [{ name: 'pk', type: 'S' }]
    const document = toDocument(key, item)
    expect(document).to.deep.equal({ _id: 'a', pk: 'a', [otherIdField]: 'inner' })
    expect(JSON.parse((toItem(key, document) as { json: string }).json)).to.deep.equal(item)
  })

  it('gives back attributes that are called as docferry calls an _id that is no key, beside one and without', () => {
    const texts = { [otherIdField]: { S: 'own' }, [`$%${otherIdField}`]: { S: 'own too' }, '$%$%25dynamodb:_id': { S: 'and this' } }
    for (const item of [
      { pk: { S: 'a' }, ...texts },
      { pk: { S: 'a' }, _id: { S: 'inner' }, ...texts }
    ] as ItemJson[]) {
      const document = toDocument([{ name: 'pk', type: 'S' }], item)
      expect(Object.keys(document)).to.have.length(Object.keys(item).length + 1)
      for (const escapeNames of [false, true]) {
        const { json } = toItem([{ name: 'pk', type: 'S' }], document, { types: 'natural', escapeNames }) as { json: string }
        expect(JSON.parse(json)).to.deep.equal(item)
      }
      // By way of a table of docferry's own, which holds the fields as they are.
      const { json } = toItem(documentKey, document) as { json: string }
      expect(toDocument(documentKey, JSON.parse(json) as ItemJson)).to.deep.equal(document)
    }
  })

  it('takes a key of that name for the key', () => {
    const key: TableKey = [{ name: otherIdField, type: 'S' }]
    const item = { [otherIdField]: { S: 'a' }, _id: { S: 'inner' } }
    const document = toDocument(key, item)
    expect(document).to.deep.equal({ _id: 'a', [otherIdField]: 'inner', [`$%${otherIdField}`]: 'a' })
    expect(JSON.parse((toItem(key, document) as { json: string }).json)).to.deep.equal(item)
    expect(toItem(key, { ...document, [`$%${otherIdField}`]: 'b' })).to.include({ code: 'DOCFERRY_BAD_ID' })
  })

  it('takes the field dynamodb:_id as any other where _id is the key', () => {
    const document = { _id: 'a', [otherIdField]: 'x' }
    const { json } = toItem(documentKey, document) as { json: string }
    expect(toDocument(documentKey, JSON.parse(json) as ItemJson)).to.deep.equal(document)
  })
})

describe('dynamodb: tables with keys of their own', () => {
  let ends: Ends
  before(async function () {
    this.timeout(60_000)
    ends = await Ends.open()
  })
  after(() => ends.close())

  const documents: Document[] = Array.from({ length: 30 }, (_, index) => ({
    _id: `t%7C${index % 3}|${index - 10}`,
    tenant: `t|${index % 3}`,
    at: index - 10,
    n: index
  }))

  it('moves items from a table with two keys to another, by way of any other database', async () => {
    const from = await ends.table(pair)
    for (const { tenant, at, n } of documents) {
      await ends.client.send(
        new PutItemCommand({ TableName: from, Item: { tenant: { S: String(tenant) }, at: { N: String(at) }, n: { N: String(n) } } })
      )
    }
    const read = await ends.read(from, 3)
    expect(byId(read)).to.deep.equal(byId(documents))
    const [plain, to] = [await ends.table(), await ends.table(pair)]
    expect(new Set(await ends.write(plain, read, fresh))).to.deep.equal(new Set(['written']))
    expect(new Set(await ends.write(to, await ends.read(plain), fresh))).to.deep.equal(new Set(['written']))
    expect(byId(await ends.read(to))).to.deep.equal(byId(documents))
  })

  it('skips, refuses and finds documents by both keys', async () => {
    const table = await ends.table(pair)
    expect(await ends.target.prepare(table, { create: true })).to.deep.include({ created: false, empty: true })
    await ends.write(table, documents.slice(0, 10), fresh)
    expect(await ends.target.prepare(table, { create: true })).to.deep.include({ created: false, empty: false })
    const outcomes = await ends.write(table, documents.slice(5, 15), skip)
    expect(outcomes).to.deep.equal([...Array<string>(5).fill('skipped'), ...Array<string>(5).fill('written')])
    expect((await ends.write(table, documents.slice(0, 1), fail))[0]).to.include({ code: 'DOCFERRY_CONFLICT' })
    const found = await ends.target.get(table, [documents[3]?._id as string, 'nobody|1', 'no key'], { idsOnly: true })
    expect(found).to.deep.equal([{ _id: documents[3]?._id }])
  })

  it('goes on from a place in a table with binary keys', async () => {
    const table = await ends.table(binary)
    const held = Array.from({ length: 12 }, (_, index) => ({ _id: Buffer.from([index, 255]).toString('base64'), n: index }))
    await ends.write(table, held, overwrite)
    const [partition] = await ends.source.partitions([table], { wanted: 1 })
    const seen: Document[] = []
    let after: string | undefined
    for (let pages = 0; pages < 20; pages++) {
      const { value, done } = await ends.source.read(partition!, { after, pageSize: 5 })[Symbol.asyncIterator]().next()
      if (done) break
      seen.push(...value.documents)
      after = value.cursor
    }
    expect(seen.map(({ n }) => n)).to.have.members(held.map(({ n }) => n))
    expect(seen).to.have.length(held.length)
  })
})
