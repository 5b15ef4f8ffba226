/** Counts the documents whose id came before, in bounded memory, where nobody has to know until the end which these are. */
import { NamelessFile } from './nameless-file.ts'
import { RepeatTable } from './repeat-table.ts'

/** 8 bytes each. */
const mostInMemory = 1 << 17
const firstInMemory = 1 << 8
const hashBytes = 8
/** By the highest byte of the hashes. */
const parts = 256

/** What all counters of a run that rest may keep together. */
export class RestingRoom {
  #bytes: number
  #files: number

  constructor({ bytes = 4 << 20, files = 64 }: { readonly bytes?: number; readonly files?: number } = {}) {
    this.#bytes = bytes
    this.#files = files
  }

  takesBytes(bytes: number): boolean {
    if (bytes > this.#bytes) return false
    this.#bytes -= bytes
    return true
  }

  takesFile(): boolean {
    if (this.#files === 0) return false
    this.#files--
    return true
  }
}

/** Part by part, in hashes from the beginning of the file. */
interface Run {
  readonly start: number
  /** Where each part of it ends. */
  readonly ends: Float64Array
}

/**
 * Ids are told apart by 63 bits of hashes: among a hundred million, two that are not the same are taken to be so with a likelihood of 1 in 2,000.
 * It keeps 1 MB in memory, some more for as long as it counts, and what is more in a file, 8 bytes for each id.
 */
export class RepeatCounter {
  readonly #inMemory: number
  /** What it has of the room for those that rest. */
  #hasFile = false
  #restingBytes = 0
  /** `idHashes` of each id. */
  #waiting = new Int32Array()
  #length = 0
  #file: NamelessFile | undefined
  readonly #runs: Run[] = []
  /** Of those that wait or are in the file. */
  #counted: number | undefined
  /** Of those before `close`. */
  #closedCount = 0
  #isClosed = false
  #isAtLeast = false
  #trouble: unknown

  /** @param inMemory most ids that are kept there */
  constructor({ inMemory = mostInMemory }: { readonly inMemory?: number } = {}) {
    this.#inMemory = inMemory
  }

  /** By `idHashes` of the id. */
  add(first: number, second: number): void {
    if (!this.#hasRoom()) return
    this.#waiting[this.#length++] = first
    this.#waiting[this.#length++] = second
  }

  /** @param hashes `idHashes` of each id, one pair after the other */
  addAll(hashes: Int32Array): void {
    for (let at = 0; at < hashes.length && this.#hasRoom();) {
      const some = hashes.subarray(at, at + this.#waiting.length - this.#length)
      this.#waiting.set(some, this.#length)
      this.#length += some.length
      at += some.length
    }
  }

  /** Why nothing is known, where the disk could not take what was to be kept. */
  get trouble(): unknown {
    return this.#trouble
  }

  /** Whether ids were added behind `close`, which nothing before it was compared with. */
  get isAtLeast(): boolean {
    return this.#isAtLeast
  }

  /** Of those that were added: how many had the id of one before. 0 where there is `trouble`. */
  count(): number {
    const count = (this.#counted ??= this.#count())
    return this.#trouble === undefined ? this.#closedCount + count : 0
  }

  /** Nothing is added for now, and perhaps never again. What it keeps stays where there is room for it, and else it is closed. */
  rest(room: RestingRoom): void {
    if (this.#trouble !== undefined) return
    if (this.#file) {
      if (!this.#hasFile && !room.takesFile()) return this.close()
      this.#hasFile = true
      try {
        this.#keep(this.#file)
      } catch (error) {
        return this.#giveUp(error)
      }
      this.#waiting = new Int32Array()
    } else {
      const bytes = 4 * this.#length
      if (!room.takesBytes(bytes - this.#restingBytes)) return this.close()
      this.#restingBytes = bytes
      this.#waiting = this.#waiting.slice(0, this.#length)
    }
  }

  /** The count is kept, and nothing else: mostly, nothing is added any more. */
  close(): void {
    this.#closedCount = this.count()
    this.end()
  }

  /** Whatever was counted. */
  end(): void {
    this.#isClosed = true
    this.#counted = 0
    this.#runs.length = 0
    this.#waiting = new Int32Array()
    this.#length = 0
    this.#file?.close()
    this.#file = undefined
  }

  /** For one more. @returns false where nothing is kept any more */
  #hasRoom(): boolean {
    if (this.#trouble !== undefined) return false
    this.#counted = undefined
    this.#isAtLeast ||= this.#isClosed
    if (this.#length < this.#waiting.length) return true
    const isFirst = this.#waiting.length === 0
    if (isFirst || this.#length < 2 * this.#inMemory) {
      const larger = new Int32Array(isFirst ? 2 * firstInMemory : Math.min(4 * this.#length, 2 * this.#inMemory))
      larger.set(this.#waiting)
      this.#waiting = larger
      return true
    }
    try {
      this.#keep((this.#file ??= new NamelessFile('ids')))
      return true
    } catch (error) {
      this.#giveUp(error)
      return false
    }
  }

  #count(): number {
    if (!this.#file) return new RepeatTable().count(this.#waiting.subarray(0, this.#length))
    try {
      this.#keep(this.#file)
      const sizes = Array.from({ length: parts }, (_, part) => placesOf(this.#runs, part).reduce((sum, { from, to }) => sum + to - from, 0))
      const room = new Int32Array(2 * Math.max(...sizes))
      const table = new RepeatTable()
      let count = 0
      for (let part = 0; part < parts; part++) count += table.count(this.#readPart(this.#file, part, room))
      return count
    } catch (error) {
      this.#giveUp(error)
      return 0
    }
  }

  /** Nobody's documents are to wait for this. */
  #giveUp(error: unknown): void {
    this.#trouble = error
    this.end()
  }

  #keep(file: NamelessFile): void {
    const hashes = this.#waiting.subarray(0, this.#length)
    const ends = sortByPart(hashes)
    const start = this.#runs.at(-1)?.ends.at(-1) ?? 0
    file.write(bytesOf(hashes), start * hashBytes)
    this.#runs.push({ start, ends: Float64Array.from(ends, end => start + end) })
    this.#length = 0
  }

  #readPart(file: NamelessFile, part: number, room: Int32Array): Int32Array {
    let length = 0
    for (const { from, to } of placesOf(this.#runs, part)) {
      file.read(bytesOf(room.subarray(length, length + 2 * (to - from))), from * hashBytes)
      length += 2 * (to - from)
    }
    return room.subarray(0, length)
  }
}

function placesOf(runs: readonly Run[], part: number): { readonly from: number; readonly to: number }[] {
  return runs.map(({ start, ends }) => ({ from: part === 0 ? start : ends[part - 1]!, to: ends[part]! }))
}

/** Moves those of a part beside each other, in place. @returns where each part ends */
function sortByPart(hashes: Int32Array): Uint32Array {
  const ends = new Uint32Array(parts)
  for (let at = 1; at < hashes.length; at += 2) ends[hashes[at]! >>> 24]!++
  const next = new Uint32Array(parts)
  for (let part = 1; part < parts; part++) {
    next[part] = ends[part - 1]!
    ends[part]! += ends[part - 1]!
  }
  for (let part = 0; part < parts; part++) {
    while (next[part]! < ends[part]!) {
      const at = 2 * next[part]!
      const first = hashes[at]!
      const second = hashes[at + 1]!
      const to = 2 * next[second >>> 24]!++
      hashes[at] = hashes[to]!
      hashes[at + 1] = hashes[to + 1]!
      hashes[to] = first
      hashes[to + 1] = second
    }
  }
  return ends
}

function bytesOf(hashes: Int32Array): Uint8Array {
  return new Uint8Array(hashes.buffer, hashes.byteOffset, hashes.byteLength)
}
