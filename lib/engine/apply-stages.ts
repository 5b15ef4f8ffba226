/** Runs a document through stages, one after the other, awaiting only what is a promise. */
import { DocferryError, describeError } from '../errors.ts'
import type { Document, Stage, StageContext, StageResult } from '../types.ts'

export interface StageObserver {
  /** A document, or something that is none, comes to the stages. */
  readonly onRead?: (collection: string) => void
  /** A stage returned no document for the one it got. */
  readonly onFiltered?: (stage: Stage, context: StageContext) => void
  /** A stage returned more than one: how many more. */
  readonly onAdded?: (count: number, context: StageContext) => void
}

/**
 * Apply `stages` to one document and hand every result to `emit`, in order. A promise from `emit` holds the next result back.
 *
 * @returns a promise only where a stage returned one or more than one document, or `emit` did
 * @throws {DocferryError} DOCFERRY_STAGE, naming the stage and the document's id
 */
export function applyStages(
  stages: readonly Stage[],
  document: Document,
  context: StageContext,
  emit: (document: Document) => void | Promise<void>,
  observer: StageObserver = {},
  from = 0
): void | Promise<void> {
  let current = document
  for (let index = from; index < stages.length; index++) {
    const stage = stages[index] as Stage
    const id = current._id
    let result: StageResult | Promise<StageResult>
    try {
      result = stage.apply(current, context)
    } catch (error) {
      throw stageError(stage, context, id, error)
    }
    if (isPromise(result)) {
      return result.then(
        settled => continueWith(settled, index),
        (error: unknown) => {
          throw stageError(stage, context, id, error)
        }
      )
    }
    if (result === null || result === undefined) {
      observer.onFiltered?.(stage, context)
      return
    }
    if (!isDocument(result)) return emitMany(result, index, id)
    checkDocument(result, stage, context, id)
    current = result
  }
  return emit(current)

  function continueWith(result: StageResult, index: number): void | Promise<void> {
    const stage = stages[index] as Stage
    if (result === null || result === undefined) return observer.onFiltered?.(stage, context)
    if (!isDocument(result)) return emitMany(result, index, document._id)
    checkDocument(result, stage, context, document._id)
    return applyStages(stages, result, context, emit, observer, index + 1)
  }

  async function emitMany(results: Iterable<Document> | AsyncIterable<Document>, index: number, id: string): Promise<void> {
    const stage = stages[index] as Stage
    let count = 0
    const iterator = Symbol.asyncIterator in results ? results[Symbol.asyncIterator]() : results[Symbol.iterator]()
    let finished = false
    try {
      for (;;) {
        let next: IteratorResult<Document>
        try {
          next = await iterator.next()
        } catch (error) {
          finished = true
          // Those that came out before stand for themselves, and the one that failed is one more.
          if (count > 0) observer.onAdded?.(1, context)
          throw stageError(stage, context, id, error)
        }
        if (next.done) {
          finished = true
          break
        }
        checkDocument(next.value, stage, context, id)
        if (++count > 1) observer.onAdded?.(1, context)
        await applyStages(stages, next.value, context, emit, observer, index + 1)
      }
    } finally {
      if (!finished) await iterator.return?.()
    }
    if (count === 0) observer.onFiltered?.(stage, context)
  }
}

function isPromise(value: unknown): value is Promise<StageResult> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function isDocument(value: Document | Iterable<Document> | AsyncIterable<Document>): value is Document {
  return typeof value !== 'object' || !(Symbol.iterator in value || Symbol.asyncIterator in value)
}

function checkDocument(value: unknown, stage: Stage, context: StageContext, id: string): void {
  if (typeof value === 'object' && value !== null && typeof (value as { _id?: unknown })._id === 'string') return
  throw stageError(stage, context, id, new Error('it returned something that is no document: a document is an object with a string _id'))
}

function stageError(stage: Stage, { collection }: StageContext, id: string, cause: unknown): DocferryError {
  return new DocferryError('DOCFERRY_STAGE', `stage ${stage.name} failed on ${collection}/${id}: ${describeError(cause)}`, {
    collection,
    id,
    stage: stage.name,
    cause
  })
}
