/** What every connector does, whatever its database. Run over each of them by `connectors.spec.ts`. */
import { expect } from 'chai'
import { BatchWriter } from '../../lib/engine/batch-writer.ts'
import type { DeadLetter } from '../../lib/engine/dead-letter.ts'
import { CollectionState } from '../../lib/engine/collection-state.ts'
import { RateControl } from '../../lib/engine/rate-control.ts'
import { writeBatch } from '../../lib/engine/write-batch.ts'
import { DocferryError } from '../../lib/errors.ts'
import { openSource, openTarget } from '../../lib/open.ts'
import { collectionReport } from '../../lib/report.ts'
import { Section } from '../../lib/types.ts'
import type { Cursor, Document, Encoded, OnConflict, Partition, Refusal, Source, Target, WriteOutcome } from '../../lib/types.ts'
import { Decimal, DigestSum, Double, GeoPoint, Reference, Timestamp, ValueSet, Vector, setField } from '../../lib/values/index.ts'
import type { Value } from '../../lib/values/index.ts'
import { uniqueName } from '../support/servers.ts'
import type { Subject } from './subjects.ts'

/** Honest differences, declared by a connector instead of skipping tests. */
export interface Traits {
  /** What was written before is there at the next run; a file is written anew each time and can't be asked. */
  readonly keepsDocuments: boolean
  /** Two clients at once work on the same documents; a memory snapshot is loaded by each. */
  readonly shared: boolean
  /** Documents that the service refuses: their ids and sizes have limits. */
  readonly hasLimits: boolean
}

