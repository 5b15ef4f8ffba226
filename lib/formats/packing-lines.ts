/** Cuts bytes into lines of which most need no parsing: blocks of whole lines go through the kernel, and what it leaves comes as lines. */
import { isUtf8 } from 'node:buffer'
import { maxBlockBytes, packLines } from '../kernel/kernel.ts'
import type { Packed, Packing } from '../packed.ts'
import type { Line, LineSplitter } from './lines.ts'

const newline = 0x0a
const none = Buffer.alloc(0)

/** Several lines, one after the other. */
export interface PackedRun {
  readonly packed: Packed
  /** As they were, in parts. */
  readonly raw: readonly Buffer[]
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
    if (end !== -1) yield* this.#packWhole(rest.subarray(0, end + 1))
    if (end + 1 < rest.length) this.#keep(rest.subarray(end + 1))
    if (this.#partBytes <= maxBlockBytes / 2) return
    this.#isWithin = true
    yield* this.#splitter.push(this.#take(none))
  }

  /** The input ends. */
  *end(): Generator<Line, void, undefined> {
    yield* this.#splitter.push(this.#take(none))
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

  /** Of lines that end here only the first is joined with what is held of it. */
  *#packWhole(lines: Buffer): Generator<Line | PackedRun, void, undefined> {
    let from = this.#partBytes === 0 ? 0 : lines.indexOf(newline) + 1
    let first = from === 0 ? none : this.#take(lines.subarray(0, from))
    if (first.length > maxBlockBytes / 2) {
      yield* this.#splitter.push(first)
      first = none
    }
    while (from < lines.length || first.length > 0) {
      const room = maxBlockBytes - first.length
      const to = lines.length - from <= room ? lines.length : lines.lastIndexOf(newline, from + room - 1) + 1
      if (to > from || first.length > 0) {
        yield* this.#pack([first, lines.subarray(from, Math.max(from, to))])
        from = Math.max(from, to)
      } else {
        const end = lines.indexOf(newline, from) + 1
        yield* this.#splitter.push(lines.subarray(from, end))
        from = end
      }
      first = none
    }
  }

  *#pack(parts: readonly Buffer[]): Generator<Line | PackedRun, void, undefined> {
    if (!parts.every(part => isUtf8(part))) {
      for (const part of parts) yield* this.#splitter.push(part)
      return
    }
    let at = 0
    for (const stretch of packLines(parts, this.#packing)) {
      const end = 'packed' in stretch ? at + stretch.bytes : stretch.to + 1
      const raw = cut(parts, at, end)
      if ('packed' in stretch) yield { packed: stretch.packed, raw }
      else for (const part of raw) yield* this.#splitter.push(part)
      at = end
    }
  }
}

/** Places in parts that follow one another. */
function cut(parts: readonly Buffer[], from: number, to: number): Buffer[] {
  const found: Buffer[] = []
  let start = 0
  for (const part of parts) {
    const piece = part.subarray(Math.max(0, from - start), Math.max(0, to - start))
    if (piece.length > 0) found.push(piece)
    start += part.length
  }
  return found
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
