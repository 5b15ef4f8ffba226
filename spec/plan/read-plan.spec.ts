import { expect } from 'chai'
import { DocferryError } from '../../lib/errors.ts'
import { makePlan } from '../../lib/plan/plan.ts'
import { readPlan } from '../../lib/plan/read-plan.ts'
import { doneCollection, fakeReport, startMs } from '../cli/support/fake-run.ts'

const plan = makePlan(fakeReport({ dryRun: true, finishedAt: startMs, collections: [doneCollection('agents', 1)] }), {})

function complaint(text: string): string {
  try {
    readPlan(text, 'p.json')
  } catch (error) {
    expect(error).to.be.instanceOf(DocferryError).and.include({ code: 'DOCFERRY_CONFIG' })
    return (error as DocferryError).message
  }
  throw new Error('it was read')
}

describe('plan: reading a saved one', () => {
  it('gives back what was saved', () => {
    const text = JSON.stringify(plan)
    expect(readPlan(text, 'p.json')).to.deep.equal(JSON.parse(text))
  })

  it('refuses what is no JSON, without quoting it', () => {
    expect(complaint('password=hunter2')).to.include('p.json').and.include('not valid JSON').and.not.include('hunter2')
  })

  for (const text of ['[]', 'null', '{}', '"plan"', '{"docferryPlan":"1"}']) {
    it(`refuses ${text}, which does not say that it is a plan`, () => {
      expect(complaint(text)).to.include('it does not say so').and.include('--save p.json')
    })
  }

  it('refuses a form that it does not know', () => {
    expect(complaint(JSON.stringify({ ...plan, docferryPlan: 2 }))).to.include('its form is 2, and this docferry knows 1')
  })

  it('refuses a plan without options', () => {
    expect(complaint(JSON.stringify({ ...plan, options: undefined }))).to.include('parts of it are missing')
  })

  it('names every option that is missing or wrong', () => {
    const options = { ...plan.options, source: {}, collections: [['agents']], stages: undefined, types: 7 }
    expect(complaint(JSON.stringify({ ...plan, options }))).to.include(
      'missing or wrong in its options: source, collections, types, stages'
    )
  })
})
