import { expect } from 'chai'
import fc from 'fast-check'
import { isTooLong, storedId } from '../../../lib/connectors/firestore/names.ts'
import { collectionRefusal, idRefusal } from '../../../lib/connectors/firestore/limits.ts'
import type { Conversion, Document, Encoded, Source, Target } from '../../../lib/types.ts'
import { canonicalBytes, escapeName, hashedId, setField, Double, Vector, type Value, type ValueMap } from '../../../lib/values/index.ts'
import { uniqueName } from '../../support/servers.ts'
import { accepted, openSource, openTarget, ownProject, writeAll } from './support.ts'

const escape = { types: 'natural', escapeNames: true } as const
const awkward = [
  '',
  '__x__',
  '__proto__',
  '__name__',
  '\ud800',
  'a\udc00b',
  '$%',
  '$%%',
  '$%_a',
  '$%__x__',
  '$%a%2Fb',
  '$%abc',
  '.',
  '..',
  'a/b',
  '%',
  '_id_'
]
const long = [
  'x'.repeat(2000),
  'é'.repeat(800),
  `_${'_'.repeat(1499)}`,
  '\ud800'.repeat(300),
  `$%__${'%25'.repeat(400)}__`,
  '$%_'.padEnd(2000, 'x')
]

describe('firestore: names', () => {
  it('are stored as they are where Firestore takes them', () => {
    for (const id of ['a', '$a', '$%a', '$%_a', '%2F', '__id7__', 'x'.repeat(1500)])
      expect(storedId(id, { escapeNames: true }), id).to.equal(id)
  })

  it('are stored escaped where Firestore refuses them, if asked for', () => {
    for (const id of ['', '.', 'a/b', '__x__', '\ud800']) {
      expect(storedId(id, { escapeNames: true }), id).to.equal(escapeName(id))
      expect(storedId(id, { escapeNames: false }), id).to.deep.equal(idRefusal(id))
    }
  })

  it('that look like escaped ones are stored escaped, whatever is asked for', () => {
    for (const escapeNames of [true, false]) expect(storedId('$%a%2Fb', { escapeNames })).to.equal('$%$%25a%252Fb')
  })

  it('of documents are stored hashed where they are too long', () => {
    for (const id of long) expect(storedId(id, { escapeNames: true })).to.equal(hashedId(id))
    expect(storedId('x'.repeat(1500), { escapeNames: true })).to.equal('x'.repeat(1500))
    expect(storedId('x'.repeat(1501), { escapeNames: false })).to.include({ code: 'DOCFERRY_BAD_ID' })
    expect(storedId(`$%__${'%25'.repeat(400)}__`, { escapeNames: false })).to.include({ code: 'DOCFERRY_BAD_ID' })
  })

  it('never become one that Firestore refuses', () => {
    const name = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(...awkward, ...long),
      fc.string({ minLength: 1400, maxLength: 1600 })
    )
    fc.assert(
      fc.property(name, id => {
        expect(idRefusal(storedId(id, { escapeNames: true }) as string)).to.equal(undefined)
      })
    )
  })

  it('of fields are too long by their bytes as they are written', () => {
    for (const name of long) expect(isTooLong(name, 1500), name).to.equal(true)
    for (const name of [...awkward, 'x'.repeat(1500), 'é'.repeat(750), '%'.repeat(1500), `__${'/'.repeat(490)}__`]) {
      expect(isTooLong(name, 1500), name).to.equal(false)
    }
    expect(isTooLong(`__${'/'.repeat(499)}__`, 1500)).to.equal(true)
  })

  it('of collections are refused as ever', () => {
    expect(collectionRefusal('a/b')?.code).to.equal('DOCFERRY_COLLECTION_NAME')
  })
})

