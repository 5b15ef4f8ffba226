/** How far a run has come: the cursors that the target has acknowledged, and the counts of what lies before them. */
import { giveUpOutcomes, keepSums, keptSums, mergeOutcomes, restoreSums } from '../engine/outcome-sums.ts'
import type { KeptSums, OutcomeSums } from '../engine/outcome-sums.ts'
import { addDelta, compactDelta, sumOf, wholeDelta } from '../engine/tally.ts'
import type { CompactDelta, StagePiece, Tally } from '../engine/tally.ts'
import { DocferryError } from '../errors.ts'
import { collectionReport } from '../report.ts'
import type { CollectionReport } from '../report.ts'
import type { Cursor, Mark, Prepared, SuspendedOutput } from '../types.ts'
import { checkpointOf } from './settled.ts'
import type { Part, SettledPlace } from './settled.ts'

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
  /** By the collections' names in the source. Missing where an older docferry wrote it. */
  readonly sums?: Readonly<Record<string, KeptSums>>
  /** What the target's collections were when the run began, by their names in the source. */
  readonly prepared: Readonly<Record<string, Prepared>>
  readonly retries: number
  /** Of an output that is made in one piece: where it stands. */
  readonly output?: SuspendedOutput | undefined
  /** The number of the log that follows it; missing where none is kept. */
  readonly log?: number | undefined
  /** So much of the file of what stages remember belongs to it. */
  readonly stageBytes?: number
  /** Where what is missing here stands. */
  readonly settled?: SettledPlace | undefined
}

/** What happens between two checkpoints; plain JSON. */
export type Step =
  | {
      readonly partition: string
      readonly cursor: Cursor
      readonly counts: readonly CompactDelta[]
      readonly sums?: Readonly<Record<string, KeptSums>>
      readonly pieces?: readonly StagePiece[]
    }
  | { readonly partition: string; readonly done: true }
  | { readonly collection: string; readonly prepared: Prepared }

/** Adds up what the target acknowledges. */
export class Progress {
  readonly #partitions = new Map<string, PartitionProgress>()
  readonly #collections = new Map<string, CollectionReport>()
  readonly #sums: Map<string, OutcomeSums>
  readonly #prepared = new Map<string, Prepared>()
  /** By collection: another object with each change. */
  readonly #versions = new Map<string, object>()
  /** Not in a checkpoint yet. */
  #pieces: StagePiece[] = []
  #onStep: ((step: Step) => void) | undefined

  /** Go on from a checkpoint, and the steps behind it. */
  constructor(from?: Checkpoint, steps: readonly Step[] = []) {
    for (const [id, progress] of Object.entries(from?.partitions ?? {})) this.#partitions.set(id, progress)
    for (const report of from?.collections ?? []) {
      this.#collections.set(report.source, structuredClone(report))
      this.#versions.set(report.source, {})
    }
    for (const [name, prepared] of Object.entries(from?.prepared ?? {})) this.#prepared.set(name, prepared)
    this.#sums = restoreSums(from?.sums)
    for (const step of steps) this.#apply(step, 'counts' in step ? restoreSums(step.sums) : undefined)
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

  /** @param tallies of the stretch that ends with the mark; used up by it */
  advance({ partition, cursor }: Mark, tallies: readonly Tally[]): void {
    const tally = sumOf(tallies)
    const { pieces } = tally
    const step = { partition, cursor, counts: [...tally.deltas].map(compactDelta), ...(pieces.length > 0 && { pieces }) }
    this.#apply(step, tally.sums)
    this.#onStep?.({ ...step, sums: keepSums(tally.sums) })
    for (const sums of tally.sums.values()) giveUpOutcomes(sums)
  }

  /** Everything of the partition has its outcome. */
  finish(partition: string): void {
    this.#take({ partition, done: true })
  }

  #take(step: Step): void {
    this.#apply(step)
    this.#onStep?.(step)
  }

  #apply(step: Step, sums?: ReadonlyMap<string, OutcomeSums>): void {
    if ('prepared' in step) this.#prepared.set(step.collection, step.prepared)
    else if ('done' in step) this.#partitions.set(step.partition, { ...this.of(step.partition), done: true })
    else {
      const { partition, cursor, counts, pieces = [] } = step
      this.#pieces.push(...pieces)
      this.#partitions.set(partition, { cursor, done: false, marks: this.of(partition).marks + 1 })
      for (const delta of counts) {
        addDelta(this.#collection(delta.source), wholeDelta(delta))
        this.#versions.set(delta.source, {})
      }
      for (const [name, part] of sums ?? []) this.#addSums(name, part)
    }
  }

  /** What stages remember of what was acknowledged since this was last called, or is behind the checkpoint that it goes on from. */
  takePieces(): readonly StagePiece[] {
    const pieces = this.#pieces
    this.#pieces = []
    return pieces
  }

  get pieces(): readonly StagePiece[] {
    return this.#pieces
  }

  /** What a run that goes on from here has behind it. */
  get collections(): ReadonlyMap<string, CollectionReport> {
    return this.#collections
  }

  /** Of the documents in `collections`; of fewer where a part was written by an older docferry. */
  get sums(): ReadonlyMap<string, Readonly<OutcomeSums>> {
    return this.#sums
  }

  /** As it is now, whatever is acknowledged meanwhile. */
  snapshot(retries: number, output: SuspendedOutput | undefined, log?: number): Checkpoint {
    return checkpointOf([...this.parts()], { retries, output, ...(log !== undefined && { log }) })
  }

  /** What a snapshot is made of, piece by piece. */
  *parts(): Generator<Part, void, undefined> {
    for (const [name, progress] of this.#partitions) yield { kind: 'partitions', name, version: progress, value: () => progress }
    for (const [name, report] of this.#collections)
      yield { kind: 'collections', name, version: this.#versions.get(name), value: () => structuredClone(report) }
    for (const [name, sums] of this.#sums) {
      if (!sums.written && !sums.skipped) continue
      yield { kind: 'sums', name, version: this.#versions.get(name), value: () => keptSums(sums) }
    }
    for (const [name, prepared] of this.#prepared) yield { kind: 'prepared', name, version: prepared, value: () => prepared }
  }

  #addSums(name: string, part: OutcomeSums): void {
    this.#versions.set(name, {})
    const total = this.#sums.get(name) ?? {}
    mergeOutcomes(total, part)
    this.#sums.set(name, total)
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
