import { expect } from 'chai'
import { DocferryError } from '../../lib/errors.ts'
import { checkPlan, makePlan, scaleOf } from '../../lib/plan/plan.ts'
import type { Plan, PlanOptions } from '../../lib/plan/plan.ts'
import type { CollectionReport, CollectionSurvey, RunReport } from '../../lib/report.ts'
import { strip } from '../../lib/stages/index.ts'
import { doneCollection, fakeReport, startMs } from '../cli/support/fake-run.ts'

const survey: CollectionSurvey = {
  bytes: { total: 5_000, median: 50, p99: 90, largest: 100, largestId: 'a' },
  values: { string: 100 },
  held: 0,
  replaced: 0,
  writing: { requests: 4, writeUnits: 1_000 }
}

function surveyed(documents: number, changes: Partial<CollectionSurvey> = {}, name = 'agents'): CollectionReport {
  return doneCollection(name, documents, { survey: { ...survey, ...changes } })
}

function report(changes: Partial<RunReport> = {}): RunReport {
  return fakeReport({ dryRun: true, state: 'done', finishedAt: startMs + 2_000, collections: [surveyed(100)], ...changes })
}

describe('plan: making one', () => {
  it('holds options, counts and what was found, and nothing of when it was found', () => {
    const plan = makePlan(report({ notes: ['a note'], notTaken: ['logs'] }), { includeDesign: true })
    expect(plan).to.deep.include({ docferryPlan: 1, madeAt: '2026-01-01T00:00:02.000Z', notes: ['a note'], notTaken: ['logs'] })
    expect(plan.totals).to.include({ read: 100, written: 100, failed: 0 })
    expect(plan.options).to.deep.include({ collections: [['agents', 'agents']], onConflict: 'skip', includeDesign: true, stages: [] })
    expect(plan.collections[0]).to.deep.include({ source: 'agents', survey }).and.not.have.any.keys('state', 'startedAt', 'finishedAt')
  })

  it('reckons time at 1,000 documents a second, or at the rate that is given', () => {
    expect(makePlan(report(), {}).estimate).to.include({ documents: 100, perSecond: 1_000, seconds: 0.1, measuredPerSecond: 50 })
    expect(makePlan(report(), {}, { perSecond: 10 }).estimate).to.include({ perSecond: 10, seconds: 10 })
  })

  it('reckons money for what is written and kept, and names only the prices of services at the ends', () => {
    const { writingCost, storageCost, readingCost, prices } = makePlan(report(), {}).estimate
    expect(writingCost?.amount).to.be.closeTo(1_000 * 0.625e-6, 1e-12)
    expect(storageCost?.amount).to.be.closeTo(((5_000 + 100 * 100) / 1e9) * 0.25, 1e-12)
    expect(readingCost).to.equal(undefined)
    expect(prices.places).to.deep.equal(['DynamoDB us-east-1'])
  })

  it('counts as bytes only what would be written, and not what the target holds', () => {
    const conflicts = [{ code: 'DOCFERRY_CONFLICT' as const, message: 'there', count: 20, examples: [] }]
    const bytesOf = (changes: Partial<CollectionReport>): number =>
      makePlan(report({ collections: [{ ...surveyed(100), ...changes }] }), {}).estimate.bytes
    expect(bytesOf({})).to.equal(5_000)
    expect(bytesOf({ written: 50, skipped: 30, failed: 20, failures: conflicts })).to.equal(2_500)
    expect(bytesOf({ written: 0, skipped: 100 })).to.equal(0)
  })

  it('scales what was found in a quick sample, by collection', () => {
    const sample = { passed: 10, of: 1_000, exact: false, quick: true, read: 10 }
    const collections = [
      surveyed(10, { sample }),
      surveyed(50, { sample: { passed: 50, of: 50, exact: true, quick: true, read: 50 } }, 'users')
    ]
    const plan = makePlan(report({ collections, reading: { requests: 6, readUnits: 60 } }), { sample: 0.01 })
    expect(plan.sample).to.equal(0.01)
    expect(plan.totals.read).to.equal(60)
    expect(plan.estimate).to.include({ documents: 1_050, written: 1_050, bytes: 505_000 })
    expect(plan.estimate.writing).to.deep.equal({ writeUnits: 101_000 })
    expect(plan.estimate.reading?.readUnits).to.be.closeTo((60 * 1_050) / 60, 1e-9)
  })

  it('does not scale reading where everything was read to choose the sample', () => {
    const collections = [surveyed(10, { sample: { passed: 10, of: 1_000, exact: true, quick: false, read: 1_000 } })]
    const { estimate } = makePlan(report({ collections, reading: { requests: 6, readUnits: 60 } }), { sample: 0.01 })
    expect(estimate).to.deep.include({ documents: 1_000, reading: { readUnits: 60 } })
  })

  it('does not scale what was asked before the first document was read', () => {
    const collections = [surveyed(10, { sample: { passed: 10, of: 1_000, exact: false, quick: true, read: 20 } })]
    const usage = { reading: { requests: 6, documentReads: 45 }, finding: { requests: 2, documentReads: 25 } }
    const { estimate } = makePlan(report({ collections, ...usage }), { sample: 0.01 })
    expect(estimate.reading).to.deep.equal({ documentReads: 25 + 20 * 50 })
  })

  it('lets a collection of which nothing was passed on stand for itself', () => {
    expect(scaleOf(surveyed(0, { sample: { passed: 0, of: 0, exact: true, quick: false, read: 0 } }))).to.equal(1)
  })

  it('names stages as their text, for two of one name are not the same', () => {
    const upper = (): null => null
    const plan = makePlan(report(), { stages: [{ ...strip(['a']), text: 'strip:a' }, upper] })
    expect(plan.options.stages).to.deep.equal(['strip:a', 'upper'])
  })
})

