/** Cuts bytes into lines of which most need no parsing: blocks of whole lines go through the kernel, and what it leaves comes as lines. */
import { isUtf8 } from 'node:buffer'
import { maxBlockBytes, packLines } from '../kernel/kernel.ts'
import type { Packed, Packing } from '../packed.ts'
import type { Line, LineSplitter } from './lines.ts'

const newline = 0x0a

/** Several lines, one after the other. */
export interface PackedRun {
  readonly packed: Packed
  /** As they were. */
  readonly raw: Buffer
}

export class PackingSplitter {
  readonly #splitter: LineSplitter
  readonly #packing: Packing
  /** The beginning of a line whose end has not come. */
  #parts: Buffer[] = []
  #partBytes = 0
  /** Whether the splitter has the beginning of a line that is too long for a block. */
  #isWithin = false

  /** @param splitter numbers the lines, and cuts those that are not packed */
  constructor(splitter: LineSplitter, packing: Packing) {
    this.#splitter = splitter
    this.#packing = packing
  }

  *push(chunk: Buffer): Generator<Line | PackedRun, void, undefined> {
    let rest = chunk
    if (this.#isWithin) {
      const end = rest.indexOf(newline)
      this.#isWithin = end === -1
      yield* this.#splitter.push(this.#isWithin ? rest : rest.subarray(0, end + 1))
      if (this.#isWithin) return
      rest = rest.subarray(end + 1)
    }
    const end = rest.lastIndexOf(newline)
    if (end !== -1) yield* this.#pack(this.#take(rest.subarray(0, end + 1)))
    if (end + 1 < rest.length) this.#keep(rest.subarray(end + 1))
    if (this.#partBytes <= maxBlockBytes / 2) return
    this.#isWithin = true
    yield* this.#splitter.push(this.#take(Buffer.alloc(0)))
  }

  /** The input ends. */
  *end(): Generator<Line, void, undefined> {
    yield* this.#splitter.push(this.#take(Buffer.alloc(0)))
    const last = this.#splitter.end()
    if (last) yield last
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

  *#pack(lines: Buffer): Generator<Line | PackedRun, void, undefined> {
    for (let from = 0; from < lines.length;) {
      const to = lines.length - from <= maxBlockBytes ? lines.length : lines.lastIndexOf(newline, from + maxBlockBytes - 1) + 1
      const block = lines.subarray(from, to)
      from = to
      if (!isUtf8(block)) {
        yield* this.#splitter.push(block)
        continue
      }
      let at = 0
      for (const stretch of packLines(block, this.#packing)) {
        const end = 'packed' in stretch ? at + stretch.bytes : stretch.to + 1
        const raw = block.subarray(at, end)
        if ('packed' in stretch) yield { packed: stretch.packed, raw }
        else yield* this.#splitter.push(raw)
        at = end
      }
    }
  }
}

/** The same where nothing is packed. */
export class PlainSplitter {
  readonly #splitter: LineSplitter

  constructor(splitter: LineSplitter) {
    this.#splitter = splitter
  }

  push(chunk: Buffer): Iterable<Line | PackedRun> {
    return this.#splitter.push(chunk)
  }

  end(): Iterable<Line> {
    const last = this.#splitter.end()
    return last ? [last] : []
  }
}
