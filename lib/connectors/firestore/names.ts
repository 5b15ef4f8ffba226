/** How ids and field names stand in Firestore: as they are where it takes them, otherwise by the rule of `values/names.ts`. */
import type { EncodeRules, Refusal } from '../../types.ts'
import { escapeName, hashedId, isEscapedName, isWellFormed, movedFieldsName, type NameRules } from '../../values/index.ts'
import { fieldNameRefusal, idRefusal, isDocumentPath } from './limits.ts'

/** UTF-8 of what one UTF-16 unit becomes at most: `%uD83D`. */
const longestEscapeBytes = 6
const prefixBytes = 2

/** Where a whole path is too long, names of more bytes than this move: so many fit into a path of as many levels as Firestore takes. */
export const longestMovingName = 64

/** Which names Firestore refuses. */
export const names: NameRules = {
  refusesId: id => idRefusal(id) !== undefined,
  refusesField,
  mayMove: name => isTooLong(name, longestMovingName)
}

/** `$%%` is taken: only what is moved stands there. */
function refusesField(name: string): boolean {
  return name === movedFieldsName || fieldNameRefusal(name, isWellFormed(name) ? Buffer.byteLength(name) : -1) !== undefined
}

/** Whether a user's own field of this name would be read as another. */
export function mustEscapeField(name: string): boolean {
  return name === movedFieldsName || isEscapedName(name, refusesField)
}

/**
 * The name, inside its collection, of the document that holds the one with this id, or why Firestore can hold none. Of an id that is a path it
 * is that path, where there are subcollections; no part of it is escaped.
 */
export function storedId(
  id: string,
  { escapeNames, subcollections = false }: Pick<EncodeRules, 'escapeNames' | 'subcollections'>
): string | Refusal {
  const isPath = id.includes('/') && isDocumentPath(id)
  if (isPath && subcollections) return id
  const refusal = idRefusal(id)
  if (refusal !== undefined && !escapeNames && id.includes('/'))
    return { ...refusal, message: `${refusal.message}${slashAdvice(isPath, subcollections)}` }
  if (refusal === undefined && !isEscapedName(id, names.refusesId)) return id
  if (refusal !== undefined && !escapeNames) return refusal
  const escaped = escapeName(id)
  const tooLong = idRefusal(escaped)
  if (tooLong === undefined) return escaped
  return escapeNames ? hashedId(id) : tooLong
}

function slashAdvice(isPath: boolean, subcollections: boolean): string {
  if (isPath) return '; --subcollections takes it for the path of a document in a subcollection'
  return subcollections ? ', unless it is the path of a document in a subcollection, which this is not' : ''
}

/** Whether a field can't have this name, even escaped, where a name takes at most so many bytes. */
export function isTooLong(name: string, most: number): boolean {
  if (name.length * longestEscapeBytes + prefixBytes <= most) return false
  const bytes = Buffer.byteLength(name)
  if (bytes > most) return true
  const escaped = mustEscapeField(name) || refusesField(name)
  return escaped && Buffer.byteLength(escapeName(name)) > most
}
