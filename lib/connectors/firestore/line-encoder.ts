/**
 * Lines of JSON to `Document` messages, without making objects of them: what stands in a line is listed from its start to its end, and the message,
 * which is written backwards, from the end of the list to its start. What Firestore may refuse, or hold in another way, goes through `DocumentEncoder`.
 */
import type { EncodeRules, LineEncoder } from '../../types.ts'
import {
  documentOverheadBytes,
  documentSizeRefusal,
  fieldPathRefusal,
  maxDepth,
  nameBytes,
  valueSizeRefusal,
  writeOverheadBytes
} from './limits.ts'
import { storedId } from './names.ts'
import { contentField, documentField, entryField, idField, valueField } from './values.ts'
import { WireWriter, type Blocks } from './wire.ts'

export function createLineEncoder(root: string, rules: EncodeRules, blocks?: Blocks): LineEncoder<Buffer> {
  const writer = new WireWriter(blocks)
  const list = new TokenList()
  return {
    noUnderscores: false,
    encode(collection, id, line) {
      if (storedId(id, rules) !== id || id.includes('/') || !list.read(line)) return undefined
      const name = `${collection}/${id}`
      writer.reset()
      const size = writeFields(writer, list, id) + nameBytes(name) + documentOverheadBytes
      if (documentSizeRefusal(size)) return undefined
      writer.textField(documentField.name, `${root}/${name}`)
      const payload = writer.finish()
      return { id, bytes: payload.length + writeOverheadBytes, size, payload }
    }
  }
}

/** Of longer lists, the documents go the other way. */
const mostTokens = 16_384

const kind = {
  key: 0,
  /** Without escapes: its bytes are those of the message. */
  text: 1,
  escapedText: 2,
  integer: 3,
  double: 4,
  true: 5,
  false: 6,
  null: 7,
  map: 8,
  mapEnd: 9,
  array: 10,
  arrayEnd: 11
} as const

/** Up to so many digits a decimal is the quotient of two numbers that are exact, rounded once. */
const exactDigits = 15
const powersOfTen = Array.from({ length: exactDigits + 1 }, (_, power) => 10 ** power)

/** What stands in a line, in its order; the document's own braces and its `_id` left out. */
class TokenList {
  line: Buffer = Buffer.alloc(0)
  count = 0
  readonly kinds = new Uint8Array(mostTokens)
  /** Of keys and texts, without the quotes. */
  readonly from = new Int32Array(mostTokens)
  readonly to = new Int32Array(mostTokens)
  readonly numbers = new Float64Array(mostTokens)
  #at = 0

  /** @param line valid JSON, of a map @returns false where the document has to be seen */
  read(line: Buffer): boolean {
    this.line = line
    this.count = 0
    this.#at = 0
    this.#skipSpace()
    return this.#readMembers(0, 0)
  }

