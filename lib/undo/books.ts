/** What became of the documents of a run that is undone, each counted once, though the run may have written one several times. */
import type { ErrorCode } from '../errors.ts'
import { IdLog } from '../engine/id-log.ts'
import type { UndoOutcome, Written } from '../engine/undo-batch.ts'
import { addExample, countFailure, shortenId } from '../report.ts'
import type { UndoCollection, UndoCounts } from './report.ts'

/** A document that was left, and why. */
export interface Left {
  readonly collection: string
  readonly id: string
  readonly code: ErrorCode
}

type Failure = readonly [code: ErrorCode, message: string]
type Ending = Exclude<keyof UndoCounts, 'failed' | 'unknown'> | Failure

/** What became of one entry, as it is kept: with a plus where the entry tells what was replaced. */
type Kept = `${Exclude<Ending, Failure>}${'' | '+'}` | Failure

const leftCodes = { changed: 'DOCFERRY_CHANGED_SINCE', gone: 'DOCFERRY_REMOVED_SINCE' } as const satisfies Record<string, ErrorCode>

/** In this order: what a newer entry has put back, an older one may remove, and not the other way round. */
const settledStates = ['already', 'putBack', 'removed'] as const

const noCounts: UndoCounts = { removed: 0, putBack: 0, already: 0, changed: 0, gone: 0, failed: 0, unknown: 0 }

/** The counts are of entries as long as these come in, the newest of a document first, and of documents once they are settled. */
export class UndoBooks {
  readonly collections: UndoCollection[] = []
  readonly #dryRun: boolean
  readonly #byName = new Map<string, UndoCollection>()
  readonly #entries = new IdLog<Kept>()

  constructor({ dryRun }: { readonly dryRun: boolean }) {
    this.#dryRun = dryRun
  }

  /** @param created of a collection that is new here: whether the run created it */
  of(collection: string, created = false): UndoCollection {
    let report = this.#byName.get(collection)
    if (!report) {
      const lists = { changedExamples: [], goneExamples: [], failures: [] }
      report = { name: collection, created, dropped: false, ...noCounts, ...lists }
      this.#byName.set(collection, report)
      this.collections.push(report)
    }
    return report
  }

  /** @throws {DocferryError} DOCFERRY_STATE where it can't be kept; so does `settle` */
  count(collection: string, { id, before }: Written, outcome: UndoOutcome): void {
    const ending = typeof outcome === 'object' ? ([outcome.code, outcome.message] as const) : outcome === 'put-back' ? 'putBack' : outcome
    const report = this.of(collection)
    this.#entries.add(collection, id, typeof ending === 'string' && before ? `${ending}+` : ending)
    count(report, id, ending)
  }

  /** Count documents in place of entries. @returns those that were left; the counts are right when all have been taken */
  *settle(): Generator<Left> {
    for (const report of this.collections) {
      Object.assign(report, { ...noCounts, unknown: report.unknown })
      for (const list of [report.changedExamples, report.goneExamples, report.failures]) list.length = 0
    }
    for (const [collection, id, entries] of this.#entries.ids()) {
      const report = this.of(collection)
      const ending = endingOf(entries, this.#dryRun)
      count(report, id, ending)
      const code = typeof ending === 'object' ? ending[0] : ending === 'changed' || ending === 'gone' ? leftCodes[ending] : undefined
      if (code !== undefined) yield { collection: report.name, id, code }
    }
  }

  close(): void {
    this.#entries.close()
  }
}

/** Documents of a collection that the journal tells of. */
export function knownOf({ removed, putBack, already, changed, gone, failed }: UndoCounts): number {
  return removed + putBack + already + changed + gone + failed
}

function count(report: UndoCollection, id: string, ending: Ending): void {
  if (typeof ending === 'object') return countFailure(report, ...ending, id)
  report[ending]++
  if (ending === 'changed' || ending === 'gone') addExample(report[`${ending}Examples`], shortenId(id))
}

/** What became of a document by all entries of it, the newest first. */
function endingOf(entries: readonly Kept[], dryRun: boolean): Ending {
  let reached = -1
  let left: 'changed' | 'gone' | undefined
  for (const entry of entries) {
    if (typeof entry === 'object') return entry
    const replaced = entry.endsWith('+')
    const ending = (replaced ? entry.slice(0, -1) : entry) as Exclude<Ending, Failure>
    if (ending !== 'changed' && ending !== 'gone') reached = Math.max(reached, settledStates.indexOf(ending))
    // An older state that is found later on says that what the newer entry tells of never came to be.
    else if (reached === -1) left ??= ending
    // Where nothing is really put back, an older entry does not find what it would find.
    else if (dryRun && !replaced && settledStates[reached] === 'putBack') reached = settledStates.indexOf('removed')
  }
  return settledStates[reached] ?? left!
}
