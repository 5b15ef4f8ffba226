/** Runs a document through stages, one after the other, awaiting only what is a promise. */
import { setImmediate } from 'node:timers/promises'
import { DocferryError, describeError } from '../errors.ts'
import type { Packed } from '../packed.ts'
import type { Document, Stage, StageContext, StageResult } from '../types.ts'
import { failedOn } from '../report.ts'
import { cloneDocument, describeNoValue } from '../values/index.ts'

/** A document for which a stage has failed, as it came to the stage. */
export interface FailedDocument {
  readonly document: Document
  readonly error: DocferryError
  /** Index of the stage. */
  readonly stage: number
}

export interface StageObserver {
  /** Documents, or something that is none, have come to the stages. Told before anything waits. @param count default 1 */
  readonly onRead?: (collection: string, count?: number) => void
  /** Documents that need no stage come by. */
  readonly onPacked?: (collection: string, packed: Packed) => void
  /** A stage returned no document for the one it got; or it failed, and leaves out what it fails for. */
  readonly onFiltered?: (stage: { readonly name: string }, context: StageContext, isFailed?: boolean) => void
  /** A stage returned more than one: how many more. */
  readonly onAdded?: (count: number, context: StageContext) => void
  /** A stage that dead-letters has failed. Without it, the error is thrown. A promise holds the next document back. */
  readonly onFailed?: (failed: FailedDocument, context: StageContext) => void | Promise<void>
  /** A stage answers for a document later. @returns to be called when it has, or has failed */
  readonly onWait?: (stage: string, collection: string, id: string) => () => void
  /** Whoever takes what comes out looks through it, and has what holds no values come again where this is missing. So the last stage's is not looked through twice. */
  readonly looksThrough?: boolean
}

/** So long many documents of one may come without a pause. */
const restMs = 20

/** Outside of any stage: what `emit` throws is no stage's failure. */
type Emit = (document: Document) => void | Promise<void>

/**
 * Apply `stages` to one document and hand every result to `emit`, in order. A promise from `emit` holds the next result back.
 *
 * @returns a promise only where a stage returned one or more than one document, or `emit` did
 * @throws {DocferryError} DOCFERRY_STAGE, naming the stage and the document's id, where the stage's `onError` wants no other end;
 * DOCFERRY_INTERRUPTED where the context's signal has aborted before all results of a document were given: not all of it has come out
 */
export function applyStages(
  stages: readonly Stage[],
  document: Document,
  context: StageContext,
  emit: Emit,
  observer: StageObserver = {},
  from = 0
): void | Promise<void> {
  let current = document
  for (let index = from; index < stages.length; index++) {
    const stage = stages[index] as Stage
    // What dead-letters a document must have it as it was.
    const came = stage.onError === 'dead-letter' && stage.changesInPlace !== false ? cloneDocument(current) : current
    const id = current._id
    let given: StageResult | Promise<StageResult>
    let isLater: boolean
    try {
      given = stage.apply(current, context)
      // Of a Proxy, that may throw too.
      isLater = isPromise(given)
    } catch (error) {
      return fail(error, index, came, id)
    }
    if (isLater) {
      const answered = observer.onWait?.(stage.name, context.collection, id)
      return (given as Promise<StageResult>).then(
        settled => {
          answered?.()
          return continueWith(settled, index, came, id)
        },
        (error: unknown) => {
          answered?.()
          return fail(error, index, came, id)
        }
      )
    }
    const result = given as StageResult
    if (result === null || result === undefined) {
      observer.onFiltered?.(stage, context)
      return
    }
    if (!isDocument(result)) return emitMany(result, index, came, id)
    const wrong = wrongWith(result, id, isLookedThrough(stages, index, observer))
    if (wrong) return fail(wrong, index, came, id)
    current = result
  }
  return emit(current)

  function continueWith(result: StageResult, index: number, came: Document, id: string): void | Promise<void> {
    const stage = stages[index] as Stage
    if (result === null || result === undefined) return observer.onFiltered?.(stage, context)
    if (!isDocument(result)) return emitMany(result, index, came, id)
    const wrong = wrongWith(result, id, isLookedThrough(stages, index, observer))
    if (wrong) return fail(wrong, index, came, id)
    return applyStages(stages, result, context, emit, observer, index + 1)
  }

  async function emitMany(results: Iterable<Document> | AsyncIterable<Document>, index: number, came: Document, id: string): Promise<void> {
    const stage = stages[index] as Stage
    const isOfValues = isLookedThrough(stages, index, observer)
    let count = 0
    // A list is whole when it comes: it fails as a whole, so that nothing of it is there when the document is retried.
    const isList = Array.isArray(results)
    let iterator: Iterator<Document> | AsyncIterator<Document>
    let wrongOfList: Error | undefined
    try {
      const whole = isList ? [...(results as readonly Document[])] : results
      iterator = Symbol.asyncIterator in whole ? whole[Symbol.asyncIterator]() : whole[Symbol.iterator]()
      if (isList) wrongOfList = wrongAmong(whole as readonly Document[], id, isOfValues)
    } catch (error) {
      return fail(error, index, came, id)
    }
    if (wrongOfList) return fail(wrongOfList, index, came, id)
    let finished = false
    let rested = performance.now()
    try {
      for (;;) {
        // A stage may go on for ever, with nothing to wait for: signals and timers must get their turn, and nobody wants what nobody takes.
        if (performance.now() - rested > restMs) {
          await setImmediate()
          rested = performance.now()
          if (context.signal?.aborted) throw new DocferryError('DOCFERRY_INTERRUPTED', `stopped while the stage ${stage.name} was at work`)
          if (stages.some((later, at) => at > index && later.isSated?.(context.collection))) break
        }
        let next: IteratorResult<Document>
        const answered = observer.onWait?.(stage.name, context.collection, id)
        try {
          next = await iterator.next()
        } catch (error) {
          // That has ended the iterator; what it gives instead of a document has not.
          finished = true
          return await fail(error, index, came, id, count)
        } finally {
          answered?.()
        }
        if (next.done) {
          finished = true
          break
        }
        const wrong = isList ? undefined : wrongWith(next.value, id, isOfValues)
        if (wrong) return await fail(wrong, index, came, id, count)
        if (++count > 1) observer.onAdded?.(1, context)
        await applyStages(stages, next.value, context, emit, observer, index + 1)
      }
    } finally {
      if (!finished) await iterator.return?.()
    }
    if (count === 0) observer.onFiltered?.(stage, context)
  }

  /** @param given documents that came out before: they stand for themselves, and the one that failed is one more */
  function fail(cause: unknown, index: number, came: Document, id: string, given = 0): void | Promise<void> {
    const stage = stages[index] as Stage
    const error = stageError(stage, context, id, cause)
    if (given > 0) observer.onAdded?.(1, context)
    if (stage.onError === 'skip') return observer.onFiltered?.(stage, context, true)
    if (stage.onError === 'dead-letter' && observer.onFailed) return observer.onFailed({ document: came, error, stage: index }, context)
    throw error
  }
}

