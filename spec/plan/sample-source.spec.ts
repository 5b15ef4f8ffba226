import { expect } from 'chai'
import { createMemoryStore, memoryConnector } from '../../lib/connectors/memory/index.ts'
import { openSource, silentLogger } from '../../lib/open.ts'
import { sampleSource } from '../../lib/plan/sample-source.ts'
import type { SampledSource } from '../../lib/plan/sample-source.ts'
import type { Document, Partition, ReadOptions, RejectDetails, Source } from '../../lib/types.ts'
import { scriptedSource } from '../support/scripted-connector.ts'
import type { ScriptedSource } from '../support/scripted-connector.ts'

const some = (count: number): Document[] => Array.from({ length: count }, (_, n) => ({ _id: String(n).padStart(6, '0'), n }))
const numberOf = (document: Document): number => document['n'] as number

function memory(collections: Readonly<Record<string, number>>): Promise<Source> {
  const store = createMemoryStore()
  for (const [name, count] of Object.entries(collections)) {
    const held = store.collection(name)
    for (const document of some(count)) held.set(document._id, document)
  }
  return memoryConnector.openSource({ store }, { logger: silentLogger })
}

const scripted = (script: ScriptedSource): Promise<Source> => openSource(scriptedSource(script))

/** The same with other answers. */
function altered(source: Source, changes: Partial<Source>): Source {
  return {
    location: source.location,
    uniqueIds: source.uniqueIds,
    collections: options => source.collections(options),
    partitions: (names, options) => source.partitions(names, options),
    read: (partition, options) => source.read(partition, options),
    close: () => source.close(),
    ...changes
  }
}

const withCount = (source: Source, documents: number | undefined): Source =>
  altered(source, { collections: async options => (await source.collections(options))?.map(info => ({ ...info, documents })) ?? null })

const asFile = (source: Source): Source => altered(source, { location: { ...source.location, provider: 'file' } })

interface Read {
  readonly documents: Record<string, Document[]>
  readonly rejects: RejectDetails[]
  readonly partitions: readonly Partition[]
}

async function readAll(source: Source, collections: readonly string[] | null = null): Promise<Read> {
  const documents: Record<string, Document[]> = {}
  const rejects: RejectDetails[] = []
  await source.collections({})
  const partitions = await source.partitions(collections, { wanted: 4 })
  for (const partition of partitions) {
    for await (const page of source.read(partition, {})) {
      documents[page.collection] = [...(documents[page.collection] ?? []), ...page.documents]
      rejects.push(...(page.rejects ?? []))
    }
  }
  return { documents, rejects, partitions }
}

/** Counts what is taken from a source, and with which options it is read. */
function watched(source: Source): { source: Source; fetched: () => number; reads: ReadOptions[] } {
  let fetched = 0
  const reads: ReadOptions[] = []
  async function* read(partition: Partition, options: ReadOptions): ReturnType<Source['read']> & AsyncGenerator {
    reads.push(options)
    for await (const page of source.read(partition, options)) {
      fetched += page.documents.length
      yield page
    }
  }
  return { source: altered(source, { read }), fetched: () => fetched, reads }
}

describe('plan: sample of a source', () => {
  for (const fraction of [0, -1, 1.1, Number.NaN]) {
    it(`refuses a share of ${fraction}`, async () => {
      const source = await memory({ a: 1 })
      expect(() => sampleSource(source, fraction))
        .to.throw()
        .with.property('code', 'DOCFERRY_CONFIG')
    })
  }

  it('passes everything else through', async () => {
    const inner = await memory({ a: 3 })
    let closed = false
    const source = sampleSource(
      altered(inner, {
        usage: () => ({ requests: 7 }),
        close: async () => void (closed = true)
      }),
      0.5
    )
    expect([source.location, source.uniqueIds, source.usage?.()]).to.deep.equal([inner.location, true, { requests: 7 }])
    expect(await source.collections({})).to.deep.equal([{ name: 'a', documents: 3 }])
    await source.close()
    expect(closed).to.equal(true)
  })

  it('has no usage where the source has none', async () => {
    expect(sampleSource(await memory({}), 0.5).usage).to.equal(undefined)
  })
})

