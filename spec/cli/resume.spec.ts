import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
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
import type { FaultAction, ProxyRequest } from '../support/fault-proxy.ts'
import { simpleDocuments } from '../support/generator.ts'
import { servers, uniqueName } from '../support/servers.ts'
import { couchdbBench } from './support/bench.ts'
import { docferry } from './support/docferry.ts'
import type { Started } from './support/docferry.ts'

const count = 3000
const isBulk = ({ path }: ProxyRequest): boolean => path.endsWith('/_bulk_docs')

describe('docferry resume and runs', function () {
  this.timeout(30_000)
  const bench = couchdbBench('resume')
  const { run, begin, runIds, runFolder, ask } = bench
  beforeEach(() => bench.write(simpleDocuments({ count, bytes: 300 })))

  const migration = (target = 'couchdb'): string[] => ['migrate', '--source', `${bench.collection}.ndjson`, '--target', target]
  /** Of the batches, the first pass; what the others meet. */
  const afterBatches = (passed: number, action: FaultAction): void => {
    let seen = 0
    bench.proxy.faults.push({ match: request => isBulk(request) && ++seen > passed, times: Infinity, action })
  }
  const checkpoint = async (): Promise<Checkpoint | undefined> => {
    if ((await runIds()).length === 0) return undefined
    return (await readState(join(await runFolder(), 'checkpoint.json'), 'checkpoint')) as Checkpoint | undefined
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
    await bench.proxy.waitFor(isBulk, 3)
    started.child.kill('SIGKILL')
    await started.ended
    bench.proxy.faults.length = 0
    return (await runIds()).find(id => !before.includes(id))!
  }
  const documentsThere = async (): Promise<number> => (await ask(''))['doc_count'] as number

  it('goes on with the last run that was killed, from its checkpoint', async () => {
    afterBatches(2, { type: 'stall' })
    const started = begin(...migration())
    await untilCheckpoint(started)
    started.child.kill('SIGKILL')
    expect((await started.ended).code).to.equal(null)
    bench.proxy.faults.length = 0
    const [runId] = await runIds()
    expect((await run('runs')).stdout).to.match(new RegExp(`^${runId} +killed +file .*${bench.collection}.ndjson -> couchdb `))
    bench.proxy.forget()
    const { code, stdout } = await run('resume')
    expect(code).to.equal(0)
    expect(stdout).to.include('3,000 documents written').and.include('were read before the run went on')
    expect(stdout).to.include(`docferry undo ${runId}`)
    expect(await documentsThere()).to.equal(count)
    // Of six batches, at least one stands in a checkpoint as soon as there is one.
    expect(bench.proxy.count(isBulk)).to.be.within(1, 5)
    expect((await run('runs')).stdout).to.match(new RegExp(`^${runId} +done +file .* 3,000 written\n$`))
    expect(await runIds()).to.deep.equal([runId])
  })

  it('takes the file again by its path alone, with the name that the run gave to its collection', async () => {
    const file = `${bench.collection}.ndjson`
    afterBatches(2, { type: 'stall' })
    const started = begin('import', '--input', file, '--as', bench.collection, '--target', 'couchdb')
    await bench.proxy.waitFor(isBulk, 3)
    started.child.kill('SIGKILL')
    await started.ended
    bench.proxy.faults.length = 0
    const { code, stderr } = await run('resume', '--source', `./${file}`)
    expect(code, stderr).to.equal(0)
    expect(await documentsThere()).to.equal(count)
  })

  it('verifies a run that was to be verified, at its end', async () => {
    afterBatches(2, { type: 'stall' })
    const started = begin(...migration(), '--verify')
    await bench.proxy.waitFor(isBulk, 3)
    started.child.kill('SIGKILL')
    await started.ended
    bench.proxy.faults.length = 0
    const { code, stdout } = await run('resume')
    expect(code, stdout).to.equal(0)
    expect(stdout).to.include('Verified: 3,000 documents')
    expect((await run('runs')).stdout).to.match(/ 3,000 written\n$/)
  })

  it('says of a run that it is verified right now, and of one that was killed meanwhile that it was not, and what does it', async () => {
    const isRead = ({ path }: ProxyRequest): boolean => path.includes('/_all_docs') && path.includes('include_docs=true')
    bench.proxy.faults.push({ match: isRead, times: Infinity, action: { type: 'stall' } })
    const started = begin(...migration(), '--verify')
    await bench.proxy.waitFor(isRead, 1)
    const [runId] = await runIds()
    const advice = `docferry verify ${runId}`
    const { pid } = started.child
    expect((await run('runs')).stdout).to.match(new RegExp(` done .* 3,000 written; process ${pid} verifies it\n$`))
    const [told] = (JSON.parse((await run('runs', '--json')).stdout) as { runs: object[] }).runs
    expect(told).to.include({ unverified: true }).and.have.nested.property('verifying.pid', pid)
    expect((await run('resume', runId!)).stderr)
      .to.include(`process ${pid} verifies ${runId} right now`)
      .and.not.include(advice)
    started.child.kill('SIGKILL')
    await started.ended
    bench.proxy.faults.length = 0
    const unverified = async (): Promise<unknown> =>
      (JSON.parse((await run('runs', '--json')).stdout) as { runs: { unverified: boolean }[] }).runs[0]!.unverified
    expect((await run('runs')).stdout).to.match(new RegExp(` done .* 3,000 written; not verified to its end: ${advice}\n$`))
    expect(await unverified()).to.equal(true)
    expect((await run('resume', runId!)).stderr)
      .to.include('nothing to go on with')
      .and.include(advice)
    expect((await run('resume')).stderr)
      .to.include('no run that can be continued')
      .and.include(advice)
    await run('verify', runId!, '--quick')
    expect(await unverified(), 'after numbers alone').to.equal(true)
    expect((await run('verify', runId!)).code).to.equal(0)
    expect((await run('runs')).stdout).to.match(/ done .* 3,000 written\n$/)
    expect(await unverified()).to.equal(false)
    expect(readdirSync(join(bench.cwd, '.docferry', 'runs', runId!))).to.not.include('verifying')
  })

  it('keeps to the bounds that the run began with, unless others are given', async () => {
    afterBatches(1, { type: 'stall' })
    const started = begin(...migration(), '--max-rate', '1600', '--max-failures', '1%')
    await bench.proxy.waitFor(isBulk, 2)
    started.child.kill('SIGKILL')
    await started.ended
    bench.proxy.faults.length = 0
    const [runId = ''] = await runIds()
    const asked = async (flags: { readonly maxRate?: number } = {}): Promise<object> =>
      (await resumeJob(runId, { ...flags, progress: false, logLevel: 'warn', stateDir: join(bench.cwd, '.docferry') })).options
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
      bench.proxy.forget()
      const started = begin('resume', runId)
      await bench.proxy.waitFor(isBulk, 2)
      started.child.kill('SIGKILL')
      await started.ended
      bench.proxy.faults.length = 0
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
    await bench.proxy.waitFor(isBulk, 3)
    started.child.kill('SIGINT')
    await started.said('Ctrl-C again')
    release()
    const { code, stderr } = await started.ended
    expect(code).to.equal(130)
    expect(stderr).to.include('the run can be continued')
    bench.proxy.faults.length = 0
    expect((await run('runs')).stdout).to.match(/ interrupted +file /)
    const { totals } = JSON.parse((await run('resume', '--json')).stdout) as { totals: object }
    expect(totals).to.include({ read: count, written: count, skipped: 0 })
    expect(await documentsThere()).to.equal(count)
  })

  it('goes on with an export that was killed, where the file was', async () => {
    const subject = await dynamodbSubject()
    const table = uniqueName('resume')
    const dynamodb = await servers.dynamodb()
    const scans = await startFaultProxy({ target: dynamodb.endpoint })
    try {
      const documents = [...simpleDocuments({ count: 1200, bytes: 5000 })]
      writeFileSync(join(bench.cwd, `${table}.ndjson`), documents.map(document => `${JSON.stringify(document)}\n`).join(''))
      await migrate({ source: join(bench.cwd, `${table}.ndjson`), target: await subject.endpoint(), stateDir: join(bench.cwd, 'filling') })
      const late: FaultAction = {
        type: 'holdUntil',
        get until() {
          return sleep(300)
        }
      }
      scans.faults.push({ match: ({ operation }) => operation === 'Scan', times: Infinity, action: late })
      Object.assign(bench.variables, dynamodb.environment, { DYNAMODB_ENDPOINT_URL: scans.url })
      const started = begin('export', '--provider', 'dynamodb', '--collections', table, '--output', 'out.ndjson.gz', '--parallel', '1')
      await untilCheckpoint(started)
      started.child.kill('SIGKILL')
      await started.ended
      scans.faults.length = 0
      scans.forget()
      expect(existsSync(join(bench.cwd, 'out.ndjson.gz'))).to.equal(false)
      const { code, stdout } = await run('resume')
      expect(code, stdout).to.equal(0)
      const lines = gunzipSync(readFileSync(join(bench.cwd, 'out.ndjson.gz')))
        .toString()
        .trim()
        .split('\n')
        .map(line => JSON.parse(line) as { _id?: string })
      expect(lines.flatMap(({ _id }) => _id ?? []).sort()).to.deep.equal(documents.map(({ _id }) => _id))
      // A page is 1 MB, and all of them are six.
      expect(scans.count(({ operation }) => operation === 'Scan')).to.be.within(1, 5)
      expect((await readdir(bench.cwd)).filter(name => name.includes('partial'))).to.deep.equal([])
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
    expect(named.stderr).to.include(runId).and.include('has come to its end').and.not.include('--help')
    const unnamed = await run('resume')
    expect(unnamed.code).to.equal(50)
    expect(unnamed.stderr).to.include('no run that can be continued')
  })

  it('says that there is no such run', async () => {
    const { code, stderr } = await run('resume', '2026-01-01T00-00-00-abcdef')
    expect(code).to.equal(50)
    expect(stderr).to.include('no run 2026-01-01T00-00-00-abcdef in .docferry').and.include('docferry runs').and.not.include('try:')
    expect((await run('resume', '../../etc')).code).to.equal(50)
    expect((await run('runs')).stdout).to.include('no runs in .docferry')
  })

  it('does not go on with a run that another process is moving', async () => {
    afterBatches(0, { type: 'stall' })
    const started = begin(...migration())
    // As many as CouchDB is sent at once: nothing more comes of this process.
    await bench.proxy.waitFor(isBulk, 4)
    const [runId] = await runIds()
    const requests = bench.proxy.requests.length
    const { code, stderr } = await run('resume', runId!)
    expect(code).to.equal(50)
    expect(stderr).to.include(`process ${started.child.pid}`)
    expect(bench.proxy.requests.slice(requests).filter(isBulk)).to.deep.equal([])
    expect((await run('runs')).stdout).to.match(/ running /)
    const unnamed = await run('resume')
    expect(unnamed.code).to.equal(50)
    expect(unnamed.stderr).to.include(`process ${started.child.pid} is at work on run ${runId}`).and.not.include('no run that')
  })

  for (const verb of ['verify', 'repair', 'retry', 'undo']) {
    it(`names the process that is at work on a run: ${verb}`, async () => {
      afterBatches(0, { type: 'stall' })
      const started = begin(...migration())
      await bench.proxy.waitFor(isBulk, 1)
      const [runId] = await runIds()
      const { code, stderr } = await run(verb, runId!)
      expect(code, stderr).to.equal(50)
      expect(stderr).to.include(`process ${started.child.pid} is at work on run ${runId}`)
    })
  }

  it('goes on with an older run that was killed while a newer one is under way', async () => {
    const older = await killed()
    afterBatches(0, { type: 'stall' })
    bench.proxy.forget()
    begin(...migration(), '--rename', `${bench.collection}=${bench.collection}_2`)
    await bench.proxy.waitFor(isBulk, 1)
    bench.proxy.faults.length = 0
    expect(JSON.parse((await run('resume', '--json')).stdout)).to.include({ runId: older, state: 'done' })
  })

  it('lists what a killed run had at least written, and the process of one that is under way', async () => {
    afterBatches(2, { type: 'stall' })
    const started = begin(...migration())
    await untilCheckpoint(started)
    const line = new RegExp(` running +file .* at least [\\d,]+ written; process ${started.child.pid}\\n$`)
    expect((await run('runs')).stdout).to.match(line)
    started.child.kill('SIGKILL')
    await started.ended
    expect((await run('runs')).stdout).to.match(/ killed +file .* at least [\d,]+ written\n$/)
    const { runs } = JSON.parse((await run('runs', '--json')).stdout) as { runs: { totalsAtLeast: { written: number } }[] }
    expect(runs[0]).to.include({ totals: null, resumable: true, process: null })
    expect(runs[0]!.totalsAtLeast.written).to.be.within(1, await documentsThere())
  })

  it('says how to go on when it is stopped at once', async () => {
    afterBatches(0, { type: 'stall' })
    const started = begin(...migration())
    await bench.proxy.waitFor(isBulk, 1)
    started.child.kill('SIGINT')
    await started.said('Ctrl-C again')
    let over = false
    void started.ended.then(() => (over = true))
    // Soon after the first, another is taken for the same key press, handed on twice.
    for (; !over; await sleep(20)) started.child.kill('SIGINT')
    const { code, stderr } = await started.ended
    expect(code).to.equal(130)
    const [runId] = await runIds()
    expect(stderr).to.include(`stopped at once; to go on: docferry resume ${runId}`)
    bench.proxy.faults.length = 0
    expect((await run('resume', runId!)).code).to.equal(0)
  })

  it('does not go on with an export down a pipe, and calls it broken off', async () => {
    expect((await run(...migration())).code).to.equal(0)
    const before = await runIds()
    const reads = ({ path }: ProxyRequest): boolean => path.includes('/_all_docs') && path.includes('include_docs=true')
    bench.proxy.faults.push({
      match: reads,
      times: Infinity,
      action: { type: 'answer', status: 401, body: '{"error":"unauthorized","reason":"no"}' }
    })
    const { code, stderr } = await run('export', '--provider', 'couchdb', '--collections', bench.collection, '--output', '-')
    expect(code).to.equal(10)
    expect(stderr).to.include('begin again').and.not.include('docferry resume')
    bench.proxy.faults.length = 0
    const runId = (await runIds()).find(id => !before.includes(id))!
    expect((await run('runs')).stdout).to.match(new RegExp(`^${runId} +broken off +couchdb .* can not be gone on with\n`))
    const { runs } = JSON.parse((await run('runs', '--json')).stdout) as { runs: object[] }
    expect(runs[0]).to.include({ state: 'broken off', resumable: false })
    const resumed = await run('resume', runId)
    expect(resumed).to.include({ code: 2, stdout: '' })
    expect(resumed.stderr).to.include('went down a pipe').and.not.include('--help')
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
    const server = await servers.couchdb()
    const address = `couchdb://${server.user}:${encodeURIComponent(server.password)}@${bench.proxy.url.slice('http://'.length)}`
    const runId = await killed(address)
    for (const file of await readdir(await runFolder()))
      expect(readFileSync(join(await runFolder(), file), 'utf8'), file).to.not.include(`${server.password}@`)
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
      const path = join(await runFolder(), file)
      writeFileSync(path, readFileSync(path).subarray(0, -10))
      bench.proxy.forget()
      const { code, stderr } = await run('resume', runId)
      expect(code).to.equal(50)
      expect(stderr)
        .to.include(join('runs', runId, file))
        .and.include('cut off')
      expect(bench.proxy.count(isBulk)).to.equal(0)
      expect((await run('runs')).stdout).to.match(file === 'run.json' ? / damaged .*run\.json/ : / killed /)
    })
  }

  it('does not go on from or to another place, saying which', async () => {
    const runId = await killed()
    writeFileSync(join(bench.cwd, 'other.ndjson'), '{"_id":"a"}\n')
    const source = await run('resume', runId, '--source', 'other.ndjson')
    expect(source.code).to.equal(2)
    expect(source.stderr).to.include('DOCFERRY_RUN_UNFIT').and.include('other.ndjson')
    const target = await run('resume', runId, '--target', 'memory:snapshot.json')
    expect(target.code).to.equal(2)
    expect(target.stderr).to.include('DOCFERRY_RUN_UNFIT').and.include('target: was couchdb')
    expect((await run('runs')).stdout).to.match(/ killed /)
    expect((await run('resume', runId)).code).to.equal(0)
  })

  for (const [what, input] of [
    ['lines', '{"_id":"a"}\n'],
    ['a list', '[{"_id":"a"}]'],
    ['a backup of couchbackup', '[{"_id":"a"}]\n[{"_id":"b"}]\n']
  ] as const) {
    it(`is not offered where nothing names what came in, for it could not be named then either: ${what}`, async () => {
      const { code, stdout, stderr } = await docferry(['migrate', '-s', '-', '-t', 'out.ndjson'], { cwd: bench.cwd, input })
      expect(code).to.equal(2)
      expect(stderr).to.include('name it with --as NAME')
      expect(stdout + stderr)
        .to.include('Failed after')
        .and.not.include('docferry resume')
    })
  }

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
    expect(runs[0]).to.deep.include({ runId, endedAt: null, totals: null, collections: [[bench.collection, bench.collection]] })
    expect(runs[1]?.['totals']).to.include({ read: count, written: count })
    expect(runs[0]?.['target']).to.deep.include({ provider: 'couchdb' })
  })

  it('finds runs in another state folder', async () => {
    const place = join(bench.cwd, 'elsewhere')
    expect((await run(...migration('memory:snapshot.json'), '--state-dir', place)).code).to.equal(0)
    expect((await run('runs')).stdout).to.include('no runs')
    expect((await run('runs', '--state-dir', place)).stdout).to.match(/ done /)
  })
})
