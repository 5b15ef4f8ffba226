/**
 * Ordinary documents as the bytes of their items, in one pass: what `toItem` writes, without making text of it. A batch's items wait in memory for
 * their answer, and bytes side by side cost the garbage collector nothing, where the pieces that a text is put together of cost more
 * than the writing. What is not ordinary is left to `toItem`.
 */
import type { Document, Value } from '../../values/index.ts'
import { isDocumentKey } from './keys.ts'
import type { TableKey } from './keys.ts'
import { maxContainers, maxHashKeyBytes, maxItemBytes } from './limits.ts'
import { ordinaryName } from './names.ts'

/** The id of a document, its item as JSON, and the size of that as the service counts it. */
export interface PackedItem {
  readonly id: string
  readonly payload: Buffer
  readonly bytes: number
}

/** The memory of a few dozen items; it is free again when none of them is needed. */
const slabBytes = 65_536

/** Text up to here is written faster character by character than by Node. */
const shortText = 64

const dollar = 36
const zero = 48
const letterU = 117
const backslash = 92
const comma = 44
const closing = 125

let slab = Buffer.allocUnsafeSlow(slabBytes)
/** Where the item begins, where the next byte goes, and what the service counts so far. */
let start = 0
let at = 0
let counted = 0

/** @returns undefined for a document that `toItem` must look at: it may write it in another way, or refuse it */
export function packItem(key: TableKey, document: Document): PackedItem | undefined {
  const { _id: id } = document
  if (!isDocumentKey(key) || typeof id !== 'string' || id === '' || id.charCodeAt(0) === dollar) return undefined
  start = at
  counted = 3
  makeRoom(16)
  writeAscii('{"_id":')
  if (!writeText(id) || counted - 3 > maxHashKeyBytes || !writeFields(document, 0, '_id')) {
    at = start
    return undefined
  }
  makeRoom(1)
  slab[at++] = closing
  if (counted > maxItemBytes) {
    at = start
    return undefined
  }
  return { id, payload: slab.subarray(start, at), bytes: counted }
}

/** @param first the field that stands there already: with a name, the others follow behind a comma */
function writeFields(map: Readonly<Record<string, Value>>, depth: number, first?: string): boolean {
  const names = Object.keys(map)
  let isFirst = first === undefined
  for (let index = 0; index < names.length; index++) {
    const name = names[index]!
    const value = map[name]
    if (value === undefined || name === first) continue
    const written = ordinaryName(name)
    if (!written) return false
    const { json, bytes } = written
    makeRoom(json.length + 1)
    if (!isFirst) slab[at++] = comma
    isFirst = false
    writeAscii(json)
    counted += first === undefined ? bytes + 1 : bytes
    if (!writeValue(value, depth)) return false
  }
  return true
}

function writeValue(value: Value, depth: number): boolean {
  switch (typeof value) {
    case 'string':
      return writeText(value)
    case 'number':
      return writeNumber(value)
    case 'boolean':
      makeRoom(16)
      writeAscii(value ? '{"BOOL":true}' : '{"BOOL":false}')
      counted += 1
      return true
    case 'object':
      return writeObject(value, depth)
    default:
      return false
  }
}

