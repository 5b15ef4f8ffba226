/** Fields of messages, made of the bytes of JSON by WebAssembly, without an object for a value. */
import { openSmallModule } from '../../kernel/small-module.ts'
import type { SmallModule } from '../../kernel/small-module.ts'

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

interface Exports {
  readonly writeFields: (length: number) => number
}

/** null where it can't be used. */
let kernel: (SmallModule & Exports) | null | undefined

function start(): (SmallModule & Exports) | null {
  return openSmallModule<Exports>(
    'messages',
    place.end,
    memory => (from, length) => ownForm(memory.toString('latin1', from, from + length))
  )
}

/** @returns NaN for a text that is not the number's own */
function ownForm(text: string): number {
  const value = Number(text)
  return String(value) === text ? value : NaN
}
