/** Writes the dead letters of a run again, by the data path of every run. */
import { join } from 'node:path'
import { deadLettersName } from './checkpoint/dead-letters.ts'
import { isSpoilt } from './checkpoint/journal.ts'
import { runCommand } from './checkpoint/run-command.ts'
import { letterSource, surveyLetters } from './checkpoint/letter-source.ts'
import type { LetterOrigin, LetterSurvey } from './checkpoint/letter-source.ts'
import { RemainingLetters } from './checkpoint/remaining-letters.ts'
import { retryJournal } from './checkpoint/retry-journal.ts'
import type { RunJournal } from './checkpoint/retry-journal.ts'
import { logName, receiptPath, RunFolder, whyNotGoneOnWith } from './checkpoint/run-folder.ts'
import type { RunEnd, RunRecord } from './checkpoint/run-folder.ts'
import { stageRecordsName } from './checkpoint/stage-records.ts'
import { undoJournalName } from './checkpoint/undo-journal.ts'
import { functionStages } from './engine/stage-chain.ts'
import { toStages } from './engine/to-stages.ts'
import { traceStage } from './engine/trace-stages.ts'
import { exists } from './engine/atomic-file.ts'
import { byteChunks } from './engine/byte-chunks.ts'
import { DocferryError } from './errors.ts'
import type { Endpoint } from './open.ts'
import type { MigrateOptions } from './options.ts'
import type { PlannedOptions } from './plan/plan.ts'
import { totalCounts } from './report.ts'
import type { Counts, RunReport } from './report.ts'
import { migrateAgain } from './run.ts'
import { endOfRun, stagesOfRun } from './stages-of-run.ts'
import { builtInStages } from './stages/index.ts'
import { withRetried } from './verify/make-receipt.ts'
import { readReceipt } from './verify/read-receipt.ts'
import { receiptPieces, rootOf } from './verify/receipt.ts'
import type { Receipt } from './verify/receipt.ts'
import type { Connector, Document, RunStage, Source, Stage, StageLike } from './types.ts'
import { formatCount, plural } from './values/format-count.ts'

/** What is left out is as the run was asked. */
export interface RetryRunOptions extends Pick<
  MigrateOptions,
  | 'onConflict'
  | 'onIncompatible'
  | 'types'
  | 'subcollections'
  | 'dryRun'
  | 'onRefused'
  | 'parallel'
  | 'maxRate'
  | 'maxWriteUnits'
  | 'maxReadUnits'
  | 'maxRetries'
  | 'maxFailures'
  | 'stateDir'
  | 'environment'
  | 'signal'
  | 'logger'
  | 'mask'
  | 'observe'
  | 'retry'
> {
  /** Its id. */
  readonly run: string
  /** The run's target, where its address held a password or it was no text: neither is kept. */
  readonly target?: Endpoint
  /** Applied in order to what is written again, behind the stages of the run, which documents that came as far as the target have behind them. */
  readonly stages?: readonly StageLike[]
  /** The stages of the run, where text can't name them. Only documents that failed in one of them need them. */
  readonly runStages?: readonly StageLike[]
}

/** A run whose dead letters are retried. */
interface Retried {
  readonly folder: RunFolder
  readonly record: RunRecord<PlannedOptions>
  readonly end: RunEnd
  /** Of the dead letters. */
  readonly path: string
  readonly survey: LetterSurvey
}

/**
 * Write the dead letters of a run that has come to its end again. What is written now, skipped, or left out by a stage is taken from them; what
 * fails again stays as it was, with its new cause. They are replaced in one step at the end: a retry that fails or is interrupted before leaves
 * them as they were, and what it has written is recognised the next time. The run's counts go on.
 *
 * @returns the report of the retry, under the run's id; `partial` where dead letters remain
 * @throws {DocferryError} DOCFERRY_NO_SUCH_RUN, DOCFERRY_RUN_UNFIT where there is nothing to retry, DOCFERRY_STATE, and as `migrate`
 */
export async function retryRun(options: RetryRunOptions): Promise<RunReport> {
  const { run, stateDir = '.docferry' } = options
  const folder = await RunFolder.open(stateDir, run)
  try {
    return await retryLetters(await look(folder, run, stateDir), options)
  } finally {
    await folder.close()
  }
}

async function look(folder: RunFolder, run: string, stateDir: string): Promise<Retried> {
  const record = (await folder.record()) as RunRecord<PlannedOptions>
  const end = await folder.lastEnd()
  const undone = await folder.undone()
  const unfit = (message: string): DocferryError => new DocferryError('DOCFERRY_RUN_UNFIT', message)
  if (end?.spoilt !== undefined) throw isSpoilt(run, end.spoilt, stateDir)
  if (!end || (end.state !== 'done' && end.state !== 'partial')) {
    const why = whyNotGoneOnWith({ record, ...(end && { end }) })
    const first =
      why === undefined
        ? `go on with it first (${runCommand('resume', run, stateDir)}), then retry what could not be written`
        : `it can't be gone on with, for ${why}: begin a new one`
    throw unfit(`the run ${run} has not come to its end: ${first}`)
  }
  if (undone) throw unfit(`the run ${run} was undone: run it anew`)
  if (end.state === 'done') throw unfit(`the run ${run} has no dead letters: there is nothing to retry`)
  if (record.asked.target.provider === 'file')
    throw unfit(`the run ${run} has written a file, and nothing can be added to a file that is whole: mend the cause, and export it again`)
  const path = join(folder.path, deadLettersName)
  if (!(await exists(path)))
    throw new DocferryError('DOCFERRY_STATE', `the dead letters of the run ${run} are gone: there is no ${path} any more`)
  return { folder, record, end, path, survey: await surveyLetters(path) }
}

