/**
 * HTTP/1.1 as servers of CouchDB's kind write it: the head of an answer, and its body's framing. Nothing is guessed: what is not of the plainest
 * form is left to `node:http`. https://www.rfc-editor.org/rfc/rfc9112
 */

export interface Head {
  readonly statusCode: number
  /** By names in lower case. */
  readonly headers: Readonly<Record<string, string>>
}

/** Where a body's bytes go. */
export interface Sink {
  add(bytes: Uint8Array, from: number, to: number): void
}

/** Takes the bytes behind a head. */
export interface Framing {
  /** The body has come to its end. */
  readonly isDone: boolean
  /** @throws {SyntaxError} for what is no such framing, and for what stands behind its end */
  take(bytes: Uint8Array, sink: Sink): void
}

/** Node's own limit. */
export const longestHead = 16 * 1024

const token = "[\\w!#$%&'*+.^`|~-]+"
const value = '[\\t\\x20-\\x7e\\x80-\\xff]*'
const field = new RegExp(`^${token}:${value}$`)
/** Of a chunk. */
const extension = new RegExp(`^(?:;${token}(?:=${token})?)+$`)
const head = new RegExp(`^HTTP/1\\.1 ([2-5]\\d\\d)(?: ${value})?\\r\\n((?:${token}:${value}\\r\\n)*)\\r\\n$`)

/**
 * @param text in Latin-1, with the empty line at its end
 * @returns undefined for what is not of the plainest form
 */
export function readHead(text: string): Head | undefined {
  const [, status, lines = ''] = head.exec(text) ?? []
  if (status === undefined) return undefined
  const headers: Record<string, string> = Object.create(null)
  for (const line of lines.split('\r\n').slice(0, -1)) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value
  }
  return { statusCode: Number(status), headers }
}

/** @returns undefined for a body that has none of the two framings that tell its end, or none at all */
export function framingOf({ statusCode, headers }: Head): Framing | undefined {
  if (statusCode === 204 || statusCode === 304) return undefined
  const { 'transfer-encoding': encoding, 'content-length': length } = headers
  if (encoding !== undefined) return encoding.toLowerCase() === 'chunked' && length === undefined ? new Chunked() : undefined
  return length !== undefined && /^\d{1,15}$/.test(length) ? new Sized(Number(length)) : undefined
}

class Sized implements Framing {
  #left: number

  constructor(length: number) {
    this.#left = length
  }

  get isDone(): boolean {
    return this.#left === 0
  }

  take(bytes: Uint8Array, sink: Sink): void {
    if (bytes.length > this.#left) throw badFraming('more bytes came than it has')
    this.#left -= bytes.length
    if (bytes.length > 0) sink.add(bytes, 0, bytes.length)
  }
}

const [cr, lf, semicolon] = [0x0d, 0x0a, 0x3b]
/** So that sizes stay exact. */
const mostDigits = 12
/** An extension, or a field behind the last chunk: nobody wants them. */
const longestLine = 16 * 1024

/** What comes next. */
type Part =
  'size' | 'extension' | 'size-end' | 'data' | 'data-cr' | 'data-lf' | 'trailer-start' | 'trailer' | 'trailer-lf' | 'end-lf' | 'done'

class Chunked implements Framing {
  #part: Part = 'size'
  #size = 0
  #digits = 0
  /** What has come of an extension, or of a field behind the last chunk. */
  #line = ''

  get isDone(): boolean {
    return this.#part === 'done'
  }

  take(bytes: Uint8Array, sink: Sink): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#part === 'data') {
        const to = Math.min(bytes.length, at + this.#size)
        sink.add(bytes, at, to)
        this.#size -= to - at
        if (this.#size === 0) this.#part = 'data-cr'
        at = to
      } else this.#part = this.#next(bytes[at++]!)
    }
  }

  #next(byte: number): Part {
    switch (this.#part) {
      case 'size': {
        const digit = digitOf(byte)
        if (digit >= 0 && ++this.#digits <= mostDigits) {
          this.#size = this.#size * 16 + digit
          return 'size'
        }
        if (this.#digits === 0 || digit >= 0) throw badFraming()
        if (byte !== semicolon) return expect(byte, cr, 'size-end')
        this.#line = ';'
        return 'extension'
      }
      case 'extension':
        return this.#gathers(byte, extension) ? 'extension' : 'size-end'
      case 'size-end':
        this.#digits = 0
        return expect(byte, lf, this.#size === 0 ? 'trailer-start' : 'data')
      case 'data-cr':
        return expect(byte, cr, 'data-lf')
      case 'data-lf':
        return expect(byte, lf, 'size')
      case 'trailer-start':
        if (byte === cr) return 'end-lf'
        return this.#gathers(byte, field) ? 'trailer' : 'trailer-lf'
      case 'trailer':
        return this.#gathers(byte, field) ? 'trailer' : 'trailer-lf'
      case 'trailer-lf':
        return expect(byte, lf, 'trailer-start')
      case 'end-lf':
        return expect(byte, lf, 'done')
      default:
        throw badFraming('more bytes came than it has')
    }
  }

  /** @returns whether the line goes on */
  #gathers(byte: number, form: RegExp): boolean {
    if (byte !== cr) {
      if (this.#line.length === longestLine) throw badFraming()
      this.#line += String.fromCharCode(byte)
      return true
    }
    if (!form.test(this.#line)) throw badFraming()
    this.#line = ''
    return false
  }
}

function expect(byte: number, wanted: number, next: Part): Part {
  if (byte !== wanted) throw badFraming()
  return next
}

function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

function badFraming(how = 'its chunks are not as HTTP has them'): SyntaxError {
  return new SyntaxError(how)
}
