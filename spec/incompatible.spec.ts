/** What happens to documents that the target can't hold as they are, by `--on-incompatible`, and what a run tells of conversions. */
import { rmSync } from 'node:fs'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { migrate } from '../lib/run.ts'
import { Double, Timestamp } from '../lib/values/index.ts'
import type { Document } from '../lib/values/index.ts'
import { scriptedSource, scriptedTarget } from './support/scripted-connector.ts'

const documents: readonly Document[] = ['a', 'b', '_c', 'd', '_e'].map(_id => ({ _id }))
const refuse = ({ _id }: Document) =>
  _id.startsWith('_') ? ({ code: 'DOCFERRY_BAD_ID', message: 'begins with an underscore', path: '_id' } as const) : undefined

describe('run: documents that the target cannot hold', () => {
  let stateDir: string
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'docferry-incompatible-'))
  })
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }))

  const ends = () => {
    const target = scriptedTarget({ refuse })
    return { target, options: { source: scriptedSource({ collections: { agents: documents } }), target: target.endpoint, stateDir } }
  }

  it('are dead-lettered, and the others written', async () => {
    const { target, options } = ends()
    const report = await migrate(options)
    expect(report.state).to.equal('partial')
    expect(report.collections[0]).to.include({ read: 5, written: 3, failed: 2 })
    expect([...target.collections.get('agents')!.keys()]).to.deep.equal(['a', 'b', 'd'])
  })

  it('end the run at the first with fail, when what came before is written and it is kept', async () => {
    const { target, options } = ends()
    let report: Awaited<ReturnType<typeof migrate>> | undefined
    const error = await migrate({ ...options, onIncompatible: 'fail', observe: seen => (report = seen) }).catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(Error).and.include({ code: 'DOCFERRY_BAD_ID' })
    expect((error as Error).message)
      .to.include('"_c"')
      .and.include('begins with an underscore')
    expect([...target.collections.get('agents')!.keys()]).to.deep.equal(['a', 'b'])
    expect(report).to.include({ state: 'failed' })
    expect(report!.collections[0]).to.include({ written: 2, failed: 1 })
    const [letter, ...more] = readFileSync(report!.deadLetters!, 'utf8').trim().split('\n')
    expect(JSON.parse(letter!)).to.include({ id: '_c', code: 'DOCFERRY_BAD_ID' })
    expect(more).to.deep.equal([])
  })

  it('are all found by a dry run, also with fail', async () => {
    const { options } = ends()
    const report = await migrate({ ...options, onIncompatible: 'fail', dryRun: true })
    expect(report.collections[0]).to.include({ written: 3, failed: 2 })
  })
})

describe('run: conversions', () => {
  it('are counted by kind, with the first places, for documents that are written', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'docferry-conversions-'))
    try {
      const values = Array.from({ length: 7 }, (_, index) => ({
        _id: `d${index}`,
        at: new Timestamp(index, 0),
        list: [new Timestamp(0, 1), new Double(1)]
      }))
      const report = await migrate({
        source: scriptedSource({ collections: { agents: values } }),
        target: join(folder, 'plain.ndjson'),
        types: 'plain',
        stateDir: folder
      })
      const [times, numbers] = report.collections[0]!.conversions
      expect(times).to.include({ kind: 'timestamp', conversion: 'lossy', count: 14 })
      expect(times!.examples.map(({ id, path }) => `${path} in ${id}`)).to.deep.equal([
        'at in d0',
        'at in d1',
        'at in d2',
        'at in d3',
        'at in d4'
      ])
      expect(numbers).to.include({ kind: 'double', conversion: 'merged', count: 7 })
      expect(readFileSync(join(folder, 'plain.ndjson'), 'utf8')).to.include(
        '{"_id":"d1","at":"1970-01-01T00:00:01Z","list":["1970-01-01T00:00:00.000000001Z",1]}'
      )
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('leave a file that can be read again, also where a map looks like an envelope and stays bare', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'docferry-bare-'))
    try {
      const source = scriptedSource({ collections: { agents: [{ _id: 'a', map: { $date: '2026-01-01T00:00:00Z' } }] } })
      for (const name of ['bare.ndjson', 'bare.ndjson.gz', 'bare/']) {
        await migrate({ source, target: join(folder, name), types: 'plain', stateDir: folder })
        const read = scriptedTarget()
        const report = await migrate({ source: join(folder, name), target: read.endpoint, stateDir: folder })
        expect(report.state, name).to.equal('done')
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
