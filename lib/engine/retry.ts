/** Trying again: when, how long to wait, and when to give up. */
import { setTimeout as sleepTimeout } from 'node:timers/promises'
import { DocferryError } from '../errors.ts'

/** With the default waits, about half a minute in all. */
export const defaultAttempts = 12

export interface RetryOptions {
  readonly signal?: AbortSignal
  /** How often in all, the first try included. Default `defaultAttempts`. */
  readonly attempts?: number
  /** Upper bound of the first wait; it doubles with each try. Default 100. */
  readonly baseMs?: number
  /** Upper bound of every wait that the service has not asked for. Default 10,000. */
  readonly capMs?: number
  /** Told each failure that may be tried again: whether it is enough, though tries are left. */
  readonly givesUp?: (error: DocferryError) => boolean
  /** Called before each wait. */
  readonly onRetry?: (error: DocferryError, delayMs: number) => void
}

/** The longest wait that a service may ask for. */
export const mostAskedMs = 300_000

/**
 * How long to wait before try number `attempt + 1`: full jitter below an exponential bound, and never less than the service asks for
 * (up to `mostAskedMs`).
 *
 * @param attempt tries made so far, from 1
 */
export function retryDelayMs(
  attempt: number,
  options: Pick<RetryOptions, 'baseMs' | 'capMs'> & { readonly retryAfterMs?: number; readonly random?: () => number } = {}
): number {
  const { baseMs = 100, capMs = 10_000, retryAfterMs = 0, random = Math.random } = options
  const bound = Math.min(capMs, baseMs * 2 ** (attempt - 1))
  return Math.max(Math.min(retryAfterMs, mostAskedMs), Math.round(bound * random()))
}

/** Wait, or throw the signal's reason as soon as it aborts. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleepTimeout(ms, undefined, { signal })
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}

/** Errors after which somebody has given up already. */
const exhausted = new WeakSet<DocferryError>()

/**
 * Do `work` until it succeeds, throws something that is not retryable, or the tries are used up: the last error is then thrown. Where `work`
 * itself tries again, its tries count: what it has given up is given up.
 *
 * @param work gets the number of the try, from 1
 */
export async function withRetry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { attempts = defaultAttempts, signal, givesUp, onRetry } = options
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted()
    try {
      return await work(attempt)
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof DocferryError) || !error.retryable || exhausted.has(error)) throw error
      if (attempt >= attempts || givesUp?.(error)) {
        exhausted.add(error)
        throw error
      }
      const delayMs = retryDelayMs(attempt, { ...options, retryAfterMs: error.retryAfterMs })
      onRetry?.(error, delayMs)
      await sleep(delayMs, signal)
    }
  }
}
