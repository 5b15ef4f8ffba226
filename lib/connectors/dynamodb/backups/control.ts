/** Calls about tables and backups, by the SDK's own commands: tried again while that helps, their errors in docferry's words. */
import { withRetry } from '../../../engine/retry.ts'
import { DocferryError } from '../../../errors.ts'
import type { OpenConnection } from '../client.ts'
import { translate } from '../errors.ts'
import { listTables } from '../tables.ts'
import { controlError } from './errors.ts'

export type { OpenConnection } from '../client.ts'

export interface About {
  /** The table, where the call is about one. */
  readonly collection?: string
  /** What the call is about, where that is no table: an ARN. */
  readonly id?: string
  readonly signal?: AbortSignal | undefined
  /** How often in all. Default that of `withRetry`. */
  readonly attempts?: number
}

/**
 * @param operation `CreateBackup`
 * @param send one try, with what gives it up
 * @throws {DocferryError} see `controlError`
 */
export async function ask<T>(
  { location }: OpenConnection,
  operation: string,
  { signal, attempts, ...about }: About,
  send: (options: { readonly abortSignal?: AbortSignal }, attempt: number) => Promise<T>
): Promise<T> {
  return await withRetry(
    async attempt => {
      try {
        return await send({ ...(signal && { abortSignal: signal }) }, attempt)
      } catch (error) {
        signal?.throwIfAborted()
        if (error instanceof DocferryError) throw error
        const context = { operation, address: location.address, ...about }
        throw controlError(error, context) ?? translate(error, context)
      }
    },
    { signal, ...(attempts !== undefined && { attempts }) }
  )
}

/** Whether nobody knows what has become of the call: its answer was lost, or nobody waited for it. */
export function isLost(error: unknown): boolean {
  return error instanceof DocferryError && (error.code === 'DOCFERRY_CONNECT' || error.code === 'DOCFERRY_INTERRUPTED')
}

/** @throws {DocferryError} DOCFERRY_NO_SUCH_COLLECTION */
export async function describe(connection: OpenConnection, table: string, signal: AbortSignal | undefined) {
  const { sdk, client } = connection
  const { Table } = await ask(connection, 'DescribeTable', { collection: table, signal }, options =>
    client.send(new sdk.DescribeTableCommand({ TableName: table }), options)
  )
  if (!Table?.TableArn)
    throw new DocferryError('DOCFERRY_CONNECT', `DynamoDB (${connection.location.address}) described no table: is it DynamoDB?`, {
      provider: 'dynamodb'
    })
  return { ...Table, TableArn: Table.TableArn }
}

/** @returns undefined where there is no such table */
export async function find(connection: OpenConnection, table: string, signal: AbortSignal | undefined) {
  try {
    return await describe(connection, table, signal)
  } catch (error) {
    if (error instanceof DocferryError && error.code === 'DOCFERRY_NO_SUCH_COLLECTION') return undefined
    throw error
  }
}

/** The tables that are meant, each once. @throws {DocferryError} DOCFERRY_NO_SUCH_COLLECTION where there are none */
export async function tablesOf(
  connection: OpenConnection,
  { collections, ifThere = false }: { readonly collections?: readonly string[]; readonly ifThere?: boolean },
  signal: AbortSignal | undefined
): Promise<readonly string[]> {
  if (collections && !ifThere) return [...new Set(collections)]
  const there = (await listTables(connection, { signal })).map(({ name }) => name)
  const meant = collections ? there.filter(name => collections.includes(name)) : there
  if (meant.length > 0) return meant
  const which = collections ? `none of the tables ${collections.join(', ')}` : 'no tables'
  throw new DocferryError('DOCFERRY_NO_SUCH_COLLECTION', `DynamoDB (${connection.location.address}) has ${which}: is the region right?`, {
    provider: 'dynamodb'
  })
}
