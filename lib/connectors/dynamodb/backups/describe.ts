/** What DynamoDB tells of a backup, export, import or restore, in docferry's words. */
import type {
  BackupDetails,
  BackupSummary,
  ContinuousBackupsDescription,
  ExportDescription,
  ImportTableDescription,
  TableDescription
} from '@aws-sdk/client-dynamodb'
import type { Backup, BackupState } from '../../../contracts/backup.ts'
import { bucketText, tableOf } from './names.ts'
import { definedOf } from '../../../values/defined.ts'
import { formatCount } from '../../../values/format-count.ts'

/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_RestoreTableFromBackup.html, ..._RestoreTableToPointInTime.html */
const notRestored =
  'set up again what no restore brings back: auto scaling, IAM policies, CloudWatch alarms, tags, streams, time to live, point-in-time recovery'

const made: Readonly<Record<string, string>> = {
  SYSTEM: 'DynamoDB made it when the table was deleted, and keeps it for 35 days',
  AWS_BACKUP: 'made by AWS Backup, which restores and deletes it'
}

export function backupOf(details: BackupDetails | BackupSummary, table: string | undefined): Backup {
  const { BackupArn: id = '', BackupName: name, BackupStatus: status, BackupType: type = '', BackupSizeBytes: bytes } = details
  const state = stateOf(status, { CREATING: 'running', AVAILABLE: 'available', DELETED: 'deleted' })
  return whole({
    id,
    kind: 'backup',
    state,
    name,
    collections: tables(table ?? tableOf(id)),
    startedAt: details.BackupCreationDateTime,
    expiresAt: details.BackupExpiryDateTime,
    // It is reckoned every six hours: of a new table nothing is known.
    bytes: bytes === 0 ? undefined : bytes,
    message: state === 'unknown' ? unknownText(status) : made[type]
  })
}

export function exportOf(description: ExportDescription): Backup {
  const { ExportArn: id = '', ExportStatus: status, ExportManifest: manifest, S3Bucket: bucket = '', S3Prefix = '' } = description
  const state = stateOf(status, { IN_PROGRESS: 'running', COMPLETED: 'available', FAILED: 'failed' })
  const { ExportFromTime: from, ExportToTime: until } = description.IncrementalExportSpecification ?? {}
  const changes = from && `only what changed from ${from.toISOString()}${until === undefined ? '' : ` until ${until.toISOString()}`}`
  return whole({
    id,
    kind: 'export',
    state,
    collections: tables(tableOf(description.TableArn ?? id)),
    startedAt: description.StartTime,
    finishedAt: description.EndTime,
    snapshotAt: description.ExportTime,
    place: bucketText({ bucket, prefix: manifest === undefined ? S3Prefix : manifest.replace(/[^/]*$/, '') }),
    documents: state === 'available' ? description.ItemCount : undefined,
    bytes: state === 'available' ? description.BilledSizeBytes : undefined,
    message: state === 'failed' ? failureText(description) : state === 'unknown' ? unknownText(status) : changes
  })
}

export function importOf(description: ImportTableDescription): Backup {
  const { ImportArn: id = '', ImportStatus: status, ErrorCount: errors = 0, S3BucketSource: source } = description
  const { ProcessedItemCount: read = 0, ImportedItemCount: imported = 0, ProcessedSizeBytes: bytes = 0 } = description
  const ended = stateOf(status, {
    IN_PROGRESS: 'running',
    CANCELLING: 'running',
    COMPLETED: 'available',
    CANCELLED: 'cancelled',
    FAILED: 'failed'
  })
  const isShort = ended === 'available' && errors > 0
  const again = read - imported
  return whole({
    id,
    kind: 'import',
    // What could not be imported is missing in the table.
    state: isShort ? 'failed' : ended,
    collections: tables(description.TableCreationParameters?.TableName ?? tableOf(description.TableArn ?? id)),
    startedAt: description.StartTime,
    finishedAt: description.EndTime,
    place: source && bucketText({ bucket: source.S3Bucket ?? '', prefix: source.S3KeyPrefix ?? '' }),
    documents: ended === 'available' ? imported : undefined,
    bytes: ended === 'available' ? bytes : undefined,
    progress: { documents: { done: read }, bytes: { done: bytes } },
    message: isShort
      ? `${formatCount(errors)} items of ${formatCount(read)} could not be imported, the others are in the table: their reasons are in CloudWatch, log group ${logGroup(description.CloudWatchLogGroupArn)}`
      : ended === 'failed' || (ended === 'cancelled' && description.FailureCode !== undefined)
        ? failureText(description)
        : ended === 'unknown'
          ? unknownText(status)
          : ended === 'available' && again > 0
            ? `${formatCount(read)} items were read, and ${formatCount(imported)} are in the table: of items with one key only one stays`
            : undefined
  })
}

