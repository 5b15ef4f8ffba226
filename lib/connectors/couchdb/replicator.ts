/**
 * CouchDB's own replicator, asked by documents of `_replicator` or, for what is to leave none, by `_replicate`; followed by what its scheduler tells.
 * https://docs.couchdb.org/en/stable/replication/replicator.html
 */
import { now } from '../../clock.ts'
import { sleep } from '../../engine/retry.ts'
import { DocferryError } from '../../errors.ts'
import type {
  Begun,
  CancelOptions,
  PreparedTarget,
  PrepareTargetOptions,
  Replication,
  ReplicationPair,
  ReplicationRequest,
  Replicator
} from '../../contracts/replication.ts'
import type { Client, Request } from './client.ts'
import { AnswerError, brokenAnswer } from './errors.ts'
import { locate } from './options.ts'
import {
  asksForSame,
  countsOf,
  fromSchedulerDocument,
  isAtLeast,
  isObject,
  replicationBody,
  replicationId
} from './replication-documents.ts'
import type { JsonObject, ReplicationEndPair } from './replication-documents.ts'
import { changesOf, compareRevisions } from './replication-revisions.ts'
import { checkSelector } from './replication-selector.ts'
import { targetRevisions, unknownIds } from './replication-target-revisions.ts'
import { TransientReplications } from './replication-transient.ts'
import { askForObject, isAnswer, ReplicatorDocuments } from './replicator-documents.ts'

export interface ReplicatorParts {
  readonly on: Client
  readonly ends?: { readonly source: Client; readonly target: Client }
  readonly sourceUrl?: string | undefined
  readonly targetUrl?: string | undefined
}

interface Stoppable {
  readonly signal?: AbortSignal
}

const perPage = 100
/** While the server lets go of a replication. */
const pollMs = 200
const letGoMs = 60_000
/** The replicator writes into the document too, and so may others. */
const mostTries = 10
const ended: ReadonlySet<Replication['state']> = new Set(['completed', 'failed', 'gone'])

/** @throws {DocferryError} DOCFERRY_CONFIG where the server has no scheduler */
export function createReplicator(parts: ReplicatorParts): Replicator {
  const { on } = parts
  if (on.pouchdb || !isAtLeast(on.version, 2, 1)) {
    const what = on.pouchdb ? 'PouchDB' : `CouchDB ${on.version || 'of no version'}`
    const message = `${on.address} is ${what}, which has no replication scheduler (CouchDB has one from 2.1 on): name another server with --on, or copy with docferry migrate`
    throw new DocferryError('DOCFERRY_CONFIG', message, { provider: 'couchdb' })
  }
  return new CouchdbReplicator(parts)
}

class CouchdbReplicator implements Replicator {
  readonly location
  readonly version: string
  readonly #on: Client
  readonly #parts: ReplicatorParts
  readonly #documents: ReplicatorDocuments
  readonly #transient: TransientReplications

  constructor(parts: ReplicatorParts) {
    this.#parts = parts
    this.#on = parts.on
    this.location = locate(parts.on.settings)
    this.version = `Apache CouchDB ${parts.on.version}`
    this.#documents = new ReplicatorDocuments(parts.on)
    this.#transient = new TransientReplications(parts.on, this.#censor)
  }

