/** From what a run has counted to its receipt. */
import { now } from '../clock.ts'
import { docferryVersion } from '../config/version.ts'
import type { OutcomeSums } from '../engine/outcome-sums.ts'
import { totalCounts } from '../report.ts'
import type { CollectionReport, Counts, RunReport } from '../report.ts'
import type { PlannedOptions } from '../plan/plan.ts'
import { BucketSums } from '../values/bucket-sums.ts'
import type { CollectionReceipt, Receipt } from './receipt.ts'

/** By the collections' names in the source. */
type SumsByName = ReadonlyMap<string, Readonly<OutcomeSums>>

export interface ReceiptBasis {
  /** Of a run that has come to its end. */
  readonly report: Readonly<RunReport>
  readonly asked: Pick<PlannedOptions, 'includeDesign' | 'keepMetadata' | 'attachments' | 'includeSecurity' | 'subcollections' | 'stages'>
  readonly sums: SumsByName
  /** See `Receipt.kinds`. */
  readonly kinds: boolean
  /** ISO 8601, where the run went on from an earlier process. */
  readonly startedAt?: string | undefined
}

/** @returns undefined where not every document is in the sums: a part of the run was done by a docferry that made none */
export function makeReceipt({ report, asked, sums, kinds, startedAt }: ReceiptBasis): Receipt | undefined {
  const { runId, source, target, onConflict, onIncompatible, types, startedAt: began, finishedAt = now() } = report
  const collections = report.collections.map(each => receiptOf(each, sums))
  if (!collections.every(isWhole)) return undefined
  const { includeDesign, keepMetadata, attachments, includeSecurity, subcollections, stages } = asked
  const optional = {
    ...(attachments && { attachments }),
    ...(includeSecurity && { includeSecurity }),
    ...(subcollections && { subcollections })
  }
  return {
    runId,
    docferry: docferryVersion(),
    startedAt: startedAt ?? new Date(began).toISOString(),
    finishedAt: new Date(finishedAt).toISOString(),
    source,
    target,
    options: { onConflict, onIncompatible, types, includeDesign, keepMetadata, ...optional, stages },
    kinds,
    collections
  }
}

/**
 * The receipt of a run whose dead letters were written again.
 *
 * @param receipt before; not to be used any more
 * @param report of the retry
 * @param countsAfter what the counts of a collection have become
 * @returns undefined where not every document of the retry is in the sums
 */
export function withRetried(
  receipt: Receipt,
  { report, sums }: Pick<ReceiptBasis, 'report' | 'sums'>,
  countsAfter: (collection: string, before: Counts, now: Counts) => Counts
): Receipt | undefined {
  const collections = new Map(receipt.collections.map(each => [each.source, each]))
  for (const now of report.collections.map(each => receiptOf(each, sums))) {
    if (!isWhole(now)) return undefined
    const before = collections.get(now.source) ?? { ...now, counts: totalCounts([]), written: new BucketSums(), skipped: new BucketSums() }
    before.written.merge(now.written)
    before.skipped.merge(now.skipped)
    collections.set(now.source, { ...before, counts: countsAfter(now.source, before.counts, now.counts) })
  }
  return { ...receipt, finishedAt: new Date(report.finishedAt ?? now()).toISOString(), collections: [...collections.values()] }
}

function receiptOf({ source, target, wasEmpty = false, ...report }: Readonly<CollectionReport>, sums: SumsByName): CollectionReceipt {
  const { written = new BucketSums(), skipped = new BucketSums() } = sums.get(source) ?? {}
  return { source, target, counts: totalCounts([report]), wasEmpty, written, skipped }
}

function isWhole({ counts, written, skipped }: CollectionReceipt): boolean {
  return written.count === counts.written && skipped.count === counts.skipped
}
