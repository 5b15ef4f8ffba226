/**
 * The list `Items` of an answer, of whose items the types are left out: `{"_id":{"S":"a"},"l":{"L":[{"N":"1"},{"NULL":true}]}}` becomes
 * `{"_id":"a","l":[1,null]}`.
 *
 * An item is _odd_, and has no such text, where it holds anything that JSON has no type for, a number that JSON.parse would not give back as
 * `readNumber` does, a name that begins with `$` or has an escape, or is not written as the service writes, without spaces.
 */
import { readNumber } from './numbers.ts'

export interface PlainItems {
  readonly length: number
  /** The answer as JSON with null in place of the list: not looked at yet. */
  readonly rest: string
  /** The item as it came: not looked at yet where it is odd. */
  itemText(index: number): string
  /** Sound JSON of a map that begins with `_id`; undefined for an odd item. */
  text(index: number): string | undefined
}

const quotation = 34
const dollar = 36
const comma = 44
const minus = 45
const point = 46
const zero = 48
const nine = 57
const colon = 58
const openList = 91
const backslash = 92
const closeList = 93
const open = 123
const close = 125

/** Maps and lists inside one another; DynamoDB has no more than 32. */
const mostDepth = 60

/** Digits that a double keeps, whatever they are. */
const safeDigits = 15

/** Most bytes that stand in front of an item's other fields, unless its id is a long one. */
const gap = 48

/** By byte: 0 for one that stands in a string as it is. */
const special = Uint8Array.from({ length: 256 }, (_, byte) => (byte < 32 || byte === quotation || byte === backslash ? 1 : 0))

