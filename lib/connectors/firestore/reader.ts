import { DocferryError } from '../../errors.ts'
import { retryDelayMs, sleep } from '../../engine/retry.ts'
import type { CollectionInfo, Cursor, Logger, Page, Partition, ReadOptions, Source, Usage } from '../../types.ts'
import type { Document } from '../../values/index.ts'
import type { FirestoreConnection } from './client.ts'
import { CollectionQueries } from './collection-queries.ts'
import { DocumentDecoder } from './decoder.ts'
import { callError, decodeError } from './errors.ts'
import { PageStream } from './page-stream.ts'
import { byName, descendantsOf, nameCursor, type Query } from './queries.ts'
import { partTwins, type Twins } from './subcollections.ts'

/** Documents in a page, if the caller does not say. */
const defaultPageSize = 500

/** A query is asked again from its last document when the server says nothing for so long. */
const idleTimeoutMs = 30_000

/** ... and before it is this old, because the service ends or stalls queries after 60 s (nodejs-firestore #964). */
const queryAgeMs = 45_000

/** Times in a row that a query may fail without bringing a page. With the default waits, about half a minute. */
const attempts = 8

const countsAtOnce = 8

/** How long to be patient; specs are less so. */
export interface ReaderTimes {
  readonly idleTimeoutMs?: number
  readonly queryAgeMs?: number
  readonly attempts?: number
}

export interface ReaderOptions extends ReaderTimes {
  /** Whether documents in subcollections are read too. Default true. */
  readonly subcollections?: boolean | undefined
}

/** `Partition.range`; those of an older docferry's runs say nothing of subcollections, which they left out. */
interface PartitionRange {
  readonly from?: string | null
  readonly to?: string | null
  readonly subcollections?: boolean
}

/** What lies in subcollections of a collection. */
interface Below {
  readonly documents: number
  /** Of subcollections; some of them. */
  readonly names: readonly string[]
}

export class FirestoreSource implements Source {
  readonly uniqueIds = true
  readonly #connection: FirestoreConnection
  readonly #logger: Logger
  readonly #queries: CollectionQueries
  readonly #times: Required<ReaderTimes>
  readonly #subcollections: boolean
  /** Of collections whose documents could be counted. */
  readonly #below = new Map<string, Below>()
  /** Collections of which was said that a part of them is not read. */
  readonly #warned = new Set<string>()
  /** Connecting lists collections, which is billed as one. */
  #documentReads = 1

  constructor(connection: FirestoreConnection, logger: Logger, { subcollections = true, ...times }: ReaderOptions = {}) {
    this.#subcollections = subcollections
    this.#connection = connection
    this.#logger = logger
    this.#queries = new CollectionQueries(connection, logger)
    this.#times = { idleTimeoutMs: connection.timeoutMs ?? idleTimeoutMs, queryAgeMs, attempts, ...times }
  }

  get location(): Source['location'] {
    return this.#connection.location
  }

