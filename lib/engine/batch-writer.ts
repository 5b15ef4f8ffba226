/** Turns the items of one partition into batches, keeps several of them in flight, and accounts for every document. */
import { setImmediate } from 'node:timers/promises'
import { DocferryError, describeError } from '../errors.ts'
import { countFailure, countSkipped, countWritten, shortenId } from '../report.ts'
import type { CollectionReport } from '../report.ts'
import { Packed } from '../packed.ts'
import type { LinePlaces } from '../packed.ts'
import { Mark, Reject, Section } from '../types.ts'
import type { ControlItem, Document, Encoded, OnIncompatible, Refusal, RejectDetails, Target, WriteOutcome } from '../types.ts'
import { BucketSums } from '../values/bucket-sums.ts'
import type { DocumentDigests } from '../values/index.ts'
import { AckWindow } from './ack-window.ts'
import type { Barrier } from './barrier.ts'
import type { CollectionState } from './collection-state.ts'
import { ConversionCounter } from './conversion-counter.ts'
import { countEnveloped } from './packed-conversions.ts'
import { DocumentSlice } from './document-slice.ts'
import { CountedLine, documentOf, LinesUnderWay } from './counted.ts'
import type { Books, Counted } from './counted.ts'
import { firstFailed, HeldDocuments, partByFailure } from './held-documents.ts'
import type { Batch } from './held-documents.ts'
import { addDigests, hasDigest } from './outcome-sums.ts'
import type { RateControl } from './rate-control.ts'
import { Tally } from './tally.ts'
import type { Outgoing } from './write-batch.ts'

/** A document that will not be written, with everything that is needed to try it again. */
export interface DeadLetter {
  readonly collection: string
  readonly id?: string
  readonly at: 'read' | 'stage' | 'write'
  readonly code: string
  readonly message: string
  /** What the service or the system itself said, where it said more. */
  readonly cause?: string
  /** Place in the input or in the document. */
  readonly where?: string
  /** Of one that a stage failed on: the stage's index, the built-in ones of every run counted; it has those before it behind it. */
  readonly stage?: number
  /** As it was to be written; missing where none could be read. */
  readonly document?: Document
  /** What stood in the input, where it was no document. */
  readonly raw?: string
  /** The partition, and how many of its marks came before: by this a run that goes on knows which letters are behind it. */
  readonly partition?: string
  readonly mark?: number
}

/** What becomes of a batch: the run writes it, a dry run looks what a write would do. */
export type SendBatch = (
  collection: string,
  batch: readonly Outgoing[],
  options: {
    readonly fresh: boolean
    /** Each of these ids came before in this run (or, once in a million, seems so). */
    readonly repeated?: boolean
    /** Whether the collection was empty when the run began. */
    readonly isNew?: boolean
  }
) => Promise<readonly WriteOutcome[]>

export interface BatchWriterOptions {
  readonly partition?: string
  /** Marks of the partition that were passed before. Default 0. */
  readonly marksBefore?: number
  readonly target: Target
  readonly send: SendBatch
  /** The collection's state; prepares the collection in the target where that has not been done. */
  readonly enter: (collection: string) => Promise<CollectionState>
  readonly bury: (letter: DeadLetter) => Promise<void>
  /** Shared by all partitions of the run. */
  readonly rate: RateControl
  /** Called when every document before the mark has its outcome, with what became of those behind the mark before it. */
  readonly onMark: (mark: Mark, tally: Tally) => void
  /** Where the partition waits at a mark when it is asked to, with nothing under way. */
  readonly barrier?: Barrier
  /** Default `dead-letter`. Escaping is the target's business: here it is the same. */
  readonly onIncompatible?: OnIncompatible
  /** Called for each document that the target takes, in its form. */
  readonly onEncoded?: (report: CollectionReport, document: Document, encoded: Encoded) => void
  /** Digests for the sums of the tallies, which have none without it. Asked once more for what it has told of the same `outgoing`. */
  readonly digest?: ((collection: string, outgoing: Outgoing) => DocumentDigests) | undefined
}

