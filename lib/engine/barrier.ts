/** Brings all partitions of a run to rest at a mark, so that what the target holds is exactly what the marks cover. */
export class Barrier {
  #present = 0
  #resting = 0
  #wanted: { readonly reached: () => void; readonly over: Promise<void> } | undefined

  /** A partition begins. */
  join(): void {
    this.#present++
  }

  /** A partition has come to its end: it rests for good. */
  leave(): void {
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

  /** Do something while all rest. One call at a time. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    let end = (): void => undefined
    const over = new Promise<void>(resolve => (end = resolve))
    const reached = new Promise<void>(resolve => {
      this.#wanted = { reached: resolve, over }
      this.#check()
    })
    try {
      await reached
      return await work()
    } finally {
      this.#wanted = undefined
      this.#resting = 0
      end()
    }
  }

  #check(): void {
    if (this.#resting >= this.#present) this.#wanted?.reached()
  }
}
