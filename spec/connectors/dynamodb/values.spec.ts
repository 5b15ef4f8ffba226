import { BatchWriteItemCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb'
import { expect } from 'chai'
import fc from 'fast-check'
import { readNumber } from '../../../lib/formats/dynamodb/numbers.ts'
import { documentDigest } from '../../../lib/values/index.ts'
import { Decimal, Double, GeoPoint, Reference, Timestamp, ValueSet, Vector } from '../../../lib/values/types.ts'
import type { Document, Value } from '../../../lib/values/types.ts'
import { Ends, fresh, overwrite } from './support.ts'

describe('dynamodb: values', () => {
  let ends: Ends
  let table: string
  before(async function () {
    this.timeout(60_000)
    ends = await Ends.open()
    table = await ends.table()
  })
  after(() => ends.close())

  async function roundTrip(fields: Record<string, Value>): Promise<Document> {
    expect(await ends.write(table, [{ _id: 'one', ...fields }], overwrite)).to.deep.equal(['written'])
    const [document] = (await ends.target.get(table, ['one'], {})) ?? []
    return document as Document
  }

  async function stored(fields: Record<string, Value>) {
    await ends.write(table, [{ _id: 'one', ...fields }], overwrite)
    return (await ends.client.send(new GetItemCommand({ TableName: table, Key: { _id: { S: 'one' } }, ConsistentRead: true }))).Item
  }

  it('stores a number as its own digits, not as text', async () => {
    const digits = '12345678901234567890.123456789012345678'
    const item = await stored({ a: 100.5, b: 0.1 + 0.2, c: 9007199254740993n, d: new Decimal(digits), e: new Double(100), f: -0 })
    expect(item).to.deep.include({
      a: { N: '100.5' },
      b: { N: '0.30000000000000004' },
      c: { N: '9007199254740993' },
      d: { N: digits },
      e: { N: '100' },
      f: { N: '0' }
    })
  })

  it('stores sets and bytes natively', async () => {
    const item = await stored({
      s: new ValueSet(['a', 'b']),
      n: new ValueSet([1, 2.5]),
      x: new ValueSet([new Uint8Array([1])]),
      y: new Uint8Array([0, 255])
    })
    expect(item?.s?.SS).to.have.members(['a', 'b'])
    expect(item?.n?.NS).to.have.members(['1', '2.5'])
    expect(item?.x?.BS?.map(bytes => [...bytes])).to.deep.equal([[1]])
    expect([...(item?.y?.B ?? [])]).to.deep.equal([0, 255])
  })

  it('envelopes what no attribute holds, readable by others', async () => {
    const item = await stored({ t: new Timestamp(0, 5), nan: NaN, far: 1e300, long: 10n ** 50n + 1n, tiny: 5e-324 })
    expect(item?.t).to.deep.equal({ M: { $date: { S: '1970-01-01T00:00:00.000000005Z' } } })
    expect(item?.nan).to.deep.equal({ M: { $numberDouble: { S: 'NaN' } } })
    expect(Object.keys(item?.far?.M ?? {})).to.deep.equal(['$numberDouble'])
    expect(Object.keys(item?.tiny?.M ?? {})).to.deep.equal(['$numberDouble'])
    expect(item?.long).to.deep.equal({ M: { $numberLong: { S: String(10n ** 50n + 1n) } } })
  })

  it('gives back every kind of value', async () => {
    const fields: Record<string, Value> = {
      null: null,
      yes: true,
      text: 'é😀\u0000',
      empty: '',
      integer: 42,
      negative: -1.5e-7,
      big: 9007199254740993n,
      huge: 12345678901234567890123456789012345678n,
      longer: 10n ** 60n + 1n,
      decimal: new Decimal('0.12345678901234567890123456789'),
      long: new Decimal(`0.${'123456789'.repeat(6)}`),
      large: 1e300,
      far: 1.5e100,
      tiny: 5e-324,
      nan: NaN,
      infinity: -Infinity,
      bytes: new Uint8Array([1, 2, 3]),
      none: new Uint8Array(0),
      time: new Timestamp(1767225600, 123456789),
      place: new GeoPoint(1.5, -2),
      reference: new Reference('agents/abc'),
      vector: new Vector([0.1, NaN, 3]),
      strings: new ValueSet(['b', 'a']),
      nested: [[1, [2]], [], {}],
      map: { $date: 'soon', __proto__: null as Value },
      literal: { $literal: { $date: '2026-01-01T00:00:00Z' } },
      lookAlike: { $numberLong: '5' },
      member: [{ $date: '2026-01-01T00:00:00Z' }]
    }
    const document = await roundTrip(fields)
    expect(Buffer.from(documentDigest(document))).to.deep.equal(Buffer.from(documentDigest({ _id: 'one', ...fields })))
    expect(document).to.deep.include({ big: 9007199254740993n, far: 1.5e100, lookAlike: { $numberLong: '5' } })
    expect(document.literal).to.deep.equal({ $literal: { $date: '2026-01-01T00:00:00Z' } })
  })

  it('keeps a field named __proto__, at the top and inside', async () => {
    const fields = JSON.parse('{"__proto__":"kept","map":{"__proto__":{"a":1}},"constructor":1}') as Record<string, Value>
    const document = await roundTrip(fields)
    expect(Object.getOwnPropertyDescriptor(document, '__proto__')?.value).to.equal('kept')
    expect(Object.getOwnPropertyDescriptor(document.map, '__proto__')?.value).to.deep.equal({ a: 1 })
    expect(document.constructor).to.equal(1)
  })

  it('writes what Gofannon reads with lib-dynamodb', async () => {
    const fields = {
      usage_info: { monthly_allowance: 100.5, usage: [{ response_cost: 0.05 }] },
      tools: { search: ['a'] },
      parent: null,
      active: true
    }
    await ends.write(table, [{ _id: 'agent', ...fields }], fresh)
    const { Item } = await DynamoDBDocumentClient.from(ends.client).send(
      new GetCommand({ TableName: table, Key: { _id: 'agent' }, ConsistentRead: true })
    )
    expect(Item).to.deep.equal({ _id: 'agent', ...fields })
  })

  it('reads numbers as the server normalises them', async () => {
    const numbers: [string, Value][] = [
      ['1.0', 1],
      ['1E+2', 100],
      ['9007199254740992', 9007199254740992n],
      ['-9007199254740991', -9007199254740991],
      ['1e21', 1e21],
      ['123456789012345678901234567890', 123456789012345678901234567890n],
      ['0.10', 0.1],
      ['1.00000000000000000001', new Decimal('1.00000000000000000001')]
    ]
    for (const [text, value] of numbers) {
      await ends.client.send(new PutItemCommand({ TableName: table, Item: { _id: { S: 'n' }, n: { N: text } } }))
      const [document] = (await ends.target.get(table, ['n'], {})) ?? []
      expect(document?.n, text).to.deep.equal(value)
    }
  })

  it('reads back any number that it writes', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), value => {
        const read = readNumber(String(value))
        expect(typeof read === 'bigint' ? Number(read) : read).to.equal(value === 0 ? 0 : value)
      }),
      { numRuns: 2_000 }
    )
  })

  it('gives back any document through the server', async function () {
    this.timeout(60_000)
    const leaf = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.double({ noNaN: false }).map(value => (Object.is(value, -0) ? 0 : value)),
      fc.integer(),
      fc.bigInt({ min: -(10n ** 45n), max: 10n ** 45n }).map(value => (Number.isSafeInteger(Number(value)) ? Number(value) : value)),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array({ maxLength: 40 }),
      fc.uniqueArray(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 4 }).map(members => new ValueSet(members)),
      fc.tuple(fc.integer(), fc.nat(999_999_999)).map(([seconds, nanoseconds]) => new Timestamp(seconds, nanoseconds))
    )
    const name = fc.oneof(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
      fc.constantFrom('$date', '$literal', '$numberLong', '__proto__', 'a', 'b')
    )
    const { value } = fc.letrec<{ value: Value }>(tie => ({
      value: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true })
      )
    }))
    const document = fc.dictionary(name, value, { maxKeys: 6, noNullPrototype: true })
    await fc.assert(
      fc.asyncProperty(fc.array(document, { minLength: 25, maxLength: 25 }), async bodies => {
        const documents = bodies.map((body, index) => ({ ...body, _id: `d${index}` }))
        await ends.write(table, documents, overwrite)
        const held = new Map(
          (
            await ends.target.get(
              table,
              documents.map(({ _id }) => _id),
              {}
            )
          )?.map(found => [found._id, found])
        )
        for (const sent of documents) {
          const got = held.get(sent._id) as Document
          expect(Buffer.compare(documentDigest(got), documentDigest(sent)), JSON.stringify(sent._id)).to.equal(0)
        }
      }),
      { numRuns: 40 }
    )
  })

  it('reads what the SDK wrote', async () => {
    const name = await ends.table()
    const Item = {
      _id: { S: 'sdk' },
      ns: { NS: ['1', '12345678901234567890'] },
      bs: { BS: [new Uint8Array([7])] },
      m: { M: { l: { L: [{ NULL: true }] } } }
    }
    await ends.client.send(new BatchWriteItemCommand({ RequestItems: { [name]: [{ PutRequest: { Item } }] } }))
    const [document] = await ends.read(name)
    expect(document?.m).to.deep.equal({ l: [null] })
    const { ns, bs } = document as { ns?: ValueSet; bs?: ValueSet }
    expect(ns?.members).to.have.deep.members([1, 12345678901234567890n])
    expect(bs?.members).to.deep.equal([new Uint8Array([7])])
  })
})
