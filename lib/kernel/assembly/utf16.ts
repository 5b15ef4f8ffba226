/** Text as the engine has it to UTF-8, many characters at a time: where it is not ASCII alone, the engine itself takes ten times as long. */

/**
 * @param from of UTF-16; @param count of its units, with room for 32 bytes behind them; @param to where there is room for three bytes for each, and for sixteen
 * @returns the place behind it
 */
export function writeUtf8(from: usize, count: usize, to: usize): usize {
  const end = from + 2 * count
  const most = i16x8.splat(0x7f)
  let at = from
  let out = to
  while (at < end) {
    const first = v128.load(at)
    const second = v128.load(at, 16)
    v128.store(out, i8x16.narrow_i16x8_u(first, second))
    const low = i16x8.bitmask(i16x8.gt_u(first, most))
    const high = i16x8.bitmask(i16x8.gt_u(second, most))
    const mask = low | (high << 8)
    const clear: usize = mask == 0 ? 16 : <usize>ctz(mask)
    at += 2 * clear
    out += clear
    while (at < end && load<u16>(at) > 0x7f) {
      const unit = <u32>load<u16>(at)
      at += 2
      if (unit < 0x800) out = putTwo(out, unit)
      else if (unit < 0xd800 || unit > 0xdfff) out = putThree(out, unit)
      else if (unit < 0xdc00 && at < end && (load<u16>(at) & 0xfc00) == 0xdc00) {
        out = putFour(out, 0x10000 + ((unit - 0xd800) << 10) + (<u32>load<u16>(at) - 0xdc00))
        at += 2
      } else out = putThree(out, replacement)
    }
  }
  return out - (at - end) / 2
}

/** For half a surrogate pair. */
const replacement: u32 = 0xfffd

function putTwo(out: usize, point: u32): usize {
  store<u8>(out, 0xc0 | (point >> 6))
  store<u8>(out + 1, tail(point))
  return out + 2
}

function putThree(out: usize, point: u32): usize {
  store<u8>(out, 0xe0 | (point >> 12))
  store<u8>(out + 1, tail(point >> 6))
  store<u8>(out + 2, tail(point))
  return out + 3
}

function putFour(out: usize, point: u32): usize {
  store<u8>(out, 0xf0 | (point >> 18))
  store<u8>(out + 1, tail(point >> 12))
  store<u8>(out + 2, tail(point >> 6))
  store<u8>(out + 3, tail(point))
  return out + 4
}

function tail(point: u32): u32 {
  return 0x80 | (point & 0x3f)
}