describe('plan: comparing with a run', () => {
  const plan = makePlan(report(), {})
  const differences = (changes: Partial<RunReport>, options: PlanOptions = {}, areKnown = true, planned: Plan = plan): string => {
    try {
      checkPlan(planned, fakeReport({ collections: [doneCollection('agents', 0)], ...changes }), options, areKnown)
      return ''
    } catch (error) {
      expect(error).to.be.instanceOf(DocferryError).and.include({ code: 'DOCFERRY_PLAN', exitCode: 2 })
      return (error as DocferryError).message
    }
  }

  it('lets the run begin that was planned', () => {
    expect(differences({})).to.equal('')
  })

  it('compares a plan that went through JSON', () => {
    expect(differences({}, {}, true, JSON.parse(JSON.stringify(plan)) as Plan)).to.equal('')
  })

  const { source, target } = report()
  const changed: [string, Partial<RunReport>, PlanOptions, string][] = [
    ['another conflict policy', { onConflict: 'overwrite' }, {}, '--on-conflict: planned skip, now overwrite'],
    ['other types', { types: 'exact' }, {}, '--types: planned natural, now exact'],
    ['another answer to what does not fit', { onIncompatible: 'fail' }, {}, '--on-incompatible: planned dead-letter, now fail'],
    ['another preset', {}, { preset: 'gofannon' }, '--preset: planned none, now gofannon'],
    ['subcollections', { subcollections: true }, {}, '--subcollections: planned false, now true'],
    ['design documents', {}, { includeDesign: true }, '--include-design: planned false, now true'],
    ['metadata', {}, { keepMetadata: true }, '--keep-metadata: planned false, now true'],
    ['a stage', {}, { stages: [{ ...strip(['a']), text: 'strip:a' }] }, '--stage: planned none, now strip:a'],
    ['another source', { source: { ...source, address: 'elsewhere', identity: 'c' } }, {}, 'now couchdb elsewhere'],
    ['another target', { target: { ...target, identity: 'c' } }, {}, 'target: planned dynamodb us-east-1, now another of this address'],
    ['a new collection', { collections: [doneCollection('agents', 0), doneCollection('new', 0)] }, {}, 'planned agents, now agents, new'],
    ['another name', { collections: [doneCollection('agents', 0, { target: 'people' })] }, {}, 'now agents -> people']
  ]
  for (const [what, report, options, message] of changed) {
    it(`refuses ${what}`, () => {
      expect(differences(report, options)).to.include(message).and.include(plan.madeAt)
    })
  }

  it('refuses the same stages in another order, and one with another argument', () => {
    const [a, b] = ['a', 'b'].map(field => ({ ...strip([field]), text: `strip:${field}` }))
    const staged = makePlan(report(), { stages: [a!, b!] })
    expect(differences({}, { stages: [a!, b!] }, true, staged)).to.equal('')
    expect(differences({}, { stages: [b!, a!] }, true, staged)).to.include('planned strip:a, strip:b, now strip:b, strip:a')
  })

  it('names every difference at once', () => {
    expect(differences({ onConflict: 'fail', types: 'plain' }))
      .to.include('--on-conflict')
      .and.include('--types')
  })

  it('takes collections in another order as the same', () => {
    const two = [doneCollection('a', 0), doneCollection('b', 0)]
    expect(differences({ collections: [...two].reverse() }, {}, true, makePlan(report({ collections: two }), {}))).to.equal('')
  })

  it('leaves collections out where only reading tells which there are', () => {
    expect(differences({ collections: [] }, {}, false)).to.equal('')
  })
})
