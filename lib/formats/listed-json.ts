/**
 * JSON that is nearly all one long list, as docferry writes it: a line a field. With thousands of collections it is tens of megabytes, and it
 * is read here entry by entry. Text of any other form, right or wrong, is for somebody who reads it whole.
 */
import { open, stat } from 'node:fs/promises'

export interface ListForm {
  /** The line that opens the list, with its indentation. */
  readonly opening: string
  /** In front of an entry's first and last line. */
  readonly indent: string
}

export interface ListEntry {
  /** JSON, from its first character to its closing brace. */
  readonly text: string
  /** Where it is, in bytes. */
  readonly start: number
  readonly length: number
}

/** Where it gives false, nothing more is read. */
export interface ListVisitor {
  /** The text up to the comma in front of the list. */
  readonly head: (text: string) => boolean
  readonly entry: (entry: ListEntry) => boolean
}

/** Gives the next bytes of a text; 0 at its end. */
export type ReadInto = (into: Buffer) => Promise<number>

const firstBytes = 256 << 10
/** Longest head or entry: the sums of a collection are some 300 KB at most. */
const mostBytes = 4 << 20

/**
 * What is handed on is not known to be JSON: the text is that if head and tail, put together, and each entry are, for within a string of JSON
 * there is no line end.
 *
 * @returns the text behind the last entry; undefined where it has another form, or was left
 */
export async function readListed(read: ReadInto, { opening, indent }: ListForm, visitor: ListVisitor): Promise<string | undefined> {
  const text = new Text(read)
  const opens = await text.find(`,\n${opening}\n`)
  if (opens === -1 || !visitor.head(text.take(opens))) return undefined
  text.take(opening.length + 3)
  for (;;) {
    const end = await text.find(`\n${indent}}`)
    if (end === -1) return undefined
    if (end < indent.length || text.take(indent.length) !== indent) return undefined
    const start = text.offset
    const entry = text.take(end + 2)
    if (!visitor.entry({ text: entry, start, length: text.offset - start })) return undefined
    if (await text.startsWith(',\n')) text.take(2)
    else break
  }
  return await text.rest()
}

/** The same of a file. */
export async function readListedFile(path: string, form: ListForm, visitor: ListVisitor): Promise<string | undefined> {
  // What is no file can't be read once more.
  if (!(await stat(path)).isFile()) return undefined
  const file = await open(path, 'r')
  try {
    return await readListed(async into => (await file.read(into, 0, into.length)).bytesRead, form, visitor)
  } finally {
    await file.close()
  }
}

/** The text that is still to come, of which one buffer holds the beginning. */
class Text {
  /** Of what is taken next. */
  offset = 0
  readonly #read: ReadInto
  #buffer = Buffer.allocUnsafeSlow(firstBytes)
  #from = 0
  #to = 0

  constructor(read: ReadInto) {
    this.#read = read
  }

  /** @returns bytes in front of it, or -1 where it is not there, or too far away */
  async find(wanted: string): Promise<number> {
    for (let from = 0; ;) {
      const at = this.#held.indexOf(wanted, from, 'latin1')
      if (at !== -1) return at
      from = Math.max(0, this.#held.length - wanted.length)
      if (!(await this.#more())) return -1
    }
  }

  async startsWith(wanted: string): Promise<boolean> {
    while (this.#held.length < wanted.length) if (!(await this.#more())) return false
    return this.#held.toString('latin1', 0, wanted.length) === wanted
  }

  /** @param bytes that were found */
  take(bytes: number): string {
    const text = this.#held.toString('utf8', 0, bytes)
    this.#from += bytes
    this.offset += bytes
    return text
  }

  /** @returns undefined where it is too long */
  async rest(): Promise<string | undefined> {
    while (await this.#more()) continue
    return this.#held.length >= mostBytes ? undefined : this.take(this.#held.length)
  }

  get #held(): Buffer {
    return this.#buffer.subarray(this.#from, this.#to)
  }

  /** @returns false at the end, and where there is no place for more */
  async #more(): Promise<boolean> {
    if (this.#to - this.#from >= mostBytes) return false
    if (this.#to === this.#buffer.length) this.#makeRoom()
    const bytes = await this.#read(this.#buffer.subarray(this.#to))
    this.#to += bytes
    return bytes > 0
  }

  #makeRoom(): void {
    const held = this.#held
    const buffer = held.length <= this.#buffer.length / 2 ? this.#buffer : Buffer.allocUnsafeSlow(2 * this.#buffer.length)
    held.copy(buffer)
    this.#buffer = buffer
    this.#from = 0
    this.#to = held.length
  }
}