function writeObject(value: Exclude<Value, string | number | boolean | bigint>, depth: number): boolean {
  if (value === null) {
    makeRoom(16)
    writeAscii('{"NULL":true}')
    counted += 1
    return true
  }
  if (depth >= maxContainers) return false
  makeRoom(16)
  counted += 3
  if (Array.isArray(value)) {
    writeAscii('{"L":[')
    counted += value.length
    for (let index = 0; index < value.length; index++) {
      if (index > 0) slab[at++] = comma
      if (!writeValue(value[index] as Value, depth + 1)) return false
      makeRoom(16)
    }
    writeAscii(']}')
    return true
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  writeAscii('{"M":{')
  if (!writeFields(value as Readonly<Record<string, Value>>, depth + 1)) return false
  makeRoom(2)
  writeAscii('}}')
  return true
}

/** `{"S":"..."}`. @returns false for half a surrogate pair */
function writeText(text: string): boolean {
  makeRoom(6 * text.length + 16)
  writeAscii('{"S":"')
  const isWritten = text.length <= shortText ? writeShort(text) : writeLong(text)
  writeAscii('"}')
  return isWritten
}

/** As JSON.stringify and UTF-8 have it. */
function writeShort(text: string): boolean {
  const target = slab
  const { length } = text
  let to = at
  let escapes = 0
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index)
    if (code < 128) {
      const escaped = code < 93 ? escapedBy[code]! : 0
      if (escaped === 0) target[to++] = code
      else {
        target[to++] = backslash
        target[to++] = escaped
        escapes++
        if (escaped !== letterU) continue
        target[to++] = zero
        target[to++] = zero
        target[to++] = zero + (code >> 4)
        target[to++] = (code & 15) < 10 ? zero + (code & 15) : 87 + (code & 15)
        escapes += 4
      }
    } else if (code < 0x800) {
      target[to++] = 0xc0 | (code >> 6)
      target[to++] = 0x80 | (code & 63)
    } else if (code < 0xd800 || code > 0xdfff) {
      target[to++] = 0xe0 | (code >> 12)
      target[to++] = 0x80 | ((code >> 6) & 63)
      target[to++] = 0x80 | (code & 63)
    } else {
      const low = code < 0xdc00 && index + 1 < length ? text.charCodeAt(++index) : 0
      if (low < 0xdc00 || low > 0xdfff) return false
      const point = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
      target[to++] = 0xf0 | (point >> 18)
      target[to++] = 0x80 | ((point >> 12) & 63)
      target[to++] = 0x80 | ((point >> 6) & 63)
      target[to++] = 0x80 | (point & 63)
    }
  }
  counted += to - at - escapes
  at = to
  return true
}

/** Node's own writing, looked through for what it does not escape. */
function writeLong(text: string): boolean {
  const target = slab
  const to = at + target.write(text, at)
  for (let index = at; index < to; index++) {
    const byte = target[index]!
    // 0xEF begins what Node writes for half a surrogate pair.
    if ((byte < 93 && escapedBy[byte] !== 0) || byte === 0xef) return writeShort(text)
  }
  counted += to - at
  at = to
  return true
}

/** What stands behind the backslash for each character up to it; 0 for one that stands as it is. */
const escapedBy = escapeTable()

function escapeTable(): Uint8Array {
  const table = new Uint8Array(93)
  for (let code = 0; code < table.length; code++) {
    const json = JSON.stringify(String.fromCharCode(code))
    if (json.charCodeAt(1) === backslash) table[code] = json.charCodeAt(2)
  }
  return table
}

/** Safe integers, and fractions of a usual size, by their shortest digits: DynamoDB gives both back as they are. */
function writeNumber(value: number): boolean {
  if (Number.isInteger(value) && (!Number.isSafeInteger(value) || Object.is(value, -0))) return false
  const text = String(value)
  makeRoom(48)
  writeAscii('{"N":"')
  const target = slab
  const from = at
  let point = -1
  let zerosBehind = 0
  let firstDigit = -1
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    target[from + index] = code
    if (code === 46) point = index
    else if (code > 48 && code <= 57) {
      if (firstDigit === -1) firstDigit = index
      zerosBehind = 0
    } else if (code === 48) zerosBehind++
    // An exponent, or no number.
    else if (code !== 45) return false
  }
  at = from + text.length
  writeAscii('"}')
  counted += firstDigit === -1 ? 1 : bytesOfDigits(text, { firstDigit, point, zerosBehind })
  return true
}

/** As `numberBytes` has it. @param point where it stands, or -1 */
function bytesOfDigits(
  text: string,
  { firstDigit, point, zerosBehind }: { readonly firstDigit: number; readonly point: number; readonly zerosBehind: number }
): number {
  const high = point === -1 ? text.length - firstDigit : firstDigit < point ? point - firstDigit : point + 1 - firstDigit
  const low = point === -1 ? zerosBehind : point + 1 - text.length
  const pairs = Math.ceil(high / 2) - Math.floor(low / 2)
  return Math.min(pairs + (text.charCodeAt(0) === 45 ? 2 : 1), 21)
}

/** Only ASCII, for which there is room. */
function writeAscii(text: string): void {
  const target = slab
  let to = at
  for (let index = 0; index < text.length; index++) target[to++] = text.charCodeAt(index)
  at = to
}

/** Room for so many bytes more: where there is none, the item moves on to memory of its own. */
function makeRoom(bytes: number): void {
  if (at + bytes <= slab.length) return
  const written = slab.subarray(start, at)
  slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, 2 * (written.length + bytes)))
  at = written.copy(slab)
  start = 0
}
