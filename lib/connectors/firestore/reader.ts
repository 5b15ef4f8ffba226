import { DocferryError } from '../../errors.ts'
import { retryDelayMs, sleep } from '../../engine/retry.ts'
import { youngGarbage } from '../../kernel/young-garbage.ts'
import type { CollectionInfo, Cursor, Logger, Page, Partition, ReadOptions, Source, Usage } from '../../types.ts'
import type { Packed } from '../../packed.ts'
import type { Document } from '../../values/index.ts'
import type { FirestoreConnection } from './client.ts'
import { CollectionQueries } from './collection-queries.ts'
import { DocumentDecoder } from './decoder.ts'
import { callError, decodeError } from './errors.ts'
import { documentIn, MessagePacker } from './packed-messages.ts'
import { PageStream } from './page-stream.ts'
import { placeProof } from './place-proof.ts'
import { byName, descendantsOf, nameCursor, type Query } from './queries.ts'
import { partTwins, type Twins } from './subcollections.ts'
import { formatCount } from '../../values/format-count.ts'

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

/** The documents of a page, whichever way they are read, and the stored id of the last one. */
interface Found {
  readonly packed?: readonly Packed[]
  readonly documents: Document[]
  readonly bytes: number
  readonly last: string
}

/** What becomes of answers: of each that holds a document as it comes, and of those of a page. */
interface Way<Item> {
  /** What was wrong with an answer, once those before it have been given. */
  failure?: { readonly error: unknown }
  take(answer: Buffer): Item | undefined
  finish(items: Item[]): Omit<Found, 'bytes'>
}

interface FoundPages {
  next(signal: AbortSignal | undefined): Promise<Found | undefined>
  close(): void
}

export class FirestoreSource implements Source {
  readonly uniqueIds = true
  readonly packs = true
  readonly #connection: FirestoreConnection
  readonly #logger: Logger
  readonly #queries: CollectionQueries
  readonly #times: Required<ReaderTimes>
  readonly #subcollections: boolean
  /** Names of subcollections, of collections that have any. */
  readonly #below = new Map<string, readonly string[]>()
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

  get proof(): Source['proof'] {
    return placeProof(this.#connection)
  }

  holdsSubcollections(): Promise<boolean> {
    return Promise.resolve(this.#subcollections)
  }

  /**
   * The top-level collections, also those that hold documents in subcollections only, with counts, and what is known of
   * their subcollections, where those come within seconds.
   */
  async collections({ signal }: { readonly signal?: AbortSignal }): Promise<readonly CollectionInfo[]> {
    const names = await this.#queries.names(signal)
    const found: CollectionInfo[] = []
    for (let start = 0; start < names.length; start += countsAtOnce) {
      const moment = await this.#queries.moment(signal)
      const some = names.slice(start, start + countsAtOnce)
      found.push(...(await Promise.all(some.map(name => this.#describe(name, { signal, moment })))))
    }
    return found
  }

  async #describe(
    name: string,
    options: { readonly signal: AbortSignal | undefined; readonly moment: object | undefined }
  ): Promise<CollectionInfo> {
    const { own, all } = await this.#queries.counts(name, options)
    const documents = this.#subcollections ? all : own
    const info = { name, ...(documents !== undefined && { documents }) }
    if (own === undefined || all === undefined || all === own) return info
    const below = { documents: all - own, names: await this.#queries.subcollections(name, options.signal) }
    this.#below.set(name, below.names)
    return { ...info, contents: `${textOf(below)}${this.#subcollections ? '' : ', not read'}` }
  }

  async partitions(
    collections: readonly string[] | null,
    options: { readonly wanted: number; readonly signal?: AbortSignal }
  ): Promise<readonly Partition[]> {
    const names = collections ?? ((await this.collections(options)) ?? []).map(({ name }) => name)
    const partitions: Partition[] = []
    for (const name of names) {
      // Also where nothing lay below when it was counted: something may by now, and the two queries take as long.
      const descends = this.#subcollections
      const below = descends ? (this.#below.get(name) ?? []) : undefined
      const bounds = options.wanted > 1 ? await this.#queries.bounds(name, { ...options, below }) : []
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
    const { root } = this.#connection
    const decoder = new DocumentDecoder(root, collection)
    const packer = MessagePacker.for(options.packing, root, collection)
    const open = packer
      ? () => this.#open(partition, after, pageSize, packedWay(packer, decoder))
      : () => this.#open(partition, after, pageSize, plainWay(decoder))
    let { after } = options
    let failures = 0
    for (;;) {
      signal?.throwIfAborted()
      const stream = open()
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
          after = found.last
          const { documents, rejects = [] }: Twins = partition.range?.['subcollections']
            ? await partTwins(this.#connection, found.documents, { decoder, collection, signal })
            : found
          const packed = found.packed && found.packed.length > 0 && { packed: found.packed }
          yield { collection, ...packed, documents, ...(rejects.length > 0 && { rejects }), cursor: after, bytes: found.bytes }
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

  #open<Item>(partition: Partition, after: Cursor | undefined, pageSize: number, way: Way<Item>): FoundPages {
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
    const take = (answer: Buffer): Item | undefined => {
      const item = way.take(answer)
      if (item !== undefined) this.#documentReads++
      return item
    }
    const stream = new PageStream<Item>(call, take, { pageSize, idleTimeoutMs: this.#times.idleTimeoutMs })
    return {
      async next(signal) {
        if (way.failure) throw way.failure.error
        const found = await stream.next(signal)
        if (!found) return undefined
        const finished = way.finish(found.documents)
        // grpc-js makes two buffers of each answer.
        youngGarbage.watch()
        return { ...finished, bytes: found.bytes }
      },
      close: () => stream.close()
    }
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

function plainWay(decoder: DocumentDecoder): Way<Document> {
  return {
    take: answer => decoder.decodeAnswer(answer),
    finish: documents => ({ documents, last: decoder.storedId(documents.at(-1)!) })
  }
}

function packedWay(packer: MessagePacker, decoder: DocumentDecoder): Way<Buffer> {
  const decode = (answer: Buffer): Document => decoder.decodeAnswer(answer)!
  const way: Way<Buffer> = {
    take: answer => (documentIn(answer) ? answer : undefined),
    finish(answers) {
      try {
        const { packed, plain } = packer.pack(answers)
        return { packed, documents: plain.map(decode), last: decoder.storedId(decode(answers.at(-1)!)) }
      } catch (error) {
        const documents = decodedBefore(answers, decode)
        if (documents.length === 0) throw error
        way.failure = { error }
        return { documents, last: decoder.storedId(documents.at(-1)!) }
      }
    }
  }
  return way
}

/** The documents in front of the first answer that can't be decoded. */
function decodedBefore(answers: readonly Buffer[], decode: (answer: Buffer) => Document): Document[] {
  const documents: Document[] = []
  try {
    for (const answer of answers) documents.push(decode(answer))
  } catch {
    // It is told of by whoever came here.
  }
  return documents
}

/** `3 documents in subcollections (notes, runs)` */
function textOf({ documents, names }: Below): string {
  return `${documents === 1 ? '1 document' : `${formatCount(documents)} documents`} in subcollections${names.length === 0 ? '' : ` (${names.join(', ')})`}`
}