/** A table that is or was restored. */
export function restoreOf(table: TableDescription): Backup {
  const { TableArn: id = '', TableName, TableStatus: status, RestoreSummary: summary, ItemCount: documents, TableSizeBytes: bytes } = table
  const known = stateOf(status, {
    CREATING: 'running',
    ACTIVE: 'available',
    UPDATING: 'available',
    DELETING: 'deleted',
    INACCESSIBLE_ENCRYPTION_CREDENTIALS: 'failed',
    ARCHIVING: 'failed',
    ARCHIVED: 'failed'
  })
  const state = known === 'available' && summary?.RestoreInProgress ? 'running' : known
  return whole({
    id,
    kind: 'restore',
    state,
    collections: tables(TableName),
    startedAt: table.CreationDateTime,
    snapshotAt: summary?.RestoreDateTime,
    place: TableName,
    documents: documents === 0 ? undefined : documents,
    bytes: bytes === 0 ? undefined : bytes,
    message: state === 'failed' ? `the table is ${status}` : state === 'unknown' ? unknownText(status) : notRestored
  })
}

export function continuousOf(table: string, arn: string, description: ContinuousBackupsDescription | undefined): Backup {
  const { PointInTimeRecoveryStatus: status, RecoveryPeriodInDays: days, ...times } = description?.PointInTimeRecoveryDescription ?? {}
  const { EarliestRestorableDateTime: from, LatestRestorableDateTime: until } = times
  return whole({
    id: arn,
    kind: 'point-in-time',
    state: status === 'ENABLED' ? 'available' : 'off',
    collections: [table],
    restorable: from && until && { from, until },
    message: status === 'ENABLED' && days !== undefined ? `kept for ${days} days` : undefined
  })
}

function stateOf(status: string | undefined, known: Readonly<Record<string, BackupState>>): BackupState {
  return known[status ?? ''] ?? 'unknown'
}

function unknownText(status: string | undefined): string {
  return `DynamoDB calls it ${status ?? 'nothing'}`
}

/** The service's own words only where they are of buckets, keys and rights; others may quote an item. */
function failureText({
  FailureCode: code = 'no reason given',
  FailureMessage: message
}: {
  FailureCode?: string
  FailureMessage?: string
}): string {
  const isOfPlace = /^(?:S3|KMS|Access|NoSuchBucket|Bucket)/.test(code)
  return `DynamoDB: ${code}${isOfPlace && message ? `: ${message.slice(0, 300)}` : ''}`
}

function logGroup(arn: string | undefined): string {
  return arn === undefined ? '/aws-dynamodb/imports' : (/:log-group:([^:]+)/.exec(arn)?.[1] ?? arn)
}

function tables(name: string | undefined): readonly string[] {
  return name === undefined ? [] : [name]
}

type Optional<T> = { [Key in keyof T]: T[Key] | undefined }

/** Without the fields of which nothing is known. */
function whole(parts: Pick<Backup, 'id' | 'kind' | 'state'> & Optional<Omit<Backup, 'id' | 'kind' | 'state'>>): Backup {
  return definedOf(parts)
}
