import { existsSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect } from 'chai'
import { docferry, start } from './support/docferry.ts'
import type { Ended } from './support/docferry.ts'

describe('docferry run', function () {
  this.timeout(60_000)
  let cwd: string
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-run-'))
    save('a.json', { users: users(20), agents: [{ _id: 'a1', code: 'x' }] })
    write('p.yaml', [
      'source: a.json',
      'target: "memory:${OUT:-b.json}"',
      'collections:',
      '  - name: users',
      '    as: people',
      '  - agents',
      'stages:',
      '  - strip: [password]',
      '  - module: ./mask.ts#mask',
      '    collections: [users]',
      '    options: { domain: example.com }'
    ])
    write('mask.ts', [
      'interface Options { domain: string }',
      'export function mask(document: { _id: string }, { options }: { options: Options }) {',
      '  return { ...document, email: `${document._id}@${options.domain}` }',
      '}'
    ])
  })
  afterEach(() => rmSync(cwd, { recursive: true, force: true }))

  const users = (count: number): object[] =>
    Array.from({ length: count }, (_, n) => ({ _id: `u${n}`, n, email: `real-${n}@b.c`, password: `hidden-${n}` }))
  const save = (name: string, data: object): void =>
    writeFileSync(join(cwd, name), JSON.stringify({ metadata: { collections: Object.keys(data) }, data }))
  const write = (name: string, lines: readonly string[]): void => writeFileSync(join(cwd, name), `${lines.join('\n')}\n`)
  const saved = (name: string): Record<string, Record<string, unknown>[]> =>
    (JSON.parse(readFileSync(join(cwd, name), 'utf8')) as { data: Record<string, Record<string, unknown>[]> }).data
  const run = (...args: string[]): Promise<Ended> => docferry(['run', ...args], { cwd })
  const runs = (): string[] => readdirSync(join(cwd, '.docferry', 'runs')).sort()

  it('does what the file says, and verifies by it', async () => {
    const { code, stdout, stderr } = await run('p.yaml', '--verify')
    expect(code, stderr).to.equal(0)
    expect(saved('b.json')['people']![7]).to.deep.equal({ _id: 'u7', n: 7, email: 'u7@example.com' })
    expect(saved('b.json')['agents']).to.deep.equal([{ _id: 'a1', code: 'x' }])
    expect(stdout).to.include('users -> people').and.include('Verified: 21 documents')
    expect((await docferry(['verify', runs()[0]!], { cwd })).code).to.equal(0)
  })

  it('says of an output that somebody else made meanwhile how to go on, and goes on so', async () => {
    write('p.yaml', ['source: a.json', 'target: app.ndjson', 'stages:', '  - module: ./meanwhile.mjs'])
    write('meanwhile.mjs', [
      "import { writeFileSync } from 'node:fs'",
      "export default document => (writeFileSync('app.ndjson', 'precious'), document)"
    ])
    const first = await run('p.yaml')
    const resume = `docferry resume ${runs()[0]}`
    expect(first.code).to.equal(2)
    expect(first.stdout).to.include(`Once nothing stands in its place any more, go on with: ${resume}`)
    const again = await docferry(['resume', '--json'], { cwd })
    expect(again.code).to.equal(2)
    for (const { stderr } of [first, again]) expect(stderr).to.include('move it away').and.not.include('force')
    expect(again.stderr).to.include(`go on: ${resume}`)
    expect((JSON.parse(again.stdout) as { error: { try: string } }).error.try).to.include(`go on: ${resume}`)
    expect(readFileSync(join(cwd, 'app.ndjson'), 'utf8')).to.equal('precious')
    rmSync(join(cwd, 'app.ndjson'))
    expect((await docferry(['resume'], { cwd })).code).to.equal(0)
  })

  it('tells documents for which a stage fails in one way as one kind, by their ids alone', async () => {
    const ids = Array.from({ length: 30 }, (_, n) => [...`${n}`.padStart(4, '0')].map(digit => 'abcdefghij'[Number(digit)]).join(''))
    save('a.json', { users: ids.map(_id => ({ _id, old: 1, new: 2 })) })
    write('p.yaml', ['source: a.json', 'target: memory:b.json', 'stages:', '  - rename: { old: new }', '    onError: dead-letter'])
    const { code, stdout } = await run('p.yaml', '--parallel', '1')
    expect(code).to.equal(40)
    expect(stdout).to.include(
      [
        '- users: 30 x DOCFERRY_STAGE: stage rename (p.yaml:4:5): new: the document has a field of the new name already',
        '  which: aaaa, aaab, aaac, aaad, aaae, ...\n'
      ].join('\n')
    )
    expect(stdout.match(/DOCFERRY_STAGE/g)).to.have.length(1)
    const letters = readFileSync(join(cwd, '.docferry', 'runs', runs()[0]!, 'dead-letters.ndjson'), 'utf8')
    expect(letters).to.include('stage rename (p.yaml:4:5) failed on users/aabj: ')
  })

  it('lets flags win, and the environment fill in', async () => {
    write('.env', ['OUT=c.json'])
    const { code, stderr } = await run('p.yaml', '--collections', 'agents', '--stage', 'rename:code=source', '--rename', 'agents=bots')
    expect(code, stderr).to.equal(0)
    expect(saved('c.json')).to.deep.equal({ bots: [{ _id: 'a1', source: 'x' }] })
    expect((await run('p.yaml', '--target', 'memory:d.json', '--dry-run')).stdout).to.include('nothing was written')
    expect(existsSync(join(cwd, 'd.json'))).to.equal(false)
  })

  it('tells all that is wrong with the file, and does nothing', async () => {
    write('p.yaml', ['source: a.json', 'target: memory:b.json', 'stages:', '  - stripp: [a]', 'options: { onConflict: skipp }'])
    const { code, stderr } = await run('p.yaml')
    expect(code).to.equal(2)
    expect(stderr).to.include('p.yaml:4:5: ').and.include('strip').and.include('p.yaml:5:24: ')
    expect(existsSync(join(cwd, '.docferry'))).to.equal(false)
  })

  it('names the stage, its place and the document where one fails', async () => {
    write('mask.ts', [
      'export function mask(document: { n: number }) {',
      '  if (document.n === 3) throw new Error("odd one")',
      '  return document',
      '}'
    ])
    const { code, stderr } = await run('p.yaml')
    expect(code).to.equal(30)
    expect(stderr).to.include('mask').and.include('users/u3').and.include('odd one').and.include('p.yaml:9')
  })

  it('goes on with a run by its file, and refuses where that says something else by now', async () => {
    write('slow.mjs', [
      'export default async function slow(document) {',
      '  if (document.n >= 10 && process.env.SLOW) await new Promise(() => setInterval(() => undefined, 1000))',
      '  return document',
      '}'
    ])
    write('q.yaml', [
      'source: a.json',
      'target: out.ndjson',
      'collections: [users]',
      'stages:',
      '  - module: ./slow.mjs',
      '  - strip: [password]'
    ])
    const { ended, child } = start(['run', 'q.yaml'], { cwd, input: '', env: { SLOW: '1' } })
    const hasCheckpoint = (): boolean =>
      existsSync(join(cwd, '.docferry', 'runs')) && runs().some(id => existsSync(join(cwd, '.docferry', 'runs', id, 'checkpoint.json')))
    while (!hasCheckpoint()) await setImmediate()
    child.kill('SIGKILL')
    await ended
    const [killed] = runs()
    const text = readFileSync(join(cwd, 'q.yaml'), 'utf8')
    writeFileSync(join(cwd, 'q.yaml'), text.replace('[password]', '[email]'))
    const refused = await docferry(['resume'], { cwd })
    expect(refused.code, refused.stderr).to.equal(2)
    expect(refused.stderr).to.include('has other stages than the run had')
    writeFileSync(join(cwd, 'q.yaml'), text)
    const { code, stderr } = await docferry(['resume', killed!], { cwd })
    expect(code, stderr).to.equal(0)
    const lines = readFileSync(join(cwd, 'out.ndjson'), 'utf8')
      .split('\n')
      .filter(line => line.startsWith('{"_id"'))
    expect(lines).to.have.length(20)
    expect(lines.join()).to.not.include('hidden')
  })

  it('is not verified or repaired by sources that its file has got since', async () => {
    save('old.json', { users: [{ _id: 'old' }] })
    const pipeline = [
      'sources:',
      '  - { name: new, address: a.json, collections: [users], rename: { users: people } }',
      '  - { name: old, address: old.json, rename: { users: people } }',
      'target: memory:b.json'
    ]
    write('m.yaml', pipeline)
    expect((await run('m.yaml')).code).to.equal(0)
    const refusal = 'm.yaml has other sources than the run had when it began: put it back as it was'
    for (const [from, to] of [
      ['[users], rename: { users: people }', '[users], rename: { users: persons }'],
      ['old.json', './old.json'],
      [', collections: [users]', ', collections: [users, agents]']
    ] as const) {
      write(
        'm.yaml',
        pipeline.map(line => line.replace(from, to))
      )
      const byReceipt = await docferry(['verify'], { cwd })
      expect(byReceipt.code, byReceipt.stderr).to.equal(0)
      expect(byReceipt.stdout).to.include(refusal)
      const repaired = await docferry(['repair', runs()[0]!], { cwd })
      expect({ code: repaired.code, to }).to.deep.equal({ code: 2, to })
      expect(repaired.stderr).to.include(refusal)
    }
  })

  it('has what a stage has dead-lettered written by a retry, once the stage is mended', async () => {
    const stage = (isMended: boolean): void =>
      write('mask.ts', [
        'export const strict = (document: { n: number }) => {',
        isMended ? '' : '  if (document.n > 17) throw new Error("too many")',
        '  return { ...document, checked: true }',
        '}'
      ])
    write('d.yaml', [
      'source: a.json',
      'target: memory:b.json',
      'collections: [users]',
      'stages:',
      '  - strip: [password]',
      '  - module: ./mask.ts#strict',
      '    onError: dead-letter'
    ])
    stage(false)
    expect((await run('d.yaml')).code).to.equal(40)
    expect(saved('b.json')['users']).to.have.length(18)
    const [id] = runs()
    expect((await docferry(['retry', id!], { cwd })).code).to.equal(40)
    stage(true)
    const { code, stdout, stderr } = await docferry(['retry', id!], { cwd })
    expect(code, stdout + stderr).to.equal(0)
    expect(saved('b.json')['users']!.find(({ _id }) => _id === 'u19')).to.deep.equal({
      _id: 'u19',
      n: 19,
      email: 'real-19@b.c',
      checked: true
    })
    expect((await docferry(['verify', id!], { cwd })).code).to.equal(0)
  })

  it('retries with the options of a stage that were mended in the file', async () => {
    write('v.yaml', [
      'source: a.json',
      'target: memory:b.json',
      'collections: [users]',
      'stages:',
      '  - validate: { schema: { properties: { n: { maximum: 17 } } } }'
    ])
    expect((await run('v.yaml')).code).to.equal(40)
    const [id] = runs()
    const text = readFileSync(join(cwd, 'v.yaml'), 'utf8')
    writeFileSync(join(cwd, 'v.yaml'), text.replace('17', '99'))
    const { code, stderr } = await docferry(['retry', id!], { cwd })
    expect(code, stderr).to.equal(0)
    expect(saved('b.json')['users']).to.have.length(20)
    writeFileSync(join(cwd, 'v.yaml'), text)
    expect((await docferry(['verify', id!], { cwd })).stdout).to.include('20 documents')
  })

  it('shows no secret that a stage puts into its error: not in reports, not in the state folder', async () => {
    write('token', ['s3cret-"t0ken"'])
    write('t.yaml', [
      'source: a.json',
      'target: memory:b.json',
      'collections: [users]',
      'stages:',
      '  - module: ./mask.ts#odd',
      '    options: { token: "${file:token}" }',
      '    onError: dead-letter'
    ])
    write('mask.ts', [
      'export const odd = (document: object, { options }: { options: { token: string } }) => { throw new Error(`bad ${options.token}`) }'
    ])
    const seen = await run('t.yaml')
    expect(seen.code).to.equal(40)
    expect(seen.stdout).to.include('bad ***')
    const json = await run('t.yaml', '--json')
    const [id] = runs()
    const retried = await docferry(['retry', id!, '--log-level', 'debug'], { cwd })
    const folder = join(cwd, '.docferry')
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true }).filter(entry => entry.isFile())
    const kept = files.map(entry => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    expect(kept).to.have.length.greaterThan(3)
    expect(
      [seen, json, retried]
        .map(({ stdout, stderr }) => stdout + stderr)
        .concat(kept)
        .join()
    ).to.not.include('s3cret')
  })

  it('says at a resume that the code of a stage is another by now', async () => {
    write('slow.mjs', [
      'export default async (document) => {',
      '  if (document.n >= 10) throw new Error("not yet")',
      '  return document',
      '}'
    ])
    write('q.yaml', ['source: a.json', 'target: out.ndjson', 'collections: [users]', 'stages:', '  - module: ./slow.mjs'])
    expect((await run('q.yaml')).code).to.equal(30)
    expect((await docferry(['resume'], { cwd })).stderr).to.not.include('has changed')
    write('slow.mjs', ['export default document => document'])
    const { code, stderr } = await docferry(['resume'], { cwd })
    expect(code, stderr).to.equal(0)
    expect(stderr).to.include('the code of the stages has changed since the run began')
  })

  it('waits for a stage that never answers, and can be stopped', async () => {
    write('h.yaml', ['source: a.json', 'target: out.ndjson', 'stages:', '  - module: ./hang.mjs'])
    write('hang.mjs', ['export default () => {', '  process.stderr.write("hanging")', '  return new Promise(() => undefined)', '}'])
    const { ended, child, said } = start(['run', 'h.yaml'], { cwd, input: '' })
    await said('hanging')
    child.kill('SIGINT')
    await said('stopping')
    child.kill('SIGINT')
    expect((await ended).code).to.equal(130)
  })

  it('lets a limit end a generator that has no end, and Ctrl-C too', async () => {
    write('e.mjs', ['export function* endless(document) { for (let n = 0; ; n++) yield { ...document, _id: `${document._id}-${n}` } }'])
    const stages = ['  - module: ./e.mjs#endless', '  - limit: 50']
    write('e.yaml', ['source: a.json', 'target: out.ndjson', 'collections: [agents]', 'stages:', ...stages])
    expect((await run('e.yaml')).code).to.equal(0)
    expect(readFileSync(join(cwd, 'out.ndjson'), 'utf8').match(/"_id"/g)).to.have.length(50)
    write('e.yaml', ['source: a.json', 'target: other.ndjson', 'collections: [agents]', 'stages:', stages[0]!, '  - filter: { n: none }'])
    const { ended, child, said } = start(['run', 'e.yaml'], { cwd, input: '' })
    await said('docferry run')
    child.kill('SIGINT')
    const { code, stdout, stderr } = await ended
    expect(code, stdout + stderr).to.equal(130)
    expect(existsSync(join(cwd, 'other.ndjson'))).to.equal(false)
  })

  describe('with several sources', () => {
    it('merges them, each with stages of its own', async () => {
      save('old.json', { Users: users(3), logs: [{ _id: 'l' }] })
      write('m.yaml', [
        'sources:',
        '  - { name: old, address: old.json, collections: [Users], rename: { Users: users }, stages: [{ set: { from: old } }] }',
        '  - { name: new, address: a.json }',
        'target: memory:b.json',
        'stages:',
        '  - strip: [password]',
        '  - set: { from: new }',
        '    sources: [new]'
      ])
      const { code, stdout, stderr } = await run('m.yaml', '--verify')
      expect(code, stderr).to.equal(0)
      expect(stdout).to.include('several').and.include('old = file')
      expect(saved('b.json')['users']!.map(({ from }) => from)).to.deep.equal([
        ...Array<string>(3).fill('old'),
        ...Array<string>(17).fill('new')
      ])
      expect(Object.keys(saved('b.json'))).to.have.members(['users', 'agents'])
      const verified = await docferry(['verify', runs()[0]!], { cwd })
      expect(verified.code, verified.stdout).to.equal(0)
    })
  })

  describe('with several targets', () => {
    beforeEach(() =>
      write('f.yaml', [
        'source: a.json',
        'targets:',
        '  - { name: snapshot, address: "memory:b.json" }',
        '  - { name: backup, address: backup.ndjson.gz }',
        'stages:',
        '  - strip: [password]',
        'options: { verify: true }'
      ])
    )

    it('reads once and writes each, with a run of its own', async () => {
      const { code, stdout, stderr } = await run('f.yaml')
      expect(code, stderr).to.equal(0)
      expect(stdout.match(/docferry run f\.yaml: 2 targets, read once/g)).to.have.length(1)
      expect(stdout).to.include('Target snapshot').and.include('Target backup')
      expect(stdout.match(/Verified: 21 documents/g)).to.have.length(2)
      expect(runs()).to.have.length(2)
      for (const id of runs()) expect((await docferry(['verify', id], { cwd })).code).to.equal(0)
    })

    it('has verify name the runs that it does not look at, where nothing says which one is meant', async () => {
      expect((await run('f.yaml')).code).to.equal(0)
      const { stdout } = await docferry(['verify'], { cwd })
      const last = runs().find(id => stdout.includes(`run     ${id}`))
      const other = runs().find(id => id !== last)
      expect(stdout).to.include(`to verify the others: docferry verify ${other}`)
      expect((await docferry(['verify', last!], { cwd })).stdout).not.to.include('others')
      expect((await docferry(['export', '--provider', 'memory:b.json', '--output', 'c.ndjson'], { cwd })).code).to.equal(0)
      expect((await docferry(['verify'], { cwd })).stdout).not.to.include('others')
    })

    it('goes on with the others where one fails, and exits as that one', async () => {
      writeFileSync(join(cwd, 'backup.ndjson.gz'), 'mine')
      const { code, stdout, stderr } = await run('f.yaml')
      expect(code, stderr).to.equal(2)
      expect(saved('b.json')['users']).to.have.length(20)
      expect(stdout).to.include('DOCFERRY_OUTPUT_EXISTS').and.include('(exit 2)')
      expect(readFileSync(join(cwd, 'backup.ndjson.gz'), 'utf8')).to.equal('mine')
      expect((await run('f.yaml', '--force', '--on-conflict', 'overwrite')).code).to.equal(0)
    })

    it('tells one snapshot under two spellings before anything is done', async () => {
      write('f.yaml', ['source: a.json', 'targets: ["memory:b.json", "memory:./b.json"]'])
      const { code, stdout, stderr } = await run('f.yaml')
      expect(code).to.equal(2)
      expect(stdout + stderr).to.include('f.yaml:2:28: targets[1]: ')
    })

    it('writes aside for each of them, and refuses one file for all before anything is done', async () => {
      const text = (file: string): string[] => [
        'source: a.json',
        'targets: [{ name: one, address: "memory:b.json" }, { name: two, address: c.json }]',
        'stages:',
        `  - tap: { file: '${file}' }`
      ]
      write('f.yaml', text('seen.ndjson'))
      const refused = await run('f.yaml')
      expect(refused.code).to.equal(2)
      expect(refused.stderr)
        .to.include('f.yaml:4:18: stages[0].tap.file: each of the 2 targets')
        .and.include("such as 'seen-{target}.ndjson'")
      write('f.yaml', text('seen-{target}.ndjson'))
      const { code, stderr } = await run('f.yaml')
      expect(code, stderr).to.equal(0)
      for (const name of ['one', 'two']) expect(readFileSync(join(cwd, `seen-${name}.ndjson`), 'utf8').match(/\n/g)).to.have.length(21)
      const again = await run('f.yaml', '--target', 'memory:d.json')
      expect(again.code).to.equal(2)
      expect(again.stderr)
        .to.include('seen-one.ndjson exists already')
        .and.include('existing: append or overwrite')
        .and.not.include('--force')
    })

    it('writes aside for each source what it gives, also where only reading tells', async () => {
      save('c.json', { posts: [{ _id: 'p1' }] })
      save('d.json', { users: [{ _id: 'other' }] })
      const text = (other: string, more: string): string[] => [
        'sources:',
        `  - { name: a, address: a.json, stages: [{ tap: { file: 'x-{collection}.ndjson', existing: overwrite } }]${more} }`,
        `  - { name: b, address: ${other}, stages: [{ tap: { file: 'x-{collection}.ndjson', existing: overwrite } }] }`,
        'target: memory:z.json',
        'options: { onConflict: overwrite }'
      ]
      for (const more of ['', ', collections: [users]']) {
        write('s.yaml', text('c.json', more))
        const { code, stderr } = await run('s.yaml')
        expect(code, stderr).to.equal(0)
        expect(readFileSync(join(cwd, 'x-users.ndjson'), 'utf8').match(/\n/g)).to.have.length(20)
        expect(readFileSync(join(cwd, 'x-posts.ndjson'), 'utf8')).to.equal('{"_id":"p1"}\n')
      }
      write('s.yaml', text('d.json', ''))
      const refused = await run('s.yaml', '--dry-run')
      expect(refused.code).to.equal(2)
      expect(refused.stderr).to.include('x-users.ndjson is written by another stage')
    })

    it('refuses to write aside over a source by another of its names, and says of a folder that it is missing', async () => {
      const text = (file: string): string[] => [
        'source: h.ndjson',
        'target: memory:z.json',
        'stages:',
        `  - tap: { file: '${file}', existing: overwrite }`
      ]
      const source = '{"_id":"1"}\n'
      writeFileSync(join(cwd, 'h.ndjson'), source)
      linkSync(join(cwd, 'h.ndjson'), join(cwd, 'hl.ndjson'))
      write('h.yaml', text('hl.ndjson'))
      for (const flags of [[], ['--dry-run']]) expect((await run('h.yaml', ...flags)).code).to.equal(2)
      // What lint can't know.
      write('h.yaml', text('{collection}l.ndjson'))
      for (const flags of [[], ['--dry-run']]) {
        const { code, stderr } = await run('h.yaml', ...flags)
        expect(code, stderr).to.equal(2)
        expect(stderr).to.include('hl.ndjson is, or lies in,')
      }
      expect(readFileSync(join(cwd, 'h.ndjson'), 'utf8')).to.equal(source)
      write('h.yaml', text('none/a.ndjson'))
      const { code, stderr } = await run('h.yaml')
      expect(code).to.equal(2)
      expect(stderr)
        .to.include(`make the folder ${join(cwd, 'none')} first`)
        .and.not.include('look at the address')
    })

    it('gives one object with --json', async () => {
      const { code, stdout } = await run('f.yaml', '--json')
      const report = JSON.parse(stdout) as { targets: { name: string; totals: object; verified: object }[] }
      expect(code).to.equal(0)
      expect(report).to.include({ command: 'run', exitCode: 0, file: 'f.yaml' })
      expect(report.targets.map(({ name }) => name)).to.deep.equal(['snapshot', 'backup'])
      for (const { totals, verified } of report.targets) {
        expect(totals).to.include({ read: 21, written: 21 })
        expect(verified).to.include({ state: 'equal' })
      }
      expect(stdout).to.not.include('hidden')
    })

    it('is partial as a whole where one target refuses documents', async () => {
      save('a.json', {
        users: [
          { _id: '', n: 1 },
          { _id: 'u1', n: 2 }
        ]
      })
      write('f.yaml', [
        'source: a.json',
        'targets: ["memory:b.json", "memory:c.json"]',
        'stages:',
        '  - module: ./mask.ts#odd',
        '    onError: dead-letter'
      ])
      write('mask.ts', ['export const odd = (document: { n: number }) => { if (document.n === 2) throw new Error("no"); return document }'])
      const { code, stdout } = await run('f.yaml')
      expect(code).to.equal(40)
      expect(stdout.match(/Dead letters: /g)).to.have.length(2)
    })
  })
})
