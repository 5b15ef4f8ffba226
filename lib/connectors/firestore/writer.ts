import { DocferryError } from '../../errors.ts'
import { withRetry } from '../../engine/retry.ts'
import type { Encoded, Prepared, Refusal, Target, TargetLimits, WriteOptions, WriteOutcome } from '../../types.ts'
import type { Document } from '../../values/index.ts'
import { batchWritePath, batchWriteRequest, readStatuses } from './batch-write.ts'
import type { FirestoreConnection } from './client.ts'
import { DocumentDecoder } from './decoder.ts'
import { DocumentEncoder } from './encoder.ts'
import { callError, decodeError, grpcCode, isGrpcError, isRefusal, writeFailure, type CallContext, type GrpcError } from './errors.ts'
import { collectionRefusal, idRefusal, targetLimits, writeOverheadBytes } from './limits.ts'
import { namesOnly } from './queries.ts'
import { WireWriter } from './wire.ts'

/** The payload is the document's `google.firestore.v1.Document` message. */
type EncodedDocument = Encoded<Buffer>

export class FirestoreTarget implements Target<Buffer> {
  readonly limits: TargetLimits
  readonly #connection: FirestoreConnection
  readonly #encoder: DocumentEncoder
  readonly #writer = new WireWriter()

  constructor(connection: FirestoreConnection) {
    this.#connection = connection
    this.#encoder = new DocumentEncoder(connection.root)
    this.limits = targetLimits(connection.emulator)
  }

  get location(): Target['location'] {
    return this.#connection.location
  }

  checkCollection(collection: string): Refusal | undefined {
    return collectionRefusal(collection)
  }

  /** A Firestore collection is there as soon as it holds a document: there is nothing to create. */
  async prepare(collection: string, { signal }: { readonly signal?: AbortSignal }): Promise<Prepared> {
    const structuredQuery = { select: { fields: namesOnly }, from: [{ collectionId: collection }], limit: { value: 1 } }
    const request = { parent: this.#connection.root, structuredQuery }
    const context = this.#connection.context('write', collection)
    const decoder = new DocumentDecoder(this.#connection.root, collection)
    const answers = await withRetry(() => this.#connection.collect('RunQuery', request, context, { signal }), { signal })
    const empty = answers.every(answer => decoder.decodeAnswer(answer) === undefined)
    return { created: empty, empty }
  }

  encode(collection: string, document: Document): EncodedDocument | Refusal {
    const payload = this.#encoder.encode(collection, document)
    return Buffer.isBuffer(payload) ? { id: document._id, bytes: payload.length + writeOverheadBytes, payload } : payload
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
    const names = ids.filter(id => idRefusal(id) === undefined).map(id => `${root}/${collection}/${id}`)
    if (names.length === 0) return []
    const mask = options.idsOnly === true && { mask: { fieldPaths: ['__name__'] } }
    const context = this.#connection.context('read', collection)
    const request = { database, documents: names, ...mask }
    const answers = await withRetry(() => this.#connection.collect('BatchGetDocuments', request, context, options), options)
    const decoder = new DocumentDecoder(root, collection)
    try {
      return answers.map(answer => decoder.decodeAnswer(answer)).filter(document => document !== undefined)
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
