import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import type { RunReport } from '../../lib/report.ts'
import type { ProxyRequest } from '../support/fault-proxy.ts'
import { dynamodbBench } from './support/bench.ts'
import type { Ended } from './support/docferry.ts'

const isWrite = ({ operation = '' }: ProxyRequest): boolean => operation.includes('Write')

/** Larger than an item may be. */
const big = 'x'.repeat(410_000)

describe('docferry retry', function () {
  this.timeout(30_000)
  const bench = dynamodbBench('retry')
  const { run, begin, lastRun, runFolder } = bench

  const reportOf = ({ stdout }: Ended): RunReport & { readonly totals: object } => JSON.parse(stdout) as RunReport & { totals: object }
  /** Of ten documents, some are too large. */
  const migrated = async (tooLarge: number, ...args: string[]): Promise<Ended> => {
    bench.write(
      Array.from({ length: 10 }, (_, index) => ({ _id: `d${index}`, name: 'n', secret: 'hush', ...(index < tooLarge && { big }) }))
    )
    return await run('migrate', '--source', `${bench.collection}.ndjson`, '--target', 'dynamodb', ...args)
  }
  const lettersPath = async (): Promise<string> => join(await runFolder(), 'dead-letters.ndjson')
  const items = async (): Promise<number> => {
    await run('export', '--provider', 'dynamodb', '--collections', bench.collection, '--output', 'back.ndjson', '--force')
    return readFileSync(join(bench.cwd, 'back.ndjson'), 'utf8').match(/"_id":"d\d"/g)?.length ?? 0
  }

  it('is what the summary of a migration says to do', async () => {
    const { code, stdout } = await migrated(1)
    expect(code).to.equal(40)
    expect(stdout).to.include(`docferry retry ${await lastRun()}`)
  })

  it('writes documents that a stage makes small enough', async () => {
    await migrated(3)
    const again = await run('retry', await lastRun())
    expect(again.code).to.equal(40)
    expect(again.stdout)
      .to.include('3 documents failed')
      .and.include(`docferry retry ${await lastRun()}`)
    const { code, stdout, stderr } = await run('retry', await lastRun(), '--stage', 'strip:big')
    expect(code, stderr).to.equal(0)
    expect(stdout).to.include('Done in').and.include('3 documents written')
    expect(existsSync(await lettersPath())).to.equal(false)
    expect((await run('runs')).stdout).to.match(/ done .* 10 written\n$/)
    expect(await items()).to.equal(10)
  })

  it('takes the last run that has dead letters, and tells what it did as JSON', async () => {
    await migrated(2)
    const id = await lastRun()
    const ended = await run('retry', '--stage', 'strip:big', '--json')
    expect(ended.code).to.equal(0)
    const report = reportOf(ended)
    expect(report).to.deep.include({ command: 'retry', runId: id, state: 'done', exitCode: 0 })
    expect(report.totals).to.deep.equal({ read: 2, added: 0, written: 2, skipped: 0, filtered: 0, failed: 0 })
    const none = await run('retry')
    expect(none.code).to.equal(50)
    expect(none.stderr).to.include('no run with dead letters')
  })

  it('says what it would do with --dry-run', async () => {
    await migrated(2)
    const before = readFileSync(await lettersPath())
    const { code, stdout } = await run('retry', '--dry-run', '--stage', 'strip:big')
    expect(code).to.equal(0)
    expect(stdout).to.include('dry run').and.include('2 documents would be written')
    expect((await run('retry', '--dry-run')).code).to.equal(40)
    expect(readFileSync(await lettersPath())).to.deep.equal(before)
    expect(await items()).to.equal(8)
  })

  it('leaves the dead letters as they were when it is killed, and does no harm the next time', async () => {
    await migrated(4, '--on-conflict', 'fail')
    const before = readFileSync(await lettersPath())
    bench.proxy.forget()
    // What was written, the process never hears of.
    bench.proxy.faults.push(
      { match: isWrite, action: { type: 'loseAnswer' } },
      { match: isWrite, times: Infinity, action: { type: 'stall' } }
    )
    const started = begin('retry', '--stage', 'strip:big')
    await bench.proxy.waitFor(isWrite, 2)
    started.child.kill('SIGKILL')
    await started.ended
    bench.proxy.faults.length = 0
    expect(readFileSync(await lettersPath())).to.deep.equal(before)
    expect((await run('runs')).stdout).to.match(/ partial .* 6 written, 4 failed\n$/)
    const ended = await run('retry', '--stage', 'strip:big', '--json')
    expect(ended.code, ended.stderr).to.equal(0)
    expect(reportOf(ended).totals).to.include({ written: 4, failed: 0 })
    expect(await items()).to.equal(10)
  })

  it('says how to go on when it is interrupted', async () => {
    await migrated(4)
    let release = (): void => undefined
    bench.proxy.faults.push({
      match: isWrite,
      times: 1,
      action: { type: 'holdUntil', until: new Promise<void>(resolve => (release = resolve)) }
    })
    bench.proxy.forget()
    const started = begin('retry', '--stage', 'strip:big')
    await bench.proxy.waitFor(isWrite, 1)
    started.child.kill('SIGINT')
    await started.said('Ctrl-C again')
    release()
    const { code, stdout, stderr } = await started.ended
    expect(code).to.equal(130)
    expect(stderr).to.include('the dead letters are as they were')
    expect(stdout)
      .to.include(`docferry retry ${await lastRun()}`)
      .and.not.include('resume')
    expect((await run('retry', '--stage', 'strip:big')).code).to.equal(0)
  })

  it('says what is wrong with a run that can not be retried', async () => {
    expect((await migrated(0)).code).to.equal(0)
    const done = await run('retry', await lastRun())
    expect(done.code).to.equal(2)
    expect(done.stderr).to.include('has no dead letters').and.not.include('--help')
    const missing = await run('retry', '2026-01-01T00-00-00-abcdef')
    expect(missing.code).to.equal(50)
    expect(missing.stderr).to.include('no run 2026-01-01T00-00-00-abcdef')
  })

  it('says nothing of what the documents hold', async () => {
    await migrated(2)
    const { stdout, stderr } = await run('retry', '--log-level', 'debug', '--json')
    expect(stdout + stderr)
      .to.include('DOCFERRY_TOO_LARGE')
      .and.not.include('hush')
  })

  it('takes no options that decide what is read', async () => {
    for (const option of ['--source', '--collections', '--rename']) {
      const { code, stderr } = await run('retry', option, 'x')
      expect(code, option).to.equal(2)
      expect(stderr).to.include('DOCFERRY_USAGE').and.include(option)
    }
  })
})
