/** DynamoDB's limits. Sizes are added up by hand from the documented rules, so that they are a third count beside plan's and the server's. */
import { Decimal, ValueSet } from '../../../lib/values/index.ts'
import type { Value, ValueMap } from '../../../lib/values/index.ts'
import { fields, holding, nested, sizes, withId } from './boundary.ts'
import type { Boundary } from './boundary.ts'

const guide = 'https://docs.aws.amazon.com/amazondynamodb/latest/developerguide'
const constraints = `${guide}/Constraints.html`
const dataTypes = `${guide}/HowItWorks.NamingRulesDataTypes.html`
const sizeRules = `${guide}/CapacityUnitCalculations.html`

type Row = Omit<Boundary, 'provider' | 'source'> & { readonly source?: string }

/** @param bytes of the fields, by the documented rules */
function item(limit: string, map: ValueMap, bytes: number): Row {
  const bare = '_id'.length + 'walk'.length + bytes + 'pad'.length
  const make = (size: number) => ({ _id: 'walk', ...map, pad: 'x'.repeat(size - bare) })
  return { limit, ...sizes(size => `an item of ${size} bytes (${limit})`, 409_600, make), code: 'DOCFERRY_TOO_LARGE', source: sizeRules }
}

function number(limit: string, at: Value, beyond: Value): Row {
  const side = (value: Value) => ({ what: shown(value), subject: holding(value) })
  return { limit, at: side(at), beyond: side(beyond) }
}

function shown(value: Value): string {
  const text = String(value)
  if (!/^\d{30,}$/.test(text)) return `the number ${text}`
  return `${typeof value === 'bigint' ? 'an integer' : 'a decimal'} of ${text.length} digits`
}

const keepsUtf16 = 'DynamoDB Local keeps text in UTF-16, the service in UTF-8, which has no form for it'

const digits38 = '12345678901234567890123456789012345678'

