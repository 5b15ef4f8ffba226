import { CreateTableCommand, DeleteTableCommand, DynamoDBClient, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb'
import { expect } from 'chai'
import { dynamodbConnector } from '../../../lib/connectors/dynamodb/index.ts'
import { silentLogger } from '../../../lib/open.ts'
import { servers, uniqueName } from '../../support/servers.ts'

describe('dynamodb: inspect', function () {
  this.timeout(30_000)
  let client: DynamoDBClient
  let options: { readonly endpoint: string; readonly region: string }
  let table: string
  before(async () => {
    const { endpoint, region, credentials } = await servers.dynamodb()
    options = { endpoint, region }
    client = new DynamoDBClient({ endpoint, region, credentials })
  })
  after(() => client.destroy())
  beforeEach(async () => {
    table = uniqueName('inspect')
    await client.send(
      new CreateTableCommand({
        TableName: table,
        KeySchema: [{ AttributeName: '_id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: '_id', AttributeType: 'S' }],
        ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 7 },
        StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' }
      })
    )
  })
  afterEach(() => client.send(new DeleteTableCommand({ TableName: table })))
  const inspect = (end: 'source' | 'target', collections = [table]) =>
    dynamodbConnector.inspect!(options, { logger: silentLogger }, { end, collections })

  it('tells the clock, and by how much it may be off', async () => {
    const { clock, mostSkewMs } = await inspect('source')
    expect(Math.abs(clock!.server.getTime() - clock!.after.getTime())).to.be.lessThan(5_000)
    expect(mostSkewMs).to.equal(300_000)
  })

  it('tells of streams, expiry and provisioned units', async () => {
    await client.send(
      new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification: { Enabled: true, AttributeName: 'expires' } })
    )
    const source = await inspect('source')
    expect(source.live!.join('\n')).to.include('over the time in expires (TTL)').and.include('has a stream (NEW_IMAGE)')
    expect(source.notes!.join('\n')).to.include('provisioned with 5 read units').and.include('--max-rcu')
    expect((await inspect('target')).notes!.join('\n'))
      .to.include('provisioned with 7 write units')
      .and.include('--max-wcu')
  })

  it('says nothing of a table that is not there', async () => {
    const { live, notes } = await inspect('target', [uniqueName('none')])
    expect({ live, notes }).to.deep.equal({ live: [], notes: [] })
  })
})
