/** Where text stops being the beginning of JSON, held against JSON.parse. */
import { expect } from 'chai'
import fc from 'fast-check'
import { JsonSyntax } from '../../lib/formats/json-syntax.ts'
import { oddText } from '../support/odd-json.ts'

interface Reading {
  readonly isWhole: boolean
  /** Place of the first byte that is wrong. */
  readonly wrong: number | undefined
}

function read(bytes: Buffer, size = bytes.length + 1): Reading {
  const syntax = new JsonSyntax()
  for (let start = 0; start < bytes.length; start += size) {
    const part = bytes.subarray(start, start + size)
    for (let at = 0; at < part.length;) {
      at = syntax.find(part, at)
      if (syntax.found === 'wrong') return { isWhole: false, wrong: start + at }
    }
  }
  return { isWhole: syntax.isWhole, wrong: undefined }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text.replace(/^\ufeff/, ''))
    return true
  } catch {
    return false
  }
}

const json = fc
  .oneof(fc.json({ maxDepth: 5 }), fc.json({ maxDepth: 3, stringUnit: 'binary' }))
  .chain(text =>
    fc.constantFrom('', ' ', '\n', '\t\r').map(space => text.replace(/"(?:[^"\\]|\\.)*"|[[\]{},:]/g, token => space + token + space))
  )
const tokens = fc.array(oddText, { maxLength: 12 }).map(list => list.join(''))

describe('formats: syntax of JSON', () => {
  it('is valid where JSON.parse takes it', () => {
    fc.assert(
      fc.property(fc.oneof(json, tokens), text => {
        expect(read(Buffer.from(text)).isWhole).to.equal(isJson(text))
      }),
      { numRuns: 3000 }
    )
  })

  it('is wrong nowhere in front of where valid JSON was spoilt, and valid or not as JSON.parse says', () => {
    fc.assert(
      fc.property(json, fc.nat(), fc.nat(3), oddText, (text, at, length, put) => {
        const place = at % (text.length + 1)
        const bytes = Buffer.from(text.slice(0, place) + put + text.slice(place + length))
        const { wrong, isWhole } = read(bytes)
        expect(wrong ?? Infinity).to.be.at.least(Buffer.byteLength(text.slice(0, place)))
        expect(isWhole).to.equal(isJson(bytes.toString()))
      }),
      { numRuns: 2000 }
    )
  })

  it('is the same in parts of every size', () => {
    fc.assert(
      fc.property(fc.oneof(json, tokens), fc.integer({ min: 1, max: 20 }), (text, size) => {
        const bytes = Buffer.from(text)
        expect(read(bytes, size)).to.deep.equal(read(bytes))
      }),
      { numRuns: 500 }
    )
  })

  it('takes a byte order mark at the beginning, and only whole', () => {
    expect(read(Buffer.from('\ufeff[]'))).to.deep.equal({ isWhole: true, wrong: undefined })
    expect(read(Buffer.from('\ufeff\ufeff[]')).wrong).to.equal(3)
    expect(read(Buffer.of(0xef, 0xbb, 0x5b)).wrong).to.equal(2)
  })

  it('tells of a wrong byte where it stands', () => {
    for (const [text, wrong] of [
      ['[tru, 1]', 4],
      ['["\\x"]', 3],
      ['["a\nb"]', 3],
      ['[01]', 2],
      ['[1,]', 3],
      ['{"a":1]', 6],
      ['[] []', 3],
      ['[-Infinity]', 2]
    ] as const)
      expect(read(Buffer.from(text)).wrong, text).to.equal(wrong)
  })

  it('follows a million open brackets', () => {
    const deep = '['.repeat(1_000_000)
    expect(read(Buffer.from(deep + ']'.repeat(1_000_000))).isWhole).to.equal(true)
    expect(read(Buffer.from(deep)).isWhole).to.equal(false)
  })
})
