/** Backups that DynamoDB keeps, and exports to a bucket. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { Backup, CreateRequest } from '../../../contracts/backup.ts'
import { ask, describe, tablesOf } from './control.ts'
import type { OpenConnection } from './control.ts'
import { backupOf, exportOf } from './describe.ts'
import { offError } from './errors.ts'
import { backupsOfTable } from './list.ts'
import { bucketText, configError, nameIssue, parseBucket } from './names.ts'
import { anyText, bucketOwner, formats, oneOf, readOptions, time } from './options.ts'
import { continuousBackups } from './point-in-time.ts'
import type { Step } from './steps.ts'

/** @throws {DocferryError} whatever keeps any of them from beginning, as far as DynamoDB tells before */
export async function createSteps(
  connection: OpenConnection,
  request: CreateRequest,
  signal: AbortSignal | undefined
): Promise<readonly Step[]> {
  const prepare = request.to === undefined ? prepareBackups(connection, request, signal) : prepareExports(connection, request, signal)
  const steps: Step[] = []
  const off: string[] = []
  for (const table of await tablesOf(connection, request, signal)) {
    const step = await prepare(table)
    if (step === 'off') off.push(table)
    else steps.push(step)
  }
  if (off.length > 0) throw offError(connection.location.address, off)
  return steps
}

type Prepare = (table: string) => Promise<Step | 'off'>

function prepareBackups(connection: OpenConnection, { name, at, options }: CreateRequest, signal: AbortSignal | undefined): Prepare {
  readOptions('a backup that DynamoDB keeps', options, {})
  if (at)
    throw configError(
      '--at: DynamoDB backs up what is there now; what was there before can be exported (--to s3://bucket/prefix) or restored'
    )
  const issue = name === undefined ? undefined : nameIssue('--name', name)
  if (issue) throw configError(issue)
  const backupName = name ?? `docferry-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}-${randomBytes(3).toString('hex')}`
  return async table => {
    await describe(connection, table, signal)
    // A name is no identity: those that have it already are not the one that is about to be made.
    const before = name === undefined ? new Set() : new Set((await named(connection, table, backupName, signal)).map(({ id }) => id))
    const find = async (): Promise<Backup | undefined> =>
      (await named(connection, table, backupName, signal)).find(({ id }) => !before.has(id))
    return {
      planned: { id: '', kind: 'backup', state: 'planned', name: backupName, collections: [table] },
      begin: () => createBackup(connection, table, backupName, find, signal)
    }
  }
}

async function named(connection: OpenConnection, table: string, name: string, signal: AbortSignal | undefined): Promise<readonly Backup[]> {
  return (await backupsOfTable(connection, table, signal)).filter(backup => backup.name === name)
}