  holdsSubcollections(): Promise<boolean> {
    return Promise.resolve(this.#subcollections)
  }

  /**
   * The top-level collections, also those that hold documents in subcollections only, with counts where those come within seconds. Subcollections
   * that are not read are told of in a warning when theirs is.
   */
  async collections({ signal }: { readonly signal?: AbortSignal }): Promise<readonly CollectionInfo[]> {
    const names = await this.#queries.names(signal)
    const found: CollectionInfo[] = []
    for (let start = 0; start < names.length; start += countsAtOnce) {
      found.push(...(await Promise.all(names.slice(start, start + countsAtOnce).map(name => this.#describe(name, signal)))))
    }
    return found
  }

  async #describe(name: string, signal: AbortSignal | undefined): Promise<CollectionInfo> {
    const { own, all } = await this.#queries.counts(name, signal)
    const documents = this.#subcollections ? all : own
    const info = { name, ...(documents !== undefined && { documents }) }
    if (own === undefined || all === undefined) return info
    const below = { documents: all - own, names: all > own ? await this.#queries.subcollections(name, signal) : [] }
    this.#below.set(name, below)
    if (all === own) return info
    return this.#subcollections ? { ...info, contents: textOf(below) } : info
  }

  /** Once, and of no collection that nobody asked about. */
  #warnOfBelow(name: string): void {
    const below = this.#below.get(name)
    if (below === undefined || below.documents === 0 || this.#subcollections || this.#warned.has(name)) return
    this.#warned.add(name)
    const { documents } = below
    this.#logger.warn({ collection: name, documents }, `${name}: ${textOf(below)} ${documents === 1 ? 'is' : 'are'} not read`)
  }

  async partitions(
    collections: readonly string[] | null,
    options: { readonly wanted: number; readonly signal?: AbortSignal }
  ): Promise<readonly Partition[]> {
    const names = collections ?? ((await this.collections(options)) ?? []).map(({ name }) => name)
    for (const name of names) this.#warnOfBelow(name)
    const partitions: Partition[] = []
    for (const name of names) {
      const { documents, names: below = [] } = this.#below.get(name) ?? {}
      // Of a collection with nothing below, the query for it alone is the faster one.
      const descends = this.#subcollections && documents !== 0
      const bounds = options.wanted > 1 ? await this.#queries.bounds(name, { ...options, ...(descends && { below }) }) : []
      const starts = [null, ...bounds]
      starts.forEach((from, index) => {
        const id = starts.length === 1 ? name : `${name}/${index + 1}of${starts.length}`
        partitions.push({ id, collections: [name], range: { from, to: bounds[index] ?? null, ...(descends && { subcollections: true }) } })
      })
    }
    return partitions
  }

  /**
   * One query per partition, asked again from the last document of the last page when it fails, falls silent or grows old.
   * A cursor is the id of the last document, as Firestore has it; of one in a subcollection its path inside the collection.
   */
  async *read(partition: Partition, options: ReadOptions): AsyncGenerator<Page> {
    const { signal, pageSize = defaultPageSize, retry, onRetry } = options
    const most = retry?.attempts ?? this.#times.attempts
    const collection = partition.collections[0]!
    const context = this.#connection.context('read', collection)
    const decoder = new DocumentDecoder(this.#connection.root, collection)
    let { after } = options
    let failures = 0
    for (;;) {
      signal?.throwIfAborted()
      const stream = this.#open(partition, after, pageSize, decoder)
      let foundNone = true
      try {
        const restartAt = performance.now() + this.#times.queryAgeMs
        while (performance.now() < restartAt) {
          const found = await stream.next(signal)
          if (found === undefined) {
            if (foundNone) this.#documentReads++
            return
          }
          foundNone = false
          failures = 0
          after = decoder.storedId(found.documents.at(-1)!)
          const { documents, rejects = [] }: Twins = partition.range?.['subcollections']
            ? await partTwins(this.#connection, found.documents, { decoder, collection, signal })
            : found
          yield { collection, documents, ...(rejects.length > 0 && { rejects }), cursor: after, bytes: found.bytes }
        }
      } catch (cause) {
        signal?.throwIfAborted()
        const error = decodeError(cause, context) ?? callError(cause, context)
        failures++
        if (!(error instanceof DocferryError) || !error.retryable || failures >= most) throw error
        this.#logger.debug({ collection, attempt: failures }, `reading ${collection} goes on after: ${error.message}`)
        const delayMs = retryDelayMs(failures, retry)
        onRetry?.(error, delayMs)
        await sleep(delayMs, signal)
      } finally {
        stream.close()
      }
    }
  }

  #open(partition: Partition, after: Cursor | undefined, pageSize: number, decoder: DocumentDecoder): PageStream<Document> {
    const { root } = this.#connection
    const collection = partition.collections[0]!
    const { from = null, to = null, subcollections } = (partition.range ?? {}) as PartitionRange
    const prefix = `${root}/${collection}/`
    const behind = after !== undefined && { startAt: nameCursor(prefix + after, { before: false }) }
    const structuredQuery: Query = subcollections
      ? { ...descendantsOf(root, collection, { from, to }), orderBy: byName, ...behind }
      : {
          from: [{ collectionId: collection }],
          orderBy: byName,
          ...(behind || (from !== null && { startAt: nameCursor(prefix + from, { before: true }) })),
          ...(to !== null && { endAt: nameCursor(prefix + to, { before: true }) })
        }
    const call = this.#connection.stream('RunQuery', { parent: root, structuredQuery })
    const decode = (bytes: Buffer): Document | undefined => {
      const document = decoder.decodeAnswer(bytes)
      if (document !== undefined) this.#documentReads++
      return document
    }
    return new PageStream<Document>(call, decode, { pageSize, idleTimeoutMs: this.#times.idleTimeoutMs })
  }

  /**
   * Requests are calls, those that failed included. Document reads are what the service bills: a document that it has sent, also where it
   * had to send it again; one for a query that finds none, and for each answer that lists collections or splits one; one for each 1,000
   * that it counts. What it has sent ahead when a query is given up is not known here. https://firebase.google.com/docs/firestore/pricing
   */
  usage(): Usage {
    return { requests: this.#connection.requests, documentReads: this.#documentReads + this.#queries.documentReads }
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}

/** `3 documents in subcollections (notes, runs)` */
function textOf({ documents, names }: Below): string {
  return `${documents === 1 ? '1 document' : `${documents} documents`} in subcollections${names.length === 0 ? '' : ` (${names.join(', ')})`}`
}
