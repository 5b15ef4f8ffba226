/** Firestore's limits. Sizes are added up by hand from the documented rules, so that they are a third count beside plan's and the server's. */
import { Double, GeoPoint, Reference, Timestamp, Vector } from '../../../lib/values/index.ts'
import type { Value, ValueMap } from '../../../lib/values/index.ts'
import { fields, holding, nested, sizes, withId } from './boundary.ts'
import type { Boundary } from './boundary.ts'

const quotas = 'https://cloud.google.com/firestore/quotas'
const sizeRules = 'https://cloud.google.com/firestore/docs/storage-size'
const dataTypes = 'https://cloud.google.com/firestore/docs/concepts/data-types'
const vectors = 'https://cloud.google.com/firestore/docs/vector-search'

/** Part of the sizes. */
export const firestoreCollection = 'walk'

type Row = Omit<Boundary, 'provider' | 'source'> & { readonly source?: string }

/** Its path's parts with a byte each, and 16. */
const nameBytes = firestoreCollection.length + 1 + ('walk'.length + 1) + 16

/** @param bytes of the fields, by the documented rules; a single text may not have as many as a document */
function document(limit: string, map: ValueMap, bytes: number): Row {
  const filler = 600_000
  const bare = nameBytes + 32 + ('_id'.length + 1 + 'walk'.length + 1) + bytes + (2 + filler + 1) + ('pad'.length + 1 + 1)
  const make = (size: number) => ({ _id: 'walk', ...map, f: 'x'.repeat(filler), pad: 'x'.repeat(size - bare) })
  const both = sizes(size => `a document of ${size} bytes (${limit})`, 1_048_576, make)
  return { limit, ...both, code: 'DOCFERRY_TOO_LARGE', source: sizeRules }
}

function valueRow(limit: string, at: readonly [string, Value], beyond: readonly [string, Value]): Row {
  const side = ([what, value]: readonly [string, Value]) => ({ what, subject: holding(value) })
  return { limit, at: side(at), beyond: side(beyond), source: dataTypes }
}

function nameRow(limit: string, at: readonly [string, string], beyond: readonly [string, string]): Row {
  const side = ([what, name]: readonly [string, string]) => ({ what, subject: fields({ [name]: 1 }) })
  return { limit, at: side(at), beyond: side(beyond), code: 'DOCFERRY_BAD_FIELD' }
}

/** A path is the names of the maps and a byte between two of them. */
function pathRow(limit: string, where: string, make: (name: string) => Value): Row {
  const side = (bytes: number) => ({
    what: `a field path of ${bytes.toLocaleString('en-US')} bytes (${where})`,
    subject: fields({ ['n'.repeat(750)]: make('m'.repeat(bytes - 751)) })
  })
  return { limit, at: side(1500), beyond: side(1501), code: 'DOCFERRY_BAD_FIELD' }
}

function idRow(limit: string, at: readonly [string, string], beyond: readonly [string, string]): Row {
  const side = ([what, id]: readonly [string, string]) => ({ what, subject: withId(id) })
  return { limit, at: side(at), beyond: side(beyond), code: 'DOCFERRY_BAD_ID' }
}

function collectionRow(limit: string, at: readonly [string, string], beyond: readonly [string, string]): Row {
  const side = ([what, subject]: readonly [string, string]) => ({ what, subject })
  return { limit, at: side(at), beyond: side(beyond), code: 'DOCFERRY_COLLECTION_NAME' }
}

const numbers = (length: number): number[] => Array.from({ length }, (_, index) => index + 0.5)

