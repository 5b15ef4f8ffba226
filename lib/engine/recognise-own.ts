/** What a call that got no answer has written all the same. */
import type { WriteOutcome } from '../types.ts'
import type { BatchJob, WriteBatchOptions } from './batch-job.ts'
import { digestsWithoutRev, withoutRev } from './digests.ts'
import { digestsOf as digestsOfHeld, sameDigests } from './held.ts'
import { withRetry } from './retry.ts'
import type { Outgoing } from './outgoing.ts'

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
  if (held === null) return
  const digests = new Map(held.map(document => [document._id, digestsOfHeld(target, withoutRev(document))]))
  for (const index of indexes) {
    const outgoing = batch[index] as Outgoing
    const theirs = digests.get(outgoing.encoded.id)
    if (!theirs || !sameDigests(theirs, digestsWithoutRev(target, collection, outgoing))) continue
    outcomes[index] = 'written'
    options.onOwn?.(index, wasSent)
  }
}
