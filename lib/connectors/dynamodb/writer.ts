/** The writing end: tables made ready, documents encoded by their keys. `batches.ts` sends, `lookup.ts` finds. */
import { withRetry } from '../../engine/retry.ts'
import type { Prepared, Refusal, Target } from '../../types.ts'
import { writeBatch } from './batches.ts'
import type { Connection } from './client.ts'
import { isMissingTable } from './errors.ts'
import { documentKey, toItem } from './keys.ts'
import type { TableKey } from './keys.ts'
import { tableName, targetLimits } from './limits.ts'
import { getDocuments } from './lookup.ts'
import { createTable, waitUntilActive } from './tables.ts'
import type { Table } from './tables.ts'
import type { ItemJson } from './values.ts'

export function createTarget(connection: Connection): Target<string> {
  const keys = new Map<string, TableKey>()
  const keyOf = (collection: string): TableKey => keys.get(collection) ?? documentKey

  return {
    location: connection.location,
    limits: targetLimits,
    checkCollection,

    async prepare(collection, { create, signal }) {
      const prepared = await prepareTable(connection, collection, create, signal)
      keys.set(collection, prepared.key)
      return { created: prepared.created, empty: prepared.empty }
    },

    encode(collection, document) {
      const item = toItem(keyOf(collection), document)
      return 'code' in item ? item : { id: item.id, bytes: item.bytes, payload: item.json }
    },

    write(collection, documents, options) {
      return writeBatch(connection, { collection, key: keyOf(collection), documents, options })
    },

    get(collection, ids, options) {
      return getDocuments(connection, ids, { collection, key: keyOf(collection), ...options })
    },

    async commit() {
      // Every write is durable when it is acknowledged.
    },

    async close() {
      connection.close()
    }
  }
}

function checkCollection(collection: string): Refusal | undefined {
  if (tableName.test(collection)) return undefined
  return {
    code: 'DOCFERRY_COLLECTION_NAME',
    message: 'a DynamoDB table has a name of 3 to 255 characters: letters, digits, "_", "-" and "."'
  }
}

async function prepareTable(
  connection: Connection,
  collection: string,
  create: boolean,
  signal: AbortSignal | undefined
): Promise<Prepared & { readonly key: TableKey }> {
  let created = false
  let table: Table
  try {
    table = await waitUntilActive(connection, collection, { signal, made: false })
  } catch (error) {
    if (!isMissingTable(error)) throw error
    if (!create) return { created: true, empty: true, key: documentKey }
    created = await createTable(connection, collection, signal)
    table = await waitUntilActive(connection, collection, { signal, made: true })
  }
  return { created, empty: created || (await isEmpty(connection, collection, signal)), key: table.key }
}

async function isEmpty(connection: Connection, collection: string, signal: AbortSignal | undefined): Promise<boolean> {
  const body = JSON.stringify({ TableName: collection, ConsistentRead: true, Limit: 1 })
  const { value } = await withRetry(
    () =>
      connection.call<{ Items?: readonly ItemJson[]; LastEvaluatedKey?: ItemJson }>('Scan', body, { collection, signal, writing: true }),
    { signal }
  )
  return value.Items?.length === 0 && value.LastEvaluatedKey === undefined
}
