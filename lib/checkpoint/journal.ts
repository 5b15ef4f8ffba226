/** What a run keeps on disk while it goes on, so that it can be continued when its process dies. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DocferryError } from '../errors.ts'
import type { RunReport } from '../report.ts'
import { totalCounts } from '../report.ts'
import type { SuspendedOutput } from '../types.ts'
import { Progress } from './checkpoint.ts'
import type { Checkpoint } from './checkpoint.ts'
import { deadLettersName, trimDeadLetters } from './dead-letters.ts'
import { RunFolder } from './run-folder.ts'
import type { RunRecord } from './run-folder.ts'
import { undoJournalName } from './undo-journal.ts'

/** How often a checkpoint is written, at most. */
const defaultEveryMs = 1_000

export interface JournalOptions {
  readonly stateDir: string
  /** Run to go on with. */
  readonly resume?: string | undefined
  readonly everyMs?: number | undefined
}

/** Brings an output that is made in one piece to rest, and calls `work` with where it stands then; or not, where it can't be gone on with from there. */
export type Suspend = (work: (output: SuspendedOutput | undefined) => Checkpoint) => Promise<Checkpoint | undefined> | Checkpoint

/** Makes checkpoints. A dry run has none: its `folder` stays undefined. */
export class Journal {
  readonly runId: string
  /** Of the run that goes on. */
  readonly record: RunRecord | undefined
  /** Where the output of the run that goes on stands. */
  readonly output: SuspendedOutput | undefined
  readonly #options: JournalOptions
  #progress: Progress
  #folder: RunFolder | undefined
  #timer: NodeJS.Timeout | undefined
  /** Whether this process has changed what the folder tells of the run. */
  #hasBegun = false
  /** Whether checkpoints may be written now. */
  #isSaving = false
  #saving: Promise<void> = Promise.resolve()
  #retries: () => number = () => 0
  #suspend: Suspend = work => work(undefined)
  readonly #syncs: (() => Promise<void>)[] = []

  private constructor(options: JournalOptions, found?: { folder: RunFolder; record: RunRecord; checkpoint: Checkpoint | undefined }) {
    this.#options = options
    this.#folder = found?.folder
    this.record = found?.record
    this.#progress = new Progress(found?.checkpoint)
    this.output = found?.checkpoint?.output
    this.runId = found?.record.runId ?? newRunId()
  }

  /** @throws {DocferryError} DOCFERRY_STATE where the run to go on with is not there, is going on already, or its files are damaged */
  static async open(options: JournalOptions): Promise<Journal> {
    const { stateDir, resume } = options
    if (resume === undefined) return new Journal(options)
    const folder = await RunFolder.open(stateDir, resume)
    try {
      if (await folder.undone())
        throw new DocferryError(
          'DOCFERRY_STATE',
          `the run ${resume} was undone, in whole or in part: begin a new one instead of going on with it`
        )
      const record = await folder.record()
      return new Journal(options, { folder, record, checkpoint: await folder.checkpoint() })
    } catch (error) {
      await folder.close()
      throw error
    }
  }

  get progress(): Progress {
    return this.#progress
  }

  /** Of what was written before, nothing is left in the target. */
  startOver(): void {
    this.#progress = new Progress()
  }

  /** Where what can't be written is kept. */
  get deadLetters(): string {
    return join(this.#options.stateDir, 'runs', this.runId, deadLettersName)
  }

  /** Where what undoing needs is kept. */
  get undoJournal(): string {
    return join(this.#options.stateDir, 'runs', this.runId, undoJournalName)
  }

  /** Have `sync` called before each checkpoint: what belongs to the documents that it covers must be on disk first. */
  syncFirst(sync: () => Promise<void>): void {
    this.#syncs.push(sync)
  }

  /** Nothing is changed in the target before this has resolved. */
  async begin(record: Omit<RunRecord, 'runId' | 'startedAt'>): Promise<void> {
    if (this.#folder) {
      // Of documents that are read again, letters are written again.
      await trimDeadLetters(this.deadLetters, ({ partition, mark }) => {
        return partition !== undefined && mark !== undefined && mark < this.#progress.of(partition).marks
      })
      this.#hasBegun = true
      return
    }
    this.#folder = await RunFolder.create(this.#options.stateDir, this.runId)
    await this.#folder.begin({ runId: this.runId, startedAt: new Date().toISOString(), ...record })
    this.#hasBegun = true
  }

  /**
   * Write checkpoints from now on, the first one at once.
   *
   * @param onFailure called with what made a checkpoint fail: a run that can't keep them must not go on
   */
  async start(report: Readonly<RunReport>, suspend: Suspend | undefined, onFailure: (error: unknown) => void): Promise<void> {
    const { everyMs = defaultEveryMs } = this.#options
    this.#retries = () => report.retries
    if (suspend) this.#suspend = suspend
    this.#isSaving = true
    await this.save()
    const tick = (): void => {
      this.save().then(() => {
        if (this.#timer) this.#timer = setTimeout(tick, everyMs)
      }, onFailure)
    }
    this.#timer = setTimeout(tick, everyMs)
  }

  /** What is saved is what the target has acknowledged, and nothing more. */
  save(): Promise<void> {
    const save = async (): Promise<void> => {
      if (!this.#isSaving) return
      const checkpoint = await this.#suspend(output => this.#progress.snapshot(this.#retries(), output))
      if (!checkpoint) return
      await Promise.all(this.#syncs.map(sync => sync()))
      await this.#folder?.save(checkpoint)
    }
    this.#saving = this.#saving.then(save, save)
    return this.#saving
  }

  /** The last checkpoint. Nothing more is written, and the output may be made whole: it does not rest any more. */
  async settle(): Promise<void> {
    this.#stopTimer()
    await this.save()
    this.#isSaving = false
  }

  /** How the run ended. */
  async end(report: Readonly<RunReport>): Promise<void> {
    this.#stopTimer()
    if (!this.#folder || !this.#hasBegun) return
    await this.save().catch((error: unknown) => {
      // The run says what is wrong already, and the checkpoint before this one holds.
      if (report.state !== 'failed' && report.state !== 'interrupted') throw error
    })
    await this.#folder.end({ state: report.state, at: new Date().toISOString(), totals: totalCounts(report.collections) })
  }

  async close(): Promise<void> {
    this.#stopTimer()
    await this.#folder?.close()
  }

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

/** Sorts by time. */
function newRunId(): string {
  return `${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}-${randomBytes(3).toString('hex')}`
}
