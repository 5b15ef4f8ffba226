import { expect } from 'chai'
import { Blame } from '../../lib/engine/blame.ts'

describe("engine: documents given up on the target's word that it writes", () => {
  const batchOf = (left: number) => ({ left, blamed: 0 })
  const giveUp = (blame: Blame, batch: { left: number; blamed: number }, count: number): void => {
    for (let given = 0; given < count; given++) blame.add()
    batch.left -= count
    batch.blamed += count
  }

  it('are a hundred at most, where it has taken no others', () => {
    const blame = new Blame()
    const batch = batchOf(500)
    blame.begin(batch)
    giveUp(blame, batch, 99)
    expect(blame.canRest(batch, 0)).to.equal(true)
    giveUp(blame, batch, 1)
    expect(blame.canRest(batch, 0)).to.equal(false)
  })

  it('are a quarter of what it has decided on, where that is more', () => {
    const blame = new Blame()
    const [first, second] = [batchOf(2_000), batchOf(2_000)]
    for (const batch of [first, second]) blame.begin(batch)
    giveUp(blame, second, 249)
    expect(blame.canRest(second, 1_000)).to.equal(true)
    giveUp(blame, second, 1)
    expect(blame.canRest(second, 1_000)).to.equal(false)
  })

  it('may be all of the oldest batch, where it has taken as many others', () => {
    const blame = new Blame()
    const [first, second] = [batchOf(100), batchOf(100)]
    for (const batch of [first, second]) blame.begin(batch)
    for (const batch of [first, second]) giveUp(blame, batch, 60)
    expect([first, second].map(batch => blame.canRest(batch, 200))).to.deep.equal([true, false])
    giveUp(blame, first, 40)
    blame.end(first)
    expect(blame.canRest(second, 400)).to.equal(false)
    expect(blame.canRest(second, 404)).to.equal(true)
  })

  it('are no more of the oldest batch than the target has taken others', () => {
    const blame = new Blame()
    const batch = batchOf(300)
    blame.begin(batch)
    giveUp(blame, batch, 100)
    expect([299, 300].map(taken => blame.canRest(batch, taken))).to.deep.equal([false, true])
  })

  it('may be all of a batch of a hundred, so that a run that goes on has other documents before it', () => {
    const blame = new Blame()
    const [first, second] = [batchOf(100), batchOf(50)]
    for (const batch of [first, second]) blame.begin(batch)
    giveUp(blame, second, 50)
    giveUp(blame, first, 50)
    expect(blame.canRest(first, 10)).to.equal(true)
    giveUp(blame, first, 50)
    blame.end(first)
    expect(blame.canRest(second, 10)).to.equal(false)
  })
})
