/** One batch, from documents in the target's form to what became of each: sends, and tries again what may be tried again. */
import { DocferryError } from '../errors.ts'
import { defaultAttempts, retryDelayMs, sleep, withRetry } from './retry.ts'
import type { RetryOptions } from './retry.ts'
import type { Document, Encoded, OnConflict, Target, WriteFailure, WriteOutcome } from '../types.ts'
import { documentDigest } from '../values/index.ts'

/** A document on its way to the target. */
export interface Outgoing {
  /** As it is to be written, for the dead letter. */
  readonly document: Document
  readonly encoded: Encoded
}

export interface WriteBatchOptions extends RetryOptions {
  readonly onConflict: OnConflict
  /** See `WriteOptions.fresh`. */
  readonly fresh: boolean
  /** The documents may have been written before by a run that this one goes on with. */
  readonly mayBeApplied?: boolean
  /** Told by index of each document that counts as written because the target holds its equal: who made that is not known for certain. */
  readonly onOwn?: (index: number) => void
}

/**
 * Write a batch until every document is written, skipped or has failed for good.
 *
 * Only documents that failed and may be retried are sent again, each time after a longer wait; a try in which the target took any document
 * starts the count of tries anew. A call that throws may have been applied in part: a conflict that a later try then meets is resolved by
 * comparing what the target holds, so that what the run itself wrote counts as written.
 *
 * @returns one outcome per document, by index; no failure in it is retryable any more
 * @throws {DocferryError} when the target stays out of reach, or refuses the call as a whole
 */
export async function writeBatch(
  target: Target,
  collection: string,
  batch: readonly Outgoing[],
  options: WriteBatchOptions
): Promise<readonly WriteOutcome[]> {
  const { attempts = defaultAttempts, signal, onConflict, fresh, onRetry } = options
  const outcomes = new Array<WriteOutcome>(batch.length)
  let pending = batch.map((_, index) => index)
  let { mayBeApplied = false } = options
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted()
    let results: readonly WriteOutcome[]
    try {
      results = await target.write(
        collection,
        pending.map(index => (batch[index] as Outgoing).encoded),
        { onConflict, fresh, signal }
      )
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof DocferryError) || !error.retryable || attempt >= attempts) throw error
      mayBeApplied = true
      await waitBefore(attempt, error)
      continue
    }
    if (results.length !== pending.length) {
      throw new DocferryError(
        'DOCFERRY_BUG',
        `the ${target.location.provider} connector answered ${results.length} outcomes for ${pending.length} documents`
      )
    }
    const again: number[] = []
    const conflicts: number[] = []
    let longest: WriteFailure | undefined
    pending.forEach((index, position) => {
      const outcome = results[position] as WriteOutcome
      outcomes[index] = outcome
      if (mayBeApplied && isConflict(outcome)) conflicts.push(index)
      if (typeof outcome === 'object' && outcome.retryable) {
        again.push(index)
        if ((outcome.retryAfterMs ?? 0) >= (longest?.retryAfterMs ?? 0)) longest = outcome
      }
    })
    if (conflicts.length > 0) await recogniseOwn(target, collection, batch, conflicts, outcomes, options)
    if (again.length === 0) return outcomes
    if (again.length < pending.length) attempt = 0
    if (attempt >= attempts) {
      for (const index of again) outcomes[index] = { ...(outcomes[index] as WriteFailure), retryable: false }
      return outcomes
    }
    pending = again
    await waitBefore(Math.max(attempt, 1), failureAsError(longest as WriteFailure, collection))
  }

  async function waitBefore(attempt: number, error: DocferryError): Promise<void> {
    const delayMs = retryDelayMs(attempt, { ...options, retryAfterMs: error.retryAfterMs })
    onRetry?.(error, delayMs)
    await sleep(delayMs, signal)
  }
}

function isConflict(outcome: WriteOutcome): boolean {
  return outcome === 'skipped' || (typeof outcome === 'object' && outcome.code === 'DOCFERRY_CONFLICT')
}

function failureAsError(failure: WriteFailure, collection: string): DocferryError {
  const { code, message, cause, retryAfterMs } = failure
  return new DocferryError(code, message, { cause, collection, retryable: true, retryAfterMs })
}

/** Conflicts with documents that equal ours: an earlier try wrote them. */
async function recogniseOwn(
  target: Target,
  collection: string,
  batch: readonly Outgoing[],
  conflicts: readonly number[],
  outcomes: WriteOutcome[],
  options: WriteBatchOptions
): Promise<void> {
  const ids = conflicts.map(index => (batch[index] as Outgoing).encoded.id)
  const held = await withRetry(() => target.get(collection, ids, { signal: options.signal }), options)
  if (held === null) return
  const digests = new Map(held.map(document => [document._id, digestOf(document)]))
  for (const index of conflicts) {
    const { document, encoded } = batch[index] as Outgoing
    const ours = target.readBack?.(collection, document) ?? document
    if (digests.get(encoded.id) !== digestOf(ours)) continue
    outcomes[index] = 'written'
    options.onOwn?.(index)
  }
}

function digestOf(document: Document): string {
  const { _rev, ...rest } = document
  void _rev
  return Buffer.from(documentDigest(rest)).toString('base64')
}
