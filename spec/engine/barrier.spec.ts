import { expect } from 'chai'
import { Barrier } from '../../lib/engine/barrier.ts'

/** Let everything run that can. */
const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

describe('engine: barrier', () => {
  let barrier: Barrier
  let log: string[]
  beforeEach(() => {
    barrier = new Barrier()
    log = []
  })
  const hold = (): Promise<string | undefined> => barrier.hold(async () => (log.push('work'), 'held'))
  const rest = (name: string): void => void barrier.rest().then(() => log.push(`${name} goes on`))

  it('does the work at once where no partition is under way', async () => {
    expect(await hold()).to.equal('held')
    await barrier.join()
    barrier.leave()
    expect(await hold()).to.equal('held')
  })

  it('waits until every partition rests, and lets them go on behind the work', async () => {
    await barrier.join()
    await barrier.join()
    const held = hold()
    expect(barrier.isWanted).to.equal(true)
    rest('first')
    await settle()
    expect(log).to.deep.equal([])
    rest('second')
    await held
    await settle()
    expect(log).to.deep.equal(['work', 'first goes on', 'second goes on'])
    expect(barrier.isWanted).to.equal(false)
  })

  it('takes a partition that has left for one that rests', async () => {
    await barrier.join()
    await barrier.join()
    const held = hold()
    rest('first')
    barrier.leave()
    expect(await held).to.equal('held')
  })

  it('lets nobody rest who is not wanted to', async () => {
    await barrier.join()
    await barrier.rest()
    const held = hold()
    await settle()
    expect(log).to.deep.equal([])
    rest('only')
    expect(await held).to.equal('held')
  })

  it('keeps a partition that begins waiting while the work is done', async () => {
    await barrier.join()
    let finish = (): void => undefined
    const held = barrier.hold(() => new Promise<void>(resolve => (finish = resolve)))
    barrier.leave()
    await settle()
    void barrier.join().then(() => log.push('joined'))
    await settle()
    expect(log).to.deep.equal([])
    finish()
    await held
    await settle()
    expect(log).to.deep.equal(['joined'])
  })

  it('lets them go on when the work fails', async () => {
    await barrier.join()
    const held = barrier.hold(() => Promise.reject(new Error('no space'))).catch((error: Error) => log.push(error.message))
    rest('only')
    await held
    await settle()
    expect(log.sort()).to.deep.equal(['no space', 'only goes on'])
  })

  it('does no work any more once a partition has left what no mark covers', async () => {
    await barrier.join()
    await barrier.join()
    const held = hold()
    rest('first')
    barrier.leave({ atMark: false })
    expect(await held).to.equal(undefined)
    expect(await hold()).to.equal(undefined)
    expect(log).to.deep.equal(['first goes on'])
  })

  it('lets those that rest go on when another does not come in time', async () => {
    await barrier.join()
    await barrier.join()
    const held = barrier.hold(async () => log.push('work'), { patienceMs: 1 })
    rest('first')
    expect(await held).to.equal(undefined)
    await settle()
    expect(log).to.deep.equal(['first goes on'])
    const again = hold()
    rest('first')
    rest('second')
    expect(await again).to.equal('held')
  })

  it('lets a partition begin when another does not come to rest in time', async () => {
    await barrier.join()
    const held = barrier.hold(async () => 'held', { patienceMs: 1 })
    const joined = barrier.join()
    expect(await held).to.equal(undefined)
    await joined
  })

  it('has all the time there is while it keeps nobody waiting', async () => {
    await barrier.join()
    const held = barrier.hold(async () => 'held', { patienceMs: 1 })
    await new Promise(resolve => setTimeout(resolve, 5))
    rest('only')
    expect(await held).to.equal('held')
  })
})
