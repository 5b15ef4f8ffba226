/** Follows one replication to its end, or until it has caught up, and tells what is hopeless from what passes. */
import { now } from '../clock.ts'
import { sleep } from '../engine/retry.ts'
import { DocferryError } from '../errors.ts'
import type { Replication, ReplicationRequest, Replicator } from '../contracts/replication.ts'
import type { Logger } from '../types.ts'
import { Crashes, hasCrashed } from './crashes.ts'
import type { ReplicatedCollection } from './report.ts'

export interface FollowOptions {
  readonly signal?: AbortSignal
  /** Epoch milliseconds. */
  readonly deadline: number
  readonly pollMs?: number
  /** Of a continuous one: also once it has caught up. */
  readonly isForEver?: boolean
  /** Told of each crash, and why. */
  readonly logger?: Logger
}

const defaultPollMs = 1_000
/** A server tries for ever, with longer and longer waits: so many crashes in a row take hours. */
const mostErrors = 10
/**
 * Crashes with nothing written between them, after which nobody waits for the end of a one-time replication: some 8 minutes of CouchDB's waits, and half an
 * hour where an end does not answer, which may be away for a while.
 */
const mostFruitless = 5
const mostUnreached = 7
/** How long a server may know nothing of what it has just taken. */
const unknownMs = 30_000

/**
 * @returns what a user should know of how it ended
 * @throws {DocferryError} where it fails, will never do better, or has not ended in time
 */
export async function follow(
  replicator: Replicator,
  request: ReplicationRequest,
  collection: ReplicatedCollection,
  { signal, deadline, pollMs = defaultPollMs, isForEver = false, logger }: FollowOptions
): Promise<string | undefined> {
  const id = collection.id!
  const begunAt = now()
  const crashes = new Crashes()
  let before: string | undefined
  for (let isKnown = isForEver || collection.how === 'joined'; ;) {
    const seen = await replicator.look(id, { signal })
    if (seen.state === 'gone') {
      if (isKnown || now() - begunAt > unknownMs) return await vanished(replicator, request, collection, signal)
    } else {
      isKnown = true
      take(collection, seen)
      if (seen.state === 'completed') return undefined
      const isNew = crashes.take(seen)
      const trouble = hopeless(collection, seen, request.continuous ? 0 : crashes.fruitless)
      if (trouble) throw trouble
      if (isNew) logger?.warn({ collection: collection.source, crashes: crashes.fruitless }, crashText(collection, seen))
      // A figure that still changes says enough.
      const figures = JSON.stringify([seen.counts, seen.through])
      const isQuiet = seen.state === 'running' && figures === before
      if (request.continuous && isQuiet && (await replicator.isCaughtUp(request, seen, { signal }))) {
        collection.state = 'caught up'
        if (!isForEver) return undefined
      }
      before = figures
    }
    if (now() >= deadline) throw late(collection, request.transient)
    await sleep(Math.min(pollMs, Math.max(1, deadline - now())), signal)
  }
}

/** Another docferry that follows it removes it at its end; others may remove it at any time. */
async function vanished(
  replicator: Replicator,
  request: ReplicationRequest,
  collection: ReplicatedCollection,
  signal: AbortSignal | undefined
): Promise<string> {
  const { source, id } = collection
  collection.isKept = false
  collection.state = 'gone'
  if (request.continuous) throw removed(collection)
  const ending = await replicator.ending(id!, { signal })
  if (ending?.state === 'completed') {
    collection.state = 'completed'
    if (ending.counts) collection.counts = ending.counts
    return `${source}: it was done, and another docferry has removed ${id} from the server`
  }
  const { missing } = await replicator.compareRevisions(request, { signal })
  if (missing > 0) throw removed(collection)
  collection.state = 'completed'
  return `${source}: somebody has removed ${id} from the server before its end was seen; the target lacks no revision of the source`
}

function take(collection: ReplicatedCollection, { state, counts, errors, trouble }: Replication): void {
  // What has caught up and runs on is told as caught up until its figures change.
  const isSame = JSON.stringify(counts) === JSON.stringify(collection.counts)
  if (!(collection.state === 'caught up' && state === 'running' && isSame)) collection.state = state
  if (counts) collection.counts = counts
  collection.errors = errors
  if (trouble) collection.message = trouble.message
  else delete collection.message
}

/** @param fruitless crashes since it last wrote anything, where somebody waits for its end */
function hopeless(collection: ReplicatedCollection, seen: Replication, fruitless: number): DocferryError | undefined {
  const { source, counts } = collection
  const { state, errors, trouble } = seen
  if (!trouble || !hasCrashed(seen)) return undefined
  const isConnecting = trouble.code === 'DOCFERRY_CONNECT'
  // Both ends have answered docferry a moment ago: what a server can't reach at all now it will not reach later.
  const isUnreached = isConnecting && counts.revisionsChecked === 0
  const isStuck = errors >= mostErrors || fruitless >= (isConnecting ? mostUnreached : mostFruitless)
  if (state !== 'failed' && trouble.isPassing && !isUnreached && !isStuck) return undefined
  const message = `replicating ${source} failed: ${trouble.message}${isStuck ? stuckText(collection, Math.max(errors, fruitless)) : ''}`
  return new DocferryError(trouble.code, message, { collection: source })
}

/** The server would wait longer and longer before it tries again, also once the cause is mended. */
function stuckText({ id, how }: ReplicatedCollection, crashes: number): string {
  const first = how === 'joined' ? `, cancel ${id}, which waits longer after each crash` : ''
  return `; it has crashed ${crashes} times in a row, and more waiting is of no use: mend that${first}, and the same command goes on where it was`
}

function crashText({ source }: ReplicatedCollection, { errors, trouble }: Replication): string {
  const times = errors > 1 ? `, ${errors} times in a row` : ''
  return `replicating ${source} has crashed${times}, and the server tries again by itself: ${trouble?.message ?? 'it gives no reason'}`
}

function removed({ source, id }: ReplicatedCollection): DocferryError {
  const message = `replicating ${source} did not come to its end: somebody has removed ${id} from the server; the same command goes on where it was`
  return new DocferryError('DOCFERRY_REPLICATION', message, { collection: source })
}

function late({ source, id, state, message: trouble }: ReplicatedCollection, transient: boolean): DocferryError {
  const after = transient
    ? 'it is cancelled, and the same command goes on where it was'
    : `${id} goes on on the server, and the same command follows it again`
  const message = `replicating ${source} was not done in the time given (${state}${trouble === undefined ? '' : `: ${trouble}`}); ${after}`
  return new DocferryError('DOCFERRY_REPLICATION', message, { collection: source })
}
