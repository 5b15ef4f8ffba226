/** Digests of the documents behind the counts of one collection: what its receipt is made of. */
import { BucketSums } from '../values/bucket-sums.ts'
import type { WriteOutcome } from '../types.ts'
import type { DocumentDigests } from '../values/index.ts'
import type { Outgoing } from './outgoing.ts'

export interface OutcomeSums {
  written?: BucketSums
  skipped?: BucketSums
}

/** `BucketSums.base64` of each; plain JSON. */
export type KeptSums = { readonly [Outcome in keyof OutcomeSums]?: string }

const outcomes = ['written', 'skipped'] as const

export function addOutcome(sums: OutcomeSums, outcome: keyof OutcomeSums, id: string, digests: DocumentDigests): void {
  const sum = (sums[outcome] ??= new BucketSums())
  sum.add(id, digests)
}

/** A document that has its outcome, and the sums that it belongs to. */
interface Ended extends Outgoing {
  readonly books: { readonly sums: OutcomeSums }
}

/** Whether its digest came with it, holds for whoever asks, and has none of kinds beside it. */
export function hasDigest({ packed, hasNoRev }: Outgoing): boolean {
  return packed !== undefined && packed.kinds === undefined && hasNoRev === true
}

/**
 * @param batch by whose index the outcomes are; those that failed are in no sum
 * @param digest asked for documents that came without one
 */
export function addDigests<Each extends Ended>(
  batch: readonly Each[],
  outcomes: readonly WriteOutcome[],
  digest: (outgoing: Each) => DocumentDigests
): void {
  for (let index = 0, end = 0; index < outcomes.length; index = end) {
    const outgoing = batch[index]!
    const outcome = outcomes[index]!
    end = index + 1
    if (typeof outcome !== 'string') continue
    const { sums } = outgoing.books
    if (!hasDigest(outgoing)) {
      addOutcome(sums, outcome, outgoing.encoded.id, digest(outgoing))
      continue
    }
    while (end < outcomes.length && outcomes[end] === outcome && follows(batch[end]!, outgoing, end - index)) end++
    const { idHashes, digests } = outgoing.packed!
    const [from, to] = [outgoing.at!, outgoing.at! + end - index]
    sums[outcome] ??= new BucketSums()
    sums[outcome].addAll(idHashes.subarray(2 * from, 2 * to), digests.subarray(8 * from, 8 * to))
  }
}

function follows({ packed, at, books }: Ended, first: Ended, by: number): boolean {
  return packed === first.packed && at === first.at! + by && books === first.books
}

export function mergeOutcomes(total: OutcomeSums, part: Readonly<OutcomeSums>): void {
  for (const outcome of outcomes) {
    const sums = part[outcome]
    if (!sums) continue
    const sum = (total[outcome] ??= new BucketSums())
    sum.merge(sums)
  }
}

/** Nobody needs it any more. */
export function giveUpOutcomes({ written, skipped }: Readonly<OutcomeSums>): void {
  written?.giveUp()
  skipped?.giveUp()
}

/** The same as `mergeOutcomes` with a part that nobody needs any more. */
export function takeOutcomes(total: OutcomeSums, part: Readonly<OutcomeSums>): void {
  for (const outcome of outcomes) {
    const [sum, sums] = [total[outcome], part[outcome]]
    if (sum && sums) {
      sum.merge(sums)
      sums.giveUp()
    } else if (sums) total[outcome] = sums
  }
}

/** By the collections' names; collections of which there is nothing are left out. */
export function keepSums(sums: ReadonlyMap<string, Readonly<OutcomeSums>>): Record<string, KeptSums> {
  return Object.fromEntries([...sums].flatMap(([name, each]) => (each.written || each.skipped ? [[name, keptSums(each)]] : [])))
}

export function keptSums({ written, skipped }: Readonly<OutcomeSums>): KeptSums {
  return { ...(written && { written: written.base64() }), ...(skipped && { skipped: skipped.base64() }) }
}

/** @throws {RangeError} for what `keepSums` did not give */
export function restoreSums(kept: Readonly<Record<string, KeptSums>> | undefined): Map<string, OutcomeSums> {
  return new Map(
    Object.entries(kept ?? {}).map(([name, each]) => {
      const sums: OutcomeSums = {}
      for (const outcome of outcomes) {
        const text = each[outcome]
        if (text !== undefined) sums[outcome] = BucketSums.from(Buffer.from(text, 'base64'))
      }
      return [name, sums]
    })
  )
}
