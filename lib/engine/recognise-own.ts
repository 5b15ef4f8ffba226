/** What a call that got no answer has written all the same. */
import type { Target, WriteOutcome } from '../types.ts'
import { digestsWithoutRev, withoutRev } from './digests.ts'
import { digestsOf as digestsOfHeld, sameDigests } from './held.ts'
import { withRetry } from './retry.ts'
import type { Outgoing } from './outgoing.ts'
import type { WriteBatchOptions } from './write-batch.ts'

/** Conflicts with documents that equal ours: an earlier try wrote them. */
export async function recogniseOwn(
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
  const digests = new Map(held.map(document => [document._id, digestsOfHeld(target, withoutRev(document))]))
  for (const index of conflicts) {
    const outgoing = batch[index] as Outgoing
    const theirs = digests.get(outgoing.encoded.id)
    if (!theirs || !sameDigests(theirs, digestsWithoutRev(target, collection, outgoing))) continue
    outcomes[index] = 'written'
    options.onOwn?.(index)
  }
}
