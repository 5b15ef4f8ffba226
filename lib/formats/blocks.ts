/** Cuts bytes into blocks of whole lines, as large as the input allows. */
import { isUtf8 } from 'node:buffer'
import { maxBlockBytes } from '../kernel/kernel.ts'

const newline = 0x0a

export interface Block {
  readonly bytes: Buffer
  /** Whether these are whole lines, each with its line end, in UTF-8, and no more than `maxBlockBytes`. */
  readonly isSound: boolean
}

export class BlockSplitter {
  /** The beginning of a line whose end has not come. */
  #parts: Buffer[] = []
  #partBytes = 0
  /** Whether the beginning of a line that is too long for a block was given. */
  #isWithin = false

  /** @returns what has no line end yet */
  end(): Block {
    return { bytes: this.#take(Buffer.alloc(0)), isSound: false }
  }

  /** Take the next bytes. @returns all up to the last line end in them */
  *push(chunk: Buffer): Generator<Block, void, undefined> {
    let rest = chunk
    if (this.#isWithin) {
      const end = rest.indexOf(newline)
      this.#isWithin = end === -1
      yield { bytes: this.#isWithin ? rest : rest.subarray(0, end + 1), isSound: false }
      if (this.#isWithin) return
      rest = rest.subarray(end + 1)
    }
    const end = rest.lastIndexOf(newline)
    if (end !== -1) yield* cut(this.#take(rest.subarray(0, end + 1)))
    if (end + 1 < rest.length) this.#keep(rest.subarray(end + 1))
    if (this.#partBytes <= maxBlockBytes / 2) return
    this.#isWithin = true
    yield this.end()
  }

  #keep(part: Buffer): void {
    this.#parts.push(part)
    this.#partBytes += part.length
  }

  #take(last: Buffer): Buffer {
    if (this.#partBytes === 0) return last
    const bytes = Buffer.concat([...this.#parts, last])
    this.#parts = []
    this.#partBytes = 0
    return bytes
  }
}

function* cut(lines: Buffer): Generator<Block, void, undefined> {
  for (let from = 0; from < lines.length;) {
    const to = lines.length - from <= maxBlockBytes ? lines.length : lines.lastIndexOf(newline, from + maxBlockBytes - 1) + 1
    const bytes = lines.subarray(from, to)
    yield { bytes, isSound: isUtf8(bytes) }
    from = to
  }
}
