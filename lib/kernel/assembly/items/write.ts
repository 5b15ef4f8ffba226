/** A document's JSON to an item: DynamoDB's types are put around its values, and its size is counted as the service does. */
import { copy, copyString, COUNTED, INPUT, OUTPUT, skipDigits, state } from './shared.ts'

/** Maps and lists inside one another, in an attribute; bytes of an id, of a name, of an item: `lib/formats/dynamodb/limits.ts`. */
const mostDepth: i32 = 31
const mostIdBytes: usize = 2_048
const mostNameBytes: usize = 65_535
const mostBytes: usize = 409_600
/** Significant digits of a double. */
const mostDigits: usize = 17
/** Bytes of a number that are written as they stand. */
const mostLength: usize = 40
const mostInteger: u64 = 9007199254740991

/** `{"S":"`, `{"N":"`, `{"M":{` and `{"L":[`; `{"BOOL":` and `{"NULL":`; `true}` and `false}`. */
const beforeText: u64 = 0x223a2253227b
const beforeNumber: u64 = 0x223a224e227b
const beforeMap: u64 = 0x7b3a224d227b
const beforeList: u64 = 0x5b3a224c227b
const beforeBoolean: u64 = 0x3a224c4f4f42227b
const beforeNull: u64 = 0x3a224c4c554e227b
const trueEnd: u64 = 0x7d65757274
const falseEnd: u64 = 0x7d65736c6166

/** Bytes as the service counts them. */
let counted: usize = 0

/**
 * Write the item of a document.
 *
 * @param length of the input: JSON without space between tokens, with sixteen zeros behind it, in which no map has a name twice
 * @returns the item's length; 0 where it may have to be written in another way, or refused
 */
export function writeItem(length: usize): usize {
  state.at = INPUT
  state.out = OUTPUT
  state.isHalf = false
  counted = 0
  if (load<u8>(INPUT) != 0x7b || !writeFields() || state.at != INPUT + length || state.isHalf || counted > mostBytes) return 0
  store<u32>(COUNTED, <u32>counted)
  return state.out - OUTPUT
}

/** The document's own. */
function writeFields(): bool {
  let hasId = false
  store<u8>(state.out, 0x7b)
  state.at += 1
  state.out += 1
  while (true) {
    const isId = load<u32>(state.at) == 0x64695f22 && load<u8>(state.at + 4) == 0x22
    if (!writeName()) return false
    if (isId) {
      // One that begins with `$` may be an escaped one.
      if (load<u8>(state.at) != 0x22 || load<u8>(state.at + 1) == 0x24 || load<u8>(state.at + 1) == 0x5c) return false
      hasId = true
      if (!writeText() || state.size == 0 || state.size > mostIdBytes) return false
    } else if (!writeValue(0)) return false
    const code = load<u8>(state.at)
    store<u8>(state.out, code)
    state.at += 1
    state.out += 1
    if (code == 0x7d) return hasId
    if (code != 0x2c) return false
  }
}

/** With its quotes and colon. */
function writeName(): bool {
  if (load<u8>(state.at) != 0x22 || load<u8>(state.at + 1) == 0x24) return false
  const from = state.at
  store<u8>(state.out, 0x22)
  state.at += 1
  state.out += 1
  if (!copyString() || state.size == 0 || state.size > mostNameBytes) return false
  // An escape is longer than what it stands for.
  if (state.size != state.at - from - 2 || load<u8>(state.at) != 0x3a) return false
  store<u8>(state.out, 0x3a)
  state.at += 1
  state.out += 1
  counted += state.size
  return true
}

function writeValue(depth: i32): bool {
  const code = load<u8>(state.at)
  if (code == 0x22) return writeText()
  if (code == 0x7b) return writeMap(depth)
  if (code == 0x5b) return writeList(depth)
  const word = load<u32>(state.at)
  if (word == 0x65757274) return writeConstant(beforeBoolean, trueEnd, 4, 13)
  if (word == 0x736c6166 && load<u8>(state.at + 4) == 0x65) return writeConstant(beforeBoolean, falseEnd, 5, 14)
  if (word == 0x6c6c756e) return writeConstant(beforeNull, trueEnd, 4, 13)
  return writeNumber()
}

