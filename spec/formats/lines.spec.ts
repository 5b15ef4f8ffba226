import { expect } from 'chai'
import fc from 'fast-check'
import { LineSplitter } from '../../lib/formats/lines.ts'
import type { Line, LineSplitterOptions } from '../../lib/formats/lines.ts'

function split(chunks: readonly (Buffer | string)[], options?: LineSplitterOptions): Line[] {
  const splitter = new LineSplitter(options)
  const lines = chunks.flatMap(chunk => splitter.push(Buffer.from(chunk)))
  const last = splitter.end()
  return last ? [...lines, last] : lines
}

const texts = (lines: readonly Line[]): string[] => lines.map(line => line.bytes.toString())

describe('formats: lines', () => {
  it('numbers lines and says where they begin', () => {
    const lines = split(['one\ntwo\r\n', '\nfo', 'ur'])
    expect(lines.map(({ number, offset, end, complete }) => ({ number, offset, end, complete }))).to.deep.equal([
      { number: 1, offset: 0, end: 4, complete: true },
      { number: 2, offset: 4, end: 9, complete: true },
      { number: 3, offset: 9, end: 10, complete: true },
      { number: 4, offset: 10, end: 14, complete: false }
    ])
    expect(texts(lines)).to.deep.equal(['one', 'two', '', 'four'])
  })

  it('takes off a byte order mark at the start only, also from pieces of one byte', () => {
    const bytes = Buffer.from('\ufeffa\n\ufeffb\n')
    expect(texts(split([...bytes].map(byte => Buffer.of(byte))))).to.deep.equal(['a', '\ufeffb'])
    expect(texts(split(['\ufeffb\n'], { offset: 10, line: 3 }))).to.deep.equal(['\ufeffb'])
  })

  it('splits at LF only: not at a bare CR, U+2028 or U+0085', () => {
    expect(texts(split(['a\rb\u2028c\u0085d\n']))).to.deep.equal(['a\rb\u2028c\u0085d'])
  })

  it('goes on counting from where it is told', () => {
    const [line] = split(['x\n'], { offset: 100, line: 7 })
    expect(line).to.include({ number: 7, offset: 100, end: 102 })
  })

  it('does not keep a line that is too long, and goes on behind it', () => {
    const lines = split(['aaaa', 'bbbb', 'cc\ndd\n'], { maxBytes: 6 })
    expect(lines.map(({ tooLong = false, offset, end }) => ({ tooLong, offset, end }))).to.deep.equal([
      { tooLong: true, offset: 0, end: 11 },
      { tooLong: false, offset: 11, end: 14 }
    ])
    expect(texts(lines)[1]).to.equal('dd')
  })

  it('joins the parts of a line once, so that it is linear in the length of a line', () => {
    const { concat } = Buffer
    let joined = 0
    Buffer.concat = parts => {
      joined += parts.length
      return concat(parts)
    }
    try {
      const [line] = split([...Array<Buffer>(5000).fill(Buffer.alloc(4 << 10, 'x')), '\n'])
      expect(line?.bytes).to.have.length(5000 * (4 << 10))
    } finally {
      Buffer.concat = concat
    }
    expect(joined).to.be.within(5000, 5001)
  })

  it('gives the same lines whatever the pieces are', () => {
    const text = fc
      .array(fc.constantFrom('a', 'é', '\n', '\r\n', '\r', '😀', ' ', '\ufeff'), { maxLength: 30 })
      .map(parts => parts.join(''))
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 7 }), (input, size) => {
        const bytes = Buffer.from(input)
        const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
          bytes.subarray(index * size, (index + 1) * size)
        )
        expect(split(pieces)).to.deep.equal(split([bytes]))
        const withoutEnds = input.replace(/^\ufeff/, '').split('\n')
        if (withoutEnds.at(-1) === '' && !(input === '\ufeff')) withoutEnds.pop()
        expect(texts(split(pieces))).to.deep.equal(withoutEnds.map(line => line.replace(/\r$/, '')))
      })
    )
  })
})
