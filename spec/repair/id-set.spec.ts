import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { expect } from 'chai'
import { IdSet } from '../../lib/repair/id-set.ts'

describe('repair: sets of ids', () => {
  const sets: IdSet[] = []
  const filled = (ids: readonly string[], inMemory?: number): IdSet => {
    const set = new IdSet({ inMemory })
    sets.push(set)
    for (const id of ids) set.add('a', id)
    set.seal()
    return set
  }
  const wrongIn = (set: IdSet, ids: readonly string[], isThere: boolean): string[] => ids.filter(id => set.has('a', id) !== isThere)
  const numbered = (name: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${name}-${index}`)
  afterEach(() => sets.splice(0).forEach(set => set.close()))

  it('holds nothing at first', () => {
    expect(filled([]).has('a', 'x')).to.equal(false)
    expect(filled([], -1).has('a', '')).to.equal(false)
  })

  for (const [where, inMemory] of [
    ['in memory', 100_000],
    ['on disk', 10]
  ] as const) {
    it(`tells ids that were added from others, ${where}`, () => {
      const ids = numbered('in', 50_000)
      const set = filled(ids, inMemory)
      expect(set.isOnDisk).to.equal(where === 'on disk')
      expect(set.size).to.equal(50_000)
      expect(wrongIn(set, ids, true)).to.deep.equal([])
      expect(wrongIn(set, numbered('out', 50_000), false)).to.deep.equal([])
    })

    it(`gives each id once, ${where}`, () => {
      const ids = numbered('in', 5_000)
      const set = filled(ids, inMemory)
      const taken = (): number => ids.filter(id => set.take('a', id)).length
      expect([taken(), taken()]).to.deep.equal([5_000, 0])
      expect(set.take('a', 'out')).to.equal(false)
      expect(set.has('a', ids[7]!)).to.equal(true)
    })

    it(`tells collections apart, ${where}`, () => {
      const set = filled(numbered('in', 100), inMemory)
      expect(set.has('a', 'in-7')).to.equal(true)
      expect(set.has('b', 'in-7')).to.equal(false)
    })
  }

  it('leaves no file, also while it is used', () => {
    const set = filled(numbered('in', 1_000), 10)
    expect(set.isOnDisk).to.equal(true)
    expect(readdirSync(tmpdir()).filter(name => name.startsWith('docferry-ids-'))).to.deep.equal([])
  })
})
