/**
 * Ends a call that nobody waits for any more, or that takes too long. To the SDK's transport it is a signal of the plain kind, with `onabort`: one with
 * listeners, made and listened to for each request, costs as much as signing it.
 */
export class CallLimit {
  aborted = false
  reason: unknown
  /** Set by the transport. */
  onabort: (() => void) | null = null
  readonly #signal: AbortSignal | undefined
  readonly #timer: NodeJS.Timeout
  readonly #giveUp = (): void => this.#end(this.#signal?.reason)
  #stopAnswer: (() => void) | undefined
  #controller: AbortController | undefined

  /** @param tooLate what is the reason then */
  constructor(signal: AbortSignal | undefined, timeoutMs: number, tooLate: () => Error) {
    this.#signal = signal
    signal?.addEventListener('abort', this.#giveUp, { once: true })
    this.#timer = setTimeout(() => this.#end(tooLate()), timeoutMs)
  }

  /** For those who listen. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.aborted) this.#controller.abort(this.reason)
    return this.#controller.signal
  }

  /** @param stop has the answer that now comes end */
  watchAnswer(stop: () => void): void {
    if (this.aborted) stop()
    else this.#stopAnswer = stop
  }

  /** It has ended, and is not to be told of anything. */
  close(): void {
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#giveUp)
  }

  #end(reason: unknown): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    this.onabort?.()
    this.#controller?.abort(reason)
    this.#stopAnswer?.()
  }
}
