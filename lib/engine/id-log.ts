/** What was said of ids of collections, however many there are, put together by id in the end: nothing is guessed, and what memory does not hold is in a file. */
import { idHashes } from '../values/id-hashes.ts'
import { NamelessFile } from './nameless-file.ts'

/** By the highest byte of a hash. */
const parts = 256
const mostInMemory = 1 << 16
const mostCharacters = 8 << 20

/** Part by part, in bytes from the beginning of the file. */
interface Run {
  readonly start: number
  /** Where each part of it ends. */
  readonly ends: Float64Array
}

export interface IdLogOptions {
  /** Most items that are kept in memory. */
  readonly inMemory?: number
  /** Most items that are put together at once. */
  readonly atOnce?: number
}

/** Keeps items of plain JSON by id, in some 20 MB of memory: the rest of them is in a file of the system's temporary folder. */
export class IdLog<Item> {
  readonly #inMemory: number
  readonly #atOnce: number
  readonly #collections: string[] = []
  readonly #indexes = new Map<string, number>()
  /** Of a collection by its index, and an id: `INDEX id`. */
  #keys: string[] = []
  #items: Item[] = []
  #characters = 0
  #file: NamelessFile | undefined
  readonly #runs: Run[] = []
  /** In the file. */
  readonly #counts = new Float64Array(parts)

  constructor({ inMemory = mostInMemory, atOnce = mostInMemory }: IdLogOptions = {}) {
    this.#inMemory = inMemory
    this.#atOnce = atOnce
  }

  /** @throws {DocferryError} DOCFERRY_STATE where the disk can't take it; so does `ids` */
  add(collection: string, id: string, item: Item): void {
    const key = `${this.#indexOf(collection)} ${id}`
    this.#keys.push(key)
    this.#items.push(item)
    this.#characters += key.length
    if (this.#keys.length >= this.#inMemory || this.#characters >= mostCharacters) this.#keep()
  }

  /** Each id once, with all items of it in their order. As long as memory holds them, ids come in the order in which they were first added. */
  *ids(): Generator<readonly [collection: string, id: string, items: readonly Item[]]> {
    for (const [key, items] of this.#all()) {
      const space = key.indexOf(' ')
      yield [this.#collections[Number(key.slice(0, space))]!, key.slice(space + 1), items]
    }
  }

  *#all(): Generator<readonly [key: string, items: readonly Item[]]> {
    if (!this.#file) return yield* grouped(this.#keys.map((key, at) => [key, this.#items[at]!] as const))
    this.#keep()
    for (let part = 0; part < parts; part++) {
      const times = Math.max(1, Math.ceil(this.#counts[part]! / this.#atOnce))
      for (let time = 0; time < times; time++) yield* grouped(this.#readPart(this.#file, part, key => turnOf(key) % times === time))
    }
  }

  close(): void {
    this.#file?.close()
    this.#file = undefined
    this.#keys = []
    this.#items = []
  }

  #indexOf(collection: string): number {
    const index = this.#indexes.get(collection) ?? this.#collections.length
    if (index === this.#collections.length) {
      this.#indexes.set(collection, index)
      this.#collections.push(collection)
    }
    return index
  }

  #keep(): void {
    const texts = Array.from({ length: parts }, (): string[] => [])
    for (const [at, key] of this.#keys.entries()) {
      const part = partOf(key)
      texts[part]!.push(`${JSON.stringify([key, this.#items[at]])}\n`)
      this.#counts[part]!++
    }
    this.#keys = []
    this.#items = []
    this.#characters = 0
    const blocks = texts.map(lines => Buffer.from(lines.join('')))
    const start = this.#runs.at(-1)?.ends.at(-1) ?? 0
    let end = start
    const ends = Float64Array.from(blocks, block => (end += block.length))
    this.#file ??= new NamelessFile('ids')
    this.#file.write(Buffer.concat(blocks), start)
    this.#runs.push({ start, ends })
  }

  *#readPart(file: NamelessFile, part: number, isMeant: (key: string) => boolean): Generator<readonly [string, Item]> {
    for (const { start, ends } of this.#runs) {
      const from = part === 0 ? start : ends[part - 1]!
      const bytes = Buffer.allocUnsafe(ends[part]! - from)
      file.read(bytes, from)
      for (const line of bytes.toString().split('\n')) {
        if (line === '') continue
        const entry = JSON.parse(line) as [string, Item]
        if (isMeant(entry[0])) yield entry
      }
    }
  }
}

function partOf(key: string): number {
  return idHashes(key)[0] >>> 24
}

/** Among the keys of a part. */
function turnOf(key: string): number {
  return idHashes(key)[1] >>> 1
}

function grouped<Item>(entries: Iterable<readonly [string, Item]>): Map<string, Item[]> {
  const found = new Map<string, Item[]>()
  for (const [key, item] of entries) {
    const items = found.get(key)
    if (items) items.push(item)
    else found.set(key, [item])
  }
  return found
}
