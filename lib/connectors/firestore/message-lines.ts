/**
 * `Document` messages to lines of JSON, without making objects of them. Only what is ordinary JSON and stands as the service writes it becomes a line;
 * whatever else there is goes through `DocumentDecoder`, which knows it all.
 */
import { contentField, documentField, entryField, idField, valueField } from './values.ts'
import { WireReader } from './wire.ts'

const varint = 0
const fixed64 = 1
const delimited = 2

const tags = {
  name: documentField.name * 8 + delimited,
  fields: documentField.fields * 8 + delimited,
  createTime: 3 * 8 + delimited,
  updateTime: documentField.updateTime * 8 + delimited,
  key: entryField.key * 8 + delimited,
  value: entryField.value * 8 + delimited,
  content: contentField * 8 + delimited,
  boolean: valueField.boolean * 8 + varint,
  integer: valueField.integer * 8 + varint,
  double: valueField.double * 8 + fixed64,
  map: valueField.map * 8 + delimited,
  array: valueField.array * 8 + delimited,
  null: valueField.null * 8 + varint,
  /** Of two bytes, as a varint is. */
  string: ((valueField.string * 8 + delimited) & 0x7f) | 0x80,
  stringRest: (valueField.string * 8 + delimited) >> 7
} as const

/** What is nested deeper is left to the decoder. */
const mostDepth = 64
/** A line without escapes has at most so many bytes for each of its message: a double is 11 bytes there and up to 25 here. */
const growth = 3
const slack = 64
const longestEscape = 6
/** Of a length, past which no message goes. */
const mostScale = 0x20_0000
const longestInteger = 10
const mostDigits = 1e9

/** Of each byte, whether it can't stand in a string as it is. */
const isEscaped = Uint8Array.from({ length: 256 }, (_, byte) => (byte < 0x20 || byte === 0x22 || byte === 0x5c ? 1 : 0))
const shortEscapes: Readonly<Record<number, string>> = {
  0x08: '\\b',
  0x09: '\\t',
  0x0a: '\\n',
  0x0c: '\\f',
  0x0d: '\\r',
  0x22: '\\"',
  0x5c: '\\\\'
}

const lineStart = Buffer.from(`{"${idField}":`)
const words = { true: Buffer.from('true'), false: Buffer.from('false'), null: Buffer.from('null') }

let source: Buffer = Buffer.alloc(0)
let at = 0
let target: Buffer = Buffer.alloc(0)
let to = 0
/** Room that the line may take without escapes. */
let left = 0

/** Most bytes that the line of a message of so many takes, if no string in it has to be escaped. */
export function mostLineBytes(messageBytes: number): number {
  return growth * messageBytes + slack
}

/**
 * Write a document as a line: `_id` first, then its fields as they stand, then the line end. The text is UTF-8 if the message's is.
 *
 * @param message holds a `Document` message from `from` up to `end`
 * @param prefix of its name: what is behind is the id
 * @param buffer has room for `mostLineBytes` behind `place`
 * @returns the place behind the line; -1 where the decoder has to see the document
 */
export function writeLine(
  message: Buffer,
  { from, end, prefix }: { readonly from: number; readonly end: number; readonly prefix: Buffer },
  buffer: Buffer,
  place: number
): number {
  source = message
  target = buffer
  at = from
  to = place
  left = mostLineBytes(end - from)
  if (source[at++] !== tags.name) return -1
  const nameEnd = readEnd(end)
  const idAt = at + prefix.length
  if (nameEnd < 0 || idAt >= nameEnd || prefix.compare(source, at, idAt) !== 0 || source[idAt] === 0x24) return -1
  at = idAt
  putBytes(lineStart)
  if (!putString(nameEnd)) return -1
  while (at < end) {
    const tag = source[at++]
    const fieldEnd = readEnd(end)
    if (fieldEnd < 0) return -1
    if (tag === tags.fields) {
      if (isId()) {
        if (!skipId(fieldEnd)) return -1
        continue
      }
      target[to++] = 0x2c
      if (!putField(fieldEnd, 0)) return -1
    } else if (tag === tags.createTime || tag === tags.updateTime) at = fieldEnd
    else return -1
  }
  target[to++] = 0x7d
  target[to++] = 0x0a
  return to
}

// Each function reads from `at` on and writes from `to` on. False: the decoder has to see the document.

/** The end of a delimited field, from its length on; -1 where it is not within the bounds. */
function readEnd(bound: number): number {
  let byte = source[at++]!
  let size = byte & 0x7f
  for (let scale = 0x80; byte >= 0x80; scale *= 0x80) {
    if (at >= bound || scale > mostScale) return -1
    byte = source[at++]!
    size += (byte & 0x7f) * scale
  }
  const end = at + size
  return end <= bound ? end : -1
}

/** Whether the field here is the `_id` that is stored beside the name. */
function isId(): boolean {
  const key = at + 2
  return source[at] === tags.key && source[at + 1] === 3 && source[key] === 0x5f && source[key + 1] === 0x69 && source[key + 2] === 0x64
}

function skipId(end: number): boolean {
  at += 5
  const isText = source[at++] === tags.value && readEnd(end) === end && source[at++] === tags.string && source[at++] === tags.stringRest
  if (!isText || readEnd(end) !== end) return false
  at = end
  return true
}

