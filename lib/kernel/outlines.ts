/** Lines of which only some top-level members are looked into: see `assembly/outline.ts`. */
import type { Packed, Packing, PlainLine } from '../packed.ts'
import { kind, mostLines, place, record, writeLooked } from './instance.ts'
import type { Kernel } from './instance.ts'
import { Gathering } from './gathering.ts'
import type { Came, TextPlace } from './gathering.ts'
import { allOfIt, load, ownKernel, readNumbers } from './kernel.ts'
import { allOf, gatherList, isShort } from './lists.ts'

/** Documents of lines that follow one another. */
export interface Outlined {
  /** Of each as it was read, but for what was dropped. */
  readonly came: Came
  /** Bytes that they took of the block. */
  readonly bytes: number
  /** JSON: a list of the documents, each with the members that are looked into, and with others of which the names begin with `$` for what lies between them. */
  readonly text: string
  /** Whether there are values in it that are more than JSON.parse knows. */
  readonly hasSpecials: boolean
}

export interface Outlines {
  readonly stretches: readonly (Outlined | PlainLine)[]
  /**
   * Give documents their text again. Good until the kernel reads the next block.
   *
   * @param list JSON: a list of so many outlines, at least one, perhaps changed in what is looked into; @param text where theirs is to be
   * @returns undefined where one is not what the kernel knows
   */
  readonly fill: (list: string, count: number, text: TextPlace) => Packed | undefined
}

/**
 * @param block as for `packLines`; @param looked names of the fields that are looked into, `_id` beside them; none begins with `$`
 * @returns undefined where lines can't be packed at all
 */
export function outlineLines(
  block: Buffer,
  packing: Packing,
  looked: readonly string[],
  { digests }: { readonly digests: boolean }
): Outlines | undefined {
  const kernel = ownKernel()
  if (kernel === null) return undefined
  const { memory, words, read, base, narrow } = kernel
  writeLooked(kernel, looked)
  const length = load(kernel, [block], packing, digests ? kind.outlined : kind.outlinedAlone)
  const stretches: (Outlined | PlainLine)[] = []
  let gathering: Gathering | undefined
  let from = base + place.outline
  let to = from
  let hasSpecials = false
  const close = (): void => {
    if (gathering) {
      // The last one has a comma behind it too.
      const end = narrow(from, to - 1, base + place.fill)
      const text = `[${memory.toString('latin1', base + place.fill, end)}]`
      stretches.push({ came: gathering.came(), bytes: gathering.bytes, text, hasSpecials })
    }
    gathering = undefined
    hasSpecials = false
  }
  for (let count = read(length, mostLines); count > 0; count = read(length, mostLines)) {
    for (let line = 0; line < count; line++) {
      const at = ((base + place.lines) >> 2) + record.words * line
      const bytes = words[at + record.length]! + 1
      const isRead = words[at + record.status] === 0
      if (isRead && readNumbers(kernel, words[at + record.numbers]!, true)) {
        if (!gathering) from = to
        gathering ??= new Gathering(kernel, packing, digests ? 'digests' : 'nothing')
        gathering.add(at, bytes)
        hasSpecials ||= words[at + record.lookedSpecials] !== 0
        to = words[at + record.outline]!
      } else {
        close()
        if (isRead) to = words[at + record.outline]!
        const start = words[at + record.place]! - base - place.input
        stretches.push({ from: start, to: start + bytes - 1 })
      }
    }
  }
  close()
  return { stretches, fill: (...asked) => fill(kernel, ...asked) }
}

function fill(kernel: Kernel, list: string, count: number, text: TextPlace): Packed | undefined {
  const { base } = kernel
  if (!isShort(list, place.fillEnd - place.fill - 64)) return undefined
  return allOf(gatherList(kernel, allOfIt, { list, from: base + place.fill, to: base + place.fillText, its: kind.filled }), count, text)
}
