/**
 * Documents to and from Firestore's `google.firestore.v1.Document` messages. Native are null, booleans, strings, 64-bit integers, doubles
 * (so 1 and 1.0 stay different), bytes, timestamps to the microsecond, points, references, vectors, arrays and maps. The rest travels in
 * envelopes: larger integers, decimals, sets, arrays and vectors directly inside an array, and what is outside of Firestore's ranges.
 */
/** Field numbers: https://github.com/googleapis/googleapis/blob/master/google/firestore/v1/document.proto */
export const documentField = { name: 1, fields: 2, updateTime: 4 } as const
export const entryField = { key: 1, value: 2 } as const
export const valueField = {
  boolean: 1,
  integer: 2,
  double: 3,
  reference: 5,
  map: 6,
  geoPoint: 8,
  array: 9,
  timestamp: 10,
  null: 11,
  string: 17,
  bytes: 18
} as const
/** `fields` of a map, `values` of an array. */
export const contentField = 1

/** How Firestore holds a vector: a map with this field, and the numbers in `value`. */
export const vectorType = { key: '__type__', text: '__vector__' } as const

/** The field that Gofannon's own service stores beside the document's name. */
export const idField = '_id'
