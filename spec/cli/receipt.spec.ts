import { existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { readReceipt } from '../../lib/verify/read-receipt.ts'
import { rootOf } from '../../lib/verify/receipt.ts'
import { docferry, start } from './support/docferry.ts'
import type { Ended } from './support/docferry.ts'

describe('docferry --receipt', function () {
  this.timeout(30_000)
  let cwd: string
  const path = (name: string): string => join(cwd, name)
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-receipt-'))
    writeFileSync(path('in.ndjson'), '{"_id":"1"}\n{"_id":"2"}\n')
  })
  afterEach(() => rmSync(cwd, { recursive: true, force: true }))
  const run = (...args: string[]): Promise<Ended> => docferry(args, { cwd, env: {} })
  const move = (target: string, ...args: string[]): Promise<Ended> => run('migrate', '--source', 'in.ndjson', '--target', target, ...args)

  it('saves a copy, names the receipt and its root in summary and report', async () => {
    const { code, stdout } = await move('out.ndjson', '--receipt', 'receipt.json')
    expect(code).to.equal(0)
    const receipt = await readReceipt(path('receipt.json'))
    const root = rootOf(receipt.collections)
    expect(stdout).to.match(new RegExp(`^Receipt: \\.docferry/runs/${receipt.runId}/receipt\\.json \\(root ${root}\\)$`, 'm'))
    expect(readFileSync(path(`.docferry/runs/${receipt.runId}/receipt.json`), 'utf8')).to.equal(readFileSync(path('receipt.json'), 'utf8'))
    const again = await run('export', '--source', 'in.ndjson', '--output', 'more.ndjson', '--receipt', 'receipt.json', '--json')
    const report = JSON.parse(again.stdout) as { readonly runId: string; readonly receipt: string; readonly receiptRoot: string }
    expect(report).to.include({ receipt: `.docferry/runs/${report.runId}/receipt.json`, receiptRoot: root })
    expect((await readReceipt(path('receipt.json'))).runId).to.equal(report.runId)
  })

  it('refuses early what it would write over, and where it can’t be written', async () => {
    writeFileSync(path('precious.txt'), 'mine')
    mkdirSync(path('folder'))
    symlinkSync('in.ndjson', path('link'))
    for (const name of ['precious.txt', 'in.ndjson', 'link', 'out.ndjson', 'folder', 'folder/none/receipt.json', '-', '']) {
      const ended = await move('out.ndjson', '--receipt', name)
      expect(ended.code, `${name}: ${ended.stderr}`).to.equal(2)
      expect(ended.stderr, name).to.include('receipt')
      expect(existsSync(path('out.ndjson')), name).to.equal(false)
    }
    expect(readFileSync(path('precious.txt'), 'utf8')).to.equal('mine')
    expect(readFileSync(path('in.ndjson'), 'utf8')).to.include('"2"')
  })

  for (const [what, spoil] of [
    ['a folder came in the place of', () => mkdirSync(path('kept/receipt.json'))],
    ['the folder was removed of', () => rmSync(path('kept'), { recursive: true })]
  ] as const) {
    it(`calls a run done where ${what} its receipt, and says where that is`, async () => {
      mkdirSync(path('kept'))
      writeFileSync(path('slow.ndjson'), Array.from({ length: 40 }, (_, index) => `{"_id":"${index}"}\n`).join(''))
      const { child, ended, said } = start(
        ['migrate', '--source', 'slow.ndjson', '--target', 'out.ndjson', '--receipt', 'kept/receipt.json', '--max-rate', '40'],
        { cwd }
      )
      await said('docferry migrate')
      spoil()
      const { code, stdout, stderr } = await ended
      expect(child.signalCode).to.equal(null)
      expect(code, stderr).to.equal(10)
      expect(stdout)
        .to.match(/^Done in .*40 documents written/m)
        .and.not.include('To go on with it')
      const found = /^docferry: the run is done, but its receipt can't be saved as kept\/receipt.json: .*: (\S+)$/m.exec(stderr)
      expect(found, stderr).not.to.equal(null)
      expect(JSON.parse(readFileSync(path(found![1]!), 'utf8'))).to.have.property('collections')
    })
  }

  it('refuses a place in the folder, and in the snapshot, that the documents go to', async () => {
    mkdirSync(path('out'))
    for (const [target, name] of [
      ['out/', 'out/receipt.json'],
      ['memory:snapshot.json', 'snapshot.json']
    ] as const) {
      const { code, stderr } = await move(target, '--receipt', name)
      expect(code, stderr).to.equal(2)
      expect(stderr).to.include('belongs to the target')
      expect(existsSync(path(name))).to.equal(false)
    }
  })

  it('refuses a dry run', async () => {
    const { code, stderr } = await move('out.ndjson', '--receipt', 'receipt.json', '--dry-run')
    expect(code).to.equal(2)
    expect(stderr).to.include('dry run')
  })

  it('saves that of a run with dead letters too', async () => {
    writeFileSync(path('in.ndjson'), '{"_id":"1"}\nno json\n')
    const { code } = await run('import', '--input', 'in.ndjson', '--target', 'memory:snapshot.json', '--receipt', 'receipt.json')
    expect(code).to.equal(40)
    expect((await readReceipt(path('receipt.json'))).collections[0]!.counts).to.include({ read: 2, written: 1, failed: 1 })
  })
})
