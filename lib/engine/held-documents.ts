/**
 * Documents whose id may have come before. They are written when nothing of their partition is in flight, with the target's own check, so that
 * the order among documents of one id is kept and none of them replaces another unseen. Of an id no two are held at once.
 */
import type { Refusal } from '../types.ts'
import type { CollectionState } from './collection-state.ts'
import type { Counted } from './counted.ts'
import type { RateControl } from './rate-control.ts'

export interface Batch {
  readonly number: number
  readonly items: Counted[]
  bytes: number
}

/** What becomes of a document whose id has failed before, where the first of an id is to stay. */
export const firstFailed: Refusal = {
  code: 'DOCFERRY_FIRST_FAILED',
  message: 'the document that came before it with this id failed, and this one, which may be older, is not written in its place'
}

/** How many batches may follow before those that wait are written. */
const longestHold = 64

export class HeldDocuments {
  readonly #rate: Pick<RateControl, 'batchCount' | 'batchBytes'>
  readonly #openBatch: () => number
  #batch: Batch | undefined
  readonly #ids = new Set<string>()

  /** @param openBatch gives the number of a batch that documents may go into from then on */
  constructor(rate: Pick<RateControl, 'batchCount' | 'batchBytes'>, openBatch: () => number) {
    this.#rate = rate
    this.#openBatch = openBatch
  }

  has(id: string): boolean {
    return this.#ids.has(id)
  }

  /** Whether it can't be held with those that are: they have to be written first. */
  hasNoRoomFor({ encoded: { id, bytes } }: Counted): boolean {
    return this.#batch !== undefined && (this.has(id) || this.#batch.bytes + bytes > this.#rate.batchBytes)
  }

  /** @returns whether those that are held are a whole batch now */
  add(outgoing: Counted): boolean {
    const batch = (this.#batch ??= { number: this.#openBatch(), items: [], bytes: 0 })
    batch.items.push(outgoing)
    batch.bytes += outgoing.encoded.bytes
    this.#ids.add(outgoing.encoded.id)
    return batch.items.length >= this.#rate.batchCount
  }

  /** Whether they have waited long enough, now that this batch is on its way. */
  areOverdue({ number }: Batch): boolean {
    return this.#batch !== undefined && number - this.#batch.number >= longestHold
  }

  /** All that are held. From then on none is. */
  take(): Batch | undefined {
    const batch = this.#batch
    this.#batch = undefined
    this.#ids.clear()
    return batch
  }
}

/** Of documents with one id the first is to stay: where it failed, none that came later stands in for it. */
export function partByFailure({ items }: Batch, state: CollectionState): { readonly failed: Counted[]; readonly rest: Counted[] } {
  const hasFailed = ({ encoded: { id } }: Counted): boolean => state.hasFailed(id)
  return { failed: items.filter(hasFailed), rest: items.filter(item => !hasFailed(item)) }
}
