/** The newest keys of 128 bits, up to a number of them: which ones came before, in memory that is bounded and small. */
const words = 4
const leastRoom = 1024
const empty = 0

/**
 * Keys stand in a ring in the order in which they came; a table with open addressing and linear probing tells where. A key costs 16 bytes in the ring and
 * 8 to 16 in the table, half of whose places at least are free.
 */
export class KeyWindow {
  readonly #most: number
  #ring: Uint32Array
  /** 1 more than the place in the ring; 0: free. */
  #table: Uint32Array
  #mask: number
  #room: number
  #size = 0
  /** Place in the ring of the oldest key. */
  #oldest = 0
  forgotten = 0

  /** @param most how many keys it holds */
  constructor(most: number) {
    this.#most = most
    this.#room = Math.min(most, leastRoom)
    this.#ring = new Uint32Array(this.#room * words)
    this.#table = new Uint32Array(tableSize(this.#room))
    this.#mask = this.#table.length - 1
  }

  get size(): number {
    return this.#size
  }

  /**
   * Add a key; where there is no room, the oldest is forgotten.
   *
   * @returns false where it is there already
   */
  add(key: Uint32Array): boolean {
    let slot = this.#slotOf(key[0]!)
    for (let entry = this.#table[slot]!; entry !== empty; entry = this.#table[slot]!) {
      if (this.#isAt(entry - 1, key)) return false
      slot = (slot + 1) & this.#mask
    }
    if (this.#size === this.#room) {
      if (this.#room < this.#most) this.#grow()
      else this.#forgetOldest()
    }
    const place = (this.#oldest + this.#size) % this.#room
    this.#ring.set(key, place * words)
    this.#size++
    this.#enter(place)
    return true
  }

  #slotOf(word: number): number {
    return word & this.#mask
  }

  #isAt(place: number, key: Uint32Array): boolean {
    const at = place * words
    const ring = this.#ring
    return ring[at] === key[0] && ring[at + 1] === key[1] && ring[at + 2] === key[2] && ring[at + 3] === key[3]
  }

  #enter(place: number): void {
    let slot = this.#slotOf(this.#ring[place * words]!)
    while (this.#table[slot] !== empty) slot = (slot + 1) & this.#mask
    this.#table[slot] = place + 1
  }

  /** Before anything is forgotten, so the oldest stands first. */
  #grow(): void {
    const ring = this.#ring
    this.#room = Math.min(this.#most, this.#room * 2)
    this.#ring = new Uint32Array(this.#room * words)
    this.#ring.set(ring)
    this.#table = new Uint32Array(tableSize(this.#room))
    this.#mask = this.#table.length - 1
    for (let place = 0; place < this.#size; place++) this.#enter(place)
  }

  #forgetOldest(): void {
    let slot = this.#slotOf(this.#ring[this.#oldest * words]!)
    while (this.#table[slot] !== this.#oldest + 1) slot = (slot + 1) & this.#mask
    this.#free(slot)
    this.#oldest = (this.#oldest + 1) % this.#room
    this.#size--
    this.forgotten++
  }

  /** Those behind it that would not be found over a gap move up. */
  #free(start: number): void {
    let gap = start
    let slot = gap
    for (;;) {
      this.#table[gap] = empty
      for (;;) {
        slot = (slot + 1) & this.#mask
        const entry = this.#table[slot]!
        if (entry === empty) return
        const home = this.#slotOf(this.#ring[(entry - 1) * words]!)
        const isBetween = gap <= slot ? gap < home && home <= slot : gap < home || home <= slot
        if (isBetween) continue
        this.#table[gap] = entry
        gap = slot
        break
      }
    }
  }
}

/** A power of two, at least twice the room. */
function tableSize(room: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(room, 2) * 2))
}
