/** Run `docferry repair`: environment, log, progress, signals around `repair`, and the exit code out of it. */
import { errorTable, exitCodeOf } from '../errors.ts'
import type { repair } from '../repair/repair.ts'
import type { RepairReport } from '../repair/report.ts'
import type { RepairJob } from './commands/repair.ts'
import { completeEnvironment, readEnvFile } from './environment.ts'
import { coloursOf, createCommandLogger, interruptedBy, loadStages } from './execute.ts'
import type { Host } from './execute.ts'
import { errorLines } from './exit.ts'
import { repairHeading, repairJson, repairPlan, repairProgress, repairSummary } from './repair-view.ts'
import { Screen } from './screen.ts'
import { createMask } from './secrets.ts'
import { listenForInterruption } from './signals.ts'
import { createStyle } from './text.ts'
import type { VerifyView } from './verify-view.ts'

const frameMs = 100
const lineMs = 5_000

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
  const { json = false, quiet = false } = flags
  completeEnvironment(host.env, readEnvFile({ file: flags.dotenv, cwd: host.cwd() }))
  const mask = createMask(host.argv, host.env)
  const people = json ? host.stderr : host.stdout
  const isLive = flags.progress && !quiet && host.stderr.isTTY && host.env['TERM'] !== 'dumb'
  const screen = isLive ? new Screen(host.stderr) : undefined
  const write = (text: string): unknown => (screen ?? host.stderr).write(text)
  const say = (lines: (view: VerifyView) => string[]): void => {
    screen?.stop(true)
    const style = createStyle(coloursOf(host.env) ?? Boolean(people.isTTY))
    const view = { columns: people.isTTY ? people.columns || 80 : undefined, style, nowMs: Date.now() }
    people.write(
      lines(view)
        .map(line => `${mask(line)}\n`)
        .join('')
    )
  }
  let report: Readonly<RepairReport> | undefined
  const interruption = listenForInterruption({
    process: host,
    now: Date.now,
    onFirst: () => write('docferry: stopping: finishing what is in flight; Ctrl-C again to stop at once\n'),
    onSecond: code => {
      screen?.stop(true)
      const left = report?.run?.folder === undefined ? 'nothing was changed' : 'the same command goes on with the rest'
      write(`docferry: stopped at once; ${left} (exit ${code})\n`)
      host.exit(code)
    }
  })
  let timer: NodeJS.Timeout | undefined
  let error: unknown
  const observe = (seen: Readonly<RepairReport>): void => {
    report = seen
    if (!quiet) say(view => repairHeading(seen, view))
    if (!flags.progress || quiet) return
    const tick = (): unknown => {
      const line = repairProgress(seen, Date.now())
      return screen ? screen.draw([line]) : host.stderr.write(`${line}\n`)
    }
    timer = setInterval(tick, screen ? frameMs : lineMs).unref()
  }
  const onPlan = (seen: Readonly<RepairReport>): void => {
    if (!quiet && seen.before.state !== 'equal') say(view => repairPlan(seen, view))
  }
  try {
    const logger = await createCommandLogger({ write }, host, { level: flags.logLevel, mask })
    const engine = await loadEngine()
    const own = stages.length > 0 ? { stages: await loadStages(stages) } : {}
    const { signal } = interruption
    report = await engine.repair({ ...options, ...own, environment: host.env, signal, logger, mask, observe, onPlan })
  } catch (thrown) {
    error = interruption.signal.aborted ? interruptedBy(thrown) : thrown
  } finally {
    clearInterval(timer)
    interruption.dispose()
    screen?.stop(true)
  }
  const exitCode = exitCodeFor(error, report)
  const seen = report
  if (seen && !json && !quiet) say(view => repairSummary(seen, view))
  if (error !== undefined) write(`${errorLines(error, { debug: flags.logLevel === 'debug', mask }).join('\n')}\n`)
  else if (quiet && seen && exitCode !== 0) {
    const list = (seen.after ?? seen.before).differences
    write(`docferry: the target is not as it should be (exit ${exitCode})${list === undefined ? '' : `; all differences: ${list}`}\n`)
  }
  if (json) host.stdout.write(`${JSON.stringify(repairJson({ exitCode, report, error, mask, nowMs: Date.now() }))}\n`)
  return exitCode
}

function exitCodeFor(error: unknown, report: Readonly<RepairReport> | undefined): number {
  if (error !== undefined) return exitCodeOf(error)
  if (report?.state === 'equal') return 0
  return errorTable[report?.state === 'partial' ? 'DOCFERRY_DEAD_LETTERS' : 'DOCFERRY_VERIFY'].exit
}
