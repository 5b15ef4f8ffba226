/** What the specs of known losses share: collections in memory, and the databases looked at by their vendors' own means. */
import { readFileSync } from 'node:fs'
import { BatchGetItemCommand, DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb'
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { createMemoryStore } from '../../lib/connectors/memory/store.ts'
import type { MemoryStore } from '../../lib/connectors/memory/store.ts'
import type { Endpoint } from '../../lib/open.ts'
import type { RunReport } from '../../lib/report.ts'
import type { Document } from '../../lib/types.ts'
import { basicAuth, servers } from './servers.ts'

export function storeOf(collections: Readonly<Record<string, readonly Document[]>>): MemoryStore {
  const store = createMemoryStore()
  for (const [name, documents] of Object.entries(collections))
    store.collections.set(name, new Map(documents.map(document => [document._id, document])))
  return store
}

export function memory(store: MemoryStore): Endpoint {
  return { connector: 'memory', options: { store } }
}

/** `d00000`, `d00001`, ... */
export function numbered(count: number, more: (index: number) => object = () => ({})): Document[] {
  return Array.from({ length: count }, (_, index) => ({ _id: `d${String(index).padStart(5, '0')}`, index, ...more(index) }))
}

/** The dead letters of a run, which its report names. */
export function lettersOf({ deadLetters }: RunReport): { id?: string; code: string; where?: string; document?: Document; raw?: string }[] {
  if (deadLetters === undefined) return []
  const lines = readFileSync(deadLetters, 'utf8').trimEnd().split('\n')
  return lines.map(line => JSON.parse(line) as { code: string })
}

export async function dynamodbClient(): Promise<DynamoDBClient> {
  const { endpoint, region, credentials } = await servers.dynamodb()
  return new DynamoDBClient({ endpoint, region, credentials })
}

export async function dynamodbItem(table: string, id: string): Promise<Record<string, AttributeValue> | undefined> {
  const client = await dynamodbClient()
  try {
    const answer = await client.send(new BatchGetItemCommand({ RequestItems: { [table]: { Keys: [{ _id: { S: id } }] } } }))
    return answer.Responses?.[table]?.[0]
  } finally {
    client.destroy()
  }
}

/** The ids that a table holds, sorted. */
export async function dynamodbIds(table: string): Promise<string[]> {
  const client = await dynamodbClient()
  try {
    const { Items = [] } = await client.send(new ScanCommand({ TableName: table, ConsistentRead: true }))
    return Items.map(item => item['_id']?.S ?? '').sort()
  } finally {
    client.destroy()
  }
}

/** A request to CouchDB as its admin, with the answer's text. @throws for any answer but 2xx */
export async function askCouchdb(path: string, init: { readonly method?: string; readonly body?: object } = {}): Promise<string> {
  const { url, user, password } = await servers.couchdb()
  const response = await fetch(url + path, {
    method: init.method ?? 'GET',
    headers: { authorization: basicAuth(user, password), 'content-type': 'application/json' },
    ...(init.body && { body: JSON.stringify(init.body) })
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`)
  return text
}
