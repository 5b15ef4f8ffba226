interface Wanted {
  readonly reached: () => void
  /** Somebody waits for the others from now on. */
  readonly waits: () => void
  readonly over: Promise<void>
}

/** Brings all partitions of a run to rest at a mark, so that what the target holds is exactly what the marks cover. */
export class Barrier {
  #present = 0
  #resting = 0
  #isBroken = false
  #wanted: Wanted | undefined

  /** A partition begins, once nobody holds the others. */
  async join(): Promise<void> {
    while (this.#wanted) {
      this.#wanted.waits()
      await this.#wanted.over
    }
    this.#present++
  }

  /**
   * A partition has come to its end: it rests for good.
   *
   * @param atMark whether no document of it was written behind its last mark. Otherwise nothing is held any more: what the target holds then
   * is not what the marks cover
   */
  leave({ atMark = true }: { readonly atMark?: boolean } = {}): void {
    if (!atMark) this.#isBroken = true
    this.#present--
    this.#check()
  }

  get isWanted(): boolean {
    return this.#wanted !== undefined
  }

  /** A partition is at a mark, and nothing of it is under way. @returns when it may go on */
  async rest(): Promise<void> {
    const wanted = this.#wanted
    if (!wanted) return
    this.#resting++
    wanted.waits()
    this.#check()
    await wanted.over
  }

  /**
   * Do something while all rest. One call at a time.
   *
   * @param options.patienceMs how long a partition that rests, or is about to begin, may be kept waiting for the others. Default: as long as it
   * takes
   * @returns undefined, with nothing done, where a partition has left behind its last mark, or one does not come to rest in time
   */
  async hold<T>(work: () => Promise<T>, { patienceMs = Infinity }: { readonly patienceMs?: number } = {}): Promise<T | undefined> {
    let end = (): void => undefined
    let patience: NodeJS.Timeout | undefined
    const over = new Promise<void>(resolve => (end = resolve))
    const isReached = new Promise<boolean>(resolve => {
      const waits = (): void => {
        if (patienceMs !== Infinity) patience ??= setTimeout(() => resolve(false), patienceMs)
      }
      this.#wanted = { reached: () => resolve(true), waits, over }
      this.#check()
    })
    try {
      return (await isReached) && !this.#isBroken ? await work() : undefined
    } finally {
      clearTimeout(patience)
      this.#wanted = undefined
      this.#resting = 0
      end()
    }
  }

  #check(): void {
    if (this.#isBroken || this.#resting >= this.#present) this.#wanted?.reached()
  }
}
