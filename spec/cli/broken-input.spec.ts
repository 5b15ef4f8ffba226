import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { docferry } from './support/docferry.ts'
import type { Ended } from './support/docferry.ts'

describe('cli: an input that is broken', function () {
  this.timeout(30_000)
  let cwd: string
  beforeEach(() => (cwd = mkdtempSync(join(tmpdir(), 'docferry-broken-'))))
  afterEach(() => rmSync(cwd, { recursive: true, force: true }))

  const documents = Array.from({ length: 3_000 }, (_, n) => ({ _id: `d${n}`, n }))
  const whole = JSON.stringify({
    metadata: { provider: 'x', exported_at: '2026-01-01T00:00:00Z', collections: ['a'] },
    data: { a: documents }
  })
  const run = (...args: string[]): Promise<Ended> => docferry(args, { cwd })
  const imported = (text: string): Promise<Ended> => {
    writeFileSync(join(cwd, 'in.json'), text)
    return run('import', '--input', 'in.json', '--target', 'file:out.ndjson')
  }

  it('is gone on with where it was cut, once the whole file is in its place', async () => {
    const { code, stdout } = await imported(whole.slice(0, whole.length / 2))
    expect(code).to.equal(20)
    const [, command] = /Once the whole file is in its place, go on with: docferry (.*)$/m.exec(stdout) ?? []
    writeFileSync(join(cwd, 'in.json'), whole)
    const resumed = await run(...command!.split(' '))
    expect(resumed.code, resumed.stderr).to.equal(0)
    expect(resumed.stdout).to.include('Done in').and.include('3,000 documents written')
  })

  it('is not gone on with where it is wrong, for neither what it is nor what it is mended to can be', async () => {
    const { code, stdout, stderr } = await imported(whole.replace('"_id":"d2000"', '"_id" "d2000"'))
    expect(code).to.equal(20)
    expect(stdout).to.include('put the right input in its place, and begin anew').and.not.include('docferry resume')
    expect(stderr).to.not.include('docferry resume')
    expect((await run('runs')).stdout).to.include(' spoilt ')
    const anew = await imported(whole)
    expect(anew.code, anew.stderr).to.equal(0)
  })

  it('takes what has the id of a document that failed along, into a file too, which keeps both of an id otherwise', async () => {
    const deep = `${'['.repeat(1_100)}${']'.repeat(1_100)}`
    writeFileSync(join(cwd, 'in.ndjson'), `{"_id":"a","x":${deep}}\n{"_id":"a","n":2}\n{"_id":"b","n":1}\n{"_id":"b","n":2}\n`)
    const { code, stdout } = await run('export', '--source', 'in.ndjson', '--output', 'out.ndjson', '--no-progress')
    expect(code).to.equal(40)
    expect(stdout).to.include('1 x DOCFERRY_FIRST_FAILED').and.include('2 documents written, 2 not')
  })

  for (const target of ['out.ndjson', 'out.json.gz', 'out/']) {
    it(`that comes once and holds no document leaves nothing beside ${target}`, async () => {
      const args = ['import', '--input', '-', '--target', `file:${target}`]
      const { code, stdout } = await docferry(args, { cwd, input: '{"$docferry":1,"metadata":{}}\n' })
      expect(code).to.equal(20)
      expect(stdout).to.include('can not be gone on with')
      expect(readdirSync(cwd)).to.deep.equal(['.docferry'])
    })
  }

  it('of which nothing was read may be replaced beneath its run', async () => {
    const { stdout } = await imported('{"data": nothing}')
    const [, command] = /Once the right input is in its place, go on with: docferry (.*)$/m.exec(stdout) ?? []
    writeFileSync(join(cwd, 'in.json'), whole)
    const resumed = command === undefined ? await imported(whole) : await run(...command.split(' '))
    expect(resumed.code, resumed.stderr).to.equal(0)
  })
})
