/** Where a map that is an element of a list ends, by its brackets alone. Of text that is no JSON it may say anything. */

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
const lineEnd = 0x0a

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

/** Longer ones say nothing of what stands between other elements. */
const maxSeparatorBytes = 256

/**
 * What stands between an element and the next, from the brace that ends the one to behind the first key of the other.
 *
 * @param from where the one may begin
 * @returns undefined where they are no two maps, or the next begins in no common way
 */
export function findSeparator(bytes: Buffer, from: number): Buffer | undefined {
  const found = findElement(bytes, from)
  if (found === 'part' || found === 'other' || !found.hasComma) return undefined
  const text = bytes.toString('latin1', found.end - 1, found.end + maxSeparatorBytes)
  const separator = /^\}[ \t\r\n]*,[ \t\r\n]*\{[ \t\r\n]*"[^"\\]*"/.exec(text)?.[0]
  return separator === undefined ? undefined : Buffer.from(separator, 'latin1')
}
