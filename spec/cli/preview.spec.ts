import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { runCommandLine } from '../../lib/cli/program.ts'
import { FakeHost } from './support/fake-host.ts'

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly files: readonly string[]
}

describe('docferry preview', function () {
  this.timeout(20_000)
  const documents = [
    { _id: 'u0', name: 'Ada', code: 'x'.repeat(5000), n: 9007199254740993n },
    { _id: 'u1', name: 'Bob', code: 'y' },
    { _id: 'u2', code: 'z' }
  ]
  const line = (document: object): string =>
    JSON.stringify(document, (_, value: unknown) => (typeof value === 'bigint' ? '<big>' : value)).replace('"<big>"', '9007199254740993')

  async function run(stages: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
    const host = new FakeHost(['preview', 'p.yaml', ...args], env)
    const cwd = host.cwd()
    const write = (name: string, text: string): void => writeFileSync(join(cwd, name), text)
    write('users.ndjson', documents.map(document => `${line(document)}\n`).join(''))
    write('half.mjs', 'export default function* half(d) { yield d; throw new Error("no more") }\n')
    write('p.yaml', `source: ${join(cwd, 'users.ndjson')}\ntarget: ${join(cwd, 'out.json')}\nstages:\n${stages}`)
    const code = await runCommandLine(host, () => Promise.reject(new Error('it runs')))
    return { code, stdout: host.stdout.text, stderr: host.stderr.text, files: readdirSync(cwd).sort() }
  }

  const stages = '  - set: { seen: true }\n  - filter: { name: { $exists: true } }\n    name: named\n'

  it('shows what changes, and what is left out by whom, and writes nothing', async () => {
    const { code, stdout, stderr, files } = await run(stages)
    expect({ code, stderr, files }).to.deep.equal({ code: 0, stderr: '', files: ['half.mjs', 'p.yaml', 'users.ndjson'] })
    const digest = /#(\w{6})\)/.exec(stdout)?.[1]
    expect(stdout.split('\n').slice(2)).to.deep.equal([
      'users: the first 3',
      '  u0',
      '      …',
      `        "code": "${'x'.repeat(120)}… (5,000 characters, #${digest})",`,
      '        "n": 9007199254740993,',
      '    +   "seen": true',
      '      }',
      '  u1',
      '      …',
      '        "name": "Bob",',
      '        "code": "y",',
      '    +   "seen": true',
      '      }',
      '  u2  left out by named',
      '',
      '3 documents, 2 changed, 1 left out',
      ''
    ])
  })

  it('tells who left out some of what a document becomes', async () => {
    const { stdout } = await run('  - module: ./half.mjs\n    onError: skip\n')
    expect(stdout).to.match(/^ {4}some of it is left out by .*half.*, which failed \(onError: skip\)$/m)
  })

  it('shows long texts with --full, and colours where they are wanted', async () => {
    const { stdout } = await run(stages, ['--full', '--limit', '1'], { FORCE_COLOR: '1' })
    expect(stdout).to.include('x'.repeat(5000)).and.include('\u001b[32m+   "seen": true\u001b[39m')
    expect(stdout).to.not.include('u1')
  })

  it('tells a text that differs only behind where it is cut', async () => {
    const { stdout } = await run('  - map: \'$merge([$, { "code": code & "!" }])\'\n', ['--limit', '1'])
    expect(stdout)
      .to.match(/- {3}"code": "x+… \(5,000 characters/)
      .and.match(/\+ {3}"code": "x+… \(5,001 characters/)
  })

  it('exits as the run would: 30 where it ended, 40 where there are dead letters', async () => {
    const failing = (more: string): string => `  - set: { hello: 'Hello {{ name }}' }\n${more}`
    const ended = await run(failing(''))
    expect(ended.code).to.equal(30)
    expect(ended.stdout)
      .to.match(/ {2}u2\n {4}a run would end here: stage set \(p\.yaml:4:5\) failed on users\/u2: /)
      .and.include('1 failed')
    const buried = await run(failing('    onError: dead-letter\n'))
    expect(buried.code).to.equal(40)
    expect(buried.stdout).to.include('    a dead letter: stage set (p.yaml:4:5)')
  })

  it('gives whole documents as JSON', async () => {
    const { code, stdout } = await run(stages, ['--json', '-n', '1'])
    expect(code).to.equal(0)
    const { collections, ...rest } = JSON.parse(stdout) as { collections: unknown[] }
    expect(rest).to.deep.include({ command: 'preview', file: 'p.yaml', exitCode: 0 })
    const before = { _id: 'u0', name: 'Ada', code: 'x'.repeat(5000), n: { $numberLong: '9007199254740993' } }
    expect(collections).to.deep.equal([{ name: 'users', target: 'users', documents: [{ before, after: [{ ...before, seen: true }] }] }])
  })

  it('shows no secret of the pipeline', async () => {
    const secret = { API_TOKEN: 'hunter2secret' }
    for (const flags of [[], ['--json']]) {
      const { stdout } = await run('  - set: { key: "${API_TOKEN}", name: "a ${API_TOKEN} b" }\n', flags, secret)
      expect(stdout).to.include('a *** b').and.not.include('hunter2')
    }
  })

  it('ends at the first Ctrl-C, whatever a stage waits for', async () => {
    const host = new FakeHost(['preview', 'p.yaml'])
    const write = (name: string, text: string): void => writeFileSync(join(host.cwd(), name), text)
    write('users.ndjson', '{"_id":"a"}\n')
    write('half.mjs', 'export default function* half(d) { yield d; throw new Error("no more") }\n')
    write('p.yaml', `source: ${join(host.cwd(), 'users.ndjson')}\ntarget: memory:o.json\nstages: [module: ./hang.mjs]\n`)
    write('hang.mjs', 'export default () => new Promise(() => { globalThis.docferryPreviewHangs?.() })')
    const hangs = new Promise<void>(resolve => Object.assign(globalThis, { docferryPreviewHangs: resolve }))
    const ended = runCommandLine(host, () => Promise.reject(new Error('it runs')))
    await hangs
    host.emit('SIGINT')
    expect(await ended).to.equal(130)
    Reflect.deleteProperty(globalThis, 'docferryPreviewHangs')
  })

  it('tells what is wrong with the file or the flags', async () => {
    const wrong = await run('  - sett: {}\n')
    expect(wrong.code).to.equal(2)
    expect(wrong.stderr).to.include('p.yaml:4:5').and.include('did you mean set')
    expect((await run(stages, ['--limit', '0'])).code).to.equal(2)
    const missing = await run(stages, ['--collections', 'user'])
    expect(missing.code).to.equal(2)
    expect(missing.stderr).to.include('no collection user; it holds users')
  })
})
