/** What a run keeps on disk while it goes on, so that it can be continued when its process dies. */
import { join } from 'node:path'
import { DocferryError } from '../errors.ts'
import type { StagePiece } from '../engine/tally.ts'
import type { RunReport } from '../report.ts'
import { totalCounts } from '../report.ts'
import type { OutputStand, SuspendedOutput } from '../types.ts'
import { Progress } from './checkpoint.ts'
import type { Checkpoint, Step } from './checkpoint.ts'
import { deadLettersName, trimDeadLetters } from './dead-letters.ts'
import { howFar } from './how-far.ts'
import type { HowFar } from './how-far.ts'
import { ProgressLog, removeProgress } from './progress-log.ts'
import type { ChainEnd } from './progress-log.ts'
import { runCommand } from './run-command.ts'
import { logName, RunFolder } from './run-folder.ts'
import type { RunEnd, RunRecord } from './run-folder.ts'
import { newRunId } from './run-id.ts'
import { checkpointOf, divideOutput, Settled } from './settled.ts'
import type { SettledPlace } from './settled.ts'
import { StageMemory, stageMemoryName } from './stage-memory.ts'
import { KeptRecords, stageRecordsName } from './stage-records.ts'
import { undoJournalName } from './undo-journal.ts'

/**
 * How often a checkpoint is written, at most. With thousands of collections it is large, so that making it, for which all else waits, takes a small part
 * of the time. The disk may take its time besides, but is not kept at it: it has documents to write.
 */
const defaultEveryMs = 1_000
const makingFactor = 20
const writingFactor = 2

/**
 * How long the partitions of an output in one piece may be held back until all of them rest: at first, and at most. A checkpoint that takes
 * longer is given up, and tried again after `restFactor` times as long.
 */
const patienceMs = { least: 2_000, most: 60_000 }
const restFactor = 5

export interface JournalOptions {
  readonly stateDir: string
  /** Run to go on with. */
  readonly resume?: string | undefined
  readonly everyMs?: number | undefined
}

/**
 * Brings an output that is made in one piece to rest, and calls `work` with where it stands then; or not, where it can't be gone on with from
 * there, or does not come to rest within `patienceMs`.
 */
export type Suspend = <Made>(work: (output: OutputStand | undefined) => Made, patienceMs: number) => Promise<Made | undefined> | Made

export interface BeginOptions {
  /** Whether what is acknowledged between two checkpoints is kept too. Not of an output that is cut back to its checkpoint. */
  readonly steps?: boolean
}

/** What was found of a run that is to be continued. */
interface Found extends HowFar {
  readonly folder: RunFolder
  readonly record: RunRecord
  readonly lastEnd: RunEnd | undefined
}

/** Makes checkpoints. A dry run has none: its `folder` stays undefined. */
export class Journal {
  readonly runId: string
  /** Of the run that goes on. */
  readonly record: RunRecord | undefined
  /** Where the output of the run that goes on stands. */
  readonly output: SuspendedOutput | undefined
  /** What it had written when it was stopped: also what stands behind its last mark, and is read again. Missing of one that was killed. */
  readonly writtenBefore: number | undefined
  readonly #options: JournalOptions
  #progress: Progress
  /** Of the logs behind the checkpoint that was found. */
  readonly #logsEnd: ChainEnd
  #log: ProgressLog | undefined
  /** What made it impossible to keep a step. */
  #logError: unknown
  /** The last one that was begun, and the one that the last checkpoint names. */
  #lastLog: number | undefined
  #namedLog: number | undefined
  #retriesBefore: number
  #folder: RunFolder | undefined
  #timer: NodeJS.Timeout | undefined
  /** Whether this process has changed what the folder tells of the run. */
  #hasBegun = false
  /** Whether checkpoints may be written now. */
  #isSaving = false
  #saving: Promise<unknown> = Promise.resolve()
  #retries: () => number = () => 0
  #suspend: Suspend = work => work(undefined)
  #onFailure: ((error: unknown) => void) | undefined
  #patienceMs = patienceMs.least
  /** How long the last checkpoint took, once all had come to rest. */
  #makingMs = 0
  #writingMs = 0
  readonly #syncs: (() => Promise<void>)[] = []
  #stageMemory: StageMemory
  #stageRecords: KeptRecords | undefined
  /** Of the checkpoint that was found. */
  readonly #settledBefore: SettledPlace | undefined
  /** Once the run has a folder. */
  #settled: Settled | undefined

  private constructor(options: JournalOptions, found?: Found) {
    this.#options = options
    this.#folder = found?.folder
    this.record = found?.record
    this.#progress = new Progress(found?.checkpoint, found?.steps)
    this.#logsEnd = found?.end ?? { number: 0, checksum: '' }
    this.#retriesBefore = found?.checkpoint?.retries ?? 0
    this.#settledBefore = found?.checkpoint?.settled
    this.output = found?.checkpoint?.output
    this.writtenBefore = found?.lastEnd?.totals.written
    this.runId = found?.record.runId ?? newRunId()
    this.#stageMemory = new StageMemory(this.#pathOf(stageMemoryName), found?.checkpoint?.stageBytes)
  }

