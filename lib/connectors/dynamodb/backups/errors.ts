/** What DynamoDB refuses of backups, exports, imports and restores, and what a user can do about it. */
import { DocferryError } from '../../../errors.ts'
import type { DocferryErrorOptions, ErrorCode } from '../../../errors.ts'

export interface ControlContext {
  /** `CreateBackup` */
  readonly operation: string
  readonly address: string
  readonly collection?: string
  /** An ARN. */
  readonly id?: string
}

/** The vendor's own words are shown only where they can hold nothing but what these calls send: names, times and settings. */
const mostQuoted = 300

/** @returns undefined for what is not of these operations alone: credentials, the network, throttling */
export function controlError(error: unknown, { operation, address, collection, id }: ControlContext): DocferryError | undefined {
  const { name = '', message = '' } = error instanceof Error ? error : {}
  const table = collection ?? ''
  const make = (code: ErrorCode, text: string, more: DocferryErrorOptions = {}): DocferryError => {
    const cause = new Error(operation)
    cause.name = name
    return new DocferryError(code, `DynamoDB (${address}) ${text}`, { provider: 'dynamodb', collection, cause, ...more })
  }
  switch (name) {
    case 'BackupNotFoundException':
      return make('DOCFERRY_NO_SUCH_BACKUP', `knows no backup ${id ?? ''}: is the region right, and was it deleted?`)
    case 'ExportNotFoundException':
    case 'ImportNotFoundException':
      return make(
        'DOCFERRY_NO_SUCH_BACKUP',
        `knows no ${name.startsWith('E') ? 'export' : 'import'} ${id ?? ''}: it remembers them for 90 days`
      )
    case 'TableNotFoundException':
    case 'ResourceNotFoundException':
      return make('DOCFERRY_NO_SUCH_COLLECTION', `has no table ${table}: is the region right?`)
    case 'TableAlreadyExistsException':
    case 'ResourceInUseException':
      return make('DOCFERRY_CONFIG', `has a table ${table} already, and restores only into a new one: give --as or --suffix`)
    case 'TableInUseException':
      return make('DOCFERRY_BACKUP', `is making, deleting or restoring the table ${table} right now: try again when it is ACTIVE`, {
        retryable: true
      })
    case 'BackupInUseException':
      return make(
        'DOCFERRY_BACKUP',
        `is making, deleting or restoring another backup of ${table || id} right now: try again when that is done`,
        {
          retryable: true
        }
      )
    case 'ContinuousBackupsUnavailableException':
      return make('DOCFERRY_BACKUP', `can't back up ${table} yet: a new table needs some minutes for that`, { retryable: true })
    case 'PointInTimeRecoveryUnavailableException':
      return make('DOCFERRY_CONFIG', offText(table))
    case 'InvalidRestoreTimeException':
    case 'InvalidExportTimeException':
      return make('DOCFERRY_CONFIG', `has nothing of ${table} of that moment: docferry backup point-in-time shows which there are`)
    case 'ExportConflictException':
    case 'ImportConflictException':
      return make('DOCFERRY_BACKUP', `can't do it beside another that is under way for ${table}: try again when that is done`)
    case 'LimitExceededException':
      return make(
        'DOCFERRY_THROTTLED',
        `does no more of these at once (50 restores, 50 imports of an account): try again when some are done`,
        {
          retryable: true
        }
      )
    case 'UnknownOperationException':
      return make(
        'DOCFERRY_CONFIG',
        `knows no ${operation}: DynamoDB Local makes no backups, exports or restores. Use docferry export, or AWS's own DynamoDB`
      )
    case 'ValidationException':
      return make('DOCFERRY_CONFIG', `refused ${operation}${table && ` of ${table}`}: ${message.slice(0, mostQuoted)}`)
    default:
      return undefined
  }
}

/** What needs continuous backups where there are none. */
export function offError(address: string, tables: readonly string[]): DocferryError {
  return new DocferryError('DOCFERRY_CONFIG', `DynamoDB (${address}) ${offText(tables.join(', '))}`, { provider: 'dynamodb' })
}

function offText(tables: string): string {
  return `keeps no continuous backups of ${tables}, from which it restores moments and exports: switch them on with docferry backup point-in-time on --provider dynamodb --collections ${tables.replaceAll(', ', ',')}`
}
