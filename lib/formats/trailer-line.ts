/**
 * Reads the last line of an export as it comes, entry by entry, where it is in the form in which it is written: of thousands of collections it is tens of
 * megabytes. Any other line, right or wrong, is for somebody who reads it whole.
 */
import type { Summary } from './document-line.ts'
import type { LineReading } from './lines.ts'
import { entryText, trailerClosing, trailerFields, trailerOpenings } from './trailer-text.ts'
import type { TrailerField } from './trailer-text.ts'

const quote = 0x22
const backslash = 0x5c
const none = Buffer.alloc(0)
/** Longest entry: the sums of a collection are some 400 KB at most. */
const mostBytes = 4 << 20
const beginning = Buffer.from(trailerOpenings.counts)

export interface TrailerLineOptions {
  /** Sums of a collection that somebody holds anyway: the line's are most often the same. */
  readonly sumsOf?: (collection: string) => Buffer | undefined
}

/** An entry's value; sums as their bytes, all else as it stands there. */
type Stated = number | string | Buffer

export class TrailerLine implements LineReading {
  readonly #options: TrailerLineOptions
  /** In their order, each in that of its entries; the last one is the one that is read. */
  readonly #fields: { readonly name: TrailerField; readonly entries: Map<string, Stated>; isClosed: boolean }[] = []
  /** What came and was not read yet. */
  #rest: Buffer = none
  /** Where reading goes on in it. */
  #at = 0

  constructor(options: TrailerLineOptions = {}) {
    this.#options = options
  }

  /** Whether a line may be one, as far as it goes. */
  static mayBegin(part: Buffer): boolean {
    const length = Math.min(part.length, beginning.length)
    return part.compare(beginning, 0, length, 0, length) === 0
  }

  push(part: Buffer): boolean {
    this.#rest = this.#at < this.#rest.length ? Buffer.concat([this.#rest.subarray(this.#at), part]) : part
    this.#at = 0
    let step = this.#step()
    while (step === 'read') step = this.#step()
    // Where it lies, others are read.
    this.#rest = Buffer.from(this.#rest.subarray(this.#at))
    this.#at = 0
    return step === 'more' && this.#rest.length <= mostBytes
  }

  end(): boolean {
    const field = this.#fields.at(-1)
    return field?.isClosed === true && field.name !== 'counts' && this.#rest.equals(closing)
  }

  /** Of a line that is read to its end. */
  summary(): Summary {
    const of = <T>(wanted: TrailerField): Record<string, T> | undefined => {
      const entries = this.#fields.find(({ name }) => name === wanted)?.entries
      return entries && (Object.fromEntries(entries) as Record<string, T>)
    }
    const [receipt, root] = [of<Buffer>('receipt'), of<string>('root')]
    return { counts: of<number>('counts') ?? {}, digest: of<string>('digest') ?? {}, ...(receipt && { receipt }), ...(root && { root }) }
  }

  *text(): Generator<Buffer, void, undefined> {
    for (const { name, entries, isClosed } of this.#fields) {
      yield Buffer.from(trailerOpenings[name])
      let separator = ''
      for (const [collection, value] of entries) {
        yield Buffer.from(entryText(separator, collection, Buffer.isBuffer(value) ? value.toString('base64') : value))
        separator = ','
      }
      if (isClosed) yield Buffer.from('}')
    }
    yield this.#rest.subarray(this.#at)
  }

