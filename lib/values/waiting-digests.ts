/** Digests that wait to be added up: copies, in memory that is used again, so that whoever gave them may use theirs for others. */
import type { KindDigests } from './digest.ts'
import { setFree } from './free-memory.ts'

/** What a page of small documents takes. */
const mostSpareBytes = 512 << 10
const mostSpare = 8
const granule = 32 << 10
/** What is smaller than this is made anew, and gone soon. */
const leastSpareBytes = 8 << 10

const spare: ArrayBuffer[] = []

export class WaitingDigests {
  /** Not changed by anyone. */
  readonly idHashes: Int32Array
  readonly digests: Uint32Array
  readonly kinds: KindDigests | undefined
  readonly #memory: ArrayBuffer
  #holders = 1

  /**
   * Held once.
   *
   * @param idHashes copied, as the digests are; @param kinds which few documents have, and nobody lends: they are kept as they are
   */
  constructor(idHashes: Int32Array, digests: Uint32Array, kinds: KindDigests | undefined) {
    this.#memory = take(idHashes.byteLength + digests.byteLength)
    this.idHashes = new Int32Array(this.#memory, 0, idHashes.length)
    this.idHashes.set(idHashes)
    this.digests = new Uint32Array(this.#memory, idHashes.byteLength, digests.length)
    this.digests.set(digests)
    this.kinds = kinds
  }

  /** For one more who adds them up. */
  hold(): this {
    this.#holders++
    return this
  }

  /** Once for each who holds them. What is not released is left to the collector of garbage. */
  release(): void {
    if (--this.#holders > 0) return
    if (this.#holders < 0) throw new RangeError('digests were released more often than they were held')
    setFree(this.#memory)
    const { byteLength } = this.#memory
    if (byteLength < leastSpareBytes || byteLength > mostSpareBytes) return
    if (spare.length === mostSpare) spare.shift()
    spare.push(this.#memory)
  }
}

function take(bytes: number): ArrayBuffer {
  if (bytes < leastSpareBytes) return new ArrayBuffer(bytes)
  const at = spare.findLastIndex(({ byteLength }) => byteLength >= bytes)
  return at === -1 ? new ArrayBuffer(Math.ceil(bytes / granule) * granule) : spare.splice(at, 1)[0]!
}
