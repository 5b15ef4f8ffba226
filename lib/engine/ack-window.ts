/** Which marks the target has acknowledged: batches may be acknowledged in any order, marks only in theirs. */
/**
 * Keeps, for one partition, the batches that are not acknowledged yet. A mark is passed on once every batch that was opened before it is
 * acknowledged, so that what it passes on is always an acknowledged prefix of the partition.
 */
export class AckWindow<Mark extends object> {
  readonly #onMark: (mark: Mark) => void
  /** Batches (numbers) and marks, oldest first. */
  readonly #queue: (number | Mark)[] = []
  readonly #acknowledged = new Set<number>()
  #last = 0

  constructor(onMark: (mark: Mark) => void) {
    this.#onMark = onMark
  }

  /** A batch that documents may go into from now on. @returns its number, for `acknowledge` */
  open(): number {
    this.#queue.push(++this.#last)
    return this.#last
  }

  /** The place reached. It covers every batch opened before. */
  mark(mark: Mark): void {
    this.#queue.push(mark)
    this.#advance()
  }

  /** Every document of this batch has its outcome. */
  acknowledge(batch: number): void {
    this.#acknowledged.add(batch)
    this.#advance()
  }

  #advance(): void {
    let done = 0
    for (const entry of this.#queue) {
      if (typeof entry !== 'number') this.#onMark(entry)
      else if (!this.#acknowledged.delete(entry)) break
      done++
    }
    if (done > 0) this.#queue.splice(0, done)
  }
}
