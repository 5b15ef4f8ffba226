import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { connect } from '../../../lib/connectors/firestore/client.ts'
import { FirestoreSource, type ReaderTimes } from '../../../lib/connectors/firestore/reader.ts'
import type { FirestoreOptions } from '../../../lib/connectors/firestore/index.ts'
import type { Cursor, Document, Page, Partition, Source, Target, Usage } from '../../../lib/types.ts'
import { listeningLogger, numbered, openGate, openSource, openTarget, ownProject, thrownBy, writeAll, type Gate } from './support.ts'

const total = 2_500

async function readAll(source: Source, partition: Partition, after?: Cursor): Promise<Document[]> {
  const documents: Document[] = []
  for await (const page of source.read(partition, { after, pageSize: 100 })) documents.push(...page.documents)
  return documents
}

const ids = (documents: readonly Document[]): string[] => documents.map(({ _id }) => _id)

describe('firestore: reader', () => {
  const documents = numbered(total, 'x'.repeat(500))
  let options: FirestoreOptions
  let target: Target<Buffer>
  let source: Source
  let whole: Partition

  before(async () => {
    options = await ownProject()
    target = await openTarget(options)
    for (let start = 0; start < total; start += 500) await writeAll(target, 'things', documents.slice(start, start + 500))
    await writeAll(target, 'one', [{ _id: 'only' }])
    source = await openSource(options)
    whole = (await source.partitions(['things'], { wanted: 1 }))[0]!
  })
  after(() => Promise.all([source.close(), target.close()]))

  async function withGate(
    times: ReaderTimes,
    work: (source: Source, gate: Gate, restarts: () => string[]) => Promise<void>
  ): Promise<void> {
    const gate = await openGate(options.emulator!)
    const logger = listeningLogger()
    const gated = new FirestoreSource(await connect({ ...options, emulator: gate.host }, { logger }), logger, times)
    try {
      await work(gated, gate, () => logger.lines.map(({ message }) => message).filter(message => message.includes('goes on after')))
    } finally {
      await gated.close()
      await gate.close()
    }
  }

  it('says where it really is', () => {
    const { emulator, project } = options
    expect(source.location.address).to.equal(`project ${project}, database (default), emulator ${emulator}`)
    expect(source.location.identity).to.contain(emulator).and.contain(project)
  })

  it('lists the top-level collections with their counts', async () => {
    expect(await source.collections({})).to.deep.equal([
      { name: 'one', documents: 1 },
      { name: 'things', documents: total }
    ])
  })

  it('tells of documents in subcollections that are not read', async () => {
    const own = await ownProject()
    const written = await openTarget(own)
    await writeAll(written, 'users', [{ _id: 'u1' }])
    await writeAll(written, 'users/u1/notes', numbered(3))
    await writeAll(written, 'missing/m/notes', numbered(1))
    await writeAll(written, 'users2', numbered(2))
    const other = await openSource({ ...own, subcollections: false })
    expect(await other.collections({})).to.deep.equal([
      { name: 'missing', documents: 0, contents: '1 document in subcollections (notes), not read' },
      { name: 'users', documents: 1, contents: '3 documents in subcollections (notes), not read' },
      { name: 'users2', documents: 2 }
    ])
    await Promise.all([other.close(), written.close()])
  })

  it('reads every document in order', async () => {
    expect(await readAll(source, whole)).to.deep.equal(documents)
  })

  it('reads a collection that is empty or missing as empty', async () => {
    const [partition] = await source.partitions(['missing'], { wanted: 4 })
    expect(await readAll(source, partition!)).to.deep.equal([])
  })

  it('goes on after any cursor', async () => {
    const pages: Page[] = []
    for await (const page of source.read(whole, { pageSize: 700 })) pages.push(page)
    expect(pages.map(page => page.documents.length)).to.deep.equal([700, 700, 700, 400])
    let passed = 0
    for (const page of pages) {
      passed += page.documents.length
      expect(ids(await readAll(source, whole, page.cursor))).to.deep.equal(ids(documents.slice(passed)))
    }
  })

  it('goes on after a document that is there no more', async () => {
    expect(ids(await readAll(source, whole, 'd00002-and-a-half'))).to.deep.equal(ids(documents.slice(3)))
  })

  it('reads a collection in one partition where the server cannot split it', async () => {
    const partitions = await source.partitions(['things', 'one'], { wanted: 4 })
    expect(partitions.map(({ id }) => id)).to.deep.equal(['things', 'one'])
  })

  it('reads partitions that hold everything once', async () => {
    const bounds = [null, 'd00700', 'd01000-and-a-half', null]
    const partitions = [0, 1, 2].map(index => ({ ...whole, range: { from: bounds[index]!, to: bounds[index + 1]! } }))
    const parts = await Promise.all(partitions.map(partition => readAll(source, partition)))
    expect(parts.map(({ length }) => length)).to.deep.equal([700, 301, documents.length - 1_001])
    expect(ids(parts.flat())).to.deep.equal(ids(documents))
    expect(ids(await readAll(source, partitions[2]!, 'd02000'))).to.deep.equal(ids(documents.slice(2001)))
  })

  it('ends a page at its bytes, however few its documents', async () => {
    await writeAll(target, 'large', numbered(4, 'x'.repeat(1_000_000)))
    await writeAll(
      target,
      'large',
      numbered(4, 'x'.repeat(1_000_000)).map(document => ({ ...document, _id: `e${document._id}` }))
    )
    const [partition] = await source.partitions(['large'], { wanted: 1 })
    const counts: number[] = []
    for await (const page of source.read(partition!, {})) counts.push(page.documents.length)
    expect(counts).to.deep.equal([5, 3])
  })

  /** What some reading costs. */
  async function cost(work: (source: Source) => Promise<unknown>): Promise<Usage> {
    const fresh = await openSource(options)
    try {
      const before = fresh.usage!()
      await work(fresh)
      const after = fresh.usage!()
      return { requests: after.requests - before.requests, documentReads: after.documentReads! - before.documentReads! }
    } finally {
      await fresh.close()
    }
  }

  it('has cost a request and a read when it has connected', async () => {
    const fresh = await openSource(options)
    expect(fresh.usage!()).to.deep.equal({ requests: 1, documentReads: 1 })
    await fresh.close()
  })

  it('costs a read for each document', async () => {
    expect(await cost(fresh => readAll(fresh, whole))).to.deep.equal({ requests: 1, documentReads: total })
  })

  it('costs one read for a query that finds nothing', async () => {
    const empty = { id: 'missing', collections: ['missing'], range: {} }
    expect(await cost(fresh => readAll(fresh, empty))).to.deep.equal({ requests: 1, documentReads: 1 })
  })

  it('costs one read for 1,000 documents that are counted, for the moment of the counts, and for each list', async () => {
    const own = await ownProject()
    const written = await openTarget(own)
    for (let start = 0; start < 1_500; start += 500) {
      const slice = numbered(500).map(document => ({ ...document, _id: `${start}${document._id}` }))
      await writeAll(written, 'c', slice)
    }
    const other = await openSource(own)
    await other.collections({})
    // Connecting, listing, and the moment: one each; two counts of 1,500 documents: two each.
    expect(other.usage!()).to.deep.equal({ requests: 5, documentReads: 7 })
    await Promise.all([other.close(), written.close()])
  })

  it('costs what is asked again', async () => {
    await withGate({ queryAgeMs: 1 }, async gated => {
      await readAll(gated, whole)
      const { requests, documentReads } = gated.usage!()
      expect(requests).to.be.above(2)
      expect(documentReads).to.be.above(total)
    })
  })

  it('takes up its place when the connection is cut', async () => {
    await withGate({}, async (gated, gate, restarts) => {
      const found: string[] = []
      let again = true
      gate.cutAfter(300_000)
      for await (const page of gated.read(whole, { pageSize: 100 })) {
        found.push(...ids(page.documents))
        if (again && found.length >= 800) {
          again = false
          gate.cutAfter(50_000)
        }
      }
      expect(found).to.deep.equal(ids(documents))
      expect(gate.connections).to.be.at.least(3)
      expect(restarts()[0]).to.contain('goes on after')
    })
  })

  it('takes up its place when the server falls silent', async () => {
    await withGate({ idleTimeoutMs: 1_000 }, async (gated, gate, restarts) => {
      // Every connection that is made after the silent one answers.
      gate.silenceAfter(400_000)
      const found: string[] = []
      const reading = (async () => {
        for await (const page of gated.read(whole, { pageSize: 100 })) found.push(...ids(page.documents))
      })()
      while (restarts().length === 0) await new Promise(resolve => setImmediate(resolve))
      gate.release()
      await reading
      expect(found).to.deep.equal(ids(documents))
      expect(restarts()[0]).to.contain('no answer for')
    })
  })

  it('asks again before a query is too old, without loss', async () => {
    await withGate({ queryAgeMs: 1 }, async gated => {
      expect(ids(await readAll(gated, whole))).to.deep.equal(ids(documents))
    })
  })

  it('waits for a slow consumer without reading on, and without taking it for a silent server', async () => {
    const idleTimeoutMs = 300
    await withGate({ idleTimeoutMs }, async (gated, gate, restarts) => {
      const found: string[] = []
      for await (const page of gated.read(whole, { pageSize: 100 })) {
        if (found.length === 0) expect(await standstill(gate, 3 * idleTimeoutMs)).to.be.below(800_000)
        found.push(...ids(page.documents))
      }
      expect(found).to.deep.equal(ids(documents))
      expect(gate.bytes).to.be.above(1_400_000)
      expect(restarts()).to.deep.equal([])
    })
  })

  /** Bytes that have come when nothing has come for so long. */
  async function standstill(gate: Gate, ms: number): Promise<number> {
    for (;;) {
      const before = gate.bytes
      await sleep(ms)
      if (gate.bytes === before) return before
    }
  }

  it('stops at once when aborted, with the reason', async () => {
    await withGate({}, async (gated, gate) => {
      const reason = new Error('enough')
      const controller = new AbortController()
      const pages = gated.read(whole, { signal: controller.signal, pageSize: 100 })[Symbol.asyncIterator]()
      await pages.next()
      gate.silenceAfter(0)
      const rest = (async () => {
        while (!(await pages.next()).done);
      })()
      setImmediate(() => controller.abort(reason))
      expect(await thrownBy(rest)).to.equal(reason)
      expect(await thrownBy(gated.collections({ signal: controller.signal }))).to.equal(reason)
    })
  })

  it('gives up, with the cause, when the server is gone', async () => {
    await withGate({ attempts: 3 }, async (gated, gate) => {
      const pages = gated.read(whole, { pageSize: 100 })[Symbol.asyncIterator]()
      await pages.next()
      await gate.close()
      const rest = (async () => {
        while (!(await pages.next()).done);
      })()
      expect(await thrownBy(rest)).to.include({ code: 'DOCFERRY_CONNECT' })
    })
  })
})
