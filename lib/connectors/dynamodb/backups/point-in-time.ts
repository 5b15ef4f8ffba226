/** Continuous backups of a table, of which any moment can be restored. */
import type { Backup } from '../../../contracts/backup.ts'
import { ask, describe, tablesOf } from './control.ts'
import type { OpenConnection } from './control.ts'
import { continuousOf } from './describe.ts'
import { configError } from './names.ts'
import { beginAll } from './steps.ts'

export async function continuousBackups(
  connection: OpenConnection,
  table: string,
  arn: string,
  signal: AbortSignal | undefined
): Promise<Backup> {
  const { sdk, client } = connection
  const { ContinuousBackupsDescription } = await ask(connection, 'DescribeContinuousBackups', { collection: table, signal }, options =>
    client.send(new sdk.DescribeContinuousBackupsCommand({ TableName: table }), options)
  )
  return continuousOf(table, arn, ContinuousBackupsDescription)
}

/** @param change missing: tell of them. @throws {DocferryError} as `ask`, and DOCFERRY_CONFIG */
export async function pointInTime(
  connection: OpenConnection,
  collections: readonly string[] | undefined,
  change: 'on' | 'off' | undefined,
  { signal, recoveryDays, ifThere }: { readonly signal?: AbortSignal; readonly recoveryDays?: number; readonly ifThere?: boolean }
): Promise<readonly Backup[]> {
  if (recoveryDays !== undefined && change !== 'on') throw configError('--days is for switching on')
  // https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PointInTimeRecoverySpecification.html
  if (recoveryDays !== undefined && !(Number.isInteger(recoveryDays) && recoveryDays >= 1 && recoveryDays <= 35))
    throw configError('--days: DynamoDB keeps 1 to 35 days')
  if (change && !collections) throw configError('name the tables (--collections): DynamoDB bills continuous backups of each')
  const tables = await tablesOf(connection, { collections, ifThere }, signal)
  const arns = new Map<string, string>()
  for (const table of tables) arns.set(table, (await describe(connection, table, signal)).TableArn)
  if (!change) {
    const told: Backup[] = []
    for (const [table, arn] of arns) told.push(await continuousBackups(connection, table, arn, signal))
    return told
  }
  const steps = [...arns].map(([table, arn]) => ({
    planned: { id: arn, kind: 'point-in-time', state: 'planned', collections: [table] } as const,
    begin: () => update(connection, { table, arn, isOn: change === 'on', days: recoveryDays, signal })
  }))
  return await beginAll(steps, signal)
}

interface Update {
  readonly table: string
  readonly arn: string
  readonly isOn: boolean
  readonly days: number | undefined
  readonly signal: AbortSignal | undefined
}

async function update(connection: OpenConnection, { table, arn, isOn, days, signal }: Update): Promise<Backup> {
  const { sdk, client } = connection
  const input = {
    TableName: table,
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: isOn, RecoveryPeriodInDays: days }
  }
  const { ContinuousBackupsDescription } = await ask(connection, 'UpdateContinuousBackups', { collection: table, signal }, options =>
    client.send(new sdk.UpdateContinuousBackupsCommand(input), options)
  )
  return continuousOf(table, arn, ContinuousBackupsDescription)
}
