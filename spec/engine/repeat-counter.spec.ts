import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { RepeatCounter, RestingRoom } from '../../lib/engine/repeat-counter.ts'
import { idHashes } from '../../lib/values/id-hashes.ts'

describe('the counter of repeated ids', () => {
  const hashesOf = (ids: readonly string[]): Int32Array => Int32Array.from(ids.flatMap(id => idHashes(id)))
  let counter: RepeatCounter | undefined
  afterEach(() => counter?.end())

  it('counts as a set does, in memory and on disk, however the ids come', () => {
    const ids = fc.array(fc.integer({ max: 60, min: 0 }).map(String), { maxLength: 300 })
    fc.assert(
      fc.property(fc.array(fc.tuple(ids, fc.boolean()), { maxLength: 6 }), fc.constantFrom(256, 300, 1_000), (groups, inMemory) => {
        const counted = new RepeatCounter({ inMemory })
        const seen = new Set<string>()
        let all = 0
        for (const [group, isTogether] of groups) {
          if (isTogether) counted.addAll(hashesOf(group))
          else for (const id of group) counted.add(...idHashes(id))
          for (const id of group) seen.add(id)
          all += group.length
          expect(counted.count()).to.equal(all - seen.size)
        }
        counted.close()
        expect(counted.count()).to.equal(all - seen.size)
      })
    )
  })

  it('goes on counting behind its close, without those before it, and says so', () => {
    counter = new RepeatCounter({ inMemory: 300 })
    counter.addAll(hashesOf(['a', 'b', 'a']))
    counter.close()
    expect([counter.count(), counter.isAtLeast]).to.deep.equal([1, false])
    counter.addAll(hashesOf(['a', 'c', 'c']))
    counter.add(...idHashes('c'))
    expect([counter.count(), counter.isAtLeast]).to.deep.equal([3, true])
    counter.close()
    counter.addAll(hashesOf(Array.from({ length: 2_000 }, (_, index) => `id-${index % 1_000}`)))
    expect(counter.count()).to.equal(1_003)
  })

  it('counts on behind a rest as if there had been none, in memory and on disk, as long as there is room', () => {
    for (const [length, room, isExact] of [
      [100, new RestingRoom(), true],
      [5_000, new RestingRoom(), true],
      [100, new RestingRoom({ bytes: 100 }), false],
      [5_000, new RestingRoom({ files: 0 }), false]
    ] as const) {
      counter = new RepeatCounter({ inMemory: 300 })
      const ids = Array.from({ length }, (_, index) => `id-${index}`)
      for (let stretch = 0; stretch < 3; stretch++) {
        counter.addAll(hashesOf(ids))
        counter.rest(room)
      }
      expect([counter.count(), counter.isAtLeast]).to.deep.equal(isExact ? [2 * length, false] : [0, true])
      counter.end()
    }
  })

  it('finds those of many that are far apart', () => {
    counter = new RepeatCounter({ inMemory: 1_000 })
    const ids = Array.from({ length: 20_000 }, (_, index) => `id-${index}`)
    counter.addAll(hashesOf(ids))
    counter.addAll(hashesOf(ids.filter((_, index) => index % 1_000 === 7)))
    expect(counter.count()).to.equal(20)
  })

  it('counts an id that comes very often, beside others, and one whose hashes are zeros', () => {
    const hashes = new Int32Array(2 * 400_000)
    for (let at = 0; at < 100_000; at++) hashes.set([at, at % 1_000], 2 * at)
    hashes.set(hashesOf(['other', 'other', 'more']), 2 * 200_000)
    for (const inMemory of [1_000, 1 << 20]) {
      counter = new RepeatCounter({ inMemory })
      counter.addAll(hashes)
      expect(counter.count()).to.equal(400_000 - 100_000 - 2)
      counter.end()
    }
  })

  it('takes little more memory to count them than one part of them does', () => {
    counter = new RepeatCounter({ inMemory: 1 << 14 })
    const hashes = hashesOf(Array.from({ length: 400_000 }, (_, index) => `id-${index}`))
    counter.addAll(hashes)
    const before = process.memoryUsage().arrayBuffers
    expect(counter.count()).to.equal(0)
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(1 << 20)
  })

  describe('where the temporary folder', () => {
    const { TMPDIR } = process.env
    let folder: string
    beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'docferry-repeats-'))))
    afterEach(() => {
      if (TMPDIR === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = TMPDIR
      rmSync(folder, { recursive: true, force: true })
    })

    it('can be written, leaves nothing there', () => {
      process.env['TMPDIR'] = folder
      counter = new RepeatCounter({ inMemory: 256 })
      counter.addAll(hashesOf(Array.from({ length: 1_000 }, (_, index) => `id-${index}`)))
      expect(readdirSync(folder)).to.deep.equal([])
    })

    it('is missing, goes on, and says why nothing is known', () => {
      process.env['TMPDIR'] = join(folder, 'nowhere')
      counter = new RepeatCounter({ inMemory: 256 })
      counter.addAll(hashesOf(['a', ...Array.from({ length: 1_000 }, (_, index) => `id-${index}`), 'a']))
      expect(counter.count()).to.equal(0)
      expect(counter.trouble)
        .to.have.property('message')
        .that.includes(`can't be kept in ${join(folder, 'nowhere')}: `)
    })
  })
})
