/** Several sources as one: read one after the other, each page with the name of the source that it comes from. */
import { closeEnd } from '../engine/close-end.ts'
import { DocferryError } from '../errors.ts'
import { openSource } from '../open.ts'
import type { Endpoint } from '../open.ts'
import { addUsage } from '../plan/estimate.ts'
import type {
  CollectionInfo,
  Connector,
  Environment,
  OpenContext,
  Page,
  Partition,
  ReadOptions,
  Source,
  SourcePart,
  Usage
} from '../types.ts'

export interface MergedPart {
  /** Unique; documents are told apart by it in `StageContext.source`. */
  readonly name: string
  readonly endpoint: Endpoint
  /** By their names in this source. Default: all that it holds. */
  readonly collections?: readonly string[]
  /** Names in this source to names for the run. */
  readonly rename?: Readonly<Record<string, string>>
}

export interface MergedOptions {
  readonly parts: readonly MergedPart[]
  readonly environment?: Environment
}

/** An endpoint for `migrate({ source })`. */
export function mergedSources(parts: readonly MergedPart[], environment: Environment = {}): Endpoint {
  return { connector: mergedConnector, options: { parts, environment } satisfies MergedOptions }
}

const mergedConnector: Connector<MergedOptions> = {
  name: 'several',
  configure: () => {
    throw new DocferryError('DOCFERRY_BUG', 'several sources have no address')
  },
  openSource: openMerged,
  openTarget: () =>
    Promise.reject(new DocferryError('DOCFERRY_CONFIG', 'several sources can be read, and not be asked for single documents'))
}

/** One of them, open. */
interface Opened {
  readonly part: MergedPart
  readonly source: Source
  /** Its collections, by their names for the run. `null` where only reading tells. */
  readonly held: ReadonlyMap<string, CollectionInfo> | null
}

async function openMerged({ parts, environment }: MergedOptions, context: OpenContext): Promise<Source> {
  const { signal, logger, retry, attachments, subcollections } = context
  const opened: Opened[] = []
  try {
    for (const part of parts) {
      const source = await openSource(part.endpoint, {
        logger,
        retry,
        attachments,
        subcollections,
        ...(environment && { environment }),
        ...(signal && { signal })
      })
      opened.push({ part, source, held: null })
      opened[opened.length - 1] = { part, source, held: heldBy(part, await source.collections({ ...(signal && { signal }) })) }
    }
  } catch (error) {
    for (const { source } of opened) await closeEnd(source, logger)
    throw error
  }
  return new MergedSource(opened)
}

/** @throws {DocferryError} DOCFERRY_NO_SUCH_COLLECTION, DOCFERRY_CONFIG */
function heldBy({ name: own, collections, rename = {} }: MergedPart, found: readonly CollectionInfo[] | null): Opened['held'] {
  if (found === null) return null
  const wanted = [...(collections ?? []), ...Object.keys(rename)]
  const missing = wanted.filter(name => !found.some(info => info.name === name))
  if (missing.length > 0)
    throw new DocferryError('DOCFERRY_NO_SUCH_COLLECTION', `the source ${own} has no collection ${missing.join(', ')}`, {
      collection: missing[0]
    })
  const taken = found.filter(({ name, system }) => (collections ? collections.includes(name) : !system))
  const held = new Map(taken.map(info => [nameIn(rename, info.name), info]))
  if (held.size < taken.length)
    throw new DocferryError('DOCFERRY_CONFIG', `the source ${own}: two of its collections would have the same name; rename one of them`)
  return held
}

function nameIn(rename: Readonly<Record<string, string>>, name: string): string {
  return Object.hasOwn(rename, name) ? rename[name]! : name
}

class MergedSource implements Source {
  readonly location: Source['location']
  readonly parts: readonly SourcePart[]
  readonly uniqueIds: boolean
  readonly mergesKinds: boolean
  readonly givesChanges: boolean
  readonly #opened: readonly Opened[]

