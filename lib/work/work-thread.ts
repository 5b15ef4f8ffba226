/** A thread that does tasks one after the other. */
import { setTimeout } from 'node:timers/promises'
import type { TransferListItem, Worker } from 'node:worker_threads'
import { describeError } from '../errors.ts'

export interface WorkThreadOptions {
  readonly name: string
  readonly setup: unknown
  /** Of its young generation. Default: Node's. */
  readonly youngMb?: number
}

/** What a thread says: first that it is ready, or why it can't be, then of each task what came of it, or why nothing did. */
export type Said<Answer> = 'ready' | { readonly answer: Answer } | { readonly failure: string }

interface Waiting<Answer> {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

/** To be ended while it still loads its modules makes Node 20 abort; a thread may also load for ever. */
const loadingMs = 5_000

export class WorkThread<Task, Answer> {
  readonly #worker: Worker
  readonly #waiting: Waiting<Answer>[] = []
  #state: 'loading' | 'ready' | 'gone' = 'loading'
  #failure: string | undefined
  /** Once it is ready, or gone. */
  readonly loaded: Promise<void>
  #onLoaded: () => void = () => undefined

  /** @param file of the module that the thread is, which calls `doTasks` */
  constructor(file: URL, { name, setup, youngMb }: WorkThreadOptions) {
    // Loaded with the first one: most runs have none.
    const threads = process.getBuiltinModule('node:worker_threads')
    this.#worker = new threads.Worker(file, {
      name,
      workerData: setup,
      // Of the flags of a process some, such as --input-type, are none for a thread.
      execArgv: [],
      ...(youngMb !== undefined && { resourceLimits: { maxYoungGenerationSizeMb: youngMb } })
    })
    this.loaded = new Promise(resolve => (this.#onLoaded = resolve))
    this.#worker.unref()
    this.#worker.on('message', this.#hear)
    this.#worker.on('error', error => this.#leave(describeError(error)))
    this.#worker.on('exit', code => this.#leave(`it ended with code ${code}`))
  }

  get isReady(): boolean {
    return this.#state === 'ready'
  }

  /** Tasks that are being done, or wait. */
  get load(): number {
    return this.#waiting.length
  }

  /** Why it is gone. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** @throws where the task fails, or the thread is gone */
  run(task: Task, transfer: readonly TransferListItem[] = []): Promise<Answer> {
    if (this.#state === 'gone') return Promise.reject(new Error(this.#failure))
    this.#worker.postMessage(task, transfer)
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  /** Whatever is under way is left. */
  async close(): Promise<void> {
    this.#waiting.length = 0
    const abort = new AbortController()
    await Promise.race([this.loaded, setTimeout(loadingMs, undefined, { ref: false, signal: abort.signal }).catch(() => undefined)])
    abort.abort()
    this.#state = 'gone'
    await this.#worker.terminate()
  }

  readonly #hear = (said: Said<Answer>): void => {
    if (said === 'ready') {
      if (this.#state === 'loading') this.#state = 'ready'
      this.#onLoaded()
      return
    }
    const waiting = this.#waiting.shift()
    if ('answer' in said) waiting?.resolve(said.answer)
    else waiting?.reject(new Error(said.failure))
  }

  #leave(why: string): void {
    if (this.#state !== 'gone') this.#failure = why
    this.#state = 'gone'
    this.#onLoaded()
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(this.#failure))
  }
}

/** What a user should know of threads: why some have not worked. */
export function notesOfThreads(threads: readonly { readonly failure: string | undefined }[]): string[] {
  const failures = new Set(threads.flatMap(({ failure }) => (failure === undefined ? [] : [failure])))
  return Array.from(failures, failure => `a worker thread failed, and what it had to do was done without it: ${failure}`)
}
