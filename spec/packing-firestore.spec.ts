/** Firestore's documents that travel packed, held against the same runs by the plain way. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { firestoreConnector } from '../lib/connectors/firestore/index.ts'
import type { FirestoreOptions } from '../lib/connectors/firestore/index.ts'
import type { MigrateOptions } from '../lib/options.ts'
import { migrate } from '../lib/run.ts'
import { strip } from '../lib/stages/strip.ts'
import type { Connector, Document, OnConflict, StageLike } from '../lib/types.ts'
import { undo } from '../lib/undo/undo.ts'
import { verify } from '../lib/verify/verify.ts'
import { Timestamp } from '../lib/values/index.ts'
import { listeningLogger, ownProject } from './connectors/firestore/support.ts'
import { fingerprint } from './formats/bytes.ts'
import { lookAtAll } from './support/compare-ways.ts'
import { simpleDocuments } from './support/generator.ts'
import { documentsIn, lettersOf, told } from './support/told.ts'

const name = 'packing'

const odd = [
  '{"_id":"rev","_rev":"1-a","_attachments":{"a":{"length":3},"b":{"length":4}},"n":1}',
  '{"_id":"number","n":1.0,"big":12345678901234567890,"long":0.9113690123456789}',
  '{"_id":"date","at":{"$date":"2026-01-01T00:00:00Z"},"deep":{"a":[1,2]}}',
  '{"_id":"nested","list":[[1,2],[3]]}',
  '{"_id":"$%_escaped","$%_b":1}',
  '{"_id":"__reserved__","n":1}',
  '{"_id":"reserved","__field__":1}',
  '{"_id":"path/runs/one","n":1}',
  '{"_id":"","n":1}',
  '{"_id":"underscore","_secret":1,"10":1,"9":2}',
  '{"_id":"proto","map":{"__proto__":{"a":1}}}',
  '{ "_id" : "space" , "b" : [ 1 , 2 ] }\r',
  '{"_id":"nul","text":"\\u0000\u2028"}',
  '{"_id":"half","text":"\\ud800"}',
  'no JSON',
  '{"_id":"again","n":1}',
  '{"_id":"again","n":2}',
  `{"_id":"large","text":"${'é'.repeat(400_000)}"}`,
  `{"_id":"too large","text":"${'é'.repeat(600_000)}"}`
]

/** That takes documents as objects only. */
const plainly: Connector<FirestoreOptions> = {
  ...firestoreConnector,
  async openTarget(...given) {
    const target = await firestoreConnector.openTarget(...given)
    return Object.defineProperty(target, 'lines', { value: undefined })
  }
}

