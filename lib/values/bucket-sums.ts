/**
 * Count and digest of a collection's documents, whatever their order, in buckets: two collections are compared bucket by bucket, and where
 * they differ, only the documents of those buckets have to be looked at again. Sums over parts of a collection merge into that of the whole.
 */
import { createHash } from 'node:crypto'
import { bucketCount, differingBuckets, lanes, lengthOfBuckets, measure, shared, totalOf } from './bucket-bytes.ts'
import type { DocumentDigests, KindDigests } from './digest.ts'
import { idHashes } from './id-hashes.ts'
import { WaitingDigests } from './waiting-digests.ts'

export { bucketCount } from './bucket-bytes.ts'

/** The bucket of a document, by the first hash of its id. */
export function bucketOf(id: string): number {
  return bucketOfHash(idHashes(id)[0])
}

export function bucketOfHash(first: number): number {
  return (first >>> 0) % bucketCount
}

/** Words of a bucket: its documents and the sum of their digests modulo 2^256, then the same for the kinds of numbers. Lanes: least significant first. */
const kindsAt = 1 + lanes
const wordsPerBucket = 2 * kindsAt
const initialBuckets = 8
/** Documents that may wait to be added up: what goes from sum to sum is added once, in the last. A page of small ones has ten thousand. */
const mostWaiting = 1 << 14

/** Of sums that hold nothing; not written into. */
const noRanks = new Uint16Array(bucketCount)
const noBuckets = new Uint16Array()
const noWords = new Uint32Array()
/** Of so many buckets the bytes are kept in place of all else: they take a fifth of it where there are few, and nothing where there are many. */
const mostFolded = 1024

/** What sums are added up in; all zeros where they wait for the next. */
interface Arrays {
  readonly ranks: Uint16Array<ArrayBuffer>
  readonly buckets: Uint16Array<ArrayBuffer>
  readonly words: Uint32Array<ArrayBuffer>
}

/** Of sums that were folded: thousands of them would be made in vain. */
const spare: Arrays[] = []
const mostSpare = 4

/**
 * Sums that are added to, the longest known first. Of a file of thousands of collections most are not gone on with: those are folded, so that what is left
 * of them are their bytes.
 */
const growing: WeakRef<BucketSums>[] = []
const mostGrowing = 64

export class BucketSums {
  /** By bucket, which of those that hold something it is, counted from 1 in the order in which they came. */
  #ranks = noRanks
  #buckets = noBuckets
  /** Buckets that hold something. */
  #size = 0
  #words = noWords
  /** `bytes`, of sums that were asked for them and have few buckets: the arrays are empty then. */
  #folded: Buffer | undefined
  /** Counted, and not added up. */
  #waiting: WaitingDigests[] = []
  #waitingCount = 0
  #count = 0
  /** Whether it is among those that are added to, or has many buckets. */
  #isListed = false
  /** Whether another has all that is in it: most often nobody needs this one any more. */
  #isMerged = false
  #isGivenUp = false

  /** Documents, each as often as it was added. */
  get count(): number {
    return this.#count
  }

  add(id: string, { values, kinds }: DocumentDigests): void {
    this.#list()
    this.#unfold()
    const at = this.#placeOf(bucketOf(id))
    this.#addDigest(at, values)
    if (kinds) this.#addDigest(at + kindsAt, kinds)
    this.#count++
  }

