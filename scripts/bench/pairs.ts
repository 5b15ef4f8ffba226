/** From one database to another: against the ceiling of the slower side, and against reading all and saving one by one. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb'
import { Firestore } from '@google-cloud/firestore'
import nano from 'nano'
import type { Endpoint } from '../../lib/open.ts'
import { createReadStream } from '../../lib/streams.ts'
import type { Document } from '../../lib/types.ts'
import { DigestSum } from '../../lib/values/index.ts'
import { move } from './ends.ts'
import { inThisProcess } from './measure.ts'
import type { Contest, Opponent, Race, Sample } from './measure.ts'

/** Saving one by one takes minutes for what the others do in seconds. */
const savedOneByOne = 500

/** A database, with the bare loops that its readers and writers are compared with. */
export interface Database {
  readonly name: 'CouchDB' | 'DynamoDB' | 'Firestore'
  readonly end: Endpoint
  /** Of this database: one whose name ends in `write`, and one in `read`. */
  readonly contests: readonly Contest[]
  readonly plain: PlainClient
}

/** As a guide would do it. */
interface PlainClient {
  /** Missing where `prepare` of its contests leaves a collection to write to, or none is needed. */
  readonly make?: (collection: string) => Promise<unknown>
  /** @param most documents that are wanted */
  readonly list: (collection: string, most: number) => Promise<readonly Document[]>
  readonly save: (collection: string, document: Document) => Promise<unknown>
}

export const pairs = [
  ['CouchDB', 'DynamoDB'],
  ['DynamoDB', 'Firestore'],
  ['Firestore', 'CouchDB']
] as const

/** @param collection that the contests fill; in the source it must be full, in the target it is emptied before each run */
export function pairRace(source: Database, target: Database, collection: string, documents: number): Race {
  const read = sideOf(source, 'read')
  const write = sideOf(target, 'write')
  const ceiling: Opponent = {
    name: `the slower one of: ${read.bareName}; ${write.bareName}`,
    goal: { time: 1 / 0.9 },
    async run() {
      const reading = await inThisProcess(read.bare)
      const writing = await inThisProcess(write.bare)
      return {
        documents: Math.min(reading.documents, writing.documents),
        seconds: Math.max(reading.seconds, writing.seconds),
        cpuSeconds: reading.cpuSeconds + writing.cpuSeconds
      }
    }
  }
  const oneByOne: Opponent = {
    name: 'all listed, saved one by one',
    documents: Math.min(documents, savedOneByOne),
    run: (): Promise<Sample> =>
      inThisProcess(async () => {
        const found = await source.plain.list(collection, savedOneByOne)
        await target.plain.make?.(collection)
        for (const document of found) await target.plain.save(collection, document)
        return found.length
      })
  }
  return {
    name: `${source.name} -> ${target.name}`,
    input: `${documents} documents`,
    documents,
    warmsUp: true,
    prepare: write.prepare,
    ours: { name: 'docferry', run: () => inThisProcess(() => move(source.end, target.end, collection)) },
    others: [ceiling, oneByOne],
    async check() {
      if ((await digestOf(target.end, collection)) !== (await digestOf(source.end, collection)))
        throw new Error(`${source.name} -> ${target.name}: the target does not hold what the source holds`)
    }
  }
}

async function digestOf(end: Endpoint, collection: string): Promise<string> {
  const sum = new DigestSum()
  for await (const document of createReadStream(end, collection)) {
    const { _rev, ...rest } = document as Document
    sum.add(rest)
  }
  return `${sum.count} ${sum.hex()}`
}

/** The documents in the source, as its own contest writes them. */
export async function fill(database: Database): Promise<void> {
  const { prepare, bare } = sideOf(database, 'write')
  await prepare?.()
  await bare()
}

/** Leave nothing. */
export async function clear(database: Database): Promise<void> {
  await sideOf(database, 'write').prepare?.()
}

function sideOf({ name, contests }: Database, side: 'read' | 'write'): Contest {
  const contest = contests.find(each => each.name.toLowerCase().endsWith(` ${side}`))
  if (!contest) throw new Error(`${name}: no contest whose name ends in "${side}"`)
  return contest
}

export function plainCouchdb(server: { readonly url: string; readonly user: string; readonly password: string }): PlainClient {
  const address = new URL(server.url)
  address.username = server.user
  address.password = server.password
  const client = nano(address.href)
  return {
    make: collection => client.db.create(collection),
    async list(collection, most) {
      const { rows } = await client.use<object>(collection).list({ include_docs: true, limit: most })
      return rows.map(({ doc }) => {
        const { _rev, ...document } = doc as Document
        return document
      })
    },
    save: (collection, document) => client.use(collection).insert(document)
  }
}

export function plainDynamodb(server: { readonly endpoint: string; readonly region: string }): PlainClient {
  const client = DynamoDBDocumentClient.from(
    new DynamoDBClient({ ...server, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } })
  )
  return {
    async list(TableName, most) {
      const { Items } = await client.send(new ScanCommand({ TableName, Limit: most }))
      return (Items ?? []) as Document[]
    },
    save: (TableName, Item) => client.send(new PutCommand({ TableName, Item }))
  }
}

export function plainFirestore(server: { readonly host: string; readonly project: string }): PlainClient {
  const client = new Firestore({
    projectId: server.project,
    host: server.host,
    ssl: false,
    customHeaders: { Authorization: 'Bearer owner' }
  })
  return {
    async list(collection, most) {
      const { docs } = await client.collection(collection).limit(most).get()
      return docs.map(each => each.data() as Document)
    },
    save: (collection, document) => client.collection(collection).doc(document._id).set(document)
  }
}
