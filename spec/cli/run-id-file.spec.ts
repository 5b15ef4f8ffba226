import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { listRuns } from '../../lib/checkpoint/run-folder.ts'
import { docferry } from './support/docferry.ts'
import type { Ended } from './support/docferry.ts'

describe('--run-id-file', function () {
  this.timeout(30_000)
  let cwd: string
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-ids-'))
    writeFileSync(join(cwd, 'agents.ndjson'), '{"_id":"a","n":1}\n')
  })
  afterEach(() => rmSync(cwd, { recursive: true, force: true }))
  const run = (command: string, ...args: string[]): Promise<Ended> =>
    docferry([command, '--source', 'agents.ndjson', '--target', 'memory:out.json', '--run-id-file', 'runs', ...args], { cwd })
  const ids = (): string[] => readFileSync(join(cwd, 'runs'), 'utf8').split('\n').slice(0, -1)

  it('takes the ids of runs, one a line, in the order in which they began', async () => {
    expect(await run('migrate')).to.include({ code: 0 })
    writeFileSync(join(cwd, 'agents.ndjson'), '{"_id":"a","n":2}\n')
    expect(await run('repair')).to.include({ code: 0 })
    const runs = await listRuns(join(cwd, '.docferry'))
    expect(ids()).to.deep.equal(runs.map(({ runId }) => runId).reverse())
  })

  it('takes none of a run that was refused, nor of a repair that had nothing to write', async () => {
    expect(await run('migrate', '--collections', 'none')).to.include({ code: 2 })
    expect(existsSync(join(cwd, 'runs'))).to.equal(false)
    expect(await run('migrate')).to.include({ code: 0 })
    expect(await run('repair')).to.include({ code: 0 })
    expect(ids()).to.have.length(1)
  })

  it('is refused for a dry run, and in the place of anything else, before anything is written', async () => {
    expect((await run('migrate', '--dry-run')).code).to.equal(2)
    writeFileSync(join(cwd, 'runs'), 'notes\n')
    const { code, stderr } = await run('migrate')
    expect(code).to.equal(2)
    expect(stderr).to.include('runs exists already and holds something else')
    expect(existsSync(join(cwd, 'out.json'))).to.equal(false)
  })
})
