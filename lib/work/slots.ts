/** Places in a memory that threads share: a block of lines is read into one, and what is packed of it lies there until it is written and counted. */
import { ColumnsRoom } from '../kernel/columns.ts'

/** Longest block, in bytes: smaller ones cost more messages, larger ones more memory. */
export const slotBytes = 512 << 10
/** In front of it, for the beginning of its first line. */
const headroomBytes = 64 << 10
/** Whoever reads or writes sixteen bytes at a time may do so behind the end. */
const slackBytes = 64
const inputBytes = headroomBytes + slotBytes + slackBytes
const textBytes = headroomBytes + slotBytes + slackBytes

export class Slot {
  /** Where a block may lie, where its text goes, and what is known of its documents. */
  readonly input: Buffer
  readonly text: number
  readonly columns: number
  readonly #free: (slot: Slot) => void
  #holders = 0

  constructor(memory: Buffer, start: number, free: (slot: Slot) => void) {
    this.input = memory.subarray(start, start + inputBytes - slackBytes)
    this.text = start + inputBytes
    this.columns = this.text + textBytes
    this.#free = free
  }

  hold(): void {
    this.#holders++
  }

  /** As often as `hold`. */
  release(): void {
    if (--this.#holders > 0) return
    if (this.#holders < 0) throw new RangeError('a slot was released more often than it was held')
    this.#free(this)
  }
}

export class Slots {
  readonly #memory: Buffer
  readonly #start: number
  readonly #all: Slot[]
  /** What was used last is near. */
  readonly #free: Slot[]

  /** @param start where in the memory the first is */
  constructor(memory: Buffer, start: number, count: number) {
    this.#memory = memory
    this.#start = start
    const free = (slot: Slot): void => void this.#free.push(slot)
    this.#all = Array.from({ length: count }, (_, index) => new Slot(memory, start + index * Slots.bytes, free))
    this.#free = [...this.#all]
  }

  /** Of each. */
  static readonly bytes = inputBytes + textBytes + ColumnsRoom.bytes

  /** Held once. @returns undefined where all are in use */
  take(): Slot | undefined {
    const slot = this.#free.pop()
    slot?.hold()
    return slot
  }

  /** The one in which these bytes lie. */
  of({ buffer, byteOffset }: Buffer): Slot | undefined {
    return buffer === this.#memory.buffer ? this.#all[Math.floor((byteOffset - this.#start) / Slots.bytes)] : undefined
  }
}
