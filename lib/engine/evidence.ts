/**
 * What speaks for it that a document fails for its own sake, and not for the target's. Calls of a run are numbered as they begin: a failure says
 * something of a document once a call that began behind it went well, so that what fails while the target is down counts once at most.
 */

import { Blame } from './blame.ts'
import type { Batch } from './blame.ts'

/** Odds at which a failure is taken for the document's own. */
const mostOdds = 1e-6
/** However well the target does, chance has to be ruled out. */
const fewestFailures = 3
/** Where documents get through after many failures, it takes so many times as many to blame one. */
const timesLongest = 3
/** So many documents may fail before it matters how many that is beside the others. */
const fewBlamed = 10
/** A call that fails for nothing is rarer than this, where a target does well. */
const rareOdds = 1 / 20
/** Where a larger part of the documents fails, a part of the target may be down. */
const largestPart = 1 / 4

/** What has become of one document so far, sent by itself. */
export interface Failures {
  /** Those that a call which went well lies behind. */
  readonly known: number
  /** What had begun when the last one was known. */
  readonly at: number
}

export class Evidence {
  readonly blame = new Blame()
  #begun = 0
  /** The last to begin of those that went well, and of those that wrote documents. */
  #wellBegun = 0
  #wroteBegun = 0
  #well = 0
  /** Calls that failed though each of their documents was taken afterwards. */
  #ownFailures = 0
  /** Most failures after which a document was taken all the same. */
  #longest = 0
  #canBeAsked = true

  /** What has begun by now. */
  get begun(): number {
    return this.#begun
  }

  /** @returns the call's number */
  begin(): number {
    return ++this.#begun
  }

  /** The target wrote documents in this call. */
  wrote(call: number): void {
    this.wentWell(call)
    this.#wroteBegun = Math.max(this.#wroteBegun, call)
  }

  /** The target wrote something in this call. */
  wentWell(call: number): void {
    this.#well++
    this.#wellBegun = Math.max(this.#wellBegun, call)
  }

  /** Whether a call that began behind this moment went well. */
  wentWellSince(moment: number): boolean {
    return this.#wellBegun > moment
  }

  /** Whether a call that began behind this moment wrote documents. */
  wroteSince(moment: number): boolean {
    return this.#wroteBegun > moment
  }

  /** So many calls failed, and for none of their documents. */
  failedItself(calls: number): void {
    this.#ownFailures += calls
  }

  /** A document was taken that had failed so often, by itself. */
  recovered(failures: number): void {
    this.#longest = Math.max(this.#longest, failures)
  }

  /** The target does not let itself be asked whether it writes, which says nothing of documents. */
  canNotBeAsked(): void {
    this.#canBeAsked = false
  }

  /** @param taken documents that the target has decided on @returns whether something that is no document shows well enough that the target writes */
  canAsk(batch: Batch, taken: number): boolean {
    return this.#canBeAsked && this.blame.canRest(batch, taken)
  }

  /** One more failure. */
  after(failures: Failures | undefined): Failures {
    return { known: failures ? this.count(failures) : 0, at: this.#begun }
  }

  /** Failures that say something. */
  count({ known, at }: Failures): number {
    return known + (this.wentWellSince(at) ? 1 : 0)
  }

  /** Whether hardly a call has failed for nothing, of enough to tell. */
  get isSteady(): boolean {
    return this.#chance < rareOdds
  }

  /**
   * Whether it can hardly be chance that so many calls failed which held documents of a batch, and in between all others of it were taken: those that
   * are left are what they failed for.
   */
  areLeftFor(failedCalls: number): boolean {
    return this.#chance ** failedCalls < mostOdds
  }

  /**
   * Whether so many failures of one document in a row can hardly be the target's own: of a target that fails now and then they can the longer.
   *
   * @param taken documents that the target has decided on
   * @param attempts how many failures it takes at least where many documents fail
   */
  isDocuments(failures: Failures, { taken, attempts }: { readonly taken: number; readonly attempts: number }): boolean {
    const count = this.count(failures)
    const fewest = this.blame.documents < Math.max(fewBlamed, taken * largestPart) ? fewestFailures : attempts
    return count >= Math.max(fewest, timesLongest * this.#longest) && this.#chance ** count < mostOdds
  }

  /** Of a call to fail for nothing. */
  get #chance(): number {
    return (this.#ownFailures + 1) / (this.#ownFailures + this.#well + 2)
  }
}
