/** One undoing under way: entries, the newest first, into batches, and what became of them into the report. */
import { setMaxListeners } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import type { RunEnd, RunFolder, RunRecord, Undone } from '../checkpoint/run-folder.ts'
import { keptSecurity } from '../checkpoint/kept-security.ts'
import { inState } from '../checkpoint/state-file.ts'
import type { UndoEntry } from '../checkpoint/undo-entry.ts'
import type { UndoEntries } from '../checkpoint/undo-journal.ts'
import { now } from '../clock.ts'
import { withRetry } from '../engine/retry.ts'
import type { RetryOptions } from '../engine/retry.ts'
import { sameSecurity } from '../engine/security.ts'
import { undoBatch } from '../engine/undo-batch.ts'
import type { UndoOutcome } from '../engine/undo-batch.ts'
import { DocferryError } from '../errors.ts'
import { silentLogger } from '../open.ts'
import type { PlannedOptions } from '../plan/plan.ts'
import type { Target } from '../types.ts'
import { knownOf, UndoBooks } from './books.ts'
import type { Left } from './books.ts'
import { mostLeft } from './progress.ts'
import type { Together, UndoProgress } from './progress.ts'
import { leftOf } from './report.ts'
import type { UndoCollection, UndoReport } from './report.ts'
import type { UndoOptions } from './undo.ts'

/** The run, as its folder tells of it. */
export interface Ran {
  readonly record: RunRecord<PlannedOptions>
  readonly checkpoint: Checkpoint | undefined
  readonly end: RunEnd | undefined
  /** What an earlier undoing has come to. */
  readonly undone: Undone | undefined
}

const leftName = 'undo-left.ndjson'
const linesAtOnce = 1_000
/** How long what is in flight may take once the undoing was told to stop. */
const graceMs = 10_000
/** Most bytes of entries that wait for their batch, over all collections. */
const mostWaitingBytes = 8 << 20

/** A batch that is being gathered. */
interface Batch extends Together {
  readonly entries: Map<string, UndoEntry>
  bytes: number
}

export class Undoing {
  readonly #options: UndoOptions
  readonly #folder: RunFolder
  readonly #ran: Ran
  readonly #target: Target
  readonly #entries: UndoEntries | undefined
  readonly #progress: UndoProgress
  readonly #report: UndoReport
  readonly #books: UndoBooks
  readonly #isThere = new Map<string, Promise<boolean>>()
  readonly #gathering = new Map<string, Batch>()
  #waitingBytes = 0
  /** Batches that are being undone, with the ids in them. */
  readonly #inFlight = new Map<Promise<void>, { readonly collection: string; readonly ids: ReadonlyMap<string, unknown> }>()
  #error: unknown
  /** Cuts what is in flight. */
  readonly #cut = new AbortController()

  constructor(
    options: UndoOptions,
    parts: {
      readonly folder: RunFolder
      readonly ran: Ran
      readonly target: Target
      readonly entries: UndoEntries | undefined
      readonly progress: UndoProgress
    }
  ) {
    const { folder, ran, target, entries, progress } = parts
    this.#options = options
    this.#folder = folder
    this.#ran = ran
    this.#target = target
    this.#entries = entries
    this.#progress = progress
    this.#books = new UndoBooks({ dryRun: options.dryRun ?? false })
    this.#report = {
      runId: ran.record.runId,
      dryRun: options.dryRun ?? false,
      target: target.location,
      collections: this.#books.collections,
      bytes: { total: entries?.bytes ?? 0, done: 0 },
      notes: [],
      retries: 0,
      startedAt: now(),
      state: 'running'
    }
    setMaxListeners(0, this.#cut.signal)
    for (const [source, { created }] of Object.entries(ran.checkpoint?.prepared ?? {})) this.#books.of(this.#nameInTarget(source), created)
  }

  async execute(): Promise<UndoReport> {
    const { signal, observe, dryRun } = this.#options
    const report = this.#report
    let grace: NodeJS.Timeout | undefined
    const onAbort = (): void => void (grace = setTimeout(() => this.#cut.abort(signal?.reason), graceMs))
    signal?.addEventListener('abort', onAbort, { once: true })
    let hasBegun = false
    try {
      this.#noteUnfinished()
      this.#noteUndone()
      observe?.(report)
      if (!dryRun) await this.#folder.markUndone(this.#undone('partly'))
      hasBegun = !dryRun
      await this.#undoAll().catch((error: unknown) => {
        this.#countOnly()
        throw error
      })
      await this.#settle()
      this.#countUnknown()
      if (this.#ran.undone?.state !== 'undone') {
        if (!dryRun) await this.#dropCollections()
        await this.#putSecurityBack()
      }
      const isWhole = report.collections.every(collection => leftOf(collection) === 0)
      report.state = isWhole && !report.mayRemain ? 'undone' : 'partial'
      return report
    } catch (error) {
      report.state = signal?.aborted ? 'interrupted' : 'failed'
      if (!signal?.aborted) throw error
      const stays = dryRun ? 'nothing was changed' : 'what was undone stays undone; the same command goes on with the rest'
      throw new DocferryError('DOCFERRY_INTERRUPTED', `interrupted: ${stays}`, { cause: error })
    } finally {
      clearTimeout(grace)
      signal?.removeEventListener('abort', onAbort)
      report.finishedAt = now()
      this.#books.close()
      if (hasBegun) {
        await this.#progress.save()
        await this.#folder.markUndone(this.#undone(report.state === 'undone' ? 'undone' : 'partly'))
      }
    }
  }

