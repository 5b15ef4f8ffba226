/** Documents on their way through a writer, and where each is counted when it has its outcome. */
import type { Packed } from '../packed.ts'
import type { CollectionReport } from '../report.ts'
import type { Document, Encoded } from '../types.ts'
import { digestsAt, parseJson } from '../values/index.ts'
import type { DocumentDigests } from '../values/index.ts'
import type { OutcomeSums } from './outcome-sums.ts'
import type { Outgoing } from './outgoing.ts'

export interface Books {
  readonly delta: CollectionReport
  readonly sums: OutcomeSums
  /** Marks of the partition that came before. */
  readonly mark: number
}

export interface Counted extends Outgoing {
  readonly books: Books
}

/** Lines of packed documents: their text is used again once each has its outcome. */
export class LinesUnderWay {
  readonly packed: Packed
  readonly hasNoRev: boolean
  #left: number
  #isKept = false

  constructor(packed: Packed) {
    this.packed = packed
    const { drop, noUnderscores = false } = packed.packing
    this.hasNoRev = noUnderscores || drop.includes('_rev')
    this.#left = packed.count
  }

  /** One of them has its outcome. @param isKept whether somebody may still look at its line */
  settle(isKept = false): void {
    if (isKept) this.#isKept = true
    if (--this.#left === 0 && !this.#isKept) this.packed.release?.()
  }
}

/** One of which there is the line: the document is made of it where somebody asks for it, as for a dead letter. */
export class CountedLine implements Counted {
  readonly encoded: Encoded
  readonly books: Books
  /** Which of the packed documents it is. */
  readonly at: number
  isKept = false
  readonly #line: Buffer
  readonly #lines: LinesUnderWay
  #document: Document | undefined

  constructor(lines: LinesUnderWay, at: number, { line, encoded, books }: { line: Buffer; encoded: Encoded; books: Books }) {
    this.encoded = encoded
    this.books = books
    this.at = at
    this.#line = line
    this.#lines = lines
  }

  get packed(): Packed {
    return this.#lines.packed
  }

  get hasNoRev(): boolean {
    return this.#lines.hasNoRev
  }

  get document(): Document {
    return (this.#document ??= documentOf(this.#line))
  }

  get digests(): DocumentDigests {
    return digestsAt(this.packed.digests, this.packed.kinds, this.at)
  }

  settle(): void {
    this.#lines.settle(this.isKept)
  }
}

export function documentOf(line: Buffer): Document {
  return parseJson(line.toString()) as Document
}
