/** What somebody would write with the vendors' own clients: one by one as a guide says, or with their best settings. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { BatchWriteCommand, DynamoDBDocumentClient, PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb'
import { Firestore } from '@google-cloud/firestore'
import nano from 'nano'
import { runParallel } from '../../lib/engine/run-parallel.ts'
import type { Document } from '../../lib/types.ts'
import { readRanges } from './bare-couchdb.ts'
import type { CouchdbServer } from './bare-couchdb.ts'

export interface PlainClient {
  /** Missing where `prepare` of the database's contests leaves a collection to write to, or none is needed. */
  readonly make?: (collection: string) => Promise<unknown>
  /** @param most documents that are wanted */
  readonly list: (collection: string, most: number) => Promise<readonly Document[]>
  readonly save: (collection: string, document: Document) => Promise<unknown>
  /** All documents. @param take what it gives is waited for */
  readonly readAll: (collection: string, take: (documents: readonly Document[]) => Promise<void> | undefined) => Promise<unknown>
  readonly saveMany: (collection: string, documents: readonly Document[]) => Promise<unknown>
  /** With which `saveMany` does best: documents of a call, and calls at once. */
  readonly writing: { readonly batch: number; readonly inFlight: number }
}

/** Read all of one, and write it into the other while more is read. @returns how many documents went through */
export async function pipe(source: PlainClient, target: PlainClient, collection: string): Promise<number> {
  const { batch, inFlight } = target.writing
  const underWay = new Set<Promise<unknown>>()
  let waiting: Document[] = []
  let count = 0
  const send = (): void => {
    const call: Promise<unknown> = target.saveMany(collection, waiting).finally(() => underWay.delete(call))
    underWay.add(call)
    count += waiting.length
    waiting = []
  }
  await target.make?.(collection)
  await source.readAll(collection, documents => {
    for (const document of documents) if (waiting.push(document) === batch) send()
    return underWay.size < inFlight ? undefined : untilFewer(underWay, inFlight)
  })
  if (waiting.length > 0) send()
  await Promise.all(underWay)
  return count
}

async function untilFewer(underWay: ReadonlySet<Promise<unknown>>, most: number): Promise<void> {
  while (underWay.size >= most) await Promise.race(underWay)
}

/** @param middle an id with half of the documents before it */
export function plainCouchdb(server: CouchdbServer, middle: string): PlainClient {
  const address = new URL(server.url)
  address.username = server.user
  address.password = server.password
  const client = nano(address.href)
  const withoutRevision = ({ _rev, ...document }: Document): Document => document
  return {
    make: collection => client.db.create(collection),
    async list(collection, most) {
      const { rows } = await client.use<object>(collection).list({ include_docs: true, limit: most })
      return rows.map(({ doc }) => withoutRevision(doc as Document))
    },
    save: (collection, document) => client.use(collection).insert(document),
    readAll: (database, take) => readRanges(server, { database, middle, take: document => take([withoutRevision(document as Document)]) }),
    saveMany: (collection, documents) => client.use(collection).bulk({ docs: [...documents] }),
    writing: { batch: 500, inFlight: 4 }
  }
}

/** As many segments as docferry reads by itself. */
export const segments = 4

/**
 * More than the 1 MB that an answer holds of documents of 1 KB, so that the service sends what it would without. DynamoDB Local reads all that is
 * left of a segment, up to the limit, before it cuts the answer: without one its scans take the square of a table's size.
 */
const scanLimit = 1_250

export function plainDynamodb(server: { readonly endpoint: string; readonly region: string }): PlainClient {
  const client = DynamoDBDocumentClient.from(
    new DynamoDBClient({ ...server, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } })
  )
  return {
    async list(TableName, most) {
      const { Items } = await client.send(new ScanCommand({ TableName, Limit: most }))
      return (Items ?? []) as Document[]
    },
    save: (TableName, Item) => client.send(new PutCommand({ TableName, Item })),
    readAll: (TableName, take) =>
      runParallel([...Array(segments).keys()], segments, async Segment => {
        let ExclusiveStartKey: Record<string, unknown> | undefined
        do {
          const page = await client.send(
            new ScanCommand({ TableName, Segment, TotalSegments: segments, ExclusiveStartKey, ConsistentRead: true, Limit: scanLimit })
          )
          await take((page.Items ?? []) as Document[])
          ExclusiveStartKey = page.LastEvaluatedKey
        } while (ExclusiveStartKey)
      }),
    saveMany: (collection, documents) =>
      client.send(new BatchWriteCommand({ RequestItems: { [collection]: documents.map(Item => ({ PutRequest: { Item } })) } })),
    writing: { batch: 25, inFlight: 12 }
  }
}

export function plainFirestore(server: { readonly host: string; readonly project: string }): PlainClient {
  const client = new Firestore({
    projectId: server.project,
    host: server.host,
    ssl: false,
    ignoreUndefinedProperties: true,
    customHeaders: { Authorization: 'Bearer owner' }
  })
  return {
    async list(collection, most) {
      const { docs } = await client.collection(collection).limit(most).get()
      return docs.map(each => each.data() as Document)
    },
    save: (collection, document) => client.collection(collection).doc(document._id).set(document),
    async readAll(collection, take) {
      const answers = client.collection(collection).orderBy('__name__').stream() as AsyncIterable<{ data(): object }>
      for await (const snapshot of answers) {
        const wait = take([snapshot.data() as Document])
        if (wait) await wait
      }
    },
    saveMany(collection, documents) {
      const writes = client.batch()
      for (const document of documents) writes.set(client.collection(collection).doc(document._id), document)
      return writes.commit()
    },
    writing: { batch: 100, inFlight: 16 }
  }
}