const noDocument: Refusal = { code: 'DOCFERRY_BAD_DOCUMENT', message: 'no document: a document is an object with a string _id' }

const newline = 0x0a

export class BatchWriter {
  readonly #options: BatchWriterOptions
  readonly #window: AckWindow<{ readonly mark: Mark; readonly tally: Tally }>
  /** This partition's batches in flight. */
  readonly #inFlight = new Map<number, Promise<void>>()
  #state: CollectionState | undefined
  #open: Batch | undefined
  readonly #held: HeldDocuments
  #error: Error | undefined
  #settled = false
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
    this.#held = new HeldDocuments(options.rate, () => this.#window.open())
  }

  /** Take the next item of the stream. @returns a promise where the caller must wait: that is the back-pressure */
  add(item: Document | ControlItem): Promise<void> | undefined {
    if (this.#error !== undefined) return Promise.reject(this.#error)
    if (item instanceof Mark) return this.#mark(item)
    if (item instanceof Section) return this.#enter(item.collection)
    if (item instanceof Reject) return this.#reject(item)
    if (item instanceof Packed) return item.lines ? this.#addLines(item, item.lines) : this.#addPacked(item)
    return item instanceof DocumentSlice ? this.#addSlice(item.documents, 0) : this.#addDocument(item as Document)
  }

  #addSlice(documents: readonly Document[], from: number): Promise<void> | undefined {
    if (this.#error !== undefined) return Promise.reject(this.#error)
    for (let index = from; index < documents.length; index++) {
      const waiting = this.#addDocument(documents[index]!)
      if (waiting) return waiting.then(() => this.#addSlice(documents, index + 1))
    }
    return undefined
  }

  async #reject({ details, failed }: Reject): Promise<void> {
    await this.#writeHeld(details.id)
    await (failed ? this.#bury('stage', details, { ...details, ...failed }) : this.#bury('read', details, details))
  }

  /** What is held of an id came before the document of that id that now fails, and does not fail with it. */
  async #writeHeld(id: string | undefined): Promise<void> {
    if (id === undefined || !this.#held.has(id)) return
    await this.#flushAll()
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

  /** Write what is left and wait for everything. */
  async finish(): Promise<void> {
    await this.#flushAll()
    await Promise.all(this.#inFlight.values())
    if (this.#error !== undefined) throw this.#error
  }

  /** The stream came to its own end, and was not cut short: no more of its last collection comes from here. */
  leave(): void {
    this.#state?.leave()
  }

  /** Send nothing any more, and wait until nothing is in flight, whatever became of it. */
  async settle(): Promise<void> {
    this.#settled = true
    await Promise.all(this.#inFlight.values())
  }

  async #enter(collection: string): Promise<void> {
    await this.#flushAll()
    if (this.#options.target.limits.oneCollectionAtATime) await Promise.all(this.#inFlight.values())
    this.#state?.leave()
    this.#state = await this.#options.enter(collection)
    this.#books = undefined
  }

  #addDocument(document: Document): Promise<void> | undefined {
    const state = this.#current()
    const books = (this.#books ??= this.#openBooks())
    const { target } = this.#options
    if (typeof document?._id !== 'string') return this.#bury('write', noDocument, { document })
    const encoded = target.encode(state.report.target, document, this.#conversions.onConversion)
    if ('code' in encoded) return this.#refuse(encoded, document)
    this.#conversions.count(document._id)
    this.#options.onEncoded?.(state.report, document, encoded)
    const outgoing: Counted = { document, encoded, digests: undefined, books }
    return this.#place(outgoing, state.mustWait(encoded.id))
  }

  async #addLines(packed: Packed, { ends, ids }: LinePlaces): Promise<void> {
    const { target } = this.#options
    const state = this.#current()
    const books = (this.#books ??= this.#openBooks())
    const lines = new LinesUnderWay(packed)
    let from = 0
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at]!
      const line = packed.text.subarray(from, ends[at]! - 1)
      from = ends[at]!
      if (this.#error !== undefined) throw this.#error
      const encoded = target.lines!.encode(state.report.target, id, line)
      const waiting = encoded
        ? this.#place(
            new CountedLine(lines, at, { line, encoded, books }),
            state.mustWait(id, [packed.idHashes[2 * at]!, packed.idHashes[2 * at + 1]!])
          )
        : this.#addDocument(documentOf(line))
      if (!encoded) lines.settle()
      if (waiting) await waiting
    }
  }

  /** Into the open batch, or where its id may have come before, behind all that is on its way. */
  #place(outgoing: Counted, mustWait: boolean): Promise<void> | undefined {
    if (mustWait) return this.#hold(outgoing)
    const { encoded } = outgoing
    const { batchCount, batchBytes } = this.#options.rate
    let batch = this.#open
    let waiting: Promise<void> | undefined
    if (batch && batch.bytes + encoded.bytes > batchBytes) {
      waiting = this.#flush()
      batch = undefined
    }
    if (!batch) this.#open = batch = { number: this.#window.open(), items: [], bytes: 0 }
    batch.items.push(outgoing)
    batch.bytes += encoded.bytes
    if (batch.items.length < batchCount) return waiting
    const flushed = this.#flush()
    return waiting ? waiting.then(() => flushed) : flushed
  }

  /** In their order with the others, one call at a time; a target that takes them fails as a whole or not at all. */
  async #addPacked(packed: Packed): Promise<void> {
    await this.#flushAll()
    await Promise.all(this.#inFlight.values())
    if (this.#error !== undefined) throw this.#error
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
      this.#error ??= error as Error
      throw error
    } finally {
      this.#options.rate.give()
    }
    sums.written ??= new BucketSums()
    sums.written.addAll(packed.idHashes, packed.digests, packed.kinds)
    for (const report of [state.report, delta]) countWritten(report, { bytes: packed.text.length }, packed.count)
    this.#window.acknowledge(number)
    state.checkDone()
  }

  /** One by one: of an id that failed before, none is to be written. */
  async #unpack({ text, release }: Packed): Promise<void> {
    for (let from = 0; from < text.length;) {
      const end = text.indexOf(newline, from)
      await this.#addDocument(documentOf(text.subarray(from, end)))
      from = end + 1
    }
    release?.()
  }

  async #refuse(refusal: Refusal, document: Document): Promise<void> {
    this.#conversions.forget()
    const { _id: id } = document
    await this.#writeHeld(id)
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

  async #hold(outgoing: Counted): Promise<void> {
    if (this.#held.hasNoRoomFor(outgoing)) await this.#flushAll()
    if (this.#held.add(outgoing)) await this.#flushAll()
  }

  async #flushAll(): Promise<void> {
    await this.#flush()
    await this.#flushHeld()
  }

  /** Send the open batch. @returns a promise where no more may be under way: it resolves when the batch is on its way */
  #flush(): Promise<void> | undefined {
    const batch = this.#open
    if (!batch) return undefined
    this.#open = undefined
    const state = this.#current()
    const start = (): void => {
      if (this.#settled) return this.#options.rate.give()
      const sending = this.#send(state, batch, { fresh: state.fresh, isNew: state.isNew })
        .catch((error: unknown) => {
          this.#error ??= error as Error
        })
        .finally(() => {
          this.#options.rate.give()
          this.#inFlight.delete(batch.number)
        })
      this.#inFlight.set(batch.number, sending)
    }
    const place = this.#options.rate.take()
    const sent = place ? place.then(start).then(() => this.#straggler(batch)) : (start(), this.#straggler(batch))
    if (this.#held.areOverdue(batch)) return Promise.resolve(sent).then(() => this.#flushHeld())
    return sent
  }

  /**
   * A batch that is as far behind this one as may be under way is waited for: what is acknowledged behind it is done twice by a run that goes
   * on from there.
   */
  #straggler(batch: Batch): Promise<void> | undefined {
    const [oldest] = this.#inFlight
    return oldest && batch.number - oldest[0] >= this.#options.target.limits.inFlight ? oldest[1] : undefined
  }

  async #flushHeld(): Promise<void> {
    const held = this.#held.take()
    if (!held) return
    const state = this.#current()
    await Promise.all(this.#inFlight.values())
    if (this.#error !== undefined) throw this.#error
    state.countHeld(held.items.length)
    const { failed, rest } = partByFailure(held, state)
    for (const outgoing of failed) {
      const { document, encoded, books } = outgoing
      await this.#bury('write', firstFailed, { id: encoded.id, document, mark: books.mark }, [state.report, books.delta])
    }
    this.#settle(failed)
    await this.#options.rate.take()
    try {
      await this.#send(state, { ...held, items: rest }, { fresh: false, repeated: true, isNew: state.isNew })
    } finally {
      this.#options.rate.give()
    }
  }

  async #send(state: CollectionState, batch: Batch, options: Parameters<SendBatch>[2]): Promise<void> {
    const { target } = state.report
    const { digest, send } = this.#options
    const sending = send(target, batch.items, options)
    const [outcomes] = digest
      ? await Promise.all([sending, digestMeanwhile(this.#options.target, target, batch.items, digest)])
      : [await sending]
    if (digest) addDigests(batch.items, outcomes, outgoing => digest(target, outgoing))
    for (let index = 0; index < outcomes.length; index++) {
      const outcome = outcomes[index]!
      const outgoing = batch.items[index]!
      const { encoded, books } = outgoing
      const { delta, mark } = books
      if (outcome === 'written') {
        countWritten(state.report, encoded)
        countWritten(delta, encoded)
      } else if (outcome === 'skipped') {
        countSkipped(state.report, encoded.id)
        countSkipped(delta, encoded.id)
      } else await this.#bury('write', outcome, { id: encoded.id, document: outgoing.document, mark }, [state.report, delta])
    }
    this.#settle(batch.items)
    this.#window.acknowledge(batch.number)
    state.checkDone()
  }

  /** They have their outcomes. */
  #settle(batch: readonly Counted[]): void {
    for (const outgoing of batch) if (outgoing instanceof CountedLine) outgoing.settle()
    const { target } = this.#options
    target.release?.(batch.filter(({ isKept }) => !isKept).map(({ encoded }) => encoded))
  }

  async #bury(
    at: DeadLetter['at'],
    { code, message, where, cause }: (Refusal | RejectDetails) & { where?: string; cause?: unknown },
    rest: Pick<DeadLetter, 'id' | 'document' | 'raw' | 'stage' | 'mark'>,
    reports = this.#reports()
  ): Promise<void> {
    const { id, document, raw, stage, mark = this.#marks } = rest
    // Where the target holds another, that one stands in its place already.
    if (id !== undefined && code !== 'DOCFERRY_CONFLICT') this.#current().addFailed(id)
    const { partition, bury } = this.#options
    await bury({
      collection: reports[0]!.source,
      id,
      at,
      code,
      message,
      cause: causeText(cause),
      where,
      stage,
      document,
      raw,
      partition,
      mark
    })
    for (const report of reports) countFailure(report, code, message, id ?? where ?? '')
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

/** Make digests once the batch is on its way: the target is waited for anyway. */
async function digestMeanwhile(
  target: Target,
  collection: string,
  batch: readonly Outgoing[],
  digest: NonNullable<BatchWriterOptions['digest']>
): Promise<void> {
  await setImmediate()
  target.digestAll?.(batch.map(({ encoded }) => encoded))
  for (const outgoing of batch) if (!hasDigest(outgoing)) digest(collection, outgoing)
}

/** A cause is told by its kind and message only: inspected, a vendor's may print what was sent. */
function causeText(cause: unknown): string | undefined {
  if (cause === undefined) return undefined
  const text = describeError(cause)
  return cause instanceof Error && cause.name !== 'Error' && cause.name !== 'DocferryError' ? `${cause.name}: ${text}` : text
}
