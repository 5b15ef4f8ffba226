/**
 * Documents of which only some top-level members are looked into: each member of those, and for what lies between them a gap, which stands for its
 * text and for the canonical bytes of its members until it is filled again.
 *
 * An outline is a map of JSON with a comma behind it: `{"_id":"a","$0":7,"status":"open","$1":8},`. `$0` and `$1` are no names of fields, for
 * a document with a field that begins with `$` is `PLAIN`; what stands there is the number of a gap.
 */
import { GAP_MEMBERS, GAP_MEMBERS_END, GAPS, GAPS_END, LOOKED, OUTLINE, OUTLINE_END, SEGMENTS, SEGMENTS_END } from './layout.ts'
import { addMember, compareKeys, MEMBER_SIZE } from './members.ts'
import { copy, countAt, state, writeText } from './state.ts'

/** Of the text, from and to; and of the list of members of gaps; and how many envelopes and numbers with kinds these hold. */
namespace gap {
  export const from: usize = 0
  export const to: usize = 4
  export const firstMember: usize = 8
  export const lastMember: usize = 12
  export const specials: usize = 16
}
const GAP_SIZE: usize = 20

/** Where a member's canonical bytes are, from and to. */
const GAP_MEMBER_SIZE: usize = 8

/** Part of a document: number of a gap, or -1 for a member that is looked into; from and to in the text. */
namespace segment {
  export const gap: usize = 0
  export const from: usize = 4
  export const to: usize = 8
}
const SEGMENT_SIZE: usize = 12
/** Of a gap's name and number, a comma with them. */
const mostOfGap: usize = 32

let gaps: usize = GAPS
let members: usize = GAP_MEMBERS
let segments: usize = SEGMENTS
let isOpen: bool = false
/** Behind the last outline. */
let end: usize = OUTLINE
/** Where the document's begin, to go back to where it is `PLAIN`. */
let firstGap: usize = GAPS
let firstMember: usize = GAP_MEMBERS

export function beginOutlines(): void {
  gaps = GAPS
  members = GAP_MEMBERS
  firstGap = gaps
  firstMember = members
  end = OUTLINE
}

export function beginOutline(): void {
  gaps = firstGap
  members = firstMember
  segments = SEGMENTS
  isOpen = false
}

/**
 * A top-level member that has just been read.
 *
 * @param start of its text; @param specials as many as there were before it
 * @returns false where there is no room
 */
export function noteMember(key: usize, start: usize, specials: u32): bool {
  const stop = state.text + (state.at - state.from)
  if (isLookedInto(key)) {
    isOpen = false
    state.lookedSpecials += state.specials - specials
    return addSegment(-1, start, stop)
  }
  if (!isOpen) {
    if (gaps == GAPS_END || !addSegment(<i32>((gaps - GAPS) / GAP_SIZE), start, stop)) return false
    store<u32>(gaps + gap.from, <u32>start)
    store<u32>(gaps + gap.firstMember, <u32>members)
    store<u32>(gaps + gap.specials, 0)
    gaps += GAP_SIZE
    isOpen = true
  }
  if (members == GAP_MEMBERS_END) return false
  store<u32>(members, <u32>key)
  store<u32>(members + 4, <u32>state.out)
  members += GAP_MEMBER_SIZE
  store<u32>(gaps - GAP_SIZE + gap.to, <u32>stop)
  store<u32>(gaps - GAP_SIZE + gap.lastMember, <u32>members)
  store<u32>(gaps - GAP_SIZE + gap.specials, load<u32>(gaps - GAP_SIZE + gap.specials) + state.specials - specials)
  return true
}

function addSegment(number: i32, from: usize, to: usize): bool {
  if (segments == SEGMENTS_END) return false
  store<i32>(segments + segment.gap, number)
  store<u32>(segments + segment.from, <u32>from)
  store<u32>(segments + segment.to, <u32>to)
  segments += SEGMENT_SIZE
  return true
}

function isLookedInto(key: usize): bool {
  const count = load<i32>(LOOKED)
  let place = LOOKED + 4
  for (let field: i32 = 0; field < count; field++) {
    if (load<u32>(place) == load<u32>(key) && compareKeys(place, key) == 0) return true
    place += 4 + countAt(place)
  }
  return false
}

/** The document has been read, and its text is written. @returns false where there is no room */
export function hasRoomForOutline(size: usize): bool {
  return end + size + (mostOfGap * (segments - SEGMENTS)) / SEGMENT_SIZE < OUTLINE_END
}

/** @returns the place behind it */
export function writeOutline(): usize {
  let out = end
  store<u8>(out++, 0x7b)
  let name: u32 = 0
  for (let part = SEGMENTS; part < segments; part += SEGMENT_SIZE) {
    if (part > SEGMENTS) store<u8>(out++, 0x2c)
    const number = load<i32>(part + segment.gap)
    if (number < 0) {
      const from = <usize>load<u32>(part + segment.from)
      const size = <usize>load<u32>(part + segment.to) - from
      copy(out, from, size)
      out += size
    } else {
      store<u16>(out, 0x2422)
      out = writeDigits(out + 2, name++)
      store<u16>(out, 0x3a22)
      out = writeDigits(out + 2, <u32>number)
    }
  }
  store<u16>(out, 0x2c7d)
  end = out + 2
  firstGap = gaps
  firstMember = members
  return end
}

function writeDigits(out: usize, value: u32): usize {
  let size: usize = 1
  for (let rest = value; rest > 9; rest /= 10) size++
  let rest = value
  for (let at = out + size; at > out; rest /= 10) store<u8>(--at, 0x30 + <u8>(rest % 10))
  return out + size
}

/** Whether a gap stands where a member would begin. */
export function isAtGap(): bool {
  return load<u16>(state.at) == 0x2422
}

/** @returns whether its members come in their order, behind what was there (1 or 0); -1 where there is no room */
export function fillGap(isFirst: bool, membersEnd: usize, outEnd: usize, textEnd: usize): i32 {
  writeText(state.at)
  let at = state.at + 2
  while (load<u8>(at) != 0x3a) at++
  let number: usize = 0
  for (at++; <u32>load<u8>(at) - 0x30 < 10; at++) number = 10 * number + (<usize>load<u8>(at) - 0x30)
  state.at = at
  state.from = at
  const entry = GAPS + GAP_SIZE * number
  const from = <usize>load<u32>(entry + gap.from)
  const size = <usize>load<u32>(entry + gap.to) - from
  if (state.text + size + (state.end - at) + 64 > textEnd) return -1
  copy(state.text, from, size)
  state.text += size
  state.specials += load<u32>(entry + gap.specials)
  return addMembers(<usize>load<u32>(entry + gap.firstMember), <usize>load<u32>(entry + gap.lastMember), isFirst, membersEnd, outEnd)
}

function addMembers(first: usize, last: usize, isFirst: bool, membersEnd: usize, outEnd: usize): i32 {
  let isSorted = true
  if (state.members + ((last - first) / GAP_MEMBER_SIZE) * MEMBER_SIZE > membersEnd) return -1
  for (let entry = first; entry < last; entry += GAP_MEMBER_SIZE) {
    const from = <usize>load<u32>(entry)
    const size = <usize>load<u32>(entry + 4) - from
    const key = state.out
    if (key + size + 64 > outEnd) return -1
    copy(key, from, size)
    state.out = key + size
    if (!addMember(key, isFirst && entry == first)) isSorted = false
  }
  return isSorted ? 1 : 0
}
