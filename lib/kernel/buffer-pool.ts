/** Large buffers that are used again: what they take is no part of the heap, and enough of them in a short time has it searched through. */

import { setFree } from '../values/free-memory.ts'

/** Larger ones are rare, and not kept, unless whoever makes a pool knows better. */
const usuallyLargest = 1024 * 1024
const granule = 64 * 1024

export interface BufferPoolOptions {
  /** Whether threads that are sent one get the same memory. Default false. */
  readonly isShared?: boolean
  /** Bytes of one that is kept. */
  readonly largest?: number
}

export class BufferPool {
  readonly #free: Buffer[] = []
  readonly #most: number
  readonly #isShared: boolean
  readonly #largest: number

  /** @param most buffers to keep */
  constructor(most: number, { isShared = false, largest = usuallyLargest }: BufferPoolOptions = {}) {
    this.#most = most
    this.#isShared = isShared
    this.#largest = largest
  }

  /** @returns at least so many bytes, of any content, which are the caller's until they are given back */
  take(least: number): Buffer {
    const at = this.#free.findLastIndex(buffer => buffer.length >= least)
    if (at !== -1) return this.#free.splice(at, 1)[0]!
    const bytes = Math.ceil(least / granule) * granule
    return this.#isShared ? Buffer.from(new SharedArrayBuffer(bytes)) : Buffer.allocUnsafeSlow(bytes)
  }

  /** @param buffer as `take` gave it; nobody uses it any more */
  give(buffer: Buffer): void {
    setFree(buffer)
    if (buffer.length > this.#largest) return
    // Small ones give way to what is wanted now.
    if (this.#free.length === this.#most) this.#free.shift()
    this.#free.push(buffer)
  }
}

/**
 * One pool for all who ask for it while it lives. Nothing holds it but they, so what the last of them leaves is there for the next one until V8 searches
 * the heap, which it does the sooner the more lies outside of it.
 */
export class LentPool {
  readonly #make: () => BufferPool
  #pool: WeakRef<BufferPool> | undefined

  constructor(...options: ConstructorParameters<typeof BufferPool>) {
    this.#make = () => new BufferPool(...options)
  }

  get(): BufferPool {
    const left = this.#pool?.deref()
    if (left) return left
    const pool = this.#make()
    this.#pool = new WeakRef(pool)
    return pool
  }
}
