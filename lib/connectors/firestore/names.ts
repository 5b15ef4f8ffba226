/** How ids and field names stand in Firestore: as they are where it takes them, otherwise by the rule of `values/names.ts`. */
import type { Refusal } from '../../types.ts'
import { escapeName, hashedId, mustEscapeName } from '../../values/index.ts'
import { fieldNameRefusal, idRefusal } from './limits.ts'
import { isWellFormed } from './wire.ts'

/** UTF-8 of what one UTF-16 unit becomes at most: `%uD83D`. */
const longestEscapeBytes = 6
const prefixBytes = 2

/** The last part of the name of the document that holds the one with this id, or why Firestore can hold none. */
export function storedId(id: string, escapeNames: boolean): string | Refusal {
  const refusal = idRefusal(id)
  if (refusal === undefined && !mustEscapeName(id)) return id
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
  const escaped = mustEscapeName(name) || fieldNameRefusal(name, isWellFormed(name) ? bytes : -1) !== undefined
  return escaped && Buffer.byteLength(escapeName(name)) > most
}
