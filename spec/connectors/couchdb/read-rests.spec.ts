import { expect } from 'chai'
import { ReadRests } from '../../../lib/connectors/couchdb/read-rests.ts'

const fullBytes = 65_536

/** How long a reader has rested in all behind these reads, over and over. */
function restedMs(rests: ReadRests, reads: readonly number[], times: number): number {
  let ms = 0
  for (let round = 0; round < times; round++) for (const bytes of reads) ms += rests.behind(bytes)
  return ms
}

describe('rests between reads', () => {
  it('grow to 16 ms where little comes in them', () => {
    const rests = new ReadRests(fullBytes)
    expect(Array.from({ length: 7 }, () => rests.behind(900))).to.deep.equal([1, 3, 7, 15, 16, 16, 16])
  })

  it('stay as long as they are where half of a read comes in them', () => {
    const rests = new ReadRests(fullBytes)
    restedMs(rests, [900], 3)
    expect(Array.from({ length: 3 }, () => rests.behind(fullBytes / 2))).to.deep.equal([7, 7, 7])
  })

  it('are not made behind a read that may have left something', () => {
    const rests = new ReadRests(fullBytes)
    restedMs(rests, [900], 9)
    expect(rests.behind(fullBytes)).to.equal(0)
  })

  it('come to an end where a server sends more than one read takes, and no more until that is read', () => {
    const rests = new ReadRests(fullBytes)
    restedMs(rests, [900], 9)
    expect(restedMs(rests, [fullBytes, 29_696], 1_000)).to.equal(8 + 4 + 2 + 1)
  })
})
