/** Firestore's subcollections through whole runs: from Firestore to anything else, and back. */
import { join } from 'node:path'
import { expect } from 'chai'
import { listRuns } from '../lib/checkpoint/run-folder.ts'
import type { FirestoreOptions } from '../lib/connectors/firestore/index.ts'
import { createMemoryStore } from '../lib/connectors/memory/store.ts'
import type { Endpoint } from '../lib/open.ts'
import type { MigrateOptions } from '../lib/options.ts'
import { planMigration } from '../lib/planner.ts'
import { repair } from '../lib/repair/repair.ts'
import { totalCounts } from '../lib/report.ts'
import { retryRun } from '../lib/retry.ts'
import { migrate } from '../lib/run.ts'
import { mergedSources } from '../lib/several/merge-sources.ts'
import { undo } from '../lib/undo/undo.ts'
import { verify } from '../lib/verify/verify.ts'
import { ownProject } from './connectors/firestore/support.ts'
import { removeFromTree, treeOf, writeTree } from './connectors/firestore/support-tree.ts'
import { usePlaces } from './support/places.ts'
import { uniqueName } from './support/servers.ts'

/** Nested, with ids that sort around the slash, and with documents that are only a path to others. */
const paths = [
  'a',
  'a/runs/1',
  'a/runs/1/steps/s',
  'a/runs/2',
  'a!/runs/1',
  'a-b',
  'a.b/läufe/日本',
  'ghost/runs/1/steps/s',
  '__id7__/runs/r',
  '𝄞/runs/𝄞'
]

