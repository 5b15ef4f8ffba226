/** Real documents through every ordered pair of providers, the same provider at two places included. */
import { expect } from 'chai'
import { openSource } from '../lib/open.ts'
import { migrate } from './support/migrate.ts'
import type { ProviderName } from '../lib/types.ts'
import { DigestSum } from '../lib/values/index.ts'
import type { Document } from '../lib/values/index.ts'
import { subjects } from './conformance/subjects.ts'
import type { Subject } from './conformance/subjects.ts'
import { gofannonCollections, realCollections } from './support/samples.ts'
import { createMemoryStore } from '../lib/connectors/memory/store.ts'

const providers = ['memory', 'file', 'couchdb', 'firestore', 'dynamodb'] as const satisfies readonly ProviderName[]

describe('pairs: real documents', function () {
  this.timeout(120_000)
  const collections = { ...realCollections(), ...gofannonCollections() }
  const names = Object.keys(collections)
  const expected = Object.fromEntries(names.map(name => [name, digestOf(collections[name] as Document[])]))

  for (const from of providers) {
    describe(from, () => {
      let source: Subject
      let target: Subject | undefined
      let written: readonly string[]

      before(async () => {
        source = await subjects[from]()
        const filled = await migrate({ source: storeOf(collections), target: await source.endpoint() })
        expect(filled.state).to.equal('done')
      })
      afterEach(() => target?.remove(written))
      after(() => source.remove(names))

      for (const to of providers) {
        it(`${from} -> ${to}`, async () => {
          target = await subjects[to]()
          // On one server there is one namespace: the second place then has names of its own.
          const sameServer = from === to && (from === 'couchdb' || from === 'dynamodb')
          const rename = sameServer ? Object.fromEntries(names.map(name => [name, `${name}_copy`])) : {}
          written = names.map(name => rename[name] ?? name)
          const report = await migrate({ source: await source.endpoint(), target: await target.endpoint(), collections: names, rename })
          expect(report.state).to.equal('done')
          for (const collection of report.collections)
            expect(collection, collection.source).to.include({ skipped: 0, filtered: 0, failed: 0, written: collection.read })
          expect(await digests(target, written)).to.deep.equal(Object.values(expected))
        })
      }
    })
  }
})

function storeOf(collections: Readonly<Record<string, readonly Document[]>>) {
  const store = createMemoryStore()
  for (const [name, documents] of Object.entries(collections))
    store.collections.set(name, new Map(documents.map(document => [document._id, document])))
  return { connector: 'memory' as const, options: { store } }
}

function digestOf(documents: Iterable<Document>): string {
  const sum = new DigestSum()
  for (const document of documents) sum.add(document)
  return `${sum.count} ${sum.hex()}`
}

async function digests(subject: Subject, names: readonly string[]): Promise<string[]> {
  const source = await openSource(await subject.endpoint())
  try {
    const sums = new Map(names.map(name => [name, new DigestSum()]))
    for (const partition of await source.partitions(names, { wanted: 2 })) {
      for await (const { collection, documents } of source.read(partition, {})) {
        for (const { _rev, ...document } of documents) {
          void _rev
          sums.get(collection)?.add(document)
        }
      }
    }
    return [...sums.values()].map(sum => `${sum.count} ${sum.hex()}`)
  } finally {
    await source.close()
  }
}
