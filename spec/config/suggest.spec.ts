import { expect } from 'chai'
import { closest, didYouMean } from '../../lib/config/suggest.ts'

describe('config: suggestions', () => {
  const names = ['memory', 'couchdb', 'firestore', 'dynamodb', 'file']

  for (const [word, meant] of [
    ['coucdb', 'couchdb'],
    ['COUCHDB', 'couchdb'],
    ['dynamo', 'dynamodb'],
    ['fierstore', 'firestore'],
    ['fiel', 'file'],
    ['memroy', 'memory']
  ] as const) {
    it(`takes ${word} for ${meant}`, () => {
      expect(closest(word, names)).to.equal(meant)
    })
  }

  it('keeps silent about a word that is near to none', () => {
    expect(closest('postgres', names)).to.equal(undefined)
    expect(didYouMean('x', names)).to.equal('')
  })
})
