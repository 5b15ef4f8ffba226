/** How a run stops: the reading at once, what is in flight after a while. */
import { setMaxListeners } from 'node:events'

/** How long what is in flight may take to finish once a run was told to stop, and how long a call that was cut may take to notice. */
const graceMs = 10_000
const cutMs = 1_000

export class Halt {
  readonly #stop = new AbortController()
  readonly #cut = new AbortController()
  #grace: NodeJS.Timeout | undefined
  #afterCut: Promise<void> | undefined

  constructor() {
    // Every call in flight listens to them.
    setMaxListeners(0, this.stop, this.cut)
  }

  /** Ends the reading; what was read is still written. */
  get stop(): AbortSignal {
    return this.#stop.signal
  }

  /** Cuts what is in flight. */
  get cut(): AbortSignal {
    return this.#cut.signal
  }

  /** Stop reading now, and cut what is still in flight after a while. */
  halt(reason: unknown): void {
    if (this.#stop.signal.aborted) return
    this.#stop.abort(reason)
    this.#grace = setTimeout(() => this.#cut.abort(reason), graceMs)
  }

  /** Resolves a while after what is in flight was cut. */
  afterCut(): Promise<void> {
    // One for all who ask: there may be thousands, and most of them never learn of it.
    return (this.#afterCut ??= this.#waitForCut())
  }

  async #waitForCut(): Promise<void> {
    const { signal } = this.#cut
    if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
    await new Promise(resolve => setTimeout(resolve, cutMs).unref())
  }

  /** Nothing is in flight any more. */
  dispose(): void {
    clearTimeout(this.#grace)
  }
}
