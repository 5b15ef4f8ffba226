/** Restoring, always into new tables: from a backup, by its ARN or its name, or to a moment. What is in a bucket is `import.ts`. */
import type { TableDescription } from '@aws-sdk/client-dynamodb'
import type { Backup, RestoreRequest } from '../../../contracts/backup.ts'
import { DocferryError } from '../../../errors.ts'
import { ask, describe, find, tablesOf } from './control.ts'
import type { OpenConnection } from './control.ts'
import { backupOf, restoreOf } from './describe.ts'
import { offError } from './errors.ts'
import { checkMoment } from './create.ts'
import { importSteps } from './import.ts'
import { backupsOfTable } from './list.ts'
import { configError, nameIssue, parseArn } from './names.ts'
import type { Arn } from './names.ts'
import { anyText, oneOf, readOptions, renames } from './options.ts'
import { continuousBackups } from './point-in-time.ts'
import type { Step } from './steps.ts'

/** What is restored, and into which table. */
interface Restoring {
  readonly table: string
  readonly target: string
  /** Of a backup; missing: by point-in-time recovery. */
  readonly backup?: Backup
}

/** @throws {DocferryError} whatever keeps any of them from beginning, as far as DynamoDB tells before */
export async function restoreSteps(
  connection: OpenConnection,
  region: string,
  request: RestoreRequest,
  signal: AbortSignal | undefined
): Promise<readonly Step[]> {
  const { from, at, collections } = request
  if (from !== undefined && at !== undefined) throw configError('give either a backup or a moment (--at)')
  const arn = from?.startsWith('arn:') ? parseArn(from, region) : undefined
  if (from?.startsWith('s3:') || arn?.kind === 'export') return await importSteps(connection, request, arn, signal)
  if (/^\w+:\/\//.test(from ?? '')) throw configError('DynamoDB imports from a bucket of S3: s3://bucket/prefix')
  const options = readOptions<RestoreOptions>('a restore', request.options, {
    suffix: ['suffix', anyText],
    rename: ['rename', renames],
    billing: ['billing', oneOf({ 'on-demand': 'PAY_PER_REQUEST' } as const)],
    kmsKey: ['kms-key', anyText],
    indexes: ['indexes', oneOf({ none: [] })]
  })
  const found = arn
    ? [await backupOfArn(connection, arn, collections, signal)]
    : from === undefined
      ? await momentOf(connection, request, signal)
      : await backupsOfName(connection, from, request, signal)
  const restoring = await nameTargets(connection, found, { ...options, as: request.as }, signal)
  if (from === undefined) await checkMoments(connection, restoring, at, signal)
  return restoring.map(one => stepOf(connection, one, options, at, signal))
}

interface RestoreOptions {
  readonly suffix: string
  readonly rename: ReadonlyMap<string, string>
  readonly billing: 'PAY_PER_REQUEST'
  readonly kmsKey: string
  readonly indexes: never[]
}

type Found = Omit<Restoring, 'target'>

async function backupOfArn(
  connection: OpenConnection,
  { arn, kind, table }: Arn,
  collections: readonly string[] | undefined,
  signal: AbortSignal | undefined
): Promise<Found> {
  if (kind !== 'backup')
    throw configError(`that is the ARN of ${kind === 'table' ? 'a table' : 'an import'}: restore takes that of a backup or an export`)
  if (collections && (collections.length !== 1 || collections[0] !== table))
    throw configError(`that backup is of table ${table}, not of ${collections.join(', ')}`)
  const backup = await backupById(connection, arn, table, signal)
  if (backup.state !== 'available')
    throw new DocferryError(
      'DOCFERRY_BACKUP',
      `the backup of ${table} is ${backup.state === 'running' ? 'not made yet' : backup.state}: ${arn}`,
      { provider: 'dynamodb' }
    )
  return { table, backup }
}

export async function backupById(connection: OpenConnection, arn: string, table: string, signal: AbortSignal | undefined): Promise<Backup> {
  const { sdk, client } = connection
  const { BackupDescription } = await ask(connection, 'DescribeBackup', { id: arn, signal }, options =>
    client.send(new sdk.DescribeBackupCommand({ BackupArn: arn }), options)
  )
  return backupOf(BackupDescription!.BackupDetails!, BackupDescription?.SourceTableDetails?.TableName ?? table)
}

/** Of each table the newest of this name that can be restored. */
async function backupsOfName(
  connection: OpenConnection,
  name: string,
  { collections, ifThere }: RestoreRequest,
  signal: AbortSignal | undefined
): Promise<readonly Found[]> {
  const newest = new Map<string, Backup>()
  for (const wanted of collections ?? [undefined]) {
    for (const backup of await backupsOfTable(connection, wanted, signal)) {
      const [table] = backup.collections ?? []
      if (table === undefined || backup.name !== name || backup.state !== 'available') continue
      const before = newest.get(table)
      if (!before || (backup.startedAt ?? 0) > (before.startedAt ?? 0)) newest.set(table, backup)
    }
  }
  const missing = ifThere ? [] : (collections?.filter(table => !newest.has(table)) ?? [])
  if (newest.size === 0 || missing.length > 0) {
    const of = missing.length > 0 ? ` of ${missing.join(', ')}` : ''
    throw new DocferryError(
      'DOCFERRY_NO_SUCH_BACKUP',
      `DynamoDB (${connection.location.address}) has no backup called ${name}${of} that can be restored`,
      {
        provider: 'dynamodb'
      }
    )
  }
  return [...newest].map(([table, backup]) => ({ table, backup }))
}

async function momentOf(connection: OpenConnection, request: RestoreRequest, signal: AbortSignal | undefined): Promise<readonly Found[]> {
  if (!request.collections?.length) throw configError('name the tables whose moment is to be restored (--collections)')
  return (await tablesOf(connection, request, signal)).map(table => ({ table }))
}

/** @throws {DocferryError} DOCFERRY_CONFIG with every issue */
async function nameTargets(
  connection: OpenConnection,
  found: readonly Found[],
  { as, suffix, rename }: Partial<RestoreOptions> & { readonly as?: string },
  signal: AbortSignal | undefined
): Promise<readonly Restoring[]> {
  if (as !== undefined && (found.length > 1 || suffix !== undefined || rename)) {
    throw configError(`--as names one table, and there are ${found.length}: give --suffix, or --rename for each`)
  }
  const issues: string[] = []
  const unknown = [...(rename?.keys() ?? [])].filter(name => !found.some(({ table }) => table === name))
  if (unknown.length > 0) issues.push(`--rename: ${unknown.join(', ')} is not restored`)
  const taken = new Set<string>()
  const restoring: Restoring[] = []
  for (const one of found) {
    const target = as ?? rename?.get(one.table) ?? `${one.table}${suffix ?? ''}`
    const issue = nameIssue('the name of the new table', target)
    if (issue) issues.push(issue)
    else if (taken.has(target)) issues.push(`two would be restored into ${target}`)
    else if (await find(connection, target, signal))
      issues.push(`there is a table ${target} already, and DynamoDB restores only into a new one: give --as, --suffix or --rename`)
    taken.add(target)
    restoring.push({ ...one, target })
  }
  if (issues.length > 0) throw configError(issues.join('; '))
  return restoring
}

async function checkMoments(
  connection: OpenConnection,
  restoring: readonly Restoring[],
  at: Date | 'latest' | undefined,
  signal: AbortSignal | undefined
): Promise<void> {
  const off: string[] = []
  for (const { table } of restoring) {
    const { TableArn } = await describe(connection, table, signal)
    const { state, restorable } = await continuousBackups(connection, table, TableArn, signal)
    if (state === 'off') off.push(table)
    else if (at !== 'latest') checkMoment(table, at, restorable)
  }
  if (off.length > 0) throw offError(connection.location.address, off)
}

function stepOf(
  connection: OpenConnection,
  { table, target, backup }: Restoring,
  { billing, kmsKey, indexes }: Partial<RestoreOptions>,
  at: Date | 'latest' | undefined,
  signal: AbortSignal | undefined
): Step {
  const { sdk, client } = connection
  const overrides = {
    TargetTableName: target,
    BillingModeOverride: billing,
    GlobalSecondaryIndexOverride: indexes,
    LocalSecondaryIndexOverride: indexes,
    SSESpecificationOverride: kmsKey === undefined ? undefined : { Enabled: true, SSEType: 'KMS' as const, KMSMasterKeyId: kmsKey }
  }
  const snapshotAt = backup?.startedAt ?? (at === 'latest' ? undefined : at)
  return {
    planned: { id: '', kind: 'restore', state: 'planned', collections: [target], place: target, ...(snapshotAt && { snapshotAt }) },
    async begin() {
      if (backup) {
        return await restoreOnce(connection, 'RestoreTableFromBackup', target, { backup: backup.id, signal }, options =>
          client.send(new sdk.RestoreTableFromBackupCommand({ ...overrides, BackupArn: backup.id }), options)
        )
      }
      const moment = at === 'latest' ? { UseLatestRestorableTime: true } : { RestoreDateTime: at }
      return await restoreOnce(connection, 'RestoreTableToPointInTime', target, { table, signal }, options =>
        client.send(new sdk.RestoreTableToPointInTimeCommand({ ...overrides, ...moment, SourceTableName: table }), options)
      )
    }
  }
}

interface RestoredFrom {
  readonly backup?: string
  readonly table?: string
  readonly signal: AbortSignal | undefined
}

/** A try whose answer was lost may have begun it: then the table is there, and says of what it is made. */
async function restoreOnce(
  connection: OpenConnection,
  operation: string,
  target: string,
  { backup, table, signal }: RestoredFrom,
  send: (options: { readonly abortSignal?: AbortSignal }) => Promise<{ readonly TableDescription?: TableDescription | undefined }>
): Promise<Backup> {
  const { TableDescription } = await ask(connection, operation, { collection: target, id: backup, signal }, async (options, attempt) => {
    try {
      return await send(options)
    } catch (error) {
      const { name } = error as { name?: string }
      if (attempt === 1 || (name !== 'TableAlreadyExistsException' && name !== 'TableInUseException')) throw error
      const made = await find(connection, target, signal)
      const summary = made?.RestoreSummary
      const isOurs = summary && (backup === undefined ? summary.SourceTableArn?.endsWith(`/${table}`) : summary.SourceBackupArn === backup)
      if (!made || !isOurs) throw error
      return { TableDescription: made }
    }
  })
  return restoreOf(TableDescription!)
}
