/**
 * Documents as lines of JSON, read without making objects of them: WebAssembly checks each, leaves top-level fields out, and gives the bytes that
 * its digest is made of. What it does not know goes the plain way, and so does every line where WebAssembly is switched off.
 */
import type { Packing, PlainLine, Stretch } from '../packed.ts'
import type { ColumnsRoom } from './columns.ts'
import { copyBytes } from './copy-bytes.ts'
import { digestOf, formsOf } from './digests.ts'
import { Gathering, textOf } from './gathering.ts'
import type { TextPlace } from './gathering.ts'
import { kind, mostLines, openKernel, openMemory, place, record, writeDropped } from './instance.ts'
import type { Kernel } from './instance.ts'

/** Longest block that `packLines` takes, in bytes. */
export const maxBlockBytes = (1 << 20) - 64

/** Whether lines can be packed here at all. */
export function canPack(): boolean {
  return ownKernel() !== null
}

/**
 * @param parts of a block, each of whole lines with their line ends; valid UTF-8; together at most `maxBlockBytes`
 * @param options `digests`: whether these are wanted: without them the list of digests is empty; `rows`: whether the lines are rows of CouchDB's
 * `_all_docs`, each with the document as its last member; `room`: most documents of the first that is packed, where there is a most; `text`: where theirs
 * goes
 */
export function packLines(
  parts: readonly Buffer[],
  packing: Packing,
  { digests = true, rows = false, room = packing.most, text = textOf(packing) }: LinesOptions = {}
): Stretch[] {
  module ??= start()
  if (module === null) return plainLines(parts)
  const length = load(module, parts, packing, rows ? kind.row : kind.line)
  return readStretches(module, { from: module.base + place.input, length }, packing, { digests, room, text })
}

interface LinesOptions {
  readonly digests?: boolean
  readonly rows?: boolean
  readonly room?: number | undefined
  readonly text?: TextPlace
}

/** A part of the kernel's memory. */
export interface MemoryBlock {
  readonly from: number
  readonly length: number
}

/** Where what is made of a block goes. */
export interface PackRoom {
  readonly text: number
  readonly columns: ColumnsRoom
}

/**
 * The same where lines and text need not be copied.
 *
 * @param block whole lines, each with its line end; valid UTF-8; at most `maxBlockBytes`, with room for sixteen behind them
 * @param room of which that for the text is as much; that of what is packed lies there, and what is known of it in the columns as far as these have room
 */
export function packInPlace(kernel: Kernel, block: MemoryBlock, { text, columns }: PackRoom, packing: Packing): Stretch[] {
  writeDropped(kernel, packing)
  kernel.begin(block.from, text, kind.line)
  return readStretches(kernel, block, packing, { digests: true, room: packing.most, text: 'kept', columns })
}

function readStretches(
  kernel: Kernel,
  { from: start, length }: MemoryBlock,
  packing: Packing,
  {
    digests,
    room,
    text,
    columns
  }: { readonly digests: boolean; readonly room: number | undefined; readonly text: TextPlace; readonly columns?: ColumnsRoom }
): Stretch[] {
  const { words, read, base } = kernel
  const stretches: Stretch[] = []
  let gathering: Gathering | undefined
  let left: number | undefined = room
  const close = (): void => {
    if (gathering) stretches.push({ packed: gathering.packed(text), bytes: gathering.bytes })
    gathering = undefined
  }
  for (let count = read(length, mostLines); count > 0; count = read(length, mostLines)) {
    for (let line = 0; line < count; line++) {
      const at = ((base + place.lines) >> 2) + record.words * line
      const bytes = words[at + record.length]! + 1
      if (words[at + record.status] === 0 && readNumbers(kernel, words[at + record.numbers]!)) {
        gathering ??= new Gathering(kernel, packing, digests ? 'digests' : 'kinds', columns)
        gathering.add(at, bytes)
        if (gathering.count === left) {
          close()
          left = packing.most
        }
      } else {
        close()
        const from = words[at + record.place]! - start
        stretches.push({ from, to: from + bytes - 1 })
      }
    }
  }
  close()
  return stretches
}

/**
 * The digests of each document of a block, as `documentDigests` makes them, where the kernel knows it.
 *
 * @param block as for `packLines`
 * @param take given the line's number in the block, from 0, and each digest as 32 characters of Latin-1
 */
export function digestLines(block: Buffer, take: (line: number, values: string, kinds: string | undefined) => void): void {
  module ??= start()
  if (module === null) return
  const { words, read, base } = module
  load(module, [block], allOfIt)
  let number = 0
  for (let count = read(block.length, mostLines); count > 0; count = read(block.length, mostLines)) {
    for (let line = 0; line < count; line++, number++) {
      const at = ((base + place.lines) >> 2) + record.words * line
      if (words[at + record.status] !== 0 || !readNumbers(module, words[at + record.numbers]!)) continue
      const { values, kinds } = formsOf(module, at)
      take(number, digestOf(values), kinds && digestOf(kinds))
    }
  }
}

/** Nothing is dropped of lines that are written as they are. */
export const allOfIt: Packing = { drop: [], special: true }

/** @returns bytes of the block */
export function load(kernel: Kernel, parts: readonly Buffer[], packing: Packing, its: number = kind.line): number {
  const from = kernel.base + place.input
  let end = from
  for (const part of parts) end = copyBytes(part, kernel.memory, end)
  writeDropped(kernel, packing)
  kernel.begin(from, kernel.base + place.text, its)
  return end - from
}

/**
 * Numbers of sixteen and seventeen digits, which only the engine's own code reads right.
 *
 * @param unsorted whether they are written also where they were before the members of the document were put in order
 * @returns false where one is more than a double
 */
export function readNumbers({ memory, words, base }: Kernel, count: number, unsorted = false): boolean {
  for (let index = 0; index < count; index++) {
    const at = ((base + place.numbers) >> 2) + 3 * index
    const from = words[at + 1]!
    const text = memory.toString('latin1', from, from + words[at + 2]!)
    const value = Number(text)
    if (String(value) !== text) return false
    memory.writeDoubleBE(value, words[at])
    if (unsorted) memory.writeDoubleBE(value, words[((base + place.unsorted) >> 2) + index])
  }
  return true
}

/** null where it can't be used. */
let module: Kernel | null | undefined

/** The one of this thread. @returns null where it can't be used */
export function ownKernel(): Kernel | null {
  return (module ??= start())
}

function start(): Kernel | null {
  try {
    return openKernel(openMemory(place.end))
  } catch {
    return null
  }
}

/** All of them for the plain way. */
export function plainLines(parts: readonly Buffer[]): PlainLine[] {
  const lines: PlainLine[] = []
  let start = 0
  for (const part of parts) {
    for (let from = 0; from < part.length;) {
      const to = part.indexOf(10, from)
      lines.push({ from: start + from, to: start + to })
      from = to + 1
    }
    start += part.length
  }
  return lines
}
