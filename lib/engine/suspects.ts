/** Documents of a batch that failed alone: each is tried again by itself, all of them wait side by side, until it is taken or chance is ruled out. */
import type { DocferryError } from '../errors.ts'
import type { WriteFailure } from '../types.ts'
import type { Failures } from './evidence.ts'
import type { FailedCall } from './failed-call.ts'
import type { RateControl } from './rate-control.ts'
import { retryDelayMs } from './retry.ts'
import type { RetryOptions } from './retry.ts'

export interface Suspect {
  /** In the batch. */
  readonly index: number
  /** The call without an answer that it was in before. */
  readonly from: FailedCall | undefined
  readonly failures: Failures
  readonly tries: number
  readonly firstMs: number
  readonly lastMs: number
  readonly dueMs: number
  /** What became of it last. */
  readonly trouble: DocferryError | WriteFailure
}

export interface SuspectsOptions extends Pick<RetryOptions, 'baseMs' | 'capMs'> {
  readonly attempts: number
  /** After so many tries a document is given up if others are taken, however often the target fails. */
  readonly mostTries: number
  /** Whether the target can be asked if it writes: then that is done as soon as it is all that is missing. */
  readonly canAsk: () => boolean
}

interface RetryDelay {
  readonly retryAfterMs: number | undefined
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
    let first: Suspect | undefined
    for (const suspect of this.#byIndex.values()) if (!first || suspect.dueMs < first.dueMs) first = suspect
    return first
  }

  /** Whether another try would tell something, and its time has come. */
  get isReady(): boolean {
    const { next } = this
    return next !== undefined && this.waitMs(next) === 0 && this.#rate.evidence.wentWellSince(next.failures.at)
  }

  waitMs({ dueMs }: Suspect): number {
    return Math.max(0, Math.ceil(dueMs - this.#now()))
  }

  failed(index: number, { from, trouble, retryAfterMs }: Pick<Suspect, 'from' | 'trouble'> & Pick<RetryDelay, 'retryAfterMs'>): Failed {
    const now = this.#now()
    const before = this.#byIndex.get(index)
    const failures = this.#rate.evidence.after(before?.failures)
    const tries = (before?.tries ?? 0) + 1
    const inVain = tries - failures.known
    const firstMs = before?.firstMs ?? now
    const { baseMs = 100, capMs } = this.#options
    const spreadMs = leastSpread * baseMs
    // Where others get through, there is no need to wait long.
    const most = inVain === 1 ? { capMs: Math.min(spreadMs / 3, capMs ?? Infinity) } : {}
    const delayMs = Math.max(retryDelayMs(tries, { ...this.#options, ...most, retryAfterMs }), tries > 1 ? spreadMs / steps : 0)
    const enough = this.#isDocuments({ ...failures, known: failures.known + 1 })
    const isLast = enough && now - firstMs >= spreadMs && this.#options.canAsk()
    // Where the next failure would do, it is not asked for too soon.
    const dueMs = isLast ? now : Math.max(now + delayMs, enough ? firstMs + spreadMs : 0)
    this.#byIndex.set(index, { index, from, failures, tries, firstMs, lastMs: now, dueMs, trouble })
    return { isNew: tries === 1, inVain }
  }

  /** They were throttled, which says nothing of them. @returns whether they are suspects */
  postpone([index]: readonly number[]): boolean {
    const suspect = this.#byIndex.get(index!)
    if (!suspect) return false
    const dueMs = this.#now() + retryDelayMs(suspect.tries, this.#options)
    this.#byIndex.set(suspect.index, { ...suspect, dueMs })
    return true
  }

  /** These were answered. @returns those of them that were suspects */
  clear(indexes: readonly number[]): readonly Suspect[] {
    if (this.#byIndex.size === 0) return []
    const cleared = indexes.flatMap(index => this.#byIndex.get(index) ?? [])
    for (const { index } of cleared) this.#byIndex.delete(index)
    return cleared
  }

  /** Take out those that fail for their own sake. */
  takeBlamed(): readonly Suspect[] {
    if (this.#byIndex.size === 0) return []
    const { baseMs = 100, mostTries } = this.#options
    const { evidence } = this.#rate
    return this.#take(({ failures, firstMs, lastMs, tries }) => {
      if (!evidence.wentWellSince(failures.at)) return false
      return tries >= mostTries || (lastMs - firstMs >= leastSpread * baseMs && this.#isDocuments(failures))
    })
  }

  takeAll(): readonly Suspect[] {
    return this.#take(() => true)
  }

  #take(isTaken: (suspect: Suspect) => boolean): readonly Suspect[] {
    const taken = [...this.#byIndex.values()].filter(isTaken)
    for (const { index } of taken) this.#byIndex.delete(index)
    return taken
  }

  #isDocuments(failures: Failures): boolean {
    const { attempts } = this.#options
    return this.#rate.evidence.isDocuments(failures, { taken: this.#rate.taken, attempts })
  }
}
