/** A bounded-memory memory of the ids that went by. */
import { idHashes } from '../values/id-hashes.ts'

/** So many are kept as they are: filters as small as that would take new ids for old ones too often. */
const mostFew = 1 << 8
const firstCapacity = 1 << 12
const largeLayer = 1 << 20
/** Up to here the bits of a last layer are not worth saving. */
const smallLast = 1 << 16
const maxTotalBytes = 128 << 20
/** A layer for those that are expected is so many times what came before, at most: the first documents may be of another size than the rest. */
const mostGrowth = 16
/** More than are expected, for ids that an estimate has missed. */
const spare = 1.02

interface Layer {
  readonly bits: Uint32Array
  /** What makes of 32 bits of a hash a place among these bits. */
  readonly scale: number
  readonly capacity: number
  /** Bits of each id. */
  readonly hashes: number
  count: number
}

/** Bits for each id of a layer, and how many of them are its own. */
interface Density {
  readonly bits: number
  readonly hashes: number
}

/** Small layers are soon full, and stay to be asked: they get twice the bits. */
const small: Density = { bits: 64, hashes: 8 }
/** Asked by all that come once it is full: then wrong for (1 - e^(-12/32))^12, one in a million. */
const large: Density = { bits: 32, hashes: 12 }
/** For all that are expected: wrong for (1 - e^(-14/28))^14, two in a million, once all have come, and for a tenth of that on the way there. */
const last: Density = { bits: 28, hashes: 14 }

function bytesOf(capacity: number, { bits }: Density): number {
  return 4 * Math.floor((capacity * bits) / 32)
}

function makeLayer(capacity: number, density: Density): Layer {
  const bits = new Uint32Array(bytesOf(capacity, density) / 4)
  return { bits, scale: (32 * bits.length) / 2 ** 32, capacity, hashes: density.hashes, count: 0 }
}

/**
 * Tells which ids may have come before: a Bloom filter that grows in layers. "No" is certain; "maybe" is wrong for about one id in a million.
 *
 * It takes some KB for a few hundred ids, 32 KB for a few thousand. A filter that is wrong so rarely takes at least 29 bits for an id (1.44 times
 * the logarithm of a million to the base 2): where it is told how many will come, it takes about 4 bytes for each, 19 MB for 5 million; otherwise up to
 * twice as much. It never takes more than 128 MB: past some 33 million ids it is full, and the answer is always "maybe".
 */
export class SeenIds {
  isFull = false
  /** Both hashes of each of the first ids, one pair after the other, and what tells a pair; missing once there are layers. */
  #few: { readonly hashes: number[]; readonly pairs: Set<number> } | undefined = { hashes: [], pairs: new Set() }
  readonly #layers: Layer[] = []
  readonly #expected: () => number | undefined

  /** @param expected how many ids there will be in all, as far as that is known when it is asked */
  constructor(expected: () => number | undefined = () => undefined) {
    this.#expected = expected
  }

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
      const next = this.#nextLayer(newest)
      if (!next) {
        this.isFull = true
        return true
      }
      newest = next
      this.#layers.push(newest)
    }
    set(newest, a, b)
    return false
  }

  /** @returns undefined where there is no room for another one */
  #nextLayer(newest: Layer): Layer | undefined {
    const [used, count] = this.#layers.reduce(([bytes, ids], layer) => [bytes + layer.bits.byteLength, ids + layer.count] as const, [0, 0])
    const left = Math.ceil(((this.#expected() ?? 0) - count) * spare)
    const isLast = left > 0 && left <= mostGrowth * count
    const grown = left > 0 ? mostGrowth * count : newest.capacity * (newest.capacity < largeLayer ? 4 : 2)
    const wanted = isLast ? Math.max(left, newest.capacity >> 2, firstCapacity) : grown
    const density = wanted < (isLast ? smallLast : largeLayer) ? small : isLast ? last : large
    const capacity = Math.min(wanted, Math.floor(((maxTotalBytes - used) * 8) / density.bits))
    return capacity < firstCapacity ? undefined : makeLayer(capacity, density)
  }

  #addToFew({ hashes, pairs }: { readonly hashes: number[]; readonly pairs: Set<number> }, a: number, b: number): boolean {
    const pair = pairOf(a, b)
    if (pairs.has(pair)) return true
    hashes.push(a, b)
    pairs.add(pair)
    if (pairs.size < mostFew) return false
    const first = makeLayer(firstCapacity, small)
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

function has({ bits, scale, hashes }: Layer, a: number, b: number): boolean {
  for (let i = 0, hash = a; i < hashes; i++, hash = (hash + b) | 0) {
    const at = ((hash >>> 0) * scale) >>> 0
    if (!((bits[at >>> 5] as number) & (1 << (at & 31)))) return false
  }
  return true
}

function set(layer: Layer, a: number, b: number): void {
  const { bits, scale, hashes } = layer
  for (let i = 0, hash = a; i < hashes; i++, hash = (hash + b) | 0) {
    const at = ((hash >>> 0) * scale) >>> 0
    bits[at >>> 5] = (bits[at >>> 5] as number) | (1 << (at & 31))
  }
  layer.count++
}
