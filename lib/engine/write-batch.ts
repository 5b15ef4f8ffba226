/** One batch, from documents in the target's form to what became of each: sends, and tries again what may be tried again. */
import { DocferryError } from '../errors.ts'
import { digestsWithoutRev, withoutRev } from './digests.ts'
import { digestsOf as digestsOfHeld, sameDigests } from './held.ts'
import { RateControl } from './rate-control.ts'
import type { CallToken } from './rate-control.ts'
import { defaultAttempts, retryDelayMs, sleep, withRetry } from './retry.ts'
import type { RetryOptions } from './retry.ts'
import type { Document, Encoded, OnConflict, Target, WriteFailure, WriteOutcome } from '../types.ts'
import type { Packed } from '../packed.ts'
import type { DocumentDigests } from '../values/index.ts'
import { withinTime } from './within-time.ts'

/** A document on its way to the target. */
export interface Outgoing {
  /** As it is to be written, for the dead letter. */
  readonly document: Document
  readonly encoded: Encoded
  /** `documentDigests` of it, where the reader knows them. */
  readonly known?: DocumentDigests | undefined
  /** Of what the target will give back, once somebody has asked for them: see `digestsOf`. */
  digests?: DocumentDigests | undefined
  /** Known without looking at the document. */
  readonly hasNoRev?: boolean
  /** What it came with, and which of these documents it is: its digests are there. */
  readonly packed?: Packed
  readonly at?: number
  /** Whether a call for it was given up, which may still look at what was to be sent. */
  isKept?: boolean
}

/** One call for a part of a batch; answers and throws as `Target.write`. */
export type SendPart = (part: readonly Outgoing[], signal: AbortSignal) => Promise<readonly WriteOutcome[]>

export interface WriteBatchOptions extends RetryOptions {
  readonly onConflict: OnConflict
  /** See `WriteOptions.fresh`. */
  readonly fresh: boolean
  /** The documents may have been written before by a run that this one goes on with. */
  readonly mayBeApplied?: boolean
  /** Whether the collection was empty when the run began. */
  readonly isNew?: boolean
  /** Shared by all batches of the run. */
  readonly rate?: RateControl
  /** Whether write units are counted. */
  readonly countsUnits?: boolean
  /** Aborting it ends waits, and not what has been sent. */
  readonly stop?: AbortSignal | undefined
  /** Told by index of each document that counts as written because the target holds its equal: who made that is not known for certain. */
  readonly onOwn?: ((index: number) => void) | undefined
  /** What is called in place of `Target.write`. */
  readonly send?: SendPart | undefined
}

/** A slow line still takes this many bytes in a millisecond: what is large may take longer. */
const slowestUpload = 50

/** A call without an answer for so long is given up. Connectors have shorter limits for each request; this is for what they miss. */
const stuckMs = 300_000

/** What a write on a condition costs, whatever the condition. */
export const conditional = { onConflict: 'fail', fresh: false } as const

/** A document is tried this many times as often as a batch that gets nowhere. */
const patience = 10

/**
 * Write a batch until every document is written, skipped or has failed for good.
 *
 * Only documents that failed and may be retried are sent again, each time after a longer wait; what gets no answer goes in smaller parts, so
 * that a document which no connection survives is found. A call that throws may have been applied in part: a conflict that a later try then
 * meets is resolved by comparing what the target holds, so that what the run itself wrote counts as written.
 *
 * Trouble of the target's is never laid upon documents: as long as it takes others, those it pushes back are sent again and again; when it takes
 * nothing any more, the call throws.
 *
 * @returns one outcome per document, by index; no failure in it is retryable any more
 * @throws {DocferryError} when the target stays out of reach or keeps asking for less, or refuses the call as a whole
 */
export async function writeBatch(
  target: Target,
  collection: string,
  batch: readonly Outgoing[],
  options: WriteBatchOptions
): Promise<readonly WriteOutcome[]> {
  return await new BatchInWriting(target, collection, batch, options).write()
}

