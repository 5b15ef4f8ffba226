/**
 * Short-lived buffers that others make, such as a vendor's client. Their bytes lie outside of V8's heap and are free when it next collects young garbage,
 * which it does once its young space is full of objects. Where few objects come with many bytes, these have it search the whole heap before that, over and
 * over, which takes as long as all the rest. So the young space is filled up when many bytes have come: to collect it then takes a fraction.
 */
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'

/** V8 begins to search the heap when 8 MB have come since it last did. */
const usuallyMost = 2 * 1_048_576

/** Where the young space is larger than usual, V8 waits longer too, and filling it takes long. */
const mostFilled = 16 * 1_048_576

/** Behind so many times without use, others hold the bytes. */
const mostDoublings = 6

/** An array of these is as large as one in the young space may be: larger ones lie elsewhere. */
const slots = 12_000
const slotBytes = 8

export interface YoungSpace {
  /** Bytes outside of the heap that objects on it hold. */
  outside(): number
  /** Have what is garbage of it collected. */
  fill(): void
}

/** What nobody can see would not be made. */
const made: unknown[][] = []

const ownSpace: YoungSpace = {
  outside: () => getHeapStatistics().external_memory,
  fill() {
    const space = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')
    const bytes = space?.space_available_size ?? 0
    if (bytes > mostFilled) return
    for (let left = bytes; left > 0; left -= slots * slotBytes) made[0] = new Array<unknown>(slots)
    made.pop()
  }
}

export class YoungGarbage {
  readonly #space: YoungSpace
  /** The least that was outside since V8 last collected, as far as is known. */
  #least = Infinity
  /** What was outside when the space was filled. */
  #filledAt: number | undefined
  #doublings = 0

  constructor(space = ownSpace) {
    this.#space = space
  }

  /** For moments when much has come, and little of it is still in use. */
  watch(): void {
    const outside = this.#space.outside()
    const most = usuallyMost * 2 ** this.#doublings
    if (this.#filledAt !== undefined) {
      const freed = this.#filledAt - outside
      this.#doublings = freed >= most / 2 ? 0 : Math.min(this.#doublings + 1, mostDoublings)
      this.#filledAt = undefined
      this.#least = outside
      return
    }
    this.#least = Math.min(this.#least, outside)
    if (outside - this.#least < most) return
    this.#filledAt = outside
    this.#space.fill()
  }
}

/** That of this thread. */
export const youngGarbage = new YoungGarbage()
