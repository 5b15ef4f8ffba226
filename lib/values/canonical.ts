/**
 * One definite encoding of a document: equal documents have equal bytes, different ones different bytes.
 *
 * Equal as everyone who reads them sees it: fields have no order, nor have the members of a set; a field that is undefined is not there;
 * a number is its value, whatever kind holds it (1 and 1.0, 0 of either sign), where a double stands for its shortest decimal form.
 */
import { sortKeys } from './key-order.ts'
import { kindOf, maxDepth, tooDeep, type ValueMap } from './kinds.ts'
import { bigintText, numberIdentity } from './numbers.ts'
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

/** The same without a copy, for any value: the bytes are good until the next call. */
export function encodeCanonical(document: Value): Uint8Array {
  if (buffer.length > maxKept) replaceBuffer(Buffer.allocUnsafeSlow(initialBytes))
  if (kindCount > maxKeptKinds) kindPlaces.length = kindTags.length = 0
  kindCount = 0
  hasKindsInSets = false
  length = writeValue(document, 0, 0)
  return buffer.subarray(0, length)
}

/**
 * For a document in which numbers are of a kind that the canonical bytes do not tell (1.0, -0, a bigint): its encoding with their kinds, by
 * which it differs from an equal one with numbers of other kinds. Good until the next call; undefined for any other document.
 *
 * @param document that was encoded last
 */
export function encodeKinds(document: Document): Uint8Array | undefined {
  if (kindCount === 0) return undefined
  if (!hasKindsInSets) return insertKinds()
  tellsKinds = true
  try {
    return encodeCanonical(document)
  } finally {
    tellsKinds = false
  }
}

/** The bytes that were written last, with the kind in front of each number that has one. */
function insertKinds(): Uint8Array {
  const bytes = Buffer.allocUnsafe(length + kindCount)
  let from = 0
  for (let index = 0; index < kindCount; index++) {
    const at = kindPlaces[index]!
    bytes.set(buffer.subarray(from, at), from + index)
    bytes[at + index] = kindTags[index]!
    from = at
  }
  bytes.set(buffer.subarray(from, length), from + kindCount)
  return bytes
}

const initialBytes = 64 * 1024
/** A larger buffer is given back once its document is done with. */
const maxKept = 4 * 1024 * 1024
const maxKeptKinds = 10_000
/** More bytes than the tags, counts and numbers of one value take, without what it holds. */
const slack = 32

let buffer: Buffer = Buffer.allocUnsafeSlow(initialBytes)
let view: DataView = new DataView(buffer.buffer)
/** Of the encoding that was made last. */
let length = 0
/** Where in it the numbers stand of which it does not tell the kind, and their kinds. */
const kindPlaces: number[] = []
const kindTags: number[] = []
let kindCount = 0
/** Members of a set do not stay where they were written, and kinds would change their order. */
let hasKindsInSets = false
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

// Each function writes at a place and gives the place behind it. What has no bound makes its own room; the rest fits into `slack`.

function writeValue(value: Value, depth: number, at: number): number {
  reserve(at + slack)
  switch (typeof value) {
    case 'string':
      return writeString(value, writeTag(tag.string, at))
    case 'number':
      return writeDouble(value, writeTag(tag.double, Object.is(value, -0) ? writeKind(tag.isNegativeZero, at) : at))
    case 'boolean':
      return writeTag(value ? tag.true : tag.false, at)
    default:
      return writeOther(value, depth, at)
  }
}

function writeOther(value: Value, depth: number, at: number): number {
  switch (kindOf(value)) {
    case 'null':
      return writeTag(tag.null, at)
    case 'map':
      return writeMap(value as ValueMap, depth, at)
    case 'array':
      return writeArray(value as Value[], depth, at)
    case 'bigint':
      // A smaller one is read back as a number.
      return writeExact(bigintText(value as bigint), Number.isSafeInteger(Number(value)) ? at : writeKind(tag.isBigint, at))
    case 'decimal':
      return writeExact((value as Decimal).digits, at)
    case 'double':
      return writeDoubleKind((value as Double).value, at)
    case 'timestamp': {
      const { seconds, nanoseconds } = value as Timestamp
      return writeCount(nanoseconds, writeDouble(seconds, writeTag(tag.timestamp, at)))
    }
    case 'bytes':
      return writeBytes(value as Uint8Array, at)
    case 'geoPoint': {
      const { latitude, longitude } = value as GeoPoint
      return writeElement(longitude, writeElement(latitude, writeTag(tag.geoPoint, at)))
    }
    case 'reference':
      return writeString((value as Reference).path, writeTag(tag.reference, at))
    case 'vector':
      return writeVector(value as Vector, at)
    default:
      return writeSet(value as ValueSet, depth, at)
  }
}

function writeMap(map: ValueMap, depth: number, start: number): number {
  if (depth > maxDepth) throw tooDeep()
  const keys = sortKeys(Object.keys(map))
  const countAt = writeTag(tag.map, start)
  let at = writeCount(0, countAt)
  let count = 0
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!
    const field = map[key]
    if (field === undefined) continue
    count++
    at = writeValue(field, depth + 1, writeString(key, at))
  }
  view.setUint32(countAt, count)
  return at
}

