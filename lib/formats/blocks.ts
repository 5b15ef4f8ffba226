/** Cuts bytes into blocks of whole lines, as large as the input allows, without joining more than the line that two of its chunks share. */
import { isUtf8 } from 'node:buffer'
import { maxBlockBytes } from '../kernel/kernel.ts'

const newline = 0x0a
const none = Buffer.alloc(0)

export interface Block {
  /** They follow one another. */
  readonly parts: readonly Buffer[]
  /** Whether each part is whole lines with their line ends, in UTF-8, and all are no more than `maxBlockBytes`. */
  readonly isSound: boolean
}

export class BlockSplitter {
  /** The beginning of a line whose end has not come. */
  #held: Buffer[] = []
  #heldBytes = 0
  /** Whether the beginning of a line that is too long for a block was given. */
  #isWithin = false

  /** @returns what has no line end yet */
  end(): Block {
    return unsound(this.#take(none))
  }

  /** Take the next bytes. @returns all up to the last line end in them */
  *push(chunk: Buffer): Generator<Block, void, undefined> {
    let rest = chunk
    if (this.#isWithin) {
      const end = rest.indexOf(newline)
      this.#isWithin = end === -1
      yield unsound(this.#isWithin ? rest : rest.subarray(0, end + 1))
      if (this.#isWithin) return
      rest = rest.subarray(end + 1)
    }
    const end = rest.lastIndexOf(newline)
    if (end !== -1) yield* this.#cut(rest.subarray(0, end + 1))
    if (end + 1 < rest.length) this.#hold(rest.subarray(end + 1))
    if (this.#heldBytes <= maxBlockBytes / 2) return
    this.#isWithin = true
    yield this.end()
  }

  #hold(part: Buffer): void {
    // Where it lies, others are read.
    this.#held.push(Buffer.from(part))
    this.#heldBytes += part.length
  }

  #take(last: Buffer): Buffer {
    if (this.#heldBytes === 0) return last
    const bytes = Buffer.concat([...this.#held, last])
    this.#held = []
    this.#heldBytes = 0
    return bytes
  }

  /** Of lines that end here only the first is joined with what is held of it. */
  *#cut(lines: Buffer): Generator<Block, void, undefined> {
    let from = this.#heldBytes === 0 ? 0 : lines.indexOf(newline) + 1
    let first = from === 0 ? none : this.#take(lines.subarray(0, from))
    if (first.length > maxBlockBytes / 2) {
      yield unsound(first)
      first = none
    }
    while (from < lines.length || first.length > 0) {
      const room = maxBlockBytes - first.length
      const to = lines.length - from <= room ? lines.length : Math.max(from, lines.lastIndexOf(newline, from + room - 1) + 1)
      if (to > from || first.length > 0) {
        const parts = [first, lines.subarray(from, to)].filter(part => part.length > 0)
        yield { parts, isSound: parts.every(part => isUtf8(part)) }
        from = to
      } else {
        const end = lines.indexOf(newline, from) + 1
        yield unsound(lines.subarray(from, end))
        from = end
      }
      first = none
    }
  }
}

function unsound(bytes: Buffer): Block {
  return { parts: [bytes], isSound: false }
}
