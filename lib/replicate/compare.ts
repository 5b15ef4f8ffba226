/** Compares both sides once a replication is done: revisions by the databases themselves, documents by `verify`. */
import { sleep } from '../engine/retry.ts'
import { IdSet } from '../repair/id-set.ts'
import type { ReplicationRequest, Replicator } from '../contracts/replication.ts'
import type { Stage } from '../types.ts'
import { differencesOf, totalVerifyCounts } from '../verify/report.ts'
import { verify } from '../verify/verify.ts'
import { follow } from './follow.ts'
import { naming } from './naming.ts'
import type { ReplicateOptions } from './options.ts'
import { isComplete } from './report.ts'
import type { ReplicatedCollection } from './report.ts'

/** What is written to the source of a continuous replication meanwhile is on its way: it is looked for again. */
const rounds = 3
const betweenMs = 500

export async function compare(
  replicator: Replicator,
  request: ReplicationRequest,
  collection: ReplicatedCollection,
  options: ReplicateOptions
): Promise<void> {
  const { signal, pollMs } = options
  for (let round = 1; ; round++) {
    const ids = request.filter && new IdSet()
    try {
      const onDocument = ids && ((id: string) => ids.add(request.source, id))
      collection.revisions = await replicator.compareRevisions(request, { signal, ...(onDocument && { onDocument }) })
      if (collection.revisions.missing > 0 && request.continuous && round < rounds) {
        await sleep(betweenMs, signal)
        await follow(replicator, request, collection, { signal, pollMs, deadline: Infinity })
        continue
      }
      ids?.seal()
      const isMeant = ids && ((id: string) => ids.has(request.source, id))
      collection.onlyInTarget = await replicator.targetRevisions(request, { signal, ...(isMeant && { isMeant }) })
      collection.verified = await verifyDocuments(request, collection, options, ids)
      return
    } finally {
      ids?.close()
    }
  }
}

async function verifyDocuments(
  { source: name, target: there, filter }: ReplicationRequest,
  { onlyInTarget }: ReplicatedCollection,
  { source, target, allowExtra = false, stateDir, environment, signal, logger }: ReplicateOptions,
  ids: IdSet | undefined
) {
  const replicated: Stage = {
    name: 'replicated',
    mayRepeatIds: false,
    changesInPlace: false,
    givesValues: true,
    apply: document => (ids!.has(name, document._id) ? document : null)
  }
  return await verify({
    source: naming(source, [name]),
    target: naming(target, [there]),
    collections: [name],
    ...(name !== there && { rename: { [name]: there } }),
    ...(filter && { stages: [replicated] }),
    includeDesign: true,
    // Of what lies beside the filter nothing can be said.
    allowExtra: filter !== undefined || allowExtra,
    // What is of the same revision has the same attachments.
    ...(onlyInTarget && onlyInTarget.served > 0 && { attachments: true }),
    ...(stateDir !== undefined && { stateDir }),
    ...(environment && { environment }),
    ...(signal && { signal }),
    ...(logger && { logger })
  })
}

/** What the target refused it lacks, and that explains as many differences. */
export function outcomeOf(collection: ReplicatedCollection): 'done' | 'partial' | 'different' {
  const { counts, revisions, onlyInTarget, verified } = collection
  // The count is of all times that this has run: what was refused then may be there now.
  if (isComplete(collection)) return 'done'
  const differences = verified ? differencesOf(totalVerifyCounts(verified.collections)) : 0
  if (Math.max(differences, revisions?.missing ?? 0, onlyInTarget?.undeleted ?? 0) > counts.writeFailures) return 'different'
  return counts.writeFailures > 0 ? 'partial' : 'done'
}
