/**
 * THE DATA PATH, read top to bottom: open both ends, choose the collections, prepare them in the target, then for each partition
 *
 *   reader -> stages -> batches -> the target's answer -> mark passed on
 *
 * and in the end make the result whole. Everything else plugs into this file.
 */
import { setMaxListeners } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { Journal } from './checkpoint/journal.ts'
import type { Suspend } from './checkpoint/journal.ts'
import type { RunJournal } from './checkpoint/retry-journal.ts'
import { UndoJournal } from './checkpoint/undo-journal.ts'
import { undoModeFor, UndoRecorder } from './checkpoint/undo-recorder.ts'
import { Barrier } from './engine/barrier.ts'
import { BatchWriter } from './engine/batch-writer.ts'
import type { SendBatch } from './engine/batch-writer.ts'
import { closeEnd } from './engine/close-end.ts'
import { digestsOf, digestsWithoutRev } from './engine/digests.ts'
import { CollectionState } from './engine/collection-state.ts'
import { BatchWritable, PartitionStream, StageTransform } from './engine/item-streams.ts'
import { withRetry } from './engine/retry.ts'
import type { RetryOptions } from './engine/retry.ts'
import { runParallel } from './engine/run-parallel.ts'
import { RateControl } from './engine/rate-control.ts'
import { ReadPace } from './engine/read-pace.ts'
import { toStages } from './engine/to-stages.ts'
import { writeBatch } from './engine/write-batch.ts'
import type { Outgoing } from './engine/write-batch.ts'
import { DocferryError } from './errors.ts'
import { Ledger } from './ledger.ts'
import type { PartitionBooks } from './ledger.ts'
import { kept, openSource, openTarget, silentLogger } from './open.ts'
import type { MigrateOptions } from './options.ts'
import { boundsOf } from './plan/bounds.ts'
import { checkOptions } from './plan/check-options.ts'
import { chooseCollections, noSuchCollection, targetNameOf } from './plan/choose-collections.ts'
import type { ChosenCollection } from './plan/choose-collections.ts'
import { checkPlan, checkRecord, plannedOptions } from './plan/plan.ts'
import type { PlannedOptions } from './plan/plan.ts'
import { previewBatch } from './plan/preview-batch.ts'
import { sampleSource } from './plan/sample-source.ts'
import { Survey } from './plan/survey.ts'
import { isSavedAtEnd, totalCounts } from './report.ts'
import type { CollectionReport, RunReport } from './report.ts'
import { RunLog } from './run-log.ts'
import { leaveOutDesignDocuments, stripCouchdbMetadata } from './stages/index.ts'
import type { Partition, Source, Stage, Target, TargetLimits } from './types.ts'
import type { DocumentDigests } from './values/index.ts'
import { makeReceipt } from './verify/make-receipt.ts'
import { formatReceipt, rootOf } from './verify/receipt.ts'

type CheckedOptions = Omit<MigrateOptions, 'stages'> & {
  readonly stages: readonly Stage[]
  /** Whether the documents are those of dead letters: they were on their way before, and an earlier try may have written them. */
  readonly again?: boolean
}

/** How long what is in flight may take to finish once a run was told to stop, and how long a call that was cut may take to notice. */
const graceMs = 10_000
const cutMs = 1_000

/** How long a reader of a database may give no sign before it is left, and another one goes on. */
const stallMs = 150_000

/** A mark stands behind each page: with pages of about a batch, little is done twice by a run that goes on. */
const pageSizes = { least: 25, most: 500 }

/** How many collections are prepared at once. */
const preparedAtOnce = 4

/**
 * Move collections from one end to the other.
 *
 * @returns the final report, also when documents were dead-lettered: its `state` is then `partial`
 * @throws {DocferryError} when an end can't be opened, read or written to, a stage fails, or the run is interrupted
 */
export async function migrate(options: MigrateOptions): Promise<RunReport> {
  return await check(options, openAndMove)
}

/**
 * The same for the documents of a run's dead letters. No stages are built in: what these have to go through is the caller's business.
 *
 * @param journal of that run: keeps what fails again, and whatever else the run must know of what is written for it
 */
