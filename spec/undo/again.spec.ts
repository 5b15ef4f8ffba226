/** Runs whose undoing is begun again, over a target in the spec's own hands. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import { migrate } from '../../lib/run.ts'
import type { MigrateOptions } from '../../lib/options.ts'
import type { RunReport } from '../../lib/report.ts'
import { undo as undoRun } from '../../lib/undo/undo.ts'
import type { UndoReport } from '../../lib/undo/report.ts'
import type { UndoOptions } from '../../lib/undo/undo.ts'
import type { Document } from '../../lib/values/index.ts'
import { scriptedSource, scriptedTarget } from '../support/scripted-connector.ts'
import type { ScriptedTarget, TargetRecord } from '../support/scripted-connector.ts'

const make = (from: number, to: number, version: string): Document[] =>
  Array.from({ length: to - from }, (_, index) => ({ _id: `d${String(from + index).padStart(3, '0')}`, version }))
const ours = make(0, 30, 'ours')

describe('undo, done again', () => {
  let stateDir: string
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'docferry-undo-'))
  })
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }))

  const retry = { baseMs: 1, capMs: 2 }
  const couchdb = (script: ScriptedTarget = {}): TargetRecord => scriptedTarget({ provider: 'couchdb', limits: { inFlight: 1 }, ...script })
  const run = async (target: TargetRecord, options: Partial<MigrateOptions> = {}): Promise<RunReport> =>
    await migrate({ source: scriptedSource({ collections: { agents: ours } }), target: target.endpoint, stateDir, retry, ...options })
  const undo = async (target: TargetRecord, { runId }: RunReport, options: Partial<UndoOptions> = {}): Promise<UndoReport> =>
    await undoRun({ run: runId, target: target.endpoint, stateDir, retry, ...options })
  const held = (target: TargetRecord): Map<string, Document> => target.collections.get('agents')!
  const contents = (target: TargetRecord): Document[] => [...held(target).values()].sort((a, b) => a._id.localeCompare(b._id))
  const progress = ({ runId }: RunReport): string => join(stateDir, 'runs', runId, 'undo-progress.json')

  for (const options of [{}, { dryRun: true }]) {
    it(`leaves what came since in the place of what was removed${options.dryRun ? ', in a dry run too' : ''}`, async () => {
      const target = couchdb()
      const first = await run(target)
      await undo(target, first)
      await run(target)
      const report = await undo(target, first, options)
      expect(report.state).to.equal('undone')
      expect(report.collections[0]).to.include({ removed: 0, already: 30, dropped: false })
      expect(report.notes.join()).to.match(/^it was undone at .* is not its own, and stays$/)
      expect(contents(target)).to.deep.equal(ours)
    })
  }

  it('leaves a collection that came since, though it is empty', async () => {
    const target = couchdb()
    const first = await run(target)
    await undo(target, first)
    target.collections.set('agents', new Map())
    await undo(target, first)
    expect(target.collections.has('agents')).to.equal(true)
  })

  it('leaves what came since in the place of what was put back', async () => {
    const target = couchdb({ held: { agents: make(0, 30, 'theirs') } })
    const first = await run(target, { onConflict: 'overwrite', undo: 'all' })
    await undo(target, first)
    await run(target, { onConflict: 'overwrite' })
    expect((await undo(target, first)).collections[0]).to.include({ putBack: 0, already: 30 })
    expect(contents(target)).to.deep.equal(ours)
  })

  it('leaves what came since in the place of what had been undone when it was stopped, and undoes the rest', async () => {
    const controller = new AbortController()
    const target = couchdb({ beforeChange: () => controller.abort() })
    const first = await run(target)
    await undo(target, first, { signal: controller.signal }).catch(() => undefined)
    const undone = ours.filter(({ _id }) => !held(target).has(_id))
    expect(undone).to.have.length.within(1, 29)
    for (const document of undone) held(target).set(document._id, document)
    const report = await undo(target, first)
    expect(report.state).to.equal('undone')
    expect(report.collections[0]).to.include({ removed: 30 - undone.length, already: undone.length })
    expect(contents(target)).to.deep.equal(undone)
  })

  it('has on disk what is undone while it goes on, for its owner only and without a document', async () => {
    let seen = ''
    const target = couchdb({
      async beforeChange(call) {
        if (call === 1) return
        while (!existsSync(progress(first))) await turn()
        seen = readFileSync(progress(first), 'utf8')
      }
    })
    const first = await run(target)
    await undo(target, first)
    expect(seen).to.match(/"content":\{"to":[1-9]\d*,"left":\[\]\}\}\n$/)
    expect(statSync(progress(first)).mode & 0o777).to.equal(0o600)
  })

  it('looks again at what it had left, and at nothing else', async () => {
    const target = couchdb()
    const first = await run(target)
    held(target).set('d007', { _id: 'd007', version: 'changed' })
    expect((await undo(target, first)).collections[0]).to.include({ removed: 29, changed: 1 })
    for (const document of ours) held(target).set(document._id, document)
    expect((await undo(target, first)).collections[0]).to.include({ removed: 1, already: 29, changed: 0 })
    expect(contents(target)).to.deep.equal(ours.filter(({ _id }) => _id !== 'd007'))
  })
})
