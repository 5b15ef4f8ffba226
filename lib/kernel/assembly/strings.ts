/** JSON strings to UTF-8. */
import { readHex } from './hex.ts'
import { state } from './state.ts'

/**
 * From behind the opening quote to behind the closing one, decoded to the canonical bytes. Up to fifteen bytes behind are overwritten.
 *
 * @returns false for what is no string, and for half a surrogate pair
 */
export function readString(): bool {
  const quotes = i8x16.splat(0x22)
  const backslashes = i8x16.splat(0x5c)
  const spaces = i8x16.splat(0x20)
  let at = state.at
  let out = state.out
  let open = true
  while (open) {
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
    const code = load<u8>(at++)
    if (code == 0x22) open = false
    else if (code == 0x5c) {
      state.at = at
      state.out = out
      if (!readEscape()) return false
      at = state.at
      out = state.out
    } else return false
  }
  state.at = at
  state.out = out
  return true
}

/** From behind the backslash. */
function readEscape(): bool {
  const code = load<u8>(state.at++)
  if (code == 0x75) return readUnicode()
  let meant: u8 = 0
  if (code == 0x6e) meant = 0x0a
  else if (code == 0x22 || code == 0x5c || code == 0x2f) meant = code
  else if (code == 0x74) meant = 0x09
  else if (code == 0x72) meant = 0x0d
  else if (code == 0x62) meant = 0x08
  else if (code == 0x66) meant = 0x0c
  else return false
  store<u8>(state.out++, meant)
  return true
}

function readUnicode(): bool {
  let point = readHex(state.at)
  if (point < 0) return false
  state.at += 4
  if (point >= 0xd800 && point < 0xe000) {
    if (point >= 0xdc00 || load<u16>(state.at) != 0x755c) return false
    const low = readHex(state.at + 2)
    if (low < 0xdc00 || low >= 0xe000) return false
    state.at += 6
    point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00)
  }
  let out = state.out
  if (point < 0x80) store<u8>(out++, <u8>point)
  else {
    if (point < 0x800) store<u8>(out++, <u8>(0xc0 | (point >> 6)))
    else {
      if (point < 0x10000) store<u8>(out++, <u8>(0xe0 | (point >> 12)))
      else {
        store<u8>(out++, <u8>(0xf0 | (point >> 18)))
        store<u8>(out++, <u8>(0x80 | ((point >> 12) & 0x3f)))
      }
      store<u8>(out++, <u8>(0x80 | ((point >> 6) & 0x3f)))
    }
    store<u8>(out++, <u8>(0x80 | (point & 0x3f)))
  }
  state.out = out
  return true
}
