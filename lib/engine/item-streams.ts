/** Node object streams over one partition's reader, stages and writer. Documents travel in slices or one by one, control items beside them. */
import { setMaxListeners } from 'node:events'
import { Readable, Transform, Writable } from 'node:stream'
import type { TransformCallback } from 'node:stream'
import { applyStages, masked } from './apply-stages.ts'
import type { StageObserver } from './apply-stages.ts'
import type { BatchWriter } from './batch-writer.ts'
import { DocumentSlice, slicesAhead, slicesOf } from './document-slice.ts'
import { tellLeftOut, tellPacked } from './packing.ts'
import { DocferryError } from '../errors.ts'
import { sleep } from './retry.ts'
import { watchReader } from './watch-reader.ts'
import { Packed } from '../packed.ts'
import { ControlItem, Mark, Reject, Section } from '../types.ts'
import type { Cursor, Document, Leaving, Page, Partition, ReadOptions, Source, Stage, StageContext } from '../types.ts'
import type { DocumentDigests } from '../values/index.ts'

export type Item = Document | ControlItem

export interface PartitionStreamOptions {
  readonly after?: Cursor
  /** Most documents between two marks. Default: the source's own. */
  readonly pageSize?: number
  /** Aborting it ends the stream behind the page that was being delivered, as if the partition ended there. */
  readonly stop?: AbortSignal
  /**
   * Takes an error of the reader; the stream then ends as if the partition ended there, so that what was read before is still written.
   * Default: the stream fails.
   */
  readonly onFailure?: (error: unknown) => void
  readonly retry?: ReadOptions['retry']
  readonly onRetry?: ReadOptions['onRetry']
  /** See `WatchOptions`. Default: a reader may take as long as it likes. */
  readonly stallMs?: number | undefined
  readonly requestUnits?: ReadOptions['requestUnits']
  readonly packing?: ReadOptions['packing']
  readonly leaving?: ReadOptions['leaving']
  /** Milliseconds to wait before more is read. */
  readonly paceMs?: (() => number) | undefined
  /** Called for every page before its items are delivered. */
  readonly onPage?: (page: Page) => void
  /** Whether no more of a collection is wanted: then no further page of a partition that holds nothing else is read. */
  readonly isSated?: (collection: string) => boolean
}

/** One partition as a stream of items: a section before the first slice of each collection, a mark behind each page. */
export class PartitionStream extends Readable {
  readonly #pages: AsyncIterator<Page>
  readonly #partition: Partition
  readonly #options: PartitionStreamOptions
  readonly #abort = new AbortController()
  readonly #signal: AbortSignal
  #items: Item[] = []
  #next = 0
  #collection: string | undefined
  #source: string | undefined
  #fetching = false

