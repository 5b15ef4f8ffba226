import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { dynamodbConnector } from '../lib/connectors/dynamodb/index.ts'
import { createMemoryStore } from '../lib/connectors/memory/store.ts'
import type { MemoryStore } from '../lib/connectors/memory/store.ts'
import { openSource } from '../lib/open.ts'
import type { Endpoint } from '../lib/open.ts'
import { addUsage } from '../lib/plan/estimate.ts'
import { planMigration } from '../lib/planner.ts'
import type { PlanMigrationOptions } from '../lib/planner.ts'
import { totalCounts } from '../lib/report.ts'
import type { CollectionReport } from '../lib/report.ts'
import { migrate } from './support/migrate.ts'
import { onConflicts } from '../lib/types.ts'
import type { Connector, Document, Usage } from '../lib/types.ts'
import { Double, Timestamp } from '../lib/values/index.ts'
import { subjects } from './conformance/subjects.ts'
import { expectCode } from './connectors/dynamodb/support.ts'
import { scriptedSource, scriptedTarget } from './support/scripted-connector.ts'
import { uniqueName } from './support/servers.ts'

type Collections = Readonly<Record<string, readonly Document[]>>

function storeOf(collections: Collections): MemoryStore {
  const store = createMemoryStore()
  for (const [name, documents] of Object.entries(collections)) {
    for (const document of documents) store.collection(name).set(document._id, document)
  }
  return store
}

const memory = (store: MemoryStore): Endpoint => ({ connector: 'memory', options: { store } })
const some = (count: number, from = 0): Document[] =>
  Array.from({ length: count }, (_, index) => ({ _id: `d${from + index}`, text: 'x'.repeat(index) }))

/** Without the message, which of a conflict is the target's own. */
const failuresOf = (collections: readonly Pick<CollectionReport, 'failures'>[]): object[] =>
  collections.flatMap(({ failures }) => failures.map(({ code, count, examples }) => ({ code, count, examples })))

