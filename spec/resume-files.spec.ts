/** Runs into files that go on: whatever ended them, the output holds every document once. */
import { linkSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { listRuns } from '../lib/checkpoint/run-folder.ts'
import { createMemoryStore } from '../lib/connectors/memory/store.ts'
import { DocferryError } from '../lib/errors.ts'
import type { MigrateOptions } from '../lib/options.ts'
import { migrate } from '../lib/run.ts'
import type { Stage } from '../lib/types.ts'
import { scriptedSource } from './support/scripted-connector.ts'

const documents = Array.from({ length: 100 }, (_, index) => ({ _id: `d${String(index).padStart(3, '0')}` }))
const names = ['out.ndjson', 'out.ndjson.gz', 'out.json', 'out.json.gz', 'out/']

describe('run: going on with a file', () => {
  let stateDir: string
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'docferry-resume-'))
  })
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }))

  const failed = async (options: MigrateOptions): Promise<string> => {
    const error = await migrate({ ...options, stateDir, checkpointMs: 1 }).catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(DocferryError)
    return (await listRuns(stateDir))[0]!.runId
  }
  const expectWhole = async (target: string): Promise<void> => {
    const store = createMemoryStore()
    const report = await migrate({ source: target, target: { connector: 'memory', options: { store } }, stateDir })
    expect(report.collections[0]).to.include({ read: 100, written: 100, skipped: 0 })
    expect([...store.collections.get('agents')!.keys()].sort()).to.deep.equal(documents.map(({ _id }) => _id))
    expect(readdirSync(stateDir).filter(file => file.includes('partial'))).to.deep.equal([])
  }

  for (const name of names) {
    it(`writes nothing twice into ${name} when a stage failed within a page`, async () => {
      let isBroken = true
      const check: Stage = {
        name: 'check',
        mayRepeatIds: false,
        apply(document) {
          if (isBroken && document._id === 'd057') throw new Error('no')
          return document
        }
      }
      const options = { source: scriptedSource({ collections: { agents: documents } }), target: join(stateDir, name), stages: [check] }
      const resume = await failed(options)
      isBroken = false
      const report = await migrate({ ...options, stateDir, resume })
      expect(report.state).to.equal('done')
      expect(report.deadLetters).to.equal(undefined)
      expect(report.collections[0]).to.include({ read: 100, written: 100, failed: 0 })
      await expectWhole(options.target)
    })

    it(`goes on with ${name} after it was asked something else, and refused that`, async () => {
      let isBroken = true
      const source = scriptedSource({
        collections: { agents: documents },
        beforePage(_, page) {
          if (isBroken && page === 5) throw new DocferryError('DOCFERRY_READ', 'the source broke')
        }
      })
      const options = { source, target: join(stateDir, name) }
      const resume = await failed(options)
      isBroken = false
      await failed({ ...options, resume, types: 'plain' })
      let pages = 0
      const counting = scriptedSource({ collections: { agents: documents }, beforePage: () => void pages++ })
      await migrate({ ...options, source: counting, stateDir, resume })
      expect(pages).to.equal(5)
      await expectWhole(options.target)
    })

    it(`is done when ${name} had its name already and nobody had been told`, async () => {
      const source = scriptedSource({ collections: { agents: documents } })
      const target = join(stateDir, name)
      const { runId } = await migrate({ source, target, stateDir })
      rmSync(join(stateDir, 'runs', runId, 'end.json'))
      const report = await migrate({ source, target, stateDir, resume: runId })
      expect(report).to.include({ state: 'done' })
      expect(report.collections[0]).to.include({ read: 100, written: 100 })
      await expectWhole(target)
    })

    it(`makes ${name} whole when the run ended before it had its name`, async () => {
      const source = scriptedSource({ collections: { agents: documents } })
      const target = join(stateDir, name)
      const place = target.replace(/\/$/, '')
      const { runId } = await migrate({ source, target, stateDir })
      const path = join(stateDir, 'runs', runId, 'checkpoint.json')
      const { partial } = (JSON.parse(readFileSync(path, 'utf8')) as { content: { output: { partial: string } } }).content.output
      renameSync(place, partial)
      rmSync(join(stateDir, 'runs', runId, 'end.json'))
      await migrate({ source, target, stateDir, resume: runId })
      await expectWhole(target)
    })
  }

  it('removes the name that a file was written by where only that was left to do', async () => {
    const source = scriptedSource({ collections: { agents: documents } })
    const target = join(stateDir, 'out.ndjson')
    const { runId } = await migrate({ source, target, stateDir })
    const path = join(stateDir, 'runs', runId, 'checkpoint.json')
    const { partial } = (JSON.parse(readFileSync(path, 'utf8')) as { content: { output: { partial: string } } }).content.output
    linkSync(target, partial)
    rmSync(join(stateDir, 'runs', runId, 'end.json'))
    await migrate({ source, target, stateDir, resume: runId })
    await expectWhole(target)
  })

  it('does not take the place of a file that came there meanwhile', async () => {
    const source = scriptedSource({
      collections: { agents: documents },
      beforePage(_, page) {
        if (page === 5) throw new DocferryError('DOCFERRY_READ', 'the source broke')
      }
    })
    const target = join(stateDir, 'out.ndjson')
    const resume = await failed({ source, target })
    writeFileSync(target, 'precious')
    const error = await migrate({ source, target, stateDir, resume }).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_OUTPUT_EXISTS' })
    expect(String(error)).to.include('move it away').and.not.include('force')
    expect(readFileSync(target, 'utf8')).to.equal('precious')
  })

  for (const name of names) {
    it(`rests at marks that several partitions and collections have reached: ${name}`, async () => {
      const collections = { agents: documents, users: documents, demos: documents.slice(0, 7) }
      let pages = 0
      const source = scriptedSource({
        collections,
        partitions: 3,
        async beforePage() {
          await new Promise(resolve => setImmediate(resolve))
          if (++pages === 20) throw new DocferryError('DOCFERRY_READ', 'the source broke')
        }
      })
      const target = join(stateDir, name)
      const resume = await failed({ source, target, parallel: 2 })
      const report = await migrate({ source, target, stateDir, resume, checkpointMs: 1, parallel: 2 })
      expect(report.collections.map(({ source: from, read, written }) => [from, read, written])).to.deep.equal([
        ['agents', 100, 100],
        ['users', 100, 100],
        ['demos', 7, 7]
      ])
      const store = createMemoryStore()
      const back = await migrate({ source: target, target: { connector: 'memory', options: { store } }, stateDir })
      expect(back.collections.map(({ written, skipped }) => [written, skipped])).to.have.deep.members([
        [100, 0],
        [100, 0],
        [7, 0]
      ])
    })
  }

  it('lets other collections go on where one is not read any further', async function () {
    this.timeout(10_000)
    let goOn = (): void => undefined
    const agentsAreRead = new Promise<void>(resolve => (goOn = resolve))
    const source = scriptedSource({
      collections: { agents: documents, users: documents },
      async beforePage(collection, page) {
        // Each page is a moment in which a checkpoint may begin to wait.
        await new Promise(resolve => setImmediate(resolve))
        if (collection === 'agents' && page === 9) goOn()
        if (collection === 'users' && page === 1) await agentsAreRead
      }
    })
    const report = await migrate({ source, target: join(stateDir, 'out/'), stateDir, checkpointMs: 1 })
    expect(report.collections.map(({ written }) => written)).to.deep.equal([100, 100])
  })
})