describe('plan: quick sample', () => {
  const read = async (source: Source, fraction: number): Promise<Read & { sample: SampledSource }> => {
    const sample = sampleSource(source, fraction)
    return { ...(await readAll(sample)), sample }
  }

  it('reads about its share and stops', async () => {
    const { source, fetched } = watched(await memory({ a: 50_000 }))
    const { documents, sample } = await read(source, 0.01)
    expect(documents['a']).to.have.length(500)
    expect(sample.isQuick('a')).to.equal(true)
    expect(sample.sampled('a')).to.include({ passed: 500, of: 50_000, exact: false })
    // In pages of a hundred at least, as smaller ones cost more.
    expect(fetched()).to.equal(1_600)
  })

  it('comes from all over the ids', async () => {
    const { documents, partitions } = await read(await memory({ a: 50_000 }), 0.01)
    expect(partitions).to.have.length(16)
    const tenths = new Set(documents['a']!.map(document => Math.floor(numberOf(document) / 5_000)))
    expect(tenths.size).to.equal(10)
  })

  it('splits no less than the caller wants', async () => {
    const sample = sampleSource(await memory({ a: 50_000 }), 0.01)
    expect(await sample.partitions(null, { wanted: 20 })).to.have.length(20)
  })

  it('gives a hundred documents where the share would be fewer', async () => {
    const { documents } = await read(await memory({ a: 5_000 }), 0.001)
    expect(documents['a']).to.have.length(100)
  })

  it('gives a document of every partition', async () => {
    const { documents, partitions } = await read(await scripted({ collections: { a: some(3_000) }, partitions: 300, pageSize: 5 }), 0.001)
    const given = new Set(documents['a']!.map(document => numberOf(document) % 300))
    expect([partitions.length, given.size]).to.deep.equal([300, 300])
  })

  it('takes from later partitions what earlier ones lack', async () => {
    const inner = await scripted({ collections: { a: some(4_000) }, partitions: 4 })
    const isEmpty = ({ range }: Partition): boolean => Number(range?.['part']) < 2
    const source = altered(inner, {
      read: async function* (partition, options) {
        if (!isEmpty(partition)) yield* inner.read(partition, options)
      }
    })
    expect((await read(source, 0.1)).documents['a']).to.have.length(400)
  })

  it('asks for pages that add up to little more than it needs', async () => {
    const { source, reads } = watched(await memory({ a: 17_000 }))
    await read(source, 0.1)
    expect(new Set(reads.map(({ pageSize }) => pageSize))).to.deep.equal(new Set([107, 106]))
  })

  it('asks for several pages of the same size where one would be large', async () => {
    const { source, reads, fetched } = watched(await memory({ a: 16_000 }))
    await read(source, 0.6)
    expect(reads[0]?.pageSize).to.equal(300)
    expect(fetched()).to.equal(9_600)
  })

  it('trims a page that is larger than asked for', async () => {
    const { source } = watched(await scripted({ collections: { a: some(4_000) }, partitions: 2, pageSize: 300 }))
    const { documents, sample } = await read(source, 0.1)
    expect(documents['a']).to.have.length(400)
    expect(sample.sampled('a').passed).to.equal(400)
  })

  it('trims a page that is full of rejects', async () => {
    const rejects = Array.from({ length: 900 }, () => ({ code: 'DOCFERRY_BAD_DOCUMENT', message: 'no id', where: 'line 1' }) as const)
    const { rejects: found, sample } = await read(
      await scripted({ collections: { a: some(4_000) }, partitions: 2, pageSize: 10, rejects }),
      0.1
    )
    expect([found.length, sample.sampled('a').passed]).to.deep.equal([380, 400])
  })

  it('counts rejects as documents', async () => {
    const rejects = [{ code: 'DOCFERRY_BAD_DOCUMENT', message: 'no id', where: 'line 1' }] as const
    const source = await scripted({ collections: { a: some(4_000) }, partitions: 2, pageSize: 10, rejects })
    const found = await read(source, 0.1)
    expect([found.documents['a']?.length, found.rejects.length, found.sample.sampled('a').passed]).to.deep.equal([398, 2, 400])
  })

  it('closes the reader that it leaves', async () => {
    const inner = await memory({ a: 5_000 })
    let open = 0
    const source = altered(inner, {
      read: async function* (partition, options) {
        open++
        try {
          yield* inner.read(partition, options)
        } finally {
          open--
        }
      }
    })
    await read(source, 0.01)
    expect(open).to.equal(0)
  })

  it('counts the documents where there are fewer than estimated', async () => {
    const { sample } = await read(withCount(await memory({ a: 2_000 }), 1_000_000), 0.01)
    expect(sample.sampled('a')).to.include({ passed: 2_000, of: 2_000, exact: true })
  })

  it('is for each collection by itself', async () => {
    const { documents, sample } = await read(await memory({ a: 50_000, b: 30 }), 0.01)
    expect([documents['a']?.length, documents['b']?.length]).to.deep.equal([500, 30])
    expect([sample.isQuick('a'), sample.isQuick('b')]).to.deep.equal([true, false])
  })

  it('needs nobody to have asked for the collections', async () => {
    const sample = sampleSource(await memory({ a: 50_000 }), 0.01)
    await sample.partitions(['a'], { wanted: 1 })
    expect(sample.isQuick('a')).to.equal(true)
  })
})

