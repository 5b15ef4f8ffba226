/** Reading tables: parallel scan segments, an answer of up to 1 MB at a time, cut into pages. */
import { DocferryError } from '../../errors.ts'
import { withRetry } from '../../engine/retry.ts'
import { LentPool } from '../../kernel/buffer-pool.ts'
import type { Cursor, Page, Partition, RejectDetails, Source } from '../../types.ts'
import type { Document } from '../../values/index.ts'
import type { Answer, Connection } from './client.ts'
import { readItemList } from '../../formats/dynamodb/item-list.ts'
import type { ItemList } from '../../formats/dynamodb/item-list.ts'
import { packItems } from './packed-items.ts'
import type { PackedItems } from './packed-items.ts'
import { ScanPace } from './scan-pace.ts'
import type { LastAnswer } from './scan-pace.ts'
import { idOfItem } from '../../formats/dynamodb/keys.ts'
import type { TableKey } from '../../formats/dynamodb/keys.ts'
import { describeTable, listTables, placeProof } from './tables.ts'
import type { Table } from './tables.ts'
import type { ItemJson } from '../../formats/dynamodb/values.ts'
import { parseText } from '../../values/index.ts'

/** What stands beside the items. */
interface ScanAnswer {
  readonly LastEvaluatedKey?: ItemJson
  readonly ConsumedCapacity?: { readonly CapacityUnits?: number }
}

/** What is known of a table that is being read, for all of its segments. */
interface ReadTable {
  readonly key: TableKey
  readonly pace: ScanPace
}

/** A place in a segment: the key of the last item read, or that there is no more. */
type Place = { readonly after: ItemJson } | { readonly end: true }

/** Throttled tables need patience: about two minutes in all. */
const readAttempts = 16

/** Answers and what is made of them lie in memory that is used again: a megabyte each time would have V8 search the whole heap every few answers. */
const mostBuffers = 16
const largestBuffer = 4 * 1024 * 1024
const buffers = new LentPool(mostBuffers, { largest: largestBuffer })

/** Bytes that one read unit stands for in a consistent read; in another, half a unit does. */
const unitBytes = 4_096

export function createSource(connection: Connection, { consistentRead = true }: { readonly consistentRead?: boolean }): Source {
  const tables = new Map<string, Promise<ReadTable>>()
  const listed = new Map<string, Table>()
  const pool = buffers.get()
  const unitPrice = consistentRead ? 1 : 0.5
  let requests = 0
  let readUnits = 0

  function tableOf(collection: string, signal: AbortSignal | undefined): Promise<ReadTable> {
    let found = tables.get(collection)
    if (!found) {
      found = describeTable(connection, collection, { signal }).then(({ key, items = 0, bytes = 0 }) => {
        return { key, pace: new ScanPace(items > 0 ? (bytes / items / unitBytes) * unitPrice : undefined) }
      })
      tables.set(collection, found)
      found.catch(() => tables.delete(collection))
    }
    return found
  }

  return {
    location: connection.location,
    proof: placeProof(connection, listed),
    uniqueIds: true,
    mergesKinds: true,
    packs: true,
    works: true,
    collections: ({ signal }) => listTables(connection, { signal, onTable: (name, table) => listed.set(name, table) }),

    async partitions(collections, { wanted, signal }) {
      const names = collections ?? (await listTables(connection, { signal })).map(({ name }) => name)
      return names.flatMap(collection => segmentsOf(collection, wanted))
    },

    async *read(partition, { after, signal, pageSize, requestUnits, retry, onRetry, packing }) {
      const { collection, segment, segments } = segmentFrom(partition)
      let place: Place | undefined = after === undefined ? undefined : placeFrom(after, partition)
      const { key, pace } = await tableOf(collection, signal)
      const where = { collection, digests: false }
      const left = new AbortController()
      const until = signal ? AbortSignal.any([signal, left.signal]) : left.signal
      let limit: number | undefined
      let before: LastAnswer | undefined
      const scan = (from: Place | undefined): Promise<Answer<ItemList | undefined>> => {
        limit = pace.limitFor(requestUnits, before)
        const body = JSON.stringify({
          TableName: collection,
          Segment: segment,
          TotalSegments: segments,
          ConsistentRead: consistentRead,
          ReturnConsumedCapacity: 'TOTAL',
          Limit: limit,
          ExclusiveStartKey: from && 'after' in from ? from.after : undefined
        })
        const call = (): Promise<Answer<ItemList | undefined>> => {
          requests++
          return connection.call('Scan', body, { collection, signal: until, pool, read: bytes => readItemList(bytes, key, pool) })
        }
        return withRetry(call, { attempts: readAttempts, ...retry, signal: until, onRetry })
      }
      let next: ReturnType<typeof scan> | undefined
      let isFirst = true
      try {
        while (place === undefined || 'after' in place) {
          const answer = await (next ?? scan(place))
          next = undefined
          const items = answer.value
          if (!items)
            throw new DocferryError('DOCFERRY_READ', `DynamoDB answered a scan of ${collection} without items`, {
              provider: 'dynamodb',
              collection
            })
          const { LastEvaluatedKey: last, ConsumedCapacity: consumed } = items.rest as ScanAnswer
          place = last ? { after: last } : { end: true }
          const units = consumed?.CapacityUnits ?? Math.ceil(answer.bytes / unitBytes) * unitPrice
          readUnits += units
          pace.count(items.length, units)
          before = { items: items.length, limit }
          if (items.length === 0 && last) continue
          // Whoever wants more than the first answer wants all, if nobody paces it.
          if (last && !isFirst && requestUnits === undefined) {
            next = scan(place)
            next.catch(() => undefined)
          }
          isFirst = false
          const bytes = Math.min((units / unitPrice) * unitBytes, answer.bytes)
          for (const slice of slicesOf(items, key, pageSize)) {
            signal?.throwIfAborted()
            const cursor = JSON.stringify(slice.after ? { after: slice.after } : place)
            const share = items.length === 0 ? 1 : (slice.to - slice.from) / items.length
            const { packed, left: rest } =
              packing && items.lines ? await packItems(items.lines, slice, { packing, place: where }) : allOf(slice)
            yield { collection, packed, ...documentsOf(items, rest, key), cursor, bytes: bytes * share } satisfies Page
          }
          items.release()
          answer.release?.()
        }
      } finally {
        left.abort()
      }
    },

    usage: () => ({ requests, readUnits }),

    async close() {
      connection.close()
    }
  }
}

