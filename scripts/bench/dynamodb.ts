/** DynamoDB's writer and reader against bare loops of lib-dynamodb with its best settings. */
import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { BatchWriteCommand, DynamoDBDocumentClient, ScanCommand } from '@aws-sdk/lib-dynamodb'
import { runParallel } from '../../lib/engine/run-parallel.ts'
import type { Endpoint } from '../../lib/open.ts'
import type { Document } from '../../lib/types.ts'
import { arraySource, move, nullTarget } from './ends.ts'
import type { Contest } from './measure.ts'

const collection = 'bench_documents'

/** As many segments as docferry reads by itself. */
const segments = 4

const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))

interface Place {
  readonly end: Endpoint
  readonly documents: readonly Document[]
}

export function dynamodbContests({ end, documents }: Place, server: { endpoint: string; region: string }): Contest[] {
  const client = new DynamoDBClient({ ...server, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } })
  const lib = DynamoDBDocumentClient.from(client)
  const empty = async (): Promise<void> => {
    await client.send(new DeleteTableCommand({ TableName: collection })).catch((error: Error) => {
      if (error.name !== 'ResourceNotFoundException') throw error
    })
    await move(arraySource(collection, []), end, collection)
  }
  return [
    {
      name: 'DynamoDB write',
      bareName: 'lib-dynamodb BatchWrite, 25 x 12 in flight',
      documents: documents.length,
      prepare: empty,
      bare: async () => {
        await runParallel(chunks(documents, 25), 12, async batch => {
          await lib.send(new BatchWriteCommand({ RequestItems: { [collection]: batch.map(Item => ({ PutRequest: { Item } })) } }))
        })
        return documents.length
      },
      ours: () => move(arraySource(collection, documents), end, collection)
    },
    {
      name: 'DynamoDB read',
      bareName: `lib-dynamodb Scan, ${segments} segments`,
      documents: documents.length,
      bare: async () => {
        let count = 0
        await runParallel([...Array(segments).keys()], segments, async Segment => {
          let ExclusiveStartKey: Record<string, unknown> | undefined
          do {
            const page = await lib.send(
              new ScanCommand({ TableName: collection, Segment, TotalSegments: segments, ExclusiveStartKey, ConsistentRead: true })
            )
            count += page.Items?.length ?? 0
            ExclusiveStartKey = page.LastEvaluatedKey
          } while (ExclusiveStartKey)
        })
        return count
      },
      ours: () => move(end, nullTarget(), collection)
    }
  ]
}
