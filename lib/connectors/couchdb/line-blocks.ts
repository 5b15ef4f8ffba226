/** Bytes of lines, gathered in two blocks that are used in turn. */
import type { BufferPool } from '../../kernel/buffer-pool.ts'

const newline = 0x0a

/** A block is handed on when it holds about so much: what is done once for each does then not count. */
export const blockBytes = 128 * 1024
/** What comes at once, at most, where it may still be put into a block that is not full. */
const roomBytes = 64 * 1024

export class LineBlocks {
  readonly #pool: BufferPool
  #block: Buffer
  #other: Buffer
  #length = 0

  constructor(pool: BufferPool) {
    this.#pool = pool
    this.#block = pool.take(blockBytes + roomBytes)
    this.#other = pool.take(blockBytes + roomBytes)
  }

  get isEmpty(): boolean {
    return this.#length === 0
  }

  get isFull(): boolean {
    return this.#length >= blockBytes
  }

  add(bytes: Uint8Array, from: number, to: number): void {
    const length = this.#length + to - from
    if (length > this.#block.length) {
      const larger = Buffer.allocUnsafeSlow(2 * length)
      this.#block.copy(larger, 0, 0, this.#length)
      this.#block = larger
    }
    this.#block.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), this.#length)
    this.#length = length
  }

  /**
   * @param isLast nothing will be added
   * @returns whole lines, where there is a line end or more may come; otherwise all that came. They are the caller's until the next call
   */
  take(isLast: boolean): Buffer {
    const lineEnd = isLast ? 0 : this.#block.subarray(0, this.#length).lastIndexOf(newline) + 1
    const taken = this.#block.subarray(0, lineEnd || this.#length)
    const left = this.#block.subarray(taken.length, this.#length)
    if (this.#other.length < left.length) this.#other = Buffer.allocUnsafeSlow(this.#block.length)
    this.#other.set(left)
    ;[this.#block, this.#other] = [this.#other, this.#block]
    this.#length = left.length
    return taken
  }

  /** Nobody uses what was taken any more. */
  end(): void {
    if (this.#block !== none) for (const block of [this.#block, this.#other]) this.#pool.give(block)
    this.#block = this.#other = none
    this.#length = 0
  }
}

const none = Buffer.alloc(0)
