import { createRequire } from 'node:module'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  Decimal,
  Double,
  GeoPoint,
  Reference,
  Timestamp,
  ValueSet,
  Vector,
  canonicalBytes,
  escapeMap,
  type Document,
  type Value,
  type ValueMap
} from '../../../lib/values/index.ts'
import { DocumentDecoder } from '../../../lib/connectors/firestore/decoder.ts'
import { DocumentEncoder } from '../../../lib/connectors/firestore/encoder.ts'
import type { Source, Target } from '../../../lib/types.ts'
import { accepted, answerOf, encoderBelow, fullest, openSource, openTarget, ownProject, root, writeAll } from './support.ts'

function encoded(document: Document): Buffer {
  return accepted(new DocumentEncoder(root).encode('c', document)).payload
}

function refused(fields: ValueMap): { code: string; message: string; path?: string } {
  const refusal = new DocumentEncoder(root).encode('c', { _id: 'x', ...fields })
  if (!('code' in refusal)) throw new Error('it was taken')
  return refusal
}

function decoded(message: Buffer): Document {
  return new DocumentDecoder(root, 'c').decodeAnswer(answerOf(message))!
}

/** Google's own schema, read by the library that its client uses. */
interface Message {
  encode(object: object): { finish(): Uint8Array }
  decode(bytes: Uint8Array): object
  fromObject(object: object): object
  toObject(message: object, options: object): unknown
}

function vendorDocument(): Message {
  const vendor = createRequire(createRequire(import.meta.url).resolve('@google-cloud/firestore'))
  const { Root } = createRequire(vendor.resolve('google-gax'))('protobufjs') as {
    Root: { fromJSON(json: object): { lookupType(name: string): Message } }
  }
  return Root.fromJSON(vendor('./../protos/v1.json') as object).lookupType('google.firestore.v1.Document')
}

const key = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' }),
    fc.constantFrom('$date', '$literal', '$array', '$set', '$numberLong', 'a.b', 'constructor', '0')
  )
  .filter(name => !/^__.+__$/s.test(name))

const special: fc.Arbitrary<Value> = fc.oneof(
  fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }).filter(value => !Number.isSafeInteger(Number(value))),
  fc.integer().map(value => new Double(value)),
  fc.constantFrom<Value>(-0, NaN, Infinity, -Infinity, 1e300, 2 ** 53, new Double(-0), -(2n ** 63n), 2n ** 63n, 2n ** 63n - 1n),
  fc.constantFrom('123456789012345678901234567890.5', '1E-400', '0.12345678901234567890123').map(digits => new Decimal(digits)),
  fc.uint8Array({ maxLength: 20 }),
  fc
    .tuple(fc.integer({ min: -62_135_596_900, max: 253_402_300_900 }), fc.constantFrom(0, 1000, 999_999_000, 1, 123_456_789))
    .map(([seconds, nanoseconds]) => new Timestamp(seconds, nanoseconds)),
  fc
    .tuple(fc.double({ min: -100, max: 100, noNaN: true }), fc.double({ min: -200, max: 200, noNaN: true }))
    .map(([a, b]) => new GeoPoint(a, b)),
  fc
    .constantFrom('c/d', 'c/d/e/f', 'c', '', 'c//d/e', 'projects/q/databases/d/documents/x/y', `${root}/a/b/c`)
    .map(path => new Reference(path)),
  fc.array(fc.double(), { maxLength: 5 }).map(values => new Vector(values)),
  fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 4 }).map(members => new ValueSet(members))
)

/** Any value, in which maps have these keys. */
const valueWith = (key: fc.Arbitrary<string>): fc.Arbitrary<Value> =>
  fc.letrec<{ value: Value }>(tie => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.oneof(
        fc.constant(null),
        fc.boolean(),
        fc.integer(),
        fc.double(),
        fc.string({ unit: 'grapheme' }),
        fc.maxSafeInteger()
      ) as fc.Arbitrary<Value>,
      special,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(key, tie('value'), { maxKeys: 4 }) as fc.Arbitrary<Value>,
      fc.tuple(fc.constantFrom('$date', '$literal', '$array', '$set', '$vector'), tie('value')).map(([name, inner]) => ({ [name]: inner }))
    )
  })).value

