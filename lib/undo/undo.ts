/** Undoing a run: what it wrote is taken back, the newest first, wherever nobody has changed it since. */
import { join } from 'node:path'
import { lastState } from '../checkpoint/how-far.ts'
import { RunFolder } from '../checkpoint/run-folder.ts'
import type { RunRecord } from '../checkpoint/run-folder.ts'
import { openUndoEntries, undoJournalName } from '../checkpoint/undo-journal.ts'
import type { RetryOptions } from '../engine/retry.ts'
import { closeEnd } from '../engine/close-end.ts'
import { DocferryError } from '../errors.ts'
import { openTarget, silentLogger } from '../open.ts'
import { endOfRun } from '../stages-of-run.ts'
import type { Endpoint } from '../open.ts'
import type { PlannedOptions } from '../plan/plan.ts'
import { isSavedAtEnd } from '../report.ts'
import type { Environment, Logger, Target } from '../types.ts'
import type { UndoReport } from './report.ts'
import { cannotUndoFiles } from './made-files.ts'
import { UndoProgress } from './progress.ts'
import { Undoing } from './undoing.ts'
import type { Ran } from './undoing.ts'

export interface UndoOptions {
  /** Id of the run. */
  readonly run: string
  /** Where it wrote. Default: as the run kept it, which is not the case where the address held a password or the end was an object. */
  readonly target?: Endpoint
  /** Look at every document, change nothing, and report what would become of it. */
  readonly dryRun?: boolean
  /** Where runs keep their folders. Default `.docferry`. */
  readonly stateDir?: string
  /** What bare provider names are configured by. Default: nothing. */
  readonly environment?: Environment
  /** Aborting it ends the undoing, with DOCFERRY_INTERRUPTED, once what is in flight is done. It can be begun again. */
  readonly signal?: AbortSignal
  readonly logger?: Logger
  /** Called once, before anything is changed. The report is then kept up to date in place. */
  readonly observe?: (report: Readonly<UndoReport>) => void
  readonly retry?: Pick<RetryOptions, 'attempts' | 'baseMs' | 'capMs'>
}

/**
 * Undo a run: remove what it created, put back what it replaced where it kept that, and remove collections that it created and that are empty
 * again. A document that was changed since is left. Doing it again does no harm.
 *
 * @returns the final report; its `state` is `partial` where something is left
 * @throws {DocferryError} DOCFERRY_NO_SUCH_RUN, DOCFERRY_RUN_BUSY, DOCFERRY_RUN_UNFIT where it can't be undone, DOCFERRY_STATE where its files are damaged
 */
export async function undo(options: UndoOptions): Promise<UndoReport> {
  const { run, stateDir = '.docferry', environment, signal, logger = silentLogger } = options
  signal?.throwIfAborted()
  const folder = await RunFolder[options.dryRun ? 'look' : 'open'](stateDir, run)
  try {
    const record = (await folder.record()) as RunRecord<PlannedOptions>
    const ran = { record, checkpoint: await lastState(folder.path, run), end: await folder.lastEnd(), undone: await folder.undone() }
    await checkCanBeUndone(ran)
    const endpoint = await endOfRun(record, 'target', { given: options.target, environment })
    // What was replaced is put back as it was, whatever the run was asked to write: with its types, and under its names.
    const { types, subcollections, attachments } = record.asked
    const rules = { types: types === 'exact' ? 'exact' : 'natural', escapeNames: true, subcollections } as const
    const target = await openTarget(endpoint, {
      environment,
      signal,
      logger,
      retry: options.retry,
      rules,
      ...(attachments && { attachments: 'checked' })
    })
    try {
      checkPlace(target, record)
      const entries = await openUndoEntries(join(folder.path, undoJournalName))
      try {
        const progress = await UndoProgress.open(folder.path, {
          total: entries?.bytes ?? 0,
          undone: ran.undone,
          isKept: !options.dryRun
        })
        return await new Undoing(options, { folder, ran, target, entries, progress }).execute()
      } finally {
        await entries?.close()
      }
    } finally {
      await closeEnd(target, logger)
    }
  } finally {
    await folder.close()
  }
}

async function checkCanBeUndone(ran: Ran): Promise<void> {
  const { runId, asked } = ran.record
  const { target, undo: mode = 'none' } = asked
  if (isSavedAtEnd(target)) throw await cannotUndoFiles(ran)
  if (mode !== 'none') return
  const message = `the run ${runId} kept nothing to undo it by: it ran with --no-undo, with an older docferry, or into a database whose connector can't`
  throw new DocferryError('DOCFERRY_RUN_UNFIT', message)
}

function checkPlace(place: Target, { runId, asked: { target } }: RunRecord<PlannedOptions>): void {
  const { location } = place
  if (location.provider !== target.provider || location.identity !== target.identity) {
    const isAlike = location.provider === target.provider && location.address === target.address
    const here = isAlike ? 'another of this address' : `${location.provider} ${location.address}`
    throw new DocferryError(
      'DOCFERRY_CONFIG',
      `the run ${runId} wrote to ${target.provider} ${target.address}, and this is ${here}: name the same place with --target`
    )
  }
  if (!place.look || !place.change)
    throw new DocferryError('DOCFERRY_CONFIG', `the connector for ${location.provider} can't change single documents`)
}
