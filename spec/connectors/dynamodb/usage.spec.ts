import { BatchWriteItemCommand, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb'
import type { AttributeValue, ConsumedCapacity } from '@aws-sdk/client-dynamodb'
import { expect } from 'chai'
import { dynamodbConnector } from '../../../lib/connectors/dynamodb/index.ts'
import type { DynamodbOptions } from '../../../lib/connectors/dynamodb/index.ts'
import type { Document, Encoded, Source, Usage } from '../../../lib/types.ts'
import { Ends, fresh, overwrite, readAll, refusal, silent, skip, Stub } from './support.ts'

/** Items on both sides of the bounds that units are counted by. */
const sizes = [20, 1_023, 1_024, 1_025, 2_048, 2_049, 4_096, 4_097, 10_000, 100_000]

describe('dynamodb: usage', () => {
  let ends: Ends
  before(async function () {
    this.timeout(60_000)
    ends = await Ends.open()
  })
  after(() => ends.close())

  function encodedOf(table: string): Encoded<Buffer>[] {
    const documents = sizes.map((bytes, index): Document => {
      const bare = ends.target.encode(table, { _id: `d${index}`, pad: '' }) as Encoded
      return { _id: `d${index}`, pad: 'x'.repeat(bytes - bare.bytes) }
    })
    return ends.encode(table, documents) as Encoded<Buffer>[]
  }

  const usage = (documents: readonly Encoded[], options: Parameters<NonNullable<typeof ends.target.usage>>[1]): Usage =>
    ends.target.usage?.(documents, options) as Usage

  /** Documents that are sent as they are, one after the other, past the target: what the service says of each. */
  async function unitsOf(
    documents: readonly Encoded<Buffer>[],
    send: (item: Record<string, AttributeValue>) => Promise<ConsumedCapacity[]>
  ) {
    let units = 0
    for (const { payload } of documents) {
      for (const consumed of await send(JSON.parse(payload.toString()) as Record<string, AttributeValue>))
        units += consumed.CapacityUnits ?? NaN
    }
    return units
  }

  it('foretells the write units of a batch without conditions', async () => {
    const table = await ends.table()
    const documents = encodedOf(table)
    const units = await unitsOf(documents, async Item => {
      const RequestItems = { [table]: [{ PutRequest: { Item } }] }
      return (await ends.client.send(new BatchWriteItemCommand({ RequestItems, ReturnConsumedCapacity: 'TOTAL' }))).ConsumedCapacity ?? []
    })
    expect(units).to.be.greaterThan(0)
    expect(usage(documents, fresh)).to.deep.equal({ requests: 1, writeUnits: units })
    expect(usage(documents, overwrite)).to.deep.equal({ requests: 1, writeUnits: units })
  })

  it('foretells the write units of a transaction, which are twice as many', async () => {
    const table = await ends.table()
    const documents = encodedOf(table)
    const units = await unitsOf(documents, async Item => {
      const TransactItems = [{ Put: { TableName: table, Item } }]
      const answer = await ends.client.send(new TransactWriteItemsCommand({ TransactItems, ReturnConsumedCapacity: 'TOTAL' }))
      return answer.ConsumedCapacity ?? []
    })
    const { writeUnits: alone = NaN } = usage(documents, fresh)
    expect(usage(documents, skip)).to.deep.equal({ requests: 1, writeUnits: 2 * alone })
    // The guide says two units for 1 KB; DynamoDB Local counts each of the two writes of a transaction twice.
    expect(units).to.equal(4 * alone)
  })

  it('foretells the requests that a write makes', async () => {
    const stub = await Stub.start(() => undefined)
    const target = await dynamodbConnector.openTarget(optionsOf(stub), { logger: silent })
    const small = Array.from({ length: 60 }, (_, index) => target.encode('agents', { _id: `d${index}` }) as Encoded)
    const large = Array.from(
      { length: 4 },
      (_, index) => target.encode('agents', { _id: `d${index}`, t: '\u0001'.repeat(400_000) }) as Encoded
    )
    for (const options of [fresh, overwrite, skip]) {
      for (const documents of [small, large]) {
        const before = stub.requests.length
        await target.write('agents', documents, options)
        expect(target.usage?.(documents, options).requests).to.equal(stub.requests.length - before)
      }
    }
    await target.close()
    await stub.close()
  })

  it('sums the read units that the service says', async () => {
    const table = await ends.table()
    const documents = Array.from({ length: 60 }, (_, index) => ({ _id: `d${index}`, text: 'x'.repeat(9_000) }))
    await ends.write(table, documents, fresh)
    for (const consistentRead of [true, false]) {
      const source = await dynamodbConnector.openSource({ ...ends.options, consistentRead }, { logger: silent })
      expect(source.usage?.()).to.deep.equal({ requests: 0, readUnits: 0 })
      const [partition] = await source.partitions([table], { wanted: 1 })
      expect(await readAll(source, partition!)).to.have.length(60)
      const { requests, readUnits = NaN } = source.usage?.() ?? { requests: NaN }
      expect(requests).to.equal(1)
      const bytes = 60 * 9_010
      expect(readUnits).to.be.within((bytes / 4_096) * (consistentRead ? 1 : 0.5), (bytes / 4_096 + 60) * (consistentRead ? 1 : 0.5))
      await source.close()
    }
  })

  it('counts every scan that was sent, and estimates where the service does not say', async () => {
    const items = [{ _id: { S: 'a' }, text: { S: 'x'.repeat(5_000) } }]
    const stub = await Stub.start(({ operation }, count) => {
      if (operation !== 'Scan') return undefined
      if (count % 3 === 0) return refusal('ProvisionedThroughputExceededException')
      return count % 3 === 1 ? { body: { Items: items, LastEvaluatedKey: { _id: { S: 'a' } } } } : { body: { Items: [] } }
    })
    const scanned = async (consistentRead: boolean): Promise<Usage | undefined> => {
      const source: Source = await dynamodbConnector.openSource({ ...optionsOf(stub), consistentRead }, { logger: silent })
      const [partition] = await source.partitions(['agents'], { wanted: 1 })
      await readAll(source, partition!)
      await source.close()
      return source.usage?.()
    }
    expect(await scanned(true)).to.deep.equal({ requests: 3, readUnits: 2 + 1 })
    expect(await scanned(false)).to.deep.equal({ requests: 3, readUnits: 1 + 0.5 })
    await stub.close()
  })
})

function optionsOf(stub: Stub): DynamodbOptions {
  return { endpoint: stub.endpoint, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } }
}
