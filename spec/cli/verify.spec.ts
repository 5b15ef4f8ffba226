import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { docferry, start } from './support/docferry.ts'
import type { Ended } from './support/docferry.ts'

describe('docferry verify', function () {
  this.timeout(30_000)
  let cwd: string
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-verify-'))
    write('a', 200)
    write('b', 200)
  })
  afterEach(() => rmSync(cwd, { recursive: true, force: true }))

  const write = (name: string, count: number, change: (line: string, index: number) => string = line => line): void => {
    const lines = Array.from({ length: count }, (_, index) => change(`{"_id":"d${index}","n":${index},"token":"hidden-${index}"}\n`, index))
    writeFileSync(join(cwd, `${name}.ndjson`), lines.join(''))
  }
  const verify = (...args: string[]): Promise<Ended> => docferry(['verify', ...args], { cwd })
  const ends = ['--source', 'a.ndjson', '--target', 'b.ndjson', '--rename', 'a=b']

  it('exits with 0 and says so where all is equal', async () => {
    const { code, stdout, stderr } = await verify(...ends)
    expect(code, stderr).to.equal(0)
    expect(stdout)
      .to.match(/^a -> b +200 +200 +200$/m)
      .and.match(/^Equal: 200 documents, in /m)
    expect(existsSync(join(cwd, '.docferry'))).to.equal(false)
  })

  it('exits with 60, names the documents without contents, and says where the list of all is', async () => {
    write('b', 199, (line, index) => (index === 3 ? line.replace('hidden-3', 'other-3') : line))
    const { code, stdout } = await verify(...ends)
    expect(code).to.equal(60)
    expect(stdout).to.include('- b: different d3 (token)').and.include('- b: missing d199')
    expect(stdout).to.match(/^Different: 2 differences in 200 documents, in /m)
    expect(stdout).to.not.include('hidden').and.not.include('other-3')
    const list = /^All differences: (.*)$/m.exec(stdout)?.[1]
    expect(readFileSync(join(cwd, list!), 'utf8').trim().split('\n')).to.have.members([
      '{"collection":"b","id":"d3","kind":"different","paths":["token"]}',
      '{"collection":"b","id":"d199","kind":"missing"}'
    ])
  })

  it('counts the documents of the source where the target holds none', async () => {
    write('b', 0)
    expect((await verify(...ends)).stdout).to.match(/^Different: 200 differences in 200 documents, in /m)
    expect((await verify(...ends, '--quick')).stdout).to.match(/^Different: 200 differences in 200 documents, by their number alone, in /m)
  })

  it('knows items of DynamoDB for what they are, without being told', async () => {
    write('a', 200, line => line.replace('"n":', '"f":1.0,"n":'))
    await docferry(['export', '--source', 'a.ndjson', '--output', 'items/', '--format', 'dynamodb-json'], { cwd })
    await docferry(['export', '--source', 'a.ndjson', '--output', 'items.ndjson.gz', '--format', 'dynamodb-json'], { cwd })
    expect((await verify('--source', 'a.ndjson', '--target', 'items/')).stdout).to.match(/^Equal: 200 documents, in /m)
    const { code, stdout } = await verify('--source', 'a.ndjson', '--target', 'items.ndjson.gz', '--rename', 'a=items')
    expect(code, stdout).to.equal(0)
  })

  it('takes no stages where nothing goes through them, and no name for a list that is none', async () => {
    const { stdout } = await docferry(['migrate', '--source', 'a.ndjson', '--target', 'c.ndjson', '--receipt', 'r.json'], { cwd })
    expect(stdout).to.include('Receipt')
    const staged = await verify('--receipt', 'r.json', '--target', 'c.ndjson', '--stage', 'strip:token')
    expect(staged.code).to.equal(2)
    expect(staged.stderr).to.include('without a source they have nothing to do')
    expect((await verify(...ends, '--differences', '-')).code).to.equal(2)
  })

  it('counts no documents where neither side holds one', async () => {
    write('a', 0)
    writeFileSync(join(cwd, 'b.ndjson'), 'broken\n')
    expect((await verify(...ends)).stdout).to.match(/^Different: 1 difference, in /m)
  })

  it('shows the values that differ with --show-values', async () => {
    write('b', 200, (line, index) => (index === 3 ? line.replace('hidden-3', 'other-3') : line))
    const { stdout } = await verify(...ends, '--show-values')
    expect(stdout).to.include('token: "hidden-3" in the source, "other-3" in the target')
  })

  it('names the first twenty, and says how many more there are', async () => {
    write('b', 150)
    const { stdout } = await verify(...ends)
    expect(stdout.match(/^- b: missing d\d+$/gm)).to.have.length(20)
    expect(stdout).to.include('- b: and 30 more')
  })

  it('gives one object with --json', async () => {
    write('b', 199)
    const { code, stdout } = await verify(...ends, '--json')
    const report = JSON.parse(stdout) as Record<string, unknown>
    expect(code).to.equal(60)
    expect(report).to.include({ command: 'verify', state: 'different', exitCode: 60 })
    expect(report['totals']).to.include({ sourceDocuments: 200, targetDocuments: 199, equal: 199, missing: 1 })
  })

  it('says one line with --quiet, and only where something differs', async () => {
    expect(await verify(...ends, '--quiet')).to.include({ code: 0, stdout: '', stderr: '' })
    write('b', 199)
    const { code, stdout, stderr } = await verify(...ends, '--quiet')
    expect({ code, stdout }).to.deep.equal({ code: 60, stdout: '' })
    expect(stderr).to.match(/^docferry: the target is not as it should be \(exit 60\); all differences: \S+\n$/)
  })

  it('reads through stages, counts alone, or a sample', async () => {
    write('b', 200, line => line.replace(/,"token":"[^"]*"/, ''))
    expect((await verify(...ends, '--stage', 'strip:token')).code).to.equal(0)
    expect((await verify(...ends)).code).to.equal(60)
    expect((await verify(...ends, '--quick')).code).to.equal(0)
    expect((await verify(...ends, '--sample', '20%')).stdout).to.include('in 20% of 200 documents')
  })

  it('verifies a run by its id', async () => {
    const moved = await docferry(['migrate', '--source', 'a.ndjson', '--target', 'out.ndjson', '--stage', 'strip:token'], { cwd })
    expect(moved.code, moved.stderr).to.equal(0)
    const [run] = readdirSync(join(cwd, '.docferry', 'runs'))
    const { code, stdout, stderr } = await verify(run!)
    expect(code, stderr).to.equal(0)
    expect(stdout).to.include(run).and.include('Equal: 200 documents')
  })

  it('says where the dead letters are that are all that the target lacks', async () => {
    writeFileSync(join(cwd, 'in.ndjson'), '{"_id":"a"}\nnonsense\n{"no":"id"}\n')
    expect((await docferry(['migrate', '--source', 'in.ndjson', '--target', 'memory:to.json'], { cwd })).code).to.equal(40)
    const { code, stdout } = await docferry(['verify'], { cwd })
    expect(code).to.equal(60)
    expect(stdout).to.match(/^Different: 2 dead letters of the run in 3 documents/m)
    const path = /is in (\S+dead-letters\.ndjson)/.exec(stdout.replace(/\n {2}/g, ' '))?.[1]
    expect(readFileSync(join(cwd, path!), 'utf8').trim().split('\n')).to.have.lengthOf(2)
  })

  it('verifies the last run where nothing is named, and says which that is', async () => {
    for (const out of ['x.ndjson', 'y.ndjson']) await docferry(['migrate', '--source', 'a.ndjson', '--target', out], { cwd })
    const last = readdirSync(join(cwd, '.docferry', 'runs'))
      .sort()
      .at(-1)!
    const { code, stdout, stderr } = await verify()
    expect(code, stderr).to.equal(0)
    expect(stdout).to.include(`run     ${last}`).and.include('y.ndjson').and.include('Equal: 200 documents')
  })

  it('does not verify an older run in place of the last one, which can not be', async () => {
    await docferry(['migrate', '--source', 'a.ndjson', '--target', 'x.ndjson'], { cwd })
    writeFileSync(join(cwd, 'cut.json'), '[{"_id":"1"},{"_id":"2"},')
    expect((await docferry(['migrate', '--source', 'cut.json', '--target', 'z.ndjson'], { cwd })).code).to.equal(20)
    const last = readdirSync(join(cwd, '.docferry', 'runs'))
      .sort()
      .at(-1)!
    const { code, stderr } = await verify()
    expect(code).to.equal(2)
    expect(stderr).to.include(`the run ${last} has not come to its end`)
  })

  for (const [stage, differs] of [
    ['tap: { file: t.ndjson }', 'different d7 (token)'],
    ['limit: 100', 'suspect d7']
  ] as const) {
    it(`finds what differs in the target of a run whose stages remember: ${stage}`, async () => {
      writeFileSync(join(cwd, 'p.yaml'), `source: a.ndjson\ntarget: memory:m.json\nstages:\n  - ${stage}\n`)
      expect((await docferry(['run', 'p.yaml'], { cwd })).code).to.equal(0)
      const [id] = readdirSync(join(cwd, '.docferry', 'runs'))
      expect((await verify(id!)).code).to.equal(0)
      const snapshot = join(cwd, 'm.json')
      writeFileSync(snapshot, readFileSync(snapshot, 'utf8').replace('hidden-7"', 'other"'))
      const { code, stdout } = await verify(id!)
      expect(code, stdout).to.equal(60)
      expect(stdout).to.include(differs)
    })
  }

  it('tells all that is wrong with the command at once', async () => {
    const { code, stderr } = await verify('--quick', '--sample', '1%')
    expect(code).to.equal(2)
    expect(stderr).to.include('target: missing').and.include('source: missing').and.include('quick and sample')
    expect((await verify('run-1', '--types', 'exact')).stderr).to.include('types: taken from the record of the run')
  })

  it('stops at Ctrl-C with 130, and leaves nothing', async () => {
    const { ended, said, child } = start(['verify', ...ends, '--max-rate', '20'], { cwd, input: '' })
    await said('docferry verify')
    child.kill('SIGINT')
    const { code, stdout, stderr } = await ended
    expect(code).to.equal(130)
    expect(stderr).to.include('stopping').and.include('DOCFERRY_INTERRUPTED')
    expect(stdout).to.include('nothing can be said')
    expect(existsSync(join(cwd, '.docferry'))).to.equal(false)
  })
})
