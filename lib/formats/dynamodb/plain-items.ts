/**
 * The list `Items` of an answer, of whose items the types are left out: `{"_id":{"S":"a"},"l":{"L":[{"N":"1"},{"NULL":true}]}}` becomes
 * `{"_id":"a","l":[1,null]}`.
 *
 * An item is _odd_, and has no such text, where it holds anything that JSON has no type for, a number that JSON.parse would not give back as
 * `readNumber` does, a name that begins with `$` or has an escape, or is not written as the service writes, without spaces.
 */
import { isAscii, isUtf8 } from 'node:buffer'
import { readItems, record } from './item-kernel.ts'

export interface PlainItems {
  readonly length: number
  /** The answer as JSON with null in place of the list: not looked at yet. */
  readonly rest: string
  /** The item as it came: not looked at yet where it is odd. */
  itemText(index: number): string
  /** Sound JSON of a map that begins with `_id`; undefined for an odd item. */
  text(index: number): string | undefined
  /** The bytes of that, with a line end, which stay as they are; undefined also where they may be no UTF-8. */
  line(index: number): Buffer | undefined
}

const quotation = 34
const comma = 44
const colon = 58
const openList = 91
const backslash = 92
const closeList = 93
const open = 123
const close = 125

/** Some of the items, one behind the other. */
interface Part {
  /** Where they begin in the answer. */
  readonly from: number
  readonly records: Uint32Array
  readonly text: Buffer
  readonly encoding: 'latin1' | 'utf8'
  readonly isSound: boolean
}

/**
 * @param ownKey whether the table has docferry's own key: `_id` is then the attribute, and an item without it is odd. Otherwise `_id` is empty, and
 * odd is an item with an attribute for which that name has a meaning
 * @returns undefined where the bytes are no object with a list `Items`, or have spaces around it
 */
export function readPlainItems(bytes: Buffer, ownKey: boolean): PlainItems | undefined {
  const from = findItems(bytes)
  if (from === -1) return undefined
  const parts: Part[] = []
  const to = takeList(bytes, from, ownKey, parts)
  if (to === -1) return undefined
  const places = parts.flatMap(part =>
    Array.from({ length: part.records.length / record.words }, (_, index) => ({ part, at: index * record.words }))
  )
  return {
    length: places.length,
    rest: `${bytes.toString('utf8', 0, from)}null${bytes.toString('utf8', to)}`,
    itemText(index) {
      const { part, at } = places[index]!
      return bytes.toString('utf8', part.from + part.records[at + record.from]!, part.from + part.records[at + record.to]!)
    },
    text(index) {
      const { part, at } = places[index]!
      if (part.records[at + record.isOdd] === 1) return undefined
      return part.text.toString(part.encoding, part.records[at + record.textFrom], part.records[at + record.textTo]! - 1)
    },
    line(index) {
      const { part, at } = places[index]!
      if (!part.isSound || part.records[at + record.isOdd] === 1) return undefined
      return part.text.subarray(part.records[at + record.textFrom], part.records[at + record.textTo])
    }
  }
}

/** @returns where the list of items begins, or -1 */
function findItems(bytes: Buffer): number {
  for (let at = 0; bytes[at] === (at === 0 ? open : comma);) {
    const end = skipText(bytes, at + 1)
    if (end === -1 || bytes[end] !== colon) return -1
    if (bytes.toString('latin1', at + 1, end) === '"Items"') return bytes[end + 1] === openList ? end + 1 : -1
    at = skipValue(bytes, end + 1)
    if (at === -1) return -1
  }
  return -1
}

/** @returns where the list has ended, or -1 */
function takeList(bytes: Buffer, from: number, ownKey: boolean, parts: Part[]): number {
  if (bytes[from + 1] === closeList) return from + 2
  for (let at = from + 1; ;) {
    const read = readItems(bytes.subarray(at), ownKey)
    if (!read || read.count === 0) return -1
    const { records, text } = read
    const isPlainText = isAscii(text)
    parts.push({ from: at, records, text, encoding: isPlainText ? 'latin1' : 'utf8', isSound: isPlainText || isUtf8(text) })
    at += records[records.length - record.words + record.to]! + 1
    if (bytes[at - 1] === closeList) return at
  }
}

/** Past a string. @returns -1 where there is none */
function skipText(bytes: Buffer, from: number): number {
  if (bytes[from] !== quotation) return -1
  for (let at = from + 1; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === quotation) return at + 1
    if (byte === backslash) at++
  }
  return -1
}

/** Past a value, of which nothing is checked but that its braces and brackets are as many. @returns -1 where the bytes end before */
function skipValue(bytes: Buffer, from: number): number {
  let depth = 0
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === quotation) {
      at = skipText(bytes, at) - 1
      if (at === -2) return -1
    } else if (byte === open || byte === openList) depth++
    else if (byte === close || byte === closeList) {
      if (depth === 0) return at
      if (--depth === 0) return at + 1
    } else if (byte === comma && depth === 0) return at
    if (depth === 0 && byte === quotation) return at + 1
  }
  return -1
}