export function describeConnector(name: string, makeSubject: () => Promise<Subject>, traits: Traits): void {
  describe(`conformance: ${name}`, function () {
    this.timeout(60_000)
    let subject: Subject
    let collection: string
    const made: string[] = []

    before(async () => {
      subject = await makeSubject()
    })
    beforeEach(() => {
      collection = uniqueName('conf')
      made.push(collection)
    })
    after(async () => subject.remove(made))

    describe('writing and reading', () => {
      it('gives back every document that it was given', async () => {
        const documents = someDocuments(1_234)
        const counts = await write(subject, collection, documents)
        expect(counts).to.include({ written: 1_234, skipped: 0, failed: 0 })
        expectSame(await readAll(subject, collection), documents)
      })

      it('keeps every kind of value', async () => {
        const documents = [everyKindOfValue()]
        expect((await write(subject, collection, documents)).letters.map(({ message, where }) => [message, where])).to.deep.equal([])
        expectSame(await readAll(subject, collection), documents)
      })

      it('keeps awkward field names inside maps', async () => {
        const map = Object.fromEntries(
          ['a.b', 'a/b', 'a b', '`x`', '$date', '$literal', 'ünï', '😀', '0', '-1', 'constructor', 'toString'].map(key => [key, 1])
        )
        const documents = [{ _id: 'names', map, like: { $date: 'no date' }, date: { $date: '2026-01-01T00:00:00Z' } }]
        await write(subject, collection, documents)
        expectSame(await readAll(subject, collection), documents)
      })

      it('keeps a field called __proto__, or refuses the document', async () => {
        const map: Record<string, Value> = {}
        setField(map, '__proto__', 'kept')
        const documents = [{ _id: 'proto', map }]
        const counts = await write(subject, collection, documents)
        if (counts.written === 1) expectSame(await readAll(subject, collection), documents)
        else expect(counts.letters.map(({ code }) => code)).to.deep.equal(['DOCFERRY_BAD_FIELD'])
      })

      it('keeps ids with spaces, quotes, dots and other scripts', async () => {
        const documents = ['a b', 'a"b', "a'b", 'a.b', 'ä', '日本', '😀', 'a%2Fb', 'a+b', '~', 'Z', 'a', '-', '(', 'user_google_1234'].map(
          _id => ({ _id, n: 1 })
        )
        await write(subject, collection, documents)
        expectSame(await readAll(subject, collection), documents)
      })

      it('writes documents of very different sizes', async () => {
        const documents = Array.from({ length: 60 }, (_, i) => ({ _id: `size-${i}`, text: 'x'.repeat(i % 10 === 0 ? 300_000 : i) }))
        const counts = await write(subject, collection, documents)
        expect(counts.written).to.equal(60)
        expectSame(await readAll(subject, collection), documents)
      })
    })

    describe('partitions and cursors', () => {
      it('covers every document exactly once with any number of partitions', async () => {
        const documents = someDocuments(900)
        await write(subject, collection, documents)
        for (const wanted of [1, 3, 8]) expectSame(await readAll(subject, collection, { wanted }), documents)
      })

      it('gives exactly the rest behind each cursor', async () => {
        const documents = someDocuments(57)
        await write(subject, collection, documents)
        await withSource(subject, async source => {
          for (const partition of await source.partitions([collection], { wanted: 2 })) {
            const all = await readPartition(source, partition, { pageSize: 10 })
            let seen = 0
            for (const { cursor, count } of all.pages) {
              seen += count
              const rest = await readPartition(source, partition, { after: cursor, pageSize: 7 })
              expect(rest.documents.map(({ _id }) => _id)).to.deep.equal(all.documents.slice(seen).map(({ _id }) => _id))
            }
          }
        })
      })

      it('splits a collection the same way twice', async () => {
        await write(subject, collection, someDocuments(500))
        await withSource(subject, async source => {
          const first = await source.partitions([collection], { wanted: 4 })
          expect(await source.partitions([collection], { wanted: 4 })).to.deep.equal(first)
          expect(new Set(first.map(({ id }) => id)).size).to.equal(first.length)
          expect(JSON.parse(JSON.stringify(first))).to.deep.equal(first)
        })
      })

      it('stops reading when the signal aborts', async () => {
        await write(subject, collection, someDocuments(500))
        await withSource(subject, async source => {
          const abort = new AbortController()
          const reason = new Error('enough')
          const [partition] = await source.partitions([collection], { wanted: 1 })
          let failure: unknown
          try {
            for await (const page of source.read(partition as Partition, { signal: abort.signal, pageSize: 10 })) {
              expect(page.documents.length).to.be.greaterThan(0)
              abort.abort(reason)
            }
          } catch (error) {
            failure = error
          }
          expect(failure).to.equal(reason)
        })
      })

      it('reads an empty collection as nothing', async () => {
        await write(subject, collection, [])
        expect(await readAll(subject, collection)).to.deep.equal([])
      })
    })

    describe('collections', () => {
      it('lists a collection that holds documents', async () => {
        await write(subject, collection, someDocuments(3))
        await withSource(subject, async source => {
          const names = (await source.collections({}))?.map(info => info.name)
          expect(names).to.include(collection)
        })
      })

      it('says where it is, without secrets', async () => {
        await withTarget(subject, async target => {
          expect(target.location.provider).to.equal(subject.provider)
          expect(target.location.address).to.be.a('string').and.not.equal('')
          expect(JSON.stringify(target.location)).not.to.match(/lab-secret|password/i)
        })
      })

      it('prepares several collections at once, and keeps each', async () => {
        const names = Array.from({ length: 5 }, (_, i) => `${collection}-${i}`)
        made.push(...names)
        const documents = someDocuments(20)
        await withTarget(subject, async target => {
          await Promise.all(names.map(name => target.prepare(name, { create: true })))
          for (const name of names) {
            const encoded = documents.slice(0, 20).map(document => encode(target, name, document))
            expect(await target.write(name, encoded, { onConflict: 'skip', fresh: true })).to.deep.equal(documents.map(() => 'written'))
          }
          await target.commit({})
        })
        for (const name of names) expectSame(await readAll(subject, name), documents)
      })

      itWhere(traits.keepsDocuments)('knows that a collection that is not there holds nothing', async () => {
        await withTarget(subject, async target => {
          await target.prepare(collection, { create: false })
          expect(await target.get(collection, ['a', 'b'], { idsOnly: true })).to.deep.equal([])
        })
      })

      it('makes a collection only when told to', async () => {
        await withTarget(subject, async target => {
          expect(await target.prepare(collection, { create: false })).to.include({ created: true, empty: true })
          expect((await target.prepare(collection, { create: true })).empty).to.equal(true)
        })
      })
    })

    describe('where a collection is', () => {
      it('both ends tell the same of one, and another thing of another one; or neither tells', async () => {
        const other = uniqueName('conf')
        made.push(other)
        for (const name of [collection, other]) await write(subject, name, someDocuments(1))
        const proofs = (end: Pick<Source, 'proof'>) =>
          Promise.all([collection, other, `${collection}-none`].map(async name => await end.proof?.collection(name, {})))
        const told = await withSource(subject, proofs)
        expect(await withTarget(subject, proofs)).to.deep.equal(told)
        const isTold = ['couchdb', 'dynamodb', 'firestore'].includes(subject.provider)
        expect(told.map(each => each !== undefined)).to.deep.equal([isTold, isTold, false])
        if (isTold) expect(told[0]).not.to.equal(told[1])
      })
    })

    describe('outcomes', () => {
      itWhere(traits.keepsDocuments)('skips what is there already, and leaves it as it is', async () => {
        await write(subject, collection, [{ _id: 'b', n: 'old' }])
        const outcomes = await writeRaw(
          subject,
          collection,
          [
            { _id: 'a', n: 'new' },
            { _id: 'b', n: 'new' },
            { _id: 'c', n: 'new' }
          ],
          'skip'
        )
        expect(outcomes).to.deep.equal(['written', 'skipped', 'written'])
        expectSame(await readAll(subject, collection), [
          { _id: 'a', n: 'new' },
          { _id: 'b', n: 'old' },
          { _id: 'c', n: 'new' }
        ])
      })

      itWhere(traits.keepsDocuments)('fails on what is there already, where told to, and writes the others', async () => {
        await write(subject, collection, [{ _id: 'b', n: 'old' }])
        const outcomes = await writeRaw(
          subject,
          collection,
          [
            { _id: 'a', n: 'new' },
            { _id: 'b', n: 'new' }
          ],
          'fail'
        )
        expect(outcomes[0]).to.equal('written')
        expect(outcomes[1]).to.include({ code: 'DOCFERRY_CONFLICT', retryable: false })
        expectSame(await readAll(subject, collection), [
          { _id: 'a', n: 'new' },
          { _id: 'b', n: 'old' }
        ])
      })

      itWhere(traits.keepsDocuments)('overwrites what is there already, where told to', async () => {
        await write(subject, collection, [{ _id: 'b', n: 'old', more: 1 }])
        expect(
          await writeRaw(
            subject,
            collection,
            [
              { _id: 'a', n: 'new' },
              { _id: 'b', n: 'new' }
            ],
            'overwrite'
          )
        ).to.deep.equal(['written', 'written'])
        expectSame(await readAll(subject, collection), [
          { _id: 'a', n: 'new' },
          { _id: 'b', n: 'new' }
        ])
      })

      itWhere(traits.keepsDocuments && traits.shared)('skips race-free: of two writers at once, one wins each document', async () => {
        await write(subject, collection, [{ _id: 'there' }])
        const batch = (n: string): Document[] => Array.from({ length: 20 }, (_, i) => ({ _id: `race-${i}`, n }))
        const [one, two] = await Promise.all([
          writeEngine(subject, collection, batch('one')),
          writeEngine(subject, collection, batch('two'))
        ])
        expect(one.written + two.written).to.equal(20)
        expect(one.skipped + two.skipped).to.equal(20)
        const kept = (await readAll(subject, collection)).filter(({ n }) => n === 'one').length
        expect(kept).to.equal(one.written)
      })

      itWhere(!traits.keepsDocuments)('is written anew by each run', async () => {
        await write(subject, collection, [{ _id: 'old' }])
        await write(subject, collection, [{ _id: 'new' }])
        expectSame(await readAll(subject, collection), [{ _id: 'new' }])
      })

      itWhere(traits.keepsDocuments)('knows documents by id', async () => {
        await write(subject, collection, [
          { _id: 'a', n: 1 },
          { _id: 'b', n: 2 }
        ])
        await withTarget(subject, async target => {
          await target.prepare(collection, { create: true })
          const ids = (await target.get(collection, ['a', 'no', 'b'], { idsOnly: true }))?.map(({ _id }) => _id)
          expect(ids?.toSorted()).to.deep.equal(['a', 'b'])
          expectSame(((await target.get(collection, ['a'], {})) ?? []).map(withoutRev), [{ _id: 'a', n: 1 }])
        })
      })

      it('writes the good documents of a batch that holds bad ones, and names each bad one', async () => {
        const good = someDocuments(30)
        const bad: Document[] = [{ _id: '', n: 1 }]
        if (traits.hasLimits) bad.push({ _id: 'huge', text: 'x'.repeat(9_000_000) })
        const counts = await write(subject, collection, [...good.slice(0, 10), ...bad, ...good.slice(10)])
        expect(counts.written + counts.failed).to.equal(30 + bad.length)
        const expected = counts.failed === 0 ? [...good, ...bad] : good
        expectSame(await readAll(subject, collection), expected)
        if (bad.length === 2) expect(counts.letters.map(({ code }) => code)).to.deep.equal(['DOCFERRY_BAD_ID', 'DOCFERRY_TOO_LARGE'])
      })

      itWhere(traits.keepsDocuments)('keeps the first of two documents with one id, and says that there were two', async () => {
        const documents = [...someDocuments(700), { _id: 'id-00003', n: 'second' }, { _id: 'id-00698', n: 'second' }]
        const counts = await write(subject, collection, documents)
        expect(counts).to.include({ written: 700, skipped: 2, failed: 0, repeated: 2 })
        expectSame(await readAll(subject, collection), someDocuments(700))
      })
    })

    describe('trouble', () => {
      it('writes every document when parts of batches are throttled', async () => {
        const documents = someDocuments(400)
        const counts = await write(subject, collection, documents, target => throttlePart(target))
        expect(counts).to.include({ written: 400, failed: 0 })
        expectSame(await readAll(subject, collection), documents)
      })

      itWhere(traits.keepsDocuments)('counts as written what a call wrote whose answer was lost', async () => {
        const documents = someDocuments(120)
        await write(subject, collection, [{ _id: 'there' }])
        const counts = await writeEngine(subject, collection, documents, target => loseFirstAnswer(target))
        expect(counts).to.include({ written: 120, skipped: 0, failed: 0 })
        expectSame(await readAll(subject, collection), [...documents, { _id: 'there' }])
      })

      it('never has more calls under way than the target allows', async () => {
        let most = 0
        const counts = await write(subject, collection, someDocuments(2_000), target =>
          countCalls(target, calls => (most = Math.max(most, calls)))
        )
        expect(counts.written).to.equal(2_000)
        await withTarget(subject, async target => void expect(most).to.be.at.most(target.limits.inFlight))
      })

      it('refuses to write when the signal has aborted', async () => {
        const abort = new AbortController()
        abort.abort(new Error('enough'))
        await withTarget(subject, async target => {
          await target.prepare(collection, { create: true })
          const encoded = [encode(target, collection, { _id: 'late' })]
          let failure: unknown
          await target
            .write(collection, encoded, { onConflict: 'skip', fresh: false, signal: abort.signal })
            .catch((error: unknown) => (failure = error))
          expect(failure).to.be.instanceOf(Error)
        })
      })
    })
  })
}

