import { DocferryError } from '../../errors.ts'
import { retryDelayMs, sleep, withRetry } from '../../engine/retry.ts'
import type { CollectionInfo, Cursor, Logger, Page, Partition, ReadOptions, Source } from '../../types.ts'
import type { Document } from '../../values/index.ts'
import type { FirestoreConnection } from './client.ts'
import { DocumentDecoder } from './decoder.ts'
import { callError, decodeError, grpcCode, isGrpcError } from './errors.ts'
import { PageStream } from './page-stream.ts'
import { byName, descendantsOf, nameCursor, namesOnly, type Query } from './queries.ts'

/** Documents in a page, if the caller does not say. */
const defaultPageSize = 500

/** A query is asked again from its last document when the server says nothing for so long. */
const idleTimeoutMs = 30_000

/** ... and before it is this old, because the service ends or stalls queries after 60 s (nodejs-firestore #964). */
const queryAgeMs = 45_000

/** Times in a row that a query may fail without bringing a page. With the default waits, about half a minute. */
const attempts = 8

/** Counting is for the estimate only, and not worth waiting for. */
const countTimeoutMs = 5_000

const countsAtOnce = 8

/** Fewer documents than this are not worth splitting by hand. */
const minPartitionDocuments = 1_000

const collectionsPerAnswer = 300

interface CollectionIds {
  readonly collectionIds: readonly string[]
  readonly nextPageToken: string
}

interface CountAnswer {
  readonly result: { readonly aggregateFields: Readonly<Record<string, { readonly integerValue: string }>> } | null
}

interface PartitionAnswer {
  readonly partitions: readonly { readonly values: readonly { readonly referenceValue: string }[] }[]
  readonly nextPageToken: string
}

interface QueryAnswer {
  readonly document: { readonly name: string } | null
}

/** How long to be patient; specs are less so. */
export interface ReaderTimes {
  readonly idleTimeoutMs?: number
  readonly queryAgeMs?: number
  readonly attempts?: number
}

export class FirestoreSource implements Source {
  readonly uniqueIds = true
  readonly #connection: FirestoreConnection
  readonly #logger: Logger
  readonly #times: Required<ReaderTimes>

  constructor(connection: FirestoreConnection, logger: Logger, times: ReaderTimes = {}) {
    this.#connection = connection
    this.#logger = logger
    this.#times = { idleTimeoutMs, queryAgeMs, attempts, ...times }
  }

  get location(): Source['location'] {
    return this.#connection.location
  }

