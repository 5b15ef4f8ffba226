/** Items of which nobody but stages looks into the documents: their lines go on as they are. */
import type { ItemList } from '../../formats/dynamodb/item-list.ts'
import { maxBlockBytes, packLines } from '../../kernel/kernel.ts'
import type { BlockPlace, Packed, Packing, Stretch } from '../../packed.ts'

export interface PackedItems {
  readonly packed: readonly Packed[]
  /** Indexes of those that have to go the plain way. */
  readonly left: readonly number[]
}

/** @param lines of the list @param slice of it: from and to */
export async function packItems(
  lines: NonNullable<ItemList['lines']>,
  { from, to }: { readonly from: number; readonly to: number },
  { packing, place }: { readonly packing: Packing; readonly place: BlockPlace }
): Promise<PackedItems> {
  const packed: Packed[] = []
  const left: number[] = []
  for (let next = from; next < to;) {
    const block = lines({ from: next, to, mostBytes: maxBlockBytes })
    left.push(...block.odd)
    let at = 0
    for (const stretch of block.indexes.length === 0 ? [] : await stretchesOf(block.lines, packing, place)) {
      if ('packed' in stretch) {
        packed.push(stretch.packed)
        at += stretch.packed.read
      } else left.push(block.indexes[at++]!)
    }
    next = block.to
  }
  return { packed, left }
}

function stretchesOf(block: Buffer, packing: Packing, place: BlockPlace): readonly Stretch[] | Promise<readonly Stretch[]> {
  return packing.worker ? packing.worker.work(block, place) : packLines([block], packing, { text: 'lent' })
}