/** A test that is defined where its trait holds. */
function itWhere(trait: boolean): (title: string, test: () => Promise<void>) => void {
  return (title, test) => {
    if (trait) it(title, test)
  }
}

/** Plain documents, ids in order. */
export function someDocuments(count: number): Document[] {
  return Array.from({ length: count }, (_, i) => ({
    _id: `id-${String(i).padStart(5, '0')}`,
    number: i,
    money: i + 0.25,
    text: `document ${i} – ünïcode 😀`,
    nested: { list: [i, null, true, { deep: 'x'.repeat(i % 50) }] }
  }))
}

export function everyKindOfValue(): Document {
  return {
    _id: 'kinds',
    null: null,
    yes: true,
    no: false,
    empty: '',
    text: 'line\nbreak \u0000 "quoted" \u2028',
    zero: 0,
    negative: -17,
    fraction: 0.1,
    tiny: 5e-324,
    huge: 1.7976931348623157e308,
    safe: Number.MAX_SAFE_INTEGER,
    infinite: Infinity,
    notANumber: NaN,
    big: 9007199254740993n,
    bigger: -123456789012345678901234567890n,
    integral: new Double(100),
    decimal: new Decimal('0.1234567890123456789012345678901234567'),
    bytes: new Uint8Array([0, 1, 254, 255]),
    noBytes: new Uint8Array(),
    time: new Timestamp(1_767_225_600, 123_456_000),
    nanos: new Timestamp(-1, 123_456_789),
    place: new GeoPoint(48.2, -16.37),
    reference: new Reference('agents/abc'),
    vector: new Vector([1, 0.5, -2]),
    strings: new ValueSet(['b', 'a']),
    numbers: new ValueSet([1, 2.5]),
    binaries: new ValueSet([new Uint8Array([1]), new Uint8Array([2, 3])]),
    list: [],
    lists: [[1, [2, []]], [], [[{ a: [[3]] }]]],
    map: {},
    maps: { a: { b: { c: [{ d: null }] } } }
  }
}