  /**
   * @param idHashes of each one's id, one pair after the other; @param digests of each eight words, the most significant first: neither is kept
   * @param kinds of those that have any; not changed from now on
   */
  addAll(idHashes: Int32Array, digests: Uint32Array, kinds?: KindDigests): void {
    this.#count += idHashes.length / 2
    if (this.#waitsFor(idHashes.length / 2)) this.#wait(new WaitingDigests(idHashes, digests, kinds))
    else this.#addEach({ idHashes, digests, kinds })
  }

  merge(other: BucketSums): void {
    other.#checkInUse()
    other.#isMerged = true
    for (const each of other.#waiting) {
      if (this.#waitsFor(each.idHashes.length / 2)) this.#wait(each.hold())
      else this.#addEach(each)
    }
    this.#count += other.#count
    if (other.#folded) return this.#mergeFolded(other.#folded)
    this.#list()
    this.#unfold()
    for (let rank = 0; rank < other.#size; rank++) {
      const from = rank * wordsPerBucket
      const at = this.#placeOf(other.#buckets[rank]!)
      this.#mergeSum(at, other.#words, from)
      this.#mergeSum(at + kindsAt, other.#words, from + kindsAt)
    }
  }

  /** Nobody asks for it any more, and what it holds others may use. May be left out. */
  giveUp(): void {
    this.#isGivenUp = true
    for (const each of this.#waiting) each.release()
    this.#waiting = []
  }

  #checkInUse(): void {
    if (this.#isGivenUp) throw new RangeError('sums were used after they were given up')
  }

  #mergeFolded(bytes: Buffer): void {
    if (this.#size === 0 && !this.#folded) {
      this.#folded = bytes
      return
    }
    this.#list()
    this.#unfold()
    this.#addBytes(bytes)
  }

  /**
   * The buckets in which the two do not hold the same documents.
   *
   * @param kinds whether 1 and 1.0 are different
   */
  differing(other: BucketSums, { kinds }: { readonly kinds: boolean }): number[] {
    return differingBuckets(this.bytes(), other.bytes(), kinds)
  }

  /** Documents of a bucket. */
  countOf(bucket: number): number {
    this.#addWaiting()
    return this.#word(bucket, 0)
  }

  /** The sum of all documents' digests modulo 2^256, as 64 hexadecimal digits: what a file's trailer states. */
  total(): string {
    return totalOf(this.bytes())
  }

  /** One digest of all buckets: SHA-256 of their bytes, as 64 hexadecimal digits. Equal for equal collections. */
  root(): string {
    return createHash('sha256').update(this.bytes()).digest('hex')
  }

  /** See `bucket-bytes.ts`. */
  bytes(): Buffer {
    this.#checkInUse()
    if (this.#folded && this.#waiting.length === 0) return this.#folded
    this.#addWaiting()
    const buckets = this.#buckets
      .slice(0, this.#size)
      .sort()
      .filter(bucket => this.#word(bucket, 0) > 0)
    const bytes = Buffer.allocUnsafeSlow(this.#lengthOf(buckets))
    const view = new DataView(bytes.buffer)
    const words = this.#words
    let length = 0
    for (const bucket of buckets) {
      view.setUint16(length, bucket)
      length += 2
      const at = (this.#ranks[bucket]! - 1) * wordsPerBucket
      for (const start of [at, at + kindsAt]) {
        view.setUint32(length, words[start]!)
        length += 4
        if (words[start] === 0) continue
        for (let lane = lanes; lane > 0; lane--, length += 4) view.setUint32(length, words[start + lane]!)
      }
    }
    return this.#size <= mostFolded ? this.#fold(bytes) : bytes
  }

  #lengthOf(buckets: Uint16Array): number {
    let withKinds = 0
    for (const bucket of buckets) if (this.#word(bucket, kindsAt) > 0) withKinds++
    return lengthOfBuckets(buckets.length, withKinds)
  }

  #fold(bytes: Buffer): Buffer {
    const [ranks, buckets, words] = [this.#ranks, this.#buckets, this.#words]
    if (spare.length < mostSpare && ranks !== noRanks && buckets.length <= mostFolded) {
      for (let rank = 0; rank < this.#size; rank++) ranks[buckets[rank]!] = 0
      words.fill(0, 0, this.#size * wordsPerBucket)
      spare.push({ ranks, buckets, words })
    }
    this.#folded = shared(bytes)
    this.#ranks = noRanks
    this.#buckets = noBuckets
    this.#words = noWords
    this.#size = 0
    return this.#folded
  }

  #unfold(): void {
    const bytes = this.#folded
    if (!bytes) return
    this.#folded = undefined
    this.#addBytes(bytes)
  }

  /** `bytes` as text, for JSON. */
  base64(): string {
    return this.bytes().toString('base64')
  }

  /** @throws {RangeError} for what `bytes` did not give */
  static from(bytes: Uint8Array): BucketSums {
    const sums = new BucketSums()
    const { count, buckets, isCanonical } = measure(bytes)
    sums.#count = count
    if (isCanonical && buckets <= mostFolded) sums.#folded = shared(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), copyOf)
    else sums.#addBytes(bytes)
    return sums
  }

  /** @param bytes that were measured */
  #addBytes(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let length = 0; length < view.byteLength;) {
      const at = this.#placeOf(view.getUint16(length))
      length += 2
      for (const start of [at, at + kindsAt]) {
        const some = view.getUint32(length)
        length += 4
        if (some === 0) continue
        this.#addSum(start, some, view, length)
        length += 4 * lanes
      }
    }
  }

  /** Called with each change. */
  #list(): void {
    this.#checkInUse()
    if (this.#isListed) return
    this.#isListed = true
    growing.push(new WeakRef(this))
    if (growing.length <= mostGrowing) return
    const oldest = growing.shift()!.deref()
    if (oldest) oldest.#rest()
  }

  #rest(): void {
    // One that was merged has gone on in another, and one with many buckets takes no less as bytes.
    if (this.#isMerged || this.#isGivenUp || this.#size > mostFolded) return
    this.bytes()
    this.#isListed = false
  }

  /** Whether so many more wait. All that has waited is added up where they do not, and they can be. */
  #waitsFor(documents: number): boolean {
    this.#list()
    // Where most buckets have their place nothing is gained by waiting.
    if (this.#waitingCount + documents <= mostWaiting && this.#size <= bucketCount / 2) return true
    this.#addWaiting()
    return false
  }

  #wait(waiting: WaitingDigests): void {
    this.#waiting.push(waiting)
    this.#waitingCount += waiting.idHashes.length / 2
  }

  #addWaiting(): void {
    this.#unfold()
    for (const waiting of this.#waiting) {
      this.#addEach(waiting)
      waiting.release()
    }
    this.#waiting = []
    this.#waitingCount = 0
  }

  /** Called for each block: a loop over all that wait would be left by way of an interpreter each time. */
  #addEach({ idHashes, digests, kinds }: Pick<WaitingDigests, 'idHashes' | 'digests' | 'kinds'>): void {
    for (let index = 0; index < idHashes.length / 2; index++)
      this.#addWords(this.#placeOf(bucketOfHash(idHashes[2 * index]!)), digests, index)
    if (!kinds) return
    for (let index = 0; index < kinds.of.length; index++) {
      const at = this.#placeOf(bucketOfHash(idHashes[2 * kinds.of[index]!]!))
      this.#addWords(at + kindsAt, kinds.digests, index)
    }
  }

  #word(bucket: number, word: number): number {
    const rank = this.#ranks[bucket]!
    return rank === 0 ? 0 : this.#words[(rank - 1) * wordsPerBucket + word]!
  }

  #placeOf(bucket: number): number {
    const rank = this.#ranks[bucket]!
    if (rank > 0) return (rank - 1) * wordsPerBucket
    if (this.#ranks === noRanks) this.#take()
    if (this.#size === this.#buckets.length) this.#grow()
    this.#buckets[this.#size] = bucket
    this.#ranks[bucket] = ++this.#size
    return (this.#size - 1) * wordsPerBucket
  }

  #take(): void {
    const arrays = spare.pop()
    if (!arrays) return void (this.#ranks = new Uint16Array(bucketCount))
    this.#ranks = arrays.ranks
    this.#buckets = arrays.buckets
    this.#words = arrays.words
  }

  #grow(): void {
    const buckets = new Uint16Array(Math.min(Math.max(4 * this.#size, initialBuckets), bucketCount))
    const words = new Uint32Array(buckets.length * wordsPerBucket)
    buckets.set(this.#buckets)
    words.set(this.#words)
    this.#buckets = buckets
    this.#words = words
  }

  /** One of several digests. */
  #addWords(at: number, digests: Uint32Array, index: number): void {
    const words = this.#words
    words[at]!++
    let carry = 0
    for (let lane = 0; lane < lanes; lane++) {
      // As integers of 32 bits, which doubles are slower than.
      const one = words[at + 1 + lane]! | 0
      const other = digests[lanes * index + lanes - 1 - lane]! | 0
      const sum = (one + other + carry) | 0
      words[at + 1 + lane] = sum
      carry = ((one & other) | ((one | other) & ~sum)) >>> 31
    }
  }

  #addDigest(at: number, digest: Uint8Array): void {
    const words = this.#words
    words[at]!++
    let carry = 0
    for (let lane = 0; lane < lanes; lane++) {
      const byte = 28 - 4 * lane
      const word = digest[byte]! * 0x1000000 + ((digest[byte + 1]! << 16) | (digest[byte + 2]! << 8) | digest[byte + 3]!)
      const sum = words[at + 1 + lane]! + word + carry
      words[at + 1 + lane] = sum
      carry = sum >= 2 ** 32 ? 1 : 0
    }
  }

  /** @param from where the sum is, the most significant lane first */
  #addSum(at: number, count: number, view: DataView, from: number): void {
    const words = this.#words
    words[at]! += count
    let carry = 0
    for (let lane = lanes; lane > 0; lane--) {
      const word = at + 1 + lanes - lane
      const sum = words[word]! + view.getUint32(from + 4 * (lane - 1)) + carry
      words[word] = sum
      carry = sum >= 2 ** 32 ? 1 : 0
    }
  }

  #mergeSum(at: number, from: Uint32Array, start: number): void {
    const words = this.#words
    words[at]! += from[start]!
    let carry = 0
    for (let lane = 1; lane <= lanes; lane++) {
      const sum = words[at + lane]! + from[start + lane]! + carry
      words[at + lane] = sum
      carry = sum >= 2 ** 32 ? 1 : 0
    }
  }
}

/** Bytes of their own: others may lie in a large buffer, and be changed. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

/** Whether sums, as bytes or as text, are as they were when their root was made, kinds and all. */
export function isOfRoot(sums: unknown, root: unknown): boolean {
  const bytes = typeof sums === 'string' ? Buffer.from(sums, 'base64') : sums
  return Buffer.isBuffer(bytes) && createHash('sha256').update(bytes).digest('hex') === root
}
