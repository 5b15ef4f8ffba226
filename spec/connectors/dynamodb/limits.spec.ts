import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { expect } from 'chai'
import { Decimal, GeoPoint, ValueSet } from '../../../lib/values/types.ts'
import type { Document, Value } from '../../../lib/values/types.ts'
import type { Encoded, Refusal } from '../../../lib/types.ts'
import { maxItemBytes } from '../../../lib/formats/dynamodb/limits.ts'
import { Ends, fresh } from './support.ts'

describe('dynamodb: limits', () => {
  let ends: Ends
  let table: string
  before(async function () {
    this.timeout(60_000)
    ends = await Ends.open()
    table = await ends.table()
  })
  after(() => ends.close())

  const encode = (document: Document): Encoded | Refusal => ends.target.encode(table, document)

  /** A document of exactly so many bytes, by our count. */
  function sized(fields: Record<string, Value>, bytes: number): Document {
    const bare = encode({ _id: 'sized', ...fields, pad: '' }) as Encoded
    return { _id: 'sized', ...fields, pad: 'x'.repeat(bytes - bare.bytes) }
  }

  /** Whether the server itself takes it, asked past our own check. */
  async function serverTakes(document: Document): Promise<boolean> {
    const { pad, ...rest } = document
    const { payload } = encode({ ...rest, _id: document._id }) as Encoded<Buffer>
    const body = `${payload.toString().slice(0, -1)},"pad":{"S":"${pad as string}"}}`
    const outcome = await ends.target.write(table, [{ id: document._id, bytes: 0, payload: Buffer.from(body) }], fresh)
    return outcome[0] === 'written'
  }

  const bodies: Record<string, Record<string, Value>> = {
    'strings and names beyond ASCII': { 'né😀': 'é😀', plain: 'abc' },
    'numbers of every length': {
      n: [
        0, 1, -1, 10, 12, 123, -123, 1234, 12345, 0.1, 0.12, 0.01, 0.001, 1.25, -0.05, 1100, 11000, 10.01, 0.0105, 1e100, 1e-130, 9.99e125
      ],
      d: [new Decimal('12345678901234567890123456789012345678'), new Decimal('-1.2345678901234567890123456789012345678')],
      b: 123456789012345678901234567890n
    },
    'null, booleans, bytes': { a: null, b: true, c: new Uint8Array(5), d: new Uint8Array(0) },
    'lists and maps': { l: [], m: {}, ll: [[], [{ a: [{ b: null }] }]], mm: { ab: { c: 'x', d: {} } } },
    sets: { s: new ValueSet(['a', 'bc']), n: new ValueSet([1, -2.5, 300]), b: new ValueSet([new Uint8Array(1), new Uint8Array(2)]) },
    envelopes: { nan: NaN, far: 1e300, place: new GeoPoint(1, 2), look: { $date: '2026-01-01T00:00:00Z' } }
  }
  for (const [what, fields] of Object.entries(bodies)) {
    it(`counts ${what} as the server does, to the byte`, async () => {
      expect(await serverTakes(sized(fields, maxItemBytes)), 'the largest').to.equal(true)
      expect(await serverTakes(sized(fields, maxItemBytes + 1)), 'one byte more').to.equal(false)
    })
  }

  it('refuses an item of one byte too many, and says which field is large', () => {
    expect(encode(sized({}, maxItemBytes))).to.have.property('bytes', maxItemBytes)
    const refusal = encode(sized({}, maxItemBytes + 1)) as Refusal
    expect(refusal).to.include({ code: 'DOCFERRY_TOO_LARGE', path: 'pad' })
    expect(refusal.message).to.include('409,601 bytes').and.include('409,600')
  })

  const nested = (containers: number): Value => {
    let value: Value = 'x'
    for (let level = 0; level < containers; level++) value = level % 2 ? [value] : { a: value }
    return value
  }

  it('refuses the depth that the server refuses', async () => {
    expect(await ends.write(table, [{ _id: 'deep', value: nested(31) }], fresh)).to.deep.equal(['written'])
    expect(encode({ _id: 'deep', value: nested(32) })).to.have.property('code', 'DOCFERRY_TOO_DEEP')
    const payload = Buffer.from(`{"_id":{"S":"deep"},"v":${'{"L":['.repeat(32)}${']}'.repeat(32)}}`)
    const [outcome] = await ends.target.write(table, [{ id: 'deep', bytes: 0, payload }], fresh)
    expect(outcome).to.include({ code: 'DOCFERRY_TOO_DEEP', retryable: false })
  })

  it('takes a set at the deepest place', async () => {
    let value: Value = new ValueSet(['a'])
    for (let level = 0; level < 31; level++) value = [value]
    expect(await ends.write(table, [{ _id: 'deep-set', value }], fresh)).to.deep.equal(['written'])
  })

  it('takes ids of 1 to 2,048 bytes', async () => {
    expect(await ends.write(table, [{ _id: 'é'.repeat(1024) }, { _id: '\u0000' }], fresh)).to.deep.equal(['written', 'written'])
    expect(encode({ _id: `${'é'.repeat(1024)}x` })).to.include({ code: 'DOCFERRY_BAD_ID', path: '_id' })
    expect(encode({ _id: '' })).to.include({ code: 'DOCFERRY_BAD_ID' })
  })

  it('refuses a field without a name, with its place', () => {
    expect(encode({ _id: 'a', '': 1 })).to.include({ code: 'DOCFERRY_BAD_FIELD' })
    expect(encode({ _id: 'a', list: [0, { map: { '': 1 } }] })).to.include({ code: 'DOCFERRY_BAD_FIELD', path: 'list[1].map.""' })
  })

  it('refuses half a surrogate pair in a name, which UTF-8 cannot hold', () => {
    expect(encode({ _id: 'a', 'n\udc00': 1 })).to.include({ code: 'DOCFERRY_BAD_FIELD' })
    expect(encode({ _id: '\ud800' })).to.include({ code: 'DOCFERRY_BAD_ID' })
    expect(encode({ _id: 'a', text: '\\ud800 😀' })).to.have.property('payload')
  })

  it('refuses what is no value, and leaves out what is not there', () => {
    expect(encode({ _id: 'a', when: new Date() as unknown as Value })).to.include({ code: 'DOCFERRY_BAD_VALUE', path: 'when' })
    expect(encode({ _id: 'a', call: (() => 1) as unknown as Value })).to.include({ code: 'DOCFERRY_BAD_VALUE', path: 'call' })
    const encoded = encode({ _id: 'a', gone: undefined as unknown as Value, map: { gone: undefined as unknown as Value } })
    expect(String((encoded as Encoded<Buffer>).payload)).to.equal('{"_id":{"S":"a"},"map":{"M":{}}}')
  })

  it('refuses names that no table can have', () => {
    for (const name of ['ab', 'a b', 'a/b', 'é', 'x'.repeat(256)])
      expect(ends.target.checkCollection(name), name).to.have.property('code', 'DOCFERRY_COLLECTION_NAME')
    for (const name of ['abc', 'Agents_1.2-x', 'x'.repeat(255)]) expect(ends.target.checkCollection(name), name).to.equal(undefined)
  })

  it('takes the largest documents that a write may hold, escaped or not', async function () {
    this.timeout(60_000)
    const documents = Array.from({ length: 9 }, (_, index) => ({ _id: `big-${index}`, text: '\u0001'.repeat(400_000) }))
    for (const options of [fresh, { onConflict: 'fail', fresh: false } as const]) {
      const name = await ends.table()
      expect(new Set(await ends.write(name, documents, options))).to.deep.equal(new Set(['written']))
    }
  })

  it('lets the SDK write what it has counted itself', async () => {
    const client = new DynamoDBClient(ends.options)
    await client.send(new PutItemCommand({ TableName: table, Item: { _id: { S: 'sdk' }, pad: { S: 'x'.repeat(maxItemBytes - 9) } } }))
    client.destroy()
    expect((encode({ _id: 'sdk', pad: 'x'.repeat(maxItemBytes - 9) }) as Encoded).bytes).to.equal(maxItemBytes)
  })
})
