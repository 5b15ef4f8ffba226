import { expect } from 'chai'
import fc from 'fast-check'
import { Distribution } from '../../lib/plan/distribution.ts'

const relativeError = 0.004

function distributionOf(sizes: readonly number[]): Distribution {
  const distribution = new Distribution()
  for (const size of sizes) distribution.add(size)
  return distribution
}

/** The value of that rank among the sizes sorted. */
function exactQuantile(sizes: readonly number[], q: number): number {
  const sorted = [...sizes].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(q * sizes.length) - 1)]!
}

const share = fc.integer({ min: 0, max: 1000 }).map(number => number / 1000)
const size = fc.oneof(fc.nat(300), fc.nat(1_000_000), fc.nat(0xffffffff))

describe('plan: distribution', () => {
  it('counts and sums exactly', () => {
    fc.assert(
      fc.property(fc.array(size), sizes => {
        const { count, total, smallest, largest } = distributionOf(sizes)
        expect({ count, total }).to.deep.equal({ count: sizes.length, total: sizes.reduce((sum, each) => sum + each, 0) })
        if (count > 0) expect({ smallest, largest }).to.deep.equal({ smallest: Math.min(...sizes), largest: Math.max(...sizes) })
      })
    )
  })

  it('gives quantiles within its error', () => {
    fc.assert(
      fc.property(fc.array(size, { minLength: 1 }), share, (sizes, q) => {
        const exact = exactQuantile(sizes, q)
        expect(distributionOf(sizes).quantile(q)).to.be.closeTo(exact, exact * relativeError)
      })
    )
  })

  it('is within its error for every size, whatever is around it', () => {
    for (let bytes = 1; bytes < 2 ** 32; bytes = Math.ceil(bytes * 1.0007)) {
      expect(distributionOf([0, bytes, 2 ** 40]).quantile(0.5)).to.be.closeTo(bytes, bytes * relativeError)
    }
  })

  it('gives small quantiles exactly', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(255), { minLength: 1 }), share, (sizes, q) => {
        expect(distributionOf(sizes).quantile(q)).to.equal(exactQuantile(sizes, q))
      })
    )
  })

  it('gives the smallest and the largest exactly', () => {
    const distribution = distributionOf([1_000_003, 1_000_001, 1_000_002])
    expect([distribution.quantile(0), distribution.quantile(1)]).to.deep.equal([1_000_001, 1_000_003])
  })

  it('never gives a quantile outside of what there was', () => {
    expect(distributionOf([1_000_001, 1_000_001, 1_000_001]).quantile(0.5)).to.equal(1_000_001)
  })

  it('keeps a document of more than 4 GiB', () => {
    const distribution = distributionOf([1, 2 ** 40])
    expect([distribution.largest, distribution.total]).to.deep.equal([2 ** 40, 2 ** 40 + 1])
  })

  it('is all zeros where there is nothing', () => {
    const { count, total, smallest, largest } = new Distribution()
    expect([count, total, smallest, largest, new Distribution().quantile(0.5)]).to.deep.equal([0, 0, 0, 0, 0])
  })
})
