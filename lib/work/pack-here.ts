/** What is done with a block, by whichever thread. */
import { ColumnsRoom } from '../kernel/columns.ts'
import { packRuns } from '../kernel/elements.ts'
import type { Kernel } from '../kernel/instance.ts'
import { packInPlace } from '../kernel/kernel.ts'
import type { MemoryBlock, PackRoom } from '../kernel/kernel.ts'
import type { ElementRun, Packing, Stretch } from '../packed.ts'

export interface PackTask {
  readonly block: MemoryBlock
  /** Where its text goes, and what is known of its documents. */
  readonly text: number
  readonly columns: number
  /** Of elements of lists: see `LinePacker.packElements`. Missing of lines. */
  readonly separator?: Uint8Array
}

/** Lines, or elements. */
export type Made = Stretch | ElementRun

export function packHere(kernel: Kernel, { block, text, columns, separator }: PackTask, packing: Packing): readonly Made[] {
  const room: PackRoom = { text, columns: new ColumnsRoom(kernel.bytes, columns) }
  return separator ? packRuns(kernel, block, room, packing, separator) : packInPlace(kernel, block, room, packing)
}