  #skipSpace(): number {
    const { line } = this
    while (line[this.#at]! <= 0x20) this.#at++
    return line[this.#at]!
  }

  #add(of: number): number {
    const token = this.count++
    this.kinds[token] = of
    return token
  }

  /** @param path bytes of the names on the way to the map */
  #readMembers(depth: number, path: number): boolean {
    this.#at++
    let code = this.#skipSpace()
    if (code === 0x7d) {
      this.#at++
      return true
    }
    do {
      if (code === 0x2c) {
        this.#at++
        this.#skipSpace()
      }
      if (!this.#readMember(depth, path)) return false
      code = this.#skipSpace()
    } while (code === 0x2c)
    this.#at++
    return code === 0x7d
  }

  #readMember(depth: number, path: number): boolean {
    const { line } = this
    const key = this.count
    if (!this.#readText()) return false
    const from = this.from[key]!
    const bytes = this.to[key]! - from
    const [first, second] = [line[from], line[from + 1]]
    const isRare = bytes === 0 || first === 0x24 || (first === 0x5f && second === 0x5f) || this.kinds[key] !== kind.text
    const length = path === 0 ? bytes : path + 1 + bytes
    if (isRare || fieldPathRefusal(length) || this.#skipSpace() !== 0x3a) return false
    this.kinds[key] = kind.key
    this.#at++
    this.#skipSpace()
    if (!this.#readValue(depth, length, false)) return false
    const isId = depth === 0 && bytes === 3 && first === 0x5f && second === 0x69 && line[from + 2] === 0x64
    if (isId) this.count = key
    return true
  }

  #readValue(depth: number, path: number, inArray: boolean): boolean {
    if (this.count >= mostTokens - 1) return false
    switch (this.line[this.#at]) {
      case 0x22:
        return this.#readText()
      case 0x7b:
        if (depth === maxDepth) return false
        this.#add(kind.map)
        if (!this.#readMembers(depth + 1, path) || this.count === mostTokens) return false
        this.#add(kind.mapEnd)
        return true
      case 0x5b:
        return !inArray && depth < maxDepth && this.#readArray(depth + 1, path)
      case 0x74:
        return this.#readWord(kind.true, 4)
      case 0x66:
        return this.#readWord(kind.false, 5)
      case 0x6e:
        return this.#readWord(kind.null, 4)
      default:
        return this.#readNumber()
    }
  }

  #readWord(of: number, length: number): boolean {
    this.#add(of)
    this.#at += length
    return true
  }

  #readArray(depth: number, path: number): boolean {
    this.#add(kind.array)
    this.#at++
    let code = this.#skipSpace()
    if (code !== 0x5d)
      do {
        if (code === 0x2c) {
          this.#at++
          this.#skipSpace()
        }
        if (!this.#readValue(depth, path, true)) return false
        code = this.#skipSpace()
      } while (code === 0x2c)
    this.#at++
    if (code !== 0x5d || this.count === mostTokens) return false
    this.#add(kind.arrayEnd)
    return true
  }

  #readText(): boolean {
    const { line } = this
    if (line[this.#at] !== 0x22 || this.count === mostTokens) return false
    const from = this.#at + 1
    let at = from
    let of: number = kind.text
    for (let code = line[at]; code !== 0x22; code = line[++at]) {
      if (code === 0x5c) {
        of = kind.escapedText
        // It may be half a surrogate pair.
        if (line[++at] === 0x75 && (line[at + 1]! | 0x20) === 0x64) return false
      } else if (code === undefined) return false
    }
    this.#at = at + 1
    if (valueSizeRefusal(at - from)) return false
    const token = this.#add(of)
    this.from[token] = from
    this.to[token] = at
    return true
  }

  /** A number that JSON holds as what it is. */
  #readNumber(): boolean {
    const { line } = this
    const from = this.#at
    let at = from
    if (line[at] === 0x2d) at++
    const first = at
    let mantissa = 0
    let point = -1
    for (let code = line[at]!; ; code = line[++at]!) {
      if (code >= 0x30 && code <= 0x39) mantissa = mantissa * 10 + (code - 0x30)
      else if (code === 0x2e && point < 0) point = at
      else if (code === 0x65 || code === 0x45) return false
      else break
    }
    const digits = at - first - (point < 0 ? 0 : 1)
    if (digits === 0) return false
    let value = point < 0 ? mantissa : mantissa / powersOfTen[Math.min(exactDigits, at - point - 1)]!
    if (first > from) value = -value
    if (digits > exactDigits) {
      const text = line.toString('latin1', from, at)
      value = Number(text)
      if (String(value) !== text) return false
    }
    if (Number.isSafeInteger(value) ? point >= 0 || Object.is(value, -0) : point < 0 || Number.isInteger(value)) return false
    this.numbers[this.#add(point < 0 ? kind.integer : kind.double)] = value
    this.#at = at
    return true
  }
}

let tokens: TokenList
let left = 0
let target: WireWriter
let counted = 0

/** @returns what they count, as Firestore does */
function writeFields(writer: WireWriter, list: TokenList, id: string): number {
  tokens = list
  target = writer
  left = list.count
  counted = 0
  while (left > 0) writeField(documentField.fields)
  const before = writer.length
  counted += writer.textField(valueField.string, id) + 1
  writer.messageField(entryField.value, before)
  counted += writer.textField(entryField.key, idField) + 1
  writer.messageField(documentField.fields, before)
  return counted
}

// Each takes from the end of the list, up to where `left` is then.

function writeField(field: number): void {
  const before = target.length
  writeValue(entryField.value)
  counted += writeSlice(entryField.key, --left) + 1
  target.messageField(field, before)
}

function writeSlice(field: number, token: number): number {
  const [from, to] = [tokens.from[token]!, tokens.to[token]!]
  target.sliceField(field, tokens.line, from, to)
  return to - from
}

function writeValue(field: number): void {
  const before = target.length
  const token = --left
  switch (tokens.kinds[token]) {
    case kind.text:
      counted += writeSlice(valueField.string, token) + 1
      break
    case kind.escapedText:
      counted += target.textField(valueField.string, textAt(token)) + 1
      break
    case kind.integer:
      counted += 8
      target.int64Field(valueField.integer, tokens.numbers[token]!)
      break
    case kind.double:
      counted += 8
      target.doubleField(valueField.double, tokens.numbers[token]!)
      break
    case kind.null:
      counted += 1
      target.varintField(valueField.null, 0)
      break
    case kind.mapEnd:
      if (tokens.kinds[left - 1] === kind.map) counted += 1
      while (tokens.kinds[left - 1] !== kind.map) writeField(contentField)
      left--
      target.messageField(valueField.map, before)
      break
    case kind.arrayEnd:
      if (tokens.kinds[left - 1] === kind.array) counted += 1
      while (tokens.kinds[left - 1] !== kind.array) writeValue(contentField)
      left--
      target.messageField(valueField.array, before)
      break
    default:
      counted += 1
      target.varintField(valueField.boolean, tokens.kinds[token] === kind.true ? 1 : 0)
  }
  target.messageField(field, before)
}

function textAt(token: number): string {
  return JSON.parse(tokens.line.toString('utf8', tokens.from[token]! - 1, tokens.to[token]! + 1)) as string
}