const rows: readonly Row[] = [
  document('text', {}, 0),
  document('names and text beyond ASCII', { 'né😀': 'é😀' }, 7 + 1 + 6 + 1),
  document('numbers', { i: 1, d: 0.5, b: 2n ** 62n, w: new Double(1) }, 4 * (2 + 8)),
  document(
    'null, booleans, bytes, timestamps, points',
    { n: null, t: true, y: new Uint8Array(5), w: new Timestamp(1, 0), g: new GeoPoint(1, 2) },
    2 + 1 + (2 + 1) + (2 + 5) + (2 + 8) + (2 + 16)
  ),
  document('maps and arrays', { m: { a: 'x', l: ['y', 1] }, e: {}, k: [] }, 2 + (2 + 2) + (2 + 2 + 8) + (2 + 1) + (2 + 1)),
  document(
    'references and vectors',
    { r: new Reference(`${firestoreCollection}/walk`), v: new Vector([1, 2.5, 3]) },
    2 + nameBytes + (2 + 3 * 8)
  ),
  {
    limit: 'one text',
    ...sizes(
      size => `a text of ${size} bytes`,
      1_048_487,
      bytes => ({ _id: 'walk', v: 'x'.repeat(bytes) })
    ),
    code: 'DOCFERRY_TOO_LARGE'
  },
  {
    limit: 'one bytes value',
    ...sizes(
      size => `a bytes value of ${size} bytes`,
      1_048_487,
      bytes => ({ _id: 'walk', v: new Uint8Array(bytes) })
    ),
    code: 'DOCFERRY_TOO_LARGE'
  },
  nameRow('field name', ['a field name of 1,500 bytes', 'n'.repeat(1500)], ['a field name of 1,501 bytes', 'n'.repeat(1501)]),
  nameRow(
    'field name beyond ASCII',
    ['a field name of 1,500 bytes in 750 letters', 'é'.repeat(750)],
    ['a field name of 1,501 bytes in 751 letters', `${'é'.repeat(750)}x`]
  ),
  nameRow('field name, shortest', ['a field name of one byte', 'a'], ['an empty field name', '']),
  nameRow('reserved field names', ['the field name __x', '__x'], ['the field name __x__', '__x__']),
  nameRow('shortest reserved field name', ['the field name ____', '____'], ['the field name _____', '_____']),
  {
    limit: 'reserved field names in a map',
    at: { what: 'the field name x__ in a map', subject: holding({ x__: 1 }) },
    beyond: { what: 'the field name __x__ in a map', subject: holding({ __x__: 1 }) },
    code: 'DOCFERRY_BAD_FIELD'
  },
  nameRow(
    'Unicode text in a field name',
    ['a field name with a surrogate pair', 'a\ud83d\ude00'],
    ['a field name with half a surrogate pair', 'a\ud83d']
  ),
  pathRow('field path', 'in a map', name => ({ [name]: 1 })),
  pathRow('field path through a list', 'in a map in a list', name => [1, { [name]: 1 }]),
  pathRow('field path, not read as text', 'with dots and backticks in a map', name => ({ [`.\`${name.slice(2)}`]: 1 })),
  idRow('Unicode text in an id', ['an id with a surrogate pair', 'a\ud83d\ude00'], ['an id with half a surrogate pair', 'a\ud83d']),
  idRow('id', ['an id of 1,500 bytes', 'x'.repeat(1500)], ['an id of 1,501 bytes', 'x'.repeat(1501)]),
  idRow(
    'id beyond ASCII',
    ['an id of 1,500 bytes in 750 letters', 'é'.repeat(750)],
    ['an id of 1,501 bytes in 751 letters', `${'é'.repeat(750)}x`]
  ),
  idRow('id, shortest', ['an id of one NUL', '\0'], ['an empty id', '']),
  idRow('reserved ids', ['the id __x', '__x'], ['the id __x__', '__x__']),
  idRow('ids of integers', ['the id __id7__', '__id7__'], ['the id __id7x__', '__id7x__']),
  idRow('ids of integers, zero', ['the id __id1__', '__id1__'], ['the id __id0__', '__id0__']),
  idRow('ids of integers, one form', ['the id __id-7__', '__id-7__'], ['the id __id07__', '__id07__']),
  idRow('largest id of an integer', ['the id __id2^63-1__', `__id${2n ** 63n - 1n}__`], ['the id __id2^63__', `__id${2n ** 63n}__`]),
  idRow(
    'smallest id of an integer',
    ['the id __id-2^63__', `__id${-(2n ** 63n)}__`],
    ['the id __id-2^63-1__', `__id${-(2n ** 63n) - 1n}__`]
  ),
  idRow('id .', ['the id ...', '...'], ['the id .', '.']),
  idRow('id ..', ['the id ..a', '..a'], ['the id ..', '..']),
  idRow('slash in an id', ['the id a\\b', 'a\\b'], ['the id a/b', 'a/b']),
  collectionRow(
    'collection name',
    ['a collection name of 1,500 bytes', 'c'.repeat(1500)],
    ['a collection name of 1,501 bytes', 'c'.repeat(1501)]
  ),
  collectionRow('reserved collection names', ['the collection name __x', '__x'], ['the collection name __x__', '__x__']),
  collectionRow('collection name .', ['the collection name ...', '...'], ['the collection name .', '.']),
  {
    limit: 'depth',
    at: { what: 'a value inside 20 maps and arrays', subject: holding(nested(20)) },
    beyond: { what: 'a value inside 21 maps and arrays', subject: holding(nested(21)) },
    code: 'DOCFERRY_TOO_DEEP'
  },
  {
    ...valueRow('largest integer', ['the integer 2^63 - 1', 2n ** 63n - 1n], ['the integer 2^63', 2n ** 63n]),
    server: 'changed'
  },
  {
    ...valueRow('smallest integer', ['the integer -2^63', -(2n ** 63n)], ['the integer -2^63 - 1', -(2n ** 63n) - 1n]),
    server: 'changed'
  },
  valueRow(
    'first timestamp',
    ['the first second of year 1', new Timestamp(-62_135_596_800, 0)],
    ['the second before year 1', new Timestamp(-62_135_596_801, 0)]
  ),
  valueRow(
    'last timestamp',
    ['the last microsecond of year 9999', new Timestamp(253_402_300_799, 999_999_000)],
    ['the first second of year 10000', new Timestamp(253_402_300_800, 0)]
  ),
  {
    ...valueRow(
      'precision of timestamps',
      ['a time of 1 microsecond', new Timestamp(0, 1000)],
      ['a time of 1,001 ns', new Timestamp(0, 1001)]
    ),
    server: 'changed'
  },
  valueRow('largest latitude', ['latitude 90', new GeoPoint(90, 0)], ['latitude 90.000001', new GeoPoint(90.000001, 0)]),
  valueRow('smallest latitude', ['latitude -90', new GeoPoint(-90, 0)], ['latitude -90.000001', new GeoPoint(-90.000001, 0)]),
  valueRow('largest longitude', ['longitude 180', new GeoPoint(0, 180)], ['longitude 180.000001', new GeoPoint(0, 180.000001)]),
  valueRow('smallest longitude', ['longitude -180', new GeoPoint(0, -180)], ['longitude -180.000001', new GeoPoint(0, -180.000001)]),
  valueRow('arrays in arrays', ['an array in a map in an array', [{ a: [1] }]], ['an array in an array', [[1]]]),
  {
    ...valueRow(
      'vectors in arrays',
      ['a vector in a map in an array', [{ a: new Vector([1]) }]],
      ['a vector in an array', [new Vector([1])]]
    ),
    source: vectors
  },
  {
    ...valueRow(
      'longest vector',
      ['a vector of 2,048 dimensions', new Vector(numbers(2048))],
      ['a vector of 2,049 dimensions', new Vector(numbers(2049))]
    ),
    source: vectors
  },
  {
    ...valueRow('shortest vector', ['a vector of one dimension', new Vector([1])], ['a vector without dimensions', new Vector([])]),
    source: vectors
  },
  {
    ...valueRow('Unicode text', ['text with a surrogate pair', 'a\ud83d\ude00'], ['text with half a surrogate pair', 'a\ud83d'])
  }
]

export const firestoreBoundaries: readonly Boundary[] = rows.map(row => ({ source: quotas, ...row, provider: 'firestore' }))
