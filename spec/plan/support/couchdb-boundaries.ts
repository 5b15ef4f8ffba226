/** CouchDB's limits, and those of PouchDB behind its protocol. */
import { Decimal } from '../../../lib/values/index.ts'
import type { ValueMap } from '../../../lib/values/index.ts'
import { fields, holding, sizes, withId } from './boundary.ts'
import type { Boundary } from './boundary.ts'

const api = 'https://docs.couchdb.org/en/stable/api'
const settings = 'https://docs.couchdb.org/en/stable/config/couchdb.html'
const documents = `${api}/document/common.html`
const databases = `${api}/database/common.html`
const sizeRules = `${settings}, and couch_ejson_size.erl of Apache CouchDB`

const unicode = 'LAB.md: 400 "invalid UTF-8 JSON"'

type Row = Omit<Boundary, 'provider'>

/** @param bytes of the fields as CouchDB counts them, a comma behind each */
function document(limit: string, map: ValueMap, bytes: number, id = 'walk'): Row {
  const bare = bytes + '{"pad":""}'.length
  const make = (size: number) => ({ _id: id, ...map, pad: 'x'.repeat(size - bare) })
  const both = sizes(size => `a document of ${size} bytes (${limit})`, 8_000_000, make)
  return { limit, ...both, code: 'DOCFERRY_TOO_LARGE', source: sizeRules }
}

function idRow(limit: string, at: readonly [string, string], beyond: readonly [string, string]): Row {
  const side = ([what, id]: readonly [string, string]) => ({ what, subject: withId(id) })
  return { limit, at: side(at), beyond: side(beyond), code: 'DOCFERRY_BAD_ID', source: documents }
}

function databaseRow(limit: string, at: readonly [string, string], beyond: readonly [string, string]): Row {
  const side = ([what, subject]: readonly [string, string]) => ({ what, subject })
  return { limit, at: side(at), beyond: side(beyond), code: 'DOCFERRY_COLLECTION_NAME', source: databases }
}

