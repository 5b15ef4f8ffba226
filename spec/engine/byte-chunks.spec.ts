import { expect } from 'chai'
import fc from 'fast-check'
import { byteChunks } from '../../lib/engine/byte-chunks.ts'

describe('engine: byte chunks', () => {
  it('are the bytes of the pieces, one behind the other', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.integer({ min: 0, max: 400_000 }).map(length => 'é'.repeat(length))
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
        const copies = Array.from(byteChunks(pieces), chunk => Buffer.from(chunk))
        expect(Buffer.concat(copies).equals(Buffer.from(pieces.join('')))).to.equal(true)
        expect(copies.every(({ length }) => length > 0)).to.equal(true)
      }),
      { numRuns: 20 }
    )
  })

  it('stand in one place, however many there are', () => {
    const places = new Set<unknown>()
    for (const chunk of byteChunks(Array.from({ length: 5_000 }, () => 'x'.repeat(1_000)))) places.add(chunk.buffer)
    expect(places.size).to.be.at.most(2)
  })
})