function putField(end: number, depth: number): boolean {
  if (source[at++] !== tags.key) return false
  const keyEnd = readEnd(end)
  if (keyEnd <= at) return false
  const first = source[at]
  // An envelope, an escaped name; a vector, and what else the service keeps to itself.
  if (first === 0x24 || (first === 0x5f && source[at + 1] === 0x5f)) return false
  if (!putString(keyEnd)) return false
  target[to++] = 0x3a
  return source[at++] === tags.value && readEnd(end) === end && putValue(end, depth)
}

/** From behind its length on. */
function putValue(end: number, depth: number): boolean {
  switch (source[at++]) {
    case tags.string:
      return source[at++] === tags.stringRest && readEnd(end) === end && putString(end)
    case tags.integer:
      return putInteger(end)
    case tags.double:
      return at + 8 === end && putDouble()
    case tags.boolean:
      return at + 1 === end && source[at]! < 2 && putWord(source[at] === 1 ? words.true : words.false)
    case tags.null:
      return at + 1 === end && source[at] === 0 && putWord(words.null)
    case tags.map:
      return readEnd(end) === end && putItems(end, depth + 1, true)
    case tags.array:
      return readEnd(end) === end && putItems(end, depth + 1, false)
    default:
      return false
  }
}

function putItems(end: number, depth: number, isMap: boolean): boolean {
  if (depth > mostDepth) return false
  target[to++] = isMap ? 0x7b : 0x5b
  for (let isFirst = true; at < end; isFirst = false) {
    if (!isFirst) target[to++] = 0x2c
    if (source[at++] !== tags.content) return false
    const itemEnd = readEnd(end)
    if (itemEnd < 0 || !(isMap ? putField(itemEnd, depth) : putValue(itemEnd, depth))) return false
  }
  target[to++] = isMap ? 0x7d : 0x5d
  return true
}

function putWord(word: Buffer): boolean {
  at++
  putBytes(word)
  return true
}

function putBytes(bytes: Buffer): void {
  for (let index = 0; index < bytes.length; index++) target[to++] = bytes[index]!
}

/** Integers of more bytes may be negative, or too large for a number. */
const shortInteger = 7

function putInteger(end: number): boolean {
  if (end - at > shortInteger) return putLongInteger(end)
  let value = 0
  let scale = 1
  let byte = 0x80
  while (byte >= 0x80) {
    if (at >= end) return false
    byte = source[at++]!
    value += (byte & 0x7f) * scale
    scale *= 0x80
  }
  if (at !== end) return false
  putDigits(value)
  return true
}

function putLongInteger(end: number): boolean {
  if (source[end - 1]! >= 0x80) return false
  const reader = new WireReader(source, at)
  const value = end - at > longestInteger ? 0n : reader.readInt64()
  if (typeof value !== 'number' || reader.position !== end) return false
  at = end
  putText(String(value))
  return true
}

function putDigits(value: number): void {
  if (value >= mostDigits) return putText(String(value))
  let digits = 1
  for (let least = 10; value >= least; least *= 10) digits++
  let rest = value
  for (let place = to + digits - 1; place >= to; place--) {
    const tenth = Math.floor(rest / 10)
    target[place] = 0x30 + rest - 10 * tenth
    rest = tenth
  }
  to += digits
}

/** What JSON would take for an integer, or has no number for, is left. */
function putDouble(): boolean {
  const value = source.readDoubleLE(at)
  if (Number.isInteger(value) || !Number.isFinite(value)) return false
  at += 8
  if (!putDecimal(value)) putText(String(value))
  return true
}

/** Most doubles that people store have few digits behind the point. */
const decimals = 6
const decimalScale = 10 ** decimals

/**
 * The shortest text of a double, where it has up to six digits behind the point. What the quotient gives is the double that is nearest to that decimal; of
 * fifteen digits or fewer no two decimals are nearest to the same one, so that no shorter text means it.
 *
 * @returns false, with nothing written, for any other
 */
function putDecimal(value: number): boolean {
  const scaled = Math.round(Math.abs(value) * decimalScale)
  const whole = Math.floor(scaled / decimalScale)
  if (whole >= mostDigits || scaled / decimalScale !== Math.abs(value)) return false
  if (value < 0) target[to++] = 0x2d
  putDigits(whole)
  target[to++] = 0x2e
  let rest = scaled - whole * decimalScale
  for (let scale = decimalScale / 10; rest > 0; scale /= 10) {
    const digit = Math.floor(rest / scale)
    target[to++] = 0x30 + digit
    rest -= digit * scale
  }
  return true
}

function putText(text: string): void {
  for (let index = 0; index < text.length; index++) target[to++] = text.charCodeAt(index)
}

/** A text, with its quotes. */
function putString(end: number): boolean {
  const [from, bytes, out] = [at, source, target]
  let place = to
  out[place++] = 0x22
  let special = 0
  for (let index = from; index < end; index++) {
    const byte = bytes[index]!
    special |= isEscaped[byte]!
    out[place++] = byte
  }
  at = end
  if (special !== 0) return putEscaped(from, end)
  out[place++] = 0x22
  to = place
  return true
}

function putEscaped(from: number, end: number): boolean {
  // The rest of the message has its room behind.
  if (to + longestEscape * (end - from) + left > target.length) return false
  target[to++] = 0x22
  for (let index = from; index < end; index++) {
    const byte = source[index]!
    if (isEscaped[byte] === 0) target[to++] = byte
    else putText(shortEscapes[byte] ?? `\\u00${byte < 0x10 ? '0' : ''}${byte.toString(16)}`)
  }
  target[to++] = 0x22
  return true
}
