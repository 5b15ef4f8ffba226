/**
 * Numbers of which a text says more than a double, or says it in another way than docferry writes it: 1.0, -0, 1e3, 1.50, integers past 2^53. Their text
 * becomes docferry's own, and before their canonical bytes stands their kind, by the rules of `lib/values/numbers.ts` and `lib/values/canonical.ts`.
 */
import { IS_BIGINT, IS_DOUBLE, IS_NEGATIVE_ZERO } from './kinds.ts'
import { exactDigits, mostPower, powerOfTen, putDouble } from './numbers.ts'
import { SPARE } from './layout.ts'
import { copy, putCount, state, writeText } from './state.ts'

const mostSafe: u64 = 9007199254740991
/** No double has so many digits in its shortest form. */
const tooManyDigits: i32 = 18
/** `mostDigits` of lib/values/numbers.ts: longer ones are refused there. */
const mostIntegerDigits: i32 = 10000
const mostExponent: i32 = 999
/** JavaScript writes so many digits before a point, or zeros behind it, without an exponent. */
const mostWhole: i32 = 21
const mostZeros: i32 = 6

/** What was read last: its digits without zeros at either end, the first of them in the text, and the point's place among them. */
namespace parts {
  export let isNegative: bool = false
  export let isInteger: bool = false
  /** Of no more digits than a double tells apart. */
  export let mantissa: u64 = 0
  export let digits: i32 = 0
  export let first: usize = 0
  export let point: i32 = 0
  export let end: usize = 0
}

/** @returns false for what is no number, and for what is left to the plain way */
export function readSpecialNumber(): bool {
  if (!state.isSpecial || !readParts()) return false
  const isInteger = parts.isInteger
  const digits = parts.digits
  const point = parts.point
  if (digits == 0) {
    putKind(parts.isNegative ? IS_NEGATIVE_ZERO : IS_DOUBLE)
    putDouble(0)
    return isInteger ? keepText() : replaceText()
  }
  if (isInteger && point > mostIntegerDigits) return false
  const power = point - digits
  if (digits <= exactDigits + 1 && power >= 0 && point <= exactDigits + 1) {
    const value = parts.mantissa * <u64>powerOfTen(power)
    if (value <= mostSafe) {
      if (!isInteger) putKind(IS_DOUBLE)
      putDouble(signed(<f64>value))
      return isInteger ? keepText() : replaceText()
    }
  }
  if (isInteger && digits >= tooManyDigits) {
    putKind(IS_BIGINT)
    putDecimal()
    return keepText()
  }
  if (digits > exactDigits || power > mostPower || power < -mostPower) return false
  if (isInteger) putKind(IS_BIGINT)
  const mantissa = <f64>parts.mantissa
  putDouble(signed(power < 0 ? mantissa / powerOfTen(-power) : mantissa * powerOfTen(power)))
  return isInteger ? keepText() : replaceText()
}

function readParts(): bool {
  let at = state.at
  parts.isNegative = load<u8>(at) == 0x2d
  if (parts.isNegative) at++
  parts.isInteger = true
  parts.mantissa = 0
  parts.digits = 0
  parts.point = 0
  const start = at
  at = readDigits(at, true)
  if (at == start || (load<u8>(start) == 0x30 && at > start + 1)) return false
  if (load<u8>(at) == 0x2e) {
    const fraction = at + 1
    at = readDigits(fraction, false)
    if (at == fraction) return false
    parts.isInteger = false
  }
  if ((load<u8>(at) | 0x20) == 0x65) {
    parts.isInteger = false
    at++
    const isBelow = load<u8>(at) == 0x2d
    if (isBelow || load<u8>(at) == 0x2b) at++
    const digits = at
    let exponent: i32 = 0
    while (<u32>load<u8>(at) - 0x30 <= 9 && exponent <= mostExponent) exponent = 10 * exponent + <i32>load<u8>(at++) - 0x30
    if (at == digits || exponent > mostExponent) return false
    parts.point += isBelow ? -exponent : exponent
  }
  parts.end = at
  return true
}

