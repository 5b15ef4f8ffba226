/** Verifying on the real servers: what a run has moved is equal, whatever databases do to values, and what is planted is named. */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { createMemoryStore } from '../../lib/connectors/memory/store.ts'
import type { Endpoint } from '../../lib/open.ts'
import { typeModes } from '../../lib/types.ts'
import type { Document } from '../../lib/values/index.ts'
import { repair } from '../../lib/repair/repair.ts'
import { verify } from '../../lib/verify/verify.ts'
import type { VerifyOptions } from '../../lib/verify/options.ts'
import type { Difference } from '../../lib/verify/report.ts'
import { migrate } from '../support/migrate.ts'
import { usePlaces } from '../support/places.ts'
import { uniqueName } from '../support/servers.ts'
import { Double, GeoPoint, Vector } from '../../lib/values/index.ts'
import { awkwardDocument, awkwardIds } from '../values/awkward.ts'

const seed = Number(process.env['DOCFERRY_SEED'] ?? 20261122)
const runs = Number(process.env['DOCFERRY_RUNS'] ?? 80)

describe('verify: pairs of databases', function () {
  this.timeout(60_000)
  const places = usePlaces()
  const { place } = places
  let documents: Map<string, Document>
  before(() => {
    documents = awkwardDocuments()
  })
  const check = async (options: VerifyOptions) => {
    const report = await verify({ stateDir: places.stateDir, settleMs: 1, ...options })
    const named = report.differences === undefined ? '' : readFileSync(report.differences, 'utf8')
    const differences = named
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line) as Difference)
    return { report, differences }
  }

  for (const provider of ['memory', 'file', 'couchdb', 'firestore', 'dynamodb'] as const) {
    for (const types of typeModes) {
      it(`memory -> ${provider} with --types ${types}: equal, then what was changed is named`, async () => {
        const name = uniqueName('verify')
        const store = storeOf(documents)
        const target = await place(provider, name)
        const how = { source: store, target, types, onIncompatible: 'escape', rename: { documents: name } } as const
        const moved = await migrate({ ...how, onConflict: 'fail', stateDir: places.stateDir })
        const { written, failed } = moved.collections[0]!
        expect(written).to.be.greaterThan(documents.size * 0.8)
        const { report, differences } = await check(how)
        expect(differences.map(({ kind, reason }) => [kind, reason?.slice(0, 12)])).to.deep.equal(
          Array.from({ length: failed }, () => ['missing', 'DOCFERRY_BAD'])
        )
        expect(report.collections[0]).to.include({ equal: written, missing: failed, changedMeanwhile: 0 })
        expect(report.state).to.equal(failed === 0 ? 'equal' : 'different')

        const byReceipt = await check({ run: moved.runId, target })
        expect(byReceipt.differences).to.deep.equal([])
        expect(byReceipt.report).to.include({ state: failed === 0 ? 'equal' : 'different', against: 'receipt' })
        expect(byReceipt.report.collections[0]).to.include({ equal: written, deadLetters: failed, missing: 0, different: 0 })

        const [first, second] = [...documents.keys()].filter(id => differences.every(refused => refused.id !== id))
        const changed = new Map(documents)
        changed.delete(first!)
        changed.set(second!, { ...documents.get(second!)!, _id: second!, planted: 'here' })
        changed.set('only in the source', { _id: 'only in the source' })
        const after = await check({ ...how, source: storeOf(changed) })
        const planted = after.differences.filter(({ reason }) => reason === undefined)
        expect(planted.map(({ id, kind, paths }) => [kind, id, paths])).to.have.deep.members([
          ['extra', first, undefined],
          ['different', second, ['planted']],
          ['missing', 'only in the source', undefined]
        ])
        expect(after.report.collections[0]).to.include({ equal: written - 2, missing: failed + 1, extra: 1, different: 1 })
      })
    }
  }

  for (const [provider, id] of [
    ['couchdb', '_hidden'],
    ['firestore', 'a/b']
  ] as const) {
    it(`${provider}: names what stands under an escaped id, also where ids are not to be escaped`, async () => {
      const name = uniqueName('verify')
      const target = await place(provider, name)
      const documents = new Map(['plain', id].map(each => [each, { _id: each, n: 1 }]))
      const how = { target, rename: { documents: name } } as const
      await migrate({ ...how, source: storeOf(documents), onIncompatible: 'escape' })
      const compared = async (held: Map<string, Document>) => (await check({ ...how, source: storeOf(held) })).differences
      expect(await compared(documents)).to.deep.equal([])
      const changed = new Map(documents).set(id, { _id: id, n: 2 })
      expect((await compared(changed)).map(found => [found.kind, found.id, found.paths])).to.deep.equal([['different', id, ['n']]])
      changed.delete(id)
      expect((await compared(changed)).map(found => [found.kind, found.id])).to.deep.equal([['extra', id]])
    })
  }

  for (const [from, to] of [
    ['couchdb', 'firestore'],
    ['firestore', 'dynamodb'],
    ['dynamodb', 'couchdb'],
    ['file', 'couchdb'],
    ['firestore', 'file'],
    ['dynamodb', 'memory']
  ] as const) {
    it(`${from} -> ${to}: equal`, async () => {
      const [here, there] = [uniqueName('from'), uniqueName('to')]
      const [source, target] = [await place(from, here), await place(to, there)]
      await migrate({ source: storeOf(documents), target: source, rename: { documents: here }, onIncompatible: 'escape' })
      const how = { source, target, collections: [here], rename: { [here]: there }, onIncompatible: 'escape' } as const
      await migrate(how)
      const { report, differences } = await check(how)
      expect(differences).to.deep.equal([])
      expect(report.collections[0]).to.include({ sourceDocuments: documents.size, equal: documents.size })
    })
  }
})

describe('verify: numbers that came back from a place that does not keep their kinds', function () {
  this.timeout(60_000)
  const places = usePlaces()

  it('are equal where they are equal numbers, and different where the source tells their kinds', async () => {
    const [here, there] = [uniqueName('from'), uniqueName('to')]
    const [source, target] = [await places.place('dynamodb', here), await places.place('firestore', there)]
    const written = storeOf(new Map([['a', { _id: 'a', max: new Double(5), n: 1 }]]))
    await migrate({ source: written, target, rename: { documents: there } })
    await migrate({ source: target, target: source, collections: [there], rename: { [there]: here } })
    const how = { source, target, collections: [here], rename: { [here]: there }, stateDir: places.stateDir, settleMs: 1 } as const
    expect((await verify(how)).collections[0]).to.include({ equal: 1, different: 0 })
    expect((await repair(how)).run).to.equal(undefined)
    const changed = await verify({ ...how, types: 'exact' })
    expect(changed.collections[0]).to.include({ equal: 0, different: 1 })
  })
})

function awkwardDocuments(): Map<string, Document> {
  const random = fc.sample(awkwardDocument, { seed, numRuns: runs })
  const named = awkwardIds.map((id, index): Document => ({ ...random[index % random.length], _id: id }))
  const [vector, place] = [new Vector([-0, 0, 1]), new GeoPoint(-0, 0)]
  const signed: Document = { _id: 'zeros of either sign', vector, place, list: [vector, place, -0], deep: { list: [{ vector, place }] } }
  return new Map([...named, ...random, signed].map(document => [document._id, document]))
}

function storeOf(documents: Map<string, Document>): Endpoint {
  const store = createMemoryStore()
  store.collections.set('documents', documents)
  return { connector: 'memory', options: { store } }
}
