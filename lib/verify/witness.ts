/**
 * What a receipt expects of one collection, and whether its source can still tell which documents that are: bucket by bucket, by the sums of
 * what it holds now. Where it holds something else, it says nothing of what the run has written.
 */
import { BucketSums } from '../values/bucket-sums.ts'
import type { DocumentDigests } from '../values/index.ts'
import type { CollectionProof } from './open-receipt.ts'

export class Witness {
  /** Of all that the target was to hold: what was written, and what was left alone because it held the id. */
  readonly expected: BucketSums
  readonly #written: BucketSums
  readonly #skipped: BucketSums
  readonly #source = new BucketSums()
  /** Buckets in which the target holds what was written, and nothing of what was skipped. */
  #asWritten: ReadonlySet<number> = new Set()

  constructor({ written, skipped }: CollectionProof) {
    this.#written = written
    this.#skipped = skipped
    this.expected = expectedSums({ written, skipped })
  }

  /** @returns the buckets in which the target is not as expected */
  differing(target: BucketSums, kinds: boolean): number[] {
    const differing = this.expected.differing(target, { kinds })
    const unlikeWritten = new Set(this.#written.differing(target, { kinds }))
    this.#asWritten = new Set(differing.filter(bucket => !unlikeWritten.has(bucket)))
    return differing
  }

  /** Whether nothing is wrong there if all that was skipped had an id that came before in the source. */
  isAsWritten(bucket: number): boolean {
    return this.#asWritten.has(bucket)
  }

  skippedIn(bucket: number): number {
    return this.#skipped.countOf(bucket)
  }

  /** A document of the source, as the target would hold it. */
  add(id: string, digests: DocumentDigests): void {
    this.#source.add(id, digests)
  }

  /** @returns the buckets in which the source is not what the run has read, once all of it was added that is in differing buckets */
  untrue(kinds: boolean): ReadonlySet<number> {
    return new Set(this.expected.differing(this.#source, { kinds }))
  }
}

/** Of all that a target was to hold; not to be added to. */
export function expectedSums({ written, skipped }: Pick<CollectionProof, 'written' | 'skipped'>): BucketSums {
  if (skipped.count === 0) return written
  const expected = new BucketSums()
  expected.merge(written)
  expected.merge(skipped)
  return expected
}
