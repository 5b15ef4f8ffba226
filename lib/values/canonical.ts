/**
 * One definite encoding of a document: equal documents have equal bytes, different ones different bytes.
 *
 * Equal as everyone who reads them sees it: fields have no order, nor have the members of a set; a field that is undefined is not there;
 * a number is its value, whatever kind holds it (1 and 1.0, 0 of either sign), where a double stands for its shortest decimal form.
 */
import { sortKeys } from './key-order.ts'
import { kindOf, maxDepth, tooDeep, type ValueMap } from './kinds.ts'
import { numberIdentity } from './numbers.ts'
import type { Decimal, Document, Double, GeoPoint, Reference, Timestamp, Value, ValueSet, Vector } from './types.ts'
import { isWellFormed } from './text.ts'

/**
 * Every value is a tag of one byte and its content; lengths and counts are 32-bit, numbers big-endian. The form is part of what receipts
 * and file trailers hold: a change of it makes their digests another.
 *
 * @throws {DocferryError} DOCFERRY_TOO_DEEP, DOCFERRY_BAD_VALUE
 */
export function canonicalBytes(document: Document): Uint8Array {
  return new Uint8Array(encodeCanonical(document))
}

/** The same without a copy: the bytes are good until the next call. */
export function encodeCanonical(document: Document): Uint8Array {
  if (buffer.length > maxKept) buffer = Buffer.allocUnsafeSlow(initialBytes)
  length = 0
  hasKinds = false
  writeValue(document, 0)
  return buffer.subarray(0, length)
}

/**
 * For a document in which numbers are of a kind that the canonical bytes do not tell (1.0, -0, a bigint): its encoding with their kinds, by
 * which it differs from an equal one with numbers of other kinds. Good until the next call; undefined for any other document.
 *
 * @param document that was encoded last
 */
export function encodeKinds(document: Document): Uint8Array | undefined {
  if (!hasKinds) return undefined
  tellsKinds = true
  try {
    return encodeCanonical(document)
  } finally {
    tellsKinds = false
  }
}

const initialBytes = 64 * 1024
/** A larger buffer is given back once its document is done with. */
const maxKept = 4 * 1024 * 1024

let buffer = Buffer.allocUnsafeSlow(initialBytes)
let length = 0
/** Whether the document has a number of which the encoding does not tell the kind. */
let hasKinds = false
let tellsKinds = false

const tag = {
  null: 0x6e,
  false: 0x66,
  true: 0x74,
  double: 0x64,
  decimal: 0x44,
  string: 0x73,
  bytes: 0x62,
  timestamp: 0x54,
  geoPoint: 0x67,
  reference: 0x72,
  vector: 0x76,
  set: 0x53,
  array: 0x61,
  map: 0x6d,
  /** Before a number of that kind, where kinds are told. */
  isDouble: 0x31,
  isNegativeZero: 0x32,
  isBigint: 0x33
} as const

function writeValue(value: Value, depth: number): void {
  switch (typeof value) {
    case 'string':
      writeTag(tag.string)
      return writeString(value)
    case 'number':
      if (Object.is(value, -0)) writeKind(tag.isNegativeZero)
      writeTag(tag.double)
      return writeDouble(value)
    case 'boolean':
      return writeTag(value ? tag.true : tag.false)
    default:
      return writeOther(value, depth)
  }
}

function writeOther(value: Value, depth: number): void {
  switch (kindOf(value)) {
    case 'null':
      return writeTag(tag.null)
    case 'map':
      return writeMap(value as ValueMap, depth)
    case 'array':
      return writeArray(value as Value[], depth)
    case 'bigint':
      // A smaller one is read back as a number.
      if (!Number.isSafeInteger(Number(value))) writeKind(tag.isBigint)
      return writeExact(String(value))
    case 'decimal':
      return writeExact((value as Decimal).digits)
    case 'double':
      return writeDoubleKind((value as Double).value)
    case 'timestamp':
      writeTag(tag.timestamp)
      writeDouble((value as Timestamp).seconds)
      return writeCount((value as Timestamp).nanoseconds)
    case 'bytes':
      return writeBytes(value as Uint8Array)
    case 'geoPoint':
      writeTag(tag.geoPoint)
      writeDouble((value as GeoPoint).latitude)
      return writeDouble((value as GeoPoint).longitude)
    case 'reference':
      writeTag(tag.reference)
      return writeString((value as Reference).path)
    case 'vector':
      writeTag(tag.vector)
      writeCount((value as Vector).values.length)
      return (value as Vector).values.forEach(writeDouble)
    default:
      return writeSet(value as ValueSet, depth)
  }
}