interface Written {
  readonly written: number
  readonly skipped: number
  readonly failed: number
  readonly repeated: number
  readonly letters: readonly DeadLetter[]
}

type Wrap = (target: Target) => Target

/** Write through the engine, into a collection that is taken as it is found, and complete the target. */
async function write(subject: Subject, collection: string, documents: readonly Document[], wrap?: Wrap): Promise<Written> {
  return await writeEngine(subject, collection, documents, wrap)
}

async function writeEngine(
  subject: Subject,
  collection: string,
  documents: readonly Document[],
  wrap: Wrap = target => target
): Promise<Written> {
  return await withTarget(subject, async opened => {
    const target = wrap(opened)
    const { empty } = await target.prepare(collection, { create: true })
    const state = new CollectionState(collectionReport({ name: collection, target: collection }), {
      fresh: empty,
      isNew: empty,
      idsMayRepeat: true,
      holdsRepeats: target.holdsRepeats
    })
    const letters: DeadLetter[] = []
    const writer = new BatchWriter({
      target,
      send: (name, batch, { fresh }) => writeBatch(target, name, batch, { onConflict: 'skip', fresh, baseMs: 1, attempts: 5 }),
      enter: () => Promise.resolve(state),
      bury: async letter => void letters.push(letter),
      rate: new RateControl(target.limits),
      onMark: () => undefined
    })
    await writer.add(new Section(collection))
    for (const document of documents) await writer.add(structuredCopy(document))
    await writer.finish()
    await opened.commit({})
    const { written, skipped, failed } = state.report
    expect(written + skipped + failed, 'every document has one outcome').to.equal(documents.length)
    return { written, skipped, failed, repeated: state.repeated().count, letters }
  })
}

