/** The first look: both sides are read at the same time into sums by buckets, and these are compared. No document is kept. */
import { digestsOf, expectedOf } from '../engine/held.ts'
import { DocferryError } from '../errors.ts'
import type { Document, RejectDetails, Target } from '../types.ts'
import { bucketCount, BucketSums } from '../values/bucket-sums.ts'
import type { DocumentDigests } from '../values/index.ts'
import type { DifferenceList } from './differences.ts'
import { isInSample } from './id-hash.ts'
import type { Visitor } from './read-end.ts'
import type { Proof } from './open-receipt.ts'
import type { Side, VerifyCollection } from './report.ts'
import { Witness } from './witness.ts'

type CollectionProof = Proof['collections'][number]

export interface LookOptions {
  readonly target: Target
  readonly list: DifferenceList
  /** Whether what is expected tells the kinds of numbers: a source that merges them does not. */
  readonly kindsExpected: boolean
  /** Compare counts alone. */
  readonly quick: boolean
  /** Whether what only the target holds is no difference. */
  readonly allowExtra: boolean
  /** Compare so large a share of the documents. */
  readonly sample?: number | undefined
}

/** Of the many that are equal; not written into. */
const noneDiffering = new Uint8Array(bucketCount)

/** What is known of one collection, until both sides have come to their end. */
export class CollectionLook {
  readonly report: VerifyCollection
  readonly receipt: CollectionProof | undefined
  /** Where there is a receipt, and buckets differ from it. */
  witness: Witness | undefined
  /** By bucket: 1 where the two sides differ. */
  differing: Uint8Array = noneDiffering
  hasDiffering = false
  /** Documents of both sides in the buckets that differ. */
  documentsInDiffering = 0
  /** Of the target in each bucket that differs, where there is only a receipt: as it says, and as it is. */
  readonly counts: { readonly bucket: number; readonly expected: number; readonly found: number }[] = []
  #sums: Record<Side, BucketSums> | undefined
  readonly #ended: Record<Side, boolean>
  readonly #options: LookOptions

  constructor(report: VerifyCollection, receipt: CollectionProof | undefined, options: LookOptions) {
    this.report = report
    this.receipt = receipt
    this.#options = options
    this.#sums = { source: new BucketSums(), target: new BucketSums() }
    this.#ended = { source: receipt !== undefined, target: false }
    report.sourceDocuments = receipt ? receipt.written.count + receipt.skipped.count : 0
    report.deadLetters = receipt?.counts?.failed ?? 0
  }

  get allowsExtra(): boolean {
    return this.#options.allowExtra || this.receipt?.wasEmpty === false
  }

  /** Whether 1 and 1.0 are different. */
  get kinds(): boolean {
    return (this.#options.target.keepsKinds ?? false) && this.#options.kindsExpected
  }

  get isEnded(): boolean {
    return this.#ended.source && this.#ended.target
  }

  /** @param known `documentDigests` of it, where its reader has made them */
  add(side: Side, document: Document, known?: DocumentDigests): void {
    const { report } = this
    const { target, quick, sample } = this.#options
    if (report.state === 'waiting') report.state = 'reading'
    if (side === 'source') report.sourceDocuments++
    else report.targetDocuments++
    if (quick || (sample !== undefined && !isInSample(document._id, sample))) return
    const digests = side === 'source' ? expectedOf(target, report.target, document, known).digests : digestsOf(target, document, known)
    this.#sums![side].add(document._id, digests)
  }

  /** So many documents of the target were read so far, elsewhere. */
  countTarget(documents: number): void {
    if (this.report.state === 'waiting') this.report.state = 'reading'
    this.report.targetDocuments = documents
  }

  /** What was read of the target elsewhere, when it has come to its end. */
  endTarget(documents: number, sums: BucketSums): void {
    this.countTarget(documents)
    this.#sums?.target.merge(sums)
    this.end('target')
  }

  end(side: Side): void {
    if (this.#ended[side]) return
    this.#ended[side] = true
    if (!this.isEnded) return
    if (this.#options.quick) this.#compareCounts()
    else this.#compareSums()
    this.#sums = undefined
  }

  /** Counts tell only how many documents there are too few or too many. */
  #compareCounts(): void {
    const { report, receipt } = this
    const { sourceDocuments, targetDocuments } = report
    // What was skipped may have had an id that came before.
    const least = sourceDocuments - (receipt?.skipped.count ?? 0)
    report.sameNumber = Math.min(sourceDocuments, targetDocuments)
    report.missing = Math.max(0, least - targetDocuments)
    report.unproven = Math.max(0, sourceDocuments - Math.max(least, targetDocuments))
    report[this.allowsExtra ? 'beside' : 'extra'] = Math.max(0, targetDocuments - sourceDocuments)
  }

  #compareSums(): void {
    const { report, receipt, kinds } = this
    const { target } = this.#sums!
    const witness = receipt && new Witness(receipt)
    const source = witness?.expected ?? this.#sums!.source
    const differing = witness ? witness.differing(target, kinds) : source.differing(target, { kinds })
    let held = 0
    for (const bucket of differing) {
      const [expected, found] = [source.countOf(bucket), target.countOf(bucket)]
      held += found
      if (expected === 0 && this.allowsExtra) {
        report.beside += found
        continue
      }
      if (!this.hasDiffering) this.differing = new Uint8Array(bucketCount)
      this.hasDiffering = true
      this.differing[bucket] = 1
      this.documentsInDiffering += expected + found
      if (witness) this.counts.push({ bucket, expected, found })
    }
    report.equal = target.count - held
    if (this.hasDiffering) this.witness = witness
    report.root = { source: source.root(), target: target.root() }
    // A sample of a few documents may have none.
    if (source.count + target.count === 0) report.unproven = Math.max(report.sourceDocuments, report.targetDocuments)
  }
}

/** @returns what a reader of this side tells of its documents */
export function firstVisitor(side: Side, looks: ReadonlyMap<string, CollectionLook>, list: DifferenceList): Visitor {
  return {
    document(collection, document, digests) {
      try {
        looks.get(collection)!.add(side, document, digests)
      } catch (error) {
        if (!(error instanceof DocferryError) || !isOfDocument(error)) throw error
        list.add({ collection, id: document._id, kind: 'unreadable', side, reason: error.message })
      }
    },
    reject: (collection, details) => list.add(unreadable(collection, side, details)),
    end: collection => looks.get(collection)!.end(side),
    pause: () => list.drained()
  }
}

/** What has no digest, because no target could hold it. */
export function isOfDocument({ code }: DocferryError): boolean {
  return code === 'DOCFERRY_BAD_VALUE' || code === 'DOCFERRY_TOO_DEEP'
}

export function unreadable(collection: string, side: Side, { id, message, where }: RejectDetails) {
  return { collection, ...(id !== undefined && { id }), kind: 'unreadable', side, reason: message, ...(where !== '' && { where }) } as const
}
