/** What the specs of known losses share: the databases behind proxies, collections in memory, and the vendors' own means to look at what is there. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BatchGetItemCommand, DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb'
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { expect } from 'chai'
import { createMemoryStore } from '../../lib/connectors/memory/store.ts'
import type { MemoryStore } from '../../lib/connectors/memory/store.ts'
import type { Endpoint } from '../../lib/open.ts'
import type { MigrateOptions } from '../../lib/options.ts'
import type { RunReport } from '../../lib/report.ts'
import { migrate } from '../../lib/run.ts'
import type { Document } from '../../lib/types.ts'
import { couchdbEnd, dynamodbEnd, firestoreEnd } from '../faults/ends.ts'
import type { GrpcEnd, HttpEnd } from '../faults/ends.ts'
import { basicAuth, servers, uniqueName } from './servers.ts'

const retry = { attempts: 4, baseMs: 1, capMs: 20 }

export interface OpenedDatabases {
  /** For files. */
  readonly folder: string
  readonly couchdb: HttpEnd
  readonly dynamodb: HttpEnd
  readonly firestore: GrpcEnd
}

export interface Databases {
  /** From the first `before` on. */
  readonly opened: OpenedDatabases
  databases(): readonly (HttpEnd | GrpcEnd)[]
  /** Of a collection of the spec's own, removed when all is over. */
  name(): string
  /** A run with little patience, whose counts add up. */
  move(options: Omit<MigrateOptions, 'retry'>): Promise<RunReport>
  readBack(source: Endpoint, collection: string, options?: Partial<MigrateOptions>): Promise<Document[]>
}

/** The databases behind proxies for the specs of a `describe`: opened before them, without faults behind each, and closed when all is over. */
export function useDatabases(): Databases {
  let opened: OpenedDatabases
  const made: string[] = []
  const databases = (): (HttpEnd | GrpcEnd)[] => [opened.couchdb, opened.dynamodb, opened.firestore]

  before(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'docferry-losses-'))
    const [couchdb, dynamodb, firestore] = await Promise.all([couchdbEnd(folder), dynamodbEnd(folder), firestoreEnd(folder)])
    opened = { folder, couchdb, dynamodb, firestore }
  })
  afterEach(() => {
    for (const { proxy } of databases()) {
      proxy.faults.length = 0
      proxy.forget()
    }
  })
  after(async () => {
    for (const { proxy, place } of databases()) {
      await proxy.close()
      await place.remove(made)
    }
    rmSync(opened.folder, { recursive: true, force: true })
  })

  const move: Databases['move'] = async options => {
    const { folder, dynamodb } = opened
    const report = await migrate({ stateDir: join(folder, 'state'), environment: dynamodb.env, ...options, retry })
    for (const { read, added, written, skipped, filtered, failed } of report.collections)
      expect(read + added).to.equal(written + skipped + filtered + failed)
    return report
  }
  return {
    get opened() {
      return opened
    },
    databases,
    name() {
      const collection = uniqueName('loss')
      made.push(collection)
      return collection
    },
    move,
    async readBack(source, collection, options = {}) {
      const store = storeOf({})
      await move({ source, target: memory(store), collections: [collection], ...options })
      return [...store.collection(collection).values()]
    }
  }
}

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
