/** Reads a part of a source that stands for the whole. */
import { DocferryError } from '../errors.ts'
import type { SampleSize } from '../report.ts'
import type { CollectionInfo, Page, Partition, ReadOptions, Source, Usage } from '../types.ts'

/** Slices per collection: what is read of each comes from all over its ids. */
const slices = 16

/** Documents of each collection that are wanted at least, whatever the fraction. */
const leastDocuments = 100

/** A collection in one slice with no more documents is read whole: its first ids may be unlike the others. */
const fewDocuments = 1_000

/** A reader that isn't told may take pages that are larger than all that is wanted. */
const mostPerPage = 500

/** Smaller pages cost more a document than those of a run: what is billed is rounded up for each. */
const leastPerPage = 100

/** What a read unit stands for, where reading is billed by them. */
const readUnitBytes = 4_096

/** How much of a collection was passed on. Rejects count as documents. */
export type Sampled = Omit<SampleSize, 'quick'>

/**
 * A source that passes on only part of its documents. The cursor of a page is behind everything that was read for it, so that going on
 * from it leaves out what was not passed on; `Page.bytes` and `usage` tell of everything that was read.
 */
export interface SampledSource extends Source {
  /**
   * Whether reading the collection ends early; otherwise all of it is read. Known once `partitions` has answered.
   *
   * Not quick are a file, whose order may mean anything, several collections in one stream, and a collection whose number of documents
   * isn't known: of that one the first hundreds are passed on more densely than the rest, as nobody knows how many follow.
   */
  isQuick(collection: string): boolean
  /** Meaningful once the collection's partitions have been read. */
  sampled(collection: string): Sampled
}

/**
 * @param fraction share of each collection that is wanted, over 0 and up to 1; more is passed on where that would be but a few documents
 * @throws {DocferryError} DOCFERRY_CONFIG for another number
 */
export function sampleSource(source: Source, fraction: number): SampledSource {
  if (!(fraction > 0 && fraction <= 1))
    throw new DocferryError('DOCFERRY_CONFIG', 'sample: a share over 0 and up to 1 is wanted (1%, 0.01)')
  return new SampleSource(source, fraction)
}

export function isSampled(source: Source): source is SampledSource {
  return source instanceof SampleSource
}

/** Ten tenths are less than 1. */
const rounding = 1e-9

/** The books of one collection. */
interface Tally {
  /** As the source estimates them. */
  readonly documents: number | undefined
  /** Mean size, where the source tells. */
  readonly meanBytes: number | undefined
  readonly quick: boolean
  seen: number
  passed: number
  /** Of a quick collection: documents that the partitions not yet begun are to give, and how many these are. */
  wanted: number
  partitionsLeft: number
  /**
   * Otherwise: of the documents until this comes to 1, the one at `pick` is passed on. Not the same one each time: what recurs in the source
   * must not meet what recurs here.
   */
  due: number
  pick: number
  taken: boolean
}

class SampleSource implements SampledSource {
  readonly proof: Source['proof']
  readonly parts: Source['parts']
  readonly usage?: () => Usage
  readonly notes?: () => readonly string[]
  readonly #source: Source
  readonly #fraction: number
  readonly #tallies = new Map<string, Tally>()
  #documents: ReadonlyMap<string, number | undefined> | undefined
  #bytes: ReadonlyMap<string, number | undefined> | undefined
  #partitions: readonly Partition[] = []
  readonly #ended = new Set<string>()
  readonly #random = randomFrom(20_261_122)

  constructor(source: Source, fraction: number) {
    this.#source = source
    this.proof = source.proof
    this.parts = source.parts
    this.#fraction = fraction
    if (source.usage) this.usage = () => source.usage!()
    if (source.notes) this.notes = () => source.notes!()
  }

  get location(): Source['location'] {
    return this.#source.location
  }

  get uniqueIds(): boolean {
    return this.#source.uniqueIds
  }

  async collections(options: { readonly signal?: AbortSignal }): Promise<readonly CollectionInfo[] | null> {
    const infos = await this.#source.collections(options)
    // Estimates are up to six hours old: a table that was empty then may be full now.
    this.#documents = new Map(infos?.map(({ name, documents }) => [name, documents === 0 ? undefined : documents]))
    this.#bytes = new Map(infos?.map(({ name, bytes }) => [name, bytes]))
    return infos
  }

