/**
 * Ways in which published tools lose data, each shown absent here: through the public path, and against the real server where there is one.
 * Each is named for the defect.
 */
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { CreateTableCommand } from '@aws-sdk/client-dynamodb'
import { expect } from 'chai'
import { listRuns } from '../lib/checkpoint/run-folder.ts'
import type { Endpoint } from '../lib/open.ts'
import type { RunReport } from '../lib/report.ts'
import type { Document } from '../lib/types.ts'
import { fromDouble } from '../lib/values/index.ts'
import { runHere } from './faults/command.ts'
import type { GrpcEnd, HttpEnd } from './faults/ends.ts'
import { askCouchdb, dynamodbClient, dynamodbIds, lettersOf, memory, numbered, storeOf, useDatabases } from './support/known-losses.ts'

const ids = (documents: readonly Document[]): string[] => documents.map(({ _id }) => _id).sort()

describe('known losses', function () {
  this.timeout(60_000)
  const ends = useDatabases()
  const { name, move, readBack, databases } = ends
  let folder: string
  let couchdb: HttpEnd
  let dynamodb: HttpEnd
  let firestore: GrpcEnd

  before(() => ({ folder, couchdb, dynamodb, firestore } = ends.opened))

  it('unprocessed items of a batch write discarded', async () => {
    const table = name()
    const documents = numbered(200)
    dynamodb.proxy.faults.push({
      match: dynamodb.isWrite,
      times: 6,
      action: { type: 'unprocessed', keepBack: (_, index) => index % 2 === 0 }
    })
    const report = await move({ source: memory(storeOf({ [table]: documents })), target: dynamodb.address })
    expect(dynamodb.proxy.hits).to.equal(6)
    expect(report.collections[0]).to.include({ read: 200, written: 200, failed: 0 })
    expect(await dynamodbIds(table)).to.deep.equal(ids(documents))
  })

  it('an import that fails and resolves as success', async () => {
    const collection = name()
    const input = join(folder, `${collection}.ndjson`)
    writeFileSync(
      input,
      numbered(1_200)
        .map(document => `${JSON.stringify(document)}\n`)
        .join('')
    )
    let writes = 0
    // Of three batches, what nobody waits for any more is the last.
    const match = (request: Parameters<HttpEnd['isWrite']>[0]): boolean => couchdb.isWrite(request) && ++writes > 2
    couchdb.proxy.faults.push({ match, times: Infinity, action: { type: 'answer', status: 507, body: { error: 'full' } } })
    const args = ['import', '--input', input, '--target', couchdb.address, '--json', '--state-dir', join(folder, 'state')]
    const ended = await runHere(args, { env: {} })
    expect(ended.code).to.equal(10)
    expect(JSON.parse(ended.stdout)).to.include({ state: 'failed', exitCode: 10 })
    const error = await move({ source: input, target: couchdb.address, onConflict: 'overwrite' }).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_TARGET' })
  })

  it('bad lines of a file dropped without a word', async () => {
    const input = join(folder, 'bad.ndjson')
    const bad = ['{"_id":"cut', 'null', '{"no":"id"}', '[1]', '{"_id":7}']
    writeFileSync(
      input,
      numbered(5)
        .flatMap((document, index) => [JSON.stringify(document), bad[index]])
        .join('\n')
    )
    const output = join(folder, 'good.ndjson')
    const args = ['migrate', '--source', input, '--target', `file:${output}`, '--json', '--state-dir', join(folder, 'state')]
    const ended = await runHere(args, { env: {} })
    expect(ended.code).to.equal(40)
    const report = JSON.parse(ended.stdout) as RunReport & { totals: object }
    expect(report.totals).to.include({ read: 10, written: 5, failed: 5 })
    expect(lettersOf(report).map(({ where, raw }) => `${where?.replace(/,.*/, '')}: ${raw}`)).to.deep.equal(
      bad.map((line, index) => `line ${2 * index + 2}: ${line}`)
    )
  })

  it('retries exhausted, logged and ignored', async () => {
    const table = name()
    dynamodb.proxy.faults.push({ match: dynamodb.isWrite, times: Infinity, action: { type: 'dynamodbError', name: 'ThrottlingException' } })
    const error = await move({ source: memory(storeOf({ [table]: numbered(30) })), target: dynamodb.address }).catch(
      (thrown: unknown) => thrown
    )
    expect(error).to.include({ code: 'DOCFERRY_THROTTLED', exitCode: 10 })

    // One document that never gets through, among others that do.
    const database = name()
    const only = { keepBack: (index: number) => index === 0, error: 'internal_server_error', reason: 'timeout' }
    couchdb.proxy.faults.push({ match: couchdb.isWrite, times: Infinity, action: { type: 'failRows', ...only } })
    const report = await move({ source: memory(storeOf({ [database]: numbered(30) })), target: couchdb.address })
    expect(report).to.include({ state: 'partial' })
    expect(report.collections[0]).to.include({ written: 29, failed: 1 })
    expect(lettersOf(report)[0]?.document).to.deep.equal({ _id: 'd00000', index: 0 })
  })

  it('a throttled page answered from the page before', async () => {
    const collection = name()
    const documents = numbered(700, () => ({ text: 'x'.repeat(3_500) }))
    const check = async ({ place, proxy, address }: HttpEnd | GrpcEnd, throttle: () => void, cuts = 0): Promise<void> => {
      await move({ source: memory(storeOf({ [collection]: documents })), target: place.end })
      throttle()
      const output = join(folder, `${collection}-${place.end.connector}.ndjson`)
      // A file takes what comes twice.
      const report = await move({ source: address, target: output, collections: [collection], parallel: 1 })
      expect(proxy.hits, address).to.equal(2 + cuts)
      expect(report.collections[0]).to.include({ read: 700, written: 700 })
      const lines = readFileSync(output, 'utf8').trimEnd().split('\n').slice(2, -1)
      expect(ids(lines.map(line => JSON.parse(line) as Document))).to.deep.equal(ids(documents))
    }
    const behindTheFirst = (isRead: HttpEnd['isRead']): HttpEnd['isRead'] => {
      let reads = 0
      return request => isRead(request) && ++reads > 1
    }
    const throughput = 'ProvisionedThroughputExceededException'
    // All of it is one answer, unless it is cut.
    const match = couchdb.isRead
    const cut = { match, times: 1, action: { type: 'cut', afterBytes: 1_000_000 } } as const
    await check(couchdb, () => couchdb.proxy.faults.push(cut, { match, times: 2, action: { type: 'throttle', status: 429 } }), 1)
    await check(dynamodb, () =>
      dynamodb.proxy.faults.push({ match: behindTheFirst(dynamodb.isRead), times: 2, action: { type: 'dynamodbError', name: throughput } })
    )
    await check(firestore, () =>
      firestore.proxy.faults.push(
        { match: firestore.isRead, action: { type: 'breakOff', afterMessages: 600, code: 8 } },
        { match: firestore.isRead, action: { type: 'status', code: 8 } }
      )
    )
  })

  it("one document's error in a bulk read logged at debug level", async () => {
    const database = name()
    await move({ source: memory(storeOf({ [database]: numbered(3) })), target: couchdb.address })
    const row = (id: string, more: object): object => ({ id, key: id, value: { rev: '1-a' }, ...more })
    const rows = [
      row('d00000', { doc: { _id: 'd00000', _rev: '1-a' } }),
      row('d00001', { error: 'timeout' }),
      // What CouchDB answers where it can't open a document that it lists; also when it is asked once more.
      row('d00002', { doc: null })
    ]
    const action = { type: 'answer', status: 200, body: { total_rows: 3, offset: 0, rows } } as const
    const isLook = ({ method, path }: { method: string; path: string }): boolean => method === 'POST' && path.includes('/_all_docs')
    couchdb.proxy.faults.push({ match: couchdb.isRead, action }, { match: isLook, action })
    const report = await move({ source: couchdb.address, target: memory(storeOf({})), collections: [database] })
    expect(report).to.include({ state: 'partial' })
    expect(report.collections[0]).to.include({ read: 3, written: 1, failed: 2 })
    expect(lettersOf(report).map(({ id }) => id)).to.deep.equal(['d00001', 'd00002'])
  })

  it('gzip input read as text', async () => {
    const documents = numbered(50)
    const whole = join(folder, 'whole.json')
    await move({ source: memory(storeOf({ agents: documents })), target: whole })
    const texts = {
      'named-as-text.ndjson': documents.map(document => `${JSON.stringify(document)}\n`).join(''),
      'named-as-text.json': readFileSync(whole)
    }
    for (const [file, text] of Object.entries(texts)) {
      writeFileSync(join(folder, file), gzipSync(text))
      const store = storeOf({})
      const report = await move({ source: join(folder, file), target: memory(store) })
      expect(report, file).to.include({ state: 'done' })
      expect(ids([...store.collection(report.collections[0]!.target).values()]), file).to.deep.equal(ids(documents))
    }
  })

  it('a resumed file with a torn line in its middle', async () => {
    const documents = numbered(300)
    for (const file of ['torn.ndjson', 'torn.ndjson.gz', 'torn.json']) {
      const stateDir = mkdtempSync(join(folder, 'torn-'))
      const target = join(stateDir, file)
      let isBroken = true
      const stages = [
        {
          name: 'breaks',
          mayRepeatIds: false,
          apply(document: Document) {
            if (isBroken && document._id === 'd00200') throw new Error('no')
            return document
          }
        }
      ]
      const options = { source: memory(storeOf({ torn: documents })), target, stages, stateDir, checkpointMs: 1 }
      await move(options).then(
        () => expect.fail('it should have failed'),
        () => undefined
      )
      // What a crash leaves behind the last checkpoint: more than will be written, and no whole line.
      const torn = `{"_id":"d00200","text":"${randomBytes(20_000).toString('hex')}`
      const partial = readdirSync(stateDir).find(entry => entry.includes('.partial-'))
      appendFileSync(join(stateDir, partial!), file.endsWith('.gz') ? gzipSync(torn).subarray(0, -20) : torn)
      isBroken = false
      await move({ ...options, resume: (await listRuns(stateDir))[0]!.runId })
      const bytes = readFileSync(target)
      const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
      for (const line of file.endsWith('.json') ? [text] : text.trimEnd().split('\n'))
        expect(() => JSON.parse(line) as unknown, line.slice(0, 100)).not.to.throw()
      expect(ids(await readBack(target, 'torn')), file).to.deep.equal(ids(documents))
      expect(text.split('"d00200"'), file).to.have.lengthOf(2)
    }
  })

  it('exactly `limit` documents missing', async () => {
    // Batches of 25, 100 and 500, pages of 100, 400 and 500.
    const limits = [0, 25, 100, 400, 500]
    const sizes = [...limits.flatMap(limit => [limit - 1, limit, limit + 1]).filter(size => size >= 0), 1_000]
    const all = numbered(1_000)
    const collections = Object.fromEntries(sizes.map(size => [name(), all.slice(0, size)]))
    const wanted = Object.fromEntries(Object.entries(collections).map(([collection, documents]) => [collection, documents.length]))
    const places: Endpoint[] = [
      ...databases().map(({ place }) => place.end),
      ...['limits.ndjson', 'limits.json.gz', 'limits/'].map(file => join(folder, file))
    ]
    const check = async (end: Endpoint): Promise<void> => {
      await move({ source: memory(storeOf(collections)), target: end })
      for (const parallel of typeof end === 'string' ? [4] : [1, 4]) {
        const store = storeOf({})
        const held = Object.keys(collections).filter(collection => wanted[collection]! > 0 || end !== firestore.place.end)
        await move({ source: end, target: memory(store), collections: held, parallel })
        const found = Object.fromEntries(held.map(collection => [collection, store.collection(collection).size]))
        expect(found, JSON.stringify(end)).to.deep.equal(Object.fromEntries(held.map(collection => [collection, wanted[collection]])))
      }
    }
    await Promise.all(places.map(check))
  })

  it('write errors ignored by default', async () => {
    const collection = name()
    const client = await dynamodbClient()
    const index = {
      IndexName: 'by-kind',
      KeySchema: [{ AttributeName: 'kind', KeyType: 'HASH' as const }],
      Projection: { ProjectionType: 'ALL' as const }
    }
    await client.send(
      new CreateTableCommand({
        TableName: collection,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName: '_id', KeyType: 'HASH' }],
        AttributeDefinitions: ['_id', 'kind'].map(AttributeName => ({ AttributeName, AttributeType: 'S' })),
        GlobalSecondaryIndexes: [index]
      })
    )
    client.destroy()
    // DynamoDB itself refuses a number as the index's key; the others are made to refuse.
    const documents = numbered(60, at => ({ kind: at === 31 ? fromDouble(7) : 'text' }))
    const isBad = { keepBack: (at: number) => at === 31 }
    couchdb.proxy.faults.push({
      match: couchdb.isWrite,
      action: { type: 'failRows', ...isBad, error: 'forbidden', reason: 'kind must be text' }
    })
    firestore.proxy.faults.push({
      match: firestore.isWrite,
      action: { type: 'failWrites', ...isBad, code: 3, details: 'kind must be text' }
    })
    for (const { address } of databases()) {
      const report = await move({ source: memory(storeOf({ [collection]: documents })), target: address })
      expect(report, address).to.include({ state: 'partial' })
      expect(report.collections[0], address).to.include({ read: 60, written: 59, failed: 1 })
      expect(
        lettersOf(report).map(({ id }) => id),
        address
      ).to.deep.equal(['d00031'])
    }
  })

  it('`_security` put back empty', async () => {
    const database = name()
    const security = { admins: { names: ['root'], roles: [] }, members: { names: [], roles: ['readers'] } }
    await askCouchdb(`/${database}`, { method: 'PUT' })
    await askCouchdb(`/${database}/_security`, { method: 'PUT', body: security })
    const held = async (): Promise<unknown> => JSON.parse(await askCouchdb(`/${database}/_security`)) as unknown
    const before = await held()
    expect(before).to.deep.include(security)
    const source = memory(storeOf({ [database]: numbered(1_200) }))
    for (const onConflict of ['skip', 'overwrite'] as const) {
      await move({ source, target: couchdb.address, onConflict })
      expect(await held(), onConflict).to.deep.equal(before)
    }
    const stateDir = mkdtempSync(join(folder, 'security-'))
    couchdb.proxy.faults.push({
      match: couchdb.isWrite,
      times: Infinity,
      action: { type: 'answer', status: 401, body: { error: 'unauthorized' } }
    })
    await move({ source, target: couchdb.address, stateDir }).catch(() => undefined)
    couchdb.proxy.faults.length = 0
    await move({ source, target: couchdb.address, stateDir, resume: (await listRuns(stateDir))[0]!.runId })
    expect(await held(), 'after going on').to.deep.equal(before)
  })
})
