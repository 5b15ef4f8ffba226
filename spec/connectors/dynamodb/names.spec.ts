import { GetItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { expect } from 'chai'
import { toDocument, toItem } from '../../../lib/formats/dynamodb/items.ts'
import { documentKey, storedId } from '../../../lib/formats/dynamodb/keys.ts'
import type { TableKey } from '../../../lib/formats/dynamodb/keys.ts'
import type { ItemJson } from '../../../lib/formats/dynamodb/values.ts'
import { maxItemBytes } from '../../../lib/formats/dynamodb/limits.ts'
import { dynamodbConnector } from '../../../lib/connectors/dynamodb/index.ts'
import { defaultRules } from '../../../lib/types.ts'
import type { Document, Encoded, Value } from '../../../lib/types.ts'
import { escapeName, hashedId } from '../../../lib/values/index.ts'
import { sameValue } from '../../values/same-value.ts'
import { byId, conversionsOf, Ends, fail, fresh, overwrite, silent, skip, Stub } from './support.ts'

const escaping = { types: 'natural', escapeNames: true } as const
const longName = 'n'.repeat(65_536)
/** As long as a name may be, until it is escaped. */
const longHalf = `${'/'.repeat(30_000)}\ud800`
const longId = 'é'.repeat(1_025)
/** Escaped, just as long as an id may be. */
const escapedId = `\udc00${'x'.repeat(2_040)}`
/** Ids that only an escaping target takes, and those that any writes escaped. */
const refusedIds = ['', 'a/\ud800', longId, escapedId]
const lookAlikeIds = ['$%', '$%$%25', '$%a%uD800']
const ordinaryIds = ['$%abc', '$', '%', '_a', 'a/b', '$%%abc', '$%a%2Fb', '$%__x__']

describe('dynamodb: names', () => {
  let plainEnds: Ends
  let ends: Ends
  let table: string
  before(async function () {
    this.timeout(60_000)
    plainEnds = await Ends.open()
    ends = await Ends.open(escaping)
    table = await ends.table()
  })
  after(async () => {
    await plainEnds.close()
    await ends.close()
  })

  async function roundTrip(document: Document): Promise<Document> {
    expect(await ends.write(table, [document], overwrite)).to.deep.equal(['written'])
    const [found] = (await ends.target.get(table, [document._id], {})) ?? []
    return found as Document
  }

  async function stored(id: string): Promise<ItemJson | undefined> {
    const { Item } = await ends.client.send(new GetItemCommand({ TableName: table, Key: { _id: { S: id } }, ConsistentRead: true }))
    return Item as ItemJson | undefined
  }

  it('writes names that the table refuses escaped, at the top and inside', async () => {
    const document = { _id: 'names', '': 1, 'a\ud800': { '': [{ '\udc00': 2 }] }, 'b/%': 3 }
    sameValue(await roundTrip(document), document)
    expect(await stored('names')).to.deep.equal({
      _id: { S: 'names' },
      '$%': { N: '1' },
      '$%a%uD800': { M: { '$%': { L: [{ M: { '$%%uDC00': { N: '2' } } }] } } },
      'b/%': { N: '3' }
    })
    expect(conversionsOf(ends.target, table, document)).to.deep.equal([
      'name escaped ""',
      'name escaped a\ud800',
      'name escaped a\ud800.""',
      'name escaped a\ud800.""[0].\udc00'
    ])
  })

  it('writes a name that would be read as an escaped one escaped, whatever the rules', async () => {
    const document = { _id: 'look', '$%a%2Fb': 1, '$%a%uD800': 1, map: { '$%': 2, '$%%': [1, 2], '$%abc': 3 } }
    const name = await plainEnds.table()
    expect(await plainEnds.write(name, [document], fresh)).to.deep.equal(['written'])
    expect(await plainEnds.read(name)).to.deep.equal([document])
    expect(conversionsOf(plainEnds.target, name, document)).to.deep.equal([
      'name escaped $%a%uD800',
      'name escaped map.$%',
      'name escaped map.$%%'
    ])
  })

  it('refuses names as before where it is not told to escape them', () => {
    for (const name of ['', 'a\ud800', longName]) {
      const code = 'DOCFERRY_BAD_FIELD'
      expect(plainEnds.target.encode(table, { _id: 'a', [name]: 1 })).to.include({ code })
      expect(plainEnds.target.encode(table, { _id: 'a', map: { [name]: 1 } })).to.include({
        code,
        path: name === '' ? 'map.""' : `map.${name}`
      })
    }
    for (const id of refusedIds) expect(plainEnds.target.encode(table, { _id: id })).to.include({ code: 'DOCFERRY_BAD_ID', path: '_id' })
  })

  it('moves fields with names that are too long into a list', async () => {
    const inner = { [longName]: [{ a: 1 }], other: 2 }
    const document: Document = { _id: 'moved', map: inner, list: [inner], kept: 1 }
    sameValue(await roundTrip(document), document)
    expect((await stored('moved'))?.map).to.deep.equal({
      M: { other: { N: '2' }, '$%%': { L: [{ S: longName }, { L: [{ M: { a: { N: '1' } } }] }] } }
    })
    const top: Document = { _id: 'moved-top', [longName]: 'x', [longHalf]: { [longName]: null } }
    sameValue(await roundTrip(top), top)
  })

  it('moves nothing else of a document, nor loses what has the name of the list', async () => {
    const document: Document = { _id: 'both', '$%%': 'mine', [longName]: 1, map: { '$%%': ['a', 1], [longName]: 2 } }
    sameValue(await roundTrip(document), document)
  })

  it('tells of each moved field once', () => {
    const document = { _id: longId, first: NaN, [longName]: NaN, map: { '': 1, [longHalf]: '\ud800' } }
    expect(conversionsOf(ends.target, table, document)).to.deep.equal([
      'id escaped _id',
      'number enveloped first',
      `name escaped ${longName}`,
      `number enveloped ${longName}`,
      'name escaped map.""',
      `name escaped map.${longHalf}`,
      `string enveloped map.${longHalf}`
    ])
  })

  it('counts moved and escaped names as the server does, to the byte', async () => {
    const fields: Record<string, Value> = { '': 1, [longName]: 2, map: { [longHalf]: [], '$%': 1 } }
    const bare = ends.target.encode(table, { _id: longId, ...fields, pad: '' }) as Encoded
    const pad = 'x'.repeat(maxItemBytes - bare.bytes)
    expect(await ends.write(table, [{ _id: longId, ...fields, pad }], overwrite)).to.deep.equal(['written'])
    const payload = String((bare as Encoded<Buffer>).payload)
    const over = { id: longId, bytes: 0, payload: Buffer.from(payload.replace('"pad":{"S":""}', `"pad":{"S":"${pad}x"}`)) }
    expect(over.payload).to.have.length(Buffer.byteLength(payload) + pad.length + 1)
    expect((await ends.target.write(table, [over], overwrite))[0]).to.include({ code: 'DOCFERRY_TOO_LARGE' })
  })

  it('refuses values that a longer way to them makes too deep', () => {
    let value: Value = 'x'
    for (let level = 0; level < 31; level++) value = [value]
    expect(ends.target.encode(table, { _id: 'deep', value })).to.have.property('payload')
    expect(ends.target.encode(table, { _id: 'deep', [longName]: value })).to.have.property('code', 'DOCFERRY_TOO_DEEP')
  })

  it('refuses a half surrogate pair in a value under a moved name, with the place', () => {
    const { json } = toItem(documentKey, { _id: 'a', [longName]: '\ud800' }, escaping) as { json: string }
    expect(json).to.include('$string')
    const refusal = toItem(documentKey, { _id: 'a', [longName]: '\ud800' }, { ...escaping, types: 'plain' })
    expect(refusal).to.include({ code: 'DOCFERRY_BAD_VALUE', path: longName })
  })

  it('writes, finds, skips and reads documents by the ids that they have, whatever the table holds', async () => {
    const name = await ends.table()
    const ids = [...refusedIds, ...lookAlikeIds, ...ordinaryIds]
    const documents: Document[] = ids.map((id, index) => ({ _id: id, index }))
    expect(new Set(await ends.write(name, documents, fresh))).to.deep.equal(new Set(['written']))
    expect(new Set(await ends.write(name, documents, skip))).to.deep.equal(new Set(['skipped']))
    for (const outcome of await ends.write(name, documents, fail)) expect(outcome).to.include({ code: 'DOCFERRY_CONFLICT' })
    expect(byId(await ends.read(name))).to.deep.equal(byId(documents))
    expect(byId((await ends.target.get(name, ids, {})) ?? [])).to.deep.equal(byId(documents))
    const found = (await ends.target.get(name, [...ids, 'nobody'], { idsOnly: true })) ?? []
    expect(found.map(({ _id }) => _id)).to.have.members(ids)
    const { Items: items = [] } = await ends.client.send(new ScanCommand({ TableName: name, ConsistentRead: true }))
    expect(items.map(item => item._id?.S)).to.have.members([
      '$%',
      '$%a%2F%uD800',
      hashedId(longId),
      escapeName(escapedId),
      ...lookAlikeIds.map(escapeName),
      ...ordinaryIds
    ])
  })

  it('gives back an id that looks escaped and is too long', async () => {
    const document = { _id: escapeName('/'.repeat(1_000)), n: 1 }
    expect(await roundTrip(document)).to.deep.equal(document)
  })

  it('gives back unprocessed items by the ids of their documents', async () => {
    const stub = await Stub.start(({ operation, body }) => {
      if (operation !== 'BatchWriteItem') return undefined
      const { agents = [] } = body.RequestItems as Record<string, unknown[]>
      return { body: { UnprocessedItems: { agents: agents.slice(1, 3) } } }
    })
    const options = { endpoint: stub.endpoint, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } }
    const target = await dynamodbConnector.openTarget(options, { logger: silent, rules: escaping })
    const documents = ['a', longId, '', 'b'].map(_id => target.encode('agents', { _id }) as Encoded)
    const outcomes = await target.write('agents', documents, fresh)
    expect(outcomes.map(outcome => (typeof outcome === 'object' ? outcome.code : outcome))).to.deep.equal([
      'written',
      'DOCFERRY_THROTTLED',
      'DOCFERRY_THROTTLED',
      'written'
    ])
    await target.close()
    await stub.close()
  })

  it('leaves the ids of tables with other keys as they are, and escapes their fields', () => {
    const key: TableKey = [{ name: 'pk', type: 'S' }]
    for (const id of ['$%', '$%a%2Fb', hashedId('x')]) {
      expect(storedId(key, id, true)).to.equal(id)
      const document = { _id: id, pk: id, '': 1, '$%%': ['_id', 'x'] }
      const { json } = toItem(key, document, escaping) as { json: string }
      expect(toDocument(key, JSON.parse(json) as ItemJson)).to.deep.equal(document)
      expect(toDocument(key, { pk: { S: id }, '$%%': { L: [{ S: '_id' }, { S: 'x' }] } })._id).to.equal(id)
    }
    expect(toItem(key, { _id: '' }, escaping)).to.include({ code: 'DOCFERRY_BAD_ID' })
    expect(toItem(key, { _id: longId }, escaping)).to.include({ code: 'DOCFERRY_BAD_ID' })
  })

  it('tells nothing of a document that is written as it is', () => {
    const document = { _id: 'a', n: 1, ünï: { $x: ['%', 'a/b'] }, '$%abc': null }
    expect(conversionsOf(ends.target, table, document)).to.deep.equal([])
    expect(toItem(documentKey, document, escaping)).to.deep.equal(toItem(documentKey, document, defaultRules))
  })
})
