/** Runs that are undone, over connectors in the spec's own hands. */
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { listRuns } from '../../lib/checkpoint/run-folder.ts'
import { DocferryError } from '../../lib/errors.ts'
import type { MigrateOptions } from '../../lib/options.ts'
import { migrate } from '../../lib/run.ts'
import type { RunReport } from '../../lib/report.ts'
import { undo as undoRun } from '../../lib/undo/undo.ts'
import type { UndoReport } from '../../lib/undo/report.ts'
import type { UndoOptions } from '../../lib/undo/undo.ts'
import { canonicalBytes, Decimal, Double, GeoPoint, Reference, Timestamp, ValueSet, Vector } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'
import { holdSyncs } from '../support/held-syncs.ts'
import { scriptedSource, scriptedTarget } from '../support/scripted-connector.ts'
import type { ScriptedTarget, TargetRecord } from '../support/scripted-connector.ts'

const make = (from: number, to: number, version: string): Document[] =>
  Array.from({ length: to - from }, (_, index) => ({ _id: `d${String(from + index).padStart(3, '0')}`, version }))
const ours = make(0, 30, 'ours')

const conflictOf = { skip: 'skipped', fail: { code: 'DOCFERRY_CONFLICT', message: 'there already', retryable: false } } as const

const everyKind: Document = {
  _id: 'd001',
  none: null,
  text: 'half \ud800 and "quotes"',
  whole: 12,
  large: 2n ** 70n,
  double: new Double(1),
  decimal: new Decimal('1.10000000000000000000000000000001'),
  time: new Timestamp(1_700_000_000, 123_456_789),
  bytes: Uint8Array.of(0, 255, 10),
  point: new GeoPoint(47.5, 8.5),
  reference: new Reference('agents/a'),
  vector: new Vector([1, -0.5]),
  set: new ValueSet(['a', 'b']),
  list: [[1], { deep: [true, false] }],
  map: { $date: 'no envelope', '': 1 }
}

