/** Ids that repeat within the source come out the same in every target that holds one document of an id, whichever way they travel. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { totalCounts } from '../lib/report.ts'
import type { OnConflict, StageLike } from '../lib/types.ts'
import { lookAtAll } from './support/compare-ways.ts'
import { migrate } from './support/migrate.ts'
import { usePlaces } from './support/places.ts'
import { uniqueName } from './support/servers.ts'

/** Beside each other, far from each other, equal and not; 1,210 ids. */
const documents = [
  ...Array.from({ length: 1200 }, (_, n) => ({ _id: `d${n}`, n })),
  ...[0, 0, 1, 700].map((id, n) => ({ _id: `d${id}`, n: `again ${n}` })),
  { _id: 'd5', n: 5 },
  ...Array.from({ length: 10 }, (_, n) => ({ _id: `e${n}`, n })),
  { _id: 'e9', n: 'again' }
]
const repeats = 6

const outcomes: Readonly<Record<OnConflict, { readonly written: number; readonly skipped: number; readonly failed: number }>> = {
  skip: { written: documents.length - repeats, skipped: repeats, failed: 0 },
  fail: { written: documents.length - repeats, skipped: 0, failed: repeats },
  overwrite: { written: documents.length, skipped: 0, failed: 0 }
}

describe('ids that repeat within the source', function () {
  this.timeout(60_000)
  const places = usePlaces()
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'docferry-repeats-'))
    await writeFile(join(folder, 'in.ndjson'), documents.map(each => `${JSON.stringify(each)}\n`).join(''))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  const ways: [string, StageLike[]][] = [
    ['as lines', []],
    ['as objects', [lookAtAll]]
  ]
  for (const provider of ['memory', 'couchdb', 'firestore', 'dynamodb'] as const)
    for (const onConflict of ['skip', 'fail', 'overwrite'] as const)
      it(`${provider}, ${onConflict}: are counted, told and kept the same, as lines and as objects, in a dry run too`, async () => {
        for (const [way, stages] of ways) {
          const collection = uniqueName('repeats')
          const target = await places.place(provider, collection)
          const run = { source: join(folder, 'in.ndjson'), rename: { in: collection }, target, onConflict, stages }
          const dry = await migrate({ ...run, dryRun: true })
          const real = await migrate(run)
          const kept = onConflict === 'overwrite' ? 'last' : 'first'
          for (const { collections, notes, state } of [dry, real]) {
            expect(totalCounts(collections), way).to.include({ ...outcomes[onConflict], read: documents.length })
            expect(state).to.equal(onConflict === 'fail' ? 'partial' : 'done')
            expect(notes.join()).to.include(`${repeats} documents have an id that came before in the source; the ${kept} of each `)
          }
          expect(real.collections[0]!.failures.map(({ code, count }) => [code, count])).to.deep.equal(
            onConflict === 'fail' ? [['DOCFERRY_CONFLICT', repeats]] : []
          )
          const again = await migrate({ ...run, stages: [], dryRun: true, onConflict: 'fail' })
          expect(again.collections[0]).to.include({ read: documents.length, failed: documents.length })
        }
      })
})
