/**
 * Whether a table writes at all: an item that nobody has is removed, in the way in which items are written. That changes nothing, no stream tells of it, and
 * it costs a write unit, two in a transaction.
 */
import { randomBytes } from 'node:crypto'
import { DocferryError } from '../../errors.ts'
import type { WriteFailure, WriteOptions } from '../../types.ts'
import type { KeyAttribute, TableKey } from '../../formats/dynamodb/keys.ts'
import type { AttributeJson } from '../../formats/dynamodb/values.ts'
import { isConditional } from './batches.ts'
import type { BatchWriteAnswer } from './batches.ts'
import type { Connection } from './client.ts'
import { translate } from './errors.ts'
import { changeTogether, settle, throttled } from './transactions.ts'

interface Asked {
  readonly collection: string
  readonly key: TableKey
  readonly options: WriteOptions
}

/** See `Target.takesWrites`. */
export async function takesWrites(connection: Connection, { collection, key, options }: Asked): Promise<void> {
  const nobodys = JSON.stringify(Object.fromEntries(key.map(attribute => [attribute.name, randomValue(attribute)])))
  const ask = isConditional(options) ? removeTogether : remove
  const outcome = await ask(connection, { collection, key, nobodys, signal: options.signal })
  if (outcome === 'done') return
  const { code, message, retryable } = outcome
  throw new DocferryError(code, message, { provider: 'dynamodb', collection, retryable })
}

interface Removal {
  readonly collection: string
  readonly key: TableKey
  /** A key, as JSON. */
  readonly nobodys: string
  readonly signal: AbortSignal | undefined
}

/** As documents are written without a condition. */
async function remove(connection: Connection, { collection, nobodys, signal }: Removal): Promise<'done' | WriteFailure> {
  const body = `{"RequestItems":{${JSON.stringify(collection)}:[{"DeleteRequest":{"Key":${nobodys}}}]}}`
  const { value } = await connection.call<BatchWriteAnswer>('BatchWriteItem', body, { collection, signal, writing: true })
  const { UnprocessedItems: unprocessed } = value
  if (unprocessed && Object.keys(unprocessed).length === 0) return 'done'
  if (unprocessed) return throttled('DynamoDB left it unprocessed: it asks for less')
  const context = { operation: 'BatchWriteItem', address: connection.location.address, collection, writing: true }
  throw translate(new SyntaxError('an answer without UnprocessedItems'), context)
}

/** As documents are written where there are none of their keys. */
async function removeTogether(connection: Connection, { collection, key, nobodys, signal }: Removal): Promise<'done' | WriteFailure> {
  const names = JSON.stringify({ '#k': key[0]?.name })
  const condition = `"ConditionExpression":"attribute_not_exists(#k)","ExpressionAttributeNames":${names}`
  const request = [Buffer.from(`{"TableName":${JSON.stringify(collection)},"Key":${nobodys},${condition}}`)]
  const outcomes = new Array<'done' | WriteFailure>(1)
  const sending = { connection, collection, signal, outcomes, action: () => ({ verb: 'Delete', request }) as const }
  await settle(outcomes, [changeTogether([0], { ...sending, done: 'done', conflict: throttled('somebody has it') })])
  return outcomes[0]!
}

function randomValue({ type }: KeyAttribute): AttributeJson {
  const bytes = randomBytes(15)
  if (type === 'N') return { N: String(BigInt(`0x${bytes.toString('hex')}`)) }
  return type === 'B' ? { B: bytes.toString('base64') } : { S: `docferry-${bytes.toString('hex')}` }
}
