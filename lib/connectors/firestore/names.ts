/** How ids and field names stand in Firestore: as they are where it takes them, otherwise by the rule of `values/names.ts`. */
import type { Refusal } from '../../types.ts'
import { escapeName, hashedId, isEscapedName, isWellFormed, movedFieldsName, type NameRules } from '../../values/index.ts'
import { fieldNameRefusal, idRefusal } from './limits.ts'

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

/** The last part of the name of the document that holds the one with this id, or why Firestore can hold none. */
export function storedId(id: string, escapeNames: boolean): string | Refusal {
  const refusal = idRefusal(id)
  if (refusal === undefined && !isEscapedName(id, names.refusesId)) return id
  if (refusal !== undefined && !escapeNames) return refusal
  const escaped = escapeName(id)
  const tooLong = idRefusal(escaped)
  if (tooLong === undefined) return escaped
  return escapeNames ? hashedId(id) : tooLong
}

/** Whether a field can't have this name, even escaped, where a name takes at most so many bytes. */
export function isTooLong(name: string, most: number): boolean {
  if (name.length * longestEscapeBytes + prefixBytes <= most) return false
  const bytes = Buffer.byteLength(name)
  if (bytes > most) return true
  const escaped = mustEscapeField(name) || refusesField(name)
  return escaped && Buffer.byteLength(escapeName(name)) > most
}
