/** Hashes of an id over its code units of UTF-16: those of `lib/values/id-hashes.ts`. */
import { countAt } from './state.ts'

export namespace hashes {
  export let first: u32 = 0
  export let second: u32 = 0
}

/** @param id a count and UTF-8 */
export function hashId(id: usize): void {
  let first: u32 = 0x811c9dc5
  let second: u32 = 0x9747b28c
  const end = id + 4 + countAt(id)
  let at = id + 4
  while (at < end) {
    const lead = <u32>load<u8>(at)
    let unit = lead
    if (lead < 0x80) at++
    else if (lead < 0xe0) {
      unit = ((lead & 0x1f) << 6) | tail(at + 1)
      at += 2
    } else if (lead < 0xf0) {
      unit = ((lead & 0x0f) << 12) | (tail(at + 1) << 6) | tail(at + 2)
      at += 3
    } else {
      const point = (((lead & 0x07) << 18) | (tail(at + 1) << 12) | (tail(at + 2) << 6) | tail(at + 3)) - 0x10000
      const half: u32 = 0xd800 + (point >> 10)
      first = (first ^ half) * 0x01000193
      second = (second * 0x5bd1e995) ^ half
      unit = 0xdc00 + (point & 0x3ff)
      at += 4
    }
    first = (first ^ unit) * 0x01000193
    second = (second * 0x5bd1e995) ^ unit
  }
  hashes.first = mix(first)
  hashes.second = mix(second ^ hashes.first) | 1
}

function mix(hash: u32): u32 {
  let mixed = (hash ^ (hash >> 16)) * 0x85ebca6b
  mixed = (mixed ^ (mixed >> 13)) * 0xc2b2ae35
  return mixed ^ (mixed >> 16)
}

function tail(at: usize): u32 {
  return (<u32>load<u8>(at)) & 0x3f
}
