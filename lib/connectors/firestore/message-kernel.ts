/** Fields of messages, made of the bytes of JSON by WebAssembly, without an object for a value. */
import { readFileSync } from 'node:fs'
import { endianness } from 'node:os'

/** A document's fields, without its `_id`. */
export interface WrittenFields {
  /** In the kernel's memory, until the next ones are written there. */
  readonly bytes: Uint8Array
  /** As Firestore counts them. */
  readonly size: number
}

/**
 * @param line the document's JSON, valid, in which no map has a name twice
 * @returns undefined where they may have to be written in another way, or refused: as where there is space between tokens
 */
export function writeFields(line: Buffer): WrittenFields | undefined {
  kernel ??= start()
  if (kernel === null || line.length > longestLine) return undefined
  const { memory, words, writeFields: write } = kernel
  line.copy(memory, place.input)
  const length = write(line.length)
  return length < 0 ? undefined : { bytes: memory.subarray(place.end - length, place.end), size: words[place.counted / 4]! }
}

/** Where things are in the module's memory: the same as in `lib/kernel/assembly/messages/shared.ts`. */
const place = { counted: 4096, input: 1 << 20, end: 8 << 20 } as const
/** The fields of so long a line, and what tags and lengths of as many tokens as there may be add, have room behind it. */
const longestLine = 2 << 20
const pageBytes = 64 << 10

interface MessageKernel {
  readonly memory: Buffer
  readonly words: Uint32Array
  readonly writeFields: (length: number) => number
}

/** null where it can't be used. */
let kernel: MessageKernel | null | undefined

/** What is used of WebAssembly, of which Node's types know nothing. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer }
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: Pick<MessageKernel, 'writeFields'> }
}

function start(): MessageKernel | null {
  // What it writes is read in words.
  if (endianness() !== 'LE') return null
  try {
    const wasmMemory = new WebAssembly.Memory({ initial: place.end / pageBytes })
    const memory = Buffer.from(wasmMemory.buffer)
    const code = new WebAssembly.Module(readFileSync(new URL('../../kernel/messages.wasm', import.meta.url)))
    const readNumber = (from: number, length: number): number => ownForm(memory.toString('latin1', from, from + length))
    const { writeFields: write } = new WebAssembly.Instance(code, {
      env: { memory: wasmMemory, abort: () => undefined },
      read: { readNumber }
    }).exports
    return { memory, words: new Uint32Array(wasmMemory.buffer), writeFields: write }
  } catch {
    return null
  }
}

/** @returns NaN for a text that is not the number's own */
function ownForm(text: string): number {
  const value = Number(text)
  return String(value) === text ? value : NaN
}
