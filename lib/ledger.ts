/** The books of one run: its report, its dead letters, and what a user should know in the end. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DeadLetters } from './checkpoint/dead-letters.ts'
import type { StageObserver } from './engine/apply-stages.ts'
import type { DeadLetter } from './engine/batch-writer.ts'
import type { CollectionState } from './engine/collection-state.ts'
import { DocferryError, describeError } from './errors.ts'
import { collectionReport, countFailure, emptyReport, finishReport, isSavedAtEnd } from './report.ts'
import type { CollectionReport, CollectionSurvey, RunReport } from './report.ts'
import type { Document, Location, Logger, OnConflict, OnIncompatible, Page, Types, Usage } from './types.ts'

export interface LedgerOptions {
  readonly source: Location
  readonly target: Location
  readonly onConflict: OnConflict
  readonly onIncompatible: OnIncompatible
  readonly types: Types
  readonly dryRun: boolean
  readonly stateDir: string
  readonly logger: Logger
  /** What a collection that comes up only while reading is called in the target. */
  readonly targetNameOf: (collection: string) => string
  /** Told of documents that would fail. */
  readonly onRefused?: ((refused: Omit<DeadLetter, 'document' | 'raw'>) => void | Promise<void>) | undefined
}

const longWaitMs = 5_000

export class Ledger {
  readonly report: RunReport
  readonly #options: LedgerOptions
  readonly #collections = new Map<string, CollectionReport>()
  readonly #letters: DeadLetters

  constructor(options: LedgerOptions) {
    const { source, target, onConflict, onIncompatible, types, dryRun, stateDir } = options
    const runId = `${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}-${randomBytes(3).toString('hex')}`
    this.#options = options
    this.report = emptyReport({ runId, dryRun, onConflict, onIncompatible, types, source, target })
    this.#letters = new DeadLetters(join(stateDir, 'runs', runId, 'dead-letters.ndjson'))
  }

  add(collection: { name: string; target: string; documents?: number; bytes?: number }): CollectionReport {
    const report = collectionReport(collection)
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
    report.startedAt ??= Date.now()
    report.bytesRead += page.bytes
  }

  readonly stageObserver: StageObserver = {
    onRead: collection => this.of(collection).read++,
    onFiltered: (stage, { collection }) => {
      const report = this.of(collection)
      report.filtered++
      report.filteredBy[stage.name] = (report.filteredBy[stage.name] ?? 0) + 1
    },
    onAdded: (count, { collection }) => (this.of(collection).added += count)
  }

  readonly countStripped = (collection: string, field: string): void => {
    const { stripped } = this.of(collection)
    stripped[field] = (stripped[field] ?? 0) + 1
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
      const { document: _document, raw: _raw, ...refused } = letter
      return void (await this.#options.onRefused?.(refused))
    }
    await this.#letters.add(letter)
    this.report.deadLetters = this.#letters.path
    const { code, collection, id, where, message } = letter
    this.#options.logger.info({ code, collection, id, where }, `dead letter: ${message}`)
  }

  /** The document for which a stage ended the run is the run's last dead letter. */
  async countStageFailure(error: unknown, document: Document): Promise<void> {
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
    for (const { report, repeated, seenIds } of states) {
      const say = (count: number, text: string): void => {
        if (count > 0) notes.push(`${report.source}: ${count} ${text}`)
      }
      const documents = `${seenIds?.isFull ? 'or fewer ' : ''}documents have an id that came before in the source`
      if (target.provider === 'file') say(repeated, `${documents}; the file holds them all`)
      else
        say(repeated, `${documents}; ${onConflict === 'overwrite' ? 'the last' : 'the first'} of each ${dryRun ? 'would be' : 'is'} kept`)
      say(report.stripped['_attachments'] ?? 0, 'documents have attachments, which are not moved')
      const designs = report.filteredBy['leave-out-design-documents'] ?? 0
      say(designs, 'design documents left out (--include-design takes them)')
    }
  }

  finish(state: 'done' | 'interrupted' | 'failed'): RunReport {
    for (const collection of this.report.collections) {
      // Of a page in the middle of a file only an estimate is known.
      collection.bytesRead = Math.round(collection.bytesRead)
      if (state === 'done') markDone(collection)
      else if (collection.state === 'running') collection.state = 'stopped'
    }
    if (state !== 'done' && !this.report.dryRun) this.#noteUnfinished()
    finishReport(this.report, state)
    return this.report
  }

  #noteUnfinished(): void {
    const { notes, collections, target } = this.report
    if (isSavedAtEnd(target)) {
      notes.push('nothing was saved: the counts tell how far the run had come')
      return
    }
    for (const { source, read, added, written, skipped, filtered, failed } of collections) {
      const open = read + added - written - skipped - filtered - failed
      if (open > 0) notes.push(`${source}: ${open} documents that were read have no outcome; those in flight may be written or not`)
    }
  }

  async close(): Promise<void> {
    await this.#letters.close()
  }
}

function markDone(collection: CollectionReport): void {
  collection.state = 'done'
  collection.finishedAt ??= Date.now()
}
