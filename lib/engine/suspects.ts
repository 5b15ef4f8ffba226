/** Documents of a batch that failed alone: each is tried again by itself, all of them wait side by side, until it is taken or chance is ruled out. */
import { DocferryError } from '../errors.ts'
import { DueHeap } from './due-heap.ts'
import type { Due } from './due-heap.ts'
import type { Failures } from './evidence.ts'
import type { FailedCall } from './failed-call.ts'
import type { CallToken, RateControl } from './rate-control.ts'
import { retryDelayMs } from './retry.ts'
import type { RetryOptions } from './retry.ts'
import { asError } from './write-failure.ts'
import type { Trouble } from './write-failure.ts'

export interface Suspect extends Due {
  /** In the batch. */
  readonly index: number
  /** The call without an answer that it was in before. */
  readonly from: FailedCall | undefined
  readonly failures: Failures
  readonly tries: number
  readonly firstMs: number
  /** What became of it last. */
  readonly trouble: Trouble
}

export interface SuspectsOptions extends Pick<RetryOptions, 'baseMs' | 'capMs'> {
  readonly collection: string
  readonly attempts: number
  /** After so many tries a document is given up if others are taken, however often the target fails. */
  readonly mostTries: number
  /** Whether the target can be asked if it writes, and its word is enough: then that is done as soon as it is all that is missing. */
  readonly canAsk: () => boolean
}

/** What another failure means. */
export interface Failed {
  readonly isNew: boolean
  /** How often in a row it has failed while nothing went well. */
  readonly inVain: number
}

/**
 * A document's failures have to lie so many first waits apart, half a minute, which is as long as a call is tried again: for as long something else
 * may have been in its way, such as a part of the target that was down.
 */
const leastSpread = 300
/** Behind the second try they come in even steps: more of them would tell little. */
const steps = 5

export class Suspects {
  readonly #rate: RateControl
  readonly #options: SuspectsOptions
  readonly #now: () => number
  readonly #byIndex = new Map<number, Suspect>()
  /** Of those that are no suspects any more, or have failed again since, some are left in it. */
  readonly #byTime = new DueHeap<Suspect>()
  /** Those that have been tried for long enough, by index. */
  readonly #ripe = new Set<number>()

  constructor(rate: RateControl, options: SuspectsOptions, now: () => number = () => performance.now()) {
    this.#rate = rate
    this.#options = options
    this.#now = now
  }

  get size(): number {
    return this.#byIndex.size
  }

  /** Whether the target has answered for each, and no connection was lost. */
  get areAnswered(): boolean {
    for (const { trouble } of this.#byIndex.values()) if (trouble instanceof Error) return false
    return true
  }

  /** The one whose time comes first. */
  get next(): Suspect | undefined {
    for (;;) {
      const { first } = this.#byTime
      if (!first || this.#byIndex.get(first.index) === first) return first
      this.#byTime.removeFirst()
    }
  }

  /** Whether another try would tell something, and its time has come. */
  get isReady(): boolean {
    const { next } = this
    return next !== undefined && this.waitMs(next) === 0 && this.#rate.evidence.wentWellSince(next.failures.at)
  }

  waitMs({ dueMs }: Suspect): number {
    return Math.max(0, Math.ceil(dueMs - this.#now()))
  }

  failed(index: number, from: FailedCall | undefined, trouble: Trouble): Failed {
    const now = this.#now()
    const before = this.#byIndex.get(index)
    const failures = this.#rate.evidence.after(before?.failures)
    const tries = (before?.tries ?? 0) + 1
    const inVain = tries - failures.known
    const firstMs = before?.firstMs ?? now
    // Where others get through, there is no need to wait long.
    const most = inVain === 1 ? { capMs: Math.min(this.#spreadMs / 3, this.#options.capMs ?? Infinity) } : {}
    const { retryAfterMs } = trouble
    const delayMs = Math.max(retryDelayMs(tries, { ...this.#options, ...most, retryAfterMs }), tries > 1 ? this.#spreadMs / steps : 0)
    const enough = this.#isDocuments({ ...failures, known: failures.known + 1 })
    const isRipe = now - firstMs >= this.#spreadMs
    // Where the next failure would do, it is not asked for too soon.
    const dueMs = enough && isRipe && this.#options.canAsk() ? now : Math.max(now + delayMs, enough ? firstMs + this.#spreadMs : 0)
    this.#set({ index, from, failures, tries, firstMs, dueMs, trouble })
    if (isRipe || tries >= this.#options.mostTries) this.#ripe.add(index)
    return { isNew: tries === 1, inVain }
  }

  /** They were throttled, which says nothing of them. @returns whether they are suspects */
  postpone([index]: readonly number[]): boolean {
    const suspect = this.#byIndex.get(index!)
    if (!suspect) return false
    const dueMs = this.#now() + retryDelayMs(suspect.tries, this.#options)
    this.#set({ ...suspect, dueMs })
    return true
  }

  /** These were answered: earlier failures of suspects were the target's. @throws {DocferryError} where these are too many for a run */
  clear(indexes: readonly number[], call: CallToken): void {
    if (this.#byIndex.size === 0) return
    const cleared = indexes.flatMap(index => this.#byIndex.get(index) ?? [])
    if (cleared.length === 0) return
    for (const suspect of cleared) {
      this.#remove(suspect)
      this.#rate.evidence.failedItself(suspect.tries)
      this.#rate.evidence.recovered(suspect.tries)
    }
    const { trouble } = cleared.find(suspect => suspect.trouble instanceof DocferryError) ?? cleared[0]!
    if (trouble instanceof DocferryError) this.#rate.pushedBack(call, { isBroken: true })
    const tries = cleared.reduce((sum, suspect) => sum + suspect.tries, 0)
    this.#rate.spendRetry(asError(trouble, this.#options.collection), tries)
  }

  /** Take out those that fail for their own sake. */
  takeBlamed(): readonly Suspect[] {
    if (this.#ripe.size === 0) return []
    const { evidence } = this.#rate
    const { canAsk } = this.#options
    return this.#take(
      Array.from(this.#ripe, index => this.#byIndex.get(index)!).filter(({ failures, tries }) => {
        if (!evidence.wroteSince(failures.at) && !(canAsk() && evidence.wentWellSince(failures.at))) return false
        return tries >= this.#options.mostTries || this.#isDocuments(failures)
      })
    )
  }

  takeAll(): readonly Suspect[] {
    return this.#take([...this.#byIndex.values()])
  }

  #take(suspects: readonly Suspect[]): readonly Suspect[] {
    for (const suspect of suspects) this.#remove(suspect)
    return suspects
  }

  #set(suspect: Suspect): void {
    this.#byIndex.set(suspect.index, suspect)
    this.#byTime.add(suspect)
  }

  #remove({ index }: Suspect): void {
    this.#byIndex.delete(index)
    this.#ripe.delete(index)
  }

  get #spreadMs(): number {
    return leastSpread * (this.#options.baseMs ?? 100)
  }

  #isDocuments(failures: Failures): boolean {
    const { attempts } = this.#options
    return this.#rate.evidence.isDocuments(failures, { taken: this.#rate.taken, attempts })
  }
}
