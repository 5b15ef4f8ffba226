/** Takes back what was written of one batch of documents, where nobody has changed them since. */
import { DocferryError } from '../errors.ts'
import type { Change, Document, Held, Refusal, Target, WriteFailure } from '../types.ts'
import { isSameMark, markOf } from '../values/index.ts'
import type { Mark } from '../values/index.ts'
import { defaultAttempts, retryDelayMs, sleep, withRetry } from './retry.ts'
import type { RetryOptions } from './retry.ts'

/** A document that was written, by the mark of what it became, and what it replaced. */
export interface Written {
  readonly id: string
  readonly after: Mark
  readonly before?: { readonly document: Document; readonly mark: Mark }
}

/**
 * `already`: there was nothing to do. `changed`: the target holds neither what was written nor what was there before. `gone`: it holds nothing,
 * and did before.
 */
export type UndoOutcome = 'removed' | 'put-back' | 'already' | 'changed' | 'gone' | WriteFailure | Refusal

export interface UndoBatchOptions extends RetryOptions {
  /** Change nothing: say what would become of each. */
  readonly dryRun?: boolean
}

/**
 * Remove or put back documents by compare-and-set. After a lost answer, or where somebody was quicker, the documents are looked at again, so
 * that what the lost call did counts as done.
 *
 * @param batch at most `limits.batchCount`, each id once
 * @returns one outcome per document, by index
 * @throws {DocferryError} when the target stays out of reach; the same batch can then be undone again
 */
export async function undoBatch(
  target: Target,
  collection: string,
  batch: readonly Written[],
  options: UndoBatchOptions = {}
): Promise<readonly UndoOutcome[]> {
  const { attempts = defaultAttempts, dryRun = false, signal, onRetry } = options
  const outcomes = new Array<UndoOutcome>(batch.length)
  /** Those for which a change was asked before. */
  const asked = new Set<number>()
  let open = batch.map((_, index) => index)
  for (let attempt = 1; ; attempt++) {
    const held = await look(open)
    const changes: { readonly index: number; readonly change: Change }[] = []
    for (const index of open) {
      const decision = decide(index, held)
      if (typeof decision === 'object' && 'seen' in decision) changes.push({ index, change: decision })
      else outcomes[index] = decision
    }
    if (changes.length === 0) return outcomes
    let waitFor: DocferryError | undefined
    try {
      const results = await target.change!(
        collection,
        changes.map(({ change }) => change),
        { signal }
      )
      open = []
      for (const [position, { index }] of changes.entries()) {
        const result = results[position] ?? 'changed'
        outcomes[index] = result === 'done' ? doneAs(index) : result
        if (result === 'done' || (result !== 'changed' && !result.retryable)) continue
        open.push(index)
        if (result !== 'changed')
          waitFor = new DocferryError(result.code, result.message, {
            retryAfterMs: result.retryAfterMs,
            retryable: true,
            collection
          })
      }
      if (open.length === 0) return outcomes
      if (open.length < changes.length) attempt = 0
      if (attempt >= attempts) return outcomes
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof DocferryError) || !error.retryable || attempt >= attempts) throw error
      open = changes.map(({ index }) => index)
      waitFor = error
    }
    for (const index of open) asked.add(index)
    if (waitFor) await waitBefore(Math.max(attempt, 1), waitFor)
  }

  async function look(indexes: readonly number[]): Promise<Map<string, Held>> {
    const ids = indexes.map(index => batch[index]!.id)
    const found = await withRetry(() => target.look!(collection, ids, { signal }), options)
    return new Map(found.map(held => [held.document._id, held]))
  }

  function decide(index: number, held: ReadonlyMap<string, Held>): UndoOutcome | Change {
    const { id, after, before } = batch[index]!
    const seen = held.get(id)
    const now = seen && markOf(seen.document, { kinds: after.kinds !== undefined })
    const isAsBefore = now && before ? isSameMark(now, before.mark) : !now && !before
    if (isAsBefore) return asked.has(index) ? doneAs(index) : 'already'
    if (!seen || !now) return 'gone'
    if (!isSameMark(now, after)) return 'changed'
    if (!before) return dryRun ? 'removed' : { seen }
    const put = target.encode(collection, before.document)
    if ('code' in put) return put
    return dryRun ? 'put-back' : { seen, put }
  }

  function doneAs(index: number): UndoOutcome {
    return batch[index]!.before ? 'put-back' : 'removed'
  }

  async function waitBefore(attempt: number, error: DocferryError): Promise<void> {
    const delayMs = retryDelayMs(attempt, { ...options, retryAfterMs: error.retryAfterMs })
    onRetry?.(error, delayMs)
    await sleep(delayMs, signal)
  }
}
