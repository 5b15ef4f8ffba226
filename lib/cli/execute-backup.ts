/** Run `docferry backup`. */
import { stripVTControlCharacters } from 'node:util'
import type { backup } from '../backup/backup.ts'
import type { BackupReport } from '../backup/report.ts'
import { now } from '../clock.ts'
import { errorTable } from '../errors.ts'
import { backupHeading, backupJson, backupLines, backupProgress, backupSummary, followCommand } from './backup-view.ts'
import type { BackupJob } from './commands/backup.ts'
import { confirmed } from './confirm.ts'
import type { Host } from './execute.ts'
import { runFramed } from './frame.ts'
import { plural } from './text.ts'

/** What is loaded when it is needed; specs put their own in place. */
export interface BackupEngine {
  readonly backup: typeof backup
}

/** @returns the exit code */
export async function executeBackup(
  { action, provider, wait, dryRun, yes, flags }: BackupJob,
  host: Host,
  loadEngine: () => Promise<BackupEngine> = () => import('../backup/backup.ts')
): Promise<number> {
  let begun: Readonly<BackupReport> | undefined
  const follow = (report: Readonly<BackupReport> | undefined): string | undefined => report && followCommand(report, provider)
  const left = (report: Readonly<BackupReport> | undefined): string => {
    const command = follow(report)
    return command === undefined ? 'nothing was begun that is known of' : `the service goes on by itself; to see how far it is: ${command}`
  }
  return await runFramed<BackupReport>(
    {
      flags,
      async work({ environment, signal, logger, mask, observe }) {
        const engine = await loadEngine()
        return await engine.backup({
          provider,
          action,
          wait,
          dryRun,
          environment,
          signal,
          logger,
          observe(report) {
            begun = report
            observe(report)
          },
          ...(!yes && {
            async confirm(what) {
              const lines = backupLines(what, { nowMs: now() }).map(line => stripVTControlCharacters(mask(line)))
              const question =
                action.do === 'delete'
                  ? `Delete ${plural(what.length, 'backup')} for good?`
                  : `Switch continuous backups of ${plural(what.length, 'collection')} off? No moment before now can be restored any more.`
              return await confirmed(host, lines, question, signal)
            }
          })
        })
      },
      heading: report => backupHeading(report, action),
      progress: backupProgress,
      summary: (report, view) => backupSummary(report, { ...view, provider }),
      json: outcome => backupJson({ ...outcome, goOn: follow(outcome.report) }, action.do),
      exitCode: ({ state }) => (state === 'partial' ? errorTable.DOCFERRY_BACKUP.exit : 0),
      // What is told depends on what was begun by then.
      get stopping() {
        return `not waiting any longer: ${left(begun)}`
      },
      stoppedAtOnce: left,
      inShort: ({ timedOut }, exitCode) =>
        timedOut ? `not all is done in the time that was given (exit ${exitCode})` : `not all went well (exit ${exitCode})`,
      goOn: follow,
      erasesProgress: true
    },
    host
  )
}
