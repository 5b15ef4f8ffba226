/** What stands behind the `u` of an escape. */

/** @returns -1 where there are not four hexadecimal digits */
export function readHex(at: usize): i32 {
  let result: i32 = 0
  for (let index: usize = 0; index < 4; index++) {
    const code = <i32>load<u8>(at + index)
    const letter = code | 0x20
    let digit: i32 = 0
    if (code >= 0x30 && code <= 0x39) digit = code - 0x30
    else if (letter >= 0x61 && letter <= 0x66) digit = letter - 0x57
    else return -1
    result = (result << 4) | digit
  }
  return result
}
