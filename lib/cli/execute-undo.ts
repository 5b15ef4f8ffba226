/** Run `docferry undo`. */
import { errorTable } from '../errors.ts'
import type { UndoReport } from '../undo/report.ts'
import type { undo } from '../undo/undo.ts'
import type { UndoJob } from './commands/undo.ts'
import type { Host } from './execute.ts'
import { runFramed } from './frame.ts'
import { commandFor } from './hints.ts'
import { undoHeading, undoJson, undoProgress, undoSummary } from './undo-view.ts'

/** What is loaded when it is needed; specs put their own in place. */
export interface UndoEngine {
  readonly undo: typeof undo
}

/** @returns the exit code */
export async function executeUndo(
  { options, flags }: UndoJob,
  host: Host,
  loadEngine: () => Promise<UndoEngine> = () => import('../undo/undo.ts')
): Promise<number> {
  const { run, stateDir, dryRun } = options
  const again = commandFor('undo', run, stateDir)
  const goOn = (report: Readonly<UndoReport> | undefined): string | undefined => (report && !dryRun ? again : undefined)
  return await runFramed<UndoReport>(
    {
      flags,
      async work({ environment, signal, logger, observe }) {
        const engine = await loadEngine()
        return await engine.undo({ ...options, environment, signal, logger, observe })
      },
      heading: undoHeading,
      progress: undoProgress,
      summary: (report, view) => undoSummary(report, { ...view, stateDir }),
      json: outcome => undoJson({ ...outcome, goOn: goOn(outcome.report) }),
      exitCode: ({ state }) => (state === 'partial' ? errorTable.DOCFERRY_CHANGED_SINCE.exit : 0),
      stopping: 'stopping: finishing what is in flight',
      stoppedAtOnce: () => (dryRun ? 'nothing was changed' : `to go on: ${again}`),
      inShort: (_, exitCode) => `not all that the run did could be undone (exit ${exitCode})`,
      goOn,
      erasesProgress: true
    },
    host
  )
}
