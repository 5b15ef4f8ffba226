/** Documents on their way through a writer, and where each is counted when it has its outcome. */
import type { Packed } from '../packed.ts'
import type { CollectionReport } from '../report.ts'
import type { Document, Encoded } from '../types.ts'
import { digestsAt, parseJson } from '../values/index.ts'
import type { DocumentDigests } from '../values/index.ts'
import type { OutcomeSums } from './outcome-sums.ts'
import type { Outgoing } from './write-batch.ts'

export interface Books {
  readonly delta: CollectionReport
  readonly sums: OutcomeSums
  /** Marks of the partition that came before. */
  readonly mark: number
}

export interface Counted extends Outgoing {
  readonly books: Books
}

/** One of which there is the line: the document is made of it where somebody asks for it, as for a dead letter. */
export class CountedLine implements Counted {
  readonly encoded: Encoded
  readonly books: Books
  readonly hasNoRev: boolean
  readonly #line: Buffer
  readonly #packed: Packed
  readonly #at: number
  #digests: DocumentDigests | undefined
  #document: Document | undefined

  /** @param at which of the packed documents it is */
  constructor(packed: Packed, at: number, { line, encoded, books }: { line: Buffer; encoded: Encoded; books: Books }) {
    this.encoded = encoded
    this.books = books
    this.hasNoRev = packed.packing.drop.includes('_rev')
    this.#line = line
    this.#packed = packed
    this.#at = at
  }

  get document(): Document {
    return (this.#document ??= documentOf(this.#line))
  }

  get digests(): DocumentDigests {
    return (this.#digests ??= digestsAt(this.#packed.digests, this.#packed.kinds, this.#at))
  }
}

export function documentOf(line: Buffer): Document {
  return parseJson(line.toString()) as Document
}
