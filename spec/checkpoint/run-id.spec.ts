import { expect } from 'chai'
import { newRunId } from '../../lib/checkpoint/run-id.ts'

describe('ids of runs', () => {
  it('sort by the milliseconds of their beginnings', () => {
    const start = Date.UTC(2026, 0, 1)
    const ids = Array.from({ length: 3_000 }, (_, index) => newRunId(new Date(start + index)))
    expect(ids.toSorted()).to.deep.equal(ids)
    for (const id of ids) expect(id).to.match(/^2026-01-01T00-00-0[012]-[\da-f]{6}$/)
  })

  it('differ within a millisecond', () => {
    const now = new Date()
    expect(new Set(Array.from({ length: 1_000 }, () => newRunId(now))).size).to.equal(1_000)
  })
})
