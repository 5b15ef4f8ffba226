/**
 * What gRPC and Firestore say, in docferry's words. Nobody else reads their codes.
 * Meanings: https://cloud.google.com/firestore/docs/understand-error-codes
 */
import { DocferryError, type ErrorCode } from '../../errors.ts'
import type { WriteFailure } from '../../types.ts'

export const grpcCode = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16
} as const

/** The part of a gRPC error that is looked at. The rest may hold a request or credentials and is never kept. */
export interface GrpcError {
  readonly code: number
  readonly details: string
}

/** By both members: a DOMException, which an abort throws, has a numeric code too. */
export function isGrpcError(error: unknown): error is GrpcError {
  if (!(error instanceof Error)) return false
  const { code, details } = error as { code?: unknown; details?: unknown }
  return typeof code === 'number' && typeof details === 'string'
}

/** What a call was for, for the message and for codes that differ by it. */
export interface CallContext {
  readonly action: 'open' | 'read' | 'write'
  /** `project p, database (default), emulator 127.0.0.1:8080` */
  readonly address: string
  readonly collection?: string
}

const busy: ReadonlySet<number> = new Set([grpcCode.resourceExhausted, grpcCode.aborted])
const broken: ReadonlySet<number> = new Set([
  grpcCode.cancelled,
  grpcCode.unknown,
  grpcCode.deadlineExceeded,
  grpcCode.internal,
  grpcCode.unavailable
])

/** Whether the service says that a request or document is over a size limit, which no retry mends. */
export function isTooLarge({ code, details }: GrpcError): boolean {
  if (code !== grpcCode.invalidArgument && code !== grpcCode.resourceExhausted) return false
  return /maximum size|maximum entity size|larger than max|longer than \d+ bytes|exceeds the maximum|too big|too large/i.test(details)
}

/** Whether a whole request is refused for what one of its documents holds, so that the others can be saved by asking again without it. */
export function isRefusal(error: GrpcError): boolean {
  return error.code === grpcCode.invalidArgument || error.code === grpcCode.outOfRange || isTooLarge(error)
}

/** @returns the error to throw where a call as a whole failed; what is no gRPC error comes back as it is */
export function callError(error: unknown, context: CallContext): unknown {
  if (!isGrpcError(error)) return error
  const { code: grpc } = error
  const where = context.collection === undefined ? '' : ` collection ${context.collection}`
  const { code, advice } = callCode(grpc, context)
  const message = `cannot ${context.action}${where} (Firestore, ${context.address}): ${codeName(grpc)} ${tidy(error.details)}; ${advice}`
  return new DocferryError(code, message, {
    provider: 'firestore',
    collection: context.collection,
    cause: new FirestoreError(error),
    retryable: busy.has(grpc) || broken.has(grpc)
  })
}

/** @returns the error to throw where an answer is not what it should be; undefined for other errors */
export function decodeError(error: unknown, { address, collection }: CallContext): DocferryError | undefined {
  if (!(error instanceof RangeError)) return undefined
  const message = `cannot read collection ${collection} (Firestore, ${address}): the answer holds ${error.message}; try a newer docferry`
  return new DocferryError('DOCFERRY_READ', message, { provider: 'firestore', collection, cause: error })
}

function callCode(grpc: number, { action }: CallContext): { code: ErrorCode; advice: string } {
  const failed: ErrorCode = action === 'open' ? 'DOCFERRY_CONNECT' : action === 'read' ? 'DOCFERRY_READ' : 'DOCFERRY_TARGET'
  switch (grpc) {
    case grpcCode.unauthenticated:
      return { code: 'DOCFERRY_AUTH', advice: 'check GOOGLE_APPLICATION_CREDENTIALS, or log in with gcloud auth application-default login' }
    case grpcCode.permissionDenied:
      return { code: 'DOCFERRY_PERMISSION', advice: 'the account needs the role roles/datastore.user, to read roles/datastore.viewer' }
    case grpcCode.unavailable:
    case grpcCode.deadlineExceeded:
      return { code: 'DOCFERRY_CONNECT', advice: 'is it running and reachable from here?' }
    case grpcCode.notFound:
      return { code: action === 'open' ? 'DOCFERRY_CONNECT' : failed, advice: 'check the project and the database' }
    case grpcCode.resourceExhausted:
      return { code: action === 'write' ? 'DOCFERRY_THROTTLED' : failed, advice: 'a quota is used up or the load is too high: try later' }
    case grpcCode.aborted:
      return { code: action === 'write' ? 'DOCFERRY_THROTTLED' : failed, advice: 'others write to the same documents: try again' }
    case grpcCode.failedPrecondition:
      return { code: failed, advice: 'the database must be in Native mode' }
    default:
      return { code: failed, advice: 'try again, and report it if it persists' }
  }
}

/** One document's outcome from its status in an answer, or from the refusal of a request that held nothing else. */
export function writeFailure(error: GrpcError): WriteFailure {
  const { code: grpc } = error
  const message = `Firestore: ${codeName(grpc)} ${tidy(error.details)}`
  if (isTooLarge(error)) return { code: 'DOCFERRY_TOO_LARGE', message, retryable: false }
  if (busy.has(grpc)) return { code: 'DOCFERRY_THROTTLED', message, retryable: true }
  if (broken.has(grpc)) return { code: 'DOCFERRY_CONNECT', message, retryable: true }
  return { code: 'DOCFERRY_REFUSED', message, retryable: false }
}

/** A vendor's error may carry its request: only what it says is kept. */
class FirestoreError extends Error implements GrpcError {
  readonly code: number
  readonly details: string
  constructor({ code, details }: GrpcError) {
    super(`${code} ${codeName(code)}: ${tidy(details)}`)
    this.code = code
    this.details = tidy(details)
  }
}

function codeName(code: number): string {
  const name = Object.entries(grpcCode).find(([, number]) => number === code)?.[0] ?? `code ${code}`
  return name.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()
}

/** One line, without grpc-js's notes to its own developers, and not more than is read. */
function tidy(details: string): string {
  const line = details
    .replace(/\s+/g, ' ')
    .replace(/,metadata filters:.*| Resolution note:.*/, '')
    .trim()
  return line.length > 300 ? `${line.slice(0, 300)}...` : line
}
