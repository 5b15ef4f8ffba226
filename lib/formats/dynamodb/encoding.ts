/**
 * Values to DynamoDB's JSON: text written in one pass, which also counts the size as the service does. It takes less time than the SDK's
 * marshalling, keeps `__proto__` and every digit of a number.
 */
import {
  Decimal,
  decimalParts,
  Double,
  isMap,
  isNumberText,
  kindOf,
  looksLikeEnvelope,
  MovedFields,
  movedFieldsName,
  pathText,
  toEnvelope,
  toPlain,
  ValueSet
} from '../../values/index.ts'
import type { Value, ValueMap } from '../../values/index.ts'
import { DocferryError } from '../../errors.ts'
import type { Conversion, EncodeRules, OnConversion } from '../../types.ts'
import { maxContainers } from './limits.ts'
import { writeName } from './names.ts'
import { fitsNumber, keepsKind, numberBytes } from './numbers.ts'
import { writeSet } from './sets.ts'
import { quoted, quote, Unwritable } from './text.ts'
import { base64 } from './values.ts'

/** What an encoding goes by, what it has counted, and where it is. */
export class Encoding {
  rules: EncodeRules
  bytes = 0
  /** Names and indexes from the item's top to the value being written. */
  readonly path: (string | number)[] = []
  /** Set where a name or the id is too long even escaped: the JSON is then of no use, and the document is to be written with those moved. */
  tooLong = false
  private onConversion: OnConversion | undefined

  constructor(rules: EncodeRules, onConversion?: OnConversion) {
    this.rules = rules
    this.onConversion = onConversion
  }

  tell(kind: Parameters<OnConversion>[0], conversion: Conversion): void {
    this.onConversion?.(kind, conversion, () => pathText(this.path))
  }

  /**
   * Write what stands for a value that was converted as a whole: nothing in it counts apart. In an envelope numbers are exact, for nobody
   * else reads them, so that the value does come back as it was.
   */
  within(write: () => string): string {
    const { rules, onConversion } = this
    this.onConversion = undefined
    if (rules.types === 'natural') this.rules = { ...rules, types: 'exact' }
    const json = write()
    this.onConversion = onConversion
    this.rules = rules
    return json
  }
}

/**
 * JSON text of an attribute's value; its size is added to `encoding.bytes`.
 *
 * @param depth maps and lists around it
 * @throws {Unwritable} DOCFERRY_BAD_VALUE, DOCFERRY_BAD_FIELD, DOCFERRY_TOO_DEEP, with `encoding.path` at the place
 */
export function writeValue(value: Value, encoding: Encoding, depth: number): string {
  switch (typeof value) {
    case 'string':
      return writeString(value, encoding, depth)
    case 'number':
      if (!Number.isFinite(value)) return writeOther(value, encoding, depth)
      return writeNumber(String(value), value, encoding, depth, keepsKind(value))
    case 'boolean':
      encoding.bytes += 1
      return value ? '{"BOOL":true}' : '{"BOOL":false}'
    case 'bigint':
      return writeNumber(String(value), value, encoding, depth, keepsKind(value))
    case 'object':
      return writeObject(value, encoding, depth)
    default:
      throw new Unwritable('DOCFERRY_BAD_VALUE', `a value of type ${typeof value}; a document holds data only`)
  }
}

function writeString(value: string, encoding: Encoding, depth: number): string {
  const json = encoding.rules.types === 'plain' ? quote(value) : quoted(value)
  if (json === undefined) return writeOther(value, encoding, depth)
  encoding.bytes += Buffer.byteLength(value)
  return `{"S":${json}}`
}

function writeObject(value: Exclude<Value, string | number | boolean | bigint>, encoding: Encoding, depth: number): string {
  if (value === null) {
    encoding.bytes += 1
    return '{"NULL":true}'
  }
  if (Array.isArray(value)) return writeList(value, encoding, depth)
  if (isMap(value)) return looksLikeEnvelope(value) ? writeLookAlike(value, encoding, depth) : writeMap(value, encoding, depth)
  if (value instanceof Decimal) {
    if (!isNumberText(value.digits)) throw new Unwritable('DOCFERRY_BAD_VALUE', 'a Decimal whose digits are no number')
    return writeNumber(value.digits, value, encoding, depth, true)
  }
  if (value instanceof Double) {
    // Any other is the same value as its number.
    if (!Number.isSafeInteger(value.value)) return writeValue(value.value, encoding, depth)
    return writeNumber(String(value.value), value, encoding, depth, false)
  }
  if (encoding.rules.types === 'plain') return writeOther(value, encoding, depth)
  if (value instanceof Uint8Array) {
    encoding.bytes += value.byteLength
    return `{"B":"${base64(value)}"}`
  }
  return (value instanceof ValueSet && writeSet(value, encoding)) || writeOther(value, encoding, depth)
}

