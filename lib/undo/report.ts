/** What undoing a run tells of itself: live while it goes on, final when it ends. */
import type { ErrorCode } from '../errors.ts'
import { SeenIds } from '../engine/seen-ids.ts'
import type { UndoOutcome, Written } from '../engine/undo-batch.ts'
import { addExample, countFailure, shortenId } from '../report.ts'
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

/** So many ids of documents that were left are kept; more are only counted. */
const mostLeft = 1_000_000

const leftCodes = { changed: 'DOCFERRY_CHANGED_SINCE', gone: 'DOCFERRY_REMOVED_SINCE' } as const satisfies Record<string, ErrorCode>

type Settled = 'already' | 'putBack' | 'removed'

/** In this order: what a newer entry has put back, an older one may remove, and not the other way round. */
const settledStates = ['already', 'putBack', 'removed'] as const satisfies readonly Settled[]

/** Keeps the counts of one collection by document, though a run may have written one several times. The newest entries come first. */
export class UndoBooks {
  readonly report: UndoCollection
  readonly #dryRun: boolean
  readonly #settled = { already: new SeenIds(), putBack: new SeenIds(), removed: new SeenIds() }
  /** Documents that were left, and why. */
  readonly #left = new Map<string, string>()

  constructor(name: string, { created, dryRun }: { readonly created: boolean; readonly dryRun: boolean }) {
    const counts = { removed: 0, putBack: 0, already: 0, changed: 0, gone: 0, failed: 0, unknown: 0 }
    this.report = { name, created, dropped: false, ...counts, changedExamples: [], goneExamples: [], failures: [] }
    this.#dryRun = dryRun
  }

  get left(): ReadonlyMap<string, string> {
    return this.#left
  }

  /** Documents that the journal tells of. */
  get known(): number {
    const { removed, putBack, already, changed, gone, failed } = this.report
    return removed + putBack + already + changed + gone + failed
  }

  count({ id, before }: Written, outcome: UndoOutcome): void {
    const reached = settledStates.findLastIndex(state => !this.#settled[state].isFull && this.#settled[state].has(id))
    if (typeof outcome === 'object') return this.#fail(id, outcome)
    if (outcome === 'changed' || outcome === 'gone') {
      if (reached === -1) this.#leave(id, outcome)
      // Where nothing is really put back, an older entry does not find what it would find.
      else if (this.#dryRun && reached === settledStates.indexOf('putBack') && !before) this.#settle(id, reached, 'removed')
      return
    }
    const left = this.#left.get(id)
    if (left === leftCodes.changed || left === leftCodes.gone) {
      // An older state was found: what the newer entry tells of never came to be.
      this.#left.delete(id)
      this.report[left === leftCodes.gone ? 'gone' : 'changed']--
    }
    this.#settle(id, reached, outcome === 'put-back' ? 'putBack' : outcome)
  }

  #settle(id: string, reached: number, state: Settled): void {
    if (settledStates.indexOf(state) <= reached) return
    const replaced = settledStates[reached]
    if (replaced) this.report[replaced]--
    this.report[state]++
    this.#settled[state].add(id)
  }

  #leave(id: string, why: 'changed' | 'gone'): void {
    if (this.#left.has(id)) return
    this.report[why]++
    addExample(this.report[`${why}Examples`], shortenId(id))
    this.#keepLeft(id, leftCodes[why])
  }

  #fail(id: string, { code, message }: Exclude<UndoOutcome, string>): void {
    if (this.#left.has(id)) return
    countFailure(this.report, code, message, id)
    this.#keepLeft(id, code)
  }

  #keepLeft(id: string, why: string): void {
    if (this.#left.size < mostLeft) this.#left.set(id, why)
  }
}
