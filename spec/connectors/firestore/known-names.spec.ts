import { expect } from 'chai'
import fc from 'fast-check'
import { KnownNames } from '../../../lib/connectors/firestore/known-names.ts'

function read(names: KnownNames, bytes: Uint8Array): string {
  const around = Buffer.concat([Buffer.from('<'), bytes, Buffer.from('>')])
  return names.read(around, 1, 1 + bytes.length)
}

describe('firestore: known names', () => {
  it('are the text of their bytes, whatever came before, also of bytes that are no UTF-8', () => {
    const few = fc.uint8Array({ maxLength: 3 })
    const text = fc.string({ unit: 'binary', maxLength: 60 }).map(each => Buffer.from(each))
    fc.assert(
      fc.property(fc.array(fc.oneof(few, text), { maxLength: 200 }), all => {
        const names = new KnownNames()
        for (const bytes of [...all, ...all]) expect(read(names, bytes)).to.equal(Buffer.from(bytes).toString('utf8'))
      })
    )
  })

  it('are told apart where there are more than are kept', () => {
    const names = new KnownNames()
    for (let round = 0; round < 2; round++)
      for (let index = 0; index < 5_000; index++) expect(read(names, Buffer.from(`name${index}`))).to.equal(`name${index}`)
  })
})
