import { expect } from 'chai'
import { KeyWindow } from '../../lib/stages/key-window.ts'

/** The first word is what the table goes by: few values of it make long chains. */
function key(number: number, spread = 2 ** 32): Uint32Array {
  return new Uint32Array([Math.imul(number, 0x9e3779b1) % spread, number, 0, 7])
}

describe('stages: key window', () => {
  it('tells which keys came before', () => {
    const window = new KeyWindow(100)
    expect(window.add(key(1))).to.equal(true)
    expect(window.add(key(2))).to.equal(true)
    expect(window.add(key(1))).to.equal(false)
    expect(window).to.include({ size: 2, forgotten: 0 })
  })

  it('grows as far as it may', () => {
    const window = new KeyWindow(10_000)
    for (let number = 0; number < 10_000; number++) expect(window.add(key(number))).to.equal(true)
    for (let number = 0; number < 10_000; number++) expect(window.add(key(number))).to.equal(false)
    expect(window).to.include({ size: 10_000, forgotten: 0 })
  })

  it('forgets the oldest first', () => {
    const window = new KeyWindow(3)
    for (const number of [1, 2, 3, 1, 4]) window.add(key(number))
    expect(window).to.include({ size: 3, forgotten: 1 })
    expect([2, 3, 4].map(number => window.add(key(number)))).to.deep.equal([false, false, false])
    expect(window.add(key(1))).to.equal(true)
  })

  for (const spread of [2 ** 32, 16, 1]) {
    it(`knows the same as a list of the newest, with ${spread} places in the table`, () => {
      const most = 61
      const window = new KeyWindow(most)
      const newest: number[] = []
      let state = 1
      for (let round = 0; round < 20_000; round++) {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
        const number = (state >>> 8) % 97
        const isNew = !newest.includes(number)
        expect(window.add(key(number, spread)), `round ${round}`).to.equal(isNew)
        if (isNew) newest.push(number)
        if (newest.length > most) newest.shift()
      }
      expect(window.size).to.equal(most)
    })
  }

  it('holds one key', () => {
    const window = new KeyWindow(1)
    expect([1, 1, 2, 1].map(number => window.add(key(number)))).to.deep.equal([true, false, true, true])
  })
})
