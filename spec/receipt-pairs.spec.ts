/** Between every two providers, on the real servers, a receipt accounts for exactly what reading the target gives. */
import { expect } from 'chai'
import { createMemoryStore } from '../lib/connectors/memory/store.ts'
import type { ProviderName, Types } from '../lib/types.ts'
import { Decimal, Double, Timestamp, ValueSet } from '../lib/values/index.ts'
import type { Document } from '../lib/values/index.ts'
import { subjects } from './conformance/subjects.ts'
import type { Subject } from './conformance/subjects.ts'
import { migrate } from './support/migrate.ts'
import { differencesFrom } from './support/target-sums.ts'

const providers = ['memory', 'file', 'couchdb', 'firestore', 'dynamodb'] as const satisfies readonly ProviderName[]
const names = ['awkward', 'awkward_copy']
const documents: Document[] = [
  { _id: 'ordinary', text: 'é\u2028', list: [1, [2]], map: { a: null, b: true } },
  { _id: 'doubles', one: new Double(1), zero: -0, large: 1e300, small: 5e-324, not: NaN },
  { _id: 'integers', big: 12345678901234567890n, bigger: 10n ** 40n, low: 7n },
  { _id: 'decimals', price: new Decimal('1.10'), long: new Decimal('0.1234567890123456789') },
  { _id: 'times', at: new Timestamp(1_700_000_000, 123_456_789), second: new Timestamp(-1, 0) },
  { _id: 'bytes', bytes: new Uint8Array([0, 255]), set: new ValueSet(['b', 'a']) },
  { _id: 'names', __odd__: 1, '$%taken': 2, _hidden: 3, 'a.b': 4, '': 5, nested: { __proto: 1, $date: 'no date' } },
  { _id: '__ids__/escaped', text: 'x' },
  { _id: '_underscore', text: 'y' },
  ...Array.from({ length: 60 }, (_, index): Document => ({ _id: `more-${index}`, index, half: index / 2 }))
]

describe('receipts: pairs', function () {
  this.timeout(60_000)
  const opened: Subject[] = []
  const place = async (provider: ProviderName): Promise<Subject> => {
    const subject = await subjects[provider]()
    opened.push(subject)
    return subject
  }
  afterEach(async () => {
    for (const subject of opened.splice(0)) await subject.remove(names)
  })

  for (const types of ['natural', 'exact', 'plain'] as const satisfies readonly Types[]) {
    for (const from of providers) {
      for (const to of providers) {
        // What a source has made of the documents is the same whichever way the next run writes.
        if (types !== 'natural' && from !== 'memory') continue
        it(`${from} -> ${to}, ${types}`, async () => {
          const [source, target] = [await place(from), await place(to)]
          const rules = { onIncompatible: 'escape', onConflict: 'fail' } as const
          const store = createMemoryStore()
          store.collections.set('awkward', new Map(documents.map(document => [document._id, document])))
          const filled = await migrate({ source: { connector: 'memory', options: { store } }, target: await source.endpoint(), ...rules })
          expect(filled.state).to.equal('done')
          expect(await differencesFrom(filled.receipt, await source.endpoint()), 'what was filled').to.deep.equal([])
          const ends = { source: await source.endpoint(), target: await target.endpoint() }
          const report = await migrate({ ...ends, collections: ['awkward'], rename: { awkward: 'awkward_copy' }, types, ...rules })
          expect(report.collections[0]).to.include({ written: documents.length, failed: 0 })
          expect(await differencesFrom(report.receipt, await target.endpoint())).to.deep.equal([])
        })
      }
    }
  }
})
