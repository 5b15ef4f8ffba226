/**
 * Tables and their keys: how a document's `_id` becomes a key and back.
 *
 * Docferry makes tables as Gofannon does: the key is `_id`, a string. A table with another key keeps it, and the `_id` of its documents is
 * made from the key, so that nothing else in the run has to know:
 *
 * - one string key: its value;
 * - one number key: its digits (`42`, `-1.5`, `1E+30`), the same for equal numbers;
 * - one binary key: base64;
 * - a partition key and a sort key: both of the above joined by `|`, in which `%` and `|` of a string are written `%25` and `%7C`.
 *
 * Such ids are never escaped.
 *
 * Key attributes with names of their own stay in the document as fields. On the way back the key is made from `_id`; fields of its names
 * must agree with it, and are added where they are missing. An attribute `_id` that is no part of the key becomes the field `dynamodb:_id`,
 * and that field becomes the attribute `_id` again; so an attribute that is called `dynamodb:_id` itself becomes a field by the rule of
 * `values/names.ts`, `$%dynamodb:_id`, and that field the attribute again.
 */
import { decimalParts, escapeName, hashedId, isEscapedName, isNumberText, unescapeName } from '../../values/index.ts'
import { maxHashKeyBytes, maxRangeKeyBytes } from './limits.ts'
import { idText, mayBeEscaped } from './names.ts'
import { fitsNumber, plainText } from './numbers.ts'
import { quote, Unwritable } from './text.ts'
import type { AttributeJson, ItemJson } from './values.ts'
import { formatCount } from '../../values/format-count.ts'

export interface KeyAttribute {
  readonly name: string
  readonly type: 'S' | 'N' | 'B'
}

/** The attributes of a table's key: the partition key and, in some tables, a sort key. */
export type TableKey = readonly KeyAttribute[]

/** The key of the tables that docferry makes. */
export const documentKey: TableKey = [{ name: '_id', type: 'S' }]

/** The field that holds an attribute `_id` which is no part of the key. */
export const otherIdField = 'dynamodb:_id'

const isOtherId = (name: string): boolean => name === otherIdField

/** Under which name an attribute of a table is a field, where `_id` is no part of the table's key. */
export function fieldOf(attribute: string): string {
  if (attribute === '_id') return otherIdField
  return isOtherId(attribute) || (mayBeEscaped(attribute) && isEscapedName(attribute, isOtherId)) ? escapeName(attribute) : attribute
}

/** The other way round. */
export function attributeOf(field: string): string {
  if (isOtherId(field)) return '_id'
  return (mayBeEscaped(field) ? unescapeName(field, isOtherId) : undefined) ?? field
}

/** Whether a table has the key that docferry gives it. Only there may ids be escaped. */
export function isDocumentKey(key: TableKey): boolean {
  return key.length === 1 && key[0]?.name === '_id' && key[0].type === 'S'
}

/**
 * The `_id` under which a table holds a document: itself or, in tables with docferry's own key, escaped. May still be one that the table
 * refuses, which `keyOfId` tells.
 */
export function storedId(key: TableKey, id: string, escapeNames: boolean): string {
  if (!isDocumentKey(key)) return id
  const text = idText(id, escapeNames)
  return escapeNames && Buffer.byteLength(text) > maxHashKeyBytes ? hashedId(id) : text
}

/** The `_id` of an item, as the table holds it. @throws {SyntaxError} when it has no such key */
export function idOfItem(key: TableKey, item: ItemJson): string {
  const parts = key.map(attribute => keyText(attribute, item[attribute.name]))
  return parts.length === 1 ? (parts[0] as string) : key.map(({ type }, index) => joinable(type, parts[index] as string)).join('|')
}

function keyText({ type }: KeyAttribute, value: AttributeJson | undefined): string {
  const text = value?.[type]
  if (text === undefined) throw new SyntaxError('an item without its key')
  return type === 'N' ? plainText(decimalParts(text)) : text
}

function joinable(type: KeyAttribute['type'], text: string): string {
  return type === 'S' ? text.replace(/[%|]/g, mark => (mark === '%' ? '%25' : '%7C')) : text
}

/**
 * The key that an `_id` stands for, as DynamoDB's JSON.
 *
 * @throws {Unwritable} DOCFERRY_BAD_ID when it stands for none
 */
export function keyOfId(key: TableKey, id: string): Record<string, AttributeJson> {
  const parts = key.length === 1 ? [id] : id.split('|')
  if (parts.length !== key.length) {
    throw badId(`the table's key is ${keyNames(key)}: an _id must be both values, joined by one "|" ("%" and "|" inside as %25 and %7C)`)
  }
  const item: Record<string, AttributeJson> = Object.create(null) as Record<string, AttributeJson>
  key.forEach((attribute, index) => {
    const text = parts[index] as string
    item[attribute.name] = keyValue(attribute, key.length > 1 && attribute.type === 'S' ? unjoined(text) : text, index)
  })
  return item
}

function unjoined(text: string): string {
  if (/%(?!25|7C)/.test(text)) throw badId('a "%" that is neither %25 nor %7C in the _id of a table whose key has two attributes')
  return text.replace(/%(25|7C)/g, (_, code: string) => (code === '25' ? '%' : '|'))
}

function keyValue({ name, type }: KeyAttribute, text: string, index: number): AttributeJson {
  if (type === 'N') {
    const parts = isNumberText(text) ? decimalParts(text) : undefined
    if (!parts || !fitsNumber(parts) || plainText(parts) !== text) {
      throw badId(`the table's key ${name} is a number: the _id must be its digits, as docferry writes them`)
    }
    return { N: text }
  }
  const bytes = type === 'S' ? Buffer.byteLength(text) : Buffer.from(text, 'base64').byteLength
  const most = index === 0 ? maxHashKeyBytes : maxRangeKeyBytes
  if (bytes === 0) throw badId(name === '_id' ? 'an empty _id; a DynamoDB key has at least one byte' : `an empty value for the key ${name}`)
  if (bytes > most)
    throw badId(`${formatCount(bytes)} bytes; a DynamoDB ${index === 0 ? 'partition' : 'sort'} key has at most ${formatCount(most)}`)
  if (type === 'S') {
    quote(text, 'DOCFERRY_BAD_ID')
    return { S: text }
  }
  if (Buffer.from(text, 'base64').toString('base64') !== text) throw badId(`the table's key ${name} is binary: the _id must be its base64`)
  return { B: text }
}

function keyNames(key: TableKey): string {
  return key.map(({ name }) => name).join(' and ')
}

export function badId(message: string): Unwritable {
  return new Unwritable('DOCFERRY_BAD_ID', message)
}
