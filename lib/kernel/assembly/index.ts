/**
 * Documents as the bytes of their JSON text: read once, checked, and left as they are but for top-level fields that are dropped.
 *
 * A line that is `OK` is what the plain way would take it for: valid JSON, a document, without a number or an envelope that is more than JSON
 * says, without a key twice. Everything else, and everything that is rare, is `PLAIN`, and the host does it.
 */
import { hashes, hashId } from './ids.ts'
import { CANONICAL, IDS, INPUT, LINE_SIZE, LINES, MEMBERS, TEXT } from './layout.ts'
import { toDocument } from './rows.ts'
import { copy, countAt, OK, PLAIN, skipSpace, state } from './state.ts'
import { readDocument } from './values.ts'
import { withoutSpans } from './spans.ts'

/** Place of a line in the input, its length without its end, its status, its text's place and length, its canonical bytes' place and length, its id's hashes, numbers to read, fields dropped, members of the one that is counted, its id's place and length. */
namespace record {
  export const place: usize = 0
  export const length: usize = 4
  export const status: usize = 8
  export const text: usize = 12
  export const textLength: usize = 16
  export const canonical: usize = 20
  export const canonicalLength: usize = 24
  export const firstHash: usize = 28
  export const secondHash: usize = 32
  export const numbers: usize = 36
  export const dropped: usize = 40
  export const counted: usize = 44
  export const id: usize = 48
  export const idLength: usize = 52
}

/** How far the last call came. */
let next: usize = INPUT
let text: usize = TEXT
let canonical: usize = CANONICAL
let ids: usize = IDS
let inRows: bool = false

/**
 * Begin with new input.
 *
 * @param rows whether each line is a row of CouchDB's `_all_docs`, and the document a member of it
 */
export function begin(rows: bool): void {
  next = INPUT
  text = TEXT
  ids = IDS
  inRows = rows
}

/**
 * Read lines until the input ends or one has numbers for the host to read, which it must do before it calls again. Canonical bytes are those of this call.
 *
 * @param length of the input, which is valid UTF-8 and ends with a line end
 * @param most lines
 * @returns how many lines were read
 */
export function read(length: usize, most: i32): i32 {
  const end = INPUT + length
  const lineEnds = i8x16.splat(0x0a)
  let count: i32 = 0
  canonical = CANONICAL
  while (next < end && count < most) {
    let lineEnd = next
    let mask = i8x16.bitmask(i8x16.eq(v128.load(lineEnd), lineEnds))
    while (mask == 0) {
      lineEnd += 16
      mask = i8x16.bitmask(i8x16.eq(v128.load(lineEnd), lineEnds))
    }
    lineEnd += <usize>ctz(mask)
    const line = LINES + LINE_SIZE * <usize>count
    count += 1
    store<u32>(line + record.place, <u32>next)
    store<u32>(line + record.length, <u32>(lineEnd - next))
    store<u32>(line + record.text, <u32>text)
    const isOk = readLine(next, lineEnd)
    store<u32>(line + record.status, isOk ? OK : PLAIN)
    if (isOk) {
      // The line end may be CRLF.
      const stop = load<u8>(state.end - 1) == 0x0d ? state.end - 1 : state.end
      text = withoutSpans(state.from, stop, text)
      store<u32>(line + record.textLength, <u32>text - load<u32>(line + record.text))
      store<u32>(line + record.canonical, <u32>canonical)
      store<u32>(line + record.canonicalLength, <u32>(state.out - canonical))
      hashId(state.id)
      store<u32>(line + record.firstHash, hashes.first)
      store<u32>(line + record.secondHash, hashes.second)
      store<u32>(line + record.numbers, state.numbers)
      store<u32>(line + record.dropped, state.dropped)
      store<u32>(line + record.counted, <u32>state.counted)
      const idLength = countAt(state.id)
      store<u32>(line + record.id, <u32>ids)
      store<u32>(line + record.idLength, <u32>idLength)
      copy(ids, state.id + 4, idLength)
      ids += idLength
      canonical = state.out
    }
    next = lineEnd + 1
    if (isOk && state.numbers > 0) break
  }
  return count
}

function readLine(from: usize, end: usize): bool {
  state.from = from
  state.end = end
  if (inRows && !toDocument()) return false
  state.at = state.from
  state.out = canonical
  state.members = MEMBERS
  state.numbers = 0
  state.spans = 0
  state.dropped = 0
  state.counted = 0
  state.id = 0
  skipSpace()
  return readDocument()
}
