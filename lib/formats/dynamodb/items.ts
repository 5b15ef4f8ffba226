/** Documents as items and back, in tables with any key. */
import {
  Decimal,
  Double,
  decimalParts,
  hashedId,
  isNumberText,
  moveLongNames,
  parseText,
  pathText,
  restoreNames,
  setField
} from '../../values/index.ts'
import type { Document, Value } from '../../values/index.ts'
import { defaultRules } from '../../types.ts'
import type { EncodeRules, OnConversion, Refusal } from '../../types.ts'
import { Encoding, writeField, writeValue } from './encoding.ts'
import { attributeOf, badId, fieldOf, idOfItem, isDocumentKey, keyOfId, storedId } from './keys.ts'
import type { TableKey } from './keys.ts'
import { maxItemBytes } from './limits.ts'
import { isTooLongName, mayBeEscaped, names } from './names.ts'
import { plainText } from './numbers.ts'
import { Unwritable } from './text.ts'
import { base64, readValue } from './values.ts'
import type { AttributeJson, ItemJson } from './values.ts'
import { formatCount } from '../../values/format-count.ts'

/** An item as JSON text, its size as the service counts it, and the id of its document. */
export interface ItemText {
  readonly id: string
  readonly json: string
  readonly bytes: number
}

/** An item as a document. @throws {SyntaxError} for what can't be one */
export function toDocument(key: TableKey, item: ItemJson): Document {
  const id = idOfItem(key, item)
  const document: Document = { _id: id }
  const idIsKey = key.some(({ name }) => name === '_id')
  const reading = { sawEscaped: false }
  for (const name of Object.keys(item)) {
    if (name === '_id' && idIsKey) continue
    if (mayBeEscaped(name)) reading.sawEscaped = true
    setField(document, idIsKey ? name : fieldOf(name), readValue(item[name] as AttributeJson, reading))
  }
  const ownKey = isDocumentKey(key)
  if (!reading.sawEscaped && !(ownKey && mayBeEscaped(id))) return document
  const restored = restoreNames(document, names)
  if (!ownKey) restored._id = id
  return restored
}

/** A document as an item, or why this table would refuse it. */
export function toItem(
  key: TableKey,
  document: Document,
  rules: EncodeRules = defaultRules,
  onConversion?: OnConversion
): ItemText | Refusal {
  let encoding = new Encoding(rules, onConversion)
  try {
    const item = writeItem(key, document, encoding)
    if (!encoding.tooLong) return item
    // Everything has been told by now.
    encoding = new Encoding(rules)
    const { _id: id } = document
    const longId = storedId(key, id, rules.escapeNames) === hashedId(id) ? id : undefined
    return writeItem(key, moveLongNames(document, isTooLongName, longId), encoding)
  } catch (error) {
    if (!(error instanceof Unwritable)) throw error
    const path = pathText(encoding.path)
    return path === '' ? { code: error.code, message: error.message } : { code: error.code, message: error.message, path }
  }
}

/** The document as a table like this gives it back; itself where the table refuses it. */
export function writtenDocument(key: TableKey, document: Document, rules: EncodeRules): Document {
  const item = toItem(key, document, rules)
  if ('code' in item) return document
  return { ...toDocument(key, parseText(item.json) as ItemJson), _id: document._id }
}

function writeItem(key: TableKey, document: Document, encoding: Encoding): ItemText | Refusal {
  const { path } = encoding
  const { _id: id } = document
  path.push('_id')
  if (typeof id !== 'string') throw badId('no string _id')
  const keyAttributes = writtenKey(key, id, encoding)
  const idIsKey = '_id' in keyAttributes
  let json = ''
  for (const { name } of key) {
    encoding.bytes += Buffer.byteLength(name)
    json += `${json && ','}${JSON.stringify(name)}:${writeKey(keyAttributes[name] as AttributeJson, encoding)}`
  }
  path.pop()
  let largest = ''
  let largestBytes = 0
  for (const field of Object.keys(document)) {
    const value = document[field]
    if (field === '_id' || value === undefined) continue
    path.push(field)
    const attribute = idIsKey ? field : attributeOf(field)
    if (attribute in keyAttributes) {
      if (!agrees(keyAttributes[attribute] as AttributeJson, value))
        throw badId('this field is a key of the table, and differs from what the _id says')
    } else {
      const before = encoding.bytes
      json += `,${writeField(attribute, value, encoding, 0)}`
      if (encoding.bytes - before > largestBytes) {
        largestBytes = encoding.bytes - before
        largest = field
      }
    }
    path.pop()
  }
  if (encoding.bytes <= maxItemBytes) return { id, json: `{${json}}`, bytes: encoding.bytes }
  const sizes = `${formatCount(encoding.bytes)} bytes, ${formatCount(largestBytes)} of them in its largest field`
  const message = `${sizes}; a DynamoDB item holds at most ${formatCount(maxItemBytes)}`
  return { code: 'DOCFERRY_TOO_LARGE', message, path: largest }
}

function writtenKey(key: TableKey, id: string, encoding: Encoding): Record<string, AttributeJson> {
  const stored = storedId(key, id, encoding.rules.escapeNames)
  const attributes = keyOfId(key, stored)
  if (stored !== id) {
    encoding.tell('id', 'escaped')
    if (stored === hashedId(id)) encoding.tooLong = true
  }
  return attributes
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
