/** Lines of JSON put in order, however many there are: what does not fit into memory is sorted in pieces on disk, and these are merged. */
import { createReadStream, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { LineSplitter } from '../formats/lines.ts'
import { parseText } from '../values/index.ts'

export interface SortOptions<Line> {
  readonly compare: (a: Line, b: Line) => number
  /** A folder for pieces, asked for once, when there are some; whoever made it removes it. */
  readonly makeFolder: () => Promise<string>
  /** Characters of text that are kept in memory. Default 8M. */
  readonly atOnce?: number
  /** Pieces that are read at once. Default 32. */
  readonly fanIn?: number
}

interface Entry<Line> {
  readonly line: Line
  readonly text: string
}

/** What an entry takes beside its text, in characters. */
const entrySize = 200
const chunkLines = 1_000

export class SortedLines<Line extends object> {
  readonly #options: Required<SortOptions<Line>>
  #entries: Entry<Line>[] = []
  #size = 0
  #folder: Promise<string> | undefined
  /** By how often they were merged, so that each line is merged a few times only. */
  readonly #pieces: string[][] = []
  #made = 0
  #writing: Promise<void> = Promise.resolve()

  constructor({ atOnce = 8 << 20, fanIn = 32, ...options }: SortOptions<Line>) {
    this.#options = { atOnce, fanIn, ...options }
  }

  add(line: Line): void {
    const text = JSON.stringify(line)
    this.#entries.push({ line, text })
    this.#size += text.length + entrySize
  }

  /** Resolves when more may come. */
  async drained(): Promise<void> {
    if (this.#size < this.#options.atOnce) return
    this.#writing = this.#writing.then(() => this.#writePiece())
    await this.#writing
  }

  /** All texts in order, with their line ends, some at a time. Nothing is added from then on. */
  async *texts(): AsyncGenerator<string> {
    await this.#writing
    const files = this.#pieces.flat().map(path => readPiece<Line>(path))
    yield* this.#merge([this.#inOrder(this.#entries), ...files])
  }

  async #writePiece(): Promise<void> {
    if (this.#size < this.#options.atOnce) return
    const entries = this.#entries
    this.#entries = []
    this.#size = 0
    await this.#write(0, [this.#inOrder(entries)])
    for (let level = 0; this.#pieces[level]!.length >= this.#options.fanIn; level++) {
      const pieces = this.#pieces[level]!.splice(0)
      await this.#write(
        level + 1,
        pieces.map(path => readPiece<Line>(path))
      )
      for (const path of pieces) await rm(path)
    }
  }

  async #write(level: number, sources: readonly AsyncGenerator<Entry<Line>>[]): Promise<void> {
    const folder = await (this.#folder ??= this.#options.makeFolder())
    const path = join(folder, `piece-${this.#made++}`)
    await pipeline(Readable.from(this.#merge(sources)), createWriteStream(path, { flags: 'wx', mode: 0o600 }))
    const pieces = (this.#pieces[level] ??= [])
    pieces.push(path)
  }

  async *#inOrder(entries: Entry<Line>[]): AsyncGenerator<Entry<Line>> {
    yield* entries.sort((a, b) => this.#compare(a, b))
  }

  async *#merge(sources: readonly AsyncGenerator<Entry<Line>>[]): AsyncGenerator<string> {
    const heads: { readonly entry: Entry<Line>; readonly source: AsyncGenerator<Entry<Line>> }[] = []
    const read = async (source: AsyncGenerator<Entry<Line>>): Promise<void> => {
      const { value: entry, done } = await source.next()
      if (done) return
      const place = heads.findIndex(head => this.#compare(entry, head.entry) < 0)
      heads.splice(place === -1 ? heads.length : place, 0, { entry, source })
    }
    try {
      for (const source of sources) await read(source)
      const texts: string[] = []
      for (let head = heads.shift(); head; head = heads.shift()) {
        texts.push(head.entry.text)
        if (texts.length >= chunkLines) yield joined(texts.splice(0))
        await read(head.source)
      }
      if (texts.length > 0) yield joined(texts)
    } finally {
      for (const source of sources) await source.return(undefined)
    }
  }

  /** Equal lines have equal texts, so that no two orders are right. */
  #compare(a: Entry<Line>, b: Entry<Line>): number {
    return this.#options.compare(a.line, b.line) || compareText(a.text, b.text)
  }
}

/** By code units. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function joined(texts: readonly string[]): string {
  return `${texts.join('\n')}\n`
}

async function* readPiece<Line>(path: string): AsyncGenerator<Entry<Line>> {
  const splitter = new LineSplitter()
  for await (const chunk of createReadStream(path, { highWaterMark: 256 << 10 }))
    for (const { bytes } of splitter.push(chunk as Buffer)) {
      const text = bytes.toString()
      yield { line: parseText(text) as Line, text }
    }
}
