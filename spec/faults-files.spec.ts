/** The fault table of files and pipes: disks that are full, limits, readers that leave. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Ended } from './cli/support/docferry.ts'
import { leaks, reportOf } from './faults/command.ts'
import { apiKey, makeDocuments } from './faults/ends.ts'
import { endOf, hasOwnDisks, kept, runShell } from './faults/shell.ts'
import { printTable } from './faults/table.ts'
import type { FaultRow } from './faults/table.ts'
import { compare } from './support/chaos-ends.ts'

const count = 1_200
/** What can't be compressed: a small disk is full soon, also of what is compressed. */
const documents = makeDocuments(count).map(document => ({ ...document, noise: randomBytes(500).toString('base64') }))
const wholeCounts = { read: count, added: 0, written: count, skipped: 0, filtered: 0, failed: 0 }
const pair = { source: 'file:', target: 'file:' } as const

describe('faults: files and pipes', function () {
  this.timeout(60_000)
  let cwd: string
  let startedAt: number
  const rows: FaultRow[] = []
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-faults-'))
    writeFileSync(join(cwd, 'docs.ndjson'), documents.map(document => `${JSON.stringify(document)}\n`).join(''))
    startedAt = performance.now()
  })
  afterEach(() => rmSync(cwd, { recursive: true, force: true }))
  after(() => printTable(rows))

  const addRow = (fault: string, end: string, ends: readonly Ended[], found = { lost: 0, doubled: 0 }): void =>
    void rows.push({
      end,
      fault,
      documents: count,
      hit: undefined,
      ...found,
      rewritten: undefined,
      exitCodes: ends.map(({ code }) => code),
      seconds: (performance.now() - startedAt) / 1000
    })

  const check = async (fault: string, name: string, ends: readonly Ended[]): Promise<void> => {
    const target = { end: { connector: 'file', options: { path: join(cwd, 'disk', name) } }, remove: async () => undefined } as const
    const { lost, doubled, changed } = await compare(target, { docs: documents }, { docs: 'docs' }, pair)
    addRow(fault, name, ends, { lost, doubled })
    expect({ lost, doubled, changed }).to.deep.equal({ lost: 0, doubled: 0, changed: 0 })
    expect(leaks([apiKey], ends, join(cwd, 'state'))).to.deep.equal([])
  }
  const common = '--json --log-level debug --state-dir state'
  const how = hasOwnDisks ? 'a full disk' : 'a limit of the file size'

  for (const name of ['out.ndjson', 'out.ndjson.gz', 'out.json', 'out/']) {
    it(`${name}: ${how} ends the run, and with more room it goes on`, async () => {
      const first = `migrate --source docs.ndjson --target file:$disk/${name} ${common}`
      const second = `resume ${common}`
      if (hasOwnDisks) {
        // What stands on the disk goes with it.
        const lines = [kept('first', first), 'ls $disk >left', 'mount -o remount,size=16m $disk', kept('second', second)]
        await runShell(cwd, [...lines, 'cp -r $disk copy', 'umount $disk', 'cp -r copy/. $disk'], 256)
      } else {
        await runShell(cwd, [kept('first', first, { before: 'ulimit -f 256' }), 'ls $disk >left', kept('second', second)])
      }
      const ends = ['first', 'second'].map(part => endOf(cwd, part)) as [Ended, Ended]
      expect(ends[0].code, ends[0].stderr).to.equal(10)
      expect(reportOf(ends[0])).to.deep.include({ state: 'failed', exitCode: 10 })
      expect(reportOf(ends[0]).error).to.include({ code: 'DOCFERRY_TARGET' })
      expect(reportOf(ends[0]).error?.message).to.match(/ENOSPC.*the disk is full|EFBIG/)
      expect(readFileSync(join(cwd, 'left'), 'utf8')).to.match(/^out[^\n]*\.partial-\w+\n$/)
      expect(ends[1].code, ends[1].stderr).to.equal(0)
      expect(reportOf(ends[1])).to.deep.include({ state: 'done', totals: wholeCounts })
      await check(how, name, ends)
    })
  }

  it('tells a file that may not grow from a disk that is full', async () => {
    const first = `export --source docs.ndjson --output $disk/out.ndjson ${common}`
    await runShell(cwd, [kept('first', first, { before: 'ulimit -f 256' }), kept('second', `resume ${common}`)])
    const ends = ['first', 'second'].map(part => endOf(cwd, part)) as [Ended, Ended]
    expect(ends.map(({ code }) => code)).to.deep.equal([10, 0])
    expect(reportOf(ends[0]).error?.message).to.contain('EFBIG')
    await check('a limit of the file size', 'out.ndjson', ends)
  })

  it('ends with 50 where dead letters fit nowhere, and goes on without losing or repeating one', async () => {
    const bad = Array.from({ length: 400 }, (_, index) => `{"bad":${index},"text":"${'x'.repeat(1_000)}"\n`)
    writeFileSync(join(cwd, 'docs.ndjson'), [...documents.map(document => `${JSON.stringify(document)}\n`), ...bad].join(''))
    const first = 'migrate --source docs.ndjson --target file:out.ndjson --json --state-dir $disk/state'
    const second = 'resume --json --state-dir $disk/state'
    const listed = kept('listed', 'runs --state-dir $disk/state')
    if (hasOwnDisks) {
      const lines = [kept('first', first), listed, 'mount -o remount,size=16m $disk', kept('second', second)]
      await runShell(cwd, [...lines, 'cp -r $disk copy', 'umount $disk', 'cp -r copy/. $disk'], 192)
    } else {
      await runShell(cwd, [kept('first', first, { before: 'ulimit -f 192' }), listed, kept('second', second)])
    }
    const ends = ['first', 'second'].map(part => endOf(cwd, part)) as [Ended, Ended]
    expect(ends[0].code, ends[0].stderr).to.equal(50)
    expect(ends[0].stderr).to.match(/try: .*then go on: docferry resume \S+ --state-dir /)
    expect(endOf(cwd, 'listed').stdout).to.include('  failed  ').and.not.include('killed')
    expect(reportOf(ends[0]).error?.message).to.match(/ENOSPC|EFBIG/)
    expect(ends[1].code, ends[1].stderr).to.equal(40)
    expect(reportOf(ends[1]).totals).to.include({ read: count + 400, written: count, failed: 400 })
    const letters = readdirSync(join(cwd, 'disk', 'state'), { recursive: true, encoding: 'utf8' }).find(file =>
      file.endsWith('dead-letters.ndjson')
    )
    const buried = readFileSync(join(cwd, 'disk', 'state', letters!), 'utf8')
      .trimEnd()
      .split('\n')
    const places = buried.map(line => (JSON.parse(line) as { where: string }).where)
    expect(new Set(places).size).to.equal(400)
    expect(places.length).to.equal(400)
    addRow('the disk of dead letters is full', 'state', ends)
  })

  it('standard output on a full device ends an export with 10', async () => {
    await runShell(cwd, [
      kept('first', 'export --source docs.ndjson --output - --log-level debug --state-dir state', { stdout: '>/dev/full' }),
      'touch first.out'
    ])
    const end = endOf(cwd, 'first')
    expect(end.code, end.stderr).to.equal(10)
    expect(end.stderr).to.contain('standard output is full').and.contain('ENOSPC').and.not.contain('resume')
    expect(leaks([apiKey], [end], join(cwd, 'state'))).to.deep.equal([])
    addRow('a full device', 'stdout', [end])
  })

  it('a report that standard output takes no more of ends a command with 10, where it had come to its end', async () => {
    writeFileSync(join(cwd, 'none.ndjson'), '')
    const commands = {
      imported: 'import --input docs.ndjson --target memory:made.json --json',
      planned: 'plan --source docs.ndjson --target memory:made.json --json',
      verified: 'verify --source docs.ndjson --target memory:made.json --json',
      different: 'verify --source docs.ndjson --target none.ndjson --rename docs=none --json',
      listed: 'runs',
      guided: 'guide --source couchdb --target dynamodb'
    }
    const each = Object.entries(commands).map(([name, command]) => kept(name, command, { stdout: '>/dev/full' }))
    await runShell(cwd, [...each, 'touch imported.out planned.out verified.out different.out listed.out guided.out'])
    for (const name of Object.keys(commands)) {
      const { code, stderr } = endOf(cwd, name)
      expect(code, `${name}: ${stderr}`).to.equal(name === 'different' ? 60 : 10)
      expect(stderr).to.contain('standard output is full before all was written to it that this command tells (ENOSPC)')
    }
  })

  it('a report of which standard output takes only the beginning ends a command with 10', async () => {
    await runShell(cwd, [kept('schema', 'schema', { before: 'ulimit -f 8' })])
    const { code, stderr, stdout } = endOf(cwd, 'schema')
    expect(stdout.length).to.be.greaterThan(0)
    expect(code, stderr).to.equal(10)
    expect(stderr).to.contain('standard output may not grow any more').and.contain('EFBIG')
  })

  it('lists that are asked for beside the documents end a command with 10 where there is no room for them', async () => {
    writeFileSync(join(cwd, 'odd.ndjson'), Array.from({ length: count }, (_, index) => `{"_id":"${index}"}\n{"no":"id"}\n`).join(''))
    writeFileSync(join(cwd, 'none.ndjson'), '')
    const refused = 'plan --source odd.ndjson --target memory:none.json --refused $disk/r.ndjson'
    // What is compared is on disk too, so that a limit for all files would end it before.
    const differences = 'verify --source odd.ndjson --target none.ndjson --rename odd=none --differences $disk/d.ndjson'
    if (hasOwnDisks) await runShell(cwd, [kept('refused', refused), kept('differences', differences), 'ls -A $disk >left'], 8)
    else await runShell(cwd, [kept('refused', refused, { before: 'ulimit -f 2' }), 'ls -A $disk >left'])
    for (const name of hasOwnDisks ? ['refused', 'differences'] : ['refused']) {
      const { code, stderr } = endOf(cwd, name)
      expect(code, stderr).to.equal(10)
      expect(stderr)
        .to.match(/the list .*can't be written.*(ENOSPC|EFBIG)/)
        .and.not.include('a bug')
    }
    if (hasOwnDisks)
      expect(endOf(cwd, 'differences').stdout)
        .to.match(/^Different: 2,400 differences in 1,200 documents, in .*\. The list of differences is not whole, and was not kept\.$/m)
        .and.not.include('nothing can be said')
    expect(readFileSync(join(cwd, 'left'), 'utf8')).to.equal('')
  })

  it('a pipe whose reader leaves ends an export with 10', async () => {
    const command = 'export --source docs.ndjson --output - --log-level debug --state-dir state'
    await runShell(cwd, [kept('first', command, { stdout: '| head -c 1000 >first.out' })])
    const end = endOf(cwd, 'first')
    expect(end.code, end.stderr).to.equal(10)
    expect(end.stderr).to.contain('standard output was closed').and.contain('EPIPE')
    expect(end.stdout).to.have.lengthOf(1_000)
    expect(leaks([apiKey], [{ ...end, stdout: '' }], join(cwd, 'state'))).to.deep.equal([])
    addRow('EPIPE', 'stdout', [end])
  })

  it('a reader of the summary who leaves does not stop the documents', async () => {
    await runShell(cwd, [
      kept('first', 'migrate --source docs.ndjson --target file:$disk/out.ndjson --state-dir state', { stdout: '| true' }),
      'touch first.out'
    ])
    const end = endOf(cwd, 'first')
    expect(end.code, end.stderr).to.equal(0)
    expect(existsSync(join(cwd, 'disk', 'out.ndjson'))).to.equal(true)
    await check('EPIPE of the summary', 'out.ndjson', [end])
  })

  it('what a shell hands over in place of a file is read', async () => {
    await runShell(cwd, [kept('first', `import --input <(cat docs.ndjson) --as docs --target file:$disk/out.ndjson ${common}`)])
    const end = endOf(cwd, 'first')
    expect(end.code, end.stderr).to.equal(0)
    await check('a process in place of a file', 'out.ndjson', [end])
  })
})
