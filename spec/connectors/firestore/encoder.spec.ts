import { expect } from 'chai'
import { DocumentDecoder } from '../../../lib/connectors/firestore/decoder.ts'
import { DocumentEncoder } from '../../../lib/connectors/firestore/encoder.ts'
import type { Source, Target, Types } from '../../../lib/types.ts'
import {
  Decimal,
  Double,
  GeoPoint,
  Reference,
  Timestamp,
  ValueSet,
  Vector,
  canonicalBytes,
  type Document,
  type Value,
  type ValueMap
} from '../../../lib/values/index.ts'
import { accepted, answerOf, openSource, openTarget, ownProject, root, writeAll } from './support.ts'

type Told = [kind: string, conversion: string, path: string]

const byText = (a: Told, b: Told): number => (a.join() < b.join() ? -1 : 1)

/** What comes back, and what is told. */
function converted(fields: ValueMap, types: Types, escapeNames = false): { document: ValueMap; told: Told[] } {
  const told: Told[] = []
  const encoder = new DocumentEncoder(root, { types, escapeNames })
  const encoded = accepted(encoder.encode('c', { _id: 'x', ...fields }, (kind, conversion, path) => told.push([kind, conversion, path()])))
  const { _id, ...document } = new DocumentDecoder(root, 'c').decodeAnswer(answerOf(encoded.payload))!
  expect(_id).to.equal('x')
  return { document, told: told.sort(byText) }
}

const native: ValueMap = {
  integer: 1,
  int64: 2n ** 63n - 1n,
  one: new Double(1),
  minusZero: -0,
  double: 1.5,
  notANumber: NaN,
  infinite: Infinity,
  list: [null, true, 'text', { a: 1 }]
}

const special: ValueMap = {
  past64: 2n ** 63n,
  money: new Decimal('1E-400'),
  bytes: Uint8Array.from([0, 1, 255]),
  instant: new Timestamp(1_700_000_000, 123_456_789),
  here: new GeoPoint(1.5, 2),
  near: new Reference('c/x'),
  vector: new Vector([1, NaN]),
  set: new ValueSet([new Decimal('1E-400'), 2n ** 70n]),
  lists: [[1, [2]], [], new Vector([0.5])],
  lookAlike: { $date: '2026-01-01T00:00:00Z' }
}

