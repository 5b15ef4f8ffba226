/** Run `docferry repair`. */
import { errorTable } from '../errors.ts'
import type { repair } from '../repair/repair.ts'
import type { RepairReport } from '../repair/report.ts'
import type { RepairJob } from './commands/repair.ts'
import { loadStages } from './execute.ts'
import type { Host } from './execute.ts'
import { notEqual } from './execute-verify.ts'
import { runFramed } from './frame.ts'
import { runIdFile } from './run-id-file.ts'
import { repairHeading, repairJson, repairPlan, repairProgress, repairSummary } from './repair-view.ts'

/** What is loaded when it is needed; specs put their own in place. */
export interface RepairEngine {
  readonly repair: typeof repair
}

/** @returns the exit code */
export async function executeRepair(
  { options, stages = [], flags }: RepairJob,
  host: Host,
  loadEngine: () => Promise<RepairEngine> = () => import('../repair/repair.ts')
): Promise<number> {
  return await runFramed<RepairReport>(
    {
      flags,
      async work({ say, ...around }) {
        const begun = flags.runIdFile === undefined ? {} : { onBegun: runIdFile(flags.runIdFile, options) }
        const engine = await loadEngine()
        const own = stages.length > 0 ? { stages: await loadStages(stages, around.environment) } : {}
        const onPlan = (seen: Readonly<RepairReport>): void => {
          if (seen.before.state !== 'equal') say(view => repairPlan(seen, view))
        }
        return await engine.repair({ ...options, ...own, ...around, ...begun, onPlan })
      },
      heading: repairHeading,
      progress: repairProgress,
      summary: repairSummary,
      json: repairJson,
      exitCode({ state }) {
        if (state === 'equal') return 0
        return errorTable[state === 'partial' ? 'DOCFERRY_DEAD_LETTERS' : 'DOCFERRY_VERIFY'].exit
      },
      stopping: 'stopping: finishing what is in flight',
      stoppedAtOnce: report => (report?.run?.folder === undefined ? 'nothing was changed' : 'the same command goes on with the rest'),
      inShort: ({ before, after = before }, exitCode) => notEqual(exitCode, after.differences)
    },
    host
  )
}
