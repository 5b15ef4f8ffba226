/** The members of a map in the order of their keys. */
import { NUMBERS, SCRATCH } from './layout.ts'
import { copy, countAt, state } from './state.ts'

const mostSorted: i32 = 256

/** Of two keys, each a count and bytes. The order of UTF-8 is that of UTF-16 up to U+DFFF. */
export function compareKeys(a: usize, b: usize): i32 {
  const sizeA = countAt(a)
  const sizeB = countAt(b)
  const stop: usize = (sizeA < sizeB ? sizeA : sizeB) + 4
  let at: usize = 4
  while (at + 8 <= stop) {
    const wordA = load<u64>(a + at)
    const wordB = load<u64>(b + at)
    if (wordA != wordB) return bswap<u64>(wordA) < bswap<u64>(wordB) ? -1 : 1
    at += 8
  }
  while (at < stop) {
    const byteA = load<u8>(a + at)
    const byteB = load<u8>(b + at)
    if (byteA != byteB) return byteA < byteB ? -1 : 1
    at++
  }
  return sizeA == sizeB ? 0 : sizeA < sizeB ? -1 : 1
}

/** Whether a key holds a character from which on the two orders differ. */
export function isBeyondOrder(key: usize): bool {
  const end = key + 4 + countAt(key)
  for (let at = key + 4; at < end; at++) if (load<u8>(at) >= 0xee) return true
  return false
}

/**
 * Sort the members that lie from `first` on, up to where the canonical bytes end.
 *
 * @param base where their places are, `count` of them
 * @returns false where two have one key, or there are too many
 */
export function sortMembers(base: usize, count: i32, first: usize): bool {
  if (count > mostSorted) return false
  for (let index: i32 = 1; index < count; index++) {
    const member = load<u64>(base + 8 * <usize>index)
    const key = <usize>(member & 0xffffffff)
    let place = index
    while (place > 0) {
      const before = load<u64>(base + 8 * <usize>(place - 1))
      const order = compareKeys(<usize>(before & 0xffffffff), key)
      if (order == 0) return false
      if (order < 0) break
      store<u64>(base + 8 * <usize>place, before)
      place--
    }
    store<u64>(base + 8 * <usize>place, member)
  }
  let to = SCRATCH
  for (let index: i32 = 0; index < count; index++) {
    const from = <usize>load<u32>(base + 8 * <usize>index)
    const size = <usize>load<u32>(base + 8 * <usize>index + 4) - from
    copy(to, from, size)
    to += size
  }
  if (state.numbers > 0 || state.id > first) followMoved(base, count, first)
  copy(first, SCRATCH, to - SCRATCH)
  return true
}

const moved: u32 = 0x80000000

/** Places that lie in what is moved move with it. */
function followMoved(base: usize, count: i32, first: usize): void {
  let to = first
  let id = state.id
  for (let index: i32 = 0; index < count; index++) {
    const from = <usize>load<u32>(base + 8 * <usize>index)
    const end = <usize>load<u32>(base + 8 * <usize>index + 4)
    if (state.id >= from && state.id < end) id = to + (state.id - from)
    for (let number = state.numbers - 1; number >= 0; number--) {
      const entry = NUMBERS + 12 * <usize>number
      const place = load<u32>(entry)
      if ((place & moved) != 0) continue
      if (<usize>place < first) break
      if (<usize>place >= from && <usize>place < end) store<u32>(entry, (<u32>(to + (<usize>place - from))) | moved)
    }
    to += end - from
  }
  for (let number = state.numbers - 1; number >= 0; number--) {
    const entry = NUMBERS + 12 * <usize>number
    if ((load<u32>(entry) & moved) == 0) break
    store<u32>(entry, load<u32>(entry) & ~moved)
  }
  state.id = id
}
