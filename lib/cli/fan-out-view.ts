/** What a pipeline with several targets shows: a report for each in, lines of text or plain JSON out. */
import { totalCounts } from '../report.ts'
import type { RunReport } from '../report.ts'
import type { VerifyReport } from '../verify/report.ts'
import { errorLines } from './exit.ts'
import { headingLines } from './heading.ts'
import { jsonReport } from './json.ts'
import type { Outcome } from './json.ts'
import { summaryLines } from './summary.ts'
import { formatCount, plainStyle, plural, safe } from './text.ts'
import type { View } from './text.ts'
import { verifiedLines } from './verify-after.ts'
import { verifyJson } from './verify-view.ts'

/** The run into one of the targets. */
export interface TargetReport {
  /** As the pipeline names it. */
  readonly name: string
  /** Missing where it did not begin. */
  report?: Readonly<RunReport>
  verified?: Readonly<VerifyReport>
  error?: unknown
  exitCode: number
}

export interface FanOutReport {
  readonly file: string
  readonly targets: readonly TargetReport[]
}

export function fanOutHeading({ file, targets }: Readonly<FanOutReport>, view: View): string[] {
  const { style = plainStyle } = view
  const begun = targets.flatMap(({ report }) => report ?? [])
  return [
    style.bold(`docferry run ${safe(file)}: ${plural(targets.length, 'target')}, read once`),
    ...begun.flatMap((report, index) => headingLines('', report, view).slice(index === 0 ? 1 : 2, -1)),
    ''
  ]
}

export function fanOutProgress({ targets }: Readonly<FanOutReport>): string {
  return targets
    .map(({ name, report, error }) => {
      if (!report) return `${name}: ${error === undefined ? 'opening' : 'failed'}`
      const { read, written, failed } = totalCounts(report.collections)
      return `${name}: ${formatCount(read)} read, ${formatCount(written)} written${failed > 0 ? `, ${formatCount(failed)} failed` : ''}`
    })
    .join('; ')
}

export function fanOutSummary({ targets }: Readonly<FanOutReport>, view: View): string[] {
  const { style = plainStyle } = view
  const lines = targets.flatMap(({ name, report, verified, error, exitCode }) => [
    style.bold(`Target ${safe(name)}`),
    ...(report ? summaryLines(report, { ...view, command: 'run' }) : []),
    ...(verified ? verifiedLines(verified, view) : []),
    ...(error === undefined ? [] : errorLines(error, { mask: text => text, debug: false })),
    ...(exitCode === 0 ? [] : [style.red(`(exit ${exitCode})`)]),
    ''
  ])
  return lines.slice(0, -1)
}

export function fanOutJson({ exitCode, report, error, mask, nowMs }: Outcome<FanOutReport>): object {
  const targets = report?.targets.map(target => {
    const verified = target.verified && verifyJson({ exitCode: target.exitCode, report: target.verified, mask, nowMs })
    const outcome = { command: 'run', exitCode: target.exitCode, error: target.error, mask, nowMs, verified }
    return { name: target.name, ...jsonReport({ ...outcome, ...(target.report && { report: target.report }) }) }
  })
  return {
    command: 'run',
    file: report?.file,
    exitCode,
    ...(targets ? { targets } : jsonReport({ command: 'run', exitCode, error, mask, nowMs }))
  }
}