function writeArray(elements: readonly Value[], depth: number, start: number): number {
  if (depth > maxDepth) throw tooDeep()
  let at = writeCount(elements.length, writeTag(tag.array, start))
  for (let index = 0; index < elements.length; index++) at = writeValue(elements[index]!, depth + 1, at)
  return at
}

function writeVector({ values }: Vector, start: number): number {
  let at = writeCount(values.length, writeTag(tag.vector, start))
  reserve(at + 9 * values.length)
  for (let index = 0; index < values.length; index++) at = writeElement(values[index]!, at)
  return at
}

/** A double without a tag of its own. Where kinds are told, two texts of equal values differ first where only one has a kind, before a 0. */
function writeElement(value: number, at: number): number {
  return writeDouble(value, Object.is(value, -0) ? writeKind(tag.isNegativeZero, at) : at)
}

/** The members in the order of their own encodings. */
function writeSet({ members }: ValueSet, depth: number, start: number): number {
  const first = writeCount(members.length, writeTag(tag.set, start))
  const kindsBefore = kindCount
  const encodings = members.map(member => {
    const end = writeValue(member, depth + 1, first)
    return Buffer.from(buffer.subarray(first, end))
  })
  if (kindCount > kindsBefore) hasKindsInSets = true
  let at = first
  for (const encoding of encodings.sort((a, b) => a.compare(b))) at = writeRaw(encoding, at)
  return at
}

/** A number of any length: as a double where it is one. */
function writeExact(text: string, at: number): number {
  const identity = numberIdentity(text)
  const double = Number(text)
  const isDouble = Number.isFinite(double) && numberIdentity(String(double)) === identity
  return isDouble ? writeDouble(double, writeTag(tag.double, at)) : writeString(identity, writeTag(tag.decimal, at))
}

function writeBytes(bytes: Uint8Array, at: number): number {
  return writeRaw(bytes, writeCount(bytes.length, writeTag(tag.bytes, at)))
}

/** Longer strings are faster to copy by Buffer's own code than character by character. */
const shortString = 28

function writeString(text: string, countAt: number): number {
  const size = text.length
  const start = countAt + 4
  reserve(start + size * 3)
  const end = size > shortString ? writeLong(text, start) : writeUnits(text, start)
  view.setUint32(countAt, end - start)
  return end
}

function writeLong(text: string, at: number): number {
  const written = buffer.write(text, at)
  return written === text.length || isWellFormed(text) ? at + written : writeUnits(text, at)
}

/** UTF-8 in which a lone surrogate is three bytes like any other code point of its size; Buffer would write U+FFFD for all of them. */
function writeUnits(text: string, start: number): number {
  const target = buffer
  const size = text.length
  let at = start
  for (let index = 0; index < size; index++) {
    const code = text.charCodeAt(index)
    if (code < 0x80) target[at++] = code
    else if (code < 0x800) {
      target[at++] = 0xc0 | (code >> 6)
      target[at++] = 0x80 | (code & 0x3f)
    } else {
      const point = code >= 0xd800 && code < 0xdc00 ? text.codePointAt(index)! : code
      if (point < 0x10000) target[at++] = 0xe0 | (point >> 12)
      else {
        index++
        target[at++] = 0xf0 | (point >> 18)
        target[at++] = 0x80 | ((point >> 12) & 0x3f)
      }
      target[at++] = 0x80 | ((point >> 6) & 0x3f)
      target[at++] = 0x80 | (point & 0x3f)
    }
  }
  return at
}

function writeDouble(value: number, at: number): number {
  // Adding 0 makes 0 of -0; there is one NaN.
  view.setFloat64(at, Number.isNaN(value) ? NaN : value + 0)
  return at + 8
}

function writeKind(kind: number, at: number): number {
  if (tellsKinds) return writeTag(kind, at)
  kindPlaces[kindCount] = at
  kindTags[kindCount++] = kind
  return at
}

/** A number that is no integer, or too large to be one, is a double whichever way it is held. */
function writeDoubleKind(value: number, start: number): number {
  let at = start
  if (Object.is(value, -0)) at = writeKind(tag.isNegativeZero, at)
  else if (Number.isSafeInteger(value)) at = writeKind(tag.isDouble, at)
  return writeDouble(value, writeTag(tag.double, at))
}

function writeTag(byte: number, at: number): number {
  buffer[at] = byte
  return at + 1
}

function writeCount(count: number, at: number): number {
  view.setUint32(at, count)
  return at + 4
}

function writeRaw(bytes: Uint8Array, at: number): number {
  reserve(at + bytes.length)
  buffer.set(bytes, at)
  return at + bytes.length
}

function reserve(bytes: number): void {
  if (bytes > buffer.length) grow(bytes)
}

function grow(bytes: number): void {
  const larger = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, bytes))
  buffer.copy(larger)
  replaceBuffer(larger)
}

function replaceBuffer(replacement: Buffer): void {
  buffer = replacement
  view = new DataView(replacement.buffer, replacement.byteOffset, replacement.length)
}