  /** The next token. */
  #step(): 'read' | 'more' | 'other' {
    const field = this.#fields.at(-1)
    if (!field || field.isClosed) return this.#open(field?.name)
    const next = this.#rest[this.#at]
    if (next === undefined) return 'more'
    if (next !== closingBrace) return this.#entry(field.entries, field.name)
    this.#at++
    field.isClosed = true
    return 'read'
  }

  #open(last: TrailerField | undefined): 'read' | 'more' | 'other' {
    const name = last === undefined ? 'counts' : trailerFields[trailerFields.indexOf(last) + 1]
    // The closing one stays where it is.
    if (this.#startsWith(closing)) return this.#rest.length - this.#at <= closing.length ? 'more' : 'other'
    if (name === undefined) return 'other'
    const opening = openings[name]
    const found = this.#startsWith(opening)
    if (!found || this.#rest.length - this.#at < opening.length) return found ? 'more' : 'other'
    this.#at += opening.length
    this.#fields.push({ name, entries: new Map(), isClosed: false })
    return 'read'
  }

  /** Whether what is there is the beginning of it, or begins with it. */
  #startsWith(wanted: Buffer): boolean {
    const length = Math.min(wanted.length, this.#rest.length - this.#at)
    return this.#rest.compare(wanted, 0, length, this.#at, this.#at + length) === 0
  }

  #entry(entries: Map<string, Stated>, field: TrailerField): 'read' | 'more' | 'other' {
    const rest = this.#rest
    let at = this.#at
    if (entries.size > 0 && rest[at++] !== comma) return 'other'
    if (at >= rest.length) return 'more'
    if (rest[at] !== quote) return 'other'
    const nameEnd = endOfString(rest, at)
    // What is behind the name tells that it is whole.
    if (nameEnd === -1 || nameEnd + 1 >= rest.length) return 'more'
    const name = nameIn(rest.subarray(at, nameEnd))
    if (name === undefined || entries.has(name) || rest[nameEnd] !== colon) return 'other'
    const from = nameEnd + 1
    const isText = rest[from] === quote
    const to = isText ? rest.indexOf(quote, from + 1) : endOfNumber(rest, from)
    if (to === -1 || to === rest.length) return 'more'
    if (isText === (field === 'counts')) return 'other'
    const value = isText ? this.#textIn(rest.subarray(from + 1, to), field, name) : numberIn(rest.toString('latin1', from, to))
    if (value === undefined) return 'other'
    entries.set(name, value)
    this.#at = isText ? to + 1 : to
    return 'read'
  }

  #textIn(bytes: Buffer, field: TrailerField, name: string): Stated | undefined {
    const text = bytes.toString('latin1')
    if (field !== 'receipt') return /^[0-9a-f]*$/.test(text) ? text : undefined
    const sums = Buffer.from(text, 'base64')
    if (sums.toString('base64') !== text) return undefined
    const known = this.#options.sumsOf?.(name)
    return known?.equals(sums) === true ? known : sums
  }
}

const closingBrace = 0x7d
const comma = 0x2c
const colon = 0x3a
/** Without its line end. */
const closing = Buffer.from(trailerClosing.trimEnd())
const openings = Object.fromEntries(trailerFields.map(name => [name, Buffer.from(trailerOpenings[name])])) as Record<TrailerField, Buffer>

/** @returns the place behind its closing quote; -1 where that has not come */
function endOfString(bytes: Buffer, start: number): number {
  for (let end = bytes.indexOf(quote, start + 1); end !== -1; end = bytes.indexOf(quote, end + 1)) {
    let before = end - 1
    while (bytes[before] === backslash) before--
    if ((end - before) % 2 === 1) return end + 1
  }
  return -1
}

function endOfNumber(bytes: Buffer, start: number): number {
  let end = start
  while (end < bytes.length && bytes[end]! >= 0x30 && bytes[end]! <= 0x39) end++
  return end
}

/** @returns undefined for what is written in another way, and for what may be the name of an envelope */
function nameIn(json: Buffer): string | undefined {
  if (json[1] === 0x24) return undefined
  let name: unknown
  try {
    name = JSON.parse(json.toString())
  } catch {
    return undefined
  }
  return typeof name === 'string' && !name.startsWith('$') && Buffer.from(JSON.stringify(name)).equals(json) ? name : undefined
}

function numberIn(text: string): number | undefined {
  return /^(?:0|[1-9]\d{0,14})$/.test(text) ? Number(text) : undefined
}
