import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { shownEnd } from '../../lib/cli/replicate-view.ts'
import { executeReplicate } from '../../lib/cli/execute-replicate.ts'
import { runCommandLine } from '../../lib/cli/program.ts'
import type { ReplicateReport } from '../../lib/replicate/report.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { replicatingBench } from '../replicate/support.ts'
import { docferry, start } from './support/docferry.ts'
import type { Ended } from './support/docferry.ts'
import { FakeHost } from './support/fake-host.ts'

describe('docferry replicate', function () {
  // The real server waits some seconds before it begins.
  this.timeout(90_000)
  const bench = replicatingBench()
  let cwd: string
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-replicate-'))
  })
  afterEach(() => rmSync(cwd, { recursive: true, force: true }))

  const address = (): string => bench.server.url.replace(/^http:\/\//, `couchdb://${bench.server.user}:${bench.server.password}@`)
  const args = (...more: string[]): string[] => [
    ...['replicate', '--source', address(), '--target', address()],
    ...['--collections', bench.source, '--rename', `${bench.source}=${bench.target}`, ...more]
  ]
  const run = async (given: readonly string[]): Promise<Ended> => {
    const ended = await docferry(given, { cwd, env: {} })
    expect(ended.stdout + ended.stderr).not.to.include(bench.server.password)
    return ended
  }
  const idIn = (text: string): string => /docferry-repl-[\w-]+/.exec(text)![0]

  it('replicates, compares, and tells no password', async () => {
    await bench.put('a', {})
    const { code, stdout, stderr } = await run(args())
    expect(code, stderr).to.equal(0)
    expect(stdout).to.match(new RegExp(`${bench.source} -> ${bench.target} +completed +1 +1 +1 +1\n`))
    expect(stdout).to.include('Replicated: 1 document written').and.include('both sides are equal').and.not.include('left on the server')
  })

  it('begins a continuous one, tells how to see and cancel it, lists, tells of and cancels it', async () => {
    await bench.put('a', {})
    const begun = await run(args('--continuous'))
    expect(begun.code, begun.stderr).to.equal(0)
    const id = idIn(begun.stdout)
    expect(begun.stdout).to.include('Caught up').and.include(`docferry replicate cancel ${id} --on 'couchdb://`)
    const list = await run(['replicate', 'list', '--on', address()])
    expect(list.stdout).to.include(`${id}  running  continuous`).and.include(`/${bench.source} -> `)
    const status = await run(['replicate', 'status', id, '--on', address(), '--json'])
    const { replications } = JSON.parse(status.stdout) as { replications: object[] }
    expect(replications).to.have.lengthOf(1)
    expect(replications[0]).to.include({ id, state: 'running', continuous: true })
    const cancelled = await run(['replicate', 'cancel', id, '--on', address()])
    expect(cancelled.code, cancelled.stderr).to.equal(0)
    expect(cancelled.stdout).to.include('Cancelled. What it has written stays.')
    const again = await run(['replicate', 'cancel', id, '--on', address()])
    expect(again.code).to.equal(2)
    expect(again.stdout).to.include(`There is no replication ${id}`)
  })

  it('leaves a replication to the server at Ctrl-C, and says how to cancel it', async () => {
    await bench.put('a', {})
    const { child, ended, said } = start(args('--follow', '--no-verify', '--log-level', 'error'), { cwd, input: '' })
    await said('Ctrl-C leaves it to the server')
    child.kill('SIGINT')
    const { code, stdout, stderr } = await ended
    expect(code, stderr).to.equal(130)
    expect(stderr).to.include('the server goes on')
    expect(stdout).to.include(`docferry replicate cancel ${idIn(stdout)} --on`)
    expect(await bench.ask(`_replicator/${idIn(stdout)}`)).to.include({ continuous: true })
  })

  it('tells why a replication crashes, as it goes', async () => {
    await bench.put('a', {})
    const proxy = await startFaultProxy({ target: bench.server.url })
    try {
      const isDocument = ({ method, path }: { method: string; path: string }): boolean =>
        method === 'POST' ? path.includes('_bulk_get') : path.includes('open_revs')
      const action = { type: 'answer', status: 500, body: { error: 'broken', reason: 'a disk is broken' } } as const
      proxy.faults.push({ match: isDocument, times: Infinity, action })
      const { child, ended, said } = start(args('--source-url', proxy.url, '--no-progress'), { cwd, input: '' })
      await said('has crashed')
      child.kill('SIGINT')
      const { code, stderr } = await ended
      expect(code, stderr).to.equal(130)
      expect(stderr).to.include(`replicating ${bench.source} has crashed, and the server tries again by itself: `).and.include('500')
    } finally {
      await proxy.close()
    }
  })

  it('prints commands that can be used as they are', async () => {
    await bench.put('a', {})
    const end = `${bench.server.url.replace(/^http:\/\//, `couchdb://${bench.server.user}@`)}?passwordEnv=LAB_PASSWORD`
    const given = args('--continuous', '--on', end)
    const env = { LAB_PASSWORD: bench.server.password }
    const { code, stdout, stderr } = await docferry(given, { cwd, env })
    expect(code, stderr).to.equal(0)
    expect(stdout).to.include(`docferry replicate cancel ${idIn(stdout)} --on '${end}'\n`)
    const cancelled = await docferry(['replicate', 'cancel', idIn(stdout), '--on', end], { cwd, env })
    expect(cancelled.code, cancelled.stderr).to.equal(0)
  })

  it('gives the report as JSON, with the ids from a file', async () => {
    for (const id of ['a', 'b', 'c']) await bench.put(id, {})
    writeFileSync(join(cwd, 'ids.txt'), 'a\nc\n')
    const { code, stdout, stderr } = await run(args('--doc-ids', '@ids.txt', '--json'))
    expect(code, stderr).to.equal(0)
    const report = JSON.parse(stdout) as { collections: { verified: { state: string } }[] }
    expect(report).to.deep.include({ command: 'replicate', state: 'done', filter: 'ids', exitCode: 0 })
    expect(report.collections[0]).to.deep.include({ state: 'completed', source: bench.source })
    expect(report.collections[0]!.verified).to.include({ state: 'equal' })
  })

  it('warns of ids that are not in the source, and does not call it done', async () => {
    await bench.put('a', {})
    const { code, stdout, stderr } = await run(args('--doc-ids', 'a,nope'))
    expect(code, stderr).to.equal(40)
    expect(stdout).to.include('neither a document nor a deletion of 1 id that you named: nope')
    expect(stdout).to.include('Not all: 1 document written, 1 id not in the source').and.not.include('sides are equal')
  })

  it('says that a selector fits nothing', async () => {
    await bench.put('a', { type: 'ticket' })
    const { code, stdout, stderr } = await run(args('--selector', '{"type":"tcket"}'))
    expect(code, stderr).to.equal(0)
    expect(stdout).to.include(`the selector fits no document of ${bench.source}`)
    expect(stdout).to.include('there was nothing to replicate').and.not.include('both sides are equal')
  })

  it('tells what the target serves although the source has deleted it, and what conflicts', async () => {
    const rev = await bench.put('gone', {})
    await bench.ask(`${bench.source}/gone?rev=${rev}`, { method: 'DELETE' })
    await bench.ask(bench.target, { method: 'PUT' })
    await bench.ask(`${bench.target}/gone`, { method: 'PUT', body: '{"own":1}' })
    const { code, stdout } = await run(args('--allow-extra'))
    expect(code).to.equal(60)
    expect(stdout).to.include('the target serves 1 document that the source has deleted: gone')
    expect(stdout).to.include('in 1 document the target has 1 revision that the source has not')
    expect(stdout).to.include('both sides are not equal')
  })
})

