import { expect } from 'chai'
import { runParallel } from '../../lib/engine/run-parallel.ts'

describe('engine: tasks in parallel', () => {
  it('runs all tasks, never more than the limit at once', async () => {
    let underWay = 0
    let most = 0
    const done: number[] = []
    await runParallel([1, 2, 3, 4, 5, 6, 7], 3, async item => {
      most = Math.max(most, ++underWay)
      await Promise.resolve()
      underWay--
      done.push(item)
    })
    expect(most).to.equal(3)
    expect(done.toSorted((a, b) => a - b)).to.deep.equal([1, 2, 3, 4, 5, 6, 7])
  })

  it('starts nothing after an error, and throws it when all has settled', async () => {
    const started: number[] = []
    let settled = false
    const run = runParallel([1, 2, 3, 4], 2, async item => {
      started.push(item)
      if (item === 1) throw new Error('no')
      await Promise.resolve()
      await Promise.resolve()
      settled = true
    })
    const error = await run.catch((reason: Error) => reason)
    expect(error).to.be.an('error').with.property('message', 'no')
    expect(started).to.deep.equal([1, 2])
    expect(settled).to.equal(true)
  })
})
