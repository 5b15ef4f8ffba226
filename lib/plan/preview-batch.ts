/** What a write would do, without doing it. */
import type { Outgoing } from '../engine/outgoing.ts'
import type { OnConflict, Target, WriteOutcome } from '../types.ts'

export interface PreviewOptions {
  readonly onConflict: OnConflict
  /** The target holds nothing in this collection: there is no need to look. */
  readonly fresh: boolean
  /** Each of these ids came before in this run, which would then hold it. */
  readonly repeated?: boolean
  readonly signal?: AbortSignal
}

export interface Preview {
  /** What each document of the batch would come to in the target's present state. */
  readonly outcomes: readonly WriteOutcome[]
  /** Documents of the target that would be replaced. */
  readonly replaced: number
}

export async function previewBatch(
  target: Target,
  collection: string,
  batch: readonly Outgoing[],
  { onConflict, fresh, repeated = false, signal }: PreviewOptions
): Promise<Preview> {
  const ids = batch.map(({ encoded }) => encoded.id)
  // A file holds every document that comes, also one whose id it has.
  const looks = !fresh && target.location.provider !== 'file'
  const held = !looks || repeated ? [] : ((await target.get(collection, ids, { idsOnly: true, signal })) ?? [])
  const taken = new Set(looks && repeated ? ids : held.map(({ _id }) => _id))
  return {
    outcomes: ids.map((id): WriteOutcome => {
      if (!taken.has(id) || onConflict === 'overwrite') return 'written'
      return onConflict === 'skip'
        ? 'skipped'
        : { code: 'DOCFERRY_CONFLICT', message: 'the target holds a document of this id', retryable: false }
    }),
    replaced: onConflict === 'overwrite' ? held.length : 0
  }
}
