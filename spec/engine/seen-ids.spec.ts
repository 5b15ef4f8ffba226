import { expect } from 'chai'
import { SeenIds } from '../../lib/engine/seen-ids.ts'

describe('engine: seen ids', () => {
  it('knows every id that came before', () => {
    const seen = new SeenIds()
    for (let i = 0; i < 50_000; i++) seen.add(`agent-${i}`)
    for (let i = 0; i < 50_000; i++) expect(seen.add(`agent-${i}`)).to.equal(true)
  })

  it('takes hardly a new id for an old one, also where ids differ in a digit', () => {
    const seen = new SeenIds()
    let wrong = 0
    for (let i = 0; i < 400_000; i++) if (seen.add(String(i))) wrong++
    for (let i = 0; i < 400_000; i++) if (seen.add(`session_${i.toString(36)}_é`)) wrong++
    expect(wrong).to.be.at.most(8)
  })

  it('takes hardly a new id for an old one in a small collection', () => {
    let wrong = 0
    for (let collection = 0; collection < 400; collection++) {
      const seen = new SeenIds()
      for (let i = 0; i < 1_000; i++) if (seen.add(`${collection}/${i}`)) wrong++
    }
    expect(wrong).to.equal(0)
  })

  it('knows the first ids on both sides of the first layer', () => {
    const seen = new SeenIds()
    for (let i = 0; i < 600; i++) {
      expect(seen.has(`i${i}`), `before ${i}`).to.equal(false)
      expect(seen.add(`i${i}`), `${i}`).to.equal(false)
      for (let before = 0; before <= i; before += 7) expect(seen.has(`i${before}`), `${before} behind ${i}`).to.equal(true)
    }
  })

  it('goes on knowing them past the first layer', function () {
    this.timeout(20_000)
    const seen = new SeenIds()
    for (let i = 0; i < 1_300_000; i++) seen.add(`i${i}`)
    for (let i = 0; i < 1_300_000; i += 997) expect(seen.add(`i${i}`)).to.equal(true)
    let wrong = 0
    for (let i = 0; i < 10_000; i++) if (seen.add(`new${i}`)) wrong++
    expect(wrong).to.be.at.most(1)
  })

  for (const [what, expected] of [
    ['right', 1_300_000],
    ['too low', 20_000],
    ['too high', 1e12],
    ['nothing', NaN]
  ] as const)
    it(`knows every id that came before, and hardly another, where what it is told to expect is ${what}`, function () {
      this.timeout(60_000)
      const seen = new SeenIds(() => expected)
      let wrong = 0
      for (let i = 0; i < 1_300_000; i++) if (seen.add(`i${i}`)) wrong++
      expect(wrong).to.be.at.most(8)
      for (let i = 0; i < 1_300_000; i += 97) expect(seen.add(`i${i}`)).to.equal(true)
      wrong = 0
      for (let i = 0; i < 100_000; i++) if (seen.has(`new${i}`)) wrong++
      expect(wrong).to.be.at.most(3)
    })

  it('has room for the few that are left of those that are expected', () => {
    for (const count of [4_097, 5_000, 8_000, 8_300]) {
      const seen = new SeenIds(() => count)
      let wrong = 0
      for (let index = 0; index < count; index++) if (seen.add(`id-${index}`)) wrong++
      expect(wrong, `${count}`).to.be.at.most(1)
      expect(seen.isFull).to.equal(false)
    }
  })

  it('takes some four bytes for an id where it knows how many will come', function () {
    this.timeout(60_000)
    const before = process.memoryUsage().arrayBuffers
    const seen = new SeenIds(() => 2_000_000)
    for (let i = 0; i < 2_000_000; i++) seen.add(`i${i}`)
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(8_400_000)
    expect(seen.has('i0')).to.equal(true)
  })
})
