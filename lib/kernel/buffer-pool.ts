/** Large buffers that are used again: what they take is no part of the heap, and enough of them in a short time has it searched through. */

/** Larger ones are rare, and not kept. */
const largestKept = 1024 * 1024
const granule = 64 * 1024

export class BufferPool {
  readonly #free: Buffer[] = []
  readonly #most: number

  /** @param most buffers to keep */
  constructor(most: number) {
    this.#most = most
  }

  /** @returns at least so many bytes, of any content, which are the caller's until they are given back */
  take(least: number): Buffer {
    const at = this.#free.findLastIndex(buffer => buffer.length >= least)
    return at === -1 ? Buffer.allocUnsafeSlow(Math.ceil(least / granule) * granule) : this.#free.splice(at, 1)[0]!
  }

  /** @param buffer as `take` gave it; nobody uses it any more */
  give(buffer: Buffer): void {
    if (buffer.length > largestKept) return
    // Small ones give way to what is wanted now.
    if (this.#free.length === this.#most) this.#free.shift()
    this.#free.push(buffer)
  }
}
