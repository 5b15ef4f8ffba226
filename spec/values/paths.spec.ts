import { expect } from 'chai'
import { parsePath } from '../../lib/stages/field-path.ts'
import { pathText } from '../../lib/values/index.ts'

describe('values: paths', () => {
  it('are read by stages as they are written', () => {
    for (const path of [
      ['a.b', 'c'],
      ['a', 'b[0]', 1],
      ['', 'quote"', 3, ' x'],
      ['star*', '*', 'y\n', '0']
    ])
      expect(parsePath(pathText(path))).to.deep.equal(path)
  })

  it('joins names with dots, and puts indexes in brackets', () => {
    expect(pathText(['usage_info', 'usage', 3, 'cost'])).to.equal('usage_info.usage[3].cost')
    expect(pathText(['a', null, 'b'])).to.equal('a.b')
    expect(pathText(['a', 'b', 'c'], 2)).to.equal('a.b')
  })

  it('leaves names alone that read as names', () => {
    expect(pathText(['first name', '3', 'naïve', '$set'])).to.equal('first name.3.naïve.$set')
  })

  it('quotes names that would pass for a path, for an index or for nothing', () => {
    expect(pathText(['a.b', 'c'])).to.equal('"a.b".c')
    expect(pathText(['a', 'b[0]', 1])).to.equal('a."b[0]"[1]')
    expect(pathText(['', ' x', 'y\n'])).to.equal('""." x"."y\\n"')
  })
})
