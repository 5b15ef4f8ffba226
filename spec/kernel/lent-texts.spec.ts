import { expect } from 'chai'
import fc from 'fast-check'
import { lendText } from '../../lib/kernel/lent-texts.ts'

describe('kernel: lent texts', () => {
  it('stay as they are until each is released, whatever is lent and released meanwhile', () => {
    const step = fc.record({ bytes: fc.oneof(fc.nat(300), fc.nat(700_000)), released: fc.array(fc.nat(), { maxLength: 3 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), steps => {
        const lent: { readonly fill: number; readonly text: Buffer; readonly release: (() => void) | undefined }[] = []
        for (const [index, { bytes, released }] of steps.entries()) {
          const fill = index + 1
          lent.push({ fill, ...lendText(Buffer.alloc(bytes, fill)) })
          for (const which of released) if (lent.length > 0) lent.splice(which % lent.length, 1)[0]!.release?.()
          for (const { text, fill: own } of lent) expect(text.equals(Buffer.alloc(text.length, own))).to.equal(true)
        }
        for (const { release } of lent) release?.()
      }),
      { numRuns: 100 }
    )
  })

  it('lie in memory that is used again', () => {
    const places = new Set<ArrayBufferLike>()
    for (let round = 0; round < 1_000; round++) {
      const lent = lendText(Buffer.alloc(50_000))
      places.add(lent.text.buffer)
      lent.release?.()
    }
    expect(places.size).to.be.at.most(3)
  })
})
