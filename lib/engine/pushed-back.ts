/** Documents that the target has answered for, and may yet take: how often each was tried, and when that is enough. */
import type { DocferryError } from '../errors.ts'
import type { WriteFailure, WriteOutcome } from '../types.ts'
import type { RateControl } from './rate-control.ts'
import { patience } from './standstill.ts'
import type { Standstill } from './standstill.ts'
import { isOfTarget } from './write-failure.ts'

interface Standing {
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
  readonly #standstill: Standstill
  readonly #tried = new Map<number, Tried>()

  constructor(rate: RateControl, attempts: number, standstill: Standstill) {
    this.#rate = rate
    this.#attempts = attempts
    this.#standstill = standstill
  }

  /** @param indexes in the batch @param takenUntil what the target had taken before this call */
  failed(indexes: readonly number[], takenUntil: number): void {
    for (const index of indexes) {
      const { tries, takenUntilFailed } = this.#tried.get(index) ?? { tries: 0, takenUntilFailed: takenUntil }
      this.#tried.set(index, { tries: tries + 1, takenUntilFailed })
    }
  }

  /**
   * Those that were tried often enough get their last outcome.
   *
   * @param batch how many documents it has, and how many of them are without an outcome
   * @param error what is thrown where the target takes nothing any more
   * @returns those that are tried again
   */
  giveUp(
    indexes: readonly number[],
    outcomes: WriteOutcome[],
    { size, left }: { readonly size: number; readonly left: number },
    error: DocferryError
  ): readonly number[] {
    const { isOver, tookOthers } = this.#standstill
    if (isOver && tookOthers) this.#standstill.extend()
    const isLast = indexes.length === 1 && left === 1
    const standing = { takesNothing: isOver && !tookOthers, isLast, isAlone: isLast && size > 1 }
    return indexes.filter(index => {
      const outcome = outcomes[index] as WriteFailure
      const verdict = this.#verdict(index, outcome, standing)
      if (verdict === "the target's") throw error
      if (verdict === 'its own') outcomes[index] = { ...outcome, retryable: false }
      return verdict === 'again'
    })
  }

  /** @returns whether to try it again, to give it up for its own sake, or to give up the target */
  #verdict(index: number, outcome: WriteFailure, { takesNothing, isLast, isAlone }: Standing): 'again' | 'its own' | "the target's" {
    const { tries, takenUntilFailed } = this.#tried.get(index)!
    if (isOfTarget(outcome)) {
      if (tries < patience * this.#attempts && !takesNothing) return 'again'
      return takesNothing && !isAlone ? "the target's" : 'its own'
    }
    // Of what the server breaks on without a word, documents are to blame only where it takes others.
    const isInDoubt = outcome.code === 'DOCFERRY_REFUSED' && this.#rate.taken === takenUntilFailed
    if (tries < this.#attempts && !(isInDoubt && takesNothing)) return 'again'
    return isInDoubt && (!isLast || this.#rate.doubts(1)) ? "the target's" : 'its own'
  }
}
