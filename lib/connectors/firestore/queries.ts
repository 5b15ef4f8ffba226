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

/** Every document in a top-level collection and below its documents. */
export function descendantsOf(root: string, collection: string): Query {
  const bound = (op: string, name: string): object => ({
    fieldFilter: { field: { fieldPath: '__name__' }, op, value: { referenceValue: `${root}/${name}/${firstId}` } }
  })
  const filters = [bound('GREATER_THAN_OR_EQUAL', collection), bound('LESS_THAN', `${collection}\0`)]
  return { from: [{ allDescendants: true }], where: { compositeFilter: { op: 'AND', filters } } }
}
