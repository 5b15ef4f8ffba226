/** The crashes of one replication, counted by what it wrote between them: a server forgets its own count as soon as one try has lasted a while. */
import type { Replication } from '../contracts/replication.ts'

/** What a server says of one that has failed, and that it may try again. */
const crashed: ReadonlySet<Replication['state']> = new Set(['crashing', 'failed', 'error'])

export function hasCrashed({ state }: Replication): boolean {
  return crashed.has(state)
}

export class Crashes {
  /** The last crash, and whether it is what was seen last. */
  #last: Replication | undefined
  #isOver = true
  #written = 0
  #fruitless = 0

  /** @returns whether it has crashed since it was looked at before */
  take(seen: Replication): boolean {
    // Some versions count anew with each try: what is no more than it was says nothing.
    const written = seen.counts?.documentsWritten ?? 0
    if (written > this.#written) this.#fruitless = 0
    this.#written = Math.max(this.#written, written)
    if (!hasCrashed(seen)) {
      this.#isOver = true
      return false
    }
    const last = this.#last
    const isSame = !this.#isOver && last?.errors === seen.errors && last.updatedAt === seen.updatedAt
    this.#last = seen
    this.#isOver = false
    if (isSame) return false
    this.#fruitless += Math.max(1, seen.errors - (last?.errors ?? 0))
    return true
  }

  /** Since it last wrote anything. */
  get fruitless(): number {
    return this.#fruitless
  }
}
