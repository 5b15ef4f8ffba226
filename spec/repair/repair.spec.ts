import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { memoryConnector } from '../../lib/connectors/memory/index.ts'
import type { MemoryStore } from '../../lib/connectors/memory/store.ts'
import { createMemoryStore } from '../../lib/connectors/memory/store.ts'
import type { DocferryError } from '../../lib/errors.ts'
import type { Endpoint } from '../../lib/open.ts'
import { parseStage } from '../../lib/registry.ts'
import { repair } from '../../lib/repair/repair.ts'
import type { RepairOptions } from '../../lib/repair/options.ts'
import type { RepairReport } from '../../lib/repair/report.ts'
import { totalCounts } from '../../lib/report.ts'
import type { Connector, Document, Target } from '../../lib/types.ts'
import { verify } from '../../lib/verify/verify.ts'
import { migrate } from '../support/migrate.ts'
import { hooked, storeWith } from '../verify/hooked.ts'

const endpoint = (store: MemoryStore): Endpoint => ({ connector: 'memory', options: { store } })
/** With some methods of the target replaced. */
const endpointWith = (store: MemoryStore, change: (opened: Target) => Partial<Target>): Endpoint => {
  const connector: Connector<{ store: MemoryStore }> = {
    ...memoryConnector,
    configure: () => ({ store }),
    async openTarget(options, context) {
      const opened: Target = await memoryConnector.openTarget(options, context)
      return { ...opened, ...change(opened) }
    }
  }
  return { connector: connector as Connector, options: { store } }
}
const numbered = (count: number): Document[] => Array.from({ length: count }, (_, index) => ({ _id: `d${index}`, n: index }))
const held = (store: MemoryStore, name = 'a'): Document[] =>
  [...(store.collections.get(name)?.values() ?? [])].sort((a, b) => a._id.localeCompare(b._id))

