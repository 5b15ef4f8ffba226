import type { Command } from 'commander'
import { listRuns } from '../../checkpoint/run-folder.ts'
import type { RunInfo } from '../../checkpoint/run-folder.ts'
import type { PlannedOptions } from '../../plan/plan.ts'
import type { Host } from '../execute.ts'
import { formatCount, padEnd, safe } from '../text.ts'

interface RunsFlags {
  readonly json?: boolean
  readonly stateDir: string
}

/** `docferry runs` */
export function addRunsCommand(program: Command, host: Host): void {
  program
    .command('runs')
    .summary('list the runs, with what became of them')
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
  return runs.map(({ runId, state, record, end, trouble }) => {
    if (!record) return `${runId}  ${padEnd(state, 13)}  ${safe(trouble?.message ?? '')}\n`
    const { source, target } = record.asked as PlannedOptions
    const places = `${source.provider} ${safe(source.address)} -> ${target.provider} ${safe(target.address)}`
    const counts = end
      ? `  ${formatCount(end.totals.written)} written${end.totals.failed > 0 ? `, ${formatCount(end.totals.failed)} failed` : ''}`
      : ''
    return `${runId}  ${padEnd(state, 13)}  ${places}${counts}\n`
  })
}

function asJson({ runId, state, path, record, end, trouble }: RunInfo): object {
  if (!record) return { runId, state, path, trouble: trouble?.message }
  const { source, target, collections } = record.asked as PlannedOptions
  return {
    runId,
    state,
    path,
    startedAt: record.startedAt,
    source,
    target,
    collections,
    endedAt: end?.at ?? null,
    totals: end?.totals ?? null
  }
}
