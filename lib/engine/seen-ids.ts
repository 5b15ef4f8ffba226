/** A bounded-memory memory of the ids that went by. */
import { idHashes } from '../values/id-hashes.ts'

const hashes = 8
const firstCapacity = 1 << 8
const largeLayer = 1 << 20
const maxTotalBytes = 128 << 20

interface Layer {
  readonly bits: Uint32Array
  readonly mask: number
  readonly capacity: number
  count: number
}

/** Small layers are soon full, and stay to be asked: they get twice the bits. */
function bitsPerId(capacity: number): number {
  return capacity < largeLayer ? 64 : 32
}

function makeLayer(capacity: number): Layer {
  const bitCount = capacity * bitsPerId(capacity)
  return { bits: new Uint32Array(bitCount / 32), mask: bitCount - 1, capacity, count: 0 }
}

/**
 * Tells which ids may have come before: a Bloom filter that grows in layers. "No" is certain; "maybe" is wrong for about one id in a
 * million. It takes 2 KB for a few hundred ids, 7 MB for a million and at most 128 MB; past some 25 million ids, it is full, and the answer
 * is always "maybe".
 */
export class SeenIds {
  isFull = false
  readonly #layers: Layer[] = []

  /** Whether an id may have come before, without remembering it. */
  has(id: string): boolean {
    const [a, b] = idHashes(id)
    return this.isFull || this.#layers.some(layer => has(layer, a, b))
  }

  /** Remember an id. @returns false if it certainly did not come before */
  add(id: string): boolean {
    return this.addHashes(...idHashes(id))
  }

  /** The same by `idHashes` of the id. */
  addHashes(a: number, b: number): boolean {
    for (const layer of this.#layers) if (has(layer, a, b)) return true
    let newest = this.#layers.at(-1)
    if (!newest || newest.count >= newest.capacity) {
      const capacity = newest ? newest.capacity * (newest.capacity < largeLayer ? 4 : 2) : firstCapacity
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
}

function has({ bits, mask }: Layer, a: number, b: number): boolean {
  for (let i = 0, bit = a; i < hashes; i++, bit = (bit + b) | 0) {
    const at = bit & mask
    if (!((bits[at >>> 5] as number) & (1 << (at & 31)))) return false
  }
  return true
}

function set(layer: Layer, a: number, b: number): void {
  const { bits, mask } = layer
  for (let i = 0, bit = a; i < hashes; i++, bit = (bit + b) | 0) {
    const at = bit & mask
    bits[at >>> 5] = (bits[at >>> 5] as number) | (1 << (at & 31))
  }
  layer.count++
}
