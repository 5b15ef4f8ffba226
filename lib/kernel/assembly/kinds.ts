/** Canonical bytes without the tags that tell numbers' kinds: 1 and 1.0 are one number in them. */
import { copy, countAt } from './state.ts'
import { SCRATCH } from './layout.ts'

/** The kinds, as `lib/values/canonical.ts` has them. */
export const IS_DOUBLE: u8 = 0x31
export const IS_NEGATIVE_ZERO: u8 = 0x32
export const IS_BIGINT: u8 = 0x33

/** Where what has not been copied begins, and where it goes. */
let from: usize = 0
let to: usize = SCRATCH

/**
 * They are put where maps are put in order, until the next document is read.
 *
 * @param canonical of a document, without gaps; @param length at most what there is room for
 * @returns how long they are
 */
export function freeOfKinds(canonical: usize, length: usize): usize {
  from = canonical
  to = SCRATCH
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
  if (tag == 0x64) return at + 9
  // Texts, decimals and bytes.
  if (tag == 0x73 || tag == 0x44) return at + 5 + countAt(at + 1)
  const isMap = tag == 0x6d
  if (!isMap && tag != 0x61) return at + 1
  let count = countAt(at + 1)
  at += 5
  while (count > 0) {
    if (isMap) at += 4 + countAt(at)
    at = skipValue(at)
    count--
  }
  return at
}

function copyTo(end: usize): void {
  const size = end - from
  copy(to, from, size)
  to += size
}
