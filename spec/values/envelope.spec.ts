import { expect } from 'chai'
import fc from 'fast-check'
import { DocferryError } from '../../lib/errors.ts'
import {
  Decimal,
  Double,
  GeoPoint,
  Reference,
  Timestamp,
  ValueSet,
  Vector,
  decodeEnvelopeMap,
  decodeEnvelopes,
  escapeMap,
  isMap,
  kindOf,
  looksLikeEnvelope,
  parseJson,
  setField,
  toEnvelope,
  type Value,
  type ValueMap
} from '../../lib/values/index.ts'
import { anyValue } from './arbitraries.ts'
import { sameValue } from './same-value.ts'

/** How a database without any types of its own would hold a value: everything special as an envelope. */
function encode(value: Value, inArray = false): Value {
  const kind = kindOf(value)
  if (kind === 'map') {
    const fields = encodeFields(value as ValueMap)
    return looksLikeEnvelope(value as ValueMap) ? escapeMap(fields) : fields
  }
  if (kind === 'array') {
    if (inArray) return encodeFields(toEnvelope(value))
    return (value as Value[]).map(element => encode(element, true))
  }
  const plain =
    kind === 'null' || kind === 'boolean' || kind === 'string' || (kind === 'number' && Number.isFinite(value) && !Object.is(value, -0))
  return plain ? value : encodeFields(toEnvelope(value))
}

function encodeFields(map: ValueMap): ValueMap {
  const encoded: ValueMap = {}
  for (const key of Object.keys(map)) setField(encoded, key, encode(map[key]!))
  return encoded
}

/** A reader that builds values from the bottom up, by the rule of `decodeEnvelopeMap`. */
function build(value: Value, underLiteral = false): Value {
  if (Array.isArray(value)) return value.map(element => build(element))
  if (!isMap(value)) return value
  const map: ValueMap = {}
  for (const key of Object.keys(value)) setField(map, key, build(value[key]!, key === '$literal'))
  return underLiteral ? map : decodeEnvelopeMap(map)
}

