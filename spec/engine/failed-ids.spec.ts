import { expect } from 'chai'
import { FailedIds } from '../../lib/engine/failed-ids.ts'
import { SeenIds } from '../../lib/engine/seen-ids.ts'
import { idHashes } from '../../lib/values/id-hashes.ts'

const idOf = (index: number): string => `d${String(index).padStart(7, '0')}`

describe('engine: failed ids', () => {
  it('takes no id for one that has failed, whatever a filter says', () => {
    const failed = new FailedIds()
    const filter = new SeenIds()
    for (let at = 19_999; at > 8_472; at--) {
      failed.add(idOf(at))
      filter.add(idOf(at))
    }
    expect(filter.has(idOf(8_472))).to.equal(true)
    expect(failed.has(idOf(8_472))).to.equal(false)
    for (let at = 8_473; at < 20_000; at += 99)
      expect([failed.has(idOf(at)), failed.mayHave(...idHashes(idOf(at)))]).to.deep.equal([true, true])
  })
})
