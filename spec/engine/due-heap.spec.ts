import { expect } from 'chai'
import fc from 'fast-check'
import { DueHeap } from '../../lib/engine/due-heap.ts'

describe('engine: things in the order of their time', () => {
  it('gives the next one, however they came and went', () => {
    const times = fc.array(fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant('remove' as const)))
    fc.assert(
      fc.property(times, steps => {
        const heap = new DueHeap<{ dueMs: number }>()
        let expected: number[] = []
        for (const step of steps) {
          if (step === 'remove') {
            heap.removeFirst()
            expected = expected.slice(1)
          } else {
            heap.add({ dueMs: step })
            expected = [...expected, step].toSorted((a, b) => a - b)
          }
          expect(heap.first?.dueMs).to.equal(expected[0])
        }
      })
    )
  })
})
