/** What a checklist tells: live while it is gone through, final when it ends. */
import type { ErrorCode } from '../errors.ts'
import type { Location } from '../types.ts'

/** Of a migration: what is looked at depends on where it stands. */
export type CheckPhase = (typeof checkPhases)[number]
export const checkPhases = ['before', 'during', 'after'] as const

/** `skipped`: could not be looked at, or was not asked for. `person`: nothing but a person can do it. */
export type CheckResult = (typeof checkResults)[number]
export const checkResults = ['ok', 'warning', 'failed', 'skipped', 'person'] as const

/** One point of the list. Texts are without secrets and contents of documents. */
export interface CheckLine {
  /** Stable, for programs: `source.answers`. */
  readonly id: string
  /** What should be so: `the source answers`. */
  readonly what: string
  readonly result: CheckResult
  /** What was found, or why it was skipped. */
  readonly detail?: string
  /** What to do about it. */
  readonly advice?: string
  /** Of one that has failed. */
  readonly code?: ErrorCode
}

export interface CheckedCollection {
  readonly source: string
  readonly target: string
  /** Documents on each side, as far as it is known. Estimates where the service has nothing better. */
  sourceDocuments?: number
  targetDocuments?: number
}

export interface CheckReport {
  readonly phase: CheckPhase
  readonly runId?: string
  source?: Location
  target?: Location
  /** Versions of what made the list. */
  readonly docferry: string
  readonly node: string
  readonly lines: CheckLine[]
  collections: CheckedCollection[]
  /** What else a user should know. */
  readonly notes: string[]
  /** What is being looked at. */
  step: string
  state: 'running' | 'ok' | 'warnings' | 'failed' | 'interrupted'
  /** Epoch milliseconds. */
  readonly startedAt: number
  finishedAt?: number
}

/** How many lines there are of each result. */
export function countResults(lines: readonly CheckLine[]): Readonly<Record<CheckResult, number>> {
  const counts = { ok: 0, warning: 0, failed: 0, skipped: 0, person: 0 }
  for (const { result } of lines) counts[result]++
  return counts
}

/**
 * What the list comes to: the code of the first point that has failed.
 *
 * @param strict whether warnings count as failures
 * @returns undefined where all is well
 */
export function codeOfCheck({ lines }: Pick<CheckReport, 'lines'>, { strict = false } = {}): ErrorCode | undefined {
  const failed = lines.find(({ result }) => result === 'failed')
  if (failed) return failed.code ?? 'DOCFERRY_CHECK'
  return strict && lines.some(({ result }) => result === 'warning') ? 'DOCFERRY_CHECK' : undefined
}
