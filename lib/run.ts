/**
 * THE DATA PATH, read top to bottom: open both ends, choose the collections, prepare them in the target, then for each partition
 *
 *   reader -> stages -> batches -> the target's answer -> mark passed on
 *
 * and in the end make the result whole. Everything else plugs into this file.
 */
import { pipeline } from 'node:stream/promises'
import type { Suspend } from './checkpoint/journal.ts'
import type { RunJournal } from './checkpoint/retry-journal.ts'
import { checkAllCame, chooseWhat, groupsOf } from './choose-what.ts'
import { CollectionStates } from './collection-states.ts'
import { Barrier } from './engine/barrier.ts'
import { BatchWriter } from './engine/batch-writer.ts'
import type { SendBatch } from './engine/batches.ts'
import { digestsOf, digestsWithoutRev } from './engine/digests.ts'
import { Halt } from './engine/halt.ts'
import { BatchWritable, PartitionStream } from './engine/item-streams.ts'
import { replacing } from './engine/replace-batch.ts'
import { withRetry } from './engine/retry.ts'
import type { RetryOptions } from './engine/retry.ts'
import { runParallel } from './engine/run-parallel.ts'
import { RateControl } from './engine/rate-control.ts'
import { ReadPace } from './engine/read-pace.ts'
import { SecurityCopy, securityLeft } from './engine/security.ts'
import { stageChain } from './engine/stage-chain.ts'
import { conditional } from './engine/batch-calls.ts'
import { writeBatch } from './engine/write-batch.ts'
import type { Outgoing } from './engine/outgoing.ts'
import type { WriteBatchOptions } from './engine/batch-job.ts'
import { DocferryError } from './errors.ts'
import { Ledger } from './ledger.ts'
import type { PartitionBooks } from './ledger.ts'
import { interrupted } from './interrupted.ts'
import { openAgain, openRun } from './open-run.ts'
import type { CheckedOptions, Move } from './open-run.ts'
import type { MigrateOptions } from './options.ts'
import { checkUnits } from './plan/check-units.ts'
import { targetNameOf } from './plan/choose-collections.ts'
import type { ChosenCollection } from './plan/choose-collections.ts'
import { previewBatch } from './plan/preview-batch.ts'
import { Survey } from './plan/survey.ts'
import { isSavedAtEnd, totalCounts } from './report.ts'
import type { RunReport } from './report.ts'
import type { RunLog } from './run-log.ts'
import { RunPacking } from './run-packing.ts'
import { RunRecords } from './run-records.ts'
import { givenBy, RunStages } from './run-stages.ts'
import type { OpenStagesOptions } from './run-stages.ts'
import { builtInStages } from './stages/index.ts'
import type { Partition, RunStage, Source, Target, TargetLimits } from './types.ts'
import type { DocumentDigests } from './values/index.ts'

/** How long a reader of a database may give no sign before it is left, and another one goes on. */
const stallMs = 150_000

/** A mark stands behind each page: with pages of about a batch, little is done twice by a run that goes on. */
const pageSizes = { least: 25, most: 500 }

const aliveMs = 60_000

/** How many collections are prepared at once. */
const preparedAtOnce = 4

/**
 * Move collections from one end to the other.
 *
 * @returns the final report, also when documents were dead-lettered: its `state` is then `partial`
 * @throws {DocferryError} when an end can't be opened, read or written to, a stage fails, or the run is interrupted
 */
export async function migrate(options: MigrateOptions): Promise<RunReport> {
  return await openRun(options, move)
}

/**
 * The same for the documents of a run's dead letters. No stages are built in: what these have to go through is the caller's business.
 *
 * @param journal of that run: keeps what fails again, and whatever else the run must know of what is written for it
 */
export async function migrateAgain(options: MigrateOptions, journal: RunJournal): Promise<RunReport> {
  return await openAgain(options, journal, move)
}