  async #undoAll(): Promise<void> {
    const { bytes } = this.#report
    try {
      let bytesBefore = bytes.total
      for await (const { entry, bytesLeft } of this.#entries?.read() ?? []) {
        this.#options.signal?.throwIfAborted()
        if (this.#progress.isDone(entry.collection, entry.id, bytesLeft)) {
          this.#books.count(entry.collection, entry, 'already')
          bytes.done += bytesBefore - bytesLeft
        } else await this.#add(entry, { from: bytesLeft, end: bytesBefore })
        this.#progress.readTo(bytesLeft)
        bytesBefore = bytesLeft
      }
      this.#progress.readTo(0)
      for (const collection of this.#gathering.keys()) await this.#send(collection)
    } catch (error) {
      this.#error ??= error
    }
    await Promise.all(this.#inFlight.keys())
    if (this.#error !== undefined) throw this.#error
    bytes.done = bytes.total
  }

  async #add(entry: UndoEntry, { from, end }: { readonly from: number; readonly end: number }): Promise<void> {
    const { collection, id } = entry
    const bytes = end - from
    // An older entry of a document is for what the newer one has made of it.
    if (this.#gathering.get(collection)?.entries.has(id)) await this.#send(collection)
    for (const [sending, sent] of this.#inFlight) if (sent.collection === collection && sent.ids.has(id)) await sending
    let batch = this.#gathering.get(collection)
    if (!batch) {
      this.#gathering.set(collection, (batch = { entries: new Map(), bytes: 0, end }))
      this.#progress.begins(batch)
    }
    batch.entries.set(id, entry)
    batch.bytes += bytes
    this.#waitingBytes += bytes
    const { batchCount, batchBytes } = this.#target.limits
    if (batch.entries.size >= batchCount || batch.bytes >= batchBytes) await this.#send(collection)
    if (this.#waitingBytes > mostWaitingBytes) for (const name of this.#gathering.keys()) await this.#send(name)
  }

  /** Undo what was gathered of a collection. Resolves when it is on its way. */
  async #send(collection: string): Promise<void> {
    const batch = this.#gathering.get(collection)
    if (!batch) return
    this.#gathering.delete(collection)
    this.#waitingBytes -= batch.bytes
    while (this.#inFlight.size >= this.#target.limits.inFlight) await Promise.race(this.#inFlight.keys())
    if (this.#error !== undefined) throw this.#error
    const sending = this.#undoBatch(collection, batch)
      .catch((error: unknown) => void (this.#error ??= error))
      .finally(() => void this.#inFlight.delete(sending))
    this.#inFlight.set(sending, { collection, ids: batch.entries })
  }

  async #undoBatch(collection: string, batch: Batch): Promise<void> {
    const { dryRun } = this.#options
    const written = [...batch.entries.values()]
    const outcomes = (await this.#collectionIsThere(collection))
      ? await undoBatch(this.#target, collection, written, { ...this.#retry, dryRun })
      : written.map(({ before }) => (before ? 'gone' : 'already'))
    for (const [index, entry] of written.entries()) this.#books.count(collection, entry, outcomes[index]!)
    this.#progress.ended(
      batch,
      written.map(({ id }, index) => ({ collection, id, isLeft: isLeft(outcomes[index]!) }))
    )
    this.#progress.saveSoon()
    this.#report.bytes.done += batch.bytes
  }

  /** Also makes ready what the target has to know of a collection before its documents can be named. */
  #collectionIsThere(collection: string): Promise<boolean> {
    let found = this.#isThere.get(collection)
    if (!found) {
      const { signal } = this.#cut
      const prepare = async () => await this.#target.prepare(collection, { create: false, signal })
      this.#isThere.set(collection, (found = withRetry(prepare, this.#retry).then(({ created }) => !created)))
    }
    return found
  }

  async #dropCollections(): Promise<void> {
    const { signal } = this.#cut
    const dropped = new Set(this.#earlier.filter(each => each.dropped).map(({ name }) => name))
    for (const report of this.#books.collections) {
      this.#options.signal?.throwIfAborted()
      if (!report.created || !this.#target.dropCollection || dropped.has(report.name)) continue
      report.dropped = await withRetry(() => this.#target.dropCollection!(report.name, { signal }), this.#retry)
    }
  }

  /** Where nobody has set another since. */
  async #putSecurityBack(): Promise<void> {
    const { security } = this.#target
    const { notes, dryRun } = this.#report
    const { signal } = this.#cut
    for (const { collection, before, after } of security ? await keptSecurity(this.#folder.path) : []) {
      const now = await withRetry(() => security!.get(collection, { signal }), this.#retry)
      if (now === undefined || sameSecurity(now, before)) continue
      if (!sameSecurity(now, after)) notes.push(`${collection}: its _security was changed since, and stays as it is`)
      else if (dryRun) notes.push(`${collection}: its _security would be put back`)
      else {
        await withRetry(() => security!.put(collection, before, { signal }), this.#retry)
        notes.push(`${collection}: its _security was put back`)
      }
    }
  }

  /** Where the journal was not written ahead, or what was found there may be somebody else's, there are documents that it does not tell of. */
  #countUnknown(): void {
    const { prepared = {}, collections = [] } = this.#ran.checkpoint ?? {}
    const { undo, onConflict } = this.#ran.record.asked
    for (const { source, written } of collections) {
      // All is known of those; and one id may have been written several times.
      if (onConflict === 'overwrite' && (undo !== 'created' || prepared[source]?.empty)) continue
      const report = this.#books.of(this.#nameInTarget(source))
      report.unknown = Math.max(0, written - knownOf(report))
    }
  }

  #noteUnfinished(): void {
    const { end, checkpoint, record } = this.#ran
    const isOver = end?.state === 'done' || end?.state === 'partial'
    const isAhead = record.asked.undo === 'all' || Object.values(checkpoint?.prepared ?? {}).every(({ empty }) => empty)
    if (isOver || isAhead) return
    this.#report.mayRemain = true
    this.#report.notes.push(
      'the run did not come to its end: what it was writing then into collections that were not empty may not be known as its own, and stays'
    )
  }

  #noteUndone(): void {
    const { undone } = this.#ran
    if (undone?.state !== 'undone') return
    this.#report.notes.push(`it was undone at ${undone.at}: what stands in the place of its documents now is not its own, and stays`)
  }

  get #earlier(): readonly UndoCollection[] {
    return (this.#ran.undone?.collections ?? []) as readonly UndoCollection[]
  }

  /** Count documents, and name every one that was left, without its contents. */
  async #settle(): Promise<void> {
    const path = join(this.#folder.path, leftName)
    const named: Left[] = []
    const lines = this.#leftLines(named)
    const first = lines.next()
    if (!this.#folder.isLocked) {
      if (first.done) return
      while (!lines.next().done);
      return void this.#report.notes.push(`what would be left is not listed by name, for ${this.#folder.path} can't be written to`)
    }
    if (first.done) {
      await inState(`${path} can't be removed`, () => rm(path, { force: true }))
      return void this.#progress.settled(named)
    }
    const all = function* (): Generator<string> {
      yield first.value
      yield* lines
    }
    await inState(`${path} can't be written`, () => writeFile(path, all(), { mode: 0o600 }))
    this.#progress.settled(named)
    this.#report.left = path
  }

  /** @param named gets the first of them */
  *#leftLines(named: Left[]): Generator<string> {
    const lines: string[] = []
    for (const left of this.#books.settle()) {
      if (named.length <= mostLeft) named.push(left)
      lines.push(`${JSON.stringify(left)}\n`)
      if (lines.length >= linesAtOnce) yield lines.splice(0).join('')
    }
    if (lines.length > 0) yield lines.join('')
  }

  /** Whatever else is wrong is what the undoing ends with. */
  #countOnly(): void {
    try {
      for (const lines = this.#leftLines([]); !lines.next().done;);
    } catch (error) {
      if (!(error instanceof DocferryError)) throw error
    }
  }

  #undone(state: Undone['state']): Undone {
    return { state, at: new Date().toISOString(), collections: this.#report.collections }
  }

  #nameInTarget(source: string): string {
    const { collections, named } = this.#ran.record.asked
    const pair = collections.find(([name]) => name === source)
    return pair ? pair[1] : Object.hasOwn(named.rename, source) ? named.rename[source]! : source
  }

  get #retry(): RetryOptions {
    const { retry, logger = silentLogger } = this.#options
    return {
      ...retry,
      signal: this.#cut.signal,
      onRetry: (error, delayMs) => {
        this.#report.retries++
        logger.info({ code: error.code, collection: error.context.collection, delayMs }, `trying again: ${error.message}`)
      }
    }
  }
}

function isLeft(outcome: UndoOutcome): boolean {
  return typeof outcome === 'object' || outcome === 'changed' || outcome === 'gone'
}
