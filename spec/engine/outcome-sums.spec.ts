import { expect } from 'chai'
import fc from 'fast-check'
import { addDigests, addOutcome, keepSums, mergeOutcomes, restoreSums } from '../../lib/engine/outcome-sums.ts'
import type { OutcomeSums } from '../../lib/engine/outcome-sums.ts'
import type { Outgoing } from '../../lib/engine/outgoing.ts'
import { Packed } from '../../lib/packed.ts'
import type { WriteOutcome } from '../../lib/types.ts'
import { idHashes } from '../../lib/values/id-hashes.ts'
import { digestAt, documentDigests, Double } from '../../lib/values/index.ts'

function sumsOf(written: readonly string[], skipped: readonly string[] = []): OutcomeSums {
  const sums: OutcomeSums = {}
  for (const _id of written) addOutcome(sums, 'written', _id, documentDigests({ _id, size: new Double(1) }))
  for (const _id of skipped) addOutcome(sums, 'skipped', _id, documentDigests({ _id, size: new Double(1) }))
  return sums
}
type Books = readonly { readonly sums: OutcomeSums }[]
const rootsOf = ({ written, skipped }: OutcomeSums) => [written?.root(), skipped?.root()]

describe('engine: sums of outcomes', () => {
  it('of parts come to those of the whole, and leave the parts as they are', () => {
    const total: OutcomeSums = {}
    const [first, second] = [sumsOf(['a']), sumsOf(['b'], ['c'])]
    const before = rootsOf(second)
    mergeOutcomes(total, first)
    mergeOutcomes(total, second)
    mergeOutcomes(first, second)
    expect(rootsOf(total)).to.deep.equal(rootsOf(sumsOf(['a', 'b'], ['c'])))
    expect(rootsOf(second)).to.deep.equal(before)
  })

  it('come back from what is kept of them, whatever the collection is called', () => {
    const sums = new Map([
      ['__proto__', sumsOf(['a'], ['b'])],
      ['users', sumsOf(['c'])],
      ['empty', {}]
    ])
    const restored = restoreSums(JSON.parse(JSON.stringify(keepSums(sums))) as ReturnType<typeof keepSums>)
    expect([...restored.keys()]).to.deep.equal(['__proto__', 'users'])
    for (const [name, each] of restored) expect(rootsOf(each)).to.deep.equal(rootsOf(sums.get(name)!))
  })

  it('are the same of documents that came packed, whichever of them were written, and in what order', () => {
    const failure: WriteOutcome = { code: 'DOCFERRY_TARGET', message: 'no', retryable: false }
    const outcome = fc.constantFrom<WriteOutcome>('written', 'written', 'written', 'skipped', failure)
    const each = fc.record({ packed: fc.nat(1), at: fc.nat(9), outcome, books: fc.nat(1), hasNoRev: fc.boolean() })
    const ids = Array.from({ length: 10 }, (_, index) => `d${index}`)
    const packed = [0, 1].map(
      seed =>
        new Packed({
          packing: { drop: ['_rev'], byLine: true },
          text: Buffer.alloc(0),
          count: ids.length,
          digests: Uint32Array.from({ length: 8 * ids.length }, (_, index) => Math.imul(index + 1, 0x9e3779b1 + seed) >>> 0),
          idHashes: Int32Array.from(ids.flatMap(id => idHashes(id))),
          dropped: [0],
          members: 0,
          kinds: undefined,
          enveloped: undefined,
          worked: undefined,
          lines: undefined
        })
    )
    const inOrder = Array.from({ length: 10 }, (_, at) => ({ packed: 0, at, outcome: 'written' as const, books: 0, hasNoRev: true }))
    fc.assert(
      fc.property(fc.array(each, { maxLength: 30 }), chosen => {
        const [books, plain]: [Books, Books] = [
          [{ sums: {} }, { sums: {} }],
          [{ sums: {} }, { sums: {} }]
        ]
        const batch = chosen.map(one => ({
          document: { _id: ids[one.at]! },
          encoded: { id: ids[one.at]!, bytes: 1, payload: undefined },
          packed: packed[one.packed]!,
          at: one.at,
          hasNoRev: one.hasNoRev,
          books: books[one.books]!
        }))
        const digest = ({ packed: its, at }: Pick<Outgoing, 'packed' | 'at'>) => ({ values: digestAt(its!.digests, at!) })
        addDigests(
          batch,
          chosen.map(one => one.outcome),
          digest
        )
        for (const [index, one] of chosen.entries())
          if (typeof one.outcome === 'string') addOutcome(plain[one.books]!.sums, one.outcome, ids[one.at]!, digest(batch[index]!))
        expect(books.map(({ sums }) => rootsOf(sums))).to.deep.equal(plain.map(({ sums }) => rootsOf(sums)))
      }),
      { examples: [[inOrder]] }
    )
  })

  it('of an older docferry are none', () => {
    expect(restoreSums(undefined).size).to.equal(0)
  })
})
