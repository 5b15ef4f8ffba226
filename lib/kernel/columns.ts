/** What is known of documents one by one, in columns that grow: their memory is used again, and only what is handed on is made anew. */
import { digestOf, wordsOf } from './digests.ts'

/** Digests that are put together before they are written: so short a string is gone soon. */
const mostWaiting = 64
const first = 512

export class Columns {
  #ids = 0
  #idHashes = new Int32Array(2 * first)
  #digests = Buffer.allocUnsafeSlow(32 * first)
  #digestBytes = 0
  /** In Latin-1. */
  #waiting = ''

  /** Those that somebody has used before, or new ones. */
  static take(): Columns {
    const taken = spare ?? new Columns()
    spare = undefined
    return taken
  }

  /** Nobody adds to them any more. */
  static give(columns: Columns): void {
    columns.#ids = 0
    columns.#digestBytes = 0
    columns.#waiting = ''
    spare = columns
  }

  addId(first: number, second: number): void {
    const at = 2 * this.#ids++
    if (at === this.#idHashes.length) {
      const larger = new Int32Array(2 * at)
      larger.set(this.#idHashes)
      this.#idHashes = larger
    }
    this.#idHashes[at] = first
    this.#idHashes[at + 1] = second
  }

  /** @param canonical bytes of the document */
  addDigest(canonical: Uint8Array): void {
    this.#waiting += digestOf(canonical)
    if (this.#waiting.length >= 32 * mostWaiting) this.#write()
  }

  idHashes(): Int32Array {
    return this.#idHashes.slice(0, 2 * this.#ids)
  }

  digests(): Uint32Array {
    this.#write()
    return wordsOf(this.#digests.subarray(0, this.#digestBytes))
  }

  #write(): void {
    const end = this.#digestBytes + this.#waiting.length
    if (end > this.#digests.length) {
      const larger = Buffer.allocUnsafeSlow(2 * end)
      larger.set(this.#digests.subarray(0, this.#digestBytes))
      this.#digests = larger
    }
    this.#digests.write(this.#waiting, this.#digestBytes, 'latin1')
    this.#digestBytes = end
    this.#waiting = ''
  }
}

let spare: Columns | undefined
