import { expect } from 'chai'
import { RateControl } from '../../lib/engine/rate-control.ts'
import type { RateOptions } from '../../lib/engine/rate-control.ts'
import { DocferryError } from '../../lib/errors.ts'
import type { TargetLimits } from '../../lib/types.ts'

const limits: TargetLimits = { batchCount: 160, batchBytes: 16_000, inFlight: 4 }

describe('engine: rate control', () => {
  let now = 0
  const control = (options: RateOptions = {}, given: Partial<TargetLimits> = {}): RateControl =>
    new RateControl({ ...limits, ...given }, options, () => now)
  const throttled = { isBroken: false }
  const broken = { isBroken: true }
  beforeEach(() => {
    now = 0
  })

  it('begins with as much as the target takes at most', () => {
    expect(control()).to.include({ inFlight: 4, batchCount: 160, batchBytes: 16_000 })
  })

  it('gives as many places as there are, and the next when one comes back', async () => {
    const rate = control({}, { inFlight: 2 })
    expect([rate.take(), rate.take()]).to.deep.equal([undefined, undefined])
    const order: string[] = []
    const third = rate.take()?.then(() => order.push('third'))
    const fourth = rate.take()?.then(() => order.push('fourth'))
    rate.give()
    await third
    expect(order).to.deep.equal(['third'])
    rate.give()
    await fourth
    expect(order).to.deep.equal(['third', 'fourth'])
  })

  it('halves the batches under way when the target asks for less, and in the end their size', () => {
    const rate = control()
    const seen = Array.from({ length: 5 }, () => {
      rate.pushedBack(rate.begin(), throttled)
      return [rate.inFlight, rate.batchCount]
    })
    expect(seen).to.deep.equal([
      [2, 160],
      [1, 160],
      [1, 80],
      [1, 40],
      [1, 20]
    ])
  })

  it('halves the size at once where there was no answer', () => {
    const rate = control()
    rate.pushedBack(rate.begin(), broken)
    expect(rate).to.include({ inFlight: 2, batchCount: 80, batchBytes: 8_000 })
  })

  it('never goes below one batch of one document', () => {
    const rate = control()
    for (let times = 0; times < 50; times++) rate.pushedBack(rate.begin(), broken)
    expect(rate).to.include({ inFlight: 1, batchCount: 1 })
  })

  it('takes push-backs of calls that were under way together for one', () => {
    const rate = control()
    const calls = [rate.begin(), rate.begin(), rate.begin()]
    for (const call of calls) rate.pushedBack(call, throttled)
    expect(rate).to.include({ inFlight: 2, cuts: 1 })
  })

  it('takes away as much as the part of a call that was pushed back makes of a half', () => {
    const rate = control()
    rate.pushedBack(rate.begin(), { ...throttled, share: 0.5 })
    expect(rate).to.include({ inFlight: 3, batchCount: 160 })
    for (let times = 0; times < 3; times++) rate.pushedBack(rate.begin(), { ...throttled, share: 0.5 })
    expect(rate).to.include({ inFlight: 1, batchCount: 120 })
  })

  it('grows by little with each call that goes well: first the size, then the number', () => {
    const rate = control()
    for (let times = 0; times < 3; times++) rate.pushedBack(rate.begin(), throttled)
    expect(rate).to.include({ inFlight: 1, batchCount: 80 })
    rate.wentWell()
    expect(rate).to.include({ inFlight: 1, batchCount: 90 })
    for (let times = 0; times < 7; times++) rate.wentWell()
    expect(rate).to.include({ inFlight: 1, batchCount: 160 })
    rate.wentWell()
    expect(rate.inFlight).to.equal(2)
    for (let times = 0; times < 10; times++) rate.wentWell()
    expect(rate.inFlight).to.equal(4)
  })

  it('lets waiting batches go when it grows, and not before', async () => {
    const rate = control({}, { inFlight: 2 })
    void rate.take()
    void rate.take()
    rate.pushedBack(rate.begin(), throttled)
    let went = false
    const third = rate.take()?.then(() => (went = true))
    rate.give()
    await Promise.resolve()
    expect(went).to.equal(false)
    rate.wentWell()
    await third
    expect(went).to.equal(true)
  })

  it('has all wait as long as the service asks, up to five minutes', () => {
    const rate = control()
    const waitMs = (): number => rate.waitMs({ collection: 'a', documents: 1 })
    expect(waitMs()).to.equal(0)
    rate.pushedBack(rate.begin(), { isBroken: false, retryAfterMs: 7_000 })
    expect(waitMs()).to.equal(7_000)
    now = 6_000
    expect(waitMs()).to.equal(1_000)
    rate.pushedBack(rate.begin(), { isBroken: false, retryAfterMs: 86_400_000 })
    expect(waitMs()).to.equal(300_000)
  })

  it('keeps documents a second to the bound, in even sends', () => {
    const rate = control({ maxRate: 100 })
    expect(rate.batchCount).to.equal(25)
    const waits = Array.from({ length: 5 }, () => rate.waitMs({ collection: 'a', documents: 25 }))
    expect(waits).to.deep.equal([0, 250, 500, 750, 1_000])
  })

  it('keeps write units a second to the bound', () => {
    const rate = control({ maxWriteUnits: 40 })
    const send = (): number => rate.waitMs({ collection: 'a', documents: 10, writeUnits: 20 })
    expect([send(), send(), send()]).to.deep.equal([0, 500, 1_000])
  })

  it('ramps up a collection that was empty, each for itself, and no other', () => {
    const rate = control({}, { ramp: { perSecond: 100, growth: 1.5, everyMs: 300_000 } })
    const send = (collection: string, isNew: boolean): number => rate.waitMs({ collection, documents: 100, isNew })
    expect([send('a', true), send('a', true), send('b', true)]).to.deep.equal([0, 1_000, 0])
    expect([send('old', false), send('old', false)]).to.deep.equal([0, 0])
  })

  it('ends a run that tries again too often, and says so', () => {
    const rate = control({ maxRetries: 2 })
    const error = new DocferryError('DOCFERRY_THROTTLED', 'slow down', { retryable: true, collection: 'a' })
    rate.spendRetry(error)
    rate.spendRetry(error)
    expect(() => rate.spendRetry(error))
      .to.throw(DocferryError, 'slow down; and the run has tried again 2 times by now, which is its budget (--max-retries)')
      .that.includes({ code: 'DOCFERRY_THROTTLED', retryable: false })
  })

  it('allows two tries for each call that went well, and never fewer than 1,000', () => {
    const rate = control()
    const error = new DocferryError('DOCFERRY_THROTTLED', 'slow down')
    for (let calls = 0; calls < 600; calls++) rate.wentWell()
    for (let tries = 0; tries < 1_200; tries++) rate.spendRetry(error)
    expect(() => rate.spendRetry(error)).to.throw(DocferryError)
  })
})
