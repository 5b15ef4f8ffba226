/** Documents that come out of stages, as packed lines: many at once, and one by one where the kernel does not know one of them, or JSON.stringify not all of it. */
import { allOfIt, maxBlockBytes, packLines } from '../kernel/kernel.ts'
import type { TextPlace } from '../kernel/gathering.ts'
import { packList } from '../kernel/lists.ts'
import { envelopedKinds } from '../packed.ts'
import type { Packed, PackedParts, Packing } from '../packed.ts'
import { describeNoValue, isOrdinary, joinKinds, stringifySpecial } from '../values/index.ts'
import type { Stage } from '../types.ts'
import type { Document } from '../values/index.ts'

export type Written = Pick<PackedParts, 'text' | 'count' | 'digests' | 'kinds' | 'idHashes' | 'enveloped' | 'release'>

/** No more are held: a stage may make any number of one. */
const mostHeld = 1024

/**
 * JSON: a list of them.
 *
 * @param isSimple whether JSON.stringify knows all of a document
 * @param isVouched whether whoever made them gives values only
 * @throws where nothing can be written of one
 */
export function listOf(documents: readonly Document[], isSimple: (document: Document) => boolean, isVouched: boolean): string {
  if (documents.every(isSimple)) return JSON.stringify(documents)
  return `[${documents.map(each => lineOf(each, isSimple, isVouched)).join()}]`
}

function lineOf(document: Document, isSimple: (document: Document) => boolean, isVouched: boolean): string {
  if (isSimple(document)) return JSON.stringify(document)
  // A GeoPoint of text could be written, as what it is not.
  if (!isVouched && describeNoValue(document) !== undefined) throw new TypeError('no value')
  return stringifySpecial(document, {})
}

/** Whether what comes out of stages needs no look: the last one vouches for it. */
export function isVouchedFor(stages: readonly Stage[]): boolean {
  return stages.at(-1)?.givesValues ?? stages.length === 0
}

/** Where receipts leave `_rev` out, the reader has dropped it: this one was made by a stage, and the line's digest would be of it too. */
export function hasOddRevision(document: Document, { drop }: Packing): boolean {
  return document['_rev'] !== undefined && drop.includes('_rev')
}

export class DocumentWriter {
  readonly #left: Set<number>
  readonly #text: TextPlace
  readonly #isVouched: boolean
  #held: Document[] = []
  /** What each of them was made of. */
  #origins: number[] = []
  readonly #parts: Written[] = []

  /**
   * @param left is told of each origin of which a document can't be packed
   * @param isVouched whether whoever makes the documents gives values only
   */
  constructor(left: Set<number>, text: TextPlace, isVouched: boolean) {
    this.#left = left
    this.#isVouched = isVouched
    this.#text = text
  }

  /** @param of the line that it was made of */
  write(document: Document, of: number): void {
    this.#held.push(document)
    this.#origins.push(of)
    if (this.#held.length === mostHeld) this.#pack()
  }

  /** All of them, but for those that are left. Once. */
  end(): Written {
    this.#pack()
    const parts = this.#parts
    return parts.length === 1 ? parts[0]! : joined(parts)
  }

  #pack(): void {
    const held = this.#held
    if (held.length === 0) return
    const packed = packedAtOnce(held, this.#text, this.#isVouched)
    if (packed) this.#parts.push(packed.parts())
    else this.#packOneByOne()
    this.#held = []
    this.#origins = []
  }

  #packOneByOne(): void {
    let lines: Buffer[] = []
    let origins: number[] = []
    let bytes = 0
    const pack = (): void => {
      this.#packLines(Buffer.concat(lines), origins)
      lines = []
      origins = []
      bytes = 0
    }
    for (const [index, document] of this.#held.entries()) {
      const of = this.#origins[index]!
      const line = bytesOf(document, this.#isVouched)
      if (line === undefined || line.length > maxBlockBytes) {
        this.#left.add(of)
        continue
      }
      if (bytes + line.length > maxBlockBytes) pack()
      lines.push(line)
      origins.push(of)
      bytes += line.length
    }
    if (bytes > 0) pack()
  }

  #packLines(lines: Buffer, origins: readonly number[]): void {
    let at = 0
    for (const stretch of packLines([lines], allOfIt)) {
      if ('packed' in stretch) {
        this.#parts.push(stretch.packed.parts())
        at += stretch.packed.count
      } else this.#left.add(origins[at++]!)
    }
  }
}

/** @returns undefined where they have to be looked at one by one */
function packedAtOnce(documents: readonly Document[], text: TextPlace, isVouched: boolean): Packed | undefined {
  try {
    return packList(listOf(documents, isOrdinary, isVouched), documents.length, text)
  } catch {
    return undefined
  }
}

/** With its line end. @returns undefined where nothing can be written of it */
function bytesOf(document: Document, isVouched: boolean): Buffer | undefined {
  try {
    return Buffer.from(`${lineOf(document, isOrdinary, isVouched)}\n`)
  } catch {
    return undefined
  }
}

function joined(parts: readonly Written[]): Written {
  const text = Buffer.concat(parts.map(part => part.text))
  for (const { release } of parts) release?.()
  return {
    text,
    count: parts.reduce((sum, part) => sum + part.count, 0),
    digests: Uint32Array.from(parts.flatMap(part => [...part.digests])),
    kinds: joinKinds(parts),
    idHashes: Int32Array.from(parts.flatMap(part => [...part.idHashes])),
    enveloped: joinEnveloped(parts)
  }
}

function joinEnveloped(parts: readonly Written[]): readonly number[] | undefined {
  const found = parts.flatMap(({ enveloped }) => (enveloped ? [enveloped] : []))
  return found.length === 0 ? undefined : envelopedKinds.map((_, kind) => found.reduce((sum, counts) => sum + counts[kind]!, 0))
}
