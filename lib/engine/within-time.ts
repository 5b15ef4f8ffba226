/** Work that must come to its end in time. */

export interface TimeOptions {
  readonly ms: number
  readonly signal?: AbortSignal | undefined
  /** What is thrown when the time is over. */
  readonly late: () => Error
}

/** What is told to end is left alone after so long, whether it has noticed or not. */
const noticeMs = 1_000

/**
 * Do `work` with a signal that aborts when the time is over, or when `signal` does. What does not notice that is not waited for.
 *
 * @throws whatever `work` throws; what `late` gives, when the time is over
 */
export async function withinTime<T>(work: (signal: AbortSignal) => Promise<T>, { ms, signal, late }: TimeOptions): Promise<T> {
  signal?.throwIfAborted()
  const abort = new AbortController()
  const onAbort = (): void => abort.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  let timer: NodeJS.Timeout | undefined
  let error: Error | undefined
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      error = late()
      abort.abort(error)
      timer = setTimeout(reject, noticeMs, error)
    }, ms)
  })
  try {
    return await Promise.race([work(abort.signal), over])
  } catch (thrown) {
    throw error ?? thrown
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}
