/** Times as text, in the one form that `Timestamp.toISOString` gives: `2026-01-31T23:59:59.123Z`. */
import { skipSpace, state } from './state.ts'

const secondsOfDay: i64 = 86_400

/** The whole text. @returns false for any other form, and for what is no time */
export function readTime(): bool {
  if (load<u8>(state.at) <= 0x20) skipSpace()
  const at = state.at
  if (load<u8>(at) != 0x22) return false
  if (load<u8>(at + 5) != 0x2d || load<u8>(at + 8) != 0x2d || load<u8>(at + 11) != 0x54) return false
  if (load<u8>(at + 14) != 0x3a || load<u8>(at + 17) != 0x3a) return false
  const year = digits(at + 1, 4)
  const month = digits(at + 6, 2)
  const day = digits(at + 9, 2)
  const hour = digits(at + 12, 2)
  const minute = digits(at + 15, 2)
  const second = digits(at + 18, 2)
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return false
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false
  state.at = at + 20
  const nanoseconds = readFraction()
  if (nanoseconds < 0 || load<u16>(state.at) != 0x225a) return false
  state.at += 2
  const seconds = <i64>dayNumber(year, month, day) * secondsOfDay + <i64>(hour * 3600 + minute * 60 + second)
  const out = state.out
  store<u8>(out, 0x54)
  store<u64>(out + 1, bswap<u64>(reinterpret<u64>(<f64>seconds)))
  store<u32>(out + 9, bswap<u32>(<u32>nanoseconds))
  state.out = out + 13
  return true
}

/** As many groups of three digits as say something. @returns nanoseconds; -1 for another form */
function readFraction(): i32 {
  if (load<u8>(state.at) != 0x2e) return 0
  let at = state.at + 1
  let value: i32 = 0
  let group: i32 = 0
  let scale: i32 = 1_000_000
  for (let count = 0; count < 3; count++) {
    const next = digits(at, 3)
    if (next < 0) break
    group = next
    value += group * scale
    scale /= 1000
    at += 3
  }
  state.at = at
  return group == 0 ? -1 : value
}

/** @returns -1 where there are not so many */
function digits(at: usize, count: usize): i32 {
  let value: i32 = 0
  for (let index: usize = 0; index < count; index++) {
    const digit = <i32>load<u8>(at + index) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = 10 * value + digit
  }
  return value
}

function daysOf(year: i32, month: i32): i32 {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31
}

/** Days since 1970-01-01, in years that begin in March. */
function dayNumber(year: i32, month: i32, day: i32): i32 {
  const counted = month > 2 ? year + 400 : year + 399
  const days = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
  return counted * 365 + counted / 4 - counted / 100 + counted / 400 + days - 719_468 - 146_097
}
