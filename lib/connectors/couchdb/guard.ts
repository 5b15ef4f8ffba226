/** One request's deadline and abort. */

export interface RequestGuard {
  readonly signal: AbortSignal
  /** Wait for a step of the request, and abort it when it takes longer. */
  within<T>(step: Promise<T>, timeoutMs: number): Promise<T>
  timedOut(): boolean
  /** Give up what is not done, and let go of the signals. */
  end(): void
}

/**
 * One request's abort: by any of the signals, by its deadline, by leaving it. Time between steps, when the caller is busy, doesn't count.
 */
export function guardRequest(signals: readonly (AbortSignal | undefined)[]): RequestGuard {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  for (const signal of signals) {
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort, { once: true })
  }
  let late = false
  return {
    signal: controller.signal,
    timedOut: () => late,
    async within(step, timeoutMs) {
      const timer = setTimeout(() => {
        late = true
        abort()
      }, timeoutMs)
      try {
        return await step
      } finally {
        clearTimeout(timer)
      }
    },
    end() {
      for (const signal of signals) signal?.removeEventListener('abort', abort)
      abort()
    }
  }
}