  /** The top-level collections, with counts where those come within seconds. Subcollections are not read, but counted in a warning. */
  async collections({ signal }: { readonly signal?: AbortSignal }): Promise<readonly CollectionInfo[]> {
    const names: string[] = []
    let pageToken = ''
    do {
      const request = { parent: this.#connection.root, pageSize: collectionsPerAnswer, pageToken }
      const answer = await this.#ask<CollectionIds>('ListCollectionIds', request, signal)
      names.push(...answer.collectionIds)
      pageToken = answer.nextPageToken
    } while (pageToken !== '')
    names.sort()
    const found: CollectionInfo[] = []
    for (let start = 0; start < names.length; start += countsAtOnce) {
      found.push(...(await Promise.all(names.slice(start, start + countsAtOnce).map(name => this.#describe(name, signal)))))
    }
    return found
  }

  async #describe(name: string, signal: AbortSignal | undefined): Promise<CollectionInfo> {
    const [documents, all] = await Promise.all([
      this.#count({ from: [{ collectionId: name }] }, signal),
      this.#count(descendantsOf(this.#connection.root, name), signal)
    ])
    if (documents === undefined) return { name }
    const below = (all ?? documents) - documents
    if (below > 0) {
      this.#logger.warn(
        { collection: name, documents: below },
        `${name}: ${below} documents in subcollections below its documents are not read`
      )
    }
    return { name, documents }
  }

  async #count(structuredQuery: Query, signal: AbortSignal | undefined): Promise<number | undefined> {
    const { root } = this.#connection
    const request = { parent: root, structuredAggregationQuery: { structuredQuery, aggregations: [{ alias: 'n', count: {} }] } }
    const context = this.#connection.context('read')
    try {
      const settings = { signal, timeoutMs: countTimeoutMs }
      const answers = await this.#connection.collectObjects<CountAnswer>('RunAggregationQuery', request, context, settings)
      const result = answers.find(answer => answer.result !== null)?.result
      return result ? Number(result.aggregateFields.n!.integerValue) : undefined
    } catch (error) {
      signal?.throwIfAborted()
      // An estimate that can't be had is left out; what is really wrong shows as soon as documents are read.
      this.#logger.debug({ error: error instanceof Error ? error.message : '' }, 'Firestore gives no count')
      return undefined
    }
  }

  async partitions(
    collections: readonly string[] | null,
    options: { readonly wanted: number; readonly signal?: AbortSignal }
  ): Promise<readonly Partition[]> {
    const names = collections ?? ((await this.collections(options)) ?? []).map(({ name }) => name)
    const partitions: Partition[] = []
    for (const name of names) {
      const bounds = options.wanted > 1 ? await this.#bounds(name, options.wanted, options.signal) : []
      const starts = [null, ...bounds]
      starts.forEach((from, index) => {
        const id = starts.length === 1 ? name : `${name}/${index + 1}of${starts.length}`
        partitions.push({ id, collections: [name], range: { from, to: bounds[index] ?? null } })
      })
    }
    return partitions
  }

  /** The ids at which the partitions after the first begin, in order. */
  async #bounds(collection: string, wanted: number, signal: AbortSignal | undefined): Promise<string[]> {
    const prefix = `${this.#connection.root}/${collection}/`
    const structuredQuery = { from: [{ collectionId: collection, allDescendants: true }], orderBy: byName }
    const ids: string[] = []
    let pageToken = ''
    try {
      do {
        const request = { parent: this.#connection.root, structuredQuery, partitionCount: wanted - 1, pageToken }
        const answer = await this.#ask<PartitionAnswer>('PartitionQuery', request, signal, collection)
        // The service splits all collections of this name, also those below documents.
        for (const { values } of answer.partitions) {
          const name = values[0]?.referenceValue
          if (name?.startsWith(prefix) && !name.slice(prefix.length).includes('/')) ids.push(name.slice(prefix.length))
        }
        pageToken = answer.nextPageToken
      } while (pageToken !== '')
    } catch (error) {
      if (!(error instanceof DocferryError) || !isUnimplemented(error)) throw error
      return this.#boundsByOffset(collection, wanted, signal)
    }
    const byteOrder = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
    return ids.sort(byteOrder).slice(0, wanted - 1)
  }

  /** The emulator has no PartitionQuery, and skipping documents costs nothing there. */
  async #boundsByOffset(collection: string, wanted: number, signal: AbortSignal | undefined): Promise<string[]> {
    const documents = (await this.#count({ from: [{ collectionId: collection }] }, signal)) ?? 0
    const parts = Math.min(wanted, Math.floor(documents / minPartitionDocuments))
    const prefix = `${this.#connection.root}/${collection}/`
    const ids: string[] = []
    for (let part = 1; part < parts; part++) {
      const structuredQuery = {
        select: { fields: namesOnly },
        from: [{ collectionId: collection }],
        orderBy: byName,
        offset: Math.floor((documents * part) / parts),
        limit: { value: 1 }
      }
      const request = { parent: this.#connection.root, structuredQuery }
      const context = this.#connection.context('read', collection)
      const answers = await withRetry(() => this.#connection.collectObjects<QueryAnswer>('RunQuery', request, context, { signal }), {
        signal
      })
      const name = answers.find(({ document }) => document !== null)?.document?.name
      if (name !== undefined) ids.push(name.slice(prefix.length))
    }
    return ids
  }

  /**
   * One query per partition, asked again from the last document of the last page when it fails, falls silent or grows old.
   * A cursor is the id of the last document.
   */
  async *read(partition: Partition, options: ReadOptions): AsyncGenerator<Page> {
    const { signal, pageSize = defaultPageSize, onRetry } = options
    const collection = partition.collections[0]!
    const context = this.#connection.context('read', collection)
    let { after } = options
    let failures = 0
    for (;;) {
      signal?.throwIfAborted()
      const stream = this.#open(partition, after, pageSize)
      try {
        const restartAt = performance.now() + this.#times.queryAgeMs
        while (performance.now() < restartAt) {
          const found = await stream.next(signal)
          if (found === undefined) return
          failures = 0
          after = found.documents.at(-1)!._id
          yield { collection, documents: found.documents, cursor: after, bytes: found.bytes }
        }
      } catch (cause) {
        signal?.throwIfAborted()
        const error = decodeError(cause, context) ?? callError(cause, context)
        failures++
        if (!(error instanceof DocferryError) || !error.retryable || failures >= this.#times.attempts) throw error
        this.#logger.debug({ collection, attempt: failures }, `reading ${collection} goes on after: ${error.message}`)
        const delayMs = retryDelayMs(failures)
        onRetry?.(error, delayMs)
        await sleep(delayMs, signal)
      } finally {
        stream.close()
      }
    }
  }

  #open(partition: Partition, after: Cursor | undefined, pageSize: number): PageStream<Document> {
    const { root } = this.#connection
    const collection = partition.collections[0]!
    const { from = null, to = null } = partition.range ?? {}
    const prefix = `${root}/${collection}/`
    const structuredQuery: Query = {
      from: [{ collectionId: collection }],
      orderBy: byName,
      ...(after !== undefined
        ? { startAt: nameCursor(prefix + after, { before: false }) }
        : from !== null && { startAt: nameCursor(prefix + String(from), { before: true }) }),
      ...(to !== null && { endAt: nameCursor(prefix + String(to), { before: true }) })
    }
    const decoder = new DocumentDecoder(root, collection)
    const call = this.#connection.stream('RunQuery', { parent: root, structuredQuery })
    return new PageStream<Document>(call, bytes => decoder.decodeAnswer(bytes), { pageSize, idleTimeoutMs: this.#times.idleTimeoutMs })
  }

  #ask<Answer>(method: string, request: object, signal: AbortSignal | undefined, collection?: string): Promise<Answer> {
    const context = this.#connection.context('read', collection)
    return withRetry(() => this.#connection.call<Answer>(method, request, context, { signal }), { signal })
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}

function isUnimplemented(error: DocferryError): boolean {
  return isGrpcError(error.cause) && error.cause.code === grpcCode.unimplemented
}
