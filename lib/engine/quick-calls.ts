/**
 * Short calls of the file system, made where they are asked for: what each costs in one of Node's threads, waking that and being woken by it, is several times the call itself. That holds for what is in memory,
 * or near. Where one has taken longer, the disk is busy or far away, and those that follow go through threads, where they wait beside each other.
 */

/** One that takes longer waits for a disk. */
const slowMs = 2
/**
 * So many go through threads for each millisecond that one took, and several times as many with each tried one that is slow too: a tried one more then costs little beside them, and a single one may have been held up by
 * whatever else runs on the machine.
 */
const callsForEachMs = 5
const growth = 4
const mostCalls = 20_000

export class QuickCalls {
  readonly #now: () => number
  /** Until the next is tried. */
  #throughThreads = 0
  #slowInARow = 0

  /** @param now in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** @param here and @param inThread make the same call */
  make<Answer>(here: () => Answer, inThread: () => Promise<Answer>): Answer | Promise<Answer> {
    if (this.#throughThreads > 0) {
      this.#throughThreads--
      return inThread()
    }
    const began = this.#now()
    try {
      return here()
    } finally {
      const took = this.#now() - began
      if (took > slowMs) this.#throughThreads = Math.min(mostCalls, Math.ceil(took * callsForEachMs * growth ** this.#slowInARow++))
      else this.#slowInARow = 0
    }
  }
}
