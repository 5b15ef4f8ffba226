/** Canonical bytes without the tags that tell numbers' kinds: 1 and 1.0 are one number in them. What came out of envelopes is counted on the way. */
import { ENVELOPED, SCRATCH } from './layout.ts'
import { copy, countAt } from './state.ts'

/** The kinds, as `lib/values/canonical.ts` has them. */
export const IS_DOUBLE: u8 = 0x31
export const IS_NEGATIVE_ZERO: u8 = 0x32
export const IS_BIGINT: u8 = 0x33

/** Where what has not been copied begins, and where it goes. */
let from: usize = 0
let to: usize = SCRATCH

/** See `freeOfKinds` of the module. */
export function copyWithoutKinds(canonical: usize, length: usize): usize {
  from = canonical
  to = SCRATCH
  memory.fill(ENVELOPED, 0, 24)
  skipValue(canonical)
  copyTo(canonical + length)
  return to - SCRATCH
}

/** @returns the place behind it */
function skipValue(place: usize): usize {
  let at = place
  let tag = load<u8>(at)
  if (tag >= IS_DOUBLE && tag <= IS_BIGINT) {
    copyTo(at)
    from = ++at
    tag = load<u8>(at)
  }
  if (tag == 0x73 || tag == 0x44) return at + 5 + countAt(at + 1)
  if (tag == 0x6d || tag == 0x61) return skipAll(at + 5, countAt(at + 1), tag == 0x6d)
  if (tag == 0x64) return skipDouble(at)
  if (tag == 0x54) return enveloped(0, at + 13)
  if (tag == 0x62) return enveloped(1, at + 5 + countAt(at + 1))
  if (tag == 0x67) return enveloped(2, at + 17)
  if (tag == 0x72) return enveloped(3, at + 5 + countAt(at + 1))
  if (tag == 0x76) return enveloped(4, at + 5 + 8 * countAt(at + 1))
  return at + 1
}

function skipAll(first: usize, count: usize, isMap: bool): usize {
  let at = first
  for (let left = count; left > 0; left--) {
    if (isMap) at += 4 + countAt(at)
    at = skipValue(at)
  }
  return at
}

/** One without digits is in an envelope. */
function skipDouble(at: usize): usize {
  return (load<u16>(at + 1) & 0xf07f) == 0xf07f ? enveloped(5, at + 9) : at + 9
}

function enveloped(kind: usize, end: usize): usize {
  const count = ENVELOPED + 4 * kind
  store<u32>(count, load<u32>(count) + 1)
  return end
}

function copyTo(end: usize): void {
  const size = end - from
  copy(to, from, size)
  to += size
}
