/** How far a run has come: the cursors that the target has acknowledged, and the counts of what lies before them. */
import { addDelta } from '../engine/tally.ts'
import type { Tally } from '../engine/tally.ts'
import { DocferryError } from '../errors.ts'
import { collectionReport } from '../report.ts'
import type { CollectionReport } from '../report.ts'
import type { Cursor, Mark, Prepared, SuspendedOutput } from '../types.ts'

export interface PartitionProgress {
  /** Missing where nothing is acknowledged yet. */
  readonly cursor?: Cursor
  readonly done: boolean
  /** Marks passed, over all continuations. */
  readonly marks: number
}

/** Plain JSON. */
export interface Checkpoint {
  readonly partitions: Readonly<Record<string, PartitionProgress>>
  readonly collections: readonly CollectionReport[]
  /** What the target's collections were when the run began, by their names in the source. */
  readonly prepared: Readonly<Record<string, Prepared>>
  readonly retries: number
  /** Of an output that is made in one piece: where it stands. */
  readonly output?: SuspendedOutput | undefined
}

/** Adds up what the target acknowledges. */
export class Progress {
  readonly #partitions = new Map<string, PartitionProgress>()
  readonly #collections = new Map<string, CollectionReport>()
  readonly #prepared = new Map<string, Prepared>()

  /** Go on from a checkpoint. */
  constructor(from?: Checkpoint) {
    for (const [id, progress] of Object.entries(from?.partitions ?? {})) this.#partitions.set(id, progress)
    for (const report of from?.collections ?? []) this.#collections.set(report.source, structuredClone(report))
    for (const [name, prepared] of Object.entries(from?.prepared ?? {})) this.#prepared.set(name, prepared)
  }

  /** What a collection of the target was when the run began, whatever it has become. */
  prepare(name: string, now: Prepared): Prepared {
    const before = this.#prepared.get(name)
    if (!before) this.#prepared.set(name, now)
    return before ?? now
  }

  of(partition: string): PartitionProgress {
    return this.#partitions.get(partition) ?? { done: false, marks: 0 }
  }

  /** @param tallies of the stretch that ends with the mark */
  advance(mark: Mark, tallies: readonly Tally[]): void {
    const { marks } = this.of(mark.partition)
    this.#partitions.set(mark.partition, { cursor: mark.cursor, done: false, marks: marks + 1 })
    for (const tally of tallies) for (const delta of tally.deltas) addDelta(this.#collection(delta.source), delta)
  }

  /** Everything of the partition has its outcome. */
  finish(partition: string): void {
    this.#partitions.set(partition, { ...this.of(partition), done: true })
  }

  /** What a run that goes on from here has behind it. */
  get collections(): ReadonlyMap<string, CollectionReport> {
    return this.#collections
  }

  snapshot(retries: number, output: SuspendedOutput | undefined): Checkpoint {
    const partitions = Object.fromEntries(this.#partitions)
    return { partitions, collections: [...this.#collections.values()], prepared: Object.fromEntries(this.#prepared), retries, output }
  }

  #collection(name: string): CollectionReport {
    let report = this.#collections.get(name)
    if (!report) this.#collections.set(name, (report = collectionReport({ name, target: name })))
    return report
  }
}

/** @throws {DocferryError} DOCFERRY_STATE for what is no checkpoint of this run */
export function checkpointFrom(content: unknown, { runId, path }: { readonly runId: string; readonly path: string }): Checkpoint {
  const { partitions, collections, retries, ...rest } = (content ?? {}) as Partial<Checkpoint> & { readonly runId?: unknown }
  if (!partitions || typeof partitions !== 'object' || !Array.isArray(collections) || typeof retries !== 'number')
    throw new DocferryError('DOCFERRY_STATE', `${path} can't be used: it is no checkpoint`)
  if (rest.runId !== runId) throw new DocferryError('DOCFERRY_STATE', `${path} can't be used: it is of another run, ${String(rest.runId)}`)
  return content as Checkpoint
}
