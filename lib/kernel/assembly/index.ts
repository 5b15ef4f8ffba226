/**
 * Documents as the bytes of their JSON text: read once, checked, and left as they are but for space, and for top-level fields that are dropped.
 *
 * What is `OK` is what the plain way would take it for: valid JSON, a document, without a key twice; and without an envelope or a number that is more than
 * JSON says, unless special values are read. Everything else, and everything that is rare, is `PLAIN`, and the host does it.
 */
import { hashes, hashId } from './ids.ts'
import { copyWithoutKinds } from './kinds.ts'
import {
  CANONICAL,
  CANONICAL_END,
  DROPPED,
  FILL_CANONICAL,
  FILL_CANONICAL_END,
  FILL_TEXT_END,
  IDS,
  LINE_SIZE,
  LINES,
  MEMBERS
} from './layout.ts'
import { writeNarrow } from './narrow.ts'
import { writeUtf8 } from './utf16.ts'
import { beginOutline, beginOutlines, hasRoomForOutline, writeOutline } from './outline.ts'
import { toDocument } from './rows.ts'
import { CHECKED, copy, countAt, FILLED, OK, OUTLINED, OUTLINED_ALONE, PLAIN, ROW, skipSpace, state, writeText } from './state.ts'
import { readDocument } from './values.ts'

/**
 * Of a line, or of an element of a list: place in the input, length (of a line without its end; of an element with the comma behind it), status,
 * place and length of its text, of its canonical bytes, its id's hashes, numbers to read, fields dropped, members of the one that is counted,
 * line ends up to behind it since `begin` or `seek` (of an element), its id's place and length, the place behind its outline, envelopes
 * and numbers with kinds, and of these, those in members that are looked into.
 */
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
  export const lines: usize = 48
  export const id: usize = 52
  export const idLength: usize = 56
  export const outline: usize = 60
  export const specials: usize = 64
  export const lookedSpecials: usize = 68
}

/** Where the input begins, and how far the last call came. */
let input: usize = 0
let next: usize = 0
let text: usize = 0
let canonical: usize = CANONICAL
let ids: usize = IDS

/**
 * Begin with new input.
 *
 * @param from where it is, with room for sixteen bytes behind it; @param to where the text goes, with as much room as the input has
 * @param kind what is read, as in `state.ts`
 */
export function begin(from: usize, to: usize, kind: i32): void {
  const isFill = kind == FILLED
  input = from
  next = from
  text = to
  canonical = isFill ? FILL_CANONICAL : CANONICAL
  ids = IDS
  state.kind = kind == OUTLINED_ALONE ? OUTLINED : kind
  state.hasIds = kind != CHECKED && kind != OUTLINED_ALONE
  state.outEnd = isFill ? FILL_CANONICAL_END : CANONICAL_END
  state.lines = 0
  state.firstFrom = from
  state.firstText = to
  state.isSpecial = load<u32>(DROPPED + 12) != 0
  if (state.kind == OUTLINED) beginOutlines()
}

/** Go on behind so many bytes of the input. */
export function seek(from: usize): void {
  next = input + from
  state.lines = 0
}

/**
 * Canonical bytes without the kinds of numbers, where maps are put in order, until more is read. Envelopes are counted.
 *
 * @param from of a document without gaps; @param length for which there is room there
 * @returns how many there are
 */
export function freeOfKinds(from: usize, length: usize): usize {
  return copyWithoutKinds(from, length)
}

/** As `writeNarrow`. */
export function narrow(from: usize, end: usize, to: usize): usize {
  return writeNarrow(from, end, to)
}

/** As `writeUtf8`. */
export function encode(from: usize, count: usize, to: usize): usize {
  return writeUtf8(from, count, to)
}

/**
 * Read lines until the input ends or one has numbers for the host to read, which it must do before it calls again. Canonical bytes are those of this call,
 * but for those of outlined documents, which stay.
 *
 * @param length of the input, which is valid UTF-8 and ends with a line end
 * @param most lines
 * @returns how many lines were read
 */
