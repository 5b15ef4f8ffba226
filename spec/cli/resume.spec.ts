import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import { resumeJob } from '../../lib/cli/commands/resume.ts'
import type { Checkpoint } from '../../lib/checkpoint/checkpoint.ts'
import { readState } from '../../lib/checkpoint/state-file.ts'
import { migrate } from '../../lib/run.ts'
import { dynamodbSubject } from '../conformance/subjects.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import type { FaultAction, FaultProxy, ProxyRequest } from '../support/fault-proxy.ts'
import { simpleDocuments } from '../support/generator.ts'
import { basicAuth, servers, uniqueName } from '../support/servers.ts'
import type { CouchdbServer, DynamodbServer } from '../support/servers.ts'
import { docferry, start } from './support/docferry.ts'
import type { Ended, Started } from './support/docferry.ts'

const count = 3000
const isBulk = ({ path }: ProxyRequest): boolean => path.endsWith('/_bulk_docs')

describe('docferry resume and runs', function () {
  this.timeout(30_000)
  let server: CouchdbServer
  let dynamodb: DynamodbServer
  let proxy: FaultProxy
  let cwd: string
  let database: string
  const running: Started[] = []
  before(async () => {
    server = await servers.couchdb()
    dynamodb = await servers.dynamodb()
  })
  beforeEach(async () => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-resume-'))
    database = uniqueName('resume')
    const lines = [...simpleDocuments({ count, bytes: 300 })].map(document => `${JSON.stringify(document)}\n`)
    writeFileSync(join(cwd, `${database}.ndjson`), lines.join(''))
    proxy = await startFaultProxy({ target: server.url })
  })
  afterEach(async () => {
    for (const { child, ended } of running.splice(0)) {
      child.kill('SIGKILL')
      await ended
    }
    await proxy.close()
    await fetch(`${server.url}/${database}`, { method: 'DELETE', headers: { authorization: basicAuth(server.user, server.password) } })
    rmSync(cwd, { recursive: true, force: true })
  })

  const environment = (): NodeJS.ProcessEnv => ({ ...dynamodb.environment, ...server.environment, COUCHDB_URL: proxy.url })
  const run = (...args: string[]): Promise<Ended> => docferry(args, { cwd, env: environment() })
  const begin = (...args: string[]): Started => {
    const started = start(args, { cwd, env: environment(), input: '' })
    running.push(started)
    return started
  }
  const migration = (target = 'couchdb'): string[] => ['migrate', '--source', `${database}.ndjson`, '--target', target]
  /** Of the batches, the first pass; what the others meet. */
  const afterBatches = (passed: number, action: FaultAction): void => {
    let seen = 0
    proxy.faults.push({ match: request => isBulk(request) && ++seen > passed, times: Infinity, action })
  }
  const runIds = async (): Promise<string[]> =>
    (await readdir(join(cwd, '.docferry', 'runs')).catch(() => [])).toSorted((a, b) => a.localeCompare(b))
  const folderOf = async (): Promise<string> => join(cwd, '.docferry', 'runs', (await runIds()).at(-1)!)
  const checkpoint = async (): Promise<Checkpoint | undefined> => {
    if ((await runIds()).length === 0) return undefined
    return (await readState(join(await folderOf(), 'checkpoint.json'), 'checkpoint')) as Checkpoint | undefined
  }
  const untilCheckpoint = async ({ ended }: Started): Promise<void> => {
    let over = false
    void ended.then(() => (over = true))
    while (Object.keys((await checkpoint())?.partitions ?? {}).length === 0) {
      if (over) throw new Error('it ended before a checkpoint')
      await sleep(5)
    }
  }
  const killed = async (target?: string): Promise<string> => {
    const before = await runIds()
    afterBatches(2, { type: 'stall' })
    const started = begin(...migration(target))
    await proxy.waitFor(isBulk, 3)
    started.child.kill('SIGKILL')
    await started.ended
    proxy.faults.length = 0
    return (await runIds()).find(id => !before.includes(id))!
  }
  const documentsThere = async (): Promise<number> => {
    const answer = await fetch(`${server.url}/${database}`, { headers: { authorization: basicAuth(server.user, server.password) } })
    return ((await answer.json()) as { doc_count: number }).doc_count
  }

  it('goes on with the last run that was killed, from its checkpoint', async () => {
    afterBatches(2, { type: 'stall' })
    const started = begin(...migration())
    await untilCheckpoint(started)
    started.child.kill('SIGKILL')
    expect((await started.ended).code).to.equal(null)
    proxy.faults.length = 0
    const [runId] = await runIds()
    expect((await run('runs')).stdout).to.match(new RegExp(`^${runId} +killed +file .*${database}.ndjson -> couchdb `))
    proxy.forget()
    const { code, stdout } = await run('resume')
    expect(code).to.equal(0)
    expect(stdout).to.include('3,000 documents written')
    expect(await documentsThere()).to.equal(count)
    expect(proxy.count(isBulk)).to.be.within(1, 4)
    expect((await run('runs')).stdout).to.match(new RegExp(`^${runId} +done +file .* 3,000 written\n$`))
    expect(await runIds()).to.deep.equal([runId])
  })

  it('keeps to the bounds that the run began with, unless others are given', async () => {
    afterBatches(1, { type: 'stall' })
    const started = begin(...migration(), '--max-rate', '1600', '--max-failures', '1%')
    await proxy.waitFor(isBulk, 2)
    started.child.kill('SIGKILL')
    await started.ended
    proxy.faults.length = 0
    const [runId = ''] = await runIds()
    const asked = async (flags: { readonly maxRate?: number } = {}): Promise<object> =>
      (await resumeJob(runId, { ...flags, progress: false, logLevel: 'warn', stateDir: join(cwd, '.docferry') })).options
    expect(await asked())
      .to.include({ maxRate: 1600 })
      .and.have.deep.property('maxFailures', { share: 0.01 })
    expect(await asked({ maxRate: 200 }))
      .to.include({ maxRate: 200 })
      .and.have.deep.property('maxFailures', { share: 0.01 })
  })

  it('goes on with a run that was killed again and again', async () => {
    const runId = await killed()
    for (let time = 0; time < 2; time++) {
      afterBatches(1, { type: 'stall' })
      proxy.forget()
      const started = begin('resume', runId)
      await proxy.waitFor(isBulk, 2)
      started.child.kill('SIGKILL')
      await started.ended
      proxy.faults.length = 0
    }
    const { code, stdout } = await run('resume', runId, '--json')
    expect(code).to.equal(0)
    const report = JSON.parse(stdout) as { runId: string; totals: object }
    expect(report).to.deep.include({ command: 'resume', runId, state: 'done' })
    expect(report.totals).to.deep.equal({ read: count, added: 0, written: count, skipped: 0, filtered: 0, failed: 0 })
    expect(await documentsThere()).to.equal(count)
  })

  it('goes on with a run that Ctrl-C ended', async () => {
    let release = (): void => undefined
    afterBatches(2, { type: 'holdUntil', until: new Promise<void>(resolve => (release = resolve)) })
    const started = begin(...migration())
    await proxy.waitFor(isBulk, 3)
    started.child.kill('SIGINT')
    await started.said('Ctrl-C again')
    release()
    const { code, stderr } = await started.ended
    expect(code).to.equal(130)
    expect(stderr).to.include('the run can be continued')
    proxy.faults.length = 0
    expect((await run('runs')).stdout).to.match(/ interrupted +file /)
    const { totals } = JSON.parse((await run('resume', '--json')).stdout) as { totals: object }
    expect(totals).to.include({ read: count, written: count, skipped: 0 })
    expect(await documentsThere()).to.equal(count)
  })

  it('goes on with an export that was killed, where the file was', async () => {
    const subject = await dynamodbSubject()
    const table = uniqueName('resume')
    const scans = await startFaultProxy({ target: dynamodb.endpoint })
    try {
      const documents = [...simpleDocuments({ count: 1200, bytes: 5000 })]
      writeFileSync(join(cwd, `${table}.ndjson`), documents.map(document => `${JSON.stringify(document)}\n`).join(''))
      await migrate({ source: join(cwd, `${table}.ndjson`), target: await subject.endpoint(), stateDir: join(cwd, 'filling') })
      const late: FaultAction = {
        type: 'holdUntil',
        get until() {
          return sleep(300)
        }
      }
      scans.faults.push({ match: ({ operation }) => operation === 'Scan', times: Infinity, action: late })
      const env = { ...environment(), DYNAMODB_ENDPOINT_URL: scans.url }
      const started = start(['export', '--provider', 'dynamodb', '--collections', table, '--output', 'out.ndjson.gz', '--parallel', '1'], {
        cwd,
        env,
        input: ''
      })
      running.push(started)
      await untilCheckpoint(started)
      started.child.kill('SIGKILL')
      await started.ended
      scans.faults.length = 0
      scans.forget()
      expect(existsSync(join(cwd, 'out.ndjson.gz'))).to.equal(false)
      const { code, stdout } = await docferry(['resume'], { cwd, env })
      expect(code, stdout).to.equal(0)
      const lines = gunzipSync(readFileSync(join(cwd, 'out.ndjson.gz')))
        .toString()
        .trim()
        .split('\n')
        .map(line => JSON.parse(line) as { _id?: string })
      expect(lines.flatMap(({ _id }) => _id ?? []).sort()).to.deep.equal(documents.map(({ _id }) => _id))
      // A page is 1 MB, and all of them are six.
      expect(scans.count(({ operation }) => operation === 'Scan')).to.be.within(1, 5)
      expect((await readdir(cwd)).filter(name => name.includes('partial'))).to.deep.equal([])
    } finally {
      await subject.remove([table])
      await scans.close()
    }
  })

  it('has nothing to go on with in a run that is done', async () => {
    expect((await run(...migration())).code).to.equal(0)
    const [runId] = await runIds()
    const named = await run('resume', runId!)
    expect(named.code).to.equal(2)
    expect(named.stderr).to.include(runId).and.include('has come to its end')
    const unnamed = await run('resume')
    expect(unnamed.code).to.equal(50)
    expect(unnamed.stderr).to.include('no run that can be continued')
  })

  it('says that there is no such run', async () => {
    const { code, stderr } = await run('resume', '2026-01-01T00-00-00-abcdef')
    expect(code).to.equal(50)
    expect(stderr).to.include('no run 2026-01-01T00-00-00-abcdef in .docferry').and.include('docferry runs')
    expect((await run('resume', '../../etc')).code).to.equal(50)
    expect((await run('runs')).stdout).to.include('no runs in .docferry')
  })

  it('does not go on with a run that another process is moving', async () => {
    afterBatches(0, { type: 'stall' })
    const started = begin(...migration())
    // As many as CouchDB is sent at once: nothing more comes of this process.
    await proxy.waitFor(isBulk, 4)
    const [runId] = await runIds()
    const requests = proxy.requests.length
    const { code, stderr } = await run('resume', runId!)
    expect(code).to.equal(50)
    expect(stderr).to.include(`process ${started.child.pid}`)
    expect(proxy.requests.slice(requests).filter(isBulk)).to.deep.equal([])
    expect((await run('runs')).stdout).to.match(/ running /)
    expect((await run('resume')).stderr).to.include('no run that can be continued')
  })

  it('goes to one only of two that go on with a killed run at once', async () => {
    const runId = await killed()
    const both = await Promise.all([run('resume', runId, '--json'), run('resume', runId, '--json')])
    const codes = both.map(({ code }) => Number(code)).toSorted((a, b) => a - b)
    // The second may come when the first is done.
    expect(codes[0]).to.equal(0)
    expect(codes[1]).to.be.oneOf([2, 50])
    expect(await documentsThere()).to.equal(count)
  })

  it('keeps no password, and asks for it again', async () => {
    const address = `couchdb://${server.user}:${encodeURIComponent(server.password)}@${proxy.url.slice('http://'.length)}`
    const runId = await killed(address)
    for (const file of await readdir(await folderOf()))
      expect(readFileSync(join(await folderOf(), file), 'utf8'), file).to.not.include(`${server.password}@`)
    const without = await run('resume', runId)
    expect(without.code).to.equal(2)
    expect(without.stderr).to.include('give --target again')
    const { code, stdout, stderr } = await run('resume', runId, '--target', address)
    expect(code, stderr).to.equal(0)
    expect(stdout).to.include('3,000 documents written')
    expect(await documentsThere()).to.equal(count)
  })

  for (const file of ['run.json', 'checkpoint.json']) {
    it(`names a ${file} that is torn, and changes nothing`, async () => {
      const runId = await killed()
      const path = join(await folderOf(), file)
      writeFileSync(path, readFileSync(path).subarray(0, -10))
      proxy.forget()
      const { code, stderr } = await run('resume', runId)
      expect(code).to.equal(50)
      expect(stderr)
        .to.include(join('runs', runId, file))
        .and.include('cut off')
      expect(proxy.count(isBulk)).to.equal(0)
      expect((await run('runs')).stdout).to.match(file === 'run.json' ? / damaged .*run\.json/ : / killed /)
    })
  }

  it('does not go on from or to another place, saying which', async () => {
    const runId = await killed()
    writeFileSync(join(cwd, 'other.ndjson'), '{"_id":"a"}\n')
    const source = await run('resume', runId, '--source', 'other.ndjson')
    expect(source.code).to.equal(2)
    expect(source.stderr).to.include('DOCFERRY_PLAN').and.include('other.ndjson')
    const target = await run('resume', runId, '--target', 'memory:snapshot.json')
    expect(target.code).to.equal(2)
    expect(target.stderr).to.include('DOCFERRY_PLAN').and.include('target: was couchdb')
    expect((await run('runs')).stdout).to.match(/ killed /)
    expect((await run('resume', runId)).code).to.equal(0)
  })

  it('takes no options that were given when the run began', async () => {
    for (const option of [['--collections', 'agents'], ['--on-conflict', 'fail'], ['--types', 'plain'], ['--dry-run']]) {
      const { code, stderr } = await run('resume', ...option)
      expect(code, option[0]).to.equal(2)
      expect(stderr).to.include('DOCFERRY_USAGE').and.include(option[0])
    }
  })

  it('lists runs as JSON', async () => {
    await run(...migration('memory:snapshot.json'))
    const runId = await killed()
    const { code, stdout, stderr } = await run('runs', '--json')
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    const { runs } = JSON.parse(stdout) as { runs: Record<string, unknown>[] }
    expect(runs.map(({ state }) => state)).to.deep.equal(['killed', 'done'])
    expect(runs[0]).to.deep.include({ runId, endedAt: null, totals: null, collections: [[database, database]] })
    expect(runs[1]?.['totals']).to.include({ read: count, written: count })
    expect(runs[0]?.['target']).to.deep.include({ provider: 'couchdb' })
  })

  it('finds runs in another state folder', async () => {
    const place = join(cwd, 'elsewhere')
    expect((await run(...migration('memory:snapshot.json'), '--state-dir', place)).code).to.equal(0)
    expect((await run('runs')).stdout).to.include('no runs')
    expect((await run('runs', '--state-dir', place)).stdout).to.match(/ done /)
  })
})
