import { DocferryError } from '../../errors.ts'
import { withRetry } from '../../engine/retry.ts'
import type { Logger } from '../../types.ts'
import type { FirestoreConnection } from './client.ts'
import { grpcCode, isGrpcError } from './errors.ts'
import { byName, namesOnly, type Query } from './queries.ts'

/** Counting is for the estimate only, and not worth waiting for. */
const countTimeoutMs = 5_000

/** Fewer documents than this are not worth splitting by hand. */
const minPartitionDocuments = 1_000

const collectionsPerAnswer = 300

/** Counting so many index entries is billed as reading one document. */
const entriesPerRead = 1_000

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
    const { root } = this.#connection
    const request = { parent: root, structuredAggregationQuery: { structuredQuery, aggregations: [{ alias: 'n', count: {} }] } }
    const context = this.#connection.context('read')
    try {
      const settings = { signal, timeoutMs: countTimeoutMs }
      const answers = await this.#connection.collectObjects<CountAnswer>('RunAggregationQuery', request, context, settings)
      const result = answers.find(answer => answer.result !== null)?.result
      const documents = result ? Number(result.aggregateFields.n!.integerValue) : undefined
      this.#documentReads += Math.max(1, Math.ceil((documents ?? 0) / entriesPerRead))
      return documents
    } catch (error) {
      signal?.throwIfAborted()
      // An estimate that can't be had is left out; what is really wrong shows as soon as documents are read.
      this.#logger.debug({ error: error instanceof Error ? error.message : '' }, 'Firestore gives no count')
      return undefined
    }
  }

  /** The ids at which the partitions after the first begin, in order. */
  async bounds(collection: string, wanted: number, signal: AbortSignal | undefined): Promise<string[]> {
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
    const documents = (await this.count({ from: [{ collectionId: collection }] }, signal)) ?? 0
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
      this.#documentReads++
      const name = answers.find(({ document }) => document !== null)?.document?.name
      if (name !== undefined) ids.push(name.slice(prefix.length))
    }
    return ids
  }

  async #ask<Answer>(method: string, request: object, signal: AbortSignal | undefined, collection?: string): Promise<Answer> {
    const context = this.#connection.context('read', collection)
    const answer = await withRetry(() => this.#connection.call<Answer>(method, request, context, { signal }), { signal })
    this.#documentReads++
    return answer
  }
}

function isUnimplemented(error: DocferryError): boolean {
  return isGrpcError(error.cause) && error.cause.code === grpcCode.unimplemented
}
