/** DynamoDB by the SDK's low-level client, with attribute values of our own making. */
import { isDeepStrictEqual } from 'node:util'
import { CreateTableCommand, DeleteTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import type { Document, Value } from '../../../lib/types.ts'
import { isMap, isNumberText, numberIdentity, ValueSet } from '../../../lib/values/index.ts'
import { servers, uniqueName } from '../../support/servers.ts'
import type { ServerWord } from './boundary.ts'
import type { RawServer } from './ends.ts'

type Item = Record<string, AttributeValue>

export async function dynamodbServer(): Promise<RawServer> {
  const { endpoint, region, credentials } = await servers.dynamodb()
  const options = { endpoint, region, credentials }
  const client = new DynamoDBClient(options)
  const collection = uniqueName('walk')
  await createTable(client, collection)

  async function put(document: Document): Promise<ServerWord> {
    const item = toItem(document)
    try {
      await client.send(new PutItemCommand({ TableName: collection, Item: item }))
    } catch (error) {
      return refusalOf(error)
    }
    const found = await client.send(
      new GetItemCommand({ TableName: collection, Key: { _id: item['_id'] as AttributeValue }, ConsistentRead: true })
    )
    return isDeepStrictEqual(comparableItem(found.Item ?? {}), comparableItem(item)) ? 'taken' : 'changed'
  }

  async function make(name: string): Promise<ServerWord> {
    try {
      await createTable(client, name)
    } catch (error) {
      return refusalOf(error)
    }
    await client.send(new DeleteTableCommand({ TableName: name }))
    return 'taken'
  }

  async function close(): Promise<void> {
    await client.send(new DeleteTableCommand({ TableName: collection }))
    client.destroy()
  }

  return { endpoint: { connector: 'dynamodb', options }, collection, isEmulator: true, put, make, close }
}

async function createTable(client: DynamoDBClient, name: string): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: '_id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: '_id', AttributeType: 'S' }]
    })
  )
}

function refusalOf(error: unknown): ServerWord {
  if ((error as Error).name === 'ValidationException') return 'refused'
  throw error
}

function toItem(fields: { readonly [name: string]: Value }): Item {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, toAttribute(value)]))
}

function toAttribute(value: Value): AttributeValue {
  if (value === null) return { NULL: true }
  if (typeof value === 'string') return { S: value }
  if (typeof value === 'boolean') return { BOOL: value }
  if (value instanceof Uint8Array) return { B: value }
  if (Array.isArray(value)) return { L: value.map(toAttribute) }
  if (value instanceof ValueSet) return toSet(value)
  // Only numbers are left, each with a text of its digits.
  return isMap(value) ? { M: toItem(value) } : { N: String(value) }
}

function toSet({ members: [...members] }: ValueSet): AttributeValue {
  if (members.every(member => typeof member === 'string')) return { SS: members }
  if (members.every(member => member instanceof Uint8Array)) return { BS: members }
  return { NS: members.map(String) }
}

function comparableItem(item: Item): unknown {
  return Object.fromEntries(Object.entries(item).map(([name, attribute]) => [name, comparable(attribute)]))
}

/** The same for equal numbers and for sets in another order. */
function comparable({ N, B, L, M, SS, NS, BS, ...other }: AttributeValue): unknown {
  if (N !== undefined) return { N: sameNumber(N) }
  if (B !== undefined) return { B: base64(B) }
  if (L !== undefined) return { L: L.map(comparable) }
  if (M !== undefined) return { M: comparableItem(M) }
  if (SS !== undefined) return { SS: [...SS].sort() }
  if (NS !== undefined) return { NS: NS.map(sameNumber).sort() }
  if (BS !== undefined) return { BS: BS.map(base64).sort() }
  return other
}

function sameNumber(text: string): string {
  return isNumberText(text) ? numberIdentity(text) : text
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
