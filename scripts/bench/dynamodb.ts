/** DynamoDB's writer and reader against bare loops of lib-dynamodb with its best settings. */
import { createReadStream, createWriteStream, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { finished } from 'node:stream/promises'
import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { runParallel } from '../../lib/engine/run-parallel.ts'
import type { Endpoint } from '../../lib/open.ts'
import type { Document } from '../../lib/types.ts'
import { arraySource, move, nullTarget } from './ends.ts'
import type { Contest, Goal } from './measure.ts'
import { plainDynamodb, segments } from './plain-clients.ts'

const collection = 'bench_documents'

const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))

interface Place {
  readonly end: Endpoint
  readonly documents: readonly Document[]
  readonly path: (name: string) => string
}

/** As of the contests that begin and end with objects. */
const goal: Goal = { time: 1 / 0.95, cpu: 0.5 }

export function dynamodbContests({ end, documents, path }: Place, server: { endpoint: string; region: string }): Contest[] {
  const client = new DynamoDBClient({ ...server, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } })
  const plain = plainDynamodb(server)
  const empty = async (): Promise<void> => {
    await client.send(new DeleteTableCommand({ TableName: collection })).catch((error: Error) => {
      if (error.name !== 'ResourceNotFoundException') throw error
    })
    await move(arraySource(collection, []), end, collection)
  }
  const [input, output, bareOutput] = ['in', 'out', 'bare'].map(name => path(`dynamodb-${name}.ndjson`)) as [string, string, string]
  writeFileSync(input, documents.map(document => `${JSON.stringify(document)}\n`).join(''))
  const fileOf = (at: string): Endpoint => ({ connector: 'file', options: { path: at, force: true, collection } })
  const writeAll = async (written: readonly Document[]): Promise<number> => {
    const { batch, inFlight } = plain.writing
    await runParallel(chunks(written, batch), inFlight, async some => void (await plain.saveMany(collection, some)))
    return written.length
  }
  const scanAll = async (take?: (items: readonly Document[]) => void): Promise<number> => {
    let count = 0
    await plain.readAll(collection, items => {
      take?.(items)
      count += items.length
      return undefined
    })
    return count
  }
  const scanned = `lib-dynamodb Scan, ${segments} segments`
  return [
    {
      name: 'DynamoDB write',
      bareName: 'lib-dynamodb BatchWrite, 25 x 12 in flight',
      documents: documents.length,
      prepare: empty,
      bare: () => writeAll(documents),
      ours: () => move(arraySource(collection, documents), end, collection)
    },
    {
      name: 'NDJSON -> DynamoDB',
      bareName: 'readline, JSON.parse, lib-dynamodb BatchWrite, 25 x 12 in flight',
      documents: documents.length,
      prepare: empty,
      async bare() {
        const read: Document[] = []
        for await (const line of createInterface({ input: createReadStream(input) })) read.push(JSON.parse(line) as Document)
        return await writeAll(read)
      },
      ours: () => move(fileOf(input), end, collection),
      goal
    },
    {
      name: 'DynamoDB read',
      bareName: scanned,
      documents: documents.length,
      bare: () => scanAll(),
      ours: () => move(end, nullTarget({ takesLines: true }), collection)
    },
    {
      name: 'DynamoDB, documents looked at',
      bareName: scanned,
      documents: documents.length,
      bare: () => scanAll(),
      ours: () => move(end, nullTarget(), collection)
    },
    {
      name: 'DynamoDB -> NDJSON',
      bareName: `${scanned}, JSON.stringify`,
      documents: documents.length,
      prepare: async () => {
        for (const each of [output, bareOutput]) await rm(each, { force: true })
      },
      async bare() {
        const out = createWriteStream(bareOutput)
        const count = await scanAll(items => {
          for (const item of items) out.write(`${JSON.stringify(item)}\n`)
        })
        out.end()
        await finished(out)
        return count
      },
      ours: () => move(end, fileOf(output), collection),
      goal
    }
  ]
}
