/** One batch, from documents in the target's form to what became of each: sends, and tries again what may be tried again. */
import { DocferryError } from '../errors.ts'
import { BatchCalls } from './batch-calls.ts'
import type { SendPart } from './batch-calls.ts'
import { FailedCall } from './failed-call.ts'
import type { Outgoing } from './outgoing.ts'
import { patience, PushedBack } from './pushed-back.ts'
import { RateControl } from './rate-control.ts'
import type { CallToken } from './rate-control.ts'
import { recogniseOwn } from './recognise-own.ts'
import { defaultAttempts, retryDelayMs, sleep } from './retry.ts'
import type { RetryOptions } from './retry.ts'
import { Suspects } from './suspects.ts'
import type { Suspect } from './suspects.ts'
import { failureAsError, finalOutcome, isConflict, isOfTarget } from './write-failure.ts'
import type { OnConflict, Target, WriteFailure, WriteOutcome } from '../types.ts'

/** A call under way. */
interface Call {
  readonly token: CallToken
  /** Of all calls of the run. */
  readonly number: number
  /** What the target had taken before. */
  readonly takenUntil: number
}

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

/** Calls that fail in a row before the target is asked whether it writes. */
const fewInARow = 3

/**
 * Write a batch until every document is written, skipped or has failed for good.
 *
 * Only documents that failed and may be retried are sent again, each time after a longer wait; what gets no answer goes in smaller parts, down to
 * documents that fail alone. These are suspects: they are tried again beside the others, until chance is ruled out. A call that throws may have been
 * applied in part: a conflict that a later try then meets is resolved by comparing what the target holds, so that what the run itself wrote counts
 * as written.
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

/** Documents that are sent together. */
interface Part {
  readonly indexes: readonly number[]
  /** The call without an answer that they were in before. */
  readonly from: FailedCall | undefined
}

class BatchInWriting {
  readonly #target: Target
  readonly #collection: string
  readonly #batch: readonly Outgoing[]
  readonly #options: WriteBatchOptions
  readonly #rate: RateControl
  readonly #attempts: number
  readonly #outcomes: WriteOutcome[]
  readonly #calls: BatchCalls
  readonly #pushedBack: PushedBack
  #queue: Part[]
  readonly #suspects: Suspects
  /** Documents without an outcome. */
  #left: number
  #mayBeApplied: boolean
  /** Tries in a row that got nothing any further, what had begun by the first of them, and what the target had taken. */
  #idle = 0
  #idleSince = 0
  #takenBefore = 0
  /** Calls in a row that were throttled as a whole, whatever others got done. */
  #throttled = 0
  /** How often the target took documents of the batch behind a failure. */
  #recoveries = 0

  constructor(target: Target, collection: string, batch: readonly Outgoing[], options: WriteBatchOptions) {
    const { rate = new RateControl(target.limits), attempts = defaultAttempts, mayBeApplied = false } = options
    this.#target = target
    this.#collection = collection
    this.#batch = batch
    this.#options = options
    this.#rate = rate
    this.#attempts = attempts
    this.#outcomes = new Array<WriteOutcome>(batch.length)
    this.#calls = new BatchCalls({ target, collection, batch, rate }, options)
    this.#pushedBack = new PushedBack(rate, attempts)
    this.#queue = [{ indexes: batch.map((_, index) => index), from: undefined }]
    this.#suspects = new Suspects(rate, { ...options, attempts, mostTries: patience * attempts, canAsk: () => this.#canAsk })
    this.#left = batch.length
    this.#mayBeApplied = mayBeApplied
  }

  async write(): Promise<readonly WriteOutcome[]> {
    while (this.#left > 0) {
      await this.#blame(this.#suspects.takeBlamed())
      const part = this.#takeWaiting() ?? (await this.#takeSuspect())
      if (part) await this.#call(part)
    }
    return this.#outcomes
  }

  /** What was not sent alone comes first, unless the target took something since a suspect failed whose time has come. */
  #takeWaiting(): Part | undefined {
    if (this.#suspects.isReady) return undefined
    const part = this.#queue.shift()
    if (!part) return undefined
    const most = this.#rate.batchCount
    if (part.indexes.length <= most) return part
    this.#queue.unshift({ ...part, indexes: part.indexes.slice(most) })
    return { ...part, indexes: part.indexes.slice(0, most) }
  }

