/** Brings all partitions of a run to rest at a mark, so that what the target holds is exactly what the marks cover. */
export class Barrier {
  #present = 0
  #resting = 0
  #isBroken = false
  #wanted: { readonly reached: () => void; readonly over: Promise<void> } | undefined

  /** A partition begins, once nobody holds the others. */
  async join(): Promise<void> {
    while (this.#wanted) await this.#wanted.over
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
    this.#check()
    await wanted.over
  }

  /** Do something while all rest. One call at a time. @returns undefined, with nothing done, where a partition has left behind its last mark */
  async hold<T>(work: () => Promise<T>): Promise<T | undefined> {
    let end = (): void => undefined
    const over = new Promise<void>(resolve => (end = resolve))
    const reached = new Promise<void>(resolve => {
      this.#wanted = { reached: resolve, over }
      this.#check()
    })
    try {
      await reached
      return this.#isBroken ? undefined : await work()
    } finally {
      this.#wanted = undefined
      this.#resting = 0
      end()
    }
  }

  #check(): void {
    if (this.#isBroken || this.#resting >= this.#present) this.#wanted?.reached()
  }
}
