import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { check } from '../../lib/check/check.ts'
import { clockFound } from '../../lib/check/ends.ts'
import { shareFor } from '../../lib/check/findings.ts'
import { Checklist } from '../../lib/check/checklist.ts'
import { checkRoom } from '../../lib/check/machine.ts'
import type { CheckOptions } from '../../lib/check/options.ts'
import { codeOfCheck } from '../../lib/check/report.ts'
import type { CheckReport } from '../../lib/check/report.ts'
import { DocferryError } from '../../lib/errors.ts'
import { openSource } from '../../lib/open.ts'
import type { Document } from '../../lib/types.ts'
import { dynamodbSubject } from '../conformance/subjects.ts'
import { migrate } from '../support/migrate.ts'
import { scriptedSource, scriptedTarget } from '../support/scripted-connector.ts'
import { basicAuth, isolatedProject, servers, uniqueName } from '../support/servers.ts'

const numbered = (count: number): Document[] => Array.from({ length: count }, (_, index) => ({ _id: `d${index}`, n: index }))
const point = ({ lines }: CheckReport, id: string) =>
  lines.find(line => line.id === id) ?? { id, result: 'missing', detail: '', advice: '' }

describe('check: before a migration', function () {
  this.timeout(60_000)
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-check-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const look = (options: CheckOptions): Promise<CheckReport> => check({ stateDir: join(folder, 'state'), ...options })

  it('finds nothing wrong where nothing is, counts both sides, and writes nothing', async () => {
    const source = join(folder, 'agents.ndjson')
    writeFileSync(
      source,
      numbered(3)
        .map(document => `${JSON.stringify(document)}\n`)
        .join('')
    )
    const report = await look({ source, target: `memory:${join(folder, 'out.json')}` })
    const wrong = report.lines.filter(({ result, id }) => (result === 'failed' || result === 'warning') && id !== 'source.live')
    expect(wrong).to.deep.equal([])
    expect(codeOfCheck(report)).to.equal(undefined)
    expect(report.collections).to.deep.equal([{ source: 'agents', target: 'agents', sourceDocuments: 3, targetDocuments: 0 }])
    expect(point(report, 'plan.fits').detail).to.equal('all 3 documents tried')
    expect(report.lines.filter(({ result }) => result === 'person').map(({ id }) => id)).to.include.members([
      'people.users',
      'people.downtime'
    ])
    expect(readdirSync(folder)).to.deep.equal(['agents.ndjson'])
  })

  it('says that somebody may still be writing a file that was just changed', async () => {
    writeFileSync(join(folder, 'a.ndjson'), '{"_id":"x"}\n')
    const report = await look({ source: join(folder, 'a.ndjson'), target: `memory:${join(folder, 'out.json')}` })
    expect(point(report, 'source.live')).to.include({ result: 'warning' })
  })

  it('fails with what the run would fail with where documents do not fit, and names them', async () => {
    const refuse = ({ _id }: Document) =>
      _id === 'd1' ? ({ code: 'DOCFERRY_TOO_LARGE', message: '9 bytes; takes 8' } as const) : undefined
    const report = await look({ source: scriptedSource({ collections: { a: numbered(3) } }), target: scriptedTarget({ refuse }).endpoint })
    expect(point(report, 'plan.fits')).to.include({ result: 'failed', code: 'DOCFERRY_DEAD_LETTERS' })
    expect(point(report, 'plan.fits').detail).to.include('1 of all 3 documents tried would not').and.include('a: 1 x 9 bytes; takes 8 (d1)')
    expect(report.state).to.equal('failed')
  })

  it('warns of documents in the target, by what becomes of them', async () => {
    const target = scriptedTarget({ held: { a: numbered(2) } })
    const source = scriptedSource({ collections: { a: numbered(3) } })
    for (const [onConflict, words] of [
      ['skip', 'stay as they are'],
      ['overwrite', 'are replaced'],
      ['fail', 'become dead letters']
    ] as const) {
      const { result, detail } = point(await look({ source, target: target.endpoint, onConflict }), 'target.empty')
      expect(result).to.equal('warning')
      expect(detail).to.include(words)
    }
    expect(target.writes).to.deep.equal([])
  })

  it('notices a document that changes while it looks', async () => {
    const documents = numbered(3)
    let pages = 0
    const beforePage = (): void => void (documents[1] = { _id: 'd1', n: ++pages })
    const report = await look({
      source: scriptedSource({ collections: { a: documents }, beforePage }),
      target: scriptedTarget().endpoint
    })
    expect(point(report, 'source.still')).to.include({ result: 'warning' })
    expect(point(report, 'source.still').detail).to.include('a (1 of its first documents) changed')
  })

  it('tells each collection that can not be read, and looks at the rest all the same', async () => {
    const beforePage = (name: string): void => {
      if (name === 'b') throw new DocferryError('DOCFERRY_PERMISSION', 'b: not permitted')
    }
    const source = scriptedSource({ collections: { a: numbered(1), b: numbered(1) }, beforePage })
    const report = await look({ source, target: scriptedTarget().endpoint })
    expect(point(report, 'source.reads')).to.include({ result: 'failed', code: 'DOCFERRY_PERMISSION', detail: 'b: not permitted' })
    expect(point(report, 'machine.room').result).to.equal('ok')
  })

  it('fails where an end does not answer, and skips what needs both', async () => {
    const report = await look({ source: 'couchdb://127.0.0.1:1', target: `memory:${join(folder, 'out.json')}` })
    expect(point(report, 'source.answers')).to.include({ result: 'failed', code: 'DOCFERRY_CONNECT' })
    expect(point(report, 'target.answers').result).to.equal('ok')
    expect(point(report, 'plan.fits').result).to.equal('skipped')
    expect(codeOfCheck(report)).to.equal('DOCFERRY_CONNECT')
  })

  it('fails where source and target are the same place', async () => {
    const same = `memory:${join(folder, 'one.json')}`
    writeFileSync(join(folder, 'one.json'), JSON.stringify({ data: { a: numbered(1) } }))
    const report = await look({ source: same, target: same })
    expect(point(report, 'collections.named')).to.include({ result: 'failed', code: 'DOCFERRY_SAME_PLACE' })
  })

  it('fails where an output exists already', async () => {
    writeFileSync(join(folder, 'a.ndjson'), '{"_id":"x"}\n')
    writeFileSync(join(folder, 'b.ndjson'), '')
    const report = await look({ source: join(folder, 'a.ndjson'), target: join(folder, 'b.ndjson') })
    expect(report.state).to.equal('failed')
    expect(
      report.lines
        .filter(({ result }) => result === 'failed')
        .map(({ advice = '', detail = '' }) => advice + detail)
        .join()
    ).to.include('--force')
  })

  it('warns of a password in an address, and of an environment file that others can read', async () => {
    const target = scriptedTarget().endpoint
    const open = await look({ source: 'couchdb://u:geheim-1@127.0.0.1:1', target })
    expect(point(open, 'machine.secrets').result).to.equal('warning')
    expect(JSON.stringify(open)).not.to.include('geheim')
    const environmentFile = join(folder, '.env')
    writeFileSync(environmentFile, 'A=1\n', { mode: 0o644 })
    const read = await look({ source: scriptedSource({ collections: { a: [] } }), target, environmentFile })
    expect(point(read, 'machine.secrets').advice).to.equal(`chmod 600 ${environmentFile}`)
  })

  it('refuses options that make no sense, all at once', async () => {
    const error = await check({ sample: 2, full: true, quick: true }).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
    for (const word of ['source: missing', 'target: missing', 'sample: a share', 'sample and full', 'quick'])
      expect(String(error)).to.include(word)
  })

  it('ends with an interruption, and not with a half list that looks whole', async () => {
    const stop = new AbortController()
    let seen: Readonly<CheckReport> | undefined
    const source = scriptedSource({ collections: { a: numbered(1) }, beforePage: () => stop.abort() })
    const error = await look({ source, target: scriptedTarget().endpoint, signal: stop.signal, observe: report => (seen = report) }).catch(
      (thrown: unknown) => thrown
    )
    expect(error).to.include({ code: 'DOCFERRY_INTERRUPTED' })
    expect(seen?.state).to.equal('interrupted')
  })

  it('tries all of few documents, and about ten thousand of many', () => {
    const of = (documents?: number) => [{ name: 'a', target: 'a', ...(documents !== undefined && { documents }) }]
    expect(shareFor(of(10_000), {})).to.equal(undefined)
    expect(shareFor(of(1_000_000), {})).to.equal(0.01)
    expect(shareFor(of(1_000_000_000), {})).to.equal(0.001)
    expect(shareFor(of(), {})).to.equal(0.01)
    expect(shareFor(of(1_000_000), { full: true })).to.equal(undefined)
    expect(shareFor(of(10), { sample: 0.5 })).to.equal(0.5)
  })

  it('tells how far a clock is off, and fails where the service would refuse', () => {
    const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000)
    const clock = (seconds: number) => ({ server: at(seconds), before: at(0), after: at(1) })
    expect(clockFound(clock(0), 300_000)).to.deep.equal({ detail: 'within two seconds' })
    expect(clockFound(clock(-120))).to.include({ result: 'warning' })
    expect(clockFound(clock(400), 300_000)).to.include({
      result: 'failed',
      detail: '399.0 s ahead of ours; the service refuses requests from 5 minutes on'
    })
    expect(clockFound(clock(400))).to.include({ result: 'warning' })
  })

  it('fails where there is less room than is needed', async () => {
    const list = new Checklist('before')
    await checkRoom([{ path: join(folder, 'not/there'), bytes: 1e18, what: 'the output' }], list)
    await checkRoom([{ path: folder, bytes: 1, what: 'little' }], list)
    expect(list.report.lines.map(({ result }) => result)).to.deep.equal(['failed', 'ok'])
  })

  describe('of a CouchDB', () => {
    let name: string
    let source: string
    let environment: Readonly<Record<string, string>>
    let ask: (path: string, init: RequestInit) => Promise<Response>
    beforeEach(async () => {
      const server = await servers.couchdb()
      environment = server.environment
      source = 'couchdb'
      name = uniqueName('check')
      const headers = { authorization: basicAuth(server.user, server.password), 'content-type': 'application/json' }
      ask = (path, init) => fetch(`${server.url}/${path}`, { ...init, headers })
      await ask(name, { method: 'PUT' })
      await ask(`${name}/_bulk_docs`, { method: 'POST', body: JSON.stringify({ docs: numbered(5) }) })
    })
    afterEach(() => ask(name, { method: 'DELETE' }))

    const asked = (more: Partial<CheckOptions> = {}): CheckOptions => {
      return {
        source,
        environment,
        collections: [name],
        stateDir: join(folder, 'state'),
        target: `memory:${join(folder, 'm.json')}`,
        ...more
      }
    }

    it('knows a recent export as a backup, until it is cut, gone or too old', async () => {
      expect(point(await look(asked()), 'backup.recent')).to.include({ result: 'warning' })
      const exports = join(folder, 'exports')
      mkdirSync(exports)
      const target = join(exports, 'backup.ndjson')
      const { runId } = await migrate({ source, target, environment, collections: [name], stateDir: join(folder, 'state') })
      expect(point(await look(asked()), 'backup.recent').detail).to.match(
        new RegExp(`^the export .*backup.ndjson \\(run ${runId}\\), 0 minutes old`)
      )
      expect(point(await look(asked({ full: true })), 'backup.recent').detail).to.include('compared with its receipt just now')
      expect(point(await look(asked({ backupAgeMs: 1 })), 'backup.recent').detail).to.include('too old')
      truncateSync(target, readFileSync(target).length - 40)
      expect(point(await look(asked()), 'backup.recent')).to.include({ result: 'warning' })
      rmSync(target)
      expect(point(await look(asked()), 'backup.recent').detail).to.include('not there any more')
      rmdirSync(exports)
      symlinkSync('exports', exports)
      expect(point(await look(asked()), 'backup.recent').detail).to.include("can't be looked at: ELOOP")
    })

    it('says which collections the newest backup lacks', async () => {
      const other = uniqueName('check')
      await ask(other, { method: 'PUT' })
      try {
        await migrate({ source, target: join(folder, 'b.ndjson'), environment, collections: [name], stateDir: join(folder, 'state') })
        const report = await look(asked({ collections: [name, other] }))
        expect(point(report, 'backup.recent').detail).to.include(`without ${other}`)
      } finally {
        await ask(other, { method: 'DELETE' })
      }
    })

    it('tries a write only where it is asked to, and leaves nothing of it', async () => {
      const copy = uniqueName('copy')
      const to = { target: 'couchdb', rename: { [name]: copy } }
      expect(point(await look(asked(to)), 'target.write').result).to.equal('skipped')
      const { result, detail = '' } = point(await look(asked({ ...to, probeWrite: true })), 'target.write')
      expect(result, detail).to.equal('ok')
      const probe = /docferry-check-[0-9a-f]+/.exec(detail)![0]
      expect((await ask(probe, { method: 'GET' })).status).to.equal(404)
      expect((await ask(copy, { method: 'GET' })).status).to.equal(404)
    })
  })

  it('advises to try a right that can not be asked only where that is not asked for', async () => {
    const target = await (await dynamodbSubject()).endpoint()
    const source = scriptedSource({ collections: { [uniqueName('check')]: numbered(2) } })
    const right = async (probeWrite: boolean) => point(await look({ source, target, probeWrite }), 'target.rights.1')
    const { detail, advice } = await right(false)
    expect(detail).to.equal('it can not be asked without trying')
    expect(advice).to.match(/^--probe-write tries it; dynamodb:CreateTable,/)
    const tried = await right(true)
    expect(tried.detail).to.equal('the write below tries it')
    expect(tried.advice).to.match(/^dynamodb:CreateTable, .* are needed$/)
  })

  it('says of how many documents the size is, where the target holds others already', async () => {
    const source = scriptedSource({ collections: { a: numbered(5) } })
    const target = `memory:${join(folder, 'out.json')}`
    const size = async (): Promise<string | undefined> => point(await look({ source, target }), 'plan.size').detail
    expect(await size()).to.match(/^5 documents, /)
    await migrate({ source, target, stateDir: join(folder, 'state') })
    expect(await size()).to.match(/^0 of 5 documents to be written, 0 /)
  })

  it('goes from DynamoDB to Firestore: reads one, writes a probe to the other, and leaves nothing of it', async () => {
    const { host: emulator } = await servers.firestore()
    const subject = await dynamodbSubject()
    const source = await subject.endpoint()
    const name = uniqueName('check')
    const target = { connector: 'firestore', options: { project: isolatedProject(), emulator } } as const
    await migrate({ source: scriptedSource({ collections: { [name]: numbered(5) } }), target: source })
    try {
      const report = await look({ source, target, collections: [name], probeWrite: true })
      expect(report.lines.filter(({ result }) => result === 'failed')).to.deep.equal([])
      expect(point(report, 'source.clock').result).to.equal('ok')
      expect(point(report, 'target.clock').result).to.equal('ok')
      expect(point(report, 'target.write').detail).to.match(/^a document was written to docferry-check-/)
      expect(report.collections[0]).to.include({ source: name, targetDocuments: 0 })
      const opened = await openSource(target)
      try {
        expect(await opened.collections({})).to.deep.equal([])
      } finally {
        await opened.close()
      }
    } finally {
      await subject.remove([name])
    }
  })
})