describe('values: envelopes', function () {
  this.timeout(20_000)

  const read: [string, Value][] = [
    ['{"$date":"2026-01-01T00:00:00Z"}', new Timestamp(1767225600, 0)],
    ['{"$date":"2026-01-01T01:00:00.5+01:00"}', new Timestamp(1767225600, 500_000_000)],
    ['{"$date":"2025-12-31T19:00:00.000-0500"}', new Timestamp(1767225600, 0)],
    ['{"$date":{"$numberLong":"-1500"}}', new Timestamp(-2, 500_000_000)],
    ['{"$date":5}', new Timestamp(0, 5_000_000)],
    ['{"$date":5.0}', new Timestamp(0, 5_000_000)],
    ['{"$date":{"$numberLong":"7"}}', new Timestamp(0, 7_000_000)],
    ['{"$date":-1}', new Timestamp(-1, 999_000_000)],
    ['{"$date":8640000000000000}', new Timestamp(8_640_000_000_000, 0)],
    ['{"$date":1767225600123}', new Timestamp(1767225600, 123_000_000)],
    ['{"$date":"+010000-01-01T00:00:00Z"}', new Timestamp(253402300800, 0)],
    ['{"$binary":{"base64":"AQI=","subType":"00"}}', new Uint8Array([1, 2])],
    ['{"$numberInt":"42"}', 42],
    ['{"$numberLong":"42"}', 42],
    ['{"$numberLong":"9007199254740993"}', 9007199254740993n],
    ['{"$numberDouble":"1.0"}', new Double(1)],
    ['{"$numberDouble":"1"}', new Double(1)],
    ['{"$numberDouble":"0.5"}', 0.5],
    ['{"$numberDouble":"-0"}', -0],
    ['{"$numberDouble":"-0.0"}', new Double(-0)],
    ['{"$numberDouble":"Infinity"}', Infinity],
    ['{"$numberDecimal":"1E+400"}', new Decimal('1E+400')],
    ['{"$numberDecimal":"0.10"}', 0.1],
    ['{"$geoPoint":[1,2.5]}', new GeoPoint(1, 2.5)],
    ['{"$geoPoint":[1.0,100000000000000000000]}', new GeoPoint(1, 1e20)],
    ['{"$reference":"agents/a"}', new Reference('agents/a')],
    ['{"$vector":[]}', new Vector([])],
    ['{"$set":[1,2.0,12345678901234567890]}', new ValueSet([1, 2, 12345678901234567890n])],
    ['{"$array":[1,{"$array":[2]}]}', [1, [2]]],
    ['{"$literal":{"$date":"2026-01-01T00:00:00Z"}}', { $date: '2026-01-01T00:00:00Z' }],
    ['{"$literal":{"$literal":1.0}}', { $literal: new Double(1) }]
  ]
  for (const [text, value] of read) {
    it(`reads ${text}`, () => {
      sameValue(parseJson(text), value)
      sameValue(parseJson(`{"_id":"a","x":[${text}]}`), { _id: 'a', x: [value] })
    })
  }

  const users = [
    '{"$date":"hello"}',
    '{"$date":"2026-02-30T00:00:00Z"}',
    '{"$date":"2026-01-01T24:00:00Z"}',
    '{"$date":"2026-01-01"}',
    '{"$date":"2026-01-01T00:00:00"}',
    '{"$date":"2026-01-01T00:00:00.1234567891Z"}',
    '{"$date":1.5}',
    '{"$date":-1.5}',
    '{"$date":8640000000001000}',
    '{"$date":"2026-01-01T00:00:00Z","a":1}',
    '{"$binary":{"base64":"AQI","subType":"00"}}',
    '{"$binary":{"base64":"AQI=","subType":"04"}}',
    '{"$binary":{"base64":"AQI=","subType":"00","x":1}}',
    '{"$binary":"AQI="}',
    '{"$numberLong":5}',
    '{"$numberLong":"05"}',
    '{"$numberLong":"-0"}',
    '{"$numberInt":"2147483648"}',
    '{"$numberDouble":"1e400"}',
    '{"$numberDouble":"1e-400"}',
    '{"$numberDouble":"nan"}',
    '{"$numberDecimal":"NaN"}',
    '{"$geoPoint":[1]}',
    '{"$geoPoint":[1,"2"]}',
    '{"$vector":[1,0.12345678901234567890123]}',
    '{"$vector":[12345678901234567891]}',
    '{"$set":[]}',
    '{"$set":["a","a"]}',
    '{"$set":["a",1]}',
    '{"$set":[1,1.0]}',
    '{"$reference":5}',
    '{"$array":{}}',
    '{"$literal":5}',
    '{"$literal":[{"a":1}]}',
    '{"$literal":{"a":1}}',
    '{"$literal":{"$date":"hello"}}',
    '{"$unknown":"x"}',
    '{"$collection":"agents"}'
  ]
  for (const text of users) {
    it(`leaves ${text} as the user's own map`, () => {
      const value = parseJson(`[${text}]`) as [ValueMap]
      expect(kindOf(value[0])).to.equal('map')
      expect(Object.keys(value[0])).to.deep.equal(Object.keys(JSON.parse(text) as object))
      sameValue(decodeEnvelopes(encode(value)), value)
    })
  }

  it('has one rule for what is written escaped and what is read as an envelope', () => {
    fc.assert(
      fc.property(anyValue, value => {
        sameValue(decodeEnvelopes(encode(value)), value)
      }),
      { numRuns: 3000 }
    )
  })

  it('lets a reader build from the bottom up, by one rule', () => {
    fc.assert(
      fc.property(anyValue, value => {
        sameValue(build(encode(value)), value)
      }),
      { numRuns: 2000 }
    )
  })

  it('decodes beside a field $literal that is none of ours', () => {
    const text = '{"$literal":{"$date":"2026-01-01T00:00:00Z"},"a":1}'
    const value = { $literal: new Timestamp(1767225600, 0), a: 1 }
    sameValue(parseJson(text), value)
    sameValue(decodeEnvelopes(JSON.parse(text) as Value), value)
    sameValue(build(JSON.parse(text) as Value), value)
  })

  it('gives the same object back where nothing was to decode, and changes none', () => {
    const plain = { a: [1, { b: 'x' }], n: NaN }
    expect(decodeEnvelopes(plain)).to.equal(plain)
    const frozen = Object.freeze({ a: Object.freeze({ $numberLong: '9007199254740993' }), b: plain }) as ValueMap
    const decoded = decodeEnvelopes(frozen) as ValueMap
    expect(decoded).to.deep.equal({ a: 9007199254740993n, b: plain })
    expect(decoded.b).to.equal(plain)
  })

  it('refuses clearly what is nested too deeply, and looks at it without overflowing', () => {
    for (const key of ['$literal', '$array', 'a']) {
      let value: Value = { $date: '2026-01-01T00:00:00Z' }
      for (let level = 0; level < 50_000; level++) value = { [key]: value }
      expect(looksLikeEnvelope(value)).to.equal(key === '$literal')
      for (const refused of [() => decodeEnvelopes(value), () => parseJson(`${`{"${key}":`.repeat(50_000)}1.0${'}'.repeat(50_000)}`)]) {
        expect(refused).to.throw(DocferryError).with.property('code', 'DOCFERRY_TOO_DEEP')
      }
    }
  })

  it('does not count fields that are undefined', () => {
    expect(looksLikeEnvelope({ a: undefined, $numberLong: '5' } as never)).to.equal(true)
    expect(looksLikeEnvelope({ $date: undefined } as never)).to.equal(false)
  })
})