describe('repair()', () => {
  let stateDir: string
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'docferry-repair-'))
  })
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }))

  const run = (options: Omit<RepairOptions, 'stateDir'>): Promise<RepairReport> => repair({ stateDir, settleMs: 1, ...options })
  const failure = async (options: Omit<RepairOptions, 'stateDir'>): Promise<DocferryError> => {
    try {
      await run(options)
    } catch (error) {
      return error as DocferryError
    }
    throw new Error('did not fail')
  }
  /** Missing d1 and d7, another d3, and one that only the target holds. */
  const planted = (): { source: MemoryStore; target: MemoryStore } => {
    const documents = numbered(30)
    const others = documents.filter(({ _id }) => _id !== 'd1' && _id !== 'd7').map(each => (each._id === 'd3' ? { ...each, n: -3 } : each))
    return { source: storeWith(documents), target: storeWith([...others, { _id: 'extra', secret: 'hidden' }]) }
  }

  it('writes what is missing, replaces what differs, and leaves the rest as it is', async () => {
    const { source, target } = planted()
    const before = new Map(target.collections.get('a'))
    const report = await run({ source: endpoint(source), target: endpoint(target) })
    expect(held(target).filter(({ _id }) => _id !== 'extra')).to.deep.equal(held(source))
    expect(target.collections.get('a')!.get('d5')).to.equal(before.get('d5'))
    expect(report.collections[0]).to.include({ write: 2, replace: 1, remove: 1 })
    expect(report.collections[0]!.first).to.deep.include({ replace: ['d3'], remove: ['extra'] })
    expect(report.collections[0]!.first.write).to.have.members(['d1', 'd7'])
    expect(totalCounts(report.run!.collections)).to.include({ read: 30, written: 3, filtered: 27 })
    expect(report.run!.collections[0]!.filteredBy).to.deep.equal({ 'already right': 27 })
  })

  it('is different where extra documents are left, and says what removes them', async () => {
    const { source, target } = planted()
    const report = await run({ source: endpoint(source), target: endpoint(target) })
    expect(report.state).to.equal('different')
    expect(report.after!.collections[0]).to.include({ missing: 0, different: 0, extra: 1 })
    expect(report.notes.join()).to.include('--delete-extra')
    expect(target.collections.get('a')!.has('extra')).to.equal(true)
  })

  it('removes what only the target holds with deleteExtra, and keeps it where it can be imported from', async () => {
    const { source, target } = planted()
    target.collections.set('unasked', new Map([['x', { _id: 'x' }]]))
    const report = await run({ source: endpoint(source), target: endpoint(target), deleteExtra: true })
    expect(report.state).to.equal('equal')
    expect(held(target)).to.deep.equal(held(source))
    expect(held(target, 'unasked')).to.have.length(1)
    expect(report.collections[0]!.removed).to.deep.equal({ removed: 1, changed: 0, gone: 0, notKept: 0, failed: 0 })
    expect(report.removed).to.equal(join(stateDir, 'runs', report.run!.runId, 'removed.ndjson'))
    expect(statSync(report.removed!).mode & 0o777).to.equal(0o600)
    const back = createMemoryStore()
    await migrate({ source: `file:${report.removed}`, target: endpoint(back) })
    expect(held(back)).to.deep.equal([{ _id: 'extra', secret: 'hidden' }])
  })

  it('has each document in a whole file before it is removed', async () => {
    const source = storeWith(numbered(3))
    const target = storeWith([...numbered(3), { _id: 'extra-1' }, { _id: 'extra-2' }])
    const seen: unknown[] = []
    const place = endpointWith(target, opened => ({
      limits: { ...opened.limits, batchCount: 1 },
      async change(collection, changes, options) {
        const [runId] = readdirSync(join(stateDir, 'runs'))
        const kept = createMemoryStore()
        await migrate({ source: `file:${join(stateDir, 'runs', runId!, 'removed.ndjson')}`, target: endpoint(kept) })
        seen.push([changes.map(change => change.seen.document._id), held(kept).map(({ _id }) => _id)])
        return await opened.change!(collection, changes, options)
      }
    }))
    const report = await run({ source: endpoint(source), target: place, deleteExtra: true })
    expect(report.state).to.equal('equal')
    expect(seen).to.have.length(2)
    const [[first], [second]] = seen as [[string[], string[]], [string[], string[]]]
    expect(seen).to.deep.equal([
      [first, first],
      [second, ['extra-1', 'extra-2']]
    ])
  })

  it('refuses deleteExtra where the source holds what the target can not, perhaps under the id that is extra', async () => {
    const source = storeWith([...numbered(3), { _id: 'a/b' }])
    const target = storeWith([...numbered(3), { _id: 'a_b' }])
    const place = endpointWith(target, opened => ({
      encode: (collection, document, onConversion) =>
        document._id.includes('/')
          ? { code: 'DOCFERRY_BAD_ID', message: 'no / in an id' }
          : opened.encode(collection, document, onConversion)
    }))
    const error = await failure({ source: endpoint(source), target: place, deleteExtra: true })
    expect(error).to.include({ code: 'DOCFERRY_EXTRA', exitCode: 60 })
    expect(error.message).to.include('--delete-extra').and.include("documents that the target can't hold")
    expect(target.collections.get('a')!.has('a_b')).to.equal(true)
  })

  it('removes nothing where the source has lost meanwhile what it held', async () => {
    const { source, target } = planted()
    const report = await run({
      source: endpoint(source),
      target: endpoint(target),
      deleteExtra: true,
      onPlan: () => source.collections.get('a')!.clear()
    })
    expect(report.state).to.equal('different')
    expect(report.notes.join()).to.include('nothing was removed')
    expect(target.collections.get('a')!.has('extra')).to.equal(true)
  })

  it('reads the source only for what is to be written', async () => {
    const { source, target } = planted()
    target.collections.set('a', new Map([...source.collections.get('a')!, ['extra', { _id: 'extra' }]]))
    const report = await run({ source: endpoint(source), target: endpoint(target), deleteExtra: true })
    expect(report.state).to.equal('equal')
    expect(totalCounts(report.run!.collections).read).to.equal(0)
  })

  it('does nothing where nothing differs', async () => {
    const store = storeWith(numbered(5))
    const report = await run({ source: endpoint(store), target: endpoint(storeWith(numbered(5))), deleteExtra: true })
    expect(report.state).to.equal('equal')
    expect(report).to.not.have.any.keys('run', 'after')
    expect(readdirSync(stateDir)).to.not.include('runs')
  })

  it('changes nothing in a dry run, and tells the same', async () => {
    const { source, target } = planted()
    const before = held(target)
    const report = await run({ source: endpoint(source), target: endpoint(target), deleteExtra: true, dryRun: true })
    expect(report.state).to.equal('different')
    expect(report).to.not.have.any.keys('run', 'after', 'removed')
    expect(report.collections[0]).to.include({ write: 2, replace: 1, remove: 1 })
    expect(held(target)).to.deep.equal(before)
    expect(readdirSync(stateDir)).to.not.include('runs')
  })

  it('tells what it is about to do before it does it', async () => {
    const { source, target } = planted()
    const before = held(target)
    const error = await failure({
      source: endpoint(source),
      target: endpoint(target),
      onPlan(report) {
        expect(report.collections[0]).to.include({ write: 2, replace: 1, remove: 1 })
        expect(held(target)).to.deep.equal(before)
        throw new Error('no')
      }
    })
    expect(error.message).to.equal('no')
    expect(held(target)).to.deep.equal(before)
  })

  it('writes a collection that the target lacks', async () => {
    const source = storeWith(numbered(20))
    const target = createMemoryStore()
    const report = await run({ source: endpoint(source), target: endpoint(target) })
    expect(report.collections[0]).to.include({ write: 20, isMissing: true })
    expect(report.state).to.equal('equal')
    expect(held(target)).to.deep.equal(held(source))
  })

  it('goes through the stages, and renames', async () => {
    const source = storeWith([
      { _id: '1', keep: 1, drop: 2 },
      { _id: '2', keep: 2, drop: 2 }
    ])
    const target = storeWith([{ _id: '2', keep: 2 }], 'b')
    const how = { source: endpoint(source), target: endpoint(target), rename: { a: 'b' } }
    const stages = [(document: Document) => ({ _id: document._id, keep: document['keep']! })]
    const report = await run({ ...how, stages })
    expect(report.state).to.equal('equal')
    expect(held(target, 'b')).to.deep.equal([
      { _id: '1', keep: 1 },
      { _id: '2', keep: 2 }
    ])
    expect(totalCounts(report.run!.collections)).to.include({ written: 1, filtered: 1 })
  })

  it('does not try again what the target refuses', async () => {
    const source = storeWith([{ _id: '1' }, { _id: 'refused' }, { _id: '3' }])
    const target = storeWith([{ _id: '1' }])
    const refusing = endpointWith(target, opened => ({
      encode: (collection, document) =>
        document._id === 'refused' ? { code: 'DOCFERRY_TOO_LARGE', message: 'too large' } : opened.encode(collection, document)
    }))
    const report = await run({ source: endpoint(source), target: refusing })
    expect(report.collections[0]).to.include({ write: 1, refused: 1 })
    expect(report.run!.state).to.equal('done')
    expect(report.state).to.equal('different')
    expect(report.after!.collections[0]).to.include({ missing: 1 })
    expect(held(target).map(({ _id }) => _id)).to.deep.equal(['1', '3'])
  })

  it('is partial where the target does not take all, and removes nothing then', async () => {
    const { source, target } = planted()
    const failing = endpointWith(target, opened => ({
      write: async (collection, documents, options) => {
        const outcomes = await opened.write(
          collection,
          documents.filter(({ id }) => id !== 'd7'),
          options
        )
        const refused = { code: 'DOCFERRY_REFUSED', message: 'no', retryable: false } as const
        return documents.map(({ id }) => (id === 'd7' ? refused : outcomes[0]!))
      }
    }))
    const report = await run({ source: endpoint(source), target: failing, deleteExtra: true })
    expect(report.state).to.equal('partial')
    expect(report.run).to.have.property('deadLetters')
    expect(report.collections[0]).to.not.have.property('removed')
    expect(report.notes.join()).to.include('nothing was removed')
    expect(target.collections.get('a')!.has('extra')).to.equal(true)
    expect(target.collections.get('a')!.get('d1')).to.deep.equal({ _id: 'd1', n: 1 })
  })

  it('repairs a run by its id, as its record says', async () => {
    const folder = join(stateDir, 'data')
    mkdirSync(folder)
    const lines = numbered(20).map(each => JSON.stringify({ ...each, drop: 1 }))
    writeFileSync(join(folder, 'a.ndjson'), lines.join('\n'))
    const snapshot = join(folder, 'snapshot.json')
    const stages = [await parseStage('strip:drop')]
    const moved = await migrate({ stateDir, source: join(folder, 'a.ndjson'), target: `memory:${snapshot}`, stages })
    const kept = readFileSync(snapshot, 'utf8')
    writeFileSync(snapshot, kept.replace('"n":4', '"n":44').replace('"d9"', '"d99"'))
    const report = await run({ run: moved.runId, deleteExtra: true })
    expect(report.collections[0]).to.include({ write: 1, replace: 1, remove: 1 })
    expect(report.state).to.equal('equal')
    const documents = (text: string) => (JSON.parse(text) as { data: Record<string, Document[]> }).data['a']
    expect(documents(readFileSync(snapshot, 'utf8'))).to.have.deep.members(documents(kept)!)
  })

  it('writes what the source holds by then, and leaves what others have made meanwhile under the id of a missing one', async () => {
    const { source, target } = planted()
    const how = { source: endpoint(source), target: endpoint(target), deleteExtra: true }
    const report = await run({
      ...how,
      onPlan() {
        source.collections.get('a')!.set('d1', { _id: 'd1', n: 1_000 })
        target.collections.get('a')!.set('d7', { _id: 'd7', n: -7 })
      }
    })
    expect(totalCounts(report.run!.collections)).to.include({ written: 2, skipped: 1 })
    expect(target.collections.get('a')!.get('d1')).to.deep.equal({ _id: 'd1', n: 1_000 })
    expect(target.collections.get('a')!.get('d7')).to.deep.equal({ _id: 'd7', n: -7 })
    expect(report.state).to.equal('different')
    expect((await run(how)).state).to.equal('equal')
    expect(held(target)).to.deep.equal(held(source))
  })

  for (const [onConflict, wins] of [
    ['skip', 'first'],
    ['overwrite', 'last']
  ] as const) {
    it(`writes the ${wins} of documents with one id, as a run with --on-conflict ${onConflict} does`, async () => {
      const [source, snapshot] = [join(stateDir, 'a.ndjson'), join(stateDir, 'snapshot.json')]
      const documents = numbered(6).flatMap(each => (each._id === 'd5' ? [each] : [each, { ...each, n: (each['n'] as number) + 100 }]))
      writeFileSync(source, documents.map(each => JSON.stringify(each)).join('\n'))
      const { runId } = await migrate({ stateDir, source, target: `memory:${snapshot}`, onConflict })
      const kept = readFileSync(snapshot, 'utf8')
      const plusHundred = wins === 'last' ? '10' : ''
      expect(kept).to.include(`"n":${plusHundred}1}`)
      writeFileSync(snapshot, kept.replace(`"n":${plusHundred}1}`, '"n":"other"}').replace('"d2"', '"d22"'))
      const report = await run({ run: runId, deleteExtra: true })
      expect(report.collections[0]).to.include({ write: 1, replace: 1, remove: 1 })
      expect(report.state).to.equal('equal')
      const { data } = JSON.parse(readFileSync(snapshot, 'utf8')) as { data: Record<string, Document[]> }
      expect(data['a']).to.have.deep.members((JSON.parse(kept) as { data: typeof data }).data['a']!)
    })
  }

  it('leaves what differs where the run may have skipped it, unless that is to be replaced', async () => {
    const source = storeWith(numbered(10))
    const target = storeWith([{ _id: 'd3', n: 'theirs' }])
    const { runId } = await migrate({ stateDir, source: endpoint(source), target: endpoint(target) })
    target.collections.get('a')!.delete('d4')
    const ends = { source: endpoint(source), target: endpoint(target) }
    const left = await run({ run: runId, ...ends })
    expect(left.collections[0]).to.include({ write: 1, replace: 0, leftAlone: 1 })
    expect(left.notes.join()).to.include('--replace-skipped')
    expect(left.state).to.equal('different')
    expect(target.collections.get('a')!.get('d3')).to.deep.equal({ _id: 'd3', n: 'theirs' })
    const report = await run({ run: runId, ...ends, replaceSkipped: true })
    expect(report.collections[0]).to.include({ write: 0, replace: 1, leftAlone: 0 })
    expect(held(target)).to.deep.equal(held(source))
  })

  it('leaves what is not extra any more, or gone', async () => {
    const { source, target } = planted()
    target.collections.get('a')!.set('gone', { _id: 'gone' })
    const report = await run({
      source: endpoint(source),
      target: endpoint(target),
      deleteExtra: true,
      onPlan() {
        source.collections.get('a')!.set('extra', { _id: 'extra', secret: 'hidden' })
        target.collections.get('a')!.delete('gone')
      }
    })
    expect(report.collections[0]!.removed).to.include({ removed: 0, changed: 1, gone: 1 })
    expect(report.removed).to.equal(undefined)
    expect(target.collections.get('a')!.has('extra')).to.equal(true)
    expect(report.state).to.equal('equal')
  })

  it('stops in the middle of removing, with all that is removed in a whole file, and goes on when it is begun again', async () => {
    const { source, target } = planted()
    for (let index = 0; index < 2_000; index++) target.collections.get('a')!.set(`extra${index}`, { _id: `extra${index}` })
    const controller = new AbortController()
    const how = { source: endpoint(source), deleteExtra: true }
    let report: Readonly<RepairReport> | undefined
    const stopping = endpointWith(target, ({ change }) => ({
      async change(...args) {
        const outcomes = await change!(...args)
        if (report?.phase === 'removing') controller.abort()
        return outcomes
      }
    }))
    const error = await failure({ ...how, target: stopping, signal: controller.signal, observe: seen => (report = seen) })
    expect(error).to.include({ code: 'DOCFERRY_INTERRUPTED' })
    expect(error.message).to.include('what was repaired stays repaired')
    const gone = 2_001 - held(target).filter(({ _id }) => _id.startsWith('extra')).length
    expect(gone).to.be.greaterThan(0).and.lessThan(2_001)
    const kept = storeWith([])
    await migrate({ stateDir, source: `file:${report!.removed!}`, target: endpoint(kept) })
    expect(held(kept)).to.have.length(gone)
    expect((await run({ ...how, target: endpoint(target) })).state).to.equal('equal')
  })

  it('leaves what somebody changes in the moment of its removal', async () => {
    const source = storeWith(numbered(3))
    const target = storeWith([...numbered(3), { _id: 'extra', n: 1 }])
    let isRemoving = false
    let looks = 0
    // Kept by the first look of the removal, changed before the second one, by which it would be removed.
    const place = hooked(target, {
      onLook() {
        if (isRemoving && ++looks === 2) target.collections.get('a')!.set('extra', { _id: 'extra', n: 2 })
      }
    })
    const report = await run({ source: endpoint(source), target: place, deleteExtra: true, onPlan: () => void (isRemoving = true) })
    expect(report.collections[0]!.removed).to.include({ removed: 0, changed: 1 })
    expect(target.collections.get('a')!.get('extra')).to.deep.equal({ _id: 'extra', n: 2 })
    expect(report.state).to.equal('different')
  })

  it('refuses to remove where the source holds what is no document, and changes nothing', async () => {
    const path = join(stateDir, 'a.ndjson')
    writeFileSync(path, '{"_id":"d0","n":0}\nnonsense\n')
    const target = storeWith([{ _id: 'extra' }])
    const error = await failure({ source: path, target: endpoint(target), deleteExtra: true })
    expect(error.code).to.equal('DOCFERRY_READ')
    expect(error.message).to.include('no document')
    expect(held(target)).to.deep.equal([{ _id: 'extra' }])
    const report = await run({ source: path, target: endpoint(target) })
    expect(report.collections[0]).to.include({ write: 1, remove: 1, unreadable: 1 })
    expect(held(target).map(({ _id }) => _id)).to.deep.equal(['d0', 'extra'])
  })

  for (const side of ['source', 'target'] as const) {
    it(`refuses to remove while the ${side} goes on changing, and says so`, async () => {
      const source = storeWith(numbered(3))
      const target = storeWith([...numbered(3).map(each => (each._id === 'd1' ? { ...each, n: -1 } : each)), { _id: 'extra' }])
      const changing = side === 'source' ? source : target
      const onLook = (time: number): void => void changing.collections.get('a')!.set('d1', { _id: 'd1', n: 100 + time })
      const ends = { source: endpoint(source), target: endpoint(target), [side]: hooked(changing, { onLook }) }
      const error = await failure({ ...ends, deleteExtra: true })
      expect(error).to.include({ code: 'DOCFERRY_EXTRA', exitCode: 60 })
      expect(error.message).to.include(`in a documents of the ${side} go on changing`)
      expect(target.collections.get('a')!.has('extra')).to.equal(true)
    })
  }

  it('says how many documents deleteExtra leaves where a collection was not empty before the run', async () => {
    const source = storeWith(numbered(3))
    const target = storeWith([{ _id: 'before' }, { _id: 'before-2' }])
    const { runId } = await migrate({ stateDir, source: endpoint(source), target: endpoint(target) })
    const ends = { run: runId, source: endpoint(source), target: endpoint(target) }
    for (const state of ['equal', 'different'] as const) {
      if (state === 'different') target.collections.get('a')!.delete('d1')
      const report = await run({ ...ends, deleteExtra: true })
      expect(report.before.state).to.equal(state)
      expect(report.notEmpty).to.deep.equal(['a'])
      expect(report.endNotes).to.have.length(1)
      expect(report.endNotes[0]).to.include('a: 2 documents that only the target holds are left').and.include('--source and --target')
      expect(report.notes).to.include(report.endNotes[0])
      expect(held(target)).to.have.length(5)
    }
    expect((await run({ ...ends })).endNotes).to.deep.equal([])
  })

  it('refuses to remove by a file that was cut', async () => {
    const path = join(stateDir, 'cut.ndjson')
    writeFileSync(path, '{"$docferry":1,"metadata":{"collections":["a"]}}\n{"$collection":"a"}\n{"_id":"d0"}\n')
    const target = storeWith([{ _id: 'd0' }, { _id: 'extra' }])
    const error = await failure({ source: path, target: endpoint(target), deleteExtra: true })
    expect(error.code).to.equal('DOCFERRY_FILE_CUT')
    expect(held(target)).to.have.length(2)
  })

  it('refuses to remove all of a collection because the source holds none', async () => {
    const source = storeWith([])
    const target = storeWith(numbered(3))
    const error = await failure({ source: endpoint(source), target: endpoint(target), deleteExtra: true })
    expect(error.code).to.equal('DOCFERRY_EXTRA')
    expect(error.message).to.include('no documents in a')
    expect(held(target)).to.have.length(3)
  })

  it('never removes by a collection that the source lacks', async () => {
    const target = storeWith(numbered(3), 'b')
    const error = await failure({
      source: endpoint(storeWith(numbered(3))),
      target: endpoint(target),
      collections: ['b'],
      deleteExtra: true
    })
    expect(error.code).to.equal('DOCFERRY_NO_SUCH_COLLECTION')
    expect(held(target, 'b')).to.have.length(3)
  })

  it('refuses a target that is a file, with advice', async () => {
    const error = await failure({ source: endpoint(storeWith(numbered(3))), target: join(stateDir, 'x.ndjson') })
    expect(error.code).to.equal('DOCFERRY_USAGE')
    expect(error.message).to.include('export it again')
  })

  it('names all that is wrong with the options at once', async () => {
    const error = await failure({ types: 'odd', parallel: 0 } as never)
    expect(error.code).to.equal('DOCFERRY_CONFIG')
    for (const part of ['types', 'parallel', 'source: missing', 'target: missing']) expect(error.message).to.include(part)
    expect((await failure({ run: 'x', types: 'exact' })).message).to.include('taken from the record of the run')
  })

  it('finds what is left when it is begun again after an interruption', async () => {
    const source = storeWith(numbered(3_000))
    const target = storeWith([{ _id: 'extra' }])
    const abort = new AbortController()
    const options = { source: endpoint(source), target: endpoint(target), deleteExtra: true }
    const seen: RepairReport[] = []
    const interrupted = await failure({
      ...options,
      signal: abort.signal,
      observe: report => void seen.push(report),
      onPlan: () => abort.abort()
    })
    expect(interrupted.code).to.equal('DOCFERRY_INTERRUPTED')
    expect(seen[0]!.state).to.equal('interrupted')
    expect((await run(options)).state).to.equal('equal')
    expect(held(target)).to.deep.equal(held(source))
  })

  it('is no run that verify can go by', async () => {
    const { source, target } = planted()
    const report = await run({ source: endpoint(source), target: endpoint(target) })
    const error = await verify({ stateDir, run: report.run!.runId }).catch((thrown: DocferryError) => thrown)
    expect(error).to.have.property('code', 'DOCFERRY_RUN_UNFIT')
    expect(error).to.have.property('message').that.includes('is a repair')
    const byReceipt = await verify({ stateDir, receipt: report.run!.receipt!, target: endpoint(target) }).catch(
      (thrown: DocferryError) => thrown
    )
    expect(byReceipt).to.have.property('message').that.includes('that of a repair')
  })

  it('keeps no contents but where documents belong', async () => {
    const { source, target } = planted()
    const report = await run({ source: endpoint(source), target: endpoint(target), deleteExtra: true })
    expect(JSON.stringify(report)).to.not.include('hidden')
    const holding = readdirSync(stateDir, { recursive: true, encoding: 'utf8' }).filter(
      name => statSync(join(stateDir, name)).isFile() && readFileSync(join(stateDir, name), 'utf8').includes('hidden')
    )
    expect(holding.map(name => name.split('/').at(-1))).to.deep.equal(['removed.ndjson'])
  })
})
