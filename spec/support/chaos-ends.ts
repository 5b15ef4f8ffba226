/** What kill tests move, from where to where, and the comparison of the two. */
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { createMemoryStore } from '../../lib/connectors/memory/store.ts'
import { openSource } from '../../lib/open.ts'
import { migrate } from '../../lib/run.ts'
import { documentDigest } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'
import { subjects } from '../conformance/subjects.ts'
import type { NamedEnd } from './chaos-child.ts'
import { generate, simpleDocuments } from './generator.ts'

/** A database, or a file by its name (a folder, with a slash at its end). */
type PlaceName = 'couchdb' | 'firestore' | 'dynamodb' | `file:${string}`

export interface Pair {
  readonly source: PlaceName
  readonly target: PlaceName
  /** An id that the source holds and the target refuses. */
  readonly refusedId?: (index: number) => string
}

export const pairs: readonly Pair[] = [
  { source: 'file:in.ndjson', target: 'dynamodb', refusedId: index => `${'long'.repeat(600)}${index}` },
  { source: 'couchdb', target: 'firestore', refusedId: index => `doc-0000${index}/` },
  { source: 'dynamodb', target: 'file:out.ndjson.gz' },
  { source: 'firestore', target: 'couchdb', refusedId: index => `_doc${index}` },
  { source: 'dynamodb', target: 'couchdb' },
  { source: 'file:in.json.gz', target: 'firestore' },
  { source: 'couchdb', target: 'file:out.json' },
  { source: 'firestore', target: 'file:out/' }
]

export function nameOf({ source, target }: Pair): string {
  return `${source} -> ${target}`.replaceAll('file:', '')
}

export interface Place {
  readonly end: NamedEnd
  remove(collections: readonly string[]): Promise<void>
}

export async function makePlace(name: PlaceName, folder: string): Promise<Place> {
  if (name.startsWith('file:')) {
    const own = await mkdtemp(join(folder, 'file-'))
    return { end: { connector: 'file', options: { path: join(own, name.slice(5)) } }, remove: async () => rmSync(own, { recursive: true }) }
  }
  const subject = await subjects[name as 'couchdb' | 'firestore' | 'dynamodb']()
  return { end: (await subject.endpoint()) as NamedEnd, remove: collections => subject.remove(collections) }
}

export type Collections = Readonly<Record<string, readonly Document[]>>

/** Two collections, so that a file has to change from one to the other; one document in fifty is refused, where the pair has such an id. */
export function makeCollections(
  { refusedId }: Pair,
  { documents, seed }: { readonly documents: number; readonly seed: number }
): Collections {
  const refused = (document: Document, index: number): Document =>
    refusedId && index % 50 === 7 ? { ...document, _id: refusedId(index), refused: true } : document
  return {
    agents: [...simpleDocuments({ count: documents, seed, bytes: 400 })].map(refused),
    users: [...generate({ collection: 'users', count: Math.ceil(documents / 3), seed })].map(refused)
  }
}

export async function fill(place: Place, collections: Collections, folder: string): Promise<void> {
  const store = createMemoryStore()
  for (const [name, documents] of Object.entries(collections))
    store.collections.set(name, new Map(documents.map(document => [document._id, document])))
  const stateDir = join(folder, 'filling')
  const { state } = await migrate({ source: { connector: 'memory', options: { store } }, target: place.end, stateDir })
  if (state !== 'done') throw new Error(`the source could not be filled: ${state}`)
}

/** Compare what the target holds with what was to be written. */
export async function compare(
  place: Place,
  collections: Collections,
  rename: Readonly<Record<string, string>>,
  pair: Pair
): Promise<{ lost: number; doubled: number; changed: number }> {
  const found = { lost: 0, doubled: 0, changed: 0 }
  const source = await openSource(place.end)
  try {
    for (const [name, documents] of Object.entries(collections)) {
      const left = new Map(
        documents.flatMap(document => (pair.refusedId && document['refused'] === true ? [] : [[document._id, digestOf(document)] as const]))
      )
      for (const partition of await source.partitions([rename[name]!], { wanted: 1 })) {
        for await (const page of source.read(partition, {})) {
          for (const document of page.documents) {
            const expected = left.get(document._id)
            if (expected === undefined) found.doubled++
            else if (expected !== digestOf(document)) found.changed++
            left.delete(document._id)
          }
        }
      }
      found.lost += left.size
    }
    return found
  } finally {
    await source.close()
  }
}

function digestOf({ _rev, ...document }: Document): string {
  void _rev
  return Buffer.from(documentDigest(document)).toString('hex')
}
