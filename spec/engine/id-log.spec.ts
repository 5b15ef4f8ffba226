import { expect } from 'chai'
import fc from 'fast-check'
import { IdLog } from '../../lib/engine/id-log.ts'

const of = <Item>(log: IdLog<Item>): [string, string, readonly Item[]][] => {
  try {
    return [...log.ids()].map(([collection, id, items]) => [collection, id, [...items]])
  } finally {
    log.close()
  }
}

describe('engine: id log', () => {
  it('gives each id of each collection once with its items in order, whatever memory holds', () => {
    const collection = fc.constantFrom('a', 'b', '', '0', ' ', '1 a')
    const id = fc.oneof(fc.constantFrom('a', 'b', '', '\n', '\ud800', '"'), fc.string({ unit: 'binary' }))
    fc.assert(
      fc.property(
        fc.array(fc.tuple(collection, id, fc.integer())),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 3 }),
        (all, inMemory, atOnce) => {
          const expected = new Map<string, number[]>()
          const keyOf = (...names: readonly string[]): string => JSON.stringify(names)
          for (const [name, one, item] of all) expected.set(keyOf(name, one), [...(expected.get(keyOf(name, one)) ?? []), item])
          const log = new IdLog<number>({ inMemory, atOnce })
          for (const [name, one, item] of all) log.add(name, one, item)
          const found = of(log)
          expect(found).to.have.length(expected.size)
          expect(new Map(found.map(([name, one, items]) => [keyOf(name, one), items]))).to.deep.equal(expected)
        }
      )
    )
  })

  it('keeps the order of ids while memory holds them', () => {
    const log = new IdLog<number>()
    for (const [at, id] of ['c', 'a', 'c', 'b'].entries()) log.add('c', id, at)
    expect(of(log)).to.deep.equal([
      ['c', 'c', [0, 2]],
      ['c', 'a', [1]],
      ['c', 'b', [3]]
    ])
  })

  it('can be asked twice, and takes more in between', () => {
    const log = new IdLog<number>({ inMemory: 2 })
    for (let at = 0; at < 5; at++) log.add('c', `d${at}`, at)
    expect([...log.ids()]).to.have.length(5)
    log.add('c', 'd0', 5)
    expect(of(log).find(([, id]) => id === 'd0')).to.deep.equal(['c', 'd0', [0, 5]])
  })

  it('takes hundreds of thousands of ids that look alike for what they are', () => {
    const log = new IdLog<number>()
    for (let at = 0; at < 200_000; at++) log.add('c', `d${String(at).padStart(7, '0')}`, at)
    let count = 0
    for (const [, id, items] of log.ids()) {
      if (items.length !== 1 || Number(id.slice(1)) !== items[0]) expect.fail(`${id}: ${items.join()}`)
      count++
    }
    log.close()
    expect(count).to.equal(200_000)
  })
})
