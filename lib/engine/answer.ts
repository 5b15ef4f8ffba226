/** What a target's answer to a call asks for: its documents, by what is to be done about them. */
import { isConflict } from './write-failure.ts'
import type { WriteFailure, WriteOutcome } from '../types.ts'

/** Documents are named by their index in the batch. */
export interface Answer {
  /** How many are written, skipped or refused. */
  readonly decided: number
  /** Some of them: of these documents the target holds others, perhaps those that an earlier try wrote. */
  readonly conflicts: readonly number[]
  readonly again: readonly number[]
  /** Of those to be sent again: what asks for the longest wait. */
  readonly longest: WriteFailure | undefined
  /** Those that by the target's own account failed for themselves. */
  readonly alone: readonly number[]
  /** Whether some of those to be sent again may be written all the same: what is throttled is not, of what fails nobody knows. */
  readonly mayBeApplied: boolean
}

/** @param results one for each of the indexes @param mayBeApplied whether some may have been written by an earlier try */
export function readAnswer(indexes: readonly number[], results: readonly WriteOutcome[], mayBeApplied: boolean): Answer {
  const again: number[] = []
  const alone: number[] = []
  const conflicts: number[] = []
  let longest: WriteFailure | undefined
  let isInDoubt = false
  for (let position = 0; position < indexes.length; position++) {
    const index = indexes[position]!
    const outcome = results[position]!
    const mayWorkLater = typeof outcome === 'object' && outcome.retryable
    if (mayBeApplied && !mayWorkLater && isConflict(outcome)) conflicts.push(index)
    else if (mayWorkLater) {
      ;(outcome.alone ? alone : again).push(index)
      isInDoubt ||= outcome.code !== 'DOCFERRY_THROTTLED'
      if (!outcome.alone && (outcome.retryAfterMs ?? 0) >= (longest?.retryAfterMs ?? 0)) longest = outcome
    }
  }
  return { decided: indexes.length - again.length - alone.length, conflicts, again, longest, alone, mayBeApplied: isInDoubt }
}
