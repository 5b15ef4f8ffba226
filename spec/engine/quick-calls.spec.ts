import { expect } from 'chai'
import { QuickCalls } from '../../lib/engine/quick-calls.ts'

describe('engine: quick calls', () => {
  let now = 0

  /** @returns where each of so many calls was made, of which each takes so long */
  async function made(calls: QuickCalls, count: number, tookMs: number): Promise<string[]> {
    const places: string[] = []
    for (let call = 0; call < count; call++) {
      const here = (): string => {
        now += tookMs
        return 'here'
      }
      places.push(await calls.make(here, () => Promise.resolve('in a thread')))
    }
    return places
  }

  it('are made at once where they are quick', async () => {
    expect(new Set(await made(new QuickCalls(() => now), 1_000, 0.1))).to.deep.equal(new Set(['here']))
  })

  const triedOf = (places: readonly string[]): number[] => [...places.keys()].filter(call => places[call] === 'here')

  it('go through threads behind one that took long, the longer the more of them, and the more often the more', async () => {
    const calls = new QuickCalls(() => now)
    expect(triedOf(await made(calls, 1_000, 5))).to.deep.equal([0, 26, 127, 528])
    expect(triedOf(await made(new QuickCalls(() => now), 100, 10))).to.deep.equal([0, 51])
  })

  it('forget slow ones behind a quick one', async () => {
    const calls = new QuickCalls(() => now)
    await made(calls, 27, 5)
    expect(triedOf(await made(calls, 102, 0.1))).to.deep.equal([100, 101])
    expect(triedOf(await made(calls, 28, 5))).to.deep.equal([0, 26])
  })

  it('tell what is wrong, and have waited for that too', async () => {
    const calls = new QuickCalls(() => now)
    const failing = (): never => {
      now += 5
      throw new Error('no such file')
    }
    expect(() => calls.make(failing, () => Promise.resolve())).to.throw('no such file')
    expect(await made(calls, 1, 0)).to.deep.equal(['in a thread'])
  })
})