export async function migrateAgain(options: MigrateOptions, journal: RunJournal): Promise<RunReport> {
  return await check(options, checked => openLogged({ ...checked, again: true }, journal))
}

async function check(options: MigrateOptions, move: (checked: CheckedOptions) => Promise<RunReport>): Promise<RunReport> {
  checkOptions(options)
  const checked = { ...options, stages: toStages(options.stages ?? []) }
  try {
    options.signal?.throwIfAborted()
    return await move(checked)
  } catch (error) {
    if (!options.signal?.aborted || (error instanceof DocferryError && error.code === 'DOCFERRY_INTERRUPTED')) throw error
    throw new DocferryError('DOCFERRY_INTERRUPTED', 'interrupted before anything was moved', { cause: error })
  }
}

async function openAndMove(options: CheckedOptions): Promise<RunReport> {
  const { stateDir = '.docferry', resume, checkpointMs } = options
  const journal = await Journal.open({ stateDir, resume, everyMs: checkpointMs })
  try {
    return await openLogged(options, journal)
  } finally {
    await journal.close()
  }
}

/** With the run's own log beside the caller's. */
async function openLogged(options: CheckedOptions, journal: RunJournal): Promise<RunReport> {
  const { logger: caller = silentLogger, mask, signal } = options
  const log = new RunLog({ caller, mask })
  try {
    if (journal.record) await log.open(journal.log)
    return await openEnds({ ...options, logger: log }, journal, log)
  } catch (error) {
    log.note(signal?.aborted ? 'warn' : 'error', { err: error }, 'the run did not come to its end')
    throw error
  } finally {
    log.close()
  }
}

async function openEnds(options: CheckedOptions, journal: RunJournal, log: RunLog): Promise<RunReport> {
  const { environment, signal, logger = silentLogger, types = 'natural', onIncompatible } = options
  const context = { environment, signal, logger }
  const opened = await openSource(options.source, context)
  const source = options.sample === undefined ? opened : sampleSource(opened, options.sample)
  try {
    const rules = { types, escapeNames: onIncompatible === 'escape' }
    const from = source.location.provider
    const target = await openTarget(options.target, { ...context, from, rules, resume: journal.output })
    try {
      return await new Run(source, target, options, journal, log).execute()
    } finally {
      await closeEnd(target, logger)
    }
  } finally {
    await closeEnd(source, logger)
  }
}

class Run {
  readonly #source: Source
  readonly #target: Target
  readonly #options: CheckedOptions
  readonly #journal: RunJournal
  readonly #log: RunLog
  readonly #ledger: Ledger
  readonly #rate: RateControl
  readonly #readPace: ReadPace | undefined
  readonly #barrier = new Barrier()
  /** Missing where nothing is kept for undoing. */
  #undo: { readonly recorder: UndoRecorder; readonly journal: UndoJournal } | undefined
  /** Of a dry run. */
  readonly #survey: Survey | undefined
  readonly #states = new Map<string, Promise<CollectionState>>()
  #partitions: readonly Partition[] = []
  /** Ends the reading; what was read is still written. */
  readonly #stop = new AbortController()
  /** Cuts what is in flight. */
  readonly #cut = new AbortController()
  #firstError: unknown
  #grace: NodeJS.Timeout | undefined

