import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { docferry } from './support/docferry.ts'
import type { Ended } from './support/docferry.ts'

describe('docferry lint and docferry schema', function () {
  this.timeout(20_000)
  let cwd: string
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-lint-'))
  })
  afterEach(() => rmSync(cwd, { recursive: true, force: true }))
  const run = (...args: string[]): Promise<Ended> => docferry(args, { cwd, env: { COUCHDB_PASSWORD: 'hunter2secret' } })
  const write = (name: string, text: string): void => writeFileSync(join(cwd, name), text)

  const good =
    'sources: [a.json, b.json]\ntarget: "${OUT}"\ncollections: [x, { name: y, stages: [{ pick: [a] }] }]\nstages:\n  - strip: [a]\ntests: [{ in: { _id: a }, out: [] }]\n'

  it('says what is in a file that is right, with variables from .env', async () => {
    write('good.yaml', good)
    write('.env', 'OUT=out.json\n')
    expect(await run('lint', 'good.yaml')).to.deep.equal({ code: 0, stdout: 'good.yaml: ok (2 sources, 2 stages, 1 test)\n', stderr: '' })
  })

  it('lists the issues of all files, and exits with 2', async () => {
    write('good.yaml', good)
    write('bad.yaml', 'source: couchbd\nstages:\n  - strp: [a]\n')
    const { code, stdout, stderr } = await run('lint', 'bad.yaml', 'good.yaml', 'none.yaml')
    expect({ code, stderr }).to.deep.equal({ code: 2, stderr: '' })
    expect(stdout.split('\n').map(line => line.replace(/ .*/, ''))).to.deep.equal([
      'bad.yaml:1:1:',
      'bad.yaml:1:9:',
      'bad.yaml:3:5:',
      'good.yaml:2:9:',
      'none.yaml:',
      ''
    ])
  })

  it('gives the same as JSON', async () => {
    write('bad.yaml', 'source: a.json\ntarget: b.json\nstages:\n  - strp: [a]\n')
    write('good.yaml', 'source: a.json\ntargets: [b.json, c.json]\n')
    const { code, stdout } = await run('lint', '--json', 'bad.yaml', 'good.yaml')
    expect(code).to.equal(2)
    expect(JSON.parse(stdout)).to.deep.equal({
      command: 'lint',
      exitCode: 2,
      files: [
        {
          file: 'bad.yaml',
          ok: false,
          issues: [
            { file: 'bad.yaml', line: 4, column: 5, path: 'stages[0].strp', message: 'there is no stage strp (did you mean strip?)' }
          ]
        },
        { file: 'good.yaml', ok: true, sources: 1, targets: 2, stages: 0, tests: 0, issues: [] }
      ]
    })
  })

  it('shows no secret of the environment', async () => {
    write('bad.yaml', 'source: memory://${COUCHDB_PASSWORD}\ntarget: b.json\n')
    const { code, stdout } = await run('lint', 'bad.yaml')
    expect(code).to.equal(2)
    expect(stdout).to.include('write memory:snapshot.json').and.not.include('hunter2')
  })

  it('wants a file', async () => {
    const { code, stderr } = await run('lint')
    expect(code).to.equal(2)
    expect(stderr).to.include('missing required argument')
  })

  it('prints the schema', async () => {
    const { code, stdout } = await run('schema')
    expect(code).to.equal(0)
    expect(JSON.parse(stdout)).to.deep.include({ $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'docferry pipeline' })
  })

  it('writes the schema to a file, over an older one, and over nothing else', async () => {
    write('other.json', '{"title":"mine"}')
    write('text.txt', 'mine')
    write('old.json', '{"title":"docferry pipeline"}')
    for (const name of ['new.json', 'old.json']) {
      expect((await run('schema', '--output', name)).code).to.equal(0)
      expect(JSON.parse(readFileSync(join(cwd, name), 'utf8'))).to.have.property('$defs')
    }
    for (const name of ['other.json', 'text.txt']) {
      const { code, stderr } = await run('schema', '--output', name)
      expect(code).to.equal(2)
      expect(stderr).to.include('DOCFERRY_OUTPUT_EXISTS')
      expect(readFileSync(join(cwd, name), 'utf8')).to.include('mine')
    }
    expect((await run('schema', '--output', 'no/such/folder.json')).code).to.equal(2)
    expect(existsSync(join(cwd, 'no'))).to.equal(false)
  })
})
