/** Elements of JSON lists that are documents, read without making objects of them. */
import { isUtf8 } from 'node:buffer'
import type { ElementRun, PackedElements, Packing } from '../packed.ts'
import { kind, mostLines, place, record, writeDropped } from './instance.ts'
import type { Kernel } from './instance.ts'
import type { ColumnsRoom } from './columns.ts'
import { Gathering, textOf } from './gathering.ts'
import { load, ownKernel, readNumbers } from './kernel.ts'
import type { MemoryBlock, PackRoom } from './kernel.ts'

/** The kernel reads sixteen bytes at a time, and takes what is not whole for wrong where zeros follow. */
const zeros = 64

/**
 * Take a part of a list.
 *
 * @param block valid UTF-8; at most `maxBlockBytes`
 * @returns undefined where nothing can be packed; otherwise what packs elements of it, as long as nothing else is packed
 */
export function openElements(block: Buffer, packing: Packing): PackElements | undefined {
  const kernel = ownKernel()
  if (kernel === null) return undefined
  load(kernel, [block], packing)
  const end = kernel.base + place.input + block.length
  kernel.memory.fill(0, end, end + zeros)
  return (from, most) => packElements(kernel, block, packing, { from, most })
}

/**
 * As many elements as stand whole from a place of the block on, and need not be parsed.
 *
 * @param from where an element may begin
 * @param most elements; at least 1
 * @returns undefined where the first one is not whole, or must be parsed
 */
export type PackElements = (from: number, most: number) => PackedElements | undefined

/** Behind so many places at which next to nothing could be packed, the rest is left. */
const mostVain = 16
/** Fewer elements than that are next to nothing. */
const leastElements = 4

/**
 * Pack what stands behind separators, up to what is no element, and go on behind the next separator. Nothing is copied.
 *
 * @param block which need not be UTF-8; what stands behind it is overwritten
 * @param room as for `packInPlace`
 * @param separator as `LinePacker.packElements` gets it
 */
export function packRuns(
  kernel: Kernel,
  block: MemoryBlock,
  { text, columns }: PackRoom,
  packing: Packing,
  separator: Uint8Array
): ElementRun[] {
  const bytes = kernel.memory.subarray(block.from, block.from + block.length)
  const behindComma = separator.indexOf(comma) + 1
  const runs: ElementRun[] = []
  writeDropped(kernel, packing)
  kernel.begin(block.from, text, kind.line)
  kernel.memory.fill(0, block.from + block.length, block.from + block.length + zeros)
  let vain = 0
  for (let at = bytes.indexOf(separator); at !== -1 && vain < mostVain;) {
    const from = at + behindComma
    const found = packElements(kernel, bytes, packing, { from, most: Infinity, columns })
    if (found && isUtf8(bytes.subarray(from, from + found.bytes))) runs.push({ ...found, from })
    if (!found || found.packed.count < leastElements) vain++
    at = bytes.indexOf(separator, from + (found?.bytes ?? 0))
  }
  return runs
}

const comma = 0x2c

/** @param how `columns`: where there is room for what is known of them; then the text stays where it is too, for as long */
function packElements(
  kernel: Kernel,
  block: Buffer,
  packing: Packing,
  { from, most, columns }: { readonly from: number; readonly most: number; readonly columns?: ColumnsRoom }
): PackedElements | undefined {
  const { words, readList, seek, base } = kernel
  const gathering = new Gathering(kernel, packing, 'digests', columns)
  let lines = 0
  let left = most
  seek(from)
  while (left > 0) {
    const count = readList(block.length, Math.min(left, mostLines))
    left = count === 0 ? 0 : left - count
    for (let element = 0; element < count; element++) {
      const at = ((base + place.lines) >> 2) + record.words * element
      if (readNumbers(kernel, words[at + record.numbers]!)) {
        gathering.add(at, words[at + record.length]!)
        lines = words[at + record.lines]!
      } else left = 0
    }
  }
  const { bytes } = gathering
  if (bytes === 0) return undefined
  return { packed: gathering.packed(columns ? 'kept' : textOf(packing)), bytes, lines, hasComma: block[from + bytes - 1] === comma }
}