describe('undo', () => {
  let stateDir: string
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'docferry-undo-'))
  })
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }))

  const couchdb = (script: ScriptedTarget = {}): TargetRecord => scriptedTarget({ provider: 'couchdb', ...script })
  const run = async (target: TargetRecord, options: Partial<MigrateOptions> = {}): Promise<RunReport> =>
    await migrate({
      source: scriptedSource({ collections: { agents: ours } }),
      target: target.endpoint,
      stateDir,
      retry: { baseMs: 1, capMs: 2 },
      ...options
    })
  const lastRun = async (): Promise<string> => (await listRuns(stateDir))[0]!.runId
  const undo = async (target: TargetRecord, options: Partial<UndoOptions> = {}): Promise<UndoReport> =>
    await undoRun({ run: await lastRun(), target: target.endpoint, stateDir, retry: { baseMs: 1, capMs: 2 }, ...options })
  const failure = async (work: Promise<unknown>): Promise<DocferryError> => {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown
    )
    expect(error).to.be.instanceOf(DocferryError)
    return error as DocferryError
  }
  const contents = (target: TargetRecord): Document[] =>
    [...(target.collections.get('agents')?.values() ?? [])].sort((a, b) => a._id.localeCompare(b._id))
  const journal = async (): Promise<string> => join(stateDir, 'runs', await lastRun(), 'undo.ndjson')
  const state = async (): Promise<string> => (await listRuns(stateDir))[0]!.state

  it('looks what would become of a run whose folder may only be read', async () => {
    const target = couchdb()
    const { runId } = await run(target)
    target.collections.get('agents')!.set('d003', { _id: 'd003', version: 'theirs' })
    const names = [stateDir, ...readdirSync(stateDir, { recursive: true, encoding: 'utf8' }).map(name => join(stateDir, name))]
    const isRoot = process.geteuid?.() === 0
    // Above it, others may have no business.
    const parent = dirname(stateDir)
    const { mode } = statSync(parent)
    if (isRoot) chmodSync(parent, mode | 0o011)
    for (const name of names) chmodSync(name, statSync(name).isDirectory() ? 0o555 : 0o444)
    if (isRoot) process.seteuid!(65_534)
    try {
      const report = await undoRun({ run: runId, target: target.endpoint, stateDir, dryRun: true })
      expect(report.collections[0]).to.include({ removed: 29, changed: 1 })
      expect(report.left).to.equal(undefined)
      expect(report.notes.join()).to.include('is not listed by name').and.include("can't be written to")
      const error = await undoRun({ run: runId, target: target.endpoint, stateDir }).catch((thrown: unknown) => thrown)
      expect(error).to.include({ code: 'DOCFERRY_STATE' })
    } finally {
      if (isRoot) process.seteuid!(0)
      if (isRoot) chmodSync(parent, mode)
      for (const name of names) chmodSync(name, 0o700)
    }
    expect(target.changes).to.deep.equal([])
  })

  it('removes what the run created, and the collection that it created', async () => {
    const target = couchdb()
    await run(target)
    const report = await undo(target)
    expect(report).to.include({ state: 'undone', dryRun: false })
    expect(report.collections[0]).to.include({
      name: 'agents',
      removed: 30,
      putBack: 0,
      already: 0,
      changed: 0,
      created: true,
      dropped: true
    })
    expect(target.collections.has('agents')).to.equal(false)
    expect(report.bytes.done).to.equal(report.bytes.total).and.to.be.greaterThan(0)
    expect(await state()).to.equal('undone')
  })

  it('keeps an empty collection that was there before', async () => {
    const target = couchdb({ held: { agents: [] } })
    await run(target)
    const report = await undo(target)
    expect(report.collections[0]).to.include({ removed: 30, created: false, dropped: false })
    expect(target.collections.get('agents')!.size).to.equal(0)
  })

  it('leaves what was skipped', async () => {
    const held = make(0, 10, 'theirs')
    const target = couchdb({ held: { agents: held } })
    await run(target)
    const report = await undo(target)
    expect(report.state).to.equal('undone')
    expect(report.collections[0]).to.include({ removed: 20, already: 0, unknown: 0 })
    expect(contents(target)).to.deep.equal(held)
  })

  for (const onConflict of ['skip', 'fail'] as const) {
    it(`leaves the equal of a document that somebody else made in a collection that was empty, with ${onConflict}`, async () => {
      const theirs: Document = { ...ours[3]! }
      const target = couchdb({
        outcome: id => (target.collections.get('agents')!.get(id) === theirs ? conflictOf[onConflict] : undefined),
        beforeWrite: call => void (call === 1 && target.collections.get('agents')!.set(theirs._id, theirs))
      })
      await run(target, { onConflict })
      expect(await undo(target)).to.include({ state: 'undone' })
      expect([...target.collections.get('agents')!.values()]).to.deep.equal([theirs])
    })
  }

  it('names and counts a document that was changed, whatever a filter of ids would take it for', async () => {
    // By hashes of its bits, d0008472 looks as if it had come before among these.
    const many = Array.from({ length: 20_000 }, (_, index) => ({ _id: `d${String(index).padStart(7, '0')}`, version: 'ours' }))
    const target = couchdb()
    await run(target, { source: scriptedSource({ collections: { agents: many } }) })
    target.collections.get('agents')!.set('d0008472', { _id: 'd0008472', version: 'edited' })
    for (const dryRun of [true, false]) {
      const report = await undo(target, { dryRun })
      expect(report).to.include({ state: 'partial' })
      expect(report.collections[0]).to.include({ removed: 19_999, changed: 1, already: 0 })
      expect(readFileSync(report.left!, 'utf8').trim().split('\n')).to.deep.equal([
        '{"collection":"agents","id":"d0008472","code":"DOCFERRY_CHANGED_SINCE"}'
      ])
    }
    expect(contents(target).map(({ _id }) => _id)).to.deep.equal(['d0008472'])
  })

  it('puts back exactly what an overwrite replaced, values of every kind', async () => {
    const held = [make(0, 1, 'theirs')[0]!, everyKind]
    const target = couchdb({ held: { agents: held } })
    await run(target, { onConflict: 'overwrite', undo: 'all' })
    expect(contents(target)).to.deep.equal(ours)
    const report = await undo(target)
    expect(report.collections[0]).to.include({ removed: 28, putBack: 2, changed: 0, unknown: 0 })
    expect(contents(target).map(document => canonicalBytes(document))).to.deep.equal(held.map(document => canonicalBytes(document)))
    expect(contents(target)[1]).to.deep.equal(everyKind)
    expect(statSync(await journal()).mode & 0o777).to.equal(0o600)
  })

  describe('where the target tells 1 from 1.0', () => {
    const whole: Document = { _id: 'd001', n: 1 }
    const double: Document = { _id: 'd001', n: new Double(1) }
    const source = (document: Document) => ({ source: scriptedSource({ collections: { agents: [document] } }) })

    it('puts back what was replaced by its equal of another kind', async () => {
      for (const [held, written] of [
        [whole, double],
        [double, whole]
      ] as const) {
        const target = couchdb({ keepsKinds: true, held: { agents: [held] } })
        await run(target, { ...source(written), onConflict: 'overwrite', undo: 'all' })
        expect(contents(target)).to.deep.equal([written])
        expect((await undo(target)).collections[0]).to.include({ putBack: 1, already: 0 })
        expect(contents(target)).to.deep.equal([held])
        expect((await undo(target)).collections[0]).to.include({ putBack: 0, already: 1, changed: 0 })
      }
    })

    it('leaves what somebody has changed from one to the other', async () => {
      for (const [written, since] of [
        [whole, double],
        [double, whole]
      ] as const) {
        const target = couchdb({ keepsKinds: true })
        await run(target, source(written))
        target.collections.get('agents')!.set('d001', since)
        expect((await undo(target)).collections[0]).to.include({ removed: 0, changed: 1 })
        expect(contents(target)).to.deep.equal([since])
      }
    })

    it('goes by the values alone where the journal tells no more', async () => {
      const target = couchdb({ keepsKinds: true, held: { agents: [{ _id: 'd001', n: 2 }] } })
      await run(target, { ...source(whole), onConflict: 'overwrite', undo: 'all' })
      const path = await journal()
      writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/"\w+Kinds":"[^"]*",?/g, ''))
      target.collections.get('agents')!.set('d001', double)
      expect((await undo(target)).collections[0]).to.include({ putBack: 1, changed: 0 })
    })

    it('goes by the values alone where the target does not', async () => {
      const target = couchdb()
      await run(target, source(double))
      target.collections.get('agents')!.set('d001', whole)
      expect((await undo(target)).collections[0]).to.include({ removed: 1, changed: 0 })
    })
  })

  it('leaves and names what was changed or removed since, each as what it is', async () => {
    const target = couchdb({ held: { agents: make(0, 10, 'theirs') } })
    await run(target, { onConflict: 'overwrite', undo: 'all' })
    const agents = target.collections.get('agents')!
    agents.set('d003', { _id: 'd003', version: 'newer' })
    agents.set('d020', { _id: 'd020', version: 'newer' })
    agents.delete('d004')
    agents.delete('d021')
    const report = await undo(target)
    expect(report.state).to.equal('partial')
    expect(report.collections[0]).to.include({ removed: 18, putBack: 8, already: 1, changed: 2, gone: 1, created: false })
    expect(report.collections[0]!.changedExamples).to.have.members(['d020', 'd003'])
    expect(report.collections[0]!.goneExamples).to.deep.equal(['d004'])
    expect(agents.get('d003')).to.deep.equal({ _id: 'd003', version: 'newer' })
    expect(agents.get('d020')).to.deep.equal({ _id: 'd020', version: 'newer' })
    expect(agents.has('d004')).to.equal(false)
    const lines = readFileSync(report.left!, 'utf8').trim().split('\n')
    const left = lines.map(line => JSON.parse(line) as object)
    expect(left).to.deep.include({ collection: 'agents', id: 'd003', code: 'DOCFERRY_CHANGED_SINCE' })
    expect(left).to.deep.include({ collection: 'agents', id: 'd004', code: 'DOCFERRY_REMOVED_SINCE' })
    expect(left).to.have.length(3)
    expect(await state()).to.equal('partly undone')
  })

  it('changes nothing in a dry run, and says the same', async () => {
    const target = couchdb({ held: { agents: make(0, 10, 'theirs') } })
    await run(target, { onConflict: 'overwrite', undo: 'all' })
    target.collections.get('agents')!.set('d003', { _id: 'd003', version: 'newer' })
    target.collections.get('agents')!.delete('d005')
    const before = contents(target)
    const changes = target.changes.length
    const foretold = await undo(target, { dryRun: true })
    expect(contents(target)).to.deep.equal(before)
    expect(target.changes).to.have.length(changes)
    expect(await state()).to.equal('done')
    const report = await undo(target)
    for (const key of ['removed', 'putBack', 'already', 'changed', 'gone', 'failed', 'unknown'] as const)
      expect(foretold.collections[0]![key], key).to.equal(report.collections[0]![key])
    expect(foretold.state).to.equal(report.state)
  })

  it('does no harm a second time', async () => {
    const held = make(0, 10, 'theirs')
    const target = couchdb({ held: { agents: held } })
    await run(target, { onConflict: 'overwrite', undo: 'all' })
    await undo(target)
    const report = await undo(target)
    expect(report.state).to.equal('undone')
    expect(report.collections[0]).to.include({ removed: 0, putBack: 0, already: 30, changed: 0 })
    expect(contents(target)).to.deep.equal(held)
  })

  for (const dryRun of [true, false]) {
    it(`comes out right where an id came several times${dryRun ? ', in a dry run' : ''}`, async () => {
      const versions = ['one', 'two', 'three'].flatMap(version => make(0, 15, version))
      const held = make(0, 5, 'theirs')
      const target = couchdb({ held: { agents: held } })
      const source = scriptedSource({ collections: { agents: versions }, uniqueIds: false })
      await run(target, { source, onConflict: 'overwrite', undo: 'all' })
      expect(contents(target)).to.deep.equal(make(0, 15, 'three'))
      const report = await undo(target, { dryRun })
      expect(report.collections[0]).to.include({ removed: 10, putBack: 5, already: 0, changed: 0 })
      expect(report.state).to.equal('undone')
      if (!dryRun) expect(contents(target)).to.deep.equal(held)
    })
  }

  it('says how many documents it knows nothing of, where overwriting was not made undoable', async () => {
    const target = couchdb({ held: { agents: make(0, 10, 'theirs') } })
    await run(target, { onConflict: 'overwrite' })
    const report = await undo(target)
    expect(report.state).to.equal('partial')
    expect(report.collections[0]).to.include({ removed: 0, unknown: 30 })
    expect(contents(target)).to.deep.equal(ours)
  })

  it('undoes an overwrite into an empty collection by itself', async () => {
    const target = couchdb()
    await run(target, { onConflict: 'overwrite' })
    expect((await undo(target)).collections[0]).to.include({ removed: 30, unknown: 0 })
  })

  for (const mode of ['created', 'all'] as const) {
    it(`undoes a run that went on (${mode})`, async () => {
      const held = make(0, 10, 'theirs')
      const target = couchdb({ held: { agents: held } })
      let broken = false
      const source = scriptedSource({
        collections: { agents: ours },
        beforePage(_, page) {
          if (page !== 2 || broken) return
          broken = true
          throw new DocferryError('DOCFERRY_READ', 'the source broke')
        }
      })
      const options = { source, undo: mode, onConflict: mode === 'all' ? 'overwrite' : 'skip' } as const
      await failure(run(target, options))
      const resume = await lastRun()
      await run(target, { source, onConflict: options.onConflict, resume })
      const report = await undo(target)
      expect(report.collections[0]).to.include({ removed: 20, putBack: mode === 'all' ? 10 : 0, changed: 0, unknown: 0 })
      expect(contents(target)).to.deep.equal(held)
    })
  }

  it('knows of documents whose write was cut by the death of the process', async () => {
    for (const held of [undefined, { agents: make(0, 10, 'theirs') }]) {
      const target = couchdb({
        held,
        beforeWrite: call => {
          if (call === 2) throw new DocferryError('DOCFERRY_TARGET', 'gone')
        }
      })
      const options = held ? ({ undo: 'all', onConflict: 'overwrite' } as const) : {}
      await failure(run(target, options))
      // As if the cut write had been applied after all.
      for (const document of ours.slice(10, 20)) target.collections.get('agents')!.set(document._id, document)
      const report = await undo(target)
      expect(report.state).to.equal('undone')
      expect(report.notes).to.deep.equal([])
      expect(contents(target)).to.deep.equal(held?.agents ?? [])
    }
  })

  it('leaves a document that equals what the run would have written, if it may have been there before', async () => {
    const target = couchdb({
      held: { agents: make(0, 10, 'ours') },
      beforeWrite: call => {
        if (call === 1) throw new DocferryError('DOCFERRY_CONNECT', 'no answer', { retryable: true })
      }
    })
    const moved = await run(target)
    // After a lost answer an equal document is taken for the run's own.
    expect(moved.collections[0]).to.include({ written: 30 })
    const report = await undo(target)
    expect(report.collections[0]).to.include({ removed: 20, unknown: 10 })
    expect(contents(target)).to.deep.equal(make(0, 10, 'ours'))
  })

  for (const onConflict of ['skip', 'fail'] as const) {
    it(`leaves the equals that somebody else made while the run was stopped, with ${onConflict}, and says so`, async () => {
      const target = couchdb({
        limits: { inFlight: 1 },
        beforeWrite: call => {
          if (call === 2) throw new DocferryError('DOCFERRY_TARGET', 'gone')
        },
        outcome: (id, call) => (call > 2 && target.collections.get('agents')!.has(id) ? conflictOf[onConflict] : undefined)
      })
      await failure(run(target, { onConflict }))
      const runId = await lastRun()
      // What the cut call had written after all is the run's own, what comes behind it is not.
      for (const document of [...ours.slice(10, 20), ...ours.slice(25)]) target.collections.get('agents')!.set(document._id, document)
      const resumed = await run(target, { onConflict, resume: runId })
      expect(resumed).to.include({ state: 'done' })
      expect(resumed.collections[0]).to.include({ written: 30 })
      const report = await undo(target)
      expect(report.state).to.equal('partial')
      expect(report.collections[0]).to.include({ removed: 25, unknown: 5 })
      expect(contents(target)).to.deep.equal(ours.slice(25))
    })
  }

  it('puts back what an undoable overwrite has replaced in a collection that was empty when the run began', async () => {
    const target = couchdb({
      limits: { inFlight: 1 },
      beforeWrite: call => {
        if (call === 2) throw new DocferryError('DOCFERRY_TARGET', 'gone')
      }
    })
    const options = { onConflict: 'overwrite', undo: 'all' } as const
    await failure(run(target, options))
    // Of what had been sent before, one; of what comes behind it, some, of which one equals what the run writes.
    const theirs = [...make(12, 13, 'theirs'), ...make(25, 29, 'theirs'), ...ours.slice(29)]
    for (const document of theirs) target.collections.get('agents')!.set(document._id, document)
    const resumed = await run(target, { ...options, resume: await lastRun() })
    expect(resumed.collections[0]).to.include({ written: 30 })
    expect(contents(target)).to.deep.equal(ours)
    const report = await undo(target)
    expect(report.state).to.equal('undone')
    expect(report.collections[0]).to.include({ removed: 24, putBack: 5, changed: 0, unknown: 0 })
    expect(contents(target)).to.deep.equal(theirs)
  })

  it('puts back what it meets of others where the target refuses what it holds, though the collection was empty at first', async () => {
    const theirs = [...make(5, 7, 'theirs'), ...ours.slice(7, 8)]
    const target = couchdb({
      limits: { inFlight: 1 },
      beforeWrite: call => {
        if (call === 1) for (const document of theirs) target.collections.get('agents')!.set(document._id, document)
      },
      outcome: (id, call) => (call === 1 && theirs.some(({ _id }) => _id === id) ? conflictOf.fail : undefined)
    })
    await run(target, { onConflict: 'overwrite', undo: 'all' })
    expect(contents(target)).to.deep.equal(ours)
    for (const dryRun of [true, false])
      expect((await undo(target, { dryRun })).collections[0]).to.include({ removed: 27, putBack: 2, changed: 0, unknown: 0 })
    expect(contents(target)).to.deep.equal(theirs)
  })

  it('says that documents may remain of a run that did not come to its end', async () => {
    const target = couchdb({
      held: { agents: make(90, 91, 'theirs') },
      beforeWrite: call => {
        if (call === 2) throw new DocferryError('DOCFERRY_TARGET', 'gone')
      }
    })
    await failure(run(target))
    const report = await undo(target)
    expect(report).to.include({ state: 'partial', mayRemain: true })
    expect(report.notes.join()).to.include('did not come to its end').and.include('stays').and.not.include('resume')
  })

  it('counts what a lost answer did as done', async () => {
    let toLose = 0
    const target = couchdb({
      held: { agents: make(0, 10, 'theirs') },
      afterChange: () => {
        if (toLose-- > 0) throw new DocferryError('DOCFERRY_CONNECT', 'no answer', { retryable: true })
      }
    })
    await run(target, { onConflict: 'overwrite', undo: 'all' })
    toLose = 2
    const report = await undo(target)
    expect(report.collections[0]).to.include({ removed: 20, putBack: 10, already: 0, changed: 0 })
    expect(report.retries).to.equal(2)
  })

  it('leaves a document that somebody changes in between', async () => {
    const target: TargetRecord = couchdb({
      beforeChange: (_, ids) => {
        if (ids.includes('d005') && ids.length > 1) target.collections.get('agents')!.set('d005', { _id: 'd005', version: 'newer' })
      }
    })
    await run(target)
    const report = await undo(target)
    expect(report.collections[0]).to.include({ removed: 29, changed: 1, dropped: false })
    expect(contents(target)).to.deep.equal([{ _id: 'd005', version: 'newer' }])
  })

  it('stops when it is told to, and goes on when it is begun again', async () => {
    const controller = new AbortController()
    const target = couchdb({ limits: { inFlight: 1 }, beforeChange: () => controller.abort() })
    await run(target)
    const error = await failure(undo(target, { signal: controller.signal }))
    expect(error.code).to.equal('DOCFERRY_INTERRUPTED')
    expect(contents(target)).to.have.length.within(1, 29)
    expect(await state()).to.equal('partly undone')
    const report = await undo(target)
    expect(report.state).to.equal('undone')
    expect(contents(target)).to.deep.equal([])
  })

  it('is not gone on with any more', async () => {
    const target = couchdb()
    let broken = false
    const source = scriptedSource({
      collections: { agents: ours },
      beforePage(_, page) {
        if (page !== 2 || broken) return
        broken = true
        throw new DocferryError('DOCFERRY_READ', 'the source broke')
      }
    })
    await failure(run(target, { source }))
    const resume = await lastRun()
    await undo(target)
    const error = await failure(run(target, { source, resume }))
    expect(error.code).to.equal('DOCFERRY_RUN_UNFIT')
    expect(error.message).to.include('was undone')
    expect(contents(target)).to.deep.equal([])
  })

  it('refuses another place', async () => {
    const target = couchdb()
    await run(target)
    const elsewhere = couchdb({ identity: 'elsewhere', held: { agents: ours } })
    const error = await failure(undo(elsewhere))
    expect(error.code).to.equal('DOCFERRY_CONFIG')
    expect(contents(elsewhere)).to.have.length(30)
    expect(await state()).to.equal('done')
  })

  it('asks for a target that the run does not know', async () => {
    const target = couchdb()
    await run(target)
    const error = await failure(undoRun({ run: await lastRun(), stateDir }))
    expect(error.code).to.equal('DOCFERRY_CONFIG')
    expect(error.message).to.include('--target')
  })

  it('says that nothing was kept', async () => {
    const target = couchdb()
    await run(target, { undo: 'none' })
    expect(existsSync(await journal())).to.equal(false)
    const error = await failure(undo(target))
    expect(error.code).to.equal('DOCFERRY_RUN_UNFIT')
    expect(error.message).to.include('--no-undo')
  })

  it('keeps what it kept when a run goes on, whatever it is asked', async () => {
    const target = couchdb()
    let broken = false
    const source = scriptedSource({
      collections: { agents: ours },
      beforePage() {
        if (broken) return
        broken = true
        throw new DocferryError('DOCFERRY_READ', 'the source broke')
      }
    })
    await failure(run(target, { source, undo: 'none' }))
    const resume = await lastRun()
    expect((await failure(run(target, { source, resume, undo: 'all' }))).message).to.include('undo: was none, now all')
    await run(target, { source, resume })
    expect(existsSync(await journal())).to.equal(false)
  })

  it('names the file of an export, to be removed by hand', async () => {
    const file = join(stateDir, 'out.ndjson')
    await migrate({ source: scriptedSource({ collections: { agents: ours } }), target: file, stateDir })
    const error = await failure(undoRun({ run: await lastRun(), stateDir }))
    expect(error.code).to.equal('DOCFERRY_RUN_UNFIT')
    expect(error.message).to.include(file)
    expect(existsSync(file)).to.equal(true)
  })

  it('says of an export that can not be looked at any more where it was written', async () => {
    const folder = join(stateDir, 'exports')
    mkdirSync(folder)
    const file = join(folder, 'out.ndjson')
    await migrate({ source: scriptedSource({ collections: { agents: ours } }), target: file, stateDir })
    rmSync(folder, { recursive: true })
    symlinkSync('exports', folder)
    const { code, message } = await failure(undoRun({ run: await lastRun(), stateDir }))
    expect(code).to.equal('DOCFERRY_RUN_UNFIT')
    expect(message).to.include(`wrote to ${file}`).and.include('ELOOP')
  })

  it('names no file that was there before a run which did not finish its own', async () => {
    const file = join(stateDir, 'out.ndjson')
    writeFileSync(file, '{"_id":"older"}\n')
    let pages = 0
    const source = scriptedSource({
      collections: { agents: ours },
      pageSize: 5,
      beforePage() {
        if (++pages > 2) throw new DocferryError('DOCFERRY_READ', 'the source broke')
      }
    })
    const target = { connector: 'file', options: { path: file, force: true } } as const
    await failure(migrate({ source, target, stateDir }))
    const [partial] = readdirSync(stateDir).filter(name => name.startsWith('out.ndjson.partial-'))
    const error = await failure(undoRun({ run: await lastRun(), stateDir }))
    expect(error.message).to.include(`remove ${join(stateDir, partial!)} by hand; ${file} is not of this run, and stays`)
    expect(readFileSync(file, 'utf8')).to.equal('{"_id":"older"}\n')
  })

  it('names no file that has taken the place of the one that the run made', async () => {
    const file = join(stateDir, 'out.ndjson')
    const source = scriptedSource({ collections: { agents: ours } })
    await migrate({ source, target: file, stateDir })
    const before = await lastRun()
    await migrate({ source, target: { connector: 'file', options: { path: file, force: true } }, stateDir })
    expect((await failure(undoRun({ run: before, stateDir }))).message).to.include('is not of this run')
  })

  it('refuses to keep what an export replaces', async () => {
    const error = await failure(
      migrate({ source: scriptedSource({ collections: { agents: ours } }), target: join(stateDir, 'out.ndjson'), stateDir, undo: 'all' })
    )
    expect(error.code).to.equal('DOCFERRY_CONFIG')
    expect(error.message).to.include('--undoable')
  })

  it('stops at a line that is damaged, and undoes nothing in front of it', async () => {
    const target = couchdb()
    await run(target)
    const path = await journal()
    const lines = readFileSync(path, 'utf8').split('\n')
    lines[4] = lines[4]!.slice(0, -8)
    writeFileSync(path, lines.join('\n'))
    const error = await failure(undo(target))
    expect(error.code).to.equal('DOCFERRY_STATE')
    expect(error.message).to.include(`${path} can't be used: line 5`)
    expect(contents(target).length).to.be.at.least(5)
  })

  it('takes no harm from a line that is cut off', async () => {
    const target = couchdb()
    await run(target)
    appendFileSync(await journal(), '{"in":"agents","id":"d0')
    expect((await undo(target)).collections[0]).to.include({ removed: 30 })
  })

  it('has what it needs on its way to the disk before the last batch is answered', async () => {
    const disk = await holdSyncs(stateDir)
    try {
      const target = couchdb({
        beforeWrite: async () => {
          await disk.reached
          disk.goOn()
        }
      })
      const source = scriptedSource({ collections: { agents: ours }, pageSize: 50 })
      expect(await run(target, { source, checkpointMs: 60_000 })).to.include({ state: 'done' })
    } finally {
      disk.restore()
    }
  })

  it('is not done where the disk did not take what it needs, and can be undone all the same', async () => {
    const disk = await holdSyncs(stateDir)
    const target = couchdb()
    try {
      disk.fail(new Error('input/output error'))
      const error = await failure(run(target, { checkpointMs: 60_000 }))
      expect(error.code).to.equal('DOCFERRY_STATE')
      expect(error.message).to.include('input/output error')
    } finally {
      disk.restore()
    }
    expect(contents(target)).to.have.length(30)
    expect((await undo(target)).collections[0]).to.include({ removed: 30 })
  })

  it('keeps no secret and no document where nothing was replaced', async () => {
    const target = couchdb()
    await run(target, { source: scriptedSource({ collections: { agents: [{ _id: 'a', api_key: 'sk-very-secret' }] } }) })
    expect(readFileSync(await journal(), 'utf8')).to.match(/^\{"in":"agents","id":"a","after":"[\w-]{22}"\}\n$/)
  })
})
