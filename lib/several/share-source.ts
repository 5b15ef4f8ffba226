/** One source for several runs: it is read once, and each page goes to all of them. */
import { Gate } from './gate.ts'
import { closeEnd } from '../engine/close-end.ts'
import { watchReader } from '../engine/watch-reader.ts'
import { DocferryError } from '../errors.ts'
import { openSource, silentLogger } from '../open.ts'
import type { Endpoint, OpenOptions } from '../open.ts'
import { isSavedAtEnd } from '../report.ts'
import type { Connector, Page, Partition, ReadOptions, Source } from '../types.ts'
import { cloneDocument } from '../values/index.ts'

/** How long a reader of a database may give no sign before it is left, and another one goes on. */
const stallMs = 150_000

/**
 * An endpoint for each of `count` runs that are begun together, all with the same options of reading. The next page is read when all runs that
 * are still under way have asked for it, so that the slowest sets the pace, and none waits for one that has failed.
 */
export function sharedSource(endpoint: Endpoint, count: number, options: OpenOptions): readonly Endpoint[] {
  const shared = new Shared(endpoint, count, options)
  return Array.from({ length: count }, (_, index) => ({ connector: connectorOf(shared, index), options: {} }))
}

function connectorOf(shared: Shared, index: number): Connector {
  return {
    name: 'several',
    configure: () => ({}),
    openSource: () => shared.open(index),
    openTarget: () => Promise.reject(new DocferryError('DOCFERRY_BUG', 'a shared source is only read'))
  }
}

class Shared {
  readonly #endpoint: Endpoint
  readonly #options: OpenOptions
  /** Runs that are still under way. */
  readonly #members: Set<number>
  #source: Promise<Source> | undefined
  #collections: ReturnType<Source['collections']> | undefined
  readonly #partitions = new Map<string, ReturnType<Source['partitions']>>()
  readonly #readings = new Map<string, Reading>()

  constructor(endpoint: Endpoint, count: number, options: OpenOptions) {
    this.#endpoint = endpoint
    this.#options = options
    this.#members = new Set(Array.from({ length: count }, (_, index) => index))
  }

  async open(index: number): Promise<Source> {
    this.#source ??= openSource(this.#endpoint, this.#options)
    try {
      return this.#viewOf(await this.#source, index)
    } catch (error) {
      this.#forget(index)
      throw error
    }
  }

  #viewOf(source: Source, index: number): Source {
    return {
      location: source.location,
      uniqueIds: source.uniqueIds,
      waitsForOthers: true,
      ...(source.givesChanges && { givesChanges: true }),
      proof: source.proof,
      parts: source.parts,
      ...(source.holdsSubcollections && { holdsSubcollections: source.holdsSubcollections.bind(source) }),
      collections: options => (this.#collections ??= source.collections(options)),
      partitions: (collections, options) => {
        const key = JSON.stringify([collections, options.wanted])
        const found = this.#partitions.get(key) ?? source.partitions(collections, options)
        this.#partitions.set(key, found)
        return found
      },
      read: (partition, options) => this.#read(source, index, partition, options),
      ...(source.security && { security: source.security.bind(source) }),
      ...(source.usage && { usage: () => source.usage!() }),
      ...(source.notes && { notes: () => source.notes!() }),
      close: () => this.#leave(source, index)
    }
  }

  #read(source: Source, index: number, partition: Partition, options: ReadOptions): AsyncIterableIterator<Page> {
    const reading = this.#readings.get(partition.id) ?? new Reading(source, partition, new Gate(this.#members))
    this.#readings.set(partition.id, reading)
    let number = 0
    // No generator: also one that was never begun has to be left.
    const pages: AsyncIterableIterator<Page> = {
      [Symbol.asyncIterator]: () => pages,
      async next() {
        const value = await reading.page(index, number++, options)
        return value ? { done: false, value } : { done: true, value: undefined }
      },
      return() {
        reading.leave(index)
        return Promise.resolve({ done: true, value: undefined })
      }
    }
    return pages
  }

  #forget(index: number): void {
    this.#members.delete(index)
    for (const reading of this.#readings.values()) reading.leave(index)
  }

  /** The last one closes it. */
  async #leave(source: Source, index: number): Promise<void> {
    if (!this.#members.has(index)) return
    this.#forget(index)
    if (this.#members.size > 0) return
    await Promise.allSettled([...this.#readings.values()].map(reading => reading.close()))
    await closeEnd(source, this.#options.logger ?? silentLogger)
  }
}

/** One partition under way. */
class Reading {
  readonly #source: Source
  readonly #partition: Partition
  readonly #gate: Gate
  readonly #abort = new AbortController()
  #pages: AsyncIterator<Page> | undefined
  /** The page with this number is, or is being, read. */
  #number = -1
  #page: Promise<Page | undefined> | undefined
  #pageSize = Infinity
  /** Who has taken it: the last one gets the page itself, the others copies, for stages change what they get. */
  #left = 0

  constructor(source: Source, partition: Partition, gate: Gate) {
    this.#source = source
    this.#partition = partition
    this.#gate = gate
  }

  async page(index: number, number: number, options: ReadOptions): Promise<Page | undefined> {
    const { signal, pageSize = Infinity } = options
    this.#pageSize = Math.min(this.#pageSize, pageSize)
    const { others } = await this.#gate.meet(number, index, signal)
    if (number > this.#number) {
      this.#number = number
      this.#left = others + 1
      this.#page = this.#next(options)
      // Whoever asks is told.
      this.#page.catch(() => undefined)
    }
    const page = await this.#page
    return page && (--this.#left > 0 ? copyOf(page) : page)
  }

  async #next({ requestUnits, retry, onRetry }: ReadOptions): Promise<Page | undefined> {
    const pageSize = Number.isFinite(this.#pageSize) ? { pageSize: this.#pageSize } : {}
    const reading = { ...pageSize, requestUnits, retry, onRetry, signal: this.#abort.signal }
    this.#pages ??= (
      isSavedAtEnd(this.#source.location)
        ? this.#source.read(this.#partition, reading)
        : watchReader(this.#source, this.#partition, { ...reading, stallMs })
    )[Symbol.asyncIterator]()
    const { done, value } = await this.#pages.next()
    return done ? undefined : value
  }

  /** No run waits for this one here any more. */
  leave(index: number): void {
    this.#gate.leave(index)
  }

  async close(): Promise<void> {
    this.#abort.abort(new DocferryError('DOCFERRY_INTERRUPTED', 'no run reads it any more'))
    await this.#pages?.return?.()
  }
}

/** Digests hold for a copy too. */
function copyOf(page: Page): Page {
  return { ...page, documents: page.documents.map(cloneDocument) }
}
