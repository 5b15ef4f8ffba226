/** Items of which nobody but stages looks into the documents: their lines go on as they are. */
import type { ItemList } from '../../formats/dynamodb/item-list.ts'
import { maxBlockBytes, packLines } from '../../kernel/kernel.ts'
import type { BlockPlace, Packed, Packing, Stretch } from '../../packed.ts'

export interface PackedItems {
  readonly packed: readonly Packed[]
  /** Indexes of those that have to go the plain way. */
  readonly left: readonly number[]
}

/** @param slice of the list: from and to */
export async function packItems(
  items: ItemList,
  { from, to }: { readonly from: number; readonly to: number },
  { packing, place }: { readonly packing: Packing; readonly place: BlockPlace }
): Promise<PackedItems> {
  const packed: Packed[] = []
  const left: number[] = []
  for (const { block, indexes } of blocksOf(items, from, to, left)) {
    let at = 0
    for (const stretch of await stretchesOf(block, packing, place)) {
      if ('packed' in stretch) {
        packed.push(stretch.packed)
        at += stretch.packed.read
      } else left.push(indexes[at++]!)
    }
  }
  return { packed, left }
}

function stretchesOf(block: Buffer, packing: Packing, place: BlockPlace): readonly Stretch[] | Promise<readonly Stretch[]> {
  return packing.worker ? packing.worker.work(block, place) : packLines([block], packing)
}

interface Lines {
  readonly block: Buffer
  /** Of the item that each line is of. */
  readonly indexes: readonly number[]
}

function* blocksOf(items: ItemList, from: number, to: number, left: number[]): Generator<Lines, void, undefined> {
  let lines: Buffer[] = []
  let indexes: number[] = []
  let bytes = 0
  for (let index = from; index < to; index++) {
    const line = items.line?.(index)
    if (!line || line.length > maxBlockBytes) left.push(index)
    else {
      if (bytes + line.length > maxBlockBytes) {
        yield { block: Buffer.concat(lines), indexes }
        lines = []
        indexes = []
        bytes = 0
      }
      lines.push(line)
      indexes.push(index)
      bytes += line.length
    }
  }
  if (bytes > 0) yield { block: Buffer.concat(lines), indexes }
}
