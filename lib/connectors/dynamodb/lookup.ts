/** Finding documents by id. */
import { DocferryError } from '../../errors.ts'
import { retryDelayMs, sleep, withRetry } from '../../engine/retry.ts'
import type { Held } from '../../types.ts'
import type { Document } from '../../values/index.ts'
import type { Connection } from './client.ts'
import { isMissingTable } from './errors.ts'
import { toDocument } from '../../formats/dynamodb/items.ts'
import { idOfItem, keyOfId, storedId } from '../../formats/dynamodb/keys.ts'
import type { TableKey } from '../../formats/dynamodb/keys.ts'
import { maxTransactionItems } from './limits.ts'
import { Unwritable } from '../../formats/dynamodb/text.ts'
import type { AttributeJson, ItemJson } from '../../formats/dynamodb/values.ts'

interface BatchGetAnswer {
  readonly Responses?: Readonly<Record<string, readonly ItemJson[]>>
  readonly UnprocessedKeys?: Readonly<Record<string, { readonly Keys?: readonly ItemJson[] }>>
}

export interface LookupOptions {
  readonly collection: string
  readonly key: TableKey
  readonly escapeNames: boolean
  readonly signal?: AbortSignal
}

/** Answers in a row that bring nothing. */
const mostEmptyAnswers = 10

/** See `Target.get`. */
export async function getDocuments(
  connection: Connection,
  ids: readonly string[],
  { idsOnly = false, ...options }: LookupOptions & { readonly idsOnly?: boolean }
): Promise<readonly Document[]> {
  const { collection, key, escapeNames } = options
  const own = idsOnly ? new Map(ids.map(id => [storedId(key, id, escapeNames), id])) : undefined
  return (await getItems(connection, ids, { ...options, idsOnly })).map(item => decode(key, item, { collection, own }))
}

/** See `Target.look`. A table keeps no versions: what was read is the version. */
export async function look(connection: Connection, ids: readonly string[], options: LookupOptions): Promise<readonly Held<ItemJson>[]> {
  const items = await getItems(connection, ids, options)
  return items.map(item => ({ document: decode(options.key, item, options), version: item }))
}

/** An answer has at most 16 MB: what is left over is asked for again, at once after an answer that brought something. */
async function getItems(
  connection: Connection,
  ids: readonly string[],
  { collection, key, escapeNames, idsOnly = false, signal }: LookupOptions & { readonly idsOnly?: boolean }
): Promise<ItemJson[]> {
  const found: ItemJson[] = []
  let pending: readonly ItemJson[] = possibleKeys(key, new Set(ids.map(id => storedId(key, id, escapeNames))))
  const names = Object.fromEntries(key.map(({ name }, index) => [`#k${index}`, name]))
  const projection = idsOnly ? { ProjectionExpression: Object.keys(names).join(','), ExpressionAttributeNames: names } : {}
  for (let empty = 0; pending.length > 0;) {
    const body = JSON.stringify({
      RequestItems: { [collection]: { Keys: pending.slice(0, maxTransactionItems), ConsistentRead: true, ...projection } }
    })
    const value = await batchGet(connection, body, { collection, signal })
    if (!value) return []
    const items = value.Responses?.[collection]
    if (!items)
      throw new DocferryError('DOCFERRY_CONNECT', `DynamoDB answered a BatchGetItem without items`, { provider: 'dynamodb', collection })
    found.push(...items)
    const left = Object.values(value.UnprocessedKeys ?? {}).flatMap(({ Keys = [] }) => Keys)
    pending = [...left, ...pending.slice(maxTransactionItems)]
    if (left.length === 0 || items.length > 0) empty = 0
    else if (++empty === mostEmptyAnswers) {
      throw new DocferryError('DOCFERRY_THROTTLED', `DynamoDB (${connection.location.address}) leaves keys unprocessed: it asks for less`, {
        provider: 'dynamodb',
        collection,
        retryable: true
      })
    }
    if (empty > 0) await sleep(retryDelayMs(empty), signal)
  }
  return found
}

/** @returns `undefined` where there is no table: a dry run asks before one is made, and none of the documents is there */
async function batchGet(
  connection: Connection,
  body: string,
  options: { readonly collection: string; readonly signal?: AbortSignal }
): Promise<BatchGetAnswer | undefined> {
  try {
    return (await withRetry(() => connection.call<BatchGetAnswer>('BatchGetItem', body, { ...options, writing: true }), options)).value
  } catch (error) {
    if (isMissingTable(error)) return undefined
    throw error
  }
}

/** @param own where only ids were asked for: the documents' own by those that the table holds */
function decode(
  key: TableKey,
  item: ItemJson,
  { collection, own }: { readonly collection: string; readonly own?: ReadonlyMap<string, string> }
): Document {
  try {
    if (!own) return toDocument(key, item)
    const stored = idOfItem(key, item)
    return { _id: own.get(stored) ?? stored }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const message = `the DynamoDB table ${collection} holds an item that is no document: ${error.message}`
    throw new DocferryError('DOCFERRY_DECODE', message, { provider: 'dynamodb', collection, cause: error })
  }
}

/** The keys of those ids that a table like this can hold at all. */
function possibleKeys(key: TableKey, ids: Iterable<string>): Record<string, AttributeJson>[] {
  return [...ids].flatMap(id => {
    try {
      return [keyOfId(key, id)]
    } catch (error) {
      if (error instanceof Unwritable) return []
      throw error
    }
  })
}
