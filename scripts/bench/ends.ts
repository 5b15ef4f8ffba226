/** Ends that cost next to nothing, so that a run measures the other end. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Endpoint } from '../../lib/open.ts'
import { migrate } from '../../lib/run.ts'
import type { Packed } from '../../lib/packed.ts'
import type { Connector, Document, Page, Source, Target } from '../../lib/types.ts'

const blank: Connector = {
  name: 'memory',
  configure: () => {
    throw new Error('not configured by text')
  },
  openSource: () => Promise.reject(new Error('no source')),
  openTarget: () => Promise.reject(new Error('no target'))
}

/** An array as a source of one collection. */
export function arraySource(collection: string, documents: readonly Document[], { pageSize = 1_000 } = {}): Endpoint {
  const source: Source = {
    location: { provider: 'memory', address: 'array', identity: 'array' },
    uniqueIds: true,
    collections: () => Promise.resolve([{ name: collection, documents: documents.length }]),
    partitions: () => Promise.resolve([{ id: collection, collections: [collection] }]),
    // eslint-disable-next-line @typescript-eslint/require-await
    async *read(): AsyncGenerator<Page> {
      for (let at = 0; at < documents.length; at += pageSize) {
        yield { collection, documents: documents.slice(at, at + pageSize), cursor: String(at), bytes: 0 }
      }
    },
    close: () => Promise.resolve()
  }
  return { connector: { ...blank, openSource: () => Promise.resolve(source) }, options: {} }
}

/** A target that takes everything and keeps nothing. @param takesLines also documents that travel packed */
export function nullTarget({ takesLines = false } = {}): Endpoint {
  const target: Target = {
    location: { provider: 'memory', address: 'nowhere', identity: 'nowhere' },
    limits: { batchCount: 500, batchBytes: 1e9, inFlight: 4 },
    checkCollection: () => undefined,
    prepare: () => Promise.resolve({ created: true, empty: true }),
    encode: (_, document) => ({ id: document._id, bytes: 1, payload: document }),
    write: (_, documents) => Promise.resolve(documents.map(() => 'written')),
    ...(takesLines && {
      writePacked(_: string, { release }: Packed) {
        release?.()
        return Promise.resolve()
      }
    }),
    get: () => Promise.resolve([]),
    commit: () => Promise.resolve(),
    close: () => Promise.resolve()
  }
  return { connector: { ...blank, openTarget: () => Promise.resolve(target) }, options: {} }
}

/** Move one collection. @returns how many documents were written */
export async function move(source: Endpoint, target: Endpoint, collection: string): Promise<number> {
  const stateDir = await mkdtemp(join(tmpdir(), 'docferry-bench-runs-'))
  try {
    const report = await migrate({ source, target, collections: [collection], stateDir })
    return report.collections[0]?.written ?? 0
  } finally {
    await rm(stateDir, { recursive: true, force: true })
  }
}
