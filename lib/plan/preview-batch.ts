/** What a write would do, without doing it. */
import type { Outgoing } from '../engine/write-batch.ts'
import type { OnConflict, Target, WriteOutcome } from '../types.ts'

export interface PreviewOptions {
  readonly onConflict: OnConflict
  /** The target holds nothing in this collection: there is no need to look. */
  readonly fresh: boolean
  /** Each of these ids came before in this run, which would then hold it. */
  readonly repeated?: boolean
  readonly signal?: AbortSignal
}

/** @returns the outcome that each document of the batch would have in the target's present state */
export async function previewBatch(
  target: Target,
  collection: string,
  batch: readonly Outgoing[],
  options: PreviewOptions
): Promise<readonly WriteOutcome[]> {
  const { onConflict, fresh, repeated = false, signal } = options
  if (fresh || onConflict === 'overwrite' || target.location.provider === 'file') return batch.map(() => 'written')
  const ids = batch.map(({ encoded }) => encoded.id)
  const held = repeated ? new Set(ids) : new Set((await target.get(collection, ids, { idsOnly: true, signal }))?.map(({ _id }) => _id))
  return ids.map(id => {
    if (!held.has(id)) return 'written'
    return onConflict === 'skip'
      ? 'skipped'
      : { code: 'DOCFERRY_CONFLICT', message: 'the target holds a document of this id', retryable: false }
  })
}
