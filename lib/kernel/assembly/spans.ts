/** The text of a line without the members that are dropped. */
import { SPANS } from './layout.ts'
import { copy, state } from './state.ts'

/** @returns the place behind it, and behind its line end */
export function withoutSpans(from: usize, end: usize, to: usize): usize {
  let place = to
  let at = from
  for (let index: i32 = 0; index < state.spans; index++) {
    const span = SPANS + 8 * <usize>index
    const start = <usize>load<u32>(span)
    const stop = <usize>load<u32>(span + 4)
    // What lies between two dropped ones is a comma, or members.
    copy(place, at, start - at)
    place += start - at
    at = behindComma(stop)
  }
  if (state.spans > 0 && load<u8>(at) == 0x7d) {
    // Nothing follows: the comma before it goes too.
    while (load<u8>(place - 1) == 0x20 || load<u8>(place - 1) == 0x09 || load<u8>(place - 1) == 0x0d) place--
    if (load<u8>(place - 1) == 0x2c) place--
  }
  const rest = end - at
  if (rest > 0) copy(place, at, rest)
  place += rest
  store<u8>(place++, 0x0a)
  return place
}

/** Behind the comma that follows, and the space behind that; where none follows, at what does. */
function behindComma(stop: usize): usize {
  let at = stop
  while (isSpace(load<u8>(at))) at++
  if (load<u8>(at) != 0x2c) return at
  at++
  while (isSpace(load<u8>(at))) at++
  return at
}

function isSpace(code: u8): bool {
  return code == 0x20 || code == 0x09 || code == 0x0d
}
