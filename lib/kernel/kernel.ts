/**
 * Documents as lines of JSON, read without making objects of them: WebAssembly checks each, leaves top-level fields out, and gives the bytes that
 * its digest is made of. What it does not know goes the plain way, and so does every line where WebAssembly is switched off.
 */
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Packed } from '../packed.ts'
import type { Packing } from '../packed.ts'

/** Longest block that `packLines` takes, in bytes. */
export const maxBlockBytes = (1 << 20) - 64

/** Lines of a block that follow one another. */
export type Stretch = PackedLines | PlainLine

/** Documents that need not be parsed. */
export interface PackedLines {
  readonly packed: Packed
  /** Bytes that they took of the block. */
  readonly bytes: number
}

/** A line that the plain way must look at, in bytes of the block, without its line end. */
export interface PlainLine {
  readonly from: number
  readonly to: number
}

/** Whether lines can be packed here at all. */
export function canPack(): boolean {
  return (module ??= start()) !== null
}

/**
 * @param block whole lines, each with its line end; valid UTF-8; at most `maxBlockBytes`
 * @param rows whether the lines are rows of CouchDB's `_all_docs`, each with the document as its last member
 */
export function packLines(block: Buffer, packing: Packing, { rows = false } = {}): Stretch[] {
  module ??= start()
  if (module === null) return plainLines(block)
  const { memory, words, begin, read } = module
  writeDropped(module, packing)
  memory.set(block, place.input)
  begin(rows)
  const stretches: Stretch[] = []
  let open: OpenStretch | undefined
  const close = (): void => {
    if (open) stretches.push(finish(open, packing, memory))
    open = undefined
  }
  for (let count = read(block.length, mostLines); count > 0; count = read(block.length, mostLines)) {
    for (let line = 0; line < count; line++) {
      const at = (place.lines >> 2) + record.words * line
      if (words[at + record.status] !== 0 || !readNumbers(module, words[at + record.numbers]!)) {
        close()
        const from = words[at + record.place]! - place.input
        stretches.push({ from, to: from + words[at + record.length]! })
        continue
      }
      open ??= {
        from: words[at + record.text]!,
        to: 0,
        bytes: 0,
        digests: [],
        idHashes: [],
        ends: [],
        idEnds: [],
        ids: words[at + record.id]!,
        dropped: packing.drop.map(() => 0),
        members: 0
      }
      const canonical = words[at + record.canonical]!
      open.digests.push(hash('sha256', memory.subarray(canonical, canonical + words[at + record.canonicalLength]!), 'binary'))
      open.idHashes.push(words[at + record.firstHash]!, words[at + record.secondHash]!)
      open.to = words[at + record.text]! + words[at + record.textLength]!
      if (packing.byLine) {
        open.ends.push(open.to)
        open.idEnds.push(words[at + record.id]! + words[at + record.idLength]!)
      }
      open.bytes += words[at + record.length]! + 1
      open.members += words[at + record.counted]!
      countDropped(open.dropped, words[at + record.dropped]!)
    }
  }
  close()
  return stretches
}

interface OpenStretch {
  readonly from: number
  to: number
  bytes: number
  members: number
  readonly digests: string[]
  readonly idHashes: number[]
  readonly dropped: number[]
  /** Where each line ends, and where the first id begins and each ends: `byLine` only. */
  readonly ends: number[]
  readonly ids: number
  readonly idEnds: number[]
}

function finish(open: OpenStretch, packing: Packing, memory: Buffer): PackedLines {
  const { from, to, bytes, digests, idHashes, dropped, members } = open
  // The memory is used again for the next block.
  const text = Buffer.from(memory.subarray(from, to))
  const lines = packing.byLine ? { ends: Uint32Array.from(open.ends, end => end - from), ids: idsOf(open, memory) } : undefined
  return {
    packed: new Packed({ packing, text, count: digests.length, digests, idHashes: Int32Array.from(idHashes), dropped, members, lines }),
    bytes
  }
}

