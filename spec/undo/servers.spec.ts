/** Runs that are undone, over the real servers. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createMemoryStore } from '../../lib/connectors/memory/store.ts'
import { listRuns } from '../../lib/checkpoint/run-folder.ts'
import { openSource } from '../../lib/open.ts'
import type { Endpoint } from '../../lib/open.ts'
import type { MigrateOptions } from '../../lib/options.ts'
import { migrate } from '../../lib/run.ts'
import { undo } from '../../lib/undo/undo.ts'
import { canonicalBytes, Decimal, Double, GeoPoint, Timestamp, ValueSet } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'
import { couchdbSubject, dynamodbSubject, firestoreSubject } from '../conformance/subjects.ts'
import type { Subject } from '../conformance/subjects.ts'
import { scriptedSource } from '../support/scripted-connector.ts'
import { uniqueName } from '../support/servers.ts'

const idOf = (index: number): string => `d${String(index).padStart(3, '0')}`
const ours: Document[] = Array.from({ length: 120 }, (_, index) => ({
  _id: idOf(index),
  version: 'ours',
  at: new Timestamp(1_700_000_000 + index, 0),
  bytes: Uint8Array.of(1, 2, 3)
}))
const theirs: Document[] = Array.from({ length: 40 }, (_, index) => ({
  _id: idOf(index),
  version: 'theirs',
  text: 'été 日本語',
  exact: new Decimal('12345678901234567890.12345'),
  one: new Double(1),
  at: new Timestamp(1_600_000_000, 123_000_000),
  bytes: Uint8Array.of(0, 255),
  point: new GeoPoint(47.5, 8.5),
  set: new ValueSet(['a', 'b']),
  list: [1, { deep: [true, null] }]
}))

const subjects: Record<string, () => Promise<Subject>> = { couchdb: couchdbSubject, dynamodb: dynamodbSubject, firestore: firestoreSubject }

for (const [provider, open] of Object.entries(subjects)) {
  describe(`undo: ${provider}`, function () {
    this.timeout(60_000)
    let subject: Subject
    let target: Endpoint
    let stateDir: string
    let collection: string
    before(async () => {
      subject = await open()
      target = await subject.endpoint()
    })
    beforeEach(() => {
      stateDir = mkdtempSync(join(tmpdir(), 'docferry-undo-'))
      collection = uniqueName('undo')
    })
    afterEach(async () => {
      await subject.remove([collection])
      rmSync(stateDir, { recursive: true, force: true })
    })

    const fill = async (documents: readonly Document[], options: Partial<MigrateOptions> = {}): Promise<string> => {
      const source = scriptedSource({ collections: { [collection]: documents }, pageSize: 50 })
      return (await migrate({ source, target, stateDir, ...options })).runId
    }
    const read = async (): Promise<Document[]> => {
      const store = createMemoryStore()
      await migrate({ source: target, target: { connector: 'memory', options: { store } }, stateDir, collections: [collection] })
      return [...store.collections.get(collection)!.values()].sort((a, b) => a._id.localeCompare(b._id))
    }
    const expectSame = (found: readonly Document[], wanted: readonly Document[]): void => {
      expect(found.map(({ _id }) => _id)).to.deep.equal(wanted.map(({ _id }) => _id))
      for (const [index, document] of found.entries())
        expect(Buffer.from(canonicalBytes(document)).equals(canonicalBytes(wanted[index]!)), document._id).to.equal(true)
    }
    const isThere = async (): Promise<boolean> => {
      const source = await openSource(target)
      try {
        return ((await source.collections({})) ?? []).some(({ name }) => name === collection)
      } finally {
        await source.close()
      }
    }

    it('removes documents and collection that the run created', async () => {
      const run = await fill(ours)
      expect(await isThere()).to.equal(true)
      const report = await undo({ run, target, stateDir })
      expect(report).to.include({ state: 'undone' })
      expect(report.collections[0]).to.include({ removed: 120, changed: 0, failed: 0 })
      expect(await isThere()).to.equal(false)
    })

    for (const types of ['natural', 'plain'] as const) {
      it(`puts back what was replaced, and leaves what was changed since (--types ${types})`, async () => {
        await fill(theirs)
        const run = await fill(ours, { onConflict: 'overwrite', undo: 'all', types })
        const newer: Document[] = [idOf(3), idOf(100)].map(_id => ({ _id, version: 'newer' }))
        await fill(newer, { onConflict: 'overwrite', undo: 'none' })
        const foretold = await undo({ run, target, stateDir, dryRun: true })
        const report = await undo({ run, target, stateDir })
        const counts = { removed: 79, putBack: 39, already: 0, changed: 2, failed: 0, unknown: 0, dropped: false }
        expect(foretold.collections[0]).to.include(counts)
        expect(report.collections[0]).to.include(counts)
        expect((await listRuns(stateDir)).find(({ runId }) => runId === run)!.state).to.equal('partly undone')
        expectSame(await read(), [...theirs.slice(0, 3), newer[0]!, ...theirs.slice(4), newer[1]!])
      })
    }

    it('tells 1 from 1.0 where it is kept (--types exact)', async () => {
      const of = (n: number | Double): Document[] => [0, 1, 2].map(index => ({ _id: idOf(index), n }))
      const exact = { types: 'exact', onConflict: 'overwrite' } as const
      await fill(of(new Double(1)), exact)
      const run = await fill(of(1), { ...exact, undo: 'all' })
      await fill(of(new Double(1)).slice(0, 1), { ...exact, undo: 'none' })
      await fill([{ _id: idOf(1), n: 2 }], { ...exact, undo: 'none' })
      expect((await undo({ run, target, stateDir })).collections[0]).to.include({ putBack: 1, already: 1, changed: 1, failed: 0 })
      expect((await read()).map(({ n }) => n)).to.deep.equal([new Double(1), 2, new Double(1)])
      expect((await undo({ run, target, stateDir })).collections[0]).to.include({ putBack: 0, already: 2, changed: 1, failed: 0 })
    })

    it('leaves what was skipped', async () => {
      await fill(theirs)
      const report = await undo({ run: await fill(ours), target, stateDir })
      expect(report.collections[0]).to.include({ removed: 80, already: 0, unknown: 0 })
      expectSame(await read(), theirs)
    })

    it('finds ids and names that had to be escaped', async () => {
      const odd: Document[] = [
        { _id: provider === 'dynamodb' ? 'x'.repeat(3000) : provider === 'couchdb' ? '_odd' : 'a/b', '': { __x__: 1 }, _own: 2 }
      ]
      await fill(odd, { onIncompatible: 'escape' })
      const run = await fill([{ _id: odd[0]!._id, '': 'ours' }], { onIncompatible: 'escape', onConflict: 'overwrite', undo: 'all' })
      expect((await undo({ run, target, stateDir })).collections[0]).to.include({ putBack: 1, changed: 0, failed: 0 })
      expectSame(await read(), odd)
    })
  })
}
