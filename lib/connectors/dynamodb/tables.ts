/** Tables: which there are, what their keys are, and making and removing them. */
import { now } from '../../clock.ts'
import { DocferryError } from '../../errors.ts'
import { retryDelayMs, sleep, withRetry } from '../../engine/retry.ts'
import type { CollectionInfo, PlaceProof } from '../../types.ts'
import type { Connection } from './client.ts'
import { isMissingTable, translate } from './errors.ts'
import { documentKey } from '../../formats/dynamodb/keys.ts'
import type { KeyAttribute, TableKey } from '../../formats/dynamodb/keys.ts'
import type { ItemJson } from '../../formats/dynamodb/values.ts'

export interface Table {
  readonly key: TableKey
  readonly status: string
  /** Equal for two only if they are the same table, whatever address led there. */
  readonly proof: string | undefined
  /** Estimates that the service renews every six hours or so. */
  readonly items?: number
  readonly bytes?: number
}

interface DescribeTableAnswer {
  readonly Table?: {
    readonly TableStatus?: string
    readonly KeySchema?: readonly { readonly AttributeName: string; readonly KeyType: 'HASH' | 'RANGE' }[]
    readonly AttributeDefinitions?: readonly { readonly AttributeName: string; readonly AttributeType: KeyAttribute['type'] }[]
    readonly TableArn?: string
    readonly TableId?: string
    readonly CreationDateTime?: number
    readonly ItemCount?: number
    readonly TableSizeBytes?: number
  }
}

interface CallOptions {
  readonly signal?: AbortSignal
  readonly writing?: boolean
}

/** DescribeTable calls under way at once; the service takes many more. */
const describesAtOnce = 8

/** New tables are active in seconds, a large one that is being updated in minutes. */
const longestWaitMs = 10 * 60_000

/** How often a table that was just made may be unknown. */
const mostMissing = 10
const creating: Table = { key: documentKey, status: 'CREATING', proof: undefined }

/** @throws {DocferryError} DOCFERRY_NO_SUCH_COLLECTION or, for a target, DOCFERRY_TARGET when there is no such table */
export async function describeTable(connection: Connection, collection: string, { signal, writing }: CallOptions): Promise<Table> {
  const body = JSON.stringify({ TableName: collection })
  const { value } = await withRetry(() => connection.call<DescribeTableAnswer>('DescribeTable', body, { collection, signal, writing }), {
    signal
  })
  const { Table: table } = value
  const types = new Map(table?.AttributeDefinitions?.map(({ AttributeName, AttributeType }) => [AttributeName, AttributeType]))
  const schema = [...(table?.KeySchema ?? [])].sort(a => (a.KeyType === 'HASH' ? -1 : 1))
  const key = schema.map(({ AttributeName: name }) => ({ name, type: types.get(name) ?? 'S' }))
  if (table === undefined || key.length === 0) {
    throw new DocferryError(
      'DOCFERRY_CONNECT',
      `DynamoDB (${connection.location.address}) described table ${collection} without its key: is it DynamoDB?`,
      {
        provider: 'dynamodb',
        collection
      }
    )
  }
  return { key, status: table.TableStatus ?? 'ACTIVE', proof: proofOf(table), items: table.ItemCount, bytes: table.TableSizeBytes }
}

/** DynamoDB Local gives none of its tables an id, and all of them the same account and region: the millisecond tells when it was made. */
function proofOf({ TableArn: arn, TableId: id, CreationDateTime: made }: NonNullable<DescribeTableAnswer['Table']>): string | undefined {
  const own = id ?? made
  return arn === undefined || own === undefined ? undefined : JSON.stringify([arn, own])
}

/** @param known what was found of tables before, by their names */
export function placeProof(connection: Connection, known: ReadonlyMap<string, Table> = new Map()): PlaceProof {
  return {
    called: 'table',
    server: connection.account,
    async collection(name, { signal }) {
      try {
        return (known.get(name) ?? (await describeTable(connection, name, { signal }))).proof
      } catch (error) {
        if (isUnseen(error)) return undefined
        throw error
      }
    }
  }
}

/** Of a table that is not there, or that may not be described. */
function isUnseen(error: unknown): boolean {
  return isMissingTable(error) || (error instanceof DocferryError && error.code === 'DOCFERRY_PERMISSION')
}

export interface ListOptions extends CallOptions {
  /** Told what is found of each. */
  readonly onTable?: ((name: string, table: Table) => void) | undefined
}

/** Every table of the region, by name. */
export async function listTables(connection: Connection, { signal, onTable }: ListOptions): Promise<readonly CollectionInfo[]> {
  const names: string[] = []
  let start: string | undefined
  do {
    const body = JSON.stringify({ ExclusiveStartTableName: start })
    const { value } = await withRetry(
      () => connection.call<{ TableNames?: readonly string[]; LastEvaluatedTableName?: string }>('ListTables', body, { signal }),
      { signal }
    )
    if (!value.TableNames)
      throw new DocferryError('DOCFERRY_READ', `DynamoDB (${connection.location.address}) answered a listing without tables`, {
        provider: 'dynamodb'
      })
    names.push(...value.TableNames)
    start = value.LastEvaluatedTableName
  } while (start !== undefined)
  names.sort()
  const infos: CollectionInfo[] = names.map(name => ({ name }))
  let next = 0
  const describe = async () => {
    for (let index = next++; index < names.length; index = next++)
      infos[index] = await tableInfo(connection, names[index] as string, { signal, onTable })
  }
  await Promise.all(Array.from({ length: describesAtOnce }, describe))
  return infos
}

