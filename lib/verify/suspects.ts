/** Where no source can tell, the ids that the target holds in buckets that differ are as near as one can get to what differs. */
import { IdLog } from '../engine/id-log.ts'
import type { OnConflict } from '../types.ts'
import { bucketOf } from '../values/bucket-sums.ts'
import type { DifferenceList } from './differences.ts'
import type { CollectionLook } from './first-look.ts'
import type { Visitor } from './read-end.ts'
import { listNames } from '../report.ts'
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
  for (const look of looks.values()) countLeast(look, onConflict, () => true)
  // A file may hold an id more than once.
  const ids = new IdLog<null>()
  try {
    await read({
      document(collection, { _id: id }) {
        if (looks.get(collection)!.differing[bucketOf(id)] === 1) ids.add(collection, id, null)
      },
      reject: () => undefined
    })
    for (const [collection, id] of ids.ids()) {
      suspect(looks.get(collection)!, id, list)
      await list.drained()
    }
  } finally {
    ids.close()
  }
  notes.push(
    "which documents are missing or different can't be told without the source: the counts are the least that it can be, and the suspects are what the target holds in the parts that differ"
  )
  const skipped = [...looks.values()].filter(({ receipt }) => receipt!.skipped.count > 0).map(({ report }) => report.target)
  if (skipped.length > 0)
    notes.push(
      `the run left documents of ${listNames(skipped)} alone, because the target held their ids already, or they came more than once: these need not be as the receipt says`
    )
  if (onConflict === 'overwrite')
    notes.push(
      'the run replaced what it found: where an id came more than once, the receipt holds each of its documents, and the target the last'
    )
}

export function suspect({ report }: CollectionLook, id: string, list: DifferenceList): void {
  report.suspects = (report.suspects ?? 0) + 1
  list.add({ collection: report.target, id, kind: 'suspect' })
}

/** Count what is wrong at the least in those buckets that differ. */
export function countLeast(
  { report, counts, witness, allowsExtra }: CollectionLook,
  onConflict: OnConflict | undefined,
  isMeant: (bucket: number) => boolean
): void {
  for (const { bucket, expected, found } of counts) {
    if (!isMeant(bucket)) continue
    report.suspects ??= 0
    if (witness?.isAsWritten(bucket)) report.unproven += witness.skippedIn(bucket)
    // Of an id that came more than once, the receipt holds each document, and the target the last.
    else if (expected > found && onConflict === 'overwrite') report.unproven += expected - found
    // Beside what is allowed there, it may be right or wrong.
    else if (found > expected && allowsExtra) report.unproven += expected
    else if (expected === found) report.different++
    else {
      report.missing += Math.max(0, expected - found)
      report.extra += Math.max(0, found - expected)
    }
  }
}
