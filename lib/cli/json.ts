/** The report of `--json`: one object of plain JSON, times in milliseconds, dates in ISO 8601. */
import type { Plan } from '../plan/plan.ts'
import { totalCounts } from '../report.ts'
import type { RunReport } from '../report.ts'
import { errorJson } from './exit.ts'
import { goOnCommand } from './hints.ts'
import type { Mask } from './secrets.ts'

/** How a command ended, for programs. */
export interface Outcome<Report> {
  readonly exitCode: number
  readonly report?: Readonly<Report> | undefined
  readonly error?: unknown
  readonly mask: Mask
  readonly nowMs: number
}

export interface JsonOutcome extends Outcome<RunReport> {
  readonly command: string
  readonly plan?: Plan | undefined
  /** What goes on with a run that stopped before, where going on has failed before there was a report. */
  readonly goOn?: string | undefined
  /** What verifying it has found. */
  readonly verified?: object | undefined
}

export function jsonReport({ command, exitCode, report, plan, goOn, verified, error, mask, nowMs }: JsonOutcome): object {
  const failure = error === undefined ? {} : { error: errorJson(error, mask, report ? goOnCommand(report, command) : goOn) }
  if (report === undefined) return { command, state: 'failed', exitCode, ...failure }
  const { startedAt, finishedAt = nowMs, collections, ...rest } = report
  return {
    command,
    ...rest,
    exitCode,
    ...failure,
    ...timesOf(startedAt, finishedAt),
    totals: totalCounts(collections),
    ...(verified && { verified }),
    ...(plan && { options: plan.options, sample: plan.sample, estimate: plan.estimate }),
    collections: collections.map(({ startedAt: from, finishedAt: until, ...collection }) => ({
      ...collection,
      durationMs: from === undefined ? null : (until ?? nowMs) - from
    }))
  }
}

/** @param startedAt and `finishedAt` in epoch milliseconds */
export function timesOf(startedAt: number, finishedAt: number): object {
  return {
    startedAt: new Date(startedAt).toISOString(),
    finishedAt: new Date(finishedAt).toISOString(),
    durationMs: finishedAt - startedAt
  }
}
