/** The smaller modules of WebAssembly, each with a memory of its own. */
import { readFileSync } from 'node:fs'
import { endianness } from 'node:os'

export interface SmallModule {
  readonly memory: Buffer
  readonly words: Uint32Array
}

/** What is used of WebAssembly, of which Node's types know nothing. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer }
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: object }
}

const pageBytes = 64 << 10

/**
 * @param name of the file beside this one
 * @param bytes of its memory
 * @param readNumberOf what the module imports to read numbers by, which stand in its memory
 * @returns with what it exports; null where it can't be used
 */
export function openSmallModule<Exports extends object>(
  name: 'items' | 'messages',
  bytes: number,
  readNumberOf: (memory: Buffer) => (from: number, length: number, to: number) => number
): (SmallModule & Exports) | null {
  // What it writes is read in words.
  if (endianness() !== 'LE') return null
  try {
    const wasmMemory = new WebAssembly.Memory({ initial: bytes / pageBytes })
    const memory = Buffer.from(wasmMemory.buffer)
    const code = new WebAssembly.Module(readFileSync(new URL(`./${name}.wasm`, import.meta.url)))
    const imports = { env: { memory: wasmMemory, abort: () => undefined }, read: { readNumber: readNumberOf(memory) } }
    const { exports } = new WebAssembly.Instance(code, imports)
    // Its memory is among them.
    return { ...(exports as Exports), memory, words: new Uint32Array(wasmMemory.buffer) }
  } catch {
    return null
  }
}
