/** Without a source, the ids that the target holds in buckets that differ are as near as one can get to what differs. */
import type { OnConflict } from '../types.ts'
import { bucketOf } from '../values/bucket-sums.ts'
import type { DifferenceList } from './differences.ts'
import type { CollectionLook } from './first-look.ts'
import type { Visitor } from './read-end.ts'
import { listNames } from './report.ts'
import type { VerifyReport } from './report.ts'

export interface SuspectOptions {
  /** Reads the target's collections that differ. */
  readonly read: (visitor: Visitor) => Promise<void>
  readonly list: DifferenceList
  readonly report: VerifyReport
  /** Of the run whose receipt it is, where it is one's. */
  readonly onConflict?: OnConflict | undefined
}

/** @param looks of the collections in which buckets differ from those of the receipt */
export async function lookForSuspects(
  looks: ReadonlyMap<string, CollectionLook>,
  { read, list, report: { notes }, onConflict }: SuspectOptions
): Promise<void> {
  for (const look of looks.values()) countLeast(look)
  await read({
    document(collection, { _id: id }) {
      const { differing, report } = looks.get(collection)!
      if (differing[bucketOf(id)] === 0) return
      report.suspects!++
      list.add({ collection, id, kind: 'suspect' })
    },
    reject: () => undefined,
    pause: () => list.drained()
  })
  notes.push(
    "which documents are missing or different can't be told without the source: the counts are the least that it can be, and the suspects are what the target holds in the parts that differ"
  )
  const skipped = [...looks.values()].filter(({ receipt }) => receipt!.skipped.count > 0).map(({ report }) => report.target)
  if (skipped.length > 0)
    notes.push(`the run left documents of ${listNames(skipped)} alone that the target held already: these need not be as the receipt says`)
  if (onConflict === 'overwrite')
    notes.push(
      'the run replaced what it found: where an id came more than once, the receipt holds each of its documents, and the target the last'
    )
}

function countLeast({ report, counts }: CollectionLook): void {
  for (const { expected, found } of counts) {
    report.missing += Math.max(0, expected - found)
    report.extra += Math.max(0, found - expected)
    if (expected === found) report.different++
  }
  report.suspects = 0
}
