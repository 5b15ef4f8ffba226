import { expect } from 'chai'
import fc from 'fast-check'
import { BufferPool } from '../../../lib/kernel/buffer-pool.ts'
import { blockBytes, LineBlocks } from '../../../lib/connectors/couchdb/line-blocks.ts'

describe('couchdb: blocks of lines', () => {
  it('gives all that was added, in whole lines as long as more may come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ text: fc.string({ unit: fc.constantFrom('a', 'é', '\n'), maxLength: 30 }), takes: fc.boolean() }), {
          maxLength: 40
        }),
        steps => {
          const blocks = new LineBlocks(new BufferPool(2))
          let given = ''
          for (const { text, takes } of steps) {
            const bytes = Buffer.from(`..${text}.`)
            blocks.add(bytes, 2, bytes.length - 1)
            if (!takes || blocks.isEmpty) continue
            const isLine = (given + text).includes('\n')
            const piece = blocks.take(false).toString('latin1')
            if (piece.includes('\n')) expect(piece.endsWith('\n'), String(isLine)).to.equal(true)
            given += piece
          }
          if (!blocks.isEmpty) given += blocks.take(true).toString('latin1')
          expect(Buffer.from(given, 'latin1').toString()).to.equal(steps.map(({ text }) => text).join(''))
        }
      )
    )
  })

  it('takes lines that are longer than a block', () => {
    const blocks = new LineBlocks(new BufferPool(2))
    const long = Buffer.alloc(3 * blockBytes, 'x')
    long[blockBytes] = 0x0a
    blocks.add(long, 0, long.length)
    expect(blocks.isFull).to.equal(true)
    expect(blocks.take(false).length).to.equal(blockBytes + 1)
    blocks.add(Buffer.from('y\nz'), 0, 3)
    expect(blocks.take(false).toString('latin1')).to.equal(`${'x'.repeat(2 * blockBytes - 1)}y\n`)
    expect(blocks.take(true).toString()).to.equal('z')
  })

  it('uses the blocks of an answer for the next, and none twice at once', () => {
    const pool = new BufferPool(2)
    const first = new LineBlocks(pool)
    first.add(Buffer.from('a\n'), 0, 2)
    const { buffer } = first.take(false)
    first.end()
    first.end()
    const [second, third] = [new LineBlocks(pool), new LineBlocks(pool)]
    const used = [second, third].flatMap(blocks =>
      ['b\n', 'c\n'].map(line => {
        blocks.add(Buffer.from(line), 0, 2)
        return blocks.take(false).buffer
      })
    )
    expect(new Set(used).size).to.equal(4)
    expect(used).to.include(buffer)
  })
})
