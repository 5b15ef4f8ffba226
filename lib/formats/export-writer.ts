/** Writes an export, collection after collection, into a byte sink. */
import { DocferryError } from '../errors.ts'
import type { SecurityObject } from '../types.ts'
import { BucketSums } from '../values/bucket-sums.ts'
import { DigestSum } from '../values/index.ts'
import type { Packed } from '../packed.ts'
import type { ByteSink } from './byte-sink.ts'
import type { Summary } from './document-line.ts'
import { digestDocumentLines, lineDigests } from './document-lines.ts'
import type { DocumentLine } from './document-lines.ts'
import type { ExportText } from './export-text.ts'

/** Where an export stands between two documents; plain JSON. */
export interface ExportState {
  /** Each collection's count, digest and `BucketSums.base64` so far; the last missing where an older docferry began. */
  readonly collections: readonly (readonly [name: string, count: number, digest: string, sums?: string])[]
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

/** What is in the file of one collection. */
interface Written {
  count: number
  readonly sums: BucketSums
  /** Of documents that an older docferry wrote, which kept no other sum. */
  readonly before?: DigestSum
}

/** Documents are pushed; nothing is kept but sums of digests per collection. One call at a time. */
export class ExportWriter {
  readonly #sink: ByteSink
  readonly #options: ExportWriterOptions
  readonly #written = new Map<string, Written>()
  readonly #opened = new Set<string>()
  #security: Readonly<Record<string, SecurityObject>> | undefined
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
    const collections = [...this.#written].map(([name, each]) => {
      const state = [name, each.count, digestOf(each)] as const
      return each.before ? state : ([...state, each.sums.base64()] as const)
    })
    const [started, current, currentIsEmpty] = [this.#started, this.#current, this.#currentIsEmpty]
    return { state: { collections, opened: [...this.#opened], started, ...(current !== undefined && { current }), currentIsEmpty }, bytes }
  }

  #restore(state: ExportState): void {
    const { opened, started, current, currentIsEmpty } = state
    for (const [name, written] of writtenUpTo(state)) this.#written.set(name, written)
    for (const name of opened) this.#opened.add(name)
    this.#started = started
    this.#current = current
    this.#currentIsEmpty = currentIsEmpty
  }

  /** A collection belongs to the export, be it empty. Those announced before the first document stand in its metadata. */
  announce(collection: string): void {
    if (!this.#written.has(collection)) this.#written.set(collection, { count: 0, sums: new BucketSums() })
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
    const bytes = this.#options.text.documents(lines, this.#currentIsEmpty)
    this.#currentIsEmpty &&= documents.length === 0
    const written = this.#written.get(collection) as Written
    written.count += documents.length
    const put = bytes.length > 0 ? this.#sink.write(bytes) : undefined
    // While the bytes are on their way.
    if (this.#options.digests) {
      digestDocumentLines(documents)
      for (const line of documents) written.sums.add(line.document._id, lineDigests(line))
    }
    await put
  }

  /** The same for documents whose text is made. */
  async writePacked(collection: string, { text, count, digests, kinds, idHashes, release }: Packed): Promise<void> {
    this.announce(collection)
    await this.#put(this.#enter(collection))
    const bytes = this.#options.text.packed(text, count, this.#currentIsEmpty)
    this.#currentIsEmpty &&= count === 0
    const written = this.#written.get(collection) as Written
    written.count += count
    const put = this.#sink.write(bytes, release)
    if (this.#options.digests) written.sums.addAll(idHashes, digests, kinds)
    await put
  }

  /** Open the empty collections, end the text, and hand everything over. */
  async end(): Promise<void> {
    let text = this.#start()
    for (const collection of this.#written.keys()) if (!this.#opened.has(collection)) text += this.#enter(collection)
    await this.#put(text)
    const end = this.#options.text.end(this.summary(), this.#opened.size === 0)
    await this.#sink.end(end === '' ? undefined : Buffer.from(end))
  }

  /** Documents, digest and sums of each collection so far; no sums where an older docferry began the export. */
  summary(): Summary {
    return summaryOf([...this.#written], this.#options)
  }

  #start(): string {
    if (this.#started) return ''
    this.#started = true
    const { text, provider } = this.#options
    return text.start({
      provider,
      exported_at: new Date().toISOString(),
      collections: [...this.#written.keys()],
      ...(this.#security && { security: this.#security })
    })
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

/** `ExportWriter.summary` of an export that stands there. */
export function summaryOfState(state: ExportState, options: Pick<ExportWriterOptions, 'digests'>): Summary {
  return summaryOf(writtenUpTo(state), options)
}

function writtenUpTo({ collections }: ExportState): (readonly [name: string, written: Written])[] {
  return collections.map(([name, count, digest, sums]) => {
    if (sums !== undefined) return [name, { count, sums: BucketSums.from(Buffer.from(sums, 'base64')) }] as const
    return [name, { count, sums: new BucketSums(), before: DigestSum.from(count, digest) }] as const
  })
}

function summaryOf(
  written: readonly (readonly [name: string, written: Written])[],
  { digests }: Pick<ExportWriterOptions, 'digests'>
): Summary {
  const counts = Object.fromEntries(written.map(([name, { count }]) => [name, count]))
  if (!digests) return { counts, digest: {} }
  const digest = Object.fromEntries(written.map(([name, each]) => [name, digestOf(each)]))
  if (written.some(([, { before }]) => before !== undefined)) return { counts, digest }
  const receipt = Object.fromEntries(written.map(([name, { sums }]) => [name, sums.base64()]))
  return { counts, digest, receipt, root: Object.fromEntries(written.map(([name, { sums }]) => [name, sums.root()])) }
}

function digestOf({ sums, before }: Written): string {
  if (!before) return sums.total()
  const sum = DigestSum.from(sums.count, sums.total())
  sum.merge(before)
  return sum.hex()
}
