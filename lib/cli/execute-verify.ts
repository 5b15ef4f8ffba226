/** Run `docferry verify`. */
import { errorTable } from '../errors.ts'
import type { VerifyReport } from '../verify/report.ts'
import type { verify } from '../verify/verify.ts'
import type { VerifyJob } from './commands/verify.ts'
import { loadStages } from './execute.ts'
import type { Host } from './execute.ts'
import { runFramed } from './frame.ts'
import { verifyHeading, verifyJson, verifyProgress, verifySummary } from './verify-view.ts'

/** What is loaded when it is needed; specs put their own in place. */
export interface VerifyEngine {
  readonly verify: typeof verify
}

/** @returns the exit code */
export async function executeVerify(
  { options, stages = [], notes = [], flags }: VerifyJob,
  host: Host,
  loadEngine: () => Promise<VerifyEngine> = () => import('../verify/verify.ts')
): Promise<number> {
  return await runFramed<VerifyReport>(
    {
      flags,
      async work({ environment, signal, logger, observe }) {
        const engine = await loadEngine()
        const own = stages.length > 0 ? { stages: await loadStages(stages, environment) } : {}
        const report = await engine.verify({ ...options, ...own, environment, signal, logger, observe })
        return { ...report, notes: [...report.notes, ...notes] }
      },
      heading: verifyHeading,
      progress: verifyProgress,
      summary: verifySummary,
      json: verifyJson,
      exitCode: ({ state }) => (state === 'equal' ? 0 : errorTable.DOCFERRY_VERIFY.exit),
      stopping: 'stopping',
      stoppedAtOnce: () => 'nothing was changed',
      inShort: ({ differences }, exitCode) => notEqual(exitCode, differences)
    },
    host
  )
}

/** @param differences path of the list of them */
export function notEqual(exitCode: number, differences: string | undefined): string {
  return `the target is not as it should be (exit ${exitCode})${differences === undefined ? '' : `; all differences: ${differences}`}`
}
