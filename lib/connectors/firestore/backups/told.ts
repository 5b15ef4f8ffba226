/** What Firestore keeps and does, in the words of `Backup`. */
import type { Backup, BackupState, Progress } from '../../../contracts/backup.ts'
import { tidy } from '../details.ts'
import { bucketAdvice } from './errors.ts'
import {
  dateOf,
  type BackupSchedule,
  type Database,
  type Operation,
  type OperationMetadata,
  type ScheduledBackup,
  type Work
} from './messages.ts'
import { removalOf } from './names.ts'
import { grpcCode } from '../grpc.ts'

const kinds = {
  exportDocuments: 'export',
  importDocuments: 'import',
  restoreDatabase: 'restore',
  cloneDatabase: 'restore'
} as const satisfies Record<OperationMetadata['method'], Backup['kind']>

const states: Readonly<Record<string, BackupState>> = {
  INITIALIZING: 'running',
  PROCESSING: 'running',
  CANCELLING: 'running',
  FINALIZING: 'running',
  SUCCESSFUL: 'available',
  FAILED: 'failed',
  CANCELLED: 'cancelled'
}

export function tellOperation(operation: Operation, metadata: OperationMetadata): Backup {
  const { method, collectionIds, snapshotTime, pitrSnapshot, progressDocuments, progressBytes, progressPercentage } = metadata
  const kind = kinds[method]
  const state = stateOf(operation, metadata)
  const documents = progressOf(progressDocuments)
  const bytes = progressOf(progressBytes)
  const percent = percentOf(progressPercentage)
  const progress: Progress = { ...(documents && { documents }), ...(bytes && { bytes }), ...(percent !== undefined && { percent }) }
  const place = metadata.outputUriPrefix ?? metadata.inputUriPrefix ?? metadata.database
  return {
    id: operation.name,
    kind,
    state,
    collections: collectionIds ?? [],
    startedAt: dateOf(metadata.startTime),
    finishedAt: dateOf(metadata.endTime),
    snapshotAt: dateOf(snapshotTime ?? pitrSnapshot?.snapshotTime),
    place: kind === 'restore' ? place?.split('/').pop() : place,
    // What is done of an operation that is over is all that there was, whatever was reckoned with.
    ...(state === 'running' ? { progress } : { documents: documents?.done, bytes: bytes?.done }),
    message: messageOf(operation, metadata, state)
  }
}

/** The result counts where there is one: the metadata may be older. */
function stateOf({ done, error }: Operation, { operationState = '' }: OperationMetadata): BackupState {
  if (error) return error.code === grpcCode.cancelled ? 'cancelled' : 'failed'
  if (done) return states[operationState] === 'failed' || states[operationState] === 'cancelled' ? states[operationState] : 'available'
  return states[operationState] === 'available' ? 'running' : (states[operationState] ?? 'running')
}

function messageOf({ error }: Operation, metadata: OperationMetadata, state: BackupState): string | undefined {
  const { outputUriPrefix: to, operationState, method, database } = metadata
  if (state === 'running') return operationState === 'CANCELLING' ? 'being cancelled' : undefined
  if (state === 'cancelled') {
    if (to !== undefined) return `what it had exported can't be imported, and stays in the bucket: ${removalOf(to)}`
    return method === 'importDocuments' ? 'what it had imported stays in the database' : undefined
  }
  if (state === 'available' && database !== undefined) return restoredNote(database)
  if (state !== 'failed') return undefined
  const said = tidy(error?.message ?? '') || 'Firestore gives no reason'
  return /Cloud Storage|bucket|storage\.\w+\.\w+/i.test(said) ? `${said}; ${bucketAdvice}` : said
}

/** https://cloud.google.com/firestore/docs/backups: what to do after restoring */
function restoredNote(database: string): string {
  const [, project, , id] = database.split('/')
  return `it is firestore://${project}?database=${id}; security rules and rules for expiry (TTL) are not restored with it`
}

function progressOf(work: Work | undefined): { readonly done: number; readonly of?: number } | undefined {
  if (work === undefined) return undefined
  const of = Number(work.estimatedWork ?? 0)
  return { done: Number(work.completedWork ?? 0), ...(of > 0 && { of }) }
}

function percentOf(work: Work | undefined): number | undefined {
  if (work === undefined) return undefined
  return Math.min(100, Math.round((100 * Number(work.completedWork ?? 0)) / (Number(work.estimatedWork ?? 0) || 100)))
}

const backupStates: Readonly<Record<string, BackupState>> = { CREATING: 'running', READY: 'available' }

export function tellBackup({ name, snapshotTime, expireTime, stats, state }: ScheduledBackup): Backup {
  return {
    id: name,
    kind: 'backup',
    state: backupStates[state] ?? 'unknown',
    startedAt: dateOf(snapshotTime),
    snapshotAt: dateOf(snapshotTime),
    expiresAt: dateOf(expireTime),
    ...(stats && { documents: Number(stats.documentCount), bytes: Number(stats.sizeBytes) }),
    ...(backupStates[state] === undefined && { message: `Firestore says ${state}` })
  }
}

export function tellSchedule({ name, createTime, retention, weeklyRecurrence }: BackupSchedule): Backup {
  const days = Number(retention?.seconds ?? 0) / 86_400
  const when = weeklyRecurrence ? `a backup each ${capital(weeklyRecurrence.day)}` : 'a backup each day'
  return {
    id: name,
    kind: 'schedule',
    state: 'available',
    startedAt: dateOf(createTime),
    message: `${when}, kept for ${days === 1 ? 'a day' : `${days} days`}`
  }
}

function capital(day: string): string {
  return day.slice(0, 1) + day.slice(1).toLowerCase()
}

export function isPointInTimeOn({ pointInTimeRecoveryEnablement }: Database): boolean {
  return pointInTimeRecoveryEnablement === 'POINT_IN_TIME_RECOVERY_ENABLED'
}

export function tellPointInTime(database: Database): Backup {
  const from = dateOf(database.earliestVersionTime)
  const isOn = isPointInTimeOn(database)
  return {
    id: database.name,
    kind: 'point-in-time',
    state: isOn ? 'available' : 'off',
    ...(from && { restorable: { from, until: new Date() } }),
    message: isOn
      ? 'each whole minute of up to 7 days, from the moment on at which it was switched on'
      : 'each whole minute of the last hour only'
  }
}
