import { DocferryError } from '../../errors.ts'
import { withRetry } from '../../engine/retry.ts'
import type { Logger } from '../../types.ts'
import type { FirestoreConnection } from './client.ts'
import { grpcCode, isGrpcError } from './errors.ts'
import { comparePaths } from './name-order.ts'
import { byName, descendantsOf, type Query } from './queries.ts'
import { sampleSubcollections } from './subcollections.ts'

/** Counting is for the estimate only, and not worth waiting for. */
const countTimeoutMs = 5_000

const collectionsPerAnswer = 300

/** Counting so many index entries is billed as reading one document. */
const entriesPerRead = 1_000

interface CollectionIds {
  readonly collectionIds: readonly string[]
  readonly nextPageToken: string
}

interface CountAnswer {
  readonly result: { readonly aggregateFields: Readonly<Record<string, { readonly integerValue: string }>> } | null
  /** A moment of the service's, as it came. */
  readonly readTime?: object | null
}

interface Count {
  readonly documents: number
  readonly readTime: object | undefined
}

interface MomentAnswer {
  readonly readTime?: object | null
}

interface Counts {
  readonly own?: number
  readonly all?: number
}

interface CountsOptions {
  readonly signal: AbortSignal | undefined
  readonly moment?: object | undefined
}

interface PartitionAnswer {
  readonly partitions: readonly { readonly values: readonly { readonly referenceValue: string }[] }[]
  readonly nextPageToken: string
}

export interface BoundsOptions {
  readonly wanted: number
  /** Names of subcollections below it, where they are read too. */
  readonly below?: readonly string[] | undefined
  readonly signal?: AbortSignal | undefined
}

/** What is asked about collections, other than their documents. */
export class CollectionQueries {
  readonly #connection: FirestoreConnection
  readonly #logger: Logger
  #documentReads = 0

  constructor(connection: FirestoreConnection, logger: Logger) {
    this.#connection = connection
    this.#logger = logger
  }

  /** What the answers so far are billed as. https://firebase.google.com/docs/firestore/pricing */
  get documentReads(): number {
    return this.#documentReads
  }

