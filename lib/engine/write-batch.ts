/** One batch, from documents in the target's form to what became of each: sends, and tries again what may be tried again. */
import { DocferryError } from '../errors.ts'
import { readAnswer } from './answer.ts'
import { BatchCalls } from './batch-calls.ts'
import type { BatchJob, WriteBatchOptions } from './batch-job.ts'
import type { Batch } from './blame.ts'
import { FailedCall } from './failed-call.ts'
import type { Outgoing } from './outgoing.ts'
import { PushedBack } from './pushed-back.ts'
import { fewDoubted, RateControl } from './rate-control.ts'
import type { CallToken } from './rate-control.ts'
import { recogniseOwn } from './recognise-own.ts'
import { defaultAttempts } from './retry.ts'
import { patience, Standstill } from './standstill.ts'
import { Suspects } from './suspects.ts'
import type { Suspect } from './suspects.ts'
import { WaitingParts } from './waiting-parts.ts'
import type { Part } from './waiting-parts.ts'
import { asError, finalOutcome, isOfTarget } from './write-failure.ts'
import type { Trouble } from './write-failure.ts'
import type { Target, WriteFailure, WriteOutcome } from '../types.ts'

/** Calls that fail in a row before the target is asked whether it writes. */
const fewInARow = 3

/**
 * Write a batch until every document is written, skipped or has failed for good.
 *
 * Only documents that failed and may be retried are sent again, each time after a longer wait; what gets no answer goes in smaller parts, down to
 * documents that fail alone. These are suspects: they are tried again beside the others, until chance is ruled out. A call that throws may have been
 * applied in part, and a document that is said to have failed may be written: a conflict that a later try then meets is resolved by comparing what the
 * target holds, so that what the run itself wrote counts as written.
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
  const { rate = new RateControl(target.limits) } = options
  return await new BatchInWriting({ target, collection, batch, rate }, options).write()
}

/** A call under way. */
interface Call {
  readonly part: Part
  readonly token: CallToken
  /** Of all calls of the run. */
  readonly number: number
  /** What the target had taken before. */
  readonly takenUntil: number
}

class BatchInWriting implements Batch {
  /** Documents without an outcome. */
  left: number
  /** Documents that were given up for their own sake. */
  blamed = 0
  readonly #job: BatchJob
  readonly #options: WriteBatchOptions
  readonly #rate: RateControl
  readonly #calls: BatchCalls
  readonly #standstill: Standstill
  readonly #pushedBack: PushedBack
  readonly #suspects: Suspects
  readonly #waiting: WaitingParts
  readonly #outcomes: WriteOutcome[]
  /** Calls that broke, and behind which documents of the batch were taken. */
  #brokenBetween = 0
  #hasBroken = false
  /** Whether a call may have written documents without saying so: one of this writing, or of an earlier process too. */
  #wasSent = false
  readonly #wasSentBefore: boolean

  constructor(job: BatchJob, options: WriteBatchOptions) {
    const { attempts = defaultAttempts, mayBeApplied = false } = options
    const { collection, batch, rate } = job
    this.#job = job
    this.#options = options
    this.#rate = rate
    this.#calls = new BatchCalls(job, options)
    this.#standstill = new Standstill(rate, attempts)
    this.#pushedBack = new PushedBack(rate, attempts, this.#standstill)
    const mostTries = patience * attempts
    this.#suspects = new Suspects(rate, { ...options, collection, attempts, mostTries, canAsk: () => this.#canAsk })
    this.#waiting = new WaitingParts(batch.length)
    this.#outcomes = new Array<WriteOutcome>(batch.length)
    this.left = batch.length
    this.#wasSentBefore = mayBeApplied
  }

  async write(): Promise<readonly WriteOutcome[]> {
    const { blame } = this.#rate.evidence
    blame.begin(this)
    try {
      while (this.left > 0) {
        await this.#blame(this.#suspects.takeBlamed())
        // What was not sent alone comes first, unless the target took something since a suspect failed whose time has come.
        const part = (!this.#suspects.isReady && this.#waiting.take(this.#rate.batchCount)) || (await this.#takeSuspect())
        if (part) await this.#send(part)
      }
    } finally {
      blame.end(this)
    }
    return this.#outcomes
  }

  get #canAsk(): boolean {
    return this.#calls.canAsk(this)
  }