/** A shallow copy: what a writer does to a document must not show in what the spec compares with. */
function structuredCopy(document: Document): Document {
  return { ...document }
}

/** One call of `write`, without the engine. */
async function writeRaw(
  subject: Subject,
  collection: string,
  documents: readonly Document[],
  onConflict: OnConflict
): Promise<readonly WriteOutcome[]> {
  return await withTarget(subject, async target => {
    await target.prepare(collection, { create: true })
    const encoded = documents.map(document => encode(target, collection, document))
    const outcomes = await target.write(collection, encoded, { onConflict, fresh: false })
    await target.commit({})
    return outcomes
  })
}

function encode(target: Target, collection: string, document: Document): Encoded {
  const encoded: Encoded | Refusal = target.encode(collection, document)
  if ('code' in encoded) throw new Error(`refused: ${encoded.message}`)
  return encoded
}

async function withTarget<T>(subject: Subject, work: (target: Target) => Promise<T>): Promise<T> {
  const target = await openTarget(await subject.endpoint())
  try {
    return await work(target)
  } finally {
    await target.close()
  }
}

async function withSource<T>(subject: Subject, work: (source: Source) => Promise<T>): Promise<T> {
  const source = await openSource(await subject.endpoint())
  try {
    return await work(source)
  } finally {
    await source.close()
  }
}

