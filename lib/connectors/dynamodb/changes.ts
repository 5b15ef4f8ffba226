/**
 * Changes documents that nobody else has changed. A table keeps no versions, so the condition is that every attribute still has the value
 * that was read. What it can't see, in the moment between the look and the change, is an attribute that somebody adds, and of an item with
 * more attributes than a condition holds a change of those left over: DynamoDB has no way to ask.
 */
import { slicesOf } from '../../engine/slices.ts'
import type { Change, ChangeOutcome, Held } from '../../types.ts'
import type { Connection } from './client.ts'
import type { TableKey } from '../../formats/dynamodb/keys.ts'
import { maxConditionBytes, maxConditionOperators, maxTransactionItems, targetLimits } from './limits.ts'
import { changeTogether, settle } from './transactions.ts'
import type { Action } from './transactions.ts'
import type { AttributeJson, ItemJson } from '../../formats/dynamodb/values.ts'

/** See `Target.change`: transactions of conditional puts and removals. */
export async function changeDocuments(
  connection: Connection,
  changes: readonly Change<Buffer>[],
  { collection, key, signal }: { readonly collection: string; readonly key: TableKey; readonly signal?: AbortSignal }
): Promise<readonly ChangeOutcome[]> {
  const outcomes = new Array<ChangeOutcome>(changes.length)
  const actions = changes.map(({ seen, put }) => actionOf(collection, key, (seen as Held<ItemJson>).version, put?.payload))
  const indexes = actions.map((_, index) => index)
  // Text is at least as long as what the service counts of it, the conditions included.
  const bounds = { most: maxTransactionItems, mostBytes: targetLimits.batchBytes }
  const bytesOf = (index: number): number => (actions[index] as Action).request.reduce((sum, { length }) => sum + length, 0)
  const parts = slicesOf(indexes, bytesOf, bounds)
  const changeAll = async (): Promise<void> => {
    const action = (index: number): Action => actions[index] as Action
    const sending = { connection, collection, signal, outcomes, action, done: 'done', conflict: 'changed' } as const
    for (const part of parts) await changeTogether<ChangeOutcome>(part, sending)
  }
  await settle(outcomes, [changeAll()])
  return outcomes
}

/** @param put the item, as JSON, that takes the place; undefined where the one that was seen is removed */
function actionOf(collection: string, key: TableKey, seen: ItemJson, put: Buffer | undefined): Action {
  const table = `"TableName":${JSON.stringify(collection)}`
  const condition = isUnchanged(key, seen)
  if (put !== undefined) return { verb: 'Put', request: [Buffer.from(`{${table},"Item":`), put, Buffer.from(`,${condition}}`)] }
  const keyAttributes = key.map(({ name }) => `${JSON.stringify(name)}:${JSON.stringify(seen[name])}`)
  return { verb: 'Delete', request: [Buffer.from(`{${table},"Key":{${keyAttributes.join(',')}},${condition}}`)] }
}

/** Members of a request by which it changes an item only if it is as it was seen. */
function isUnchanged(key: TableKey, seen: ItemJson): string {
  const keyNames = new Set(key.map(({ name }) => name))
  const compared = Object.keys(seen)
    .filter(name => !keyNames.has(name))
    .slice(0, mostCompared)
  const names = [`"#k":${JSON.stringify(key[0]?.name)}`, ...compared.map((name, index) => `"#${index}":${JSON.stringify(name)}`)]
  const values = compared.map((name, index) => `":${index}":${JSON.stringify(seen[name] as AttributeJson)}`)
  const expression = ['attribute_exists(#k)', ...compared.map((_, index) => `#${index}=:${index}`)].join(' AND ')
  const members = [`"ConditionExpression":"${expression}"`, `"ExpressionAttributeNames":{${names.join(',')}}`]
  if (values.length > 0) members.push(`"ExpressionAttributeValues":{${values.join(',')}}`)
  return members.join(',')
}

/** Each takes an equals sign and an AND; one is for the function. */
const mostCompared = Math.min(
  Math.floor((maxConditionOperators - 1) / 2),
  Math.floor((maxConditionBytes - 'attribute_exists(#k)'.length) / ' AND #100=:100'.length)
)
