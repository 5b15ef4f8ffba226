/** Replications as CouchDB writes them: the documents of `_replicator`, and what its scheduler tells. */
import { createHash } from 'node:crypto'
import { DocferryError } from '../../errors.ts'
import type {
  Replication,
  ReplicationCounts,
  ReplicationFilter,
  ReplicationRequest,
  ReplicationState
} from '../../contracts/replication.ts'
import { replicationStates } from '../../contracts/replication.ts'
import type { Json } from '../../types.ts'
import { locate } from './options.ts'
import type { Settings } from './options.ts'
import { replicationTrouble } from './replication-trouble.ts'

export type JsonObject = Record<string, unknown>

/** One end, and how the server that replicates reaches it. */
export interface ReplicationEnd {
  readonly settings: Settings
  readonly url: string
}

export interface ReplicationEndPair {
  readonly source: ReplicationEnd
  readonly target: ReplicationEnd
}

/**
 * What a document of `_replicator`, or a request to `_replicate`, asks for.
 *
 * @param version of the server that replicates: from 3.2 on credentials have a field of their own
 */
export function replicationBody(request: ReplicationRequest, ends: ReplicationEndPair, version: string): { readonly [key: string]: Json } {
  const { source, target, filter, continuous } = request
  const takesAuth = isAtLeast(version, 3, 2)
  return {
    source: endpoint(ends.source, source, takesAuth),
    target: endpoint(ends.target, target, takesAuth),
    ...(continuous && { continuous: true }),
    ...filterFields(filter && { ...filter, ...(filter.ids && { ids: filter.ids.map(quoted) }) })
  }
}

/** The replicator takes ids for percent-encoded, with a plus sign for a space; `_changes` does not. */
function quoted(id: string): string {
  return id.replace(/[%+]/g, encodeURIComponent)
}

