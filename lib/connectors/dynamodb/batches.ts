/**
 * Sending batches.
 *
 * Without a condition (an empty table, or `overwrite`) a batch goes as BatchWriteItem calls of 25, side by side. With one (`skip`, `fail`)
 * it goes as transactions of up to 100 conditional puts: the condition is checked where the write happens, so nothing can come between, and it
 * is five times faster than conditional puts one by one. A transaction costs twice the write units, also when it is cancelled.
 */
import { DocferryError } from '../../errors.ts'
import type { Encoded, Usage, WriteFailure, WriteOptions, WriteOutcome } from '../../types.ts'
import type { Connection } from './client.ts'
import { cancellationReasons, isConditionFailure, isRefusal, refusedDocument, translate } from './errors.ts'
import type { CancellationReason } from './errors.ts'
import { idOfItem, storedId } from './keys.ts'
import type { TableKey } from './keys.ts'
import { maxBatchItems, maxRequestCharacters, maxTransactionItems } from './limits.ts'
import type { ItemJson } from './values.ts'

/** The payload of a document is its item as JSON text. */
type Item = Encoded<string>

export interface Batch {
  readonly collection: string
  readonly key: TableKey
  readonly escapeNames: boolean
  readonly documents: readonly Item[]
  readonly options: WriteOptions
}

/** One `write` under way. */
interface Writing extends Batch {
  readonly connection: Connection
  /** By index; filled as the parts end. */
  readonly outcomes: WriteOutcome[]
}

/** Indexes of documents that go in one request. */
type Part = readonly number[]

/** See `Target.write`. */
export async function writeBatch(connection: Connection, batch: Batch): Promise<readonly WriteOutcome[]> {
  const { documents, options } = batch
  const writing: Writing = { ...batch, connection, outcomes: new Array<WriteOutcome>(documents.length) }
  const write = isConditional(options) ? writeConditionally : writePart
  await settle(
    writing,
    parts(documents, options).map(part => write(writing, part))
  )
  return writing.outcomes
}

/** What the caller knows or wants of a write: all that its form depends on. */
type Form = Pick<WriteOptions, 'onConflict' | 'fresh'>

function isConditional({ onConflict, fresh }: Form): boolean {
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
  const maxItems = isConditional(form) ? maxTransactionItems : maxBatchItems
  const made: number[][] = []
  let part: number[] = []
  let characters = 0
  documents.forEach(({ payload }, index) => {
    if (part.length === maxItems || (part.length > 0 && characters + payload.length > maxRequestCharacters)) {
      made.push(part)
      part = []
      characters = 0
    }
    part.push(index)
    characters += payload.length
  })
  if (part.length > 0) made.push(part)
  return made
}

/**
 * Wait for every part. Throttling of one part is a failure of its documents, that of all of them ends the call. Any other error ends the
 * call: what was written by then is not known, which the caller is told by the throw.
 */
async function settle({ outcomes }: Writing, work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work)
  const errors = results.flatMap(result => (result.status === 'rejected' ? [result.reason as unknown] : []))
  const fatal = errors.find(error => !(error instanceof DocferryError && error.retryable)) ?? errors[0]
  if (fatal !== undefined) throw fatal
  const failures = outcomes.filter(outcome => typeof outcome === 'object')
  const [first] = failures
  if (first && failures.length === outcomes.length && failures.every(({ cause }) => cause instanceof DocferryError)) throw first.cause
}

function failPart({ outcomes }: Writing, part: Part, error: DocferryError): void {
  const { code, message, retryAfterMs } = error
  for (const index of part) outcomes[index] = { code, message, retryable: true, retryAfterMs, cause: error }
}

function throttled(message: string): WriteFailure {
  return { code: 'DOCFERRY_THROTTLED', message, retryable: true }
}

/** @throws {DocferryError} for what is not about single documents */
function throwUnlessThrottled(writing: Writing, part: Part, error: unknown, operation: string): void {
  const { connection, collection, options } = writing
  options.signal?.throwIfAborted()
  const translated = translate(error, { operation, address: connection.location.address, collection, writing: true })
  if (translated.code !== 'DOCFERRY_THROTTLED') throw translated
  failPart(writing, part, translated)
}

