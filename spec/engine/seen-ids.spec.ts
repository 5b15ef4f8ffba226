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
})