export function read(length: usize, most: i32): i32 {
  const end = input + length
  const lineEnds = i8x16.splat(0x0a)
  let count: i32 = 0
  if (state.kind != OUTLINED) canonical = state.kind == FILLED ? FILL_CANONICAL : CANONICAL
  state.isList = false
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
    const isOk = readOne(next, lineEnd) && state.at == state.end
    store<u32>(line + record.status, isOk ? OK : PLAIN)
    if (isOk) finish(line)
    next = lineEnd + 1
    if (isOk && state.numbers > 0) break
  }
  return count
}

/**
 * Read elements of a list, as `read` does lines, up to the first that is not `OK`, or is not whole.
 *
 * @param length of the input, which is valid UTF-8, begins where an element may, and has sixteen zeros behind it
 * @returns how many were read, each with the comma behind it, or up to the end of the list
 */
export function readList(length: usize, most: i32): i32 {
  const end = input + length
  let count: i32 = 0
  canonical = state.kind == FILLED ? FILL_CANONICAL : CANONICAL
  state.isList = true
  while (next < end && count < most) {
    const lines = state.lines
    const isOk = readOne(next, end)
    const code = load<u8>(state.at)
    if (!isOk || (code != 0x2c && code != 0x5d)) {
      state.lines = lines
      break
    }
    if (code == 0x2c) state.at += 1
    const line = LINES + LINE_SIZE * <usize>count
    store<u32>(line + record.place, <u32>next)
    store<u32>(line + record.length, <u32>(state.at - next))
    store<u32>(line + record.status, OK)
    store<u32>(line + record.lines, state.lines)
    finish(line)
    next = state.at
    count += 1
    if (state.numbers > 0 || code == 0x5d) break
  }
  return count
}

/** @returns false where it must go the plain way */
function readOne(from: usize, end: usize): bool {
  state.from = from
  state.end = end
  if (state.kind == ROW && !toDocument()) return false
  if (state.kind == FILLED && text + (end - from) + 64 > FILL_TEXT_END) return false
  state.at = state.from
  state.text = text
  state.out = canonical
  state.document = canonical
  state.members = MEMBERS
  state.numbers = 0
  state.specials = 0
  state.lookedSpecials = 0
  state.dropped = 0
  state.counted = 0
  state.id = 0
  if (state.kind == OUTLINED) beginOutline()
  skipSpace()
  if (load<u8>(state.at) != 0x7b || !readDocument()) return false
  writeText(state.at)
  skipSpace()
  return state.id != 0 && (state.kind != OUTLINED || hasRoomForOutline(end - from))
}

function finish(line: usize): void {
  store<u8>(state.text, 0x0a)
  state.text += 1
  store<u32>(line + record.text, <u32>text)
  store<u32>(line + record.textLength, <u32>(state.text - text))
  store<u32>(line + record.canonical, <u32>state.document)
  store<u32>(line + record.canonicalLength, <u32>(state.out - state.document))
  store<u32>(line + record.numbers, state.numbers)
  store<u32>(line + record.dropped, state.dropped)
  store<u32>(line + record.counted, <u32>state.counted)
  store<u32>(line + record.specials, state.specials)
  store<u32>(line + record.lookedSpecials, state.lookedSpecials)
  if (state.hasIds) finishId(line)
  if (state.kind == OUTLINED) store<u32>(line + record.outline, <u32>writeOutline())
  text = state.text
  canonical = state.out
}

function finishId(line: usize): void {
  hashId(state.id)
  store<u32>(line + record.firstHash, hashes.first)
  store<u32>(line + record.secondHash, hashes.second)
  const length = countAt(state.id)
  store<u32>(line + record.id, <u32>ids)
  store<u32>(line + record.idLength, <u32>length)
  copy(ids, state.id + 4, length)
  ids += length
}
