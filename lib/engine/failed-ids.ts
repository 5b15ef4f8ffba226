/** Ids of documents that failed, of which none that comes behind may be taken for another's. */
import { SeenIds } from './seen-ids.ts'

/** Each takes some 100 bytes. */
const mostExact = 1 << 17

/** Knows ids as they are; beyond a bound, by a filter alone, which takes one in a million for another. */
export class FailedIds {
  readonly #maybe = new SeenIds()
  #exact: Set<string> | undefined = new Set()

  /** Whether one that has these `idHashes` may have failed. "No" is certain. */
  mayHave(first: number, second: number): boolean {
    return !this.#maybe.isFull && this.#maybe.hasHashes(first, second)
  }

  has(id: string): boolean {
    return this.#exact ? this.#exact.has(id) : !this.#maybe.isFull && this.#maybe.has(id)
  }

  add(id: string): void {
    this.#maybe.add(id)
    this.#exact?.add(id)
    if (this.#exact && this.#exact.size > mostExact) this.#exact = undefined
  }
}
