import { expect } from 'chai'
import { slicesOf } from '../../lib/engine/slices.ts'

describe('engine: slices', () => {
  const size = (item: number): number => item

  it('cuts where there are too many', () => {
    expect(slicesOf([1, 1, 1, 1, 1], size, { most: 2, mostBytes: 100 })).to.deep.equal([[1, 1], [1, 1], [1]])
  })

  it('cuts where they are too large together, and fills each as far as it goes', () => {
    expect(slicesOf([4, 6, 1, 9, 2], size, { most: 10, mostBytes: 10 })).to.deep.equal([[4, 6], [1, 9], [2]])
  })

  it('lets what is too large by itself go alone', () => {
    expect(slicesOf([1, 50, 1], size, { most: 10, mostBytes: 10 })).to.deep.equal([[1], [50], [1]])
  })

  it('makes nothing of nothing', () => {
    expect(slicesOf([], size, { most: 10, mostBytes: 10 })).to.deep.equal([])
  })
})