  constructor(source: Source, partition: Partition, options: PartitionStreamOptions = {}) {
    super({ objectMode: true, highWaterMark: slicesAhead })
    const { after, pageSize, stop, retry, onRetry, requestUnits, packing, leaving, stallMs } = options
    const signal = stop ? AbortSignal.any([stop, this.#abort.signal]) : this.#abort.signal
    // A reader may have several requests under way.
    setMaxListeners(0, signal)
    const reading = { after, pageSize, signal, retry, onRetry, requestUnits, packing, leaving }
    const pages = stallMs === undefined ? source.read(partition, reading) : watchReader(source, partition, { ...reading, stallMs })
    this.#pages = pages[Symbol.asyncIterator]()
    this.#signal = signal
    this.#partition = partition
    this.#options = options
  }

  override _read(): void {
    while (this.#next < this.#items.length) {
      if (!this.push(this.#items[this.#next++])) return
    }
    if (!this.#fetching) void this.#fetch()
  }

  async #fetch(): Promise<void> {
    this.#fetching = true
    try {
      const delayMs = this.#options.paceMs?.() ?? 0
      if (delayMs > 0) await sleep(delayMs, this.#signal)
      const { done, value: page } = this.#isOver ? { done: true, value: undefined } : await this.#pages.next()
      this.#fetching = false
      if (this.destroyed) return
      if (done || page === undefined) return void this.push(null)
      this.#options.onPage?.(page)
      this.#items = this.#itemsOf(page)
      this.#next = 0
      this._read()
    } catch (error) {
      this.#fetching = false
      const { stop, onFailure } = this.#options
      if (!stop?.aborted && onFailure) onFailure(error)
      if (stop?.aborted || onFailure) this.push(null)
      else this.destroy(error as Error)
    }
  }

  get #isOver(): boolean {
    const { stop, isSated } = this.#options
    if (stop?.aborted) return true
    // Of a pipe only reading tells which there are.
    const { collections } = this.#partition
    return isSated !== undefined && collections.length > 0 && collections.every(isSated)
  }

  #itemsOf(page: Page): Item[] {
    const { collection, source, packed = [], documents, rejects = [], cursor, bytes } = page
    const items: Item[] = collection === this.#collection && source === this.#source ? [] : [new Section(collection, source)]
    this.#collection = collection
    this.#source = source
    items.push(...packed)
    const waiting = rejects.toSorted((a, b) => (a.documentsBefore ?? Infinity) - (b.documentsBefore ?? Infinity) || 0)
    let from = 0
    for (const details of waiting) {
      const to = Math.min(details.documentsBefore ?? Infinity, documents.length)
      items.push(...slicesOf(page, from, to), new Reject(details))
      from = Math.max(from, to)
    }
    items.push(...slicesOf(page, from, documents.length))
    const count = packed.reduce((sum, each) => sum + each.read, documents.length + rejects.length)
    items.push(new Mark(this.#partition.id, cursor, count, bytes))
    return items
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#abort.abort(error ?? new DocferryError('DOCFERRY_INTERRUPTED', 'the stream was closed'))
    const closed = this.#fetching ? Promise.resolve() : Promise.resolve(this.#pages.return?.())
    closed.then(
      () => callback(error),
      // The reader was told to stop: what it throws on its way out is not the reason of the end.
      () => callback(error)
    )
  }
}

export interface StageTransformOptions {
  /** Where no section says it. */
  readonly collection?: string
  readonly partition?: string
  readonly observer?: Omit<StageObserver, 'onFailed'>
  /** Handed to the stages: it aborts when the run is told to stop. */
  readonly signal?: AbortSignal
  /** What the reader was asked to leave out in place of these stages: `DocumentSlice.known` tells of it. */
  readonly leaving?: Leaving | undefined
  /** Index of the first stage among those of the run. Default 0. */
  readonly first?: number
  /** Takes known secrets out of what a stage fails with. */
  readonly mask?: ((text: string) => string) | undefined
  /**
   * Takes an error of a stage, with the document that it got, where it was one that it failed for; nothing passes from then on, so that what came before is still written.
   * Default: the stream fails.
   */
  readonly onFailure?: (error: unknown, document?: Document) => Promise<void>
  /** Called when everything before a mark has gone through the stages. */
  readonly onMark?: (mark: Mark, collection: string) => void
}

/** Several stages as one Transform. Control items pass by, in order. */
export class StageTransform extends Transform {
  readonly #stages: readonly Stage[]
  readonly #observer: StageObserver
  readonly #onFailure: StageTransformOptions['onFailure']
  readonly #onMark: StageTransformOptions['onMark']
  readonly #mask: (text: string) => string
  readonly #leaving: Leaving | undefined
  /** Whether the digest of a document that comes through as the same object holds. */
  readonly #keepsDigests: boolean
  /** Documents that have come out of the slice that is at work, while nothing has to be waited for. */
  #results: Document[] | undefined
  /** Theirs, where the reader knows any. */
  #digests: (DocumentDigests | undefined)[] | undefined
  /** What is at work, and its digest. */
  #document: Document | undefined
  #digest: DocumentDigests | undefined
  #failed = false
  #context: StageContext
  #drained: (() => void) | undefined

  constructor(stages: readonly Stage[], options: StageTransformOptions = {}) {
    super({ objectMode: true, ...(options.partition !== undefined && { highWaterMark: slicesAhead }) })
    const { collection = '', partition, signal, first = 0, mask = text => text } = options
    this.#mask = mask
    this.#stages = stages
    this.#leaving = options.leaving
    this.#keepsDigests = stages.every(({ changesInPlace = true }) => !changesInPlace)
    this.#onFailure = options.onFailure
    this.#onMark = options.onMark
    this.#context = { collection, signal, ...(partition !== undefined && { partition }) }
    this.#observer = {
      ...options.observer,
      onFailed: ({ document, error: { code, message }, stage }) => {
        const { _id: id } = document
        return this.#emit(new Reject({ code, message: mask(message), where: id, id }, { document, stage: first + stage }))
      }
    }
  }

  readonly #emit = (item: Item): void | Promise<void> => {
    if (this.destroyed) throw new DocferryError('DOCFERRY_INTERRUPTED', 'the stream was closed')
    if (this.#results) {
      if (!(item instanceof ControlItem)) {
        this.#digests?.push(item === this.#document ? this.#digest : undefined)
        return void this.#results.push(item)
      }
      this.#pass(this.#results)
      this.#results = []
      if (this.#digests) this.#digests = []
    }
    if (!this.push(item)) return new Promise(resolve => (this.#drained = resolve))
  }

  override _read(size: number): void {
    this.#drained?.()
    this.#drained = undefined
    super._read(size)
  }

  override _transform(item: Item, _encoding: BufferEncoding, callback: TransformCallback): void {
    if (this.#failed) return callback()
    if (item instanceof ControlItem) {
      if (item instanceof Section) this.#context = { ...this.#context, collection: item.collection, source: item.source }
      else if (item instanceof Reject && !item.failed) this.#observer.onRead?.(this.#context.collection)
      else if (item instanceof Packed) {
        tellPacked(this.#stages, this.#context, item, this.#observer)
      } else if (item instanceof DocumentSlice) return this.#take(item, 0, callback)
      else if (item instanceof Mark) return this.#mark(item, callback)
      return callback(null, item)
    }
    this.#take({ documents: [item], known: undefined }, 0, callback)
  }

  #take(slice: Pick<DocumentSlice, 'documents' | 'known'>, from: number, callback: TransformCallback): void {
    if (this.destroyed) return callback()
    const { documents, known } = slice
    const digests = this.#keepsDigests ? known?.digests : undefined
    if (documents.length > 1 || digests) {
      this.#results = []
      this.#digests = digests && []
    }
    for (let index = from; index < documents.length; index++) {
      const document = documents[index]!
      const left = known?.leftOut?.[index]
      let pending: void | Promise<void>
      this.#document = document
      this.#digest = digests?.[index]
      try {
        if (left && this.#leaving) tellLeftOut(this.#stages, this.#context.collection, this.#leaving, left)
        pending = applyStages(this.#stages, document, this.#context, this.#emit, this.#observer)
      } catch (error) {
        this.#settle(index + 1 - from)
        return this.#fail(error, document, callback)
      }
      if (pending) {
        this.#settle(index + 1 - from)
        pending.then(
          () => this.#take(slice, index + 1, callback),
          (error: unknown) => this.#fail(error, document, callback)
        )
        return
      }
    }
    this.#settle(documents.length - from)
    callback()
  }

  /** Count what the stages were given, and hand on what they gave for it. */
  #settle(read: number): void {
    if (read > 0) this.#observer.onRead?.(this.#context.collection, read)
    const results = this.#results
    this.#results = undefined
    if (results) this.#pass(results)
    this.#digests = this.#document = this.#digest = undefined
  }

  #pass(results: readonly Document[]): void {
    const digests = this.#digests
    if (results.length > 0) this.push(new DocumentSlice(results, digests && { digests }))
  }

  /** What a stage remembers is taken at a mark, which may fail. */
  #mark(mark: Mark, callback: TransformCallback): void {
    try {
      this.#onMark?.(mark, this.#context.collection)
    } catch (error) {
      return this.#fail(error, undefined, callback)
    }
    callback(null, mark)
  }

  #fail(thrown: unknown, document: Document | undefined, callback: TransformCallback): void {
    const error = masked(thrown, this.#mask)
    if (!this.#onFailure || this.destroyed) return callback(error as Error)
    this.#failed = true
    // One that the run has left in the middle has not failed.
    const isLeft = error instanceof DocferryError && error.code === 'DOCFERRY_INTERRUPTED'
    this.#onFailure(error, isLeft ? undefined : document).then(() => callback(), callback)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // A stage that waits to emit goes on, and ends by the check in `#emit`.
    this.#drained?.()
    callback(error)
  }
}

export interface BatchWritableOptions {
  /** Makes the writer before the first item, where it takes a while; instead of giving one. */
  readonly open?: () => Promise<BatchWriter>
  readonly onDocument?: () => void
  /** Behind the last outcome, before `finish`. */
  readonly whenWritten?: () => Promise<void>
  /** Always, last, also after an error. */
  readonly whenClosed?: () => Promise<void>
}

/** A writer as a Node Writable. Its `finish` means that every document has its outcome. */
export class BatchWritable extends Writable {
  #writer: BatchWriter | undefined
  readonly #options: BatchWritableOptions

  constructor(writer: BatchWriter | undefined, options: BatchWritableOptions = {}) {
    super({ objectMode: true, ...(writer && { highWaterMark: slicesAhead }) })
    this.#writer = writer
    this.#options = options
  }

  override _construct(callback: (error?: Error | null) => void): void {
    const { open } = this.#options
    if (!open) return callback()
    open().then(
      writer => {
        this.#writer = writer
        callback()
      },
      (error: Error) => callback(error)
    )
  }

  override _write(item: Item, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    let waiting: Promise<void> | undefined
    try {
      if (!(item instanceof ControlItem)) this.#options.onDocument?.()
      waiting = this.#writer?.add(item)
    } catch (error) {
      return callback(error as Error)
    }
    if (waiting) waiting.then(() => callback(), callback)
    else callback()
  }

  override _final(callback: (error?: Error | null) => void): void {
    const finish = async (): Promise<void> => {
      await this.#writer?.finish()
      await this.#options.whenWritten?.()
    }
    finish().then(() => callback(), callback)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const settle = async (): Promise<void> => {
      try {
        await this.#writer?.settle()
      } finally {
        await this.#options.whenClosed?.()
      }
    }
    settle().then(
      () => callback(error),
      (late: Error) => callback(error ?? late)
    )
  }
}
