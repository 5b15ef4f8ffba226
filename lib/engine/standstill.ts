/** Whether a batch gets any further: a target that takes nothing for long enough is given up. */
import type { RateControl } from './rate-control.ts'

/** What is tried again because the target asks for less is tried this many times as often as what gets nowhere. */
export const patience = 10

export class Standstill {
  readonly #rate: RateControl
  readonly #attempts: number
  #tries = 0
  /** What of the run had begun when it came to this, and what the target had taken. */
  #begun = 0
  #takenBefore = 0
  #throttled = 0
  #recoveries = 0

  constructor(rate: RateControl, attempts: number) {
    this.#rate = rate
    this.#attempts = attempts
  }

  /** Tries in a row that got nothing any further. */
  get tries(): number {
    return this.#tries
  }

  /** Whether the target was tried often enough. */
  get isOver(): boolean {
    return this.#tries >= this.#attempts
  }

  /** Whether the target has taken something since, of other batches. */
  get tookOthers(): boolean {
    return this.#rate.taken > this.#takenBefore
  }

  /** How often it took documents of the batch behind a failure. */
  get recoveries(): number {
    return this.#recoveries
  }

  /** Nothing came of a try. @param inVain of documents that wait side by side: how often in a row one of them has failed while nothing went well */
  triedInVain(inVain?: number): void {
    if (this.#tries === 0 || this.#rate.evidence.wentWellSince(this.#begun)) {
      this.#tries = 0
      this.#begun = this.#rate.evidence.begun
      this.#takenBefore = this.#rate.taken
    }
    this.#tries = inVain === undefined ? this.#tries + 1 : Math.max(this.#tries, inVain)
  }

  /** The target has answered, and for none of its documents did that decide anything: whether it takes others is looked at in the end, see `extend`. */
  answeredInVain(): void {
    this.#tries++
  }

  /** @returns whether calls were throttled too often in a row, whatever others got done */
  throttled(): boolean {
    return ++this.#throttled >= patience * this.#attempts
  }

  /** The target has decided on documents of the batch. */
  gotFurther(): void {
    if (this.#tries > 0) this.#recoveries++
    this.#throttled = 0
    this.#tries = 0
  }

  /** The target writes, or what it did not take is given up. */
  end(): void {
    this.#tries = 0
  }

  /** Others get through: half of the tries are granted again. */
  extend(): void {
    this.#tries = Math.ceil(this.#attempts / 2)
    this.#takenBefore = this.#rate.taken
  }
}
