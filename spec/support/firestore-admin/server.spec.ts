/** The server against the vendor's own client: what that sends and reads is what the server must take and give. */
import { createRequire } from 'node:module'
import { expect } from 'chai'
import type { FirestoreAdminServer } from './server.ts'
import { startFirestoreAdmin } from './server.ts'

const database = 'projects/p/databases/(default)'
const backup = 'projects/p/locations/eur3/backups/b'

interface Operation {
  readonly name: string
  readonly done: boolean
  readonly metadata: { readonly progressDocuments: { readonly estimatedWork: { toNumber(): number } } }
}

type Answer = readonly [object]

/** What is used of `v1.FirestoreAdminClient`. */
interface VendorClient {
  initialize(): Promise<{ getDatabase(request: object, callback: (error: Error | null, found?: object) => void): void }>
  getDatabase(request: object, options?: object): Promise<Answer>
  exportDocuments(request: object, options?: object): Promise<readonly [Operation]>
  cloneDatabase(request: object, options?: object): Promise<readonly [Operation]>
  restoreDatabase(request: object, options?: object): Promise<readonly [Operation]>
  listBackups(request: object, options?: object): Promise<readonly [{ readonly backups: readonly { readonly name: string }[] }]>
  updateDatabase(request: object, options?: object): Promise<Answer>
  listOperationsAsync(request: object, options: object): AsyncIterable<{ readonly name: string }>
  close(): Promise<void>
}

function vendorClient({ host }: FirestoreAdminServer): VendorClient {
  const here = createRequire(import.meta.url)
  const { v1 } = here('@google-cloud/firestore') as { v1: { FirestoreAdminClient: new (options: object) => VendorClient } }
  const gax = createRequire(here.resolve('@google-cloud/firestore'))('google-gax') as {
    grpc: { credentials: { createInsecure(): unknown } }
    googleAuthLibrary: { PassThroughClient: new () => unknown }
  }
  const [servicePath, port] = host.split(':')
  return new v1.FirestoreAdminClient({
    servicePath,
    port: Number(port),
    sslCreds: gax.grpc.credentials.createInsecure(),
    authClient: new gax.googleAuthLibrary.PassThroughClient(),
    fallback: false
  })
}

describe('support: Firestore Admin server', () => {
  let server: FirestoreAdminServer
  let client: VendorClient

  beforeEach(async () => {
    server = await startFirestoreAdmin()
    server.state.addDatabase(database)
    server.state.buckets.add('bucket-1')
    client = vendorClient(server)
  })
  afterEach(async () => {
    await client.close()
    server.close()
  })

  async function refusal(work: Promise<unknown>): Promise<{ readonly code: number; readonly details: string }> {
    try {
      await work
    } catch (error) {
      return error as { code: number; details: string }
    }
    throw new Error('nothing was refused')
  }

  it("takes the vendor's requests, with the routing that they carry", async () => {
    const [operation] = await client.exportDocuments({ name: database, outputUriPrefix: 'gs://bucket-1/x', collectionIds: ['a'] })
    expect(operation.name).to.contain('/operations/')
    expect(operation.metadata.progressDocuments.estimatedWork.toNumber()).to.equal(1_000)
    const snapshotTime = { seconds: Math.floor(Date.now() / 60_000) * 60 - 60 }
    await client.cloneDatabase({ parent: 'projects/p', databaseId: 'copy', pitrSnapshot: { database, snapshotTime } })
    server.state.backups.set(backup, { name: backup, database, state: 'READY' })
    await client.restoreDatabase({ parent: 'projects/p', databaseId: 'copy-2', backup })
    const [{ backups }] = await client.listBackups({ parent: 'projects/p/locations/-' })
    expect(backups.map(({ name }) => name)).to.deep.equal([backup])
    expect((await client.getDatabase({ name: database }))[0]).to.include({ locationId: 'eur3' })
  })

  it('gives lists in pages, which the client puts together', async () => {
    for (const folder of ['a', 'b', 'c', 'd', 'e'])
      await client.exportDocuments({ name: database, outputUriPrefix: `gs://bucket-1/${folder}` })
    const names: string[] = []
    for await (const { name } of client.listOperationsAsync({ name: database }, { autoPaginate: false })) names.push(name)
    expect(new Set(names).size).to.equal(5)
    expect(server.seen.filter(({ method }) => method === 'ListOperations')).to.have.length(3)
  })

  for (const [what, request] of [
    ['without what is required', {}],
    ['with a name of another form', { name: 'projects/p' }],
    ['that goes to no bucket', { name: database, outputUriPrefix: 's3://bucket-1' }],
    ['of a moment that is no whole minute', { name: database, outputUriPrefix: 'gs://bucket-1', snapshotTime: { seconds: 61 } }],
    ['of a collection named twice', { name: database, outputUriPrefix: 'gs://bucket-1', collectionIds: ['a', 'a'] }]
  ] as const) {
    it(`refuses an export ${what}`, async () => {
      expect((await refusal(client.exportDocuments(request, { maxRetries: 0 }))).code).to.equal(3)
      expect(server.state.operations.size).to.equal(0)
    })
  }

  it('refuses a message within another without what is required', async () => {
    const pitrSnapshot = { snapshotTime: { seconds: Math.floor(Date.now() / 60_000) * 60 - 60 } }
    const error = await refusal(client.cloneDatabase({ parent: 'projects/p', databaseId: 'copy', pitrSnapshot }, { maxRetries: 0 }))
    expect(error.details).to.contain('pitrSnapshot: database is required')
  })

  it('refuses what only the service sets', async () => {
    const changed = { name: database, uid: 'mine', pointInTimeRecoveryEnablement: 'POINT_IN_TIME_RECOVERY_ENABLED' }
    const error = await refusal(
      client.updateDatabase({ database: changed, updateMask: { paths: ['point_in_time_recovery_enablement'] } }, { maxRetries: 0 })
    )
    expect(error.details).to.contain('database: uid is output only')
  })

  it('refuses a call without its routing', async () => {
    const stub = await client.initialize()
    const answer = new Promise((resolve, reject) => {
      stub.getDatabase({ name: database }, (error, found) => (error === null ? resolve(found) : reject(error)))
    })
    const { code, details } = await refusal(answer)
    expect(code).to.equal(3)
    expect(details).to.contain('x-goog-request-params')
  })

  it('refuses an update of more than its mask may name', async () => {
    const error = await refusal(client.updateDatabase({ database: { name: database }, updateMask: { paths: ['delete_protection_state'] } }))
    expect(error.code).to.equal(3)
  })

  it('says NOT_FOUND for a database that there is none of, and fails as told', async () => {
    expect((await refusal(client.getDatabase({ name: 'projects/p/databases/none' }))).code).to.equal(5)
    server.failNext('GetDatabase', 7, 'no')
    expect(await refusal(client.getDatabase({ name: database }))).to.include({ code: 7, details: 'no' })
  })
})