function writeConstant(head: u64, end: u64, length: usize, written: usize): bool {
  store<u64>(state.out, head)
  store<u64>(state.out + 8, end)
  state.at += length
  state.out += written
  counted += 1
  return true
}

function writeText(): bool {
  store<u64>(state.out, beforeText)
  state.at += 1
  state.out += 6
  if (!copyString()) return false
  store<u8>(state.out, 0x7d)
  state.out += 1
  counted += state.size
  return true
}

function writeMap(depth: i32): bool {
  if (depth >= mostDepth) return false
  store<u64>(state.out, beforeMap)
  state.at += 1
  state.out += 6
  counted += 3
  if (load<u8>(state.at) == 0x7d) state.at += 1
  else
    while (true) {
      counted += 1
      if (!writeName() || !writeValue(depth + 1)) return false
      const code = load<u8>(state.at)
      state.at += 1
      if (code == 0x7d) break
      if (code != 0x2c) return false
      store<u8>(state.out, 0x2c)
      state.out += 1
    }
  store<u16>(state.out, 0x7d7d)
  state.out += 2
  return true
}

function writeList(depth: i32): bool {
  if (depth >= mostDepth) return false
  store<u64>(state.out, beforeList)
  state.at += 1
  state.out += 6
  counted += 3
  if (load<u8>(state.at) == 0x5d) state.at += 1
  else
    while (true) {
      counted += 1
      if (!writeValue(depth + 1)) return false
      const code = load<u8>(state.at)
      state.at += 1
      if (code == 0x5d) break
      if (code != 0x2c) return false
      store<u8>(state.out, 0x2c)
      state.out += 1
    }
  store<u16>(state.out, 0x7d5d)
  state.out += 2
  return true
}

/** A safe integer, or a fraction with no more digits than a double has: as it stands there. */
function writeNumber(): bool {
  const start = state.at
  const isNegative = load<u8>(start) == 0x2d
  const first = isNegative ? start + 1 : start
  const point = skipDigits(first)
  if (point == first || (load<u8>(first) == 0x30 && point > first + 1)) return false
  let end = point
  /** Of the first and behind the last digit that is not zero. */
  let from: usize = 0
  let to: usize = 0
  for (let at = first; at < point; at++) {
    if (load<u8>(at) == 0x30) continue
    if (from == 0) from = at
    to = at + 1
  }
  if (load<u8>(point) == 0x2e) {
    end = skipDigits(point + 1)
    const inFront = to
    for (let at = point + 1; at < end; at++) {
      if (load<u8>(at) == 0x30) continue
      if (from == 0) from = at
      to = at + 1
    }
    // 1.0 is another number than 1.
    if (to == inFront) return false
  }
  if ((load<u8>(end) | 0x20) == 0x65 || end - start > mostLength) return false
  if (from == 0) {
    if (isNegative) return false
    counted += 1
  } else {
    if (to - from > mostDigits + (from < point && to > point ? 1 : 0)) return false
    if (end == point && !isSafe(first, point)) return false
    const high = <i32>(point - from) + (from < point ? 0 : 1)
    const low = to > point ? <i32>(point + 1 - to) : <i32>(point - to)
    const bytes = ((high + 1) >> 1) - (low >> 1) + (isNegative ? 2 : 1)
    counted += bytes < 21 ? <usize>bytes : 21
  }
  store<u64>(state.out, beforeNumber)
  state.out += 6
  const length = end - start
  copy(state.out, start, length)
  store<u16>(state.out + length, 0x7d22)
  state.out += length + 2
  state.at = end
  return true
}

function isSafe(first: usize, end: usize): bool {
  if (end - first > 16) return false
  let value: u64 = 0
  for (let at = first; at < end; at++) value = value * 10 + <u64>(load<u8>(at) - 0x30)
  return value <= mostInteger
}
