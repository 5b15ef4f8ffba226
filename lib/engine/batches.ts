/** The batches of one partition: filled, sent, several of them under way at once, and their outcomes counted. */
import { setImmediate } from 'node:timers/promises'
import { countSkipped, countWritten } from '../report.ts'
import type { Target, WriteOutcome } from '../types.ts'
import type { DocumentDigests } from '../values/index.ts'
import type { AckWindow } from './ack-window.ts'
import type { CollectionState } from './collection-state.ts'
import { CountedLine } from './counted.ts'
import type { Counted } from './counted.ts'
import { buryDocument } from './dead-letter.ts'
import type { DeadLetter, Trouble } from './dead-letter.ts'
import { firstFailed, HeldDocuments, partByFailure } from './held-documents.ts'
import type { Batch } from './held-documents.ts'
import { addDigests, hasDigest } from './outcome-sums.ts'
import type { RateControl } from './rate-control.ts'
import type { Outgoing } from './outgoing.ts'

/** What becomes of a batch: the run writes it, a dry run looks what a write would do. */
export type SendBatch = (
  collection: string,
  batch: readonly Outgoing[],
  options: {
    readonly fresh: boolean
    /** Each of these ids came before in this run (or, once in a million, seems so). */
    readonly repeated?: boolean
    /** Whether the collection was empty when the run began. */
    readonly isNew?: boolean
  }
) => Promise<readonly WriteOutcome[]>

export interface BatchesOptions {
  readonly partition?: string
  readonly target: Target
  readonly send: SendBatch
  readonly bury: (letter: DeadLetter) => Promise<void>
  /** Shared by all partitions of the run. */
  readonly rate: RateControl
  /** Digests for the sums of the tallies, which have none without it. Asked once more for what it has told of the same `outgoing`. */
  readonly digest?: ((collection: string, outgoing: Outgoing) => DocumentDigests) | undefined
  /** Called when all that came is on its way, and nothing more will come soon. */
  readonly onSent?: () => void
}

export class Batches {
  /** What ends the partition. */
  error: Error | undefined
  readonly #options: BatchesOptions
  readonly #window: Pick<AckWindow<object>, 'open' | 'acknowledge'>
  /** Of the documents that come now. */
  readonly #current: () => CollectionState
  /** Those in flight. */
  readonly #inFlight = new Map<number, Promise<void>>()
  #open: Batch | undefined
  readonly #held: HeldDocuments
  #settled = false

  constructor(options: BatchesOptions, window: Pick<AckWindow<object>, 'open' | 'acknowledge'>, current: () => CollectionState) {
    this.#options = options
    this.#window = window
    this.#current = current
    this.#held = new HeldDocuments(options.rate, () => window.open())
  }

  /** Into the open batch, or where its id may have come before, behind all that is on its way. */
  place(outgoing: Counted, mustWait: boolean): Promise<void> | undefined {
    if (mustWait) return this.#hold(outgoing)
    const { encoded } = outgoing
    const { batchCount, batchBytes } = this.#options.rate
    let batch = this.#open
    let waiting: Promise<void> | undefined
    if (batch && batch.bytes + encoded.bytes > batchBytes) {
      waiting = this.#flush()
      batch = undefined
    }
    if (!batch) this.#open = batch = { number: this.#window.open(), items: [], bytes: 0 }
    batch.items.push(outgoing)
    batch.bytes += encoded.bytes
    if (batch.items.length < batchCount) return waiting
    const flushed = this.#flush()
    return waiting ? waiting.then(() => flushed) : flushed
  }