const rows: readonly Row[] = [
  item('text', {}, 0),
  item('names and text beyond ASCII', { 'né😀': 'é😀' }, 7 + 6),
  item(
    'numbers',
    { a: 1234, b: -1234, c: 0, d: 1.5, e: new Decimal(digits38), f: 10n ** 20n },
    1 + 3 + (1 + 4) + (1 + 1) + (1 + 3) + (1 + 20) + (1 + 2)
  ),
  item('maps and lists', { m: { a: 'x', l: ['y', 'z'] }, e: {}, k: [] }, 1 + 3 + (1 + 1 + 1) + (1 + 1 + 3 + 2 + 2) + (1 + 3) + (1 + 3)),
  item('null, booleans, bytes', { n: null, t: true, y: new Uint8Array(5), z: new Uint8Array(0) }, 2 + 2 + 6 + 1),
  item(
    'sets',
    { s: new ValueSet(['a', 'bc']), n: new ValueSet([1, -25]), b: new ValueSet([new Uint8Array([1]), new Uint8Array([1, 2])]) },
    1 + 3 + (1 + 2 + 3) + (1 + 3)
  ),
  {
    limit: 'partition key, ASCII',
    at: { what: 'an id of 2,048 bytes', subject: withId('x'.repeat(2048)) },
    beyond: { what: 'an id of 2,049 bytes', subject: withId('x'.repeat(2049)) },
    code: 'DOCFERRY_BAD_ID'
  },
  {
    limit: 'partition key beyond ASCII',
    at: { what: 'an id of 2,048 bytes in 1,024 letters', subject: withId('é'.repeat(1024)) },
    beyond: { what: 'an id of 2,049 bytes in 1,025 letters', subject: withId(`${'é'.repeat(1024)}x`) },
    code: 'DOCFERRY_BAD_ID'
  },
  {
    limit: 'partition key, shortest',
    at: { what: 'an id of one NUL', subject: withId('\0') },
    beyond: { what: 'an empty id', subject: withId('') },
    code: 'DOCFERRY_BAD_ID'
  },
  {
    limit: 'depth',
    at: { what: 'a value inside 31 maps and lists (level 32)', subject: holding(nested(31)) },
    beyond: { what: 'a value inside 32 maps and lists', subject: holding(nested(32)) },
    code: 'DOCFERRY_TOO_DEEP'
  },
  number('digits', new Decimal(digits38), new Decimal(`${digits38}9`)),
  number('digits of an integer', 10n ** 38n - 1n, 10n ** 39n - 1n),
  number('digits of a fraction', new Decimal(`-0.${digits38}`), new Decimal(`-0.${digits38}9`)),
  number('largest number', 9.99e125, 1e126),
  number('largest number below zero', -9.99e125, -1e126),
  number('smallest number', 1e-130, 1e-131),
  number('smallest number below zero', -1e-130, -1e-131),
  number('finite numbers', Number.EPSILON, NaN),
  {
    limit: 'attribute name, shortest',
    at: { what: 'a field name of one byte', subject: fields({ a: 1 }) },
    beyond: { what: 'an empty field name', subject: fields({ '': 1 }) },
    code: 'DOCFERRY_BAD_FIELD'
  },
  {
    limit: 'attribute name, shortest, in a map',
    at: { what: 'a field name of one byte in a map', subject: holding({ a: 1 }) },
    beyond: { what: 'an empty field name in a map', subject: holding({ '': 1 }) },
    code: 'DOCFERRY_BAD_FIELD'
  },
  {
    limit: 'attribute name, longest',
    at: { what: 'a field name of 65,535 bytes', subject: fields({ ['n'.repeat(65_535)]: 1 }) },
    beyond: { what: 'a field name of 65,536 bytes', subject: fields({ ['n'.repeat(65_536)]: 1 }) },
    code: 'DOCFERRY_BAD_FIELD'
  },
  {
    limit: 'set, smallest',
    at: { what: 'a set of one member', subject: holding(new ValueSet([''])) },
    beyond: { what: 'an empty set', subject: holding(new ValueSet([])) }
  },
  {
    limit: 'Unicode text',
    at: { what: 'text with a surrogate pair', subject: holding('a\ud83d\ude00') },
    beyond: { what: 'text with half a surrogate pair', subject: holding('a\ud83d') },
    source: dataTypes,
    laxer: keepsUtf16
  },
  {
    limit: 'Unicode text in a field name',
    at: { what: 'a field name with a surrogate pair', subject: fields({ 'a\ud83d\ude00': 1 }) },
    beyond: { what: 'a field name with half a surrogate pair', subject: fields({ 'a\ud83d': 1 }) },
    code: 'DOCFERRY_BAD_FIELD',
    source: dataTypes,
    laxer: keepsUtf16
  },
  {
    limit: 'Unicode text in an id',
    at: { what: 'an id with a surrogate pair', subject: withId('a\ud83d\ude00') },
    beyond: { what: 'an id with half a surrogate pair', subject: withId('a\ud83d') },
    code: 'DOCFERRY_BAD_ID',
    source: dataTypes,
    laxer: keepsUtf16
  },
  {
    limit: 'table name, shortest',
    at: { what: 'a table name of 3 characters', subject: 'w.3' },
    beyond: { what: 'a table name of 2 characters', subject: 'w2' },
    code: 'DOCFERRY_COLLECTION_NAME'
  },
  {
    limit: 'table name, longest',
    at: { what: 'a table name of 255 characters', subject: 'w'.repeat(255) },
    beyond: { what: 'a table name of 256 characters', subject: 'w'.repeat(256) },
    code: 'DOCFERRY_COLLECTION_NAME'
  },
  {
    limit: 'table name, characters',
    at: { what: 'the table name Walk_1.2-x', subject: 'Walk_1.2-x' },
    beyond: { what: 'the table name walk$1', subject: 'walk$1' },
    code: 'DOCFERRY_COLLECTION_NAME'
  }
]

export const dynamodbBoundaries: readonly Boundary[] = rows.map(row => ({ source: constraints, ...row, provider: 'dynamodb' }))
