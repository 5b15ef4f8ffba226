/** Documents that the target has answered for, and may yet take: how often each was tried, and when that is enough. */
import type { WriteFailure } from '../types.ts'
import type { RateControl } from './rate-control.ts'
import { isOfTarget } from './write-failure.ts'

/** A document is tried this many times as often as a batch that gets nowhere. */
export const patience = 10

export interface Standing {
  /** The target has taken nothing since the batch has come to a standstill, and was tried often enough. */
  readonly takesNothing: boolean
  /** No other document of the batch is without an outcome. */
  readonly isLast: boolean
  /** The same, and there were others. */
  readonly isAlone: boolean
}

interface Tried {
  readonly tries: number
  /** What the target had taken before it failed for the first time. */
  readonly takenUntilFailed: number
}

export class PushedBack {
  readonly #rate: RateControl
  readonly #attempts: number
  readonly #tried = new Map<number, Tried>()

  constructor(rate: RateControl, attempts: number) {
    this.#rate = rate
    this.#attempts = attempts
  }

  /** @param index in the batch @param takenUntil what the target had taken before this call */
  failed(index: number, takenUntil: number): void {
    const { tries, takenUntilFailed } = this.#tried.get(index) ?? { tries: 0, takenUntilFailed: takenUntil }
    this.#tried.set(index, { tries: tries + 1, takenUntilFailed })
  }

  /** @returns whether to try it again, to give it up for its own sake, or to give up the target */
  verdict(index: number, outcome: WriteFailure, { takesNothing, isLast, isAlone }: Standing): 'again' | 'its own' | "the target's" {
    const { tries, takenUntilFailed } = this.#tried.get(index)!
    if (isOfTarget(outcome)) {
      if (tries < patience * this.#attempts && !takesNothing) return 'again'
      return takesNothing && !isAlone ? "the target's" : 'its own'
    }
    // Of what the server breaks on without a word, documents are to blame only where it takes others.
    const isInDoubt = outcome.code === 'DOCFERRY_REFUSED' && this.#rate.taken === takenUntilFailed
    if (tries < this.#attempts && !(isInDoubt && takesNothing)) return 'again'
    return isInDoubt && (!isLast || this.#rate.doubts()) ? "the target's" : 'its own'
  }
}
