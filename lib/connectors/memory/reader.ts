/** Reads a store of this process. */
import { DocferryError } from '../../errors.ts'
import type { Cursor, Document, OpenContext, Page, Partition, Source } from '../../types.ts'
import { addressOf, checkOptions } from './options.ts'
import type { MemoryOptions } from './options.ts'
import { identityOf, loadSnapshot } from './snapshot.ts'
import { createMemoryStore } from './store.ts'
import { copyDocument } from './values.ts'

/** A collection with fewer documents is not worth slicing. */
const minSlice = 1000

export async function openMemorySource(options: MemoryOptions, { signal }: OpenContext): Promise<Source> {
  checkOptions(options, 'source')
  const { store = createMemoryStore(), snapshot } = options
  if (snapshot !== undefined) await loadSnapshot(store, snapshot, { signal, unreadable: 'DOCFERRY_READ' })

  return {
    location: { provider: 'memory', address: addressOf(options), identity: await identityOf(store, snapshot) },
    uniqueIds: true,
    collections: () => Promise.resolve([...store.collections].map(([name, documents]) => ({ name, documents: documents.size }))),
    partitions(collections, { wanted }) {
      const names = collections ?? [...store.collections.keys()]
      return Promise.resolve(names.flatMap(name => slices(name, store.collections.get(name) ?? new Map<string, Document>(), wanted)))
    },
    async *read(partition, { after, signal: aborted, pageSize = 500 }) {
      const [name = ''] = partition.collections
      const documents = store.collections.get(name)
      if (!documents)
        throw new DocferryError('DOCFERRY_READ', `the store has no collection ${JSON.stringify(name)} any more`, { collection: name })
      const ids = idsOf(documents, partition, after)
      for (let from = 0; from < ids.length; from += pageSize) {
        aborted?.throwIfAborted()
        yield pageOf(name, documents, ids.slice(from, from + pageSize))
      }
      aborted?.throwIfAborted()
    },
    async close() {}
  }
}

/** Ranges of ids, of about the same number of documents. */
function slices(name: string, documents: ReadonlyMap<string, Document>, wanted: number): Partition[] {
  const count = Math.max(1, Math.min(Math.floor(wanted), Math.floor(documents.size / minSlice)))
  if (count === 1) return [{ id: name, collections: [name] }]
  const ids = [...documents.keys()].sort()
  const bounds = Array.from({ length: count - 1 }, (_, index) => ids[Math.floor((ids.length * (index + 1)) / count)] as string)
  return Array.from({ length: count }, (_, index) => ({
    id: `${name}/${index + 1}of${count}`,
    collections: [name],
    range: { from: index === 0 ? null : (bounds[index - 1] as string), to: index === count - 1 ? null : (bounds[index] as string) }
  }))
}

/** The ids of a partition behind a cursor, sorted, so that a cursor keeps its meaning when documents come or go. */
function idsOf(documents: ReadonlyMap<string, Document>, { range }: Partition, after: Cursor | undefined): string[] {
  const from = typeof range?.from === 'string' ? range.from : undefined
  const to = typeof range?.to === 'string' ? range.to : undefined
  const behind = after === undefined ? undefined : (JSON.parse(after) as string)
  const isIn = (id: string): boolean =>
    (from === undefined || id >= from) && (to === undefined || id < to) && (behind === undefined || id > behind)
  return [...documents.keys()].filter(isIn).sort()
}

function pageOf(collection: string, documents: ReadonlyMap<string, Document>, ids: readonly string[]): Page {
  const copies = ids.flatMap(id => documents.get(id) ?? []).map(copyDocument)
  const bytes = Math.ceil(copies.reduce((sum, copy) => sum + copy.bytes, 0))
  return { collection, documents: copies.map(copy => copy.document), cursor: JSON.stringify(ids[ids.length - 1]), bytes }
}
