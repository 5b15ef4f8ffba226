import { expect } from 'chai'
import fc from 'fast-check'
import { MessageFrames } from '../../../lib/connectors/firestore/message-frames.ts'

function frameOf(message: Uint8Array, flag = 0): Buffer {
  const header = Buffer.alloc(5)
  header[0] = flag
  header.writeUInt32BE(message.length, 1)
  return Buffer.concat([header, message])
}

/** The bytes in pieces that end at these places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set(places.map(place => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...ends, bytes.length].map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end))
}

const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 })
const cuts = fc.array(fc.nat({ max: 600 }), { maxLength: 20 })

describe('firestore: frames of messages', () => {
  it('gives the messages that were framed, wherever the chunks end', () => {
    fc.assert(
      fc.property(messages, cuts, (framed, places) => {
        const taken: Buffer[] = []
        const frames = new MessageFrames(message => taken.push(Buffer.from(message)))
        for (const chunk of cut(Buffer.concat(framed.map(message => frameOf(message))), places))
          expect(frames.write(chunk)).to.equal(undefined)
        expect(taken).to.deep.equal(framed.map(message => Buffer.from(message)))
        expect(frames.isWhole).to.equal(true)
      })
    )
  })

  it('leaves what begins with a compressed or too large message, and gives what came before', () => {
    const strange = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map(message => frameOf(message, 1)),
      fc.uint8Array({ minLength: 41, maxLength: 60 }).map(message => frameOf(message))
    )
    fc.assert(
      fc.property(messages, strange, messages, cuts, (before, odd, behind, places) => {
        const taken: Buffer[] = []
        const frames = new MessageFrames(message => taken.push(Buffer.from(message)), 40)
        const rest = Buffer.concat([odd, ...behind.map(message => frameOf(message))])
        const chunks = cut(Buffer.concat([...before.map(message => frameOf(message)), rest]), places)
        let left: Buffer | undefined
        while (left === undefined && chunks.length > 0) left = frames.write(chunks.shift()!)
        expect(Buffer.concat([left!, ...chunks])).to.deep.equal(rest)
        expect(taken).to.deep.equal(before.map(message => Buffer.from(message)))
      })
    )
  })

  it('knows that a frame is cut', () => {
    const frame = frameOf(Buffer.from('message'))
    for (let end = 1; end < frame.length; end++) {
      const frames = new MessageFrames(() => expect.fail('no message'))
      frames.write(frame.subarray(0, end))
      expect(frames.isWhole, `${end}`).to.equal(false)
    }
  })
})