const anyDocument: fc.Arbitrary<Document> = fc
  .dictionary(key, valueWith(key), { maxKeys: 5 })
  .map(fields => ({ ...fields, _id: 'x' }))
  .filter(document => 'payload' in new DocumentEncoder(root).encode('c', document))

const awkwardKey = fc.oneof(
  key,
  fc.constantFrom(
    '',
    '__x__',
    '__proto__',
    '__type__',
    '\ud800',
    '$%',
    '$%%',
    '$%__x__',
    '$%_a',
    '$%a',
    'x'.repeat(1501),
    '\udfff'.repeat(260),
    '_id'
  )
)

/** With ids and names that Firestore refuses or that look like escaped ones, and halves of surrogate pairs. */
const awkwardDocument: fc.Arbitrary<Document> = fc
  .tuple(
    awkwardKey,
    fc.dictionary(awkwardKey, fc.oneof(valueWith(awkwardKey), fc.string({ unit: 'binary' }), fc.constant('\ud800')), { maxKeys: 5 })
  )
  .map(
    ([_id, fields]) =>
      Object.defineProperty(fields, '_id', { value: _id, enumerable: true, writable: true, configurable: true }) as Document
  )

/** One of everything. */
const everything: Document = {
  _id: 'everything',
  nothing: null,
  yes: true,
  no: false,
  text: 'Ünïcødé 🚢 \0 \n',
  long: 'x'.repeat(5000) + 'é',
  empty: '',
  zero: 0,
  integer: -42,
  safe: Number.MAX_SAFE_INTEGER,
  int64: 2n ** 63n - 1n,
  lowest: -(2n ** 63n),
  past64: 2n ** 63n,
  one: new Double(1),
  half: 0.5,
  minusZero: new Double(-0),
  big: 1e300,
  notANumber: NaN,
  infinite: -Infinity,
  money: new Decimal('123456789012345678901234567890.5'),
  bytes: Uint8Array.from([0, 1, 255]),
  noBytes: new Uint8Array(0),
  instant: new Timestamp(1_700_000_000, 123_456_000),
  fine: new Timestamp(1, 123_456_789),
  before: new Timestamp(-1, 500_000_000),
  firstDay: new Timestamp(-62_135_596_800, 0),
  tooEarly: new Timestamp(-62_135_596_801, 0),
  here: new GeoPoint(90, -180),
  nowhere: new GeoPoint(91, 0),
  near: new Reference('c/everything'),
  far: new Reference('projects/other/databases/(default)/documents/a/b'),
  odd: new Reference('c'),
  vector: new Vector([1, 2.5, -3]),
  noVector: new Vector([]),
  set: new ValueSet(['a', 'b']),
  numbers: new ValueSet([1, new Decimal('1E-400')]),
  list: [1, 'a', null, { a: [2] }],
  lists: [[1, [2]], [], new Vector([1])],
  map: { 'a.b': { c: {} }, 'x y': 1 },
  lookAlike: { $date: '2026-01-01T00:00:00Z' },
  escaped: { $literal: { $date: '2026-01-01T00:00:00Z' } },
  noLookAlike: { $date: 'soon', more: 1 }
}

