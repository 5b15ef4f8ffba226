import { expect } from 'chai'
import { addUsage, costOf, scaleUsage, storageCostOf, timeAt } from '../../lib/plan/estimate.ts'
import { defaultPrices } from '../../lib/plan/prices.ts'
import type { ProviderName } from '../../lib/types.ts'

const prices = {
  ...defaultPrices,
  currency: 'EUR',
  dynamodb: { region: 'r', readUnit: 0.25, writeUnit: 0.5, storageGBMonth: 2 },
  firestore: { location: 'l', documentRead: 0.125, documentWrite: 1, storageGiBMonth: 4 }
}
const unbilled: readonly ProviderName[] = ['couchdb', 'memory', 'file']

describe('plan: cost', () => {
  it('of DynamoDB is by units', () => {
    expect(costOf('dynamodb', { requests: 9, writeUnits: 10, readUnits: 4 }, prices)).to.deep.equal({
      amount: 6,
      currency: 'EUR',
      lines: [
        { what: 'write units', count: 10, price: 0.5, amount: 5 },
        { what: 'read units', count: 4, price: 0.25, amount: 1 }
      ]
    })
  })

  it('of Firestore is by documents', () => {
    expect(costOf('firestore', { requests: 9, documentWrites: 3, documentReads: 8 }, prices)).to.deep.equal({
      amount: 4,
      currency: 'EUR',
      lines: [
        { what: 'document writes', count: 3, price: 1, amount: 3 },
        { what: 'document reads', count: 8, price: 0.125, amount: 1 }
      ]
    })
  })

  it('has no line for what was not counted', () => {
    expect(costOf('dynamodb', { requests: 9, writeUnits: 0 }, prices)?.lines.map(({ what }) => what)).to.deep.equal(['write units'])
  })

  it('is unknown, and not nothing, where nothing was counted', () => {
    expect(costOf('dynamodb', { requests: 9, documentReads: 5 }, prices)).to.equal(undefined)
  })

  for (const provider of unbilled) {
    it(`of ${provider} is that of the machine`, () => {
      expect(costOf(provider, { requests: 9, writeUnits: 5, documentWrites: 5 }, prices)).to.equal(undefined)
      expect(storageCostOf(provider, { bytes: 1e9, documents: 5 }, prices)).to.equal(undefined)
    })
  }

  it('of keeping items in DynamoDB includes 100 bytes for each', () => {
    expect(storageCostOf('dynamodb', { bytes: 2e9, documents: 1e7 }, prices)).to.deep.equal({
      amount: 6,
      currency: 'EUR',
      lines: [{ what: 'GB for a month', count: 3, price: 2, amount: 6 }]
    })
  })

  it('of keeping documents in Firestore is by 2^30 bytes', () => {
    expect(storageCostOf('firestore', { bytes: 3 * 2 ** 30, documents: 1e7 }, prices)).to.deep.equal({
      amount: 12,
      currency: 'EUR',
      lines: [{ what: 'GiB for a month', count: 3, price: 4, amount: 12 }]
    })
  })
})

describe('plan: time', () => {
  it('is documents by rate', () => {
    expect(timeAt(500, 250)).to.equal(2)
  })

  it('is endless at no rate, unless there is nothing to do', () => {
    expect([timeAt(1, 0), timeAt(0, 0)]).to.deep.equal([Infinity, 0])
  })
})

describe('plan: usage', () => {
  it('is scaled', () => {
    expect(scaleUsage({ requests: 2, writeUnits: 3, readUnits: 0 }, 1.5)).to.deep.equal({ requests: 3, writeUnits: 4.5, readUnits: 0 })
  })

  it('is added', () => {
    expect(addUsage({ requests: 1, documentReads: 2 }, { requests: 3, documentReads: 4 })).to.deep.equal({ requests: 4, documentReads: 6 })
  })

  it('keeps a member that one of two has', () => {
    expect(addUsage({ requests: 1, readUnits: 2 }, { requests: 3, writeUnits: 4 })).to.deep.equal({
      requests: 4,
      readUnits: 2,
      writeUnits: 4
    })
  })

  it('leaves missing what is missing', () => {
    expect(scaleUsage({ requests: 1, readUnits: undefined }, 2)).to.deep.equal({ requests: 2 })
    expect(addUsage({ requests: 1 }, { requests: 1 })).to.deep.equal({ requests: 2 })
  })
})