async function retryLetters(retried: Retried, options: RetryRunOptions): Promise<RunReport> {
  const { folder, record, path, survey } = retried
  const { run, onConflict, onIncompatible, types, dryRun = false, observe } = options
  const { asked } = record
  const subcollections = options.subcollections ?? asked.subcollections ?? false
  const origins = new WeakMap<Document, LetterOrigin>()
  const stages = await stagesOf(retried, options, origins)
  const target = await endOfRun(record, 'target', { given: options.target, environment: options.environment })
  const receipt = await receiptBefore(folder)
  // What reads the target for the run from here on has to know that ids are paths there.
  if (subcollections && !asked.subcollections && !dryRun) await folder.begin({ ...record, asked: { ...asked, subcollections } })
  const left = await RemainingLetters.begin(path, origins)
  const source = letterSource({ path, survey, origins, onReject: text => (dryRun ? Promise.resolve() : left.addLine(text)) })
  const move: MigrateOptions = {
    ...options,
    source: { connector: connectorOf(source), options: {} },
    target,
    stages,
    undo: asked.undo ?? 'none',
    // Its stages are among these already.
    keepMetadata: asked.keepMetadata,
    subcollections,
    ...(asked.attachments && { attachments: asked.attachments }),
    rename: namesInTarget(asked, survey),
    onConflict: onConflict ?? asked.onConflict,
    onIncompatible: onIncompatible ?? asked.onIncompatible,
    types: types ?? asked.types,
    observe: report => {
      checkTarget(record, report)
      observe?.(report)
    }
  }
  const files = {
    log: join(folder.path, logName),
    undoJournal: join(folder.path, undoJournalName),
    stageRecords: join(folder.path, stageRecordsName)
  }
  try {
    const journal = retryJournal(run, left, files)
    const report = await migrateAgain(move, journal)
    note(report, retried)
    if (dryRun) return report
    checkCounts(report, survey)
    const after =
      receipt && (await receiptAfter(receipt, retried, report, { sums: journal.progress.sums, left: left.partial, subcollections }))
    if (!after) report.notes.push('there is no receipt: the run was done by an older docferry, which did not make them, or it was removed')
    const root = after && rootOf(after.collections)
    const text = after && byteChunks(receiptPieces(after, root))
    await folder.replaceLetters(left.partial, endAfter(retried, report, left.count), left.replace, text)
    if (after) {
      report.receipt = await receiptPath(folder.path)
      report.receiptRoot = root
    }
    return report
  } catch (error) {
    // If it can't be removed, the next retry says so.
    await left.discard().catch(() => undefined)
    if (!(error instanceof DocferryError) || error.code !== 'DOCFERRY_INTERRUPTED') throw error
    const stays = dryRun
      ? 'it was a dry run, and nothing was written'
      : 'what was written stays written, and the dead letters are as they were'
    throw new DocferryError('DOCFERRY_INTERRUPTED', `interrupted: ${stays}`, { cause: error })
  }
}

/** Those of the run for the documents that it had not got through them, and then those of the retry for all. */
async function stagesOf(
  { record: { runId, asked }, survey }: Retried,
  options: RetryRunOptions,
  origins: WeakMap<Document, LetterOrigin>
): Promise<Stage[]> {
  const { stages = [], runStages } = options
  const refuse = (name: string): DocferryError =>
    new DocferryError(
      'DOCFERRY_RUN_UNFIT',
      `the stage ${name} is a Node Transform: it can't be told which dead letter a document of it was`
    )
  const own = functionStages(toStages(stages), refuse).map(stage => traceStage(stage, origins))
  if (survey.beforeStages === 0) return own
  const again = runStages ? toStages(runStages) : await stagesAgain(asked, runId, options)
  const before = functionStages([...builtInStages(asked), ...again], refuse)
  // A letter of a stage that dead-letters has the stages before it behind it.
  const isOpen =
    (index: number) =>
    ({ at, stage = 0 }: LetterOrigin) =>
      at === 'stage' && stage <= index
  return [...before.map((stage, index) => traceStage(stage, origins, isOpen(index))), ...own]
}

