/** A call of several documents that got no answer, and what its parts tell of it: where all of its documents are taken in the end, the target had failed. */
import type { DocferryError } from '../errors.ts'
import type { CallToken, RateControl } from './rate-control.ts'

export interface FailedCallOptions {
  readonly documents: number
  /** The one before that held them. */
  readonly parent: FailedCall | undefined
  readonly token: CallToken
  readonly error: DocferryError
}

export class FailedCall {
  readonly #rate: RateControl
  readonly #options: FailedCallOptions
  #open: number
  #isExplained = false

  constructor(rate: RateControl, options: FailedCallOptions) {
    this.#rate = rate
    this.#options = options
    this.#open = options.documents
  }

  /**
   * @param documents how many of them have their outcomes now
   * @param isBlamed whether it is one that was given up, which explains the failure
   * @throws {DocferryError} where the target has failed too often for a run
   */
  settle(documents: number, isBlamed = false): void {
    this.#isExplained ||= isBlamed
    this.#open -= documents
    if (this.#open === 0 && !this.#isExplained) this.#blameTarget()
    this.#options.parent?.settle(documents, isBlamed)
  }

  #blameTarget(): void {
    const { token, error } = this.#options
    this.#rate.evidence.failedItself(1)
    this.#rate.pushedBack(token, { isBroken: true, retryAfterMs: error.retryAfterMs })
    this.#rate.spendRetry(error)
  }
}
