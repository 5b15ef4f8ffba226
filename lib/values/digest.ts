import { hash } from 'node:crypto'
import { encodeCanonical, encodeKinds } from './canonical.ts'
import type { Document } from './types.ts'

/** SHA-256 of the canonical bytes: 32 bytes. */
export function documentDigest(document: Document): Uint8Array {
  return digestOf(encodeCanonical(document))
}

/** What tells a document from any other. */
export interface DocumentDigests {
  /** `documentDigest`: of its values. */
  readonly values: Uint8Array
  /** Of its values and the kinds of its numbers; missing where the first tells these too. */
  readonly kinds?: Uint8Array
}

export function documentDigests(document: Document): DocumentDigests {
  const values = documentDigest(document)
  const kinds = encodeKinds(document)
  return kinds ? { values, kinds: digestOf(kinds) } : { values }
}

/** As text, and bytes made of it: a buffer that comes out of `hash` costs as much as the hashing. */
function digestOf(bytes: Uint8Array): Uint8Array {
  return digestFromText(hash('sha256', bytes, 'binary'))
}

/** @param values, kinds each 32 characters of Latin-1 */
export function digestsFromText(values: string, kinds: string | undefined): DocumentDigests {
  return kinds === undefined ? { values: digestFromText(values) } : { values: digestFromText(values), kinds: digestFromText(kinds) }
}

/** @param text 32 characters of Latin-1 */
function digestFromText(text: string): Uint8Array {
  const digest = new Uint8Array(32)
  for (let index = 0; index < 32; index++) digest[index] = text.charCodeAt(index)
  return digest
}

const wordsOfDigest = 8

/** `DocumentDigests.kinds` of some of several documents: the index of each that has them, in order, and the digests as those of the values. */
export interface KindDigests {
  readonly of: Uint32Array
  readonly digests: Uint32Array
}

/** Both of one of several documents. */
export function digestsAt(digests: Uint32Array, kinds: KindDigests | undefined, at: number): DocumentDigests {
  const values = digestAt(digests, at)
  const index = kinds ? kinds.of.indexOf(at) : -1
  return index === -1 ? { values } : { values, kinds: digestAt(kinds!.digests, index) }
}

/** Of several lists of documents, as of one list. */
export function joinKinds(parts: readonly { readonly count: number; readonly kinds: KindDigests | undefined }[]): KindDigests | undefined {
  const indexes: number[] = []
  const digests: number[] = []
  let before = 0
  for (const { count, kinds } of parts) {
    for (const index of kinds?.of ?? []) indexes.push(before + index)
    for (const word of kinds?.digests ?? []) digests.push(word)
    before += count
  }
  return indexes.length === 0 ? undefined : { of: Uint32Array.from(indexes), digests: Uint32Array.from(digests) }
}

/** One of several digests, as bytes. @param digests eight words for each, the most significant first */
export function digestAt(digests: Uint32Array, at: number): Buffer {
  const bytes = Buffer.allocUnsafe(4 * wordsOfDigest)
  for (let word = 0; word < wordsOfDigest; word++) bytes.writeUInt32BE(digests[wordsOfDigest * at + word]!, 4 * word)
  return bytes
}

/** What tells one state of a document from another, in few characters. */
export interface Mark {
  /** First 132 bits of `DocumentDigests.values`: 22 characters of base64url. */
  readonly values: string
  /** The same of `DocumentDigests.kinds`, empty where there is none; missing where kinds are not told. */
  readonly kinds?: string
}

export function markOf(document: Document, { kinds }: { readonly kinds: boolean }): Mark {
  return markOfDigests(kinds ? documentDigests(document) : { values: documentDigest(document) }, { kinds })
}

/** @param digests made with kinds where these are to be told */
export function markOfDigests({ values, kinds }: DocumentDigests, told: { readonly kinds: boolean }): Mark {
  return { values: shorten(values), ...(told.kinds && { kinds: kinds ? shorten(kinds) : '' }) }
}

/** By all that both tell. */
export function isSameMark(a: Mark, b: Mark): boolean {
  return a.values === b.values && (a.kinds === undefined || b.kinds === undefined || a.kinds === b.kinds)
}

/** Characters of `Mark.values`. */
export const markLength = 22
const base64url = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')

/**
 * Write `Mark.values` of one of several digests.
 *
 * @param digests eight words for each, the most significant first
 * @returns the place behind it
 */
export function writeMark(digests: Uint32Array, at: number, bytes: Uint8Array, to: number): number {
  const first = wordsOfDigest * at
  for (let index = 0; index < markLength; index++) {
    const bit = 6 * index
    const word = first + (bit >> 5)
    const shift = 26 - (bit & 31)
    const value = shift >= 0 ? digests[word]! >>> shift : (digests[word]! << -shift) | (digests[word + 1]! >>> (32 + shift))
    bytes[to + index] = base64url[value & 63]!
  }
  return to + markLength
}

/** What so many characters hold at most. */
const shortBytes = 17

function shorten(digest: Uint8Array): string {
  const bytes = Buffer.isBuffer(digest) ? digest : Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength)
  return bytes.toString('base64url', 0, shortBytes).slice(0, 22)
}

const lanes = 8
const laneSize = 2 ** 32

/**
 * The digest of many documents, whatever their order: the sum of their digests modulo 2^256, and their count. Two sums over parts of a
 * collection merge into the sum of the whole.
 */
export class DigestSum {
  count = 0
  /** The sum in 32-bit lanes, least significant first. */
  readonly #sum = new Uint32Array(lanes)

  /** Continue from what `hex()` and `count` gave. */
  static from(count: number, hex: string): DigestSum {
    if (!/^[0-9a-f]{64}$/.test(hex)) throw new RangeError('a digest has 64 hexadecimal digits')
    const sum = new DigestSum()
    sum.count = count
    for (let lane = 0; lane < lanes; lane++) sum.#sum[lane] = parseInt(hex.slice(56 - 8 * lane, 64 - 8 * lane), 16)
    return sum
  }

  add(document: Document): void {
    this.addDigest(documentDigest(document))
  }

  /** @param digest as `documentDigest` gave it */
  addDigest(digest: Uint8Array): void {
    this.count++
    let carry = 0
    for (let lane = 0; lane < lanes; lane++) {
      const at = 28 - 4 * lane
      const word = digest[at]! * 0x1000000 + ((digest[at + 1]! << 16) | (digest[at + 2]! << 8) | digest[at + 3]!)
      carry = this.#addToLane(lane, word + carry)
    }
  }

  /** @param digests of each eight words, the most significant first */
  addAll(digests: Uint32Array): void {
    this.count += digests.length / lanes
    for (let end = lanes; end <= digests.length; end += lanes) {
      let carry = 0
      for (let lane = 0; lane < lanes; lane++) carry = this.#addToLane(lane, digests[end - 1 - lane]! + carry)
    }
  }

  merge(other: DigestSum): void {
    this.count += other.count
    let carry = 0
    for (let lane = 0; lane < lanes; lane++) carry = this.#addToLane(lane, other.#sum[lane]! + carry)
  }

  /** 64 digits. */
  hex(): string {
    return Array.from(this.#sum, lane => lane.toString(16).padStart(8, '0'))
      .reverse()
      .join('')
  }

  #addToLane(lane: number, addend: number): number {
    const total = this.#sum[lane]! + addend
    this.#sum[lane] = total
    return total >= laneSize ? 1 : 0
  }
}
