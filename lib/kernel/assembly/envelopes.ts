/**
 * Envelopes to the canonical bytes of what they hold: maps with one key for values that JSON has no type for, as `lib/values/envelope.ts` writes them. In
 * any other form they are `PLAIN`, and so are those that are rare.
 */
import { readBase64 } from './base64.ts'
import { readNumber } from './numbers.ts'
import { NUMBERS } from './layout.ts'
import { putCount, skipSpace, state } from './state.ts'
import { readString } from './strings.ts'
import { readTime } from './times.ts'

/** More than an element takes beside its text. */
const slack: usize = 64

/** From the quote of a map's first key, which begins with a dollar, to behind the map. @param place where the canonical bytes of the value begin */
export function readEnvelope(place: usize): bool {
  state.out = place
  state.specials++
  return readContent() && skipText('}')
}

function readContent(): bool {
  if (skipKey('"$date"')) return readTime()
  if (skipKey('"$reference"')) return readReference()
  if (skipKey('"$binary"')) return readBinary()
  if (skipKey('"$geoPoint"')) return readGeoPoint()
  if (skipKey('"$vector"')) return readVector()
  if (skipKey('"$numberDouble"')) return readDouble()
  return false
}

function readReference(): bool {
  const place = state.out
  if (!skipText('"')) return false
  store<u8>(place, 0x72)
  state.out = place + 5
  if (!readString()) return false
  putCount(place + 1, state.out - place - 5)
  return true
}

function readBinary(): bool {
  const place = state.out
  if (!skipText('{') || !skipKey('"base64"') || !skipText('"')) return false
  store<u8>(place, 0x62)
  state.out = place + 5
  if (!readBase64()) return false
  putCount(place + 1, state.out - place - 5)
  return skipText(',') && skipKey('"subType"') && skipText('"00"') && skipText('}')
}

function readGeoPoint(): bool {
  if (!skipText('[')) return false
  store<u8>(state.out++, 0x67)
  return readElement() && skipText(',') && readElement() && skipText(']')
}

function readVector(): bool {
  const place = state.out
  if (!skipText('[')) return false
  store<u8>(place, 0x76)
  state.out = place + 5
  let count: usize = 0
  if (!skipText(']')) {
    do {
      if (!readElement()) return false
      count++
    } while (skipText(','))
    if (!skipText(']')) return false
  }
  putCount(place + 1, count)
  return true
}

/** A number without a kind, of which no tag is written. */
function readElement(): bool {
  const out = state.out
  const specials = state.specials
  const numbers = state.numbers
  if (load<u8>(state.at) <= 0x20) skipSpace()
  if (out + (state.end - state.at) + slack > state.outEnd) return false
  if (!readNumber() || state.specials != specials) return false
  store<u64>(out, load<u64>(out + 1))
  state.out = out + 8
  if (state.numbers > numbers) store<u32>(NUMBERS + 12 * <usize>numbers, <u32>out)
  return true
}

/** Those that have no digits; of others, ordinary JSON has the text. */
function readDouble(): bool {
  let bits: u64 = 0
  if (skipText('"NaN"')) bits = 0x7ff8000000000000
  else if (skipText('"Infinity"')) bits = 0x7ff0000000000000
  else if (skipText('"-Infinity"')) bits = 0xfff0000000000000
  else return false
  store<u8>(state.out, 0x64)
  store<u64>(state.out + 1, bswap<u64>(bits))
  state.out += 9
  return true
}

function skipKey(key: string): bool {
  return skipText(key) && skipText(':')
}

/** Space before it too. */
function skipText(text: string): bool {
  if (load<u8>(state.at) <= 0x20) skipSpace()
  const at = state.at
  const length = text.length
  for (let index = 0; index < length; index++) if (load<u8>(at + <usize>index) != <u8>text.charCodeAt(index)) return false
  state.at = at + <usize>length
  return true
}
