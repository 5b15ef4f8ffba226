/**
 * The one rule by which names (ids and field names) that a target refuses are written, and read again:
 *
 * - a name becomes `$%` and the name, in which `%` is written `%25`, `/` is written `%2F` and half a surrogate pair `%uD83D`:
 *   `a/b` is `$%a%2Fb`, the empty name is `$%`, `__name__` is `$%__name__`;
 * - a field name that is then still too long for the target moves, with its value, into the list `$%%` of the same map:
 *   `{"$%%": [name, value, name, value]}`;
 * - an id that is then still too long becomes `$%%` and the SHA-256 of its text, and the id itself stands in that list as `_id`.
 *
 * Reading undoes it wherever it meets such a name, but only where a name needs it: `$%abc` is no escaped name, for `abc` is taken everywhere.
 * So a name of a user's own that would be read as an escaped one is written escaped once more, whatever the policy.
 */
import { createHash } from 'node:crypto'
import { isMap, maxDepth, setField, tooDeep, type ValueMap } from './kinds.ts'
import type { Document, Value } from './types.ts'

const prefix = '$%'

/** The field that holds the names and values that are too long to stay. */
export const movedFieldsName = '$%%'

const escaped = /[%/]|\p{Surrogate}/gu
const escape = /%(25|2F|u[D][89A-F][0-9A-F]{2})/g

/** A name as it is written where it can't stand as it is. */
export function escapeName(name: string): string {
  return prefix + escapeText(name)
}

/** Whether a name of a user's own must be escaped in every target that escapes names at all: reading would take it for an escaped one. */
export function mustEscapeName(name: string): boolean {
  return name.charCodeAt(0) === 36 && (name === movedFieldsName || unescapeName(name) !== undefined)
}

/** The name behind an escaped one; undefined for a name that is none. */
export function unescapeName(text: string): string | undefined {
  if (!text.startsWith(prefix)) return undefined
  const name = unescapeText(text.slice(prefix.length))
  return mayNeedEscape(name) && escapeName(name) === text ? name : undefined
}

/** What some target refuses, or what would be read as escaped itself. */
function mayNeedEscape(name: string): boolean {
  return name === '' || name === '.' || name === '..' || /^(?:_|\$%)|\/|\p{Surrogate}/u.test(name)
}

/** Text with what no Unicode encoding can hold, and the sign that begins an escape, written with `%`; names also without slashes. */
export function escapeText(text: string): string {
  return text.replace(escaped, character =>
    character === '%' ? '%25' : character === '/' ? '%2F' : `%u${character.charCodeAt(0).toString(16).toUpperCase()}`
  )
}

export function unescapeText(text: string): string {
  return text.replace(escape, (_, code: string) =>
    code === '25' ? '%' : code === '2F' ? '/' : String.fromCharCode(parseInt(code.slice(1), 16))
  )
}

/** What stands for an id whose escaped form is too long. */
export function hashedId(id: string): string {
  return movedFieldsName + createHash('sha256').update(escapeText(id)).digest('hex')
}

/** The names and values that a writer has moved out of a map because of the length of the names; not a value of a document. */
export class MovedFields {
  /** Name, value, name, value. */
  readonly list: Value[]
  constructor(list: Value[]) {
    this.list = list
  }
}

/**
 * A copy in which every field whose name is too long stands in its map's `MovedFields`.
 *
 * @param isTooLong asked with the name as it is
 * @param id the id, if it is too long to be written otherwise than hashed
 */
export function moveLongNames(document: Document, isTooLong: (name: string) => boolean, id?: string): Document {
  return moveIn(document, isTooLong, 0, id === undefined ? [] : ['_id', id]) as Document
}

function moveIn(value: Value, isTooLong: (name: string) => boolean, depth: number, list: Value[] = []): Value {
  if (typeof value !== 'object' || value === null) return value
  if (depth > maxDepth) throw tooDeep()
  if (Array.isArray(value)) return value.map(element => moveIn(element, isTooLong, depth + 1))
  if (!isMap(value)) return value
  const copy: ValueMap = {}
  for (const name of Object.keys(value)) {
    const field = value[name]
    if (field === undefined) continue
    const moved = moveIn(field, isTooLong, depth + 1)
    if (isTooLong(name)) list.push(name, moved)
    else setField(copy, name, moved)
  }
  if (list.length === 0) return copy
  // A field of a user's own that has this name gives way.
  const own = copy[movedFieldsName]
  if (own !== undefined) list.push(movedFieldsName, own)
  copy[movedFieldsName] = new MovedFields(list) as unknown as Value
  return copy
}

/** Undo every escape in a document that a database gave, its envelopes decoded already. Changes the maps that it gets. */
export function restoreNames(document: Document): Document {
  const stored = document._id
  const restored = restoreIn(document, 0) as Document
  // An id from the list is as it was.
  const id = restored._id === stored ? unescapeName(stored) : undefined
  if (id !== undefined) restored._id = id
  return restored
}

function restoreIn(value: Value, depth: number): Value {
  if (typeof value !== 'object' || value === null || depth > maxDepth) return value
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) value[index] = restoreIn(value[index]!, depth + 1)
    return value
  }
  return isMap(value) ? restoreMap(value, depth) : value
}

function restoreMap(map: ValueMap, depth: number): ValueMap {
  const names = Object.keys(map)
  for (const name of names) setField(map, name, restoreIn(map[name]!, depth + 1))
  const first = names.findIndex(name => mustEscapeName(name))
  if (first === -1) return map
  const restored: ValueMap = {}
  for (const name of names) {
    const value = map[name]!
    if (name === movedFieldsName && isMovedList(value)) restoreMoved(restored, value, map)
    else if (!Object.hasOwn(restored, name) || name !== '_id') setField(restored, unescapeName(name) ?? name, value)
  }
  return restored
}

function isMovedList(value: Value): value is Value[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.length % 2 === 0 &&
    value.every((name, index) => index % 2 === 1 || typeof name === 'string')
  )
}

function restoreMoved(restored: ValueMap, list: readonly Value[], map: ValueMap): void {
  for (let index = 0; index < list.length; index += 2) {
    const name = list[index] as string
    const value = list[index + 1] as Value
    if (name === '_id' && !(typeof value === 'string' && map._id === hashedId(value))) continue
    setField(restored, name, value)
  }
}
