/** Writes an export, collection after collection, into a byte sink. */
import { byteChunks } from '../engine/byte-chunks.ts'
import { DocferryError } from '../errors.ts'
import type { SecurityObject } from '../types.ts'
import type { Packed } from '../packed.ts'
import type { ByteSink } from './byte-sink.ts'
import { digestDocumentLines, lineDigests } from './document-lines.ts'
import type { DocumentLine } from './document-lines.ts'
import { ExportBooks } from './export-books.ts'
import type { ExportText } from './export-text.ts'
import type { StatedCollection } from './trailer-text.ts'

export interface ExportWriterOptions {
  /** Go on with an export that stands here; it is the writer's from now on. */
  readonly books?: ExportBooks | undefined
  readonly text: ExportText
  /** Provider that the documents come from, for the metadata. */
  readonly provider: string
  /** Whether collections may be left and come back to. */
  readonly mayReopen: boolean
  /** Whether a digest of the documents is wanted. */
  readonly digests: boolean
}

/** Documents are pushed; nothing is kept but sums of digests per collection. One call at a time. */
export class ExportWriter {
  readonly #sink: ByteSink
  readonly #options: ExportWriterOptions
  readonly #books: ExportBooks
  #mayMoreCome = false
  #security: Readonly<Record<string, SecurityObject>> | undefined

  constructor(sink: ByteSink, options: ExportWriterOptions) {
    this.#sink = sink
    this.#options = options
    this.#books = options.books ?? new ExportBooks()
  }

  /** Hand everything on. @returns where the export stands, as long as nothing more is written; and the bytes of it */
  async suspend(): Promise<{ readonly books: ExportBooks; readonly bytes: number }> {
    const bytes = await this.#sink.flush()
    return { books: this.#books, bytes }
  }

  /**
   * A collection belongs to the export, be it empty. Those announced before the first document stand in its metadata.
   *
   * @param mayMoreCome whether that list would not be whole, so that there is none
   */
  announce(collection: string, mayMoreCome = false): void {
    this.#mayMoreCome ||= mayMoreCome
    this.#books.announce(collection)
  }

  /** Of a collection of CouchDB; stands in the metadata if it is told before the first document. */
  setSecurity(collection: string, security: SecurityObject): void {
    this.#security = { ...this.#security, [collection]: security }
  }

  /** Resolves when more may come. */
  async write(collection: string, documents: readonly DocumentLine[]): Promise<void> {
    this.announce(collection)
    const lines = documents.map(({ line }) => line)
    await this.#put(this.#enter(collection))
    const bytes = this.#options.text.documents(lines, this.#books.currentIsEmpty)
    this.#books.currentIsEmpty &&= documents.length === 0
    const sums = this.#books.count(collection, documents.length)
    const put = bytes.length > 0 ? this.#sink.write(bytes) : undefined
    // While the bytes are on their way.
    if (this.#options.digests) {
      digestDocumentLines(documents)
      for (const line of documents) sums.add(line.document._id, lineDigests(line))
    }
    await put
  }

  /** The same for documents whose text is made. */
  async writePacked(collection: string, { text, count, digests, kinds, idHashes, release }: Packed): Promise<void> {
    this.announce(collection)
    await this.#put(this.#enter(collection))
    const bytes = this.#options.text.packed(text, count, this.#books.currentIsEmpty)
    this.#books.currentIsEmpty &&= count === 0
    const sums = this.#books.count(collection, count)
    const put = this.#sink.write(bytes, release)
    if (this.#options.digests) sums.addAll(idHashes, digests, kinds)
    await put
  }

  /** Open the empty collections, end the text, and hand everything over. */
  async end(): Promise<void> {
    let text = this.#start()
    for (const collection of this.#books.collections) if (!this.#books.isOpened(collection)) text += this.#enter(collection)
    await this.#put(text)
    const end = byteChunks(this.#options.text.end(this.stated(), this.#books.openedCount === 0))
    const first = end.next()
    await this.#sink.end(first.done ? undefined : withFirst(first.value, end))
  }

  /** Give up. */
  destroy(): void {
    this.#sink.destroy()
  }

  /** As `ExportBooks.stated`. */
  stated(): Iterable<StatedCollection> {
    return this.#books.stated(this.#options)
  }

  #start(): string {
    if (this.#books.started) return ''
    this.#books.started = true
    const { text, provider } = this.#options
    return text.start({
      provider,
      exported_at: new Date().toISOString(),
      ...(!this.#mayMoreCome && { collections: this.#books.collections }),
      ...(this.#security && { security: this.#security })
    })
  }

  #enter(collection: string): string {
    const start = this.#start()
    if (collection === this.#books.current) return start
    if (this.#books.isOpened(collection) && !this.#options.mayReopen) {
      const what = `the source has documents of ${JSON.stringify(collection)} in several places, and a .json file holds a collection in one`
      throw new DocferryError('DOCFERRY_CONFIG', `${what}: write .ndjson or a folder (and make the .json file of that)`, { collection })
    }
    const text = start + this.#options.text.openCollection(collection, this.#books.openedCount === 0)
    this.#books.open(collection)
    this.#books.current = collection
    this.#books.currentIsEmpty = true
    return text
  }

  async #put(text: string): Promise<void> {
    if (text !== '') await this.#sink.write(Buffer.from(text))
  }
}

function* withFirst(first: Buffer, others: Iterable<Buffer>): Generator<Buffer, void, undefined> {
  yield first
  yield* others
}