/** Whether others make sure that what a stage gives holds values. */
function isLookedThrough(stages: readonly Stage[], index: number, { looksThrough }: StageObserver): boolean {
  return stages[index]!.givesValues === true || (looksThrough === true && index === stages.length - 1)
}

function wrongWith(result: Document, id: string, isOfValues: boolean): Error | undefined {
  try {
    if (!isSound(result, id)) return noDocument()
  } catch (error) {
    return new Error(`it returned something that can't be read: ${describeError(error)}`)
  }
  return isOfValues ? undefined : noValue(result, id)
}

function wrongAmong(results: readonly Document[], id: string, isOfValues: boolean): Error | undefined {
  for (const each of results) {
    const wrong = wrongWith(each, id, isOfValues)
    if (wrong) return wrong
  }
  return undefined
}

function isPromise(value: unknown): value is Promise<StageResult> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function isDocument(value: Document | Iterable<Document> | AsyncIterable<Document>): value is Document {
  return typeof value !== 'object' || !(Symbol.iterator in value || Symbol.asyncIterator in value)
}

/** @param id of the document that went in, where that is known: an empty one is nobody's invention then */
export function isSound(value: unknown, id?: string): value is Document {
  if (typeof value !== 'object' || value === null) return false
  const { _id } = value as { _id?: unknown }
  return typeof _id === 'string' && (_id !== '' || id === '')
}

export function noDocument(): Error {
  return new Error('it returned something that is no document: a document is an object with an _id, which is text and not empty')
}

/**
 * What a stage has made is looked through where it comes out of it: behind others, or in the target, nobody would know whose it is.
 *
 * @param told the id that the error names anyway
 */
export function noValue(document: Document, told?: string): Error | undefined {
  const description = describeNoValue(document)
  if (description === undefined) return undefined
  return new Error(`it returned ${document._id === told ? '' : `for ${document._id} `}${description}`)
}

/** The same error in words that hold no secret: a stage of somebody's own may have put one into its message. */
export function masked(error: unknown, mask: (text: string) => string): unknown {
  if (!(error instanceof DocferryError)) return error
  const message = mask(error.message)
  return message === error.message ? error : new DocferryError(error.code, message, { ...error.context, cause: error.cause })
}

/** What a stage fails with outside of any document. @param what `could not be opened` */
export function stageTrouble(stage: Named, what: string, cause: unknown, context: { readonly collection?: string } = {}): DocferryError {
  if (cause instanceof DocferryError) return cause
  return new DocferryError('DOCFERRY_STAGE', `${titleOf(stage)} ${what}: ${describeError(cause)}`, { ...context, stage: stage.name, cause })
}

type Named = Pick<Stage, 'name' | 'place'>

function titleOf({ name, place }: Named): string {
  return place === undefined ? `stage ${name}` : `stage ${name} (${place})`
}

function stageError(stage: Stage, { collection }: StageContext, id: string, cause: unknown): DocferryError {
  // A built-in stage fails with the code that stands before all of it anyway.
  const why = cause instanceof DocferryError && cause.code === 'DOCFERRY_STAGE' ? cause.message : describeError(cause)
  return new DocferryError('DOCFERRY_STAGE', `${titleOf(stage)}${failedOn(collection, id)}: ${why}`, {
    collection,
    id,
    stage: stage.name,
    cause
  })
}