/** CreateBackup knows no token: after an answer that was lost, the backup is looked for before it is asked for again. */
async function createBackup(
  connection: OpenConnection,
  table: string,
  name: string,
  findMade: () => Promise<Backup | undefined>,
  signal: AbortSignal | undefined
): Promise<Backup> {
  const { sdk, client } = connection
  let isDoubtful = false
  return await ask(connection, 'CreateBackup', { collection: table, signal }, async (options, attempt) => {
    const made = attempt > 1 && isDoubtful ? await findMade() : undefined
    if (made) return made
    isDoubtful = true
    try {
      const { BackupDetails } = await client.send(new sdk.CreateBackupCommand({ TableName: table, BackupName: name }), options)
      return backupOf(BackupDetails!, table)
    } catch (error) {
      // An answer that has come says that there is none.
      if ((error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 400) isDoubtful = false
      throw error
    }
  })
}

interface ExportOptions {
  readonly format: 'DYNAMODB_JSON' | 'ION'
  readonly sse: 'AES256' | 'KMS'
  readonly kmsKey: string
  readonly bucketOwner: string
  readonly since: Date
  readonly until: Date
  readonly view: 'NEW_IMAGE' | 'NEW_AND_OLD_IMAGES'
}

function prepareExports(
  connection: OpenConnection,
  { name, to = '', at, options }: CreateRequest,
  signal: AbortSignal | undefined
): Prepare {
  const { sdk, client } = connection
  const place = parseBucket(to)
  const read = readOptions<ExportOptions>('an export', options, {
    format: ['format', oneOf(formats)],
    sse: ['sse', oneOf({ aes256: 'AES256', kms: 'KMS' } as const)],
    kmsKey: ['kms-key', anyText],
    bucketOwner: ['bucket-owner', bucketOwner],
    since: ['since', time],
    until: ['until', time],
    view: ['view', oneOf({ new: 'NEW_IMAGE', 'new-and-old': 'NEW_AND_OLD_IMAGES' } as const)]
  })
  const { format = 'DYNAMODB_JSON', kmsKey, sse = kmsKey === undefined ? undefined : 'KMS', since, until, view } = read
  if (name !== undefined) throw configError('--name: DynamoDB gives an export no name; its prefix in the bucket can tell it from others')
  if (kmsKey !== undefined && sse !== 'KMS') throw configError('kms-key is for sse=kms')
  if (!since && (until || view)) throw configError('until and view are for an export of changes: give since (--since) too')
  if (since && at) throw configError('--at is for an export of all, --since and --until for one of changes: give one of them')
  if (since && until && since >= until) throw configError('--since: must be before --until')
  return async table => {
    const { TableArn } = await describe(connection, table, signal)
    const { state, restorable } = await continuousBackups(connection, table, TableArn, signal)
    if (state === 'off') return 'off'
    for (const moment of [at, since, until]) checkMoment(table, moment, restorable)
    if (since) checkPeriod(table, since, until ?? restorable?.until, until === undefined)
    // The same for every try, so that a try whose answer was lost does not begin a second one.
    const token = randomUUID()
    const input = {
      TableArn,
      ClientToken: token,
      S3Bucket: place.bucket,
      S3Prefix: place.prefix || undefined,
      S3BucketOwner: read.bucketOwner,
      S3SseAlgorithm: sse,
      S3SseKmsKeyId: kmsKey,
      ExportFormat: format,
      ExportTime: at,
      ...(since && {
        ExportType: 'INCREMENTAL_EXPORT' as const,
        IncrementalExportSpecification: { ExportFromTime: since, ExportToTime: until, ExportViewType: view }
      })
    }
    return {
      planned: { id: '', kind: 'export', state: 'planned', collections: [table], place: bucketText(place), snapshotAt: at },
      async begin() {
        const { ExportDescription } = await ask(connection, 'ExportTableToPointInTime', { collection: table, signal }, send =>
          client.send(new sdk.ExportTableToPointInTimeCommand(input), send)
        )
        return exportOf(ExportDescription!)
      }
    }
  }
}

const minute = 60_000
const leastPeriod = 15 * minute
const mostPeriod = 24 * 60 * minute

/**
 * Of an export of changes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport_Requesting.html
 *
 * @param until missing: not known, and DynamoDB's to check
 * @param isLatest whether nothing was said, which means as late as DynamoDB can
 * @throws {DocferryError} DOCFERRY_CONFIG
 */
function checkPeriod(table: string, since: Date, until: Date | undefined, isLatest: boolean): void {
  if (!until) return
  const period = until.getTime() - since.getTime()
  if (period >= leastPeriod && period <= mostPeriod) return
  const end = isLatest ? `the latest that DynamoDB can export, ${until.toISOString()},` : until.toISOString()
  const rule = 'exports of changes are of 15 minutes to 24 hours each'
  const hint =
    period > mostPeriod
      ? `give --until ${new Date(since.getTime() + mostPeriod).toISOString()}, and export the rest from then on`
      : 'give an earlier --since'
  throw configError(
    `--since: of ${table}, from ${since.toISOString()} to ${end} ${Math.floor(period / minute)} minutes pass, and ${rule}: ${hint}`,
    table
  )
}

/** @throws {DocferryError} DOCFERRY_CONFIG */
export function checkMoment(table: string, moment: Date | undefined, kept: Backup['restorable']): void {
  if (!moment || !kept || (moment >= kept.from && moment <= kept.until)) return
  const window = `from ${kept.from.toISOString()} to ${kept.until.toISOString()}`
  throw configError(`${moment.toISOString()}: of ${table} DynamoDB knows the moments ${window}`, table)
}
