/**
 * Values to DynamoDB's JSON: text written in one pass, which also counts the size as the service does. It takes less time than the SDK's
 * marshalling, keeps `__proto__` and every digit of a number.
 */
import {
  Decimal,
  decimalParts,
  Double,
  escapeMap,
  isMap,
  isNumberText,
  looksLikeEnvelope,
  toEnvelope,
  ValueSet
} from '../../values/index.ts'
import type { DecimalParts, SetMember, Value, ValueMap } from '../../values/index.ts'
import { DocferryError } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import { maxContainers, maxNameBytes } from './limits.ts'
import { fitsNumber, numberBytes } from './numbers.ts'
import { base64 } from './values.ts'

/** Thrown inside an encoding, and returned by it as a refusal. */
export class Unwritable extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/** What an encoding has counted, and where it is. */
export interface Encoding {
  bytes: number
  /** Names and indexes from the item's top to the value being written. */
  readonly path: (string | number)[]
}

/** `usage_info.usage[3]` */
export function pathText(path: readonly (string | number)[]): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('')
}

const loneSurrogate = /\p{Surrogate}/u

/** JSON text of a string. @throws {Unwritable} for half a surrogate pair, which UTF-8 can't hold */
export function quote(text: string, code: ErrorCode = 'DOCFERRY_BAD_VALUE'): string {
  const json = JSON.stringify(text)
  if (json.includes('\\ud') && loneSurrogate.test(text)) {
    throw new Unwritable(code, 'half a surrogate pair: no valid Unicode, which DynamoDB needs')
  }
  return json
}

interface Name {
  readonly json: string
  readonly bytes: number
}

/** Documents of a collection share their field names: the first few thousand are quoted once. */
const knownNames = new Map<string, Name>()
const mostKnownNames = 4_096

/** An attribute's name as JSON with its colon, and its size. @throws {Unwritable} DOCFERRY_BAD_FIELD */
export function attributeName(name: string): Name {
  const known = knownNames.get(name)
  if (known) return known
  if (name === '') throw new Unwritable('DOCFERRY_BAD_FIELD', 'an empty field name; a DynamoDB attribute has at least one character')
  const bytes = Buffer.byteLength(name)
  if (bytes > maxNameBytes) {
    throw new Unwritable('DOCFERRY_BAD_FIELD', `a field name of ${bytes} bytes; a DynamoDB attribute's has at most ${maxNameBytes}`)
  }
  const made = { json: `${quote(name, 'DOCFERRY_BAD_FIELD')}:`, bytes }
  if (knownNames.size < mostKnownNames && bytes <= 128) knownNames.set(name, made)
  return made
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
      encoding.bytes += Buffer.byteLength(value)
      return `{"S":${quote(value)}}`
    case 'number':
      return Number.isFinite(value) ? writeNumber(String(value), value, encoding, depth) : writeEnvelope(value, encoding, depth)
    case 'boolean':
      encoding.bytes += 1
      return value ? '{"BOOL":true}' : '{"BOOL":false}'
    case 'bigint':
      return writeNumber(String(value), value, encoding, depth)
    case 'object':
      return writeObject(value, encoding, depth)
    default:
      throw new Unwritable('DOCFERRY_BAD_VALUE', `a value of type ${typeof value}; a document holds data only`)
  }
}

function writeObject(value: Exclude<Value, string | number | boolean | bigint>, encoding: Encoding, depth: number): string {
  if (value === null) {
    encoding.bytes += 1
    return '{"NULL":true}'
  }
  if (Array.isArray(value)) return writeList(value, encoding, depth)
  if (isMap(value)) {
    return looksLikeEnvelope(value) ? writeMap(escapeMap(value), encoding, depth, true) : writeMap(value, encoding, depth)
  }
  if (value instanceof Uint8Array) {
    encoding.bytes += value.byteLength
    return `{"B":"${base64(value)}"}`
  }
  if (value instanceof Decimal) return writeNumber(value.digits, value, encoding, depth)
  if (value instanceof Double) {
    return Number.isFinite(value.value) ? writeNumber(String(value.value), value, encoding, depth) : writeEnvelope(value, encoding, depth)
  }
  if (value instanceof ValueSet) return writeSet(value, encoding) ?? writeEnvelope(value, encoding, depth)
  return writeEnvelope(value, encoding, depth)
}

/** A value that DynamoDB has no type for. @throws {Unwritable} when it is none of docferry's values either (a Date, a user's class) */
function writeEnvelope(value: Value, encoding: Encoding, depth: number): string {
  let envelope: ValueMap
  try {
    envelope = toEnvelope(value)
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    throw new Unwritable(error.code, error.message)
  }
  return writeMap(envelope, encoding, depth, true)
}

function writeNumber(text: string, value: Value, encoding: Encoding, depth: number): string {
  if (!isNumberText(text)) throw new Unwritable('DOCFERRY_BAD_VALUE', 'a Decimal whose digits are no number')
  const parts = decimalParts(text)
  if (!fitsNumber(parts)) return writeEnvelope(value, encoding, depth)
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

/** @param literal whether the map is an envelope: what a `$literal` holds is then written as it is */
function writeMap(map: ValueMap, encoding: Encoding, depth: number, literal = false): string {
  enter(depth)
  encoding.bytes += 3
  let json = '{"M":{'
  let comma = ''
  const { path } = encoding
  for (const field of Object.keys(map)) {
    const value = map[field]
    if (value === undefined) continue
    path.push(field)
    const name = attributeName(field)
    encoding.bytes += 1 + name.bytes
    const inner =
      literal && field === '$literal' ? writeMap(value as ValueMap, encoding, depth + 1) : writeValue(value, encoding, depth + 1)
    json += comma + name.json + inner
    comma = ','
    path.pop()
  }
  return `${json}}}`
}

function enter(depth: number): void {
  if (depth < maxContainers) return
  throw new Unwritable('DOCFERRY_TOO_DEEP', `more than ${maxContainers} maps and lists inside one another; a DynamoDB item holds no more`)
}

/** A set of one kind as SS, NS or BS, each member once; `undefined` for one that DynamoDB can't hold (empty, mixed, a number too long). */
function writeSet(set: ValueSet, encoding: Encoding): string | undefined {
  const [first] = set.members
  if (first === undefined) return undefined
  const kind = setKind(first)
  const members = new Map<string, number>()
  for (const member of set.members) {
    if (setKind(member) !== kind) return undefined
    if (typeof member === 'string') members.set(quote(member), Buffer.byteLength(member))
    else if (member instanceof Uint8Array) members.set(`"${base64(member)}"`, member.byteLength)
    else {
      const text = String(member)
      const parts = isNumberText(text) ? decimalParts(text) : undefined
      if (!parts || !fitsNumber(parts)) return undefined
      members.set(`"${exactText(parts)}"`, numberBytes(parts))
    }
  }
  for (const bytes of members.values()) encoding.bytes += bytes
  return `{"${kind}":[${[...members.keys()].join(',')}]}`
}

function setKind(member: SetMember): 'SS' | 'NS' | 'BS' {
  return typeof member === 'string' ? 'SS' : member instanceof Uint8Array ? 'BS' : 'NS'
}

/** The same text for equal numbers, whatever they were written like. */
export function exactText({ negative, digits, point }: DecimalParts): string {
  return digits === '' ? '0' : `${negative ? '-' : ''}${digits}E${point - digits.length}`
}
