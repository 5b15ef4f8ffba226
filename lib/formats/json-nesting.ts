/** Where brackets open and close in the bytes of JSON, without reading what is between them. Of text that is no JSON it may say anything. */

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
const lineEnd = 0x0a

/** In so many brackets, their own included, the lists of documents stand at most: `{"data":{"agents":[`. */
const listDepth = 3

/** Follows JSON from its beginning, part by part, and stops where documents may begin. */
export class JsonNesting {
  /** Whether `find` has stopped where an element of a list may begin: behind `[` or a comma. */
  isAtElement = false
  #depth = 0
  /** Of the list that was entered; 0: none. */
  #list = 0
  #inString = false
  #isEscaped = false

  /** Lists are to be found in what stands in the list at which `find` stopped no more, but only its elements. */
  enter(): void {
    this.#list = this.#depth
  }

  /** Go on from a place of the next part. @returns where it stops, or the part's end */
  find(bytes: Buffer, from: number): number {
    this.isAtElement = false
    for (let at = from; at < bytes.length; at++) {
      if (!this.#stopsAt(bytes[at]!)) continue
      this.isAtElement = true
      return at + 1
    }
    return bytes.length
  }

  #stopsAt(byte: number): boolean {
    if (this.#inString) {
      if (this.#isEscaped) this.#isEscaped = false
      else if (byte === backslash) this.#isEscaped = true
      else if (byte === quote) this.#inString = false
      return false
    }
    if (byte === quote) this.#inString = true
    else if (byte === openBrace) this.#depth++
    else if (byte === openBracket) return ++this.#depth <= listDepth && this.#list === 0
    else if (byte === closeBrace || byte === closeBracket) {
      if (this.#depth-- === this.#list) this.#list = 0
    }
    return byte === comma && this.#depth === this.#list && this.#list > 0
  }
}

/** Places in bytes. */
export interface ElementPlace {
  readonly start: number
  readonly end: number
  /** Behind the comma that follows, or where the list ends. */
  readonly next: number
  /** Line ends up to there, but for those in strings, where none may be. */
  readonly lines: number
  readonly hasComma: boolean
  /** Most brackets that are open at once. */
  readonly depth: number
}

/** @returns `part` where the element does not end in these bytes; `other` where it is no map */
export function findElement(bytes: Buffer, from: number): ElementPlace | 'part' | 'other' {
  let lines = 0
  let at = from
  const skipSpace = (): number => {
    let byte = bytes[at]
    while (byte === 0x20 || byte === lineEnd || byte === 0x0d || byte === 0x09) {
      if (byte === lineEnd) lines++
      byte = bytes[++at]
    }
    return byte ?? -1
  }
  const first = skipSpace()
  if (first !== openBrace) return first === -1 ? 'part' : 'other'
  const start = at
  let open = 0
  let depth = 0
  do {
    if (at >= bytes.length) return 'part'
    const byte = bytes[at++]!
    if (byte === quote) {
      at = behindString(bytes, at)
    } else if (byte === openBrace || byte === openBracket) {
      if (++open > depth) depth = open
    } else if (byte === closeBrace || byte === closeBracket) open--
    else if (byte === lineEnd) lines++
  } while (open > 0)
  const end = at
  const after = skipSpace()
  if (after === -1) return 'part'
  if (after !== comma && after !== closeBracket) return 'other'
  const hasComma = after === comma
  return { start, end, next: hasComma ? at + 1 : at, lines, hasComma, depth }
}

/** From behind the opening quote to behind the closing one, or to the end of the bytes or a little more. */
function behindString(bytes: Buffer, from: number): number {
  const { length } = bytes
  let at = from
  while (at < length) {
    const byte = bytes[at++]
    if (byte === quote) return at
    if (byte === backslash) at++
  }
  return length
}
