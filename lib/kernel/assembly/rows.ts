/** Rows of CouchDB's `_all_docs`, one a line: `{"id":...,"key":...,"value":{"rev":...},"doc":{...}},`. */
import { state } from './state.ts'

/** `{"id` and `":`, and `,"doc":`, as little-endian words. */
const rowStart: u32 = 0x6469227b
const rowStartRest: u16 = 0x3a22
const documentMember: u64 = 0x003a22636f64222c
const sevenBytes: u64 = 0x00ffffffffffffff

/**
 * Go from a row to its document. Within a string a quote has a backslash before it, and not a comma; behind the end of a string no name follows. So the
 * first `,"doc":` is a member of the row.
 *
 * @returns false for what is no row with a document
 */
export function toDocument(): bool {
  let at = state.from
  let end = state.end
  if (load<u32>(at) != rowStart || load<u16>(at + 4) != rowStartRest) return false
  if (load<u8>(end - 1) == 0x0d) end -= 1
  if (load<u8>(end - 1) == 0x2c) end -= 1
  if (load<u8>(end - 1) != 0x7d) return false
  end -= 1
  at += 6
  const commas = i8x16.splat(0x2c)
  while (at < end) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(at), commas))
    if (mask == 0) {
      at += 16
      continue
    }
    at += <usize>ctz(mask)
    if ((load<u64>(at) & sevenBytes) == documentMember) {
      state.from = at + 7
      state.end = end
      return state.from < end
    }
    at += 1
  }
  return false
}
