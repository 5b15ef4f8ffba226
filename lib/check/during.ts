/** While a run is under way: whether it goes on, how fast, and what goes wrong. Looks at its folder only, and asks the source for its counts. */
import { open, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { lastState } from '../checkpoint/how-far.ts'
import { runCommand, stateDirOf } from '../checkpoint/run-command.ts'
import { logName, whyNotGoneOnWith } from '../checkpoint/run-folder.ts'
import type { RunInfo } from '../checkpoint/run-folder.ts'
import { now } from '../clock.ts'
import { pathOfIdentity } from '../engine/real-path.ts'
import { sleep } from '../engine/retry.ts'
import { DocferryError } from '../errors.ts'
import { openSource } from '../open.ts'
import type { PlannedOptions } from '../plan/plan.ts'
import { totalCounts } from '../report.ts'
import type { Counts } from '../report.ts'
import { endOfRun } from '../stages-of-run.ts'
import type { Checklist, Found } from './checklist.ts'
import { freeAt, megabytes } from './machine.ts'
import type { CheckOptions } from './options.ts'
import { formatCount } from '../values/format-count.ts'

const defaultWatchMs = 5_000
const pollMs = 200

/** A run keeps its progress every second, less often while it waits for a slow service. */
const quietMs = 60_000
/** Longer than any request may take. */
const stalledMs = 5 * 60_000

const scarceBytes = 1e9
const noBytes = 1e8

/** Of the run's log, the end tells enough. */
const logBytes = 256 * 1024

interface Reached {
  readonly counts: Counts
  readonly retries: number
  readonly bySource: ReadonlyMap<string, number>
}

export async function checkDuring(run: RunInfo, options: CheckOptions, list: Checklist): Promise<void> {
  const { runId, path, record, holder } = run
  const asked = record!.asked as PlannedOptions
  list.report.source = asked.source
  list.report.target = asked.target
  list.add('run.process', 'a process is at work on the run', {
    detail: holder ? `process ${holder.pid} on ${holder.host}` : 'it has just ended'
  })
  const expected = await expectedOf(run, options, list)
  const first = await reachedBy(path, runId)
  const began = now()
  const last = await watch(path, runId, first, options)
  const seconds = (now() - began) / 1000
  list.report.collections = asked.collections.map(([source, target]) => ({
    source,
    target,
    ...(expected?.has(source) && { sourceDocuments: expected.get(source)! }),
    ...(last?.bySource.has(source) && { targetDocuments: last.bySource.get(source)! })
  }))
  list.add('run.progress', 'it goes on', await progressFound({ run, first, last, seconds, expected }))
  const failed = last?.counts.failed ?? 0
  list.add(
    'run.failures',
    'no document has failed so far',
    failed === 0
      ? {}
      : {
          result: 'warning',
          detail: `${formatCount(failed)} dead letters`,
          advice: `${join(path, 'dead-letters.ndjson')} has them with their causes; ${runCommand('retry', runId, stateDirOf(path))} tries them again once the run is over`
        }
  )
  const retries = last?.retries ?? 0
  list.add('run.retries', 'what had to be tried again', { detail: `${formatCount(retries)} calls or documents` })
  await list.check('run.log', 'its log tells of no trouble', async () => await logFound(path))
  await list.check('run.room', 'there is room on disk', async () => await roomFound(path, asked))
  list.person('people.source', 'nobody writes to the source, or what is written is brought over afterwards (docferry repair)')
}

async function reachedBy(path: string, runId: string): Promise<Reached | undefined> {
  try {
    const state = await lastState(path, runId)
    if (!state) return undefined
    const bySource = new Map(state.collections.map(({ source, written, skipped }) => [source, written + skipped]))
    return { counts: totalCounts(state.collections), retries: state.retries, bySource }
  } catch (error) {
    // A checkpoint may be written at this very moment.
    if (error instanceof DocferryError) return undefined
    throw error
  }
}

/** Until it has moved on and the time is over, or it has ended. */
async function watch(
  path: string,
  runId: string,
  first: Reached | undefined,
  { watchMs = defaultWatchMs, signal }: CheckOptions
): Promise<Reached | undefined> {
  const until = now() + watchMs
  let last = first
  while (now() < until) {
    await sleep(Math.min(pollMs, until - now()), signal)
    last = (await reachedBy(path, runId)) ?? last
    if (await stat(join(path, 'end.json')).catch(() => undefined)) break
  }
  return last
}

interface Watched {
  readonly run: RunInfo
  readonly first: Reached | undefined
  readonly last: Reached | undefined
  readonly seconds: number
  readonly expected: ReadonlyMap<string, number> | undefined
}

async function progressFound({ run, first, last, seconds, expected }: Watched): Promise<Found> {
  const { runId, path, record } = run
  const done = last?.counts.read ?? 0
  const moved = done - (first?.counts.read ?? 0)
  const total = expected && [...expected.values()].reduce((sum, count) => sum + count, 0)
  const ageMs = Date.now() - (await lastSign(path))
  const sofar = spent((Date.now() - Date.parse(record!.startedAt)) / 1000)
  const share = total ? ` of about ${formatCount(total)} (${Math.min(100, Math.floor((100 * done) / total))} %)` : ''
  const rate = moved > 0 && seconds > 0 ? moved / seconds : 0
  const left = rate > 0 && total !== undefined && total > done ? `, about ${spent((total - done) / rate)} left` : ''
  const speed = rate > 0 ? `, ${formatCount(Math.round(rate))} a second now${left}` : ''
  const detail = `${formatCount(done)} documents read${share} in ${sofar}${speed}`
  if (moved > 0 || ageMs < quietMs) return { detail }
  const still = `${detail}; nothing was acknowledged for ${Math.round(ageMs / 1000)} s`
  if (ageMs < stalledMs) return { result: 'warning', detail: still, advice: `${join(path, logName)} says what it waits for` }
  const why = whyNotGoneOnWith(run)
  const stopping =
    why === undefined
      ? `it may be stopped (Ctrl-C) and gone on with: ${runCommand('resume', runId, stateDirOf(path))}`
      : `stopped (Ctrl-C) it can't be gone on with: ${why}`
  return {
    result: 'failed',
    code: 'DOCFERRY_CHECK',
    detail: still,
    advice: `${join(path, logName)} says what it waits for; ${stopping}`
  }
}

/** `45 s`, `12 minutes`, `5 hours` */
function spent(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`
  return seconds < 90 * 60 ? `${Math.round(seconds / 60)} minutes` : `${formatCount(Math.round(seconds / 3600))} hours`
}

/** When anything of the run's progress was written last, in epoch milliseconds. */
async function lastSign(path: string): Promise<number> {
  const names = (await readdir(path)).filter(name => /^(?:run\.json|checkpoint\.json|progress-\d+\.ndjson|end\.json)$/.test(name))
  const times = await Promise.all(
    names.map(name =>
      stat(join(path, name)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0
      )
    )
  )
  return Math.max(0, ...times)
}

/** As the source counts them now; undefined where it can't be asked. */
async function expectedOf({ record }: RunInfo, options: CheckOptions, list: Checklist): Promise<Map<string, number> | undefined> {
  const { environment, signal, logger } = options
  const { collections } = record!.asked as PlannedOptions
  const wanted = new Set(collections.map(([name]) => name))
  return await list.look('source.answers', 'the source answers', async () => {
    const endpoint = await endOfRun(record!, 'source', { given: options.source, environment })
    const source = await openSource(endpoint, { environment, signal, logger })
    try {
      const held = (await source.collections({ signal })) ?? []
      const known = held.flatMap(({ name, documents }) => (wanted.has(name) && documents !== undefined ? [[name, documents] as const] : []))
      return [{}, new Map(known)]
    } finally {
      await source.close()
    }
  })
}

async function logFound(path: string): Promise<Found> {
  const lines = (await endOfLog(join(path, logName))).split('\n').flatMap(line => {
    try {
      return [JSON.parse(line) as { readonly level?: string; readonly msg?: string }]
    } catch {
      // Cut in the middle, or being written.
      return []
    }
  })
  const troubles = lines.filter(({ level }) => level === 'warn' || level === 'error')
  if (troubles.length === 0) return {}
  const last = troubles.at(-1)?.msg ?? ''
  return {
    result: 'warning',
    detail: `${formatCount(troubles.length)} warnings or errors, the last: ${last}`,
    advice: `${join(path, logName)} has them all`
  }
}

async function endOfLog(path: string): Promise<string> {
  const file = await open(path, 'r').catch(() => undefined)
  if (!file) return ''
  try {
    const { size } = await file.stat()
    const length = Math.min(size, logBytes)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.subarray(0, bytesRead).toString()
  } finally {
    await file.close()
  }
}

async function roomFound(path: string, { target }: PlannedOptions): Promise<Found> {
  const written = pathOfIdentity(target.identity)
  const output = written === undefined ? undefined : dirname(written)
  const rooms = await Promise.all(
    [path, ...(output === undefined ? [] : [output])].map(async place => ({ place, free: await freeAt(place) }))
  )
  const known = rooms.flatMap(({ place, free }) => (typeof free === 'number' ? [{ place, free }] : []))
  const least = known.sort((a, b) => a.free - b.free)[0]
  if (!least) return { result: 'skipped', detail: rooms.map(({ free }) => String(free)).join('; ') }
  const detail = `${megabytes(least.free)} free at ${least.place}`
  const advice = 'free some: a run whose disk is full stops, and can be gone on with'
  if (least.free < noBytes) return { result: 'failed', code: 'DOCFERRY_CHECK', detail, advice }
  return least.free < scarceBytes ? { result: 'warning', detail, advice } : { detail }
}
