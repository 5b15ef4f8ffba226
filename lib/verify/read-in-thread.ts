/** Reads a target in a thread of its own: on a machine with two cores, its digests then cost no time beside those of the source. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { DocferryError } from '../errors.ts'
import type { Endpoint } from '../open.ts'
import type { CollectionInfo, Logger, RejectDetails } from '../types.ts'
import { BucketSums } from '../values/bucket-sums.ts'
import type { ErrorMessage, FromThread, ThreadTask, ToThread } from './thread-messages.ts'

export interface ThreadVisitor {
  /** So many documents of a collection were read so far. */
  readonly count: (collection: string, documents: number) => void
  readonly reject: (collection: string, details: RejectDetails) => void
  readonly end: (collection: string, documents: number, sums: BucketSums) => void
  /** What it waits for, reading waits for. */
  readonly pause: () => Promise<void>
  readonly onRetry: (error: DocferryError, delayMs: number) => void
  readonly onDamage: (error: DocferryError) => void
}

/** To start a thread, and to load a connector in it, costs as much as to read some thousands of documents. */
const fewDocuments = 20_000
const fewBytes = 10 << 20

/** How long the thread may take to end once it was told to. */
const stopMs = 1_000

/** @param held what is to be read */
export function isWorthThread(held: readonly CollectionInfo[]): boolean {
  if (availableParallelism() < 2) return false
  const isSmall = ({ documents, bytes }: CollectionInfo): boolean =>
    documents === undefined ? bytes !== undefined && bytes < fewBytes : documents < fewDocuments
  return !held.every(isSmall) || held.reduce((sum, { documents = 0 }) => sum + documents, 0) >= fewDocuments
}

/** Whether a thread can be told of it: a connector of a user's own, a ready client or a store in memory belongs to the thread that made it. */
export function isPlain(endpoint: Endpoint): boolean {
  if (typeof endpoint === 'string') return true
  const isPlainValue = (value: unknown): boolean =>
    ['string', 'number', 'boolean', 'undefined'].includes(typeof value) || (Array.isArray(value) && value.every(isPlainValue))
  return typeof endpoint.connector === 'string' && Object.values(endpoint.options).every(isPlainValue)
}

/** @throws {DocferryError} as `readEnd` */
export async function readInThread(
  task: ThreadTask,
  visitor: ThreadVisitor,
  { signal, logger }: { readonly signal: AbortSignal; readonly logger: Logger }
): Promise<void> {
  signal.throwIfAborted()
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  // Pages are short-lived: a large young generation only costs memory.
  const resourceLimits = { maxYoungGenerationSizeMb: 16 }
  // Of the flags of a process some, such as --input-type, are none for a thread.
  const options = { workerData: task, resourceLimits, execArgv: [] }
  const worker = new Worker(new URL(`./target-thread.${extension}`, import.meta.url), options)
  const tell = (message: ToThread): void => worker.postMessage(message, [])
  let timer: NodeJS.Timeout | undefined
  const onAbort = (): void => {
    tell('stop')
    timer = setTimeout(() => void worker.terminate(), stopMs)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await new Promise<void>((resolve, reject) => {
      const take = async (message: FromThread): Promise<void> => {
        switch (message.kind) {
          case 'count':
            return visitor.count(message.collection, message.documents)
          case 'end':
            return visitor.end(message.collection, message.documents, BucketSums.from(message.sums))
          case 'rejects':
            for (const { collection, details } of message.rejects) visitor.reject(collection, details)
            await visitor.pause()
            return tell('go on')
          case 'retry':
            return visitor.onRetry(errorFrom(message.error), message.delayMs)
          case 'damage':
            return visitor.onDamage(errorFrom(message.error))
          case 'log':
            return logger[message.level](message.context, message.message)
          case 'done':
            return resolve()
          default:
            throw message.error ? errorFrom(message.error) : new Error(message.message)
        }
      }
      worker.on('message', (message: FromThread) => void take(message).catch(reject))
      worker.on('error', reject)
      worker.on('exit', () => reject(signal.aborted ? (signal.reason as Error) : new Error('the thread that reads the target has ended')))
    })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    await worker.terminate()
  }
}

function errorFrom({ code, message, ...context }: ErrorMessage): DocferryError {
  return new DocferryError(code, message, context)
}
