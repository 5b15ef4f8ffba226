/** The calls that a batch is written by: when they may be made, how long they may take, and what else the target is asked. */
import { DocferryError } from '../errors.ts'
import type { Encoded, Target, WriteOutcome } from '../types.ts'
import type { Outgoing } from './outgoing.ts'
import type { RateControl } from './rate-control.ts'
import { sleep } from './retry.ts'
import { withinTime } from './within-time.ts'
import type { WriteBatchOptions } from './write-batch.ts'

/** One call for a part of a batch; answers and throws as `Target.write`. */
export type SendPart = (part: readonly Outgoing[], signal: AbortSignal) => Promise<readonly WriteOutcome[]>

/** A slow line still takes this many bytes in a millisecond: what is large may take longer. */
const slowestUpload = 50

/** A call without an answer for so long is given up. Connectors have shorter limits for each request; this is for what they miss. */
const stuckMs = 300_000

/** What a write on a condition costs, whatever the condition. */
export const conditional = { onConflict: 'fail', fresh: false } as const

export interface BatchParts {
  readonly target: Target
  readonly collection: string
  readonly batch: readonly Outgoing[]
  readonly rate: RateControl
}

export class BatchCalls {
  readonly #target: Target
  readonly #collection: string
  readonly #batch: readonly Outgoing[]
  readonly #options: WriteBatchOptions
  readonly #rate: RateControl

  constructor({ target, collection, batch, rate }: BatchParts, options: WriteBatchOptions) {
    this.#target = target
    this.#collection = collection
    this.#batch = batch
    this.#options = options
    this.#rate = rate
  }

  /** Wait until so many may be sent. */
  async pace(part: readonly number[]): Promise<void> {
    const { signal, stop, isNew, countsUnits, onConflict, fresh, send } = this.#options
    signal?.throwIfAborted()
    const writeUnits = countsUnits
      ? this.#target.usage?.(this.#encoded(part), send ? conditional : { onConflict, fresh }).writeUnits
      : undefined
    const delayMs = this.#rate.waitMs({ collection: this.#collection, documents: part.length, writeUnits, isNew })
    if (delayMs > 0) await sleep(delayMs, stop ?? signal)
  }

  /** @throws what `Target.write` throws, and DOCFERRY_CONNECT where no answer comes */
  async send(part: readonly number[]): Promise<readonly WriteOutcome[]> {
    const { onConflict, fresh, signal, send } = this.#options
    const write = (within: AbortSignal): Promise<readonly WriteOutcome[]> =>
      send
        ? send(
            part.map(index => this.#batch[index] as Outgoing),
            within
          )
        : this.#target.write(this.#collection, this.#encoded(part), { onConflict, fresh, signal: within })
    const bytes = part.reduce((sum, index) => sum + (this.#batch[index] as Outgoing).encoded.bytes, 0)
    const ms = Math.max(stuckMs, bytes / slowestUpload)
    const results = await withinTime(write, { ms, signal, late: this.#stuckError })
    if (results.length === part.length) return results
    const { provider } = this.#target.location
    throw new DocferryError('DOCFERRY_BUG', `the ${provider} connector answered ${results.length} outcomes for ${part.length} documents`)
  }

  /**
   * Ask whether the target writes at all.
   *
   * @returns `unknown` where it does not let itself be asked; else why it does not
   */
  async askTarget(): Promise<'writes' | 'unknown' | DocferryError> {
    const { signal } = this.#options
    const { evidence } = this.#rate
    const call = evidence.begin()
    try {
      await withinTime(within => this.#target.takesWrites!(this.#collection, { signal: within }), {
        ms: stuckMs,
        signal,
        late: this.#stuckError
      })
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof DocferryError)) throw error
      if (error.retryable) return error
      evidence.canNotBeAsked()
      return 'unknown'
    }
    evidence.wentWell(call)
    return 'writes'
  }

  #encoded(part: readonly number[]): Encoded[] {
    return part.map(index => (this.#batch[index] as Outgoing).encoded)
  }

  readonly #stuckError = (): DocferryError => {
    const { provider } = this.#target.location
    return new DocferryError(
      'DOCFERRY_CONNECT',
      `writing to ${this.#collection}: ${provider} has not answered for ${stuckMs / 60_000} minutes`,
      { provider, collection: this.#collection, retryable: true }
    )
  }
}
