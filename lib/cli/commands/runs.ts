import type { Command } from 'commander'
import type { Holder } from '../../checkpoint/lock.ts'
import { lacksVerification, listRuns } from '../../checkpoint/run-folder.ts'
import type { RunInfo, Undone } from '../../checkpoint/run-folder.ts'
import type { PlannedOptions } from '../../plan/plan.ts'
import type { Counts } from '../../report.ts'
import { leftOf } from '../../undo/report.ts'
import type { UndoCounts } from '../../undo/report.ts'
import { isOfRepair } from '../../stages/index.ts'
import type { Host } from '../execute.ts'
import { commandFor } from '../hints.ts'
import { formatCount, padEnd, safe } from '../text.ts'
import { resumableStates } from './choose-run.ts'

interface RunsFlags {
  readonly json?: boolean
  readonly stateDir: string
}

/** `docferry runs` */
export function addRunsCommand(program: Command, host: Host): void {
  program
    .command('runs')
    .description('List the runs of the state folder, the newest first, with what became of them.')
    .option('--json', 'as one JSON object on standard output')
    .option('--state-dir <path>', 'the folder where runs keep what they leave behind', '.docferry')
    .action(async ({ json = false, stateDir }: RunsFlags) => {
      const runs = await listRuns(stateDir)
      host.stdout.write(json ? `${JSON.stringify({ runs: runs.map(asJson) })}\n` : runLines(runs, stateDir).join(''))
    })
}

export function runLines(runs: readonly RunInfo[], stateDir: string): string[] {
  if (runs.length === 0) return [`There are no runs in ${stateDir}.\n`]
  return runs.map(run => {
    const { runId, state, record, trouble } = run
    if (!record) return `${runId}  ${padEnd(state, 13)}  ${safe(trouble?.message ?? '')}\n`
    const { source, target } = record.asked as PlannedOptions
    const places = `${source.provider} ${safe(source.address)} -> ${target.provider} ${safe(target.address)}`
    return `${runId}  ${padEnd(state, 13)}  ${[places, whatBecame(run, stateDir)].filter(Boolean).join('  ')}\n`
  })
}

function whatBecame(run: RunInfo, stateDir: string): string {
  const { state, end, reached, undone, holder } = run
  if (state === 'broken off')
    return end?.refused ? 'was refused: another target is the same place' : 'went down a pipe: can not be gone on with'
  if (state === 'spoilt') return 'read what was wrong: can not be gone on with'
  const isOver = end?.state === 'done' || end?.state === 'partial'
  const { written = 0, failed = 0 } = (isOver ? end.totals : furthest(end?.totals, reached)) ?? {}
  const known = isOver || end !== undefined || reached !== undefined
  const counts = known
    ? `${isOver ? '' : 'at least '}${formatCount(written)} written${failed > 0 ? `, ${formatCount(failed)} failed` : ''}`
    : ''
  const more = undone ? undoneText(undone) : holder ? `process ${holder.pid}` : ''
  return [counts, more, lacksVerification(run) ? unverifiedText(run, stateDir) : ''].filter(Boolean).join('; ')
}

function unverifiedText({ runId, verifier }: RunInfo, stateDir: string): string {
  return verifier ? `process ${verifier.pid} verifies it` : `not verified to its end: ${commandFor('verify', runId, stateDir)}`
}

/** A process that went on and was killed has left the end of the one before it. */
function furthest(a: Counts | undefined, b: Counts | undefined): Counts | undefined {
  return a && b ? (b.written > a.written ? b : a) : (a ?? b)
}

/** What an undoing did, one before it may have done already: only what is left tells of both. */
function undoneText(undone: Undone): string {
  const left = leftOf(undoneCounts(undone))
  if (undone.state === 'undone') return 'undone since'
  return left > 0 ? `undone since, ${formatCount(left)} left` : 'undone since in part'
}

/** One of an older docferry does not count them all. */
function undoneCounts({ collections }: Undone): UndoCounts {
  const sum: UndoCounts = { removed: 0, putBack: 0, already: 0, changed: 0, gone: 0, failed: 0, unknown: 0 }
  for (const counts of collections as readonly Partial<UndoCounts>[]) {
    for (const key of Object.keys(sum) as (keyof UndoCounts)[]) sum[key] += counts[key] ?? 0
  }
  return sum
}

const resumable: ReadonlySet<RunInfo['state']> = new Set(resumableStates)

function asProcess(holder: Holder | undefined): object | null {
  return holder ? { pid: holder.pid, host: holder.host } : null
}

function asJson(run: RunInfo): object {
  const { runId, state, path, record, end, reached, undone, holder, verifier, trouble } = run
  if (!record) return { runId, state, path, trouble: trouble?.message }
  const { source, target, collections, stages } = record.asked as PlannedOptions
  return {
    runId,
    state,
    resumable: resumable.has(state) && !isOfRepair(stages),
    path,
    startedAt: record.startedAt,
    source,
    target,
    collections,
    process: asProcess(holder),
    endedAt: end?.at ?? null,
    totals: end?.totals ?? null,
    totalsAtLeast: reached ?? null,
    unverified: lacksVerification(run),
    verifying: asProcess(verifier),
    undone: undone ? { state: undone.state, at: undone.at, totals: undoneCounts(undone) } : null
  }
}