describe('docferry replicate: command line', () => {
  for (const [given, words] of [
    [['replicate'], '--source is missing'],
    [['replicate', '--source', 'couchdb'], '--target is missing'],
    [['replicate', '--selector', '{'], 'It is no JSON'],
    [['replicate', '--selector', '[]'], 'It is a JSON object'],
    [['replicate', '--doc-ids', '@nowhere.txt'], 'can not be read'],
    [['replicate', '--timeout', '5 minutes'], 'It is a time over 0'],
    [['replicate', 'list'], '--on is missing'],
    [['replicate', '--source', 'couchdb', '--target', 'couchdb', '--doc-ids', 'a', '--selector', '{"a":1}'], 'cannot be used with']
  ] as const) {
    it(`refuses ${given.join(' ')}`, async () => {
      const host = new FakeHost(given)
      expect(await runCommandLine(host, async () => 0)).to.equal(2)
      expect(host.stderr.text).to.include(words)
    })
  }

  for (const [given, shown] of [
    ['couchdb', 'couchdb'],
    ['couchdb://host:5984', 'couchdb://host:5984'],
    ['couchdb://admin@host?passwordEnv=NAME', "'couchdb://admin@host?passwordEnv=NAME'"],
    ['couchdb://admin:secret@host', "'couchdb://admin@host?passwordEnv=ON_PASSWORD'"],
    ['couchdb://host?password=secret', 'THAT-SERVER']
  ] as const) {
    it(`shows the server in its commands without a password: ${given}`, () => expect(shownEnd(given)).to.equal(shown))
  }

  for (const [state, exitCode] of [
    ['done', 0],
    ['begun', 0],
    ['partial', 40],
    ['different', 60]
  ] as const) {
    it(`exits with ${exitCode} for what is ${state}`, async () => {
      const place = { provider: 'couchdb', address: 'http://h', identity: 'http://h' } as const
      const about = {
        source: place,
        target: place,
        on: place,
        version: 'Apache CouchDB 3.5.0',
        mode: 'one-time',
        transient: false
      } as const
      const report: ReplicateReport = { ...about, phase: 'ended', state, collections: [], notes: [], startedAt: 0, finishedAt: 1 }
      const flags = { progress: false, logLevel: 'warn', verify: false } as const
      const job = { options: { source: 'couchdb', target: 'couchdb' }, on: 'couchdb', flags } as Parameters<typeof executeReplicate>[0]
      const code = await executeReplicate(job, new FakeHost(), async () => ({ replicate: async () => report }))
      expect(code).to.equal(exitCode)
    })
  }
})