class BatchInWriting {
  readonly #target: Target
  readonly #collection: string
  readonly #batch: readonly Outgoing[]
  readonly #options: WriteBatchOptions
  readonly #rate: RateControl
  readonly #attempts: number
  readonly #outcomes: WriteOutcome[]
  /** By index. */
  readonly #tries: number[]
  /** By index: what the target had taken before it failed for the first time. */
  readonly #takenUntilFailed: number[]
  #pending: readonly number[]
  #mayBeApplied: boolean
  /** Most documents in a call: fewer after one without an answer. */
  #most: number
  /** Tries in a row that got no document of the batch any further, and what the target had taken when they began. */
  #idle = 0
  #takenBefore = 0
  /** Whether the target has decided on any document of the batch since the last one was given up. */
  #getsOn = false

  constructor(target: Target, collection: string, batch: readonly Outgoing[], options: WriteBatchOptions) {
    const { rate = new RateControl(target.limits), attempts = defaultAttempts, mayBeApplied = false } = options
    this.#target = target
    this.#collection = collection
    this.#batch = batch
    this.#options = options
    this.#rate = rate
    this.#attempts = attempts
    this.#outcomes = new Array<WriteOutcome>(batch.length)
    this.#tries = new Array<number>(batch.length).fill(0)
    this.#takenUntilFailed = new Array<number>(batch.length).fill(0)
    this.#pending = batch.map((_, index) => index)
    this.#mayBeApplied = mayBeApplied
    this.#most = batch.length
  }

  async write(): Promise<readonly WriteOutcome[]> {
    while (this.#pending.length > 0) {
      const part = this.#pending.slice(0, Math.min(this.#most, this.#rate.batchCount))
      await this.#pace(part)
      const call = this.#rate.begin()
      const takenUntil = this.#rate.taken
      if (this.#idle === 0) this.#takenBefore = takenUntil
      let results: readonly WriteOutcome[]
      try {
        results = await this.#send(part)
      } catch (error) {
        this.#options.signal?.throwIfAborted()
        if (!(error instanceof DocferryError) || !error.retryable) throw error
        await this.#withoutAnswer(call, part, error)
        continue
      }
      await this.#take({ call, takenUntil }, part, results)
    }
    return this.#outcomes
  }

  async #pace(part: readonly number[]): Promise<void> {
    const { signal, stop, isNew, countsUnits, onConflict, fresh, send } = this.#options
    signal?.throwIfAborted()
    const writeUnits = countsUnits
      ? this.#target.usage?.(this.#encoded(part), send ? conditional : { onConflict, fresh }).writeUnits
      : undefined
    const delayMs = this.#rate.waitMs({ collection: this.#collection, documents: part.length, writeUnits, isNew })
    if (delayMs > 0) await sleep(delayMs, stop ?? signal)
  }

