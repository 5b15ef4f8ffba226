import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { docferry, start } from './support/docferry.ts'
import type { Ended } from './support/docferry.ts'

describe('docferry repair', function () {
  this.timeout(60_000)
  let cwd: string
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-repair-'))
    const lines = numbered(200).map(each => JSON.stringify(each))
    writeFileSync(join(cwd, 'a.ndjson'), lines.join('\n'))
    save(numbered(200))
  })
  afterEach(() => rmSync(cwd, { recursive: true, force: true }))

  const numbered = (count: number) => Array.from({ length: count }, (_, n) => ({ _id: `d${n}`, n, token: `hidden-${n}` }))
  const save = (documents: object[]): void =>
    writeFileSync(join(cwd, 'b.json'), JSON.stringify({ metadata: { collections: ['a'] }, data: { a: documents } }))
  const saved = (): { _id: string }[] =>
    (JSON.parse(readFileSync(join(cwd, 'b.json'), 'utf8')) as { data: { a: { _id: string }[] } }).data.a
  /** d3 is another, from d170 on they are missing, and one is extra. */
  const damage = (): void =>
    save([...numbered(170).map(each => (each.n === 3 ? { ...each, token: 'other-3' } : each)), { _id: 'extra-1', token: 'hidden-x' }])
  const repair = (...args: string[]): Promise<Ended> => docferry(['repair', ...args], { cwd })
  const ends = ['--source', 'a.ndjson', '--target', 'memory:b.json']

  it('exits with 0 and writes nothing where all is equal', async () => {
    const { code, stdout, stderr } = await repair(...ends)
    expect(code, stderr).to.equal(0)
    expect(stdout).to.match(/^Equal: 200 documents, nothing to repair, in /m)
    expect(existsSync(join(cwd, '.docferry'))).to.equal(false)
  })

  it('says what it does, first twenty of each, does it, and exits with 60 where extra documents are left', async () => {
    damage()
    const { code, stdout, stderr } = await repair(...ends)
    expect(code, stderr).to.equal(60)
    expect(stdout).to.include('- a: 30 documents to write: missing\n    d170, d171, d172, d173, d174\n').and.include('    and 10 more\n')
    expect(stdout).to.include('- a: 1 document to replace: different\n    d3\n')
    expect(stdout).to.include('- a: 1 document extra, and left\n    extra-1\n').and.include('--delete-extra')
    expect(stdout.indexOf('To do:')).to.be.lessThan(stdout.indexOf('31 documents written'))
    expect(stdout).to.match(/^Different still: 1 difference in 201 documents, in /m)
    expect(stdout + stderr).to.not.match(/hidden|other-3/)
    expect(saved()).to.have.length(201)
  })

  it('removes with --delete-extra, says where it is kept, and exits with 0', async () => {
    damage()
    const { code, stdout, stderr } = await repair(...ends, '--delete-extra')
    expect(code, stderr).to.equal(0)
    expect(stdout).to.include('- a: 1 document to remove: extra').and.include('- a: 1 document removed')
    expect(stdout).to.match(/^Equal: 200 documents, repaired, in /m)
    const removed = /^Removed documents: (\S+)$/m.exec(stdout)?.[1]
    expect(readFileSync(join(cwd, removed!), 'utf8')).to.include('"extra-1"')
    expect(saved().map(({ _id }) => _id)).to.not.include('extra-1')
    const command = /^To bring them back: docferry (import .*) --target memory (.*) \(--target as/m.exec(stdout)!
    const words = `${command[1]} --target memory:b.json ${command[2]}`.split(' ').map(word => word.replaceAll('"', ''))
    const imported = await docferry(words, { cwd })
    expect(imported.code, imported.stderr).to.equal(0)
    expect(saved()).to.deep.include({ _id: 'extra-1', token: 'hidden-x' })
  })

  it('changes nothing with --dry-run, and exits with 60', async () => {
    damage()
    const before = readFileSync(join(cwd, 'b.json'), 'utf8')
    const { code, stdout } = await repair(...ends, '--dry-run', '--delete-extra')
    expect(code).to.equal(60)
    expect(stdout).to.include('Would be done:').and.include('- a: 30 documents to write').and.include('- a: 1 document to remove')
    expect(stdout).to.match(/^Dry run: nothing was changed. Different: 32 differences /m)
    expect(readFileSync(join(cwd, 'b.json'), 'utf8')).to.equal(before)
    save(numbered(200))
    expect((await repair(...ends, '--dry-run')).code).to.equal(0)
  })

  it('gives one object with --json', async () => {
    damage()
    const { code, stdout } = await repair(...ends, '--delete-extra', '--json')
    const report = JSON.parse(stdout) as Record<string, Record<string, unknown>>
    expect(code).to.equal(0)
    expect(report).to.include({ command: 'repair', state: 'equal', exitCode: 0, phase: 'ended' })
    expect(report['totals']).to.deep.equal({ write: 30, replace: 1, leftAlone: 0, remove: 1, refused: 0, changing: 0, unreadable: 0 })
    expect(report['before']).to.include({ state: 'different' })
    expect(report['after']).to.include({ state: 'equal' })
    expect(report['run']!['totals']).to.include({ written: 31, filtered: 169 })
    expect(stdout).to.not.match(/hidden|other-3/)
  })

  it('says one line with --quiet, and only where something is left', async () => {
    damage()
    const { code, stdout, stderr } = await repair(...ends, '--quiet')
    expect({ code, stdout }).to.deep.equal({ code: 60, stdout: '' })
    expect(stderr).to.match(/^docferry: the target is not as it should be \(exit 60\); all differences: \S+\n$/)
    expect(await repair(...ends, '--quiet', '--delete-extra')).to.include({ code: 0, stdout: '', stderr: '' })
  })

  it('repairs a run by its id, and refuses to go on with, or verify by, the repair', async () => {
    const moved = await docferry(['migrate', ...ends, '--on-conflict', 'overwrite'], { cwd })
    expect(moved.code, moved.stderr).to.equal(0)
    damage()
    const [run] = readdirSync(join(cwd, '.docferry', 'runs'))
    const { code, stdout, stderr } = await repair(run!, '--delete-extra')
    expect(code, stderr).to.equal(0)
    expect(stdout).to.include(run)
    const made = readdirSync(join(cwd, '.docferry', 'runs')).find(each => each !== run)
    expect((await docferry(['verify', made!], { cwd })).stderr).to.include('is a repair')
    expect((await docferry(['verify', run!], { cwd })).code).to.equal(0)
  })

  it('takes the file of a run again by its path alone, whatever name the run gave to its collection', async () => {
    const moved = await docferry(['import', '--input', 'a.ndjson', '--as', 'c', '--target', 'memory:c.json'], { cwd })
    expect(moved.code, moved.stderr).to.equal(0)
    const [run] = readdirSync(join(cwd, '.docferry', 'runs'))
    writeFileSync(join(cwd, 'c.json'), readFileSync(join(cwd, 'c.json'), 'utf8').replace('hidden-7"', 'other-7"'))
    const again = [run!, '--source', join(cwd, 'a.ndjson')]
    const verified = await docferry(['verify', ...again], { cwd })
    expect(verified.stdout, verified.stderr).to.include('d7').and.not.include('it holds')
    expect(verified.code).to.equal(60)
    const repaired = await repair(...again)
    expect(repaired.code, repaired.stderr).to.equal(0)
    expect(repaired.stdout).to.include('1 document written')
  })

  it('promises to remove nothing where the collection was not empty before the run, and says how much is left', async () => {
    expect((await docferry(['migrate', ...ends], { cwd })).code).to.equal(0)
    save([...saved().slice(1), { _id: 'extra-1' }])
    const [run] = readdirSync(join(cwd, '.docferry', 'runs'))
    const { code, stdout, stderr } = await repair(run!, '--delete-extra')
    expect(code, stderr).to.equal(0)
    expect(stdout).to.include('  extra   nothing is removed (--delete-extra): there were documents in a before the run')
    const [plan, end] = stdout.split('1 document written')
    for (const text of [plan, end]) expect(text).to.include('- a: 1 document that only the target holds is left')
    expect((await repair(...ends, '--delete-extra')).stdout).to.include(
      '  extra   what only the target holds is removed (--delete-extra)\n'
    )
  })

  it('says that an id which the source holds more than once may be what is left', async () => {
    writeFileSync(join(cwd, 'a.ndjson'), '{"_id":"d0","n":0}\n{"_id":"d1","n":1}\n{"_id":"d0","n":2}\n')
    save([{ _id: 'd1', n: 1 }])
    const { stdout } = await repair(...ends)
    expect(stdout).to.include('1 left: the target holds another document of the id by now, or the source holds the id more than once')
  })

  it('leaves what the run may have skipped, and says what replaces it', async () => {
    save([{ _id: 'd3', n: -3 }])
    expect((await docferry(['migrate', ...ends], { cwd })).code).to.equal(0)
    const [run] = readdirSync(join(cwd, '.docferry', 'runs'))
    const { code, stdout, stderr } = await repair(run!)
    expect(code, stderr).to.equal(60)
    expect(stdout)
      .to.include('- a: 1 document different, and left: the run may have skipped them')
      .and.include('--replace-skipped replaces it')
    expect((await repair(run!, '--replace-skipped')).code).to.equal(0)
    expect((await repair(...ends, '--replace-skipped')).stderr).to.include('replaceSkipped: only a run has skipped anything')
  })

  it('refuses --delete-extra where the source is not whole, with 20, and changes nothing', async () => {
    damage()
    const before = readFileSync(join(cwd, 'b.json'), 'utf8')
    writeFileSync(join(cwd, 'a.ndjson'), '{"_id":"d0","n":0,"token":"hidden-0"}\nnonsense\n')
    const { code, stderr } = await repair(...ends, '--delete-extra')
    expect(code).to.equal(20)
    expect(stderr).to.include('--delete-extra: the source holds what is no document')
    expect(readFileSync(join(cwd, 'b.json'), 'utf8')).to.equal(before)
  })

  it('refuses a target that is a file, a run that is not there, and a source that is missing', async () => {
    expect((await repair('--source', 'a.ndjson', '--target', 'c.ndjson')).stderr).to.include('export it again')
    expect((await repair('nosuchrun')).code).to.equal(50)
    const { code, stderr } = await repair('--target', 'memory:b.json', '--max-rate', '5')
    expect({ code, isTold: stderr.includes('source: missing') }).to.deep.equal({ code: 2, isTold: true })
  })

  it('stops at Ctrl-C with 130, and finds what is left when it is given again', async () => {
    damage()
    const { ended, said, child } = start(['repair', ...ends, '--max-rate', '100'], { cwd, input: '' })
    await said('docferry repair')
    child.kill('SIGINT')
    const { code, stdout, stderr } = await ended
    expect(code, stdout + stderr).to.equal(130)
    expect(stdout).to.include('nothing was changed')
    expect((await repair(...ends, '--delete-extra')).code).to.equal(0)
  })

  it('has a help of its own', async () => {
    const { stdout } = await docferry(['repair', '--help'], { cwd })
    for (const part of ['--delete-extra', '--dry-run', '--source', '--max-wcu', '--differences', 'Examples:'])
      expect(stdout).to.include(part)
    expect(stdout.replaceAll(/\s+/g, ' ')).to.include('that are read of each side, also to compare them, and that are written or removed')
    expect(stdout).to.not.include('--receipt').and.not.include('--quick')
  })
})
