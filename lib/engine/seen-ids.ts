/** A bounded-memory memory of the ids that went by. */
import { idHashes } from '../values/id-hashes.ts'

/** So many are kept as they are: filters as small as that would take new ids for old ones too often. */
const mostFew = 1 << 8
const firstCapacity = 1 << 12
const largeLayer = 1 << 20
const maxTotalBytes = 128 << 20

interface Layer {
  readonly bits: Uint32Array
  readonly mask: number
  readonly capacity: number
  /** Bits of each id. */
  readonly hashes: number
  count: number
}

/** Small layers are soon full, and stay to be asked: they get twice the bits. */
function bitsPerId(capacity: number): number {
  return capacity < largeLayer ? 64 : 32
}

function makeLayer(capacity: number): Layer {
  const bitCount = capacity * bitsPerId(capacity)
  return { bits: new Uint32Array(bitCount / 32), mask: bitCount - 1, capacity, hashes: capacity < largeLayer ? 8 : 12, count: 0 }
}

/**
 * Tells which ids may have come before: a Bloom filter that grows in layers. "No" is certain; "maybe" is wrong for about one id in a
 * million. It takes some KB for a few hundred ids, 32 KB for a few thousand, 7 MB for a million and at most 128 MB; past some 25 million ids, it is full, and the answer
 * is always "maybe".
 */
export class SeenIds {
  isFull = false
  /** Both hashes of each of the first ids, one pair after the other, and what tells a pair; missing once there are layers. */
  #few: { readonly hashes: number[]; readonly pairs: Set<number> } | undefined = { hashes: [], pairs: new Set() }
  readonly #layers: Layer[] = []

  /** Whether an id may have come before, without remembering it. */
  has(id: string): boolean {
    return this.hasHashes(...idHashes(id))
  }

  /** The same by `idHashes` of the id. */
  hasHashes(a: number, b: number): boolean {
    return this.isFull || this.#few?.pairs.has(pairOf(a, b)) || this.#layers.some(layer => has(layer, a, b))
  }

  /** Remember an id. @returns false if it certainly did not come before */
  add(id: string): boolean {
    return this.addHashes(...idHashes(id))
  }

  /** The same by `idHashes` of the id. */
  addHashes(a: number, b: number): boolean {
    if (this.#few) return this.#addToFew(this.#few, a, b)
    for (const layer of this.#layers) if (has(layer, a, b)) return true
    let newest = this.#layers.at(-1) as Layer
    if (newest.count >= newest.capacity) {
      const capacity = newest.capacity * (newest.capacity < largeLayer ? 4 : 2)
      const used = this.#layers.reduce((sum, layer) => sum + layer.bits.byteLength, 0)
      if (used + (capacity * bitsPerId(capacity)) / 8 > maxTotalBytes) {
        this.isFull = true
        return true
      }
      newest = makeLayer(capacity)
      this.#layers.push(newest)
    }
    set(newest, a, b)
    return false
  }

  #addToFew({ hashes, pairs }: { readonly hashes: number[]; readonly pairs: Set<number> }, a: number, b: number): boolean {
    const pair = pairOf(a, b)
    if (pairs.has(pair)) return true
    hashes.push(a, b)
    pairs.add(pair)
    if (pairs.size < mostFew) return false
    const first = makeLayer(firstCapacity)
    for (let at = 0; at < hashes.length; at += 2) set(first, hashes[at]!, hashes[at + 1]!)
    this.#layers.push(first)
    this.#few = undefined
    return false
  }
}

/** As much of both as a number holds. */
function pairOf(a: number, b: number): number {
  return a * 2 ** 21 + (b >>> 11)
}

function has({ bits, mask, hashes }: Layer, a: number, b: number): boolean {
  for (let i = 0, bit = a; i < hashes; i++, bit = (bit + b) | 0) {
    const at = bit & mask
    if (!((bits[at >>> 5] as number) & (1 << (at & 31)))) return false
  }
  return true
}

function set(layer: Layer, a: number, b: number): void {
  const { bits, mask, hashes } = layer
  for (let i = 0, bit = a; i < hashes; i++, bit = (bit + b) | 0) {
    const at = bit & mask
    bits[at >>> 5] = (bits[at >>> 5] as number) | (1 << (at & 31))
  }
  layer.count++
}
