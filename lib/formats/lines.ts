/** Cuts bytes into lines. Linear in the input whatever the length of a line, because the parts of a line are joined only once. */

const newline = 0x0a
const carriageReturn = 0x0d
const none = Buffer.alloc(0)

/** Longest line that is kept, in bytes: far past any database's largest document, and below the longest string that V8 holds. */
export const maxLineBytes = 256 << 20

/** One line without its line end (LF or CRLF), and without the byte order mark where it is the first. */
export interface Line {
  readonly bytes: Buffer
  /** Counted from 1. */
  readonly number: number
  /** Where the line begins, in bytes from the start of the input. */
  readonly offset: number
  /** Where the next line begins. */
  readonly end: number
  /** Whether a line end stood behind it; only the last line may lack one. */
  readonly complete: boolean
  /** The line was longer than `maxLineBytes`; only its beginning is in `bytes`. */
  readonly tooLong?: boolean
  /** By whom it was read as it came; its bytes are not there. */
  readonly reading?: LineReading
}

/** Reads a line as it comes, for one that is longer than anybody would keep. */
export interface LineReading {
  /** @returns false where it is another line than this reads; what came is in `text` */
  push(part: Buffer): boolean
  /** Its end came. @returns the same */
  end(): boolean
  /** All that came. */
  text(): Iterable<Buffer>
}

export interface LineSplitterOptions {
  /** Where the input that will be pushed begins, in bytes. Default 0. */
  readonly offset?: number
  /** Number of the line that begins there. Default 1. */
  readonly line?: number
  readonly maxBytes?: number
  /** Asked at the beginning of each line that comes in several parts. @returns who reads it as it comes; undefined for nobody */
  readonly readerOf?: ((beginning: Buffer) => LineReading | undefined) | undefined
}

export class LineSplitter {
  readonly #maxBytes: number
  #parts: Buffer[] = []
  #partBytes = 0
  #dropped = 0
  readonly #readerOf: LineSplitterOptions['readerOf']
  #reading: LineReading | undefined
  #start: number
  #number: number

  constructor({ offset = 0, line = 1, maxBytes = maxLineBytes, readerOf }: LineSplitterOptions = {}) {
    this.#readerOf = readerOf
    this.#start = offset
    this.#number = line
    this.#maxBytes = maxBytes
  }

  /** Take the next bytes. @returns the lines that end in them */
  push(chunk: Buffer): Line[] {
    const lines: Line[] = []
    let from = 0
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, from)) {
      lines.push(this.#take(chunk.subarray(from, at), true))
      from = at + 1
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from))
    return lines
  }

  /** Pass over whole lines that somebody else has read. Nothing is held. */
  skip(lines: number, bytes: number): { readonly number: number; readonly end: number } {
    this.#number += lines
    this.#start += bytes
    return { number: this.#number, end: this.#start }
  }

  /** The input ends. @returns what stood behind the last line end */
  end(): Line | undefined {
    return this.#partBytes + this.#dropped > 0 ? this.#take(none, false) : undefined
  }

  #keep(part: Buffer): void {
    if (this.#partBytes + this.#dropped === 0) this.#reading = this.#readerOf?.(part)
    if (this.#reading) {
      this.#partBytes += part.length
      if (!this.#reading.push(part)) this.#keepRead()
      return
    }
    this.#keepPart(part)
  }

  #keepPart(part: Buffer): void {
    if (this.#partBytes + part.length > this.#maxBytes) {
      this.#dropped += part.length
      return
    }
    this.#parts.push(part)
    this.#partBytes += part.length
  }

  /** It is as any other line. */
  #keepRead(): void {
    const text = this.#reading!.text()
    this.#reading = undefined
    this.#partBytes = 0
    for (const part of text) this.#keepPart(part)
  }

  #take(last: Buffer, complete: boolean): Line {
    if (this.#reading) {
      this.#keep(last)
      const reading = this.#reading
      if (reading && complete && reading.end()) {
        const offset = this.#start
        return { bytes: none, number: this.#number++, offset, end: this.#pass(this.#partBytes, complete), complete, reading }
      }
      if (reading) this.#keepRead()
      return this.#take(none, complete)
    }
    let bytes = last
    let length = last.length
    if (this.#partBytes + this.#dropped > 0) {
      this.#keepPart(last)
      length = this.#partBytes + this.#dropped
      bytes = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts)
    }
    const tooLong = length > this.#maxBytes
    if (bytes[bytes.length - 1] === carriageReturn) bytes = bytes.subarray(0, -1)
    if (this.#start === 0) bytes = withoutByteOrderMark(bytes)
    const offset = this.#start
    const end = this.#pass(length, complete)
    const number = this.#number++
    return tooLong ? { bytes: bytes.subarray(0, 1024), number, offset, end, complete, tooLong } : { bytes, number, offset, end, complete }
  }

  /** What is held is no part of the next line. @returns where that begins */
  #pass(length: number, complete: boolean): number {
    this.#start += length + (complete ? 1 : 0)
    this.#reading = undefined
    this.#parts = []
    this.#partBytes = this.#dropped = 0
    return this.#start
  }
}

export function withoutByteOrderMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

/** Whether a line holds nothing but white space. */
export function isBlank(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte !== 0x20 && byte !== 0x09 && byte !== carriageReturn) return false
  return true
}
