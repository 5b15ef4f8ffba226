/**
 * The list `Items` of an answer, of whose items the types are left out: `{"_id":{"S":"a"},"l":{"L":[{"N":"1"},{"NULL":true}]}}` becomes
 * `{"_id":"a","l":[1,null]}`.
 *
 * An item is _odd_, and has no such text, where it holds anything that JSON has no type for, a number that JSON.parse would not give back as
 * `readNumber` does, a name that begins with `$` or has an escape, or is not written as the service writes, without spaces.
 */
import { isAscii, isUtf8 } from 'node:buffer'
import type { BufferPool } from '../../kernel/buffer-pool.ts'
import { readItems, record } from './item-kernel.ts'
import type { ItemsOptions } from './item-kernel.ts'

export interface PlainItems {
  readonly length: number
  /** The answer as JSON with null in place of the list: not looked at yet. */
  readonly rest: string
  /** The item as it came: not looked at yet where it is odd. */
  itemText(index: number): string
  /** Sound JSON of a map that begins with `_id`; undefined for an odd item. */
  text(index: number): string | undefined
  /**
   * The same of some that follow one another, each with a line end, until they are released; an item whose text may be no UTF-8 has none.
   *
   * @param range indexes of items, and how long the lines may be together
   */
  lines(range: ItemRange): ItemLines
  /** The same as JSON: a list of them. */
  list(range: ItemRange): ItemTexts
  /** Nobody looks at lines any more, or asks for text. */
  release(): void
}

export interface ItemRange {
  readonly from: number
  readonly to: number
  readonly mostBytes: number
}

export interface ItemLines extends Taken {
  readonly lines: Buffer
}

export interface ItemTexts extends Taken {
  readonly list: string
}

interface Taken {
  /** Behind the last item that was looked at: at least one was. */
  readonly to: number
  /** Of the item that each line is of. */
  readonly indexes: readonly number[]
  /** Of those that have none. */
  readonly odd: readonly number[]
}

const lineEnd = 10
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
  /** The first one's index, and behind the last one's. */
  readonly first: number
  readonly end: number
  /** Where they begin in the answer. */
  readonly from: number
  readonly records: Uint32Array
  readonly text: Buffer
  readonly encoding: 'latin1' | 'utf8'
  readonly isSound: boolean
}

/**
 * @param options `ownKey`: `_id` is then the attribute, and an item without it is odd. Otherwise `_id` is empty, and odd is an item with an attribute for
 * which that name has a meaning
 * @returns undefined where the bytes are no object with a list `Items`, or have spaces around it
 */
export function readPlainItems(bytes: Buffer, options: ItemsOptions): PlainItems | undefined {
  const from = findItems(bytes)
  if (from === -1) return undefined
  const parts: Part[] = []
  const to = takeList(bytes, from, options, parts)
  if (to === -1) return undefined
  return new ScannedItems(bytes, { from, to }, parts, options.pool)
}

class ScannedItems implements PlainItems {
  readonly length: number
  readonly rest: string
  readonly #bytes: Buffer
  readonly #parts: readonly Part[]
  readonly #pool: BufferPool | undefined

  constructor(bytes: Buffer, list: { readonly from: number; readonly to: number }, parts: readonly Part[], pool: BufferPool | undefined) {
    this.#bytes = bytes
    this.#parts = parts
    this.#pool = pool
    this.length = parts.at(-1)?.end ?? 0
    this.rest = `${bytes.toString('utf8', 0, list.from)}null${bytes.toString('utf8', list.to)}`
  }

  itemText(index: number): string {
    const part = this.#partOf(index)
    return this.#bytes.toString('utf8', part.from + fieldOf(part, index, record.from), part.from + fieldOf(part, index, record.to))
  }

  text(index: number): string | undefined {
    const part = this.#partOf(index)
    if (isOdd(part, index)) return undefined
    return part.text.toString(part.encoding, fieldOf(part, index, record.textFrom), fieldOf(part, index, record.textTo) - 1)
  }

  lines({ from, to, mostBytes }: ItemRange): ItemLines {
    const part = this.#partOf(from)
    const end = Math.min(to, part.end)
    const indexes: number[] = []
    const odd: number[] = []
    let textFrom = fieldOf(part, from, record.textFrom)
    let textTo = textFrom
    let index = from
    for (; index < end; index++) {
      const lineFrom = fieldOf(part, index, record.textFrom)
      const lineTo = fieldOf(part, index, record.textTo)
      if (part.isSound && !isOdd(part, index) && lineTo - lineFrom <= mostBytes) {
        if (lineTo - textFrom > mostBytes) break
        indexes.push(index)
        textTo = lineTo
      } else {
        // An odd one takes nothing of the text: the lines on both sides of it are neighbours.
        if (lineTo > lineFrom) {
          if (indexes.length > 0) break
          textFrom = textTo = lineTo
        }
        odd.push(index)
      }
    }
    return { to: index, lines: part.text.subarray(textFrom, textTo), indexes, odd }
  }

  list(range: ItemRange): ItemTexts {
    const { lines, ...taken } = this.lines(range)
    const { encoding, records, text, first } = this.#partOf(range.from)
    const ends = taken.indexes.map(index => records[(index - first) * record.words + record.textTo]! - 1)
    for (const end of ends) text[end] = comma
    const list = `[${lines.toString(encoding, 0, Math.max(0, lines.length - 1))}]`
    for (const end of ends) text[end] = lineEnd
    return { ...taken, list }
  }

  release(): void {
    for (const { text } of this.#parts) this.#pool?.give(Buffer.from(text.buffer))
  }

  #partOf(index: number): Part {
    return this.#parts.find(({ end }) => index < end)!
  }
}

function fieldOf({ first, records }: Part, index: number, field: number): number {
  return records[(index - first) * record.words + field]!
}

function isOdd(part: Part, index: number): boolean {
  return fieldOf(part, index, record.isOdd) === 1
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
function takeList(bytes: Buffer, from: number, options: ItemsOptions, parts: Part[]): number {
  if (bytes[from + 1] === closeList) return from + 2
  for (let at = from + 1; ;) {
    const read = readItems(bytes.subarray(at), options)
    if (!read || read.count === 0) return -1
    const { count, records, text } = read
    const isPlainText = isAscii(text)
    const first = parts.at(-1)?.end ?? 0
    parts.push({
      first,
      end: first + count,
      from: at,
      records,
      text,
      encoding: isPlainText ? 'latin1' : 'utf8',
      isSound: isPlainText || isUtf8(text)
    })
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
