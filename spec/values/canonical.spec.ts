import { expect } from 'chai'
import fc from 'fast-check'
import { DocferryError } from '../../lib/errors.ts'
import {
  Decimal,
  DigestSum,
  Double,
  GeoPoint,
  Reference,
  Timestamp,
  ValueSet,
  Vector,
  canonicalBytes,
  documentDigest,
  documentDigests,
  parseJson,
  stringifyJson,
  type Document,
  type Value
} from '../../lib/values/index.ts'
import { BucketSums } from '../../lib/values/bucket-sums.ts'
import { collectionNames, generate } from '../support/generator.ts'
import { anyDocument, anyNumber } from './arbitraries.ts'

const hex = (value: Value): string => Buffer.from(canonicalBytes({ _id: 'a', value })).toString('hex')

describe('values: canonicalBytes', function () {
  this.timeout(20_000)

  const equal: Record<string, Value[]> = {
    'a number of any kind': [1, new Double(1), 1n, new Decimal('1'), new Decimal('1.0'), new Decimal('10E-1')],
    'zero of either sign': [0, -0, new Double(0), new Double(-0), new Decimal('-0.0')],
    'a fraction as double and as decimal': [0.1, new Decimal('0.1'), new Decimal('1E-1')],
    'a large number by its shortest digits': [1e23, 10n ** 23n, new Decimal('1E+23')],
    'exact digits of any kind': [12345678901234567891n, new Decimal('12345678901234567891'), new Decimal('1.2345678901234567891E+19')],
    'fields in any order': [
      { b: 1, a: { d: 1, c: 2 } },
      { a: { c: 2, d: 1 }, b: 1 }
    ],
    'a set in any order': [new ValueSet(['a', 'b', 'ab']), new ValueSet(['ab', 'b', 'a'])],
    'a set of numbers of any kind': [new ValueSet([1, 2n ** 70n]), new ValueSet([2n ** 70n, 1n])],
    bytes: [new Uint8Array([1, 2]), Buffer.from([1, 2])],
    'a field that is undefined and none': [{ a: 1 }, { a: 1, b: undefined } as never],
    NaN: [NaN, new Double(NaN)]
  }
  for (const [name, values] of Object.entries(equal)) {
    it(`is equal for ${name}`, () => {
      expect(new Set(values.map(hex)).size).to.equal(1)
    })
  }

  it('is different for different values', () => {
    const values: Value[] = [
      null, false, true, 0, 1, -1, 0.5, '', '0', '1', 'a', '\ud800', '\udbff', '\ufffd', '\u0000', [], {}, [[]], [{}], [1], ['1'], { a: 1 }, { a: '1' }, { 1: 'a' }, { ab: 'c' }, { a: 'bc' }, ['ab', 'c'], ['a', 'bc'],
      ['abc'], NaN, Infinity, -Infinity, 2n ** 60n, 2 ** 60, new Decimal('0.1000000000000000055'), new Uint8Array(), new Uint8Array([49]), new Timestamp(1, 0), new Timestamp(0, 1), { $date: '1970-01-01T00:00:01Z' }, '1970-01-01T00:00:01Z',
      new GeoPoint(1, 2), new GeoPoint(2, 1), [1, 2], new Vector([1, 2]), new Vector([2, 1]), new Vector([]), new Reference('a'), new ValueSet(['a']), new ValueSet(['1']), new ValueSet([1]), new ValueSet([new Uint8Array([49])])
    ] // prettier-ignore
    expect(new Set(values.map(hex)).size).to.equal(values.length)
  })

  it('is different for other lone surrogates', () => {
    expect(hex('\ud800')).to.not.equal(hex('\ud801'))
    expect(hex('x'.repeat(40) + '\ud800')).to.not.equal(hex('x'.repeat(40) + '\ufffd'))
  })

  it('does not change by a trip through JSON', () => {
    fc.assert(
      fc.property(anyDocument, document => {
        expect(Buffer.compare(canonicalBytes(parseJson(stringifyJson(document)) as Document), canonicalBytes(document))).to.equal(0)
      }),
      { numRuns: 1000 }
    )
  })

  it('takes a double for its shortest decimal form', () => {
    fc.assert(
      fc.property(
        anyNumber.filter(value => Number.isFinite(value)),
        value => {
          expect(hex(value)).to.equal(hex(new Decimal(String(value).replace('e', 'E'))))
        }
      )
    )
  })

  it('does not depend on what was encoded before', () => {
    const large = {
      _id: 'x',
      text: 'ä'.repeat(5_000_000),
      fields: Object.fromEntries(Array.from({ length: 30_000 }, (_, index) => [`k${index}`, index]))
    }
    const before = hex({ b: 1, a: 2 })
    expect(canonicalBytes(large).length).to.be.above(10_000_000)
    expect(hex({ a: 2, b: 1 })).to.equal(before)
  })

  it('is stable from version to version', () => {
    const document: Document = {
      _id: 'a',
      n: 1.5,
      big: 2n ** 70n,
      text: 'größe',
      list: [null, true, new Timestamp(1, 2)],
      map: { z: new Uint8Array([7]), y: 'x' }
    }
    expect(Buffer.from(documentDigest(document)).toString('hex')).to.equal(
      '13879ef0a07dea2473fc8fa288498133f4443de88614ca20c796e7b0aad45378'
    )
  })

  it('is stable for all kinds of values that documents hold, with the kinds of their numbers', () => {
    const sums = new BucketSums()
    for (const collection of collectionNames)
      for (const document of generate({ collection, count: 50 })) sums.add(document._id, documentDigests(document))
    expect(sums.root()).to.equal('7d640be014d4f6aa3dbdf2e2aef2b98e453840d6a812b022ce8c491296d99146')
  })

  it('is the same wherever the end of the buffer falls', () => {
    const tail: Value = [
      new Timestamp(1, 2),
      new GeoPoint(1, 2),
      new Vector([1, 2, 3, 4, 5]),
      new ValueSet(['b', 'a']),
      -0,
      true,
      { k: 'ü' }
    ]
    const hexOf = (pad: string): string => Buffer.from(canonicalBytes({ _id: 'a', pad, tail })).toString('hex')
    const end = hexOf('').split('00000004' + Buffer.from('tail').toString('hex'))[1]!
    const large = { _id: 'large', pad: new Uint8Array((4 << 20) + 1) }
    const [least, most] = [64 * 1024 - 300, 64 * 1024]
    for (let size = least; size < most; size++) {
      // Behind one that was larger than it keeps, the buffer is as small as at first.
      canonicalBytes(large)
      if (!hexOf('x'.repeat(size)).endsWith(end)) expect.fail(`not behind ${size} bytes`)
    }
  })

  it('tells kinds in a set, in which they change the order, as it does outside', () => {
    const kindsOf = (value: Value): string => Buffer.from(documentDigests({ _id: 'a', value }).kinds ?? []).toString('hex')
    expect(kindsOf(new ValueSet([2n ** 60n, 5]))).to.equal(kindsOf(new ValueSet([5, 2n ** 60n])))
    expect(kindsOf([new ValueSet([2n ** 60n, 5]), new Double(1)])).not.to.equal(kindsOf([new ValueSet([2 ** 60, 5]), new Double(1)]))
  })

  it('tells the kind of each 0 in a vector and in a geopoint, as of any other number, and takes their values as equal', () => {
    const digests = (value: Value) => documentDigests({ _id: 'a', value })
    const kindsOf = (value: Value): string => Buffer.from(digests(value).kinds ?? []).toString('hex')
    const differing: [Value, Value][] = [
      [-0, 0],
      [new Vector([1, -0]), new Vector([1, 0])],
      [new Vector([-0, 0]), new Vector([0, -0])],
      [new GeoPoint(-0, 0), new GeoPoint(0, 0)],
      [new GeoPoint(-0, 0), new GeoPoint(0, -0)]
    ]
    for (const [a, b] of differing) {
      expect(digests(a).values).to.deep.equal(digests(b).values)
      expect(kindsOf(a)).not.to.equal(kindsOf(b))
    }
  })

  it('refuses what is nested too deeply', () => {
    let value: Value = 1
    for (let level = 0; level < 20_000; level++) value = [value]
    expect(() => canonicalBytes({ _id: 'a', value }))
      .to.throw(DocferryError)
      .with.property('code', 'DOCFERRY_TOO_DEEP')
  })
})