  constructor(source: Source, target: Target, options: CheckedOptions, journal: RunJournal, log: RunLog) {
    const { onConflict = 'skip', onIncompatible = 'dead-letter', types = 'natural' } = options
    const { dryRun = false } = options
    this.#source = source
    this.#target = target
    this.#options = options
    this.#journal = journal
    this.#log = log
    if (isSavedAtEnd(target.location) && !journal.output) journal.startOver()
    checkUnits(source, target, options)
    this.#rate = new RateControl(target.limits, options)
    const { maxReadUnits } = options
    if (maxReadUnits !== undefined && source.usage) this.#readPace = new ReadPace(maxReadUnits, () => source.usage?.() ?? { requests: 0 })
    if (dryRun) this.#survey = new Survey(source)
    this.#ledger = new Ledger({
      source: source.location,
      target: target.location,
      onConflict,
      onIncompatible,
      types,
      dryRun,
      logger: log,
      letterLogger: log.caller,
      onRefused: options.onRefused,
      journal,
      maxFailures: options.maxFailures,
      onTooManyFailures: error => this.#fail(error),
      targetNameOf: name => targetNameOf(name, { source, target }, options)
    })
    // Every call in flight listens to them.
    setMaxListeners(0, this.#stop.signal, this.#cut.signal)
  }

  async execute(): Promise<RunReport> {
    const { signal, dryRun } = this.#options
    const onAbort = (): void => this.#halt(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      const chosen = await this.#choose()
      await this.#keepRecord()
      await this.#prepareAll(chosen)
      await this.#keepCheckpoints()
      for (const group of this.#groups()) await runParallel(group, this.#parallel, partition => this.#movePartition(partition))
      signal?.throwIfAborted()
      if (chosen === null) this.#checkAllCame()
      if (!dryRun) {
        await this.#journal.settle()
        await this.#target.commit({ signal: this.#cut.signal })
      }
      this.#ledger.note(await Promise.all(this.#states.values()))
      const report = this.#ledger.finish('done')
      await this.#keepReceipt(report)
      return report
    } catch (error) {
      this.#ledger.finish(signal?.aborted ? 'interrupted' : 'failed')
      if (!signal?.aborted) throw error
      throw interrupted(this.#target, dryRun === true, error)
    } finally {
      clearTimeout(this.#grace)
      signal?.removeEventListener('abort', onAbort)
      // Also of a dry run that did not come to its end.
      if (this.#survey) this.#ledger.addSurvey(this.#survey, this.#source.usage?.())
      await this.#ledger.close()
      try {
        await this.#journal.end(this.#ledger.report)
        const { state, retries, collections } = this.#ledger.report
        this.#log.note('info', { state, retries, ...totalCounts(collections) }, 'the run has ended')
      } finally {
        await this.#undo?.journal.close()
      }
    }
  }

  /** The collections and partitions to move; `null` where only reading tells which collections there are. Nothing is changed yet. */
  async #choose(): Promise<readonly ChosenCollection[] | null> {
    const { signal, collections, observe } = this.#options
    const { report } = this.#ledger
    if (this.#options.keepMetadata && this.#target.location.provider === 'couchdb') {
      throw new DocferryError(
        'DOCFERRY_CONFIG',
        'CouchDB keeps fields such as _rev for itself and makes them anew: leave --keep-metadata away'
      )
    }
    const ends = { source: this.#source, target: this.#target }
    const { record } = this.#journal
    // Another source is told as such, and not by the collections that it lacks.
    if (record) checkRecord(record, report, this.#options, false)
    const choice = chooseCollections(await this.#source.collections({ signal }), ends, this.#options)
    if (this.#options.preset) report.notTaken = [...choice.notTaken]
    if (choice.missing.length > 0) report.notes.push(`the source does not hold ${choice.missing.join(', ')}`)
    for (const collection of choice.collections ?? []) this.#ledger.add(collection)
    const areKnown = choice.collections !== null
    if (this.#options.plan) checkPlan(this.#options.plan, report, this.#options, areKnown)
    if (record) checkRecord(record, report, this.#options, areKnown)
    observe?.(report)
    const names = choice.collections?.map(({ name }) => name) ?? collections ?? null
    // Cursors mean places in the partitions of the beginning.
    this.#partitions = record?.partitions ?? (await this.#source.partitions(names, { wanted: this.#parallel, signal }))
    if (this.#survey) report.finding = this.#source.usage?.()
    return choice.collections
  }

  /** From here on, a process that dies leaves a run that can be continued. */
  async #keepRecord(): Promise<void> {
    if (this.#options.dryRun) return
    const { source, target, onConflict = 'skip' } = this.#options
    const before = this.#journal.record?.asked as PlannedOptions | undefined
    const mode = undoModeFor(this.#target, before ? (before.undo ?? 'none') : this.#options.undo)
    const asked = { ...plannedOptions(this.#ledger.report, this.#options), undo: mode, bounds: boundsOf(this.#options) }
    const record = { asked, ends: { source: kept(source), target: kept(target) }, partitions: this.#partitions }
    await this.#journal.begin(record, { steps: !this.#target.suspend && !isSavedAtEnd(this.#target.location) })
    await this.#log.open(this.#journal.log)
    const { runId, source: from, target: to, collections } = this.#ledger.report
    const names = collections.map(collection => collection.source)
    const context = { runId, source: from.address, target: to.address, collections: names }
    const how = this.#options.again ? 'its dead letters are written again' : this.#journal.record ? 'the run goes on' : 'the run begins'
    this.#log.note('info', context, how)
    if (mode === 'none') return
    const journal = new UndoJournal(this.#journal.undoJournal)
    this.#undo = { recorder: new UndoRecorder({ ...this.#retry, target: this.#target, journal, mode, onConflict }), journal }
    this.#journal.syncFirst(() => journal.sync())
  }

  /** The first one before anything is written: it holds what the target's collections were. */
  async #keepCheckpoints(): Promise<void> {
    if (this.#options.dryRun) return
    this.#journal.syncFirst(this.#ledger.syncLetters)
    const suspend: Suspend = (work, patienceMs) => this.#barrier.hold(async () => work(await this.#target.suspend?.()), { patienceMs })
    await this.#journal.start(this.#ledger.report, this.#target.suspend && suspend, error => this.#fail(error))
  }

  /** All of them, first: what can't be prepared shows before any document is written, and a file names in its head what it will hold. */
  async #prepareAll(chosen: readonly ChosenCollection[] | null): Promise<void> {
    await runParallel(chosen ?? [], preparedAtOnce, async ({ name }) => void (await this.#enter(name)))
  }

  /**
   * One partition, from its first page to its last acknowledgement. Where the reader or a stage fails, what came before is still written,
   * and then the run fails.
   */
  async #movePartition(partition: Partition): Promise<void> {
    if (this.#stop.signal.aborted) return
    const ledger = this.#ledger
    const { progress } = this.#journal
    const { cursor, done, marks } = progress.of(partition.id)
    if (done) return
    await this.#barrier.join()
    // Whether what the target holds of the partition ends at a mark.
    let atMark = true
    const books = ledger.openPartition()
    const fail = (error: unknown): void => this.#fail(error)
    const reader = new PartitionStream(this.#source, partition, {
      after: cursor,
      pageSize: pageSizeFor(this.#target.limits),
      stop: this.#stop.signal,
      onPage: ledger.countPage,
      retry: this.#options.retry,
      onRetry: this.#countRetryOfReader,
      onFailure: fail,
      // A pipe may have nothing to give for any time.
      stallMs: isSavedAtEnd(this.#source.location) ? undefined : stallMs,
      requestUnits: this.#requestUnits,
      paceMs: this.#readPace && (() => this.#readPace?.waitMs() ?? 0)
    })
    const stages = new StageTransform(this.#stages(books.countStripped), {
      signal: this.#stop.signal,
      observer: books.observer,
      onMark: books.pass,
      onFailure: async (error, document) => {
        atMark = false
        fail(error)
        await ledger.countStageFailure(error, document)
      }
    })
    const writer = new BatchWriter({
      partition: partition.id,
      marksBefore: marks,
      target: this.#target,
      send: this.#send,
      enter: collection => this.#enter(collection),
      bury: ledger.bury,
      rate: this.#rate,
      onMark: books.acknowledge,
      barrier: this.#barrier,
      // A dry run is to find them all.
      onIncompatible: this.#survey ? 'dead-letter' : this.#options.onIncompatible,
      onEncoded: this.#survey?.add,
      digest: this.#survey ? undefined : this.#digest
    })
    try {
      await pipeline(reader, stages, new BatchWritable(writer), { signal: this.#cut.signal })
      if (!this.#stop.signal.aborted) {
        writer.leave()
        progress.finish(partition.id)
      }
    } catch (error) {
      atMark = false
      fail(error)
    } finally {
      // A pipeline that fails does not wait for what its last stream has under way; what does not notice that it is cut is left.
      await Promise.race([writer.settle(), this.#afterCut()])
      this.#barrier.leave({ atMark })
    }
    if (this.#firstError !== undefined) throw this.#firstError
  }

  #fail(error: unknown): void {
    this.#firstError ??= error
    this.#halt(error)
  }

  /** The built-in stages of every run, then the user's. */
  #stages(countStripped: PartitionBooks['countStripped']): Stage[] {
    const { includeDesign = false, keepMetadata = false, stages, again = false } = this.#options
    if (again) return [...stages]
    return [
      ...(includeDesign ? [] : [leaveOutDesignDocuments()]),
      ...(keepMetadata ? [] : [stripCouchdbMetadata(countStripped)]),
      ...stages
    ]
  }

  readonly #send: SendBatch = async (collection, batch, { fresh, repeated, isNew }) => {
    const { onConflict } = this.#ledger.report
    const mayBeApplied = this.#options.again || this.#journal.record !== undefined
    const options = { ...this.#retry, onConflict, fresh, repeated, mayBeApplied }
    if (!this.#survey) {
      const pace = { isNew, rate: this.#rate, countsUnits: this.#options.maxWriteUnits !== undefined, stop: this.#stop.signal }
      const write = (onOwn?: (index: number) => void) => writeBatch(this.#target, collection, batch, { ...options, ...pace, onOwn })
      return await (this.#undo ? this.#undo.recorder.record(collection, batch, write) : write())
    }
    const { outcomes, replaced } = await withRetry(() => previewBatch(this.#target, collection, batch, options), options)
    const encoded = batch.map(outgoing => outgoing.encoded)
    this.#survey.countBatch(collection, this.#target.usage?.(encoded, options), replaced)
    return outcomes
  }

  get #retry(): RetryOptions {
    return { ...this.#options.retry, signal: this.#cut.signal, onRetry: this.#ledger.countRetry }
  }

  /** The sums of a receipt are of what the target will give back. */
  readonly #digest = (collection: string, outgoing: Outgoing): DocumentDigests =>
    this.#options.keepMetadata ? digestsOf(this.#target, collection, outgoing) : digestsWithoutRev(this.#target, collection, outgoing)

  async #keepReceipt(report: RunReport): Promise<void> {
    if (report.dryRun || this.#options.again) return
    const { record, progress } = this.#journal
    const asked = plannedOptions(report, this.#options)
    const receipt = makeReceipt({ report, asked, sums: progress.sums, startedAt: record?.startedAt })
    if (!receipt) return void report.notes.push('there is no receipt: the run was begun by an older docferry, which did not make them')
    report.receipt = await this.#journal.keepReceipt(formatReceipt(receipt))
    report.receiptRoot = rootOf(receipt.collections)
  }

  /** A reader's tries count as the writers' do. */
  readonly #countRetryOfReader = (error: DocferryError, delayMs: number): void => {
    this.#ledger.countRetry(error, delayMs)
    this.#rate.spendRetry(error)
  }

  /** Together, the partitions ask for a second's worth at once. */
  get #requestUnits(): number | undefined {
    const { maxReadUnits } = this.#options
    return maxReadUnits === undefined ? undefined : Math.max(1, Math.floor(maxReadUnits / this.#parallel))
  }

  get #parallel(): number {
    return this.#options.parallel ?? 4
  }

  /** The collection's state, made ready in the target the first time. */
  #enter(name: string): Promise<CollectionState> {
    let state = this.#states.get(name)
    if (!state) this.#states.set(name, (state = this.#prepare(this.#ledger.of(name))))
    return state
  }

  async #prepare(report: CollectionReport): Promise<CollectionState> {
    const { dryRun = false, stages } = this.#options
    const { signal } = this.#cut
    const found = await withRetry(() => this.#target.prepare(report.target, { create: !dryRun, signal }), this.#retry)
    const prepared = this.#journal.progress.prepare(report.source, found)
    report.created = prepared.created
    if (prepared.empty) this.#undo?.recorder.startsEmpty(report.target)
    this.#survey?.countHeld(report.target, prepared.empty ? 0 : prepared.documents)
    const idsMayRepeat = !this.#source.uniqueIds || stages.some(({ mayRepeatIds = true }) => mayRepeatIds)
    // What one partition holds back in its open batch, another can't see: where ids repeat, only a single partition can tell the first.
    const isOpen = ({ id, collections }: Partition): boolean => collections.includes(report.source) && !this.#journal.progress.of(id).done
    const partitions = this.#partitions.filter(isOpen).length
    // A run that goes on does not know which ids it has seen; a file takes them all.
    const knowsIds = this.#journal.record === undefined || isSavedAtEnd(this.#target.location)
    const fresh = prepared.empty && (!idsMayRepeat || (partitions <= 1 && knowsIds))
    return new CollectionState(report, { fresh, isNew: prepared.empty, idsMayRepeat, partitions })
  }

  /** Partitions that may be moved at the same time. */
  #groups(): Iterable<readonly Partition[]> {
    if (!this.#target.limits.oneCollectionAtATime) return [this.#partitions]
    const groups = new Map<string, Partition[]>()
    for (const partition of this.#partitions) {
      const key = JSON.stringify(partition.collections)
      groups.set(key, [...(groups.get(key) ?? []), partition])
    }
    return groups.values()
  }

  /** Stop reading now, and cut what is still in flight after a while. */
  #halt(reason: unknown): void {
    if (this.#stop.signal.aborted) return
    this.#stop.abort(reason)
    this.#grace = setTimeout(() => this.#cut.abort(reason), graceMs)
  }

  /** Resolves a while after what is in flight was cut. */
  async #afterCut(): Promise<void> {
    const { signal } = this.#cut
    if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
    await new Promise(resolve => setTimeout(resolve, cutMs).unref())
  }

  #checkAllCame(): void {
    const came = this.#ledger.report.collections.map(({ source }) => ({ name: source }))
    const missing = this.#options.collections?.filter(name => !came.some(info => info.name === name)) ?? []
    if (missing.length > 0) throw noSuchCollection(missing, came, this.#source)
  }
}

/** @throws {DocferryError} DOCFERRY_CONFIG where units are to be bounded that an end does not count */
function checkUnits(source: Source, target: Target, { maxReadUnits, maxWriteUnits }: CheckedOptions): void {
  const issues: string[] = []
  const issue = (flag: string, end: string, { provider }: Source['location'], instead: string): void =>
    void issues.push(`${flag}: the ${end} is ${provider}, which has no such units${instead}`)
  if (maxReadUnits !== undefined && source.usage?.().readUnits === undefined) issue('--max-rcu', 'source', source.location, '')
  if (maxWriteUnits !== undefined && target.usage?.([], { onConflict: 'skip', fresh: false }).writeUnits === undefined)
    issue('--max-wcu', 'target', target.location, '; --max-rate bounds documents a second')
  if (issues.length > 0) throw new DocferryError('DOCFERRY_CONFIG', issues.join('; '))
}

function pageSizeFor({ batchCount }: TargetLimits): number {
  return Math.min(pageSizes.most, Math.max(pageSizes.least, batchCount))
}

function interrupted(target: Target, dryRun: boolean, cause: unknown): DocferryError {
  const { provider } = target.location
  if (dryRun) return new DocferryError('DOCFERRY_INTERRUPTED', 'interrupted: it was a dry run, and nothing was written', { cause })
  const stays = target.suspend
    ? 'the output is not complete yet, and the run can be continued'
    : 'what was written stays written, and the run can be continued'
  const left = isSavedAtEnd(target.location) && !target.suspend ? 'nothing is left of the output, which was not complete' : stays
  return new DocferryError('DOCFERRY_INTERRUPTED', `interrupted: ${left}`, { provider, cause })
}
