import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { couchdbBench } from './support/bench.ts'
import { docferry } from './support/docferry.ts'
import type { Ended } from './support/docferry.ts'

describe('docferry check', function () {
  this.timeout(30_000)
  let cwd: string
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-check-'))
    writeFileSync(join(cwd, 'agents.ndjson'), '{"_id":"a|b","n":1}\n{"_id":"c","n":2}\n')
  })
  afterEach(() => rmSync(cwd, { recursive: true, force: true }))
  const run = (...args: string[]): Promise<Ended> => docferry(['check', ...args], { cwd })
  const ends = ['--source', 'agents.ndjson', '--target', 'memory:out.json']

  it('shows each point with its result, what people have to do, and the counts', async () => {
    const { code, stdout } = await run(...ends)
    expect(code).to.equal(0)
    expect(stdout).to.include('docferry check: before the migration')
    expect(stdout).to.match(/^ok +every document fits into the target: all 2 documents tried$/m)
    expect(stdout).to.match(/^agents +2 +0$/m)
    expect(stdout).to.match(/^\[ \] users have been told/m)
  })

  it('makes warnings failures only with --strict', async () => {
    // A file that was just made may still be written.
    const { code, stdout } = await run(...ends, '--strict')
    expect(code).to.equal(60)
    expect(stdout).to.match(/^Not ready: .* 1 warning/m)
    const quiet = await run(...ends, '--strict', '--quiet')
    expect(quiet).to.include({ code: 60, stdout: '' })
    expect(quiet.stderr).to.include('source.live')
  })

  it('exits with the code of what has failed', async () => {
    const { code, stdout } = await run('--source', 'agents.ndjson', '--target', 'couchdb://127.0.0.1:1')
    expect(code).to.equal(10)
    expect(stdout).to.match(/^FAILED +the target answers: /m)
    expect((await run('--source', 'nothing.json', '--target', 'memory:out.json')).code).to.be.greaterThan(1)
  })

  it('fails the points of an output that can not be looked at', async () => {
    const { code, stdout, stderr } = await run('--source', 'agents.ndjson', '--target', `file:${'x'.repeat(300)}.ndjson`)
    expect({ code, stderr }).to.deep.equal({ code: 10, stderr: '' })
    expect(stdout).to.match(/^FAILED +the target lets us write in .*\n? *.*ENAMETOOLONG/m)
    expect(stdout).to.match(/^FAILED +every document fits into the target: .*can't be written/m)
  })

  it('prints Markdown for a ticket, with boxes for people', async () => {
    const { code, stdout } = await run(...ends, '--markdown')
    expect(code).to.equal(0)
    expect(stdout).to.match(/^# Migration checklist: file to memory, before the migration\n/)
    expect(stdout).to.include('| point | result | found | to do |').and.include('| agents | 2 | 0 |')
    expect(stdout).to.match(/^- \[ \] users have been told/m)
    for (const row of stdout.split('\n').filter(line => line.startsWith('| ') && line.includes('| ok |')))
      expect(row.match(/(?<!\\)\|/g), row).to.have.length(5)
  })

  it('gives every point as JSON', async () => {
    const { code, stdout } = await run(...ends, '--json')
    const report = JSON.parse(stdout) as {
      command: string
      phase: string
      totals: Record<string, number>
      lines: { id: string; result: string }[]
    }
    expect(report).to.include({ command: 'check', phase: 'before', exitCode: code, state: 'warnings' })
    expect(report.lines).to.deep.include({ id: 'plan.values', what: 'every value comes through', result: 'ok', detail: 'as it is' })
    expect(Object.values(report.totals).reduce((a, b) => a + b)).to.equal(report.lines.length)
  })

  it('saves the list, and never in the place of anything else', async () => {
    expect((await run(...ends, '--output', 'list.md')).stdout).to.include('saved list.md')
    expect(readFileSync(join(cwd, 'list.md'), 'utf8')).to.match(/^# Migration checklist/)
    expect((await run(...ends, '-o', 'list.json')).code).to.equal(0)
    expect(JSON.parse(readFileSync(join(cwd, 'list.json'), 'utf8'))).to.include({ command: 'check' })
    expect((await run(...ends, '-o', 'list.md')).code).to.equal(0)
    const refused = await run(...ends, '-o', 'agents.ndjson')
    expect(refused.code).to.equal(2)
    expect(refused.stderr).to.include('is no checklist')
  })

  for (const [args, words] of [
    [['--target', 'memory:out.json'], '--source is missing'],
    [['--source', '-', '--target', 'memory:out.json'], 'read only once'],
    [[...ends, '--backup-age', 'old'], 'It is a time'],
    [[...ends, '--quick'], 'quick'],
    [[...ends, '--markdown', '--json'], 'one of them'],
    [['2026-11-22T10-15-00-a1b2c3', '--types', 'exact'], 'its record says so'],
    [['2026-11-22T10-15-00-a1b2c3', '--types', 'natural', '--undoable'], '--types, --undoable']
  ] as const) {
    it(`refuses ${args.join(' ')}`, async () => {
      const { code, stderr } = await run(...args)
      expect(code).to.equal(2)
      expect(stderr).to.include(words)
    })
  }

  describe('of a run', () => {
    const bench = couchdbBench('check')

    it('says that all came over, and tells no password', async () => {
      bench.write([{ _id: 'a', n: 1 }])
      await bench.run('import', '--input', `${bench.collection}.ndjson`, '--target', 'couchdb')
      const { code, stdout, stderr } = await bench.run('check', await bench.lastRun())
      expect(code, stdout + stderr).to.equal(0)
      expect(stdout).to.include("1 documents equal, by the run's receipt")
      expect(stdout + stderr).not.to.include(bench.variables['COUCHDB_PASSWORD'] ?? 'docferry-secret')
    })
  })
})