  /** The names of the top-level collections. */
  async names(signal: AbortSignal | undefined): Promise<string[]> {
    const names: string[] = []
    let pageToken = ''
    do {
      const request = { parent: this.#connection.root, pageSize: collectionsPerAnswer, pageToken }
      const answer = await this.#ask<CollectionIds>('ListCollectionIds', request, signal)
      names.push(...answer.collectionIds)
      pageToken = answer.nextPageToken
    } while (pageToken !== '')
    return names.sort()
  }

  /** How many documents a query finds, where that can be had within seconds. */
  async count(structuredQuery: Query, signal: AbortSignal | undefined): Promise<number | undefined> {
    return (await this.#count(structuredQuery, signal))?.documents
  }

  /**
   * A moment that counts may be asked of, so that several of them agree and go side by side; undefined where none can be had. The moment of a
   * strong read, so that nothing written before is missing: of a document of any name, which need not be there.
   */
  async moment(signal: AbortSignal | undefined): Promise<object | undefined> {
    const { database, root } = this.#connection
    const request = { database, documents: [`${root}/docferry/moment`], mask: { fieldPaths: ['__name__'] } }
    try {
      const settings = { signal, timeoutMs: countTimeoutMs }
      const context = this.#connection.context('read')
      const [answer] = await this.#connection.collectObjects<MomentAnswer>('BatchGetDocuments', request, context, settings)
      this.#documentReads++
      return answer?.readTime ?? undefined
    } catch (error) {
      signal?.throwIfAborted()
      this.#logger.debug({ error: error instanceof Error ? error.message : '' }, 'Firestore gives no moment to count at')
      return undefined
    }
  }

  /**
   * A collection's own documents, and these with all that lies below, both at one moment: of the first count, if none is given. What can't be
   * had within seconds is missing.
   */
  async counts(collection: string, { signal, moment }: CountsOptions): Promise<Counts> {
    const countOwn = (): Promise<Count | undefined> => this.#count({ from: [{ collectionId: collection }] }, signal, moment)
    const countAll = (at: object): Promise<Count | undefined> => this.#count(descendantsOf(this.#connection.root, collection), signal, at)
    if (moment) {
      const [own, all] = await Promise.all([countOwn(), countAll(moment)])
      return countsOf(own, all)
    }
    const own = await countOwn()
    return countsOf(own, own?.readTime && (await countAll(own.readTime)))
  }

  async #count(structuredQuery: Query, signal: AbortSignal | undefined, readTime?: object): Promise<Count | undefined> {
    const { root } = this.#connection
    const aggregations = [{ alias: 'n', count: {} }]
    const request = { parent: root, structuredAggregationQuery: { structuredQuery, aggregations }, ...(readTime && { readTime }) }
    const context = this.#connection.context('read')
    try {
      const settings = { signal, timeoutMs: countTimeoutMs }
      const answers = await this.#connection.collectObjects<CountAnswer>('RunAggregationQuery', request, context, settings)
      const answer = answers.find(({ result }) => result !== null)
      const documents = answer?.result ? Number(answer.result.aggregateFields['n']!.integerValue) : undefined
      this.#documentReads += Math.max(1, Math.ceil((documents ?? 0) / entriesPerRead))
      return documents === undefined ? undefined : { documents, readTime: answer?.readTime ?? undefined }
    } catch (error) {
      signal?.throwIfAborted()
      // An estimate that can't be had is left out; what is really wrong shows as soon as documents are read.
      this.#logger.debug({ error: error instanceof Error ? error.message : '' }, 'Firestore gives no count')
      return undefined
    }
  }

  /** Some names of subcollections, where they can be had. */
  async subcollections(collection: string, signal: AbortSignal | undefined): Promise<readonly string[]> {
    const onRead = (reads: number): void => void (this.#documentReads += reads)
    try {
      return await sampleSubcollections(this.#connection, collection, { signal, onRead })
    } catch (error) {
      signal?.throwIfAborted()
      this.#logger.debug({ error: error instanceof Error ? error.message : '' }, 'Firestore gives no names of subcollections')
      return []
    }
  }

  /**
   * Where the partitions after the first begin, in order: ids, and with `below` paths inside the collection. None on the emulator, which has no
   * PartitionQuery: what finding bounds by offsets takes there is more than what several queries at once bring.
   */
  async bounds(collection: string, { wanted, below, signal }: BoundsOptions): Promise<string[]> {
    const prefix = `${this.#connection.root}/${collection}/`
    const found = new Set<string>()
    try {
      for (const collectionId of new Set([collection, ...(below ?? [])])) {
        for (const name of await this.#split(collectionId, { wanted, signal })) {
          // The service splits all collections of this name, wherever they are.
          const path = name.startsWith(prefix) ? name.slice(prefix.length) : ''
          if (path !== '' && (below !== undefined || !path.includes('/'))) found.add(path)
        }
      }
    } catch (error) {
      if (!(error instanceof DocferryError) || !isUnimplemented(error)) throw error
      return []
    }
    return evenly([...found].sort(comparePaths), wanted - 1)
  }

  /** The names of documents that split all collections of this name. */
  async #split(collectionId: string, { wanted, signal }: BoundsOptions): Promise<string[]> {
    const structuredQuery = { from: [{ collectionId, allDescendants: true }], orderBy: byName }
    const names: string[] = []
    let pageToken = ''
    do {
      const request = { parent: this.#connection.root, structuredQuery, partitionCount: wanted - 1, pageToken }
      const answer = await this.#ask<PartitionAnswer>('PartitionQuery', request, signal, collectionId)
      names.push(...answer.partitions.flatMap(({ values }) => values[0]?.referenceValue ?? []))
      pageToken = answer.nextPageToken
    } while (pageToken !== '')
    return names
  }

  async #ask<Answer>(method: string, request: object, signal: AbortSignal | undefined, collection?: string): Promise<Answer> {
    const context = this.#connection.context('read', collection)
    const answer = await withRetry(() => this.#connection.call<Answer>(method, request, context, { signal }), { signal })
    this.#documentReads++
    return answer
  }
}

function countsOf(own: Count | undefined, all: Count | undefined): Counts {
  return { ...(own && { own: own.documents }), ...(all && { all: all.documents }) }
}

/** So many of them, or all where there are fewer. */
function evenly(paths: readonly string[], most: number): string[] {
  if (paths.length <= most) return [...paths]
  return Array.from({ length: most }, (_, index) => paths[Math.floor(((index + 1) * paths.length) / (most + 1))]!)
}

function isUnimplemented(error: DocferryError): boolean {
  return isGrpcError(error.cause) && error.cause.code === grpcCode.unimplemented
}
