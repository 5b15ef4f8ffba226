/** What a run keeps on disk of itself: what it was asked, how it can be undone, and in the end its receipt. How far it has come is the journal's. */
import { dirname } from 'node:path'
import type { RunJournal } from './checkpoint/retry-journal.ts'
import { keepSecurity } from './checkpoint/kept-security.ts'
import { UndoJournal } from './checkpoint/undo-journal.ts'
import { undoModeFor, UndoRecorder } from './checkpoint/undo-recorder.ts'
import { byteChunks } from './engine/byte-chunks.ts'
import type { RetryOptions } from './engine/retry.ts'
import type { PutSecurity } from './engine/security.ts'
import { kept } from './open.ts'
import type { CheckedOptions } from './open-run.ts'
import { boundsOf } from './plan/bounds.ts'
import { plannedOptions } from './plan/plan.ts'
import type { PlannedOptions } from './plan/plan.ts'
import { isSavedAtEnd } from './report.ts'
import type { RunReport } from './report.ts'
import type { RunLog } from './run-log.ts'
import type { Partition, Target } from './types.ts'
import { makeReceipt } from './verify/make-receipt.ts'
import { receiptPieces, rootOf } from './verify/receipt.ts'

export interface RunRecordsOptions {
  readonly target: Target
  readonly options: CheckedOptions
  readonly journal: RunJournal
  readonly log: RunLog
  readonly report: RunReport
  /** The output goes down a pipe, which can't be cut back. */
  readonly piped: boolean
}

export class RunRecords {
  readonly #parts: RunRecordsOptions
  /** Missing where nothing is kept for undoing. */
  #undo: { readonly recorder: UndoRecorder; readonly journal: UndoJournal } | undefined

  constructor(parts: RunRecordsOptions) {
    this.#parts = parts
  }

  /** Missing where nothing is kept for undoing, and before `begin`. */
  get recorder(): UndoRecorder | undefined {
    return this.#undo?.recorder
  }

  /** From here on, a process that dies leaves a run that can be continued. */
  async begin(partitions: readonly Partition[], retry: RetryOptions): Promise<void> {
    const { target, options, journal, log, report, piped } = this.#parts
    if (options.dryRun) return
    const before = journal.record?.asked as PlannedOptions | undefined
    const mode = undoModeFor(target, before ? (before.undo ?? 'none') : options.undo)
    const { toVerify } = options
    const asked = { ...plannedOptions(report, options), undo: mode, bounds: boundsOf(options), ...(toVerify && { toVerify }) }
    const ends = { source: kept(options.source), target: kept(options.target) }
    const once = { ...(piped && { piped: true as const }), ...(report.readsOnce && { readsOnce: true as const }) }
    const record = { asked, ends, partitions, ...once }
    await journal.begin(record, { steps: !target.suspend && !isSavedAtEnd(target.location) })
    report.folder = dirname(journal.log)
    report.undo = mode
    options.onBegun?.(report)
    log.open(journal.log)
    const names = report.collections.map(collection => collection.source)
    const context = { runId: report.runId, source: report.source.address, target: report.target.address, collections: names }
    log.note('info', context, options.again ? 'its dead letters are written again' : journal.record ? 'the run goes on' : 'the run begins')
    if (mode === 'none') return
    const { onConflict = 'skip', mayReplace } = options
    const undo = new UndoJournal(journal.undoJournal)
    this.#undo = { recorder: new UndoRecorder({ ...retry, target, journal: undo, mode, onConflict, mayReplace }), journal: undo }
    journal.syncFirst(() => undo.sync())
  }

  /** Beside a partition's last answers, so that the end need not wait for it. */
  readonly syncAhead = (): void => {
    // It fails again, with the same error, for whoever waits for it.
    this.sync().catch(() => undefined)
  }

  /** Make durable what undoing needs. */
  async sync(): Promise<void> {
    await this.#undo?.journal.sync()
  }

  /** Who could read and write before the run said who can. */
  readonly keepSecurity = async (put: readonly PutSecurity[]): Promise<void> => {
    if (this.#undo) await keepSecurity(dirname(this.#parts.journal.log), put)
  }

  async keepReceipt(): Promise<void> {
    const { target, options, journal, report } = this.#parts
    if (report.dryRun || options.again) return
    const { record, progress } = journal
    const receipt = makeReceipt({
      report,
      asked: plannedOptions(report, options),
      sums: progress.sums,
      kinds: target.keepsKinds ?? false,
      startedAt: record?.startedAt
    })
    if (!receipt) return void report.notes.push('there is no receipt: the run was begun by an older docferry, which did not make them')
    const root = rootOf(receipt.collections)
    report.receipt = await journal.keepReceipt(byteChunks(receiptPieces(receipt, root)))
    report.receiptRoot = root
  }

  async close(): Promise<void> {
    await this.#undo?.journal.close()
  }
}
