/** Runs that go on: killed, failed or interrupted ones are continued from what the target has acknowledged. */
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createMemoryStore } from '../lib/connectors/memory/store.ts'
import { listRuns } from '../lib/checkpoint/run-folder.ts'
import { goOnCommand } from '../lib/cli/hints.ts'
import { DocferryError } from '../lib/errors.ts'
import { migrate } from '../lib/run.ts'
import type { Document } from '../lib/values/index.ts'
import type { MigrateOptions } from '../lib/options.ts'
import type { RunReport } from '../lib/report.ts'
import type { Stage } from '../lib/types.ts'
import { scriptedSource, scriptedTarget } from './support/scripted-connector.ts'
import type { ScriptedSource } from './support/scripted-connector.ts'

const documents: readonly Document[] = Array.from({ length: 100 }, (_, index) => ({ _id: `d${String(index).padStart(3, '0')}` }))

describe('run: going on', () => {
  let stateDir: string
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'docferry-resume-'))
  })
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }))

  /** Fails when this page is asked for, once. */
  const failingSource = (page: number, more: Pick<ScriptedSource, 'readsOnce'> = {}) => {
    let failed = false
    return scriptedSource({
      ...more,
      collections: { agents: documents },
      beforePage(_, asked) {
        if (asked !== page || failed) return
        failed = true
        throw new DocferryError('DOCFERRY_READ', 'the source broke')
      }
    })
  }
  const failed = async (options: MigrateOptions): Promise<string> => {
    await migrate({ ...options, stateDir, checkpointMs: 1 }).then(
      () => expect.fail('it should have failed'),
      () => undefined
    )
    return (await listRuns(stateDir))[0]!.runId
  }

  it('says what is wrong where a file has come in the place of its state folder', async () => {
    const moved = join(stateDir, 'moved')
    const inner = join(stateDir, 'inner')
    const source = scriptedSource({
      collections: { agents: documents },
      beforePage(_, page) {
        if (page !== 5) return
        renameSync(inner, moved)
        writeFileSync(inner, '')
      }
    })
    const error = await migrate({ source, target: scriptedTarget({ provider: 'couchdb' }).endpoint, stateDir: inner }).catch(
      (thrown: unknown) => thrown
    )
    expect(error).to.include({ code: 'DOCFERRY_STATE' }).with.property('message').that.includes(inner).and.includes('ENOTDIR')
  })

  it('reads only what is left, and counts everything', async () => {
    const source = failingSource(5)
    const target = scriptedTarget({ provider: 'couchdb' })
    const resume = await failed({ source, target: target.endpoint })
    expect(target.collections.get('agents')!.size).to.equal(50)
    const before = target.writes.length
    const report = await migrate({ source, target: target.endpoint, stateDir, resume })
    expect(report).to.include({ runId: resume, state: 'done' })
    expect(report.collections[0]).to.include({ read: 100, written: 100, skipped: 0, failed: 0 })
    expect([...target.collections.get('agents')!.keys()].sort()).to.deep.equal(documents.map(({ _id }) => _id))
    expect(target.writes.slice(before).flatMap(({ ids }) => ids)).to.have.length(50)
  })

  it('knows what was written when it was stopped, also behind the last mark, where the target keeps that', async () => {
    let isMended = false
    const stages: Stage[] = [
      {
        name: 'odd',
        apply: document => {
          if (document._id === 'd055' && !isMended) throw new Error('no good')
          return document
        }
      }
    ]
    const source = scriptedSource({ collections: { agents: documents } })
    for (const [provider, writtenBefore] of [
      ['couchdb', 55],
      ['file', undefined]
    ] as const) {
      isMended = false
      const target = provider === 'file' ? join(stateDir, 'out.ndjson') : scriptedTarget({ provider }).endpoint
      const resume = await failed({ source, target, stages })
      isMended = true
      const report = await migrate({ source, target, stages, stateDir, resume })
      expect(report.collections[0], provider).to.include({ read: 100, written: 100 })
      if (provider === 'couchdb') expect(report.collections[0]!.before).to.include({ written: 50 })
      expect(report.writtenBefore, provider).to.equal(writtenBefore)
    }
  })

  it('keeps the dead letters of what lies behind, and each once', async () => {
    const refuse = ({ _id }: Document) =>
      Number(_id.slice(1)) % 10 === 3 ? ({ code: 'DOCFERRY_BAD_ID', message: 'ends in 3' } as const) : undefined
    const target = scriptedTarget({ provider: 'couchdb', refuse })
    const source = failingSource(5)
    const resume = await failed({ source, target: target.endpoint })
    const report = await migrate({ source, target: target.endpoint, stateDir, resume })
    expect(report.collections[0]).to.include({ read: 100, written: 90, failed: 10 })
    const letters = readFileSync(report.deadLetters!, 'utf8').trim().split('\n')
    expect(letters.map(line => (JSON.parse(line) as { id: string }).id)).to.deep.equal(
      Array.from({ length: 10 }, (_, index) => `d0${index}3`)
    )
  })

  it('adds up what was tried again before and after', async () => {
    let isBusy = true
    const beforeWrite = (): void => {
      if (!isBusy) return
      isBusy = false
      throw new DocferryError('DOCFERRY_TARGET', 'busy', { retryable: true })
    }
    const target = scriptedTarget({ provider: 'couchdb', beforeWrite })
    const options = { source: failingSource(5), target: target.endpoint, retry: { baseMs: 1 } }
    const resume = await failed(options)
    isBusy = true
    expect((await migrate({ ...options, stateDir, resume })).retries).to.equal(2)
  })

  it('refuses when it is asked something else', async () => {
    const source = failingSource(5)
    const target = scriptedTarget({ provider: 'couchdb' })
    const resume = await failed({ source, target: target.endpoint })
    const error = await migrate({ source, target: target.endpoint, stateDir, resume, onConflict: 'overwrite' }).catch(
      (thrown: unknown) => thrown
    )
    expect(error).to.include({ code: 'DOCFERRY_RUN_UNFIT' })
    expect((error as Error).message).to.include('--on-conflict: was skip, now overwrite')
    const elsewhere = scriptedTarget({ provider: 'couchdb', identity: 'elsewhere' })
    expect(await migrate({ source, target: elsewhere.endpoint, stateDir, resume }).catch((thrown: unknown) => thrown)).to.include({
      code: 'DOCFERRY_RUN_UNFIT'
    })
    expect(elsewhere.prepared).to.deep.equal([])
  })

  it('refuses what is read only once and was read in part, for another may come, and offers nothing else', async () => {
    const source = failingSource(5, { readsOnce: true })
    const target = scriptedTarget({ provider: 'couchdb' })
    let report: RunReport | undefined
    const resume = await failed({ source, target: target.endpoint, observe: seen => (report = seen) })
    expect(goOnCommand(report!)).to.equal(undefined)
    const error = await migrate({ source, target: target.endpoint, stateDir, resume }).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_RUN_UNFIT' })
    expect((error as Error).message)
      .to.include('scripted source can not be gone on with')
      .and.to.include('Begin anew')
    expect(target.collections.get('agents')!.size).to.equal(50)
  })

  it('says that there is no such run', async () => {
    const error = await migrate({
      source: failingSource(1),
      target: scriptedTarget().endpoint,
      stateDir,
      resume: 'nothing'
    }).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_NO_SUCH_RUN' })
  })

  for (const name of ['out.ndjson', 'out.ndjson.gz', 'out.json', 'out.json.gz', 'out/']) {
    it(`goes on writing ${name} where the checkpoint was`, async () => {
      const source = failingSource(5)
      const target = join(stateDir, name)
      const resume = await failed({ source, target })
      expect(existsSync(target)).to.equal(false)
      const report = await migrate({ source, target, stateDir, resume })
      expect(report.collections[0]).to.include({ read: 100, written: 100 })
      const store = createMemoryStore()
      await migrate({ source: target, target: { connector: 'memory', options: { store } }, stateDir })
      expect([...store.collections.get('agents')!.keys()]).to.deep.equal(documents.map(({ _id }) => _id))
      expect(readdirSync(stateDir).filter(file => file.includes('partial'))).to.deep.equal([])
    })
  }

  for (const name of ['out.ndjson', 'out/']) {
    it(`removes what it left empty of ${name} when it was killed as it began, and nothing else`, async () => {
      const source = failingSource(5)
      const target = join(stateDir, name)
      const resume = await failed({ source, target })
      const partial = (): string[] => readdirSync(stateDir).filter(file => file.includes('partial'))
      const [own] = partial()
      const other = join(stateDir, `${own!.slice(0, -12)}012345678912`)
      rmSync(join(stateDir, own!), { recursive: true })
      if (name === 'out/') for (const path of [join(stateDir, own!), other]) mkdirSync(path)
      else for (const path of [join(stateDir, own!), other]) writeFileSync(path, '')
      // Nothing knows of it yet.
      for (const file of readdirSync(join(stateDir, 'runs', resume)))
        if (file !== 'run.json') rmSync(join(stateDir, 'runs', resume, file), { recursive: true })
      const report = await migrate({ source, target, stateDir, resume })
      expect(report.collections[0]).to.include({ read: 100, written: 100 })
      expect(partial().map(file => join(stateDir, file))).to.deep.equal([other])
    })
  }

  it('takes no document of a file for a repeated one because it goes on, and says that it does not know', async () => {
    const stages = [{ name: 'same', apply: (document: Document) => document }]
    const source = failingSource(5)
    const target = join(stateDir, 'out.ndjson')
    const resume = await failed({ source, target, stages })
    const { notes } = await migrate({ source, target, stages, stateDir, resume })
    expect(notes.filter(note => note.includes('an id'))).to.deep.equal([
      'agents: whether documents share an id with one that went by before the run went on is not known; the file holds them all, and importing it keeps one of each'
    ])
  })

  it('cuts an output back that has more than the checkpoint says', async () => {
    const source = failingSource(5)
    const target = join(stateDir, 'out.ndjson.gz')
    const resume = await failed({ source, target })
    const partial = readdirSync(stateDir).find(file => file.includes('partial'))!
    appendFileSync(join(stateDir, partial), 'half a member')
    await migrate({ source, target, stateDir, resume })
    const lines = gunzipSync(readFileSync(target)).toString().trim().split('\n')
    expect(lines).to.have.length(103)
  })

  it('says that an output to go on with is gone, and does not offer to go on with it', async () => {
    const source = failingSource(5)
    const target = join(stateDir, 'out.ndjson')
    const resume = await failed({ source, target })
    rmSync(
      join(
        stateDir,
        readdirSync(stateDir).find(file => file.includes('partial'))!
      )
    )
    let report: Readonly<RunReport> | undefined
    const again = migrate({ source, target, stateDir, resume, onBegun: begun => (report = begun) })
    expect(await again.catch((thrown: unknown) => thrown)).to.include({ code: 'DOCFERRY_RUN_UNFIT' })
    expect(report).to.include({ state: 'failed' })
    expect(goOnCommand(report!, 'resume')).to.equal(undefined)
  })

  it('begins anew where the target keeps nothing of a run that did not end', async () => {
    const source = failingSource(5)
    const store = createMemoryStore()
    const target = { connector: 'memory' as const, options: { store, snapshot: join(stateDir, 'snapshot.json') } }
    const resume = await failed({ source, target })
    const report = await migrate({
      source,
      target: { ...target, options: { ...target.options, store: createMemoryStore() } },
      stateDir,
      resume
    }).catch((thrown: unknown) => thrown)
    expect(report).to.include({ state: 'done' })
    expect((report as { collections: object[] }).collections[0]).to.include({ read: 100, written: 100 })
  })

  it('lists runs with their state', async () => {
    await failed({ source: failingSource(5), target: scriptedTarget({ provider: 'couchdb' }).endpoint })
    await migrate({ source: failingSource(500), target: scriptedTarget({ provider: 'couchdb' }).endpoint, stateDir })
    expect((await listRuns(stateDir)).map(({ state }) => state).sort()).to.deep.equal(['done', 'failed'])
  })
})
