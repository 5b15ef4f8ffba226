/**
 * Documents as lines of JSON, read without making objects of them: WebAssembly checks each, leaves top-level fields out, and gives the bytes that
 * its digest is made of. What it does not know goes the plain way, and so does every line where WebAssembly is switched off.
 */
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { endianness } from 'node:os'
import { Packed } from '../packed.ts'
import type { Packing, PlainLine, Stretch } from '../packed.ts'

/** Longest block that `packLines` takes, in bytes. */
export const maxBlockBytes = (1 << 20) - 64

/** Whether lines can be packed here at all. */
export function canPack(): boolean {
  return (module ??= start()) !== null
}

/**
 * @param parts of a block, each of whole lines with their line ends; valid UTF-8; together at most `maxBlockBytes`
 * @param options `digests`: whether these are wanted: without them the list of digests is empty; `rows`: whether the lines are rows of CouchDB's
 * `_all_docs`, each with the document as its last member; `room`: most documents of the first that is packed, where there is a most
 */
export function packLines(
  parts: readonly Buffer[],
  packing: Packing,
  { digests = true, rows = false, room = packing.most } = {}
): Stretch[] {
  module ??= start()
  if (module === null) return plainLines(parts)
  const { words, read } = module
  const length = load(module, parts, packing, rows)
  const stretches: Stretch[] = []
  let gathering: Gathering | undefined
  let left: number | undefined = room
  const close = (): void => {
    if (gathering) stretches.push({ packed: gathering.packed(), bytes: gathering.bytes })
    gathering = undefined
  }
  for (let count = read(length, mostLines); count > 0; count = read(length, mostLines)) {
    for (let line = 0; line < count; line++) {
      const at = (place.lines >> 2) + record.words * line
      const bytes = words[at + record.length]! + 1
      if (words[at + record.status] === 0 && readNumbers(module, words[at + record.numbers]!)) {
        gathering ??= new Gathering(module, packing, digests)
        gathering.add(at, bytes)
        if (gathering.count === left) {
          close()
          left = packing.most
        }
      } else {
        close()
        const from = words[at + record.place]! - place.input
        stretches.push({ from, to: from + bytes - 1 })
      }
    }
  }
  close()
  return stretches
}

/**
 * The digest of each document of a block, as `documentDigest` makes it, where it needs none of kinds and the kernel knows it.
 *
 * @param block as for `packLines`
 * @param take given the line's number in the block, from 0, and the digest as 32 characters of Latin-1
 */
export function digestLines(block: Buffer, take: (line: number, digest: string) => void): void {
  module ??= start()
  if (module === null) return
  const { memory, words, read } = module
  load(module, [block], nothingDropped)
  let number = 0
  for (let count = read(block.length, mostLines); count > 0; count = read(block.length, mostLines)) {
    for (let line = 0; line < count; line++, number++) {
      const at = (place.lines >> 2) + record.words * line
      if (words[at + record.status] !== 0 || !readNumbers(module, words[at + record.numbers]!)) continue
      const canonical = words[at + record.canonical]!
      take(number, hash('sha256', memory.subarray(canonical, canonical + words[at + record.canonicalLength]!), 'binary'))
    }
  }
}

const nothingDropped: Packing = { drop: [] }

/** Elements of a list, each but the last of the list with the comma behind it. */
export interface PackedElements {
  readonly packed: Packed
  /** Of the block. */
  readonly bytes: number
  /** Line ends in these bytes. */
  readonly lines: number
  /** Whether they end behind a comma, so that another element must follow. */
  readonly hasComma: boolean
}

/**
 * Take a part of a list.
 *
 * @param block valid UTF-8; at most `maxBlockBytes`
 * @returns undefined where nothing can be packed; otherwise what packs elements of it, as long as nothing else is packed
 */
export function openElements(block: Buffer, packing: Packing): PackElements | undefined {
  module ??= start()
  if (module === null) return undefined
  load(module, [block], packing)
  module.memory.fill(0, place.input + block.length, place.input + block.length + 64)
  return packElements.bind(undefined, module, block, packing)
}

/**
 * As many elements as stand whole from a place of the block on, and need not be parsed.
 *
 * @param from where an element may begin
 * @param most elements; at least 1
 * @returns undefined where the first one is not whole, or must be parsed
 */
export type PackElements = (from: number, most: number) => PackedElements | undefined

function packElements(kernel: Kernel, block: Buffer, packing: Packing, from: number, most: number): PackedElements | undefined {
  const { words, readList, seek } = kernel
  const gathering = new Gathering(kernel, packing)
  let lines = 0
  let left = most
  seek(from)
  while (left > 0) {
    const count = readList(block.length, Math.min(left, mostLines))
    left = count === 0 ? 0 : left - count
    for (let element = 0; element < count; element++) {
      const at = (place.lines >> 2) + record.words * element
      if (readNumbers(kernel, words[at + record.numbers]!)) {
        gathering.add(at, words[at + record.length]!)
        lines = words[at + record.lines]!
      } else left = 0
    }
  }
  const { bytes } = gathering
  if (bytes === 0) return undefined
  return { packed: gathering.packed(), bytes, lines, hasComma: block[from + bytes - 1] === 0x2c }
}