  async #takeSuspect(): Promise<Part | undefined> {
    const suspect = this.#suspects.next
    if (!suspect) return undefined
    const { stop, signal } = this.#options
    const delayMs = this.#suspects.waitMs(suspect)
    if (delayMs > 0) await sleep(delayMs, stop ?? signal)
    if (this.#canAsk && !this.#rate.evidence.wentWellSince(suspect.failures.at)) {
      await this.#tryTarget()
      // It may have been the proof that was missing.
      return undefined
    }
    return { indexes: [suspect.index], from: suspect.from }
  }

  get #canAsk(): boolean {
    return this.#target.takesWrites !== undefined && this.#rate.evidence.canAsk(this.#rate.taken)
  }

  /** @throws {DocferryError} when the target takes nothing any more, or refuses */
  async #tryTarget(): Promise<void> {
    const error = await this.#calls.askTarget()
    if (!(error instanceof DocferryError)) return
    this.#rate.evidence.failedItself(1)
    this.#countIdle()
    if (this.#idle >= this.#attempts) throw error
    this.#rate.spendRetry(error)
    await this.#waitBefore(this.#idle, error)
  }

  async #call(part: Part): Promise<void> {
    await this.#calls.pace(part.indexes)
    const call = { token: this.#rate.begin(), number: this.#rate.evidence.begin(), takenUntil: this.#rate.taken }
    let results: readonly WriteOutcome[]
    try {
      results = await this.#calls.send(part.indexes)
    } catch (error) {
      this.#options.signal?.throwIfAborted()
      if (!(error instanceof DocferryError) || !error.retryable) throw error
      return await this.#withoutAnswer(call, part, error)
    }
    await this.#take(call, part, results)
  }

  /** Nothing can be said about the documents of a call: they go in smaller parts, of which another may get through first. */
  async #withoutAnswer(call: Call, part: Part, error: DocferryError): Promise<void> {
    const { indexes, from } = part
    const isBroken = error.code !== 'DOCFERRY_THROTTLED'
    for (const index of indexes) (this.#batch[index] as Outgoing).isKept = true
    this.#mayBeApplied = true
    if (isBroken && indexes.length === 1) return await this.#suspect(call, part, [error])
    this.#countIdle()
    this.#pushBack(call, error)
    if (isBroken) {
      const failed = this.#failedCall(call, part, error)
      const half = Math.ceil(indexes.length / 2)
      this.#queue.push({ indexes: indexes.slice(0, half), from: failed }, { indexes: indexes.slice(half), from: failed })
    } else {
      this.#rate.spendRetry(error)
      if (++this.#throttled >= patience * this.#attempts) throw error
      if (!this.#suspects.postpone(indexes)) this.#queue.push({ indexes, from })
    }
    await this.#goOnBehind(error)
  }

  /** A failure is the target's own where others fail with it, or else once all of its documents have been taken. */
  #pushBack(call: Call, error: DocferryError): void {
    const isBroken = error.code !== 'DOCFERRY_THROTTLED'
    const { retryAfterMs } = error
    const few = this.#canAsk ? fewInARow : 1
    if (!isBroken || this.#idle > few || retryAfterMs !== undefined) this.#rate.pushedBack(call.token, { isBroken, retryAfterMs })
  }

  #failedCall(call: Call, { indexes, from }: Part, error: DocferryError): FailedCall {
    return new FailedCall(indexes.length, from, isTargets => {
      if (!isTargets) return
      this.#rate.evidence.failedItself(1)
      this.#rate.pushedBack(call.token, { isBroken: true, retryAfterMs: error.retryAfterMs })
      this.#rate.spendRetry(error)
    })
  }

  /** Documents failed that were sent alone, or by the target's own account failed alone. */
  async #suspect(
    call: Call,
    { indexes, from }: Part,
    troubles: readonly (DocferryError | WriteFailure)[],
    tookOthers = false
  ): Promise<void> {
    const errors = troubles.map(trouble => (trouble instanceof DocferryError ? trouble : failureAsError(trouble, this.#collection)))
    const failed = indexes.map((index, at) =>
      this.#suspects.failed(index, { from, trouble: troubles[at]!, retryAfterMs: errors[at]!.retryAfterMs })
    )
    const [error] = errors as [DocferryError]
    const isNew = failed.some(each => each.isNew)
    if (!tookOthers) this.#countIdle(isNew ? undefined : Math.max(...failed.map(({ inVain }) => inVain)))
    if (troubles[0] instanceof DocferryError) this.#pushBack(call, error)
    await this.#goOnBehind(error, isNew && !tookOthers)
  }

  /** @param inVain of a suspect: how often in a row it has failed while nothing went well; several of them wait side by side */
  #countIdle(inVain?: number): void {
    if (this.#idle === 0 || this.#rate.evidence.wentWellSince(this.#idleSince)) {
      this.#idle = 0
      this.#idleSince = this.#rate.evidence.begun
      this.#takenBefore = this.#rate.taken
    }
    this.#idle = inVain === undefined ? this.#idle + 1 : Math.max(this.#idle, inVain)
  }

  /** @throws {DocferryError} where the target takes nothing any more */
  async #goOnBehind(error: DocferryError, waits = true): Promise<void> {
    const isThrottled = error.code === 'DOCFERRY_THROTTLED'
    const isOver = this.#idle >= this.#attempts
    const answer = this.#canAsk && !isThrottled && this.#idle >= fewInARow ? await this.#calls.askTarget() : 'unknown'
    if (answer === 'writes') this.#idle = 0
    else if (isOver) {
      if (answer !== 'unknown' || !(await this.#areHopeless(error))) throw error
      await this.#blame(this.#suspects.takeAll())
      this.#idle = 0
    }
    await this.#waitBefore(this.#idle, error, waits && (this.#idle > 1 || isThrottled))
  }

  /** Whether just documents are left that fail alone, of a batch that the target has taken others of in between, and it is there still. */
  async #areHopeless({ code }: DocferryError): Promise<boolean> {
    const { size } = this.#suspects
    if (code === 'DOCFERRY_THROTTLED' || size < this.#left) return false
    // Where the target answers, others of the batch need not have come behind a failure.
    const isEnough = this.#suspects.areAnswered ? size === 1 || size < this.#batch.length : this.#recoveries >= Math.min(size, 2)
    if (!isEnough) return false
    try {
      const { id } = (this.#batch[this.#suspects.next!.index] as Outgoing).encoded
      await this.#target.get(this.#collection, [id], { idsOnly: true, signal: this.#options.signal })
    } catch {
      // The error of the write says what is wrong.
      return false
    }
    // Where nothing was taken meanwhile, documents of one batch may be to blame, and not of two in a row.
    return this.#rate.taken !== this.#takenBefore || !this.#rate.doubts()
  }

  async #blame(suspects: readonly Suspect[]): Promise<void> {
    if (suspects.length === 0) return
    for (const { index, from, trouble } of suspects) {
      this.#rate.evidence.blamed()
      from?.settle(1, true)
      this.#left--
      this.#outcomes[index] = finalOutcome(trouble)
    }
    // Of some the answer may be all that was lost.
    const unanswered = suspects.filter(({ trouble }) => trouble instanceof DocferryError).map(({ index }) => index)
    if (unanswered.length > 0) await recogniseOwn(this.#target, this.#collection, this.#batch, unanswered, this.#outcomes, this.#options)
  }

  async #take(call: Call, part: Part, results: readonly WriteOutcome[]): Promise<void> {
    const { indexes, from } = part
    const again: number[] = []
    const alone: number[] = []
    const conflicts: number[] = []
    let longest: WriteFailure | undefined
    for (let position = 0; position < indexes.length; position++) {
      const index = indexes[position]!
      const outcome = results[position]!
      this.#outcomes[index] = outcome
      if (this.#mayBeApplied && isConflict(outcome)) conflicts.push(index)
      else if (typeof outcome === 'object' && outcome.retryable) {
        if (outcome.alone) {
          alone.push(index)
          continue
        }
        again.push(index)
        this.#pushedBack.failed(index, call.takenUntil)
        if ((outcome.retryAfterMs ?? 0) >= (longest?.retryAfterMs ?? 0)) longest = outcome
      }
    }
    const decided = indexes.length - again.length - alone.length
    this.#left -= decided
    this.#rate.decided(decided)
    if (decided > 0) {
      from?.settle(decided)
      if (this.#idle > 0) this.#recoveries++
      this.#throttled = 0
    }
    if (alone.length === 0) this.#cleared(call, indexes)
    if (results.includes('written')) this.#rate.evidence.wentWell(call.number)
    if (conflicts.length > 0) await recogniseOwn(this.#target, this.#collection, this.#batch, conflicts, this.#outcomes, this.#options)
    if (decided > 0) this.#idle = 0
    if (alone.length > 0) {
      const troubles = alone.map(index => this.#outcomes[index] as WriteFailure)
      await this.#suspect(call, { indexes: alone, from }, troubles, decided > 0)
    }
    if (!longest) {
      if (alone.length === 0) this.#rate.wentWell()
      return
    }
    if (isOfTarget(longest)) {
      this.#rate.pushedBack(call.token, { isBroken: false, share: again.length / indexes.length, retryAfterMs: longest.retryAfterMs })
    }
    if (decided === 0) this.#idle++
    const error = failureAsError(longest, this.#collection)
    const left = this.#giveUp(again, error)
    if (left.length < again.length) {
      this.#left -= again.length - left.length
      from?.settle(again.length - left.length, true)
    }
    if (left.length === 0) return
    this.#queue.push({ indexes: left, from })
    this.#rate.spendRetry(error)
    await this.#waitBefore(Math.max(this.#idle, 1), error)
  }

  /** Of suspects that got their answer, earlier failures were the target's. @throws {DocferryError} where these are too many for a run */
  #cleared(call: Call, indexes: readonly number[]): void {
    const cleared = this.#suspects.clear(indexes)
    if (cleared.length === 0) return
    for (const { tries } of cleared) {
      this.#rate.evidence.failedItself(tries)
      this.#rate.evidence.recovered(tries)
    }
    const { trouble } = cleared.find(suspect => suspect.trouble instanceof DocferryError) ?? cleared[0]!
    const isBroken = trouble instanceof DocferryError
    if (isBroken) this.#rate.pushedBack(call.token, { isBroken })
    const tries = cleared.reduce((sum, suspect) => sum + suspect.tries, 0)
    this.#rate.spendRetry(isBroken ? trouble : failureAsError(trouble, this.#collection), tries)
  }

  /**
   * Take out the documents that have been tried often enough.
   *
   * @returns those that are tried again
   * @throws {DocferryError} where the target takes nothing any more
   */
  #giveUp(again: readonly number[], error: DocferryError): readonly number[] {
    const isIdle = this.#idle >= this.#attempts
    const isLast = again.length === 1 && this.#left === 1
    const isAlone = isLast && this.#batch.length > 1
    const takesOthers = this.#rate.taken > this.#takenBefore
    if (isIdle && takesOthers) {
      this.#idle = Math.ceil(this.#attempts / 2)
      this.#takenBefore = this.#rate.taken
    }
    return again.filter(index => {
      const outcome = this.#outcomes[index] as WriteFailure
      const verdict = this.#pushedBack.verdict(index, outcome, { takesNothing: isIdle && !takesOthers, isLast, isAlone })
      if (verdict === "the target's") throw error
      if (verdict === 'its own') this.#outcomes[index] = { ...outcome, retryable: false }
      return verdict === 'again'
    })
  }

  /** @param waits whether that is of use: where others get through, smaller parts are sent at once */
  async #waitBefore(attempt: number, error: DocferryError, waits = true): Promise<void> {
    const { stop, signal, onRetry } = this.#options
    const delayMs = waits ? retryDelayMs(attempt, { ...this.#options, retryAfterMs: error.retryAfterMs }) : 0
    onRetry?.(error, delayMs)
    if (delayMs > 0) await sleep(delayMs, stop ?? signal)
  }
}
