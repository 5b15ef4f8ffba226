import { expect } from 'chai'
import { addOutcome, keepSums, mergeOutcomes, restoreSums } from '../../lib/engine/outcome-sums.ts'
import type { OutcomeSums } from '../../lib/engine/outcome-sums.ts'
import { documentDigests, Double } from '../../lib/values/index.ts'

function sumsOf(written: readonly string[], skipped: readonly string[] = []): OutcomeSums {
  const sums: OutcomeSums = {}
  for (const _id of written) addOutcome(sums, 'written', _id, documentDigests({ _id, size: new Double(1) }))
  for (const _id of skipped) addOutcome(sums, 'skipped', _id, documentDigests({ _id, size: new Double(1) }))
  return sums
}
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

  it('of an older docferry are none', () => {
    expect(restoreSums(undefined).size).to.equal(0)
  })
})
