import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import type { ProxyRequest } from '../support/fault-proxy.ts'
import { couchdbBench } from './support/bench.ts'
import type { Ended } from './support/docferry.ts'

const count = 1500
const isBulk = ({ path }: ProxyRequest): boolean => path.endsWith('/_bulk_docs')

describe('docferry undo', function () {
  this.timeout(30_000)
  const bench = couchdbBench('undo')
  const { run, begin, lastRun, ask } = bench
  beforeEach(() => write('ours', count))

  const write = (version: string, documents: number): void =>
    bench.write(Array.from({ length: documents }, (_, index) => ({ _id: `d${String(index).padStart(4, '0')}`, version })))
  const move = (...args: string[]): Promise<Ended> => run('import', '--input', `${bench.collection}.ndjson`, '--target', 'couchdb', ...args)

  it('says what it would do, does it, and is shown in the list of runs', async () => {
    expect((await move()).code).to.equal(0)
    const id = await lastRun()
    const dry = await run('undo', id, '--dry-run')
    expect(dry, dry.stderr).to.include({ code: 0 })
    expect(dry.stdout).to.include('nothing was changed').and.include('1,500 documents would be removed')
    expect(await ask('')).to.include({ doc_count: count })
    const { code, stdout, stderr } = await run('undo', id)
    expect(code, stderr).to.equal(0)
    expect(stdout).to.include('1,500 documents removed').and.include('it is empty again, and removed')
    expect(await ask('')).to.include({ error: 'not_found' })
    expect((await run('runs')).stdout).to.match(new RegExp(`^${id} +undone .* 1,500 written; undone since\n`))
    const resumed = await run('resume', id)
    expect(resumed.code).to.equal(2)
    expect(resumed.stderr).to.include('was undone')
    expect((await run('undo', id)).code).to.equal(0)
  })

  it('exits with 40 where documents are left, and tells all counts as JSON', async () => {
    write('theirs', 10)
    await move()
    write('ours', count)
    const moved = await move('--on-conflict', 'overwrite', '--undoable')
    expect(moved.code, moved.stderr).to.equal(0)
    const id = JSON.parse((await run('runs', '--json')).stdout) as { runs: { runId: string }[] }
    const { runId } = id.runs[0]!
    const { _rev } = await ask('/d0003')
    await ask(`/d0004?rev=${String((await ask('/d0004'))['_rev'])}`, { method: 'DELETE' })
    await ask('/d0003', { method: 'PUT', body: JSON.stringify({ _id: 'd0003', _rev, version: 'newer' }) })
    const { code, stdout } = await run('undo', runId, '--json')
    expect(code).to.equal(40)
    const report = JSON.parse(stdout) as { totals: object; state: string; left: string }
    expect(report).to.include({ command: 'undo', state: 'partial', exitCode: 40, runId })
    expect(report.totals).to.deep.equal({ removed: count - 10, putBack: 8, already: 0, changed: 1, gone: 1, failed: 0, unknown: 0 })
    expect(report.left).to.include('undo-left.ndjson')
    expect(await ask('/d0002')).to.include({ version: 'theirs' })
    expect(await ask('/d0003')).to.include({ version: 'newer' })
    const again = await run('undo', runId, '--quiet')
    expect({ code: again.code, stdout: again.stdout }).to.deep.equal({ code: 40, stdout: '' })
    expect(again.stderr).to.include('exit 40')
    expect((await run('runs')).stdout).to.match(/ partly undone .* 1,500 written; undone since, 2 left\n/)
    const listed = JSON.parse((await run('runs', '--json')).stdout) as { runs: { undone: object }[] }
    expect(listed.runs[0]!.undone).to.include({ state: 'partly' }).and.to.have.deep.nested.property('totals.gone', 1)
  })

  it('says what it knows nothing of without --undoable', async () => {
    write('theirs', 10)
    await move()
    write('ours', 20)
    await move('--on-conflict', 'overwrite')
    const { runs } = JSON.parse((await run('runs', '--json')).stdout) as { runs: { runId: string }[] }
    const { code, stdout } = await run('undo', runs[0]!.runId)
    expect(code).to.equal(40)
    expect(stdout).to.include('20 documents that the run wrote stay').and.include('--undoable')
  })

  it('undoes a run that was killed', async () => {
    let seen = 0
    bench.proxy.faults.push({ match: request => isBulk(request) && ++seen > 1, times: Infinity, action: { type: 'stall' } })
    const started = begin('import', '--input', `${bench.collection}.ndjson`, '--target', 'couchdb')
    await bench.proxy.waitFor(isBulk, 2)
    started.child.kill('SIGKILL')
    await started.ended
    bench.proxy.faults.length = 0
    const { code, stdout, stderr } = await run('undo', await lastRun())
    expect(code, stdout + stderr).to.equal(0)
    expect(await ask('')).to.include({ error: 'not_found' })
  })

  it('is stopped by Ctrl-C, and goes on when it is begun again', async () => {
    await move()
    const id = await lastRun()
    let release = (): void => undefined
    bench.proxy.faults.push({
      match: isBulk,
      times: 1,
      action: { type: 'holdUntil', until: new Promise<void>(resolve => (release = resolve)) }
    })
    bench.proxy.forget()
    const started = begin('undo', id)
    await bench.proxy.waitFor(isBulk, 1)
    const busy = await run('undo', id)
    expect(busy.code).to.equal(50)
    expect(busy.stderr).to.include(`process ${started.child.pid}`)
    started.child.kill('SIGINT')
    await started.said('Ctrl-C again')
    release()
    const { code, stderr } = await started.ended
    expect(code).to.equal(130)
    expect(stderr).to.include('goes on with the rest')
    expect((await run('runs')).stdout).to.include('partly undone')
    expect((await run('undo', id)).code).to.equal(0)
    expect(await ask('')).to.include({ error: 'not_found' })
  })

  it('keeps nothing with --no-undo, and not both', async () => {
    await move('--no-undo')
    const { code, stderr } = await run('undo', await lastRun())
    expect(code).to.equal(2)
    expect(stderr).to.include('--no-undo')
    expect((await move('--no-undo', '--undoable')).stderr).to.include('DOCFERRY_USAGE')
  })

  it('refuses a run that is not there, and one that made a file', async () => {
    expect((await run('undo', 'nothing')).code).to.equal(50)
    await move()
    await run('export', '--provider', 'couchdb', '--collections', bench.collection, '--output', 'out.ndjson', '--state-dir', 'other')
    const [id] = await readdir(join(bench.cwd, 'other', 'runs'))
    const { code, stderr } = await run('undo', id!, '--state-dir', 'other')
    expect(code).to.equal(2)
    expect(stderr).to.include(join(bench.cwd, 'out.ndjson')).and.include('by hand')
  })

  it('takes no file for what a run has written to standard output', async () => {
    const { cwd } = bench
    await move()
    await writeFile(join(cwd, 'stdout'), 'mine')
    await run('export', '--provider', 'couchdb', '--collections', bench.collection, '--output', '-', '--state-dir', 'other')
    const [id] = await readdir(join(cwd, 'other', 'runs'))
    const { code, stderr } = await run('undo', id!, '--state-dir', 'other')
    expect(code).to.equal(2)
    expect(stderr).to.include('nothing of it can be taken back').and.not.include('by hand')
  })

  it('refuses another server', async () => {
    await move()
    const { code, stderr } = await run('undo', await lastRun(), '--target', 'couchdb://nobody@127.0.0.1:1')
    expect(code).to.be.oneOf([2, 10])
    expect(stderr).to.include('docferry:')
    expect(await ask('')).to.include({ doc_count: count })
  })
})
