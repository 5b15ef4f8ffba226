/** What every command that works beside a run has around its work: environment, log, progress, signals, and what is told in the end. */
import { now } from '../clock.ts'
import { exitCodeOf } from '../errors.ts'
import type { Environment, Logger } from '../types.ts'
import { coloursOf, completeEnvironment, readEnvFile } from './environment.ts'
import { createCommandLogger, interrupted, interruptedBy } from './execute.ts'
import type { CommonFlags, Host } from './execute.ts'
import { errorLines } from './exit.ts'
import type { Outcome } from './json.ts'
import { Screen } from './screen.ts'
import { createMask } from './secrets.ts'
import type { Mask } from './secrets.ts'
import { listenForInterruption } from './signals.ts'
import { createStyle } from './text.ts'
import type { View } from './text.ts'

/** What the work is given. */
export interface Around<Report> {
  readonly environment: Environment
  readonly signal: AbortSignal
  readonly logger: Logger
  readonly mask: Mask
  /** To be called once the report is there, which is then kept up to date in place. */
  readonly observe: (report: Readonly<Report>) => void
  /** Tell people something in between; nothing where the command is quiet. */
  readonly say: (lines: (view: View) => string[]) => void
}

export interface FramedCommand<Report> {
  readonly flags: CommonFlags
  /** Texts to be masked, besides those that the command line and the environment tell. */
  readonly secrets?: readonly string[] | undefined
  readonly work: (around: Around<Report>) => Promise<Readonly<Report>>
  readonly heading: (report: Readonly<Report>, view: View) => string[]
  readonly progress: (report: Readonly<Report>, nowMs: number) => string
  readonly summary: (report: Readonly<Report>, view: View) => string[]
  readonly json: (outcome: Outcome<Report>) => object
  /** Where nothing was thrown. */
  readonly exitCode: (report: Readonly<Report>) => number
  /** What is told at the first Ctrl-C, and at the second. */
  readonly stopping: string
  readonly stoppedAtOnce: (report: Readonly<Report> | undefined) => string
  /** All that is told of an exit code that is not 0 where the command is quiet. */
  readonly inShort: (report: Readonly<Report>, exitCode: number) => string
  /** The command that goes on with what was stopped, where there is one. */
  readonly goOn?: (report: Readonly<Report> | undefined) => string | undefined
  /** Whether the last line of the progress gives way to the summary. Default: it stays. */
  readonly erasesProgress?: boolean
}

const frameMs = 100
const lineMs = 5_000

/** @returns the exit code */
export async function runFramed<Report>(command: FramedCommand<Report>, host: Host): Promise<number> {
  const { flags, goOn } = command
  const { json = false, quiet = false } = flags
  completeEnvironment(host.env, readEnvFile({ file: flags.dotenv, cwd: host.cwd() }))
  const mask = createMask(host.argv, host.env, command.secrets)
  const people = json ? host.stderr : host.stdout
  const isLive = flags.progress && !quiet && host.stderr.isTTY && host.env['TERM'] !== 'dumb'
  const screen = isLive ? new Screen(host.stderr) : undefined
  const write = (text: string): unknown => (screen ?? host.stderr).write(text)
  const say = (lines: (view: View) => string[]): void => {
    if (quiet) return
    screen?.stop(true)
    const style = createStyle(coloursOf(host.env) ?? Boolean(people.isTTY))
    const view = { columns: people.isTTY ? people.columns || 80 : undefined, style, nowMs: now() }
    people.write(
      lines(view)
        .map(line => `${mask(line)}\n`)
        .join('')
    )
  }
  let report: Readonly<Report> | undefined
  const leave = (exitCode?: number): void => {
    screen?.stop(true)
    write(`docferry: stopped at once; ${command.stoppedAtOnce(report)}${exitCode === undefined ? '' : ` (exit ${exitCode})`}\n`)
  }
  const tellPrograms = (exitCode: number, error: unknown): void => {
    host.stdout.write(`${JSON.stringify(command.json({ exitCode, report, error, mask, nowMs: now() }))}\n`)
  }
  const interruption = listenForInterruption({
    process: host,
    now,
    onFirst: () => write(`docferry: ${command.stopping}; Ctrl-C again to stop at once\n`),
    onSecond: code => {
      leave(code)
      if (json) tellPrograms(code, interrupted())
      host.exit(code)
    },
    onExit: () => leave()
  })
  let timer: NodeJS.Timeout | undefined
  let error: unknown
  const observe = (seen: Readonly<Report>): void => {
    report = seen
    say(view => command.heading(seen, view))
    if (!flags.progress || quiet) return
    const tick = (): unknown => {
      const line = command.progress(seen, now())
      return screen ? screen.draw([line]) : host.stderr.write(`${line}\n`)
    }
    timer = setInterval(tick, screen ? frameMs : lineMs).unref()
  }
  try {
    const logger = createCommandLogger({ write }, host, { level: flags.logLevel, mask })
    report = await command.work({ environment: host.env, signal: interruption.signal, logger, mask, observe, say })
  } catch (thrown) {
    error = interruption.signal.aborted ? interruptedBy(thrown) : thrown
  } finally {
    clearInterval(timer)
    interruption.dispose()
    screen?.stop(!command.erasesProgress)
  }
  const seen = report
  const exitCode = error === undefined ? command.exitCode(seen!) : exitCodeOf(error)
  if (seen && !json) say(view => command.summary(seen, view))
  if (error !== undefined) {
    // Where there is a summary, it says so.
    const view = { debug: flags.logLevel === 'debug', mask, goOn: json || quiet ? goOn?.(seen) : undefined }
    write(`${errorLines(error, view).join('\n')}\n`)
  } else if (quiet && exitCode !== 0) write(`docferry: ${command.inShort(seen!, exitCode)}\n`)
  if (json) tellPrograms(exitCode, error)
  return exitCode
}
