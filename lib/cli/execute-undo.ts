/** Run `docferry undo`: environment, log, progress, signals around `undo`, and the exit code out of it. */
import { errorTable, exitCodeOf } from '../errors.ts'
import type { UndoReport } from '../undo/report.ts'
import type { undo } from '../undo/undo.ts'
import type { UndoJob } from './commands/undo.ts'
import { completeEnvironment, readEnvFile } from './environment.ts'
import { coloursOf, createCommandLogger, interruptedBy } from './execute.ts'
import type { Host } from './execute.ts'
import { errorLines } from './exit.ts'
import { commandFor } from './hints.ts'
import { Screen } from './screen.ts'
import { createMask } from './secrets.ts'
import { listenForInterruption } from './signals.ts'
import { createStyle } from './text.ts'
import { undoHeading, undoJson, undoProgress, undoSummary } from './undo-view.ts'
import type { UndoView } from './undo-view.ts'

const frameMs = 100
const lineMs = 5_000

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
  const { json = false, quiet = false } = flags
  completeEnvironment(host.env, readEnvFile({ file: flags.dotenv, cwd: host.cwd() }))
  const mask = createMask(host.argv, host.env)
  const people = json ? host.stderr : host.stdout
  const isLive = flags.progress && !quiet && host.stderr.isTTY && host.env['TERM'] !== 'dumb'
  const screen = isLive ? new Screen(host.stderr) : undefined
  const write = (text: string): unknown => (screen ?? host.stderr).write(text)
  const say = (lines: (view: UndoView) => string[]): void => {
    const style = createStyle(coloursOf(host.env) ?? Boolean(people.isTTY))
    const view = { columns: people.isTTY ? people.columns || 80 : undefined, style, nowMs: Date.now(), stateDir: options.stateDir }
    people.write(
      lines(view)
        .map(line => `${line}\n`)
        .join('')
    )
  }
  const interruption = listenForInterruption({
    process: host,
    now: Date.now,
    onFirst: () => write('docferry: stopping: finishing what is in flight; Ctrl-C again to stop at once\n'),
    onSecond: code => {
      screen?.stop(true)
      const next = options.dryRun ? 'nothing was changed' : `to go on: ${commandFor('undo', options.run, options.stateDir)}`
      write(`docferry: stopped at once; ${next} (exit ${code})\n`)
      host.exit(code)
    }
  })
  let report: Readonly<UndoReport> | undefined
  let timer: NodeJS.Timeout | undefined
  let error: unknown
  const observe = (seen: Readonly<UndoReport>): void => {
    report = seen
    if (!quiet) say(view => undoHeading(seen, view))
    if (!flags.progress || quiet) return
    const tick = (): unknown => {
      const line = undoProgress(seen, Date.now())
      return screen ? screen.draw([line]) : host.stderr.write(`${line}\n`)
    }
    timer = setInterval(tick, screen ? frameMs : lineMs).unref()
  }
  try {
    const logger = await createCommandLogger({ write }, host, { level: flags.logLevel, mask })
    const engine = await loadEngine()
    report = await engine.undo({ ...options, environment: host.env, signal: interruption.signal, logger, observe })
  } catch (thrown) {
    error = interruption.signal.aborted ? interruptedBy(thrown) : thrown
  } finally {
    clearInterval(timer)
    interruption.dispose()
    screen?.stop()
  }
  const exitCode = exitCodeFor(error, report)
  const seen = report
  if (seen && !json && !quiet) say(view => undoSummary(seen, view))
  const goOn = seen && !options.dryRun ? commandFor('undo', options.run, options.stateDir) : undefined
  const isSaid = !json && !quiet
  const errorView = { debug: flags.logLevel === 'debug', mask, goOn: isSaid ? undefined : goOn }
  if (error !== undefined) write(`${errorLines(error, errorView).join('\n')}\n`)
  else if (quiet && exitCode !== 0) write(`docferry: not all that the run did could be undone (exit ${exitCode})\n`)
  if (json) host.stdout.write(`${JSON.stringify(undoJson({ exitCode, report, error, goOn, mask, nowMs: Date.now() }))}\n`)
  return exitCode
}

function exitCodeFor(error: unknown, report: Readonly<UndoReport> | undefined): number {
  if (error !== undefined) return exitCodeOf(error)
  return report?.state === 'partial' ? errorTable.DOCFERRY_CHANGED_SINCE.exit : 0
}
