/** Changes documents that nobody else has changed: writes with the condition that the document was last written when it was seen. */
import { slicesOf } from '../../engine/slices.ts'
import type { Change, ChangeOutcome, Held, TargetLimits } from '../../types.ts'
import { writeBytes, type Write } from './batch-write.ts'
import type { FirestoreConnection } from './client.ts'
import { grpcCode, writeFailure, type GrpcError } from './errors.ts'
import type { Version } from './lookup.ts'
import { sendWrites, type SendOptions } from './sending.ts'

/** See `Target.change`. */
export async function changeDocuments(
  connection: FirestoreConnection,
  changes: readonly Change<Buffer>[],
  { limits, ...options }: SendOptions & { readonly limits: TargetLimits }
): Promise<readonly ChangeOutcome[]> {
  const writes = changes.map(({ seen, put }): Write => {
    const { name, updateTime } = (seen as Held<Version>).version
    return { content: put?.payload ?? name, onlyIf: updateTime }
  })
  const statuses: GrpcError[] = []
  const bounds = { most: limits.batchCount, mostBytes: limits.batchBytes }
  for (const slice of slicesOf(writes, writeBytes, bounds)) statuses.push(...(await sendWrites(connection, slice, options)))
  return statuses.map(outcome)
}

function outcome(status: GrpcError): ChangeOutcome {
  switch (status.code) {
    case grpcCode.ok:
      return 'done'
    case grpcCode.failedPrecondition:
    case grpcCode.notFound:
      return 'changed'
    default:
      return writeFailure(status)
  }
}
