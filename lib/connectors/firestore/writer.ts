import { randomUUID } from 'node:crypto'
import { withRetry } from '../../engine/retry.ts'
import {
  defaultRules,
  type Change,
  type ChangeOutcome,
  type Encoded,
  type EncodeRules,
  type Held,
  type LineEncoder,
  type Logger,
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
import { changeDocuments } from './changes.ts'
import type { FirestoreConnection } from './client.ts'
import { CollectionQueries } from './collection-queries.ts'
import { DocumentDecoder } from './decoder.ts'
import { DocumentEncoder } from './encoder.ts'
import { callError, grpcCode, writeFailure, type GrpcError } from './errors.ts'
import { collectionRefusal, targetLimits } from './limits.ts'
import { createLineEncoder } from './line-encoder.ts'
import { getDocuments, look, type Version } from './lookup.ts'
import { MessageBlocks } from './message-blocks.ts'
import { placeProof } from './place-proof.ts'
import { descendantsOf, namesOnly, type Query } from './queries.ts'
import { sendWrites } from './sending.ts'

/** The payload is the document's `google.firestore.v1.Document` message. */
type EncodedDocument = Encoded<Buffer>

export class FirestoreTarget implements Target<Buffer> {
  readonly limits: TargetLimits
  readonly #connection: FirestoreConnection
  readonly #blocks = new MessageBlocks()
  readonly #encoder: DocumentEncoder
  readonly #rules: EncodeRules
  readonly #queries: CollectionQueries
  readonly lines: LineEncoder<Buffer>

  /** @param options `ramp`: see `FirestoreOptions` */
  constructor(
    connection: FirestoreConnection,
    logger: Logger,
    { rules = defaultRules, ramp }: { readonly rules?: EncodeRules | undefined; readonly ramp?: boolean | undefined } = {}
  ) {
    this.#connection = connection
    this.#queries = new CollectionQueries(connection, logger)
    this.#encoder = new DocumentEncoder(connection.root, rules, this.#blocks)
    this.#rules = rules
    this.lines = createLineEncoder(connection.root, rules, this.#blocks)
    this.limits = targetLimits(connection.emulator, ramp)
  }

  get location(): Target['location'] {
    return this.#connection.location
  }

  get proof(): Target['proof'] {
    return placeProof(this.#connection)
  }

  checkCollection(collection: string): Refusal | undefined {
    return collectionRefusal(collection)
  }

  /** A Firestore collection is there as soon as it holds a document: there is nothing to create. */
  async prepare(collection: string, { create, signal }: Parameters<Target['prepare']>[1]): Promise<Prepared> {
    const { root } = this.#connection
    const all: Query = this.#rules.subcollections ? descendantsOf(root, collection) : { from: [{ collectionId: collection }] }
    const request = { parent: root, structuredQuery: { ...all, select: { fields: namesOnly }, limit: { value: 1 } } }
    const context = this.#connection.context('write', collection)
    const decoder = new DocumentDecoder(root, collection)
    const answers = await withRetry(() => this.#connection.collect('RunQuery', request, context, { signal }), { signal })
    const empty = answers.every(answer => decoder.decodeAnswer(answer) === undefined)
    // Counting costs reads, and only a plan shows it.
    const documents = empty || create ? undefined : await this.#queries.count(all, signal)
    return { created: empty, empty, ...(documents !== undefined && { documents }) }
  }

  encode(collection: string, document: Document, onConversion?: OnConversion): EncodedDocument | Refusal {
    return this.#encoder.encode(collection, document, onConversion)
  }

  /** BatchWrite's writes are billed one by one. https://firebase.google.com/docs/firestore/pricing */
  usage(documents: readonly EncodedDocument[]): Usage {
    return { requests: documents.length === 0 ? 0 : 1, documentWrites: documents.length }
  }

  async write(collection: string, documents: readonly EncodedDocument[], options: WriteOptions): Promise<readonly WriteOutcome[]> {
    const onlyIf = !options.fresh && options.onConflict !== 'overwrite' ? ('new' as const) : undefined
    const writes = documents.map(({ payload }) => ({ content: payload, onlyIf }))
    const { signal } = options
    const statuses = await sendWrites(this.#connection, writes, { collection, signal })
    return statuses.map(status => outcome(status, options))
  }

  /** A document that nobody has is removed: that changes nothing, no trigger hears of it, and it costs one delete. */
  async takesWrites(collection: string, { signal }: WriteOptions): Promise<void> {
    const nobodys = `${this.#connection.root}/${collection}/docferry-${randomUUID()}`
    const [{ code, details }] = (await sendWrites(this.#connection, [{ content: nobodys }], { collection, signal })) as [GrpcError]
    if (code === grpcCode.ok) return
    throw callError(Object.assign(new Error(details), { code, details }), this.#connection.context('write', collection))
  }

  release(documents: readonly EncodedDocument[]): void {
    for (const { payload } of documents) this.#blocks.release(payload)
  }

  get(collection: string, ids: readonly string[], options: Parameters<Target['get']>[2]): Promise<readonly Document[]> {
    return getDocuments(this.#connection, ids, { ...options, collection, rules: this.#rules })
  }

  readonly keepsKinds = true

  readBack(collection: string, document: Document, { kinds = false } = {}): Document {
    if (this.#rules.types !== 'plain' && !kinds) return document
    const encoded = this.encode(collection, document)
    if ('code' in encoded) return document
    const held = new DocumentDecoder(this.#connection.root, collection).decodeDocument(encoded.payload)
    held._id = document._id
    return held
  }

  look(collection: string, ids: readonly string[], { signal }: { readonly signal?: AbortSignal }): Promise<readonly Held<Version>[]> {
    return look(this.#connection, ids, { collection, rules: this.#rules, signal })
  }

  change(
    collection: string,
    changes: readonly Change<Buffer>[],
    { signal }: { readonly signal?: AbortSignal }
  ): Promise<readonly ChangeOutcome[]> {
    return changeDocuments(this.#connection, changes, { collection, limits: this.limits, signal })
  }

  /** Every write is whole when it is acknowledged. */
  async commit(): Promise<void> {}

  close(): Promise<void> {
    return this.#connection.close()
  }
}

function outcome(status: GrpcError, { onConflict }: WriteOptions): WriteOutcome {
  switch (status.code) {
    case grpcCode.ok:
      return 'written'
    case grpcCode.alreadyExists:
      if (onConflict === 'skip') return 'skipped'
      return { code: 'DOCFERRY_CONFLICT', message: 'Firestore holds a document of this id already', retryable: false }
    default:
      return writeFailure(status)
  }
}
