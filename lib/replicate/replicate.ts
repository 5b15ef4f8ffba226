/**
 * REPLICATING by the database's own replicator, read top to bottom: open the ends, choose the collections, make the target's ready, then for each
 *
 *   begin (or join what is under way) -> follow to its end, or until it has caught up -> remove what asked for it -> compare both sides
 *
 * Documents never pass through here before they are compared.
 */
import { now } from '../clock.ts'
import { runParallel } from '../engine/run-parallel.ts'
import { DocferryError } from '../errors.ts'
import { openReplicator, openSource, openTarget, replicatingConnector, silentLogger } from '../open.ts'
import { chooseCollections } from '../plan/choose-collections.ts'
import { checkProofs } from '../plan/same-place.ts'
import type { ReplicationRequest, Replicator } from '../contracts/replication.ts'
import type { Location } from '../types.ts'
import { compare, outcomeOf } from './compare.ts'
import { follow } from './follow.ts'
import { naming } from './naming.ts'
import { checkReplicateOptions } from './options.ts'
import type { ReplicateOptions } from './options.ts'
import { isSettled, noReplicationCounts } from './report.ts'
import type { ReplicatedCollection, ReplicateReport } from './report.ts'

const defaultParallel = 8
const mostExamples = 20

/**
 * Have databases replicated by a server of theirs, and prove that the target holds what it should.
 *
 * @returns the final report; its `state` is `partial` where the target refused documents or an id is not there, `different` where both are not equal
 * @throws {DocferryError} where an end can't be reached or permits too little, a replication fails, or it is interrupted
 */
export async function replicate(options: ReplicateOptions): Promise<ReplicateReport> {
  checkReplicateOptions(options)
  const { source, target, on = target, sourceUrl, targetUrl, environment, signal, logger = silentLogger } = options
  await replicatingConnector({ on, source, target })
  const chosen = await choose(options)
  const open = { environment, signal, logger }
  const replicator = await openReplicator({ on, source, target, ...(sourceUrl && { sourceUrl }), ...(targetUrl && { targetUrl }) }, open)
  try {
    return await new Replicating(options, replicator, chosen).execute()
  } finally {
    await replicator.close()
  }
}

interface Chosen {
  readonly source: Location
  readonly target: Location
  readonly collections: readonly { readonly source: string; readonly target: string }[]
}