const rows: readonly Row[] = [
  document('text', {}, 0),
  document('names and text beyond ASCII', { 'né😀': 'é😀' }, '"":"",'.length + 7 + 6),
  document('integers and constants', { a: 12_345, b: -7, c: [true, null] }, '"a":12345,"b":-7,"c":[true,null],'.length),
  document(
    'integers just below a power of ten',
    { n: [999_999_999_999_999, 9_999_999_999_999_998n, -99_999_999_999_999_999n, 999_999_999_999_997, 99_999_999_999_998] },
    '"n":[1000000000000000,10000000000000000,-100000000000000000,999999999999997,99999999999998],'.length
  ),
  document('maps and lists', { m: { a: 'x', l: ['y', 'z'] }, e: {}, k: [] }, '"m":{"a":"x","l":["y","z"]},"e":{},"k":[],'.length),
  document('an id of 1,000 bytes', {}, 0, 'i'.repeat(1000)),
  document('line feeds and quotes', { t: '\n"\u0001\\'.repeat(1000) }, '"t":"",'.length + 4000),
  document(
    'fractions',
    { a: 0.123456789, b: -123.456789, c: [1e300, 5e-324, 1.25e-200, 1.5e-20, 0.00125] },
    '"a":0.1,"b":-1.2,"c":[1e300,0.0,1e-200,1e-20,0.01],'.length
  ),
  idRow('id, shortest', ['an id of one space', ' '], ['an empty id', '']),
  {
    ...idRow('Unicode text in an id', ['an id with a surrogate pair', 'a\ud83d\ude00'], ['an id with half a surrogate pair', 'a\ud83d']),
    source: unicode
  },
  idRow('ids with an underscore', ['the id a_', 'a_'], ['the id _a', '_a']),
  idRow('ids of design documents', ['the id _design/a', '_design/a'], ['the id _design/', '_design/']),
  {
    limit: 'field names with an underscore',
    at: { what: 'the field name a_', subject: fields({ a_: 1 }) },
    beyond: { what: 'the field name _a', subject: fields({ _a: 1 }) },
    code: 'DOCFERRY_BAD_FIELD',
    source: documents
  },
  {
    limit: 'field names with an underscore, in a map',
    at: { what: 'the field name __proto__ in a map', subject: () => ({ _id: 'walk', value: JSON.parse('{"__proto__":1}') as ValueMap }) },
    beyond: { what: 'the field name __proto__', subject: () => JSON.parse('{"_id":"walk","__proto__":1}') as ValueMap & { _id: string } },
    code: 'DOCFERRY_BAD_FIELD',
    source: documents
  },
  {
    limit: 'Unicode text',
    at: { what: 'text with a surrogate pair', subject: holding('a\ud83d\ude00') },
    beyond: { what: 'text with half a surrogate pair', subject: holding('a\ud83d') },
    source: unicode
  },
  {
    limit: 'Unicode text in a field name',
    at: { what: 'a field name with a surrogate pair', subject: fields({ 'a\ud83d\ude00': 1 }) },
    beyond: { what: 'a field name with half a surrogate pair', subject: fields({ 'a\ud83d': 1 }) },
    code: 'DOCFERRY_BAD_FIELD',
    source: unicode
  },
  {
    limit: 'largest fraction',
    at: { what: 'the number 1.7976931348623157e308', subject: holding(Number.MAX_VALUE) },
    beyond: { what: 'the decimal 1E+400', subject: holding(new Decimal('1E+400')) },
    source: 'LAB.md: 1e400 refuses the whole batch'
  },
  {
    limit: 'largest integer',
    at: { what: 'the integer 10^308', subject: holding(10n ** 308n) },
    beyond: { what: 'the integer 10^309', subject: holding(10n ** 309n) },
    source: 'couch_ejson_size.erl of Apache CouchDB: math:log10 of it fails, for it is no double',
    laxer: 'the front does not measure integers by their logarithm'
  },
  {
    limit: 'digits of a fraction',
    at: { what: 'the number 0.1', subject: holding(0.1) },
    beyond: { what: 'the decimal 0.10000000000000000000001', subject: holding(new Decimal('0.10000000000000000000001')) },
    source: 'LAB.md: fractions are doubles',
    server: 'changed'
  },
  databaseRow(
    'database name',
    ['a database name of 238 characters', 'w'.repeat(238)],
    ['a database name of 239 characters', 'w'.repeat(239)]
  ),
  databaseRow('database name, first character', ['the database name w1', 'w1'], ['the database name 1w', '1w']),
  databaseRow('database name, characters', ['the database name w_$()+/-', 'w_$()+/-'], ['the database name wA', 'wA'])
]

const pouchdbRows: readonly Row[] = [
  {
    limit: 'field name __proto__',
    at: { what: 'the field name __proto in a map', subject: holding({ __proto: 1 }) },
    beyond: {
      what: 'the field name __proto__ in a map',
      subject: () => ({ _id: 'walk', value: JSON.parse('{"__proto__":1}') as ValueMap })
    },
    code: 'DOCFERRY_BAD_FIELD',
    source: 'LAB.md',
    server: 'changed'
  },
  {
    limit: 'largest integer',
    at: { what: 'the integer 2^53 - 1', subject: holding(Number.MAX_SAFE_INTEGER) },
    beyond: { what: 'the integer 2^53 + 1', subject: holding(2n ** 53n + 1n) },
    source: 'LAB.md: PouchDB makes numbers doubles',
    server: 'changed'
  }
]

export const couchdbBoundaries: readonly Boundary[] = [
  ...rows.map((row): Boundary => ({ ...row, provider: 'couchdb' })),
  ...pouchdbRows.map((row): Boundary => ({ ...row, provider: 'pouchdb' }))
]
