/** The sizes of any number of documents, in the space of a few of them. */

/** Steps between a power of two and the next. A step's middle is then at most 1/256 away from any size in it. */
const stepsPerDoubling = 128
const stepBits = Math.log2(stepsPerDoubling)

/** Sizes below it have a counter of their own. */
const exactBelow = 2 * stepsPerDoubling
const largestCounted = 0xffffffff

/** Count, total, smallest and largest are exact, quantiles within 0.4 % (below 256 exact, from 4 GiB on only between 4 GiB and the largest). */
export class Distribution {
  /** By step; the sizes of one collection fall into some hundreds of a few thousand. */
  readonly #counts = new Map<number, number>()
  #count = 0
  #total = 0
  #smallest = Infinity
  #largest = 0

  /** @param bytes a whole number from 0 */
  add(bytes: number): void {
    this.#count++
    this.#total += bytes
    if (bytes < this.#smallest) this.#smallest = bytes
    if (bytes > this.#largest) this.#largest = bytes
    const step = stepOf(bytes < largestCounted ? bytes : largestCounted)
    this.#counts.set(step, (this.#counts.get(step) ?? 0) + 1)
  }

  get count(): number {
    return this.#count
  }

  get total(): number {
    return this.#total
  }

  /** 0 where there is none. */
  get smallest(): number {
    return this.#count === 0 ? 0 : this.#smallest
  }

  /** 0 where there is none. */
  get largest(): number {
    return this.#largest
  }

  /**
   * The least size that at least this share of the documents does not exceed.
   *
   * @param q from 0 (the smallest) to 1 (the largest); 0.5 is the median
   * @returns 0 where there is none
   */
  quantile(q: number): number {
    const rank = Math.ceil(q * this.#count)
    if (rank <= 1) return this.smallest
    if (rank >= this.#count) return this.#largest
    let seen = 0
    const step = [...this.#counts.keys()].sort((a, b) => a - b).find(each => (seen += this.#counts.get(each)!) >= rank)!
    return Math.min(Math.max(middleOf(step), this.#smallest), this.#largest)
  }
}

/** Sizes in their order: each its own step at first, then as many to a step as halve the precision with each doubling. */
function stepOf(bytes: number): number {
  if (bytes < exactBelow) return bytes
  const shift = 31 - stepBits - Math.clz32(bytes)
  return shift * stepsPerDoubling + (bytes >>> shift)
}

function middleOf(step: number): number {
  if (step < exactBelow) return step
  const shift = Math.floor(step / stepsPerDoubling) - 1
  const width = 2 ** shift
  return (step - shift * stepsPerDoubling) * width + Math.floor((width - 1) / 2)
}
