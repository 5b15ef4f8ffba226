/** JSON values to canonical bytes: the form of `lib/values/canonical.ts`. */
import { CANONICAL_END, DROPPED, MEMBERS_END, MOST_SPANS, NUMBERS, SPANS } from './layout.ts'
import { compareKeys, isBeyondOrder, sortMembers } from './members.ts'
import { readNumber } from './numbers.ts'
import { countAt, putCount, skipSpace, state } from './state.ts'
import { readString } from './strings.ts'

/** What is nested deeper goes the plain way, which knows what to say of it. */
const mostDepth: i32 = 64
/** More than a value takes beside its text. */
const slack: usize = 64

/** @returns false where the line must go the plain way */
export function readDocument(): bool {
  skipSpace()
  if (load<u8>(state.at) != 0x7b || !readMap(0)) return false
  skipSpace()
  return state.at == state.end && state.id != 0
}

function readValue(depth: i32): bool {
  if (state.out + (state.end - state.at) + slack > CANONICAL_END) return false
  const code = load<u8>(state.at)
  if (code == 0x22) return readText()
  if (code == 0x7b) return readMap(depth)
  if (code == 0x5b) return readArray(depth)
  if (code == 0x74) return load<u32>(state.at) == 0x65757274 && putWord(4, code)
  if (code == 0x66) return load<u32>(state.at + 1) == 0x65736c61 && putWord(5, code)
  if (code == 0x6e) return load<u32>(state.at) == 0x6c6c756e && putWord(4, code)
  return readNumber()
}

function putWord(length: usize, tag: u8): bool {
  state.at += length
  store<u8>(state.out++, tag)
  return true
}

function readText(): bool {
  const place = state.out
  store<u8>(place, 0x73)
  state.at++
  state.out = place + 5
  if (!readString()) return false
  putCount(place + 1, state.out - place - 5)
  return true
}

function readArray(depth: i32): bool {
  if (depth > mostDepth) return false
  const place = state.out
  store<u8>(place, 0x61)
  state.out = place + 5
  let count: usize = 0
  state.at++
  skipSpace()
  if (load<u8>(state.at) == 0x5d) state.at++
  else {
    let code: u8 = 0x2c
    while (code == 0x2c) {
      skipSpace()
      if (!readValue(depth + 1)) return false
      count++
      skipSpace()
      code = load<u8>(state.at++)
    }
    if (code != 0x5d) return false
  }
  putCount(place + 1, count)
  return true
}

function readMap(depth: i32): bool {
  if (depth > mostDepth) return false
  const place = state.out
  store<u8>(place, 0x6d)
  state.out = place + 5
  const base = state.members
  let last: usize = 0
  let isSorted = true
  state.at++
  skipSpace()
  if (load<u8>(state.at) == 0x7d) state.at++
  else {
    let code: u8 = 0x2c
    while (code == 0x2c) {
      skipSpace()
      const key = state.out
      if (!readMember(depth)) return false
      // One that is dropped has left nothing.
      if (state.out != key) {
        if (last != 0 && isSorted && compareKeys(last, key) >= 0) isSorted = false
        last = key
        if (state.members == MEMBERS_END) return false
        store<u32>(state.members, <u32>key)
        store<u32>(state.members + 4, <u32>state.out)
        state.members += 8
      }
      skipSpace()
      code = load<u8>(state.at++)
    }
    if (code != 0x7d) return false
  }
  const count = <i32>((state.members - base) >> 3)
  if (!isSorted && !sortMembers(base, count, place + 5)) return false
  state.members = base
  putCount(place + 1, count)
  return true
}

function readMember(depth: i32): bool {
  const start = state.at
  if (load<u8>(start) != 0x22) return false
  const key = state.out
  state.at = start + 1
  state.out = key + 4
  if (!readString()) return false
  const length = state.out - key - 4
  putCount(key, length)
  // It may be an envelope, or a line that is no document.
  if (load<u8>(key + 4) == 0x24 && length > 0) return false
  if (isBeyondOrder(key)) return false
  skipSpace()
  if (load<u8>(state.at++) != 0x3a) return false
  skipSpace()
  const value = state.out
  if (!readValue(depth + 1)) return false
  if (depth > 0) return true
  const field = droppedField(key)
  if (field >= 0) return drop(start, field, key, value)
  if (length == 3 && load<u16>(key + 4) == 0x695f && load<u8>(key + 6) == 0x64) {
    // What begins with an underscore is CouchDB's own, which a stage may have to look at; what begins with a dollar may be an escaped name.
    const first = load<u8>(value + 5)
    if (load<u8>(value) != 0x73 || first == 0x5f || first == 0x24) return false
    state.id = value + 1
    return true
  }
  return load<u8>(key + 4) != 0x5f || length == 0 || load<u32>(DROPPED + 8) == 0
}

function droppedField(key: usize): i32 {
  const count = load<i32>(DROPPED)
  let place = DROPPED + 12
  for (let field: i32 = 0; field < count; field++) {
    if (compareKeys(place, key) == 0) return field
    place += 4 + countAt(place)
  }
  return -1
}

function drop(start: usize, field: i32, key: usize, value: usize): bool {
  if (state.spans == MOST_SPANS) return false
  const span = SPANS + 8 * <usize>state.spans
  state.spans += 1
  store<u32>(span, <u32>start)
  store<u32>(span + 4, <u32>state.at)
  state.dropped |= 1 << field
  if (field == load<i32>(DROPPED + 4) && load<u8>(value) == 0x6d) state.counted += countAt(value + 1)
  state.out = key
  // Numbers in it need no reading.
  while (state.numbers > 0 && <usize>load<u32>(NUMBERS + 12 * <usize>(state.numbers - 1)) > key) state.numbers--
  return true
}
