/** Repairing on the real servers: what a database lacks, holds otherwise or alone is made right, and taken back by undo. */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { runCommandLine } from '../../lib/cli/program.ts'
import { repairSummary } from '../../lib/cli/repair-view.ts'
import { createMemoryStore } from '../../lib/connectors/memory/store.ts'
import type { Endpoint } from '../../lib/open.ts'
import type { MigrateOptions } from '../../lib/options.ts'
import { repair } from '../../lib/repair/repair.ts'
import type { RepairOptions } from '../../lib/repair/options.ts'
import { totalCounts } from '../../lib/report.ts'
import type { Document } from '../../lib/types.ts'
import { undo } from '../../lib/undo/undo.ts'
import { verify } from '../../lib/verify/verify.ts'
import { FakeHost } from '../cli/support/fake-host.ts'
import { migrate } from '../support/migrate.ts'
import { usePlaces } from '../support/places.ts'
import { servers, uniqueName } from '../support/servers.ts'

describe('repair: databases', function () {
  this.timeout(60_000)
  const places = usePlaces()
  const { place } = places
  const fill = async (target: Endpoint, name: string, documents: readonly Document[]): Promise<void> => {
    const store = createMemoryStore()
    store.collections.set('a', new Map(documents.map(document => [document._id, document])))
    const source = { connector: 'memory', options: { store } } as const
    await migrate({ source, target, rename: { a: name }, onConflict: 'overwrite' })
  }
  const holdsAs = async (target: Endpoint, name: string, documents: readonly Document[]): Promise<string> => {
    const store = createMemoryStore()
    store.collections.set('a', new Map(documents.map(document => [document._id, document])))
    const report = await verify({
      stateDir: places.stateDir,
      settleMs: 1,
      source: { connector: 'memory', options: { store } },
      target,
      rename: { a: name }
    })
    return report.state
  }
  const numbered = Array.from({ length: 40 }, (_, index): Document => ({ _id: `d${index}`, n: index, deep: { text: `text ${index}` } }))
  const damaged = [
    ...numbered.filter(({ _id }) => _id !== 'd3' && _id !== 'd30').map(each => (each._id === 'd7' ? { ...each, n: -7 } : each)),
    { _id: 'extra', secret: 'hidden' }
  ]

  for (const [from, to] of [
    ['couchdb', 'dynamodb'],
    ['dynamodb', 'firestore'],
    ['firestore', 'couchdb'],
    ['couchdb', 'memory'],
    ['memory', 'couchdb'],
    ['file', 'dynamodb']
  ] as const) {
    it(`${from} -> ${to}: written, replaced and removed; undo and import bring back what was`, async () => {
      const [here, there] = [from === 'file' ? 'documents' : uniqueName('from'), uniqueName('to')]
      const [source, target] = [await place(from, here), await place(to, there)]
      await fill(source, here, numbered)
      await fill(target, there, damaged)
      const how: RepairOptions = { stateDir: places.stateDir, settleMs: 1, source, target, collections: [here], rename: { [here]: there } }

      const left = await repair({ ...how, dryRun: true })
      expect(left.collections[0]).to.include({ write: 2, replace: 1, remove: 1 })
      expect(await holdsAs(target, there, damaged)).to.equal('equal')

      const report = await repair({ ...how, deleteExtra: true })
      expect(report.state, JSON.stringify(report.after?.collections)).to.equal('equal')
      expect(totalCounts(report.run!.collections)).to.include({ written: 3, failed: 0 })
      expect(report.collections[0]!.removed).to.include({ removed: 1, failed: 0 })
      expect(await holdsAs(target, there, numbered)).to.equal('equal')
      expect(readFileSync(report.removed!, 'utf8')).to.include('"secret":"hidden"')

      const line = repairSummary(report, { nowMs: Date.now() }).find(text => text.startsWith('To bring them back: '))!
      const asPrinted = await optionsOf(line)
      expect(asPrinted).to.include({ onIncompatible: 'escape' })

      expect(report.run!.undo).to.equal(to === 'memory' ? 'none' : 'all')
      if (to !== 'memory') await undo({ stateDir: places.stateDir, run: report.run!.runId, target })
      else await fill(target, there, damaged)
      await migrate({ ...asPrinted, source: `file:${report.removed}`, target })
      const restored = to === 'memory' ? [...damaged, ...numbered.filter(({ _id }) => _id === 'd3' || _id === 'd30')] : damaged
      expect(await holdsAs(target, there, restored)).to.equal('equal')
      if (to !== 'memory') expect((await repair({ ...how, deleteExtra: true })).state).to.equal('equal')
    })
  }

  /** Those of an import command, as it is typed; its ends are left out. */
  const optionsOf = async (line: string): Promise<Partial<MigrateOptions>> => {
    const words = /docferry (import .*) \(--target as/.exec(line)![1]!.split(' ')
    let options: Partial<MigrateOptions> = {}
    const code = await runCommandLine(new FakeHost(words.map(word => word.replaceAll('"', ''))), async ({ options: given }) => {
      const { source: _source, target: _target, ...how } = given
      options = how
      return 0
    })
    expect(code).to.equal(0)
    return options
  }

  const attach = async (name: string, id: string): Promise<() => Promise<number>> => {
    const { url, user, password } = await servers.couchdb()
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
    const of = (path: string): URL => new URL(`${name}/${path}`, url.endsWith('/') ? url : `${url}/`)
    const { _rev } = (await (await fetch(of(id), { headers: { authorization } })).json()) as { _rev: string }
    const headers = { authorization, 'content-type': 'text/plain' }
    const put = await fetch(of(`${id}/note.txt?rev=${_rev}`), { method: 'PUT', headers, body: 'note' })
    expect(put.status).to.be.oneOf([201, 202])
    return async () => (await fetch(of(`${id}/note.txt`), { headers: { authorization } })).status
  }

  it('leaves a document of CouchDB whose attachments would be lost with it', async () => {
    const name = uniqueName('to')
    const [source, target] = [await place('firestore', 'a'), await place('couchdb', name)]
    await fill(source, 'a', numbered)
    await fill(target, name, [...numbered, { _id: 'extra' }, { _id: 'attached' }])
    const status = await attach(name, 'attached')
    const report = await repair({ stateDir: places.stateDir, settleMs: 1, source, target, rename: { a: name }, deleteExtra: true })
    expect(report.collections[0]!.removed).to.include({ removed: 1, notKept: 1 })
    expect(await status()).to.equal(200)
    expect(report.state).to.equal('different')
  })

  it('keeps the attachments of a document of CouchDB that it replaces, and so does undo', async () => {
    const name = uniqueName('to')
    const [source, target] = [await place('firestore', 'a'), await place('couchdb', name)]
    await fill(source, 'a', numbered)
    await fill(target, name, damaged)
    const status = await attach(name, 'd7')
    const report = await repair({ stateDir: places.stateDir, settleMs: 1, source, target, rename: { a: name }, deleteExtra: true })
    expect(report.state).to.equal('equal')
    expect(await status()).to.equal(200)
    await undo({ stateDir: places.stateDir, run: report.run!.runId, target })
    expect(
      await holdsAs(
        target,
        name,
        damaged.filter(({ _id }) => _id !== 'extra')
      )
    ).to.equal('equal')
    expect(await status()).to.equal(200)
  })
})