/** By the same rules as a run. Every name is checked before anything is asked for. */
async function choose(options: ReplicateOptions): Promise<Chosen> {
  const { environment, signal, logger, collections, preset, rename } = options
  const meant = collections && [...new Set([...collections, ...Object.keys(rename ?? {})])]
  const end = naming(options.source, meant)
  const source = await openSource(end, { environment, signal, logger })
  try {
    const target = await openTarget(options.target, { environment, signal, logger, readOnly: true })
    try {
      const known = await source.collections({ signal })
      const missing = (end !== options.source && meant?.filter(name => !known?.some(info => info.name === name))) || []
      const held = missing.length > 0 ? await allOf(missing, source.location, options) : known
      const choice = chooseCollections(held, { source, target }, { collections, preset, rename })
      await checkProofs(choice.collections, { source, target }, { rename, signal })
      const pairs = (choice.collections ?? []).map(({ name, target: there }) => ({ source: name, target: there }))
      if (pairs.length > 0) return { source: source.location, target: target.location, collections: pairs }
      throw new DocferryError('DOCFERRY_NO_SUCH_COLLECTION', `${source.location.address} holds nothing to replicate`, {
        provider: source.location.provider
      })
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

/** What there is to choose from, where not all that was named is there. */
async function allOf(missing: readonly string[], { provider, address }: Location, options: ReplicateOptions) {
  const { environment, signal, logger } = options
  const source = await openSource(options.source, { environment, signal, logger })
  try {
    return await source.collections({ signal })
  } catch (error) {
    if (!(error instanceof DocferryError) || error.code !== 'DOCFERRY_PERMISSION') throw error
    const message = `${provider} (${address}) has no collection ${missing.join(', ')}; this user may not list what it has`
    throw new DocferryError('DOCFERRY_NO_SUCH_COLLECTION', message, { provider, collection: missing[0], cause: error })
  } finally {
    await source.close()
  }
}

class Replicating {
  readonly #options: ReplicateOptions
  readonly #replicator: Replicator
  readonly #report: ReplicateReport
  readonly #failures: DocferryError[] = []

  constructor(options: ReplicateOptions, replicator: Replicator, { source, target, collections }: Chosen) {
    this.#options = options
    this.#replicator = replicator
    const { continuous = false, transient = false, selector, ids } = options
    this.#report = {
      source,
      target,
      on: replicator.location,
      version: replicator.version,
      mode: continuous ? 'continuous' : 'one-time',
      transient,
      ...((selector ?? ids) && { filter: selector ? 'selector' : 'ids' }),
      phase: 'replicating',
      state: 'running',
      collections: collections.map(pair => ({
        ...pair,
        state: 'waiting',
        created: false,
        before: 0,
        counts: noReplicationCounts,
        errors: 0,
        isKept: false
      })),
      notes: [],
      startedAt: now()
    }
  }

  async execute(): Promise<ReplicateReport> {
    const report = this.#report
    try {
      await this.#prepare()
      this.#options.observe?.(report)
      await this.#replicateAll()
      await this.#compareAll()
      if (this.#options.follow) await this.#goOnFollowing()
      return report
    } catch (error) {
      const { signal } = this.#options
      report.state = signal?.aborted ? 'interrupted' : 'failed'
      await this.#cancelTransient()
      throw signal?.aborted ? this.#interrupted(error) : error
    } finally {
      report.phase = 'ended'
      report.finishedAt = now()
    }
  }

  async #prepare(): Promise<void> {
    const { createTarget = true, allowExtra = false, shards, copies, signal } = this.#options
    const { collections, notes, transient } = this.#report
    const { filter } = this.#request(collections[0]!)
    notes.push(...(await this.#replicator.prepare({ filter, transient, collections: collections.map(({ source }) => source) }, { signal })))
    if (filter?.ids) await this.#lookForIds(filter.ids)
    for (const collection of collections) {
      const prepared = await this.#replicator.prepareTarget(collection, { create: createTarget, shards, copies, signal })
      collection.created = prepared.created
      collection.before = prepared.documents
    }
    const filled = collections.filter(({ before }) => before > 0).map(({ target }) => target)
    if (filled.length > 0)
      notes.push(
        `the target held documents already in ${filled.join(', ')}: replication merges, what only the target holds stays${filter || allowExtra ? '' : ', and is a difference'}`
      )
    if (collections.some(({ created }) => created))
      notes.push('who may read and write a database (_security) is not replicated: set it in the target for those that were created')
  }

  /** Each may be in another collection. */
  async #lookForIds(ids: readonly string[]): Promise<void> {
    let unknown = ids
    for (const { source } of this.#report.collections) {
      unknown = await this.#replicator.unknownIds(source, unknown, { signal: this.#options.signal })
    }
    if (unknown.length > 0) this.#report.unknownIds = { count: unknown.length, examples: unknown.slice(0, mostExamples) }
  }

  /** Also where one fails the others are brought to their end. */
  async #replicateAll(): Promise<void> {
    const { continuous = false, parallel = defaultParallel, wait = true, signal, timeoutMs } = this.#options
    const { collections } = this.#report
    const deadline = timeoutMs === undefined ? Infinity : now() + timeoutMs
    await runParallel(collections, continuous || !wait ? collections.length : parallel, async collection => {
      try {
        await this.#replicateOne(collection, deadline)
      } catch (error) {
        if (!(error instanceof DocferryError) || signal?.aborted) throw error
        collection.message = error.message
        this.#failures.push(error)
      }
      collection.finishedAt = now()
    })
    const [first] = this.#failures
    if (!first) return
    const { code, context } = first
    const more = this.#failures.length > 1 ? `; and ${this.#failures.length - 1} more databases failed` : ''
    throw new DocferryError(code, `${first.message}${more}`, { ...context, cause: first.cause })
  }

  async #replicateOne(collection: ReplicatedCollection, deadline: number): Promise<void> {
    const { signal, wait = true, keep = false, pollMs, logger } = this.#options
    const { transient, mode, notes } = this.#report
    const request = this.#request(collection)
    collection.startedAt = now()
    const { id, how } = await this.#replicator.begin(request, { signal })
    Object.assign(collection, { id, how, state: 'initializing', isKept: !transient })
    if (how === 'joined')
      notes.push(
        `${collection.source} was being replicated in this way already: docferry follows ${id}, and tells its figures as they were last seen`
      )
    if (!wait) return
    try {
      const note = await follow(this.#replicator, request, collection, { signal, deadline, pollMs, ...(logger && { logger }) })
      if (note !== undefined) return void notes.push(note)
    } catch (error) {
      const isTimeout = now() >= deadline
      if (!signal?.aborted && !isTimeout && how !== 'joined' && !keep && collection.state !== 'gone') await this.#remove(collection)
      throw error
    }
    if (mode === 'one-time' && !keep) await this.#remove(collection)
  }

  /** What asks for it holds credentials. */
  async #remove(collection: ReplicatedCollection): Promise<void> {
    try {
      await this.#replicator.cancel(collection.id!, { signal: this.#options.signal, sparing: true })
      collection.isKept = false
    } catch (error) {
      if (!(error instanceof DocferryError) || this.#options.signal?.aborted) throw error
      this.#report.notes.push(`${collection.id} could not be removed from the server, where it keeps credentials: ${error.message}`)
    }
  }

  async #compareAll(): Promise<void> {
    const { verify = true, wait = true } = this.#options
    const report = this.#report
    if (!wait) {
      report.state = 'begun'
      return
    }
    if (verify) {
      report.phase = 'verifying'
      for (const collection of report.collections) await compare(this.#replicator, this.#request(collection), collection, this.#options)
    }
    const outcomes = report.collections.map(outcomeOf)
    // A continuous one brings what is named and comes later.
    const lacksIds = report.unknownIds !== undefined && report.mode === 'one-time'
    report.state = outcomes.includes('different') ? 'different' : lacksIds || outcomes.includes('partial') ? 'partial' : 'done'
  }

  /** Until it is interrupted, or one of them fails. */
  async #goOnFollowing(): Promise<void> {
    const { signal, pollMs, logger } = this.#options
    const how = { signal, pollMs, deadline: Infinity, isForEver: true, ...(logger && { logger }) }
    this.#report.phase = 'following'
    await runParallel(this.#report.collections, this.#report.collections.length, async collection => {
      await follow(this.#replicator, this.#request(collection), collection, how)
    })
  }

  async #cancelTransient(): Promise<void> {
    const { transient, mode, collections, notes } = this.#report
    if (!transient) return
    for (const collection of collections) {
      if (collection.id === undefined || (mode === 'one-time' && isSettled(collection))) continue
      try {
        await this.#replicator.cancel(collection.id, {})
        collection.state = 'gone'
      } catch (error) {
        if (!(error instanceof DocferryError)) throw error
        notes.push(`${collection.id} could not be cancelled: ${error.message}`)
      }
    }
  }

  #interrupted(cause: unknown): DocferryError {
    const { collections, transient } = this.#report
    const kept = collections.filter(({ id, isKept }) => id !== undefined && isKept).map(({ id }) => id)
    const notBegun = collections.filter(({ id }) => id === undefined).map(({ source }) => source)
    const what = transient
      ? 'what was under way is cancelled; what was written stays'
      : kept.length > 0
        ? `the server goes on with ${kept.join(', ')}, until it is cancelled there`
        : 'no replication is left on the server'
    const rest = notBegun.length > 0 ? `; not begun: ${notBegun.join(', ')}` : ''
    return new DocferryError('DOCFERRY_INTERRUPTED', `interrupted: ${what}${rest}`, { cause })
  }

  #request({ source, target }: ReplicatedCollection): ReplicationRequest {
    const { selector, ids, continuous = false, transient = false } = this.#options
    const filter = selector ? { selector } : ids ? { ids } : undefined
    return { source, target, continuous, transient, ...(filter && { filter }) }
  }
}