function idsOf({ ids, idEnds }: OpenStretch, memory: Buffer): string[] {
  const end = idEnds.at(-1) ?? ids
  const all = memory.toString('utf8', ids, end)
  const isAscii = all.length === end - ids
  let from = ids
  return idEnds.map(to => {
    const id = isAscii ? all.slice(from - ids, to - ids) : memory.toString('utf8', from, to)
    from = to
    return id
  })
}

function countDropped(counts: number[], bits: number): void {
  for (let rest = bits; rest !== 0; rest &= rest - 1) counts[31 - Math.clz32(rest & -rest)]!++
}

/**
 * Numbers of sixteen and seventeen digits, which only the engine's own code reads right.
 *
 * @returns false where one is more than a double
 */
function readNumbers({ memory, words }: Kernel, count: number): boolean {
  for (let index = 0; index < count; index++) {
    const at = (place.numbers >> 2) + 3 * index
    const from = words[at + 1]!
    const text = memory.toString('latin1', from, from + words[at + 2]!)
    const value = Number(text)
    if (String(value) !== text) return false
    memory.writeDoubleBE(value, words[at])
  }
  return true
}

/** Where things are in the module's memory: the same as in `assembly/layout.ts`. */
const place = {
  dropped: 4096,
  droppedEnd: 32 << 10,
  numbers: 32 << 10,
  lines: 64 << 10,
  input: 1 << 20,
  ids: 11 << 20,
  end: 12 << 20
} as const
/** Words of a line's record: the same as in `assembly/index.ts`. */
const record = {
  place: 0,
  length: 1,
  status: 2,
  text: 3,
  textLength: 4,
  canonical: 5,
  canonicalLength: 6,
  firstHash: 7,
  secondHash: 8,
  numbers: 9,
  dropped: 10,
  counted: 11,
  id: 12,
  idLength: 13,
  words: 14
} as const
const mostLines = 8192
const pageBytes = 64 << 10

interface Kernel {
  readonly memory: Buffer
  readonly words: Uint32Array
  readonly begin: (rows: boolean) => void
  readonly read: (length: number, most: number) => number
  /** What was written last. */
  packing: Packing | undefined
}

/** null where it can't be used. */
let module: Kernel | null | undefined

/** What is used of WebAssembly, of which Node's types know nothing. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer }
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: Pick<Kernel, 'begin' | 'read'> }
}

function start(): Kernel | null {
  try {
    const memory = new WebAssembly.Memory({ initial: place.end / pageBytes })
    const code = new WebAssembly.Module(readFileSync(new URL('./kernel.wasm', import.meta.url)))
    const { exports } = new WebAssembly.Instance(code, { env: { memory, abort: () => undefined } })
    const { begin, read } = exports
    return { memory: Buffer.from(memory.buffer), words: new Uint32Array(memory.buffer), begin, read, packing: undefined }
  } catch {
    return null
  }
}

function writeDropped(kernel: Kernel, packing: Packing): void {
  if (kernel.packing === packing) return
  const { memory } = kernel
  const { drop, counted, noUnderscores = false } = packing
  let at = memory.writeUInt32LE(drop.length, place.dropped)
  at = memory.writeInt32LE(counted === undefined ? -1 : drop.indexOf(counted), at)
  at = memory.writeUInt32LE(noUnderscores ? 1 : 0, at)
  for (const name of drop) {
    const length = Buffer.byteLength(name)
    if (at + 4 + length > place.droppedEnd) throw new RangeError('the names of dropped fields are too long')
    at = memory.writeUInt32BE(length, at)
    at += memory.write(name, at)
  }
  kernel.packing = packing
}

function plainLines(block: Buffer): PlainLine[] {
  const lines: PlainLine[] = []
  for (let from = 0; from < block.length;) {
    const to = block.indexOf(10, from)
    lines.push({ from, to })
    from = to + 1
  }
  return lines
}
