/** gRPC's codes, and what is looked at of its errors. */

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
