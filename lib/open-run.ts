/** What stands around the data path: options checked, the run's folder taken, its log and both ends open, and all closed again. */
import { Journal } from './checkpoint/journal.ts'
import type { RunJournal } from './checkpoint/retry-journal.ts'
import { closeEnd } from './engine/close-end.ts'
import { designLast } from './engine/design-last.ts'
import { toStages } from './engine/to-stages.ts'
import { DocferryError, readInPart } from './errors.ts'
import { openSource, openTarget, silentLogger } from './open.ts'
import type { MigrateOptions } from './options.ts'
import { checkOptions } from './plan/check-options.ts'
import { sampleSource } from './plan/sample-source.ts'
import type { PlannedOptions } from './plan/plan.ts'
import { isSavedAtEnd } from './report.ts'
import type { RunReport } from './report.ts'
import { RunLog } from './run-log.ts'
import type { RunStage, Source, Target } from './types.ts'

export type CheckedOptions = Omit<MigrateOptions, 'stages'> & {
  readonly stages: readonly RunStage[]
  /** Whether the documents are those of dead letters: they were on their way before, and an earlier try may have written them. */
  readonly again?: boolean
}

/** Does the run between open ends. */
export type Move = (source: Source, target: Target, options: CheckedOptions, journal: RunJournal, log: RunLog) => Promise<RunReport>

/** Open all that a run needs, have it moved, and close what was opened. */
export async function openRun(options: MigrateOptions, move: Move): Promise<RunReport> {
  return await check(options, checked => openJournal(checked, move))
}

/** The same for documents that were on their way before, under the journal of their run. */
export async function openAgain(options: MigrateOptions, journal: RunJournal, move: Move): Promise<RunReport> {
  return await check(options, checked => openLogged({ ...checked, again: true }, journal, move))
}

async function check(options: MigrateOptions, begin: (checked: CheckedOptions) => Promise<RunReport>): Promise<RunReport> {
  checkOptions(options)
  const checked = { ...options, stages: toStages(options.stages ?? []) }
  try {
    options.signal?.throwIfAborted()
    return await begin(checked)
  } catch (error) {
    if (!options.signal?.aborted || (error instanceof DocferryError && error.code === 'DOCFERRY_INTERRUPTED')) throw error
    throw new DocferryError('DOCFERRY_INTERRUPTED', 'interrupted before anything was moved', { cause: error })
  }
}

async function openJournal(options: CheckedOptions, move: Move): Promise<RunReport> {
  const { stateDir = '.docferry', resume, checkpointMs } = options
  const journal = await Journal.open({ stateDir, resume, everyMs: checkpointMs })
  try {
    return await openLogged(options, journal, move)
  } finally {
    await journal.close()
  }
}

/** With the run's own log beside the caller's. */
async function openLogged(options: CheckedOptions, journal: RunJournal, move: Move): Promise<RunReport> {
  const { logger: caller = silentLogger, mask, signal } = options
  const log = new RunLog({ caller, mask })
  try {
    if (journal.record) log.open(journal.log)
    return await openEnds({ ...options, logger: log }, journal, log, move)
  } catch (error) {
    log.note(signal?.aborted ? 'warn' : 'error', { err: error }, 'the run did not come to its end')
    throw error
  } finally {
    log.close()
  }
}

async function openEnds(options: CheckedOptions, journal: RunJournal, log: RunLog, move: Move): Promise<RunReport> {
  const { environment, signal, logger = silentLogger, retry, types = 'natural', onIncompatible } = options
  const attachments = options.attachments ? (options.dryRun ? 'described' : 'checked') : undefined
  const context = { environment, signal, logger, retry, ...(attachments && ({ attachments } as const)) }
  const opened = await openSource(options.source, { ...context, subcollections: options.subcollections })
  const source = options.sample === undefined ? opened : sampleSource(opened, options.sample)
  try {
    checkReadsOn(opened, journal)
    const subcollections = options.subcollections ?? (await opened.holdsSubcollections?.({ signal })) ?? false
    const rules = { types, escapeNames: onIncompatible === 'escape', subcollections }
    const from = source.location.provider
    const target = await openTarget(options.target, { ...context, from, rules, resume: journal.output, run: journal.runId })
    try {
      checkChanges(opened, target, options)
      const setsApart = options.includeDesign && target.location.provider === 'couchdb' && readsAgain(source)
      return await move(setsApart ? designLast(source) : source, target, { ...options, subcollections }, journal, log)
    } finally {
      await closeEnd(target, logger)
    }
  } finally {
    await closeEnd(source, logger)
  }
}

/** Another stream would be gone on with in its middle. @throws {DocferryError} DOCFERRY_RUN_UNFIT where what is read only once was a file before, or was read in part */
function checkReadsOn({ readsOnce, location }: Source, { record, progress, output }: RunJournal): void {
  if (!record || !readsOnce) return
  if (record.partitions.some(({ start }) => start !== undefined))
    throw new DocferryError(
      'DOCFERRY_RUN_UNFIT',
      `${location.address} was a file when the run began, and is a pipe or a device now: put back the file, or begin the run anew`
    )
  const beginsAnew = !output && isSavedAtEnd((record.asked as PlannedOptions).target)
  const isReadInPart = record.partitions.map(({ id }) => progress.of(id)).some(({ cursor, done }) => cursor !== undefined && !done)
  if (isReadInPart && !beginsAnew) throw readInPart(location.address)
}

/** Skipped, they would leave the target stale, and nothing would say so. */
function checkChanges(
  { givesChanges = false, location }: Source,
  target: Target,
  { onConflict = 'skip', again = false }: CheckedOptions
): void {
  // A file holds nothing before.
  if (!givesChanges || again || onConflict === 'overwrite' || target.location.provider === 'file') return
  throw new DocferryError(
    'DOCFERRY_CONFIG',
    `${location.address} holds what has changed in documents that the target has: they have to replace those. Give --on-conflict overwrite (onConflict: overwrite)`
  )
}

/** Whether it is no database that tells design documents apart itself, nor a stream, which comes once. */
function readsAgain({ location: { provider }, readsOnce = false }: Source): boolean {
  return (provider === 'memory' || provider === 'file') && !readsOnce
}