  #encoded(part: readonly number[]): Encoded[] {
    return part.map(index => (this.#batch[index] as Outgoing).encoded)
  }

  async #send(part: readonly number[]): Promise<readonly WriteOutcome[]> {
    const { onConflict, fresh, signal, send } = this.#options
    const { provider } = this.#target.location
    const stuck = (): DocferryError =>
      new DocferryError(
        'DOCFERRY_CONNECT',
        `writing to ${this.#collection}: ${provider} has not answered for ${stuckMs / 60_000} minutes`,
        {
          provider,
          collection: this.#collection,
          retryable: true
        }
      )
    const write = (within: AbortSignal): Promise<readonly WriteOutcome[]> =>
      send
        ? send(
            part.map(index => this.#batch[index] as Outgoing),
            within
          )
        : this.#target.write(this.#collection, this.#encoded(part), { onConflict, fresh, signal: within })
    const bytes = part.reduce((sum, index) => sum + (this.#batch[index] as Outgoing).encoded.bytes, 0)
    const ms = Math.max(stuckMs, bytes / slowestUpload)
    const results = await withinTime(write, { ms, signal, late: stuck })
    if (results.length === part.length) return results
    throw new DocferryError('DOCFERRY_BUG', `the ${provider} connector answered ${results.length} outcomes for ${part.length} documents`)
  }

  /** Nothing can be said about the documents of a call. */
  async #withoutAnswer(call: CallToken, part: readonly number[], error: DocferryError): Promise<void> {
    const isBroken = error.code !== 'DOCFERRY_THROTTLED'
    for (const index of part) (this.#batch[index] as Outgoing).isKept = true
    this.#rate.pushedBack(call, { isBroken, retryAfterMs: error.retryAfterMs })
    this.#mayBeApplied = true
    if (isBroken) this.#most = Math.ceil(part.length / 2)
    this.#idle++
    const rest = this.#without(part)
    if (this.#idle < this.#attempts) {
      // Another part may get through.
      this.#pending = [...rest, ...part]
      return await this.#waitBefore(this.#idle, error)
    }
    if (!(await this.#isHopeless(part, error))) throw error
    this.#getsOn = false
    this.#idle = 0
    this.#pending = rest
  }

  #without(part: readonly number[]): number[] {
    if (part.length === this.#pending.length) return []
    const sent = new Set(part)
    return this.#pending.filter(index => !sent.has(index))
  }

  /** Whether a single document gets no answer, while the target has taken others of its batch and is there still: the document has then failed. */
  async #isHopeless(part: readonly number[], { code, message, cause }: DocferryError): Promise<boolean> {
    if (part.length > 1 || code === 'DOCFERRY_THROTTLED' || !this.#getsOn) return false
    const [index] = part as [number]
    try {
      const { id } = (this.#batch[index] as Outgoing).encoded
      await this.#target.get(this.#collection, [id], { idsOnly: true, signal: this.#options.signal })
    } catch {
      // The error of the write says what is wrong.
      return false
    }
    // Where nothing was taken meanwhile, one document may be to blame, and not two in a row.
    if (this.#rate.taken === this.#takenBefore && this.#rate.doubts()) return false
    this.#outcomes[index] = {
      code,
      message: `${message}; other calls are answered`,
      retryable: false,
      ...(cause !== undefined && { cause })
    }
    return true
  }

  async #take(
    { call, takenUntil }: { readonly call: CallToken; readonly takenUntil: number },
    part: readonly number[],
    results: readonly WriteOutcome[]
  ): Promise<void> {
    const again: number[] = []
    const conflicts: number[] = []
    let longest: WriteFailure | undefined
    for (let position = 0; position < part.length; position++) {
      const index = part[position]!
      const outcome = results[position]!
      this.#outcomes[index] = outcome
      if (this.#mayBeApplied && isConflict(outcome)) conflicts.push(index)
      else if (typeof outcome === 'object' && outcome.retryable) {
        again.push(index)
        if (this.#tries[index]!++ === 0) this.#takenUntilFailed[index] = takenUntil
        if ((outcome.retryAfterMs ?? 0) >= (longest?.retryAfterMs ?? 0)) longest = outcome
      }
    }
    this.#rate.decided(part.length - again.length)
    if (again.length < part.length) this.#getsOn = true
    if (conflicts.length > 0) await recogniseOwn(this.#target, this.#collection, this.#batch, conflicts, this.#outcomes, this.#options)
    const rest = this.#without(part)
    if (!longest) {
      this.#rate.wentWell()
      this.#most = Math.min(this.#batch.length, this.#most * 2)
      this.#idle = 0
      this.#pending = rest
      return
    }
    if (isOfTarget(longest)) {
      this.#rate.pushedBack(call, { isBroken: false, share: again.length / part.length, retryAfterMs: longest.retryAfterMs })
    }
    this.#idle = again.length < part.length ? 0 : this.#idle + 1
    const error = failureAsError(longest, this.#collection)
    const left = this.#giveUp(again, rest, error)
    this.#pending = [...rest, ...left]
    if (left.length > 0) await this.#waitBefore(Math.max(this.#idle, 1), error)
  }

  /**
   * Take out the documents that have been tried often enough.
   *
   * @returns those that are tried again
   * @throws {DocferryError} where the target takes nothing any more
   */
  #giveUp(again: readonly number[], rest: readonly number[], error: DocferryError): readonly number[] {
    const isIdle = this.#idle >= this.#attempts
    const isLast = again.length === 1 && rest.length === 0
    const isAlone = isLast && this.#batch.length > 1
    const takesOthers = this.#rate.taken > this.#takenBefore
    if (isIdle && takesOthers) {
      this.#idle = Math.ceil(this.#attempts / 2)
      this.#takenBefore = this.#rate.taken
    }
    const takesNothing = isIdle && !takesOthers
    return again.filter(index => {
      const outcome = this.#outcomes[index] as WriteFailure
      const tries = this.#tries[index] as number
      if (isOfTarget(outcome)) {
        if (tries < patience * this.#attempts && !takesNothing) return true
        if (takesNothing && !isAlone) throw error
      } else {
        // Of what the server breaks on without a word, documents are to blame only where it takes others.
        const isInDoubt = outcome.code === 'DOCFERRY_REFUSED' && this.#rate.taken === this.#takenUntilFailed[index]
        if (tries < this.#attempts && !(isInDoubt && takesNothing)) return true
        if (isInDoubt && (!isLast || this.#rate.doubts())) throw error
      }
      this.#outcomes[index] = { ...outcome, retryable: false }
      return false
    })
  }

  async #waitBefore(attempt: number, error: DocferryError): Promise<void> {
    const { stop, signal, onRetry } = this.#options
    this.#rate.spendRetry(error)
    const delayMs = retryDelayMs(attempt, { ...this.#options, retryAfterMs: error.retryAfterMs })
    onRetry?.(error, delayMs)
    await sleep(delayMs, stop ?? signal)
  }
}

/** Whether a document's failure says something of the target's state and nothing of the document. */
function isOfTarget({ code }: WriteFailure): boolean {
  return code === 'DOCFERRY_THROTTLED' || code === 'DOCFERRY_CONNECT' || code === 'DOCFERRY_TARGET'
}

function isConflict(outcome: WriteOutcome): boolean {
  return outcome === 'skipped' || (typeof outcome === 'object' && outcome.code === 'DOCFERRY_CONFLICT')
}

/** Without the cause, which may quote the document. */
function failureAsError(failure: WriteFailure, collection: string): DocferryError {
  const { message, retryAfterMs } = failure
  const code = isOfTarget(failure) ? failure.code : 'DOCFERRY_TARGET'
  return new DocferryError(code, message, { collection, retryable: true, retryAfterMs })
}

/** Conflicts with documents that equal ours: an earlier try wrote them. */
async function recogniseOwn(
  target: Target,
  collection: string,
  batch: readonly Outgoing[],
  conflicts: readonly number[],
  outcomes: WriteOutcome[],
  options: WriteBatchOptions
): Promise<void> {
  const ids = conflicts.map(index => (batch[index] as Outgoing).encoded.id)
  const held = await withRetry(() => target.get(collection, ids, { signal: options.signal }), options)
  if (held === null) return
  const digests = new Map(held.map(document => [document._id, digestsOfHeld(target, withoutRev(document))]))
  for (const index of conflicts) {
    const outgoing = batch[index] as Outgoing
    const theirs = digests.get(outgoing.encoded.id)
    if (!theirs || !sameDigests(theirs, digestsWithoutRev(target, collection, outgoing))) continue
    outcomes[index] = 'written'
    options.onOwn?.(index)
  }
}