async function readAll(subject: Subject, collection: string, { wanted = 1 } = {}): Promise<Document[]> {
  return await withSource(subject, async source => {
    const documents: Document[] = []
    for (const partition of await source.partitions([collection], { wanted })) {
      documents.push(...(await readPartition(source, partition, {})).documents)
    }
    return documents
  })
}

interface PartitionRead {
  readonly documents: Document[]
  readonly pages: { readonly cursor: Cursor; readonly count: number }[]
}

async function readPartition(source: Source, partition: Partition, options: { after?: Cursor; pageSize?: number }): Promise<PartitionRead> {
  const result: PartitionRead = { documents: [], pages: [] }
  for await (const { documents, cursor, rejects = [] } of source.read(partition, options)) {
    expect(rejects).to.deep.equal([])
    result.documents.push(...documents.map(withoutRev))
    result.pages.push({ cursor, count: documents.length })
  }
  return result
}

function withoutRev({ _rev, ...document }: Document): Document {
  void _rev
  return document
}

/** The same documents, whatever their order; ids are named first, since a digest only says that something differs. */
export function expectSame(actual: readonly Document[], expected: readonly Document[]): void {
  const ids = (documents: readonly Document[]): string[] => documents.map(({ _id }) => _id).toSorted()
  expect(ids(actual)).to.deep.equal(ids(expected))
  const held = new Map(actual.map(document => [document._id, document]))
  for (const document of expected) {
    if (digest([held.get(document._id) as Document]) !== digest([document])) expect(held.get(document._id)).to.deep.equal(document)
  }
  expect(digest(actual)).to.equal(digest(expected))
}

export function digest(documents: Iterable<Document>): string {
  const sum = new DigestSum()
  for (const document of documents) sum.add(document)
  return sum.hex()
}

/** Passes on all but every third document of a batch's first try; those are reported as throttled. */
function throttlePart(target: Target): Target {
  const seen = new Set<string>()
  return overriding(target, async (collection, documents, options) => {
    const throttled = documents.filter((document, index) => index % 3 === 2 && !seen.has(document.id))
    for (const { id } of throttled) seen.add(id)
    const passed = documents.filter(document => !throttled.includes(document))
    const outcomes = passed.length > 0 ? await target.write(collection, passed, options) : []
    return documents.map(document => {
      if (throttled.includes(document)) return { code: 'DOCFERRY_THROTTLED', message: 'slow down', retryable: true }
      return outcomes[passed.indexOf(document)] as WriteOutcome
    })
  })
}

/** Writes the first batch, and then says that the connection was cut. */
export function loseFirstAnswer(target: Target): Target {
  let lost = false
  return overriding(target, async (collection, documents, options) => {
    const outcomes = await target.write(collection, documents, options)
    if (lost) return outcomes
    lost = true
    throw new DocferryError('DOCFERRY_CONNECT', 'the connection was cut', { retryable: true })
  })
}

function countCalls(target: Target, onCalls: (underWay: number) => void): Target {
  let underWay = 0
  return overriding(target, async (collection, documents, options) => {
    onCalls(++underWay)
    try {
      return await target.write(collection, documents, options)
    } finally {
      underWay--
    }
  })
}

function overriding(target: Target, write: Target['write']): Target {
  return {
    location: target.location,
    limits: target.limits,
    checkCollection: name => target.checkCollection(name),
    prepare: (collection, options) => target.prepare(collection, options),
    encode: (collection, document) => target.encode(collection, document),
    write,
    get: (collection, ids, options) => target.get(collection, ids, options),
    readBack: (collection, document) => target.readBack?.(collection, document) ?? document,
    commit: options => target.commit(options),
    close: () => target.close()
  }
}
