/** Items to lines: DynamoDB's types are left out, and `_id` is put in front. */
import { copy, copyString, INPUT, OUTPUT, RECORD_SIZE, RECORDS, REST, skipDigits, state } from './shared.ts'

/** Maps and lists inside one another; DynamoDB has no more than 32. */
const mostDepth: i32 = 60
/** Digits that a double keeps, whatever they are. */
const safeDigits: usize = 15

/** `{"_id":`, `"_id`, `":{"S":"`, `dynamodb` and `:_id`, as little-endian words. */
const idStart: u64 = 0x3a2264695f227b
const idName: u32 = 0x64695f22
const idType: u64 = 0x223a2253227b3a22
const otherStart: u64 = 0x62646f6d616e7964
const otherRest: u32 = 0x64695f3a

/** The host's, imported by this file's name: it writes the digits that a number has in JSON, and gives their count, or -1 where JSON has no such number. */
declare function readNumber(from: usize, length: usize, to: usize): i32

/** Whether the table has docferry's own key. */
let isOwnKey: bool = true
/** Where the text of `_id` stands, from and to, with its quotes; 0: there is none. */
let idFrom: usize = 0
let idTo: usize = 0

/**
 * Read the items of a list, as many as stand whole.
 *
 * @param length of the input, which begins with an item and has sixteen zeros behind it
 * @param most items
 * @param ownKey see `readPlainItems`
 * @returns how many were read; each has its record
 */
export function readItems(length: usize, most: i32, ownKey: bool): i32 {
  const end = INPUT + length
  isOwnKey = ownKey
  let next = INPUT
  let text = OUTPUT
  let count: i32 = 0
  while (count < most && next < end && load<u8>(next) == 0x7b) {
    state.at = next
    const isPlain = readItem(text)
    const to = isPlain ? state.at : skipValue(next, end)
    if (to == 0) break
    const after = load<u8>(to)
    if (after != 0x2c && after != 0x5d) break
    const record = RECORDS + RECORD_SIZE * <usize>count
    store<u32>(record, <u32>(next - INPUT))
    store<u32>(record + 4, <u32>(to - INPUT))
    store<u32>(record + 8, isPlain ? 0 : 1)
    store<u32>(record + 12, <u32>(text - OUTPUT))
    if (isPlain) text = state.out
    store<u32>(record + 16, <u32>(text - OUTPUT))
    count += 1
    next = to + 1
    if (after == 0x5d) break
  }
  return count
}

/** Past a value, of which nothing is checked but that its braces and brackets are as many. @returns 0 where the input ends before */
function skipValue(from: usize, end: usize): usize {
  let depth: i32 = 0
  for (let at = from; at < end; at++) {
    const code = load<u8>(at)
    if (code == 0x22) {
      at += 1
      while (at < end && load<u8>(at) != 0x22) at += load<u8>(at) == 0x5c ? 2 : 1
    } else if (code == 0x7b || code == 0x5b) depth += 1
    else if (code == 0x7d || code == 0x5d) {
      depth -= 1
      if (depth == 0) return at + 1
    }
  }
  return 0
}

/** @param to where its line goes. @returns false for an odd one */
function readItem(to: usize): bool {
  idFrom = 0
  state.out = REST
  if (!readMembers()) return false
  if (isOwnKey && idFrom == 0) return false
  const size = state.out - REST
  store<u64>(to, idStart)
  let out = to + 7
  if (isOwnKey) {
    copy(out, idFrom, idTo - idFrom)
    out += idTo - idFrom
  } else {
    store<u16>(out, 0x2222)
    out += 2
  }
  if (size > 0) {
    store<u8>(out, 0x2c)
    out += 1
    copy(out, REST, size)
    out += size
  }
  store<u16>(out, 0x0a7d)
  state.out = out + 2
  return true
}

/** The item's own, of which `_id` is not written. */
function readMembers(): bool {
  state.at += 1
  if (load<u8>(state.at) != 0x22) return false
  while (true) {
    const at = state.at
    if (load<u32>(at) == idName && load<u8>(at + 4) == 0x22) {
      // Of two, the last one counts.
      if (!isOwnKey || idFrom != 0 || load<u64>(at + 4) != idType || load<u8>(at + 12) == 0x24) return false
      state.at = at + 12
      const out = state.out
      if (!copyString()) return false
      state.out = out
      idFrom = at + 11
      idTo = state.at
      if (load<u8>(state.at) != 0x7d) return false
      state.at += 1
    } else {
      if (!isOwnKey && load<u64>(at + 1) == otherStart && load<u32>(at + 9) == otherRest) return false
      if (state.out != REST) {
        store<u8>(state.out, 0x2c)
        state.out += 1
      }
      if (!readMember(0)) return false
    }
    const code = load<u8>(state.at)
    state.at += 1
    if (code == 0x7d) return true
    if (code != 0x2c) return false
  }
}

