/**
 * DynamoDB's JSON and ordinary JSON, each made of the other's bytes by WebAssembly, without an object for a value. What it is not sure of is told, and left
 * to those who look at values.
 */
import type { BufferPool } from '../../kernel/buffer-pool.ts'
import { openSmallModule } from '../../kernel/small-module.ts'
import type { SmallModule } from '../../kernel/small-module.ts'
import { readNumber } from './numbers.ts'

/** Items that were read. */
export interface ReadItems {
  readonly count: number
  /** For each item from and to where it stands in the input, 1 where it is odd, and from and to where its line stands in the text, which an odd one has not. */
  readonly records: Uint32Array
  /** A line for each that is not odd. */
  readonly text: Buffer
}

export const record = { from: 0, to: 1, isOdd: 2, textFrom: 3, textTo: 4, words: 5 } as const

/**
 * As many items of a list as stand whole and go in at once, each as a line of ordinary JSON.
 *
 * @param bytes from an item on
 * @param options see `readPlainItems`
 * @returns those up to the end of the list, or up to the comma behind the last of them; undefined where there is no WebAssembly
 */
export function readItems(bytes: Buffer, { ownKey, pool }: ItemsOptions): ReadItems | undefined {
  kernel ??= start()
  if (kernel === null) return undefined
  const { memory, words, readItems } = kernel
  const length = bytes.copy(memory, place.input, 0, mostInput)
  memory.fill(0, place.input + length, place.input + length + slack)
  const count = readItems(length, mostRecords, ownKey)
  const first = place.records / 4
  const records = words.slice(first, first + record.words * count)
  const size = count === 0 ? 0 : records[record.words * (count - 1) + record.textTo]!
  const text = (pool?.take(Math.max(size, 1)) ?? Buffer.allocUnsafeSlow(size)).subarray(0, size)
  memory.copy(text, 0, place.output, place.output + size)
  return { count, records, text }
}

export interface ItemsOptions {
  /** Whether the table has docferry's own key. */
  readonly ownKey: boolean
  /** Has memory for lines. */
  readonly pool?: BufferPool | undefined
}

/** An item in the kernel's memory, until the next one is written there. */
export interface WrittenItem {
  readonly json: Buffer
  /** As the service counts them. */
  readonly bytes: number
}

/**
 * The item of a document.
 *
 * @param line the document's JSON, in which no map has a name twice; a number's digits are those of the double, or the same with zeros behind them
 * @returns undefined where it may have to be written in another way, or refused: as where there is space between tokens
 */
export function writeItem(line: Buffer): WrittenItem | undefined {
  if (kernel === undefined && ++written > fewItems) kernel = start()
  if (!kernel || line.length > longestLine) return undefined
  const { memory, words, writeItem } = kernel
  line.copy(memory, place.input)
  memory.fill(0, place.input + line.length, place.input + line.length + slack)
  const length = writeItem(line.length)
  return length === 0 ? undefined : { json: memory.subarray(place.output, place.output + length), bytes: words[place.counted / 4]! }
}

/** Where things are in the module's memory: the same as in `assembly/items/shared.ts`. */
const place = { counted: 4096, records: 64 << 10, input: 1 << 20, output: 5 << 20, end: 11 << 20 } as const
const mostRecords = 16_384
/** Zeros behind the input. */
const slack = 64
const mostInput = (2 << 20) - slack
/** An item is at most five times as long as its line. */
const longestLine = 1 << 20

interface Exports {
  readonly readItems: (length: number, most: number, ownKey: boolean) => number
  readonly writeItem: (length: number) => number
}

/** So few are written without it: its memory counts with V8, and has it search the heap, which is felt in a run of one document. */
export const fewItems = 8
let written = 0

/** null where it can't be used. */
let kernel: (SmallModule & Exports) | null | undefined

function start(): (SmallModule & Exports) | null {
  return openSmallModule<Exports>('items', place.end, memory => (from, size, to) => digitsAt(memory, { from, size, to }))
}

/** Longer ones are read by the plain way, which may refuse them. */
const mostDigitsHere = 1000

/** Write the digits that a number has in JSON. @returns how many; -1 where JSON has no such number */
function digitsAt(memory: Buffer, { from, size, to }: { readonly from: number; readonly size: number; readonly to: number }): number {
  if (size > mostDigitsHere) return -1
  const value = readNumber(memory.toString('latin1', from, from + size))
  const json = String(value)
  return typeof value !== 'number' || json.length > size ? -1 : memory.write(json, to, 'latin1')
}
