/** The parts that are used of the Admin API's messages, as the vendor's code decodes them: 64-bit numbers are texts, enums their names. */

export interface Timestamp {
  readonly seconds: string
  readonly nanos?: number
}

/** `google.longrunning.Operation` */
export interface Operation {
  readonly name: string
  readonly done: boolean
  readonly metadata: { readonly type_url: string; readonly value: Buffer } | null
  readonly error?: { readonly code: number; readonly message: string } | null
}

export interface Work {
  readonly estimatedWork?: string
  readonly completedWork?: string
}

/** The metadata of the four kinds of operations that are told of; what is not set is missing. */
export interface OperationMetadata {
  /** What begins such an operation. */
  readonly method: 'exportDocuments' | 'importDocuments' | 'restoreDatabase' | 'cloneDatabase'
  readonly startTime?: Timestamp
  readonly endTime?: Timestamp
  readonly operationState?: string
  /** Of exports and imports, as the five after it. */
  readonly progressDocuments?: Work
  readonly progressBytes?: Work
  readonly collectionIds?: readonly string[]
  readonly outputUriPrefix?: string
  readonly inputUriPrefix?: string
  readonly snapshotTime?: Timestamp
  /** Of restores and clones, as the three after it: the new database's name. */
  readonly database?: string
  readonly backup?: string
  readonly pitrSnapshot?: { readonly database?: string; readonly snapshotTime?: Timestamp }
  readonly progressPercentage?: Work
}

/** `google.firestore.admin.v1.Database` */
export interface Database {
  readonly name: string
  readonly locationId: string
  readonly type: string
  readonly databaseEdition: string
  readonly versionRetentionPeriod: { readonly seconds: string } | null
  readonly earliestVersionTime: Timestamp | null
  readonly pointInTimeRecoveryEnablement: string
}

/** `google.firestore.admin.v1.Backup` */
export interface ScheduledBackup {
  readonly name: string
  readonly database: string
  readonly snapshotTime: Timestamp | null
  readonly expireTime: Timestamp | null
  readonly stats: { readonly sizeBytes: string; readonly documentCount: string } | null
  readonly state: string
}

/** `google.firestore.admin.v1.BackupSchedule` */
export interface BackupSchedule {
  readonly name: string
  readonly createTime: Timestamp | null
  readonly retention: { readonly seconds: string } | null
  readonly dailyRecurrence?: object | null
  readonly weeklyRecurrence?: { readonly day: string } | null
}

export function dateOf(time: Timestamp | null | undefined): Date | undefined {
  return time ? new Date(Number(time.seconds) * 1000 + Math.floor((time.nanos ?? 0) / 1_000_000)) : undefined
}

/** Of whole seconds. */
export function timestampOf(date: Date): { readonly seconds: number } {
  return { seconds: Math.floor(date.getTime() / 1000) }
}
