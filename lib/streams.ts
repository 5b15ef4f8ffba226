/**
 * The public edge: Node object streams of documents that compose with `pipeline()` of `node:stream/promises` and with anything else that
 * speaks streams.
 */
import { Readable } from 'node:stream'
import type { Transform, Writable } from 'node:stream'
import { now } from './clock.ts'
import { BatchWriter } from './engine/batch-writer.ts'
import type { DeadLetter } from './engine/dead-letter.ts'
import { closeEnd } from './engine/close-end.ts'
import { CollectionState } from './engine/collection-state.ts'
import { BatchWritable, StageTransform } from './engine/item-streams.ts'
import type { RetryOptions } from './engine/retry.ts'
import { RateControl } from './engine/rate-control.ts'
import { functionStages } from './engine/stage-chain.ts'
import { toStages } from './engine/to-stages.ts'
import { writeBatch } from './engine/write-batch.ts'
import { DocferryError } from './errors.ts'
import { openSource, openTarget, silentLogger } from './open.ts'
import type { Endpoint, OpenOptions } from './open.ts'
import type { Bounds } from './plan/bounds.ts'
import { checkOptions } from './plan/check-options.ts'
import { checkUnits } from './plan/check-units.ts'
import { collectionReport } from './report.ts'
import type { CollectionReport } from './report.ts'
import { Section } from './types.ts'
import type { Document, OnConflict, OnIncompatible, RejectDetails, StageLike, Target, Types } from './types.ts'
import { plural } from './values/format-count.ts'

export interface ReadStreamOptions extends OpenOptions {
  /** Called for what stands in the source and is no document. Default: the stream fails. */
  readonly onReject?: (reject: RejectDetails) => void
}

/**
 * The documents of one collection, in the source's order, as a Readable. Opens the source when it is first read, closes it at the end.
 */
export function createReadStream(source: Endpoint, collection: string, options: ReadStreamOptions = {}): Readable {
  return Readable.from(readDocuments(source, collection, options), { objectMode: true })
}

async function* readDocuments(endpoint: Endpoint, collection: string, options: ReadStreamOptions): AsyncGenerator<Document> {
  const { onReject = failOnReject, ...opening } = options
  const { signal, logger = silentLogger } = opening
  const source = await openSource(endpoint, opening)
  try {
    const held = await source.collections({ signal })
    if (held && !held.some(({ name }) => name === collection)) {
      const { provider, address } = source.location
      throw new DocferryError('DOCFERRY_NO_SUCH_COLLECTION', `${provider} (${address}) has no collection ${collection}`, {
        provider,
        collection
      })
    }
    for (const partition of await source.partitions([collection], { wanted: 1, signal })) {
      for await (const { documents, rejects = [] } of source.read(partition, { signal })) {
        rejects.forEach(onReject)
        yield* documents
      }
    }
  } finally {
    await closeEnd(source, logger)
  }
}

function failOnReject({ code, message, where, id }: RejectDetails): never {
  throw new DocferryError(code, `${where}: ${message}`, { where, id })
}

/**
 * Stages as one Transform of documents. What a stage with `onError: 'dead-letter'` fails for passes as a control item, which a
 * `createWriteStream` takes for a dead letter.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG for a stage that is a Transform itself: it stands in a `pipeline()` on its own
 */
export function toTransform(stages: readonly StageLike[], options: { readonly collection?: string } = {}): Transform {
  const refuse = (name: string): DocferryError =>
    new DocferryError('DOCFERRY_CONFIG', `stages: ${name} is a Transform: put it into the pipeline() beside the others`)
  return new StageTransform(functionStages(toStages(stages), refuse), options)
}

export interface WriteStreamOptions
  extends Omit<OpenOptions, 'rules' | 'subcollections'>, Pick<Bounds, 'maxRate' | 'maxWriteUnits' | 'maxRetries'> {
  /** Default `skip`. */
  readonly onConflict?: OnConflict
  /** Default `natural`. */
  readonly types?: Types
  /** Default `dead-letter`. */
  readonly onIncompatible?: OnIncompatible
  /** Whether an id that is a path, `x/runs/y`, means a document in a subcollection of Firestore. Default false. */
  readonly subcollections?: boolean
  /**
   * Whether two documents of the stream may have the same id. Default true; false allows faster writes into an empty collection, and then
   * of two documents with one id either may be lost.
   */
  readonly idsMayRepeat?: boolean
  /**
   * Called for each document that can't be written. Default: the stream fails at its end with DOCFERRY_DEAD_LETTERS, when everything else is
   * written.
   */
  readonly onDeadLetter?: (letter: DeadLetter) => void | Promise<void>
  readonly retry?: Pick<RetryOptions, 'attempts' | 'baseMs' | 'capMs'>
}

