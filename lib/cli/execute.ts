/** Run one command: environment, log, display, signals around `migrate`, and the exit code out of it. */
import { now } from '../clock.ts'
import { parseEndpoint } from '../config/endpoint.ts'
import { DocferryError } from '../errors.ts'
import { createLogger } from '../log.ts'
import type { LogLevel } from '../log.ts'
import { makePlan } from '../plan/plan.ts'
import type { EstimateOptions, Plan } from '../plan/plan.ts'
import type { RunReport } from '../report.ts'
import type { MigrateOptions } from '../options.ts'
import type { migrate } from '../run.ts'
import type { Environment, Logger, RunStage } from '../types.ts'
import type { VerifyReport } from '../verify/report.ts'
import { Display } from './display.ts'
import type { OutputStream } from './display.ts'
import { coloursOf, completeEnvironment, readEnvFile } from './environment.ts'
import { errorLines, exitCodeFor } from './exit.ts'
import { expectFiles } from './heap.ts'
import { commandFor, goOnCommand, stoppedAtOnce } from './hints.ts'
import { jsonReport } from './json.ts'
import type { JsonOutcome } from './json.ts'
import { checkPlanPlace, savePlan } from './plan-file.ts'
import { checkReceiptPlace, refuseEnds, saveReceipt } from './receipt-file.ts'
import { openRefused } from './refused-file.ts'
import type { RefusedFile } from './refused-file.ts'
import { runIdFile } from './run-id-file.ts'
import { createMask } from './secrets.ts'
import { listenForInterruption } from './signals.ts'
import type { SignalSource } from './signals.ts'
import { documentsLost } from './standard-output.ts'
import { checkCanVerify, exitCodeOfVerified, refusePipe, verifyRun } from './verify-after.ts'
import type { VerifyEngine } from './verify-after.ts'
import { verifyJson } from './verify-view.ts'

/** What every command has, as flags. */
export interface CommonFlags {
  readonly json?: boolean
  readonly quiet?: boolean
  readonly progress: boolean
  readonly logLevel: LogLevel
  readonly dotenv?: string
  /** Path for a copy of the receipt. */
  readonly receipt?: string
  /** Path of a file that takes the run's id. */
  readonly runIdFile?: string
  /** Whether what was written is to be verified. */
  readonly verify?: boolean
}

/** A command line, understood. */
export interface Job {
  readonly command: string
  readonly options: Omit<MigrateOptions, 'stages' | 'environment' | 'signal' | 'logger' | 'mask' | 'observe'>
  /** As text, for `parseStage`. */
  readonly stages?: readonly string[]
  /** Makes the stages in front of these; called once for each run. */
  readonly makeStages?: (environment: Environment) => Promise<readonly RunStage[]>
  /** Texts to be masked, besides those that the command line and the environment tell. */
  readonly secrets?: readonly string[]
  /** What does it, where that is not `migrate`. */
  readonly loadEngine?: () => Promise<Engine>
  /** Whether the documents go to standard output, so that everything else goes to stderr. */
  readonly dataOnStdout: boolean
  /** What is to become of what the dry run learns. */
  readonly plan?: {
    /** Path to keep it at. */
    readonly save?: string | undefined
    /** Path for the documents that would fail. */
    readonly refused?: string | undefined
    readonly estimate: EstimateOptions
  }
  readonly flags: CommonFlags
}

