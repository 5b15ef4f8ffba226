/** Kills migrations at random moments, goes on with them until they are done, and compares what came of it with the source. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listRuns } from '../../lib/checkpoint/run-folder.ts'
import { Progress } from '../../lib/checkpoint/checkpoint.ts'
import { readCheckpoint } from '../../lib/checkpoint/how-far.ts'
import { readProgress } from '../../lib/checkpoint/progress-log.ts'
import { totalCounts } from '../../lib/report.ts'
import type { ChildEvent, ChildTask } from './chaos-child.ts'
import { compare, fill, makeCollections, makePlace } from './chaos-ends.ts'
import type { Collections, Pair, Place } from './chaos-ends.ts'
import { random } from './random.ts'
import type { Random } from './random.ts'
import { uniqueName } from './servers.ts'
import { differencesFrom } from './target-sums.ts'

export interface ChaosOptions {
  readonly kills: number
  /** In the larger of the two collections. */
  readonly documents: number
  readonly seed: number
}

export interface ChaosResult {
  runs: number
  kills: number
  /** To be moved, over all runs. */
  documents: number
  lost: number
  /** Documents that stand in the target more than once, or that the source does not hold. */
  doubled: number
  changed: number
  /** Documents that were sent to the target although a process before had sent them. */
  doneTwice: number
  /** These, by the kill that left them and the partition that they are of; of databases, with the most that there may be. */
  readonly left: { readonly documents: number; readonly most: number | undefined }[]
  /** Whatever else is not as it should be. */
  readonly problems: string[]
}

const mostKillsInARun = 4
/** Short, and the target slow, so that there are many checkpoints in little time; or none but the first, so that all hangs on what is kept between them. */
const checkpointMs = 20
const hardlyEverMs = 60_000
const delayMs = 15
const batchCount = 25

export async function killAndResume(pair: Pair, options: ChaosOptions): Promise<ChaosResult> {
  const result: ChaosResult = {
    runs: 0,
    kills: 0,
    documents: 0,
    lost: 0,
    doubled: 0,
    changed: 0,
    doneTwice: 0,
    left: [],
    problems: []
  }
  const dice = random(options.seed, `${pair.source} ${pair.target}`)
  const folder = await mkdtemp(join(tmpdir(), 'docferry-chaos-'))
  const collections = makeCollections(pair, options)
  const source = await makePlace(pair.source, folder)
  // As many batches as half of the documents are: what is killed earlier has little to do twice.
  const reach = { times: Math.ceil(Object.values(collections).flat().length / batchCount / 2) }
  try {
    await fill(source, collections, folder)
    // A run may be done before it is killed.
    while (result.kills < options.kills && result.runs < 10 * options.kills) {
      const part = join(folder, String(result.runs++))
      mkdirSync(part)
      await new ChaosRun({
        pair,
        source,
        collections,
        dice,
        folder: part,
        result,
        reach,
        mostKills: options.kills - result.kills
      }).execute()
    }
    return result
  } finally {
    await source.remove(Object.keys(collections))
    rmSync(folder, { recursive: true, force: true })
  }
}

interface ChaosRunOptions {
  readonly pair: Pair
  readonly source: Place
  readonly collections: Collections
  readonly dice: Random
  readonly folder: string
  readonly result: ChaosResult
  readonly mostKills: number
  /** The most events that a process is waited for: fewer where processes were done before they could be killed. */
  readonly reach: { times: number }
}

class ChaosRun {
  readonly #options: ChaosRunOptions
  readonly #stateDir: string
  readonly #reportPath: string
  /** The documents that were sent so far, with the number of the last process that did. */
  readonly #lastSentBy = new Map<string, number>()
  /** Of an output in one piece: documents that a checkpoint holds for certain. */
  readonly #kept = new Set<string>()
  readonly #twice = new DoneTwice()
  readonly #rename: Readonly<Record<string, string>>

  constructor(options: ChaosRunOptions) {
    this.#options = options
    this.#stateDir = join(options.folder, 'state')
    this.#reportPath = join(options.folder, 'report.json')
    this.#rename = Object.fromEntries(Object.keys(options.collections).map(name => [name, uniqueName(name)]))
  }