describe('firestore: values', () => {
  it('come back from bytes as they were', () => {
    expect(decoded(encoded(everything))).to.deep.equal(everything)
  })

  it('of any kind come back from bytes as they were', () => {
    fc.assert(
      fc.property(anyDocument, document => {
        expect(canonicalBytes(decoded(encoded(document)))).to.deep.equal(canonicalBytes(document))
      }),
      { numRuns: 500 }
    )
  })

  it('of any kind come back from bytes as they were, under whatever names', () => {
    const encoder = new DocumentEncoder(root, { types: 'natural', escapeNames: true })
    fc.assert(
      fc.property(awkwardDocument, document => {
        const { id, payload } = accepted(encoder.encode('c', document))
        expect(id).to.equal(document._id)
        expect(canonicalBytes(decoded(payload))).to.deep.equal(canonicalBytes(document))
      }),
      { numRuns: 500 }
    )
  })

  it('are written in the form that the vendor reads', () => {
    const message = vendorDocument()
    const read = message.toObject(
      message.decode(encoded({ _id: 'é', a: 1, b: new Double(1), c: [null, 'é'], d: { t: new Timestamp(5, 0) } })),
      {
        longs: String
      }
    )
    expect(read).to.deep.equal({
      name: `${root}/c/é`,
      fields: {
        _id: { stringValue: 'é' },
        a: { integerValue: '1' },
        b: { doubleValue: 1 },
        c: { arrayValue: { values: [{ nullValue: 0 }, { stringValue: 'é' }] } },
        d: { mapValue: { fields: { t: { timestampValue: { seconds: '5' } } } } }
      }
    })
  })

  it('are read in the form that the vendor writes', () => {
    const message = vendorDocument()
    const object = {
      name: `${root}/c/x`,
      fields: {
        _id: { stringValue: 'another' },
        negative: { integerValue: '-9007199254740993' },
        point: { geoPointValue: { latitude: 0, longitude: 1.5 } },
        empty: { mapValue: {} },
        none: { arrayValue: {} },
        no: { booleanValue: false },
        reference: { referenceValue: `${root}/c/x` },
        bytes: { bytesValue: Buffer.from('hi') }
      },
      updateTime: { seconds: 1, nanos: 5 }
    }
    expect(decoded(Buffer.from(message.encode(message.fromObject(object)).finish()))).to.deep.equal({
      _id: 'x',
      negative: -9007199254740993n,
      point: new GeoPoint(0, 1.5),
      empty: {},
      none: [],
      no: false,
      reference: new Reference('c/x'),
      bytes: Uint8Array.from(Buffer.from('hi'))
    })
  })

  it("of any kind are the same by way of the vendor's classes", () => {
    const message = vendorDocument()
    fc.assert(
      fc.property(anyDocument, document => {
        const bytes = encoded(document)
        const theirs = Buffer.from(message.encode(message.decode(bytes)).finish())
        expect(canonicalBytes(decoded(theirs))).to.deep.equal(canonicalBytes(decoded(bytes)))
      }),
      { numRuns: 300 }
    )
  })

  it('stay as they were encoded whatever is encoded after them', () => {
    fc.assert(
      fc.property(fc.array(anyDocument, { maxLength: 20 }), fc.constantFrom('', 'x'.repeat(70_000)), (documents, long) => {
        const encoder = new DocumentEncoder(root)
        const all = documents.flatMap(document => [document, { _id: 'refused', $: long, __x__: 1 }, { _id: 'long', long }])
        const kept = all.map(document => encoder.encode('c', document))
        for (const [index, document] of all.entries()) {
          const one = kept[index]!
          if ('code' in one) expect(document._id).to.equal('refused')
          else expect(one.payload.equals(encoded(document))).to.equal(true)
        }
      }),
      { numRuns: 50 }
    )
  })

  it('that are cut short are an error, not less', () => {
    const answer = answerOf(encoded({ _id: 'x', a: 'text' }))
    for (let length = 1; length < answer.length; length++) {
      expect(() => new DocumentDecoder(root, 'c').decodeAnswer(answer.subarray(0, length)), String(length)).to.throw(RangeError)
    }
  })

  it('that Firestore refuses are refused with their place', () => {
    expect(refused({ a: { b: [1, { __x__: 1 }] } })).to.include({ code: 'DOCFERRY_BAD_FIELD', path: 'a.b[1].__x__' })
    expect(refused(JSON.parse('{"__proto__":1}') as ValueMap)).to.include({ code: 'DOCFERRY_BAD_FIELD', path: '__proto__' })
    expect(refused({ a: { '': 1 } })).to.include({ code: 'DOCFERRY_BAD_FIELD', path: 'a.""' })
    expect(refused({ a: { ['x'.repeat(1501)]: 1 } }).code).to.equal('DOCFERRY_BAD_FIELD')
    expect(refused({ '\ud800': 1 }).code).to.equal('DOCFERRY_BAD_FIELD')
    expect(refused({ a: new Date() as unknown as Value })).to.include({ code: 'DOCFERRY_BAD_VALUE', path: 'a' })
    expect(refused({ a: 'x'.repeat(1_048_488) })).to.include({ code: 'DOCFERRY_TOO_LARGE', path: 'a' })
    expect(refused({ _id: 'a/b' }).code).to.equal('DOCFERRY_BAD_ID')
  })

  it('leave out what is undefined', () => {
    expect(decoded(encoded({ _id: 'x', a: undefined as unknown as Value, b: { c: undefined as unknown as Value } }))).to.deep.equal({
      _id: 'x',
      b: {}
    })
  })
})

