/** The two ways through a JSON file, held against stream-json alone. */
import { expect } from 'chai'
import fc from 'fast-check'
import { JsonElements } from '../../lib/formats/json-elements.ts'
import { expectSame, file, options, packing, partsOf, readAlone, readingOf, spoiling, spoilt, textOf } from '../support/json-files.ts'
import type { Options, Reading } from '../support/json-files.ts'

function compare(bytes: Buffer, options: Options): Reading {
  const { text, sections } = textOf(options)
  const elements = new JsonElements(text, options.packing)
  const found = readingOf(text, sections, () => {
    for (const part of partsOf(bytes, options)) elements.push(part)
    elements.end()
  })
  expectSame(found, readAlone(bytes, options))
  return found
}

describe('formats: elements of JSON lists', function () {
  this.timeout(120_000)

  it('are the same by both ways', () => {
    let packed = 0
    fc.assert(
      fc.property(file, options, fc.boolean(), (text, how, hasMark) => {
        packed += compare(Buffer.from(hasMark ? `\ufeff${text}` : text), how).packed
      }),
      { numRuns: 400 }
    )
    expect(packed).to.be.greaterThan(100)
  })

  it('are the same by both ways wherever the file is spoilt or cut', () => {
    fc.assert(
      fc.property(file, options, spoiling, (text, how, where) => {
        compare(spoilt(text, where), how)
      }),
      { numRuns: 1200, interruptAfterTimeLimit: 60_000 }
    )
  })

  it('that are large are the same by both ways, in parts and whole', () => {
    const large = (id: string, length: number): string =>
      JSON.stringify({ _id: id, text: 'é"\\'.repeat(length / 5), list: [1, { a: null }] })
    const text = `[${[large('a', 300_000), large('b', 10), large('c', 1_500_000), large('d', 5_000_000), large('e', 10), 'null'].join(',\n')}]`
    for (const size of [64 << 10, 256 << 10, 1 << 24]) {
      const { documents, packed } = compare(Buffer.from(text), { size, packing })
      expect(documents).to.have.length(5)
      expect(packed).to.be.at.least(2)
    }
  })

  it('tell of a wrong byte behind the first megabyte of a document', () => {
    const text = JSON.stringify([{ _id: 'a', text: 'x'.repeat(1_500_000) }, { _id: 'b' }])
    const bytes = Buffer.from(text)
    bytes[1_400_000] = 0xff
    const { documents, rejects } = compare(bytes, { packing })
    expect([documents.map(({ _id }) => _id), rejects.map(({ message }) => message)]).to.deep.equal([['b'], ['not valid UTF-8']])
  })
})