describe('firestore: encoder', () => {
  for (const types of ['natural', 'exact', 'plain'] as const) {
    it(`writes what Firestore holds itself as it is, and tells of nothing (${types})`, () => {
      const { document, told } = converted(native, types)
      expect(document.minusZero).to.deep.equal(new Double(-0))
      expect(document).to.deep.equal({ ...native, minusZero: new Double(-0) })
      expect(told).to.deep.equal([])
    })
  }

  it('writes an integer past 64 bits as the double that has its digits, but not with exact', () => {
    const fields = { far: 10n ** 19n, shortest: -18446744073709552000n, none: 2n ** 70n + 1n }
    expect(converted(fields, 'natural').document).to.deep.equal({ far: 1e19, shortest: -(2 ** 64), none: 2n ** 70n + 1n })
    expect(converted(fields, 'natural').told).to.deep.equal([
      ['bigint', 'enveloped', 'none'],
      ['bigint', 'merged', 'far'],
      ['bigint', 'merged', 'shortest']
    ])
    expect(converted(fields, 'exact').document).to.deep.equal(fields)
  })

  it('gives back a reference that names the very database it is written to', () => {
    const here = { here: new Reference(`${root}/c/x`), there: new Reference('projects/p/databases/d2/documents/c/x') }
    expect(converted(here, 'exact').document).to.deep.equal(here)
  })

  for (const types of ['natural', 'exact'] as const) {
    it(`writes what Firestore has no type for so that it comes back (${types})`, () => {
      const { document, told } = converted({ ...special, half: 'a\ud800' }, types)
      expect(document).to.deep.equal({ ...special, half: 'a\ud800' })
      expect(told).to.deep.equal([
        ['array', 'enveloped', 'lists[0]'],
        ['array', 'enveloped', 'lists[0][1]'],
        ['array', 'enveloped', 'lists[1]'],
        ['bigint', 'enveloped', 'past64'],
        ['decimal', 'enveloped', 'money'],
        ['map', 'enveloped', 'lookAlike'],
        ['set', 'enveloped', 'set'],
        ['string', 'enveloped', 'half'],
        ['timestamp', 'enveloped', 'instant'],
        ['vector', 'enveloped', 'lists[2]'],
        ['vector', 'enveloped', 'vector']
      ])
    })
  }

  it('writes no envelopes and no special types where plain ones are wanted', () => {
    const { document, told } = converted({ ...special, lookAlike: 1 }, 'plain')
    expect(document).to.deep.equal({
      past64: '9223372036854775808',
      money: '1E-400',
      bytes: 'AAH/',
      instant: '2023-11-14T22:13:20.123456789Z',
      here: { latitude: 1.5, longitude: 2 },
      near: 'c/x',
      vector: [1, NaN],
      set: ['1E-400', '1180591620717411303424'],
      lists: [{ 0: 1, 1: [2] }, {}, { 0: 0.5 }],
      lookAlike: 1
    })
    expect(told).to.deep.equal([
      ['array', 'lossy', 'lists[0]'],
      ['array', 'lossy', 'lists[1]'],
      ['bigint', 'lossy', 'past64'],
      ['bytes', 'lossy', 'bytes'],
      ['decimal', 'lossy', 'money'],
      ['geoPoint', 'lossy', 'here'],
      ['reference', 'lossy', 'near'],
      ['set', 'lossy', 'set'],
      ['timestamp', 'lossy', 'instant'],
      ['vector', 'lossy', 'lists[2]'],
      ['vector', 'lossy', 'vector']
    ])
  })

  it('writes maps that look like envelopes as they are where plain ones are wanted, which is a loss', () => {
    const { document, told } = converted({ a: [{ $date: '2026-01-01T00:00:00Z' }] }, 'plain')
    expect(document).to.deep.equal({ a: [new Timestamp(1_767_225_600, 0)] })
    expect(told).to.deep.equal([['map', 'lossy', 'a[0]']])
  })

  it('refuses half a surrogate pair where plain values are wanted', () => {
    const encoder = new DocumentEncoder(root, { types: 'plain', escapeNames: true })
    for (const value of ['\ud800', new Reference('c/\ud800'), new ValueSet(['\ud800'])] as Value[]) {
      expect(encoder.encode('c', { _id: 'x', a: [value] })).to.include({ code: 'DOCFERRY_BAD_VALUE' })
    }
    expect(encoder.encode('c', { _id: 'x', a: ['\ud800'] })).to.include({ path: 'a[0]' })
  })

  it('writes half a surrogate pair inside other envelopes', () => {
    const fields = { set: new ValueSet(['\ud800', 'b']), reference: new Reference('c/\ud800'), lookAlike: { $string: '%uD800' } }
    const { document, told } = converted(fields, 'natural')
    expect(document).to.deep.equal(fields)
    expect(told).to.deep.equal([
      ['map', 'enveloped', 'lookAlike'],
      ['reference', 'enveloped', 'reference'],
      ['set', 'enveloped', 'set']
    ])
  })

  it('tells of what a map holds that looks like an envelope, without what was put around it', () => {
    const map = { $literal: { $set: [new Decimal('1E-400')] } }
    const { document, told } = converted({ map }, 'natural')
    expect(document).to.deep.equal({ map })
    expect(told).to.deep.include(['decimal', 'enveloped', 'map.$literal.$set[0]'])
  })

  it('refuses what is no value with its place, whichever types are wanted', () => {
    for (const types of ['natural', 'exact', 'plain'] as const) {
      const encoder = new DocumentEncoder(root, { types, escapeNames: false })
      for (const value of [new Date(0), undefined, () => 1] as unknown as Value[]) {
        expect(encoder.encode('c', { _id: 'x', a: { b: [value] } })).to.include({ code: 'DOCFERRY_BAD_VALUE', path: 'a.b[0]' })
      }
    }
  })

  it('tells of what Firestore counts beside what is sent', () => {
    const encoded = accepted(new DocumentEncoder(root).encode('c', { _id: 'x', a: 1 }))
    // c/x + 1 + 16, 32, _id + 1 + x + 1, a + 1 + 8
    expect(encoded.size).to.equal(20 + 32 + 6 + 10)
    expect(encoded.bytes).to.be.above(encoded.payload.length)
  })
})

describe('firestore: encoder on the emulator', () => {
  let targets: Record<Types, Target<Buffer>>
  let source: Source

  before(async () => {
    const options = await ownProject()
    const open = (types: Types): Promise<Target<Buffer>> => openTarget(options, { types, escapeNames: true })
    targets = { natural: await open('natural'), exact: await open('exact'), plain: await open('plain') }
    source = await openSource(options)
  })
  after(() => Promise.all([source.close(), ...Object.values(targets).map(target => target.close())]))

  async function stored(collection: string): Promise<Document[]> {
    const documents: Document[] = []
    const [partition] = await source.partitions([collection], { wanted: 1 })
    for await (const page of source.read(partition!, {})) documents.push(...page.documents)
    return documents
  }

  const document: Document = { _id: 'x', ...native, ...special, '': [[['\udfff']]] }

  for (const types of ['natural', 'exact'] as const) {
    it(`writes documents that come back as they were (${types})`, async () => {
      expect(await writeAll(targets[types], types, [document])).to.deep.equal(['written'])
      const [back] = await stored(types)
      expect(canonicalBytes(back!)).to.deep.equal(canonicalBytes(document))
    })
  }

  it('writes documents that anybody can read where plain types are wanted', async () => {
    expect(await writeAll(targets.plain, 'plain', [{ ...document, '': 1 }])).to.deep.equal(['written'])
    const [back] = await stored('plain')
    expect(back).to.include({ bytes: 'AAH/', near: 'c/x', past64: '9223372036854775808' })
    expect(back!.lists).to.deep.equal([{ 0: 1, 1: [2] }, {}, { 0: 0.5 }])
  })
})