describe('planner', () => {
  let folder: string
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'docferry-plan-'))))
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('creates and writes nothing', async () => {
    const target = scriptedTarget()
    const refuse = scriptedTarget({ refuse: () => ({ code: 'DOCFERRY_BAD_VALUE', message: 'no' }) })
    for (const record of [target, refuse]) {
      await planMigration({ source: memory(storeOf({ a: some(30) })), target: record.endpoint, stateDir: join(folder, 'state') })
      expect(record).to.deep.include({ writes: [], prepared: [], committed: false, closed: true })
      expect(record.collections.size).to.equal(0)
    }
    expect(existsSync(join(folder, 'state'))).to.equal(false)
  })

  it('leaves no file where one is planned', async () => {
    await planMigration({ source: memory(storeOf({ a: some(30) })), target: join(folder, 'out.json') })
    expect(readdirSync(folder)).to.deep.equal([])
  })

  for (const onConflict of onConflicts) {
    it(`counts with --on-conflict ${onConflict} what the run then counts`, async () => {
      const input = [...some(30), ...some(5, 28), 7].map(document => `${JSON.stringify(document)}\n`).join('')
      writeFileSync(join(folder, 'a.ndjson'), input)
      const options: PlanMigrationOptions = {
        source: join(folder, 'a.ndjson'),
        target: memory(storeOf({ a: some(3, 10) })),
        onConflict,
        stages: [
          function even(document) {
            return Number(document._id.slice(1)) % 2 === 0 ? document : null
          }
        ],
        stateDir: join(folder, 'state')
      }
      const plan = await planMigration(options)
      const report = await migrate({ ...options, plan })
      expect(plan.totals).to.deep.equal(totalCounts(report.collections))
      expect(plan.totals).to.include({ read: 36, filtered: 17 })
      expect(failuresOf(plan.collections)).to.deep.equal(failuresOf(report.collections))
    })
  }

  it('says what the target holds, and how much of that is replaced', async () => {
    const target = memory(storeOf({ a: some(10, 25) }))
    const [collection] = (await planMigration({ source: memory(storeOf({ a: some(30) })), target, onConflict: 'overwrite' })).collections
    expect(collection).to.include({ created: false, written: 30, skipped: 0 })
    expect(collection?.survey).to.include({ held: 10, replaced: 5 })
  })

  it('measures documents as the target counts them', async () => {
    const documents: Document[] = [{ _id: 'a' }, { _id: 'b', text: 'x'.repeat(1_000) }]
    const sizes = async (name: string): Promise<object | undefined> => {
      const plan = await planMigration({ source: memory(storeOf({ a: documents })), target: join(folder, name) })
      return plan.collections[0]?.survey?.bytes
    }
    const line = (document: Document): number => JSON.stringify(document).length + 1
    const [small, large] = documents.map(line)
    expect(await sizes('out.ndjson')).to.include({ total: small! + large!, largest: large, largestId: 'b' })
  })

  it('tells conversions with their places, no two in one document', async () => {
    const at = new Timestamp(1, 0)
    const documents = some(8).map(document => ({ ...document, list: [at, { at }], price: new Double(1) }))
    const options = { source: memory(storeOf({ a: documents })), target: join(folder, 'out.ndjson') }
    const conversions = async (types: 'natural' | 'plain') => (await planMigration({ ...options, types })).collections[0]?.conversions
    const examples = documents.slice(0, 5).map(({ _id }) => ({ id: _id, path: 'list[0]' }))
    expect(await conversions('natural')).to.deep.include({ kind: 'timestamp', conversion: 'enveloped', count: 16, examples })
    expect(await conversions('plain')).to.deep.include({ kind: 'timestamp', conversion: 'lossy', count: 16, examples })
  })

  it('counts no conversions of documents that are refused', async () => {
    const documents: Document[] = [
      { _id: '', at: new Timestamp(1, 0) },
      { _id: 'b', at: new Timestamp(1, 0) }
    ]
    const subject = await subjects.dynamodb()
    const name = uniqueName('plan')
    const plan = await planMigration({ source: memory(storeOf({ [name]: documents })), target: await subject.endpoint() })
    expect(plan.totals).to.include({ written: 1, failed: 1 })
    expect(plan.collections[0]?.conversions).to.deep.equal([
      { kind: 'timestamp', conversion: 'enveloped', count: 1, examples: [{ id: 'b', path: 'at' }] }
    ])
    expect(plan.collections[0]?.survey?.values).to.deep.equal({ string: 1, timestamp: 1 })
  })

  it('finds every document that does not fit, also where the run would end at the first', async () => {
    const refuse = ({ _id }: Document) =>
      Number(_id.slice(1)) % 10 === 5 ? ({ code: 'DOCFERRY_BAD_VALUE', message: 'no' } as const) : undefined
    const target = scriptedTarget({ refuse, limits: { batchCount: 3 } })
    const options = {
      source: scriptedSource({ collections: { a: some(30) } }),
      target: target.endpoint,
      onIncompatible: 'fail',
      stateDir: join(folder, 'state')
    } as const
    const plan = await planMigration(options)
    expect(plan.totals).to.include({ written: 27, failed: 3 })
    expect(plan.collections[0]?.failures[0]?.examples).to.deep.equal(['d5', 'd15', 'd25'])
    const error = await expectCode(migrate({ ...options, plan }), 'DOCFERRY_BAD_VALUE')
    expect(error).to.include({ exitCode: 40 }).and.have.nested.property('context.id', 'd5')
    expect([...target.collections.get('a')!.keys()])
      .to.include.members(['d0', 'd1', 'd2'])
      .and.not.include('d6')
  })

  it('looks at a sample and reckons the whole', async () => {
    const source = memory(storeOf({ a: some(20_000).map(document => ({ ...document, text: 'x'.repeat(50) })) }))
    const plan = await planMigration({ source, target: join(folder, 'out.ndjson'), sample: 0.01 })
    expect(plan.sample).to.equal(0.01)
    expect(plan.totals.read).to.equal(200)
    expect(plan.collections[0]?.survey?.sample).to.deep.equal({ passed: 200, of: 20_000, exact: false, quick: true, read: 1_600 })
    expect(plan.estimate).to.include({ documents: 20_000, written: 20_000, seconds: 20 })
    const { bytes } = (await planMigration({ source, target: join(folder, 'out.ndjson') })).estimate
    expect(plan.estimate.bytes).to.be.within(bytes * 0.95, bytes * 1.05)
  })

  it('holds no contents of documents', async () => {
    const documents: Document[] = [
      { _id: 'kept', api_key: 'sk-hunter2', list: ['sk-hunter2'], at: new Timestamp(1_234_567_890, 0) },
      { _id: 'refused', _own: 'sk-hunter2', half: 'sk-hunter2\ud800' }
    ]
    const subject = await subjects.couchdb()
    for (const types of ['natural', 'plain'] as const) {
      const source = memory(storeOf({ [uniqueName('plan')]: documents }))
      const plan = await planMigration({ source, target: await subject.endpoint(), types })
      expect(plan.totals).to.include({ written: 1, failed: 1 })
      const text = JSON.stringify(plan)
      expect(text).to.include('{"id":"kept","path":"at"}')
      for (const content of ['hunter2', '1234567890', '2009-02-13']) expect(text).to.not.include(content)
    }
  })

  it('reckons with the rate and the prices it is given', async () => {
    const options = { source: memory(storeOf({ a: some(30) })), target: scriptedTarget().endpoint }
    expect((await planMigration({ ...options, perSecond: 10 })).estimate).to.include({ perSecond: 10, seconds: 3 })
    for (const perSecond of [0, -1, NaN, Infinity]) await expectCode(planMigration({ ...options, perSecond }), 'DOCFERRY_CONFIG')
  })

  it('refuses a run that differs, before anything is written', async () => {
    const source = storeOf({ a: some(30) })
    const target = scriptedTarget()
    const options = { source: memory(source), target: target.endpoint }
    const plan = await planMigration(options)
    source.collection('b').set('x', { _id: 'x' })
    const error = await expectCode(migrate({ ...options, plan }), 'DOCFERRY_PLAN')
    expect(error.message).to.include('collections: planned a, now a, b')
    expect(target).to.deep.include({ writes: [], prepared: [] })
  })

  it('fails as a run does where the source can not be read to its end', async () => {
    const source = scriptedSource({
      collections: { a: some(30) },
      beforePage: (_, page) => {
        if (page === 2) throw new TypeError('broken')
      }
    })
    const error: unknown = await planMigration({ source, target: scriptedTarget().endpoint }).catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(Error).and.have.property('message', 'broken')
  })

  for (const provider of ['couchdb', 'firestore', 'dynamodb'] as const) {
    it(`creates nothing in ${provider}, and foretells the run`, async function () {
      this.timeout(60_000)
      const subject = await subjects[provider]()
      const name = uniqueName('plan')
      const options = { source: memory(storeOf({ [name]: some(60) })), target: await subject.endpoint() }
      const names = async (): Promise<readonly string[]> => {
        const source = await openSource(await subject.endpoint())
        const infos = await source.collections({})
        await source.close()
        return infos!.map(info => info.name)
      }
      const plan = await planMigration(options)
      expect(plan.collections[0]).to.include({ created: true, written: 60 }).and.have.nested.property('survey.held', 0)
      expect(await names()).to.not.include(name)
      const report = await migrate({ ...options, plan })
      expect(totalCounts(report.collections)).to.deep.equal(plan.totals)
      expect(await names()).to.include(name)
      const again = await planMigration(options)
      expect(again.totals).to.include({ written: 0, skipped: 60 })
      expect(again.collections[0]).to.include({ created: false })
      await subject.remove([name])
    })
  }

  it('foretells what writing asks of DynamoDB', async function () {
    this.timeout(60_000)
    const subject = await subjects.dynamodb()
    const { options: connection } = (await subject.endpoint()) as { options: object }
    const documents = some(70).map(document => ({ ...document, text: 'x'.repeat(900 + document._id.length * 60) }))
    let asked: Usage | undefined
    const connector: Connector<object> = {
      ...(dynamodbConnector as Connector<object>),
      async openTarget(...given) {
        const target = await (dynamodbConnector as Connector<object>).openTarget(...given)
        return {
          ...target,
          write(collection, batch, how) {
            const usage = target.usage!(batch, how)
            asked = asked ? addUsage(asked, usage) : usage
            return target.write(collection, batch, how)
          }
        }
      }
    }
    const name = uniqueName('plan')
    for (const onConflict of ['skip', 'overwrite'] as const) {
      asked = undefined
      const options = {
        source: memory(storeOf({ [name]: documents })),
        target: { connector: connector as Connector, options: connection },
        onConflict
      }
      const { estimate } = await planMigration(options)
      expect(asked).to.equal(undefined)
      await migrate(options)
      expect(estimate.writing?.writeUnits).to.be.greaterThan(70)
      expect(estimate.writing).to.deep.equal(asked)
    }
    await subject.remove([name])
  })
})