/** By byte: 1 for one that stands behind a backslash, `u` apart. */
const escapes = Uint8Array.from({ length: 256 }, (_, byte) => ('"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0))

const beforeId = Buffer.from('{"_id":')

/** Attributes that are a constant. */
const constants = Object.entries({ '{"NULL":true}': 'null', '{"BOOL":true}': 'true', '{"BOOL":false}': 'false' }).map(
  ([written, plain]) => ({
    written: Buffer.from(written),
    plain: Buffer.from(plain)
  })
)

/** An item's bytes as they came, and in `out` as JSON; `start` is -1 for an odd one. */
interface Place {
  readonly from: number
  readonly to: number
  readonly out: Buffer
  readonly start: number
  readonly end: number
  readonly encoding: 'latin1' | 'utf8'
}

/**
 * @param ownKey whether the table has docferry's own key: `_id` is then the attribute, and an item without it is odd. Otherwise `_id` is empty, and
 * odd is an item with an attribute for which that name has a meaning
 * @returns undefined where the bytes are no object with a list `Items`, or have spaces around it
 */
export function readPlainItems(bytes: Buffer, ownKey: boolean): PlainItems | undefined {
  const from = findItems(bytes)
  if (from === -1) return undefined
  const places: Place[] = []
  const to = takeList(bytes, from, ownKey, places)
  if (to === -1) return undefined
  return {
    length: places.length,
    rest: `${bytes.toString('utf8', 0, from)}null${bytes.toString('utf8', to)}`,
    itemText: index => bytes.toString('utf8', places[index]!.from, places[index]!.to),
    text(index) {
      const { out, start, end, encoding } = places[index]!
      return start === -1 ? undefined : out.toString(encoding, start, end)
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
function takeList(bytes: Buffer, from: number, ownKey: boolean, places: Place[]): number {
  if (bytes[from + 1] === closeList) return from + 2
  const taker = new ItemTaker(bytes, ownKey)
  for (let at = from + 1; bytes[at] === open;) {
    const isPlain = taker.take(at)
    const to = isPlain ? taker.to : skipValue(bytes, at)
    if (to === -1) return -1
    const { out, start, end, encoding } = taker
    places.push({ from: at, to, out, start: isPlain ? start : -1, end, encoding })
    if (bytes[to] === closeList) return to + 1
    if (bytes[to] !== comma) return -1
    at = to + 1
  }
  return -1
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

/** Takes the types out of one item after the other. What it has found stands in its fields until the next one. */
class ItemTaker {
  readonly #bytes: Buffer
  readonly #ownKey: boolean
  /** By depth: 1 for a map. */
  readonly #kinds = new Uint8Array(mostDepth + 2).fill(1, 0, 1)
  out: Buffer
  start = 0
  end = 0
  encoding: 'latin1' | 'utf8' = 'latin1'
  /** Where the item ends in the answer. */
  to = 0

  constructor(bytes: Buffer, ownKey: boolean) {
    this.#bytes = bytes
    this.#ownKey = ownKey
    this.out = Buffer.allocUnsafeSlow(bytes.length + 512 * gap)
  }

  /** @param from where its brace stands. @returns false for an odd one */
  take(from: number): boolean {
    // Nothing gets longer but by what stands in front.
    const needed = this.#bytes.length - from + gap
    if (this.end + needed > this.out.length) {
      this.out = Buffer.allocUnsafeSlow(needed + 512 * gap)
      this.end = 0
    }
    const before = this.end
    if (this.#takeItem(from, before + gap)) return true
    this.end = before
    return false
  }

  /** In one function, for this is where the time goes. @param rest where the fields other than `_id` go in `out` */
  #takeItem(from: number, rest: number): boolean {
    const bytes = this.#bytes
    const out = this.out
    const kinds = this.#kinds
    let at = from + 1
    let to = rest
    let depth = 0
    let isMap = true
    /** All bytes of strings in one: over 127 where any of them is. */
    let bits = 0
    let id = -1
    let idEnd = -1
    item: for (;;) {
      if (isMap) {
        if (bytes[at] !== quotation) return false
        at++
        if (depth === 0) {
          if (bytes[at] === 95 && bytes[at + 1] === 105 && bytes[at + 2] === 100 && bytes[at + 3] === quotation) {
            // `"_id":{"S":"`
            if (!this.#ownKey || id !== -1 || bytes.toString('latin1', at + 4, at + 11) !== ':{"S":"' || bytes[at + 11] === dollar)
              return false
            id = at + 10
            at = skipSound(bytes, at + 11)
            if (at === -1 || bytes[at] !== close) return false
            idEnd = at++
            const byte = bytes[at++]
            if (byte === comma) continue
            if (byte !== close) return false
            break
          }
          if (to !== rest) out[to++] = comma
          if (!this.#ownKey && bytes[at] === 100 && bytes.toString('latin1', at, at + 12) === 'dynamodb:_id') return false
        }
        if (bytes[at] === dollar) return false
        out[to++] = quotation
        for (let byte = bytes[at]!; special[byte] === 0; byte = bytes[++at]!) {
          out[to++] = byte
          bits |= byte
        }
        if (bytes[at] !== quotation || bytes[at + 1] !== colon) return false
        at += 2
        out[to++] = quotation
        out[to++] = colon
      }
      // `{"S":`, and so on.
      if (bytes[at] !== open || bytes[at + 1] !== quotation) return false
      const type = bytes[at + 2]!
      if (bytes[at + 3] === quotation && bytes[at + 4] === colon) {
        at += 5
        if (type === 83) {
          if (bytes[at] !== quotation) return false
          out[to++] = quotation
          at++
          for (;;) {
            const byte = bytes[at]!
            if (special[byte] === 0) {
              out[to++] = byte
              bits |= byte
              at++
              continue
            }
            if (byte === quotation) break
            if (byte !== backslash) return false
            const length = escapeLength(bytes, at)
            if (length === 0) return false
            for (let left = length; left > 0; left--) out[to++] = bytes[at++]!
          }
          out[to++] = quotation
          at++
        } else if (type === 78) {
          const end = numberEnd(bytes, at)
          if (end === -1) return false
          if (end > 0) {
            for (at++; at < end; at++) out[to++] = bytes[at]!
            at++
          } else {
            const text = bytes.toString('latin1', at + 1, -end)
            const value = readNumber(text)
            const json = String(value)
            if (typeof value !== 'number' || json.length > text.length) return false
            to += out.write(json, to, 'latin1')
            at = 1 - end
          }
        } else if (type === 77 || type === 76) {
          const isList = type === 76
          const first = isList ? openList : open
          const last = isList ? closeList : close
          if (bytes[at] !== first || depth === mostDepth) return false
          out[to++] = first
          at++
          if (bytes[at] !== last) {
            kinds[++depth] = isList ? 0 : 1
            isMap = !isList
            continue
          }
          out[to++] = last
          at++
        } else return false
        if (bytes[at++] !== close) return false
      } else {
        const constant = constants.find(({ written }) => standsAt(bytes, at, written))
        if (!constant) return false
        for (let index = 0; index < constant.plain.length; index++) out[to++] = constant.plain[index]!
        at += constant.written.length
      }
      for (;;) {
        const byte = bytes[at++]
        if (byte === comma) {
          if (depth > 0) out[to++] = comma
          continue item
        }
        if (byte !== (isMap ? close : closeList)) return false
        if (depth === 0) break item
        out[to++] = byte
        if (bytes[at++] !== close) return false
        isMap = kinds[--depth] === 1
      }
    }
    out[to++] = close
    this.to = at
    return this.#begin(rest, to, { id, idEnd, bits })
  }

  /** Put `_id` in front. @param id where its text stands in the answer, in quotation marks */
  #begin(rest: number, end: number, { id, idEnd, bits }: { readonly id: number; readonly idEnd: number; readonly bits: number }): boolean {
    const { out } = this
    const bytes = this.#bytes
    if (this.#ownKey && id === -1) return false
    const isAlone = end - rest === 1
    const length = beforeId.length + (this.#ownKey ? idEnd - id : 2) + (isAlone ? 0 : 1)
    // A long id: the others make room.
    const shift = Math.max(0, length - gap)
    if (shift > 0) out.copyWithin(rest + shift, rest, end)
    let to = rest + shift - length
    this.start = to
    this.end = end + shift
    for (let index = 0; index < beforeId.length; index++) out[to++] = beforeId[index]!
    let allBits = bits
    if (!this.#ownKey) {
      out[to++] = quotation
      out[to++] = quotation
    }
    for (let at = id; this.#ownKey && at < idEnd; at++) {
      allBits |= bytes[at]!
      out[to++] = bytes[at]!
    }
    if (!isAlone) out[to] = comma
    this.encoding = allBits < 128 ? 'latin1' : 'utf8'
    return true
  }
}

/** Past the rest of a string, behind its quotation mark. @returns -1 where it is none */
function skipSound(bytes: Buffer, from: number): number {
  for (let at = from; ;) {
    const byte = bytes[at]!
    if (special[byte] === 0) at++
    else if (byte === quotation) return at + 1
    else {
      const length = byte === backslash ? escapeLength(bytes, at) : 0
      if (length === 0) return -1
      at += length
    }
  }
}

/** Bytes of an escape, its backslash included; 0 for what is none. */
function escapeLength(bytes: Buffer, at: number): number {
  const byte = bytes[at + 1]!
  if (escapes[byte] === 1) return 2
  return byte === 117 && /^[0-9A-Fa-f]{4}$/.test(bytes.toString('latin1', at + 2, at + 6)) ? 6 : 0
}

/**
 * Where a number in quotation marks ends, which begin at `at`.
 *
 * @returns the place of the last quotation mark where every double keeps the digits; less than -1, the place with a minus, where they have to be
 * looked at; -1 where it is no plain number
 */
function numberEnd(bytes: Buffer, at: number): number {
  if (bytes[at] !== quotation) return -1
  const isNegative = bytes[at + 1] === minus
  const first = isNegative ? at + 2 : at + 1
  let end = skipDigits(bytes, first)
  if (end === first || (bytes[first] === zero && end > first + 1)) return -1
  let isSafe = end - first <= safeDigits
  if (bytes[end] === point) {
    const fraction = end + 1
    end = skipDigits(bytes, fraction)
    if (end === fraction) return -1
    isSafe = end - first <= safeDigits + 1 && bytes[end - 1] !== zero
  } else if (isNegative && bytes[first] === zero) return -1
  if (bytes[end] !== quotation) return -1
  return isSafe ? end : -end
}

function skipDigits(bytes: Buffer, from: number): number {
  let at = from
  while (bytes[at]! >= zero && bytes[at]! <= nine) at++
  return at
}

function standsAt(bytes: Buffer, at: number, written: Uint8Array): boolean {
  for (let index = 0; index < written.length; index++) if (bytes[at + index] !== written[index]) return false
  return true
}