describe('firestore: values on the emulator', () => {
  let target: Target<Buffer>
  let source: Source
  let project: string | undefined

  before(async () => {
    const options = await ownProject()
    project = options.project
    target = await openTarget(options)
    source = await openSource(options)
  })
  after(() => Promise.all([target.close(), source.close()]))

  async function stored(collection: string): Promise<Document[]> {
    const documents: Document[] = []
    const [partition] = await source.partitions([collection], { wanted: 1 })
    for await (const page of source.read(partition!, {})) documents.push(...page.documents)
    return documents
  }

  it('come back as they were', async () => {
    expect(await writeAll(target, 'c', [everything])).to.deep.equal(['written'])
    expect(await stored('c')).to.deep.equal([everything])
    expect(await target.get('c', ['everything'], {})).to.deep.equal([everything])
  })

  it('of any kind come back as they were', async () => {
    const documents = fc
      .sample(anyDocument, { numRuns: 150, seed: 4 })
      .map((document, index) => ({ ...document, _id: String(1000 + index) }))
    expect(new Set(await writeAll(target, 'any', documents))).to.deep.equal(new Set(['written']))
    const back = await stored('any')
    expect(back.map(canonicalBytes)).to.deep.equal(documents.map(canonicalBytes))
  })

  const sized: Record<string, ValueMap> = {
    'plain values': { a: null, b: true, c: 1, d: 1.5, e: 'é', f: '' },
    'special values': {
      a: new Timestamp(1, 0),
      b: new GeoPoint(1, 2),
      c: Uint8Array.from([1, 2, 3]),
      d: new Reference('projects/q/databases/d/documents/a/b/c/d')
    },
    'arrays and maps': { a: [], b: {}, c: [1, [2, []]], d: { e: { f: {} } }, g: new Vector([1, 2, 3]) },
    envelopes: { a: new Decimal('1E-400'), b: escapeMap({ $date: '2026-01-01T00:00:00Z' }), c: 2n ** 70n }
  }
  for (const [what, fields] of Object.entries(sized)) {
    it(`are counted to the byte as Firestore counts ${what}`, async () => {
      const fits = fullest(target, 'sizes', fields)
      expect(await writeAll(target, 'sizes', [fits])).to.deep.equal(['written'])
      const refusal = target.encode('sizes', { ...fits, text: `${String(fits.text)}x` })
      expect(refusal).to.include({ code: 'DOCFERRY_TOO_LARGE', message: '1,048,577 bytes; a Firestore document holds at most 1,048,576' })

      // Below a/b the name counts four bytes more, which docferry does not see here.
      const below = encoderBelow(project!)
      const outcomes = [3, 4].map(async less => {
        const encoded = accepted(below.encode('sizes', { ...fits, text: String(fits.text).slice(less) }))
        const [outcome] = await target.write('sizes', [encoded], { onConflict: 'overwrite', fresh: true })
        return typeof outcome === 'string' ? outcome : outcome!.code
      })
      expect(await Promise.all(outcomes)).to.deep.equal(['DOCFERRY_TOO_LARGE', 'written'])
    })
  }

  it('may be nested as deep as Firestore takes, and no deeper', async () => {
    const nested = (levels: number): Value => (levels === 0 ? 1 : levels % 2 === 0 ? { m: nested(levels - 1) } : [nested(levels - 1)])
    expect(await writeAll(target, 'deep', [{ _id: 'x', a: nested(20) }])).to.deep.equal(['written'])
    expect(target.encode('deep', { _id: 'x', a: nested(21) })).to.include({ code: 'DOCFERRY_TOO_DEEP' })
    expect(target.encode('deep', { _id: 'x', a: nested(900) })).to.include({ code: 'DOCFERRY_TOO_DEEP' })
  })
})
