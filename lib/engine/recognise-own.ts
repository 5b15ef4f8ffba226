/** What a call has written all the same that got no answer, or was refused by who knows whom. */
import type { WriteOutcome } from '../types.ts'
import type { BatchJob, WriteBatchOptions } from './batch-job.ts'
import { digestsWithoutRev, withoutRev } from './digests.ts'
import { digestsOf as digestsOfHeld, sameDigests } from './held.ts'
import { withRetry } from './retry.ts'
import type { Outgoing } from './outgoing.ts'
import { isConflict } from './write-failure.ts'

/** Documents of which the target holds the equals count as written: an earlier try wrote them. @param wasSent see `onOwn` */
export async function recogniseOwn(
  { target, collection, batch }: BatchJob,
  indexes: readonly number[],
  outcomes: WriteOutcome[],
  options: WriteBatchOptions,
  wasSent: boolean
): Promise<void> {
  if (indexes.length === 0) return
  const ids = indexes.map(index => (batch[index] as Outgoing).encoded.id)
  const held = await withRetry(() => target.get(collection, ids, { signal: options.signal }), options)
  const digests = new Map(held?.map(document => [document._id, digestsOfHeld(target, withoutRev(document))]))
  for (const index of indexes) {
    const outgoing = batch[index] as Outgoing
    const theirs = digests.get(outgoing.encoded.id)
    if (theirs && sameDigests(theirs, digestsWithoutRev(target, collection, outgoing))) {
      outcomes[index] = 'written'
      options.onOwn?.(index, wasSent)
    } else outcomes[index] = beyondDoubt(outcomes[index]!, options)
  }
}

/** Of a document that is not what was to be written. */
function beyondDoubt(outcome: WriteOutcome, { onConflict }: WriteBatchOptions): WriteOutcome {
  if (typeof outcome !== 'object' || !outcome.mayBeApplied) return outcome
  if (onConflict === 'skip' && isConflict(outcome)) return 'skipped'
  const { mayBeApplied: _, ...failure } = outcome
  return failure
}
