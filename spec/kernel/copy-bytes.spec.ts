import { expect } from 'chai'
import fc from 'fast-check'
import { copyBytes, copyOf } from '../../lib/kernel/copy-bytes.ts'

describe('kernel: copies of bytes', () => {
  const plain = (length: number): Buffer => Buffer.alloc(length)
  const shared = (length: number): Buffer => Buffer.from(new SharedArrayBuffer(length))
  const made = fc.constantFrom(plain, shared)

  it('are the bytes, in their place, with nothing else changed, whichever end is shared', () => {
    fc.assert(
      fc.property(made, made, fc.uint8Array({ maxLength: 300 }), fc.nat(16), fc.nat(16), (from, into, bytes, before, to) => {
        const all = from(before + bytes.length)
        all.set(bytes, before)
        const expected = Buffer.alloc(to + bytes.length + 8, 0xee)
        const memory = into(expected.length)
        memory.set(expected)
        expected.set(bytes, to)
        expect(copyBytes(all.subarray(before), memory, to)).to.equal(to + bytes.length)
        expect(memory.equals(expected)).to.equal(true)
      })
    )
  })

  it('may be empty, and end where the memory ends', () => {
    const memory = shared(8)
    expect(copyBytes(Buffer.alloc(0), memory, 8)).to.equal(8)
    expect(copyBytes(Buffer.alloc(0), memory, 3)).to.equal(3)
    expect(copyBytes(Buffer.alloc(8, 1), memory, 0)).to.equal(8)
    expect(memory.equals(Buffer.alloc(8, 1))).to.equal(true)
  })

  it('are refused where there is no room, before anything is written', () => {
    const memory = shared(8)
    expect(() => copyBytes(Buffer.alloc(6, 1), memory, 3)).to.throw(RangeError)
    expect(memory.equals(Buffer.alloc(8))).to.equal(true)
  })

  it('are nobody else’s', () => {
    const bytes = shared(9)
    const copy = copyOf(bytes.subarray(1))
    bytes.fill(1)
    expect(copy.equals(Buffer.alloc(8))).to.equal(true)
    expect(copy.buffer).not.to.equal(bytes.buffer)
  })
})
