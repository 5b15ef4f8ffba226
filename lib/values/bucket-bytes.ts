/**
 * Sums by buckets as bytes, the form in which they are kept and compared. For each bucket that holds anything, in order: its number (2 bytes,
 * big-endian, as all of it), its count (4), its sum (32), the documents in which numbers have kinds (4) and, where there are any, the sum of these (32).
 */

/** Part of what receipts hold: a change of it, or of `bucketOf`, makes them another. */
export const bucketCount = 4096

/** Of a digest, 32 bits each. */
export const lanes = 8

const countAt = 2
const sumAt = countAt + 4
const kindsAt = sumAt + 4 * lanes
const withoutKinds = kindsAt + 4
const withKinds = withoutKinds + 4 * lanes

/** @returns the bytes of so many buckets */
export function lengthOfBuckets(buckets: number, ofThemWithKinds: number): number {
  return buckets * withoutKinds + ofThemWithKinds * (withKinds - withoutKinds)
}

/**
 * What untrusted bytes hold.
 *
 * @returns documents, buckets, and whether no other bytes mean the same
 * @throws {RangeError} for what is no such bytes
 */
export function measure(bytes: Uint8Array): { readonly count: number; readonly buckets: number; readonly isCanonical: boolean } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let [count, buckets, before] = [0, 0, -1]
  let isCanonical = true
  for (let at = 0; at < view.byteLength; buckets++) {
    const bucket = view.getUint16(at)
    if (bucket <= before || bucket >= bucketCount) throw new RangeError('the buckets are not in order')
    before = bucket
    let next = at + countAt
    for (const isOfAll of [true, false]) {
      const some = view.getUint32(next)
      if (isOfAll) count += some
      if (isOfAll && some === 0) isCanonical = false
      next += 4
      if (some === 0) continue
      next += 4 * lanes
      // Throws where the bytes end before.
      view.getUint32(next - 4)
    }
    at = next
  }
  return { count, buckets, isCanonical }
}

/** The buckets in which the two do not hold the same documents. @param kinds whether 1 and 1.0 are different */
export function differingBuckets(one: Buffer, other: Buffer, kinds: boolean): number[] {
  if (one.equals(other)) return []
  const found: number[] = []
  for (let [at, otherAt] = [0, 0]; at < one.length || otherAt < other.length;) {
    const first = at < one.length ? one.readUInt16BE(at) : bucketCount
    const second = otherAt < other.length ? other.readUInt16BE(otherAt) : bucketCount
    const end = first <= second ? endOf(one, at) : at
    const otherEnd = second <= first ? endOf(other, otherAt) : otherAt
    const isSame =
      first === second && one.compare(other, otherAt, kinds ? otherEnd : otherAt + kindsAt, at, kinds ? end : at + kindsAt) === 0
    if (!isSame) found.push(Math.min(first, second))
    at = end
    otherAt = otherEnd
  }
  return found
}

function endOf(bytes: Buffer, at: number): number {
  return at + (bytes.readUInt32BE(at + kindsAt) > 0 ? withKinds : withoutKinds)
}

/** The sum of all buckets' modulo 2^256, as 64 hexadecimal digits. */
export function totalOf(bytes: Buffer): string {
  // Thousands of buckets at most: a double holds the sum of their lanes.
  const sums = new Float64Array(lanes)
  for (let at = 0; at < bytes.length; at = endOf(bytes, at)) {
    for (let lane = 0; lane < lanes; lane++) sums[lane]! += bytes.readUInt32BE(at + sumAt + 4 * lane)
  }
  let hex = ''
  let carry = 0
  for (let lane = lanes - 1; lane >= 0; lane--) {
    const sum = sums[lane]! + carry
    carry = Math.floor(sum / 2 ** 32)
    hex = (sum % 2 ** 32).toString(16).padStart(8, '0') + hex
  }
  return hex
}

/** Bytes that somebody holds: what a file has of its documents, what a run has of them and what its receipt says are the same bytes. */
const known = new Map<string, WeakRef<Buffer>>()
const mostKnown = 4096
/** A bucket's number, its count and most of its digest: bytes that begin alike are all but sure to be alike. */
const keyLength = 32

/** @returns bytes that are the same, of whoever came first @param copy makes of them what may be kept, where they came first */
export function shared(bytes: Buffer, copy = (own: Buffer): Buffer => own): Buffer {
  if (bytes.length === 0) return bytes
  const key = bytes.toString('latin1', 0, keyLength)
  const before = known.get(key)?.deref()
  known.delete(key)
  if (before?.equals(bytes)) {
    known.set(key, new WeakRef(before))
    return before
  }
  const kept = copy(bytes)
  known.set(key, new WeakRef(kept))
  for (const oldest of known.keys()) {
    if (known.size <= mostKnown) break
    known.delete(oldest)
  }
  return kept
}
