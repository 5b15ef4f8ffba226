/** What the parts of the reader share: where it stands, and what it has found. */
import { CANONICAL, MEMBERS } from './layout.ts'

/** Read, and the same for docferry's plain way. */
export const OK: i32 = 0
/** The plain way must look at it: not JSON, or something of which only that knows what it is. */
export const PLAIN: i32 = 1

export namespace state {
  /** Place in the input. */
  export let at: usize = 0
  /** Where the document's text begins. */
  export let from: usize = 0
  /** Where it ends. */
  export let end: usize = 0
  /** Place in the canonical bytes. */
  export let out: usize = CANONICAL
  /** Top of the stack of members. */
  export let members: usize = MEMBERS
  export let numbers: i32 = 0
  export let spans: i32 = 0
  /** Bit i: the i-th of the fields to drop was there. */
  export let dropped: u32 = 0
  /** Members of the dropped map that is counted. */
  export let counted: usize = 0
  /** Where the text of `_id` is in the canonical bytes; 0: there is none. */
  export let id: usize = 0
}

export function skipSpace(): void {
  let at = state.at
  let code = load<u8>(at)
  while (code == 0x20 || code == 0x09 || code == 0x0d) code = load<u8>(++at)
  state.at = at
}

/** A count as the canonical form has it. */
export function putCount(place: usize, count: usize): void {
  store<u32>(place, bswap<u32>(<u32>count))
}

export function countAt(place: usize): usize {
  return <usize>bswap<u32>(load<u32>(place))
}

/** Copies sixteen bytes at a time: up to fifteen behind `to + size` are overwritten. */
export function copy(to: usize, from: usize, size: usize): void {
  let done: usize = 0
  do {
    v128.store(to + done, v128.load(from + done))
    done += 16
  } while (done < size)
}
