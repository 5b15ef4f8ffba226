import { expect } from 'chai'
import { FailedIds } from '../../lib/engine/failed-ids.ts'
import { SeenIds } from '../../lib/engine/seen-ids.ts'
import { idHashes } from '../../lib/values/id-hashes.ts'

const idOf = (index: number): string => `d${String(index).padStart(7, '0')}`

describe('engine: failed ids', () => {
  it('takes no id for one that has failed, whatever a filter says', () => {
    const failed = new FailedIds()
    const filter = new SeenIds()
    for (let at = 0; at < 100_000; at++) {
      failed.add(idOf(at))
      filter.add(idOf(at))
    }
    let maybe = 0
    for (let at = 100_000; at < 3_000_000; at++) {
      const id = idOf(at)
      if (filter.has(id)) maybe++
      if (failed.has(id)) expect.fail(id)
    }
    expect(maybe).to.be.greaterThan(0)
    for (let at = 0; at < 100_000; at += 999)
      expect([failed.has(idOf(at)), failed.mayHave(...idHashes(idOf(at)))]).to.deep.equal([true, true])
  })
})
