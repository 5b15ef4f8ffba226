import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { execute } from '../../lib/cli/execute.ts'
import type { VerifyEngine } from '../../lib/cli/verify-after.ts'
import { DocferryError } from '../../lib/errors.ts'
import { FakeHost } from './support/fake-host.ts'
import { doneCollection, fakeReport, startMs } from './support/fake-run.ts'
import { docferry, start } from './support/docferry.ts'
import type { Ended } from './support/docferry.ts'

describe('--verify', function () {
  this.timeout(60_000)
  let cwd: string
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-verify-after-'))
    write(100)
  })
  afterEach(() => rmSync(cwd, { recursive: true, force: true }))

  const write = (count: number, more = ''): void => {
    const lines = Array.from({ length: count }, (_, n) => `{"_id":"d${n}","n":${n},"token":"hidden-${n}"}\n`)
    writeFileSync(join(cwd, 'a.ndjson'), lines.join('') + more)
  }
  const save = (...documents: object[]): void =>
    writeFileSync(join(cwd, 'b.json'), JSON.stringify({ metadata: { collections: ['a'] }, data: { a: documents } }))
  const run = (...args: string[]): Promise<Ended> => docferry(args, { cwd })
  const verified = /^Verified: 100 documents, root [0-9a-f]{64}$/m

  it('says how many documents are right, with their root, behind the summary of a migration', async () => {
    const { code, stdout, stderr } = await run('migrate', '--source', 'a.ndjson', '--target', 'memory:b.json', '--verify')
    expect(code, stderr).to.equal(0)
    expect(stdout).to.match(verified)
    const root = /^Receipt: .* \(root (\w+)\)$/m.exec(stdout)?.[1]
    expect(stdout).to.include(`Verified: 100 documents, root ${root}`)
    expect(stdout.indexOf('Done in')).to.be.lessThan(stdout.indexOf('Verified:'))
  })

  for (const output of ['out.ndjson', 'out.ndjson.gz', 'out.json', 'out/']) {
    it(`reads an export again: ${output}`, async () => {
      save(...Array.from({ length: 100 }, (_, n) => ({ _id: `d${n}`, n })))
      const { code, stdout, stderr } = await run('export', '--provider', 'memory:b.json', '--output', output, '--verify')
      expect(code, stderr).to.equal(0)
      expect(stdout).to.match(verified)
    })
  }

  it('reads an export of documents alone', async () => {
    save(...Array.from({ length: 100 }, (_, n) => ({ _id: `d${n}`, n })))
    const args = ['--provider', 'memory:b.json', '--output', 'x.ndjson', '--documents-only', '--verify']
    const { code, stdout, stderr } = await run('export', ...args)
    expect(code, stderr).to.equal(0)
    expect(stdout).to.match(verified)
  })

  it('goes through the stages of the run, and by the names that it gave', async () => {
    const args = ['--input', 'a.ndjson', '--target', 'memory:b.json', '--stage', 'strip:token', '--rename', 'a=c', '--verify']
    const { code, stdout, stderr } = await run('import', ...args)
    expect(code, stderr).to.equal(0)
    expect(stdout).to.match(verified)
  })

  it('exits with 60 where the target is not as the source has it, and names what differs', async () => {
    save({ _id: 'd3', n: -3 }, { _id: 'extra' })
    const { code, stdout, stderr } = await run('import', '--input', 'a.ndjson', '--target', 'memory:b.json', '--verify')
    expect(code, stderr).to.equal(60)
    expect(stdout).to.include('- a: different d3 (n, token)').and.not.include('extra extra')
    expect(stdout).to.match(/^Different: 1 difference in 100 documents, beside 1 that only the target holds/m)
    expect(stdout).to.not.include('hidden')
  })

  it('exits with 40 where there are dead letters, and nothing else is wrong', async () => {
    write(100, 'nonsense\n')
    const { code, stdout } = await run('import', '--input', 'a.ndjson', '--target', 'memory:b.json', '--verify')
    expect(code).to.equal(40)
    expect(stdout).to.match(verified)
    save({ _id: 'd3', n: -3 })
    expect((await run('import', '--input', 'a.ndjson', '--target', 'memory:b.json', '--verify')).code).to.equal(60)
  })

  it('says nothing is proved of what only the target holds', async () => {
    save({ _id: 'other' }, { _id: 'another' })
    const { code, stdout, stderr } = await run('import', '--input', 'a.ndjson', '--target', 'memory:b.json', '--verify')
    expect(code, stderr).to.equal(0)
    const root = /^Receipt: .* \(root (\w+)\)$/m.exec(stdout)?.[1]
    expect(stdout).to.include(`Verified: 100 documents, root ${root}, beside 2 that only the target holds`)
  })

  it('gives one report of both with --json', async () => {
    save({ _id: 'd3', n: -3 })
    const { code, stdout } = await run('import', '--input', 'a.ndjson', '--target', 'memory:b.json', '--verify', '--json')
    const report = JSON.parse(stdout) as { verified: Record<string, unknown> }
    expect(code).to.equal(60)
    expect(report).to.include({ command: 'import', state: 'done', exitCode: 60 })
    expect(report.verified).to.include({ state: 'different', against: 'receipt and source', exitCode: 60 })
    expect(report.verified['totals']).to.include({ different: 1, equal: 99 })
  })

  it('says one line with --quiet where something differs', async () => {
    save({ _id: 'd3', n: -3 })
    const { stdout, stderr } = await run('import', '--input', 'a.ndjson', '--target', 'memory:b.json', '--verify', '--quiet')
    expect(stdout).to.equal('')
    expect(stderr).to.match(/^docferry: the target is not as it should be \(exit 60\).*\n$/)
  })

  it('verifies the whole of a run that went on', async () => {
    const args = ['migrate', '--source', 'a.ndjson', '--target', 'out.ndjson', '--max-rate', '40']
    const { child, ended, said } = start(args, { cwd, input: '' })
    await said('docferry migrate')
    child.kill('SIGINT')
    expect((await ended).code).to.equal(130)
    const { code, stdout, stderr } = await run('resume', '--verify')
    expect(code, stderr).to.equal(0)
    expect(stdout).to.match(verified)
  })

  it('says that the run is through where its verification fails', async () => {
    const gone = () => Promise.reject(new DocferryError('DOCFERRY_CONNECT', 'gone'))
    const report = fakeReport({ runId: 'run-1', state: 'done', finishedAt: startMs, collections: [doneCollection('agents', 12)] })
    const flags = { progress: false, logLevel: 'silent', verify: true } as const
    const job = { command: 'migrate', options: { source: 'memory', target: 'memory:x.json' }, dataOnStdout: false, flags }
    const host = new FakeHost()
    const migrated = () => Promise.resolve({ migrate: () => Promise.resolve(report) })
    expect(await execute(job, host, migrated, () => Promise.resolve({ verify: gone }))).to.equal(10)
    expect(host.stdout.text).to.include('Done in').and.not.include('Failed')
    expect(host.stderr.text).to.include('the run has come to its end; to verify it: docferry verify run-1')
  })

  for (const json of [false, true]) {
    it(`says that the run is done and stays where its verification is interrupted${json ? ', as JSON' : ''}`, async () => {
      const ended = { runId: 'run-1', state: 'done', finishedAt: startMs, folder: '.docferry/runs/run-1' } as const
      const report = fakeReport({ ...ended, collections: [doneCollection('agents', 12)] })
      const flags = { progress: false, logLevel: 'silent', verify: true, json } as const
      const job = { command: 'migrate', options: { source: 'memory', target: 'memory:x.json' }, dataOnStdout: false, flags }
      const host = new FakeHost()
      const verify: VerifyEngine['verify'] = ({ signal }) => {
        host.emit('SIGINT')
        signal!.throwIfAborted()
        return Promise.reject(new Error('it was not told to stop'))
      }
      const migrated = () => Promise.resolve({ migrate: () => Promise.resolve(report) })
      expect(await execute(job, host, migrated, () => Promise.resolve({ verify }))).to.equal(130)
      const { text } = host.stderr
      expect(text).to.include('stopping the verification; the run is done, and stays')
      expect(text).to.include('the run is done and stays, and is not proved').and.include('to verify it: docferry verify run-1')
      expect(text).to.not.include('nothing was changed').and.not.include('in flight').and.not.include('resume')
      if (!json) return expect(host.stdout.text).to.include('Done in')
      const told = JSON.parse(host.stdout.text) as { error: object }
      expect(told).to.include({ state: 'done', exitCode: 130 })
      expect(told.error).to.include({ code: 'DOCFERRY_INTERRUPTED' }).and.not.have.property('try')
    })
  }

  it('refuses pipes and dry runs before anything is read', async () => {
    const pipe = await run('export', '--provider', 'memory:none.json', '--output', '-', '--verify')
    expect(pipe.code).to.equal(2)
    expect(pipe.stderr).to.include('--verify: what goes down a pipe')
    const dry = await run('migrate', '--source', 'a.ndjson', '--target', 'memory:b.json', '--verify', '--dry-run')
    expect(dry.code).to.equal(2)
    expect(dry.stderr).to.include('--verify: a dry run writes nothing')
    expect(existsSync(join(cwd, '.docferry'))).to.equal(false)
  })

  it('takes documents from standard input, and reads only the target then', async () => {
    const input = readFileSync(join(cwd, 'a.ndjson'), 'utf8')
    const args = ['import', '--input', '-', '--as', 'a', '--target', 'memory:b.json', '--verify']
    const { code, stdout, stderr } = await docferry(args, { cwd, input })
    expect(code, stderr).to.equal(0)
    expect(stdout).to.match(verified)
  })

  it('is there for commands that write, and for no other', async () => {
    for (const command of ['migrate', 'export', 'import', 'resume']) expect((await run(command, '--help')).stdout).to.include('--verify')
    for (const command of ['plan', 'undo', 'retry']) expect((await run(command, '--verify')).code).to.equal(2)
  })
})
