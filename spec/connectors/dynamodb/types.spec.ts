import { GetItemCommand } from '@aws-sdk/client-dynamodb'
import { expect } from 'chai'
import fc from 'fast-check'
import type { Types } from '../../../lib/types.ts'
import { Decimal, Double, GeoPoint, isMap, Reference, setField, Timestamp, ValueSet, Vector } from '../../../lib/values/index.ts'
import type { Document, SetMember, Value, ValueMap } from '../../../lib/values/index.ts'
import { anyDocument } from '../../values/arbitraries.ts'
import { sameValue } from '../../values/same-value.ts'
import { conversionsOf, Ends, overwrite } from './support.ts'

/** Numbers that N holds and gives back as another kind. */
const merging: Record<string, Value> = {
  one: new Double(1),
  zero: -0,
  negative: new Double(-0),
  far: 2 ** 60,
  big: 10n ** 30n,
  set: new ValueSet([1, -0]),
  long: new ValueSet([2 ** 60])
}

/** Values that come back as they are in every mode. */
const native: Record<string, Value> = {
  a: 1.5,
  b: 9007199254740993n,
  c: new Decimal('1.2345678901234567890123'),
  d: 1e22,
  e: new Double(0.5),
  f: 0
}

/** With the members of sets in one order: the service gives them in its own. */
function sorted(value: Value): Value {
  if (value instanceof ValueSet) return new ValueSet([...value.members].sort((a, b) => (textOf(a) < textOf(b) ? -1 : 1)))
  if (Array.isArray(value)) return value.map(sorted)
  if (!isMap(value)) return value
  const map: ValueMap = {}
  for (const name of Object.keys(value)) setField(map, name, sorted(value[name] as Value))
  return map
}

function textOf(member: SetMember): string {
  return member instanceof Uint8Array ? Buffer.from(member).toString('hex') : String(member)
}

