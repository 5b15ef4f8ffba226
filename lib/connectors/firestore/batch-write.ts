/**
 * BatchWrite's messages. It writes each document for itself and tells what became of each, which Commit, being atomic, does not.
 * https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#batchwriterequest
 */
import type { GrpcError } from './errors.ts'
import { updateOverheadBytes } from './limits.ts'
import { WireReader, WireWriter } from './wire.ts'

export const batchWritePath = '/google.firestore.v1.Firestore/BatchWrite'

const requestField = { database: 1, writes: 2 } as const
const writeField = { update: 1, delete: 2, currentDocument: 4 } as const
const preconditionField = { exists: 1, updateTime: 2 } as const
const answerField = { status: 2 } as const
const statusField = { code: 1, message: 2 } as const

/** One document's write. */
export interface Write {
  /** The `google.firestore.v1.Document` message that is to stand there, or the full name of the document that is to be removed. */
  readonly content: Uint8Array | string
  /** Only if there is no such document, or only if it was last written then: a `Timestamp` message. */
  readonly onlyIf?: 'new' | Uint8Array | undefined
}

/** Most that a write takes in a request. */
export function writeBytes({ content }: Write): number {
  return Buffer.byteLength(content) + updateOverheadBytes
}

/** Most that a request takes. */
export function requestBytes(database: string, writes: readonly Write[]): number {
  return writes.reduce((sum, write) => sum + writeBytes(write), Buffer.byteLength(database) + updateOverheadBytes)
}

/** @param block where it is written: of `requestBytes` */
export function batchWriteRequest(database: string, writes: readonly Write[], block: Buffer): Buffer {
  const writer = new WireWriter(undefined, block)
  for (let index = writes.length - 1; index >= 0; index--) {
    const { content, onlyIf } = writes[index]!
    const before = writer.length
    if (onlyIf !== undefined) {
      if (onlyIf === 'new') writer.varintField(preconditionField.exists, 0)
      else writer.bytesField(preconditionField.updateTime, onlyIf)
      writer.messageField(writeField.currentDocument, before)
    }
    if (typeof content === 'string') writer.textField(writeField.delete, content)
    else writer.bytesField(writeField.update, content)
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