  constructor(opened: readonly Opened[]) {
    this.#opened = opened
    this.location = {
      provider: 'several',
      address: opened.map(({ part, source: { location } }) => `${part.name} = ${location.provider} ${location.address}`).join(', '),
      identity: JSON.stringify(opened.map(({ part, source }) => [part.name, source.location.identity]))
    }
    this.parts = opened.map(({ part, source, held }) => ({
      name: part.name,
      source,
      collections: held && [...held].map(([as, { name }]) => ({ name, as }))
    }))
    this.givesChanges = opened.some(({ source }) => source.givesChanges)
    const names = opened.flatMap(({ held }) => [...(held?.keys() ?? [])])
    const isDisjoint = opened.every(({ held }) => held !== null) && new Set(names).size === names.length
    this.mergesKinds = opened.some(({ source }) => source.mergesKinds)
    this.uniqueIds = isDisjoint && opened.every(({ source }) => source.uniqueIds)
  }

  /** Where only some do, ids of the others would be taken for paths that are none. */
  async holdsSubcollections(options: { readonly signal?: AbortSignal }): Promise<boolean> {
    const told = await Promise.all(this.#opened.map(async ({ source }) => (await source.holdsSubcollections?.(options)) ?? false))
    return told.every(Boolean)
  }

  async collections(): Promise<readonly CollectionInfo[] | null> {
    const merged = new Map<string, CollectionInfo>()
    for (const { held } of this.#opened) {
      if (held === null) return null
      for (const [name, info] of held) merged.set(name, together(name, merged.get(name), info))
    }
    return [...merged.values()]
  }

  async partitions(collections: readonly string[] | null, options: Parameters<Source['partitions']>[1]): Promise<readonly Partition[]> {
    const partitions: Partition[] = []
    for (const [turn, { part, source, held }] of this.#opened.entries()) {
      const names = held === null ? collections : [...held.keys()].filter(name => collections?.includes(name) ?? true)
      if (names?.length === 0) continue
      const own = names?.map(name => held?.get(name)?.name ?? name) ?? null
      for (const inner of await source.partitions(own, options)) {
        const named = inner.collections.map(name => nameIn(part.rename ?? {}, name))
        partitions.push({
          id: `${part.name}: ${inner.id}`,
          collections: named,
          // What a source has last comes behind all of the others.
          turn: turn + (inner.turn ?? 0) * this.#opened.length,
          range: { source: turn, inner: JSON.stringify(inner) },
          ...(inner.start !== undefined && { start: inner.start })
        })
      }
    }
    return partitions
  }

  async *read({ range }: Partition, options: ReadOptions): AsyncGenerator<Page> {
    const { part, source, held } = this.#opened[range?.['source'] as number]!
    for await (const page of source.read(JSON.parse(range?.['inner'] as string) as Partition, options)) {
      const collection = nameIn(part.rename ?? {}, page.collection)
      if (held && !held.has(collection))
        yield { ...page, collection, source: part.name, documents: [], digests: [], leftOut: [], rejects: [] }
      else yield { ...page, collection, source: part.name }
    }
  }

  usage(): Usage {
    return this.#opened.reduce<Usage>((sum, { source }) => addUsage(sum, source.usage?.() ?? { requests: 0 }), { requests: 0 })
  }

  notes(): readonly string[] {
    return this.#opened.flatMap(({ part, source }) => (source.notes?.() ?? []).map(note => `${part.name}: ${note}`))
  }

  async close(): Promise<void> {
    const results = await Promise.allSettled(this.#opened.map(({ source }) => source.close()))
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }
}

/** Estimates add up where each of them is known. */
function together(name: string, before: CollectionInfo | undefined, { documents, bytes, ...info }: CollectionInfo): CollectionInfo {
  const sum = (a: number | undefined, b: number | undefined): number | undefined => (a === undefined || b === undefined ? undefined : a + b)
  const [count, size] = before ? [sum(before.documents, documents), sum(before.bytes, bytes)] : [documents, bytes]
  return { ...before, ...info, name, ...(count !== undefined && { documents: count }), ...(size !== undefined && { bytes: size }) }
}