function segmentsOf(collection: string, wanted: number): Partition[] {
  const segments = Math.max(1, Math.floor(wanted))
  return Array.from({ length: segments }, (_, segment) => ({
    id: `${collection}/${segment + 1}of${segments}`,
    collections: [collection],
    range: { segment, segments }
  }))
}

function segmentFrom({ id, collections, range }: Partition): {
  readonly collection: string
  readonly segment: number
  readonly segments: number
} {
  const [collection] = collections
  const { segment, segments } = range ?? {}
  if (collections.length !== 1 || typeof segment !== 'number' || typeof segments !== 'number') {
    throw new DocferryError('DOCFERRY_STATE', `${id} is no part of a DynamoDB table: start the run anew`, { provider: 'dynamodb' })
  }
  return { collection: collection as string, segment, segments }
}

function placeFrom(cursor: Cursor, { id }: Partition): Place {
  try {
    const place = parseText(cursor) as Partial<{ after: ItemJson; end: true }>
    if (place.end === true || typeof place.after === 'object') return place as Place
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new DocferryError('DOCFERRY_STATE', `the place to go on from in ${id} is none of DynamoDB's: start the run anew`, {
    provider: 'dynamodb'
  })
}

/**
 * The items of one answer, `size` at a time: the key of any item is a place to go on from.
 *
 * @returns at least one slice; the last one ends where the answer does, and has no place of its own
 */
function* slicesOf(items: ItemList, key: TableKey, size = items.length): Generator<Slice & { readonly after?: ItemJson }> {
  let from = 0
  for (let to = Math.max(1, size); to < items.length; to++) {
    const after = keyOfItem(key, items.item(to - 1))
    if (!after) continue
    yield { from, to, after }
    from = to
    to += Math.max(1, size) - 1
  }
  yield { from, to: items.length }
}

/** Items of a list, by index. */
interface Slice {
  readonly from: number
  readonly to: number
}

/** @returns undefined where it lacks a part of it */
function keyOfItem(key: TableKey, item: ItemJson): ItemJson | undefined {
  const parts = key.flatMap(({ name }) => (item[name] === undefined ? [] : [[name, item[name]] as const]))
  return parts.length === key.length ? Object.fromEntries(parts) : undefined
}

function allOf({ from, to }: Slice): PackedItems {
  return { packed: [], left: Array.from({ length: to - from }, (_, index) => from + index) }
}

function documentsOf(items: ItemList, indexes: readonly number[], key: TableKey): Pick<Page, 'documents' | 'rejects'> {
  const [first = 0] = indexes
  const last = indexes.at(-1) ?? -1
  // What the kernel has left of packed ones stands far apart.
  const made = last - first + 1 === indexes.length ? items.documents?.(first, last + 1) : undefined
  const documents: Document[] = []
  const rejects: RejectDetails[] = []
  for (const index of indexes) {
    try {
      documents.push(made?.[index - first] ?? items.document(index))
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      const item = items.item(index)
      rejects.push({ code: 'DOCFERRY_BAD_DOCUMENT', message: error.message, where: placeOf(key, item), raw: JSON.stringify(item) })
    }
  }
  return rejects.length === 0 ? { documents } : { documents, rejects }
}

function placeOf(key: TableKey, item: ItemJson): string {
  try {
    return `item ${idOfItem(key, item)}`
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return 'an item without its key'
  }
}
