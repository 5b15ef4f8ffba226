import { isUtf8 } from 'node:buffer'
import { mostLineBytes, writeLine } from './message-lines.ts'

/** The kernel takes up to 1 MB. */
const blockBytes = 512 << 10

/** Behind other lines, so much more than a line takes that it has no escapes to be refused for. */
const roomForEscapes = 3

/** Gathers the lines of messages into blocks for the kernel. */
export class LineBlocks<Item> {
  readonly #block = Buffer.allocUnsafeSlow(blockBytes)
  readonly #take: (block: Buffer, items: readonly Item[]) => void
  #items: Item[] = []
  #bytes = 0

  /** @param take given a block, which is used again when it is done, and whose lines these are; with a block of none: these are no lines */
  constructor(take: (block: Buffer, items: readonly Item[]) => void) {
    this.#take = take
  }

  /** @param place as of `writeLine` @returns false where the decoder has to see the document */
  add(item: Item, message: Buffer, place: Parameters<typeof writeLine>[1]): boolean {
    const most = mostLineBytes(place.end - place.from)
    if (most > blockBytes) return false
    if (this.#bytes + roomForEscapes * most > blockBytes) this.flush()
    const end = writeLine(message, place, this.#block, this.#bytes)
    if (end < 0) return false
    this.#items.push(item)
    this.#bytes = end
    return true
  }

  flush(): void {
    const [items, block] = [this.#items, this.#block.subarray(0, this.#bytes)]
    this.#items = []
    this.#bytes = 0
    if (items.length > 0) this.#take(isUtf8(block) ? block : block.subarray(0, 0), items)
  }
}
