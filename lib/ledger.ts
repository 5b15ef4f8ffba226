/** The books of one run: its report, its dead letters, and what a user should know in the end. */
import { DeadLetters } from './checkpoint/dead-letters.ts'
import type { LetterKeeper, RunJournal } from './checkpoint/retry-journal.ts'
import { now } from './clock.ts'
import type { StageObserver } from './engine/apply-stages.ts'
import type { DeadLetter } from './engine/dead-letter.ts'
import type { CollectionState } from './engine/collection-state.ts'
import { addDelta, sumOf, Tally } from './engine/tally.ts'
import type { StagePiece } from './engine/tally.ts'
import { describeWait, StageWaits } from './engine/stage-waits.ts'
import { DocferryError, describeError } from './errors.ts'
import { collectionReport, countFailure, emptyReport, finishReport, isSavedAtEnd, listNames, totalCounts } from './report.ts'
import type { CollectionReport, CollectionSurvey, FailureLimit, RunReport } from './report.ts'
import type { Document, Location, Logger, Mark, OnConflict, OnIncompatible, Page, Types, Usage } from './types.ts'
import { formatCount, plural } from './values/format-count.ts'

export interface LedgerOptions {
  readonly source: Location
  readonly target: Location
  readonly onConflict: OnConflict
  readonly onIncompatible: OnIncompatible
  readonly types: Types
  readonly subcollections?: boolean | undefined
  readonly dryRun: boolean
  /** The output can't be cut back: if the run stops, it can't be gone on with. */
  readonly piped?: boolean
  readonly readsOnce?: boolean | undefined
  readonly logger: Logger
  /** Told of each dead letter. Default: `logger`. */
  readonly letterLogger?: Logger
  /** What a collection that comes up only while reading is called in the target. */
  readonly targetNameOf: (collection: string) => string
  /** Told of documents that would fail. */
  readonly maxFailures?: FailureLimit | undefined
  /** Called once, when more documents have failed than may. */
  readonly onTooManyFailures?: (error: DocferryError) => void
  readonly onRefused?: ((refused: Omit<DeadLetter, 'document' | 'raw' | 'rawBase64' | 'cause'>) => void | Promise<void>) | undefined
  readonly journal: RunJournal
}

/** The books of one partition, between the reader and the target's answer. */
export interface PartitionBooks {
  /** Of the next stretch of stages, in order: each counts for itself. */
  readonly segment: () => SegmentBooks
  /** Of the first segment. */
  readonly countStripped: (collection: string, field: string, attachments: number, documents?: number) => void
  /** What is before the first mark is told with the second: the first will not come to the target. */
  readonly join: (dropped: Mark, into: Mark) => void
  /** Everything before the mark has its outcome. */
  readonly acknowledge: (mark: Mark, tally: Tally) => void
}

export interface SegmentBooks {
  readonly observer: Omit<StageObserver, 'onFailed'>
  /** Everything before the mark has gone through its stages. */
  readonly pass: (mark: Mark, collection: string, pieces?: readonly StagePiece[]) => void
}

const longWaitMs = 5_000

/** A share of failures means little before so many documents were read. */
const fewDocuments = 1_000

export class Ledger {
  readonly report: RunReport
  readonly #options: LedgerOptions
  readonly #collections = new Map<string, CollectionReport>()
  #failed = 0
  #hasTooMany = false
  readonly #letters: LetterKeeper
  readonly #stageWaits: StageWaits

