/**
 * What the Admin API says, in docferry's words, with the role that is missing by Google's own table:
 * https://cloud.google.com/firestore/docs/security/iam
 */
import { DocferryError, type ErrorCode } from '../../../errors.ts'
import { shownDetails } from '../details.ts'
import { codeName, grpcCode, isGrpcError } from '../errors.ts'

/** What a call is for, and who may make it. */
export interface AdminTask {
  /** Behind `cannot`. */
  readonly doing: string
  readonly role: string
  /** Whether it begins something, which may have begun although the answer was lost: see `beginOnce`. */
  readonly begins?: boolean
  /** Whether Firestore goes to a bucket for it. */
  readonly bucket?: boolean
  /** Whether what is missing, where something is, is what the user named. */
  readonly named?: boolean
}

const backupsAdmin = 'roles/datastore.backupsAdmin'
const schedulesAdmin = 'roles/datastore.backupSchedulesAdmin'
const transfers = 'roles/datastore.importExportAdmin'

export const tasks = {
  look: { doing: 'look at the database', role: 'roles/datastore.viewer' },
  pointInTime: { doing: 'switch point-in-time recovery', role: 'roles/datastore.owner' },
  export: { doing: 'export', role: transfers, begins: true, bucket: true },
  import: { doing: 'import', role: transfers, begins: true, bucket: true },
  operations: { doing: 'look at exports and imports', role: transfers, named: true },
  cancel: { doing: 'cancel', role: transfers, named: true },
  forget: { doing: 'remove from the list of operations', role: 'roles/datastore.owner', named: true },
  backups: { doing: 'look at backups', role: 'roles/datastore.backupsViewer', named: true },
  removeBackup: { doing: 'delete a backup', role: backupsAdmin, named: true },
  restore: { doing: 'restore', role: 'roles/datastore.restoreAdmin', begins: true, named: true },
  clone: { doing: 'restore by point-in-time recovery', role: 'roles/datastore.cloneAdmin', begins: true },
  schedules: { doing: 'look at the schedules of backups', role: 'roles/datastore.backupSchedulesViewer', named: true },
  createSchedule: { doing: 'make a schedule of backups', role: schedulesAdmin, begins: true },
  removeSchedule: { doing: 'delete a schedule of backups', role: schedulesAdmin, named: true }
} as const satisfies Record<string, AdminTask>

interface ErrorPlace {
  readonly task: AdminTask
  readonly address: string
  readonly subject: string | undefined
}

/** Enough of the service's own word to tell what it was; its error may carry the request. */
class AdminApiError extends Error {
  override readonly name = 'AdminApiError'
  readonly grpc: number
  constructor(grpc: number, details: string) {
    super(details === '' ? codeName(grpc) : `${codeName(grpc)} ${details}`)
    this.grpc = grpc
  }
}

const passing: ReadonlySet<number> = new Set([
  grpcCode.cancelled,
  grpcCode.unknown,
  grpcCode.deadlineExceeded,
  grpcCode.resourceExhausted,
  grpcCode.aborted,
  grpcCode.internal,
  grpcCode.unavailable
])

/** @returns the error to throw; what is no gRPC error comes back as it is */
export function adminError(error: unknown, { task, address, subject }: ErrorPlace): unknown {
  if (!isGrpcError(error)) return error
  const cause = new AdminApiError(error.code, shownDetails(error, false))
  const { code, advice } = meaningOf(error.code, cause.message, task)
  const what = subject === undefined ? '' : ` ${subject}`
  const message = `cannot ${task.doing}${what} (Firestore, ${address}): ${cause.message}; ${advice}`
  return new DocferryError(code, message, { provider: 'firestore', cause, retryable: passing.has(error.code) })
}

/** Whether nobody knows what has become of a call; a quota refuses before anything begins. */
export function mayHaveBegun(error: DocferryError): boolean {
  return error.retryable && !isStatus(error, [grpcCode.resourceExhausted])
}

function isStatus(error: unknown, codes: readonly number[]): error is DocferryError {
  return error instanceof DocferryError && error.cause instanceof AdminApiError && codes.includes(error.cause.grpc)
}

export function isMissing(error: unknown): error is DocferryError {
  return isStatus(error, [grpcCode.notFound])
}

export function isRefused(error: unknown): error is DocferryError {
  return isStatus(error, [grpcCode.permissionDenied])
}

/** Whether things are not as what was asked wants them. */
export function isUnfit(error: unknown): error is DocferryError {
  return isStatus(error, [grpcCode.failedPrecondition])
}

/** Whether the service does not know what is asked of it. */
export function isNotUnderstood(error: unknown): error is DocferryError {
  return isStatus(error, [grpcCode.invalidArgument, grpcCode.unimplemented])
}

/** Whose rights count where a bucket is refused: not the user's own. */
export const bucketAdvice =
  "Firestore writes and reads a bucket as its service agent, service-PROJECT_NUMBER@gcp-sa-firestore.iam.gserviceaccount.com: where the bucket is another project's, grant it roles/storage.admin there"

function meaningOf(grpc: number, said: string, task: AdminTask): { readonly code: ErrorCode; readonly advice: string } {
  const again = task.begins ? 'it may have begun all the same: docferry backup list tells' : 'try again'
  switch (grpc) {
    case grpcCode.unauthenticated:
      return { code: 'DOCFERRY_AUTH', advice: 'check GOOGLE_APPLICATION_CREDENTIALS, or log in with gcloud auth application-default login' }
    case grpcCode.permissionDenied:
      if (/has not been used|is disabled/.test(said)) {
        return { code: 'DOCFERRY_PERMISSION', advice: 'enable it with gcloud services enable firestore.googleapis.com' }
      }
      return {
        code: 'DOCFERRY_PERMISSION',
        advice: `the account needs ${task.role} on the project${task.bucket ? `. ${bucketAdvice}` : ''}`
      }
    case grpcCode.unavailable:
    case grpcCode.deadlineExceeded:
      return { code: 'DOCFERRY_CONNECT', advice: task.begins ? again : 'is it running and reachable from here?' }
    case grpcCode.notFound:
      return {
        code: task.named ? 'DOCFERRY_NO_SUCH_BACKUP' : 'DOCFERRY_CONFIG',
        advice: `check the project, the database${task.bucket ? ', the bucket' : ''} and the name; docferry backup list shows what there is`
      }
    case grpcCode.alreadyExists:
      return { code: 'DOCFERRY_CONFIG', advice: 'take a name or a place that is not in use' }
    case grpcCode.resourceExhausted:
      return {
        code: 'DOCFERRY_THROTTLED',
        advice:
          'a project may begin 20 exports and imports a minute and have 50 at work: docferry backup list shows them; nothing was begun'
      }
    case grpcCode.failedPrecondition:
    case grpcCode.invalidArgument:
    case grpcCode.outOfRange:
      return {
        code: 'DOCFERRY_CONFIG',
        advice: task.bucket
          ? 'exports and imports want a project with billing, and a bucket that is not "requester pays"'
          : 'nothing was changed'
      }
    case grpcCode.unimplemented:
      return { code: 'DOCFERRY_CONFIG', advice: 'this server has no such call: is it the service, or an emulator?' }
    default:
      return { code: 'DOCFERRY_CONNECT', advice: again }
  }
}
