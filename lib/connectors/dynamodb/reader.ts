/** Reading tables: parallel scan segments, a page of up to 1 MB at a time. */
import { DocferryError } from '../../errors.ts'
import { withRetry } from '../../engine/retry.ts'
import type { Cursor, Page, Partition, RejectDetails, Source } from '../../types.ts'
import type { Document } from '../../values/index.ts'
import type { Connection } from './client.ts'
import { toDocument } from './items.ts'
import { idOfItem } from './keys.ts'
import type { TableKey } from './keys.ts'
import { describeTable, listTables } from './tables.ts'
import type { ItemJson } from './values.ts'

interface ScanAnswer {
  readonly Items?: readonly ItemJson[]
  readonly LastEvaluatedKey?: ItemJson
  readonly ConsumedCapacity?: { readonly CapacityUnits?: number }
}

/** A place in a segment: the key of the last item read, or that there is no more. */
type Place = { readonly after: ItemJson } | { readonly end: true }

/** Throttled tables need patience: about two minutes in all. */
const readAttempts = 16

/** Bytes that one read unit stands for in a consistent read; in another, half a unit does. */
const unitBytes = 4_096

export function createSource(connection: Connection, { consistentRead = true }: { readonly consistentRead?: boolean }): Source {
  const keys = new Map<string, Promise<TableKey>>()
  const unitPrice = consistentRead ? 1 : 0.5
  let requests = 0
  let readUnits = 0

  function keyOf(collection: string, signal: AbortSignal | undefined): Promise<TableKey> {
    let key = keys.get(collection)
    if (!key) {
      key = describeTable(connection, collection, { signal }).then(table => table.key)
      keys.set(collection, key)
      key.catch(() => keys.delete(collection))
    }
    return key
  }

  return {
    location: connection.location,
    uniqueIds: true,
    collections: ({ signal }) => listTables(connection, { signal }),

    async partitions(collections, { wanted, signal }) {
      const names = collections ?? (await listTables(connection, { signal })).map(({ name }) => name)
      return names.flatMap(collection => segmentsOf(collection, wanted))
    },

    async *read(partition, { after, signal, pageSize, retry, onRetry }) {
      const { collection, segment, segments } = segmentFrom(partition)
      let place: Place | undefined = after === undefined ? undefined : placeFrom(after, partition)
      const key = await keyOf(collection, signal)
      while (place === undefined || 'after' in place) {
        const body = JSON.stringify({
          TableName: collection,
          Segment: segment,
          TotalSegments: segments,
          ConsistentRead: consistentRead,
          ReturnConsumedCapacity: 'TOTAL',
          Limit: pageSize,
          ExclusiveStartKey: place?.after
        })
        const answer = await withRetry(
          () => {
            requests++
            return connection.call<ScanAnswer>('Scan', body, { collection, signal })
          },
          { attempts: readAttempts, ...retry, signal, onRetry }
        )
        const { Items: items, LastEvaluatedKey: last, ConsumedCapacity: consumed } = answer.value
        if (!items)
          throw new DocferryError('DOCFERRY_READ', `DynamoDB answered a scan of ${collection} without items`, {
            provider: 'dynamodb',
            collection
          })
        place = last ? { after: last } : { end: true }
        const units = consumed?.CapacityUnits ?? Math.ceil(answer.bytes / unitBytes) * unitPrice
        readUnits += units
        if (items.length === 0 && last) continue
        const bytes = Math.min((units / unitPrice) * unitBytes, answer.bytes)
        yield { collection, ...toDocuments(key, items), cursor: JSON.stringify(place), bytes } satisfies Page
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
    const place = JSON.parse(cursor) as Partial<{ after: ItemJson; end: true }>
    if (place.end === true || typeof place.after === 'object') return place as Place
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new DocferryError('DOCFERRY_STATE', `the place to go on from in ${id} is none of DynamoDB's: start the run anew`, {
    provider: 'dynamodb'
  })
}

function toDocuments(key: TableKey, items: readonly ItemJson[]): { readonly documents: Document[]; readonly rejects?: RejectDetails[] } {
  const documents: Document[] = []
  const rejects: RejectDetails[] = []
  for (const item of items) {
    try {
      documents.push(toDocument(key, item))
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
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
