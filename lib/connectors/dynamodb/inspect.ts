/** Looks at the tables of a DynamoDB for a checklist: what follows their changes, what removes items, what bounds their throughput. */
import { DocferryError } from '../../errors.ts'
import { withRetry } from '../../engine/retry.ts'
import type { Inspection, InspectOptions } from '../../contracts/inspection.ts'
import type { Connection } from './client.ts'
import { isMissingTable } from './errors.ts'
import { listTables } from './tables.ts'
import type { Operation } from './commands.ts'

interface TableDescription {
  readonly TableStatus?: string
  readonly BillingModeSummary?: { readonly BillingMode?: string }
  readonly ProvisionedThroughput?: { readonly ReadCapacityUnits?: number; readonly WriteCapacityUnits?: number }
  readonly OnDemandThroughput?: { readonly MaxReadRequestUnits?: number; readonly MaxWriteRequestUnits?: number }
  readonly StreamSpecification?: { readonly StreamEnabled?: boolean; readonly StreamViewType?: string }
  readonly Replicas?: readonly { readonly RegionName?: string }[]
  readonly GlobalSecondaryIndexes?: readonly { readonly IndexName?: string }[]
}

interface TimeToLive {
  readonly TimeToLiveDescription?: { readonly TimeToLiveStatus?: string; readonly AttributeName?: string }
}

interface ContinuousBackups {
  readonly ContinuousBackupsDescription?: { readonly PointInTimeRecoveryDescription?: { readonly PointInTimeRecoveryStatus?: string } }
}

/** The service refuses a signature that is older or newer: "Troubleshooting Signature Version 4", AWS IAM User Guide. */
const mostSkewMs = 5 * 60_000

const tablesAtOnce = 4

interface Look {
  readonly live: readonly string[]
  readonly notes: readonly string[]
}

export async function inspect(connection: Connection, { end, collections, signal }: InspectOptions): Promise<Inspection> {
  const names = collections ?? (await listTables(connection, { signal })).map(({ name }) => name)
  const looks: Look[] = []
  for (let start = 0; start < names.length; start += tablesAtOnce)
    looks.push(...(await Promise.all(names.slice(start, start + tablesAtOnce).map(name => lookAt(connection, name, end, signal)))))
  const clock = connection.clock?.()
  return {
    version: 'DynamoDB',
    ...(clock && { clock }),
    mostSkewMs,
    rights:
      end === 'source'
        ? []
        : [
            {
              what: 'create tables and write to them',
              isGranted: 'unknown',
              advice:
                '--probe-write tries it; dynamodb:CreateTable, BatchWriteItem, TransactWriteItems, PutItem and BatchGetItem are needed'
            }
          ],
    live: looks.flatMap(({ live }) => live),
    notes: looks.flatMap(({ notes }) => notes)
  }
}

async function lookAt(connection: Connection, name: string, end: InspectOptions['end'], signal?: AbortSignal): Promise<Look> {
  const ask = <T>(operation: Operation): Promise<T | undefined> => whatIsTold(connection, operation, name, signal)
  const table = (await ask<{ readonly Table?: TableDescription }>('DescribeTable'))?.Table
  if (!table) return { live: [], notes: [] }
  const expiry = (await ask<TimeToLive>('DescribeTimeToLive'))?.TimeToLiveDescription
  const backups = (await ask<ContinuousBackups>('DescribeContinuousBackups'))?.ContinuousBackupsDescription
  const isExpiring = expiry?.TimeToLiveStatus === 'ENABLED' || expiry?.TimeToLiveStatus === 'ENABLING'
  const pointInTime = backups?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus
  const replicas = table.Replicas ?? []
  const indexes = table.GlobalSecondaryIndexes?.length ?? 0
  const live = [
    ...(table.TableStatus !== undefined && table.TableStatus !== 'ACTIVE' ? [`${name} is ${table.TableStatus}`] : []),
    ...(isExpiring
      ? [`${name}: items are deleted by themselves once they are over the time in ${expiry.AttributeName ?? 'an attribute'} (TTL)`]
      : []),
    ...(table.StreamSpecification?.StreamEnabled
      ? [
          end === 'source'
            ? `${name} has a stream (${table.StreamSpecification.StreamViewType ?? 'on'}): something follows its changes, which will not be in the target`
            : `${name} has a stream (${table.StreamSpecification.StreamViewType ?? 'on'}): whatever follows it is told of every document that is written`
        ]
      : []),
    ...(replicas.length > 0
      ? [`${name} is a global table (${replicas.map(({ RegionName }) => RegionName ?? '?').join(', ')}): others may write to its replicas`]
      : [])
  ]
  const notes = [
    ...throughputNotes(name, table, end),
    ...(end === 'source' && pointInTime !== undefined ? [`${name}: point-in-time recovery is ${pointInTime.toLowerCase()}`] : []),
    ...(end === 'target' && indexes > 0 ? [`${name}: each write also costs write units for ${indexes} indexes`] : [])
  ]
  return { live, notes }
}

function throughputNotes(name: string, table: TableDescription, end: InspectOptions['end']): string[] {
  const isOnDemand = table.BillingModeSummary?.BillingMode === 'PAY_PER_REQUEST'
  const { ReadCapacityUnits: read = 0, WriteCapacityUnits: write = 0 } = table.ProvisionedThroughput ?? {}
  const { MaxReadRequestUnits: mostRead = 0, MaxWriteRequestUnits: mostWrite = 0 } = table.OnDemandThroughput ?? {}
  const [units, most, flag] = end === 'source' ? [read, mostRead, '--max-rcu'] : [write, mostWrite, '--max-wcu']
  const kind = end === 'source' ? 'read' : 'write'
  if (!isOnDemand && units > 0)
    return [
      `${name} is provisioned with ${units} ${kind} units a second, shared with whoever uses it: leave room with ${flag}; auto scaling follows only after minutes`
    ]
  return most > 0 ? [`${name} takes at most ${most} ${kind} units a second, shared with whoever uses it: leave room with ${flag}`] : []
}

/** Undefined where there is no such table, the user may not ask, or the service (DynamoDB Local) has no such operation. */
async function whatIsTold<T>(
  connection: Connection,
  operation: Operation,
  collection: string,
  signal?: AbortSignal
): Promise<T | undefined> {
  try {
    const body = JSON.stringify({ TableName: collection })
    return (await withRetry(() => connection.call<T>(operation, body, { collection, signal }), { signal, attempts: 5 })).value
  } catch (error) {
    signal?.throwIfAborted()
    if (isMissingTable(error)) return undefined
    if (error instanceof DocferryError && !error.retryable && error.code !== 'DOCFERRY_AUTH') return undefined
    throw error
  }
}
