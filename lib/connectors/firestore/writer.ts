import { DocferryError } from '../../errors.ts'
import { withRetry } from '../../engine/retry.ts'
import {
  defaultRules,
  type Encoded,
  type Logger,
  type EncodeRules,
  type OnConversion,
  type Prepared,
  type Refusal,
  type Target,
  type TargetLimits,
  type Usage,
  type WriteOptions,
  type WriteOutcome
} from '../../types.ts'
import type { Document } from '../../values/index.ts'
import { batchWritePath, batchWriteRequest, readStatuses } from './batch-write.ts'
import type { FirestoreConnection } from './client.ts'
import { CollectionQueries } from './collection-queries.ts'
import { DocumentDecoder } from './decoder.ts'
import { DocumentEncoder } from './encoder.ts'
import { callError, decodeError, grpcCode, isGrpcError, isRefusal, writeFailure, type CallContext, type GrpcError } from './errors.ts'
import { collectionRefusal, targetLimits } from './limits.ts'
import { storedId } from './names.ts'
import { namesOnly } from './queries.ts'
import { WireWriter } from './wire.ts'

/** The payload is the document's `google.firestore.v1.Document` message. */
type EncodedDocument = Encoded<Buffer>

export class FirestoreTarget implements Target<Buffer> {
  readonly limits: TargetLimits
  readonly #connection: FirestoreConnection
  readonly #encoder: DocumentEncoder
  readonly #escapeNames: boolean
  readonly #writer = new WireWriter()

  readonly #queries: CollectionQueries

  /** @param options `ramp`: see `FirestoreOptions` */
  constructor(
    connection: FirestoreConnection,
    logger: Logger,
    { rules = defaultRules, ramp }: { readonly rules?: EncodeRules | undefined; readonly ramp?: boolean | undefined } = {}
  ) {
    this.#connection = connection
    this.#queries = new CollectionQueries(connection, logger)
    this.#encoder = new DocumentEncoder(connection.root, rules)
    this.#escapeNames = rules.escapeNames
    this.limits = targetLimits(connection.emulator, ramp)
  }

  get location(): Target['location'] {
    return this.#connection.location
  }

  checkCollection(collection: string): Refusal | undefined {
    return collectionRefusal(collection)
  }

  /** A Firestore collection is there as soon as it holds a document: there is nothing to create. */
  async prepare(collection: string, { create, signal }: Parameters<Target['prepare']>[1]): Promise<Prepared> {
    const structuredQuery = { select: { fields: namesOnly }, from: [{ collectionId: collection }], limit: { value: 1 } }
    const request = { parent: this.#connection.root, structuredQuery }
    const context = this.#connection.context('write', collection)
    const decoder = new DocumentDecoder(this.#connection.root, collection)
    const answers = await withRetry(() => this.#connection.collect('RunQuery', request, context, { signal }), { signal })
    const empty = answers.every(answer => decoder.decodeAnswer(answer) === undefined)
    // Counting costs reads, and only a plan shows it.
    const documents = empty || create ? undefined : await this.#queries.count({ from: [{ collectionId: collection }] }, signal)
    return { created: empty, empty, ...(documents !== undefined && { documents }) }
  }

  encode(collection: string, document: Document, onConversion?: OnConversion): EncodedDocument | Refusal {
    return this.#encoder.encode(collection, document, onConversion)
  }

  /** BatchWrite's writes are billed one by one. https://firebase.google.com/docs/firestore/pricing */
  usage(documents: readonly EncodedDocument[]): Usage {
    return { requests: documents.length === 0 ? 0 : 1, documentWrites: documents.length }
  }

  /**
   * A document that is malformed in the service's eyes has it refuse the whole request, before anything is written: halving finds it and
   * saves the others.
   */
  async write(collection: string, documents: readonly EncodedDocument[], options: WriteOptions): Promise<readonly WriteOutcome[]> {
    const mustBeNew = !options.fresh && options.onConflict !== 'overwrite'
    const context = this.#connection.context('write', collection)
    const request = batchWriteRequest(this.#writer, this.#connection.database, documents, { mustBeNew })
    let answer: Buffer
    try {
      answer = await this.#connection.callBytes(batchWritePath, request, options)
    } catch (error) {
      if (!isGrpcError(error) || !isRefusal(error)) throw callError(error, context)
      if (documents.length === 1) return [writeFailure(error)]
      const middle = documents.length >>> 1
      const before = await this.write(collection, documents.slice(0, middle), options)
      return [...before, ...(await this.write(collection, documents.slice(middle), options))]
    }
    return statusesOf(answer, documents.length, context).map(status => outcome(status, options, context))
  }

  async get(
    collection: string,
    ids: readonly string[],
    options: { readonly idsOnly?: boolean; readonly signal?: AbortSignal }
  ): Promise<readonly Document[]> {
    const { database, root } = this.#connection
    const asked = new Map<string, string>()
    for (const id of ids) {
      const stored = storedId(id, this.#escapeNames)
      if (typeof stored === 'string') asked.set(stored, id)
    }
    if (asked.size === 0) return []
    const names = [...asked.keys()].map(stored => `${root}/${collection}/${stored}`)
    const mask = options.idsOnly === true && { mask: { fieldPaths: ['__name__'] } }
    const context = this.#connection.context('read', collection)
    const request = { database, documents: names, ...mask }
    const answers = await withRetry(() => this.#connection.collect('BatchGetDocuments', request, context, options), options)
    const decoder = new DocumentDecoder(root, collection)
    try {
      const documents = answers.map(answer => decoder.decodeAnswer(answer)).filter(document => document !== undefined)
      for (const document of documents) document._id = asked.get(decoder.storedId(document)) ?? document._id
      return documents
    } catch (error) {
      throw decodeError(error, context) ?? error
    }
  }

  /** Every write is whole when it is acknowledged. */
  async commit(): Promise<void> {}

  close(): Promise<void> {
    return this.#connection.close()
  }
}

/** @throws {DocferryError} when the answer does not tell of every document; asking again is safe, for writes name what they write */
function statusesOf(answer: Buffer, expected: number, context: CallContext): GrpcError[] {
  let statuses: GrpcError[]
  try {
    statuses = readStatuses(answer)
  } catch (error) {
    throw decodeError(error, context) ?? error
  }
  if (statuses.length === expected) return statuses
  const { collection, address } = context
  const message = `cannot write collection ${collection} (Firestore, ${address}): told of ${statuses.length} documents of ${expected}`
  throw new DocferryError('DOCFERRY_TARGET', message, { provider: 'firestore', collection, retryable: true })
}

function outcome(status: GrpcError, { onConflict }: WriteOptions, context: CallContext): WriteOutcome {
  switch (status.code) {
    case grpcCode.ok:
      return 'written'
    case grpcCode.alreadyExists:
      if (onConflict === 'skip') return 'skipped'
      return { code: 'DOCFERRY_CONFLICT', message: 'Firestore holds a document of this id already', retryable: false }
    case grpcCode.permissionDenied:
    case grpcCode.unauthenticated:
      throw callError(Object.assign(new Error(status.details), status), context)
    default:
      return writeFailure(status)
  }
}
