import { expect } from 'chai'
import fc from 'fast-check'
import { Double, parseJson } from '../../lib/values/index.ts'
import { eachMatch, eachSuspect, mostMatched } from '../../lib/values/text-scan.ts'

function placesOf(each: typeof eachSuspect, text: string): number[] {
  const places: number[] = []
  each(text, at => {
    places.push(at)
    return at + 1
  })
  return places
}

describe('values: the scan for suspicious places', function () {
  this.timeout(20_000)

  // From here on it scans.
  before(() => eachSuspect('x'.repeat(mostMatched + 1), () => 0))

  const pieces = fc.constantFrom(
    '0',
    '1',
    '9',
    '.',
    '/',
    'e',
    'E',
    '+',
    '-',
    '"',
    '$',
    '\\',
    'u',
    'x',
    ':',
    '1.0',
    '3e5',
    '"$',
    '12345678',
    'ı',
    '日'
  )
  const texts = fc.array(fc.oneof(pieces, fc.string(), fc.string({ unit: 'binary' })), { maxLength: 60 }).map(parts => parts.join(''))

  it('finds every place that the pattern finds, except within a row of digits and in front of what is no ASCII', () => {
    fc.assert(
      fc.property(texts, text => {
        const scanned = placesOf(eachSuspect, text)
        for (const at of placesOf(eachMatch, text))
          if (!/^(?:[.-9]{12}|.{0,2}[^\0-\x7f])/.test(text.slice(at))) expect(scanned).to.include(at)
      }),
      { numRuns: 3000 }
    )
  })

  it('finds some place of each row of 16 digits, wherever it stands', () => {
    for (let before = 0; before < 70; before++) {
      for (const digits of ['1234567890123456', '0.12345678901234', '12345678901234567890123456789012345678']) {
        const text = `${'x'.repeat(before)}${digits}yyy`
        const found = placesOf(eachSuspect, text).filter(at => at >= before && at < before + digits.length)
        expect(found, text).to.have.length.above(0)
      }
    }
  })

  it('is done by WebAssembly', () => {
    const dollarInItsLowerByte = '\u0124'
    expect(placesOf(eachSuspect, dollarInItsLowerByte)).to.deep.equal([0])
    expect(placesOf(eachMatch, dollarInItsLowerByte)).to.deep.equal([])
  })

  it('goes on where it was told to', () => {
    const places: number[] = []
    eachSuspect('1.0 1.0 1.0 "$', at => (places.push(at), at === 1 ? 6 : at + 1))
    expect(places).to.deep.equal([1, 9, 13])
  })

  it('finds nothing in ordinary text, whatever was scanned before', () => {
    eachSuspect('1.0 '.repeat(100), at => at + 1)
    expect(placesOf(eachSuspect, '')).to.deep.equal([])
    expect(placesOf(eachSuspect, '{"a":1')).to.deep.equal([])
    expect(placesOf(eachSuspect, '{"at":"2026-01-01","n":[1,87.5,-3,"1e"]}')).to.deep.equal([])
  })

  it('misses nothing where one part of a long text ends and the next begins', () => {
    const bounds = 65_536 - 128
    for (let shift = 0; shift < 80; shift++) {
      const filler = 'x'.repeat(bounds - 70 + shift)
      expect(parseJson(`["${filler}",12345678901234567890,1.0,1e2,{"$literal":1}]`)).to.deep.equal([
        filler,
        12345678901234567890n,
        new Double(1),
        new Double(100),
        { $literal: 1 }
      ])
    }
  })

  it('scans the last part of a text of several parts', () => {
    const filler = 'ü'.repeat(500_000)
    expect(parseJson(`["${filler}",1.0,"${filler}",12345678901234567890]`)).to.deep.equal([
      filler,
      new Double(1),
      filler,
      12345678901234567890n
    ])
  })

  it('is not misled by characters whose lower byte is another one', () => {
    const text = '\u0131\u012e\u0130e5\u0131e5 \u0122\u0124date \u015cu0024 1\u0165\u0135'
    expect(parseJson(JSON.stringify({ [text]: [text, 1] }))).to.deep.equal({ [text]: [text, 1] })
    expect(parseJson(`{"${text}":1.0,"\u0131":[12345678901234567890]}`)).to.deep.equal({
      [text]: new Double(1),
      '\u0131': [12345678901234567890n]
    })
  })
})
