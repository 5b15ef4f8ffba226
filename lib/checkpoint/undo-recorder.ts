/** Keeps, batch by batch, what undoing a run will need. */
import { digestsOf } from '../engine/digests.ts'
import { replacing } from '../engine/replace-batch.ts'
import type { MayReplace, Replacing } from '../engine/replace-batch.ts'
import { withRetry } from '../engine/retry.ts'
import type { RetryOptions } from '../engine/retry.ts'
import type { Outgoing } from '../engine/outgoing.ts'
import type { WriteBatchOptions } from '../engine/batch-job.ts'
import { isConflict } from '../engine/write-failure.ts'
import { DocferryError } from '../errors.ts'
import { BufferPool } from '../kernel/buffer-pool.ts'
import { isSavedAtEnd } from '../report.ts'
import type { OnConflict, Target, UndoMode, WriteOutcome } from '../types.ts'
import { markOf, markOfDigests } from '../values/index.ts'
import type { Mark } from '../values/index.ts'
import { createdBytes, createdLines, createdRoom, entryLine, notMadeLines } from './undo-entry.ts'
import type { PackedMade } from './undo-entry.ts'
import type { UndoJournal } from './undo-journal.ts'

/**
 * What a run into this target can keep.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG where `all` is wanted and can't be had
 */
export function undoModeFor(target: Target, wanted: UndoMode = 'created'): UndoMode {
  const isWhole = isSavedAtEnd(target.location)
  if (!isWhole && target.look && target.change) return wanted
  if (wanted !== 'all') return 'none'
  const { provider } = target.location
  const why = isWhole ? 'is made as a whole: keep a copy of the old one instead' : "can't look documents up to put them back"
  throw new DocferryError('DOCFERRY_CONFIG', `--undoable is for a database as the target, and ${provider} ${why}`, { provider })
}

export interface UndoRecorderOptions extends RetryOptions {
  readonly target: Target
  readonly journal: UndoJournal
  readonly mode: Exclude<UndoMode, 'none'>
  readonly onConflict: OnConflict
  readonly mayReplace?: MayReplace | undefined
}

type Write = (how: Pick<WriteBatchOptions, 'onOwn' | 'send' | 'sendsBy'>) => Promise<readonly WriteOutcome[]>

export class UndoRecorder {
  readonly #options: UndoRecorderOptions
  /** Collections of the target that held nothing when the run began: whatever the run writes there is new. */
  readonly #empty = new Set<string>()
  /** For the entries of the batches that are usually on their way. */
  readonly #places = new BufferPool(4)

  constructor(options: UndoRecorderOptions) {
    this.#options = options
  }

  /** Nothing of it was written yet, in this or another process of the run. */
  startsEmpty(collection: string): void {
    this.#empty.add(collection)
  }

