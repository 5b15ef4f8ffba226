import { expect } from 'chai'
import { limit } from '../../lib/stages/limit.ts'
import { makeStage } from '../../lib/stages/make-stage.ts'
import type { Json, Stage, StageState } from '../../lib/types.ts'

function passing(stage: Stage, count: number, collection = 'c', partition?: string): number {
  let passed = 0
  for (let index = 0; index < count; index++) if (stage.apply({ _id: `${index}` }, { collection, partition })) passed++
  return passed
}

const stateOf = (stage: Stage): StageState => stage.state as StageState

describe('stage limit', () => {
  it('counts each collection for itself, or all together', () => {
    const each = limit({ count: 2 })
    expect([passing(each, 5, 'a'), passing(each, 5, 'b')]).to.deep.equal([2, 2])
    const all = limit({ count: 2, across: true })
    expect([passing(all, 1, 'a'), passing(all, 5, 'b')]).to.deep.equal([1, 1])
  })

  it('says when a collection needs no more reading', () => {
    const stage = limit({ count: 1, skip: 1 })
    expect(stage.isSated?.('a')).to.equal(false)
    expect(passing(stage, 1, 'a')).to.equal(0)
    expect(stage.isSated?.('a')).to.equal(false)
    expect(passing(stage, 1, 'a')).to.equal(1)
    expect([stage.isSated?.('a'), stage.isSated?.('b')]).to.deep.equal([true, false])
    expect(limit({ count: 0 }).isSated?.('a')).to.equal(true)
    const across = limit({ count: 1, across: true })
    passing(across, 1, 'a')
    expect(across.isSated?.('b')).to.equal(true)
  })

  it('counts on from what it is given back, piece by piece, in any order', () => {
    const before = limit({ count: 3, skip: 1 })
    passing(before, 1, 'a', 'p')
    passing(before, 1, 'a', 'q')
    const pieces: (Json | undefined)[] = [stateOf(before).take('p')]
    passing(before, 1, 'a', 'p')
    pieces.push(stateOf(before).take('q'), stateOf(before).take('p'))
    expect(stateOf(before).take('p')).to.equal(undefined)
    const after = limit({ count: 3, skip: 1 })
    for (const piece of pieces.reverse()) stateOf(after).restore(JSON.parse(JSON.stringify(piece)) as Json)
    expect(passing(after, 5, 'a')).to.equal(1)
  })

  it('remembers nothing of what comes when it has enough', () => {
    const stage = limit({ count: 1 })
    passing(stage, 1, 'a', 'p')
    stateOf(stage).take('p')
    passing(stage, 5, 'a', 'p')
    expect(stateOf(stage).take('p')).to.equal(undefined)
  })

  it('refuses what is no count', async () => {
    for (const options of [-1, 1.5, 'x', {}, { count: 1, skip: -1 }]) {
      const error = await makeStage('limit', options, { folder: '.', environment: {} }).catch((reason: Error) => reason)
      expect(error, JSON.stringify(options)).to.include({ code: 'DOCFERRY_CONFIG' })
    }
  })
})
