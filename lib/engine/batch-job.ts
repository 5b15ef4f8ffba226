/** What a batch is written by: where it goes, and what the run wants of it. */
import type { OnConflict, Target, WriteOptions, WriteOutcome } from '../types.ts'
import type { Outgoing } from './outgoing.ts'
import type { RateControl } from './rate-control.ts'
import type { RetryOptions } from './retry.ts'

/** One call for a part of a batch; answers and throws as `Target.write`. */
export type SendPart = (part: readonly Outgoing[], signal: AbortSignal) => Promise<readonly WriteOutcome[]>

export interface WriteBatchOptions extends RetryOptions {
  readonly onConflict: OnConflict
  /** See `WriteOptions.fresh`. */
  readonly fresh: boolean
  /** The documents may have been written before by a run that this one goes on with. */
  readonly mayBeApplied?: boolean
  /** Whether the collection was empty when the run began. */
  readonly isNew?: boolean
  /** Shared by all batches of the run. */
  readonly rate?: RateControl
  /** Whether write units are counted. */
  readonly countsUnits?: boolean
  /** Aborting it ends waits, and not what has been sent. */
  readonly stop?: AbortSignal | undefined
  /**
   * Told by index of each document that counts as written because the target holds its equal: who made that is not known for certain. With `wasSent`
   * a call in this writing may have; without, at most another process of the run, before it was stopped.
   */
  readonly onOwn?: ((index: number, wasSent: boolean) => void) | undefined
  /** What is called in place of `Target.write`. */
  readonly send?: SendPart | undefined
  /** How that writes, as far as it is known. Default: on a condition. */
  readonly sendsBy?: Pick<WriteOptions, 'onConflict' | 'fresh'> | undefined
}

export interface BatchJob {
  readonly target: Target
  readonly collection: string
  readonly batch: readonly Outgoing[]
  readonly rate: RateControl
}
