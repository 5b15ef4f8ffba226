/** Removes what only the target holds, where that is so still, and keeps it first. */
import { join } from 'node:path'
import { RunFolder } from '../checkpoint/run-folder.ts'
import { applyStages } from '../engine/apply-stages.ts'
import { closeEnd } from '../engine/close-end.ts'
import { RateLimit } from '../engine/rate-limit.ts'
import { sleep, withRetry } from '../engine/retry.ts'
import type { RetryOptions } from '../engine/retry.ts'
import { undoBatch } from '../engine/undo-batch.ts'
import { DocferryError } from '../errors.ts'
import { openTarget, silentLogger } from '../open.ts'
import type { Endpoint } from '../open.ts'
import type { Document, Stage, Target } from '../types.ts'
import { markOf, stringifyJson } from '../values/index.ts'
import { providerOf } from './options.ts'
import type { RepairOptions } from './options.ts'
import { RemovedFile, removedName } from './removed-file.ts'
import type { RemovedCounts, RepairCollection, RepairReport } from './report.ts'

export interface Removal {
  readonly source: Endpoint
  readonly target: Endpoint
  /** See `EncodeRules.subcollections`. */
  readonly subcollections: boolean
  /** What documents of the source go through. */
  readonly stages: readonly Stage[]
  /** Run whose folder keeps what is removed. */
  readonly runId: string
  readonly ids: AsyncIterable<{ readonly collection: string; readonly id: string }>
}

const unitBytes = 1024

/** @throws {DocferryError} DOCFERRY_CONFIG where single documents can't be removed; DOCFERRY_STATE where they can't be kept; as `Target.change` */
export async function removeExtras(
  { source, target, subcollections, ...removal }: Removal,
  report: RepairReport,
  options: RepairOptions
): Promise<void> {
  const { stateDir = '.docferry', environment, signal, logger = silentLogger, retry } = options
  // Names and ids as they are, and as an escaping run has written them.
  const rules = { types: 'natural', escapeNames: true, subcollections } as const
  const opening = { environment, signal, logger, retry, rules }
  const folder = await RunFolder.open(stateDir, removal.runId)
  try {
    const place = await openTarget(target, opening)
    try {
      checkCanRemove(place)
      // A file does not change while it is read, and can't be asked.
      const origin = providerOf(source) === 'file' ? undefined : await openTarget(source, { ...opening, readOnly: true })
      try {
        await new Removing({ ...removal, place, origin, folder: folder.path }, report, options).execute()
      } finally {
        if (origin) await closeEnd(origin, logger)
      }
    } finally {
      await closeEnd(place, logger)
    }
  } finally {
    await folder.close()
  }
}

export function checkCanRemove({ look, change, location: { provider } }: Pick<Target, 'look' | 'change' | 'location'>): void {
  if (look && change) return
  throw new DocferryError('DOCFERRY_CONFIG', `--delete-extra: the connector for ${provider} can't remove single documents`)
}

interface Parts extends Omit<Removal, 'source' | 'target' | 'subcollections' | 'runId'> {
  readonly place: Target
  /** The source, where it can be asked for single documents. */
  readonly origin: Target | undefined
  /** Path of the run's. */
  readonly folder: string
}

class Removing {
  readonly #parts: Parts
  readonly #report: RepairReport
  readonly #options: RepairOptions
  readonly #collections: ReadonlyMap<string, RepairCollection>
  readonly #perSecond: RateLimit | undefined
  readonly #unitsPerSecond: RateLimit | undefined
  #file: RemovedFile | undefined

  constructor(parts: Parts, report: RepairReport, options: RepairOptions) {
    const { maxRate, maxWriteUnits } = options
    this.#parts = parts
    this.#report = report
    this.#options = options
    this.#collections = new Map(report.collections.map(each => [each.target, each]))
    if (maxRate !== undefined) this.#perSecond = new RateLimit(maxRate)
    if (maxWriteUnits !== undefined) this.#unitsPerSecond = new RateLimit(maxWriteUnits)
  }

