import { expect } from 'chai'
import { applyStages } from '../../lib/engine/apply-stages.ts'
import { describeWait, StageWaits } from '../../lib/engine/stage-waits.ts'
import type { StageWait } from '../../lib/engine/stage-waits.ts'
import type { Stage } from '../../lib/types.ts'

const context = { collection: 'agents' }

/** A stage, and what has it answer. */
function slow(): { stage: Stage; answer: () => void } {
  let answer = (): void => undefined
  const later = new Promise<void>(resolve => (answer = resolve))
  return { stage: { name: 'ask', apply: document => later.then(() => document) }, answer }
}

describe('a stage that does not answer', () => {
  it('is told of with its document, again and again', async () => {
    const { stage } = slow()
    await new Promise<void>(resolve => {
      const told: StageWait[] = []
      const waits = new StageWaits(wait => {
        told.push(wait)
        if (told.length < 2) return
        for (const each of told) expect(describeWait(each, 40)).to.equal('stage ask has not answered for agents/a1 for 40 seconds')
        expect(waits.long).to.have.length(1)
        resolve()
      }, 3)
      void applyStages([stage], { _id: 'a1' }, context, () => undefined, { onWait: waits.begin })
    })
  })

  it('is not told of once it has', async () => {
    const { stage, answer } = slow()
    const waits = new StageWaits(() => undefined, 3)
    const out: string[] = []
    const done = applyStages([stage], { _id: 'a1' }, context, ({ _id }) => void out.push(_id), { onWait: waits.begin })
    answer()
    await done
    expect(out).to.deep.equal(['a1'])
    expect(waits.long).to.deep.equal([])
  })

  it('is told of while it gives documents one by one', async () => {
    const none: AsyncIterable<never> = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) }
    const wait = await new Promise<StageWait>(resolve => {
      const waits = new StageWaits(resolve, 3)
      const stage: Stage = { name: 'split', apply: () => none }
      void applyStages([stage], { _id: 'a1' }, context, () => undefined, { onWait: waits.begin })
    })
    expect(wait).to.include({ stage: 'split', collection: 'agents', id: 'a1' })
  })
})
