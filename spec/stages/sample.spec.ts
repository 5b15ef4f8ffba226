import { expect } from 'chai'
import { makeStage } from '../../lib/stages/make-stage.ts'
import { sample } from '../../lib/stages/sample.ts'
import type { SampleOptions } from '../../lib/stages/sample.ts'
import { Double, Timestamp } from '../../lib/values/index.ts'
import { isInSample } from '../../lib/verify/id-hash.ts'

const ids = Array.from({ length: 20_000 }, (_, index) => `document-${index}`)

function chosen(options: SampleOptions): Set<string> {
  const stage = sample(options)
  return new Set(ids.filter(_id => stage.apply({ _id }, { collection: 'c' }) !== undefined))
}

describe('stage sample', () => {
  it('takes about the share, written either way', () => {
    expect(chosen({ share: '10%' }).size).to.be.within(1800, 2200)
    expect(chosen({ share: 0.1 })).to.deep.equal(chosen({ share: '10%' }))
    expect(chosen({ share: ' 0.1 ' })).to.deep.equal(chosen({ share: '10%' }))
    expect(chosen({ share: 1 }).size).to.equal(ids.length)
  })

  it('has what a smaller share has', () => {
    const large = chosen({ share: 0.2 })
    expect([...chosen({ share: 0.05 })].every(id => large.has(id))).to.equal(true)
  })

  it('chooses others by another seed, and by another hash than a verification', () => {
    const first = chosen({ share: 0.5 })
    const half = (count: number): void => void expect(count).to.be.within(4700, 5300)
    half([...chosen({ share: 0.5, seed: 2 })].filter(id => first.has(id)).length)
    half(ids.filter(id => isInSample(id, 0.5) && first.has(id)).length)
  })

  it('chooses by a field, whatever its kind', () => {
    const stage = sample({ share: 0.5, by: 'a.b' })
    const isChosen = (b: unknown, _id: string): boolean => stage.apply({ _id, a: { b } as never }, { collection: 'c' }) !== undefined
    for (const value of ['u1', 'u2', 5, true, new Timestamp(1, 1), ['x']]) {
      expect(new Set(ids.slice(0, 50).map(id => isChosen(value, id))).size, String(value)).to.equal(1)
    }
    expect(isChosen(5, 'x')).to.equal(isChosen(new Double(5), 'y'))
    expect(new Set(ids.slice(0, 50).map(id => isChosen(null, id))).size).to.equal(2)
  })

  it('refuses what is no share', async () => {
    for (const share of [0, 1.5, -1, '0%', '101%', 'half', '']) {
      const error = await makeStage('sample', { share }, { folder: '.', environment: {} }).catch((reason: Error) => reason)
      expect(error, String(share)).to.include({ code: 'DOCFERRY_CONFIG' })
      expect((error as Error).message).to.include('share')
    }
  })
})
