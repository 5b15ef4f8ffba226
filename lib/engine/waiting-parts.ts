/** What of a batch waits to be sent, in the parts in which it goes: first the whole, then what is left of it. */
import type { FailedCall } from './failed-call.ts'

/** Documents that are sent together, by their index in the batch. */
export interface Part {
  readonly indexes: readonly number[]
  /** The call without an answer that they were in before. */
  readonly from?: FailedCall | undefined
}

export class WaitingParts {
  readonly #parts: Part[]

  /** @param documents how many the batch has */
  constructor(documents: number) {
    this.#parts = [{ indexes: Array.from({ length: documents }, (_, index) => index) }]
  }

  /** @param most documents that may go in one call */
  take(most: number): Part | undefined {
    const part = this.#parts.shift()
    if (!part || part.indexes.length <= most) return part
    this.#parts.unshift({ ...part, indexes: part.indexes.slice(most) })
    return { ...part, indexes: part.indexes.slice(0, most) }
  }

  add(part: Part): void {
    this.#parts.push(part)
  }

  /** @param from the call that held all of them */
  addHalves(indexes: readonly number[], from: FailedCall): void {
    const half = Math.ceil(indexes.length / 2)
    this.#parts.push({ indexes: indexes.slice(0, half), from }, { indexes: indexes.slice(half), from })
  }
}
