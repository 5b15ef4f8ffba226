/** What verifying tells of itself: live while it goes on, final when it ends. */
import { shortenId } from '../report.ts'
import type { Location } from '../types.ts'

/**
 * `missing`: not in the target. `extra`: only there. `different`: another there. `repeated`: the target holds the id more than once.
 * `changing`: goes on being changed. `unreadable`: no document, or one that can't be compared. `suspect`: in a bucket that is not as the
 * receipt says; which of a bucket's documents it is can't be told without the source.
 */
export type DifferenceKind = (typeof differenceKinds)[number]
export const differenceKinds = ['missing', 'extra', 'different', 'repeated', 'changing', 'unreadable', 'suspect'] as const

export type Side = 'source' | 'target'

/** A value that differs, as JSON text, cut where it is long; missing where that side has none. */
export interface DifferingValue {
  readonly path: string
  readonly source?: string
  readonly target?: string
}

/** One named difference, as the list of all has it. Without contents, unless `values` were asked for. */
export interface Difference {
  /** Its name in the target. */
  readonly collection: string
  /** Missing of what has none. */
  readonly id?: string
  readonly kind: DifferenceKind
  /** Where it differs: `usage_info.usage[3]`; missing where that is not known. */
  readonly paths?: readonly string[]
  readonly values?: readonly DifferingValue[]
  /** Why it can't be in the target, or what is unreadable. */
  readonly reason?: string
  /** Of what is unreadable; of what goes on changing, where the other side does not. */
  readonly side?: Side
  /** Place in the input. */
  readonly where?: string
  /** How often the target holds it, where that is more than once. */
  readonly times?: number
}

export interface VerifyCounts {
  /** Documents that came from each side, after the stages. Of a receipt: that it tells of. */
  sourceDocuments: number
  targetDocuments: number
  equal: number
  /** Where numbers alone are compared, and no document: the number that both sides hold. */
  sameNumber: number
  missing: number
  extra: number
  /** Only in the target, where that is allowed. Not a difference. */
  beside: number
  different: number
  repeated: number
  /** Went on changing while they were looked at. */
  changing: number
  /** Were changed while the two sides were read, and are equal now. Not a difference. */
  changedMeanwhile: number
  unreadable: number
  /** Dead letters of the run: the source held them, and the target never did. */
  deadLetters: number
  /** Of which it can't be told whether they are right: that is no proof. */
  unproven: number
}

export interface VerifyCollection extends VerifyCounts {
  /** Its name in the source, and in the target. */
  readonly source: string
  readonly target: string
  state: 'waiting' | 'reading' | 'comparing' | 'equal' | 'different' | 'stopped'
  /** Documents that the source, or the receipt, and the target are thought to hold. */
  readonly expected: { source?: number; target?: number }
  /** Whether the target has no such collection, or nothing of it can be read. */
  isMissing: boolean
  /** Of what is missing: why. */
  missingReason?: string
  /** Where no source can tell: of `missing`, `extra` and `different`, some are only the least that it can be, among so many `suspects`. */
  suspects?: number
  /** SHA-256 over all documents of a side; of the documents of the sample. Missing where only counts were compared. */
  root?: { readonly source: string; readonly target: string }
  /** The first differences. */
  readonly examples: Difference[]
}

export interface VerifyReport {
  /** Of this verification. */
  readonly id: string
  /** The run that was verified. */
  readonly runId?: string
  /** Missing where there is only a receipt. */
  readonly source?: Location
  readonly target: Location
  /** What the target was compared with. */
  readonly against: 'source' | 'receipt' | 'receipt and source'
  readonly mode: 'full' | 'quick' | 'sample'
  /** Share of the documents that was compared. */
  readonly sample?: number
  phase: 'reading' | 'looking again' | 'ended'
  state: 'running' | 'equal' | 'different' | 'interrupted' | 'failed'
  collections: VerifyCollection[]
  /** What a user should know and would not see from the counts. */
  readonly notes: string[]
  /** Of a target that is not whole, or not what it says at its end: how it was told. */
  damaged?: string
  /** Collections of the source whose `_security` the target has not, where that was to be compared. Missing: none. */
  securityDiffers?: readonly string[]
  /** Path of the list of all differences, where there are any. */
  differences?: string
  retries: number
  /** Epoch milliseconds. */
  readonly startedAt: number
  finishedAt?: number
}

/** So many differences of each collection are in the report; the list has them all. */
export const mostExamples = 20

export function verifyCollection(names: Pick<VerifyCollection, 'source' | 'target' | 'expected'>): VerifyCollection {
  return { ...names, state: 'waiting', isMissing: false, ...noCounts(), examples: [] }
}

function noCounts(): VerifyCounts {
  return {
    sourceDocuments: 0,
    targetDocuments: 0,
    equal: 0,
    sameNumber: 0,
    missing: 0,
    extra: 0,
    beside: 0,
    different: 0,
    repeated: 0,
    changing: 0,
    changedMeanwhile: 0,
    unreadable: 0,
    deadLetters: 0,
    unproven: 0
  }
}

export function totalVerifyCounts(collections: readonly VerifyCounts[]): VerifyCounts {
  const total = noCounts()
  for (const counts of collections) for (const key of Object.keys(total) as (keyof VerifyCounts)[]) total[key] += counts[key]
  return total
}

export function differencesOf(counts: VerifyCounts): number {
  const { missing, extra, different, repeated, changing, unreadable, deadLetters, unproven } = counts
  return missing + extra + different + repeated + changing + unreadable + deadLetters + unproven
}

/** As the report shows it: an id of any length fits a line. */
export function exampleOf(difference: Difference): Difference {
  return difference.id === undefined ? difference : { ...difference, id: shortenId(difference.id) }
}

/** Of a collection that is missing as a whole. */
export function missingReasonOf({ missingReason = 'the target has no such collection' }: VerifyCollection): string {
  return missingReason
}
