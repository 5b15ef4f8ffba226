/**
 * JSON as it comes in bytes, cut into tokens by stream-json. Its number tokens are still text, and documents are built from them by our own
 * code: so numbers stay lossless, a key `__proto__` is a key, and memory is bounded by one document.
 */
import { isUtf8 } from 'node:buffer'
import { none } from 'stream-chain/core'
import { jsonParser } from 'stream-json/core/parser.js'
import type { Token } from 'stream-json/core/parser.js'
import { DocferryError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { JsonDocuments } from './json-documents.ts'
import type { JsonDocumentsOptions, JsonEntry } from './json-documents.ts'
import { withoutByteOrderMark } from './lines.ts'
import { openCharacterBytes, validLength } from './utf8.ts'

/** Text goes to the parser in pieces of about so many characters, cut at line ends: an error is found to be in one of them. */
const pieceLength = 256
const maxPieceLength = 1024
/** The first of its three bytes. */
const byteOrderMark = 0xef

/** Bytes in, documents out, and the place of an error. */
export class JsonText {
  readonly documents: JsonDocuments
  readonly #name: string
  readonly #parse = jsonParser({ packValues: true, streamValues: false })
  /** The beginning of a character that the next bytes end. */
  #carry: Buffer = Buffer.alloc(0)
  #bytes = 0
  #line = 1
  /** Whether the parser was told of the first of elements that somebody else has read. */
  #stoodIn = false

  constructor(name: string, options: JsonDocumentsOptions) {
    this.#name = name
    this.documents = new JsonDocuments(name, options)
  }

  /** The entries that were completed since the last call. */
  take(): readonly JsonEntry[] {
    return this.documents.take()
  }

  push(chunk: Buffer): void {
    this.#stoodIn = false
    let bytes = this.#carry.length > 0 ? Buffer.concat([this.#carry, chunk]) : chunk
    if (this.#bytes === 0 && bytes[0] === byteOrderMark && bytes.length < 3) {
      this.#carry = bytes
      return
    }
    if (this.#bytes === 0) {
      const text = withoutByteOrderMark(bytes)
      this.#bytes += bytes.length - text.length
      bytes = text
    }
    const whole = bytes.length - openCharacterBytes(bytes)
    this.#carry = bytes.subarray(whole)
    this.#decode(bytes.subarray(0, whole))
  }

  /**
   * Elements of the list in which the text stands were read by somebody else, who has told `documents` of them.
   *
   * @param hasComma whether they end behind a comma
   */
  passOver(bytes: number, lines: number, hasComma: boolean): void {
    // For the parser, one stands for them all: behind a comma, where it expects the next, another one changes nothing.
    if (!hasComma) this.#parse('{}')
    else if (!this.#stoodIn) this.#parse('{},')
    this.#stoodIn = hasComma
    this.#bytes += bytes
    this.#line += lines
  }

  end(): void {
    if (!isUtf8(this.#carry)) throw this.#cut()
    this.#decode(this.#carry)
    if (this.#bytes === 0) throw this.#error('DOCFERRY_FILE_CUT', 'it is empty')
    let rest: unknown
    try {
      rest = this.#parse(none as unknown as string)
    } catch (error) {
      throw this.#cut(error)
    }
    this.#handle(rest)
    if (!this.documents.isDone) throw this.#cut()
    this.documents.finish()
  }

  #decode(bytes: Buffer): void {
    if (isUtf8(bytes)) return this.#feed(bytes.toString(), bytes.length)
    // A wrong byte spoils the document that it stands in, and no other.
    let from = 0
    while (from < bytes.length) {
      const valid = validLength(bytes.subarray(from))
      this.#feed(bytes.toString('utf8', from, from + valid), valid)
      from += valid
      if (from === bytes.length) break
      if (!this.documents.spoil('not valid UTF-8')) throw this.#error('DOCFERRY_DECODE', `not valid UTF-8 at ${this.#where(0)}`)
      this.#feed('\ufffd', 1)
      from++
    }
  }

  #feed(text: string, byteLength: number): void {
    let from = 0
    while (from < text.length) {
      const window = text.slice(from, from + maxPieceLength)
      const lineEnd = window.indexOf('\n', pieceLength)
      const piece = lineEnd === -1 ? window : window.slice(0, lineEnd + 1)
      let result: unknown
      try {
        result = this.#parse(piece)
      } catch (error) {
        // Space in front of what is wrong is not.
        const start = from + spaceLength(piece)
        this.#bytes += Buffer.byteLength(text.slice(0, start))
        this.#line += countLineEnds(text.slice(from, start))
        throw this.#wrong(piece.slice(start - from), error)
      }
      this.#handle(result)
      this.#line += countLineEnds(piece)
      from += piece.length
    }
    this.#bytes += byteLength
  }

  #handle(result: unknown): void {
    if (result === none || result === null || result === undefined) return
    for (const token of (result as { readonly values: readonly Token[] }).values) this.documents.token(token)
  }

  #where(lineEnds: number): string {
    const lines = lineEnds === 0 ? `line ${this.#line}` : `lines ${this.#line} to ${this.#line + lineEnds}`
    return `${lines}, byte ${this.#bytes}`
  }

  #wrong(piece: string, cause: unknown): DocferryError {
    const where = this.#where(countLineEnds(piece.trimEnd()))
    const hint = /[:[,]\s*-?(?:NaN|Infinity)\b/.test(piece)
      ? ' (NaN and Infinity, which Python writes, are no JSON: write them as {"$numberDouble":"NaN"})'
      : ''
    return this.#error('DOCFERRY_DECODE', `not valid JSON at or before ${where}, ${this.documents.place}${hint}`, cause, where)
  }

  #cut(cause?: unknown): DocferryError {
    const where = this.#where(0)
    return this.#error(
      'DOCFERRY_FILE_CUT',
      `it ends at ${where}, ${this.documents.place}, and should go on: it was cut. Copy or export it again`,
      cause,
      where
    )
  }

  #error(code: ErrorCode, what: string, cause?: unknown, where?: string): DocferryError {
    return new DocferryError(code, `${this.#name}: ${what}`, { cause, where })
  }
}

function spaceLength(text: string): number {
  return /^[ \t\r\n]*/.exec(text)![0].length
}

function countLineEnds(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++
  return count
}
