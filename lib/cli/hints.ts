/** The commands that a user may give next for a run, as they have to be typed. */
import { runCommand, stateDirOf } from '../checkpoint/run-command.ts'
import { errorTable } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { isSavedAtEnd, totalCounts } from '../report.ts'
import type { RunReport } from '../report.ts'
import { safe } from './text.ts'

/** As `runCommand`, safe to be shown. */
export function commandFor(...command: Parameters<typeof runCommand>): string {
  return safe(runCommand(...command))
}

/** What the source is read as can't be mended beneath a run: of a file that was changed nothing tells what was read already. */
export function needsAnotherInput({ source, stoppedBy }: Readonly<RunReport>): boolean {
  return source.provider === 'file' && isOfDocument(stoppedBy)
}

/** Of a run that ends at the first document which the target can't hold. */
export function isOfDocument(code: ErrorCode | undefined): boolean {
  return code !== undefined && code !== 'DOCFERRY_MAX_FAILURES' && errorTable[code].exit === errorTable.DOCFERRY_DEAD_LETTERS.exit
}

/**
 * What goes on with a run that has stopped.
 *
 * @param command which one has stopped
 * @returns undefined where it can't be gone on with: a dry run, one that went down a pipe or came by one or has read what was wrong or whose output is lost, one that had not begun, one that is done
 */
export function goOnCommand(report: Readonly<RunReport>, command = ''): string | undefined {
  const { runId, dryRun, folder, piped, readsOnce, spoilt, ended, state } = report
  if (dryRun || folder === undefined || state === 'done') return undefined
  if (command === 'retry') return commandFor('retry', runId, stateDirOf(folder))
  return piped || readsOnce || ended || spoilt !== undefined || state === 'partial' || needsAnotherInput(report)
    ? undefined
    : commandFor('resume', runId, stateDirOf(folder))
}

/** Whether anything was read, or made in the target. */
function hasBegun({ collections, target }: Pick<RunReport, 'collections' | 'target'>): boolean {
  const { read, written } = totalCounts(collections)
  return read + written > 0 || (!isSavedAtEnd(target) && collections.some(({ created }) => created))
}

/** What undoes a run; undefined where there is nothing to undo, or nothing was kept to do it by. */
export function undoCommand({ runId, folder, undo = 'none', state, collections, target }: Readonly<RunReport>): string | undefined {
  if (folder === undefined || undo === 'none') return undefined
  if (!hasBegun({ collections, target })) return undefined
  // Of what was in flight when a run stopped, something may have been written.
  if ((state === 'done' || state === 'partial') && totalCounts(collections).written === 0) return undefined
  return commandFor('undo', runId, stateDirOf(folder))
}

/** What a person is told who has stopped a command at once, with the second Ctrl-C. */
export function stoppedAtOnce(report: Readonly<RunReport> | undefined, command: string): string {
  const goOn = report && goOnCommand(report, command)
  if (goOn !== undefined) return `stopped at once; to go on: ${goOn}`
  if (report?.dryRun) return 'stopped at once; it was a dry run, and nothing was written'
  if (report?.folder === undefined) return 'stopped at once, before anything was written'
  if (report.spoilt !== undefined) return `stopped at once; it has read what was wrong: begin a new run`
  return report.piped || report.readsOnce
    ? 'stopped at once; what went down a pipe can not be gone on with: begin again'
    : 'stopped at once; it can not be gone on with: begin again'
}
