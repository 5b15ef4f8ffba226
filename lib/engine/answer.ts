/** What a target's answer to a call asks for: its documents, by what is to be done about them. */
import { isConflict } from './write-failure.ts'
import type { WriteFailure, WriteOutcome } from '../types.ts'

/** Documents are named by their index in the batch. */
export interface Answer {
  /** How many are written, skipped or refused. */
  readonly decided: number
  /** Some of them: what the target holds of these may be what an earlier try wrote, or this one. */
  readonly doubted: readonly number[]
  readonly again: readonly number[]
  /** Of those to be sent again: what asks for the longest wait. */
  readonly longest: WriteFailure | undefined
  /** Those that by the target's own account failed for themselves. */
  readonly alone: readonly number[]
  /** Whether some of those that failed may be written all the same: what is throttled is not, of what may be tried again nobody knows. */
  readonly mayBeApplied: boolean
}

/** @param results one for each of the indexes @param mayBeApplied whether some may have been written by an earlier try */
export function readAnswer(indexes: readonly number[], results: readonly WriteOutcome[], mayBeApplied: boolean): Answer {
  const again: number[] = []
  const alone: number[] = []
  const doubted: number[] = []
  let longest: WriteFailure | undefined
  let isInDoubt = false
  for (let position = 0; position < indexes.length; position++) {
    const index = indexes[position]!
    const outcome = results[position]!
    const mayWorkLater = typeof outcome === 'object' && outcome.retryable
    const isDoubted = typeof outcome === 'object' && outcome.mayBeApplied === true
    isInDoubt ||= isDoubted
    if (!mayWorkLater && (isDoubted || (mayBeApplied && isConflict(outcome)))) doubted.push(index)
    else if (mayWorkLater) {
      ;(outcome.alone ? alone : again).push(index)
      isInDoubt ||= outcome.code !== 'DOCFERRY_THROTTLED'
      if (!outcome.alone && (outcome.retryAfterMs ?? 0) >= (longest?.retryAfterMs ?? 0)) longest = outcome
    }
  }
  return { decided: indexes.length - again.length - alone.length, doubted, again, longest, alone, mayBeApplied: isInDoubt }
}
