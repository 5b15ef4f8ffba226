/** A reader that stands still is left, and another one goes on from its last page. */
import { DocferryError } from '../errors.ts'
import type { Page, Partition, ReadOptions, Source } from '../types.ts'

export interface WatchOptions extends ReadOptions {
  /** How long a reader may give no sign: no page, and no word of another try. Connectors have shorter limits for each request; this is for what they miss. */
  readonly stallMs: number
}

/** Readers in a row that give no page. */
const attempts = 3

/**
 * Read a partition as `Source.read` does.
 *
 * @throws {DocferryError} DOCFERRY_CONNECT where several readers in a row stand still
 */
export async function* watchReader(source: Source, partition: Partition, { stallMs, ...options }: WatchOptions): AsyncGenerator<Page> {
  let { after } = options
  for (let stalls = 0; ;) {
    const reader = new WatchedReader(source, partition, { ...options, after }, stallMs)
    try {
      for (;;) {
        const page = await reader.next()
        if (page === undefined) return
        after = page.cursor
        stalls = 0
        yield page
      }
    } catch (error) {
      if (!reader.isStalled || ++stalls >= attempts) throw error
      options.onRetry?.(error as DocferryError, 0)
    } finally {
      reader.leave()
    }
  }
}

class WatchedReader {
  isStalled = false
  readonly #pages: AsyncIterator<Page>
  readonly #partition: Partition
  readonly #provider: string
  readonly #stallMs: number
  readonly #abort = new AbortController()
  readonly #outer: AbortSignal | undefined
  readonly #onOuter = (): void => this.#abort.abort(this.#outer?.reason)
  /** Words of another try so far. */
  #signs = 0

  constructor(source: Source, partition: Partition, options: ReadOptions, stallMs: number) {
    const { signal, onRetry } = options
    this.#outer = signal
    if (signal?.aborted) this.#onOuter()
    signal?.addEventListener('abort', this.#onOuter, { once: true })
    const counted: ReadOptions['onRetry'] = (error, delayMs) => {
      this.#signs++
      onRetry?.(error, delayMs)
    }
    this.#pages = source.read(partition, { ...options, signal: this.#abort.signal, onRetry: counted })[Symbol.asyncIterator]()
    this.#partition = partition
    this.#provider = source.location.provider
    this.#stallMs = stallMs
  }

  async next(): Promise<Page | undefined> {
    const next = this.#pages.next()
    let timer: NodeJS.Timeout | undefined
    const stalled = new Promise<never>((_, reject) => {
      let signs = this.#signs
      timer = setInterval(() => {
        if (this.#signs === signs) reject(this.#stall())
        signs = this.#signs
      }, this.#stallMs)
    })
    try {
      const { done, value } = await Promise.race([next, stalled])
      return done ? undefined : value
    } finally {
      clearInterval(timer)
    }
  }

  #stall(): DocferryError {
    this.isStalled = true
    const message = `reading ${this.#partition.id}: ${this.#provider} has given nothing for ${Math.round(this.#stallMs / 1_000)} s`
    const error = new DocferryError('DOCFERRY_CONNECT', message, { provider: this.#provider, retryable: true })
    this.#abort.abort(error)
    return error
  }

  leave(): void {
    this.#outer?.removeEventListener('abort', this.#onOuter)
    this.#abort.abort(new DocferryError('DOCFERRY_INTERRUPTED', 'the reader was left'))
    // One that stands still never comes back from this.
    this.#pages.return?.().catch(() => undefined)
  }
}