  /** @throws {DocferryError} DOCFERRY_NO_SUCH_RUN, DOCFERRY_RUN_BUSY, DOCFERRY_RUN_UNFIT, or DOCFERRY_STATE where its files are damaged */
  static async open(options: JournalOptions): Promise<Journal> {
    const { stateDir, resume } = options
    if (resume === undefined) return new Journal(options)
    const folder = await RunFolder.open(stateDir, resume)
    try {
      if (await folder.undone())
        throw new DocferryError(
          'DOCFERRY_RUN_UNFIT',
          `the run ${resume} was undone, in whole or in part: begin a new one instead of going on with it`
        )
      const end = await folder.lastEnd()
      if (end?.state === 'done' || end?.state === 'partial') throw atItsEnd(resume, end, stateDir)
      if (end?.spoilt !== undefined) throw isSpoilt(resume, end.spoilt, stateDir)
      if (end?.refused)
        throw new DocferryError(
          'DOCFERRY_RUN_UNFIT',
          `the run ${resume} was refused, for another target is the same place: leave one of them out, and begin anew`
        )
      const record = await folder.record()
      return new Journal(options, { folder, record, lastEnd: end, ...(await howFar(folder.path, resume)) })
    } catch (error) {
      await folder.close()
      throw error
    }
  }

  get progress(): Progress {
    return this.#progress
  }

  /** Calls and documents tried again before this process. */
  get retries(): number {
    return this.#retriesBefore
  }

  /** Of what was written before, nothing is left in the target. */
  startOver(): void {
    this.#progress = new Progress()
    this.#stageMemory = new StageMemory(this.#pathOf(stageMemoryName))
    this.#retriesBefore = 0
  }

  /** What stages remember of what is acknowledged, for a run that goes on. */
  async *stagePieces(): AsyncGenerator<StagePiece> {
    yield* this.#stageMemory.read()
    yield* this.#progress.pieces
  }

