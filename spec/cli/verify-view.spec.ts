import { expect } from 'chai'
import { verifySummary } from '../../lib/cli/verify-view.ts'
import { verifyCollection } from '../../lib/verify/report.ts'
import type { VerifyCollection, VerifyReport } from '../../lib/verify/report.ts'

const place = { provider: 'memory', address: 'a store', identity: 'a store' } as const

function summary(counts: Partial<VerifyCollection>, report: Partial<Pick<VerifyReport, 'mode' | 'state' | 'damaged'>> = {}): string[] {
  const collection = { ...verifyCollection({ source: 'a', target: 'a', expected: {} }), ...counts }
  const common = { id: 'v', source: place, target: place, against: 'source', mode: 'full', phase: 'ended' } as const
  const times = { retries: 0, startedAt: 0, finishedAt: 1_000 }
  const all = { ...common, ...times, notes: [], state: 'different' as const, collections: [collection], ...report }
  return verifySummary(all, { nowMs: 1_000 })
}
const verdict = (...args: Parameters<typeof summary>): string => summary(...args).at(-1)!

describe('cli: what verify says in the end', () => {
  const both = (documents: number) => ({ sourceDocuments: documents, targetDocuments: documents })

  it('calls no difference what only can not be proven', () => {
    expect(verdict({ ...both(1_000), suspects: 500, unproven: 500 })).to.equal(
      "Different: 500 can't be proven in 1,000 documents, in 1.0 s."
    )
  })

  it('tells what differs at least from what can not be proven', () => {
    expect(verdict({ ...both(1_000), suspects: 500, unproven: 499, different: 1 })).to.equal(
      "Different: at least 1 difference, and 499 that can't be proven in 1,000 documents, in 1.0 s."
    )
  })

  it('tells dead letters of the run from differences', () => {
    expect(verdict({ sourceDocuments: 98, targetDocuments: 98, equal: 98, deadLetters: 2 })).to.equal(
      'Different: 2 dead letters of the run in 100 documents, in 1.0 s.'
    )
    expect(verdict({ sourceDocuments: 98, targetDocuments: 97, equal: 97, missing: 1, deadLetters: 2 })).to.equal(
      'Different: 1 difference, and 2 dead letters of the run in 100 documents, in 1.0 s.'
    )
    expect(verdict({ sourceDocuments: 98, deadLetters: 2, state: 'stopped' }, { state: 'interrupted' })).to.equal(
      'Interrupted after 1.0 s; nothing can be said.'
    )
  })

  it('does not call documents damaged where only the end of the target is', () => {
    const text = verdict({ ...both(6_011), equal: 6_011 }, { damaged: 'the trailer is cut' })
    expect(text).to.equal('Different: the target is damaged; no difference in 6,011 documents, in 1.0 s.')
    expect(verdict({}, { damaged: 'cut' })).to.equal('Different: the target is damaged, in 1.0 s.')
  })

  it('tells what was found where only its list could not be written', () => {
    const text = verdict({ ...both(1_200), different: 1_200, state: 'different' }, { state: 'failed' })
    expect(text).to.equal(
      'Different: 1,200 differences in 1,200 documents, in 1.0 s. The list of differences is not whole, and was not kept.'
    )
    expect(verdict({ ...both(10), equal: 10, state: 'equal' }, { state: 'failed' })).to.equal(
      'Equal: 10 documents, in 1.0 s. The list of differences is not whole, and was not kept.'
    )
  })

  it('says of a comparison that was stopped what is known by then, and that it is not all', () => {
    expect(verdict({ ...both(1_200), missing: 7, state: 'stopped' }, { state: 'failed' })).to.equal(
      'Failed after 1.0 s, before all was compared: at least 7 differences.'
    )
    expect(verdict({ ...both(1_200), state: 'stopped' }, { state: 'interrupted' })).to.equal(
      'Interrupted after 1.0 s; nothing can be said.'
    )
  })

  it('calls nothing equal that was only counted', () => {
    const [title, row] = summary({ ...both(10), sameNumber: 10 }, { mode: 'quick', state: 'equal' })
    expect(title).to.match(/same number$/)
    expect(title).to.not.include('equal')
    expect(row).to.match(/10$/)
    expect(summary({ ...both(10), equal: 10 }, { state: 'equal' })[0]).to.match(/equal$/)
  })
})
