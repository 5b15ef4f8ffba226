/** The replicator of CouchDB 3.5 as a client sees it: documents of `_replicator`, `_replicate`, the scheduler's lists. */
import { createHash } from 'node:crypto'
import type { Database } from './couchdb-database.ts'
import { Refused } from './couchdb-documents.ts'
import { isObject } from './couchdb-json.ts'
import type { JsonObject } from './couchdb-json.ts'
import { Crash, newFigures, replicateDatabase } from './couchdb-replication.ts'
import type { Figures, Replicated, ReplicationEnd } from './couchdb-replication.ts'
import { checkOperators } from './couchdb-selector.ts'

interface Event {
  readonly timestamp: string
  readonly type: 'added' | 'started' | 'crashed'
  readonly reason?: string
}

interface Job {
  readonly id: string
  readonly document: string | null
  readonly user: string | null
  readonly asked: Replicated
  figures: Figures | null
  readonly history: Event[]
  readonly abort: AbortController
  errors: number
  retry?: NodeJS.Timeout
  readonly startedAt: string
  readonly ended: Promise<void>
}

/** What is left of a document's replication that has ended. */
interface Ended {
  readonly state: 'completed' | 'failed'
  readonly asked: Replicated
  readonly info: object
  readonly startedAt: string
}

/** The first wait of the real one, which doubles. */
const backOffMs = 5_000

export class Replications {
  readonly #database: () => Database
  readonly #jobs = new Map<string, Job>()
  readonly #ended = new Map<string, Ended>()

  /** @param database the present `_replicator` */
  constructor(database: () => Database) {
    this.#database = database
  }

  /** @throws {Refused} for a document that asks for no replication */
  check(document: JsonObject): void {
    if (document['_deleted'] === true || String(document['_id']).startsWith('_design/')) return
    try {
      understand(document)
    } catch (error) {
      if (error instanceof Refused)
        throw new Refused(403, 'forbidden', error.error === 'forbidden' ? error.reason : `{throw,{${error.error},"${error.reason}"}}`)
      throw error
    }
  }

  /** A document of `_replicator` was written. */
  take(document: JsonObject): void {
    const name = String(document['_id'])
    if (name.startsWith('_design/')) return
    for (const job of this.#jobs.values()) if (job.document === name) this.#stop(job)
    this.#ended.delete(name)
    if (document['_deleted'] === true || document['_replication_state'] !== undefined) return
    const asked = understand(document)
    const id = jobId(asked)
    const other = this.#jobs.get(id)
    const startedAt = now()
    if (!other) {
      void this.#start({ id, document: name, user: null, asked })
      return
    }
    const error = `Replication \`${id}\` specified by document \`${name}\` already started, triggered by document \`${other.document}\` from db \`_replicator\``
    void this.#end(name, { state: 'failed', asked, info: { error }, startedAt })
  }

  /** `_replicate`. @returns status and body */
  async replicate(body: JsonObject, user: string | null): Promise<readonly [number, object]> {
    if (body['cancel'] === true) {
      const named = body['replication_id'] ?? body['_local_id']
      const id = typeof named === 'string' ? named : jobId(understand(body))
      const job = this.#jobs.get(id)
      if (!job) throw new Refused(404, 'not_found', 'missing')
      this.#stop(job)
      return [200, { ok: true, _local_id: id }]
    }
    const asked = understand(body)
    const job = this.#jobs.get(jobId(asked)) ?? this.#start({ id: jobId(asked), document: null, user, asked })
    if (asked.continuous) return [202, { ok: true, _local_id: job.id }]
    await job.ended
    const crash = job.history.findLast(({ type }) => type === 'crashed')
    if (crash) {
      const [, error = 'error', reason = ''] = /^\{?(\w+)[:,]\s*([^]*?)\}?$/.exec(crash.reason!) ?? []
      throw new Refused(error === 'db_not_found' ? 404 : 500, error, reason)
    }
    const { figures } = job
    const session = createHash('md5').update(job.startedAt).digest('hex')
    const { revisions_checked: missing_checked, missing_revisions_found: missing_found, ...rest } = figures!
    const { docs_read, docs_written, doc_write_failures, through_seq } = rest
    const entry = { session_id: session, missing_checked, missing_found, docs_read, docs_written, doc_write_failures }
    return [200, { ok: true, session_id: session, source_last_seq: through_seq, replication_id_version: 4, history: [entry] }]
  }

  schedulerDocuments(): object[] {
    const jobs = [...this.#jobs.values()].flatMap(job => (job.document === null ? [] : [this.#describe(job.document)!]))
    return [...jobs, ...[...this.#ended.keys()].map(name => this.#describe(name)!)]
  }

  /** @throws {Refused} 404 */
  schedulerDocument(name: string): object {
    const described = this.#describe(name)
    if (!described) throw new Refused(404, 'not_found', 'missing')
    return described
  }

  jobs(): object[] {
    return [...this.#jobs.values()].map(({ id, document, user, asked, figures, history, startedAt, retry }) => ({
      database: document === null ? null : '_replicator',
      id,
      pid: retry === undefined ? '<0.1.0>' : null,
      source: asked.source.url,
      target: asked.target.url,
      user,
      doc_id: document,
      info: figures,
      history: history.toReversed(),
      node: 'couchdb@127.0.0.1',
      start_time: startedAt
    }))
  }

  activeTasks(): object[] {
    return [...this.#jobs.values()]
      .filter(({ retry }) => retry === undefined)
      .map(({ id, document, user, asked, figures }) => {
        const { source, target, continuous } = asked
        return {
          type: 'replication',
          replication_id: id,
          doc_id: document,
          user,
          source: source.url,
          target: target.url,
          continuous,
          ...figures
        }
      })
  }

  #describe(name: string): object | undefined {
    const common = { database: '_replicator', doc_id: name }
    const over = this.#ended.get(name)
    if (over) {
      const { state, asked, info, startedAt } = over
      const errors = state === 'failed' ? 1 : 0
      return {
        ...common,
        id: null,
        source: asked.source.url,
        target: asked.target.url,
        state,
        error_count: errors,
        info,
        start_time: startedAt,
        last_updated: now()
      }
    }
    const job = [...this.#jobs.values()].find(({ document }) => document === name)
    if (!job) return undefined
    const { id, asked, figures, errors, history, startedAt, retry } = job
    const info = retry === undefined ? figures : { error: history.at(-1)!.reason }
    const state = retry === undefined ? 'running' : 'crashing'
    return {
      ...common,
      id,
      node: 'couchdb@127.0.0.1',
      source: asked.source.url,
      target: asked.target.url,
      state,
      info,
      error_count: errors,
      start_time: startedAt,
      last_updated: history.at(-1)!.timestamp
    }
  }

  #start(of: Pick<Job, 'id' | 'document' | 'user' | 'asked'>): Job {
    let resolve = (): void => {}
    const ended = new Promise<void>(settle => (resolve = settle))
    const job: Job = {
      ...of,
      figures: null,
      history: [{ timestamp: now(), type: 'added' }],
      abort: new AbortController(),
      errors: 0,
      startedAt: now(),
      ended
    }
    this.#jobs.set(job.id, job)
    job.abort.signal.addEventListener('abort', () => resolve(), { once: true })
    void this.#run(job, resolve)
    return job
  }

  async #run(job: Job, resolve: () => void): Promise<void> {
    const { id, document, asked, abort, history, startedAt } = job
    delete job.retry
    history.push({ timestamp: now(), type: 'started' })
    job.figures = newFigures()
    try {
      await replicateDatabase(asked, job.figures, abort.signal)
    } catch (error) {
      if (abort.signal.aborted) return
      history.push({ timestamp: now(), type: 'crashed', reason: error instanceof Crash ? error.message : String(error) })
      if (document === null && !asked.continuous) {
        this.#jobs.delete(id)
        resolve()
        return
      }
      job.retry = setTimeout(() => void this.#run(job, resolve), backOffMs * 2 ** job.errors++).unref()
      return
    }
    this.#jobs.delete(id)
    if (document !== null) await this.#end(document, { state: 'completed', asked, info: job.figures, startedAt })
    resolve()
  }

  /** The outcome is written into the document too. */
  async #end(name: string, ended: Ended): Promise<void> {
    const held = await this.#database()
      .pouch.get(name, {})
      .catch(() => undefined)
    if (!held) return
    const outcome = { _replication_state: ended.state, _replication_state_time: now(), _replication_stats: ended.info }
    const [written] = await this.#database().pouch.bulkDocs([{ ...held, ...outcome }], { new_edits: true })
    // Removed or written anew meanwhile.
    if (!isObject(written) || written['error'] !== undefined) return
    this.#ended.set(name, ended)
  }

  #stop(job: Job): void {
    clearTimeout(job.retry)
    this.#jobs.delete(job.id)
    job.abort.abort()
  }
}

