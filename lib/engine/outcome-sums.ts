/** Digests of the documents behind the counts of one collection: what its receipt is made of. */
import { BucketSums } from '../values/bucket-sums.ts'
import type { DocumentDigests } from '../values/index.ts'

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

export function mergeOutcomes(total: OutcomeSums, part: Readonly<OutcomeSums>): void {
  for (const outcome of outcomes) {
    const sums = part[outcome]
    if (!sums) continue
    const sum = (total[outcome] ??= new BucketSums())
    sum.merge(sums)
  }
}

/** The same with a part that nobody needs any more. */
export function takeOutcomes(total: OutcomeSums, part: Readonly<OutcomeSums>): void {
  for (const outcome of outcomes) {
    const [sum, sums] = [total[outcome], part[outcome]]
    if (sum && sums) sum.merge(sums)
    else if (sums) total[outcome] = sums
  }
}

/** By the collections' names; collections of which there is nothing are left out. */
export function keepSums(sums: ReadonlyMap<string, Readonly<OutcomeSums>>): Record<string, KeptSums> {
  return Object.fromEntries(
    [...sums].flatMap(([name, { written, skipped }]) =>
      written || skipped ? [[name, { ...(written && { written: written.base64() }), ...(skipped && { skipped: skipped.base64() }) }]] : []
    )
  )
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
