/** The members of a map in the order of their keys. */
import { NUMBERS, SCRATCH } from './layout.ts'
import { copy, countAt, state } from './state.ts'

const mostSorted: i32 = 256

/** Of two keys, each a count and bytes. The order of UTF-8 is that of UTF-16 up to U+DFFF. */
export function compareKeys(a: usize, b: usize): i32 {
  const sizeA = countAt(a)
  const sizeB = countAt(b)
  const stop: usize = (sizeA < sizeB ? sizeA : sizeB) + 4
  for (let at: usize = 4; at < stop; at += 8) {
    const difference = load<u64>(a + at) ^ load<u64>(b + at)
    if (difference == 0) continue
    const place = at + <usize>(ctz(difference) >> 3)
    if (place >= stop) break
    return load<u8>(a + place) < load<u8>(b + place) ? -1 : 1
  }
  return sizeA == sizeB ? 0 : sizeA < sizeB ? -1 : 1
}

/** Whether a key holds a character from which on the two orders differ. */
export function isBeyondOrder(key: usize): bool {
  const end = key + 4 + countAt(key)
  for (let at = key + 4; at < end; at += 16) {
    const mask = i8x16.bitmask(i8x16.ge_u(v128.load(at), i8x16.splat(-18)))
    if (mask == 0) continue
    const size = end - at
    if (size >= 16 || (mask & ((1 << (<i32>size)) - 1)) != 0) return true
  }
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
  if (state.numbers > 0 || state.id > first) followMoved(base, count, first)
  let start = first
  let sorted: i32 = 0
  while (sorted < count && <usize>load<u32>(base + 8 * <usize>sorted) == start) {
    start = <usize>load<u32>(base + 8 * <usize>sorted + 4)
    sorted++
  }
  let to = SCRATCH
  for (let index = sorted; index < count; index++) {
    const from = <usize>load<u32>(base + 8 * <usize>index)
    const size = <usize>load<u32>(base + 8 * <usize>index + 4) - from
    copy(to, from, size)
    to += size
  }
  copy(start, SCRATCH, to - SCRATCH)
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
