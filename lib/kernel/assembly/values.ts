/** JSON values to canonical bytes: the form of `lib/values/canonical.ts`. */
import { DROPPED, FILL_TEXT_END, MEMBERS_END, NUMBERS, SCRATCH, UNSORTED } from './layout.ts'
import { readEnvelope } from './envelopes.ts'
import { beginKeys, learnKey, skipKnownKey } from './keys.ts'
import { addMember, areUnlike, compareKeys, isBeyondOrder, MEMBER_SIZE, sortMembers } from './members.ts'
import { readNumber } from './numbers.ts'
import { fillGap, isAtGap, noteMember } from './outline.ts'
import { CHECKED, copy, countAt, FILLED, OUTLINED, putCount, skipSpace, state, writeText } from './state.ts'
import { readString } from './strings.ts'

/** What is nested deeper goes the plain way, which knows what to say of it. */
const mostDepth: i32 = 64
/** More than a value takes beside its text. */
const slack: usize = 64

/** From its opening brace to behind its closing one. @returns false where it must go the plain way */
export function readDocument(): bool {
  beginKeys()
  return readMap(0)
}

function readValue(depth: i32): bool {
  if (state.out + (state.end - state.at) + slack > state.outEnd) return false
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
  if (load<u8>(state.at) <= 0x20) skipSpace()
  if (load<u8>(state.at) == 0x5d) state.at++
  else {
    let code: u8 = 0x2c
    while (code == 0x2c) {
      if (load<u8>(state.at) <= 0x20) skipSpace()
      if (!readValue(depth + 1)) return false
      count++
      if (load<u8>(state.at) <= 0x20) skipSpace()
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
  let isEmpty = true
  let isSorted = true
  state.at++
  if (depth == 0) keep()
  if (load<u8>(state.at) <= 0x20) skipSpace()
  if (load<u8>(state.at) == 0x7d) state.at++
  else if (depth > 0 && state.isSpecial && load<u16>(state.at) == 0x2422) return readEnvelope(place)
  else {
    let code: u8 = 0x2c
    while (code == 0x2c) {
      if (load<u8>(state.at) <= 0x20) skipSpace()
      if (depth == 0 && state.kind == FILLED && isAtGap()) {
        const filled = fillGap(isEmpty, MEMBERS_END, state.outEnd, FILL_TEXT_END)
        if (filled < 0) return false
        if (filled == 0) isSorted = false
        isEmpty = false
        keep()
      } else {
        const key = state.out
        const specials = state.specials
        const start = state.text + (state.at - state.from)
        if (!readMember(depth)) return false
        // One that is dropped has left nothing.
        if (state.out != key) {
          if (state.members == MEMBERS_END) return false
          if (!addMember(key, isEmpty)) isSorted = false
          isEmpty = false
          if (depth == 0) {
            keep()
            if (state.kind == OUTLINED && !noteMember(key, start, specials)) return false
          }
        }
      }
      if (load<u8>(state.at) <= 0x20) skipSpace()
      code = load<u8>(state.at++)
      // The comma of one that is dropped goes with it: the one before it, or where there is none, the one behind.
      if (isEmpty && code == 0x2c) state.from = state.at
    }
    if (code != 0x7d) return false
  }
  const count = (state.members - base) / MEMBER_SIZE
  state.members = base
  if (depth == 0 && state.kind == OUTLINED) rememberNumbers()
  if (isSorted || state.kind == CHECKED) {
    putCount(place + 1, count)
    return isSorted || areUnlike(base, <i32>count)
  }
  const first = place + 5
  const size = state.out - first
  if (depth > 0) {
    putCount(place + 1, count)
    if (!sortMembers(base, <i32>count, first, SCRATCH, first)) return false
    copy(first, SCRATCH, size)
    return true
  }
  // Behind themselves they are sorted by one copy.
  const sorted = state.out
  if (sorted + 5 + size + slack > state.outEnd || !sortMembers(base, <i32>count, first, sorted + 5, sorted + 5)) return false
  store<u8>(sorted, 0x6d)
  putCount(sorted + 1, count)
  state.document = sorted
  state.out = sorted + 5 + size
  return true
}

/** Gaps are filled from where members stood before they were put in order. */
function rememberNumbers(): void {
  for (let number: i32 = 0; number < state.numbers; number++) {
    store<u32>(UNSORTED + 4 * <usize>number, load<u32>(NUMBERS + 12 * <usize>number))
  }
}

/** Behind the document's opening brace, or the last of its members that is kept: place in the input, and of the text. */
namespace kept {
  export let at: usize = 0
  export let text: usize = 0
  export let from: usize = 0
}

function keep(): void {
  kept.at = state.at
  kept.text = state.text
  kept.from = state.from
}

function readMember(depth: i32): bool {
  const key = state.out
  if (!skipKnownKey() && !readKey()) return false
  if (load<u8>(state.at) <= 0x20) skipSpace()
  const value = state.out
  const specials = state.specials
  const numbers = state.numbers
  const length = value - key - 4
  if (!readValue(depth + 1)) return false
  if (depth > 0) {
    forget(value)
    return true
  }
  const field = droppedField(key)
  if (field >= 0) {
    // Numbers in it need no reading.
    state.numbers = numbers
    state.specials = specials
    return drop(field, key, value)
  }
  if (length == 3 && load<u16>(key + 4) == 0x695f && load<u8>(key + 6) == 0x64) {
    // What begins with an underscore is CouchDB's own, which a stage may have to look at; what begins with a dollar may be an escaped name.
    const first = load<u8>(value + 5)
    if (load<u8>(value) != 0x73 || first == 0x5f || first == 0x24) return false
    state.id = value + 1
    return true
  }
  forget(value)
  return load<u8>(key + 4) != 0x5f || length == 0 || load<u32>(DROPPED + 8) == 0
}

/** Where nobody wants the canonical bytes, those of keys alone are kept, to be compared. */
function forget(value: usize): void {
  if (state.kind == CHECKED) state.out = value
}

/** Its canonical bytes, and on behind the colon. */
function readKey(): bool {
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
  if (load<u8>(state.at) <= 0x20) skipSpace()
  if (load<u8>(state.at++) != 0x3a) return false
  learnKey(start, state.at, key)
  return true
}

function droppedField(key: usize): i32 {
  const count = load<i32>(DROPPED)
  let place = DROPPED + 16
  for (let field: i32 = 0; field < count; field++) {
    if (load<u32>(place) == load<u32>(key) && compareKeys(place, key) == 0) return field
    place += 4 + countAt(place)
  }
  return -1
}

function drop(field: i32, key: usize, value: usize): bool {
  // Of two with one name, only the last one counts.
  if ((state.dropped & (1 << field)) != 0) return false
  state.text = kept.text
  state.from = kept.from
  writeText(kept.at)
  state.from = state.at
  keep()
  state.dropped |= 1 << field
  if (field == load<i32>(DROPPED + 4) && load<u8>(value) == 0x6d) state.counted += countAt(value + 1)
  state.out = key
  return true
}
