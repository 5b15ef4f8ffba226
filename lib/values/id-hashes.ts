/** Two independent 32-bit hashes of an id in one pass over its code units: FNV-1a and a multiplicative one, both mixed by the end of MurmurHash3. */
export function idHashes(id: string): readonly [number, number] {
  let first = 0x811c9dc5
  let second = 0x9747b28c
  for (let index = 0; index < id.length; index++) {
    const unit = id.charCodeAt(index)
    first = Math.imul(first ^ unit, 0x01000193)
    second = Math.imul(second, 0x5bd1e995) ^ unit
  }
  first = mix(first)
  return [first, mix(second ^ first) | 1]
}

/** The end of MurmurHash3. */
export function mix(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