  async execute(): Promise<void> {
    const { pair, folder } = this.#options
    const target = await makePlace(pair.target, folder)
    try {
      const last = await this.#untilDone(target)
      this.#checkTwice()
      if (last) await this.#check(target, last)
    } finally {
      await target.remove(Object.values(this.#rename))
    }
  }

  /** @returns how the last process ended; undefined where the run did not come to its end */
  async #untilDone(target: Place): Promise<'done' | 'killed' | undefined> {
    const { pair, source, dice, result, mostKills, folder, reach } = this.#options
    const rename = this.#rename
    let resume: string | undefined
    for (let attempt = 0; ; attempt++) {
      const eventsPath = join(folder, `events-${attempt}`)
      const covered = await this.#covered(resume)
      const ends = { source: source.end, target: target.end }
      const paths = { stateDir: this.#stateDir, eventsPath, reportPath: this.#reportPath }
      const moment = attempt < Math.min(mostKills, mostKillsInARun) ? pickMoment(dice, reach.times) : undefined
      // A file is cut back to its checkpoint.
      const everyMs = isFile(pair) || dice.below(2) === 0 ? checkpointMs : hardlyEverMs
      const { code, killed, said } = await runUntil(
        { ...ends, ...paths, rename, resume, checkpointMs: everyMs, delayMs, batchCount },
        moment
      )
      this.#countAgain(readEvents(eventsPath), covered, attempt)
      if (code === 0) {
        if (moment) reach.times = Math.ceil(reach.times / 2)
        return 'done'
      }
      if (!killed) return this.#complain(`process ${attempt} failed by itself: ${said}`)
      result.kills++
      const [run] = await listRuns(this.#stateDir)
      if (run?.state === 'done' || run?.state === 'partial') return 'killed'
      if (run && run.state !== 'killed') return this.#complain(`a run that was killed is ${run.state}`)
      resume = run?.runId
    }
  }

  /** Documents that the run knows to be in the target. */
  async #covered(runId: string | undefined): Promise<number> {
    if (runId === undefined) return 0
    const folder = join(this.#stateDir, 'runs', runId)
    const checkpoint = await readCheckpoint(folder, runId)
    const first = checkpoint ? checkpoint.log : 1
    const { steps } = first === undefined ? { steps: [] } : await readProgress(folder, { runId, first })
    return totalCounts([...new Progress(checkpoint, steps).collections.values()]).written
  }

  /** @param covered documents that the run knew to be in the target when the process began */
  #countAgain(events: readonly ChildEvent[], covered: number, attempt: number): void {
    const { result } = this.#options
    const sent = new Set(events.flatMap(event => (event.type === 'sent' ? event.ids : [])))
    const open = this.#lastSentBy.size - covered
    const again = [...sent].filter(id => this.#lastSentBy.has(id))
    if (again.length > open) this.#complain(`${again.length} documents were sent again, and only ${open} were not behind the last mark`)
    const kept = again.filter(id => this.#kept.has(id))
    if (kept.length > 0) this.#complain(`${kept.length} documents were sent again that an earlier checkpoint held`)
    for (const id of again) this.#twice.leave(this.#lastSentBy.get(id) as number, id)
    this.#twice.learn(events)
    for (const id of sent) this.#lastSentBy.set(id, attempt)
    for (const id of idsOnDisk(events)) this.#kept.add(id)
    result.doneTwice += again.length
  }

  async #check(target: Place, last: 'done' | 'killed'): Promise<void> {
    const { collections, result, folder, pair } = this.#options
    const { lost, doubled, changed } = await compare(target, collections, this.#rename, pair)
    result.lost += lost
    result.doubled += doubled
    result.changed += changed
    const documents = Object.values(collections).flat().length
    result.documents += documents
    const [run] = await listRuns(this.#stateDir)
    const refused = pair.refusedId ? Object.values(collections).flatMap(all => all.filter(({ refused }) => refused === true)) : []
    const expected = { read: documents, added: 0, written: documents - refused.length, skipped: 0, filtered: 0, failed: refused.length }
    const counts = JSON.stringify(run?.end?.totals)
    if (counts !== JSON.stringify(expected)) this.#complain(`counts are ${counts}`)
    for (const difference of await differencesFrom(join(run?.path ?? '', 'receipt.json'), target.end))
      this.#complain(`receipt: ${difference}`)
    const letters = join(run?.path ?? '', 'dead-letters.ndjson')
    const buried = existsSync(letters)
      ? readFileSync(letters, 'utf8')
          .trim()
          .split('\n')
          .map(line => (JSON.parse(line) as { id: string }).id)
      : []
    const wanted = refused.map(({ _id }) => _id)
    if (JSON.stringify(buried.sort()) !== JSON.stringify(wanted.sort()))
      this.#complain(`${buried.length} dead letters of ${wanted.length} documents`)
    const beside = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(file => /partial|replaced/.test(file))
    // What a process leaves that dies in its last moments, nobody comes to clear away.
    const within = last === 'done' ? readdirSync(run?.path ?? '').filter(file => /^\.|^lock|^progress/.test(file)) : []
    const left = [...beside, ...within]
    if (left.length > 0) this.#complain(`left behind: ${left.join(', ')}`)
  }

  #checkTwice(): void {
    const { result, pair } = this.#options
    for (const { kill, partition, documents, most } of this.#twice.all()) {
      // A file is cut back to its checkpoint, however much was sent since.
      result.left.push({ documents, most: isFile(pair) ? undefined : most })
      if (!isFile(pair) && documents > most)
        this.#complain(
          `${documents} documents of ${partition} were sent again after kill ${kill + 1}, and at most ${most} can have been under way`
        )
    }
  }

  #complain(text: string): undefined {
    this.#options.result.problems.push(`run ${this.#options.result.runs}: ${text}`)
    return undefined
  }
}

/** A process that is killed may leave a line half written. */
function readEvents(path: string): ChildEvent[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return lines.map(line => JSON.parse(line) as ChildEvent)
}

/** What was sent before the last checkpoint but one began: the next one begins when it is on disk. */
function idsOnDisk(events: readonly ChildEvent[]): string[] {
  const [lastButOne = 0] = events.flatMap(({ type }, index) => (type === 'suspended' ? [index] : [])).slice(-2, -1)
  return events.slice(0, lastButOne).flatMap(event => (event.type === 'sent' ? event.ids : []))
}

/** Counts what is done twice, by the kill that left it and by partition, beside what a kill may leave. */
class DoneTwice {
  readonly #partitionOf = new Map<string, string>()
  /** Documents of the largest page of each partition: so far are its marks apart. */
  readonly #largestPage = new Map<string, number>()
  /** By kill and partition. */
  readonly #left = new Map<number, Map<string, number>>()
  #limits = { batchCount: 0, inFlight: 0 }

  learn(events: readonly ChildEvent[]): void {
    for (const event of events) {
      if (event.type === 'limits') this.#limits = event
      if (event.type !== 'page') continue
      const { partition, ids } = event
      this.#largestPage.set(partition, Math.max(ids.length, this.#largestPage.get(partition) ?? 0))
      for (const id of ids) this.#partitionOf.set(id, partition)
    }
  }

  /** A document is sent again that a process which was killed was the last to send. */
  leave(kill: number, id: string): void {
    const partition = this.#partitionOf.get(id) ?? 'no page'
    const left = this.#left.get(kill) ?? new Map<string, number>()
    this.#left.set(kill, left.set(partition, (left.get(partition) ?? 0) + 1))
  }

  /**
   * Batches in flight, and one that may be acknowledged behind the oldest of them; before these, what was acknowledged since the last mark,
   * which is less than a page.
   */
  #mostLeft(partition: string): number {
    const { batchCount, inFlight } = this.#limits
    return (inFlight + 1) * batchCount + Math.max(0, (this.#largestPage.get(partition) ?? 0) - 1)
  }

  *all(): Generator<{ readonly kill: number; readonly partition: string; readonly documents: number; readonly most: number }> {
    for (const [kill, left] of this.#left)
      for (const [partition, documents] of left) yield { kill, partition, documents, most: this.#mostLeft(partition) }
  }
}

const isFile = ({ target }: Pair): boolean => target.startsWith('file:')

/** So long after the process has told of an event for the n-th time; without an event, after its start. */
interface Moment {
  readonly event?: 'a' | 's' | 'c' | 'C'
  readonly times: number
  readonly afterMs: number
}

function pickMoment(dice: Random, reach: number): Moment {
  const afterMs = dice.below(2 * checkpointMs)
  const kind = dice.below(20)
  if (kind === 0) return { times: 0, afterMs: dice.between(200, 900) }
  if (kind <= 2) return { event: dice.pick(['c', 'C']), times: 1, afterMs: dice.below(8) }
  return { event: dice.pick(['a', 's']), times: dice.between(1, reach), afterMs }
}

const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const child = fileURLToPath(new URL(`chaos-child.${ending}`, import.meta.url))
const loader = ending === 'ts' ? ['--import', import.meta.resolve('tsx')] : []

/** @returns how the process ended; without a moment it is left to its end */
function runUntil(task: ChildTask, moment: Moment | undefined): Promise<{ code: number | null; killed: boolean; said: string }> {
  return new Promise((resolve, reject) => {
    const process_ = spawn(process.execPath, [...loader, child, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'pipe'] })
    let timer: NodeJS.Timeout | undefined
    let said = ''
    let count = 0
    const kill = (): void => void (timer ??= setTimeout(() => process_.kill('SIGKILL'), moment?.afterMs))
    process_.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    process_.stdout.setEncoding('utf8').on('data', (events: string) => {
      for (const event of events) if (event === moment?.event && ++count >= moment.times) kill()
    })
    if (moment && moment.event === undefined) kill()
    process_.once('error', reject)
    process_.once('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code, killed: signal === 'SIGKILL', said })
    })
  })
}