function endpoint({ settings: { user, password }, url }: ReplicationEnd, database: string, takesAuth: boolean): { [key: string]: Json } {
  const address = `${url}/${encodeURIComponent(database)}`
  if (user === undefined || password === undefined) return { url: address }
  if (takesAuth) return { url: address, auth: { basic: { username: user, password } } }
  return { url: address, headers: { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` } }
}

/** As documents of `_replicator` and requests to `_changes` have them. */
export function filterFields({ selector, ids }: ReplicationFilter = {}): { readonly [key: string]: Json } {
  return { ...(selector && { selector }), ...(ids && { doc_ids: ids }) }
}

/** The same for the same ends, databases, filter and kind, whoever connects: so a replication that is under way is found. */
export function replicationId(request: ReplicationRequest, ends: ReplicationEndPair): string {
  const { source, target, filter = {}, continuous } = request
  const place = ({ settings }: ReplicationEnd): string => locate(settings).identity
  const told = [place(ends.source), source, place(ends.target), target, filter.selector, filter.ids?.toSorted(), continuous]
  const hash = createHash('sha256').update(JSON.stringify(told)).digest('hex').slice(0, 12)
  return `docferry-${source.replace(/[^a-z0-9_-]/g, '-').slice(0, 60)}-${hash}`
}

/** Whether a document of `_replicator` asks for the same as this body. */
export function asksForSame(document: JsonObject, body: JsonObject): boolean {
  const own = (fields: JsonObject): string =>
    JSON.stringify(['source', 'target', 'continuous', 'selector', 'doc_ids'].map(name => fields[name] ?? null))
  return own(document) === own(body)
}

export function isAtLeast(version: string, major: number, minor: number): boolean {
  const [first = 0, second = 0] = version.split('.').map(part => Number.parseInt(part, 10))
  return first > major || (first === major && second >= minor)
}

/** One of `_scheduler/docs`. Between two states some versions give none, or one of their own. */
export function fromSchedulerDocument(told: JsonObject, censor: (text: string) => string): Replication {
  const { doc_id: id, state: given } = told
  if (typeof id !== 'string') throw notUnderstood()
  const state = isState(given) ? given : 'pending'
  return { ...commonOf(told, state, told['info'], censor), id, state, transient: false, errors: countOf(told['error_count']) }
}

/** One of `_scheduler/jobs`, which no document has asked for. Its state is what it has done last. */
export function fromSchedulerJob(told: JsonObject, censor: (text: string) => string): Replication {
  const { id } = told
  if (typeof id !== 'string' || !Array.isArray(told['history'])) throw notUnderstood()
  const history = told['history'] as readonly JsonObject[]
  const last = history[0]?.['type']
  const state = last === 'started' ? 'running' : last === 'crashed' ? 'crashing' : 'pending'
  const error = state === 'crashing' ? { error: history[0]?.['reason'] } : told['info']
  const errors = history.findIndex(({ type }) => type !== 'crashed' && type !== 'started' && type !== 'added')
  const crashes = history.slice(0, errors < 0 ? undefined : errors).filter(({ type }) => type === 'crashed').length
  return { ...commonOf(told, state, error, censor), id, state, transient: true, errors: crashes }
}

function commonOf(told: JsonObject, state: ReplicationState, info: unknown, censor: (text: string) => string) {
  const figures = isObject(info) ? info : {}
  const error = figures['error'] ?? (state === 'failed' || state === 'crashing' || state === 'error' ? 'no reason given' : undefined)
  // While it is caught up, or is at its end, the one is behind the other.
  const through = textOf(figures['through_seq']) ?? textOf(figures['checkpointed_source_seq'])
  const counts = countsOf(figures)
  return {
    source: urlOf(told['source'], censor),
    target: urlOf(told['target'], censor),
    continuous: typeof told['id'] === 'string' && told['id'].includes('+continuous'),
    ...(counts && { counts }),
    ...(through !== undefined && { through }),
    ...(error !== undefined && { trouble: replicationTrouble(error, censor) }),
    ...(typeof told['start_time'] === 'string' && { startedAt: told['start_time'] }),
    ...(typeof told['last_updated'] === 'string' && { updatedAt: told['last_updated'] })
  }
}

/** Of what `_replicate` answers at the end. Where there was nothing new the history is of the times before, as the scheduler tells it too. */
export function countsOfAnswer(answer: unknown): ReplicationCounts | undefined {
  const history = isObject(answer) && Array.isArray(answer['history']) ? (answer['history'] as unknown[]) : []
  return isObject(history[0]) ? countsOf(history[0]) : undefined
}

export function countsOf(figures: JsonObject): ReplicationCounts | undefined {
  const { docs_read: read, changes_pending: pending } = figures
  if (typeof read !== 'number') return undefined
  return {
    revisionsChecked: countOf(figures['revisions_checked'] ?? figures['missing_checked']),
    missingRevisions: countOf(figures['missing_revisions_found'] ?? figures['missing_found']),
    documentsRead: read,
    documentsWritten: countOf(figures['docs_written']),
    writeFailures: countOf(figures['doc_write_failures']),
    ...(typeof pending === 'number' && { pending })
  }
}

/** Some versions put stars in place of a password, and none in place of a user. */
function urlOf(url: unknown, censor: (text: string) => string): string {
  if (typeof url !== 'string') return ''
  return censor(url.replace(/^(\w+:\/\/)[^/]*@/, '$1')).replace(/\/$/, '')
}

function textOf(value: unknown): string | undefined {
  // CouchDB 2 has sequences that are no text.
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined
}

function countOf(value: unknown): number {
  return typeof value === 'number' && value > 0 ? value : 0
}

function isState(state: unknown): state is ReplicationState {
  return (replicationStates as readonly unknown[]).includes(state)
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function notUnderstood(): DocferryError {
  return new DocferryError('DOCFERRY_CONNECT', 'the scheduler of the server tells of a replication in a form that docferry does not know', {
    provider: 'couchdb'
  })
}