  constructor(options: LedgerOptions) {
    const { source, target, onConflict, onIncompatible, types, subcollections, dryRun, piped, readsOnce, journal } = options
    this.#options = options
    const ends = { source, target, ...(piped && { piped }), ...(readsOnce && { readsOnce }) }
    this.report = emptyReport({
      runId: journal.runId,
      dryRun,
      onConflict,
      onIncompatible,
      types,
      ...(subcollections && { subcollections }),
      ...ends
    })
    this.report.retries = journal.retries
    // An output of files is cut back to what is on record.
    if (journal.writtenBefore !== undefined && !isSavedAtEnd(target)) this.report.writtenBefore = journal.writtenBefore
    this.#letters = journal.letters ?? new DeadLetters(journal.deadLetters)
    this.#stageWaits = new StageWaits((wait, seconds) => {
      const { collection, id } = wait
      options.logger.warn({ collection, id }, `${describeWait(wait, seconds)}: what comes behind it waits`)
    })
  }

  add(collection: { name: string; target: string; documents?: number; bytes?: number }): CollectionReport {
    const report = collectionReport(collection)
    const before = this.#options.journal.progress.collections.get(collection.name)
    if (before) {
      addDelta(report, before)
      report.before = { ...totalCounts([before]), bytesRead: before.bytesRead }
    }
    if (report.failed > 0) this.report.deadLetters = this.#letters.path
    this.#failed += report.failed
    this.#collections.set(collection.name, report)
    this.report.collections.push(report)
    return report
  }

  /** The account of a collection, by its name in the source. */
  of(name: string): CollectionReport {
    return this.#collections.get(name) ?? this.add({ name, target: this.#options.targetNameOf(name) })
  }

  readonly countPage = (page: Page): void => {
    const report = this.of(page.collection)
    if (report.state === 'waiting') report.state = 'running'
    report.startedAt ??= now()
    report.bytesRead += page.bytes
  }

  /** Every count is made twice: in the report, and for the next mark. */
  openPartition(): PartitionBooks {
    /** In the order of the marks. */
    const passed = new Map<Mark, Tally[]>()
    let first: { tally: Tally } | undefined
    const both = (collection: string, { tally }: { readonly tally: Tally }): CollectionReport[] => [
      this.of(collection),
      tally.of(collection)
    ]
    return {
      segment: () => {
        const segment = { tally: new Tally() }
        const isFirst = first === undefined
        first ??= segment
        return {
          observer: {
            onRead: (collection, count = 1) => {
              if (isFirst) for (const report of both(collection, segment)) report.read += count
            },
            onPacked: (collection, { read }) => {
              if (isFirst) for (const report of both(collection, segment)) report.read += read
            },
            onFiltered: (stage, { collection }, isFailed = false) => {
              const by = isFailed ? `${stage.name} (failed)` : stage.name
              for (const report of both(collection, segment)) {
                report.filtered++
                report.filteredBy[by] = (report.filteredBy[by] ?? 0) + 1
              }
            },
            onAdded: (count, { collection }) => {
              for (const report of both(collection, segment)) report.added += count
            },
            onWait: this.#stageWaits.begin
          },
          pass: (mark, collection, pieces = []) => {
            const { tally } = segment
            segment.tally = new Tally()
            if (isFirst) tally.of(collection).bytesRead += mark.bytes
            tally.pieces.push(...pieces)
            const before = passed.get(mark)
            if (before) before.push(tally)
            else passed.set(mark, [tally])
          }
        }
      },
      countStripped: (collection, field, attachments, documents = 1) => {
        for (const counted of both(collection, first!)) {
          counted.stripped[field] = (counted.stripped[field] ?? 0) + documents
          if (attachments > 0) counted.attachmentsLeft = (counted.attachmentsLeft ?? 0) + attachments
        }
      },
      join: (dropped, into) => {
        const tallies = [...(passed.get(dropped) ?? []), ...(passed.get(into) ?? [])]
        passed.delete(dropped)
        if (tallies.length > 0) passed.set(into, [sumOf(tallies)])
      },
      acknowledge: (mark, written) => {
        const tallies = passed.get(mark) ?? []
        passed.delete(mark)
        this.#options.journal.progress.advance(mark, [...tallies, written])
      }
    }
  }

  readonly countRetry = (error: DocferryError, delayMs: number): void => {
    this.report.retries++
    const { logger } = this.#options
    const context = { code: error.code, collection: error.context.collection, delayMs }
    // Whoever waits that long should know for what.
    if (delayMs >= longWaitMs) logger.warn(context, `trying again: ${error.message}`)
    else logger.info(context, `trying again: ${error.message}`)
  }

  /** Keep a document that could not be written; a dry run only counts it. */
  readonly bury = async (letter: DeadLetter): Promise<void> => {
    if (this.report.dryRun) {
      const { document: _document, raw: _raw, rawBase64: _bytes, cause: _cause, ...refused } = letter
      return void (await this.#options.onRefused?.(refused))
    }
    await this.#letters.add(letter)
    this.report.deadLetters = this.#letters.path
    const { code, collection, id, where, message } = letter
    const { logger, letterLogger = logger } = this.#options
    letterLogger.info({ code, collection, id, where }, `dead letter: ${message}`)
    this.#failed++
    this.#checkFailures()
  }

  /** Of a run that goes on: its cause may be mended, so that this alone does not end it. */
  warnOfFailuresBefore(): void {
    const allowed = this.#exceeded()
    if (allowed === undefined) return
    const before = `${plural(this.#failed, 'document')} could not be written before, more than --max-failures allows (${allowed})`
    this.#options.logger.warn({ failed: this.#failed }, `${before}: the next one stops the run; give a higher one if more may fail`)
  }

  /** @returns how many may fail, in words, where more have */
  #exceeded(): string | undefined {
    const { maxFailures } = this.#options
    if (maxFailures === undefined) return undefined
    const { read } = totalCounts(this.report.collections)
    const isShare = typeof maxFailures === 'object'
    const most = isShare ? maxFailures.share * Math.max(read, fewDocuments) : maxFailures
    if (this.#failed <= most) return undefined
    const reckoned =
      read < fewDocuments ? `${formatCount(fewDocuments)} (reckoned with until as many are read)` : `the ${formatCount(read)} read`
    return isShare ? `${formatShare(maxFailures.share)} of ${reckoned}` : formatCount(maxFailures)
  }

  #checkFailures(): void {
    if (this.#hasTooMany) return
    const allowed = this.#exceeded()
    if (allowed === undefined) return
    this.#hasTooMany = true
    const goOn =
      this.report.piped || this.report.readsOnce
        ? 'once it is clear why they fail, begin again'
        : 'once it is clear why they fail, docferry resume goes on (with a higher --max-failures, if they may)'
    // The table counts them all: what was under way had its outcome all the same.
    const message = `more documents could not be written than --max-failures allows (${allowed}): the run has stopped; ${goOn}`
    this.#options.onTooManyFailures?.(new DocferryError('DOCFERRY_MAX_FAILURES', message, { provider: this.report.target.provider }))
  }

  /** Every letter so far is on disk when this resolves. */
  readonly syncLetters = (): Promise<void> => this.#letters.sync()

  /** The document for which a stage ended the run is the run's last dead letter, where it is known. */
  async countStageFailure(error: unknown, document?: Document): Promise<void> {
    if (!document) return
    const { code, message, context } = error instanceof DocferryError ? error : new DocferryError('DOCFERRY_BUG', describeError(error))
    const collection = context.collection ?? ''
    const id = context.id ?? document._id
    await this.bury({ collection, id, at: 'stage', code, message, document })
    countFailure(this.of(collection), code, message, id)
  }

  /** What a dry run has learnt, also when it did not come to its end. */
  addSurvey(survey: { of(report: CollectionReport): CollectionSurvey }, reading: Usage | undefined): void {
    for (const collection of this.report.collections) collection.survey = survey.of(collection)
    if (reading) this.report.reading = reading
  }

  /** Say what the counts alone don't. */
  note(states: readonly CollectionState[]): void {
    const { notes, onConflict, dryRun, target } = this.report
    /** Of those about which nothing else is to be said. */
    const unknown: Record<'went by before the run went on' | 'came before it was left', string[]> = {
      'went by before the run went on': [],
      'came before it was left': []
    }
    const kept =
      target.provider === 'file'
        ? 'the file holds them all, and importing it keeps one of each'
        : `${onConflict === 'overwrite' ? 'the last' : 'the first'} of each ${dryRun ? 'would be' : 'is'} kept`
    for (const state of states) {
      const { report } = state
      const { count: repeated, isAtMost, isAtLeast, isWentOn, trouble } = state.repeated()
      const when = isWentOn ? 'went by before the run went on' : 'came before it was left'
      const say = (count: number, one: string, many: string): void => {
        if (count > 0) notes.push(`${report.source}: ${plural(count, one, many)}`)
      }
      if (trouble !== undefined)
        notes.push(
          `${report.source}: whether ids come more than once in the source is not known: ${describeError(trouble)}; the file holds all documents`
        )
      const came = 'an id that came before in the source'
      const about = isAtMost ? 'or fewer ' : isAtLeast ? 'or more ' : ''
      const before = isAtLeast ? `; ids that ${when} are not known any more` : ''
      say(repeated, `${about}document has ${came}; ${kept}${before}`, `${about}documents have ${came}; ${kept}${before}`)
      if (repeated === 0 && isAtLeast && target.provider === 'file') unknown[when].push(report.source)
      const left = report.attachmentsLeft ?? 0
      const attached = left === 1 ? '1 attachment, which is not moved' : `${formatCount(left)} attachments, which are not moved`
      const advice = '(--attachments moves them, to another CouchDB or into an export)'
      say(report.stripped['_attachments'] ?? 0, `document has ${attached} ${advice}`, `documents have ${attached} ${advice}`)
      const designs = report.filteredBy['leave-out-design-documents'] ?? 0
      say(designs, 'design document left out (--include-design takes it)', 'design documents left out (--include-design takes them)')
    }
    for (const [when, names] of Object.entries(unknown)) {
      if (names.length > 0) notes.push(`${listNames(names, 10)}: whether documents share an id with one that ${when} is not known; ${kept}`)
    }
  }

  /** What was read of a collection is not what was to be read, though all of it was. */
  markSpoilt(name: string | undefined): void {
    const spoilt = this.report.collections.find(({ source }) => source === name)
    if (spoilt?.state === 'done') spoilt.state = 'stopped'
  }

  finish(state: 'done' | 'interrupted' | 'failed'): RunReport {
    for (const collection of this.report.collections) {
      // Of a page in the middle of a file only an estimate is known.
      collection.bytesRead = Math.round(collection.bytesRead)
      if (state === 'done') markDone(collection)
      else if (collection.state === 'running') collection.state = 'stopped'
    }
    for (const { stage, collection, id } of this.#stageWaits.long)
      this.report.notes.push(`stage ${stage} had not answered for ${collection}/${id} when the run was stopped`)
    if (state !== 'done' && !this.report.dryRun) this.#noteUnfinished()
    finishReport(this.report, state)
    return this.report
  }

  #noteUnfinished(): void {
    const { notes, collections, target } = this.report
    if (isSavedAtEnd(target)) {
      notes.push('the output is not complete: the counts tell how far the run had come')
      return
    }
    for (const { source, read, added, written, skipped, filtered, failed } of collections) {
      const open = read + added - written - skipped - filtered - failed
      if (open > 0)
        notes.push(`${source}: ${formatCount(open)} documents that were read have no outcome; those in flight may be written or not`)
    }
  }

  async close(): Promise<void> {
    await this.#letters.close()
  }
}

function formatShare(share: number): string {
  return `${Number((share * 100).toPrecision(6))}%`
}

function markDone(collection: CollectionReport): void {
  collection.state = 'done'
  collection.finishedAt ??= now()
}
