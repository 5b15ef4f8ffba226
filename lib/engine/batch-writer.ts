/** Takes the items of one partition in their order: documents in the target's form go into batches, refused ones are buried, marks pass on behind them. */
import { setImmediate } from 'node:timers/promises'
import { DocferryError } from '../errors.ts'
import { countWritten, shortenId } from '../report.ts'
import type { CollectionReport } from '../report.ts'
import { Packed } from '../packed.ts'
import type { DocumentStretch, LinePlaces } from '../packed.ts'
import { Mark, Reject, Section } from '../types.ts'
import type { ControlItem, Document, Encoded, OnIncompatible, Refusal } from '../types.ts'
import { BucketSums } from '../values/bucket-sums.ts'
import type { DocumentDigests } from '../values/index.ts'
import { AckWindow } from './ack-window.ts'
import type { Barrier } from './barrier.ts'
import { Batches } from './batches.ts'
import type { BatchesOptions } from './batches.ts'
import type { CollectionState } from './collection-state.ts'
import { ConversionCounter } from './conversion-counter.ts'
import { CountedLine, documentOf, LinesUnderWay } from './counted.ts'
import type { Books, Counted } from './counted.ts'
import { buryDocument } from './dead-letter.ts'
import type { DeadLetter, Trouble } from './dead-letter.ts'
import { DocumentSlice } from './document-slice.ts'
import type { Known } from './document-slice.ts'
import { countEnveloped } from './packed-conversions.ts'
import { Tally } from './tally.ts'

export interface BatchWriterOptions extends BatchesOptions {
  /** Marks of the partition that were passed before. Default 0. */
  readonly marksBefore?: number
  /** The collection's state; prepares the collection in the target where that has not been done. */
  readonly enter: (collection: string) => Promise<CollectionState>
  /** Called when every document before the mark has its outcome, with what became of those behind the mark before it. */
  readonly onMark: (mark: Mark, tally: Tally) => void
  /** Where the partition waits at a mark when it is asked to, with nothing under way. */
  readonly barrier?: Barrier
  /** Default `dead-letter`. Escaping is the target's business: here it is the same. */
  readonly onIncompatible?: OnIncompatible
  /** Called for each document that the target takes, in its form. */
  readonly onEncoded?: (report: CollectionReport, document: Document, encoded: Encoded) => void
  /** Packs documents that come in slices, where the target wants such. Default: none are packed. */
  readonly pack?: ((documents: readonly Document[]) => readonly DocumentStretch[]) | undefined
}

const noDocument: Refusal = { code: 'DOCFERRY_BAD_DOCUMENT', message: 'no document: a document is an object with a string _id' }

const newline = 0x0a

export class BatchWriter {
  readonly #options: BatchWriterOptions
  readonly #window: AckWindow<{ readonly mark: Mark; readonly tally: Tally }>
  readonly #batches: Batches
  #state: CollectionState | undefined
  /** Those that others were entered behind. */
  readonly #left = new Set<CollectionState>()
  /** Of the stretch since the last mark. */
  #tally = new Tally()
  #marks: number
  /** Where what comes now belongs. */
  #books: Books | undefined
  readonly #conversions = new ConversionCounter(() => this.#reports())

  constructor(options: BatchWriterOptions) {
    this.#options = options
    this.#marks = options.marksBefore ?? 0
    this.#window = new AckWindow(({ mark, tally }) => options.onMark(mark, tally))
    this.#batches = new Batches(options, this.#window, () => this.#current())
  }

