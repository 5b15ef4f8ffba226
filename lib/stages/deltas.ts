/** Counts that a run is gone on with: what each partition has added since its last mark. */
export class Deltas {
  readonly #added = new Map<string, Map<string, number>>()

  /** @param partition undefined outside of a run, where nobody will ask */
  add(partition: string | undefined, name: string): void {
    if (partition === undefined) return
    let counts = this.#added.get(partition)
    if (!counts) this.#added.set(partition, (counts = new Map()))
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }

  /** What came since it was asked last; undefined: nothing. */
  take(partition: string): [name: string, count: number][] | undefined {
    const counts = this.#added.get(partition)
    if (!counts) return undefined
    this.#added.delete(partition)
    return [...counts]
  }
}