/** @throws {Refused} as src/couch_replicator/src/couch_replicator_parse.erl does */
function understand(document: JsonObject): Replicated {
  const { selector, doc_ids: ids, continuous = false } = document
  for (const name of ['continuous', 'create_target', 'cancel']) {
    const value = document[name] ?? false
    if (typeof value !== 'boolean') throw new Refused(400, 'bad_request', `parameter \`${name}\` must be a boolean`)
  }
  const source = understandEnd(document['source'])
  const target = understandEnd(document['target'])
  if (ids !== undefined && !Array.isArray(ids)) throw new Refused(400, 'bad_request', 'parameter `doc_ids` must be an array')
  if (selector !== undefined && !isObject(selector)) throw new Refused(400, 'bad_request', 'parameter `selector` must be a JSON object')
  if (selector !== undefined && ids !== undefined)
    throw new Refused(400, 'bad_request', '`doc_ids`,`filter`,`selector` are mutually exclusive')
  if (isObject(selector)) checkOperators(selector)
  const named = ids?.map(id => decodeURIComponent(String(id).replaceAll('+', ' ')))
  return { source, target, continuous: continuous === true, ...(isObject(selector) && { selector }), ...(named && { ids: named }) }
}

function understandEnd(end: unknown): ReplicationEnd {
  const { url, auth, headers } = typeof end === 'string' ? { url: end, auth: undefined, headers: undefined } : isObject(end) ? end : {}
  if (url === undefined) throw new Refused(403, 'forbidden', 'Missing replicator database')
  if (typeof url !== 'string' || !/^https?:\/\//.test(url)) throw new Refused(403, 'forbidden', 'local_endpoints_not_supported')
  const basic = isObject(auth) && isObject(auth['basic']) ? auth['basic'] : undefined
  const address = `${url.replace(/\/$/, '')}/`
  const given = isObject(headers) ? headers['Authorization'] : undefined
  if (basic === undefined || typeof basic['username'] !== 'string' || typeof basic['password'] !== 'string')
    return { url: address, authorization: typeof given === 'string' ? given : undefined, user: undefined }
  const user = basic['username']
  return { url: address, authorization: `Basic ${Buffer.from(`${user}:${basic['password']}`).toString('base64')}`, user }
}

function jobId({ source, target, continuous, selector, ids }: Replicated): string {
  const told = JSON.stringify([source.url, source.user, target.url, target.user, selector, ids])
  return createHash('md5').update(told).digest('hex') + (continuous ? '+continuous' : '')
}

function now(): string {
  return new Date().toISOString().replace(/\.\d+/, '')
}
