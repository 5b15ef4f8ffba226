import type { AnswerStream } from './client.ts'
import { DirectAnswers } from './direct-answers.ts'
import { grpcCode, type GrpcError } from './errors.ts'

/** A page also ends at so many bytes, so that memory is bounded whatever the documents' size. */
const maxPageBytes = 4 * 1_048_576

export interface PageOfItems<Item> {
  readonly documents: Item[]
  readonly bytes: number
}

interface PageStreamOptions {
  /** Most documents in a page. */
  readonly pageSize: number
  /** How long the server may be silent while a page is waited for. */
  readonly idleTimeoutMs: number
}

interface Waiter {
  settle(): void
}

/** What is wrong with an answer, in the form of a gRPC error, which may be retried. */
class BrokenAnswer extends Error implements GrpcError {
  readonly code: number
  readonly details: string
  constructor(code: number, details: string) {
    super(details)
    this.code = code
    this.details = details
  }
}

/**
 * Cuts a stream of answers into pages. One page is read ahead while the caller is busy with the one before; then the stream stands still,
 * and with it, through HTTP/2's flow control, the server.
 */
export class PageStream<Item> {
  readonly #call: AnswerStream
  readonly #answers: DirectAnswers
  readonly #decode: (bytes: Buffer) => Item | undefined
  readonly #options: PageStreamOptions
  readonly #ready: PageOfItems<Item>[] = []
  #items: Item[] = []
  #bytes = 0
  /** Answers so far, which tells whether the server is still there. */
  #count = 0
  #complete = false
  #ended = false
  #closed = false
  #error: unknown
  #waiter: Waiter | undefined

  /** @param decode an answer's item, if it has one */
  constructor(call: AnswerStream, decode: (bytes: Buffer) => Item | undefined, options: PageStreamOptions) {
    this.#call = call
    this.#decode = decode
    this.#options = options
    this.#answers = new DirectAnswers(call, bytes => this.#take(bytes))
    call.on('error', error => this.#fail(error))
    // An end counts only together with the server's word that all went well.
    call.on('status', (status: { readonly code: number }) => {
      this.#complete = status.code === grpcCode.ok
      this.#finish()
    })
    call.on('end', () => {
      this.#ended = true
      if (!this.#answers.isWhole) this.#fail(new BrokenAnswer(grpcCode.internal, 'an answer was cut'))
      this.#finish()
    })
  }

  /**
   * The next page, never empty; `undefined` at the end. What came before an error is given out first.
   *
   * @throws the call's error, undisguised; the signal's reason
   */
  async next(signal?: AbortSignal): Promise<PageOfItems<Item> | undefined> {
    signal?.throwIfAborted()
    if (!this.#settled) await this.#wait(signal)
    signal?.throwIfAborted()
    const page = this.#ready.shift()
    if (page !== undefined) this.#answers.resume()
    else if (this.#error !== undefined) throw this.#error
    return page
  }

  /** Stop the server; what it still sends is dropped. */
  close(): void {
    this.#closed = true
    this.#call.cancel()
  }

  get #settled(): boolean {
    return this.#ready.length > 0 || this.#error !== undefined || (this.#ended && this.#complete)
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    const { idleTimeoutMs } = this.#options
    let seen = this.#count
    const watch = setInterval(() => {
      if (this.#count === seen) this.#fail(new BrokenAnswer(grpcCode.deadlineExceeded, `no answer for ${idleTimeoutMs / 1000} s`))
      seen = this.#count
    }, idleTimeoutMs)
    const { promise, settle } = waiter()
    this.#waiter = { settle }
    signal?.addEventListener('abort', settle, { once: true })
    try {
      await promise
    } finally {
      clearInterval(watch)
      signal?.removeEventListener('abort', settle)
      this.#waiter = undefined
    }
  }

  #take(bytes: Buffer): void {
    if (this.#closed || this.#error !== undefined) return
    this.#count++
    let item: Item | undefined
    try {
      item = this.#decode(bytes)
    } catch (error) {
      this.#fail(error)
      return
    }
    if (item === undefined) return
    this.#items.push(item)
    this.#bytes += bytes.length
    if (this.#items.length >= this.#options.pageSize || this.#bytes >= maxPageBytes) this.#flush()
  }

  #flush(): void {
    if (this.#items.length === 0) return
    this.#ready.push({ documents: this.#items, bytes: this.#bytes })
    this.#items = []
    this.#bytes = 0
    this.#answers.pause()
    this.#waiter?.settle()
  }

  #finish(): void {
    if (!this.#ended || !this.#complete) return
    this.#flush()
    this.#waiter?.settle()
  }

  #fail(error: unknown): void {
    if (this.#closed || this.#error !== undefined) return
    this.#error = error
    this.#flush()
    this.#waiter?.settle()
  }
}

function waiter(): { promise: Promise<void>; settle: () => void } {
  let settle!: () => void
  const promise = new Promise<void>(resolve => {
    settle = resolve
  })
  return { promise, settle }
}
