/**
 * What gRPC and Firestore say, in docferry's words. Nobody else reads their codes.
 * Meanings: https://cloud.google.com/firestore/docs/understand-error-codes
 */
import { DocferryError, type ErrorCode } from '../../errors.ts'
import type { WriteFailure } from '../../types.ts'
import { isTooLarge, shownDetails, tidy } from './details.ts'
import { grpcCode, isGrpcError, type GrpcError } from './grpc.ts'

export { grpcCode, isGrpcError } from './grpc.ts'
export type { GrpcError } from './grpc.ts'

/** What a call was for, for the message and for codes that differ by it: a source is read, a target written to and asked for documents. */
export interface CallContext {
  readonly action: 'open' | 'read' | 'write' | 'look up documents of'
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
  const cause = new FirestoreError(grpc, shownDetails(error, context.action === 'write'))
  const message = `cannot ${context.action}${where} (Firestore, ${context.address}): ${said(cause)}; ${advice}`
  return new DocferryError(code, message, {
    provider: 'firestore',
    collection: context.collection,
    cause,
    retryable: busy.has(grpc) || broken.has(grpc)
  })
}

/** Whether a connection was never made, or nothing came over it in time; one that was cut was made. */
export function isUnreached({ cause }: DocferryError): boolean {
  if (!(cause instanceof FirestoreError)) return false
  const { code, details } = cause
  if (code === grpcCode.deadlineExceeded) return true
  return (
    code === grpcCode.unavailable &&
    /^(?:No connection established|Name resolution failed)/.test(details) &&
    !/ECONNRESET|EPIPE/.test(details)
  )
}

/** @returns the error to throw where an answer is not what it should be; undefined for other errors */
export function decodeError(error: unknown, { action, address, collection }: CallContext): DocferryError | undefined {
  if (!(error instanceof RangeError)) return undefined
  const message = `cannot ${action} collection ${collection} (Firestore, ${address}): the answer holds ${error.message}; try a newer docferry`
  return new DocferryError(action === 'read' ? 'DOCFERRY_READ' : 'DOCFERRY_TARGET', message, {
    provider: 'firestore',
    collection,
    cause: error
  })
}

function callCode(grpc: number, { action }: CallContext): { code: ErrorCode; advice: string } {
  const isTarget = action === 'write' || action === 'look up documents of'
  const failed: ErrorCode = isTarget ? 'DOCFERRY_TARGET' : action === 'read' ? 'DOCFERRY_READ' : 'DOCFERRY_CONNECT'
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
      return { code: isTarget ? 'DOCFERRY_THROTTLED' : failed, advice: 'a quota is used up or the load is too high: try later' }
    case grpcCode.aborted:
      return { code: isTarget ? 'DOCFERRY_THROTTLED' : failed, advice: 'others write to the same documents: try again' }
    case grpcCode.failedPrecondition:
      return { code: failed, advice: 'the database must be in Native mode' }
    default:
      return { code: failed, advice: 'try again, and report it if it persists' }
  }
}

/**
 * One document's outcome from its status in an answer, or from the refusal of a request that held nothing else. Firestore's own words, which
 * may quote the document, are the cause of a refusal: it goes where the document itself goes, among the dead letters.
 */
export function writeFailure(error: GrpcError): WriteFailure {
  const { code: grpc } = error
  const message = `Firestore: ${said({ code: grpc, details: shownDetails(error, true) })}`
  const cause = new FirestoreError(grpc, tidy(error.details))
  if (isTooLarge(error)) return { code: 'DOCFERRY_TOO_LARGE', message, retryable: false, cause }
  if (busy.has(grpc)) return { code: 'DOCFERRY_THROTTLED', message, retryable: true, cause }
  if (broken.has(grpc)) return { code: 'DOCFERRY_CONNECT', message, retryable: true, cause }
  return { code: 'DOCFERRY_REFUSED', message, retryable: false, cause }
}

/** A vendor's error may carry its request: only what it says is kept. */
class FirestoreError extends Error implements GrpcError {
  override readonly name = 'FirestoreError'
  readonly code: number
  readonly details: string
  constructor(code: number, details: string) {
    super(`${code} ${said({ code, details })}`)
    this.code = code
    this.details = details
  }
}

function said({ code, details }: GrpcError): string {
  return details === '' ? codeName(code) : `${codeName(code)} ${details}`
}

export function codeName(code: number): string {
  const name = Object.entries(grpcCode).find(([, number]) => number === code)?.[0] ?? `code ${code}`
  return name.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()
}