describe('plan: sample of everything read', () => {
  const read = async (source: Source, fraction: number): Promise<Read & { sample: SampledSource }> => {
    const sample = sampleSource(source, fraction)
    return { ...(await readAll(sample)), sample }
  }

  it('meets what recurs in a file as often as it is there', async () => {
    for (const [every, fraction] of [
      [10, 0.1],
      [10, 0.5],
      [4, 0.25],
      [3, 0.34]
    ] as const) {
      const { documents } = await read(asFile(await scripted({ collections: { a: some(20_000) }, pageSize: 100 })), fraction)
      const share = documents['a']!.filter(document => numberOf(document) % every === 0).length / documents['a']!.length
      expect(share, `${fraction}`).to.be.within(0.8 / every, 1.2 / every)
    }
  })

  it('takes every so many documents of a file', async () => {
    const { documents, sample } = await read(asFile(await scripted({ collections: { a: some(5_000) }, pageSize: 30 })), 0.1)
    expect(new Set(documents['a']!.map(document => Math.floor(numberOf(document) / 10))).size).to.equal(500)
    expect(sample.isQuick('a')).to.equal(false)
    expect(sample.sampled('a')).to.include({ passed: 500, of: 5_000, exact: true })
  })

  it('spreads a hundred documents over a small collection', async () => {
    const { documents, sample } = await read(await memory({ a: 900 }), 0.01)
    expect(documents['a']).to.have.length(100)
    expect(numberOf(documents['a']!.at(-1)!)).to.be.greaterThan(890)
    expect(sample.sampled('a')).to.include({ passed: 100, of: 900, exact: true })
  })

  it('takes all of a collection of few', async () => {
    expect((await read(await memory({ a: 100, b: 1 }), 0.01)).documents)
      .to.have.property('a')
      .with.length(100)
  })

  it('takes everything where all is wanted', async () => {
    const { documents, sample } = await read(await memory({ a: 5_000 }), 1)
    expect(documents['a']).to.have.length(5_000)
    expect(sample.sampled('a')).to.include({ passed: 5_000, of: 5_000, exact: true })
  })

  it('thins out a collection of which nobody knows how large it is', async () => {
    const { documents, sample } = await read(withCount(await memory({ a: 20_000 }), undefined), 0.05)
    const numbers = documents['a']!.map(numberOf)
    expect(numbers.slice(0, 100)).to.deep.equal(Array.from({ length: 100 }, (_, index) => index))
    expect(numbers.filter(number => number >= 10_000)).to.have.length(500)
    expect(sample.isQuick('a')).to.equal(false)
    expect(sample.sampled('a').of).to.equal(20_000)
  })

  it('does not trust a count of none', async () => {
    const { documents, sample } = await read(withCount(await memory({ a: 20_000 }), 0), 0.05)
    expect(documents['a']!.length).to.be.within(1_000, 1_500)
    expect(sample.sampled('a')).to.include({ of: 20_000, exact: true })
  })

  it('counts several collections of one stream apart', async () => {
    const { documents, sample } = await read(await scripted({ collections: { a: some(2_000), b: some(40) }, unknown: true }), 0.5)
    expect(documents['b']).to.have.length(40)
    expect(sample.sampled('a')).to.include({ passed: documents['a']!.length, of: 2_000, exact: true })
    expect(sample.sampled('b')).to.include({ passed: 40, of: 40, exact: true })
  })

  it('reads a stream of several collections to its end, also where their sizes are known', async () => {
    const { source, fetched } = watched(await scripted({ collections: { a: some(2_000), b: some(2_000) } }))
    const inOne = altered(source, { partitions: async () => [{ id: 'all', collections: ['a', 'b'] }] })
    const { sample } = await read(inOne, 0.1)
    expect([fetched(), sample.isQuick('a'), sample.isQuick('b')]).to.deep.equal([4_000, false, false])
    expect(sample.sampled('b')).to.include({ passed: 200, of: 2_000, exact: true })
  })

  it('knows collections that only reading shows', async () => {
    const inner = await scripted({ collections: { a: some(20) }, unknown: true })
    const source = altered(inner, {
      partitions: async () => [{ id: 'all', collections: [] }],
      read: (partition, options) => inner.read({ ...partition, collections: ['a'] }, options)
    })
    expect((await read(source, 0.5)).sample.sampled('a')).to.include({ passed: 20, of: 20, exact: true })
  })

  it('samples rejects too', async () => {
    const rejects = Array.from({ length: 500 }, () => ({ code: 'DOCFERRY_BAD_DOCUMENT', message: 'no id', where: 'line 1' }) as const)
    const found = await read(asFile(await scripted({ collections: { a: some(5_000) }, rejects })), 0.1)
    expect(found.rejects).to.have.length(50)
  })

  it('keeps cursor and bytes of the pages', async () => {
    const inner = asFile(await scripted({ collections: { a: some(40) }, pageSize: 20 }))
    const sample = sampleSource(inner, 0.5)
    const [partition] = await sample.partitions(null, { wanted: 1 })
    const places = []
    for await (const { cursor, bytes } of sample.read(partition!, {})) places.push({ cursor, bytes })
    expect(places).to.deep.equal([
      { cursor: '20', bytes: 200 },
      { cursor: '40', bytes: 200 }
    ])
  })

  it('has counted nothing of a partition that fails', async () => {
    const fail = (_: string, page: number): void => {
      if (page === 1) throw new Error('gone')
    }
    const sample = sampleSource(asFile(await scripted({ collections: { a: some(40) }, pageSize: 20, beforePage: fail })), 1)
    const error: unknown = await readAll(sample).catch((thrown: unknown) => thrown)
    expect((error as Error).message).to.equal('gone')
    expect(sample.sampled('a')).to.include({ passed: 20, of: 40, exact: false })
  })
})
