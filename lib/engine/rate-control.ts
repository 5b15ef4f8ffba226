/**
 * How much a target is asked at once, and in a second: found out by asking. What it takes makes for more, by little; what it pushes back
 * (throttling, a broken connection, no answer) makes for half, or where it takes a part of a call, for as much less as the part is.
 */
import { DocferryError } from '../errors.ts'
import type { TargetLimits } from '../types.ts'
import { Evidence } from './evidence.ts'
import { RateLimit, rampLimit } from './rate-limit.ts'
import { mostAskedMs } from './retry.ts'

export interface RateOptions {
  /** Documents a second, those that are sent again included. */
  readonly maxRate?: number | undefined
  /** Write units a second, of a target that counts them. */
  readonly maxWriteUnits?: number | undefined
  /** Tries beyond the first, over the whole run. Default: 1,000, or twice the calls that went well where that is more. */
  readonly maxRetries?: number | undefined
}

/** What is about to be sent. */
export interface Demand {
  readonly collection: string
  readonly documents: number
  readonly writeUnits?: number
  /** Whether the collection was empty when the run began. */
  readonly isNew?: boolean
}

/** A call under way: by it a control knows which push-backs speak of one and the same moment. */
export type CallToken = number

const fewestRetries = 1_000
/** So many documents may be given up at the end of a run that has gone well, with nothing behind them to show that the target still writes. */
export const fewDoubted = 3
/** A batch never takes more than this part of what is allowed in a second, so that what is sent is even. */
const sendsPerSecond = 4

export class RateControl {
  /** Shared by all that writes with this control. */
  readonly evidence = new Evidence()
  readonly #limits: TargetLimits
  readonly #options: RateOptions
  readonly #now: () => number
  readonly #documents: RateLimit | undefined
  readonly #writeUnits: RateLimit | undefined
  readonly #ramps = new Map<string, RateLimit>()
  /** Batches that may be under way, as a number that grows by parts. */
  #window: number
  #underWay = 0
  readonly #waiting: (() => void)[] = []
  /** Documents in a call. */
  #count: number
  readonly #mostCount: number
  /** Grows whenever the target makes for less. */
  #epoch = 0
  #pausedUntilMs = 0
  #calls = 0
  #retries = 0
  #taken = 0
  #cuts = 0
  /** What was taken when somebody was last in doubt, and of how many documents since. */
  #takenAtDoubt: number | undefined
  #doubted = 0

  constructor(limits: TargetLimits, options: RateOptions = {}, now: () => number = () => performance.now()) {
    const { maxRate, maxWriteUnits } = options
    this.#limits = limits
    this.#options = options
    this.#now = now
    if (maxRate !== undefined) this.#documents = new RateLimit(maxRate)
    if (maxWriteUnits !== undefined) this.#writeUnits = new RateLimit(maxWriteUnits)
    const perSend = Math.min(maxRate ?? Infinity, maxWriteUnits ?? Infinity) / sendsPerSecond
    this.#mostCount = Math.max(1, Math.floor(Math.min(limits.batchCount, perSend)))
    this.#count = this.#mostCount
    this.#window = limits.inFlight
  }

  /** Documents to put in a batch now. */
  get batchCount(): number {
    return this.#count
  }

  /** Bytes to put in a batch now: fewer where batches are smaller than the target's own limit, for then that is not what they met. */
  get batchBytes(): number {
    const { batchBytes, batchCount } = this.#limits
    return Math.max(1, Math.floor((batchBytes * this.#count) / batchCount))
  }

  /** Batches that may be under way now. */
  get inFlight(): number {
    return Math.floor(this.#window)
  }

  /** Documents of which the target has said what becomes of them: written, skipped or refused. */
  get taken(): number {
    return this.#taken
  }

  /** How often the target made for less. */
  get cuts(): number {
    return this.#cuts
  }

  /** Whether a batch would find a place now. */
  get hasPlace(): boolean {
    return this.#underWay < this.inFlight
  }

  /** A place for a batch. Resolves when there is one; undefined (no wait) where one is free now. */
  take(): Promise<void> | undefined {
    if (this.hasPlace) {
      this.#underWay++
      return undefined
    }
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  give(): void {
    this.#underWay--
    this.#admit()
  }

  /** @returns milliseconds to wait before these documents are sent; they then count as sent */
  waitMs({ collection, documents, writeUnits = 0, isNew = false }: Demand): number {
    const now = this.#now()
    return Math.ceil(
      Math.max(
        this.#pausedUntilMs - now,
        this.#documents?.take(documents, now) ?? 0,
        this.#writeUnits?.take(writeUnits, now) ?? 0,
        (isNew && this.#rampOf(collection)?.take(documents, now)) || 0
      )
    )
  }

  begin(): CallToken {
    return this.#epoch
  }

  /** The target has decided on these documents of a call. */
  decided(documents: number): void {
    this.#taken += documents
  }

  /**
   * Documents are to be given up though the target has taken nothing since they failed for the first time: it may be they, or the target.
   *
   * @returns whether that was so of others before, and nothing was taken in between; where hardly a call has failed for nothing, of more than a few
   */
  doubts(documents: number): boolean {
    const isFirst = this.#takenAtDoubt !== this.#taken
    this.#takenAtDoubt = this.#taken
    this.#doubted = documents + (isFirst ? 0 : this.#doubted)
    return !isFirst && !(this.#doubted <= fewDoubted && this.evidence.isSteady)
  }

  /** The target took a call as a whole. */
  wentWell(): void {
    this.#calls++
    if (this.#count < this.#mostCount) this.#count = Math.min(this.#mostCount, this.#count + Math.ceil(this.#mostCount / 16))
    else if (this.#window < this.#limits.inFlight) {
      this.#window = Math.min(this.#limits.inFlight, this.#window + 1 / this.#window)
      this.#admit()
    }
  }

  /**
   * The target asks for less, or does not answer. Of several calls that were begun before that was known, only the first one counts.
   *
   * @param isBroken whether there was no proper answer at all: a smaller request may then get through
   * @param share the part of the call's documents that was not taken, up to 1
   */
  pushedBack(
    call: CallToken,
    {
      isBroken,
      share = 1,
      retryAfterMs = 0
    }: { readonly isBroken: boolean; readonly share?: number; readonly retryAfterMs?: number | undefined }
  ): void {
    if (retryAfterMs > 0) this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#now() + Math.min(retryAfterMs, mostAskedMs))
    if (call !== this.#epoch) return
    this.#epoch++
    this.#cuts++
    const less = 1 - share / 2
    if (isBroken || this.inFlight <= 1) this.#count = Math.max(1, Math.floor(this.#count * less))
    this.#window = Math.max(1, this.#window * less)
  }

  /** @throws {DocferryError} of the code of what failed, not retryable, when the run has tried again too often */
  spendRetry(error: DocferryError, times = 1): void {
    const budget = this.#options.maxRetries ?? Math.max(fewestRetries, 2 * this.#calls)
    this.#retries += times
    if (this.#retries <= budget) return
    const message = `${error.message}; and the run has tried again ${budget} times by now, which is its budget (--max-retries)`
    throw new DocferryError(error.code, message, { ...error.context, cause: error })
  }

  #rampOf(collection: string): RateLimit | undefined {
    const { ramp } = this.#limits
    if (!ramp) return undefined
    let limit = this.#ramps.get(collection)
    if (!limit) this.#ramps.set(collection, (limit = rampLimit(ramp)))
    return limit
  }

  #admit(): void {
    while (this.hasPlace) {
      const next = this.#waiting.shift()
      if (!next) return
      this.#underWay++
      next()
    }
  }
}