  /** Take the next item of the stream. @returns a promise where the caller must wait: that is the back-pressure */
  add(item: Document | ControlItem): Promise<void> | undefined {
    if (this.#batches.error !== undefined) return Promise.reject(this.#batches.error)
    if (item instanceof Mark) return this.#mark(item)
    if (item instanceof Section) return this.#enter(item.collection)
    if (item instanceof Reject) return this.#reject(item)
    if (item instanceof Packed) return item.lines ? this.#addLines(item, item.lines) : this.#addPacked(item)
    return item instanceof DocumentSlice ? this.#addSlice(item) : this.#addDocument(item as Document)
  }

  #addSlice({ documents, known }: DocumentSlice): Promise<void> | undefined {
    const { pack, target } = this.#options
    if (!pack || !target.lines?.wantsObjects?.(this.#current().report.target)) return this.#addDocuments(documents, 0, known?.digests)
    return this.#addPackable(pack(documents))
  }

  async #addPackable(stretches: readonly DocumentStretch[]): Promise<void> {
    await this.#addStretches(stretches, 0)
    // Of a source that never waits, the first batch would otherwise be sent when there are as many as may be under way.
    if (this.#batches.isRampingUp) await setImmediate()
  }

  #addStretches(stretches: readonly DocumentStretch[], from: number): Promise<void> | undefined {
    for (let index = from; index < stretches.length; index++) {
      const { documents, packed } = stretches[index]!
      const waiting = packed?.lines ? this.#addLines(packed, packed.lines, documents) : this.#addDocuments(documents, 0)
      if (waiting) return waiting.then(() => this.#addStretches(stretches, index + 1))
    }
    return undefined
  }

  #addDocuments(documents: readonly Document[], from: number, digests?: Known['digests']): Promise<void> | undefined {
    if (this.#batches.error !== undefined) return Promise.reject(this.#batches.error)
    for (let index = from; index < documents.length; index++) {
      const waiting = this.#addDocument(documents[index]!, digests?.[index])
      if (waiting) return waiting.then(() => this.#addDocuments(documents, index + 1, digests))
    }
    return undefined
  }

  async #reject({ details, failed }: Reject): Promise<void> {
    await this.#batches.writeHeld(details.id)
    await (failed ? this.#bury('stage', details, { ...details, ...failed }) : this.#bury('read', details, details))
  }

  #mark(mark: Mark): Promise<void> | undefined {
    this.#window.mark({ mark, tally: this.#tally })
    this.#tally = new Tally()
    this.#marks++
    this.#books = undefined
    return this.#options.barrier?.isWanted ? this.#rest(this.#options.barrier) : undefined
  }

  async #rest(barrier: Barrier): Promise<void> {
    await this.finish()
    await barrier.rest()
  }

  /** The stream came to its own end, and was not cut short: no more of its last collection comes from here. */
  leave(): void {
    this.#state?.leave()
  }

  /** Write what is left and wait for everything. */
  finish(): Promise<void> {
    return this.#batches.finish()
  }

  /** Send nothing any more, and wait until nothing is in flight, whatever became of it. */
  settle(): Promise<void> {
    return this.#batches.settle()
  }

  async #enter(collection: string): Promise<void> {
    await this.#batches.flushAll()
    if (this.#options.target.limits.oneCollectionAtATime) await this.#batches.idle()
    if (this.#state) {
      this.#left.add(this.#state)
      this.#state.leave()
    }
    this.#state = await this.#options.enter(collection)
    if (this.#left.delete(this.#state)) this.#state.comeBack()
    this.#books = undefined
  }

  /** @param known `documentDigests` of it */
  #addDocument(document: Document, known?: DocumentDigests): Promise<void> | undefined {
    const state = this.#current()
    const books = (this.#books ??= this.#openBooks())
    const { target } = this.#options
    if (typeof document?._id !== 'string') return this.#bury('write', noDocument, { document })
    const encoded = target.encode(state.report.target, document, this.#conversions.onConversion)
    if ('code' in encoded) return this.#refuse(encoded, document)
    this.#conversions.count(document._id)
    this.#options.onEncoded?.(state.report, document, encoded)
    const outgoing: Counted = { document, encoded, known, digests: undefined, books }
    return this.#batches.place(outgoing, state.mustWait(encoded.id))
  }

  /** @param documents the same, where they came as objects */
  async #addLines(packed: Packed, { ends, ids }: LinePlaces, documents?: readonly Document[]): Promise<void> {
    const { target } = this.#options
    const state = this.#current()
    const books = (this.#books ??= this.#openBooks())
    const lines = new LinesUnderWay(packed)
    let from = 0
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at]!
      const line = packed.text.subarray(from, ends[at]! - 1)
      from = ends[at]!
      if (this.#batches.error !== undefined) throw this.#batches.error
      const encoded = target.lines!.encode(state.report.target, id, line)
      const waiting = encoded
        ? this.#batches.place(
            new CountedLine(lines, at, { line, encoded, books }),
            state.mustWait(id, [packed.idHashes[2 * at]!, packed.idHashes[2 * at + 1]!])
          )
        : this.#addDocument(documents?.[at] ?? documentOf(line))
      if (!encoded) lines.settle()
      if (waiting) await waiting
    }
  }

  /** In their order with the others, one call at a time; a target that takes them fails as a whole or not at all. */
  async #addPacked(packed: Packed): Promise<void> {
    await this.#batches.flushAll()
    await this.#batches.idle()
    if (this.#batches.error !== undefined) throw this.#batches.error
    const state = this.#current()
    const { delta, sums } = (this.#books ??= this.#openBooks())
    if (state.hasFailedAny(packed.idHashes)) return await this.#unpack(packed)
    state.countPacked(packed.idHashes)
    const { target } = this.#options
    if (packed.enveloped) countEnveloped(packed, this.#conversions, (document, tell) => target.encode(state.report.target, document, tell))
    const number = this.#window.open()
    await this.#options.rate.take()
    try {
      await target.writePacked!(state.report.target, packed)
    } catch (error) {
      this.#batches.error ??= error as Error
      throw error
    } finally {
      this.#options.rate.give()
    }
    sums.written ??= new BucketSums()
    sums.written.addAll(packed.idHashes, packed.digests, packed.kinds)
    packed.counted()
    for (const report of [state.report, delta]) countWritten(report, { bytes: packed.text.length }, packed.count)
    this.#window.acknowledge(number)
    state.checkDone()
  }

  /** One by one: of an id that failed before, none is to be written. */
  async #unpack(packed: Packed): Promise<void> {
    const { text } = packed
    for (let from = 0; from < text.length;) {
      const end = text.indexOf(newline, from)
      await this.#addDocument(documentOf(text.subarray(from, end)))
      from = end + 1
    }
    packed.discard()
  }

  async #refuse(refusal: Refusal, document: Document): Promise<void> {
    this.#conversions.forget()
    const { _id: id } = document
    await this.#batches.writeHeld(id)
    await this.#bury('write', { ...refusal, where: refusal.path }, { id, document })
    if (this.#options.onIncompatible !== 'fail') return
    await this.finish()
    const { provider } = this.#options.target.location
    const collection = this.#current().report.source
    const place = refusal.path === undefined ? '' : ` at ${refusal.path}`
    throw new DocferryError(
      refusal.code,
      `${collection}: ${provider} can't hold the document ${JSON.stringify(shortenId(id))}${place}: ${refusal.message}; the run ends at the first such document, as --on-incompatible fail wants it`,
      { provider, collection, id }
    )
  }

  async #bury(
    at: DeadLetter['at'],
    trouble: Trouble,
    { id, document, raw, rawBase64, stage }: Partial<Pick<DeadLetter, 'id' | 'document' | 'raw' | 'rawBase64' | 'stage'>>
  ): Promise<void> {
    const { partition, bury } = this.#options
    const reports = this.#reports()
    const place = { state: this.#current(), bury, reports, partition, mark: this.#marks }
    await buryDocument(trouble, { ...place, at, id, document, raw, rawBase64, stage })
  }

  #reports(): CollectionReport[] {
    const { delta } = (this.#books ??= this.#openBooks())
    return [this.#current().report, delta]
  }

  #openBooks(): Books {
    const { source } = this.#current().report
    return { delta: this.#tally.of(source), sums: this.#tally.sumsOf(source), mark: this.#marks }
  }

  #current(): CollectionState {
    if (!this.#state) throw new DocferryError('DOCFERRY_BUG', 'a document came before its section')
    return this.#state
  }
}