const move: Move = (source, target, options, journal, log) => new Run(source, target, options, journal, log).execute()

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
  readonly #packing: RunPacking
  readonly #records: RunRecords
  /** Of a dry run. */
  readonly #survey: Survey | undefined
  readonly #states: CollectionStates
  readonly #stages: RunStages
  #partitions: readonly Partition[] = []
  readonly #halt = new Halt()
  /** Whether the target may hold what was read of a partition that has no cursor. */
  readonly #goesOn: boolean
  #firstError: unknown

  constructor(source: Source, target: Target, options: CheckedOptions, journal: RunJournal, log: RunLog) {
    const { onConflict = 'skip', onIncompatible = 'dead-letter', types = 'natural' } = options
    const { dryRun = false } = options
    this.#source = source
    this.#target = target
    this.#options = options
    this.#journal = journal
    this.#log = log
    const beginsAnew = isSavedAtEnd(target.location) && !journal.output
    if (beginsAnew) journal.startOver()
    this.#goesOn = journal.record !== undefined && !beginsAnew
    // Every file that can be cut back can be suspended.
    const piped = target.location.provider === 'file' && !target.suspend
    checkUnits({ source, target }, options)
    this.#rate = new RateControl(target.limits, options)
    const { maxReadUnits } = options
    if (maxReadUnits !== undefined && source.usage) this.#readPace = new ReadPace(maxReadUnits, () => source.usage?.() ?? { requests: 0 })
    if (dryRun) this.#survey = new Survey(source)
    this.#stages = new RunStages(options.stages, this.#allStages().length - options.stages.length)
    this.#ledger = new Ledger({
      source: source.location,
      target: target.location,
      onConflict,
      onIncompatible,
      types,
      subcollections: options.subcollections,
      dryRun,
      piped,
      readsOnce: source.readsOnce,
      logger: log,
      letterLogger: log.caller,
      onRefused: options.onRefused,
      journal,
      maxFailures: options.maxFailures,
      onTooManyFailures: error => this.#fail(error),
      targetNameOf: name => targetNameOf(name, { source, target }, options)
    })
    this.#records = new RunRecords({ target, options, journal, log, report: this.#ledger.report, piped })
    this.#packing = new RunPacking({ source, target, options, stages: this.#allStages(), report: this.#ledger.report })
    this.#states = new CollectionStates({
      ...{ source, target, options, journal, retry: this.#retry, ledger: this.#ledger, survey: this.#survey },
      partitions: () => this.#partitions,
      recorder: () => this.#records.recorder
    })
  }

  async execute(): Promise<RunReport> {
    const { signal, dryRun } = this.#options
    const onAbort = (): void => this.#halt.halt(signal?.reason)
    // A stage that never answers is nothing that a process stays alive for.
    const alive = setInterval(() => undefined, aliveMs)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      const chosen = await this.#choose()
      await this.#stages.check({
        ...this.#stageOptions,
        collections: chosen?.map(({ name }) => name),
        ...(this.#source.parts && { sources: givenBy(this.#source.parts) }),
        ends: [...(this.#source.parts?.map(({ source }) => source.location) ?? [this.#source.location]), this.#target.location]
      })
      const security = this.#securityCopy()
      await security?.check(this.#ledger.report.collections)
      await this.#records.begin(this.#partitions, this.#retry)
      await this.#prepareAll(chosen)
      await security?.begin(this.#ledger.report.collections)
      await this.#stages.open(this.#stageOptions)
      await this.#keepCheckpoints()
      for (const group of groupsOf(this.#target, this.#source, this.#partitions))
        await runParallel(group, this.#parallel, partition => this.#movePartition(partition))
      signal?.throwIfAborted()
      if (chosen === null) checkAllCame(this.#source, this.#ledger.report, this.#options.collections)
      await this.#stages.close(true)
      await security?.end(this.#ledger.report.collections)
      if (!dryRun) {
        await this.#journal.settle()
        // Of a retry, which makes no checkpoints.
        await this.#records.sync()
        await this.#target.commit({ signal: this.#halt.cut })
      }
      this.#ledger.note(await this.#states.all())
      if (!security && !this.#options.again) {
        const names = this.#ledger.report.collections.map(collection => collection.source)
        this.#ledger.report.notes.push(...(await securityLeft({ source: this.#source, target: this.#target }, names, this.#halt.cut)))
      }
      this.#ledger.report.notes.push(
        ...(this.#source.notes?.() ?? []),
        ...(this.#target.notes?.() ?? []),
        ...this.#stages.notes(),
        ...this.#packing.notes()
      )
      const report = this.#ledger.finish('done')
      await this.#records.keepReceipt()
      return report
    } catch (error) {
      if (error instanceof DocferryError) this.#ledger.report.stoppedBy = error.code
      if (error instanceof DocferryError && error.endsRun) this.#ledger.report.ended = true
      if (error instanceof DocferryError && error.spoilsRun) this.#ledger.markSpoilt(error.context.collection)
      this.#ledger.finish(signal?.aborted ? 'interrupted' : 'failed')
      if (!signal?.aborted) throw error
      throw interrupted(this.#target, this.#ledger.report, error)
    } finally {
      this.#halt.dispose()
      clearInterval(alive)
      await this.#packing.close()
      await this.#states.end()
      await this.#closeStages()
      signal?.removeEventListener('abort', onAbort)
      // Also of a dry run that did not come to its end.
      if (this.#survey) this.#ledger.addSurvey(this.#survey, this.#source.usage?.())
      await this.#ledger.close()
      try {
        await this.#journal.end(this.#ledger.report, this.#options)
        if (isOver(this.#ledger.report) && totalCounts(this.#ledger.report.collections).written === 0) this.#target.abandon?.()
        const { state, retries, collections } = this.#ledger.report
        this.#log.note('info', { state, retries, ...totalCounts(collections) }, 'the run has ended')
      } finally {
        await this.#records.close()
      }
    }
  }

  async #choose(): Promise<readonly ChosenCollection[] | null> {
    const parts = { source: this.#source, target: this.#target, options: this.#options, ledger: this.#ledger, journal: this.#journal }
    const { collections, partitions } = await chooseWhat({ ...parts, parallel: this.#parallel })
    this.#ledger.warnOfFailuresBefore()
    this.#partitions = partitions
    if (this.#survey) this.#ledger.report.finding = this.#source.usage?.()
    return collections
  }

  /** The first one before anything is written: it holds what the target's collections were. */
  async #keepCheckpoints(): Promise<void> {
    if (this.#options.dryRun) return
    this.#journal.syncFirst(this.#ledger.syncLetters)
    const suspend: Suspend = (work, patienceMs) => this.#barrier.hold(async () => work(await this.#target.suspend?.()), { patienceMs })
    await this.#journal.start(this.#ledger.report, this.#target.suspend && suspend, error => this.#fail(error))
  }

  #securityCopy(): SecurityCopy | undefined {
    const { includeSecurity = false, again = false, dryRun = false } = this.#options
    if (!includeSecurity || again) return undefined
    const { onConflict, notes } = this.#ledger.report
    const parts = { source: this.#source, target: this.#target, onConflict, dryRun, retry: this.#retry, notes }
    return new SecurityCopy({ ...parts, keep: this.#records.keepSecurity })
  }

  /** All of them, first: what can't be prepared shows before any document is written, and a file names in its head what it will hold. */
  async #prepareAll(chosen: readonly ChosenCollection[] | null): Promise<void> {
    await runParallel(chosen ?? [], preparedAtOnce, async ({ name }) => void (await this.#states.enter(name, true)))
  }

  /**
   * One partition, from its first page to its last acknowledgement. Where the reader or a stage fails, what came before is still written,
   * and then the run fails.
   */
  async #movePartition(partition: Partition): Promise<void> {
    if (this.#halt.stop.aborted) return
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
      after: cursor ?? (this.#goesOn ? partition.start : undefined),
      pageSize: pageSizeFor(this.#target.limits),
      stop: this.#halt.stop,
      onPage: ledger.countPage,
      retry: this.#options.retry,
      onRetry: this.#countRetryOfReader,
      onFailure: fail,
      // A pipe may have nothing to give for any time.
      // Nor gives a page a sign while it reads large attachments.
      stallMs: this.#options.attachments || isSavedAtEnd(this.#source.location) || this.#source.waitsForOthers ? undefined : stallMs,
      requestUnits: this.#requestUnits,
      packing: this.#packing.of(partition),
      leaving: this.#packing.leaving,
      isSated: this.#stages.isSated,
      paceMs: this.#readPace && (() => this.#readPace?.waitMs() ?? 0)
    })
    const stages = stageChain(this.#allStages(books.countStripped), {
      partition: partition.id,
      stop: this.#halt.stop,
      mask: this.#options.mask,
      leaving: this.#packing.leaving,
      segment: books.segment,
      onJoin: books.join,
      onFailure: async (error, document) => {
        atMark = false
        fail(error)
        await ledger.countStageFailure(error, document)
      }
    })
    const packer = this.#packing.packerOfDocuments()
    const writer = new BatchWriter({
      partition: partition.id,
      marksBefore: marks,
      target: this.#target,
      send: this.#send,
      enter: collection => this.#states.enter(collection),
      bury: ledger.bury,
      rate: this.#rate,
      onMark: books.acknowledge,
      barrier: this.#barrier,
      // A dry run is to find them all.
      onIncompatible: this.#survey ? 'dead-letter' : this.#options.onIncompatible,
      onEncoded: this.#survey?.add,
      pack: packer && (documents => packer.pack(documents)),
      digest: this.#survey ? undefined : this.#digest,
      onSent: this.#records.syncAhead
    })
    try {
      await pipeline([reader, ...stages, new BatchWritable(writer)], { signal: this.#halt.cut })
      if (!this.#halt.stop.aborted) {
        writer.leave()
        progress.finish(partition.id)
      }
    } catch (error) {
      atMark = false
      fail(error)
    } finally {
      // A pipeline that fails does not wait for what its last stream has under way; what does not notice that it is cut is left.
      await Promise.race([writer.settle(), this.#halt.afterCut()])
      this.#barrier.leave({ atMark })
    }
    if (this.#firstError !== undefined) throw this.#firstError
  }

  #fail(error: unknown): void {
    this.#firstError ??= error
    const { report } = this.#ledger
    if (error instanceof DocferryError && error.spoilsRun && totalCounts(report.collections).read > 0) report.spoilt ??= error.message
    this.#halt.halt(error)
  }

  /** The built-in stages of every run, then the user's. */
  #allStages(countStripped?: PartitionBooks['countStripped']): RunStage[] {
    const { stages, again = false } = this.#options
    return again ? [...stages] : [...builtInStages(this.#options, countStripped), ...stages]
  }

  /** What went wrong before is what the run ends with. */
  async #closeStages(): Promise<void> {
    try {
      await this.#stages.close(false)
    } catch (error) {
      this.#log.note('error', { err: error }, 'a stage could not be closed')
    }
  }

  readonly #send: SendBatch = async (collection, batch, { fresh, repeated, isNew }) => {
    const { onConflict } = this.#ledger.report
    const mayBeApplied = this.#options.again || this.#journal.record !== undefined
    const options = { ...this.#retry, onConflict, fresh, repeated, mayBeApplied }
    if (!this.#survey) {
      const pace = { isNew, rate: this.#rate, countsUnits: this.#options.maxWriteUnits !== undefined, stop: this.#halt.stop }
      const write = (how: Pick<WriteBatchOptions, 'onOwn' | 'send' | 'sendsBy'>) =>
        writeBatch(this.#target, collection, batch, { ...options, ...pace, ...how })
      const { recorder } = this.#records
      if (recorder) return await recorder.record(collection, batch, write, fresh && !mayBeApplied)
      const { mayReplace } = this.#options
      return await write(mayReplace ? { send: replacing(this.#target, collection, { ...this.#retry, mayReplace }) } : {})
    }
    const { outcomes, replaced } = await withRetry(() => previewBatch(this.#target, collection, batch, options), options)
    const encoded = batch.map(outgoing => outgoing.encoded)
    const isConditional = onConflict === 'overwrite' && this.#options.undo === 'all'
    this.#survey.countBatch(collection, this.#target.usage?.(encoded, isConditional ? conditional : options), replaced)
    return outcomes
  }

  get #retry(): RetryOptions {
    return { ...this.#options.retry, signal: this.#halt.cut, onRetry: this.#ledger.countRetry }
  }

  /** The sums of a receipt are of what the target will give back. */
  readonly #digest = (collection: string, outgoing: Outgoing): DocumentDigests =>
    this.#options.keepMetadata ? digestsOf(this.#target, collection, outgoing) : digestsWithoutRev(this.#target, collection, outgoing)

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

  get #stageOptions(): OpenStagesOptions {
    return { journal: this.#journal, dryRun: this.#options.dryRun ?? false, signal: this.#halt.stop }
  }

  get #parallel(): number {
    return this.#options.parallel ?? 4
  }
}

function pageSizeFor({ batchCount }: TargetLimits): number {
  return Math.min(pageSizes.most, Math.max(pageSizes.least, batchCount))
}

/** Whether nobody can go on with a run that has stopped. */
function isOver({ ended, readsOnce, state }: Readonly<RunReport>): boolean {
  return ended === true || (readsOnce === true && state === 'failed')
}
