/** What is done with a block, by whichever thread. */
import { packRuns } from '../kernel/elements.ts'
import type { Kernel } from '../kernel/instance.ts'
import { packInPlace } from '../kernel/kernel.ts'
import type { MemoryBlock } from '../kernel/kernel.ts'
import type { ElementRun, Packing, Stretch } from '../packed.ts'

export interface PackTask {
  readonly block: MemoryBlock
  /** Where its text goes. */
  readonly text: number
  /** Of elements of lists: see `LinePacker.packElements`. Missing of lines. */
  readonly separator?: Uint8Array
}

/** Lines, or elements. */
export type Made = Stretch | ElementRun

export function packHere(kernel: Kernel, { block, text, separator }: PackTask, packing: Packing): readonly Made[] {
  return separator ? packRuns(kernel, block, text, packing, separator) : packInPlace(kernel, block, text, packing)
}
