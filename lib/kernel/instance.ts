/** Instances of the kernel, each with a part of a memory, which threads may share. */
import { readFileSync } from 'node:fs'
import { endianness } from 'node:os'
import type { Packing } from '../packed.ts'

/** A `WebAssembly.Memory` that threads share, of which Node's types know nothing. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer
}

export interface Kernel {
  /** All of the memory. */
  readonly memory: Buffer
  /** The same: to ask a view for it takes as long as to make one. */
  readonly bytes: SharedArrayBuffer
  readonly words: Uint32Array
  /** Bytes at which the instance's own part begins. */
  readonly base: number
  readonly begin: (from: number, to: number, kind: number) => void
  readonly read: (length: number, most: number) => number
  readonly readList: Kernel['read']
  readonly seek: (from: number) => void
  /** Puts a document's canonical bytes without the kinds of numbers at `place.scratch`, and what it has of `envelopedKinds` at `place.enveloped`. @returns how many bytes there are */
  readonly freeOfKinds: (from: number, length: number) => number
  /** JSON in Latin-1, of JSON that was read: see `assembly/narrow.ts`. @returns the place behind it */
  readonly narrow: (from: number, end: number, to: number) => number
  /** UTF-8, of so many units of UTF-16: see `assembly/utf16.ts`. @returns the place behind it */
  readonly encode: (from: number, count: number, to: number) => number
  /** Whether the text that was written into it last was more than ASCII. */
  isWide: boolean
  /** What was written last. */
  packing: Packing | undefined
  looked: readonly string[] | undefined
}

/** Where things are in an instance's part: the same as in `assembly/layout.ts`, but for `input`, `text`, `fill` and `fillText`, which only the host knows. */
export const place = {
  dropped: 4096,
  droppedEnd: 32 << 10,
  numbers: 32 << 10,
  enveloped: 61 << 10,
  lines: 64 << 10,
  input: 1 << 20,
  text: 2 << 20,
  scratch: 7 << 20,
  scratchEnd: 11 << 20,
  ids: 11 << 20,
  looked: 12 << 20,
  lookedEnd: (12 << 20) + (64 << 10),
  unsorted: (12 << 20) + (64 << 10),
  outline: 15 << 20,
  fill: 19 << 20,
  fillEnd: 23 << 20,
  fillText: 23 << 20,
  fillTextEnd: 31 << 20,
  end: 43 << 20
} as const

/** What is read: the same as in `assembly/state.ts`. */
export const kind = { line: 0, row: 1, outlined: 2, filled: 3, checked: 4, outlinedAlone: 5 } as const

/** Words of a line's record: the same as in `assembly/index.ts`. */
export const record = {
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
  outline: 15,
  specials: 16,
  lookedSpecials: 17,
  words: 20
} as const

/** No more are read at once: the canonical bytes of so few are still near when they are hashed. */
export const mostLines = 64

const pageBytes = 64 << 10
/** As `build:kernel` says it. */
const mostPages = 16 << 10

type Exports = Pick<Kernel, 'begin' | 'read' | 'readList' | 'seek' | 'freeOfKinds' | 'narrow' | 'encode'>

declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number; readonly maximum: number; readonly shared: true }) => SharedMemory
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: Exports }
}

/** @param bytes up to 1 GB */
export function openMemory(bytes: number): SharedMemory {
  return new WebAssembly.Memory({ initial: Math.ceil(bytes / pageBytes), maximum: mostPages, shared: true })
}

let compiled: object | undefined

/** A `WebAssembly.Module`, which can be sent to a thread. @throws where WebAssembly can't be used */
export function kernelCode(): object {
  // What it writes is read in words.
  if (endianness() !== 'LE') throw new TypeError('the kernel needs a little-endian machine')
  return (compiled ??= new WebAssembly.Module(readFileSync(new URL('./kernel.wasm', import.meta.url))))
}

/**
 * @param part which of the memory's parts it may use; each is `place.end` bytes
 * @param code of `kernelCode`, in whichever thread
 * @throws where WebAssembly can't be used
 */
export function openKernel(memory: SharedMemory, part = 0, code = kernelCode()): Kernel {
  const base = part * place.end
  const { exports } = new WebAssembly.Instance(code, { env: { memory, abort: () => undefined }, layout: { base } })
  const { begin, read, readList, seek, freeOfKinds, narrow, encode } = exports
  return {
    memory: Buffer.from(memory.buffer),
    bytes: memory.buffer,
    words: new Uint32Array(memory.buffer),
    base,
    begin,
    read,
    readList,
    seek,
    freeOfKinds,
    narrow,
    encode,
    isWide: false,
    packing: undefined,
    looked: undefined
  }
}

/** As UTF-8. @param text of which as many units as bytes have room from `fillText` on, twice over @returns the place behind it */
export function writeText(kernel: Kernel, text: string, to: number): number {
  const { memory, base, encode } = kernel
  let end: number
  if (kernel.isWide && 2 * text.length <= mostWide) {
    const from = base + place.fillText
    memory.write(text, from, 'utf16le')
    end = encode(from, text.length, to)
  } else end = to + memory.write(text, to)
  kernel.isWide = end - to > text.length
  return end
}

const mostWide = place.fillTextEnd - place.fillText - 64

/** Have it drop what the packing says. */
export function writeDropped(kernel: Kernel, packing: Packing): void {
  if (kernel.packing === packing) return
  const { memory, base } = kernel
  const { drop, counted, noUnderscores = false, special = false } = packing
  let at = memory.writeUInt32LE(drop.length, base + place.dropped)
  at = memory.writeInt32LE(counted === undefined ? -1 : drop.indexOf(counted), at)
  at = memory.writeUInt32LE(noUnderscores ? 1 : 0, at)
  at = memory.writeUInt32LE(special ? 1 : 0, at)
  writeNames(memory, drop, { from: at, end: base + place.droppedEnd })
  kernel.packing = packing
}

/** @param names the fields that are looked into, `_id` beside them */
export function writeLooked(kernel: Kernel, names: readonly string[]): void {
  if (kernel.looked === names) return
  const { memory, base } = kernel
  const from = memory.writeUInt32LE(names.length + 1, base + place.looked)
  writeNames(memory, ['_id', ...names], { from, end: base + place.lookedEnd })
  kernel.looked = names
}

function writeNames(memory: Buffer, names: readonly string[], { from, end }: { readonly from: number; readonly end: number }): void {
  let at = from
  for (const name of names) {
    const length = Buffer.byteLength(name)
    if (at + 4 + length > end) throw new RangeError('the names of fields are too long')
    at = memory.writeUInt32BE(length, at)
    at += memory.write(name, at)
  }
}
