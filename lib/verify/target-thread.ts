/** The thread that reads a target into sums by buckets, while the main one reads the source. Loaded as a worker, by `read-in-thread.ts`. */
import { setMaxListeners } from 'node:events'
import { parentPort, workerData } from 'node:worker_threads'
import { closeEnd } from '../engine/close-end.ts'
import { digestsOf } from '../engine/held.ts'
import { describeError, DocferryError } from '../errors.ts'
import { openSource } from '../open.ts'
import { builtInStages } from '../stages/index.ts'
import type { Logger, RejectDetails } from '../types.ts'
import { BucketSums } from '../values/bucket-sums.ts'
import { isOfDocument } from './first-look.ts'
import { isInSample } from './id-hash.ts'
import { readEnd } from './read-end.ts'
import type { Visitor } from './read-end.ts'
import { errorMessage } from './thread-messages.ts'
import type { FromThread, ThreadTask, ToThread } from './thread-messages.ts'

const port = parentPort!
const task = workerData as ThreadTask
const stop = new AbortController()
setMaxListeners(0, stop.signal)
let goOn: (() => void) | undefined

port.on('message', (message: ToThread) => {
  if (message === 'stop') stop.abort(new DocferryError('DOCFERRY_INTERRUPTED', 'interrupted'))
  goOn?.()
})

const say = (message: FromThread): void => port.postMessage(message)
const log = (level: keyof Logger) => (context: object, message: string) => say({ kind: 'log', level, context: plain(context), message })
const logger: Logger = { debug: () => undefined, info: log('info'), warn: log('warn'), error: log('error') }

/** A context may hold an error. */
function plain(context: object): object {
  return Object.fromEntries(Object.entries(context).map(([name, value]) => [name, value instanceof Error ? describeError(value) : value]))
}

/** Counts, sums and rejects of what is read. */
function makeVisitor({ keepsKinds, quick, sample, collections }: ThreadTask): Visitor {
  const found = new Map(collections.map(name => [name, { documents: 0, told: 0, sums: new BucketSums() }]))
  let rejects: { collection: string; details: RejectDetails }[] = []
  return {
    document(collection, document, digests) {
      const { _id: id } = document
      const its = found.get(collection)!
      its.documents++
      if (quick || (sample !== undefined && !isInSample(id, sample))) return
      try {
        its.sums.add(id, digestsOf({ keepsKinds }, document, digests))
      } catch (error) {
        if (!(error instanceof DocferryError) || !isOfDocument(error)) throw error
        rejects.push({ collection, details: { code: error.code, message: error.message, where: '', id } })
      }
    },
    reject(collection, { raw: _raw, rawBase64: _bytes, ...details }) {
      rejects.push({ collection, details })
    },
    end(collection) {
      const { documents, sums } = found.get(collection)!
      found.delete(collection)
      say({ kind: 'end', collection, documents, sums: sums.bytes() })
    },
    async pause() {
      for (const [collection, its] of found) {
        if (its.documents === its.told) continue
        its.told = its.documents
        say({ kind: 'count', collection, documents: its.documents })
      }
      if (rejects.length === 0) return
      say({ kind: 'rejects', rejects })
      rejects = []
      await new Promise<void>(resolve => (goOn = resolve))
    }
  }
}

async function read(): Promise<void> {
  const { endpoint, environment, attachments, collections, parallel, maxRate, maxReadUnits, retry, subcollections } = task
  const source = await openSource(endpoint, {
    environment,
    signal: stop.signal,
    logger,
    retry,
    subcollections,
    ...(attachments && { attachments: 'checked' })
  })
  try {
    const end = { source, stages: builtInStages(task), names: new Map(collections.map(name => [name, name])) }
    await readEnd(end, makeVisitor(task), {
      parallel,
      maxRate,
      maxReadUnits,
      attachments,
      retry,
      signal: stop.signal,
      onRetry: (error, delayMs) => say({ kind: 'retry', error: errorMessage(error), delayMs }),
      onDamage: error => say({ kind: 'damage', error: errorMessage(error) })
    })
  } finally {
    await closeEnd(source, logger)
  }
}

read().then(
  () => say({ kind: 'done' }),
  (error: unknown) => {
    const known = error instanceof DocferryError ? { error: errorMessage(error) } : {}
    say({ kind: 'failed', ...known, message: describeError(error) })
  }
)
