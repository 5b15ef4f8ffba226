/** The calls that a batch is written by: when they may be made, how long they may take, and what else the target is asked. */
import { DocferryError } from '../errors.ts'
import type { Encoded, WriteOptions, WriteOutcome } from '../types.ts'
import type { BatchJob, WriteBatchOptions } from './batch-job.ts'
import type { Batch } from './blame.ts'
import type { Outgoing } from './outgoing.ts'
import { retryDelayMs, sleep } from './retry.ts'
import { withinTime } from './within-time.ts'

/** A slow line still takes this many bytes in a millisecond: what is large may take longer. */
const slowestUpload = 50

/** A call without an answer for so long is given up. Connectors have shorter limits for each request; this is for what they miss. */
const stuckMs = 300_000

/** By chance alone no batch is through with its tries before a target that restarts is back: with the default waits they last 26 s at least. */
const mostOfBound = (): number => (1 + Math.random()) / 2

/** What a write on a condition costs, whatever the condition. */
export const conditional = { onConflict: 'fail', fresh: false } as const

export class BatchCalls {
  readonly #job: BatchJob
  readonly #options: WriteBatchOptions

  constructor(job: BatchJob, options: WriteBatchOptions) {
    this.#job = job
    this.#options = options
  }

  /** Wait until so many may be sent. */
  async pace(part: readonly number[]): Promise<void> {
    const { target, collection, rate } = this.#job
    const { signal, isNew, countsUnits } = this.#options
    signal?.throwIfAborted()
    const writeUnits = countsUnits ? target.usage?.(this.#encoded(part), this.#form).writeUnits : undefined
    await this.wait(rate.waitMs({ collection, documents: part.length, writeUnits, isNew }))
  }

  /** Wait before another try. @param waits whether that is of use: where others get through, smaller parts are sent at once */
  async waitBehind(error: DocferryError, attempt: number, waits = true): Promise<void> {
    const delayMs = waits ? retryDelayMs(attempt, { ...this.#options, retryAfterMs: error.retryAfterMs, random: mostOfBound }) : 0
    this.#options.onRetry?.(error, delayMs)
    await this.wait(delayMs)
  }

  async wait(ms: number): Promise<void> {
    const { stop, signal } = this.#options
    if (ms > 0) await sleep(ms, stop ?? signal)
  }

  /** @throws what `Target.write` throws, and DOCFERRY_CONNECT where no answer comes */
  async send(part: readonly number[]): Promise<readonly WriteOutcome[]> {
    const { target, collection, batch } = this.#job
    const { onConflict, fresh, signal, send } = this.#options
    const outgoing = part.map(index => batch[index] as Outgoing)
    const write = (within: AbortSignal): Promise<readonly WriteOutcome[]> =>
      send ? send(outgoing, within) : target.write(collection, this.#encoded(part), { onConflict, fresh, signal: within })
    const bytes = outgoing.reduce((sum, { encoded }) => sum + encoded.bytes, 0)
    const ms = Math.max(stuckMs, bytes / slowestUpload)
    const results = await withinTime(write, { ms, signal, late: this.#stuckError })
    if (results.length === part.length) return results
    const { provider } = target.location
    throw new DocferryError('DOCFERRY_BUG', `the ${provider} connector answered ${results.length} outcomes for ${part.length} documents`)
  }

  /** Whether the target can be asked if it writes, and its word is enough. */
  canAsk(batch: Batch): boolean {
    const { target, rate } = this.#job
    return target.takesWrites !== undefined && rate.evidence.canAsk(batch, rate.taken)
  }

  /**
   * Ask whether the target writes at all.
   *
   * @returns `unknown` where it does not let itself be asked; else why it does not
   */
  async ask(): Promise<'writes' | 'unknown' | DocferryError> {
    const { target, collection, rate } = this.#job
    const { signal } = this.#options
    const call = rate.evidence.begin()
    const ask = (within: AbortSignal): Promise<void> => target.takesWrites!(collection, { ...this.#form, signal: within })
    try {
      await withinTime(ask, { ms: stuckMs, signal, late: this.#stuckError })
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof DocferryError)) throw error
      if (error.retryable) return error
      rate.evidence.canNotBeAsked()
      return 'unknown'
    }
    rate.evidence.wentWell(call)
    return 'writes'
  }

  /** @param index of a document that is looked up for it */
  async canBeRead(index: number): Promise<boolean> {
    const { target, collection, batch } = this.#job
    try {
      await target.get(collection, [(batch[index] as Outgoing).encoded.id], { idsOnly: true, signal: this.#options.signal })
      return true
    } catch {
      // The error of the write says what is wrong.
      return false
    }
  }

  get #form(): Pick<WriteOptions, 'onConflict' | 'fresh'> {
    const { onConflict, fresh, send, sendsBy = conditional } = this.#options
    return send ? sendsBy : { onConflict, fresh }
  }

  #encoded(part: readonly number[]): Encoded[] {
    return part.map(index => (this.#job.batch[index] as Outgoing).encoded)
  }

  readonly #stuckError = (): DocferryError => {
    const { target, collection } = this.#job
    const { provider } = target.location
    return new DocferryError('DOCFERRY_CONNECT', `writing to ${collection}: ${provider} has not answered for ${stuckMs / 60_000} minutes`, {
      provider,
      collection,
      retryable: true
    })
  }
}