  /**
   * Have a batch written, and its entries in the journal: wherever they can be known before it is written, they are there before, so that a
   * process that dies in between leaves nothing that can't be undone.
   *
   * @param fresh whether the collection is the run's own as far as anybody can know: see `WriteOptions.fresh`
   */
  async record(collection: string, batch: readonly Outgoing[], write: Write, fresh = false): Promise<readonly WriteOutcome[]> {
    const { target, mode, onConflict, mayReplace } = this.#options
    // Design documents are no data: a database that holds nothing else is empty, and may hold these.
    if (!mayReplace && this.#empty.has(collection) && !batch.some(({ encoded }) => encoded.id.startsWith('_design/'))) {
      await this.#keepCreated(collection, batch)
      if (mode === 'all' && onConflict === 'overwrite') return await write(this.#replacingUnlooked(collection, fresh))
      const notSent = new Set<number>()
      const outcomes = await write({ onOwn: (index, wasSent) => void (wasSent || notSent.add(index)) })
      // What another process of this run has sent stands in the journal already.
      await this.#keepNotMade(
        collection,
        batch.filter((_, index) => isConflict(outcomes[index]!) || notSent.has(index))
      )
      return outcomes
    }
    if (onConflict === 'overwrite') {
      if (mode !== 'all') return await write({})
      return await write({ send: replacing(target, collection, { ...this.#options, keep: this.#keepReplaced }) })
    }
    const kept = mode === 'all' ? await this.#keepMissing(collection, batch) : new Set<Outgoing>()
    // A document that the target holds as it was to be written may have been there before the run.
    const doubtful = new Set<number>()
    const notSent = new Set<number>()
    const onOwn = (index: number, wasSent: boolean): void => {
      doubtful.add(index)
      if (!wasSent) notSent.add(index)
    }
    const outcomes = await write({ onOwn })
    await this.#keepNotMade(
      collection,
      batch.filter((outgoing, index) => kept.has(outgoing) && (isConflict(outcomes[index]!) || notSent.has(index)))
    )
    const made = batch.filter((outgoing, index) => outcomes[index] === 'written' && !doubtful.has(index) && !kept.has(outgoing))
    await this.#keepCreated(collection, made)
    return outcomes
  }

  /** What the target holds all the same is somebody else's, or of an earlier process of the run, which has an entry of its own. */
  #replacingUnlooked(collection: string, fresh: boolean): Pick<WriteBatchOptions, 'send' | 'sendsBy'> {
    const cancelled = new Set<Outgoing>()
    const notMade = async (documents: readonly Outgoing[]): Promise<void> => {
      const news = documents.filter(outgoing => !cancelled.has(outgoing))
      for (const outgoing of news) cancelled.add(outgoing)
      await this.#keepNotMade(collection, news)
    }
    const keep = async (_: string, todo: readonly Replacing[]): Promise<void> => {
      await notMade(todo.flatMap(({ outgoing, seen }) => (seen ? [outgoing] : [])))
      await this.#keepReplaced(collection, todo)
    }
    const send = replacing(this.#options.target, collection, { ...this.#options, keep, unlooked: { fresh, notMade } })
    return { send, sendsBy: { onConflict: 'fail', fresh } }
  }

  async #keepCreated(collection: string, made: readonly Outgoing[]): Promise<void> {
    if (made.length === 0) return
    if (made.every(isPacked)) return await this.#keepPacked(collection, made)
    this.#options.target.digestAll?.(made.map(({ encoded }) => encoded))
    const ids = made.map(({ encoded }) => encoded.id)
    const after = made.map(outgoing => this.#after(collection, outgoing))
    await this.#options.journal.append(createdLines(collection, ids, after))
  }

  /** Somebody else writes there too. */
  async #keepNotMade(collection: string, held: readonly Outgoing[]): Promise<void> {
    if (held.length === 0) return
    const ids = held.map(({ encoded }) => encoded.id)
    await this.#options.journal.append(notMadeLines(collection, ids))
  }

  async #keepPacked(collection: string, made: readonly PackedMade[]): Promise<void> {
    const { kinds } = this.#told
    const place = this.#places.take(createdRoom(collection, made, kinds))
    await this.#options.journal.append(createdBytes(collection, made, kinds, place))
    this.#places.give(place)
  }

  async #keepMissing(collection: string, batch: readonly Outgoing[]): Promise<Set<Outgoing>> {
    const { target, signal } = this.#options
    const ids = batch.map(({ encoded }) => encoded.id)
    const found = await withRetry(() => target.get(collection, ids, { idsOnly: true, signal }), this.#options)
    const held = new Set(found?.map(({ _id }) => _id) ?? ids)
    const missing = batch.filter(({ encoded }) => !held.has(encoded.id))
    await this.#keepCreated(collection, missing)
    return new Set(missing)
  }

  readonly #keepReplaced = async (collection: string, todo: readonly Replacing[]): Promise<void> => {
    let lines = ''
    for (const { outgoing, seen } of todo) {
      const after = this.#after(collection, outgoing)
      const before = seen && { document: seen.document, mark: markOf(seen.document, this.#told) }
      lines += this.#line(collection, outgoing.encoded.id, after, before)
    }
    await this.#options.journal.append(lines, { durable: true })
  }

  #line(...[collection, id, after, before]: Parameters<typeof entryLine>): string {
    try {
      return entryLine(collection, id, after, before)
    } catch (error) {
      if (!(error instanceof DocferryError)) throw error
      const message = `the document that would be replaced can't be kept, so that undoing could not put it back: ${error.message}`
      throw new DocferryError('DOCFERRY_STATE', message, { collection, id, cause: error })
    }
  }

  /** Of what the target will give back. */
  #after(collection: string, outgoing: Outgoing): Mark {
    return markOfDigests(digestsOf(this.#options.target, collection, outgoing), this.#told)
  }

  get #told(): { readonly kinds: boolean } {
    return { kinds: this.#options.target.keepsKinds ?? false }
  }
}

function isPacked(outgoing: Outgoing): outgoing is Outgoing & PackedMade {
  return outgoing.packed !== undefined && outgoing.packed.kinds === undefined && outgoing.at !== undefined
}
