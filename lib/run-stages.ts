/** The stages of a run, from their opening to their closing: what they remember is given back to them first, what they have to say is told last. */
import type { RunJournal } from './checkpoint/retry-journal.ts'
import { stageTrouble } from './engine/apply-stages.ts'
import { isTransformStage } from './engine/stage-chain.ts'
import { DocferryError } from './errors.ts'
import type { CheckedRun, RunStage, SourcePart, Stage, StageRun } from './types.ts'

export interface OpenStagesOptions {
  readonly journal: Pick<RunJournal, 'record' | 'runId' | 'stagePieces' | 'stageRecords'>
  readonly dryRun: boolean
  readonly signal?: AbortSignal | undefined
}

export interface CheckStagesOptions extends OpenStagesOptions, Pick<CheckedRun, 'ends' | 'sources'> {
  readonly collections: readonly string[] | undefined
}

export class RunStages {
  readonly #stages: readonly RunStage[]
  readonly #first: number
  readonly #opened: Stage[] = []

  /** @param first how many stages of every run come before them */
  constructor(stages: readonly RunStage[], first: number) {
    this.#stages = stages
    this.#first = first
  }

  /** Before the run begins. @throws {DocferryError} what a stage finds in its way; DOCFERRY_RUN_UNFIT where a run can't be gone on with because of what one knew */
  async check({ collections, sources, ends, ...options }: CheckStagesOptions): Promise<void> {
    const { journal } = options
    const files = new Set<string>()
    const lost = this.#functions().find(({ state }) => state === 'lost')
    if (journal.record !== undefined && lost)
      throw new DocferryError(
        'DOCFERRY_RUN_UNFIT',
        `the stage ${lost.name} remembered something that is lost with the process, so that the run ${journal.runId} can't be gone on with: undo it (docferry undo ${journal.runId}), and begin anew`,
        { endsRun: true }
      )
    for (const stage of this.#functions()) {
      try {
        await stage.check?.({ ...runOf(stage, options), ends, files, ...(collections && { collections }), ...(sources && { sources }) })
      } catch (error) {
        throw stageTrouble(stage, 'could not be checked', error)
      }
    }
  }

  async open(options: OpenStagesOptions): Promise<void> {
    const { journal } = options
    if (journal.record !== undefined) await this.#restore(journal)
    for (const stage of this.#functions()) {
      this.#opened.push(stage)
      try {
        await stage.open?.(runOf(stage, options))
      } catch (error) {
        throw stageTrouble(stage, 'could not be opened', error)
      }
    }
  }

  /** Whether no document of the collection will pass any more. */
  readonly isSated = (collection: string): boolean => this.#functions().some(stage => stage.isSated?.(collection) ?? false)

  notes(): string[] {
    return this.#functions().flatMap(stage => [...(stage.notes?.() ?? [])])
  }

  /** All of them, also where one fails. @throws what the first has failed with */
  async close(isDone: boolean): Promise<void> {
    const errors: unknown[] = []
    for (const stage of this.#opened.splice(0).reverse()) {
      try {
        await stage.close?.(isDone)
      } catch (error) {
        errors.push(stageTrouble(stage, 'could not be closed', error))
      }
    }
    if (errors.length > 0) throw errors[0]
  }

  async #restore(journal: OpenStagesOptions['journal']): Promise<void> {
    for await (const [index, piece] of journal.stagePieces()) {
      const stage = this.#stages[index - this.#first]
      const state = stage && !isTransformStage(stage) ? stage.state : undefined
      if (!stage || typeof state !== 'object')
        throw new DocferryError('DOCFERRY_STATE', `the run ${journal.runId} kept something for a stage that remembers nothing`)
      try {
        state.restore(piece)
      } catch (error) {
        throw stageTrouble(stage, 'could not take back what it remembered', error)
      }
    }
  }

  #functions(): Stage[] {
    return this.#stages.flatMap(stage => (isTransformStage(stage) ? [] : [stage]))
  }
}

/** What each of several sources gives, where that is known before it is read. */
export function givenBy(parts: readonly SourcePart[]): ReadonlyMap<string, readonly string[]> {
  return new Map(
    parts.flatMap(({ name, collections }) => (name !== undefined && collections ? [[name, collections.map(({ as }) => as)]] : []))
  )
}

function runOf({ name }: Stage, { journal: { record, stageRecords }, dryRun, signal }: OpenStagesOptions): StageRun {
  return { dryRun, resumed: record !== undefined, records: stageRecords.of(name), ...(signal && { signal }) }
}
