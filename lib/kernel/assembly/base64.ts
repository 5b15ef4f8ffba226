/** Base64 to bytes, where these have no other text. */
import { state } from './state.ts'

/** From behind the opening quote to behind the closing one. @returns false for what is not written so */
export function readBase64(): bool {
  let at = state.at
  let out = state.out
  while (load<u8>(at) != 0x22) {
    let bits: u32 = 0
    let size: usize = 0
    for (; size < 4; size++) {
      const digit = digitOf(load<u8>(at + size))
      if (digit < 0) break
      bits |= (<u32>digit) << (18 - 6 * <u32>size)
    }
    if (size < 4) {
      // The last of them; what its digits say beyond whole bytes is zero.
      const padding: u32 = size == 3 ? 0x223d : 0x3d3d
      if (size < 2 || <u32>load<u16>(at + size) != padding || (size == 2 && load<u8>(at + 4) != 0x22)) return false
      if ((bits & (size == 3 ? 0xff : 0xffff)) != 0) return false
    }
    store<u32>(out, bswap<u32>(bits << 8))
    out += size < 4 ? size - 1 : 3
    at += 4
  }
  state.at = at + 1
  state.out = out
  return true
}

function digitOf(code: u8): i32 {
  const letter = <i32>code
  if (letter >= 0x61 && letter <= 0x7a) return letter - 0x47
  if (letter >= 0x41 && letter <= 0x5a) return letter - 0x41
  if (letter >= 0x30 && letter <= 0x39) return letter + 4
  if (letter == 0x2b) return 62
  return letter == 0x2f ? 63 : -1
}
