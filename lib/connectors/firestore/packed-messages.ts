/** Answers whose documents nobody looks into: their messages become lines, and the kernel packs these. */
import { canPack, packLines } from '../../kernel/kernel.ts'
import type { Packed, Packing } from '../../packed.ts'
import { LineBlocks } from './line-blocks.ts'
import { WireReader } from './wire.ts'

/** Where most documents can't be packed, trying is not worth it: so many pages go by before the next try. */
const pagesBetweenTries = 15

/** What became of some answers. */
export interface PackedAnswers {
  readonly packed: readonly Packed[]
  /** Those that the decoder has to see. */
  readonly plain: readonly Buffer[]
}

interface Found {
  readonly packed: Packed[]
  readonly plain: Buffer[]
}

const nothing: Found = { packed: [], plain: [] }

export class MessagePacker {
  readonly #packing: Packing
  readonly #prefix: Buffer
  readonly #blocks = new LineBlocks<Buffer>((block, answers) => this.#packBlock(block, answers))
  #found: Found = nothing
  #pagesToPass = 0

  /**
   * @param collection where the answers come from
   * @returns undefined where every message has to be decoded
   */
  static for(packing: Packing | undefined, root: string, collection: string): MessagePacker | undefined {
    return packing && canPack() ? new MessagePacker(packing, `${root}/${collection}/`) : undefined
  }

  private constructor(packing: Packing, prefix: string) {
    this.#packing = packing
    this.#prefix = Buffer.from(prefix)
  }

  /** @param answers of a page, each with a document */
  pack(answers: readonly Buffer[]): PackedAnswers {
    if (this.#pagesToPass > 0) {
      this.#pagesToPass--
      return { packed: [], plain: answers }
    }
    const packed: Packed[] = []
    const plain: Buffer[] = []
    this.#found = { packed, plain }
    for (const answer of answers) {
      const [from, end] = documentIn(answer) ?? [0, 0]
      if (!this.#blocks.add(answer, answer, { from, end, prefix: this.#prefix })) plain.push(answer)
    }
    this.#blocks.flush()
    this.#found = nothing
    if (plain.length > answers.length / 2) this.#pagesToPass = pagesBetweenTries
    return { packed, plain }
  }

  #packBlock(block: Buffer, answers: readonly Buffer[]): void {
    const { packed, plain } = this.#found
    if (block.length === 0) return void plain.push(...answers)
    let line = 0
    for (const stretch of packLines([block], this.#packing, { text: 'lent' })) {
      if ('packed' in stretch) {
        packed.push(stretch.packed)
        line += stretch.packed.count
      } else plain.push(answers[line++]!)
    }
  }
}

/**
 * Where the document of a RunQueryResponse lies; undefined where it has none.
 *
 * @throws {RangeError} when it is no such message
 */
export function documentIn(answer: Buffer): readonly [from: number, end: number] | undefined {
  const reader = new WireReader(answer)
  let found: [number, number] | undefined
  while (reader.position < answer.length) {
    const tag = reader.readVarint()
    if (tag === 1 * 8 + 2) {
      const end = reader.readEnd()
      found = [reader.position, end]
      reader.position = end
    } else reader.skip(tag)
  }
  return found
}