  /** What is held of an id came before the document of that id that now fails, and does not fail with it. */
  async writeHeld(id: string | undefined): Promise<void> {
    if (id === undefined || !this.#held.has(id)) return
    await this.flushAll()
  }

  /** Whether some are in flight, and there may be more of them. */
  get isRampingUp(): boolean {
    return this.#inFlight.size > 0 && this.#options.rate.hasPlace
  }

  /** Wait until none is in flight. */
  async idle(): Promise<void> {
    await Promise.all(this.#inFlight.values())
  }

  /** Write what is left and wait for everything. */
  async finish(): Promise<void> {
    await this.flushAll()
    this.#options.onSent?.()
    await this.idle()
    if (this.error !== undefined) throw this.error
  }

  /** Send nothing any more, and wait until nothing is in flight, whatever became of it. */
  async settle(): Promise<void> {
    this.#settled = true
    await Promise.all(this.#inFlight.values())
  }

  async #hold(outgoing: Counted): Promise<void> {
    if (this.#held.hasNoRoomFor(outgoing)) await this.flushAll()
    if (this.#held.add(outgoing)) await this.flushAll()
  }

  /** Write all that has come, as far as it can be begun. */
  async flushAll(): Promise<void> {
    await this.#flush()
    await this.#flushHeld()
  }

  /** Send the open batch. @returns a promise where no more may be under way: it resolves when the batch is on its way */
  #flush(): Promise<void> | undefined {
    const batch = this.#open
    if (!batch) return undefined
    this.#open = undefined
    const state = this.#current()
    const start = (): void => {
      if (this.#settled) return this.#options.rate.give()
      const sending = this.#send(state, batch, { fresh: state.fresh, isNew: state.isNew })
        .catch((error: unknown) => {
          this.error ??= error as Error
        })
        .finally(() => {
          this.#options.rate.give()
          this.#inFlight.delete(batch.number)
        })
      this.#inFlight.set(batch.number, sending)
    }
    const place = this.#options.rate.take()
    const sent = place ? place.then(start).then(() => this.#straggler(batch)) : (start(), this.#straggler(batch))
    if (this.#held.areOverdue(batch)) return Promise.resolve(sent).then(() => this.#flushHeld())
    return sent
  }

  /**
   * A batch that is as far behind this one as may be under way is waited for: what is acknowledged behind it is done twice by a run that goes
   * on from there.
   */
  #straggler(batch: Batch): Promise<void> | undefined {
    const [oldest] = this.#inFlight
    return oldest && batch.number - oldest[0] >= this.#options.target.limits.inFlight ? oldest[1] : undefined
  }

  async #flushHeld(): Promise<void> {
    const held = this.#held.take()
    if (!held) return
    const state = this.#current()
    await this.idle()
    if (this.error !== undefined) throw this.error
    state.countHeld(held.items.length)
    const { failed, rest } = partByFailure(held, state)
    for (const outgoing of failed) await this.#bury(state, outgoing, firstFailed)
    this.#settle(failed)
    await this.#options.rate.take()
    try {
      await this.#send(state, { ...held, items: rest }, { fresh: false, repeated: true, isNew: state.isNew })
    } finally {
      this.#options.rate.give()
    }
  }

  async #send(state: CollectionState, batch: Batch, options: Parameters<SendBatch>[2]): Promise<void> {
    const { target } = state.report
    const { digest, send } = this.#options
    const sending = send(target, batch.items, options)
    const [outcomes] = digest
      ? await Promise.all([sending, digestMeanwhile(this.#options.target, target, batch.items, digest)])
      : [await sending]
    if (digest) addDigests(batch.items, outcomes, outgoing => digest(target, outgoing))
    for (let index = 0; index < outcomes.length; index++) {
      const outcome = outcomes[index]!
      const outgoing = batch.items[index]!
      const { encoded, books } = outgoing
      const { delta } = books
      if (outcome === 'written') {
        countWritten(state.report, encoded)
        countWritten(delta, encoded)
      } else if (outcome === 'skipped') {
        countSkipped(state.report, encoded.id)
        countSkipped(delta, encoded.id)
      } else await this.#bury(state, outgoing, outcome)
    }
    this.#settle(batch.items)
    this.#window.acknowledge(batch.number)
    state.checkDone()
  }

  /** They have their outcomes. */
  #settle(batch: readonly Counted[]): void {
    for (const outgoing of batch) if (outgoing instanceof CountedLine) outgoing.settle()
    const { target } = this.#options
    target.release?.(batch.filter(({ isKept }) => !isKept).map(({ encoded }) => encoded))
  }

  async #bury(state: CollectionState, { encoded, document, books }: Counted, trouble: Trouble): Promise<void> {
    const { partition, bury } = this.#options
    const { delta, mark } = books
    const reports = [state.report, delta]
    await buryDocument(trouble, { state, bury, reports, partition, mark, at: 'write', id: encoded.id, document })
  }
}

/** Make digests once the batch is on its way: the target is waited for anyway. */
async function digestMeanwhile(
  target: Target,
  collection: string,
  batch: readonly Outgoing[],
  digest: NonNullable<BatchesOptions['digest']>
): Promise<void> {
  await setImmediate()
  target.digestAll?.(batch.map(({ encoded }) => encoded))
  for (const outgoing of batch) if (!hasDigest(outgoing)) digest(collection, outgoing)
}
