/** A connector over arrays in the spec's own hands: it reads what it is given, keeps what is written, and fails where it is told to. */
import type { Endpoint } from '../../lib/open.ts'
import type {
  ChangeOutcome,
  Connector,
  Document,
  Encoded,
  Page,
  ProviderName,
  Refusal,
  RejectDetails,
  Source,
  Target,
  TargetLimits,
  Usage,
  WriteOutcome
} from '../../lib/types.ts'

export interface ScriptedSource {
  readonly collections: Readonly<Record<string, readonly Document[]>>
  readonly system?: readonly string[]
  readonly pageSize?: number
  readonly partitions?: number
  readonly uniqueIds?: boolean
  readonly rejects?: readonly RejectDetails[]
  /** As for standard input: what there is shows only while reading. */
  readonly unknown?: boolean
  readonly readsOnce?: boolean
  readonly identity?: string
  readonly usage?: () => Usage
  /** Called before each page; what it throws, the reader throws. */
  readonly beforePage?: (collection: string, page: number) => void | Promise<void>
}

export function scriptedSource(script: ScriptedSource): Endpoint {
  return { connector: { ...unusable, openSource: () => Promise.resolve(makeSource(script)) }, options: {} }
}

function makeSource(script: ScriptedSource): Source {
  const { collections, system = [], pageSize = 10, partitions = 1, uniqueIds = true, unknown = false, identity = 'source' } = script
  const names = Object.keys(collections)
  return {
    location: { provider: 'memory', address: 'scripted source', identity },
    uniqueIds,
    ...(script.readsOnce && { readsOnce: true }),
    ...(script.usage && { usage: script.usage }),
    collections: async () =>
      unknown ? null : names.map(name => ({ name, documents: collections[name]?.length, system: system.includes(name) })),
    async partitions(wanted) {
      if (unknown) return [{ id: 'all', collections: wanted ?? names }]
      return (wanted ?? names).flatMap(name =>
        Array.from({ length: partitions }, (_, part) => ({ id: `${name}/${part}`, collections: [name], range: { part } }))
      )
    },
    async *read(partition, { after, signal }): AsyncGenerator<Page> {
      for (const collection of unknown ? names.filter(name => partition.collections.includes(name)) : partition.collections) {
        const part = Number(partition.range?.['part'] ?? 0)
        const all = (collections[collection] ?? []).filter((_, index) => index % partitions === part || unknown)
        const first = after === undefined || unknown ? 0 : Number(after)
        for (let at = first, page = first / pageSize; at < Math.max(all.length, 1); at += pageSize, page++) {
          signal?.throwIfAborted()
          await script.beforePage?.(collection, page)
          const documents = all.slice(at, at + pageSize).map(document => ({ ...document }))
          yield {
            collection,
            documents,
            rejects: page === 0 ? script.rejects : undefined,
            cursor: String(at + pageSize),
            bytes: documents.length * 10
          }
        }
      }
    },
    close: async () => undefined
  }
}

export interface ScriptedTarget {
  readonly held?: Readonly<Record<string, readonly Document[]>>
  readonly limits?: Partial<TargetLimits>
  readonly identity?: string
  readonly provider?: ProviderName
  readonly keepsKinds?: boolean
  readonly refuse?: (document: Document) => Refusal | undefined
  readonly refuseCollection?: (name: string) => Refusal | undefined
  /** Called before each write with its number, from 1; what it throws, `write` throws; an outcome it gives for a document stands. */
  readonly beforeWrite?: (call: number, ids: readonly string[]) => void | Promise<void>
  /** Called once a write is made, whose answer is lost if this throws. */
  readonly afterWrite?: (call: number, ids: readonly string[]) => void
  /** What the target says when it is asked whether it writes; what it throws, `takesWrites` throws. Default: it can't be asked. */
  readonly takesWrites?: () => void | Promise<void>
  readonly beforeClose?: () => Promise<void>
  readonly outcome?: (id: string, call: number) => WriteOutcome | undefined
  /** Called before each change with its number, from 1; what it throws, `change` throws. */
  readonly beforeChange?: (call: number, ids: readonly string[]) => void | Promise<void>
  /** Called once a change is made, whose answer is lost if this throws. */
  readonly afterChange?: (call: number) => void | Promise<void>
}

