/** Runs whose reader leaves out what the first stages would, held against the same runs with a reader that leaves this to them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { couchdbConnector } from '../../../lib/connectors/couchdb/index.ts'
import { createMemoryStore } from '../../../lib/connectors/memory/store.ts'
import type { MemoryStore } from '../../../lib/connectors/memory/store.ts'
import type { MigrateOptions } from '../../../lib/options.ts'
import type { RunReport } from '../../../lib/report.ts'
import { migrate } from '../../../lib/run.ts'
import { strip } from '../../../lib/stages/strip.ts'
import type { Document, Stage, StageLike } from '../../../lib/types.ts'
import { verify } from '../../../lib/verify/verify.ts'
import { lookAtAll } from '../../support/compare-ways.ts'
import { lettersOf, told } from '../../support/told.ts'
import { allDocs, document, json, startStub } from './stub.ts'
import type { Stub } from './stub.ts'

const plainly: typeof couchdbConnector = {
  ...couchdbConnector,
  async openSource(...given) {
    const source = await couchdbConnector.openSource(...given)
    return { ...source, read: (partition, { leaving: _leaving, ...options }) => source.read(partition, options) }
  }
}

const kept: Stage = { name: 'kept', changesInPlace: false, apply: each => each }
const changes: StageLike = each => {
  each['n'] = 'changed'
  return each
}
const copies: Stage = { name: 'copies', changesInPlace: false, apply: each => (each['n'] === 1 ? { ...each, more: true } : each) }
const drops: Stage = { name: 'drops', changesInPlace: false, apply: each => (each['n'] === 2 ? undefined : each) }
const splits: Stage = { name: 'splits', changesInPlace: false, apply: each => [each, { ...each, _id: `${each._id}-2` }] }
const waits: Stage = {
  name: 'waits',
  changesInPlace: false,
  apply: each => (each['n'] === 3 ? Promise.resolve(each) : each)
}
const failing = (onError: Stage['onError']): Stage => ({
  name: 'failing',
  onError,
  changesInPlace: false,
  apply(each) {
    if (each['n'] === 4) throw new Error('no fours')
    return each
  }
})

const variants: readonly Partial<MigrateOptions>[] = [
  {},
  { keepMetadata: true },
  { includeDesign: true },
  { onConflict: 'overwrite', maxRate: 100_000 },
  { types: 'plain' },
  { stages: [strip(['n', 'a'])] },
  { stages: [strip(['n', 'list[0]'])] },
  { stages: [lookAtAll] },
  { stages: [kept, copies] },
  { stages: [changes] },
  { stages: [drops, splits, waits] },
  { stages: [waits, kept] },
  { stages: [failing('dead-letter')] },
  { stages: [failing('skip')] },
  { stages: [failing('fail')], parallel: 1 }
]

const field = fc.oneof(
  fc.record({ n: fc.nat(5), text: fc.string() }).map(fields => JSON.stringify(fields).slice(1, -1)),
  fc.constantFrom(
    '"_attachments":{"a":{"length":3,"stub":true},"b":{"length":4,"stub":true}},"n":1',
    '"_attachments":[],"_conflicts":["1-b"]',
    '"_local_seq":3,"n":4,"_revs_info":[]',
    '"_conflicts":["1-b","1-c"],"n":2',
    '"n":1.0,"big":12345678901234567890,"zero":-0',
    '"at":{"$date":"2026-01-01T00:00:00Z"},"n":3',
    '"$%_a":1,"map":{"$%x":1}',
    '"map":{"__proto__":{"a":1}}',
    '"twice":1,"twice":2',
    '"_rev":"1-b","n":5',
    '"long":0.9113690123456789,"list":[[1],{"b":1,"a":2}]'
  )
)
const texts = fc.array(field, { minLength: 1, maxLength: 150, size: 'max' }).map(fields =>
  fields.map((each, index) => {
    const id = index % 40 === 39 ? `_design/${index}` : `d${String(index).padStart(4, '0')}`
    return document(id, each)
  })
)

const nameOf = ({ stages = [], ...more }: Partial<MigrateOptions>): string =>
  [...Object.entries(more), ...stages.map(stage => ['', `${stage.name} ${'onError' in stage ? stage.onError : ''}`])]
    .map(([key, value]) => `${key} ${String(value)}`.trim())
    .join(', ') || 'nothing asked'

describe('couchdb: what readers leave out', function () {
  this.timeout(120_000)
  let stub: Stub
  let folder: string
  let listed: readonly string[] = []
  before(async () => {
    stub = await startStub(({ method, path, query }) => {
      if (path === '/_all_dbs') return json(['d'])
      if (path === '/d') return json({ db_name: 'd', doc_count: listed.length, update_seq: 1 })
      if (path === '/_dbs_info') return json([{ key: 'd', info: { doc_count: listed.length } }])
      if (path === '/d/_all_docs' && method === 'GET') return { body: allDocs(query.get('limit') === '1' ? listed.slice(0, 1) : listed) }
      return undefined
    })
  })
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'docferry-left-out-'))))
  afterEach(async () => await rm(folder, { recursive: true, force: true }))
  after(async () => await stub.stop())

  async function run(connector: typeof couchdbConnector, more: Partial<MigrateOptions>) {
    const store = createMemoryStore()
    let ended: RunReport | undefined
    const ending = await migrate({
      source: { connector, options: { url: stub.url } },
      target: { connector: 'memory', options: { store } },
      collections: ['d'],
      stateDir: folder,
      onBegun: report => void (ended = report as RunReport),
      ...more
    }).then(
      report => told(report),
      (error: Error) => error.message
    )
    if (!ended) throw new Error(JSON.stringify(ending))
    const documents = [...(store.collections.get('d')?.values() ?? [])].map((each: Document) => [each, Object.keys(each)])
    return { ending, letters: await lettersOf(ended), stripped: told(ended).counts, documents }
  }

  for (const more of variants)
    it(`is left out as stages leave it out: ${nameOf(more)}`, async () => {
      await fc.assert(
        fc.asyncProperty(texts, async lines => {
          listed = lines
          const left = await run(couchdbConnector, more)
          expect(left).to.deep.equal(await run(plainly, more))
        }),
        { numRuns: 15 }
      )
    })

  it('is verified as what stages leave out', async () => {
    let attachments = 0
    const looked = async (connector: typeof couchdbConnector, store: MemoryStore, keepMetadata: boolean) => {
      const source = { connector, options: { url: stub.url } }
      const target = { connector: 'memory', options: { store } } as const
      const { collections, notes, state } = await verify({
        source,
        target,
        collections: ['d'],
        stateDir: folder,
        keepMetadata,
        settleMs: 0
      })
      attachments += notes.some(note => note.includes('attachment')) ? 1 : 0
      return { state, notes, collections }
    }
    await fc.assert(
      fc.asyncProperty(texts, fc.boolean(), fc.boolean(), async (lines, keepMetadata, isSpoilt) => {
        listed = lines
        const store = createMemoryStore()
        const ends = {
          source: { connector: couchdbConnector, options: { url: stub.url } },
          target: { connector: 'memory', options: { store } }
        } as const
        await migrate({ ...ends, collections: ['d'], stateDir: folder, keepMetadata })
        if (isSpoilt) store.collection('d').set('d0000', { _id: 'd0000', n: 'other' })
        expect(await looked(couchdbConnector, store, keepMetadata)).to.deep.equal(await looked(plainly, store, keepMetadata))
      }),
      { numRuns: 30 }
    )
    expect(attachments).to.be.greaterThan(5)
  })
})
