/** A second hash of ids, of which buckets know nothing: it chooses samples, and parts of what is too much at once. */
import { mix } from '../values/id-hashes.ts'

/** FNV-1a over the code units, from another start, mixed by the end of MurmurHash3. 32 bits. */
export function idHash(id: string): number {
  let hash = 0x9747b28c
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193)
  return mix(hash) >>> 0
}

/** Whether an id is in a sample of this share: the same ids on both sides, and each time. */
export function isInSample(id: string, share: number): boolean {
  return idHash(id) < share * 2 ** 32
}
