/** What is said between a verification and the thread that reads its target. Plain values only: they are copied from one to the other. */
import type { DocferryError, ErrorCode, ErrorContext } from '../errors.ts'
import type { Endpoint } from '../open.ts'
import type { Environment, Logger, RejectDetails } from '../types.ts'
import type { ReadingOptions } from './read-end.ts'

/** What the thread is to do. */
export interface ThreadTask extends Pick<ReadingOptions, 'parallel' | 'maxRate' | 'maxReadUnits' | 'retry'> {
  readonly endpoint: Endpoint
  readonly environment: Environment
  readonly collections: readonly string[]
  readonly includeDesign: boolean
  readonly keepMetadata: boolean
  readonly subcollections?: boolean | undefined
  /** See `Target.keepsKinds`. */
  readonly keepsKinds: boolean
  readonly quick: boolean
  readonly sample?: number | undefined
}

/** An error without what can't be copied. */
export interface ErrorMessage extends ErrorContext {
  readonly code: ErrorCode
  readonly message: string
}

export type FromThread =
  /** Documents of a collection that were read so far. */
  | { readonly kind: 'count'; readonly collection: string; readonly documents: number }
  /** The thread waits for a word before it reads on, so that no more of these wait than a page has. */
  | { readonly kind: 'rejects'; readonly rejects: readonly { readonly collection: string; readonly details: RejectDetails }[] }
  /** `sums` are `BucketSums.bytes`. */
  | { readonly kind: 'end'; readonly collection: string; readonly documents: number; readonly sums: Uint8Array }
  | { readonly kind: 'retry'; readonly error: ErrorMessage; readonly delayMs: number }
  | { readonly kind: 'damage'; readonly error: ErrorMessage }
  | { readonly kind: 'log'; readonly level: keyof Logger; readonly context: object; readonly message: string }
  | { readonly kind: 'done' }
  /** `error` is missing for a bug. */
  | { readonly kind: 'failed'; readonly error?: ErrorMessage; readonly message: string }

/** `go on`: the rejects were taken. */
export type ToThread = 'go on' | 'stop'

export function errorMessage({ code, message, context }: DocferryError): ErrorMessage {
  return { ...context, code, message }
}
