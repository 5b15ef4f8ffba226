import { expect } from 'chai'
import { RateLimit, rampLimit } from '../../lib/engine/rate-limit.ts'

describe('engine: rate limit', () => {
  it('lets the first amount go at once, and each other when the one before has had its time', () => {
    const limit = new RateLimit(100)
    expect([limit.take(50, 0), limit.take(50, 0), limit.take(10, 0)]).to.deep.equal([0, 500, 1_000])
  })

  it('saves nothing up while nothing is taken', () => {
    const limit = new RateLimit(100)
    limit.take(100, 0)
    expect(limit.take(100, 60_000)).to.equal(0)
    expect(limit.take(100, 60_000)).to.equal(1_000)
  })

  it('keeps the rate over any time, however large the amounts are', () => {
    const limit = new RateLimit(500)
    let now = 0
    for (const amount of [1, 499, 1_000, 20, 480, 500]) now += limit.take(amount, now)
    now += limit.take(0, now)
    expect(now).to.equal(5_000)
  })

  it('ramps up from the first document on, by half each five minutes', () => {
    const limit = rampLimit({ perSecond: 500, growth: 1.5, everyMs: 300_000 })
    const secondsFor = (documents: number, nowMs: number): number => {
      const before = limit.take(documents, nowMs)
      return (limit.take(0, nowMs) - before) / 1_000
    }
    expect(secondsFor(500, 1_000)).to.equal(1)
    expect(secondsFor(500, 200_000)).to.equal(1)
    expect(secondsFor(750, 301_000)).to.equal(1)
    expect(secondsFor(1_125, 601_000)).to.equal(1)
  })
})
