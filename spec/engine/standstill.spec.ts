import { expect } from 'chai'
import { RateControl } from '../../lib/engine/rate-control.ts'
import { patience, Standstill } from '../../lib/engine/standstill.ts'

function standstill(attempts = 3) {
  const rate = new RateControl({ batchCount: 10, batchBytes: 1_000, inFlight: 4 })
  return { rate, of: new Standstill(rate, attempts) }
}

describe('engine: standstill of a batch', () => {
  it('is over once nothing has come of so many tries in a row', () => {
    const { of } = standstill()
    for (let tries = 1; tries < 3; tries++) of.triedInVain()
    expect(of).to.include({ tries: 2, isOver: false })
    of.triedInVain()
    expect(of).to.include({ tries: 3, isOver: true })
  })

  it('begins anew where a call that began since went well', () => {
    const { of, rate } = standstill()
    of.triedInVain()
    of.triedInVain()
    rate.evidence.wentWell(rate.evidence.begin())
    of.triedInVain()
    expect(of.tries).to.equal(1)
  })

  it('goes on where the call that went well had begun before', () => {
    const { of, rate } = standstill()
    const before = rate.evidence.begin()
    of.triedInVain()
    rate.evidence.wentWell(before)
    of.triedInVain()
    expect(of.tries).to.equal(2)
  })

  it('counts documents that wait side by side as often as the one that failed most', () => {
    const { of } = standstill()
    for (const inVain of [1, 2, 1, 2]) of.triedInVain(inVain)
    expect(of.tries).to.equal(2)
  })

  it('tells what others got done since it began', () => {
    const { of, rate } = standstill()
    rate.decided(5)
    of.triedInVain()
    expect(of.tookOthers).to.equal(false)
    rate.decided(1)
    expect(of.tookOthers).to.equal(true)
  })

  it('grants half of the tries again for what others got done', () => {
    const { of, rate } = standstill(4)
    for (let tries = 0; tries < 4; tries++) of.answeredInVain()
    rate.decided(1)
    of.extend()
    expect(of).to.include({ tries: 2, isOver: false, tookOthers: false })
  })

  it('counts how often the batch got further behind it', () => {
    const { of } = standstill()
    of.gotFurther()
    of.triedInVain()
    of.gotFurther()
    expect(of).to.include({ tries: 0, recoveries: 1 })
  })

  it('is patient with a target that asks for less, until that was too often in a row', () => {
    const { of } = standstill()
    const most = patience * 3
    for (let times = 1; times < most; times++) expect(of.throttled()).to.equal(false)
    of.gotFurther()
    for (let times = 1; times < most; times++) expect(of.throttled()).to.equal(false)
    expect(of.throttled()).to.equal(true)
  })
})