  async prepare({ filter, transient, collections }: Parameters<Replicator['prepare']>[0], { signal }: Stoppable): Promise<string[]> {
    await this.#requireAdmin(signal)
    const [first] = collections
    if (filter?.selector && first !== undefined) await checkSelector(this.#ends.source, first, filter.selector, signal)
    if (transient) return []
    const asked = this.#asked('looking for _replicator')
    if (await this.#on.databaseInfo('_replicator', asked, signal)) return []
    await this.#on.createDatabase('_replicator', this.#asked('creating _replicator'), signal)
    return [`${this.#on.address} had no database _replicator, in which replications are kept: docferry has created it`]
  }

  async prepareTarget({ source, target }: ReplicationPair, options: PrepareTargetOptions): Promise<PreparedTarget> {
    const { create, shards, copies, signal } = options
    const ends = this.#ends
    const of = await ends.source.databaseInfo(source, ends.source.asked(`looking at ${source}`, 'DOCFERRY_READ', source), signal)
    const isPartitioned = of?.props?.partitioned === true
    const held = await ends.target.databaseInfo(target, ends.target.asked(`looking at ${target}`, 'DOCFERRY_TARGET', target), signal)
    if (held) {
      if (held.props?.partitioned !== true || isPartitioned) return { created: false, documents: held.doc_count }
      const message = `${target} is partitioned in the target, and ${source} is not in the source: its ids are not of the form partition:id. Give another name with --rename ${source}=NEW`
      throw new DocferryError('DOCFERRY_TARGET', message, { provider: 'couchdb', collection: target })
    }
    if (!create) {
      const message = `the target has no database ${target}: create it, or leave --no-create-target away`
      throw new DocferryError('DOCFERRY_TARGET', message, { provider: 'couchdb', collection: target })
    }
    const parameters = new URLSearchParams({
      ...(isPartitioned && { partitioned: 'true' }),
      ...(shards !== undefined && { q: String(shards) }),
      ...(copies !== undefined && { n: String(copies) })
    })
    const asked = ends.target.asked(`creating ${target}`, 'DOCFERRY_TARGET', target)
    try {
      await ends.target.json({ method: 'PUT', path: `/${encodeURIComponent(target)}?${parameters.toString()}`, asked, signal })
    } catch (error) {
      if (!isAnswer(error, 412)) throw error
    }
    return { created: true, documents: 0 }
  }

  async begin(request: ReplicationRequest, { signal }: Stoppable): Promise<Begun> {
    const ends = this.#endsAsReached
    const body = replicationBody(request, ends, this.#on.version)
    const id = replicationId(request, ends)
    if (request.transient) return { id: await this.#transient.begin(id, body, signal), how: 'begun' }
    let how: Begun['how'] = 'begun'
    for (let tries = 1; tries <= mostTries; tries++) {
      const held = await this.#documents.read(id, signal)
      if (!held) {
        if (await this.#documents.write(id, body, signal)) return { id, how }
        continue
      }
      if (tries > 1 && this.#documents.isOwn(held)) return { id, how }
      const { state } = await this.look(id, { signal })
      if (!ended.has(state) && asksForSame(held, body)) return { id, how: 'joined' }
      if (!(await this.#documents.remove(id, held, signal))) continue
      await this.#waitUntilLetGo(id, signal)
      how = 'renewed'
    }
    throw busy(id)
  }

  async look(id: string, { signal }: Stoppable): Promise<Replication> {
    const known = await this.#transient.look(id, signal)
    if (known) return known
    const asked = this.#asked('asking the scheduler')
    const told = await this.#ask({ method: 'GET', path: `/_scheduler/docs/_replicator/${encodeURIComponent(id)}`, asked, signal })
    if (told) return fromSchedulerDocument(told, this.#censor)
    return (await this.#transient.jobs(signal)).find(job => job.id === id) ?? gone(id, await this.#documents.read(id, signal))
  }

  async ending(id: string, { signal }: Stoppable): Promise<Pick<Replication, 'state' | 'counts'> | undefined> {
    const word = await this.#documents.removed(id, signal)
    const state = word?.['_replication_state']
    if (!word || (state !== 'completed' && state !== 'failed')) return undefined
    const figures = word['_replication_stats']
    const counts = isObject(figures) ? countsOf(figures) : undefined
    return { state, ...(counts && { counts }) }
  }

  async list({ signal }: Stoppable): Promise<Replication[]> {
    await this.#requireAdmin(signal)
    const asked = this.#asked('listing the replications')
    const found: Replication[] = []
    for (let skip = 0; ; skip += perPage) {
      const path = `/_scheduler/docs?limit=${perPage}&skip=${skip}`
      const docs = (await this.#ask({ method: 'GET', path, asked, signal }))?.['docs']
      if (!Array.isArray(docs)) throw brokenAnswer(asked, 'is no list of replications')
      found.push(...docs.filter(isObject).map(told => fromSchedulerDocument(told, this.#censor)))
      if (docs.length < perPage) break
    }
    return [...found, ...(await this.#transient.jobs(signal))].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  async cancel(id: string, { signal, sparing = false }: CancelOptions): Promise<Replication | undefined> {
    await this.#requireAdmin(signal)
    const before = await this.look(id, { signal })
    if (before.transient) await this.#transient.cancel(id, signal)
    else if (!(await this.#remove(id, sparing, signal))) return undefined
    await this.#waitUntilLetGo(id, signal)
    return before
  }

  async isCaughtUp({ source, filter }: ReplicationRequest, { through }: Replication, { signal }: Stoppable): Promise<boolean> {
    if (through === undefined) return false
    const { changes } = await changesOf(this.#ends.source, source, { filter, since: through, limit: 1, signal })
    return changes.length === 0
  }

  async compareRevisions(
    pair: Parameters<Replicator['compareRevisions']>[0],
    options: Parameters<Replicator['compareRevisions']>[1]
  ): ReturnType<Replicator['compareRevisions']> {
    return await compareRevisions(this.#ends, pair, options)
  }

  async targetRevisions(
    pair: Parameters<Replicator['targetRevisions']>[0],
    options: Parameters<Replicator['targetRevisions']>[1]
  ): ReturnType<Replicator['targetRevisions']> {
    return await targetRevisions(this.#ends, pair, options)
  }

  async unknownIds(collection: string, ids: readonly string[], { signal }: Stoppable): Promise<readonly string[]> {
    return await unknownIds(this.#ends.source, collection, ids, signal)
  }

  async close(): Promise<void> {
    this.#on.close()
    this.#parts.ends?.source.close()
    this.#parts.ends?.target.close()
  }

  get #ends(): NonNullable<ReplicatorParts['ends']> {
    const { ends } = this.#parts
    if (!ends) throw new DocferryError('DOCFERRY_BUG', 'a replication needs two ends')
    return ends
  }

  get #endsAsReached(): ReplicationEndPair {
    const { source, target } = this.#ends
    const { sourceUrl = source.settings.url, targetUrl = target.settings.url } = this.#parts
    return { source: { settings: source.settings, url: sourceUrl }, target: { settings: target.settings, url: targetUrl } }
  }

  #asked(what: string) {
    return this.#on.asked(what, 'DOCFERRY_CONNECT')
  }

  /** Only an admin may write to `_replicator`, call `_replicate` for others' databases, and ask the scheduler. */
  async #requireAdmin(signal?: AbortSignal): Promise<void> {
    try {
      await this.#on.json({ method: 'GET', path: '/_scheduler/docs?limit=1', asked: this.#asked('asking the scheduler'), signal })
    } catch (error) {
      if (!(error instanceof AnswerError) || error.code !== 'DOCFERRY_PERMISSION') throw error
      const message = `${this.#on.address} may not replicate there: only an admin of the server may write to _replicator and ask its scheduler; name one who may in that address, or another server with --on`
      throw new DocferryError('DOCFERRY_PERMISSION', message, { provider: 'couchdb', cause: error })
    }
  }

  #ask(request: Request): Promise<JsonObject | undefined> {
    return askForObject(this.#on, request)
  }

  /** @returns false where there was none, or none that may be removed */
  async #remove(id: string, sparing: boolean, signal?: AbortSignal): Promise<boolean> {
    for (let tries = 1; tries <= mostTries; tries++) {
      const held = await this.#documents.read(id, signal)
      if (!held) return tries > 1
      if (sparing && !this.#documents.isOwn(held) && !ended.has((await this.look(id, { signal })).state)) return false
      if (await this.#documents.remove(id, held, signal)) return true
    }
    throw busy(id)
  }

  async #waitUntilLetGo(id: string, signal?: AbortSignal): Promise<void> {
    for (const until = now() + letGoMs; now() < until; await sleep(pollMs, signal)) {
      if (await this.#hasLetGo(id, signal)) return
    }
    const message = `${id} is cancelled, but ${this.#on.address} has not let go of it within ${letGoMs / 1000} seconds: see docferry replicate status ${id}`
    throw new DocferryError('DOCFERRY_REPLICATION', message, { provider: 'couchdb' })
  }

  async #hasLetGo(id: string, signal?: AbortSignal): Promise<boolean> {
    const told = await this.#ask({
      method: 'GET',
      path: '/_scheduler/jobs?limit=10000',
      asked: this.#asked('asking the scheduler'),
      signal
    })
    const jobs = told?.['jobs']
    const isOf = (job: unknown): boolean => isObject(job) && (job['doc_id'] === id || job['id'] === id)
    if (Array.isArray(jobs) && !jobs.some(isOf) && (await this.look(id, { signal })).state === 'gone') return true
    // Somebody has begun it anew meanwhile.
    return (await this.#documents.read(id, signal)) !== undefined
  }

  /** The passwords, also as they are in headers, and credentials in addresses. */
  readonly #censor = (text: string): string => {
    const { on, ends } = this.#parts
    const clients = [on, ...(ends ? [ends.source, ends.target] : [])]
    const secrets = clients.flatMap(({ settings: { user = '', password = '' } }) =>
      password === '' ? [] : [Buffer.from(`${user}:${password}`).toString('base64'), encodeURIComponent(password), password]
    )
    const isWorth = (secret: string): boolean => secret.length >= shortestSecret
    return secrets
      .filter(isWorth)
      .reduce((clean, secret) => clean.replaceAll(secret, '***'), text.replace(/(:\/\/)[^\s"'<>/]*@/g, '$1***@'))
  }
}

/** A shorter one would take ordinary letters out of a text. */
const shortestSecret = 4

/** The scheduler may not have seen a new document yet. */
function gone(id: string, document: JsonObject | undefined): Replication {
  const nothing = { id, source: '', target: '', transient: false, errors: 0 }
  if (!document) return { ...nothing, state: 'gone', continuous: false }
  return { ...nothing, state: 'initializing', continuous: document['continuous'] === true }
}

function busy(id: string): DocferryError {
  const message = `others write and remove ${id} in _replicator again and again: see that only one thing replicates this, and run it again`
  return new DocferryError('DOCFERRY_REPLICATION', message, { provider: 'couchdb' })
}
