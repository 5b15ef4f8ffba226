import { expect } from 'chai'
import fc from 'fast-check'
import {
  Decimal,
  Double,
  GeoPoint,
  plainDocument,
  Reference,
  stringifyJson,
  Timestamp,
  toPlain,
  ValueSet,
  Vector
} from '../../lib/values/index.ts'
import type { Value } from '../../lib/values/index.ts'
import { anyDocument } from './arbitraries.ts'

const cases: readonly (readonly [string, Value, Value])[] = [
  ['a date as ISO text', new Timestamp(1_767_225_600, 123_456_789), '2026-01-01T00:00:00.123456789Z'],
  ['bytes as base64', new Uint8Array([1, 2, 255]), 'AQL/'],
  ['a point as latitude and longitude', new GeoPoint(47.5, -8.25), { latitude: 47.5, longitude: -8.25 }],
  ['a reference as its path', new Reference('agents/a'), 'agents/a'],
  ['a vector as an array', new Vector([1, 0.5]), [1, 0.5]],
  ['a set as an array', new ValueSet(['a', 'b']), ['a', 'b']],
  ['1.0 as 1', new Double(1), 1],
  ['-0.0 as 0', new Double(-0), 0],
  ['-0 as 0', -0, 0],
  ['a number that does not fit as its digits', 12345678901234567890n, '12345678901234567890'],
  ['a decimal that does not fit as its digits', new Decimal('0.1234567890123456789'), '0.1234567890123456789'],
  ['NaN as text', NaN, 'NaN'],
  ['an array where none may be as a map of its indexes', [1, 'b'], { 0: 1, 1: 'b' }]
]

describe('values: plain', () => {
  for (const [what, value, plain] of cases) {
    it(`writes ${what}`, () => {
      expect(toPlain(value)).to.deep.equal(plain)
    })
  }

  it('converts a whole document, and leaves what is plain', () => {
    const document = {
      _id: 'a',
      text: '2026-01-01T00:00:00Z',
      list: [new Double(2), { at: new Timestamp(0, 0) }],
      big: 12345678901234567890n,
      set: new ValueSet([1n << 60n, 2])
    }
    expect(plainDocument(document, {})).to.deep.equal({
      _id: 'a',
      text: '2026-01-01T00:00:00Z',
      list: [2, { at: '1970-01-01T00:00:00Z' }],
      big: 12345678901234567890n,
      set: [1n << 60n, 2]
    })
  })

  it('says where what was lost', () => {
    const told: string[] = []
    const document = { _id: 'a', list: [1, { at: new Timestamp(0, 0) }], one: new Double(1), odd: NaN }
    plainDocument(document, { onConversion: (kind, conversion, path) => told.push(`${kind} ${conversion} ${path()}`) })
    expect(told).to.deep.equal(['timestamp lossy list[1].at', 'double merged one', 'number lossy odd'])
  })

  it('never changes a string, and leaves no value that JSON has no type for', () => {
    fc.assert(
      fc.property(anyDocument, document => {
        const strings = new Set<string>()
        collect(document, strings)
        const plain = plainDocument(document, {})
        const left = new Set<string>()
        collect(plain, left)
        for (const text of strings) expect(left.has(text)).to.equal(true)
        expect(stringifyJson(plain, { bareMaps: true, onConversion: (_, conversion) => expect(conversion).to.equal('lossy') })).to.be.a(
          'string'
        )
      }),
      { numRuns: 500 }
    )
  })
})

function collect(value: Value, strings: Set<string>): void {
  if (typeof value === 'string') strings.add(value)
  else if (Array.isArray(value)) for (const element of value) collect(element, strings)
  else if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    for (const field of Object.values(value)) collect(field as Value, strings)
  }
}
