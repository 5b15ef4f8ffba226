/** The few structured queries that are asked. All are in order of names, which is the order of the ids' UTF-8 bytes. */

interface NameValue {
  readonly referenceValue: string
}

export interface NameCursor {
  readonly values: readonly NameValue[]
  readonly before: boolean
}

/** The part used of `google.firestore.v1.StructuredQuery`. */
export interface Query {
  readonly from: readonly { readonly collectionId?: string; readonly allDescendants?: boolean }[]
  readonly select?: { readonly fields: readonly { readonly fieldPath: string }[] }
  readonly where?: object
  readonly orderBy?: typeof byName
  readonly startAt?: NameCursor
  readonly endAt?: NameCursor
  readonly offset?: number
  readonly limit?: { readonly value: number }
}

export const namesOnly = [{ fieldPath: '__name__' }]

export const byName = [{ field: { fieldPath: '__name__' }, direction: 'ASCENDING' }] as const

/** As a start: from this name on, or after it. As an end: up to and without it, or with it. */
export function nameCursor(name: string, { before }: { readonly before: boolean }): NameCursor {
  return { values: [{ referenceValue: name }], before }
}

/** Sorts before every other id. */
const firstId = '__id-9223372036854775808__'

/** Paths inside a collection: from this one on, and up to and without that one; null at an end. */
export interface PathRange {
  readonly from: string | null
  readonly to: string | null
}

/**
 * Every document in a top-level collection and below its documents: all kinds of documents that there are, by their names, as the vendor's own
 * `recursiveDelete` asks. It needs no index, and does not give documents that are only a path to others.
 */
export function descendantsOf(root: string, collection: string, { from, to }: PathRange = { from: null, to: null }): Query {
  const bound = (op: string, name: string): object => ({
    fieldFilter: { field: { fieldPath: '__name__' }, op, value: { referenceValue: `${root}/${name}` } }
  })
  const first = bound('GREATER_THAN_OR_EQUAL', `${collection}/${from ?? firstId}`)
  const end = bound('LESS_THAN', to === null ? `${collection}\0/${firstId}` : `${collection}/${to}`)
  return { from: [{ allDescendants: true }], where: { compositeFilter: { op: 'AND', filters: [first, end] } } }
}