describe('packed documents of Firestore', function () {
  this.timeout(120_000)
  let folder: string
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'docferry-packing-'))))
  afterEach(async () => await rm(folder, { recursive: true, force: true }))

  const path = (file: string): string => join(folder, file)
  const file = (of: string) => ({ connector: 'file', options: { path: path(of), collection: name } }) as const
  const firestore = (options: FirestoreOptions) => ({ connector: 'firestore', options }) as const
  /** Lines; lines that are made of objects; and objects. */
  const ways = {
    packed: { stages: [], connector: firestoreConnector },
    packedLate: { stages: [lookAtAll], connector: firestoreConnector },
    plain: { stages: [lookAtAll], connector: plainly }
  } as const

  async function held(options: FirestoreOptions): Promise<string[]> {
    const source = await firestoreConnector.openSource(options, { logger: listeningLogger() })
    try {
      const documents: Document[] = []
      for (const partition of await source.partitions([name], { wanted: 1 }))
        for await (const page of source.read(partition, {})) documents.push(...page.documents)
      return fingerprint(documents).toSorted()
    } finally {
      await source.close()
    }
  }

  const input = (): string[] => {
    const lines = [...simpleDocuments({ seed: 3, count: 1_500, bytes: 300 })].map(each => JSON.stringify(each))
    for (const [index, line] of odd.entries()) lines.splice(index * 75 + 40, 0, line)
    return lines
  }

  const cases: [OnConflict, Partial<MigrateOptions>][] = [
    ['skip', {}],
    ['overwrite', {}],
    ['overwrite', { undo: 'all' }],
    ['fail', {}],
    ['skip', { onIncompatible: 'escape' }],
    ['skip', { subcollections: true, types: 'exact' }]
  ]
  for (const [onConflict, more] of cases)
    it(`are written as by the plain way: ${onConflict} ${JSON.stringify(more)}`, async () => {
      const lines = input()
      await writeFile(path('in.ndjson'), lines.join('\n'))
      // Half of what stands there is the same, and half is not.
      const seeds = lines.slice(200, 260).filter(line => line.startsWith('{"_id":"doc'))
      await writeFile(path('seed.ndjson'), seeds.map((line, at) => (at % 2 === 0 ? line : line.replace('{', '{"other":true,'))).join('\n'))
      const run = async (way: keyof typeof ways) => {
        const { stages, connector } = ways[way]
        const options = await ownProject()
        const ends = { target: { connector, options }, stateDir: path(way) }
        await migrate({ source: file('seed.ndjson'), ...ends })
        const before = await held(options)
        const report = await migrate({ source: file('in.ndjson'), onConflict, ...ends, ...more, stages })
        const documents = await held(options)
        if (more.undo) {
          await undo({ stateDir: path(way), run: report.runId, target: firestore(options) })
          expect(await held(options)).to.deep.equal(before)
        }
        return { told: told(report), letters: await lettersOf(report), documents }
      }
      const packed = await run('packed')
      const packedLate = await run('packedLate')
      const plain = await run('plain')
      for (const key of Object.keys(plain) as (keyof typeof plain)[]) {
        expect(packed[key], key).to.deep.equal(plain[key])
        expect(packedLate[key], key).to.deep.equal(plain[key])
      }
      expect(packed.told.counts[0]!.failed).to.be.greaterThan(1)
      expect(packed.documents.length).to.be.greaterThan(1_500)
    })

  it('are written into an empty collection with the receipt and the journal of the plain way', async () => {
    await writeFile(path('in.ndjson'), input().join('\n'))
    const run = async (way: keyof typeof ways) => {
      const { stages, connector } = ways[way]
      const options = await ownProject()
      const report = await migrate({ source: file('in.ndjson'), target: { connector, options }, stateDir: path(way), stages })
      const journal = await readFile(join(report.folder!, 'undo.ndjson'), 'utf8')
      return { told: told(report), journal: journal.split('\n').toSorted(), documents: await held(options) }
    }
    const plain = await run('plain')
    expect(await run('packed')).to.deep.equal(plain)
    expect(await run('packedLate')).to.deep.equal(plain)
  })

  it('are read as by the plain way', async () => {
    await writeFile(path('in.ndjson'), input().join('\n'))
    const options = await ownProject()
    await migrate({
      ...{ source: file('in.ndjson'), target: firestore(options), stateDir: path('state') },
      ...{ onIncompatible: 'escape', subcollections: true }
    })
    for (const [index, more] of [{}, { stages: [strip(['n', 'note'])] }, { subcollections: false }].entries()) {
      const run = async (way: string, stages: readonly StageLike[]) => {
        const given = [...(('stages' in more ? more.stages : undefined) ?? []), ...stages]
        const report = await migrate({ source: firestore(options), target: file(way), stateDir: path('state'), ...more, stages: given })
        return { told: told(report), documents: fingerprint(await documentsIn(path(way))).toSorted() }
      }
      const packed = await run(`packed${index}.ndjson`, [])
      const plain = await run(`plain${index}.ndjson`, [lookAtAll])
      for (const key of Object.keys(plain) as (keyof typeof plain)[]) expect(packed[key], key).to.deep.equal(plain[key])
      expect(packed.documents.length).to.be.greaterThan(1_500)
    }
  })

  it('are verified against what was packed on its way out', async () => {
    const options = await ownProject()
    const lines = [...simpleDocuments({ seed: 9, count: 300, bytes: 300 })].map(each => JSON.stringify(each))
    await writeFile(path('in.ndjson'), lines.join('\n'))
    const ends = { source: file('in.ndjson'), target: firestore(options), stateDir: path('state') }
    await migrate(ends)
    expect((await verify(ends)).state).to.equal('equal')
  })

  it('come in the pages that the decoder has to see too', async () => {
    const options = await ownProject()
    const target = await firestoreConnector.openTarget(options, { logger: listeningLogger() })
    const documents = Array.from({ length: 600 }, (_, at): Document => ({ _id: `d${at}`, at: at % 3 === 0 ? new Timestamp(at, 0) : at }))
    for (let from = 0; from < 600; from += 300) {
      const encoded = documents.slice(from, from + 300).map(each => target.encode(name, each))
      await target.write(name, encoded as never, { onConflict: 'overwrite', fresh: true })
    }
    const report = await migrate({ source: firestore(options), target: file('out.ndjson'), stateDir: path('state') })
    expect(report.collections[0]).to.include({ read: 600, written: 600 })
    expect(fingerprint(await documentsIn(path('out.ndjson'))).toSorted()).to.deep.equal(fingerprint(documents).toSorted())
    await target.close()
  })
})
