/** Lines that are parsed all at once, as a list, and lists of documents as lines: each takes one call of the engine, which costs as much as a small document. */
import type { Packed, Packing, PlainLine } from '../packed.ts'
import { kind, mostLines, place, record, writeDropped, writeText } from './instance.ts'
import type { Kernel } from './instance.ts'
import { Gathering } from './gathering.ts'
import type { Came, TextPlace } from './gathering.ts'
import { allOfIt, load, maxBlockBytes, ownKernel, plainLines, readNumbers } from './kernel.ts'

/** Documents of lines that follow one another. */
export interface Listed {
  /** Of each as it was read, but for what was dropped. */
  readonly came: Came
  /** Bytes that they took of the block. */
  readonly bytes: number
  /** JSON: a list of the documents, with a 0 for each that has values which are more than JSON.parse knows. */
  readonly text: string
  /** The lines of these. */
  readonly specials: readonly string[]
  /** Of each the fields that it had of those that are dropped, as bits, and the members of the one that is counted; empty where none is to be. */
  readonly dropped: readonly number[]
  readonly members: readonly number[]
}

/** @param block, options as for `packLines` */
export function listLines(
  block: Buffer,
  packing: Packing,
  { digests, rows = false }: { readonly digests: boolean; readonly rows?: boolean }
): (Listed | PlainLine)[] {
  const kernel = ownKernel()
  if (kernel === null) return plainLines([block])
  const { memory, words, read, base, narrow } = kernel
  const length = load(kernel, [block], packing, rows ? kind.row : digests ? kind.line : kind.checked)
  const listed: (Listed | PlainLine)[] = []
  const from = base + place.fill
  let to = from
  let gathering: Gathering | undefined
  let specials: string[] = []
  let dropped: number[] = []
  let members: number[] = []
  const close = (): void => {
    if (!gathering) return
    memory[from] = openingBracket
    memory[to] = closingBracket
    const text = memory.toString('latin1', from, to + 1)
    listed.push({ came: gathering.came(), bytes: gathering.bytes, text, specials, dropped, members })
    gathering = undefined
    specials = []
    dropped = []
    members = []
  }
  for (let count = read(length, mostLines); count > 0; count = read(length, mostLines)) {
    for (let line = 0; line < count; line++) {
      const at = ((base + place.lines) >> 2) + record.words * line
      const bytes = words[at + record.length]! + 1
      if (words[at + record.status] === 0 && readNumbers(kernel, words[at + record.numbers]!)) {
        if (!gathering) to = from
        gathering ??= new Gathering(kernel, packing, digests ? 'digests' : 'nothing')
        gathering.add(at, bytes)
        if (packing.drop.length > 0) {
          dropped.push(words[at + record.dropped]!)
          members.push(words[at + record.counted]!)
        }
        const text = words[at + record.text]!
        const end = text + words[at + record.textLength]! - 1
        // The first one's is the bracket.
        memory[to++] = comma
        if (words[at + record.specials] === 0) to = narrow(text, end, to)
        else {
          specials.push(memory.toString('utf8', text, end))
          memory[to++] = zero
        }
      } else {
        close()
        const start = words[at + record.place]! - base - place.input
        listed.push({ from: start, to: start + bytes - 1 })
      }
    }
  }
  close()
  return listed
}

/**
 * @param list JSON: a list of so many documents, at least one; @param text where theirs is to be
 * @returns undefined where it is too long, or one is not what the kernel knows
 */
export function packList(list: string, count: number, text: TextPlace): Packed | undefined {
  const kernel = ownKernel()
  if (kernel === null || !isShort(list, maxBlockBytes)) return undefined
  const places = { from: kernel.base + place.input, to: kernel.base + place.text, its: kind.line }
  return allOf(gatherList(kernel, allOfIt, { list, ...places }), count, text)
}

/** @returns undefined where there are fewer */
export function allOf(gathering: Gathering, count: number, text: TextPlace): Packed | undefined {
  return gathering.count === count ? gathering.packed(text) : undefined
}

/** Whether it is as many bytes at most. A UTF-16 unit is three at most. */
export function isShort(text: string, bytes: number): boolean {
  return 3 * text.length <= bytes || Buffer.byteLength(text) <= bytes
}

interface ListPlace {
  readonly list: string
  /** Where there is room for the list, and where for its text. */
  readonly from: number
  readonly to: number
  readonly its: number
}

/** As many elements from the first on as the kernel knows. */
export function gatherList(kernel: Kernel, packing: Packing, { list, from, to, its }: ListPlace): Gathering {
  const { memory, words, readList, base } = kernel
  const end = writeText(kernel, list, from)
  memory.fill(0, end, end + slack)
  writeDropped(kernel, packing)
  // Behind the bracket.
  kernel.begin(from + 1, to, its)
  const gathering = new Gathering(kernel, packing)
  for (let read = readList(end - from - 1, mostLines); read > 0; read = readList(end - from - 1, mostLines)) {
    for (let element = 0; element < read; element++) {
      const at = ((base + place.lines) >> 2) + record.words * element
      if (!readNumbers(kernel, words[at + record.numbers]!)) return gathering
      if (words[at + record.specials] !== 0 && words[at + record.canonicalLength]! > place.scratchEnd - place.scratch) return gathering
      gathering.add(at, words[at + record.length]!)
    }
  }
  return gathering
}

const slack = 64
const openingBracket = 0x5b
const closingBracket = 0x5d
const comma = 0x2c
const zero = 0x30
