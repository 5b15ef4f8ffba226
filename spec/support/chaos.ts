/** Kills migrations at random moments, goes on with them until they are done, and compares what came of it with the source. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listRuns } from '../../lib/checkpoint/run-folder.ts'
import { Progress } from '../../lib/checkpoint/checkpoint.ts'
import type { Checkpoint } from '../../lib/checkpoint/checkpoint.ts'
import { readProgress } from '../../lib/checkpoint/progress-log.ts'
import { readState } from '../../lib/checkpoint/state-file.ts'
import { totalCounts } from '../../lib/report.ts'
import type { ChildTask } from './chaos-child.ts'
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
  /** These after each kill that was gone on from. */
  readonly again: number[]
  /** Whatever else is not as it should be. */
  readonly problems: string[]
}

const mostKillsInARun = 4
/** Short, and the target slow, so that there are many checkpoints in little time; or none but the first, so that all hangs on what is kept between them. */
const checkpointMs = 20
const hardlyEverMs = 60_000
const delayMs = 15
const batchCount = 25

/**
 * The most documents of a database that one kill may leave to be sent again: the batches in flight, and of each of the four partitions that are under
 * way the documents that lie between its last mark and the end of a batch that is acknowledged. Where the next process is killed before it has come as
 * far, both add up.
 */
const mostAgain = (4 + 4) * batchCount

export async function killAndResume(pair: Pair, options: ChaosOptions): Promise<ChaosResult> {
  const result: ChaosResult = {
    runs: 0,
    kills: 0,
    documents: 0,
    lost: 0,
    doubled: 0,
    changed: 0,
    doneTwice: 0,
    again: [],
    problems: []
  }
  const dice = random(options.seed, `${pair.source} ${pair.target}`)
  const folder = await mkdtemp(join(tmpdir(), 'docferry-chaos-'))
  const collections = makeCollections(pair, options)
  const source = await makePlace(pair.source, folder)
  const reach = { times: Math.max(3, Math.ceil(options.documents / 1000)) }
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
  /** Sent by the processes so far. */
  readonly #sent = new Set<string>()
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
      const sentPath = join(folder, `sent-${attempt}`)
      const covered = await this.#covered(resume)
      const ends = { source: source.end, target: target.end }
      const paths = { stateDir: this.#stateDir, sentPath, reportPath: this.#reportPath }
      const moment = attempt < Math.min(mostKills, mostKillsInARun) ? pickMoment(dice, reach.times) : undefined
      // A file is cut back to its checkpoint.
      const everyMs = isFile(pair) || dice.below(2) === 0 ? checkpointMs : hardlyEverMs
      const { code, killed, said } = await runUntil(
        { ...ends, ...paths, rename, resume, checkpointMs: everyMs, delayMs, batchCount },
        moment
      )
      this.#countAgain(sentPath, covered, attempt)
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
    const checkpoint = (await readState(join(folder, 'checkpoint.json'), 'checkpoint')) as Checkpoint | undefined
    const first = checkpoint ? checkpoint.log : 1
    const { steps } = first === undefined ? { steps: [] } : await readProgress(folder, { runId, first })
    return totalCounts([...new Progress(checkpoint, steps).collections.values()]).written
  }

  #countAgain(sentPath: string, covered: number, kills: number): void {
    const { result, pair } = this.#options
    const lines = existsSync(sentPath) ? readFileSync(sentPath, 'utf8').trim().split('\n') : []
    const ids = new Set(lines.flatMap(line => (line === '' ? [] : (JSON.parse(line) as string[]))))
    const again = [...ids].filter(id => this.#sent.has(id)).length
    const open = this.#sent.size - covered
    if (again > open) this.#complain(`${again} documents were sent again, and only ${open} were not behind the last mark`)
    if (!isFile(pair) && again > mostAgain * kills)
      this.#complain(`${again} documents were sent again, and at most ${mostAgain * kills} can have been in flight`)
    if (this.#sent.size > 0) result.again.push(again)
    for (const id of ids) this.#sent.add(id)
    result.doneTwice += again
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

  #complain(text: string): undefined {
    this.#options.result.problems.push(`run ${this.#options.result.runs}: ${text}`)
    return undefined
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
