/** What a single document's failure to be written means. */
import { DocferryError } from '../errors.ts'
import type { WriteFailure, WriteOutcome } from '../types.ts'

/** Why a document is not written: what the target says of it, or why a call that held nothing else got no answer. */
export type Trouble = DocferryError | WriteFailure

/** Whether a document's failure says something of the target's state and nothing of the document. */
export function isOfTarget({ code }: WriteFailure): boolean {
  return code === 'DOCFERRY_THROTTLED' || code === 'DOCFERRY_CONNECT' || code === 'DOCFERRY_TARGET'
}

export function isConflict(outcome: WriteOutcome): boolean {
  return outcome === 'skipped' || (typeof outcome === 'object' && outcome.code === 'DOCFERRY_CONFLICT')
}

/** As what ends a run; without a failure's cause, which may quote the document. */
export function asError(trouble: Trouble, collection: string): DocferryError {
  if (trouble instanceof DocferryError) return trouble
  const { message, retryAfterMs } = trouble
  const code = isOfTarget(trouble) ? trouble.code : 'DOCFERRY_TARGET'
  return new DocferryError(code, message, { collection, retryable: true, retryAfterMs })
}

/** What is said of a document that is given up. */
export function finalOutcome(trouble: Trouble): WriteFailure {
  if (!(trouble instanceof DocferryError)) {
    const { alone: _, ...outcome } = trouble
    return { ...outcome, retryable: false }
  }
  const { code, message, cause } = trouble
  return { code, message: `${message}; other calls are answered`, retryable: false, ...(cause !== undefined && { cause }) }
}
