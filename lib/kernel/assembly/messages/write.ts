/** Tokens to the fields of a `Document` message, written backwards: the length of a part is then known when it is due. */
import { ARRAY, ARRAY_END, COUNTED, DOUBLE, END, ESCAPED, INTEGER, MAP, MAP_END, NULL, TEXT, tokenAt, tokens, TRUE } from './shared.ts'
import { escaped, escapeLength, readLine } from './read.ts'

/** Tags of one byte, and that of a string, of two: `lib/connectors/firestore/values.ts`. */
const fieldsTag: u8 = 0x12
const contentTag: u8 = 0x0a
const keyTag: u8 = 0x0a
const valueTag: u8 = 0x12
const booleanTag: u8 = 0x08
const integerTag: u8 = 0x10
const doubleTag: u8 = 0x19
const mapTag: u8 = 0x32
const arrayTag: u8 = 0x4a
const nullTag: u8 = 0x58
const stringTag: u16 = 0x018a

let out: usize = 0
let left: u32 = 0
let counted: usize = 0

/**
 * Write the fields of a document without its `_id`. They end where the memory for them does.
 *
 * @param length of the input: see `readLine`
 * @returns their length; -1 where the document has to be seen
 */
export function writeFields(length: usize): i32 {
  if (!readLine(length)) return -1
  out = END
  left = tokens.count
  counted = 0
  while (left > 0) writeField(fieldsTag)
  store<u32>(COUNTED, <u32>counted)
  return <i32>(END - out)
}

// Each takes from the end of the list, up to where `left` is then.

function writeField(tag: u8): void {
  const end = out
  writeValue(valueTag)
  left -= 1
  const key = tokenAt(left)
  const size = <usize>load<u32>(key + 8)
  out -= size
  copyShort(out, load<u32>(key + 4), size)
  counted += size + 1
  putSize(keyTag, size)
  putSize(tag, end - out)
}

function writeValue(tag: u8): void {
  const end = out
  left -= 1
  const token = tokenAt(left)
  const kind = load<u32>(token)
  if (kind == TEXT || kind == ESCAPED) {
    const size = <usize>load<u32>(token + 8)
    out -= size
    if (kind == TEXT) copyShort(out, load<u32>(token + 4), size)
    else unescape(out, load<u32>(token + 4), size)
    counted += size + 1
    putVarint(size)
    out -= 2
    store<u16>(out, stringTag)
  } else if (kind == INTEGER) {
    counted += 8
    const value = <i64>load<f64>(token + 8)
    putVarint(<u64>value)
    putTag(integerTag)
  } else if (kind == DOUBLE) {
    counted += 8
    out -= 8
    store<f64>(out, load<f64>(token + 8))
    putTag(doubleTag)
  } else if (kind == MAP_END) writeMap(end)
  else if (kind == ARRAY_END) writeArray(end)
  else {
    counted += 1
    putTag(kind == TRUE ? 1 : 0)
    putTag(kind == NULL ? nullTag : booleanTag)
  }
  putSize(tag, end - out)
}

function writeMap(end: usize): void {
  if (load<u32>(tokenAt(left - 1)) == MAP) counted += 1
  while (load<u32>(tokenAt(left - 1)) != MAP) writeField(contentTag)
  left -= 1
  putSize(mapTag, end - out)
}

function writeArray(end: usize): void {
  if (load<u32>(tokenAt(left - 1)) == ARRAY) counted += 1
  while (load<u32>(tokenAt(left - 1)) != ARRAY) writeValue(contentTag)
  left -= 1
  putSize(arrayTag, end - out)
}

function putTag(tag: u8): void {
  out -= 1
  store<u8>(out, tag)
}

/** Tag and length of what was written last. */
function putSize(tag: u8, size: usize): void {
  putVarint(size)
  putTag(tag)
}

function putVarint(value: u64): void {
  if (value < 0x80) {
    out -= 1
    store<u8>(out, <u8>value)
    return
  }
  let size: usize = 1
  for (let rest = value >> 7; rest != 0; rest >>= 7) size += 1
  out -= size
  let to = out
  let rest = value
  while (rest >= 0x80) {
    const low = (<u8>rest) & 0x7f
    store<u8>(to, low | 0x80)
    rest >>= 7
    to += 1
  }
  store<u8>(to, <u8>rest)
}

/** Nothing behind is overwritten: it is written already. */
function copyShort(to: usize, from: usize, size: usize): void {
  if (size >= 16) {
    const last = size - 16
    for (let done: usize = 0; done < last; done += 16) v128.store(to + done, v128.load(from + done))
    v128.store(to + last, v128.load(from + last))
  } else if (size >= 8) {
    const last = size - 8
    const tail = load<u64>(from + last)
    store<u64>(to, load<u64>(from))
    store<u64>(to + last, tail)
  } else for (let done: usize = 0; done < size; done++) store<u8>(to + done, load<u8>(from + done))
}

/** @param size of what comes of it */
function unescape(to: usize, from: usize, size: usize): void {
  const end = to + size
  let next = from
  let place = to
  while (place < end) {
    const code = load<u8>(next)
    if (code != 0x5c) {
      store<u8>(place, code)
      place += 1
      next += 1
      continue
    }
    next += escapeLength(next)
    putUnit(place, escaped.unit, escaped.size)
    place += escaped.size
  }
}

/** In UTF-8. */
function putUnit(to: usize, unit: u32, size: usize): void {
  if (size == 1) store<u8>(to, <u8>unit)
  else if (size == 2) {
    store<u8>(to, <u8>(0xc0 | (unit >> 6)))
    store<u8>(to + 1, <u8>(0x80 | (unit & 0x3f)))
  } else {
    store<u8>(to, <u8>(0xe0 | (unit >> 12)))
    store<u8>(to + 1, <u8>(0x80 | ((unit >> 6) & 0x3f)))
    store<u8>(to + 2, <u8>(0x80 | (unit & 0x3f)))
  }
}