/** A Writable of documents that counts what became of them. */
export type DocumentWriteStream = Writable & {
  /** Kept up to date; final at `finish`, where its `state` is `done`, or at `close`, where a stream that has failed is `stopped`. */
  readonly counts: Readonly<CollectionReport>
}

/**
 * Write documents into one collection, which is made where it is missing. The target is opened before the first document. `finish` means that
 * every document has its outcome and that the target is complete (a file has its name).
 *
 * @throws {DocferryError} DOCFERRY_CONFIG for options that are none; all else fails the stream
 */
export function createWriteStream(endpoint: Endpoint, collection: string, options: WriteStreamOptions = {}): DocumentWriteStream {
  const { onConflict = 'skip', types = 'natural', onIncompatible, idsMayRepeat = true, onDeadLetter, signal, retry } = options
  const { logger = silentLogger, subcollections, maxRate, maxWriteUnits, maxRetries } = options
  const bounds = { maxRate, maxWriteUnits, maxRetries }
  checkOptions({ target: endpoint, onConflict, types, onIncompatible, subcollections, ...bounds })
  const report = collectionReport({ name: collection, target: collection })
  let target: Target | undefined
  let state: CollectionState | undefined

  const open = async (): Promise<BatchWriter> => {
    const opened = (target = await openTarget(endpoint, {
      ...options,
      rules: { types, escapeNames: onIncompatible === 'escape', subcollections }
    }))
    const refusal = opened.checkCollection(collection)
    if (refusal)
      throw new DocferryError(
        'DOCFERRY_COLLECTION_NAME',
        `${opened.location.provider} can't hold a collection ${collection}: ${refusal.message}`,
        { collection }
      )
    checkUnits({ target: opened }, bounds)
    const { created, empty } = await opened.prepare(collection, { create: true, signal })
    report.created = created
    report.state = 'running'
    report.startedAt = now()
    const entered = (state = new CollectionState(report, { fresh: empty, isNew: empty, idsMayRepeat, holdsRepeats: opened.holdsRepeats }))
    const rate = new RateControl(opened.limits, bounds)
    const writer = new BatchWriter({
      target: opened,
      send: (name, batch, { fresh, isNew }) =>
        writeBatch(opened, name, batch, { ...retry, onConflict, fresh, isNew, rate, countsUnits: maxWriteUnits !== undefined, signal }),
      enter: () => Promise.resolve(entered),
      bury: async letter => void (await onDeadLetter?.(letter)),
      rate,
      onIncompatible,
      onMark: () => undefined
    })
    await writer.add(new Section(collection))
    return writer
  }
  const whenWritten = async (): Promise<void> => {
    await target?.commit({ signal })
    state?.leave()
    const { count = 0 } = target?.holdsRepeats ? (state?.repeated() ?? {}) : {}
    if (count > 0)
      logger.warn(
        { collection, documents: count },
        `${plural(count, 'document has', 'documents have')} an id that came before; ${collection} holds them all, and importing it keeps one of each`
      )
    if (target && report.failed > 0 && !onDeadLetter) throw deadLetters(target, report)
  }
  const whenClosed = async (): Promise<void> => {
    if (report.state === 'running') report.state = 'stopped'
    state?.end()
    if (target) await closeEnd(target, logger)
  }
  const writable = new BatchWritable(undefined, { open, onDocument: () => report.read++, whenWritten, whenClosed })
  return Object.assign(writable, { counts: report })
}

function deadLetters({ location: { provider } }: Target, { source: collection, failed, failures }: CollectionReport): DocferryError {
  const first = failures[0]?.examples[0]
  return new DocferryError(
    'DOCFERRY_DEAD_LETTERS',
    `${plural(failed, 'document')} could not be written to ${provider} ${collection}; the first: ${first}: ${failures[0]?.message}`,
    { provider, collection, id: first }
  )
}
