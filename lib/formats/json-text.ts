/**
 * JSON as it comes in bytes, cut into tokens by stream-json. Its number tokens are still text, and documents are built from them by our own
 * code: so numbers stay lossless, a key `__proto__` is a key, and memory is bounded by one document. stream-json gets only what `JsonSyntax` has
 * found to be the beginning of valid JSON: of what is wrong it tells late, by how text was cut, and without the tokens before it.
 */
import { isUtf8 } from 'node:buffer'
import { none } from 'stream-chain/core'
import { jsonParser } from 'stream-json/core/parser.js'
import type { Token } from 'stream-json/core/parser.js'
import { DocferryError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { JsonDocuments } from './json-documents.ts'
import type { JsonDocumentsOptions, JsonEntry } from './json-documents.ts'
import { JsonSyntax } from './json-syntax.ts'
import { openCharacterBytes, validLength } from './utf8.ts'

/** Bytes in, documents out, and the place of an error, behind all that is whole before it. */
export class JsonText {
  readonly documents: JsonDocuments
  readonly #name: string
  readonly #parse = jsonParser({ packValues: true, streamValues: false })
  readonly #syntax = new JsonSyntax()
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

  /** Whether `push` has stopped where an element of a list of documents may begin. */
  get isAtElement(): boolean {
    return this.#syntax.found === 'element' && this.documents.isInList
  }

  pushAll(bytes: Buffer, from = 0): void {
    for (let at = from; at < bytes.length;) at = this.push(bytes, at)
  }

  /** Take bytes up to where the next element may begin, or all. @returns where it stops */
  push(bytes: Buffer, from: number): number {
    const stop = this.#syntax.find(bytes, from)
    const isWrong = this.#syntax.found === 'wrong'
    this.#stoodIn = false
    this.#read(bytes.subarray(from, stop), isWrong)
    if (isWrong) throw this.#wrong(bytes.subarray(stop))
    if (this.isAtElement) this.#syntax.enter()
    return stop
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
    this.#syntax.passOver(hasComma)
    this.#bytes += bytes
    this.#line += lines
  }

  end(): void {
    if (this.#bytes === 0 && this.#carry.length === 0) throw this.#error('DOCFERRY_FILE_CUT', 'it is empty')
    if (!this.#syntax.isWhole) throw this.#cut()
    this.#handle(this.#parse(none as unknown as string))
    this.documents.finish()
  }

  /** @param isAll whether nothing follows, so that a character which is not whole is wrong */
  #read(part: Buffer, isAll: boolean): void {
    const bytes = this.#carry.length > 0 ? Buffer.concat([this.#carry, part]) : part
    const whole = isAll ? bytes.length : bytes.length - openCharacterBytes(bytes)
    // Where it lies, others may be read.
    this.#carry = Buffer.from(bytes.subarray(whole))
    this.#decode(bytes.subarray(0, whole))
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
      if (!this.documents.spoil('not valid UTF-8')) throw this.#error('DOCFERRY_DECODE', `not valid UTF-8 at ${this.#where()}`)
      this.#feed('\ufffd', 1)
      from++
    }
  }

  #feed(text: string, byteLength: number): void {
    const hasMark = this.#bytes === 0 && text.startsWith('\ufeff')
    this.#handle(this.#parse(hasMark ? text.slice(1) : text))
    this.#line += countLineEnds(text)
    this.#bytes += byteLength
  }

  #handle(result: unknown): void {
    if (result === none || result === null || result === undefined) return
    for (const token of (result as { readonly values: readonly Token[] }).values) this.documents.token(token)
  }

  #where(): string {
    return `line ${this.#line}, byte ${this.#bytes}`
  }

  /** @param rest from what is wrong on */
  #wrong(rest: Buffer): DocferryError {
    this.#finishValue()
    const start = rest.toString('latin1', 0, 8)
    const hint = ['NaN', 'Infinity'].some(word => start.startsWith(word) || word.startsWith(start))
      ? ' (NaN and Infinity, which Python writes, are no JSON: write them as {"$numberDouble":"NaN"})'
      : ''
    const where = this.#where()
    return this.#error('DOCFERRY_DECODE', `not valid JSON at ${where}, ${this.documents.place}${hint}`, where)
  }

  #cut(): DocferryError {
    this.#finishValue()
    const where = this.#where()
    return this.#error(
      'DOCFERRY_FILE_CUT',
      `it ends at ${where}, ${this.documents.place}, and should go on: it was cut. Copy or export it again`,
      where
    )
  }

  /** Nothing more can be read. The parser may keep a number to itself until it has seen what follows. */
  #finishValue(): void {
    if (this.#syntax.isBehindValue) this.#handle(this.#parse(','))
  }

  #error(code: ErrorCode, what: string, where?: string): DocferryError {
    // What was cut may go on; what is wrong is wrong as long as it is the same file, and another is not gone on with.
    return new DocferryError(code, `${this.#name}: ${what}`, { where, spoilsRun: code === 'DOCFERRY_DECODE' })
  }
}

function countLineEnds(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++
  return count
}
