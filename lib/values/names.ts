/**
 * The one rule by which names (ids and field names) that a database refuses are written there, and read again:
 *
 * - a name becomes `$%` and the name, in which `%` is written `%25`, `/` is written `%2F` and half a surrogate pair `%uD83D`:
 *   `a/b` is `$%a%2Fb`, the empty name is `$%`, `__name__` is `$%__name__`;
 * - a field name that is then still too long for the database moves, with its value, into the list `$%%` of the same map:
 *   `{"$%%": [name, value, name, value]}`;
 * - an id that is then still too long becomes `$%%` and the SHA-256 of its text, and the id itself stands in that list as `_id`.
 *
 * Reading a database undoes it only for names that this database refuses: so no name that stands there by itself is taken for another's.
 * A name of a user's own that would be read as an escaped one is written escaped once more, whatever the policy.
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

/** What a database can't hold as a name. */
export type Refuses = (name: string) => boolean

/** The name behind an escaped one; undefined for a name that is none in this database. */
export function unescapeName(text: string, refuses: Refuses): string | undefined {
  if (!text.startsWith(prefix)) return undefined
  const name = unescapeText(text.slice(prefix.length))
  return escapeName(name) === text && (refuses(name) || isEscapedName(name, refuses)) ? name : undefined
}

/** Whether reading would take this name for an escaped one, so that a user's own must be escaped. */
export function isEscapedName(name: string, refuses: Refuses): boolean {
  return name.charCodeAt(0) === 36 && unescapeName(name, refuses) !== undefined
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

/** The names of one database. */
export interface NameRules {
  readonly refusesId: Refuses
  /** @param depth 0 for a field of the document itself */
  readonly refusesField: (name: string, depth: number) => boolean
  /** Whether a field's name may stand in a list of those that are too long; missing where none is. */
  readonly mayMove?: (name: string) => boolean
}

/** Undo every escape in a document that a database gave, its envelopes decoded already. Changes the maps that it gets. */
export function restoreNames(document: Document, rules: NameRules): Document {
  const stored = document._id
  const restored = restoreIn(document, rules, 0) as Document
  // An id from the list is as it was.
  const id = restored._id === stored ? unescapeName(stored, rules.refusesId) : undefined
  if (id !== undefined) restored._id = id
  return restored
}

function restoreIn(value: Value, rules: NameRules, depth: number): Value {
  if (typeof value !== 'object' || value === null || depth > maxDepth) return value
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) value[index] = restoreIn(value[index]!, rules, depth + 1)
    return value
  }
  return isMap(value) ? restoreMap(value, rules, depth) : value
}

function restoreMap(map: ValueMap, rules: NameRules, depth: number): ValueMap {
  const refuses: Refuses = name => rules.refusesField(name, depth)
  const names = Object.keys(map)
  for (const name of names) setField(map, name, restoreIn(map[name]!, rules, depth + 1))
  const moved = movedFields(map, rules, depth)
  if (!moved && !names.some(name => isEscapedName(name, refuses))) return map
  const restored: ValueMap = {}
  for (const name of names) {
    if (moved && name === movedFieldsName) for (const [long, value] of moved) setField(restored, long, value)
    else if (!moved?.has(name)) setField(restored, unescapeName(name, refuses) ?? name, map[name]!)
  }
  return restored
}

/** The fields in the list of a map, if it is one that docferry has written. */
function movedFields(map: ValueMap, { mayMove }: NameRules, depth: number): ReadonlyMap<string, Value> | undefined {
  const list = map[movedFieldsName]
  if (!mayMove || !Array.isArray(list) || list.length === 0 || list.length % 2 !== 0) return undefined
  const moved = new Map<string, Value>()
  for (let index = 0; index < list.length; index += 2) {
    const [name, value] = [list[index]!, list[index + 1]!]
    if (typeof name !== 'string') return undefined
    const isId = depth === 0 && name === '_id' && typeof value === 'string' && map._id === hashedId(value)
    const isFree = name === movedFieldsName || (mayMove(name) && !Object.hasOwn(map, name))
    if (!isId && !isFree) return undefined
    moved.set(name, value)
  }
  return moved
}
