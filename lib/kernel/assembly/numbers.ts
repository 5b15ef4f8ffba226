/** JSON numbers to doubles, where a double is just what the digits say. */
import { MOST_NUMBERS, NUMBERS } from './layout.ts'
import { readSpecialNumber } from './special-numbers.ts'
import { state } from './state.ts'

/** Up to here a division by it is rounded once, as reading the digits is. */
const powersOfTen = memory.data<f64>([
  1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
])
export const mostPower: i32 = 22
/** Integers of so many digits are doubles, and decimals of so many are the shortest form of theirs, or longer by zeros. */
export const exactDigits: i32 = 15
const mostDigits: i32 = 17
/** Smaller ones by so many zeros are written with an exponent. */
const mostZeros: i32 = 6

export function powerOfTen(power: i32): f64 {
  return load<f64>(powersOfTen + ((<usize>power) << 3))
}

/** @returns false for what is no number, or one of which the plain way keeps more than a double's value, where that is not read: 1.0, -0, long ones, exponents */
export function readNumber(): bool {
  const start = state.at
  let at = start
  let code = <u32>load<u8>(at)
  const isNegative = code == 0x2d
  if (isNegative) code = load<u8>(++at)
  if (code - 0x30 > 9) return false
  let mantissa: u64 = 0
  let digits: i32 = 0
  if (code == 0x30) code = load<u8>(++at)
  else {
    do {
      mantissa = mantissa * 10 + (code - 0x30)
      digits++
      code = load<u8>(++at)
    } while (code - 0x30 <= 9)
  }
  if (code - 0x30 <= 9) return false
  let decimals: i32 = 0
  if (code == 0x2e) {
    code = load<u8>(++at)
    let any: u32 = 0
    while (code - 0x30 <= 9) {
      any |= code - 0x30
      mantissa = mantissa * 10 + (code - 0x30)
      if (mantissa != 0) digits++
      decimals++
      code = load<u8>(++at)
    }
    if (any == 0) return readSpecialNumber()
    if (state.isSpecial && digits <= exactDigits && (load<u8>(at - 1) == 0x30 || decimals - digits >= mostZeros)) return readSpecialNumber()
  }
  if ((code | 0x20) == 0x65) return readSpecialNumber()
  if (mantissa == 0 && isNegative) return readSpecialNumber()
  if (digits > exactDigits || decimals > mostPower) {
    if (decimals == 0) return readSpecialNumber()
    if (digits > mostDigits || state.numbers == MOST_NUMBERS) return false
    const entry = NUMBERS + 12 * <usize>state.numbers
    state.numbers += 1
    store<u32>(entry, <u32>(state.out + 1))
    store<u32>(entry + 4, <u32>start)
    store<u32>(entry + 8, <u32>(at - start))
    state.at = at
    store<u8>(state.out, 0x64)
    state.out += 9
  } else {
    const value = <f64>mantissa
    state.at = at
    const size = decimals > 0 ? value / powerOfTen(decimals) : value
    putDouble(isNegative ? -size : size)
  }
  return true
}

/** A double as the canonical form has it. */
export function putDouble(value: f64): void {
  store<u8>(state.out, 0x64)
  store<u64>(state.out + 1, bswap<u64>(reinterpret<u64>(value)))
  state.out += 9
}
