/** What the kernel has read of documents that follow one another, put together. */
import { Packed } from '../packed.ts'
import type { Packing } from '../packed.ts'
import type { KindDigests } from '../values/index.ts'
import { Columns } from './columns.ts'
import type { ColumnsRoom } from './columns.ts'
import { copyOf } from './copy-bytes.ts'
import { canonicalOf, digestOf, formsOf, wordsOf } from './digests.ts'
import { record } from './instance.ts'
import type { Kernel } from './instance.ts'
import { lendText } from './lent-texts.ts'

/** What is known of documents without their text: see `Packed`. Digests and ids are empty where they are not wanted. */
export type Came = Pick<Packed, 'count' | 'digests' | 'kinds' | 'idHashes' | 'dropped' | 'members'>

/** `kept` where it is, since the memory is not used again for the next block; `lent` until it is released; or where somebody has room for it. */
export type TextPlace = 'kept' | 'lent' | 'copied' | TextRoom

export interface TextRoom {
  /** @returns a copy */
  readonly put: (text: Buffer) => Buffer
}

/** What is to be known of documents: their ids, and of each its digest; or the kinds of its numbers in its place; or nothing but how many there are. */
export type Wanted = 'digests' | 'kinds' | 'nothing'

/** Documents that follow one another, as long as they are in the module's memory. */
export class Gathering {
  /** Of the block. */
  bytes = 0
  readonly #kernel: Kernel
  readonly #packing: Packing
  readonly #wanted: Wanted
  #from = 0
  #to = 0
  #members = 0
  #count = 0
  readonly #columns: Columns
  /** In Latin-1. */
  #kinds = ''
  #enveloped: readonly number[] | undefined
  readonly #withKinds: number[] = []
  readonly #dropped: number[]
  /** Where each line ends, and where the first id begins and each ends: `byLine` only. */
  readonly #ends: number[] = []
  #ids = 0
  readonly #idEnds: number[] = []

  /** @param room for digests and hashes of ids, where there is any: they are as long in it as whoever has it says */
  constructor(kernel: Kernel, packing: Packing, wanted: Wanted = 'digests', room?: ColumnsRoom) {
    this.#columns = Columns.take(room)
    this.#kernel = kernel
    this.#packing = packing
    this.#wanted = wanted
    this.#dropped = packing.drop.map(() => 0)
  }

  get count(): number {
    return this.#count
  }

  /** @param at the document's record, in words; @param bytes that it takes of the block */
  add(at: number, bytes: number): void {
    const { words } = this.#kernel
    const text = words[at + record.text]!
    if (this.bytes === 0) this.#from = text
    this.#to = text + words[at + record.textLength]!
    this.bytes += bytes
    this.#count++
    if (this.#wanted !== 'nothing') this.#addKnown(at)
    this.#members += words[at + record.counted]!
    const dropped = words[at + record.dropped]!
    if (dropped !== 0) countDropped(this.#dropped, dropped)
    if (!this.#packing.byLine) return
    const id = words[at + record.id]!
    if (this.#ends.length === 0) this.#ids = id
    this.#ends.push(this.#to)
    this.#idEnds.push(id + words[at + record.idLength]!)
  }

  #addKnown(at: number): void {
    const { words } = this.#kernel
    if (words[at + record.specials] !== 0) this.#addSpecial(at)
    else if (this.#wanted === 'digests') this.#columns.addDigest(canonicalOf(this.#kernel, at))
    this.#columns.addId(words[at + record.firstHash]!, words[at + record.secondHash]!)
  }

  #addSpecial(at: number): void {
    const { values, kinds, enveloped } = formsOf(this.#kernel, at)
    if (kinds) this.#withKinds.push(this.#count - 1)
    if (this.#wanted === 'digests') {
      this.#columns.addDigest(values)
      if (kinds) this.#kinds += digestOf(kinds)
    }
    if (enveloped) this.#enveloped = this.#enveloped?.map((count, kind) => count + enveloped[kind]!) ?? enveloped
  }

  /** Once: nothing is added any more. */
  came(): Came {
    const columns = this.#columns
    const count = this.#count
    const [digests, idHashes] = [columns.digests(), columns.idHashes()]
    Columns.give(columns)
    return { count, digests, kinds: this.#kindDigests(), idHashes, dropped: this.#dropped, members: this.#members }
  }

  /** In place of `came`. */
  packed(text: TextPlace): Packed {
    const lines = this.#kernel.memory.subarray(this.#from, this.#to)
    return new Packed({
      ...this.came(),
      packing: this.#packing,
      ...textIn(text, lines),
      enveloped: this.#enveloped,
      worked: undefined,
      lines: this.#packing.byLine ? { ends: Uint32Array.from(this.#ends, end => end - this.#from), ids: this.#idTexts() } : undefined
    })
  }

  #kindDigests(): KindDigests | undefined {
    return this.#withKinds.length === 0
      ? undefined
      : { of: Uint32Array.from(this.#withKinds), digests: wordsOf(Buffer.from(this.#kinds, 'latin1')) }
  }

  #idTexts(): string[] {
    const { memory } = this.#kernel
    const ids = this.#ids
    const end = this.#idEnds.at(-1) ?? ids
    const all = memory.toString('utf8', ids, end)
    const isAscii = all.length === end - ids
    let from = ids
    return this.#idEnds.map(to => {
      const id = isAscii ? all.slice(from - ids, to - ids) : memory.toString('utf8', from, to)
      from = to
      return id
    })
  }
}

/** Where text goes that can't stay: that of lines is looked at for as long as their answers take. */
export function textOf({ byLine }: Packing): TextPlace {
  return byLine ? 'lent' : 'copied'
}

function textIn(place: TextPlace, lines: Buffer): Pick<Packed, 'text'> & Partial<Pick<Packed, 'release'>> {
  switch (place) {
    case 'kept':
      return { text: lines }
    case 'lent':
      return lendText(lines)
    case 'copied':
      return { text: copyOf(lines) }
    default:
      return { text: place.put(lines) }
  }
}

function countDropped(counts: number[], bits: number): void {
  for (let rest = bits; rest !== 0; rest &= rest - 1) counts[31 - Math.clz32(rest & -rest)]!++
}