  async partitions(
    collections: readonly string[] | null,
    { wanted, signal }: { readonly wanted: number; readonly signal?: AbortSignal }
  ): Promise<readonly Partition[]> {
    if (!this.#documents) await this.collections({ signal })
    this.#partitions = await this.#source.partitions(collections, { wanted: Math.max(wanted, slices), signal })
    const byCollection = new Map<string, Partition[]>()
    for (const partition of this.#partitions) {
      for (const name of partition.collections) byCollection.set(name, [...(byCollection.get(name) ?? []), partition])
    }
    for (const [name, holding] of byCollection) this.#open(name, holding)
    return this.#partitions
  }

  isQuick(collection: string): boolean {
    return this.#tallies.get(collection)?.quick ?? false
  }

  sampled(collection: string): Sampled {
    const tally = this.#tallies.get(collection)
    const { seen, passed } = tally ?? { seen: 0, passed: 0 }
    const holding = this.#partitions.filter(({ collections: names }) => names.length === 0 || names.includes(collection))
    const exact = holding.length > 0 && holding.every(({ id }) => this.#ended.has(id))
    return { passed, of: exact ? seen : Math.max(seen, this.#documents?.get(collection) ?? 0), exact, read: seen }
  }

  read(partition: Partition, options: ReadOptions): AsyncIterable<Page> {
    const [collection] = partition.collections
    const tally = collection === undefined ? undefined : this.#tallies.get(collection)
    return tally?.quick ? this.#readBeginning(tally, partition, options) : this.#readThrough(partition, options)
  }

  close(): Promise<void> {
    return this.#source.close()
  }

  #open(collection: string, holding: readonly Partition[]): Tally {
    const documents = this.#documents?.get(collection)
    const wanted = documents === undefined ? 0 : Math.max(Math.ceil(documents * this.#fraction), Math.min(documents, leastDocuments))
    const quick =
      documents !== undefined &&
      wanted < documents &&
      this.#source.location.provider !== 'file' &&
      holding.every(({ collections }) => collections.length === 1) &&
      (holding.length > 1 || documents > fewDocuments)
    const bytes = this.#bytes?.get(collection)
    const tally = {
      documents,
      meanBytes: documents === undefined || bytes === undefined ? undefined : bytes / documents,
      quick,
      seen: 0,
      passed: 0,
      wanted,
      partitionsLeft: holding.length,
      due: 0,
      pick: this.#random(),
      taken: false
    }
    this.#tallies.set(collection, tally)
    return tally
  }

  /** A partition's part of what is wanted, and what partitions before it did not have. */
  async *#readBeginning(tally: Tally, partition: Partition, options: ReadOptions): AsyncGenerator<Page> {
    const quota = Math.max(1, Math.ceil(tally.wanted / Math.max(1, tally.partitionsLeft)))
    tally.wanted -= quota
    tally.partitionsLeft--
    let left = quota
    const evenly = Math.ceil(quota / Math.ceil(quota / mostPerPage))
    const each = Math.max(leastPerPage, evenly)
    const pageSize = Math.min(options.pageSize ?? mostPerPage, each)
    const units = tally.meanBytes === undefined ? undefined : Math.max(1, Math.ceil((each * tally.meanBytes) / readUnitBytes))
    const { requestUnits = units } = options
    for await (const page of this.#source.read(partition, { ...options, leaving: undefined, pageSize, requestUnits })) {
      const documents = page.documents.slice(0, left)
      const rejects = page.rejects?.slice(0, left - documents.length)
      const passed = documents.length + (rejects?.length ?? 0)
      tally.seen += sizeOf(page)
      tally.passed += passed
      left -= passed
      yield { ...page, documents, rejects }
      if (left === 0) return
    }
    tally.wanted += left
    this.#ended.add(partition.id)
  }

  /** Every so many documents one, to the end. */
  async *#readThrough(partition: Partition, options: ReadOptions): AsyncGenerator<Page> {
    for await (const page of this.#source.read(partition, { ...options, leaving: undefined })) {
      const tally = this.#tallies.get(page.collection) ?? this.#open(page.collection, [partition])
      const isTaken = (): boolean => this.#isTaken(tally)
      // What is known of documents is so by their index.
      yield { ...page, digests: undefined, documents: page.documents.filter(isTaken), rejects: page.rejects?.filter(isTaken) }
    }
    this.#ended.add(partition.id)
  }

  #isTaken(tally: Tally): boolean {
    tally.seen++
    tally.due += Math.max(this.#fraction, Math.min(1, leastDocuments / (tally.documents ?? tally.seen)))
    const isTaken = !tally.taken && tally.due > tally.pick
    if (isTaken) tally.passed++
    tally.taken ||= isTaken
    if (tally.due > 1 - rounding) {
      tally.due--
      tally.taken = false
      tally.pick = this.#random()
    }
    return isTaken
  }
}

/** Numbers from 0 to below 1, the same ones each time, so that two plans of one source agree (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

function sizeOf({ documents, rejects }: Page): number {
  return documents.length + (rejects?.length ?? 0)
}
