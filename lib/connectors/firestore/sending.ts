/** Sends writes by BatchWrite, and tells what became of each. */
import { DocferryError } from '../../errors.ts'
import { BufferPool } from '../../kernel/buffer-pool.ts'
import { batchWritePath, batchWriteRequest, readStatuses, requestBytes, type Write } from './batch-write.ts'
import type { FirestoreConnection } from './client.ts'
import { callError, decodeError, grpcCode, isGrpcError, isRefusal, type CallContext, type GrpcError } from './errors.ts'

export interface SendOptions {
  readonly collection: string
  readonly signal?: AbortSignal
}

/** As many as are in flight. */
const requestBlocks = new BufferPool(8)

/**
 * A document that is malformed in the service's eyes has it refuse the whole request, before anything is written: halving finds it and
 * saves the others.
 *
 * @returns one status for each write, by index; that of one which is refused alone is the refusal
 * @throws {DocferryError} as `Target.write`
 */
export async function sendWrites(connection: FirestoreConnection, writes: readonly Write[], options: SendOptions): Promise<GrpcError[]> {
  const { collection, signal } = options
  const context = connection.context('write', collection)
  const block = requestBlocks.take(requestBytes(connection.database, writes))
  const request = batchWriteRequest(connection.database, writes, block)
  let answer: Buffer
  try {
    answer = await connection.callBytes(batchWritePath, request, { signal })
    // Of a call that fails, a part may be sent yet.
    requestBlocks.give(block)
  } catch (error) {
    if (!isGrpcError(error) || !isRefusal(error)) throw callError(error, context)
    signal?.throwIfAborted()
    if (writes.length === 1) return [error]
    const middle = writes.length >>> 1
    const before = await sendWrites(connection, writes.slice(0, middle), options)
    return [...before, ...(await sendWrites(connection, writes.slice(middle), options))]
  }
  return statusesOf(answer, writes.length, context)
}

/** @throws {DocferryError} when the answer does not tell of every document; asking again is safe, for writes name what they write */
function statusesOf(answer: Buffer, expected: number, context: CallContext): GrpcError[] {
  let statuses: GrpcError[]
  try {
    statuses = readStatuses(answer)
  } catch (error) {
    throw decodeError(error, context) ?? error
  }
  for (const status of statuses) {
    const isRefused = status.code === grpcCode.permissionDenied || status.code === grpcCode.unauthenticated
    if (isRefused) throw callError(Object.assign(new Error(status.details), status), context)
  }
  if (statuses.length === expected) return statuses
  const { collection, address } = context
  const message = `cannot write collection ${collection} (Firestore, ${address}): told of ${statuses.length} documents of ${expected}`
  throw new DocferryError('DOCFERRY_TARGET', message, { provider: 'firestore', collection, retryable: true })
}