/** A table that may be listed and not described is still a collection: only its estimates are missing. */
async function tableInfo(connection: Connection, name: string, { signal, onTable }: ListOptions): Promise<CollectionInfo> {
  try {
    const table = await describeTable(connection, name, { signal })
    onTable?.(name, table)
    const { items, bytes } = table
    return { name, documents: items, bytes }
  } catch (error) {
    if (isUnseen(error)) return { name }
    throw error
  }
}

/** Make a table as Gofannon does, unless somebody else has just made it. @returns whether this call made it */
export async function createTable(connection: Connection, collection: string, signal: AbortSignal | undefined): Promise<boolean> {
  const body = JSON.stringify({
    TableName: collection,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: documentKey.map(({ name }) => ({ AttributeName: name, KeyType: 'HASH' })),
    AttributeDefinitions: documentKey.map(({ name, type }) => ({ AttributeName: name, AttributeType: type }))
  })
  return withRetry(
    async attempt => {
      try {
        await connection.send('CreateTable', body, { collection, signal })
        return true
      } catch (error) {
        // A try that seemed to fail may have made it.
        if ((error as { name?: string }).name === 'ResourceInUseException') return attempt > 1
        signal?.throwIfAborted()
        throw translate(error, { operation: 'CreateTable', address: connection.location.address, collection, writing: true })
      }
    },
    { signal }
  )
}

/** Whether a table holds nothing at this moment. */
export async function isEmptyTable(connection: Connection, collection: string, signal: AbortSignal | undefined): Promise<boolean> {
  const body = JSON.stringify({ TableName: collection, ConsistentRead: true, Limit: 1 })
  const { value } = await withRetry(
    () =>
      connection.call<{ Items?: readonly ItemJson[]; LastEvaluatedKey?: ItemJson }>('Scan', body, { collection, signal, writing: true }),
    { signal }
  )
  return value.Items?.length === 0 && value.LastEvaluatedKey === undefined
}

/**
 * Remove a table that holds nothing, and wait until it is gone: until then none of its name can be made. Somebody may still write to it
 * between the look and the removal, which DynamoDB has no condition for.
 *
 * @returns false where it holds something, or is not there
 * @throws {DocferryError} DOCFERRY_TARGET when it may not be removed, or takes too long
 */
export async function dropTable(connection: Connection, collection: string, signal: AbortSignal | undefined): Promise<boolean> {
  const call = { collection, signal, writing: true }
  try {
    if (!(await isEmptyTable(connection, collection, signal))) return false
  } catch (error) {
    if (isMissingTable(error)) return false
    throw error
  }
  try {
    await withRetry(() => connection.call('DeleteTable', JSON.stringify({ TableName: collection }), call), { signal })
  } catch (error) {
    // A try whose answer was lost has removed it, or somebody else has.
    if (!isMissingTable(error) && !(await isBeingDeleted(connection, collection, signal))) throw error
  }
  const until = now() + longestWaitMs
  for (let attempt = 1; await isThere(connection, collection, signal); attempt++) {
    if (now() > until) {
      const message = `the DynamoDB table ${collection} is still being deleted: look whether it is gone before it is used again`
      throw new DocferryError('DOCFERRY_TARGET', message, { provider: 'dynamodb', collection })
    }
    await sleep(pollDelayMs(attempt), signal)
  }
  return true
}

async function isThere(connection: Connection, collection: string, signal: AbortSignal | undefined): Promise<boolean> {
  return (await statusOf(connection, collection, signal)) !== undefined
}

async function isBeingDeleted(connection: Connection, collection: string, signal: AbortSignal | undefined): Promise<boolean> {
  const status = await statusOf(connection, collection, signal)
  return status === undefined || status === 'DELETING'
}

/** @returns `undefined` where there is no table */
async function statusOf(connection: Connection, collection: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  try {
    return (await describeTable(connection, collection, { signal, writing: true })).status
  } catch (error) {
    if (isMissingTable(error)) return undefined
    throw error
  }
}

function pollDelayMs(attempt: number): number {
  return Math.max(50, retryDelayMs(attempt, { baseMs: 100, capMs: 1_000 }))
}

/** Wait until a table can be written to. One that was just made may not be known to every host of the service yet. */
export async function waitUntilActive(
  connection: Connection,
  collection: string,
  { signal, made }: { readonly signal?: AbortSignal; readonly made: boolean }
): Promise<Table> {
  const until = now() + longestWaitMs
  for (let attempt = 1; ; attempt++) {
    const table = await describeTable(connection, collection, { signal, writing: true }).catch((error: unknown) => {
      if (!made || attempt > mostMissing || !isMissingTable(error)) throw error
      return creating
    })
    // A table is usable while it is updated; it is not while it is made, deleted or archived.
    if (table.status === 'ACTIVE' || table.status === 'UPDATING') return table
    if (table.status !== 'CREATING' || now() > until) {
      throw new DocferryError('DOCFERRY_TARGET', `the DynamoDB table ${collection} is ${table.status}: try again when it is ACTIVE`, {
        provider: 'dynamodb',
        collection
      })
    }
    await sleep(pollDelayMs(attempt), signal)
  }
}
