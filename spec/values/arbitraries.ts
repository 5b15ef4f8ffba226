/** fast-check arbitraries over all values, with the keys and the numbers that make trouble. */
import fc from 'fast-check'
import {
  Decimal,
  Double,
  GeoPoint,
  normalText,
  Reference,
  Timestamp,
  ValueSet,
  Vector,
  decimalParts,
  numberFromText,
  setField,
  type Document,
  type SetMember,
  type Value,
  type ValueMap
} from '../../lib/values/index.ts'

/** Any string, lone surrogates included. */
export const anyString = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map(code => String.fromCharCode(code)) })
)

const awkwardKeys = [
  '$date',
  '$literal',
  '$binary',
  '$numberLong',
  '$numberDouble',
  '$numberDecimal',
  '$numberInt',
  '$geoPoint',
  '$reference',
  '$vector',
  '$set',
  '$array',
  '$x',
  '__proto__',
  'constructor',
  'toJSON',
  '',
  '0',
  'base64',
  'subType',
  'größe',
  '名'
]

export const anyKey = fc.oneof(fc.constantFrom(...awkwardKeys), anyString)

const bigintPast = fc.bigInt().filter(value => value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER)

export const anyBigint = fc.oneof(
  bigintPast,
  fc.bigInt({ min: 10n ** 20n, max: 10n ** 40n }),
  fc.constantFrom(2n ** 53n, -(2n ** 53n), 10n ** 23n, 2n ** 60n)
)

export const anyDecimal = fc
  .tuple(
    fc.boolean(),
    fc.stringMatching(/^[1-9]\d{17,40}$/),
    fc.oneof(fc.integer({ min: -60, max: 60 }), fc.integer({ min: -999, max: 999 }))
  )
  .map(([negative, digits, point]) => normalText(decimalParts(`${negative ? '-' : ''}0.${digits}E${point}`)))
  .filter(text => numberFromText(text) instanceof Decimal)
  .map(text => new Decimal(text))

/** A number as a value in its normal form: a plain number unless it is a safe integer by chance. */
export const anyNumber = fc.oneof(
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(-0, 0, 2 ** 53, 1e21, 1e20, -1e20, 1e300, 5e-324, Number.MAX_VALUE, 0.1, 1 / 3)
)

const anyDouble = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, -0, 1, 100)).map(value => new Double(value))

export const anyTimestamp = fc
  .tuple(
    fc.oneof(fc.integer({ min: -8.64e12, max: 8.64e12 }), fc.integer({ min: 0, max: 4e9 })),
    fc.oneof(fc.integer({ min: 0, max: 999_999_999 }), fc.constantFrom(0, 1e6, 1e3, 120_000_000))
  )
  .map(([seconds, nanoseconds]) => new Timestamp(seconds, nanoseconds))

export const anyBytes = fc.uint8Array({ maxLength: 40 })

const anySet = fc
  .oneof(
    fc.uniqueArray(anyString, { minLength: 1, maxLength: 5 }) as fc.Arbitrary<SetMember[]>,
    fc.uniqueArray(fc.oneof(fc.integer({ min: -50, max: 50 }), anyBigint, anyDecimal), {
      minLength: 1,
      maxLength: 5,
      selector: String
    }) as fc.Arbitrary<SetMember[]>,
    fc.uniqueArray(anyBytes, { minLength: 1, maxLength: 5, selector: String }) as fc.Arbitrary<SetMember[]>
  )
  .map(members => new ValueSet(members))

export const anySpecial: fc.Arbitrary<Value> = fc.oneof(
  anyBigint,
  anyDouble,
  anyDecimal,
  anyBytes,
  anyTimestamp,
  fc.tuple(fc.double({ noNaN: true }), fc.double()).map(([latitude, longitude]) => new GeoPoint(latitude, longitude)),
  anyString.map(path => new Reference(path)),
  fc.array(fc.double(), { maxLength: 6 }).map(values => new Vector(values)),
  anySet
)

/** What stands inside envelopes, right and wrong, so that look-alikes come up often. */
const envelopeContent: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom<Value>(
    '2026-01-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    'soon',
    '5',
    '1.0',
    '-0',
    'NaN',
    '12345678901234567890',
    '0.5',
    '1e400',
    5,
    null,
    true
  ),
  fc.constantFrom<Value>([1, 2], [1, [2]], ['a', 'a'], ['a', 'b'], [], [new Double(1), 0.5], [10n ** 20n], [NaN, 1]),
  fc.constantFrom<Value>({ base64: 'AQI=', subType: '00' }, { base64: 'AQI', subType: '00' }, { base64: 'AQI=', subType: '04' }, {})
)

export const anyValue: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>(tie => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    fc.oneof(anyString, anyNumber, fc.boolean(), fc.constant(null), anySpecial),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.tuple(fc.constantFrom(...awkwardKeys), fc.oneof(envelopeContent, tie('value'))).map(field => mapOf([field])),
    fc.array(fc.tuple(anyKey, tie('value')), { maxLength: 5 }).map(mapOf)
  )
})).value

export const anyDocument: fc.Arbitrary<Document> = fc
  .tuple(fc.string({ minLength: 1 }), fc.array(fc.tuple(anyKey, anyValue), { maxLength: 6 }))
  .map(([id, fields]) => ({ ...mapOf(fields), _id: id }))

function mapOf(fields: readonly (readonly [string, Value])[]): ValueMap {
  const map: ValueMap = {}
  for (const [key, value] of fields) setField(map, key, value)
  return map
}
