/** Names of attributes as DynamoDB takes them, by the rule of `values/names.ts`. */
import { escapeName, isEscapedName, isWellFormed, movedFieldsName } from '../../values/index.ts'
import type { NameRules } from '../../values/index.ts'
import type { Encoding } from './encoding.ts'
import { maxHashKeyBytes, maxNameBytes } from './limits.ts'
import { quote, Unwritable } from './text.ts'

/** Whether a name that was read may be an escaped one: a cheap look. */
export function mayBeEscaped(name: string): boolean {
  return name.charCodeAt(0) === 36 && name.charCodeAt(1) === 37
}

interface Name {
  /** With its colon. */
  readonly json: string
  readonly bytes: number
}

/** Documents of a collection share their field names: the first few thousand that are written as they are get quoted once. */
const knownNames = new Map<string, Name>()
const mostKnownNames = 4_096

/**
 * An attribute's name as JSON with its colon; its size is added to `encoding.bytes`.
 *
 * @throws {Unwritable} DOCFERRY_BAD_FIELD, with `encoding.path` ending in the name
 */
export function writeName(name: string, encoding: Encoding): string {
  const { json, bytes } = knownNames.get(name) ?? makeName(name, encoding)
  encoding.bytes += bytes
  return json
}

function makeName(name: string, encoding: Encoding): Name {
  const { escapeNames } = encoding.rules
  const text = fieldText(name, escapeNames)
  if (text === '') throw badField('an empty field name; a DynamoDB attribute has at least one character')
  const bytes = Buffer.byteLength(text)
  const tooLong = bytes > maxNameBytes
  if (tooLong && !escapeNames) throw badField(`a field name of ${bytes} bytes; a DynamoDB attribute's has at most ${maxNameBytes}`)
  if (tooLong) encoding.tooLong = true
  if (tooLong || text !== name) encoding.tell('name', 'escaped')
  const made = { json: `${quote(text, 'DOCFERRY_BAD_FIELD')}:`, bytes }
  if (text === name && knownNames.size < mostKnownNames && bytes <= 128) knownNames.set(name, made)
  return made
}

function badField(message: string): Unwritable {
  return new Unwritable('DOCFERRY_BAD_FIELD', message)
}

/** Which names DynamoDB refuses; ids are those of tables with docferry's own key. */
export const names: NameRules = {
  refusesId: id => refuses(id, maxHashKeyBytes),
  // What is moved stands in `$%%`.
  refusesField: name => name === movedFieldsName || refuses(name, maxNameBytes),
  mayMove: isTooLongName
}

function refuses(name: string, most: number): boolean {
  return name === '' || !isWellFormed(name) || Buffer.byteLength(name) > most
}

/** A field's name as it is written: escaped where it must be or, if told to, where DynamoDB refuses it. */
export function fieldText(name: string, escapeNames: boolean): string {
  const isTaken = name === movedFieldsName || isEscapedName(name, each => names.refusesField(each, 0))
  return isTaken || (escapeNames && refuses(name, maxNameBytes)) ? escapeName(name) : name
}

/** An id as it is written, as a field's name. */
export function idText(id: string, escapeNames: boolean): string {
  return isEscapedName(id, names.refusesId) || (escapeNames && names.refusesId(id)) ? escapeName(id) : id
}

/** Whether a field's name is too long for an attribute, escaped where it must be. */
export function isTooLongName(name: string): boolean {
  return Buffer.byteLength(fieldText(name, true)) > maxNameBytes
}
