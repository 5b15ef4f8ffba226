/**
 * Documents that come as objects, packed as if they had come as lines: one JSON.stringify writes many of them at once, and all that is known of them beside
 * their objects, digests and ids, is read from what it wrote. To encode and to digest one after the other costs half as much again, and leaves more behind.
 */
import type { DocumentStretch, Packed, Packing } from '../packed.ts'
import { notOrdinary, ordinaryLength } from '../values/index.ts'
import type { Document } from '../values/index.ts'
import { kind, place } from './instance.ts'
import type { Kernel } from './instance.ts'
import { maxBlockBytes, ownKernel } from './kernel.ts'
import { gatherList, isShort } from './lists.ts'

/** What begins with an underscore is the database's own business, or means something to one. */
const packing: Packing = { drop: [], byLine: true, noUnderscores: true }

/** So few are not worth the kernel's start. */
const fewDocuments = 16
/** Characters that are written at once, about: each is three bytes at most, but for what is escaped. */
const mostLength = maxBlockBytes / 4
/** Documents of a list that the kernel does not know, behind which the rest of it is written anew. */
const mostOdd = 3
/** Lists that are not looked at behind one of which little could be packed: those that follow are like it. */
const mostLeft = 32

export class DocumentPacker {
  #left = 0

  /**
   * @param documents whatever stages have given for such; they do not change
   * @returns all of them, in their order
   */
  pack(documents: readonly Document[]): readonly DocumentStretch[] {
    const isLeft = this.#left > 0 && this.#left-- > 0
    const kernel = isLeft || documents.length < fewDocuments ? null : ownKernel()
    if (kernel === null) return [{ documents }]
    const stretches = new Stretches(documents)
    for (let from = 0; from < documents.length;) {
      const to = endOfList(documents, from)
      packList(kernel, documents, { from, to, stretches })
      if (to === from) stretches.addPlain(from, ++from)
      else from = to
    }
    if (stretches.packed < documents.length / 2) this.#left = mostLeft
    return stretches.all
  }
}

class Stretches {
  readonly all: DocumentStretch[] = []
  /** Documents. */
  packed = 0
  readonly #documents: readonly Document[]

  constructor(documents: readonly Document[]) {
    this.#documents = documents
  }

  add(from: number, packed: Packed): void {
    this.all.push({ documents: this.#documents.slice(from, from + packed.count), packed })
    this.packed += packed.count
  }

  addPlain(from: number, to: number): void {
    if (to > from) this.all.push({ documents: this.#documents.slice(from, to) })
  }
}

/** Behind those that follow one another, are ordinary and have room together. */
function endOfList(documents: readonly Document[], from: number): number {
  let length = 0
  for (let index = from; index < documents.length; index++) {
    const document = documents[index]!
    const more = typeof document?._id === 'string' ? ordinaryLength(document) : notOrdinary
    if (more === notOrdinary || (length += more) > mostLength) return index
  }
  return documents.length
}

interface List {
  readonly from: number
  readonly to: number
  readonly stretches: Stretches
}

function packList(kernel: Kernel, documents: readonly Document[], { from, to, stretches }: List): void {
  let next = from
  for (let odd = 0; next < to && odd <= mostOdd; odd++) {
    const packed = packFirst(kernel, documents.slice(next, to))
    if (packed) stretches.add(next, packed)
    next += packed?.count ?? 0
    if (next < to) stretches.addPlain(next, ++next)
  }
  stretches.addPlain(next, to)
}

/** @returns as many as the kernel knows; undefined for none */
function packFirst(kernel: Kernel, documents: readonly Document[]): Packed | undefined {
  const list = JSON.stringify(documents)
  if (!isShort(list, maxBlockBytes)) return undefined
  const { base } = kernel
  const gathering = gatherList(kernel, packing, { list, from: base + place.input, to: base + place.text, its: kind.line })
  return gathering.count === 0 ? undefined : gathering.packed('lent')
}
