/** Everything that a person sees of a run, on whichever streams are free for it. */
import type { Plan } from '../plan/plan.ts'
import type { RunReport } from '../report.ts'
import type { VerifyReport } from '../verify/report.ts'
import { headingLines } from './heading.ts'
import { Meter } from './meter.ts'
import { progressLine, progressLines } from './progress.ts'
import { Screen } from './screen.ts'
import type { TerminalStream } from './screen.ts'
import { summaryLines } from './summary.ts'
import { createStyle } from './text.ts'
import type { Style } from './text.ts'
import { verifiedLines } from './verify-after.ts'
import { verifyProgress } from './verify-view.ts'

export interface OutputStream extends TerminalStream {
  readonly isTTY?: boolean
}

export interface DisplayOptions {
  readonly command: string
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  /** Whether stdout carries documents or JSON, so that nothing else may. */
  readonly stdoutTaken: boolean
  /** Whether the summary is wanted (not with `--json` or `--quiet`). */
  readonly summary: boolean
  /** Whether the heading is wanted (not with `--quiet`). */
  readonly heading: boolean
  readonly progress: boolean
  /** Without colours and bars, on a terminal that can't draw them. */
  readonly dumb?: boolean
  readonly colours?: boolean
  readonly now: () => number
}

const frameMs = 100
const lineMs = 5000

export class Display {
  readonly #options: DisplayOptions
  readonly #meter = new Meter()
  /** Where the heading and the summary go. */
  readonly #people: OutputStream
  readonly #screen: Screen | undefined
  #timer: NodeJS.Timeout | undefined
  #report: Readonly<RunReport> | undefined

  constructor(options: DisplayOptions) {
    this.#options = options
    this.#people = options.stdoutTaken ? options.stderr : options.stdout
    this.#screen = options.progress && options.stderr.isTTY && !options.dumb ? new Screen(options.stderr) : undefined
  }

  /** Said while connections are made, which may take a while. */
  opening(source: string, target: string): void {
    this.#screen?.draw([this.#style(this.#options.stderr).dim(`opening ${source} and ${target} ...`)])
  }

  /** The run is about to begin; the report changes in place from now on. */
  begin(report: Readonly<RunReport>): void {
    const { command, heading, progress, now } = this.#options
    this.#report = report
    this.#screen?.stop()
    if (heading) this.#say(headingLines(command, report, this.#view()))
    if (!progress) return
    this.#meter.sample(report, now())
    this.#timer = setInterval(() => this.#tick(), this.#screen ? frameMs : lineMs)
    this.#timer.unref()
  }

  /** Whole lines for stderr: logs, warnings. The bars make room for them. */
  write(text: string): void {
    if (this.#screen) this.#screen.write(text)
    else this.#options.stderr.write(text)
  }

  /** The run has ended, in whatever way. */
  finish(report: Readonly<RunReport> | undefined = this.#report, plan?: Plan): void {
    const { command, summary, stdout, stdoutTaken, now } = this.#options
    this.#stopTimer()
    if (this.#screen && this.#report) this.#draw(this.#screen, this.#report)
    // bars that a summary on the same terminal repeats are taken away
    this.#screen?.stop(this.#report !== undefined && !(summary && (stdoutTaken || stdout.isTTY)))
    if (summary && report) this.#say(summaryLines(report, { ...this.#view(), nowMs: now(), plan, command }))
  }

  /** The run has ended, and what it wrote is about to be verified; the report changes in place. */
  verifying(report: Readonly<VerifyReport>): void {
    const { progress, stderr, now } = this.#options
    if (!progress) return
    const tick = (): void => {
      const line = `verifying: ${verifyProgress(report, now())}`
      if (this.#screen) this.#screen.draw([line])
      else stderr.write(`${line}\n`)
    }
    this.#timer = setInterval(tick, this.#screen ? frameMs : lineMs)
    this.#timer.unref()
  }

  verified(report: Readonly<VerifyReport>): void {
    const { summary, now } = this.#options
    this.leave()
    if (summary) this.#say(verifiedLines(report, { ...this.#view(), nowMs: now() }))
  }

  /** Give the terminal back without another word. */
  leave(): void {
    this.#stopTimer()
    this.#screen?.stop(true)
  }

  #tick(): void {
    const report = this.#report
    if (!report) return
    const nowMs = this.#options.now()
    this.#meter.sample(report, nowMs)
    if (this.#screen) this.#draw(this.#screen, report)
    else this.#options.stderr.write(`${progressLine(report, this.#meter, nowMs)}\n`)
  }

  #draw(screen: Screen, report: Readonly<RunReport>): void {
    const style = this.#style(this.#options.stderr)
    screen.draw(
      progressLines(report, { meter: this.#meter, nowMs: this.#options.now(), columns: screen.columns, rows: screen.rows, style })
    )
  }

  #stopTimer(): void {
    clearInterval(this.#timer)
  }

  #say(lines: readonly string[]): void {
    this.#people.write(lines.map(line => `${line}\n`).join(''))
  }

  #view(): { columns?: number; style: Style } {
    return { columns: this.#people.isTTY ? this.#people.columns || 80 : undefined, style: this.#style(this.#people) }
  }

  #style(stream: OutputStream): Style {
    return createStyle(this.#options.colours ?? Boolean(stream.isTTY))
  }
}
