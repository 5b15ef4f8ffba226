import { expect } from 'chai'
import fc from 'fast-check'
import { LooseBytes, PooledBytes } from '../../../lib/connectors/dynamodb/answer-bytes.ts'
import { readItemList } from '../../../lib/formats/dynamodb/item-list.ts'
import { documentKey } from '../../../lib/formats/dynamodb/keys.ts'
import { BufferPool } from '../../../lib/kernel/buffer-pool.ts'

describe('dynamodb: memory of answers', () => {
  it('holds what came, whatever length the answer tells', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200_000), { maxLength: 4 }), fc.constantFrom(NaN, 0, 1, 1e9), (lengths, length) => {
        const pool = new BufferPool(4, { largest: 1e6 })
        pool.give(Buffer.alloc(65_536, 1))
        const [pooled, loose] = [new PooledBytes(pool, length), new LooseBytes()]
        for (const chunk of lengths.map((bytes, index) => Buffer.alloc(bytes, `${index + 2}`))) {
          pooled.add(chunk)
          loose.add(chunk)
        }
        expect(pooled.all().equals(loose.all())).to.equal(true)
      }),
      { numRuns: 100 }
    )
  })

  it('is used again only once it is released', () => {
    const pool = new BufferPool(4, { largest: 1e6 })
    const answerOf = (id: string): Buffer => Buffer.from(`{"Items":[{"_id":{"S":"${id}"}}],"Count":1}`)
    const read = (id: string): (() => string) & { release: () => void } => {
      const list = readItemList(answerOf(id), documentKey, pool)!
      const { lines } = list.lines!({ from: 0, to: 1, mostBytes: 1_000 })
      return Object.assign(() => lines.toString(), { release: () => list.release() })
    }
    const first = read('a')
    const second = read('b')
    expect(first()).to.equal('{"_id":"a"}\n')
    first.release()
    const third = read('c')
    expect([second(), third()]).to.deep.equal(['{"_id":"b"}\n', '{"_id":"c"}\n'])
    expect(first()).to.equal(third())
  })
})
