/** One replication as CouchDB 3.5 does it, over HTTP: https://docs.couchdb.org/en/stable/replication/protocol.html, with no checkpoint. */
import { isObject, parseBody, stringifyBody } from './couchdb-json.ts'
import type { JsonObject } from './couchdb-json.ts'

export interface ReplicationEnd {
  /** With a slash at its end. */
  readonly url: string
  readonly authorization: string | undefined
  readonly user: string | undefined
}

export interface Replicated {
  readonly source: ReplicationEnd
  readonly target: ReplicationEnd
  readonly continuous: boolean
  readonly selector?: JsonObject
  readonly ids?: readonly string[]
}

export interface Figures {
  revisions_checked: number
  missing_revisions_found: number
  docs_read: number
  docs_written: number
  changes_pending: number | null
  doc_write_failures: number
  bulk_get_docs: number
  bulk_get_attempts: number
  checkpointed_source_seq: string
  source_seq: string
  through_seq: string
}

export function newFigures(): Figures {
  const counts = { revisions_checked: 0, missing_revisions_found: 0, docs_read: 0, docs_written: 0, doc_write_failures: 0 }
  const sequences = { checkpointed_source_seq: '0', source_seq: '0', through_seq: '0' }
  return { ...counts, changes_pending: null, bulk_get_docs: 0, bulk_get_attempts: 0, ...sequences }
}

/** A replication that can't go on, in the words of the real one. */
export class Crash extends Error {
  readonly error: string
  readonly reason: string
  constructor(error: string, reason: string, asTerm = false) {
    super(asTerm ? `{${error},\n    ${reason}}` : `${error}: ${reason}`)
    this.error = error
    this.reason = reason
  }
}

const changesPerPage = 500
const longPollMs = 30_000

/** @throws {Crash} */
export async function replicateDatabase(asked: Replicated, figures: Figures, signal: AbortSignal): Promise<void> {
  for (const end of [asked.source, asked.target]) await open(end, signal)
  for (let isWaiting = false; ;) {
    const feed = isWaiting ? `&feed=longpoll&timeout=${longPollMs}` : ''
    const filter = asked.selector ? '&filter=_selector' : asked.ids ? '&filter=_doc_ids' : ''
    const path = `_changes?style=all_docs&limit=${changesPerPage}&since=${encodeURIComponent(figures.through_seq)}${filter}${feed}`
    const body = { ...(asked.selector && { selector: asked.selector }), ...(asked.ids && { doc_ids: asked.ids }) }
    const answer = (await request(asked.source, path, { body, signal })) as { results: JsonObject[]; last_seq: string; pending: number }
    await copy(asked, answer.results, figures, signal)
    Object.assign(figures, { source_seq: answer.last_seq, through_seq: answer.last_seq, checkpointed_source_seq: answer.last_seq })
    const isAtEnd = answer.results.length < changesPerPage
    if (isAtEnd && !asked.continuous) return
    isWaiting = isAtEnd
  }
}

async function copy({ source, target }: Replicated, changes: readonly JsonObject[], figures: Figures, signal: AbortSignal): Promise<void> {
  if (changes.length === 0) return
  const leaves = Object.fromEntries(changes.map(({ id, changes: of }) => [id, (of as { rev: string }[]).map(({ rev }) => rev)]))
  figures.revisions_checked += Object.values(leaves).flat().length
  const missing = (await request(target, '_revs_diff', { body: leaves, signal })) as Record<string, { missing: string[] }>
  const documents: unknown[] = []
  for (const [id, { missing: revisions }] of Object.entries(missing)) {
    figures.missing_revisions_found += revisions.length
    const query = `?revs=true&attachments=true&open_revs=${encodeURIComponent(JSON.stringify(revisions))}`
    const found = (await request(source, `${encodeURIComponent(id).replace('_design%2F', '_design/')}${query}`, { signal })) as JsonObject[]
    documents.push(...found.flatMap(({ ok }) => (isObject(ok) ? [ok] : [])))
  }
  figures.docs_read += documents.length
  if (documents.length === 0) return
  const failures = (await request(target, '_bulk_docs', { body: { new_edits: false, docs: documents }, signal })) as unknown[]
  figures.doc_write_failures += failures.length
  figures.docs_written += documents.length - failures.length
}

/** By the session plugin where there is a user, as the real one does it. */
async function open(end: ReplicationEnd, signal: AbortSignal): Promise<void> {
  const session = new URL('/_session', end.url).href
  const quoted = JSON.stringify(end.user ?? '')
  let response: Response
  try {
    const headers: Record<string, string> = end.authorization === undefined ? {} : { authorization: end.authorization }
    response = await fetch(end.url, { headers, signal })
  } catch (error) {
    signal.throwIfAborted()
    const { code = 'closed' } = ((error as Error).cause ?? {}) as { code?: string }
    const failure = `{conn_failed,{error,${code.toLowerCase()}}}`
    if (end.user === undefined) throw new Crash('db_not_found', `could not open ${end.url}`)
    throw new Crash('replication_auth_error', `{session_request_failed,"${session}",${quoted},\n        ${failure}}`, true)
  }
  await response.arrayBuffer()
  if (response.ok) return
  if (response.status === 404) throw new Crash('db_not_found', `could not open ${end.url}`)
  if (response.status === 401 && end.user !== undefined)
    throw new Crash('replication_auth_error', `{session_request_unauthorized,"${session}",${quoted}}`, true)
  throw new Crash('unauthorized', `unauthorized to access or create database ${end.url}`)
}

async function request(
  { url, authorization }: ReplicationEnd,
  path: string,
  { body, signal }: { readonly body?: unknown; readonly signal: AbortSignal }
): Promise<unknown> {
  const headers = { accept: 'application/json', 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) }
  const init = body === undefined ? { method: 'GET' } : { method: 'POST', body: stringifyBody(body) }
  const response = await fetch(url + path, { ...init, headers, signal })
  const answer = parseBody(await response.text())
  if (response.ok) return answer
  const { error, reason } = answer as { error: string; reason: string }
  throw new Crash(
    `${path.replace(/[?].*/, '').replace(/^_/, '')}_failed`,
    `${response.status},\n {[{<<"error">>,<<"${error}">>},{<<"reason">>,<<"${reason}">>}]}`,
    true
  )
}
