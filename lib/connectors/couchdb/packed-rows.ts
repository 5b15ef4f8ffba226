/** Rows of `_all_docs` whose documents nobody looks into: their bytes go on as they are. */
import { isUtf8 } from 'node:buffer'
import { canPack, maxBlockBytes, packLines } from '../../kernel/kernel.ts'
import { Packed } from '../../packed.ts'
import type { Packing } from '../../packed.ts'

/** Rows that follow one another. */
export interface PackedRows {
  readonly packed: Packed
  /** As they came, each with its line end. */
  readonly lines: Buffer
  /** Documents with open conflicts, which they are given without. */
  readonly conflicts: number
}

/** Rows that have to be parsed. */
export interface PlainRows {
  readonly plain: Buffer
}

const conflictsField = '_conflicts'
const mostDropped = 32
const newline = 0x0a

export class RowPacker {
  readonly #packing: Packing

  /** @returns undefined where every row has to be parsed */
  static for(packing: Packing | undefined): RowPacker | undefined {
    if (!packing || packing.drop.length >= mostDropped || !canPack()) return undefined
    return new RowPacker(packing)
  }

  private constructor(packing: Packing) {
    const drop = packing.drop.includes(conflictsField) ? packing.drop : [...packing.drop, conflictsField]
    this.#packing = { ...packing, drop }
  }

  /** @param lines whole lines, each with its line end */
  *pack(lines: Buffer): Generator<PackedRows | PlainRows, void, undefined> {
    for (let from = 0; from < lines.length;) {
      const rest = lines.subarray(from)
      const to = rest.length <= maxBlockBytes ? rest.length : rest.lastIndexOf(newline, maxBlockBytes - 1) + 1
      const block = rest.subarray(0, to || rest.indexOf(newline) + 1)
      from += block.length
      if (to === 0 || !isUtf8(block)) yield { plain: block }
      else yield* this.#packBlock(block)
    }
  }

  *#packBlock(block: Buffer): Generator<PackedRows | PlainRows, void, undefined> {
    let at = 0
    for (const stretch of packLines([block], this.#packing, { rows: true, text: 'lent' })) {
      const end = 'packed' in stretch ? at + stretch.bytes : stretch.to + 1
      const lines = block.subarray(at, end)
      yield 'packed' in stretch ? this.#withoutConflicts(stretch.packed, lines) : { plain: lines }
      at = end
    }
  }

  /** The stages are not told of them, as they never see them. */
  #withoutConflicts(packed: Packed, lines: Buffer): PackedRows {
    const at = this.#packing.drop.indexOf(conflictsField)
    const conflicts = packed.dropped[at] ?? 0
    if (conflicts === 0) return { packed, lines, conflicts }
    return { packed: new Packed({ ...packed.parts(), dropped: packed.dropped.with(at, 0) }), lines, conflicts }
  }
}
