/** Migrations that are killed at random moments and resumed; `npm run chaos` does it longer. */
import { expect } from 'chai'
import { killAndResume } from './support/chaos.ts'
import { nameOf, pairs } from './support/chaos-ends.ts'

describe('chaos: killed and resumed', function () {
  this.timeout(60_000)

  for (const pair of pairs) {
    it(nameOf(pair), async () => {
      const result = await killAndResume(pair, { kills: 2, documents: 1200, seed: 1 })
      expect(result.problems).to.deep.equal([])
      expect(result).to.deep.include({ lost: 0, doubled: 0, changed: 0, kills: 2 })
    })
  }
})
