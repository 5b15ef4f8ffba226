/** What became of the documents of one stretch of a partition, by collection: what a checkpoint adds up. */
import { addExample, addFailures, collectionReport, examplesPerKind } from '../report.ts'
import type { CollectionReport } from '../report.ts'

export class Tally {
  readonly #deltas = new Map<string, CollectionReport>()

  /** @param collection its name in the source */
  of(collection: string): CollectionReport {
    let delta = this.#deltas.get(collection)
    if (!delta) this.#deltas.set(collection, (delta = collectionReport({ name: collection, target: collection })))
    return delta
  }

  get deltas(): Iterable<CollectionReport> {
    return this.#deltas.values()
  }
}

/** Add what became of some documents to what became of those before. */
export function addDelta(total: CollectionReport, delta: CollectionReport): void {
  for (const key of ['read', 'added', 'written', 'skipped', 'filtered', 'bytesRead', 'bytesWritten'] as const) total[key] += delta[key]
  for (const key of ['filteredBy', 'stripped'] as const) {
    for (const [name, count] of Object.entries(delta[key])) total[key][name] = (total[key][name] ?? 0) + count
  }
  for (const group of delta.failures) addFailures(total, group)
  for (const group of delta.conversions) {
    const same = total.conversions.find(({ kind, conversion }) => kind === group.kind && conversion === group.conversion)
    if (!same) total.conversions.push({ ...group, examples: [...group.examples] })
    else {
      same.count += group.count
      same.examples.push(...group.examples.slice(0, examplesPerKind - same.examples.length))
    }
  }
  for (const id of delta.skippedExamples) addExample(total.skippedExamples, id)
}
