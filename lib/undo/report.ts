/** What undoing a run tells of itself: live while it goes on, final when it ends. */
import type { FailureGroup } from '../report.ts'
import type { Location } from '../types.ts'

/** Documents of one collection of the target, by what became of them. In a dry run: by what would. */
export interface UndoCounts {
  removed: number
  /** What the run had replaced stands there again. */
  putBack: number
  /** Nothing to do: never written, created by the run and removed since, or undone before. */
  already: number
  /** Left as they are, because somebody has changed or replaced them since. */
  changed: number
  /** Replaced by the run and removed since: not put back. */
  gone: number
  /** The target refused the change. */
  failed: number
  /** Written by the run, and nothing was kept of what they may have replaced. */
  unknown: number
}

export interface UndoCollection extends UndoCounts {
  /** Its name in the target. */
  readonly name: string
  /** Whether the run created it. */
  readonly created: boolean
  /** Whether it was removed, being empty again. */
  dropped: boolean
  /** The first ids that were left. */
  readonly changedExamples: string[]
  /** The first ids that were removed since. */
  readonly goneExamples: string[]
  readonly failures: FailureGroup[]
}

export interface UndoReport {
  readonly runId: string
  readonly dryRun: boolean
  readonly target: Location
  readonly collections: UndoCollection[]
  /** Of the undo journal. */
  readonly bytes: { readonly total: number; done: number }
  /** The run was stopped while it wrote into collections that were not empty: what was in flight then is not known, and may be left. */
  mayRemain?: true
  /** What a user should know and would not see from the counts. */
  readonly notes: string[]
  retries: number
  /** Epoch milliseconds. */
  readonly startedAt: number
  finishedAt?: number
  /** `partial`: something of what the run did is left. */
  state: 'running' | 'undone' | 'partial' | 'interrupted' | 'failed'
  /** Path of the file that names all documents that were left, where there are any. */
  left?: string
}

/** Documents that the run wrote and that undoing left as they are. */
export function leftOf({ changed, gone, failed, unknown }: UndoCounts): number {
  return changed + gone + failed + unknown
}
