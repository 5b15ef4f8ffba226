/**
 * Keys that were read before: documents of a kind have the same keys in the same order, so most of them are told by comparing them with the
 * one that came behind the same key last, and need not be read.
 */
import { KEYS, ROOT_KEY } from './layout.ts'
import { countAt, state } from './state.ts'

/**
 * One that was checked: its text with its quotes and the colon behind it, its canonical bytes, the bits of the text's 32 bytes that are not
 * its own, the lengths of both, and the two keys that came behind it last.
 */
namespace known {
  export const text: usize = 0
  export const canonical: usize = 32
  export const others: usize = 64
  export const textLength: usize = 68
  export const canonicalLength: usize = 72
  export const next: usize = 76
  export const nextButOne: usize = 80
}
const sizeBits: usize = 7
/** Of the place of one among 2048, in the product. */
const placeShift: u64 = 53
const longest: usize = 28

let last: usize = ROOT_KEY

/** A document begins. */
export function beginKeys(): void {
  last = ROOT_KEY
}

/** Go behind the colon of a key that was expected here, of which the canonical bytes are written. @returns false where it is another */
export function skipKnownKey(): bool {
  const at = state.at
  const first = v128.load(at)
  const second = v128.load(at, 16)
  let key = <usize>load<u32>(last + known.next)
  if (key == 0 || !isKey(key, first, second)) {
    key = <usize>load<u32>(last + known.nextButOne)
    if (key == 0 || !isKey(key, first, second)) return false
  }
  const out = state.out
  v128.store(out, v128.load(key + known.canonical))
  v128.store(out, v128.load(key + known.canonical, 16), 16)
  state.at = at + <usize>load<u32>(key + known.textLength)
  state.out = out + <usize>load<u32>(key + known.canonicalLength)
  last = key
  return true
}

function isKey(key: usize, first: v128, second: v128): bool {
  const low = i8x16.bitmask(i8x16.eq(first, v128.load(key + known.text)))
  const high = i8x16.bitmask(i8x16.eq(second, v128.load(key + known.text, 16)))
  return ((<u32>low) | ((<u32>high) << 16) | load<u32>(key + known.others)) == 0xffffffff
}

/** Expect a key that was read and checked the next time. @param from its opening quote; @param to behind the colon; @param canonical its canonical bytes */
export function learnKey(from: usize, to: usize, canonical: usize): void {
  const length = countAt(canonical)
  // With an escape or space it is longer.
  if (length > longest || to - from != length + 3) {
    last = ROOT_KEY
    return
  }
  const textLength = <u32>(to - from)
  const others = ~(<u32>0) << textLength
  const key = placeOf(canonical)
  if (load<u32>(key + known.textLength) != textLength || !isKey(key, v128.load(from), v128.load(from, 16))) {
    v128.store(key + known.text, v128.load(from))
    v128.store(key + known.text, v128.load(from, 16), 16)
    v128.store(key + known.canonical, v128.load(canonical))
    v128.store(key + known.canonical, v128.load(canonical, 16), 16)
    store<u32>(key + known.others, others)
    store<u32>(key + known.textLength, textLength)
    store<u32>(key + known.canonicalLength, <u32>(length + 4))
    store<u64>(key + known.next, 0)
  }
  store<u32>(last + known.nextButOne, load<u32>(last + known.next))
  store<u32>(last + known.next, <u32>key)
  last = key
}

/** One of two with the same place replaces the other. */
function placeOf(canonical: usize): usize {
  const length = countAt(canonical)
  const bits = 8 * <u64>length
  const start = load<u64>(canonical + 4)
  const bytes = length < 8 ? start & ~(~(<u64>0) << bits) : start ^ rotl<u64>(load<u64>(canonical + length - 4), 23)
  const product = (bytes ^ (bits << 48)) * 0x9e3779b97f4a7c15
  return KEYS + ((<usize>(product >> placeShift)) << sizeBits)
}