describe('run: subcollections', function () {
  this.timeout(60_000)
  const places = usePlaces()
  let agents: string
  let ghosts: string
  let options: FirestoreOptions
  beforeEach(async () => {
    agents = uniqueName('agents')
    ghosts = uniqueName('ghosts')
    options = await ownProject()
  })

  const firestore = (own: FirestoreOptions): Endpoint => ({ connector: 'firestore', options: own })
  const run = (asked: MigrateOptions) => migrate({ stateDir: places.stateDir, ...asked })
  const seed = (own: FirestoreOptions): Promise<void> =>
    writeTree(own, [...paths.map(path => `${agents}/${path}`), `${ghosts}/only/below/this`])

  it('are planned, and moved as planned', async () => {
    await seed(options)
    const asked = { source: firestore(options), target: { connector: 'memory', options: { store: createMemoryStore() } } } as const
    const plan = await planMigration(asked)
    expect(plan.options.subcollections).to.equal(true)
    const { collections } = await run({ ...asked, plan })
    expect(totalCounts(collections)).to.include({ read: paths.length + 1, written: paths.length + 1 })
    const left = await planMigration({ ...asked, subcollections: false })
    expect(left.options).not.to.have.property('subcollections')
  })

  /** There and back; what comes back is compared with what went. */
  async function thereAndBack(between: Endpoint, back: Partial<MigrateOptions> = {}): Promise<void> {
    const other = await ownProject()
    await seed(options)
    const onIncompatible = 'escape'
    const there = await run({ source: firestore(options), target: between, onIncompatible })
    expect(totalCounts(there.collections)).to.include({ read: paths.length + 1, written: paths.length + 1, failed: 0 })
    const returned = await run({ source: between, target: firestore(other), onIncompatible, ...back })
    expect(totalCounts(returned.collections)).to.include({ written: paths.length + 1, failed: 0 })
    expect(await treeOf(other)).to.deep.equal(await treeOf(options))
    for (const { runId } of [there, returned]) {
      // An end given as an object is not kept in the run's record.
      const ends = runId === there.runId ? { source: firestore(options), target: between } : { source: between, target: firestore(other) }
      expect(await verify({ run: runId, ...ends, stateDir: places.stateDir })).to.include({ state: 'equal' })
    }
  }

  for (const provider of ['couchdb', 'dynamodb'] as const) {
    it(`go to ${provider}, and come back where they were`, async () => {
      await thereAndBack(await places.place(provider, agents, ghosts), { collections: [agents, ghosts], subcollections: true })
    })
  }

  for (const name of ['all.ndjson', 'all.ndjson.gz', 'all.json', 'folder/']) {
    it(`go to ${name}, which says that it is Firestore's, and come back where they were`, async () => {
      await thereAndBack({ connector: 'file', options: { path: join(places.stateDir, name) } })
    })
  }

  it('go to Firestore as they are, also under another name', async () => {
    const other = await ownProject()
    await seed(options)
    const source = firestore(options)
    await run({ source, target: firestore(other), rename: { [agents]: 'people' } })
    const names = [...(await treeOf(options)).keys()].map(path => path.replace(agents, 'people'))
    expect([...(await treeOf(other)).keys()].sort()).to.deep.equal(names.sort())
    const compared = await verify({ source, target: firestore(other), rename: { [agents]: 'people' }, stateDir: places.stateDir })
    expect(compared.state).to.equal('equal')
    expect(totalDocuments(compared)).to.equal(paths.length + 1)
  })

  const totalDocuments = ({ collections }: { readonly collections: readonly { readonly targetDocuments: number }[] }): number =>
    collections.reduce((sum, { targetDocuments }) => sum + targetDocuments, 0)

  it('are told of before anything is read', async () => {
    await seed(options)
    const report = await run({
      source: firestore(options),
      target: { connector: 'memory', options: { store: createMemoryStore() } },
      dryRun: true
    })
    const told = Object.fromEntries(report.collections.map(({ source, expected, contents }) => [source, { expected, contents }]))
    expect(told[ghosts]).to.deep.equal({ expected: 1, contents: '1 document in subcollections (below)' })
    expect(told[agents]).to.deep.equal({ expected: paths.length, contents: '8 documents in subcollections (läufe, runs)' })
  })

  it('are left out where that is wanted, on both sides', async () => {
    const other = await ownProject()
    await seed(options)
    const ends = { source: firestore(options), target: firestore(other), subcollections: false }
    const report = await run(ends)
    expect([...(await treeOf(other)).keys()]).to.deep.equal([`${agents}/a`, `${agents}/a-b`])
    await writeTree(other, [`${agents}/a/runs/theirs`])
    expect(await verify({ ...ends, stateDir: places.stateDir })).to.include({ state: 'equal' })
    const { source, target } = ends
    expect(await verify({ run: report.runId, source, target, stateDir: places.stateDir })).to.include({ state: 'equal' })
  })

  it('are gone on with after a run that failed in the midst of them', async () => {
    const other = await ownProject()
    const many = Array.from({ length: 2_400 }, (_, index) => {
      const parent = `p${Math.floor(index / 300)}`
      // Every other parent is only a path.
      return index % 600 === 0 ? parent : `${parent}/runs/${String(index).padStart(5, '0')}`
    })
    await writeTree(
      options,
      many.map(path => `${agents}/${path}`)
    )
    let mayFail = true
    const stage = {
      name: 'break',
      mayRepeatIds: false as const,
      apply: <Kept extends { readonly _id: string }>(document: Kept): Kept => {
        if (mayFail && document._id === 'p3/runs/01050') throw new Error('broken')
        return document
      }
    }
    const asked = { source: firestore(options), target: firestore(other), stages: [stage], checkpointMs: 1 }
    await run(asked).then(
      () => expect.fail('it should have failed'),
      () => undefined
    )
    mayFail = false
    const [failed] = await listRuns(places.stateDir)
    const report = await run({ ...asked, resume: failed!.runId })
    expect(report.state).to.equal('done')
    expect(totalCounts(report.collections)).to.include({ read: many.length, written: many.length, skipped: 0 })
    expect([...(await treeOf(other)).keys()]).to.deep.equal([...(await treeOf(options)).keys()])
  })

  it('are undone by their paths, and what lies below a parent that is removed stays', async () => {
    const other = await ownProject()
    await seed(options)
    await writeTree(other, [`${agents}/a/runs/theirs`, `${agents}/a-b/runs/1`, `${agents}/a/runs/2`])
    const before = await treeOf(other)
    const { runId } = await run({ source: firestore(options), target: firestore(other) })
    expect((await treeOf(other)).size).to.equal(paths.length + 3)
    const undone = await undo({ run: runId, target: firestore(other), stateDir: places.stateDir })
    expect(undone.state).to.equal('undone')
    expect(await treeOf(other)).to.deep.equal(before)
  })

  it('are repaired, and what is only below in the target is removed', async () => {
    const other = await ownProject()
    await seed(options)
    const ends = { source: firestore(options), target: firestore(other) }
    await run(ends)
    await removeFromTree(other, [`${agents}/a/runs/1`])
    await writeTree(other, [`${agents}/a/runs/extra`, `${agents}/ghost`])
    const different = await verify({ ...ends, stateDir: places.stateDir })
    expect(different.state).to.equal('different')
    const [collection] = different.collections.filter(({ source }) => source === agents)
    expect(collection).to.include({ missing: 1, extra: 2, different: 0 })
    const report = await repair({ ...ends, deleteExtra: true, stateDir: places.stateDir })
    expect(report.after!.state).to.equal('equal')
    expect(await treeOf(other)).to.deep.equal(await treeOf(options))
  })

  it('are written where their paths say when their dead letters are retried', async () => {
    const other = await ownProject()
    await seed(options)
    await writeTree(other, [`${agents}/a/runs/1`, `${agents}/a`])
    const ends = { source: firestore(options), target: firestore(other) }
    const { runId, collections } = await run({ ...ends, onConflict: 'fail' })
    expect(totalCounts(collections)).to.include({ failed: 2 })
    await removeFromTree(other, [`${agents}/a/runs/1`, `${agents}/a`])
    const retried = await retryRun({ run: runId, target: ends.target, stateDir: places.stateDir })
    expect(totalCounts(retried.collections)).to.include({ written: 2, failed: 0 })
    expect(await treeOf(other)).to.deep.equal(await treeOf(options))
  })

  it('of an export are verified by its receipt', async () => {
    const other = await ownProject()
    await seed(options)
    const path = join(places.stateDir, 'all.ndjson')
    const file: Endpoint = { connector: 'file', options: { path } }
    await run({ source: firestore(options), target: file })
    await run({ source: file, target: firestore(other) })
    expect(await verify({ receipt: path, target: firestore(other), stateDir: places.stateDir })).to.include({ state: 'equal' })
    await removeFromTree(other, [`${agents}/a/runs/1`])
    expect(await verify({ receipt: path, target: firestore(other), stateDir: places.stateDir })).to.include({ state: 'different' })
  })

  it('of several sources are written where their paths say', async () => {
    const [second, other] = await Promise.all([ownProject(), ownProject()])
    await writeTree(options, [`${agents}/a/runs/1`])
    await writeTree(second, [`${agents}/b/runs/1`])
    const parts = [options, second].map((own, index) => ({ name: `s${index}`, endpoint: firestore(own) }))
    await run({ source: mergedSources(parts), target: firestore(other) })
    expect([...(await treeOf(other)).keys()]).to.deep.equal([`${agents}/a/runs/1`, `${agents}/b/runs/1`])
  })

  describe('of other places', () => {
    const documents = [{ _id: 'user/1/profile' }, { _id: 'plain' }, { _id: 'user/1' }]
    const memory = (): Endpoint => {
      const store = createMemoryStore()
      store.collections.set(agents, new Map(documents.map(document => [document._id, document])))
      return { connector: 'memory', options: { store } }
    }

    it('are none: an id with slashes is refused, with what to do about it', async () => {
      const target = firestore(options)
      const report = await run({ source: memory(), target })
      expect(report.collections[0]).to.include({ written: 1, failed: 2 })
      const messages = report.collections[0]!.failures.map(({ message }) => message)
      expect(messages.filter(message => message.includes('--subcollections takes it for the path'))).to.have.length(1)
      expect([...(await treeOf(options)).keys()]).to.deep.equal([`${agents}/plain`])
      // Its dead letters are what they were.
      expect((await retryRun({ run: report.runId, target, stateDir: places.stateDir })).collections[0]).to.include({ failed: 2 })
    })

    it('are written as paths where a retry is told that they are, and then verified and undone there', async () => {
      const target = firestore(options)
      const { stateDir } = places
      const report = await run({ source: memory(), target })
      const retried = await retryRun({ run: report.runId, target, stateDir, subcollections: true })
      // One of the two is no path of a document.
      expect(retried.collections[0]).to.include({ written: 1, failed: 1 })
      expect([...(await treeOf(options)).keys()]).to.deep.equal([`${agents}/plain`, `${agents}/user/1/profile`])
      const verified = await verify({ run: report.runId, target, stateDir })
      expect(verified.collections[0]).to.include({ equal: 2, missing: 0, extra: 0, different: 0 })
      await undo({ run: report.runId, target, stateDir })
      expect([...(await treeOf(options)).keys()]).to.deep.equal([])
    })

    it('are none: an id with slashes is escaped, found again, and comes back', async () => {
      const source = memory()
      const ends = { source, target: firestore(options), onIncompatible: 'escape' as const }
      await run(ends)
      const tree = [`${agents}/$%user%2F1`, `${agents}/$%user%2F1%2Fprofile`, `${agents}/plain`]
      expect([...(await treeOf(options)).keys()]).to.deep.equal(tree)
      await writeTree(options, [`${agents}/plain/runs/theirs`])
      expect(await verify({ ...ends, stateDir: places.stateDir })).to.include({ state: 'equal' })
      const store = createMemoryStore()
      await run({ source: firestore(options), target: { connector: 'memory', options: { store } } })
      expect([...store.collections.get(agents)!.keys()].sort()).to.deep.equal(
        [...documents.map(({ _id }) => _id), 'plain/runs/theirs'].sort()
      )
    })

    it('are where ids say so, if that is asked for', async () => {
      const report = await run({ source: memory(), target: firestore(options), subcollections: true })
      expect(report.collections[0]).to.include({ written: 2, failed: 1 })
      expect([...(await treeOf(options)).keys()]).to.deep.equal([`${agents}/plain`, `${agents}/user/1/profile`])
    })

    it('are where ids say so, if the address asks for it', async () => {
      await run({ source: memory(), target: firestore({ ...options, subcollections: true }), onIncompatible: 'escape' })
      expect([...(await treeOf(options)).keys()]).to.deep.equal([`${agents}/$%user%2F1`, `${agents}/plain`, `${agents}/user/1/profile`])
    })
  })
})
