import { none } from 'stream-chain/core'
import { jsonParser } from 'stream-json/core/parser.js'
import type { Token } from 'stream-json/core/parser.js'
import { expect } from 'chai'
import { TokenBuilder } from '../../scripts/bench/token-builder.ts'

describe('bench: token builder', () => {
  const built = (text: string): unknown[] => {
    const documents: unknown[] = []
    const builder = new TokenBuilder(documents)
    const result: unknown = jsonParser({ packValues: true, streamValues: false })(text)
    if (result !== none) for (const token of (result as { values: readonly Token[] }).values) builder.take(token)
    return documents
  }

  const documents = [
    { _id: '1', a: { b: [1, [2, { c: null }]], d: 'x' }, last: true },
    { _id: '2', '': false, n: -1.5e3 }
  ]

  it("puts the documents of Gofannon's export together, and nothing else of it", () => {
    const text = JSON.stringify({ metadata: { collections: ['a', 'b'] }, data: { a: documents, b: [], c: documents } })
    expect(built(text)).to.deep.equal([...documents, ...documents])
  })

  it('puts those of a list together', () => {
    expect(built(JSON.stringify(documents))).to.deep.equal(documents)
  })
})
