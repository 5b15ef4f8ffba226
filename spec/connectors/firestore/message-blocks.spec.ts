/** Messages in blocks that are used again, while others are still looked at. */
import { expect } from 'chai'
import fc from 'fast-check'
import { DocumentEncoder } from '../../../lib/connectors/firestore/encoder.ts'
import { createLineEncoder } from '../../../lib/connectors/firestore/line-encoder.ts'
import { MessageBlocks } from '../../../lib/connectors/firestore/message-blocks.ts'
import { defaultRules } from '../../../lib/types.ts'
import { accepted, root } from './support.ts'

/** The second takes a block of its own. */
const lengths = [1_000, 70_000, 20_000]

describe('firestore: message blocks', () => {
  it('are used again when every message in them was released', () => {
    const blocks = new MessageBlocks()
    const encoder = new DocumentEncoder(root, defaultRules, blocks)
    const buffers = new Set<ArrayBufferLike>()
    for (let index = 0; index < 500; index++) {
      const { payload } = accepted(encoder.encode('c', { _id: String(index), text: 'x'.repeat(10_000) }))
      buffers.add(payload.buffer)
      blocks.release(payload)
    }
    expect(buffers.size).to.be.at.most(2)
  })

  it('are left alone while one message in them is looked at', () => {
    const blocks = new MessageBlocks()
    const encoder = new DocumentEncoder(root, defaultRules, blocks)
    const { payload: first } = accepted(encoder.encode('c', { _id: 'first', text: 'x' }))
    for (let index = 0; index < 50; index++)
      blocks.release(accepted(encoder.encode('c', { _id: String(index), text: 'y'.repeat(10_000) })).payload)
    expect(first.equals(accepted(new DocumentEncoder(root).encode('c', { _id: 'first', text: 'x' })).payload)).to.equal(true)
  })

  it('keep every message that was not released, whatever is written and released meanwhile', () => {
    const step = fc.record({ length: fc.constantFrom(...lengths), isLine: fc.boolean(), isRefused: fc.boolean(), release: fc.nat(20) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const blocks = new MessageBlocks()
        const encoder = new DocumentEncoder(root, defaultRules, blocks)
        const lines = createLineEncoder(root, defaultRules, blocks)
        const kept: { readonly payload: Buffer; readonly text: string }[] = []
        for (const [index, { length, isLine, isRefused, release }] of steps.entries()) {
          const document = { _id: String(index), text: `${index}`.padEnd(length, '.') }
          if (isRefused) encoder.encode('c', { ...document, __x__: 1 })
          const encoded = isLine
            ? lines.encode('c', document._id, Buffer.from(JSON.stringify(document)))!
            : accepted(encoder.encode('c', document))
          kept.push({ payload: encoded.payload, text: encoded.payload.toString('latin1') })
          if (release < kept.length) blocks.release(kept.splice(release, 1)[0]!.payload)
          for (const { payload, text } of kept) expect(payload.toString('latin1') === text).to.equal(true)
        }
      }),
      { numRuns: 100 }
    )
  })

  it('take no notice of messages that lie elsewhere', () => {
    const blocks = new MessageBlocks()
    expect(() => blocks.release(Buffer.from('x'))).not.to.throw()
  })
})