/** A user's own map that would be read as an envelope. */
function writeLookAlike(map: ValueMap, encoding: Encoding, depth: number): string {
  const { types } = encoding.rules
  if (types === 'plain') {
    encoding.tell('map', 'lossy')
    return writeMap(map, encoding, depth)
  }
  encoding.tell('map', 'enveloped')
  enter(depth)
  encoding.bytes += 3 + 1 + '$literal'.length
  return `{"M":{"$literal":${writeMap(map, encoding, depth + 1)}}}`
}

/**
 * A value that DynamoDB has no type for, or none that gives it back: its envelope or, with `plain`, its plain form.
 *
 * @throws {Unwritable} when it is none of docferry's values either (a Date, a user's class)
 */
function writeOther(value: Value, encoding: Encoding, depth: number): string {
  const plain = encoding.rules.types === 'plain'
  let written: Value
  try {
    written = plain ? toPlain(value) : toEnvelope(value)
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    throw new Unwritable(error.code, error.message)
  }
  encoding.tell(kindOf(value), plain ? 'lossy' : 'enveloped')
  return encoding.within(() => (isMap(written) ? writeMap(written, encoding, depth) : writeValue(written, encoding, depth)))
}

/** @param keeps whether N, where it fits, gives back the same kind of number */
function writeNumber(text: string, value: Value, encoding: Encoding, depth: number, keeps: boolean): string {
  const parts = decimalParts(text)
  if (!fitsNumber(parts) || (!keeps && encoding.rules.types === 'exact')) return writeOther(value, encoding, depth)
  if (!keeps) encoding.tell(kindOf(value), 'merged')
  encoding.bytes += numberBytes(parts)
  return `{"N":"${text}"}`
}

function writeList(list: readonly Value[], encoding: Encoding, depth: number): string {
  enter(depth)
  encoding.bytes += 3 + list.length
  let json = '{"L":['
  const { path } = encoding
  for (let index = 0; index < list.length; index++) {
    path.push(index)
    json += (index === 0 ? '' : ',') + writeValue(list[index] as Value, encoding, depth + 1)
    path.pop()
  }
  return `${json}]}`
}

function writeMap(map: ValueMap, encoding: Encoding, depth: number): string {
  enter(depth)
  encoding.bytes += 3
  let json = '{"M":{'
  let comma = ''
  for (const field of Object.keys(map)) {
    const value = map[field]
    if (value === undefined) continue
    encoding.bytes += 1
    encoding.path.push(field)
    json += comma + writeField(field, value, encoding, depth + 1)
    comma = ','
    encoding.path.pop()
  }
  return `${json}}}`
}

/** A field's name, colon and value. `encoding.path` ends in the name. */
export function writeField(field: string, value: Value, encoding: Encoding, depth: number): string {
  if (field === movedFieldsName && (value as unknown) instanceof MovedFields) {
    return writeMoved(value as unknown as MovedFields, encoding, depth)
  }
  return writeName(field, encoding) + writeValue(value, encoding, depth)
}

function writeMoved({ list }: MovedFields, encoding: Encoding, depth: number): string {
  enter(depth)
  encoding.bytes += movedFieldsName.length + 3 + list.length
  const parts: string[] = []
  const { path } = encoding
  for (let index = 0; index < list.length; index += 2) {
    path[path.length - 1] = list[index] as string
    parts.push(writeValue(list[index] as Value, encoding, depth + 1), writeValue(list[index + 1] as Value, encoding, depth + 1))
  }
  return `"${movedFieldsName}":{"L":[${parts.join(',')}]}`
}

function enter(depth: number): void {
  if (depth < maxContainers) return
  throw new Unwritable('DOCFERRY_TOO_DEEP', `more than ${maxContainers} maps and lists inside one another; a DynamoDB item holds no more`)
}
