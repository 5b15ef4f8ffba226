/**
 * Sending batches.
 *
 * Without a condition (an empty table, or `overwrite`) a batch goes as BatchWriteItem calls of 25, side by side. With one (`skip`, `fail`)
 * it goes as transactions of up to 100 conditional puts: the condition is checked where the write happens, so nothing can come between, and it
 * is five times faster than conditional puts one by one. A transaction costs twice the write units, also when it is cancelled.
 */
import { slicesOf } from '../../engine/slices.ts'
import type { Encoded, Usage, WriteFailure, WriteOptions, WriteOutcome } from '../../types.ts'
import type { Connection } from './client.ts'
import { isRefusal, refusedDocument } from './errors.ts'
import { idOfItem, storedId } from '../../formats/dynamodb/keys.ts'
import type { TableKey } from '../../formats/dynamodb/keys.ts'
import { maxBatchItems, maxRequestBytes, maxTransactionItems, targetLimits } from './limits.ts'
import { BufferPool } from '../../kernel/buffer-pool.ts'
import { changeTogether, eachHalf, settle, throttled, throwUnlessThrottled } from './transactions.ts'
import type { Part, Sending } from './transactions.ts'
import type { ItemJson } from '../../formats/dynamodb/values.ts'

/** The payload of a document is its item as JSON. */
type Item = Encoded<Buffer>

export interface Batch {
  readonly collection: string
  readonly key: TableKey
  readonly escapeNames: boolean
  readonly documents: readonly Item[]
  readonly options: WriteOptions
}

/** One `write` under way. */
interface Writing extends Batch, Sending<WriteOutcome> {}

/** See `Target.write`. */
export async function writeBatch(connection: Connection, batch: Batch): Promise<readonly WriteOutcome[]> {
  const { documents, options } = batch
  const outcomes = new Array<WriteOutcome>(documents.length)
  const writing: Writing = { ...batch, connection, signal: options.signal, outcomes }
  const write = isConditional(options) ? writeConditionally : writePart
  await settle(
    outcomes,
    parts(documents, options).map(part => write(writing, part))
  )
  return outcomes
}

/** What the caller knows or wants of a write: all that its form depends on. */
type Form = Pick<WriteOptions, 'onConflict' | 'fresh'>

export function isConditional({ onConflict, fresh }: Form): boolean {
  return !fresh && onConflict !== 'overwrite'
}

/**
 * See `Target.usage`. An item costs a unit for each 1 KB begun, twice that in a transaction; the same in tables of either capacity mode.
 * That is the documented rule (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html) for a table
 * without indexes; an item that is written over counts with the larger of the two sizes, and a cancelled transaction as one that is not.
 */
export function usageOf(documents: readonly Item[], form: Form): Usage {
  const units = documents.reduce((sum, { bytes }) => sum + Math.ceil(bytes / unitBytes), 0)
  return { requests: parts(documents, form).length, writeUnits: isConditional(form) ? 2 * units : units }
}

/** Bytes of an item that one write unit stands for. */
const unitBytes = 1_024

function parts(documents: readonly Item[], form: Form): Part[] {
  const indexes = documents.map((_, index) => index)
  const most = isConditional(form) ? maxTransactionItems : maxBatchItems
  return slicesOf(indexes, index => (documents[index] as Item).payload.length, { most, mostBytes: maxRequestBytes })
}

/** Put a part without conditions. When the service refuses it for what is in it, halves tell which document. */
async function writePart(writing: Writing, part: Part): Promise<void> {
  const { connection, collection, documents, signal, outcomes } = writing
  const body = putsOf(collection, part, documents)
  try {
    const { value } = await connection.send<BatchWriteAnswer>('BatchWriteItem', body, {
      collection,
      signal,
      onSent: () => bodies.give(Buffer.from(body.buffer))
    })
    if (!value.UnprocessedItems) throw new SyntaxError('an answer without UnprocessedItems')
    for (const index of part) outcomes[index] = 'written'
    markUnprocessed(writing, part, Object.values(value.UnprocessedItems).flat())
  } catch (error) {
    if (!isRefusal(error)) return throwUnlessThrottled(writing, part, error, 'BatchWriteItem')
    if (part.length === 1) outcomes[part[0] as number] = refusedDocument(error)
    else await eachHalf(part, half => writePart(writing, half))
  }
}

/** As many as may be under way. With new ones all the time V8 searches the whole heap for their sake. */
const bodies = new BufferPool(targetLimits.inFlight * Math.ceil(maxTransactionItems / maxBatchItems))

const beforeFirst = '{"PutRequest":{"Item":'
const betweenPuts = `}},${beforeFirst}`
const afterLast = '}}]}}'

/** @returns bytes in a buffer of `bodies`, which is the caller's */
function putsOf(collection: string, part: Part, documents: readonly Item[]): Buffer {
  const before = `{"RequestItems":{${JSON.stringify(collection)}:[${beforeFirst}`
  let length = Buffer.byteLength(before) + (part.length - 1) * betweenPuts.length + afterLast.length
  for (const index of part) length += (documents[index] as Item).payload.length
  const body = bodies.take(length)
  let at = body.write(before)
  for (let position = 0; position < part.length; position++) {
    if (position > 0) at += body.write(betweenPuts, at, 'latin1')
    const { payload } = documents[part[position]!] as Item
    body.set(payload, at)
    at += payload.length
  }
  at += body.write(afterLast, at, 'latin1')
  return body.subarray(0, at)
}

interface WriteRequest {
  readonly PutRequest?: { readonly Item?: ItemJson }
}
export interface BatchWriteAnswer {
  readonly UnprocessedItems?: Readonly<Record<string, readonly WriteRequest[]>>
}

function markUnprocessed({ key, escapeNames, documents, outcomes }: Writing, part: Part, requests: readonly WriteRequest[]): void {
  if (requests.length === 0) return
  const indexes = new Map(part.map(index => [storedId(key, (documents[index] as Item).id, escapeNames), index]))
  for (const { PutRequest } of requests) {
    const index = PutRequest?.Item && indexes.get(idOfItem(key, PutRequest.Item))
    // One that can't be told apart: send all again, which for puts without a condition is harmless.
    if (index === undefined) throw new SyntaxError('an unprocessed item that was not sent')
    outcomes[index] = throttled('DynamoDB left it unprocessed: it asks for less')
  }
}

/** Put a part where the table has no such keys. */
function writeConditionally(writing: Writing, part: Part): Promise<void> {
  const { collection, documents, options, key } = writing
  return changeTogether(part, {
    ...writing,
    action: index => ({ verb: 'Put', request: conditionalPut(collection, key, (documents[index] as Item).payload) }),
    done: 'written',
    conflict: options.onConflict === 'skip' ? 'skipped' : held,
    doubted: { ...held, mayBeApplied: true }
  })
}

function conditionalPut(collection: string, key: TableKey, item: Buffer): Buffer[] {
  const table = JSON.stringify(collection)
  const names = JSON.stringify({ '#k': key[0]?.name })
  const condition = `,"ConditionExpression":"attribute_not_exists(#k)","ExpressionAttributeNames":${names}}`
  return [Buffer.from(`{"TableName":${table},"Item":`), item, Buffer.from(condition)]
}

const held: WriteFailure = { code: 'DOCFERRY_CONFLICT', message: 'the table holds an item of this key already', retryable: false }
