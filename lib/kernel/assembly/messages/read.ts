/** A line of JSON, listed. What Firestore may refuse, or hold in another way than it stands there, is left to the host. */
import { readHex } from '../hex.ts'
import {
  ARRAY,
  ARRAY_END,
  DOUBLE,
  ESCAPED,
  FALSE,
  INPUT,
  INTEGER,
  KEY,
  MAP,
  MAP_END,
  MOST_TOKENS,
  NULL,
  TEXT,
  tokenAt,
  tokens,
  TRUE
} from './shared.ts'

/** Of Firestore's: `lib/connectors/firestore/limits.ts`. */
const mostDepth: i32 = 20
const mostPathBytes: usize = 1_500
const mostTextBytes: usize = 1_048_487

/** Of so many digits a decimal is the quotient of two numbers that are exact, rounded once. */
const exactDigits: usize = 15
const mostSafe: f64 = 9007199254740991
const powersOfTen = memory.data<f64>([1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15])

/** The host's, imported by this file's name: the number of which this is JSON's own form, or NaN. */
declare function readNumber(from: usize, length: usize): f64

let at: usize = 0

/** @param length of the input: valid JSON without space between tokens, in which no map has a name twice */
export function readLine(length: usize): bool {
  // Behind an end that is missing nothing is read.
  v128.store(INPUT + length, i8x16.splat(0))
  v128.store(INPUT + length + 16, i8x16.splat(0))
  at = INPUT
  tokens.count = 0
  return load<u8>(at) == 0x7b && readMembers(0, 0) && at == INPUT + length
}

/** @returns the token's place; 0 where there is no room */
function add(kind: u32): usize {
  if (tokens.count == MOST_TOKENS) return 0
  const token = tokenAt(tokens.count)
  tokens.count += 1
  store<u32>(token, kind)
  return token
}

/** @param path bytes of the names on the way to the map */
function readMembers(depth: i32, path: usize): bool {
  at += 1
  if (load<u8>(at) == 0x7d) {
    at += 1
    return true
  }
  while (true) {
    if (!readMember(depth, path)) return false
    const code = load<u8>(at)
    at += 1
    if (code == 0x7d) return true
    if (code != 0x2c) return false
  }
}

function readMember(depth: i32, path: usize): bool {
  const key = tokens.count
  const from = at + 1
  if (!readText(KEY) || load<u8>(at) != 0x3a) return false
  const size = at - 1 - from
  const first = load<u8>(from)
  // An envelope, or an escaped name; one that may be reserved.
  if (size == 0 || first == 0x24 || (first == 0x5f && load<u8>(from + 1) == 0x5f)) return false
  const length = path == 0 ? size : path + 1 + size
  if (length > mostPathBytes) return false
  at += 1
  if (!readValue(depth, length, false)) return false
  const isId = depth == 0 && size == 3 && first == 0x5f && load<u16>(from + 1) == 0x6469
  if (isId) tokens.count = key
  return true
}

function readValue(depth: i32, path: usize, isInArray: bool): bool {
  const code = load<u8>(at)
  if (code == 0x22) return readText(TEXT)
  if (code == 0x7b) return depth < mostDepth && add(MAP) != 0 && readMembers(depth + 1, path) && add(MAP_END) != 0
  if (code == 0x5b) return !isInArray && depth < mostDepth && add(ARRAY) != 0 && readItems(depth + 1, path) && add(ARRAY_END) != 0
  if (code == 0x74) return readWord(TRUE, 4)
  if (code == 0x66) return readWord(FALSE, 5)
  if (code == 0x6e) return readWord(NULL, 4)
  return readDigits()
}

function readWord(kind: u32, length: usize): bool {
  at += length
  return add(kind) != 0
}

function readItems(depth: i32, path: usize): bool {
  at += 1
  if (load<u8>(at) == 0x5d) {
    at += 1
    return true
  }
  while (true) {
    if (!readValue(depth, path, true)) return false
    const code = load<u8>(at)
    at += 1
    if (code == 0x5d) return true
    if (code != 0x2c) return false
  }
}

/** @param kind of one without escapes; a key has none */
function readText(kind: u32): bool {
  if (load<u8>(at) != 0x22) return false
  const quotes = i8x16.splat(0x22)
  const backslashes = i8x16.splat(0x5c)
  const from = at + 1
  let to = from
  let longer: usize = 0
  while (true) {
    const bytes = v128.load(to)
    const mask = i8x16.bitmask(v128.or(i8x16.eq(bytes, quotes), i8x16.eq(bytes, backslashes)))
    if (mask == 0) {
      // Zeros stand behind the input only, and control characters nowhere in JSON.
      if (load<u8>(to) < 0x20) return false
      to += 16
      continue
    }
    to += <usize>ctz(mask)
    if (load<u8>(to) == 0x22) break
    if (kind == KEY) return false
    const taken = escapeLength(to)
    if (taken == 0) return false
    longer += taken - escaped.size
    to += taken
  }
  if (to - from > mostTextBytes) return false
  const token = add(longer > 0 ? ESCAPED : kind)
  if (token == 0) return false
  store<u32>(token + 4, <u32>from)
  store<u32>(token + 8, <u32>(to - from - longer))
  at = to + 1
  return true
}

/** Of the last escape: what it stands for, and its bytes in UTF-8. */
export namespace escaped {
  export let unit: u32 = 0
  export let size: usize = 0
}

/** Bytes of an escape, its backslash included; 0 for what may be half a surrogate pair. */
export function escapeLength(from: usize): usize {
  const code = load<u8>(from + 1)
  escaped.size = 1
  if (code != 0x75) {
    escaped.unit = unitOf(code)
    return 2
  }
  const unit = readHex(from + 2)
  if (unit < 0 || (unit >= 0xd800 && unit <= 0xdfff)) return 0
  escaped.unit = <u32>unit
  escaped.size = unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3
  return 6
}

function unitOf(code: u32): u32 {
  if (code == 0x6e) return 0x0a
  if (code == 0x74) return 0x09
  if (code == 0x72) return 0x0d
  if (code == 0x62) return 0x08
  if (code == 0x66) return 0x0c
  return code
}

/** A number that JSON holds as what it is. */
function readDigits(): bool {
  const from = at
  const isNegative = load<u8>(from) == 0x2d
  let next = isNegative ? from + 1 : from
  const first = next
  let mantissa: u64 = 0
  let point: usize = 0
  while (true) {
    const code = <u32>load<u8>(next)
    const digit = code - 0x30
    if (digit <= 9) mantissa = mantissa * 10 + <u64>digit
    else if (code == 0x2e && point == 0) point = next
    else if ((code | 0x20) == 0x65) return false
    else break
    next += 1
  }
  const digits = next - first - (point == 0 ? 0 : 1)
  if (digits == 0) return false
  let value: f64 = 0
  if (digits > exactDigits) value = readNumber(from, next - from)
  else {
    const whole = <f64>mantissa
    value = point == 0 ? whole : whole / load<f64>(powersOfTen + ((next - point - 1) << 3))
    if (isNegative) value = -value
  }
  const isWhole = trunc(value) == value
  // 1.0 is another number than 1, and there are two zeros.
  if (value != value || isWhole != (point == 0) || abs(value) > mostSafe || (isNegative && value == 0)) return false
  const token = add(isWhole ? INTEGER : DOUBLE)
  if (token == 0) return false
  store<f64>(token + 8, value)
  at = next
  return true
}
