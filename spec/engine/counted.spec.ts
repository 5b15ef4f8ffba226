import { expect } from 'chai'
import { CountedLine, LinesUnderWay } from '../../lib/engine/counted.ts'
import { Packed } from '../../lib/packed.ts'
import type { Packing } from '../../lib/packed.ts'

describe('engine: lines under way', () => {
  function three(packing: Packing = { drop: ['_rev'], byLine: true }): {
    readonly lines: readonly CountedLine[]
    readonly released: () => number
  } {
    let count = 0
    const text = Buffer.from('{"_id":"a"}\n{"_id":"b"}\n{"_id":"c"}\n')
    const packed = new Packed({
      packing,
      text,
      count: 3,
      digests: new Uint32Array(24),
      idHashes: new Int32Array(6),
      dropped: [0],
      members: 0,
      kinds: undefined,
      enveloped: undefined,
      worked: undefined,
      lines: undefined,
      release: () => count++
    })
    const all = new LinesUnderWay(packed)
    const books = { delta: undefined as never, sums: {}, mark: 0 }
    const lines = ['a', 'b', 'c'].map((id, at) => {
      const line = text.subarray(12 * at, 12 * at + 11)
      return new CountedLine(all, at, { line, encoded: { id, bytes: 11, payload: line }, books })
    })
    return { lines, released: () => count }
  }

  it('give their text back once, when each has its outcome', () => {
    const { lines, released } = three()
    for (const [at, line] of lines.entries()) {
      expect(released(), `before ${at}`).to.equal(0)
      line.settle()
    }
    expect(released()).to.equal(1)
  })

  it('keep it where a call for any of them was given up', () => {
    const { lines, released } = three()
    lines[1]!.isKept = true
    for (const line of lines) line.settle()
    expect(released()).to.equal(0)
  })

  it('have no revision where it was dropped, or none with an underscore was packed', () => {
    expect(three().lines[0]!.hasNoRev).to.equal(true)
    expect(three({ drop: [], byLine: true, noUnderscores: true }).lines[0]!.hasNoRev).to.equal(true)
    expect(three({ drop: [], byLine: true }).lines[0]!.hasNoRev).to.equal(false)
  })
})