describe('firestore: names on the emulator', () => {
  let target: Target<Buffer>
  let strict: Target<Buffer>
  let source: Source
  let collection: string

  before(async () => {
    const options = await ownProject()
    target = await openTarget(options, escape)
    strict = await openTarget(options)
    source = await openSource(options)
  })
  beforeEach(() => {
    collection = uniqueName()
  })
  after(() => Promise.all([target.close(), strict.close(), source.close()]))

  async function stored(pageSize?: number): Promise<Document[]> {
    const documents: Document[] = []
    const [partition] = await source.partitions([collection], { wanted: 1 })
    for await (const page of source.read(partition!, { pageSize })) documents.push(...page.documents)
    return documents
  }

  function fieldsOf(names: readonly string[], value: (index: number) => Value): ValueMap {
    const map: ValueMap = {}
    names.forEach((name, index) => setField(map, name, value(index)))
    return map
  }

  const canonical = (documents: readonly Document[]): string[] =>
    documents.map(document => Buffer.from(canonicalBytes(document)).toString('latin1')).sort()

  async function expectRoundTrip(documents: readonly Document[]): Promise<void> {
    expect(new Set(await writeAll(target, collection, documents))).to.deep.equal(new Set(['written']))
    expect(canonical(await stored())).to.deep.equal(canonical(documents))
    const found = await target.get(
      collection,
      documents.map(({ _id }) => _id),
      {}
    )
    expect(canonical(found!)).to.deep.equal(canonical(documents))
  }

  it('of fields come back as they were, at any depth', async () => {
    const everyKind = (index: number): Value =>
      [index, 'text', [1, [2]], new Double(1), new Vector([1]), { a: { '': 1 } }, '\ud800'][index % 7]!
    const fields = fieldsOf([...awkward, ...long], everyKind)
    await expectRoundTrip([
      { _id: 'a', ...fields },
      { _id: 'b', map: { list: [fields, [fields]] } },
      { _id: 'c', ...fieldsOf(long, () => fieldsOf(long, () => 1)) },
      { _id: 'd', envelope: { $date: '2026-01-01T00:00:00Z', ['x'.repeat(2000)]: 1 }, literal: { $literal: fieldsOf(long, () => null) } }
    ])
  })

  it('of documents come back as they were', async () => {
    await expectRoundTrip([...awkward, ...long, 'x'.repeat(1500), `__${'x'.repeat(1490)}__`].map(_id => ({ _id, a: 1 })))
  })

  it('of documents that are hashed come back beside fields that are too long', async () => {
    await expectRoundTrip(long.map(_id => ({ _id, ...fieldsOf(long, index => index) })))
  })

  it('stand in the field _id as they were, where UTF-8 can hold them', async () => {
    await writeAll(target, collection, [{ _id: 'a/b' }, { _id: '\ud800' }])
    const { address } = target.location
    const [, project, emulator] = /^project ([^,]+), .* emulator (.+)$/.exec(address)!
    const response = await fetch(`http://${emulator}/v1/projects/${project}/databases/(default)/documents/${collection}`)
    const { documents } = (await response.json()) as { documents: { fields: { _id: { stringValue: string } } }[] }
    expect(documents.map(({ fields }) => fields._id.stringValue)).to.have.members(['a/b', '$%%uD800'])
  })

  it('that look like escaped ones come back as they were without escaping', async () => {
    const document: Document = { _id: '$%_a', '$%%': 1, '$%__x__': { '$%': [] } }
    expect(await writeAll(strict, collection, [document])).to.deep.equal(['written'])
    expect(await stored()).to.deep.equal([document])
    expect(await strict.get(collection, ['$%_a'], { idsOnly: true })).to.deep.equal([{ _id: '$%_a' }])
  })

  it('that nobody escaped are read as they are', async () => {
    const document: Document = { _id: '$%abc', '$%abc': 1, '$%25': { '$%a': 2 } }
    await writeAll(strict, collection, [document])
    expect(await stored()).to.deep.equal([document])
  })

  it('of documents are asked for and told of as they are', async () => {
    const ids = [...awkward, ...long]
    await writeAll(
      target,
      collection,
      ids.map(_id => ({ _id }))
    )
    const found = await target.get(collection, [...ids, 'missing', '__missing__'], { idsOnly: true })
    expect(found!.map(({ _id }) => _id).sort()).to.deep.equal([...ids].sort())
    expect(await strict.get(collection, ['__x__', 'x'.repeat(2000)], {})).to.deep.equal([])
  })

  it('are no hindrance to going on after a page', async () => {
    const documents = [...awkward, ...long, 'a', 'b'].map(_id => ({ _id }))
    await writeAll(target, collection, documents)
    const [partition] = await source.partitions([collection], { wanted: 1 })
    const ids: string[] = []
    let after: string | undefined
    for (;;) {
      const page = await source.read(partition!, { after, pageSize: 1 })[Symbol.asyncIterator]().next()
      if (page.done === true) break
      ids.push(...page.value.documents.map(({ _id }) => _id))
      after = page.value.cursor
    }
    expect(ids.sort()).to.deep.equal(documents.map(({ _id }) => _id).sort())
  })

  it('are refused as ever without escaping', () => {
    expect(strict.encode(collection, { _id: '__x__' })).to.deep.equal(idRefusal('__x__'))
    expect(strict.encode(collection, { _id: 'a', b: { '': 1 } })).to.deep.equal({
      code: 'DOCFERRY_BAD_FIELD',
      message: 'a field name is empty, which Firestore refuses',
      path: 'b.""'
    })
    expect(strict.encode(collection, { _id: 'a', ['x'.repeat(1501)]: 1 })).to.include({ code: 'DOCFERRY_BAD_FIELD' })
  })

  it('are counted to the byte as Firestore counts them', async () => {
    const fields = fieldsOf([...awkward, ...long], index => index)
    const document = (length: number): Document => ({ _id: 'x'.repeat(2000), ...fields, a: 'x'.repeat(1_000_000), b: 'x'.repeat(length) })
    const base = accepted(target.encode(collection, document(0))).size!
    const fits = accepted(target.encode(collection, document(1_048_576 - base)))
    expect(fits.size).to.equal(1_048_576)
    const options = { onConflict: 'overwrite', fresh: true } as const
    expect(await target.write(collection, [fits], options)).to.deep.equal(['written'])

    // The name that the payload holds is one byte longer where the collection's is, which Firestore counts as well.
    const longer = `${collection}x`
    const { size } = accepted(target.encode(longer, document(1_048_576 - base - 1)))
    expect(size).to.equal(1_048_576)
    expect(target.encode(longer, document(1_048_576 - base))).to.include({ code: 'DOCFERRY_TOO_LARGE' })
  })

  it('that are escaped are told of, each once, with their place', () => {
    const told: [string, Conversion, string][] = []
    const document: Document = { _id: 'a/b', '': { __x__: 1, '$%%': 2 }, list: [{ ['x'.repeat(2000)]: [[1]] }], plain: 1 }
    const encoded: Encoded<Buffer> = accepted(
      target.encode(collection, document, (kind, conversion, path) => told.push([kind, conversion, path()]))
    )
    expect(encoded.id).to.equal('a/b')
    const cut = `list[0].${'x'.repeat(2000)}`
    expect(told).to.have.deep.members([
      ['id', 'escaped', '_id'],
      ['name', 'escaped', '""'],
      ['name', 'escaped', '"".__x__'],
      ['name', 'escaped', '"".$%%'],
      ['name', 'escaped', cut],
      ['array', 'enveloped', cut],
      ['array', 'enveloped', `${cut}[0]`]
    ])
  })

  it('move where the names on the way to a value are too long together', async () => {
    const document: Document = {
      _id: 'a',
      ['x'.repeat(1_000)]: { list: [{ ['y'.repeat(600)]: { ['z'.repeat(1_500)]: 1 } }] },
      short: { name: 2 }
    }
    expect(strict.encode(collection, document)).to.include({ code: 'DOCFERRY_BAD_FIELD' })
    const told: string[] = []
    target.encode(collection, document, (kind, conversion, path) => told.push(`${kind} ${conversion} ${path().length}`))
    expect(told).to.have.length(3)
    await expectRoundTrip([document])
  })
})