let zeros: i32 = 0

/** @returns behind them */
function readDigits(start: usize, isWhole: bool): usize {
  let at = start
  if (isWhole) zeros = 0
  for (let digit = <u32>load<u8>(at) - 0x30; digit <= 9; digit = <u32>load<u8>(++at) - 0x30) {
    if (parts.digits == 0 && digit == 0) {
      if (!isWhole) parts.point--
      continue
    }
    if (isWhole) parts.point++
    if (digit == 0) {
      zeros++
      continue
    }
    if (parts.digits == 0) parts.first = at
    for (; zeros > 0; zeros--) {
      parts.mantissa *= 10
      parts.digits++
    }
    parts.mantissa = parts.mantissa * 10 + digit
    parts.digits++
  }
  return at
}

function signed(value: f64): f64 {
  return parts.isNegative ? -value : value
}

function putKind(kind: u8): void {
  store<u8>(state.out++, kind)
  state.specials++
}

/** The form of `numberIdentity`: its digits, and where the point is before them. */
function putDecimal(): void {
  const place = state.out
  store<u8>(place, 0x44)
  let out = place + 5
  if (parts.isNegative) store<u8>(out++, 0x2d)
  copy(out, parts.first, <usize>parts.digits)
  out += <usize>parts.digits
  store<u8>(out++, 0x45)
  state.out = putInteger(out, parts.point)
  putCount(place + 1, state.out - place - 5)
}

function keepText(): bool {
  state.at = parts.end
  return true
}

/** @returns false where there is no room */
function replaceText(): bool {
  const from = state.at
  const end = parts.end
  writeText(from)
  const size = putText(SPARE) - SPARE
  // All that was read has room, and what became shorter leaves some.
  if (size > end - from && state.text + size > state.firstText + (end - state.firstFrom)) return false
  copy(state.text, SPARE, size)
  state.text += size
  state.at = end
  state.from = end
  return true
}

/** As JavaScript writes it, and with a point where it is an integer. @returns the place behind it */
function putText(start: usize): usize {
  let out = start
  const digits = parts.digits
  const point = parts.point
  if (parts.isNegative) store<u8>(out++, 0x2d)
  if (digits == 0) return putZeros(putPoint(putZeros(out, 1)), 1)
  if (point > mostWhole || point <= -mostZeros) {
    out = putDigits(out, 0, 1)
    if (digits > 1) out = putDigits(putPoint(out), 1, digits)
    store<u8>(out++, 0x65)
    if (point > 0) store<u8>(out++, 0x2b)
    return putInteger(out, point - 1)
  }
  if (point <= 0) return putDigits(putZeros(putPoint(putZeros(out, 1)), -point), 0, digits)
  if (point < digits) return putDigits(putPoint(putDigits(out, 0, point)), point, digits)
  return putZeros(putPoint(putZeros(putDigits(out, 0, digits), point - digits)), 1)
}

function putPoint(out: usize): usize {
  store<u8>(out, 0x2e)
  return out + 1
}

function putZeros(out: usize, count: i32): usize {
  for (let index: i32 = 0; index < count; index++) store<u8>(out + index, 0x30)
  return out + count
}

/** Those from one up to another, which stand in the text with a point among them, or without. */
function putDigits(out: usize, from: i32, to: i32): usize {
  let at = parts.first
  let index: i32 = 0
  let place = out
  while (index < to) {
    const code = load<u8>(at++)
    if (code == 0x2e) continue
    if (index >= from) store<u8>(place++, code)
    index++
  }
  return place
}

function putInteger(start: usize, value: i32): usize {
  let out = start
  let rest: u32 = value
  if (value < 0) {
    store<u8>(out++, 0x2d)
    rest = -value
  }
  let size: usize = 1
  for (let left = rest; left > 9; left /= 10) size++
  const end = out + size
  for (let at = end; at > out; rest /= 10) store<u8>(--at, 0x30 + <u8>(rest % 10))
  return end
}
