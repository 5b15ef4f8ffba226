/** Counts how many hashes of a list came before in it, for one list after the other. */

/** Larger a table would take more memory than the hashes do. */
const mostInTable = 1 << 18

/** Its memory is used again: what one table for each list took would not be collected before the last one is counted. */
export class RepeatTable {
  #table = new Int32Array()

  /** @param hashes two words of each; where there are many, they are sorted */
  count(hashes: Int32Array): number {
    return hashes.length <= 2 * mostInTable ? this.#countByTable(hashes) : countBySorting(hashes)
  }

  #countByTable(hashes: Int32Array): number {
    const bits = Math.max(4, Math.ceil(Math.log2(hashes.length)))
    const table = this.#emptyTable(2 << bits)
    const mask = table.length - 2
    let zeros = 0
    let count = 0
    for (let at = 0; at < hashes.length; at += 2) {
      const first = hashes[at]!
      const second = hashes[at + 1]!
      // What is empty is zeros.
      if (first === 0 && second === 0) zeros++
      let place = (Math.imul(first ^ second, 0x9e3779b1) >>> (32 - bits)) << 1
      while ((table[place] !== first || table[place + 1] !== second) && (table[place] !== 0 || table[place + 1] !== 0))
        place = (place + 2) & mask
      if (table[place] === first && table[place + 1] === second) count++
      table[place] = first
      table[place + 1] = second
    }
    return zeros > 0 ? count - 1 : count
  }

  #emptyTable(words: number): Int32Array {
    if (this.#table.length < words) return (this.#table = new Int32Array(words))
    return this.#table.subarray(0, words).fill(0)
  }
}

function countBySorting(hashes: Int32Array): number {
  // Pairs of words, lower one first: numbers of 64 bits are slow to compare.
  new BigUint64Array(hashes.buffer, hashes.byteOffset, hashes.length / 2).sort()
  let count = 0
  for (let at = 2; at < hashes.length; at += 2) if (hashes[at] === hashes[at - 2] && hashes[at + 1] === hashes[at - 1]) count++
  return count
}
