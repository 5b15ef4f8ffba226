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
 * Key attributes with names of their own stay in the document as fields. On the way back the key is made from `_id`; fields of its names
 * must agree with it, and are added where they are missing. An attribute `_id` that is no part of the key becomes the field `dynamodb:_id`,
 * and that field becomes the attribute `_id` again.
 */
import { Decimal, decimalParts, Double, isNumberText, setField } from '../../values/index.ts'
import type { Document, Value } from '../../values/index.ts'
import { grouped, maxHashKeyBytes, maxItemBytes, maxRangeKeyBytes } from './limits.ts'
import { fitsNumber, plainText } from './numbers.ts'
import { attributeName, pathText, quote, Unwritable, writeValue } from './encoding.ts'
import type { Encoding } from './encoding.ts'
import { base64, readValue } from './values.ts'
import type { AttributeJson, ItemJson } from './values.ts'
import type { Refusal } from '../../types.ts'

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

/** An item as JSON text, its size as the service counts it, and its key. */
export interface ItemText {
  readonly id: string
  readonly json: string
  readonly bytes: number
}

/** The `_id` of an item. @throws {SyntaxError} when it has no such key */
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
    throw badId(`${grouped(bytes)} bytes; a DynamoDB ${index === 0 ? 'partition' : 'sort'} key has at most ${grouped(most)}`)
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

function badId(message: string): Unwritable {
  return new Unwritable('DOCFERRY_BAD_ID', message)
}

/** An item as a document. @throws {SyntaxError} for what can't be one */
export function toDocument(key: TableKey, item: ItemJson): Document {
  const document: Document = { _id: idOfItem(key, item) }
  const idIsKey = key.some(({ name }) => name === '_id')
  for (const name of Object.keys(item)) {
    if (name === '_id') {
      if (idIsKey) continue
      if (Object.hasOwn(item, otherIdField))
        throw new SyntaxError(`an item with attributes _id and ${otherIdField}, neither of them its key`)
      document[otherIdField] = readValue(item._id as AttributeJson)
    } else setField(document, name, readValue(item[name] as AttributeJson))
  }
  return document
}

/** A document as an item, or why this table would refuse it. */
export function toItem(key: TableKey, document: Document): ItemText | Refusal {
  const encoding: Encoding = { bytes: 0, path: [] }
  try {
    return writeItem(key, document, encoding)
  } catch (error) {
    if (!(error instanceof Unwritable)) throw error
    const path = pathText(encoding.path)
    return path === '' ? { code: error.code, message: error.message } : { code: error.code, message: error.message, path }
  }
}

function writeItem(key: TableKey, document: Document, encoding: Encoding): ItemText | Refusal {
  const { path } = encoding
  const { _id: id } = document
  path.push('_id')
  if (typeof id !== 'string') throw badId('no string _id')
  const keyAttributes = keyOfId(key, id)
  const idIsKey = '_id' in keyAttributes
  let json = ''
  for (const { name } of key) {
    json += `${json && ','}${writeName(name, encoding)}${writeKey(keyAttributes[name] as AttributeJson, encoding)}`
  }
  path.pop()
  let largest = ''
  let largestBytes = 0
  for (const field of Object.keys(document)) {
    const value = document[field]
    if (field === '_id' || value === undefined) continue
    path.push(field)
    if (field in keyAttributes) {
      if (!agrees(keyAttributes[field] as AttributeJson, value))
        throw badId('this field is a key of the table, and differs from what the _id says')
    } else {
      const before = encoding.bytes
      json += `,${writeName(field === otherIdField && !idIsKey ? '_id' : field, encoding)}${writeValue(value, encoding, 0)}`
      if (encoding.bytes - before > largestBytes) {
        largestBytes = encoding.bytes - before
        largest = field
      }
    }
    path.pop()
  }
  if (encoding.bytes <= maxItemBytes) return { id, json: `{${json}}`, bytes: encoding.bytes }
  const sizes = `${grouped(encoding.bytes)} bytes, ${grouped(largestBytes)} of them in its largest field`
  const message = `${sizes}; a DynamoDB item holds at most ${grouped(maxItemBytes)}`
  return { code: 'DOCFERRY_TOO_LARGE', message, path: largest }
}

function writeName(name: string, encoding: Encoding): string {
  const { json, bytes } = attributeName(name)
  encoding.bytes += bytes
  return json
}

function writeKey(value: AttributeJson, encoding: Encoding): string {
  if (value.B !== undefined) {
    encoding.bytes += Buffer.from(value.B, 'base64').byteLength
    return `{"B":"${value.B}"}`
  }
  return writeValue(value.N === undefined ? (value.S as string) : new Decimal(value.N), encoding, 0)
}

/** Whether a field holds what the key says. */
function agrees(key: AttributeJson, value: Value): boolean {
  if (key.S !== undefined) return value === key.S
  if (key.B !== undefined) return value instanceof Uint8Array && base64(value) === key.B
  if (typeof value !== 'number' && typeof value !== 'bigint' && !(value instanceof Decimal) && !(value instanceof Double)) return false
  const text = value instanceof Double ? String(value.value) : String(value)
  return isNumberText(text) && plainText(decimalParts(text)) === key.N
}
