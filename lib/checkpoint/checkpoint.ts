/** How far a run has come: the cursors that the target has acknowledged, and the counts of what lies before them. */
import { addDelta, compactDelta, sumOf, wholeDelta } from '../engine/tally.ts'
import type { CompactDelta, Tally } from '../engine/tally.ts'
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
  /** The number of the log that follows it; missing where none is kept. */
  readonly log?: number | undefined
}

/** What happens between two checkpoints; plain JSON. */
export type Step =
  | { readonly partition: string; readonly cursor: Cursor; readonly counts: readonly CompactDelta[] }
  | { readonly partition: string; readonly done: true }
  | { readonly collection: string; readonly prepared: Prepared }

/** Adds up what the target acknowledges. */
export class Progress {
  readonly #partitions = new Map<string, PartitionProgress>()
  readonly #collections = new Map<string, CollectionReport>()
  readonly #prepared = new Map<string, Prepared>()
  #onStep: ((step: Step) => void) | undefined

  /** Go on from a checkpoint, and the steps behind it. */
  constructor(from?: Checkpoint, steps: readonly Step[] = []) {
    for (const [id, progress] of Object.entries(from?.partitions ?? {})) this.#partitions.set(id, progress)
    for (const report of from?.collections ?? []) this.#collections.set(report.source, structuredClone(report))
    for (const [name, prepared] of Object.entries(from?.prepared ?? {})) this.#prepared.set(name, prepared)
    for (const step of steps) this.#apply(step)
  }

  /** @param onStep told of every step from now on, once it counts */
  tell(onStep: ((step: Step) => void) | undefined): void {
    this.#onStep = onStep
  }

  /** What a collection of the target was when the run began, whatever it has become. */
  prepare(name: string, now: Prepared): Prepared {
    const before = this.#prepared.get(name)
    if (!before) this.#take({ collection: name, prepared: now })
    return before ?? now
  }

  of(partition: string): PartitionProgress {
    return this.#partitions.get(partition) ?? { done: false, marks: 0 }
  }

  /** @param tallies of the stretch that ends with the mark */
  advance({ partition, cursor }: Mark, tallies: readonly Tally[]): void {
    this.#take({ partition, cursor, counts: sumOf(tallies).map(compactDelta) })
  }

  /** Everything of the partition has its outcome. */
  finish(partition: string): void {
    this.#take({ partition, done: true })
  }

  #take(step: Step): void {
    this.#apply(step)
    this.#onStep?.(step)
  }

  #apply(step: Step): void {
    if ('prepared' in step) this.#prepared.set(step.collection, step.prepared)
    else if ('done' in step) this.#partitions.set(step.partition, { ...this.of(step.partition), done: true })
    else {
      const { partition, cursor, counts } = step
      this.#partitions.set(partition, { cursor, done: false, marks: this.of(partition).marks + 1 })
      for (const delta of counts) addDelta(this.#collection(delta.source), wholeDelta(delta))
    }
  }

  /** What a run that goes on from here has behind it. */
  get collections(): ReadonlyMap<string, CollectionReport> {
    return this.#collections
  }

  /** As it is now, whatever is acknowledged meanwhile. */
  snapshot(retries: number, output: SuspendedOutput | undefined, log?: number): Checkpoint {
    const partitions = Object.fromEntries(this.#partitions)
    const collections = structuredClone([...this.#collections.values()])
    const prepared = Object.fromEntries(this.#prepared)
    return { partitions, collections, prepared, retries, output, ...(log !== undefined && { log }) }
  }

  #collection(name: string): CollectionReport {
    let report = this.#collections.get(name)
    if (!report) this.#collections.set(name, (report = collectionReport({ name, target: name })))
    return report
  }
}

/** @throws {DocferryError} DOCFERRY_STATE for what is no checkpoint of this run */
export function checkpointFrom(content: unknown, { runId, path }: { readonly runId: string; readonly path: string }): Checkpoint {
  const { partitions, collections, retries, log = 1, ...rest } = (content ?? {}) as Partial<Checkpoint> & { readonly runId?: unknown }
  if (!partitions || typeof partitions !== 'object' || !Array.isArray(collections) || typeof retries !== 'number' || !Number.isInteger(log))
    throw new DocferryError('DOCFERRY_STATE', `${path} can't be used: it is no checkpoint`)
  if (rest.runId !== runId) throw new DocferryError('DOCFERRY_STATE', `${path} can't be used: it is of another run, ${String(rest.runId)}`)
  return content as Checkpoint
}
