import { expect } from 'chai'
import { documentsDiff, newDocumentLines } from '../../lib/cli/document-diff.ts'
import { shortened, withTexts } from '../../lib/cli/document-lines.ts'
import { fromDouble, Timestamp } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'

describe('cli: the difference of documents', () => {
  const big = (from: number): Document => ({ _id: 'a', list: Array.from({ length: 20_000 }, (_, n) => from + n) })

  it('is none where only the order of fields is another', () => {
    expect(documentsDiff([{ _id: 'a', b: { c: 1, d: 2 } }], [{ b: { d: 2, c: 1 }, _id: 'a' }])).to.deep.equal([])
  })

  it('counts no line for a comma', () => {
    expect(documentsDiff([{ _id: 'a', n: 1 }], [{ _id: 'a', n: 1, m: 2 }])).to.deep.equal([
      '  {',
      '    "_id": "a",',
      '    "n": 1,',
      '+   "m": 2',
      '  }'
    ])
  })

  it('says where in the document a change is that stands far from the one before', () => {
    const document = (n: number): Document => ({ _id: 'a', n, list: [1, 2, 3, 4, 5, 6, { 'a b': { x: 1, y: 2, z: n } }] })
    const lines = documentsDiff([document(1)], [document(2)], { context: 1 })
    expect(lines).to.include('@@ list[6]["a b"] @@')
    expect(lines.filter(line => /^[+-]/.test(line))).to.have.length(4)
  })

  it('tells values of classes by their envelopes, and 1 from 1.0 unless only values count', () => {
    const one = { _id: 'a', at: new Timestamp(0, 0), n: fromDouble(1) }
    const other = { _id: 'a', at: new Timestamp(1, 0), n: 1 }
    const changed = (lines: readonly string[]): string[] => lines.filter(line => /^[+-]/.test(line))
    expect(changed(documentsDiff([one], [other]))).to.deep.equal([
      '-   "at": {"$date":"1970-01-01T00:00:00Z"},',
      '-   "n": 1.0',
      '+   "at": {"$date":"1970-01-01T00:00:01Z"},',
      '+   "n": 1'
    ])
    expect(changed(documentsDiff([one], [other], { byValue: true }))).to.have.length(2)
  })

  it('takes no longer for large documents of which everything differs', function () {
    this.timeout(5_000)
    expect(documentsDiff([big(0)], [big(100_000)], { most: 10 })).to.have.length(11)
  })

  it('shows no control character of a document as it is', () => {
    expect(newDocumentLines([{ _id: 'a', text: '\u001b[31m\u202e\u009b' }]).join()).to.match(/^[^\u001b\u202e\u009b]*$/)
  })

  it('keeps what stands under __proto__', () => {
    const document = JSON.parse('{"_id":"a","__proto__":{"x":"y"}}') as Document
    expect(newDocumentLines([withTexts(document, text => text.toUpperCase())]).join(''))
      .to.include('"__proto__": {')
      .and.include('"x": "Y"')
  })

  it('shortens texts so that different ones stay different', () => {
    expect(shortened('x'.repeat(180))).to.equal('x'.repeat(180))
    expect(shortened(`${'x'.repeat(500)}a`)).to.not.equal(shortened(`${'x'.repeat(500)}b`))
    expect(shortened(`${'x'.repeat(119)}😀${'x'.repeat(200)}`)).to.match(/^x{119}…/)
  })
})
