/** Where things are in the module's memory, in bytes (`lib/kernel/items.ts` states the same places), and what both directions do alike. */
import { readHex } from '../hex.ts'

/** Of `readItems`, for each item: from and to where it stands in the input, whether it is odd, from and to where its line stands in the output. */
export const RECORDS: usize = 64 << 10
export const RECORD_SIZE: usize = 20
/** Of `writeItem`: bytes as the service counts them. */
export const COUNTED: usize = 4096
export const INPUT: usize = 1 << 20
export const REST: usize = 3 << 20
export const OUTPUT: usize = 5 << 20

export namespace state {
  /** Place in the input and in the output. */
  export let at: usize = 0
  export let out: usize = 0
  /** Of `copyString`: bytes of UTF-8 that the last string has. */
  export let size: usize = 0
  /** Whether a string had half a surrogate pair. */
  export let isHalf: bool = false
}

/**
 * From behind a string's opening quote to behind its closing one, as it stands there. Up to fifteen bytes behind it are overwritten.
 *
 * @returns false for what is no string
 */
export function copyString(): bool {
  const quotes = i8x16.splat(0x22)
  const backslashes = i8x16.splat(0x5c)
  const spaces = i8x16.splat(0x20)
  let at = state.at
  let out = state.out
  const start = at
  let longer: usize = 0
  while (true) {
    const bytes = v128.load(at)
    v128.store(out, bytes)
    const special = v128.or(v128.or(i8x16.eq(bytes, quotes), i8x16.eq(bytes, backslashes)), i8x16.lt_u(bytes, spaces))
    const mask = i8x16.bitmask(special)
    if (mask == 0) {
      at += 16
      out += 16
      continue
    }
    const clear = <usize>ctz(mask)
    at += clear
    out += clear
    const code = load<u8>(at)
    if (code == 0x22) break
    if (code != 0x5c) return false
    const taken = escapeLength(at)
    if (taken == 0) return false
    v128.store(out, v128.load(at))
    longer += taken - escaped.size
    at += taken
    out += taken
  }
  state.size = at - start - longer
  state.at = at + 1
  state.out = out + 1
  return true
}

/** Of the last escape: its bytes in UTF-8. */
namespace escaped {
  export let size: usize = 0
}

/** Bytes of an escape, its backslash included, and of both where they are a surrogate pair; 0 for what is none. */
function escapeLength(at: usize): usize {
  const code = load<u8>(at + 1)
  escaped.size = 1
  if (code != 0x75) {
    const isOne =
      code == 0x6e || code == 0x22 || code == 0x5c || code == 0x2f || code == 0x74 || code == 0x72 || code == 0x62 || code == 0x66
    return isOne ? 2 : 0
  }
  const unit = readHex(at + 2)
  if (unit < 0) return 0
  if (unit < 0x80) return 6
  escaped.size = unit < 0x800 ? 2 : 3
  if (unit < 0xd800 || unit > 0xdfff) return 6
  if (unit < 0xdc00 && load<u16>(at + 6) == 0x755c) {
    const low = readHex(at + 8)
    if (low >= 0xdc00 && low <= 0xdfff) {
      escaped.size = 4
      return 12
    }
  }
  state.isHalf = true
  return 6
}

/** Copies sixteen bytes at a time: up to fifteen behind are overwritten. */
export function copy(to: usize, from: usize, size: usize): void {
  for (let done: usize = 0; done < size; done += 16) v128.store(to + done, v128.load(from + done))
}

/** Behind the digits that stand here. */
export function skipDigits(from: usize): usize {
  let at = from
  while (<u32>load<u8>(at) - 0x30 <= 9) at++
  return at
}
