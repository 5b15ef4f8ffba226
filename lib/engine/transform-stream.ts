/** A Node Transform that somebody else wrote, between reader and writer: documents go through it, marks wait for what they cover. */
import { Transform } from 'node:stream'
import type { Duplex, TransformCallback } from 'node:stream'
import { ControlItem, Mark, Section } from '../types.ts'
import type { Document, StageContext, TransformStage } from '../types.ts'
import { isSound, masked, noDocument, noValue, stageTrouble } from './apply-stages.ts'
import type { StageObserver } from './apply-stages.ts'
import { DocumentSlice } from './document-slice.ts'
import type { Item } from './item-streams.ts'

export interface TransformStreamOptions {
  readonly partition?: string
  readonly observer?: Pick<StageObserver, 'onFiltered' | 'onAdded'>
  /** Where it aborts, what the Transform still holds back is dropped: it was made of a part of the documents. */
  readonly stop?: AbortSignal | undefined
  readonly mask?: ((text: string) => string) | undefined
  readonly onMark?: (mark: Mark, collection: string) => void
  /** Called with a mark that is not passed on, because what it covers may still be held back, and the mark that stands for both. */
  readonly onJoin?: (dropped: Mark, into: Mark) => void
  /** See `StageTransformOptions`; there is no document, for it can't be told which one it was. */
  readonly onFailure?: (error: unknown) => Promise<void>
}

/** One Transform under way. */
interface Inner {
  readonly duplex: Duplex
  wrote: number
  gave: number
  isOver: boolean
  error: unknown
  /** Whoever waits for it to get on. */
  wake: (() => void) | undefined
}

/**
 * Items through a Transform of documents, which is made anew for each section. Where it does not hold back, a mark passes when every document
 * before it has had its callback and all that came out is on its way. Where it does, only the last mark passes, behind its end.
 */
export class TransformStageStream extends Transform {
  readonly #stage: TransformStage
  readonly #options: TransformStreamOptions
  readonly #holdsBack: boolean
  #context: StageContext
  #inner: Inner | undefined
  #held: Mark | undefined
  #failed = false
  #resume: (() => void) | undefined

  constructor(stage: TransformStage, options: TransformStreamOptions = {}) {
    super({ objectMode: true })
    this.#stage = stage
    this.#options = options
    this.#holdsBack = stage.holdsBack ?? true
    this.#context = { collection: '', signal: options.stop, ...(options.partition !== undefined && { partition: options.partition }) }
  }

  override _transform(item: Item, _encoding: BufferEncoding, callback: TransformCallback): void {
    if (this.#failed) return callback()
    this.#take(item).then(
      () => callback(),
      (error: unknown) => this.#fail(error, callback)
    )
  }

  override _flush(callback: TransformCallback): void {
    if (this.#failed) return callback()
    const finish = async (): Promise<void> => {
      await this.#end()
      if (this.#held && !this.#options.stop?.aborted) this.#pass(this.#held)
    }
    finish().then(
      () => callback(),
      (error: unknown) => this.#fail(error, callback)
    )
  }

  override _read(size: number): void {
    this.#resume?.()
    super._read(size)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#inner?.duplex.destroy()
    callback(error)
  }

  async #take(item: Item): Promise<void> {
    if (item instanceof Section) {
      await this.#end()
      this.#context = { ...this.#context, collection: item.collection, source: item.source }
      this.push(item)
    } else if (item instanceof DocumentSlice) for (const document of item.documents) await this.#write(document)
    else if (item instanceof Mark) await this.#mark(item)
    else if (item instanceof ControlItem) this.push(item)
    else await this.#write(item)
  }

  async #write(document: Document): Promise<void> {
    const inner = (this.#inner ??= this.#begin())
    inner.wrote++
    let isTaken = false
    inner.duplex.write(document, () => {
      isTaken = true
      inner.wake?.()
    })
    while (!isTaken) await this.#wait(inner)
  }

  #begin(): Inner {
    const duplex = this.#stage.transform(this.#context)
    if (typeof duplex?.write !== 'function' || typeof duplex.on !== 'function')
      throw new Error('it made something that is no Node Transform')
    if (!duplex.readableObjectMode || !duplex.writableObjectMode) {
      duplex.destroy()
      throw new Error('its Transform is not in object mode')
    }
    const inner: Inner = { duplex, wrote: 0, gave: 0, isOver: false, error: undefined, wake: undefined }
    const wake = (): void => inner.wake?.()
    this.#resume = () => void duplex.resume()
    duplex.on('data', (result: unknown) => {
      inner.gave++
      const wrong = isSound(result) ? noValue(result) : noDocument()
      if (wrong) duplex.destroy(wrong)
      else if (!this.push(result)) duplex.pause()
      wake()
    })
    duplex.on('end', () => {
      inner.isOver = true
      wake()
    })
    duplex.on('error', (error: unknown) => {
      inner.error ??= error
      wake()
    })
    duplex.on('close', () => {
      if (!inner.isOver) inner.error ??= new Error('its Transform was closed before its end')
      wake()
    })
    return inner
  }

  /** @throws what the Transform has failed with */
  async #wait(inner: Inner): Promise<void> {
    if (inner.error === undefined) await new Promise<void>(resolve => (inner.wake = resolve))
    inner.wake = undefined
    if (inner.error !== undefined) throw inner.error
  }

  async #mark(mark: Mark): Promise<void> {
    if (this.#holdsBack) {
      if (this.#held) this.#options.onJoin?.(this.#held, mark)
      this.#held = mark
      return
    }
    if (this.#inner) await this.#drain(this.#inner)
    this.#pass(mark)
  }

  /** Until nothing that has come out waits in the Transform. */
  async #drain(inner: Inner): Promise<void> {
    while (inner.duplex.readableLength > 0) await this.#wait(inner)
    this.#count(inner)
  }

  /** The documents of a section are over. */
  async #end(): Promise<void> {
    const inner = this.#inner
    this.#inner = undefined
    if (!inner) return
    if (this.#options.stop?.aborted) {
      if (!this.#holdsBack) await this.#drain(inner)
      return void inner.duplex.destroy()
    }
    inner.duplex.end()
    while (!inner.isOver) await this.#wait(inner)
    this.#count(inner)
  }

  /** It can't be told which document has become which: as many as came out are those that went in. */
  #count(inner: Inner): void {
    const { observer } = this.#options
    const more = inner.gave - inner.wrote
    if (more > 0) observer?.onAdded?.(more, this.#context)
    for (let fewer = -more; fewer > 0; fewer--) observer?.onFiltered?.(this.#stage, this.#context)
    inner.wrote = inner.gave = 0
  }

  #pass(mark: Mark): void {
    this.#options.onMark?.(mark, this.#context.collection)
    this.push(mark)
  }

  #fail(cause: unknown, callback: TransformCallback): void {
    const { collection } = this.#context
    const error = stageTrouble(this.#stage, `failed on ${collection}`, cause, { collection })
    this.#inner?.duplex.destroy()
    const told = masked(error, this.#options.mask ?? (text => text))
    if (!this.#options.onFailure || this.destroyed) return callback(told as Error)
    this.#failed = true
    this.#options.onFailure(told).then(() => callback(), callback)
  }
}
