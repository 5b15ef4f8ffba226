/** A set of any number of ids in bounded memory: by a hash of 64 bits each; beyond a bound, on disk. */
import { hash } from 'node:crypto'
import { NamelessFile } from '../engine/nameless-file.ts'

/** Hashes in one read of the disk, and bytes of each. */
const perBlock = 512
const hashBytes = 8
const blockBytes = perBlock * hashBytes
const groupCount = 64

/** A group on disk: first unsorted, then sorted, with the first hash of each block in memory. */
interface Group {
  readonly file: NamelessFile
  /** In the file. */
  count: number
  waiting: bigint[]
  fences: BigUint64Array
  taken: Uint8Array
}

/**
 * First filled, then asked. "No" is certain. "Yes" is wrong for an id that was not added with a likelihood of the number of ids through 2^64: what
 * is asked must do no harm then.
 */
export class IdSet {
  readonly #inMemory: number
  #few: bigint[] = []
  #sorted: BigUint64Array | undefined
  #taken: Uint8Array = new Uint8Array()
  #groups: Group[] | undefined
  size = 0
  readonly #block = new BigUint64Array(perBlock)

  /** @param inMemory most ids that are kept in memory: 8 bytes each when they are asked for. Default 262,144 */
  constructor({ inMemory = 1 << 18 }: { readonly inMemory?: number } = {}) {
    this.#inMemory = inMemory
  }

  /** Whether it is on disk. */
  get isOnDisk(): boolean {
    return this.#groups !== undefined
  }

  /** @throws {DocferryError} DOCFERRY_STATE where the disk can't take it */
  add(collection: string, id: string): void {
    this.size++
    const hashed = hashOf(collection, id)
    if (!this.#groups) {
      this.#few.push(hashed)
      if (this.#few.length > this.#inMemory) this.#moveToDisk()
      return
    }
    this.#addToGroup(this.#groups, hashed)
  }

  /** No more is added. */
  seal(): void {
    if (!this.#groups) {
      this.#sorted = BigUint64Array.from(this.#few).sort()
      this.#taken = bitsFor(this.#sorted.length)
      this.#few = []
      return
    }
    for (const group of this.#groups) {
      flush(group)
      sort(group)
      group.taken = bitsFor(group.count)
    }
  }

  has(collection: string, id: string): boolean {
    return this.#find(hashOf(collection, id)) !== undefined
  }

  /** Whether it holds the id, and has not said so before. */
  take(collection: string, id: string): boolean {
    const found = this.#find(hashOf(collection, id))
    if (!found) return false
    const { taken, index } = found
    const [byte, bit] = [index >> 3, 1 << (index & 7)]
    if (taken[byte]! & bit) return false
    taken[byte]! |= bit
    return true
  }

  #find(hashed: bigint): { readonly taken: Uint8Array; readonly index: number } | undefined {
    if (this.#sorted) {
      const index = indexIn(this.#sorted, hashed)
      return index < 0 ? undefined : { taken: this.#taken, index }
    }
    const group = this.#groups![groupOf(hashed)]!
    const block = lastNotAbove(group.fences, hashed)
    if (block < 0) return undefined
    const count = Math.min(perBlock, group.count - block * perBlock)
    const hashes = this.#block.subarray(0, count)
    group.file.read(bytesOf(hashes), block * blockBytes)
    const index = indexIn(hashes, hashed)
    return index < 0 ? undefined : { taken: group.taken, index: block * perBlock + index }
  }

  close(): void {
    for (const { file } of this.#groups?.splice(0) ?? []) file.close()
  }

  #moveToDisk(): void {
    this.#groups = Array.from({ length: groupCount }, makeGroup)
    for (const hashed of this.#few) this.#addToGroup(this.#groups, hashed)
    this.#few = []
  }

  #addToGroup(groups: readonly Group[], hashed: bigint): void {
    const group = groups[groupOf(hashed)]!
    group.waiting.push(hashed)
    if (group.waiting.length >= perBlock) flush(group)
  }
}

function hashOf(collection: string, id: string): bigint {
  return hash('sha256', JSON.stringify([collection, id]), 'buffer').readBigUInt64LE(0)
}

function groupOf(hashed: bigint): number {
  return Number(hashed >> 58n)
}

function makeGroup(): Group {
  return { file: new NamelessFile('ids'), count: 0, waiting: [], fences: new BigUint64Array(), taken: new Uint8Array() }
}

function flush(group: Group): void {
  const { file, count, waiting } = group
  if (waiting.length === 0) return
  file.write(bytesOf(BigUint64Array.from(waiting)), count * hashBytes)
  group.count += waiting.length
  group.waiting = []
}

function sort(group: Group): void {
  const { file, count } = group
  const hashes = new BigUint64Array(count)
  file.read(bytesOf(hashes), 0)
  file.write(bytesOf(hashes.sort()), 0)
  group.fences = hashes.filter((_, index) => index % perBlock === 0)
}

function bytesOf(hashes: BigUint64Array): Buffer {
  return Buffer.from(hashes.buffer, hashes.byteOffset, hashes.byteLength)
}

function bitsFor(count: number): Uint8Array {
  return new Uint8Array((count + 7) >> 3)
}

/** @returns -1 where it is not there */
function indexIn(sorted: BigUint64Array, hashed: bigint): number {
  const at = lastNotAbove(sorted, hashed)
  return at >= 0 && sorted[at] === hashed ? at : -1
}

/** @returns -1 where all are above */
function lastNotAbove(sorted: BigUint64Array, hashed: bigint): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! <= hashed) low = middle + 1
    else high = middle
  }
  return low - 1
}
