/** What became of the documents of one stretch of a partition, by collection: what a checkpoint adds up. */
import { takeOutcomes } from './outcome-sums.ts'
import type { OutcomeSums } from './outcome-sums.ts'
import { addExample, addFailures, collectionReport, examplesPerKind } from '../report.ts'
import type { CollectionReport } from '../report.ts'
import type { Json } from '../types.ts'

/** A piece of what a stage remembers, and the stage's index. */
export type StagePiece = readonly [stage: number, piece: Json]

export class Tally {
  /** Of what stages remember of these documents. */
  readonly pieces: StagePiece[] = []
  readonly #deltas = new Map<string, CollectionReport>()
  readonly #sums = new Map<string, OutcomeSums>()

  /** @param collection its name in the source */
  of(collection: string): CollectionReport {
    let delta = this.#deltas.get(collection)
    if (!delta) this.#deltas.set(collection, (delta = collectionReport({ name: collection, target: collection })))
    return delta
  }

  get deltas(): Iterable<CollectionReport> {
    return this.#deltas.values()
  }

  /** @param collection its name in the source */
  sumsOf(collection: string): OutcomeSums {
    let sums = this.#sums.get(collection)
    if (!sums) this.#sums.set(collection, (sums = {}))
    return sums
  }

  get sums(): ReadonlyMap<string, OutcomeSums> {
    return this.#sums
  }
}

/** What became of some documents, without what is nothing: `source` and the rest as far as it counts. Plain JSON. */
export type CompactDelta = Pick<CollectionReport, 'source'> & Partial<CollectionReport>

const deltaKeys = [
  'read',
  'added',
  'written',
  'skipped',
  'filtered',
  'failed',
  'bytesRead',
  'bytesWritten',
  'filteredBy',
  'stripped',
  'attachmentsLeft',
  'attachments',
  'attachmentBytes',
  'failures',
  'conversions',
  'skippedExamples'
] as const

export function compactDelta(delta: CollectionReport): CompactDelta {
  const counts = deltaKeys.filter(key => {
    const value = delta[key]
    return typeof value === 'number' ? value !== 0 : Object.keys(value ?? {}).length > 0
  })
  return { source: delta.source, ...Object.fromEntries(counts.map(key => [key, delta[key]])) }
}

export function wholeDelta(delta: CompactDelta): CollectionReport {
  return { ...collectionReport({ name: delta.source, target: delta.source }), ...delta }
}

/** One account for each collection out of several, which are used up by it. */
export function sumOf(tallies: readonly Tally[]): Tally {
  const sum = new Tally()
  for (const tally of tallies) {
    for (const delta of tally.deltas) addDelta(sum.of(delta.source), delta)
    for (const [collection, sums] of tally.sums) takeOutcomes(sum.sumsOf(collection), sums)
    sum.pieces.push(...tally.pieces)
  }
  return sum
}

/** Add what became of some documents to what became of those before. */
export function addDelta(total: CollectionReport, delta: CollectionReport): void {
  for (const key of ['read', 'added', 'written', 'skipped', 'filtered', 'bytesRead', 'bytesWritten'] as const) total[key] += delta[key]
  for (const key of ['filteredBy', 'stripped'] as const) {
    for (const [name, count] of Object.entries(delta[key])) total[key][name] = (total[key][name] ?? 0) + count
  }
  for (const key of ['attachmentsLeft', 'attachments', 'attachmentBytes'] as const) {
    const count = delta[key]
    if (count !== undefined) total[key] = (total[key] ?? 0) + count
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
