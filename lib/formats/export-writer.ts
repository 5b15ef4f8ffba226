/** Writes an export, collection after collection, into a byte sink. */
import { DocferryError } from '../errors.ts'
import { DigestSum } from '../values/index.ts'
import type { Document } from '../values/index.ts'
import type { ByteSink } from './byte-sink.ts'
import type { ExportText } from './export-text.ts'

/** A document and its text. */
export interface DocumentLine {
  readonly document: Document
  /** By `stringifyJson`. */
  readonly line: string
}

/** Where an export stands between two documents; plain JSON. */
export interface ExportState {
  /** Each collection's count and digest so far. */
  readonly collections: readonly (readonly [name: string, count: number, digest: string])[]
  readonly opened: readonly string[]
  readonly started: boolean
  readonly current?: string
  readonly currentIsEmpty: boolean
}

export interface ExportWriterOptions {
  /** Go on with an export that stands here. */
  readonly state?: ExportState | undefined
  readonly text: ExportText
  /** Provider that the documents come from, for the metadata. */
  readonly provider: string
  /** Whether collections may be left and come back to. */
  readonly mayReopen: boolean
  /** Whether a digest of the documents is wanted. */
  readonly digests: boolean
}

/** Documents are pushed; nothing is kept but a digest per collection. One call at a time. */
export class ExportWriter {
  readonly #sink: ByteSink
  readonly #options: ExportWriterOptions
  readonly #sums = new Map<string, DigestSum>()
  readonly #opened = new Set<string>()
  #started = false
  #current: string | undefined
  #currentIsEmpty = true

  constructor(sink: ByteSink, options: ExportWriterOptions) {
    this.#sink = sink
    this.#options = options
    if (options.state) this.#restore(options.state)
  }

  /** Hand everything on. @returns where the export stands, and the bytes of it */
  async suspend(): Promise<{ readonly state: ExportState; readonly bytes: number }> {
    const bytes = await this.#sink.flush()
    const collections = [...this.#sums].map(([name, sum]) => [name, sum.count, sum.hex()] as const)
    const [started, current, currentIsEmpty] = [this.#started, this.#current, this.#currentIsEmpty]
    return { state: { collections, opened: [...this.#opened], started, ...(current !== undefined && { current }), currentIsEmpty }, bytes }
  }

  #restore({ collections, opened, started, current, currentIsEmpty }: ExportState): void {
    for (const [name, count, digest] of collections) this.#sums.set(name, DigestSum.from(count, digest))
    for (const name of opened) this.#opened.add(name)
    this.#started = started
    this.#current = current
    this.#currentIsEmpty = currentIsEmpty
  }

  /** A collection belongs to the export, be it empty. Those announced before the first document stand in its metadata. */
  announce(collection: string): void {
    if (!this.#sums.has(collection)) this.#sums.set(collection, new DigestSum())
  }

  /** Resolves when more may come. */
  async write(collection: string, documents: readonly DocumentLine[]): Promise<void> {
    this.announce(collection)
    let text = this.#enter(collection)
    text += this.#options.text.documents(
      documents.map(({ line }) => line),
      this.#currentIsEmpty
    )
    this.#currentIsEmpty &&= documents.length === 0
    const sum = this.#sums.get(collection) as DigestSum
    if (this.#options.digests) for (const { document } of documents) sum.add(document)
    else sum.count += documents.length
    await this.#put(text)
  }

  /** Open the empty collections, end the text, and hand everything over. */
  async end(): Promise<void> {
    let text = this.#start()
    for (const collection of this.#sums.keys()) if (!this.#opened.has(collection)) text += this.#enter(collection)
    await this.#put(text)
    const end = this.#options.text.end(this.summary(), this.#opened.size === 0)
    await this.#sink.end(end === '' ? undefined : Buffer.from(end))
  }

  /** Documents and digest of each collection so far. */
  summary(): { readonly counts: Record<string, number>; readonly digest: Record<string, string> } {
    const sums = [...this.#sums]
    return {
      counts: Object.fromEntries(sums.map(([name, sum]) => [name, sum.count])),
      digest: Object.fromEntries(this.#options.digests ? sums.map(([name, sum]) => [name, sum.hex()]) : [])
    }
  }

  #start(): string {
    if (this.#started) return ''
    this.#started = true
    const { text, provider } = this.#options
    return text.start({ provider, exported_at: new Date().toISOString(), collections: [...this.#sums.keys()] })
  }

  #enter(collection: string): string {
    const start = this.#start()
    if (collection === this.#current) return start
    if (this.#opened.has(collection) && !this.#options.mayReopen) {
      throw new DocferryError('DOCFERRY_BUG', 'a collection of a JSON file was left and comes back', { collection })
    }
    const text = start + this.#options.text.openCollection(collection, this.#opened.size === 0)
    this.#opened.add(collection)
    this.#current = collection
    this.#currentIsEmpty = true
    return text
  }

  async #put(text: string): Promise<void> {
    if (text !== '') await this.#sink.write(Buffer.from(text))
  }
}
