/** The other direction: leaf revisions of the source's documents that only the target has. A replication never tells of them. */
import type { ReplicationFilter, TargetRevisions } from '../../contracts/replication.ts'
import type { Client } from './client.ts'
import { lookUpRevisions } from './lookup.ts'
import { changesOf, changesPerPage, mostExamples, revisionsMissingIn } from './replication-revisions.ts'
import type { ComparedEnds } from './replication-revisions.ts'

interface Asked {
  readonly signal?: AbortSignal
  readonly isMeant?: (id: string) => boolean
}

/** The target's changes are read before the source is asked, so that what comes from there meanwhile is known there. */
export async function targetRevisions(
  { source, target }: ComparedEnds,
  pair: { readonly source: string; readonly target: string; readonly filter?: ReplicationFilter },
  { signal, isMeant = () => true }: Asked
): Promise<TargetRevisions> {
  let [documents, revisions, served, undeleted] = [0, 0, 0, 0]
  const examples: string[] = []
  const undeletedExamples: string[] = []
  // A selector may fit another revision here than there.
  const filter = pair.filter?.ids && { ids: pair.filter.ids }
  let since = '0'
  for (;;) {
    const { changes, last } = await changesOf(target, pair.target, { ...(filter && { filter }), since, signal })
    const meant = changes.filter(({ id }) => isMeant(id))
    const own = await revisionsMissingIn(source, pair.source, meant, signal)
    const ids = own.map(([id]) => id)
    const [here, there] = await Promise.all([
      lookUpRevisions(target, pair.target, ids, signal),
      lookUpRevisions(source, pair.source, ids, signal)
    ])
    for (const [id, leaves] of own) {
      const [winner, known] = [here.get(id), there.get(id)]
      if (!known) continue
      documents++
      revisions += leaves.length
      if (examples.length < mostExamples) examples.push(id)
      if (!winner || winner.deleted || !leaves.includes(winner.revision)) continue
      served++
      if (!known.deleted) continue
      undeleted++
      if (undeletedExamples.length < mostExamples) undeletedExamples.push(id)
    }
    if (changes.length < changesPerPage) return { documents, revisions, served, undeleted, examples, undeletedExamples }
    since = String(last)
  }
}

/** See `Replicator.unknownIds`. */
export async function unknownIds(client: Client, database: string, ids: readonly string[], signal?: AbortSignal): Promise<string[]> {
  const unknown: string[] = []
  for (let at = 0; at < ids.length; at += changesPerPage) {
    const some = ids.slice(at, at + changesPerPage)
    const known = await lookUpRevisions(client, database, some, signal)
    unknown.push(...some.filter(id => !known.has(id)))
  }
  return unknown
}
