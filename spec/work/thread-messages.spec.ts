import { expect } from 'chai'
import { Packed } from '../../lib/packed.ts'
import type { PackedLines, Packing } from '../../lib/packed.ts'
import { buffersOf, fromMessages, ThreadRoom } from '../../lib/work/thread-messages.ts'

const packing: Packing = { drop: [] }

function madeOf(text: Buffer): PackedLines {
  const known = { count: 1, digests: new Uint32Array(8), kinds: undefined, idHashes: new Int32Array(2), dropped: [], members: 0 }
  return { packed: new Packed({ ...known, packing, text, enveloped: undefined, worked: undefined, lines: undefined }), bytes: text.length }
}

describe('what threads answer', () => {
  it('lies in the room of the task as far as there is any, and else changes hands', () => {
    const room = Buffer.from(new SharedArrayBuffer(10))
    const inThread = new ThreadRoom(room)
    const texts = ['first\n', 'second\n', 'yes\n'].map(text => inThread.put(Buffer.from(text)))
    const answer = [...texts.map(madeOf), { from: 30, to: 40 }].map(each => inThread.toMessage(each))
    expect(buffersOf(answer)).to.have.length(1)
    const stretches = fromMessages(answer, { room, give: () => undefined, packing })
    expect(stretches.map(each => ('packed' in each ? each.packed.text.toString() : each))).to.deep.equal([
      'first\n',
      'second\n',
      'yes\n',
      { from: 30, to: 40 }
    ])
    expect(room.toString()).to.equal('first\nyes\n')
  })

  it('gives the room back once each text that lies in it is released', () => {
    const room = Buffer.from(new SharedArrayBuffer(64))
    const inThread = new ThreadRoom(room)
    const answer = ['a\n', 'b\n'].map(text => inThread.toMessage(madeOf(inThread.put(Buffer.from(text)))))
    let given = 0
    const [first, second] = fromMessages(answer, { room, give: () => given++, packing }) as PackedLines[]
    first!.packed.release!()
    first!.packed.release!()
    expect(given).to.equal(0)
    second!.packed.release!()
    expect(given).to.equal(1)
  })

  it('gives the room back at once where nothing lies in it', () => {
    const room = Buffer.from(new SharedArrayBuffer(64))
    let given = 0
    fromMessages([{ from: 0, to: 3 }], { room, give: () => given++, packing })
    expect(given).to.equal(1)
  })
})
