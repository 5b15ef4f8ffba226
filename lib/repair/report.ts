/** What a repair tells of itself: before it changes anything, live, and final. */
import type { RunReport } from '../report.ts'
import type { Location, Types } from '../types.ts'
import { differencesOf, totalVerifyCounts } from '../verify/report.ts'
import type { VerifyReport } from '../verify/report.ts'

/** What is to be done, as the first comparison has found it; documents. */
export interface RepairCounts {
  /** Missing ones to write. */
  write: number
  /** Different ones to replace. */
  replace: number
  /** Different ones in a collection where the run has skipped what the target held: it can't be told which these are, so they are left. */
  leftAlone: number
  /** Extra ones to remove, or to leave where nobody wants them removed. */
  remove: number
  /** Missing ones that the target refuses: nobody tries these again. */
  refused: number
  /** Went on changing while they were compared: left. */
  changing: number
  /** No documents, or such as can't be compared: left. */
  unreadable: number
}

/** What became of documents that were to be removed. */
export interface RemovedCounts {
  removed: number
  /** Not extra any more, or changed in the very moment: left. */
  changed: number
  /** Not there any more. */
  gone: number
  /** Left, because they have what could not be kept: attachments. */
  notKept: number
  /** The target did not remove them. */
  failed: number
}

export interface RepairCollection extends RepairCounts {
  /** Its name in the source, and in the target. */
  readonly source: string
  readonly target: string
  /** Whether the target has no such collection: all of its documents are to be written. */
  readonly isMissing: boolean
  /** Ids, shortened where they are long. */
  readonly first: { readonly write: string[]; readonly replace: string[]; readonly remove: string[] }
  /** Once removing has begun. */
  removed?: RemovedCounts
}

export interface RepairReport {
  readonly dryRun: boolean
  readonly deleteExtra: boolean
  /** Collections of the target that were not empty when the run began that is repaired: nothing in them is extra. */
  readonly notEmpty: readonly string[]
  readonly source?: Location
  readonly target: Location
  /** Run whose work is repaired. */
  readonly runId?: string
  phase: 'comparing' | 'writing' | 'removing' | 'comparing again' | 'ended'
  /**
   * `equal`: both ends are, also where nothing had to be done. `different`: not so, or not yet in a dry run. `partial`: documents were
   * dead-lettered.
   */
  state: 'running' | 'equal' | 'different' | 'partial' | 'interrupted' | 'failed'
  /** What differs, by collection. */
  collections: RepairCollection[]
  /** The first comparison. */
  readonly before: Readonly<VerifyReport>
  /** Of what is written, once that has begun; its id undoes it. */
  run?: Readonly<RunReport>
  /** How documents are written, as the comparison takes it. */
  readonly types: Types
  readonly includeDesign: boolean
  /** Path of the documents that were removed, where there are any. */
  removed?: string
  /** The comparison behind the repair, once it has begun. */
  after?: Readonly<VerifyReport>
  /** What a user should know and would not see from the counts. */
  readonly notes: string[]
  /** Those of them that tell what is left in the end. */
  readonly endNotes: string[]
  /** Epoch milliseconds. */
  readonly startedAt: number
  finishedAt?: number
}

/** So many ids of each kind are in the report; the list of differences has them all. */
export const mostFirst = 20

export function totalRepairCounts(collections: readonly RepairCounts[]): RepairCounts {
  const total: RepairCounts = { write: 0, replace: 0, leftAlone: 0, remove: 0, refused: 0, changing: 0, unreadable: 0 }
  for (const counts of collections) for (const key of Object.keys(total) as (keyof RepairCounts)[]) total[key] += counts[key]
  return total
}

/** Documents that this repair would change. */
export function workOf({ collections, deleteExtra }: Pick<RepairReport, 'collections' | 'deleteExtra'>): number {
  const { write, replace, remove } = totalRepairCounts(collections)
  return write + replace + (deleteExtra ? remove : 0)
}

/** Differences that are left, as far as is known. */
export function leftOf({ before, after = before }: Pick<RepairReport, 'before' | 'after'>): number {
  return differencesOf(totalVerifyCounts(after.collections))
}