/** A name without escapes that does not begin with `$`, and its attribute. */
function readMember(depth: i32): bool {
  if (load<u8>(state.at) != 0x22 || load<u8>(state.at + 1) == 0x24) return false
  const from = state.at
  const to = state.out
  store<u8>(to, 0x22)
  state.at += 1
  state.out = to + 1
  if (!copyString()) return false
  // As long as it is: an escape is never shorter than what it stands for.
  if (state.size != state.at - from - 2 || load<u8>(state.at) != 0x3a) return false
  store<u8>(state.out, 0x3a)
  state.at += 1
  state.out += 1
  return readAttribute(depth)
}

function readAttribute(depth: i32): bool {
  const at = state.at
  if (load<u16>(at) != 0x227b) return false
  if (load<u16>(at + 3) != 0x3a22) return readConstant()
  const type = load<u8>(at + 2)
  state.at = at + 5
  if (type == 0x53) {
    if (load<u8>(state.at) != 0x22) return false
    store<u8>(state.out, 0x22)
    state.at += 1
    state.out += 1
    if (!copyString()) return false
  } else if (type == 0x4e) {
    if (!readDigits()) return false
  } else if (type == 0x4d || type == 0x4c) {
    if (depth == mostDepth || !(type == 0x4d ? readMap(depth + 1) : readList(depth + 1))) return false
  } else return false
  if (load<u8>(state.at) != 0x7d) return false
  state.at += 1
  return true
}

/** `{"BOOL":`, `{"NULL":`, and what may follow. */
function readConstant(): bool {
  const head = load<u64>(state.at)
  const rest = load<u64>(state.at + 8)
  if ((rest & 0xffffffffff) == 0x7d65757274) {
    if (head == 0x3a224c4f4f42227b) store<u32>(state.out, 0x65757274)
    else if (head == 0x3a224c4c554e227b) store<u32>(state.out, 0x6c6c756e)
    else return false
    state.at += 13
    state.out += 4
    return true
  }
  if (head != 0x3a224c4f4f42227b || (rest & 0xffffffffffff) != 0x7d65736c6166) return false
  store<u64>(state.out, 0x65736c6166)
  state.at += 14
  state.out += 5
  return true
}

function readMap(depth: i32): bool {
  if (load<u8>(state.at) != 0x7b) return false
  store<u8>(state.out, 0x7b)
  state.at += 1
  state.out += 1
  let code: u8 = load<u8>(state.at)
  if (code == 0x7d) state.at += 1
  else
    while (code != 0x7d) {
      if (!readMember(depth)) return false
      code = load<u8>(state.at)
      if (code != 0x7d && code != 0x2c) return false
      state.at += 1
      if (code == 0x7d) break
      store<u8>(state.out, 0x2c)
      state.out += 1
    }
  store<u8>(state.out, 0x7d)
  state.out += 1
  return true
}

function readList(depth: i32): bool {
  if (load<u8>(state.at) != 0x5b) return false
  store<u8>(state.out, 0x5b)
  state.at += 1
  state.out += 1
  let code: u8 = load<u8>(state.at)
  if (code == 0x5d) state.at += 1
  else
    while (code != 0x5d) {
      if (!readAttribute(depth)) return false
      code = load<u8>(state.at)
      if (code != 0x5d && code != 0x2c) return false
      state.at += 1
      if (code == 0x5d) break
      store<u8>(state.out, 0x2c)
      state.out += 1
    }
  store<u8>(state.out, 0x5d)
  state.out += 1
  return true
}

/** A number in quotes. */
function readDigits(): bool {
  const quote = state.at
  if (load<u8>(quote) != 0x22) return false
  const isNegative = load<u8>(quote + 1) == 0x2d
  const first = quote + (isNegative ? 2 : 1)
  let end = skipDigits(first)
  const isZero = load<u8>(first) == 0x30
  if (end == first || (isZero && end > first + 1)) return false
  let isSafe = end - first <= safeDigits
  if (load<u8>(end) == 0x2e) {
    const fraction = end + 1
    end = skipDigits(fraction)
    if (end == fraction) return false
    isSafe = end - first <= safeDigits + 1 && load<u8>(end - 1) != 0x30
  } else if (isNegative && isZero) return false
  if (load<u8>(end) != 0x22) return false
  const from = quote + 1
  const length = end - from
  if (isSafe) {
    copy(state.out, from, length)
    state.out += length
  } else {
    const written = readNumber(from, length, state.out)
    if (written < 0) return false
    state.out += <usize>written
  }
  state.at = end + 1
  return true
}
