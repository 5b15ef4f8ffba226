/**
 * How many documents are given up where just the target's word, and no other document, shows that it writes: it may keep that word and still break on
 * whatever it is sent.
 */

/** So many may be. */
const mostUnseen = 100
/** And such a part of what the target has decided on. */
const largestPart = 1 / 4

/** A batch under way. */
export interface Batch {
  /** Documents without an outcome. */
  readonly left: number
  /** Those that were given up. */
  readonly blamed: number
}

export class Blame {
  /** The oldest first. */
  readonly #batches = new Set<Batch>()
  #blamed = 0
  #blamedOfEnded = 0

  /** Documents that were given up. */
  get documents(): number {
    return this.#blamed
  }

  begin(batch: Batch): void {
    this.#batches.add(batch)
  }

  end(batch: Batch): void {
    this.#batches.delete(batch)
    this.#blamedOfEnded += batch.blamed
  }

  add(): void {
    this.#blamed++
  }

  /**
   * Whether the target's word is enough to give up documents of a batch. It is for longer of the oldest one, whose own are not counted where the target has
   * taken as many others: what is given up of a batch is kept once it has come to its end, so each run would otherwise stop within the same batch.
   *
   * @param taken documents that the target has decided on
   */
  canRest(batch: Batch, taken: number): boolean {
    const most = Math.max(mostUnseen, taken * largestPart)
    if (this.#blamed < most) return true
    const [oldest] = this.#batches
    return batch === oldest && this.#blamedOfEnded < most && batch.blamed + batch.left <= Math.max(mostUnseen, taken)
  }
}
