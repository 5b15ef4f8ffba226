import { expect } from 'chai'
import { DocferryError } from '../../lib/errors.ts'
import { defaultPrices, readPrices } from '../../lib/plan/prices.ts'
import type { PriceTable } from '../../lib/plan/prices.ts'

const read = (given: unknown): PriceTable => readPrices(JSON.stringify(given), 'prices.json')

function issueOf(text: string): string {
  try {
    readPrices(text, 'prices.json')
  } catch (error) {
    expect(error).to.be.instanceOf(DocferryError).with.property('code', 'DOCFERRY_CONFIG')
    return (error as DocferryError).message
  }
  throw new Error('nothing was wrong')
}

const issueIn = (given: unknown): string => issueOf(JSON.stringify(given))

describe('plan: prices', () => {
  it('are per single unit', () => {
    const { dynamodb, firestore } = defaultPrices
    expect([dynamodb.writeUnit, dynamodb.readUnit].map(price => price * 1e6)).to.deep.equal([0.625, 0.125])
    expect(firestore.documentWrite * 1e5).to.be.closeTo(0.09, 1e-9)
    expect(firestore.documentRead * 1e5).to.be.closeTo(0.03, 1e-9)
  })

  it('replace only what is given', () => {
    expect(read({ dynamodb: { region: 'eu-west-1', writeUnit: 7e-7 } })).to.deep.equal({
      ...defaultPrices,
      date: 'list prices of 2026-08-06 with those in prices.json',
      dynamodb: { ...defaultPrices.dynamodb, region: 'eu-west-1', writeUnit: 7e-7 }
    })
  })

  it('may be nothing', () => {
    expect(read({ firestore: { documentRead: 0 } }).firestore.documentRead).to.equal(0)
  })

  it('have the date that is given', () => {
    expect(read({ date: '2026-11-01', firestore: { documentRead: 0 } }).date).to.equal('2026-11-01')
  })

  it('keep their date where nothing is given', () => {
    expect(read({})).to.deep.equal(defaultPrices)
    expect(read({ dynamodb: {} })).to.deep.equal(defaultPrices)
  })

  it('are left as they are', () => {
    const before = structuredClone(defaultPrices)
    read({ dynamodb: { readUnit: 1 } })
    expect(defaultPrices).to.deep.equal(before)
  })

  it('name an unknown name and the nearest', () => {
    expect(issueIn({ dynamodb: { writeUnits: 1 } })).to.contain('dynamodb.writeUnits: no such name (did you mean writeUnit?)')
    expect(issueIn({ dynamo: { writeUnit: 1 } })).to.contain('dynamo: no such name (did you mean dynamodb?)')
  })

  it('tell the names where none is near', () => {
    expect(issueIn({ couchdb: { doc: 1 } })).to.contain('couchdb: no such name; there are date, currency, dynamodb, firestore')
  })

  for (const name of ['__proto__', 'constructor', 'toString']) {
    it(`take ${name} for an unknown name`, () => {
      expect(issueOf(`{"${name}":{"readUnit":1}}`)).to.contain(`${name}: no such name`)
    })
  }

  for (const wrong of ['-1', '"0.1"', 'null', '1e999', '[]', 'true']) {
    it(`refuse ${wrong} as a price`, () => {
      expect(issueOf(`{"dynamodb":{"writeUnit":${wrong}}}`)).to.contain(
        'dynamodb.writeUnit: a number from 0 is wanted, the price of one, not of a million, as in 0.000000625'
      )
    })
  }

  for (const wrong of ['3', '"x"', 'null', '[]']) {
    it(`refuse ${wrong} as a group of prices, and as all`, () => {
      expect(issueOf(`{"dynamodb":${wrong}}`)).to.contain(
        'dynamodb: an object is wanted, with some of region, readUnit, writeUnit, storageGBMonth'
      )
      expect(issueOf(wrong)).to.contain('prices in prices.json: an object is wanted')
    })
  }

  it('refuse a place without a name', () => {
    expect(issueIn({ dynamodb: { region: '' }, firestore: { location: 5 } }))
      .to.contain('dynamodb.region: a text is wanted')
      .and.contain('firestore.location: a text is wanted')
  })

  it('refuse a date that is none', () => {
    expect(issueIn({ date: 'yesterday' })).to.contain('date: a day is wanted, as in 2026-10-08')
  })

  it('tell every issue at once', () => {
    const issue = issueIn({ date: 'now', dynamodb: { readUnit: -1, wirteUnit: 1 }, firestore: 7, other: 1 })
    for (const path of ['date:', 'dynamodb.readUnit:', 'dynamodb.wirteUnit:', 'firestore:', 'other:']) expect(issue).to.contain(path)
  })

  it('refuse what is no JSON, and keep its text to themselves', () => {
    expect(issueOf('password=secret')).to.contain('prices.json: not valid JSON').and.not.contain('secret')
  })

  it('take another currency only where every price is given', () => {
    const { dynamodb, firestore } = defaultPrices
    expect(read({ currency: 'EUR', dynamodb, firestore }).currency).to.equal('EUR')
    expect(issueIn({ currency: 'EUR', dynamodb, firestore: { documentRead: 1 } })).to.contain(
      'give these too: firestore.documentWrite, firestore.storageGiBMonth'
    )
  })
})