/** What the spec sees of a target. */
export interface TargetRecord {
  readonly endpoint: Endpoint
  readonly collections: Map<string, Map<string, Document>>
  readonly writes: { readonly collection: string; readonly ids: readonly string[]; readonly fresh: boolean }[]
  readonly changes: { readonly collection: string; readonly ids: readonly string[] }[]
  committed: boolean
  closed: boolean
  prepared: string[]
}

export function scriptedTarget(script: ScriptedTarget = {}): TargetRecord {
  const collections = new Map(
    Object.entries(script.held ?? {}).map(([name, documents]) => [name, new Map(documents.map(document => [document._id, document]))])
  )
  const record: TargetRecord = {
    endpoint: { connector: { ...unusable, openTarget: () => Promise.resolve(makeTarget(script, record)) }, options: {} },
    collections,
    writes: [],
    changes: [],
    committed: false,
    closed: false,
    prepared: []
  }
  return record
}

function makeTarget(script: ScriptedTarget, record: TargetRecord): Target<Document> {
  const { limits, identity = 'target', provider = 'memory', refuse, refuseCollection, beforeWrite, outcome } = script
  const held = (name: string): Map<string, Document> => record.collections.get(name) ?? new Map<string, Document>()
  return {
    location: { provider, address: 'scripted target', identity },
    limits: { batchCount: 10, batchBytes: 1_000_000, inFlight: 3, ...limits },
    ...(script.keepsKinds !== undefined && { keepsKinds: script.keepsKinds }),
    checkCollection: name => refuseCollection?.(name),
    async prepare(name, { create }) {
      const created = !record.collections.has(name)
      if (create) {
        record.prepared.push(name)
        record.collections.set(name, held(name))
      }
      return { created, empty: held(name).size === 0 }
    },
    encode: (_, document): Encoded<Document> | Refusal => refuse?.(document) ?? { id: document._id, bytes: 10, payload: document },
    async write(name, documents, { onConflict, fresh }) {
      const ids = documents.map(({ id }) => id)
      const call = record.writes.push({ collection: name, ids, fresh })
      await beforeWrite?.(call, ids)
      const outcomes = documents.map(({ id, payload }): WriteOutcome => {
        const scripted = outcome?.(id, call)
        if (scripted) return scripted
        if (!fresh && onConflict !== 'overwrite' && held(name).has(id)) {
          return onConflict === 'skip' ? 'skipped' : { code: 'DOCFERRY_CONFLICT', message: 'there already', retryable: false }
        }
        held(name).set(id, payload)
        return 'written'
      })
      script.afterWrite?.(call, ids)
      return outcomes
    },
    ...(script.takesWrites && { takesWrites: async () => script.takesWrites!() }),
    get: async (name, ids) => ids.flatMap(id => held(name).get(id) ?? []),
    // Documents are replaced, never changed in their place: each is its own version.
    look: async (name, ids) => ids.flatMap(id => held(name).get(id) ?? []).map(document => ({ document, version: document })),
    async change(name, changes) {
      const call = record.changes.push({ collection: name, ids: changes.map(({ seen }) => seen.document._id) })
      await script.beforeChange?.(call, record.changes.at(-1)!.ids)
      const outcomes = changes.map(({ seen, put }): ChangeOutcome => {
        const { _id } = seen.document
        if (held(name).get(_id) !== seen.version) return 'changed'
        if (put) held(name).set(_id, put.payload)
        else held(name).delete(_id)
        return 'done'
      })
      await script.afterChange?.(call)
      return outcomes
    },
    dropCollection: async name => held(name).size === 0 && record.collections.delete(name),
    commit: async () => void (record.committed = true),
    async close() {
      await script.beforeClose?.()
      record.closed = true
    }
  }
}

const unusable: Connector = {
  name: 'memory',
  configure: () => {
    throw new Error('not configured by text')
  },
  openSource: () => Promise.reject(new Error('no source')),
  openTarget: () => Promise.reject(new Error('no target'))
}