  async execute(): Promise<void> {
    const { place, origin, ids } = this.#parts
    for (const { source, target, remove } of this.#collections.values()) {
      if (remove === 0) continue
      await this.#makeReady(place, target)
      if (origin) await this.#makeReady(origin, source)
    }
    const size = Math.min(place.limits.batchCount, origin?.limits.batchCount ?? Infinity)
    let [collection, batch]: [string, string[]] = ['', []]
    try {
      for await (const each of ids) {
        if (each.collection !== collection || batch.length >= size) {
          await this.#remove(collection, batch)
          ;[collection, batch] = [each.collection, []]
        }
        batch.push(each.id)
      }
      await this.#remove(collection, batch)
    } finally {
      await this.#file?.close()
      // A snapshot is saved now; what is kept stays kept if that fails.
      if (this.#file) await place.commit({})
    }
  }

  /** Make an end know what it has to know of a collection before its documents can be named. */
  async #makeReady(end: Target, collection: string): Promise<void> {
    await withRetry(() => end.prepare(collection, { create: false, signal: this.#options.signal }), this.#retry)
  }

  async #remove(collection: string, ids: readonly string[]): Promise<void> {
    const { place } = this.#parts
    const { signal } = this.#options
    const todo = this.#collections.get(collection)
    if (!todo || ids.length === 0) return
    signal?.throwIfAborted()
    const counts = (todo.removed ??= noneRemoved())
    const found = await this.#foundInSource(todo.source, ids)
    counts.changed += found.size
    const open = ids.filter(id => !found.has(id))
    if (open.length === 0) return
    const held = await withRetry(() => place.look!(collection, open, { signal }), this.#retry)
    counts.gone += open.length - held.length
    const documents = held.filter(({ besides }) => besides === undefined).map(({ document }) => document)
    counts.notKept += held.length - documents.length
    if (documents.length === 0) return
    await this.#pace(documents)
    this.#file ??= await this.#createFile()
    await this.#file.keep(collection, documents)
    this.#report.removed = this.#file.path
    const written = documents.map(document => ({ id: document._id, after: markOf(document, { kinds: true }) }))
    for (const outcome of await undoBatch(place, collection, written, this.#retry)) {
      if (outcome === 'removed') counts.removed++
      else if (outcome === 'already' || outcome === 'gone') counts.gone++
      else if (outcome === 'changed') counts.changed++
      else counts.failed++
    }
  }

  /** Which of the ids the source gives now, behind all stages. */
  async #foundInSource(collection: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
    const { origin, stages } = this.#parts
    const { signal } = this.#options
    const found = new Set<string>()
    if (!origin) return found
    const held = await withRetry(() => origin.get(collection, ids, { signal }), this.#retry)
    if (held === null)
      throw new DocferryError('DOCFERRY_READ', "the source can't be asked whether it holds what is to be removed: nothing was removed")
    for (const document of held) {
      // A stage may change the document.
      const id = document._id
      await applyStages(stages, document, { collection, signal }, ({ _id }) => void (_id === id && found.add(id)), {
        onFailed: () => undefined
      })
    }
    return found
  }

  async #createFile(): Promise<RemovedFile> {
    const names = [...this.#collections.values()].filter(({ remove }) => remove > 0).map(({ target }) => target)
    return await RemovedFile.create(join(this.#parts.folder, removedName), this.#parts.place.location, names)
  }

  async #pace(documents: readonly Document[]): Promise<void> {
    const now = performance.now()
    const units = (document: Document): number => Math.ceil(Buffer.byteLength(stringifyJson(document)) / unitBytes)
    const delayMs = Math.max(
      this.#perSecond?.take(documents.length, now) ?? 0,
      this.#unitsPerSecond?.take(
        documents.reduce((sum, document) => sum + units(document), 0),
        now
      ) ?? 0
    )
    if (delayMs > 0) await sleep(delayMs, this.#options.signal)
  }

  get #retry(): RetryOptions {
    const { retry, signal, logger = silentLogger } = this.#options
    return {
      ...retry,
      signal,
      onRetry: (error, delayMs) =>
        logger.info({ code: error.code, collection: error.context.collection, delayMs }, `trying again: ${error.message}`)
    }
  }
}

function noneRemoved(): RemovedCounts {
  return { removed: 0, changed: 0, gone: 0, notKept: 0, failed: 0 }
}