/** @returns bytes of the block */
function load(kernel: Kernel, parts: readonly Buffer[], packing: Packing, rows = false): number {
  writeDropped(kernel, packing)
  let length = 0
  for (const part of parts) {
    kernel.memory.set(part, place.input + length)
    length += part.length
  }
  kernel.begin(rows)
  return length
}

/** Documents that follow one another, as long as they are in the module's memory. */
class Gathering {
  /** Of the block. */
  bytes = 0
  readonly #kernel: Kernel
  readonly #packing: Packing
  readonly #isDigested: boolean
  #from = 0
  #to = 0
  #members = 0
  /** In Latin-1: a buffer that comes out of `hash` costs as much as the hashing. */
  #digests = ''
  readonly #idHashes: number[] = []
  readonly #dropped: number[]
  /** Where each line ends, and where the first id begins and each ends: `byLine` only. */
  readonly #ends: number[] = []
  #ids = 0
  readonly #idEnds: number[] = []

  constructor(kernel: Kernel, packing: Packing, isDigested = true) {
    this.#kernel = kernel
    this.#packing = packing
    this.#isDigested = isDigested
    this.#dropped = packing.drop.map(() => 0)
  }

  get count(): number {
    return this.#idHashes.length / 2
  }

  /** @param at the document's record, in words; @param bytes that it takes of the block */
  add(at: number, bytes: number): void {
    const { memory, words } = this.#kernel
    const text = words[at + record.text]!
    if (this.bytes === 0) this.#from = text
    this.#to = text + words[at + record.textLength]!
    this.bytes += bytes
    const canonical = words[at + record.canonical]!
    if (this.#isDigested)
      this.#digests += hash('sha256', new Uint8Array(memory.buffer, canonical, words[at + record.canonicalLength]), 'binary')
    this.#idHashes.push(words[at + record.firstHash]!, words[at + record.secondHash]!)
    this.#members += words[at + record.counted]!
    const dropped = words[at + record.dropped]!
    if (dropped !== 0) countDropped(this.#dropped, dropped)
    if (!this.#packing.byLine) return
    const id = words[at + record.id]!
    if (this.#ends.length === 0) this.#ids = id
    this.#ends.push(this.#to)
    this.#idEnds.push(id + words[at + record.idLength]!)
  }

  packed(): Packed {
    const idHashes = Int32Array.from(this.#idHashes)
    // The memory is used again for the next block.
    const text = Buffer.from(this.#kernel.memory.subarray(this.#from, this.#to))
    const digests = wordsOf(this.#digests)
    return new Packed({
      packing: this.#packing,
      text,
      count: idHashes.length / 2,
      digests,
      idHashes,
      dropped: this.#dropped,
      members: this.#members,
      worked: undefined,
      lines: this.#packing.byLine ? { ends: Uint32Array.from(this.#ends, end => end - this.#from), ids: this.#idTexts() } : undefined
    })
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

/** @param digests in Latin-1, one after the other */
function wordsOf(digests: string): Uint32Array {
  const words = new Uint32Array(digests.length / 4)
  const bytes = Buffer.from(words.buffer)
  bytes.write(digests, 'latin1')
  bytes.swap32()
  return words
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
  lines: 12,
  id: 13,
  idLength: 14,
  words: 15
} as const
const mostLines = 7168
const pageBytes = 64 << 10

interface Kernel {
  readonly memory: Buffer
  readonly words: Uint32Array
  readonly begin: (rows: boolean) => void
  readonly read: (length: number, most: number) => number
  readonly readList: Kernel['read']
  readonly seek: (from: number) => void
  /** What was written last. */
  packing: Packing | undefined
}

/** null where it can't be used. */
let module: Kernel | null | undefined

/** What is used of WebAssembly, of which Node's types know nothing. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer }
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: Pick<Kernel, 'begin' | 'read' | 'readList' | 'seek'> }
}

function start(): Kernel | null {
  // What it writes is read in words.
  if (endianness() !== 'LE') return null
  try {
    const memory = new WebAssembly.Memory({ initial: place.end / pageBytes })
    const code = new WebAssembly.Module(readFileSync(new URL('./kernel.wasm', import.meta.url)))
    const { exports } = new WebAssembly.Instance(code, { env: { memory, abort: () => undefined } })
    const { begin, read, readList, seek } = exports
    return { memory: Buffer.from(memory.buffer), words: new Uint32Array(memory.buffer), begin, read, readList, seek, packing: undefined }
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

function plainLines(parts: readonly Buffer[]): PlainLine[] {
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
