/** One server by two addresses, the second of which is a proxy before it. CouchDB has a file of its own. */
import { expect } from 'chai'
import type { Endpoint } from '../../lib/open.ts'
import { openSource } from '../../lib/open.ts'
import type { MigrateOptions } from '../../lib/options.ts'
import type { RunReport } from '../../lib/report.ts'
import type { Document } from '../../lib/types.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import type { FaultProxy } from '../support/fault-proxy.ts'
import { startGrpcProxy } from '../support/grpc-proxy.ts'
import type { GrpcProxy } from '../support/grpc-proxy.ts'
import { migrate } from '../support/migrate.ts'
import { usePlaces } from '../support/places.ts'
import { scriptedSource } from '../support/scripted-connector.ts'
import { uniqueName } from '../support/servers.ts'

interface Given {
  readonly here: Endpoint
  readonly there: Endpoint
  readonly collection: string
}

const documents: readonly Document[] = [{ _id: 'a', secret: 1 }, { _id: 'b' }]
const strip: MigrateOptions['stages'] = [({ _id }) => ({ _id })]

async function read(endpoint: Endpoint, collection: string): Promise<Document[]> {
  const source = await openSource(endpoint)
  try {
    const found: Document[] = []
    for (const partition of await source.partitions([collection], { wanted: 1 }))
      for await (const page of source.read(partition, {})) found.push(...page.documents)
    return found.sort((a, b) => (a._id < b._id ? -1 : 1))
  } finally {
    await source.close()
  }
}

/** What holds for each provider. @param given filled by its hooks */
function behaviours(called: string, given: () => Given): void {
  const run = (options: Partial<MigrateOptions> = {}): Promise<RunReport> => {
    const { here, there, collection } = given()
    return migrate({ source: here, target: there, collections: [collection], stages: strip, onConflict: 'overwrite', ...options })
  }
  const refused = async (options?: Partial<MigrateOptions>): Promise<void> => {
    const error = await run(options).then(
      () => expect.fail('it was not refused'),
      (error: unknown) => error as Error
    )
    expect(error).to.include({ code: 'DOCFERRY_SAME_PLACE' })
    expect(error.message).to.include(`is the same ${called} as ${given().collection} of`).and.include('under another address')
  }

  beforeEach(async () => {
    const { here, collection } = given()
    await migrate({ source: scriptedSource({ collections: { [collection]: documents } }), target: here })
  })

  it('is refused, and nothing written', async () => {
    await refused()
    await refused({ dryRun: true })
    await refused({ source: given().there, target: given().here })
    expect(await read(given().here, given().collection)).to.deep.equal(documents)
  })

  it('is written to under another name', async () => {
    const { collection, here } = given()
    expect((await run({ rename: { [collection]: `${collection}-new` } })).state).to.equal('done')
    expect(await read(here, collection)).to.deep.equal(documents)
  })
}

describe('dynamodb: a table under another address', function () {
  this.timeout(60_000)
  const places = usePlaces()
  let proxy: FaultProxy
  let given: Given
  beforeEach(async () => {
    const collection = uniqueName('same')
    const here = await places.place('dynamodb', collection, `${collection}-new`)
    const { options } = here as { readonly options: { readonly endpoint: string; readonly region: string } }
    proxy = await startFaultProxy({ target: options.endpoint })
    given = { here, there: { connector: 'dynamodb', options: { ...options, endpoint: proxy.url } }, collection }
  })
  afterEach(() => proxy.close())

  behaviours('table', () => given)

  it('is refused by another region of one DynamoDB Local, where all regions are one', async () => {
    const { options } = given.here as { readonly options: object }
    const error: unknown = await migrate({
      source: given.here,
      target: { connector: 'dynamodb', options: { ...options, region: 'eu-west-1' } },
      collections: [given.collection]
    }).catch((error: unknown) => error)
    expect(error).to.include({ code: 'DOCFERRY_SAME_PLACE' })
  })

  it('is another one where the table was made at another time, or has another id', async () => {
    const table = (own: object): object => ({
      Table: {
        TableName: given.collection,
        TableArn: `arn:aws:dynamodb:ddblocal:000000000000:table/${given.collection}`,
        TableStatus: 'ACTIVE',
        KeySchema: [{ AttributeName: '_id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: '_id', AttributeType: 'S' }],
        ...own
      }
    })
    for (const own of [{ CreationDateTime: 1.5 }, { TableId: '7a1b' }, {}]) {
      proxy.faults.length = 0
      const action = { type: 'answer', status: 200, body: table(own) } as const
      proxy.faults.push({ match: ({ operation }) => operation === 'DescribeTable', action, times: Infinity })
      const { here, there, collection } = given
      expect((await migrate({ source: here, target: there, collections: [collection], dryRun: true })).state).to.equal('done')
    }
  })

  it('costs one request for each table of the target', async () => {
    const { here, there, collection } = given
    const report = await migrate({
      source: here,
      target: there,
      collections: [collection],
      rename: { [collection]: `${collection}-new` },
      dryRun: true
    })
    expect(report.state).to.equal('done')
    expect(proxy.count(({ operation }) => operation === 'DescribeTable')).to.equal(2)
  })
})

describe('firestore: a collection of an emulator under another address', function () {
  this.timeout(60_000)
  const places = usePlaces()
  let proxy: GrpcProxy
  let given: Given
  beforeEach(async () => {
    const here = await places.place('firestore')
    const { options } = here as { readonly options: { readonly emulator: string } }
    proxy = await startGrpcProxy({ target: options.emulator })
    given = { here, there: { connector: 'firestore', options: { ...options, emulator: proxy.host } }, collection: 'users' }
  })
  afterEach(() => proxy.close())

  behaviours('collection', () => given)

  it('is another one in another project', async () => {
    const { here, there, collection } = given
    const other = await places.place('firestore')
    await migrate({ source: here, target: other })
    const { options } = there as { readonly options: object }
    const { project } = (other as { readonly options: { readonly project: string } }).options
    const target = { connector: 'firestore', options: { ...options, project } } as const
    expect((await migrate({ source: here, target, collections: [collection] })).state).to.equal('done')
  })
})
