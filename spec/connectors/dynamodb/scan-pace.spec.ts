import { expect } from 'chai'
import { ScanPace } from '../../../lib/connectors/dynamodb/scan-pace.ts'

describe('dynamodb: pace of a scan', () => {
  it('asks for more than an answer holds, by what the table tells, where nothing is paced', () => {
    const pace = new ScanPace(0.25)
    expect(pace.limitFor(undefined)).to.equal(1_280)
    expect(pace.limitFor(256)).to.equal(1_280)
  })

  it('sets no bound where nothing is known and nothing is paced', () => {
    expect(new ScanPace().limitFor(undefined)).to.equal(undefined)
  })

  it('goes by the last answer of the segment then, not by the mean', () => {
    const pace = new ScanPace(100)
    expect(pace.limitFor(undefined, { items: 900, limit: 2_000 })).to.equal(1_125)
    expect(pace.limitFor(undefined, { items: 3, limit: 2_000 })).to.equal(100)
  })

  it('catches up fast where small items follow on large ones', () => {
    const pace = new ScanPace(100)
    let items = 3
    let answers = 0
    for (; items < 10_000; answers++) items = pace.limitFor(undefined, { items, limit: items })!
    expect(answers).to.be.at.most(6)
  })

  it('begins small where nothing is known', () => {
    expect(new ScanPace().limitFor(200)).to.equal(25)
  })

  it('goes by what the table tells, until there are answers', () => {
    const pace = new ScanPace(0.5)
    expect(pace.limitFor(50)).to.equal(100)
    pace.count(100, 200)
    expect(pace.limitFor(50)).to.equal(25)
  })

  it('goes by the mean of all answers', () => {
    const pace = new ScanPace()
    pace.count(10, 10)
    expect(pace.limitFor(100)).to.equal(100)
    pace.count(10, 30)
    expect(pace.limitFor(100)).to.equal(50)
  })

  it('asks for one item at least', () => {
    const pace = new ScanPace()
    pace.count(1, 100)
    expect(pace.limitFor(1)).to.equal(1)
  })
})
