import { expect } from 'chai'
import fc from 'fast-check'
import { LineSplitter } from '../../lib/formats/lines.ts'
import { PackingSplitter } from '../../lib/formats/packing-lines.ts'

/** What comes out, in its order: the lines, each told by its number and its beginning, and the bytes of those that were packed. */
function split(text: string, size: number): { readonly lines: string[]; readonly packed: number; readonly end: number } {
  const bytes = Buffer.from(text)
  const splitter = new LineSplitter()
  const pieces = new PackingSplitter(splitter, { drop: [] })
  const lines: string[] = []
  let [packed, end, next] = [0, 0, 1]
  const take = (found: ReturnType<PackingSplitter['push']>): void => {
    for (const piece of found) {
      if ('packed' in piece) {
        const raw = Buffer.concat(piece.raw)
        for (const line of raw.toString().slice(0, -1).split('\n')) lines.push(`${next++} ${line}`)
        packed += piece.packed.count
        end = splitter.skip(piece.packed.count, raw.length).end
      } else {
        lines.push(`${piece.number} ${piece.bytes.toString()}`)
        next = piece.number + 1
        end = piece.end
      }
    }
  }
  for (let at = 0; at < bytes.length; at += size) take(pieces.push(bytes.subarray(at, at + size)))
  take(pieces.end())
  return { lines, packed, end }
}

function numbered(text: string): string[] {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines.map((line, index) => `${index + 1} ${line}`)
}

describe('formats: lines of which most are packed', () => {
  const line = fc.oneof(
    { weight: 3, arbitrary: fc.string({ maxLength: 40 }).map(_id => JSON.stringify({ _id: `a${_id}` })) },
    fc.constantFrom('', ' ', '{"_id":"a","n":1.0}', 'no JSON', '{"_id":"é😀"}')
  )

  it('come whole, numbered and in their order, in chunks of every size', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), fc.integer({ min: 1, max: 200 }), fc.boolean(), (all, size, isEnded) => {
        const text = all.join('\n') + (isEnded ? '\n' : '')
        const { lines, end } = split(text, size)
        expect(lines).to.deep.equal(numbered(text))
        expect(end).to.equal(Buffer.byteLength(text))
      })
    )
  })

  it('may be longer than a block, alone or between others', () => {
    const long = (length: number): string => JSON.stringify({ _id: 'long', text: 'x'.repeat(length) })
    const text = [long(10), long(1_200_000), long(700_000), long(10), long(400_000), long(300_000), long(2_500_000), long(10)].join('\n')
    for (const size of [64 << 10, 256 << 10, 900_000, 1 << 24]) {
      const { lines, packed } = split(text, size)
      expect(lines.map(each => each.length)).to.deep.equal(numbered(text).map(each => each.length))
      expect(packed).to.be.at.least(2)
    }
  })
})