  /** What stages have made beside the run. */
  get stageRecords(): KeptRecords {
    return (this.#stageRecords ??= new KeptRecords(this.#pathOf(stageRecordsName)))
  }

  /** Where what can't be written is kept. */
  get deadLetters(): string {
    return this.#pathOf(deadLettersName)
  }

  /** Where the run's log is. */
  get log(): string {
    return this.#pathOf(logName)
  }

  /** Where what undoing needs is kept. */
  get undoJournal(): string {
    return this.#pathOf(undoJournalName)
  }

  /** Have `sync` called before each checkpoint: what belongs to the documents that it covers must be on disk first. */
  syncFirst(sync: () => Promise<void>): void {
    this.#syncs.push(sync)
  }

  /** Nothing is changed in the target before this has resolved. */
  async begin(record: Omit<RunRecord, 'runId' | 'startedAt'>, { steps = false }: BeginOptions = {}): Promise<void> {
    if (this.#folder) {
      // Of documents that are read again, letters are written again.
      await trimDeadLetters(this.deadLetters, ({ partition, mark }) => {
        return partition !== undefined && mark !== undefined && mark < this.#progress.of(partition).marks
      })
      await removeProgress(this.#folder.path, number => number > this.#logsEnd.number)
    } else {
      this.#folder = await RunFolder.create(this.#options.stateDir, this.runId)
      await this.#folder.begin({ runId: this.runId, startedAt: new Date().toISOString(), ...record })
    }
    this.#hasBegun = true
    this.#settled = new Settled(this.#folder.path, this.#settledBefore)
    if (!steps) return
    this.#log = ProgressLog.begin(this.#folder.path, this.runId, this.#logsEnd)
    this.#lastLog = this.#log.number
    this.#progress.tell(step => this.#keep(step))
  }

  #keep(step: Step): void {
    try {
      this.#log?.add(step)
    } catch (error) {
      this.#logError = error
      this.#closeLog()
      this.#onFailure?.(error)
    }
  }

  /**
   * Write checkpoints from now on, the first one at once.
   *
   * @param onFailure called with what made a checkpoint fail: a run that can't keep them must not go on
   */
  async start(report: Readonly<RunReport>, suspend: Suspend | undefined, onFailure: (error: unknown) => void): Promise<void> {
    const { everyMs = defaultEveryMs } = this.#options
    if (this.#logError !== undefined) throw this.#logError
    this.#onFailure = onFailure
    this.#retries = () => report.retries
    if (suspend) this.#suspend = suspend
    this.#isSaving = true
    await this.save()
    const tick = (): void => {
      const began = performance.now()
      this.#saveSoon(this.#patienceMs).then(isSaved => {
        const took = performance.now() - began
        this.#patienceMs = Math.min(patienceMs.most, Math.max(patienceMs.least, 2 * took))
        if (this.#timer) this.#timer = setTimeout(tick, isSaved ? this.#pauseMs(everyMs) : Math.max(everyMs, restFactor * took))
      }, onFailure)
    }
    this.#timer = setTimeout(tick, everyMs)
  }

  #pauseMs(everyMs: number): number {
    return Math.max(everyMs, makingFactor * this.#makingMs, writingFactor * this.#writingMs)
  }

  /** What is saved is what the target has acknowledged, and nothing more. */
  async save(): Promise<void> {
    await this.#saveSoon(Infinity)
  }

  /** @returns false where there was no checkpoint to be had within that time */
  #saveSoon(patience: number): Promise<boolean> {
    const save = async (): Promise<boolean> => {
      if (!this.#isSaving) return true
      let began = 0
      const snapshot = (output: OutputStand | undefined): Pick<Checkpoint, 'log'> & { readonly bytes: readonly Buffer[] | undefined } => {
        began = performance.now()
        const checkpoint = this.#snapshot(output)
        const bytes = this.#folder?.checkpointBytes(checkpoint)
        this.#makingMs = performance.now() - began
        return { log: checkpoint.log, bytes }
      }
      const made = await this.#suspend(snapshot, patience)
      if (!made) return false
      const { log, bytes } = made
      await Promise.all(this.#syncs.map(sync => sync()))
      if (this.#folder) await this.#stageMemory.write()
      await this.#settled?.sync()
      if (bytes) await this.#folder?.save(bytes)
      this.#writingMs = performance.now() - began
      await this.#settled?.removeOthers()
      if (log === undefined || !this.#folder) return true
      this.#namedLog = log
      await removeProgress(this.#folder.path, number => number < log)
      return true
    }
    const saving = this.#saving.then(save, save)
    this.#saving = saving
    return saving
  }

  /** What is acknowledged from here on stands in the next log, whether or not this checkpoint is on disk by then. */
  #snapshot(output: OutputStand | undefined): Checkpoint {
    if (this.#log) this.#log = this.#log.next()
    // A log that could not be written on has steps that this checkpoint covers: one is named that is not there.
    else if (this.#logError !== undefined && this.#lastLog !== undefined) this.#lastLog++
    this.#lastLog = this.#log?.number ?? this.#lastLog
    const stageBytes = this.#stageMemory.add(this.#progress.takePieces())
    const { parts, rest } = divideOutput(output)
    const { left, place } = this.#settled?.divide([...this.#progress.parts(), ...parts]) ?? { left: [], place: undefined }
    const log = this.#lastLog
    return checkpointOf(left, {
      retries: this.#retries(),
      output: rest,
      ...(log !== undefined && { log }),
      ...(stageBytes > 0 && { stageBytes }),
      ...(place && { settled: place })
    })
  }

  /** The last checkpoint. Nothing more is written, and the output may be made whole: it does not rest any more. */
  async settle(): Promise<void> {
    this.#stopTimer()
    await this.save()
    this.#isSaving = false
  }

  /** @returns the path of the receipt, which is on disk; undefined where the run has no folder */
  async keepReceipt(text: Iterable<Buffer>): Promise<string | undefined> {
    return await this.#folder?.keepReceipt(text)
  }

  /** How the run ended. */
  async end(report: Readonly<RunReport>, { toVerify = false }: { readonly toVerify?: boolean | undefined } = {}): Promise<void> {
    this.#stopTimer()
    if (!this.#folder || !this.#hasBegun) return
    await this.save().catch((error: unknown) => {
      // The run says what is wrong already, and the checkpoint before this one holds.
      if (report.state !== 'failed' && report.state !== 'interrupted') throw error
    })
    const log = this.#log
    if (log?.isEmpty && log.number === this.#namedLog) {
      this.#closeLog()
      await removeProgress(this.#folder.path, () => true)
    }
    const { state, spoilt, stoppedBy, collections } = report
    await this.#folder.end({
      state,
      at: new Date().toISOString(),
      totals: totalCounts(collections),
      ...(spoilt !== undefined && { spoilt }),
      ...(stoppedBy === 'DOCFERRY_SAME_PLACE' && { refused: true }),
      ...(toVerify && (state === 'done' || state === 'partial') && { toVerify })
    })
  }

  async close(): Promise<void> {
    this.#stopTimer()
    this.#closeLog()
    await this.#folder?.close()
  }

  #closeLog(): void {
    this.#log?.close()
    this.#log = undefined
  }

  #pathOf(name: string): string {
    return join(this.#options.stateDir, 'runs', this.runId, name)
  }

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

/** Its counts and dead letters may be those of a retry by now: going on with nothing would put back the old ones. */
function atItsEnd(runId: string, { state }: RunEnd, stateDir: string): DocferryError {
  const letters = state === 'partial' ? `; ${runCommand('retry', runId, stateDir)} writes its dead letters again` : ''
  return new DocferryError('DOCFERRY_RUN_UNFIT', `the run ${runId} has come to its end: there is nothing to go on with${letters}`)
}

/** @param why what it has read was wrong */
export function isSpoilt(runId: string, why: string, stateDir: string): DocferryError {
  return new DocferryError(
    'DOCFERRY_RUN_UNFIT',
    `the run ${runId} can't be gone on with, for what it has written may be wrong (${why}). Put the right input in its place, take back what was written ` +
      `(${runCommand('undo', runId, stateDir)}; of a file that it was writing, remove what is left), and begin a new run`
  )
}
