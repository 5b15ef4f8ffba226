/** The collections of a run, made ready in the target one by one, as documents of them come. */
import { readLetters } from './checkpoint/read-letters.ts'
import type { RunJournal } from './checkpoint/retry-journal.ts'
import type { UndoRecorder } from './checkpoint/undo-recorder.ts'
import { CollectionState } from './engine/collection-state.ts'
import { RestingRoom } from './engine/repeat-counter.ts'
import { withRetry } from './engine/retry.ts'
import type { RetryOptions } from './engine/retry.ts'
import type { Ledger } from './ledger.ts'
import type { CheckedOptions } from './open-run.ts'
import type { Survey } from './plan/survey.ts'
import { isSavedAtEnd } from './report.ts'
import type { CollectionReport } from './report.ts'
import type { Partition, Source, Target } from './types.ts'

export interface CollectionStatesParts {
  readonly source: Source
  readonly target: Target
  readonly options: CheckedOptions
  readonly ledger: Ledger
  readonly journal: RunJournal
  readonly retry: RetryOptions
  /** Of a dry run. */
  readonly survey: Survey | undefined
  readonly partitions: () => readonly Partition[]
  readonly recorder: () => UndoRecorder | undefined
}

export class CollectionStates {
  readonly #parts: CollectionStatesParts
  readonly #states = new Map<string, Promise<CollectionState>>()
  readonly #restingRoom = new RestingRoom()
  /** The partitions that hold some of each collection, once they are asked for. */
  #partitions: ReadonlyMap<string, readonly Partition[]> | undefined

  constructor(parts: CollectionStatesParts) {
    this.#parts = parts
  }

  /** All that were entered. */
  all(): Promise<CollectionState[]> {
    return Promise.all(this.#states.values())
  }

  /** The collection's state, made ready in the target the first time. @param isOneOfAll whether all are made ready before the first document */
  enter(name: string, isOneOfAll = false): Promise<CollectionState> {
    let state = this.#states.get(name)
    if (!state) this.#states.set(name, (state = this.#prepare(this.#parts.ledger.of(name), !isOneOfAll)))
    return state
  }

  /** Whatever has become of them. */
  async end(): Promise<void> {
    for (const state of await Promise.allSettled(this.#states.values())) if (state.status === 'fulfilled') state.value.end()
  }

  async #prepare(report: CollectionReport, mayMoreCome: boolean): Promise<CollectionState> {
    const { source, target, ledger, journal, retry, survey, options } = this.#parts
    const { dryRun = false, stages } = options
    const { signal } = retry
    const found = await withRetry(() => target.prepare(report.target, { create: !dryRun, mayMoreCome, signal }), retry)
    const untold = await options.apart?.enter(target, report.target, { isMissing: dryRun && found.created, signal })
    if (untold) ledger.report.notes.push(...untold)
    const prepared = journal.progress.prepare(report.source, found)
    report.created = prepared.created
    report.wasEmpty = prepared.empty
    if (prepared.empty) this.#parts.recorder()?.startsEmpty(report.target)
    survey?.countHeld(report.target, prepared.empty ? 0 : prepared.documents)
    const idsMayRepeat = !source.uniqueIds || stages.some(({ mayRepeatIds = true }) => mayRepeatIds)
    // What one partition holds back in its open batch, another can't see: where ids repeat, only a single partition can tell the first.
    this.#partitions ??= byCollection(this.#parts.partitions())
    const those = this.#partitions.get(report.source)
    const partitions = those ? those.filter(({ id }) => !journal.progress.of(id).done).length : 1
    const mayComeAgain = those?.every(({ collections }) => collections?.length === 1) !== true
    // A run that goes on does not know which ids it has seen; a file takes them all.
    const knowsIds = journal.record === undefined || isSavedAtEnd(target.location)
    const fresh = prepared.empty && (!idsMayRepeat || (partitions <= 1 && knowsIds))
    const firstStays = options.onConflict !== 'overwrite'
    const state = new CollectionState(report, {
      fresh,
      isNew: prepared.empty,
      idsMayRepeat,
      firstStays,
      holdsRepeats: target.holdsRepeats,
      partitions,
      restingRoom: mayComeAgain ? this.#restingRoom : undefined
    })
    if (state.failedIds && report.failed > 0 && !options.again)
      for await (const { letter } of readLetters(journal.deadLetters, { collection: report.source }))
        if (letter.id !== undefined && letter.code !== 'DOCFERRY_CONFLICT') state.addFailed(letter.id)
    return state
  }
}

function byCollection(partitions: readonly Partition[]): ReadonlyMap<string, readonly Partition[]> {
  const found = new Map<string, Partition[]>()
  for (const partition of partitions) {
    for (const collection of new Set(partition.collections)) {
      const those = found.get(collection)
      if (those) those.push(partition)
      else found.set(collection, [partition])
    }
  }
  return found
}
