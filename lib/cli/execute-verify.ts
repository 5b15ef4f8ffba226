/** Run `docferry verify`: environment, log, progress, signals around `verify`, and the exit code out of it. */
import { errorTable, exitCodeOf } from '../errors.ts'
import type { VerifyReport } from '../verify/report.ts'
import type { verify } from '../verify/verify.ts'
import type { VerifyJob } from './commands/verify.ts'
import { completeEnvironment, readEnvFile } from './environment.ts'
import { coloursOf, createCommandLogger, interruptedBy, loadStages } from './execute.ts'
import type { Host } from './execute.ts'
import { errorLines } from './exit.ts'
import { Screen } from './screen.ts'
import { createMask } from './secrets.ts'
import { listenForInterruption } from './signals.ts'
import { createStyle } from './text.ts'
import { verifyHeading, verifyJson, verifyProgress, verifySummary } from './verify-view.ts'
import type { VerifyView } from './verify-view.ts'

const frameMs = 100
const lineMs = 5_000

/** What is loaded when it is needed; specs put their own in place. */
export interface VerifyEngine {
  readonly verify: typeof verify
}

/** @returns the exit code */
export async function executeVerify(
  { options, stages = [], flags }: VerifyJob,
  host: Host,
  loadEngine: () => Promise<VerifyEngine> = () => import('../verify/verify.ts')
): Promise<number> {
  const { json = false, quiet = false } = flags
  completeEnvironment(host.env, readEnvFile({ file: flags.dotenv, cwd: host.cwd() }))
  const mask = createMask(host.argv, host.env)
  const people = json ? host.stderr : host.stdout
  const isLive = flags.progress && !quiet && host.stderr.isTTY && host.env['TERM'] !== 'dumb'
  const screen = isLive ? new Screen(host.stderr) : undefined
  const write = (text: string): unknown => (screen ?? host.stderr).write(text)
  const say = (lines: (view: VerifyView) => string[]): void => {
    const style = createStyle(coloursOf(host.env) ?? Boolean(people.isTTY))
    const view = { columns: people.isTTY ? people.columns || 80 : undefined, style, nowMs: Date.now() }
    people.write(
      lines(view)
        .map(line => `${mask(line)}\n`)
        .join('')
    )
  }
  const interruption = listenForInterruption({
    process: host,
    now: Date.now,
    onFirst: () => write('docferry: stopping; Ctrl-C again to stop at once\n'),
    onSecond: code => {
      screen?.stop(true)
      write(`docferry: stopped at once; nothing was changed (exit ${code})\n`)
      host.exit(code)
    }
  })
  let report: Readonly<VerifyReport> | undefined
  let timer: NodeJS.Timeout | undefined
  let error: unknown
  const observe = (seen: Readonly<VerifyReport>): void => {
    report = seen
    if (!quiet) say(view => verifyHeading(seen, view))
    if (!flags.progress || quiet) return
    const tick = (): unknown => {
      const line = verifyProgress(seen, Date.now())
      return screen ? screen.draw([line]) : host.stderr.write(`${line}\n`)
    }
    timer = setInterval(tick, screen ? frameMs : lineMs).unref()
  }
  try {
    const logger = await createCommandLogger({ write }, host, { level: flags.logLevel, mask })
    const engine = await loadEngine()
    const own = stages.length > 0 ? { stages: await loadStages(stages) } : {}
    report = await engine.verify({ ...options, ...own, environment: host.env, signal: interruption.signal, logger, observe })
  } catch (thrown) {
    error = interruption.signal.aborted ? interruptedBy(thrown) : thrown
  } finally {
    clearInterval(timer)
    interruption.dispose()
    screen?.stop(true)
  }
  const exitCode = exitCodeFor(error, report)
  const seen = report
  if (seen && !json && !quiet) say(view => verifySummary(seen, view))
  if (error !== undefined) write(`${errorLines(error, { debug: flags.logLevel === 'debug', mask }).join('\n')}\n`)
  else if (quiet && seen && exitCode !== 0) {
    const list = seen.differences === undefined ? '' : `; all differences: ${seen.differences}`
    write(`docferry: the target is not as it should be (exit ${exitCode})${list}\n`)
  }
  if (json) host.stdout.write(`${JSON.stringify(verifyJson({ exitCode, report, error, mask, nowMs: Date.now() }))}\n`)
  return exitCode
}

function exitCodeFor(error: unknown, report: Readonly<VerifyReport> | undefined): number {
  if (error !== undefined) return exitCodeOf(error)
  return report?.state === 'equal' ? 0 : errorTable.DOCFERRY_VERIFY.exit
}
