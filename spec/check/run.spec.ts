import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { check } from '../../lib/check/check.ts'
import type { CheckOptions } from '../../lib/check/options.ts'
import { codeOfCheck } from '../../lib/check/report.ts'
import type { CheckReport } from '../../lib/check/report.ts'
import { runCommand } from '../../lib/checkpoint/run-command.ts'
import { listRuns } from '../../lib/checkpoint/run-folder.ts'
import { migrate } from '../../lib/run.ts'
import { undo } from '../../lib/undo/undo.ts'
import { scriptedSource, scriptedTarget } from '../support/scripted-connector.ts'
import { basicAuth, servers, uniqueName } from '../support/servers.ts'

const numbered = (count: number) => Array.from({ length: count }, (_, index) => ({ _id: `d${index}`, n: index }))
const point = ({ lines }: CheckReport, id: string) =>
  lines.find(line => line.id === id) ?? { id, result: 'missing', detail: '', advice: '' }

describe('check: of a run', function () {
  this.timeout(30_000)
  let folder: string
  let stateDir: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-check-'))
    stateDir = join(folder, 'state')
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('looks at one that is under way: its process, how far it is, and what has failed', async () => {
    let goOn = (): void => undefined
    const hold = new Promise<void>(resolve => (goOn = resolve))
    let held = (): void => undefined
    const isHeld = new Promise<void>(resolve => (held = resolve))
    const source = scriptedSource({
      collections: { a: numbered(40) },
      beforePage: async (_, page) => {
        if (page < 3) return
        held()
        await hold
      }
    })
    const target = scriptedTarget({
      provider: 'couchdb',
      outcome: id => (id === 'd1' ? { code: 'DOCFERRY_REFUSED', message: 'no', retryable: false } : undefined)
    })
    const running = migrate({ source, target: target.endpoint, stateDir, checkpointMs: 10, undo: 'none' })
    try {
      await isHeld
      const { runId } = (await listRuns(stateDir))[0]!
      const report = await check({ run: runId, stateDir, source, watchMs: 1500 })
      expect(report).to.include({ phase: 'during', runId })
      expect(point(report, 'run.process').detail).to.include(`process ${process.pid}`)
      expect(point(report, 'run.progress')).to.include({ result: 'ok' })
      expect(point(report, 'run.progress').detail).to.match(/^[123]0 documents read of about 40 /)
      expect(point(report, 'run.failures')).to.include({ result: 'warning', detail: '1 dead letters' })
      expect(codeOfCheck(report)).to.equal(undefined)
      expect(codeOfCheck(report, { strict: true })).to.equal('DOCFERRY_CHECK')
    } finally {
      goOn()
      await running
    }
  })

  it('fails for one that was interrupted, and says how to go on', async () => {
    const stop = new AbortController()
    const source = scriptedSource({ collections: { a: numbered(40) }, beforePage: (_, page) => (page === 2 ? stop.abort() : undefined) })
    const target = scriptedTarget({ provider: 'couchdb' })
    await migrate({ source, target: target.endpoint, stateDir, signal: stop.signal, undo: 'none' }).catch(() => undefined)
    const { runId } = (await listRuns(stateDir))[0]!
    const report = await check({ run: runId, stateDir, source, target: target.endpoint })
    expect(report.phase).to.equal('after')
    expect(point(report, 'run.ended')).to.include({ result: 'failed', advice: `go on with it: ${runCommand('resume', runId, stateDir)}` })
    expect(point(report, 'target.verified').result).to.equal('skipped')
  })

  it('refuses an id that is none', async () => {
    expect(await check({ run: 'nothing', stateDir }).catch((error: unknown) => error)).to.include({ code: 'DOCFERRY_NO_SUCH_RUN' })
  })

  describe('into a CouchDB', () => {
    let name: string
    let environment: Readonly<Record<string, string>>
    let ask: (path: string, init?: RequestInit) => Promise<Record<string, unknown>>
    let runId: string
    beforeEach(async () => {
      const server = await servers.couchdb()
      environment = server.environment
      name = uniqueName('check')
      const headers = { authorization: basicAuth(server.user, server.password), 'content-type': 'application/json' }
      ask = async (path, init) => (await (await fetch(`${server.url}/${path}`, { ...init, headers })).json()) as Record<string, unknown>
      writeFileSync(
        join(folder, `${name}.ndjson`),
        numbered(20)
          .map(document => `${JSON.stringify(document)}\n`)
          .join('')
      )
      ;({ runId } = await migrate({ source: join(folder, `${name}.ndjson`), target: 'couchdb', environment, stateDir }))
    })
    afterEach(() => ask(name, { method: 'DELETE' }))
    const look = (more: Partial<CheckOptions> = {}): Promise<CheckReport> => check({ run: runId, stateDir, environment, ...more })

    it('finds all documents, the receipt, and the way back', async () => {
      const report = await look({ full: true })
      expect(report.lines.filter(({ result }) => result === 'failed')).to.deep.equal([])
      expect(point(report, 'run.ended').detail).to.equal('20 written, 0 dead letters')
      expect(point(report, 'target.verified').detail).to.equal("20 documents equal, by the run's receipt")
      expect(point(report, 'run.receipt').detail).to.include('the target holds what it says')
      expect(point(report, 'run.undo').detail).to.equal(`${runCommand('undo', runId, stateDir)}: tried as a dry run`)
      expect(point(report, 'collections.all').result).to.equal('ok')
      expect(report.collections).to.deep.equal([{ source: name, target: name, sourceDocuments: 20, targetDocuments: 20 }])
      expect(report.lines.filter(({ result }) => result === 'person').map(({ id }) => id)).to.include('people.configuration')
    })

    it('fails where a document is gone, by receipt, by sample and by number', async () => {
      const { _rev } = await ask(`${name}/d7`)
      await ask(`${name}/d7?rev=${String(_rev)}`, { method: 'DELETE' })
      for (const how of [{}, { sample: 1 }, { quick: true }]) {
        const report = await look(how)
        expect(point(report, 'target.verified')).to.include({ result: 'failed', code: 'DOCFERRY_VERIFY' })
        expect(point(report, 'target.verified').detail).to.include('1 missing')
        expect(codeOfCheck(report)).to.equal('DOCFERRY_VERIFY')
      }
      expect(point(await look(), 'counts.equal')).to.include({ result: 'warning' })
    })

    it('compares a sample with the source, of a run and of two ends', async () => {
      const ends = { source: join(folder, `${name}.ndjson`), target: 'couchdb', phase: 'after' } as const
      for (const report of [await look({ sample: 0.5 }), await check({ ...ends, environment, stateDir, sample: 0.5 })]) {
        expect(point(report, 'target.verified')).to.include({ result: 'ok' })
        expect(point(report, 'target.verified').detail).to.match(/^\d+ documents equal \(50 %\), by the source$/)
      }
      await ask(`${name}/more`, { method: 'PUT', body: '{}' })
      const { detail } = point(await check({ ...ends, environment, stateDir, sample: 0.0001 }), 'target.verified')
      expect(detail).to.include(`${name}: 20 in the source, 21 in the target`)
    })

    it('counts what is compared: no design documents', async () => {
      await ask(`${name}/_design/views`, { method: 'PUT', body: '{}' })
      const ends = { source: join(folder, `${name}.ndjson`), target: 'couchdb', phase: 'after' } as const
      for (const report of [await look(), await check({ ...ends, environment, stateDir })]) {
        expect(point(report, 'counts.equal').result).to.equal('ok')
        expect(report.collections).to.deep.equal([{ source: name, target: name, sourceDocuments: 20, targetDocuments: 20 }])
      }
    })

    it('warns of a run that has moved nothing, and says what an export is', async () => {
      writeFileSync(join(folder, 'nothing.ndjson'), '')
      const empty = await migrate({ source: join(folder, 'nothing.ndjson'), target: 'memory:' + join(folder, 'out.json'), stateDir })
      const report = await look({ run: empty.runId })
      expect(point(report, 'run.ended')).to.include({ result: 'warning', detail: 'it has moved no document' })
      expect(point(report, 'target.verified').result).to.equal('warning')
      const file = join(folder, 'export.ndjson')
      const moved = await migrate({ source: 'couchdb', target: file, collections: [name], environment, stateDir })
      const found = point(await look({ run: moved.runId }), 'target.verified') as { readonly what?: string }
      expect(found).to.include({ result: 'ok', what: 'the file holds every document that was written to it' })
    })

    it('says so of one that was undone', async () => {
      await undo({ run: runId, stateDir, environment })
      expect(point(await look(), 'run.ended').detail).to.include('it was undone')
      expect(codeOfCheck(await look())).to.equal('DOCFERRY_CHECK')
    })

    it('compares two ends without a run', async () => {
      const ends = { source: join(folder, `${name}.ndjson`), target: 'couchdb', phase: 'after' } as const
      const report = await check({ ...ends, environment, stateDir })
      expect(point(report, 'target.verified').detail).to.equal('20 documents equal, by the source')
      expect(point(report, 'run.undo').result).to.equal('missing')
    })
  })
})
