/** Reads one end in parallel partitions, each document through the stages, as a run does, and hands it on. */
import { setImmediate } from 'node:timers/promises'
import { applyStages } from '../engine/apply-stages.ts'
import type { FailedDocument } from '../engine/apply-stages.ts'
import { leavingFor, tellLeftOut } from '../engine/packing.ts'
import { RateLimit } from '../engine/rate-limit.ts'
import { ReadPace } from '../engine/read-pace.ts'
import { sleep } from '../engine/retry.ts'
import type { RetryOptions } from '../engine/retry.ts'
import { runParallel } from '../engine/run-parallel.ts'
import { watchReader } from '../engine/watch-reader.ts'
import { DocferryError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { isSavedAtEnd } from '../report.ts'
import type { Document, Page, Partition, ReadOptions, RejectDetails, Source, Stage, StageContext } from '../types.ts'
import type { DocumentDigests } from '../values/index.ts'

/** An end to read, and what of it. */
export interface ReadingEnd {
  readonly source: Source
  /** Applied to each document. */
  readonly stages: readonly Stage[]
  /** Name here to name in the target; in the order in which they are read. */
  readonly names: ReadonlyMap<string, string>
}

/** Told by names in the target. */
export interface Visitor {
  /** `digests` are `documentDigests` of it, where the reader has made them and it came through the stages as it was. */
  readonly document: (collection: string, document: Document, digests?: DocumentDigests) => void
  readonly reject: (collection: string, details: RejectDetails) => void
  /** Nothing more of it will come. */
  readonly end?: (collection: string) => void
  /** Called behind each page; what it waits for, reading waits for. */
  readonly pause?: () => Promise<void>
}

export interface ReadingOptions {
  /** Partitions at once. */
  readonly parallel: number
  /** Most documents a second. */
  readonly maxRate?: number | undefined
  /** Most read units a second, of a source that counts them. */
  readonly maxReadUnits?: number | undefined
  /** Whether attachments are read for their digests: then a page may take any time. */
  readonly attachments?: boolean
  readonly signal: AbortSignal
  readonly retry?: Pick<RetryOptions, 'attempts' | 'baseMs' | 'capMs'> | undefined
  readonly onRetry?: NonNullable<ReadOptions['onRetry']>
  /** Takes the error of a partition that is not whole, or not what it says at its end; what came before has been handed on. Default: it is thrown. */
  readonly onDamage?: (error: DocferryError) => void
}

/** How long a reader of a database may give no sign before it is left, and another one goes on. */
const stallMs = 150_000

const mostPerPage = 500

/**
 * @throws {DocferryError} what the reader throws; DOCFERRY_STAGE
 * @throws the signal's reason, soon after it aborts
 */
export async function readEnd({ source, stages, names }: ReadingEnd, visitor: Visitor, options: ReadingOptions): Promise<void> {
  const { parallel, maxRate, maxReadUnits, signal, retry, onRetry } = options
  if (names.size === 0) return
  const partitions = inOrder(await source.partitions([...names.keys()], { wanted: parallel, signal }), [...names.keys()])
  const open = new Map([...names.keys()].map(name => [name, partitions.filter(({ collections }) => collections.includes(name)).length]))
  const leave = (name: string): void => {
    const left = (open.get(name) ?? 0) - 1
    open.set(name, left)
    if (left <= 0) visitor.end?.(names.get(name)!)
  }
  for (const [name, count] of open) if (count === 0) leave(name)

  const limit = maxRate === undefined ? undefined : new RateLimit(maxRate)
  const pace =
    maxReadUnits === undefined || !source.usage ? undefined : new ReadPace(maxReadUnits, () => source.usage?.() ?? { requests: 0 })
  const requestUnits = pace && Math.max(1, Math.floor(maxReadUnits! / parallel))
  const pageSize = maxRate === undefined ? mostPerPage : Math.max(1, Math.min(mostPerPage, Math.floor(maxRate / parallel)))
  const digestsHold = stages.every(({ changesInPlace = true }) => !changesInPlace)
  const leaving = leavingFor(stages, { digests: true, keepsFailed: false })
  const reading = { pageSize, signal, retry, onRetry, requestUnits, leaving }

  /** What a stage dead-letters has not come to the target. */
  const unfit =
    (name: string) =>
    ({ document: { _id: id }, error: { code, message } }: FailedDocument): void =>
      visitor.reject(name, { code, message, where: id, id })

  const visit = (page: Page, name: string): void | Promise<void> => {
    const { documents, rejects = [] } = page
    const digests = digestsHold ? page.digests : undefined
    const context: StageContext = { collection: page.collection, signal, ...(page.source !== undefined && { source: page.source }) }
    const begin = (index: number): void => {
      const left = page.leftOut?.[index]
      if (left && leaving) tellLeftOut(stages, page.collection, leaving, left)
    }
    let at = 0
    const onward = (document: Document): void => visitor.document(name, document, document === documents[at] ? digests?.[at] : undefined)
    for (const details of rejects) visitor.reject(name, details)
    for (let index = 0; index < documents.length; index++) {
      at = index
      begin(index)
      const pending = applyStages(stages, documents[index]!, context, onward, { onFailed: unfit(name) })
      if (pending) return pending.then(() => visitRest(documents, index + 1, begin, context, onward, name))
    }
  }
  const visitRest = async (
    documents: readonly Document[],
    from: number,
    begin: (index: number) => void,
    context: StageContext,
    onward: (document: Document) => void,
    name: string
  ): Promise<void> => {
    for (let index = from; index < documents.length; index++) {
      begin(index)
      await applyStages(stages, documents[index]!, context, onward, { onFailed: unfit(name) })
    }
  }

  const readPartition = async (partition: Partition): Promise<void> => {
    const pages =
      isSavedAtEnd(source.location) || options.attachments
        ? source.read(partition, reading)
        : watchReader(source, partition, { ...reading, stallMs })
    for await (const page of pages) {
      const name = names.get(page.collection)
      if (name !== undefined) await visit(page, name)
      await visitor.pause?.()
      const delayMs = Math.max(limit?.take(page.documents.length, performance.now()) ?? 0, pace?.waitMs() ?? 0)
      if (delayMs > 0) await sleep(delayMs, signal)
      // A store in memory gives its pages without ever letting go.
      else await setImmediate()
      signal.throwIfAborted()
    }
  }

  await runParallel(partitions, parallel, async partition => {
    try {
      await readPartition(partition)
    } catch (error) {
      if (!options.onDamage || !isDamage(error)) throw error
      options.onDamage(error)
    }
    for (const name of partition.collections) if (names.has(name)) leave(name)
  })
}

const damages: ReadonlySet<ErrorCode> = new Set(['DOCFERRY_FILE_CUT', 'DOCFERRY_FILE_MISSING', 'DOCFERRY_DECODE'])

/** Whether it tells of a file that is not whole, or not what it says. */
export function isDamage(error: unknown): error is DocferryError {
  return error instanceof DocferryError && damages.has(error.code)
}

/** By their first collection, so that collections come to their end one after the other. */
function inOrder(partitions: readonly Partition[], names: readonly string[]): readonly Partition[] {
  const rank = ({ collections }: Partition): number => Math.min(...collections.map(name => names.indexOf(name)).filter(index => index >= 0))
  return [...partitions].sort((a, b) => rank(a) - rank(b))
}
