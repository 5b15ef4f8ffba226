/** What a project of Firestore's holds, and what is under way in it. Nothing goes by the clock: a spec, or each look, moves operations on. */
import type { Plain } from './protocol.ts'
import { StatusError, encodeAny, refuse } from './protocol.ts'

export const status = { cancelled: 1, notFound: 5, alreadyExists: 6, permissionDenied: 7, failedPrecondition: 9, unavailable: 14 } as const

const prefix = 'google.firestore.admin.v1.'

export type OperationKind = 'ExportDocuments' | 'ImportDocuments' | 'RestoreDatabase' | 'CloneDatabase' | 'CreateIndex'

const metadataTypes: Readonly<Record<OperationKind, string>> = {
  ExportDocuments: `${prefix}ExportDocumentsMetadata`,
  ImportDocuments: `${prefix}ImportDocumentsMetadata`,
  RestoreDatabase: `${prefix}RestoreDatabaseMetadata`,
  CloneDatabase: `${prefix}CloneDatabaseMetadata`,
  CreateIndex: `${prefix}IndexOperationMetadata`
}

export interface FakeOperation {
  readonly name: string
  readonly kind: OperationKind
  /** Of the request, as the metadata repeats it. */
  readonly told: Plain
  readonly startedAt: number
  state: string
  /** Documents of `total`; of restores, percents. */
  done: number
  total: number
  endedAt?: number
  error?: { readonly code: number; readonly message: string }
}

export interface FakeDatabase {
  readonly name: string
  pointInTime: boolean
  /** Ids of collections that hold documents. */
  readonly collections: Set<string>
}

export interface FakeBackup {
  readonly name: string
  readonly database: string
  state: 'CREATING' | 'READY' | 'NOT_AVAILABLE'
}

export class FirestoreState {
  readonly databases = new Map<string, FakeDatabase>()
  readonly operations = new Map<string, FakeOperation>()
  readonly backups = new Map<string, FakeBackup>()
  readonly schedules = new Map<string, Plain>()
  readonly buckets = new Set<string>()
  readonly unreachable: string[] = []
  /** Work that each look at a running operation finds done; none, and only a spec moves it on. */
  workPerLook = 0
  /** Whether lists of operations take a filter. */
  filters = true
  /** Documents that an operation reckons with. */
  total = 1_000
  #made = 0

  addDatabase(name: string, collections: readonly string[] = []): FakeDatabase {
    const database = { name, pointInTime: false, collections: new Set(collections) }
    this.databases.set(name, database)
    return database
  }

  /** @throws {StatusError} NOT_FOUND */
  database(name: string): FakeDatabase {
    return this.databases.get(name) ?? notFound(`Project or database '${name}' does not exist`)
  }

  begin(kind: OperationKind, database: string, told: Plain, total = this.total): FakeOperation {
    this.#made++
    const name = `${database}/operations/AS${this.#made}bXlEZWNvdXBsZWQ`
    const operation = { name, kind, told, startedAt: Date.UTC(2026, 0, 2, 3, this.#made), state: 'INITIALIZING', done: 0, total }
    this.operations.set(name, operation)
    return operation
  }

  isBeingMade(database: string): boolean {
    return [...this.operations.values()].some(operation => operation.told.database === database && !isOver(operation))
  }

  /** @throws {StatusError} NOT_FOUND */
  operation(name: string): FakeOperation {
    return this.operations.get(name) ?? notFound(`The operation ${name} does not exist`)
  }

  /** INITIALIZING -> PROCESSING -> SUCCESSFUL, or CANCELLING -> CANCELLED. */
  work(operation: FakeOperation, amount: number): void {
    if (isOver(operation)) return
    if (operation.state === 'CANCELLING')
      return this.#end(operation, 'CANCELLED', { code: status.cancelled, message: 'The operation was cancelled.' })
    operation.state = 'PROCESSING'
    operation.done = Math.min(operation.total, operation.done + amount)
    if (operation.done === operation.total) this.#end(operation, 'SUCCESSFUL')
  }

  fail(operation: FakeOperation, code: number, message: string): void {
    this.#end(operation, 'FAILED', { code, message })
  }

  #end(operation: FakeOperation, state: string, error?: FakeOperation['error']): void {
    operation.state = state
    operation.endedAt = operation.startedAt + 60_000
    if (error) operation.error = error
    const { database } = operation.told
    if (state === 'SUCCESSFUL' && typeof database === 'string') this.addDatabase(database, ['restored'])
  }

  /** As `google.longrunning.Operation` tells it. */
  tell(operation: FakeOperation): Plain {
    const { name, kind, told, startedAt, state, done, total, endedAt, error } = operation
    const work = { estimatedWork: total, completedWork: done }
    const isTransfer = kind === 'ExportDocuments' || kind === 'ImportDocuments'
    const progress = isTransfer
      ? { progressDocuments: work, progressBytes: { estimatedWork: total * 100, completedWork: done * 100 } }
      : { progressPercentage: { estimatedWork: 100, completedWork: Math.round((100 * done) / total) } }
    const times = { startTime: timestamp(startedAt), ...(endedAt !== undefined && { endTime: timestamp(endedAt) }) }
    const metadata = kind === 'CreateIndex' ? times : { ...told, ...progress, ...times, operationState: state }
    const response =
      kind === 'ExportDocuments' ? encodeAny(`${prefix}ExportDocumentsResponse`, told) : encodeAny('google.protobuf.Empty', {})
    return {
      name,
      metadata: encodeAny(metadataTypes[kind], metadata),
      done: isOver(operation),
      ...(error ? { error } : isOver(operation) && { response })
    }
  }

  tellDatabase({ name, pointInTime }: FakeDatabase): Plain {
    const retention = pointInTime ? 7 * 86_400 : 3_600
    return {
      name,
      locationId: 'eur3',
      type: 'FIRESTORE_NATIVE',
      databaseEdition: 'STANDARD',
      versionRetentionPeriod: { seconds: retention },
      earliestVersionTime: timestamp(Date.now() - retention * 1000),
      pointInTimeRecoveryEnablement: `POINT_IN_TIME_RECOVERY_${pointInTime ? 'ENABLED' : 'DISABLED'}`
    }
  }

  tellBackup({ name, database, state }: FakeBackup): Plain {
    const taken = Date.UTC(2026, 0, 1)
    const stats = state === 'READY' && { stats: { sizeBytes: 4_096, documentCount: 12, indexCount: 30 } }
    return { name, database, state, snapshotTime: timestamp(taken), expireTime: timestamp(taken + 7 * 86_400_000), ...stats }
  }

  /** @throws {StatusError} INVALID_ARGUMENT where it can't be read at this moment */
  checkSnapshot(database: FakeDatabase, time: unknown): void {
    const { seconds, nanos } = time as { readonly seconds: string; readonly nanos: number }
    const at = Number(seconds) * 1000
    if (at % 60_000 !== 0 || nanos !== 0) refuse('snapshot_time must be a whole minute')
    if (at > Date.now()) refuse('snapshot_time must be in the past')
    if (at < Date.now() - (database.pointInTime ? 7 * 86_400_000 : 3_600_000)) refuse('snapshot_time is before earliest_version_time')
  }
}

export function isOver({ state }: FakeOperation): boolean {
  return state === 'SUCCESSFUL' || state === 'FAILED' || state === 'CANCELLED'
}

function timestamp(ms: number): { seconds: number; nanos: number } {
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 }
}

export function notFound(details: string): never {
  throw new StatusError(status.notFound, details)
}
