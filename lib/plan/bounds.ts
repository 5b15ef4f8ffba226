/** What bounds a run. */
import type { FailureLimit } from '../report.ts'

/** Kept with the run, and asked again when it goes on, unless others are given. */
export interface Bounds {
  /** Most documents a second that are sent to the target. */
  readonly maxRate?: number
  /** Most write units a second of a target, and read units a second of a source, that count them (DynamoDB). */
  readonly maxWriteUnits?: number
  readonly maxReadUnits?: number
  /** Most tries beyond the first, over the whole run. Default: 1,000, or twice the batches written where that is more. */
  readonly maxRetries?: number
  /** The run ends, and can be continued, when more documents than this have failed. Default: any number may fail. */
  readonly maxFailures?: FailureLimit
}

/** Those that were given. */
export function boundsOf({ maxRate, maxWriteUnits, maxReadUnits, maxRetries, maxFailures }: Bounds): Bounds {
  const all = { maxRate, maxWriteUnits, maxReadUnits, maxRetries, maxFailures }
  return Object.fromEntries(Object.entries(all).filter(([, bound]) => bound !== undefined))
}
