/** What a single document's failure to be written means. */
import { DocferryError } from '../errors.ts'
import type { WriteFailure, WriteOutcome } from '../types.ts'

/** Whether a document's failure says something of the target's state and nothing of the document. */
export function isOfTarget({ code }: WriteFailure): boolean {
  return code === 'DOCFERRY_THROTTLED' || code === 'DOCFERRY_CONNECT' || code === 'DOCFERRY_TARGET'
}

export function isConflict(outcome: WriteOutcome): boolean {
  return outcome === 'skipped' || (typeof outcome === 'object' && outcome.code === 'DOCFERRY_CONFLICT')
}

/** Without the cause, which may quote the document. */
export function failureAsError(failure: WriteFailure, collection: string): DocferryError {
  const { message, retryAfterMs } = failure
  const code = isOfTarget(failure) ? failure.code : 'DOCFERRY_TARGET'
  return new DocferryError(code, message, { collection, retryable: true, retryAfterMs })
}

/** What is said of a document that is given up. */
export function finalOutcome(trouble: DocferryError | WriteFailure): WriteFailure {
  if (!(trouble instanceof DocferryError)) {
    const { alone: _, ...outcome } = trouble
    return { ...outcome, retryable: false }
  }
  const { code, message, cause } = trouble
  return { code, message: `${message}; other calls are answered`, retryable: false, ...(cause !== undefined && { cause }) }
}