  async #takeSuspect(): Promise<Part | undefined> {
    const suspect = this.#suspects.next
    if (!suspect) return undefined
    await this.#calls.wait(this.#suspects.waitMs(suspect))
    if (this.#canAsk && !this.#rate.evidence.wentWellSince(suspect.failures.at)) {
      await this.#tryTarget()
      // It may have been the proof that was missing.
      return undefined
    }
    return { indexes: [suspect.index], from: suspect.from }
  }

  /** @throws {DocferryError} when the target takes nothing any more, or refuses */
  async #tryTarget(): Promise<void> {
    const error = await this.#calls.ask()
    if (!(error instanceof DocferryError)) return
    this.#rate.evidence.failedItself(1)
    this.#standstill.triedInVain()
    if (this.#standstill.isOver) throw error
    this.#rate.spendRetry(error)
    await this.#calls.waitBehind(error, this.#standstill.tries)
  }

  async #send(part: Part): Promise<void> {
    await this.#calls.pace(part.indexes)
    const call = { part, token: this.#rate.begin(), number: this.#rate.evidence.begin(), takenUntil: this.#rate.taken }
    let results: readonly WriteOutcome[]
    try {
      results = await this.#calls.send(part.indexes)
    } catch (error) {
      this.#options.signal?.throwIfAborted()
      if (!(error instanceof DocferryError) || !error.retryable) throw error
      return await this.#withoutAnswer(call, error)
    }
    await this.#take(call, results)
  }

  async #take(call: Call, results: readonly WriteOutcome[]): Promise<void> {
    const { indexes, from } = call.part
    const { decided, doubted, again, longest, alone, mayBeApplied } = readAnswer(indexes, results, this.#wasSentBefore || this.#wasSent)
    this.#wasSent ||= mayBeApplied
    for (const [at, index] of indexes.entries()) this.#outcomes[index] = results[at]!
    this.left -= decided
    this.#rate.decided(decided)
    if (decided > 0) {
      from?.settle(decided)
      this.#standstill.gotFurther()
      if (this.#hasBroken) this.#brokenBetween++
      this.#hasBroken = false
    }
    if (alone.length === 0) this.#suspects.clear(indexes, call.token)
    if (results.includes('written')) this.#rate.evidence.wrote(call.number)
    await recogniseOwn(this.#job, doubted, this.#outcomes, this.#options, this.#wasSent)
    const failures = alone.map(index => this.#outcomes[index] as WriteFailure)
    if (alone.length > 0) await this.#suspect(call, alone, failures, decided > 0)
    if (longest) await this.#takePushedBack(call, again, longest, decided > 0)
    else if (alone.length === 0) this.#rate.wentWell()
  }

  /** @param longest what asks for the longest wait */
  async #takePushedBack(call: Call, again: readonly number[], longest: WriteFailure, tookOthers: boolean): Promise<void> {
    const { part, token, takenUntil } = call
    this.#pushedBack.failed(again, takenUntil)
    if (isOfTarget(longest)) {
      this.#rate.pushedBack(token, { isBroken: false, share: again.length / part.indexes.length, retryAfterMs: longest.retryAfterMs })
    }
    if (!tookOthers) this.#standstill.answeredInVain()
    const error = asError(longest, this.#job.collection)
    const left = this.#pushedBack.giveUp(again, this.#outcomes, { size: this.#outcomes.length, left: this.left }, error)
    if (left.length < again.length) {
      this.left -= again.length - left.length
      part.from?.settle(again.length - left.length, true)
    }
    if (left.length === 0) return
    this.#waiting.add({ indexes: left, from: part.from })
    this.#rate.spendRetry(error)
    await this.#calls.waitBehind(error, Math.max(this.#standstill.tries, 1))
  }

  /** Nothing can be said about the documents of a call: they go in smaller parts, of which another may get through first. */
  async #withoutAnswer(call: Call, error: DocferryError): Promise<void> {
    const { indexes, from } = call.part
    const isBroken = error.code !== 'DOCFERRY_THROTTLED'
    for (const index of indexes) (this.#job.batch[index] as Outgoing).isKept = true
    this.#wasSent = true
    this.#hasBroken ||= isBroken
    if (isBroken && indexes.length === 1) return await this.#suspect(call, indexes, [error])
    this.#standstill.triedInVain()
    this.#pushBack(call, error)
    if (isBroken) {
      const documents = indexes.length
      this.#waiting.addHalves(indexes, new FailedCall(this.#rate, { documents, parent: from, token: call.token, error }))
    } else {
      this.#rate.spendRetry(error)
      if (this.#standstill.throttled()) throw error
      if (!this.#suspects.postpone(indexes)) this.#waiting.add(call.part)
    }
    await this.#goOnBehind(error)
  }

  /** A failure is the target's own where others fail with it, or else once all of its documents have been taken. */
  #pushBack({ token }: Call, error: DocferryError): void {
    const isBroken = error.code !== 'DOCFERRY_THROTTLED'
    const { retryAfterMs } = error
    const few = this.#canAsk ? fewInARow : 1
    if (!isBroken || this.#standstill.tries > few || retryAfterMs !== undefined) this.#rate.pushedBack(token, { isBroken, retryAfterMs })
  }

  /** Documents failed that were sent alone, or by the target's own account failed alone. @param troubles one for each */
  async #suspect(call: Call, indexes: readonly number[], troubles: readonly Trouble[], tookOthers = false): Promise<void> {
    const failed = indexes.map((index, at) => this.#suspects.failed(index, call.part.from, troubles[at]!))
    const isNew = failed.some(each => each.isNew)
    // A connector has halved down to them, and others were taken each time.
    if (isNew && tookOthers) this.#brokenBetween += Math.floor(Math.log2(call.part.indexes.length))
    if (!tookOthers) this.#standstill.triedInVain(isNew ? undefined : Math.max(...failed.map(({ inVain }) => inVain)))
    const error = asError(troubles[0]!, this.#job.collection)
    // Sent alone, it tells nothing of how much the target takes: what fails with it does.
    if (isNew && error === troubles[0]) this.#pushBack(call, error)
    await this.#goOnBehind(error, isNew && !tookOthers)
  }

  /** @throws {DocferryError} where the target takes nothing any more */
  async #goOnBehind(error: DocferryError, waits = true): Promise<void> {
    const isThrottled = error.code === 'DOCFERRY_THROTTLED'
    const { isOver, tries } = this.#standstill
    const answer = this.#canAsk && !isThrottled && tries >= fewInARow ? await this.#calls.ask() : 'unknown'
    if (answer === 'writes') this.#standstill.end()
    else if (isOver) {
      if (answer !== 'unknown' || isThrottled || !(await this.#areHopeless())) throw error
      await this.#blame(this.#suspects.takeAll())
      this.#standstill.end()
    }
    await this.#calls.waitBehind(error, this.#standstill.tries, waits && (this.#standstill.tries > 1 || isThrottled))
  }

  /** Whether just documents are left that fail alone, of a batch that the target has taken others of in between, and it is there still. */
  async #areHopeless(): Promise<boolean> {
    const { size, areAnswered, next } = this.#suspects
    if (size < this.left) return false
    const { evidence } = this.#rate
    // Where the target answers, others of the batch need not have come behind a failure.
    const isEnough = areAnswered ? size === 1 || size < this.#outcomes.length : this.#standstill.recoveries >= Math.min(size, 2)
    if (!isEnough && !(size <= fewDoubted && evidence.isSteady)) return false
    if (!(await this.#calls.canBeRead(next!.index))) return false
    if (this.#standstill.tookOthers || evidence.areLeftFor(this.#brokenBetween)) return true
    // Where nothing was taken meanwhile, documents of one batch may be to blame, and not of two in a row.
    return !this.#rate.doubts(size)
  }

  async #blame(suspects: readonly Suspect[]): Promise<void> {
    for (const { index, from, trouble } of suspects) {
      this.#rate.evidence.blame.add()
      this.blamed++
      from?.settle(1, true)
      this.left--
      this.#outcomes[index] = finalOutcome(trouble)
    }
    // Of some the answer may be all that was lost, or refused on its way back.
    const indexes = suspects.map(({ index }) => index)
    await recogniseOwn(this.#job, indexes, this.#outcomes, this.#options, true)
  }
}