describe('dynamodb: types', () => {
  const opened = new Map<Types, Ends>()
  let table: string
  before(async function () {
    this.timeout(60_000)
    for (const types of ['natural', 'exact', 'plain'] as const) opened.set(types, await Ends.open({ types, escapeNames: true }))
    table = await on('natural').table()
  })
  after(async () => {
    for (const ends of opened.values()) await ends.close()
  })

  const on = (types: Types): Ends => opened.get(types) as Ends

  async function roundTrip(types: Types, fields: Record<string, Value>): Promise<Record<string, Value>> {
    expect(await on(types).write(table, [{ _id: 'one', ...fields }], overwrite)).to.deep.equal(['written'])
    const [document] = (await on(types).target.get(table, ['one'], {})) ?? []
    const { _id, ...rest } = document as Document
    expect(_id).to.equal('one')
    return rest
  }

  async function stored(types: Types, fields: Record<string, Value>) {
    await on(types).write(table, [{ _id: 'one', ...fields }], overwrite)
    return (await on(types).client.send(new GetItemCommand({ TableName: table, Key: { _id: { S: 'one' } }, ConsistentRead: true }))).Item
  }

  const told = (types: Types, fields: Record<string, Value>): string[] => conversionsOf(on(types).target, table, { _id: 'one', ...fields })

  it('exact gives back every number as the kind that it was', async () => {
    sameValue(await roundTrip('exact', { ...merging, ...native }), { ...merging, ...native, e: 0.5 })
    const item = await stored('exact', merging)
    expect(item?.one).to.deep.equal({ M: { $numberDouble: { S: '1.0' } } })
    expect(item?.set).to.deep.equal({ M: { $set: { L: [{ N: '1' }, { M: { $numberDouble: { S: '-0' } } }] } } })
  })

  it('exact tells of an envelope for each of them, and of none for what N gives back', () => {
    expect(told('exact', merging)).to.deep.equal([
      'double enveloped one',
      'number enveloped zero',
      'double enveloped negative',
      'number enveloped far',
      'bigint enveloped big',
      'set enveloped set',
      'set enveloped long'
    ])
    expect(told('exact', native)).to.deep.equal([])
  })

  it('exact gives back any document, to the bit, through the server', async function () {
    this.timeout(120_000)
    const property = fc.asyncProperty(fc.array(anyDocument, { minLength: 25, maxLength: 25 }), async bodies => {
      const documents = bodies.map((body, index) => ({ ...body, _id: `${'$%'.repeat(index % 3)}${body._id}/${index}` }))
      const outcomes = await on('exact').write(table, documents, overwrite)
      expect(new Set(outcomes)).to.deep.equal(new Set(['written']))
      const ids = documents.map(({ _id }) => _id)
      const held = new Map((await on('exact').target.get(table, ids, {}))?.map(found => [found._id, found]))
      for (const sent of documents) sameValue(sorted(held.get(sent._id) as Document), sorted(sent))
    })
    await fc.assert(property, { numRuns: 30 })
  })

  it('natural stores numbers as N, and tells which come back as another kind', async () => {
    expect(await roundTrip('natural', { one: new Double(1), zero: -0, far: 2 ** 60, big: 10n ** 30n })).to.deep.equal({
      one: 1,
      zero: 0,
      far: 1152921504606847000n,
      big: 1e30
    })
    expect(told('natural', merging)).to.deep.equal([
      'double merged one',
      'number merged zero',
      'double merged negative',
      'number merged far',
      'bigint merged big',
      'number merged set',
      'number merged long'
    ])
    expect(told('natural', native)).to.deep.equal([])
  })

  it('natural tells of envelopes once each, with the place', () => {
    const fields = {
      list: [new Timestamp(0, 0), { place: new GeoPoint(1, -0) }],
      vector: new Vector([-0, NaN]),
      mixed: new ValueSet([1, 1e300, -0]),
      map: { $date: '2026-01-01T00:00:00Z' },
      literal: { $literal: { $literal: 2 ** 60 } },
      bytes: new Uint8Array(1)
    }
    expect(told('natural', fields)).to.deep.equal([
      'timestamp enveloped list[0]',
      'geoPoint enveloped list[1].place',
      'vector enveloped vector',
      'set enveloped mixed',
      'map enveloped map',
      'map enveloped literal',
      'map enveloped literal.$literal',
      'number merged literal.$literal.$literal'
    ])
  })

  it("natural gives back a user's own $literal of a number that comes back as another kind", async () => {
    const literal = { $literal: { $literal: new Double(1) } }
    expect(await roundTrip('natural', { literal, zero: { $literal: -0 } })).to.deep.equal({
      literal: { $literal: { $literal: 1 } },
      zero: { $literal: 0 }
    })
    expect(told('natural', { literal })).to.deep.equal([
      'map enveloped literal',
      'map enveloped literal.$literal',
      'double merged literal.$literal.$literal'
    ])
  })

  it('natural gives back what is inside an envelope as it was', async () => {
    const fields = { place: new GeoPoint(1, -0), vector: new Vector([-0, NaN, 2 ** 60]), mixed: new ValueSet([2 ** 60, 1e300, -0]) }
    sameValue(await roundTrip('natural', fields), fields)
  })

  it('natural and exact envelope text with half a surrogate pair, also in a set', async () => {
    const fields = { text: 'x\ud800y', set: new ValueSet(['a', '\udc00%']), reference: new Reference('a/\ud800') }
    for (const types of ['natural', 'exact'] as const) {
      sameValue(await roundTrip(types, fields), fields)
      expect(told(types, fields)).to.deep.equal(['string enveloped text', 'set enveloped set', 'reference enveloped reference'])
    }
    expect((await stored('natural', fields))?.text).to.deep.equal({ M: { $string: { S: 'x%uD800y' } } })
  })

  it('plain writes values as a person would, and tells which do not come back', async () => {
    const fields: Record<string, Value> = {
      when: new Timestamp(0, 0),
      bytes: new Uint8Array([1, 2, 3]),
      place: new GeoPoint(1, -2),
      reference: new Reference('a/b'),
      vector: new Vector([0.5, NaN]),
      strings: new ValueSet(['a', 'b']),
      binaries: new ValueSet([new Uint8Array([1])]),
      infinity: Infinity,
      far: 1e300,
      long: 10n ** 40n + 1n,
      map: { $date: '2026-01-01T00:00:00Z' }
    }
    expect(await stored('plain', fields)).to.deep.equal({
      _id: { S: 'one' },
      when: { S: '1970-01-01T00:00:00Z' },
      bytes: { S: 'AQID' },
      place: { M: { latitude: { N: '1' }, longitude: { N: '-2' } } },
      reference: { S: 'a/b' },
      vector: { L: [{ N: '0.5' }, { S: 'NaN' }] },
      strings: { L: [{ S: 'a' }, { S: 'b' }] },
      binaries: { L: [{ S: 'AQ==' }] },
      infinity: { S: 'Infinity' },
      far: { S: '1e+300' },
      long: { S: String(10n ** 40n + 1n) },
      map: { M: { $date: { S: '2026-01-01T00:00:00Z' } } }
    })
    const kinds = ['timestamp', 'bytes', 'geoPoint', 'reference', 'vector', 'set', 'set', 'number', 'number', 'bigint', 'map']
    expect(told('plain', fields)).to.deep.equal(Object.keys(fields).map((field, index) => `${kinds[index]} lossy ${field}`))
  })

  it('plain keeps as N whatever number N holds', async () => {
    const { set: _, long: __, ...numbers } = merging
    expect(await roundTrip('plain', { ...numbers, ...native })).to.deep.equal({
      one: 1,
      zero: 0,
      negative: 0,
      far: 1152921504606847000n,
      big: 1e30,
      ...native,
      e: 0.5
    })
    expect(told('plain', numbers)).to.deep.equal([
      'double merged one',
      'number merged zero',
      'double merged negative',
      'number merged far',
      'bigint merged big'
    ])
  })

  it('plain refuses text with half a surrogate pair', () => {
    for (const text of ['x\ud800y', new ValueSet(['\ud800'])]) {
      expect(on('plain').target.encode(table, { _id: 'a', text })).to.deep.include({ code: 'DOCFERRY_BAD_VALUE' })
    }
  })

  it('refuses what is no value in every mode', () => {
    for (const [types, ends] of opened) {
      const refusal = ends.target.encode(table, { _id: 'a', when: new Date() as unknown as Value })
      expect(refusal, types).to.include({ code: 'DOCFERRY_BAD_VALUE', path: 'when' })
    }
  })

  it('writes integers of any length, in every mode', async () => {
    const long = 10n ** 400n + 1n
    for (const mode of ['natural', 'exact'] as const) sameValue(await roundTrip(mode, { long }), { long })
    expect(await roundTrip('plain', { long })).to.deep.equal({ long: String(long) })
  })
})
