/**
 * What is known of documents one by one, in columns: where there is room for them they are written into it, and lent; else their memory grows and is used
 * again, and only what is handed on is made anew.
 */
import { digestOf, wordsOf } from './digests.ts'

/** Digests that are put together before they are written: so short a string is gone soon. */
const mostWaiting = 64
const first = 512

/** As many as blocks have whose lines are of a hundred bytes or more; of the others, memory is made anew. */
const roomFor = 6 << 10
const idHashWords = 2
const digestBytes = 32

/** A part of a memory that threads share, for the columns of one block's documents. */
export class ColumnsRoom {
  static readonly bytes = roomFor * (4 * idHashWords + digestBytes)
  readonly #idHashes: Int32Array
  readonly #digests: Buffer
  /** Documents whose columns lie here. */
  #used = 0

  /** @param memory of which it takes so many bytes from a multiple of 4 on */
  constructor(memory: SharedArrayBuffer, from: number) {
    this.#idHashes = new Int32Array(memory, from, idHashWords * roomFor)
    this.#digests = Buffer.from(memory, from + this.#idHashes.byteLength, digestBytes * roomFor)
  }

  /** What is left of it. */
  get idHashes(): Int32Array {
    return this.#idHashes.subarray(idHashWords * this.#used)
  }

  get digests(): Buffer {
    return this.#digests.subarray(digestBytes * this.#used)
  }

  use(documents: number): void {
    this.#used = Math.min(this.#used + documents, roomFor)
  }
}

export class Columns {
  #room: ColumnsRoom | undefined
  #ids = 0
  #ownIdHashes = new Int32Array(idHashWords * first)
  #ownDigests = Buffer.allocUnsafeSlow(digestBytes * first)
  /** Where they are written: the room's as long as it has any. */
  #idHashes: Int32Array = this.#ownIdHashes
  #digests: Buffer = this.#ownDigests
  #digestBytes = 0
  /** In Latin-1. */
  #waiting = ''

  /** Those that somebody has used before, or new ones. @param room for them, which holds as long as whoever gives it says */
  static take(room?: ColumnsRoom): Columns {
    const taken = spare ?? new Columns()
    spare = undefined
    if (room) {
      taken.#room = room
      taken.#idHashes = room.idHashes
      taken.#digests = room.digests
    }
    return taken
  }

  /** Nobody adds to them any more. */
  static give(columns: Columns): void {
    columns.#room?.use(columns.#ids)
    columns.#room = undefined
    columns.#ids = 0
    columns.#idHashes = columns.#ownIdHashes
    columns.#digests = columns.#ownDigests
    columns.#digestBytes = 0
    columns.#waiting = ''
    spare = columns
  }

  addId(first: number, second: number): void {
    const at = idHashWords * this.#ids++
    if (at === this.#idHashes.length) this.#growIdHashes(at)
    this.#idHashes[at] = first
    this.#idHashes[at + 1] = second
  }

  /** @param canonical bytes of the document */
  addDigest(canonical: Uint8Array): void {
    this.#waiting += digestOf(canonical)
    if (this.#waiting.length >= digestBytes * mostWaiting) this.#write()
  }

  /** In the room, or the caller's own. */
  idHashes(): Int32Array {
    const found = this.#idHashes.subarray(0, idHashWords * this.#ids)
    return this.#idHashes === this.#ownIdHashes ? found.slice() : found
  }

  /** The same; once. */
  digests(): Uint32Array {
    this.#write()
    const found = this.#digests.subarray(0, this.#digestBytes)
    if (this.#digests === this.#ownDigests) return wordsOf(found)
    found.swap32()
    return new Uint32Array(found.buffer, found.byteOffset, found.length / 4)
  }

  #write(): void {
    const end = this.#digestBytes + this.#waiting.length
    if (end > this.#digests.length) this.#growDigests(end)
    this.#digests.write(this.#waiting, this.#digestBytes, 'latin1')
    this.#digestBytes = end
    this.#waiting = ''
  }

  #growIdHashes(length: number): void {
    const before = this.#idHashes
    if (length >= this.#ownIdHashes.length) this.#ownIdHashes = new Int32Array(2 * length)
    this.#idHashes = this.#ownIdHashes
    this.#idHashes.set(before)
  }

  #growDigests(least: number): void {
    const before = this.#digests.subarray(0, this.#digestBytes)
    if (least > this.#ownDigests.length) this.#ownDigests = Buffer.allocUnsafeSlow(2 * least)
    this.#digests = this.#ownDigests
    this.#digests.set(before)
  }
}

let spare: Columns | undefined