describe('values: DigestSum', () => {
  const documents: Document[] = Array.from({ length: 50 }, (_, index) => ({ _id: `d${index}`, index, ratio: index / 7 }))

  function sumOf(some: readonly Document[]): DigestSum {
    const sum = new DigestSum()
    for (const document of some) sum.add(document)
    return sum
  }

  it('is the sum of the digests modulo 2^256', () => {
    const expected = documents.reduce(
      (total, document) => (total + BigInt(`0x${Buffer.from(documentDigest(document)).toString('hex')}`)) % 2n ** 256n,
      0n
    )
    expect(sumOf(documents).hex()).to.equal(expected.toString(16).padStart(64, '0'))
    expect(sumOf(documents).count).to.equal(50)
  })

  it('does not depend on the order', () => {
    expect(sumOf([...documents].reverse()).hex()).to.equal(sumOf(documents).hex())
  })

  it('merges parts into the whole, also after a stop', () => {
    const first = sumOf(documents.slice(0, 17))
    const resumed = DigestSum.from(first.count, first.hex())
    resumed.merge(sumOf(documents.slice(17)))
    expect(resumed.hex()).to.equal(sumOf(documents).hex())
    expect(resumed.count).to.equal(50)
  })

  it('tells a document that is there twice', () => {
    expect(sumOf([...documents, documents[0]!]).hex()).to.not.equal(sumOf(documents).hex())
  })

  it('carries over all lanes', () => {
    const sum = DigestSum.from(1, 'f'.repeat(64))
    sum.merge(DigestSum.from(1, '1'.padStart(64, '0')))
    expect(sum.hex()).to.equal('0'.repeat(64))
  })

  it('refuses what is no digest', () => {
    expect(() => DigestSum.from(1, 'xyz')).to.throw(RangeError)
  })
})
