/** What the parts of the reader share: where it stands, what it has found, and the text that it makes. */
import { CANONICAL, CANONICAL_END, MEMBERS } from './layout.ts'

/** Read, and the same for docferry's plain way. */
export const OK: i32 = 0
/** The plain way must look at it: not JSON, or something of which only that knows what it is. */
export const PLAIN: i32 = 1

/**
 * What is read: lines that are documents, rows of CouchDB's `_all_docs`, documents to be outlined, outlines to be filled, lines of which nobody wants the
 * canonical bytes nor ids, and documents to be outlined of which nobody wants ids.
 */
export const LINE: i32 = 0
export const ROW: i32 = 1
export const OUTLINED: i32 = 2
export const FILLED: i32 = 3
export const CHECKED: i32 = 4
export const OUTLINED_ALONE: i32 = 5

export namespace state {
  /** Which of these: `OUTLINED` for both kinds of outlines. */
  export let kind: i32 = LINE
  /** Whether ids are wanted. */
  export let hasIds: bool = true
  /** Place in the input. */
  export let at: usize = 0
  /** Where what is read ends at the latest. */
  export let end: usize = 0
  /** Whether documents may go over several lines. */
  export let isList: bool = false
  /** Line ends that were passed in a list. */
  export let lines: u32 = 0
  /** Place in the text, and where the part of the input begins that follows there as it is. */
  export let text: usize = 0
  export let from: usize = 0
  /** Of all documents since `begin`: a text that takes more bytes than what was read of them has no room. */
  export let firstText: usize = 0
  export let firstFrom: usize = 0
  /** Place in the canonical bytes. */
  export let out: usize = CANONICAL
  export let outEnd: usize = CANONICAL_END
  /** Where the document's canonical bytes begin. */
  export let document: usize = CANONICAL
  /** Top of the stack of members. */
  export let members: usize = MEMBERS
  export let numbers: i32 = 0
  /** Whether numbers are read of which a text keeps the kind, and envelopes. */
  export let isSpecial: bool = false
  /** Envelopes, and numbers with a kind, of which a tag stands before them in the canonical bytes. */
  export let specials: u32 = 0
  /** Of these, in members that are looked into. */
  export let lookedSpecials: u32 = 0
  /** Bit i: the i-th of the fields to drop was there. */
  export let dropped: u32 = 0
  /** Members of the dropped map that is counted. */
  export let counted: usize = 0
  /** Where the text of `_id` is in the canonical bytes; 0: there is none. */
  export let id: usize = 0
}

/** Space between tokens is not in the text. */
export function skipSpace(): void {
  const spaces = i8x16.splat(0x20)
  const start = state.at
  let at = start
  while (true) {
    const code = load<u8>(at)
    if (code == 0x20) {
      const others = i8x16.bitmask(i8x16.ne(v128.load(at), spaces))
      at += others == 0 ? 16 : <usize>ctz(others)
    } else if (code == 0x0a) {
      if (!state.isList) break
      state.lines += 1
      at += 1
    } else if (code == 0x09 || code == 0x0d) at += 1
    else break
  }
  if (at == start) return
  writeText(start)
  state.at = at
  state.from = at
}

/** Up to this place of the input, the text is what stands there. */
export function writeText(to: usize): void {
  const from = state.from
  const size = to - from
  state.from = to
  if (size == 0) return
  copy(state.text, from, size)
  state.text += size
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