async function stagesAgain(asked: PlannedOptions, runId: string, options: RetryRunOptions): Promise<readonly RunStage[]> {
  try {
    return await stagesOfRun(asked, { environment: options.environment, mayBeMended: true })
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    throw new DocferryError(
      'DOCFERRY_RUN_UNFIT',
      `the run ${runId} had stages that can't be made again (${asked.stages.join(', ')}): ${error.message}; documents that failed in one of them have to go through them: retry it with retryRun({ runStages })`,
      { cause: error }
    )
  }
}

/** As in the run; a collection of which there is no letter has no name to be given. */
function namesInTarget({ collections, named }: PlannedOptions, { collections: held }: LetterSurvey): Record<string, string> {
  const names = new Map([...Object.entries(named.rename), ...collections])
  return Object.fromEntries([...names].filter(([name]) => held.has(name)))
}

function connectorOf(source: Source): Connector {
  const noTarget = (): never => {
    throw new DocferryError('DOCFERRY_BUG', 'dead letters are only read')
  }
  return { name: 'file', configure: () => ({}), openSource: () => Promise.resolve(source), openTarget: noTarget }
}

function checkTarget({ runId, asked }: RunRecord<PlannedOptions>, { target }: Readonly<RunReport>): void {
  const { provider, address, identity } = asked.target
  if (target.provider === provider && target.identity === identity) return
  throw new DocferryError(
    'DOCFERRY_CONFIG',
    `the run ${runId} wrote to ${provider} ${address}, and this is ${target.provider} ${target.address}: its dead letters can be written to the same place only`
  )
}

function note({ notes }: RunReport, { survey: { never, deleted, withoutDocument, total }, end }: Retried): void {
  if (never > 0)
    notes.push(
      `${plural(never, 'dead letter never was a document', 'dead letters never were documents')}: mend the input where the list says, and read it again`
    )
  if (deleted > 0)
    notes.push(`${letters(deleted)} of documents that the source has deleted: delete them in the target, which a retry does not`)
  if (withoutDocument > 0)
    notes.push(
      `${letters(withoutDocument)} without the document, because no text can hold it, or none that is read at its depth: the list has its id, and its text as "raw" where there is one`
    )
  const gone = end.totals.failed - total
  if (gone > 0) notes.push(`${letters(gone)} taken from the file since the run ended: the run counts them as filtered`)
}

function letters(count: number): string {
  return plural(count, 'dead letter is', 'dead letters are')
}

/** What the report does not account for must not leave the dead letters. */
function checkCounts({ collections }: RunReport, { total }: LetterSurvey): void {
  const { read, added, written, skipped, filtered, failed } = totalCounts(collections)
  if (read !== total)
    throw new DocferryError(
      'DOCFERRY_STATE',
      `the dead letters have changed while they were retried (${formatCount(total)} before, ${formatCount(read)} read), and stay as they are`
    )
  if (read + added !== written + skipped + filtered + failed)
    throw new DocferryError('DOCFERRY_BUG', 'the counts of the retry do not add up; the dead letters stay as they were')
}

/**
 * How the run stands now. A letter of which stages made several documents counts as one that failed where any of them did.
 *
 * @param left letters
 */
function endAfter({ end: { totals, toVerify }, survey: { total } }: Retried, { collections }: RunReport, left: number): RunEnd {
  const counts = countsAfter(totals, totalCounts(collections), { letters: total, left })
  return { state: left > 0 ? 'partial' : 'done', at: new Date().toISOString(), totals: counts, ...(toVerify && { toVerify }) }
}

/** @param letters that were there, and those that are left */
function countsAfter(before: Counts, now: Counts, { letters: total, left }: { readonly letters: number; readonly left: number }): Counts {
  const taken = before.failed - total
  return {
    read: before.read + Math.max(0, -taken),
    added: before.added + now.added - (now.failed - left),
    written: before.written + now.written,
    skipped: before.skipped + now.skipped,
    filtered: before.filtered + now.filtered + Math.max(0, taken),
    failed: left
  }
}

/** @returns undefined where the run has none */
async function receiptBefore(folder: RunFolder): Promise<Receipt | undefined> {
  const path = await receiptPath(folder.path)
  try {
    return path === undefined ? undefined : await readReceipt(path)
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    throw new DocferryError('DOCFERRY_STATE', `${error.message}: put a copy of it back, or remove it to retry without`, { cause: error })
  }
}

/** @param left path of the letters that are left */
async function receiptAfter(
  before: Receipt,
  { survey }: Retried,
  report: RunReport,
  {
    sums,
    left,
    subcollections
  }: { readonly sums: RunJournal['progress']['sums']; readonly left: string | undefined; readonly subcollections: boolean }
): Promise<Receipt> {
  const remaining = left === undefined ? undefined : (await surveyLetters(left)).collections
  const receipt = withRetried(before, { report, sums }, (collection, counts, now) =>
    countsAfter(counts, now, { letters: survey.collections.get(collection) ?? 0, left: remaining?.get(collection) ?? 0 })
  )
  if (!receipt) throw new DocferryError('DOCFERRY_BUG', 'the receipt of the retry does not add up; the dead letters stay as they were')
  return subcollections ? { ...receipt, options: { ...receipt.options, subcollections } } : receipt
}
