/** The members of a map in the order of their keys. */
import { NUMBERS, ORDERED, ORDERS } from './layout.ts'
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

/** A member of an open map: the first eight bytes of its key as a number, which orders as they do, and from and to where it is in the canonical bytes. */
namespace member {
  export const rank: usize = 0
  export const from: usize = 8
  export const to: usize = 12
}
export const MEMBER_SIZE: usize = 16

function fromOf(entry: usize): usize {
  return <usize>load<u32>(entry + member.from)
}

function toOf(entry: usize): usize {
  return <usize>load<u32>(entry + member.to)
}

function rankOf(key: usize): u64 {
  const size = countAt(key)
  const bytes = bswap<u64>(load<u64>(key + 4))
  if (size >= 8) return bytes
  return size == 0 ? 0 : bytes & (~(<u64>0) << (64 - 8 * <u64>size))
}

/** Put a member that has just been written on the stack. @returns whether it comes behind the one before it, which belongs to the same map */
export function addMember(key: usize, isFirst: bool): bool {
  const entry = state.members
  const rank = rankOf(key)
  store<u64>(entry + member.rank, rank)
  store<u32>(entry + member.from, <u32>key)
  store<u32>(entry + member.to, <u32>state.out)
  state.members = entry + MEMBER_SIZE
  if (isFirst) return true
  const before = load<u64>(entry - MEMBER_SIZE + member.rank)
  return before != rank ? before < rank : compareKeys(fromOf(entry - MEMBER_SIZE), key) < 0
}

function order(entry: usize, rank: u64, key: usize): i32 {
  const other = load<u64>(entry + member.rank)
  if (other != rank) return other < rank ? -1 : 1
  return compareKeys(fromOf(entry), key)
}

/**
 * Put the members that lie from `first` on, up to where the canonical bytes end, in order.
 *
 * @param base where their entries are, `count` of them
 * @param target where they are put, apart from where they are; @param home where they will be in the end
 * @returns false where two have one key, or there are too many
 */
export function sortMembers(base: usize, count: i32, first: usize, target: usize, home: usize): bool {
  const sorted: usize = count > mostSorted ? 0 : sortEntries(base, <usize>count)
  if (sorted == 0) return false
  if (state.numbers > 0 || state.id >= first) followMoved(sorted, count, first, home)
  const end = sorted + MEMBER_SIZE * <usize>count
  let to = target
  for (let entry = sorted; entry < end; entry += MEMBER_SIZE) {
    const from = fromOf(entry)
    const size = toOf(entry) - from
    copy(to, from, size)
    to += size
  }
  return true
}

/** @returns false where two have one key, or there are too many */
export function areUnlike(base: usize, count: i32): bool {
  return count <= mostSorted && sortEntries(base, <usize>count) != 0
}

/** Maps of a kind have the same keys in the same order: the ranks of these, and where each member was whose turn it is. */
namespace known {
  export const count: usize = 0
  export const ranks: usize = 16
  export const places: usize = 144
}
const mostKnown: usize = 16
const sizeBits: usize = 8
const placeShift: u64 = 58

/** @returns where they are in order; 0 where two have one key */
function sortEntries(base: usize, count: usize): usize {
  const end = base + MEMBER_SIZE * count
  if (count > mostKnown) return sortInPlace(base, end) ? base : 0
  const mixed = (load<u64>(base) ^ rotl<u64>(load<u64>(end - MEMBER_SIZE), 29) ^ (<u64>count)) * 0x9e3779b97f4a7c15
  const found = ORDERS + ((<usize>(mixed >> placeShift)) << sizeBits)
  if (load<u32>(found + known.count) == <u32>count) {
    let difference: u64 = 0
    for (let index: usize = 0; index < count; index++)
      difference |= load<u64>(base + (index << 4)) ^ load<u64>(found + known.ranks + (index << 3))
    if (difference == 0) {
      for (let index: usize = 0; index < count; index++)
        v128.store(ORDERED + (index << 4), v128.load(base + <usize>load<u32>(found + known.places + (index << 2))))
      return ORDERED
    }
  }
  store<u32>(found + known.count, 0)
  for (let index: usize = 0; index < count; index++) {
    store<u64>(found + known.ranks + (index << 3), load<u64>(base + (index << 4)))
    // Where it was is told by what it had, for they lie one behind the other.
    store<u32>(ORDERED + (index << 2), load<u32>(base + (index << 4) + member.from))
  }
  if (!sortInPlace(base, end)) return 0
  let before = ~(<u64>0)
  for (let index: usize = 0; index < count; index++) {
    const entry = base + (index << 4)
    // Of two with the same rank, their keys tell, which are not known here.
    if (load<u64>(entry) == before) return base
    before = load<u64>(entry)
    let place: usize = 0
    while (load<u32>(ORDERED + (place << 2)) != <u32>fromOf(entry)) place++
    store<u32>(found + known.places + (index << 2), <u32>(place << 4))
  }
  store<u32>(found + known.count, <u32>count)
  return base
}

function sortInPlace(base: usize, end: usize): bool {
  for (let entry = base + MEMBER_SIZE; entry < end; entry += MEMBER_SIZE) {
    const bytes = v128.load(entry)
    const rank = load<u64>(entry)
    const key = fromOf(entry)
    let place = entry
    while (place > base) {
      const found = order(place - MEMBER_SIZE, rank, key)
      if (found == 0) return false
      if (found < 0) break
      v128.store(place, v128.load(place - MEMBER_SIZE))
      place -= MEMBER_SIZE
    }
    v128.store(place, bytes)
  }
  return true
}

const moved: u32 = 0x80000000

/** Places that lie in what is moved move with it. */
function followMoved(base: usize, count: i32, first: usize, home: usize): void {
  let to = home
  let id = state.id
  for (let index: i32 = 0; index < count; index++) {
    const entry = base + MEMBER_SIZE * <usize>index
    const from = fromOf(entry)
    const end = toOf(entry)
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