/** Put a part without conditions. When the service refuses it for what is in it, halves tell which document. */
async function writePart(writing: Writing, part: Part): Promise<void> {
  const { connection, collection, documents, options, outcomes } = writing
  const puts = part.map(index => `{"PutRequest":{"Item":${(documents[index] as Item).payload}}}`)
  const body = `{"RequestItems":{${JSON.stringify(collection)}:[${puts.join(',')}]}}`
  try {
    const { value } = await connection.send<BatchWriteAnswer>('BatchWriteItem', body, { collection, signal: options.signal })
    if (!value.UnprocessedItems) throw new SyntaxError('an answer without UnprocessedItems')
    for (const index of part) outcomes[index] = 'written'
    markUnprocessed(writing, part, Object.values(value.UnprocessedItems).flat())
  } catch (error) {
    if (!isRefusal(error)) return throwUnlessThrottled(writing, part, error, 'BatchWriteItem')
    if (part.length === 1) outcomes[part[0] as number] = refusedDocument(error)
    else await eachHalf(part, half => writePart(writing, half))
  }
}

interface WriteRequest {
  readonly PutRequest?: { readonly Item?: ItemJson }
}
interface BatchWriteAnswer {
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

async function eachHalf(part: Part, work: (half: Part) => Promise<void>): Promise<void> {
  const middle = part.length >> 1
  await work(part.slice(0, middle))
  await work(part.slice(middle))
}

/** Put a part where the table has no such keys, as one transaction: those that conflict are taken out, and the rest is sent again. */
async function writeConditionally(writing: Writing, part: Part): Promise<void> {
  const { connection, collection, documents, options, outcomes, key } = writing
  let pending = part
  while (pending.length > 0) {
    options.signal?.throwIfAborted()
    const puts = pending.map(index => `{"Put":${conditionalPut(collection, key, (documents[index] as Item).payload)}}`)
    try {
      await connection.send('TransactWriteItems', `{"TransactItems":[${puts.join(',')}]}`, { collection, signal: options.signal })
      for (const index of pending) outcomes[index] = 'written'
      return
    } catch (error) {
      const reasons = cancellationReasons(error)
      if (reasons?.length === pending.length) {
        const innocent = pending.filter((index, position) => {
          const outcome = outcomeOf(reasons[position], options)
          if (outcome !== undefined) outcomes[index] = outcome
          return outcome === undefined
        })
        if (innocent.length === pending.length)
          throw translate(error, { operation: 'TransactWriteItems', address: connection.location.address, collection, writing: true })
        pending = innocent
      } else if (!isRefusal(error)) {
        return throwUnlessThrottled(writing, pending, error, 'TransactWriteItems')
      } else if (pending.length === 1) {
        return putAlone(writing, pending[0] as number)
      } else {
        return eachHalf(pending, half => writeConditionally(writing, half))
      }
    }
  }
}

function conditionalPut(collection: string, key: TableKey, item: string): string {
  const table = JSON.stringify(collection)
  const names = JSON.stringify({ '#k': key[0]?.name })
  return `{"TableName":${table},"Item":${item},"ConditionExpression":"attribute_not_exists(#k)","ExpressionAttributeNames":${names}}`
}

/** What a cancelled transaction says of one document; `undefined` when the document was not the reason. */
function outcomeOf(reason: CancellationReason | undefined, { onConflict }: WriteOptions): WriteOutcome | undefined {
  switch (reason?.Code) {
    case undefined:
    case 'None':
      return undefined
    case 'ConditionalCheckFailed':
      return conflict(onConflict)
    case 'TransactionConflict':
      return throttled('another transaction is writing this document')
    case 'ProvisionedThroughputExceeded':
    case 'ThrottlingError':
      return throttled('DynamoDB asks for less')
    default:
      return refusedDocument({ name: reason?.Code, message: reason?.Message })
  }
}

function conflict(onConflict: WriteOptions['onConflict']): WriteOutcome {
  if (onConflict === 'skip') return 'skipped'
  return { code: 'DOCFERRY_CONFLICT', message: 'the table holds an item of this key already', retryable: false }
}

/** A document that no transaction takes, on its own: the answer says why. */
async function putAlone(writing: Writing, index: number): Promise<void> {
  const { connection, collection, documents, options, outcomes, key } = writing
  try {
    await connection.send('PutItem', conditionalPut(collection, key, (documents[index] as Item).payload), {
      collection,
      signal: options.signal
    })
    outcomes[index] = 'written'
  } catch (error) {
    if (isConditionFailure(error)) outcomes[index] = conflict(options.onConflict)
    else if (isRefusal(error)) outcomes[index] = refusedDocument(error)
    else throwUnlessThrottled(writing, [index], error, 'PutItem')
  }
}
