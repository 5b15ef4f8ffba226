/**
 * BatchWrite's messages. It writes each document for itself and tells what became of each, which Commit, being atomic, does not.
 * https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#batchwriterequest
 */
import type { GrpcError } from './errors.ts'
import { WireReader, type WireWriter } from './wire.ts'

export const batchWritePath = '/google.firestore.v1.Firestore/BatchWrite'

const requestField = { database: 1, writes: 2 } as const
const writeField = { update: 1, currentDocument: 4 } as const
const preconditionField = { exists: 1 } as const
const answerField = { status: 2 } as const
const statusField = { code: 1, message: 2 } as const

/** @param documents `google.firestore.v1.Document` messages */
export function batchWriteRequest(
  writer: WireWriter,
  database: string,
  documents: readonly { readonly payload: Uint8Array }[],
  options: { readonly mustBeNew: boolean }
): Buffer {
  writer.reset()
  for (let index = documents.length - 1; index >= 0; index--) {
    const before = writer.length
    if (options.mustBeNew) {
      writer.varintField(preconditionField.exists, 0)
      writer.messageField(writeField.currentDocument, before)
    }
    writer.bytesField(writeField.update, documents[index]!.payload)
    writer.messageField(requestField.writes, before)
  }
  writer.textField(requestField.database, database)
  return writer.finish()
}

/**
 * What became of each write, in order.
 *
 * @throws {RangeError} when the answer is no BatchWriteResponse
 */
export function readStatuses(answer: Buffer): GrpcError[] {
  const reader = new WireReader(answer)
  const statuses: GrpcError[] = []
  while (reader.position < answer.length) {
    const tag = reader.readVarint()
    if (tag === answerField.status * 8 + 2) statuses.push(readStatus(reader))
    else reader.skip(tag)
  }
  return statuses
}

function readStatus(reader: WireReader): GrpcError {
  const end = reader.readEnd()
  let code = 0
  let details = ''
  while (reader.position < end) {
    const tag = reader.readVarint()
    if (tag === statusField.code * 8) code = reader.readVarint()
    else if (tag === statusField.message * 8 + 2) details = reader.readText()
    else reader.skip(tag)
  }
  return { code, details }
}