interface StandardStream extends OutputStream {
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown
  off(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown
}

/** The process, as far as a command uses it. */
export interface Host extends SignalSource {
  readonly argv: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly stdout: StandardStream
  readonly stderr: StandardStream
  /** Read only where a person is asked. */
  readonly stdin?: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  cwd(): string
  exit(code: number): unknown
}

/** What is loaded when it is needed; specs put their own in place. */
export interface Engine {
  readonly migrate: typeof migrate
}

/** @returns the exit code */
export async function execute(
  job: Job,
  host: Host,
  loadEngine: () => Promise<Engine> = () => import('../run.ts'),
  loadVerify?: () => Promise<VerifyEngine>
): Promise<number> {
  const { command, flags, dataOnStdout, options } = job
  const added = readEnvFile({ file: flags.dotenv, cwd: host.cwd() })
  completeEnvironment(host.env, added)
  const mask = createMask(host.argv, host.env, job.secrets)
  const json = flags.json ?? false
  const quiet = flags.quiet ?? false
  const display = new Display({
    command,
    stdout: host.stdout,
    stderr: host.stderr,
    stdoutTaken: dataOnStdout || json,
    summary: !json && !quiet,
    heading: !quiet,
    progress: flags.progress && !quiet,
    dumb: host.env['TERM'] === 'dumb',
    colours: coloursOf(host.env),
    now
  })
  let seen: Readonly<RunReport> | undefined
  const leave = (exitCode?: number): void => {
    display.leave()
    const left = isTold && seen ? `stopped at once; ${unverified(seen, options)}` : stoppedAtOnce(seen, command)
    display.write(`docferry: ${left}${exitCode === undefined ? '' : ` (exit ${exitCode})`}\n`)
  }
  const interruption = listenForInterruption({
    process: host,
    now,
    onFirst: () =>
      display.write(
        isTold
          ? 'docferry: stopping the verification; the run is done, and stays; Ctrl-C again to stop at once\n'
          : 'docferry: stopping: finishing what is in flight; Ctrl-C again to stop at once\n'
      ),
    onSecond: code => {
      leave(code)
      tellPrograms(job, host, { command, exitCode: code, report: seen && ended(seen, code), error: interrupted(), mask, nowMs: now() })
      host.exit(code)
    },
    onExit: () => leave()
  })
  let stdoutError: DocferryError | undefined
  const onStdoutError = (error: NodeJS.ErrnoException): void => {
    // a reader that has seen enough of the summary must not stop the documents
    if (!dataOnStdout) return
    stdoutError ??= documentsLost(error)
    interruption.abort(stdoutError)
  }
  host.stdout.on('error', onStdoutError)

  let plan: Plan | undefined
  let refused: RefusedFile | undefined
  let verified: Readonly<VerifyReport> | undefined
  /** Whether the run has come to its end, so that what fails from there on is not the run. */
  let isThrough = false
  /** Whether the summary of the run is out, and what follows is about its verification. */
  let isTold = false
  let error: unknown
  try {
    checkCanVerify(job)
    if (dataOnStdout && json) {
      throw new DocferryError(
        'DOCFERRY_USAGE',
        'documents and the report of --json cannot both be on standard output: give the documents a file, or leave --json out'
      )
    }
    display.opening(providerOf(options.source), providerOf(options.target))
    if (providerOf(options.source) === 'file' && !startsThreads(options))
      expectFiles(providerOf(options.target) === 'file' && !hasStages(job))
    const logger = createCommandLogger(display, host, { level: flags.logLevel, mask })
    logger.debug({ variables: Object.keys(added) }, 'variables of the environment file, which the real environment wins over')
    if (job.plan?.save !== undefined) await checkPlanPlace(job.plan.save)
    const receiptPlace = flags.receipt === undefined ? undefined : await checkReceiptPlace(flags.receipt, options)
    const begun = flags.runIdFile === undefined ? {} : { onBegun: runIdFile(flags.runIdFile, options) }
    const { migrate: run } = await (job.loadEngine ?? loadEngine)()
    const stages = await stagesOf(job, host.env)
    const observe = (report: Readonly<RunReport>): void => {
      seen = report
      if (receiptPlace !== undefined) refuseEnds(receiptPlace, report)
      if (flags.verify) refusePipe(report)
      display.begin(report)
    }
    if (job.plan?.refused !== undefined) refused = await openRefused(job.plan.refused)
    const onRefused = refused?.add
    const { signal } = interruption
    seen = await run({
      ...options,
      toVerify: flags.verify,
      stages,
      environment: host.env,
      signal,
      logger,
      mask,
      observe,
      onRefused,
      ...begun
    })
    isThrough = true
    await refused?.commit()
    if (flags.receipt !== undefined && seen.receipt !== undefined) await saveReceipt(flags.receipt, seen.receipt)
    if (job.plan) plan = makePlan(seen, { ...options, stages }, job.plan.estimate)
    if (plan && job.plan?.save !== undefined) await savePlan(job.plan.save, plan, options)
    if (flags.verify) {
      display.finish(seen)
      isTold = true
      const around = { environment: host.env, signal, logger, observe: (report: Readonly<VerifyReport>) => display.verifying(report) }
      verified = await verifyRun(job, seen.runId, { ...around, ...(stages.length > 0 && { stages }) }, loadVerify)
    }
  } catch (thrown) {
    error = stdoutError ?? (interruption.signal.aborted ? interruptedBy(thrown) : thrown)
    await refused?.discard()
  } finally {
    interruption.dispose()
  }
  const exitCodeOfRun = exitCodeFor({ error, report: seen })
  const exitCode = verified ? exitCodeOfVerified(verified, exitCodeOfRun) : exitCodeOfRun
  const report = error === undefined || seen === undefined || isThrough ? seen : ended(seen, exitCode)
  if (!isTold) display.finish(report, plan)
  else if (verified) display.verified(verified)
  else display.leave()
  const kept = [job.plan?.save, job.plan?.refused].filter(path => path !== undefined)
  if (flags.receipt !== undefined && error === undefined) {
    if (seen?.receipt === undefined) display.write(`docferry: no receipt was saved as ${flags.receipt}: the run has none\n`)
    else kept.push(flags.receipt)
  }
  if (error === undefined && kept.length > 0 && !flags.quiet) display.write(`docferry: saved ${kept.join(' and ')}\n`)
  const isDifferent = verified !== undefined && verified.state !== 'equal'
  const verifiedJson = verified && verifyJson({ exitCode, report: verified, mask, nowMs: now() })
  const outcome = { command, exitCode, report, plan, goOn: again(options), verified: verifiedJson, error, mask, nowMs: now() }
  tellOutcome({ job, display, isDifferent, outcome })
  tellPrograms(job, host, outcome)
  if (isTold && seen && error !== undefined) display.write(`docferry: ${unverified(seen, options)}\n`)
  host.stdout.off('error', onStdoutError)
  return exitCode
}

function unverified({ runId }: Readonly<RunReport>, { stateDir }: Job['options']): string {
  return `the run has come to its end; to verify it: ${commandFor('verify', runId, stateDir)}`
}

/** Of a run that was to be gone on with. */
function again({ resume, stateDir }: Job['options']): string | undefined {
  return resume === undefined ? undefined : commandFor('resume', resume, stateDir)
}

interface Telling {
  readonly job: Job
  readonly display: Display
  /** Whether verifying has found anything. */
  readonly isDifferent: boolean
  readonly outcome: JsonOutcome
}

/** What follows the summary. */
function tellOutcome({ job: { flags }, display, isDifferent, outcome }: Telling): void {
  const { command, error, report, exitCode, mask } = outcome
  const letters = report?.deadLetters === undefined ? '' : `; dead letters: ${report.deadLetters}`
  // Where there is a summary, it says so.
  const told = report && (flags.quiet || flags.json) ? goOnCommand(report, command) : undefined
  const goOn = report ? told : outcome.goOn
  if (error !== undefined) display.write(`${errorLines(error, { debug: flags.logLevel === 'debug', mask, goOn }).join('\n')}\n`)
  else if (flags.quiet && exitCode !== 0) {
    const what = isDifferent
      ? 'the target is not as it should be'
      : report?.dryRun
        ? 'not all documents would be written'
        : 'not all documents could be written'
    display.write(`docferry: ${what} (exit ${exitCode})${letters}\n`)
  }
}

function tellPrograms({ flags, dataOnStdout }: Job, host: Host, outcome: JsonOutcome): void {
  if (flags.json) (dataOnStdout ? host.stderr : host.stdout).write(`${JSON.stringify(jsonReport(outcome))}\n`)
}

/** Whoever interrupts a run is told that it was, whatever else the interruption made fail. */
export function interruptedBy(thrown: unknown): DocferryError {
  if (thrown instanceof DocferryError && thrown.code === 'DOCFERRY_INTERRUPTED') return thrown
  return interrupted(thrown)
}

export function interrupted(cause?: unknown): DocferryError {
  return new DocferryError('DOCFERRY_INTERRUPTED', 'interrupted', { cause })
}

/** The report of a run that could not say how it ended, or was stopped by what it can't know of. */
function ended(report: Readonly<RunReport>, exitCode: number): Readonly<RunReport> {
  return { ...report, state: exitCode === 130 ? 'interrupted' : 'failed', finishedAt: report.finishedAt ?? now() }
}

function hasStages({ stages = [], makeStages }: Job): boolean {
  return stages.length > 0 || makeStages !== undefined
}

/** With the first block, and not once there is much to do. */
function startsThreads({ workers }: Job['options']): boolean {
  return typeof workers === 'number' && workers > 0
}

function providerOf(endpoint: MigrateOptions['source']): string {
  if (typeof endpoint === 'string') return parseEndpoint(endpoint).connector
  return typeof endpoint.connector === 'string' ? endpoint.connector : endpoint.connector.name
}

export function createCommandLogger(
  display: Pick<Display, 'write'>,
  host: Host,
  options: { readonly level: LogLevel; readonly mask: (text: string) => string }
): Logger {
  return createLogger({ ...options, destination: display, plain: Boolean(host.stderr.isTTY) })
}

/** Those of a job, made anew: they may remember something. */
export async function stagesOf({ stages = [], makeStages }: Job, environment: Environment): Promise<NonNullable<MigrateOptions['stages']>> {
  return [...((await makeStages?.(environment)) ?? []), ...(await loadStages(stages, environment))]
}

export async function loadStages(texts: readonly string[], environment: Environment): Promise<NonNullable<MigrateOptions['stages']>> {
  if (texts.length === 0) return []
  const { parseStage } = await import('../registry.ts')
  return await Promise.all(texts.map(text => parseStage(text, { folder: '.', environment })))
}