function writeMap(map: ValueMap, depth: number): void {
  if (depth > maxDepth) throw tooDeep()
  const keys = sortKeys(Object.keys(map))
  writeTag(tag.map)
  const countAt = length
  writeCount(0)
  let count = 0
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!
    const field = map[key]
    if (field === undefined) continue
    count++
    writeString(key)
    writeValue(field, depth + 1)
  }
  patchCount(countAt, count)
}

function writeArray(elements: readonly Value[], depth: number): void {
  if (depth > maxDepth) throw tooDeep()
  writeTag(tag.array)
  writeCount(elements.length)
  for (let index = 0; index < elements.length; index++) writeValue(elements[index]!, depth + 1)
}

/** The members in the order of their own encodings. */
function writeSet(set: ValueSet, depth: number): void {
  writeTag(tag.set)
  writeCount(set.members.length)
  const start = length
  const encodings = set.members.map(member => {
    const from = length
    writeValue(member, depth + 1)
    return Buffer.from(buffer.subarray(from, length))
  })
  length = start
  for (const encoding of encodings.sort((a, b) => a.compare(b))) writeRaw(encoding)
}

/** A number of any length: as a double where it is one. */
function writeExact(text: string): void {
  const identity = numberIdentity(text)
  const double = Number(text)
  if (Number.isFinite(double) && numberIdentity(String(double)) === identity) {
    writeTag(tag.double)
    writeDouble(double)
  } else {
    writeTag(tag.decimal)
    writeString(identity)
  }
}

function writeBytes(bytes: Uint8Array): void {
  writeTag(tag.bytes)
  writeCount(bytes.length)
  writeRaw(bytes)
}

/** Longer strings are faster to copy by Buffer's own code than character by character. */
const shortString = 48

function writeString(text: string): void {
  reserve(4 + text.length * 3)
  const countAt = length
  length += 4
  const ascii = text.length <= shortString && writeAscii(text)
  if (!ascii) writeUtf8(text)
  patchCount(countAt, length - countAt - 4)
}

function writeAscii(text: string): boolean {
  const target = buffer
  const start = length
  const end = text.length
  for (let index = 0; index < end; index++) {
    const code = text.charCodeAt(index)
    if (code > 127) return false
    target[start + index] = code
  }
  length = start + end
  return true
}

function writeUtf8(text: string): void {
  const written = buffer.write(text, length)
  if (written === text.length || isWellFormed(text)) length += written
  else writeIllFormed(text)
}

/** UTF-8 in which a lone surrogate is three bytes like any other code point of its size; Buffer would write U+FFFD for all of them. */
function writeIllFormed(text: string): void {
  for (const character of text) {
    const code = character.codePointAt(0)!
    if (code < 0xd800 || code > 0xdfff) {
      length += buffer.write(character, length)
    } else {
      buffer[length++] = 0xe0 | (code >> 12)
      buffer[length++] = 0x80 | ((code >> 6) & 0x3f)
      buffer[length++] = 0x80 | (code & 0x3f)
    }
  }
}

const scratch = new Float64Array(1)
const scratchBytes = new Uint8Array(scratch.buffer)
const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

function writeDouble(value: number): void {
  reserve(8)
  // Adding 0 makes 0 of -0.
  scratch[0] = Number.isNaN(value) ? NaN : value + 0
  const target = buffer
  const start = length
  for (let index = 0; index < 8; index++) target[start + index] = scratchBytes[littleEndian ? 7 - index : index]!
  length = start + 8
}

function writeKind(kind: number): void {
  hasKinds = true
  if (tellsKinds) writeTag(kind)
}

/** A number that is no integer, or too large to be one, is a double whichever way it is held. */
function writeDoubleKind(value: number): void {
  if (Object.is(value, -0)) writeKind(tag.isNegativeZero)
  else if (Number.isSafeInteger(value)) writeKind(tag.isDouble)
  writeTag(tag.double)
  writeDouble(value)
}

function writeTag(byte: number): void {
  reserve(1)
  buffer[length++] = byte
}

function writeCount(count: number): void {
  reserve(4)
  patchCount(length, count)
  length += 4
}

function patchCount(at: number, count: number): void {
  const target = buffer
  target[at] = count >>> 24
  target[at + 1] = count >>> 16
  target[at + 2] = count >>> 8
  target[at + 3] = count
}

function writeRaw(bytes: Uint8Array): void {
  reserve(bytes.length)
  buffer.set(bytes, length)
  length += bytes.length
}

function reserve(bytes: number): void {
  if (length + bytes <= buffer.length) return
  const larger = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, length + bytes))
  buffer.copy(larger, 0, 0, length)
  buffer = larger
}
