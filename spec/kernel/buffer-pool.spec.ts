import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import { LentPool } from '../../lib/kernel/buffer-pool.ts'

describe('kernel: a pool that is lent', () => {
  it('gives what one has left to the next', () => {
    const lent = new LentPool(2)
    const first = lent.get()
    const buffer = first.take(1)
    first.give(buffer)
    expect(lent.get().take(1)).equals(buffer)
  })

  it('is held by those alone who use it', async () => {
    const lent = new LentPool(2)
    const buffer = new WeakRef(leaveOne(lent))
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    // What a WeakRef was made of or gave in this turn is alive until the turn is over.
    await setImmediate()
    collect()
    expect(buffer.deref()).equals(undefined)
    expect(lent.get().take(1).length).greaterThan(0)
  })
})

function leaveOne(lent: LentPool): Buffer {
  const pool = lent.get()
  const buffer = pool.take(1)
  pool.give(buffer)
  return buffer
}
