import { expect } from 'chai'
import { pathText } from '../../lib/values/index.ts'

describe('values: paths', () => {
  it('joins names with dots, and puts indexes in brackets', () => {
    expect(pathText(['usage_info', 'usage', 3, 'cost'])).to.equal('usage_info.usage[3].cost')
    expect(pathText(['a', null, 'b'])).to.equal('a.b')
    expect(pathText(['a', 'b', 'c'], 2)).to.equal('a.b')
  })

  it('leaves names alone that read as names', () => {
    expect(pathText(['first name', '3', 'quote"', 'naïve', '$set'])).to.equal('first name.3.quote".naïve.$set')
  })

  it('quotes names that would pass for a path, for an index or for nothing', () => {
    expect(pathText(['a.b', 'c'])).to.equal('["a.b"].c')
    expect(pathText(['a', 'b[0]', 1])).to.equal('a["b[0]"][1]')
    expect(pathText(['', ' x', 'y\n'])).to.equal('[""][" x"]["y\\n"]')
  })
})
