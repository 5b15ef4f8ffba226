/** Compares revisions: each leaf of the source, deletions and conflicts included, has to be in the target. */
import type { ReplicationFilter, RevisionCounts } from '../../contracts/replication.ts'
import type { Client } from './client.ts'
import { brokenAnswer } from './errors.ts'
import { filterFields, isObject } from './replication-documents.ts'

export const changesPerPage = 1_000
export const mostExamples = 20

export interface Change {
  readonly id: string
  readonly seq: unknown
  readonly deleted: boolean
  /** All leaves. */
  readonly revisions: readonly string[]
}

export interface ChangesOptions {
  readonly filter?: ReplicationFilter
  /** Behind this one. */
  readonly since?: string
  readonly limit?: number
  readonly signal?: AbortSignal
}

/** The changes of a database that a replication with this filter would look at, one page of them. */
export async function changesOf(
  client: Client,
  database: string,
  { filter = {}, since = '0', limit = changesPerPage, signal }: ChangesOptions
) {
  const asked = client.asked(`reading the changes of ${database}`, 'DOCFERRY_READ', database)
  const named = filter.selector ? '&filter=_selector' : filter.ids ? '&filter=_doc_ids' : ''
  const path = `/${encodeURIComponent(database)}/_changes?style=all_docs&limit=${limit}&since=${encodeURIComponent(since)}${named}`
  const answer = await client.json({ method: 'POST', path, body: JSON.stringify(filterFields(filter)), asked, signal })
  const rows = isObject(answer) ? answer['results'] : undefined
  if (!isObject(answer) || !Array.isArray(rows)) throw brokenAnswer(asked, 'is no list of changes')
  const changes = rows.map((row: unknown): Change => {
    const { id, seq, deleted = false, changes: leaves } = isObject(row) ? row : {}
    const revisions = Array.isArray(leaves) ? leaves.map((leaf: unknown) => (isObject(leaf) ? leaf['rev'] : undefined)) : []
    if (typeof id === 'string' && revisions.length > 0 && revisions.every(revision => typeof revision === 'string'))
      return { id, seq, deleted: deleted === true, revisions }
    throw brokenAnswer(asked, 'holds a change without an id or revisions')
  })
  return { changes, last: answer['last_seq'] as string | number }
}

export interface ComparedEnds {
  readonly source: Client
  readonly target: Client
}

export async function compareRevisions(
  { source, target }: ComparedEnds,
  pair: { readonly source: string; readonly target: string; readonly filter?: ReplicationFilter },
  { signal, onDocument }: { readonly signal?: AbortSignal; readonly onDocument?: (id: string) => void }
): Promise<RevisionCounts> {
  let [documents, deleted, branched, revisions, missing] = [0, 0, 0, 0, 0]
  const examples: string[] = []
  let since = '0'
  for (;;) {
    const { changes, last } = await changesOf(source, pair.source, { filter: pair.filter, since, signal })
    for (const change of changes) {
      documents++
      if (change.deleted) deleted++
      if (change.revisions.length > 1) branched++
      revisions += change.revisions.length
      onDocument?.(change.id)
    }
    for (const [id, lacking] of await revisionsMissingIn(target, pair.target, changes, signal)) {
      missing += lacking.length
      if (examples.length < mostExamples) examples.push(id)
    }
    if (changes.length < changesPerPage) return { documents, deleted, branched, revisions, missing, examples }
    since = String(last)
  }
}

/** @returns by id the leaves that the database has never had */
export async function revisionsMissingIn(
  client: Client,
  database: string,
  changes: readonly Pick<Change, 'id' | 'revisions'>[],
  signal?: AbortSignal
): Promise<[string, readonly string[]][]> {
  if (changes.length === 0) return []
  const asked = client.asked(`comparing the revisions of ${database}`, 'DOCFERRY_READ', database)
  const body = JSON.stringify(Object.fromEntries(changes.map(({ id, revisions }) => [id, revisions])))
  const answer = await client.json({ method: 'POST', path: `/${encodeURIComponent(database)}/_revs_diff`, body, asked, signal })
  if (!isObject(answer)) throw brokenAnswer(asked, 'does not say which revisions are missing')
  return Object.entries(answer).map(([id, told]) => {
    const lacking = isObject(told) ? told['missing'] : undefined
    if (!Array.isArray(lacking) || !lacking.every(revision => typeof revision === 'string'))
      throw brokenAnswer(asked, 'does not say which revisions are missing')
    return [id, lacking]
  })
}
