import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { DocferryError } from '../../lib/errors.ts'
import type { Endpoint } from '../../lib/open.ts'
import type { MigrateOptions } from '../../lib/options.ts'
import { totalCounts } from '../../lib/report.ts'
import type { RunReport } from '../../lib/report.ts'
import { migrate } from '../../lib/run.ts'
import { mergedSources } from '../../lib/several/merge-sources.ts'
import { sharedSource } from '../../lib/several/share-source.ts'
import type { Document, Stage } from '../../lib/types.ts'
import { scriptedSource, scriptedTarget } from '../support/scripted-connector.ts'
import type { ScriptedSource, TargetRecord } from '../support/scripted-connector.ts'

const documents = (prefix: string, count: number): Document[] =>
  Array.from({ length: count }, (_, n) => ({ _id: `${prefix}${n}`, n, list: [n] }))

describe('one source for several runs', () => {
  let stateDir: string
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'docferry-share-'))
  })
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }))

  /** @returns for each target its report, or what its run failed with */
  const runAll = async (
    source: Endpoint,
    targets: readonly (Endpoint | Partial<MigrateOptions>)[]
  ): Promise<(RunReport | DocferryError)[]> => {
    const ends = sharedSource(source, targets.length, {})
    const runs = targets.map((target, index) => {
      const own = typeof target === 'object' && !('connector' in target) ? target : { target }
      return migrate({ stateDir, checkpointMs: 5, source: ends[index]!, target: '', ...own })
    })
    const results = await Promise.allSettled(runs)
    return results.map(result => (result.status === 'fulfilled' ? result.value : (result.reason as DocferryError)))
  }
  const counting = (script: ScriptedSource): { readonly source: Endpoint; readonly pages: () => number } => {
    let pages = 0
    const source = scriptedSource({
      ...script,
      async beforePage(collection, page) {
        pages++
        await script.beforePage?.(collection, page)
      }
    })
    return { source, pages: () => pages }
  }
  const size = ({ collections }: TargetRecord): number => [...collections.values()].reduce((sum, held) => sum + held.size, 0)

  it('is read once, and each run has all of it, to change as it likes', async () => {
    const { source, pages } = counting({ collections: { a: documents('a', 95), b: documents('b', 30) }, partitions: 3 })
    const targets = [scriptedTarget(), scriptedTarget({ limits: { oneCollectionAtATime: true } }), scriptedTarget()]
    const changing: Stage = {
      name: 'changing',
      apply(document) {
        ;(document['list'] as number[]).push(1)
        return document
      }
    }
    const reports = await runAll(source, [targets[0]!.endpoint, targets[1]!.endpoint, { target: targets[2]!.endpoint, stages: [changing] }])
    for (const report of reports) expect(totalCounts((report as RunReport).collections)).to.include({ read: 125, written: 125 })
    expect(targets.map(size)).to.deep.equal([125, 125, 125])
    expect(targets.map(({ collections }) => collections.get('a')!.get('a7'))).to.deep.equal([
      { _id: 'a7', n: 7, list: [7] },
      { _id: 'a7', n: 7, list: [7] },
      { _id: 'a7', n: 7, list: [7, 1] }
    ])
    expect(pages()).to.equal(15)
  })

  it('goes on for the others where one run fails, at once or in the middle', async () => {
    const { source } = counting({ collections: { a: documents('a', 200) }, partitions: 2 })
    const whole = scriptedTarget()
    const failing = scriptedTarget({
      beforeWrite: call => {
        if (call === 3) throw new DocferryError('DOCFERRY_TARGET', 'gone')
      }
    })
    const refusing = scriptedTarget({ refuseCollection: () => ({ code: 'DOCFERRY_COLLECTION_NAME', message: 'no' }) })
    const [report, error, refused] = await runAll(source, [whole.endpoint, failing.endpoint, refusing.endpoint])
    expect(totalCounts((report as RunReport).collections)).to.include({ read: 200, written: 200 })
    expect(error).to.include({ code: 'DOCFERRY_TARGET' })
    expect(refused).to.include({ code: 'DOCFERRY_COLLECTION_NAME' })
  })

  it('does not wait for a run that wants no more', async () => {
    const { source } = counting({ collections: { a: documents('a', 300) } })
    let passed = 0
    const limit: Stage = { name: 'limit', apply: document => (passed++ < 5 ? document : null), isSated: () => passed >= 5 }
    const [few, all] = [scriptedTarget(), scriptedTarget()]
    await runAll(source, [{ target: few.endpoint, stages: [limit] }, all.endpoint])
    expect([few, all].map(size)).to.deep.equal([5, 300])
  })

  it('goes as fast as the slowest', async () => {
    const { source, pages } = counting({ collections: { a: documents('a', 10_000) } })
    let release: (() => void) | undefined
    const gate = new Promise<void>(resolve => (release = resolve))
    const slow = scriptedTarget({ limits: { inFlight: 1 }, beforeWrite: () => gate })
    const running = runAll(source, [scriptedTarget().endpoint, slow.endpoint])
    while (slow.writes.length === 0) await new Promise(resolve => setImmediate(resolve))
    for (let turn = 0; turn < 2_000; turn++) await new Promise(resolve => setImmediate(resolve))
    expect(pages()).to.be.lessThan(40)
    release!()
    for (const report of await running) expect(report).to.include({ state: 'done' })
  })

  it('may be several sources, which are read in one order by all', async () => {
    const part = (name: string): Endpoint =>
      scriptedSource({ collections: { a: documents(`${name}a`, 25), b: documents(`${name}b`, 25) }, identity: name })
    const source = mergedSources([
      { name: 'x', endpoint: part('x') },
      { name: 'y', endpoint: part('y') }
    ])
    const targets = [scriptedTarget({ limits: { oneCollectionAtATime: true } }), scriptedTarget()]
    const reports = await runAll(
      source,
      targets.map(({ endpoint }) => endpoint)
    )
    for (const report of reports) expect(totalCounts((report as RunReport).collections)).to.include({ read: 100, written: 100 })
    expect(targets.map(size)).to.deep.equal([100, 100])
  })

  it('tells each run what its reader failed with', async () => {
    const source = scriptedSource({
      collections: { a: documents('a', 100) },
      beforePage: (_, page) => {
        if (page === 3) throw new DocferryError('DOCFERRY_READ', 'broken')
      }
    })
    const errors = await runAll(source, [scriptedTarget().endpoint, scriptedTarget().endpoint])
    for (const error of errors) expect(error).to.include({ code: 'DOCFERRY_READ' })
  })

  it('is left by a run that is interrupted', async () => {
    const controller = new AbortController()
    const source = scriptedSource({
      collections: { a: documents('a', 300) },
      beforePage: (_, page) => {
        if (page === 4) controller.abort()
      }
    })
    const target = scriptedTarget()
    const [stopped, whole] = await runAll(source, [{ target: scriptedTarget().endpoint, signal: controller.signal }, target.endpoint])
    expect(stopped).to.include({ code: 'DOCFERRY_INTERRUPTED' })
    expect(whole).to.include({ state: 'done' })
    expect(size(target)).to.equal(300)
  })
})
