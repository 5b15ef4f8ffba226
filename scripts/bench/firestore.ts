/** Writing to and reading from Firestore against bare loops of Google's own client, with the settings that are best for it. */
import { rm } from 'node:fs/promises'
import { Firestore } from '@google-cloud/firestore'
import { runParallel } from '../../lib/engine/run-parallel.ts'
import { slicesOf } from '../../lib/engine/slices.ts'
import type { Endpoint } from '../../lib/open.ts'
import type { Document } from '../../lib/types.ts'
import { arraySource, move, nullTarget } from './ends.ts'
import type { Contest } from './measure.ts'

export interface FirestoreServer {
  /** Of the emulator. */
  readonly host: string
  /** Everything in it is removed. */
  readonly project: string
}

const collection = 'bench_documents'

/** Of 500, BulkWriter and single writes, this is what takes the client the least, with the most documents a second. */
const writing = { batch: 100, inFlight: 16 }

/** Those of reading and writing, for the ends that are files too. */
const goals = { read: { time: 1 / 0.95, cpu: 0.7 }, write: { time: 1 / 0.95, cpu: 0.3 } } as const

/** @param path of an output to be written, by its name */
export function firestoreContests(
  { host, project }: FirestoreServer,
  documents: readonly Document[],
  path: (name: string) => string
): Contest[] {
  const end: Endpoint = { connector: 'firestore', options: { project, emulator: host } }
  const client = new Firestore({
    projectId: project,
    host,
    ssl: false,
    ignoreUndefinedProperties: true,
    customHeaders: { Authorization: 'Bearer owner' }
  })
  const target = client.collection(collection)
  const ours = (): Promise<number> => move(arraySource(collection, documents), end, collection)
  let isWhole = false
  const empty = async (): Promise<void> => {
    isWhole = false
    await fetch(`http://${host}/emulator/v1/projects/${project}/databases/(default)/documents`, { method: 'DELETE' })
  }
  const fill = async (): Promise<void> => {
    if (isWhole) return
    await empty()
    await ours()
    isWhole = true
  }
  const file: Endpoint = { connector: 'file', options: { path: path('firestore.ndjson'), force: true, collection } }
  const writeAll = async (): Promise<number> => {
    const batches = [...slicesOf(documents, () => 0, { most: writing.batch, mostBytes: Infinity })]
    await runParallel(batches, writing.inFlight, async batch => {
      const writes = client.batch()
      for (const document of batch) writes.set(target.doc(document._id), document)
      await writes.commit()
    })
    return documents.length
  }
  const readAll = async (): Promise<number> => {
    let count = 0
    for await (const snapshot of target.orderBy('__name__').stream() as AsyncIterable<{ data(): object }>) if (snapshot.data()) count++
    return count
  }
  return [
    {
      name: 'Firestore write',
      bareName: `batch() of ${writing.batch}, ${writing.inFlight} in flight`,
      documents: documents.length,
      prepare: empty,
      bare: writeAll,
      ours
    },
    {
      name: 'Firestore read',
      bareName: 'query.stream()',
      documents: documents.length,
      prepare: fill,
      bare: readAll,
      ours: () => move(end, nullTarget(), collection)
    },
    {
      name: 'Firestore export to NDJSON',
      bareName: 'query.stream(), to nowhere',
      documents: documents.length,
      prepare: async () => {
        await fill()
        await rm(path('firestore.ndjson'), { force: true })
      },
      bare: readAll,
      ours: () => move(end, file, collection),
      goal: goals.read
    },
    {
      name: 'Firestore restore of NDJSON',
      bareName: `batch() of documents in memory, ${writing.batch} x ${writing.inFlight} in flight`,
      documents: documents.length,
      prepare: empty,
      bare: writeAll,
      ours: () => move(file, end, collection),
      goal: goals.write
    }
  ]
}
