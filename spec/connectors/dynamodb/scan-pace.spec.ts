import { expect } from 'chai'
import { ScanPace } from '../../../lib/connectors/dynamodb/scan-pace.ts'

describe('dynamodb: pace of a scan', () => {
  it('sets no bound where none is wanted, or none that an answer could reach', () => {
    const pace = new ScanPace()
    pace.count(100, 10)
    expect(pace.limitFor(undefined)).to.equal(undefined)
    expect(pace.limitFor(256)).to.equal(undefined)
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
