import { expect } from 'chai'
import { measure } from '../../scripts/bench/measure.ts'
import type { Opponent, Race, Sample } from '../../scripts/bench/measure.ts'
import { tableOf } from '../../scripts/bench/table.ts'

const side = (name: string, seconds: readonly number[], rest: Partial<Opponent> = {}): Opponent => {
  let turn = 0
  const run = (): Promise<Sample> =>
    Promise.resolve({ documents: rest.documents ?? 10, seconds: seconds[turn++ % seconds.length]!, cpuSeconds: 1, megabytes: 50 })
  return { name, run, ...rest }
}

const race = (ours: Opponent, ...others: Opponent[]): Race => ({ name: 'race', input: 'ten', documents: 10, ours, others })

const cells = async (...sides: [Opponent, ...Opponent[]]): Promise<string[][]> =>
  tableOf([await measure(race(...sides), 3)])
    .split('\n')
    .slice(2)
    .map(row => row.split(' | '))

const [timeAt, goalAt] = [5, 12]

describe('bench: table', () => {
  it('divides the median of our times by that of the other', async () => {
    const [row] = await cells(side('ours', [1, 9, 2]), side('theirs', [4, 3, 100]))
    expect(row![timeAt]).to.equal('0.500')
  })

  it('says for each goal whether it is met', async () => {
    const rows = await cells(
      side('ours', [1]),
      side('slow', [10], { goal: { time: 0.125 } }),
      side('fast', [2], { goal: { time: 0.125, cpu: 1, memory: 0.9 } })
    )
    expect(rows.map(row => row.slice(goalAt).join(': '))).to.deep.equal([
      'time <= 0.125: yes |',
      'time <= 0.125, CPU <= 1.000, memory <= 0.900: NO: time, memory |'
    ])
  })

  it('compares by the document where the other did fewer', async () => {
    const [row] = await cells(side('ours', [1]), side('theirs', [1], { documents: 5 }))
    expect(row![timeAt]).to.equal('0.500')
  })

  it('has a row for what is not there, and does not run it', async () => {
    const absent = { ...side('absent', [1], { missing: 'it is not on PATH' }), run: () => Promise.reject(new Error('it was run')) }
    const [row] = await cells(side('ours', [1]), absent)
    expect(row!.at(-1)).to.equal('not run: it is not on PATH |')
  })

  it('refuses a side that did not do all of it', async () => {
    const lazy = { ...side('lazy', [1]), run: () => Promise.resolve({ documents: 9, seconds: 1, cpuSeconds: 1 }) }
    const error = await measure(race(side('ours', [1]), lazy), 1).catch((thrown: Error) => thrown.message)
    expect(error).to.equal('race, lazy: 9 documents of 10')
  })

  it('lets all sides take turns', async () => {
    const turns: string[] = []
    const noting = (name: string): Opponent => {
      const { run } = side(name, [1])
      return {
        name,
        run() {
          turns.push(name)
          return run()
        }
      }
    }
    await measure(race(noting('ours'), noting('bare'), noting('peer')), 2)
    expect(turns).to.deep.equal(['bare', 'peer', 'ours', 'bare', 'peer', 'ours'])
  })
})
