import { expect } from 'chai'
import { Survey } from '../../lib/plan/survey.ts'
import { collectionReport } from '../../lib/report.ts'
import type { Document, Encoded } from '../../lib/types.ts'
import { Double, Timestamp } from '../../lib/values/index.ts'

const agents = collectionReport({ name: 'Agents', target: 'agents' })
const users = collectionReport({ name: 'users', target: 'users' })

function encoded(id: string, bytes: number, size?: number): Encoded {
  return { id, bytes, size, payload: undefined }
}

function add(survey: Survey, document: Document, bytes = 1, size?: number): void {
  survey.add(agents, document, encoded(document._id, bytes, size))
}

describe('plan: survey', () => {
  it('measures documents, and names the largest', () => {
    const survey = new Survey()
    for (let bytes = 1; bytes <= 200; bytes++) add(survey, { _id: `d${bytes}` }, bytes)
    expect(survey.of(agents).bytes).to.deep.equal({ total: 20_100, median: 100, p99: 198, largest: 200, largestId: 'd200' })
  })

  it('takes the size by which the target itself counts, where that is another than what is sent', () => {
    const survey = new Survey()
    add(survey, { _id: 'a' }, 10, 70)
    add(survey, { _id: 'b' }, 90, 20)
    expect(survey.of(agents).bytes).to.include({ total: 90, largest: 70, largestId: 'a' })
  })

  it('names a largest document also where all have no size', () => {
    const survey = new Survey()
    add(survey, { _id: 'a' }, 0)
    expect(survey.of(agents).bytes).to.include({ largest: 0, largestId: 'a' })
  })

  it('shortens a long id', () => {
    const survey = new Survey()
    add(survey, { _id: 'x'.repeat(500) })
    expect(survey.of(agents).bytes.largestId).to.have.length.below(120).and.include('500 characters')
  })

  it('counts values by kind, those in maps and arrays too, and not the document itself', () => {
    const survey = new Survey()
    add(survey, { _id: 'a', list: [1, [null, 'x']], map: { deep: { price: new Double(1), when: new Timestamp(0, 0) } } })
    add(survey, { _id: 'b', ok: true })
    expect(survey.of(agents).values).to.deep.equal({
      string: 3,
      array: 2,
      number: 1,
      null: 1,
      map: 2,
      double: 1,
      timestamp: 1,
      boolean: 1
    })
  })

  it('counts a field of the name __proto__ as any other', () => {
    const survey = new Survey()
    add(survey, JSON.parse('{"_id":"a","__proto__":{"x":1}}') as Document)
    expect(survey.of(agents).values).to.deep.equal({ string: 1, map: 1, number: 1 })
  })

  it('keeps collections apart by their names in the target', () => {
    const survey = new Survey()
    add(survey, { _id: 'a' }, 5)
    survey.add(users, { _id: 'u' }, encoded('u', 7))
    expect(survey.of(agents).bytes.total).to.equal(5)
    expect(survey.of(users).bytes.total).to.equal(7)
    expect(survey.of({ source: 'Agents', target: 'Agents' }).bytes.total).to.equal(0)
  })

  it('adds up what batches ask of the service and what they replace', () => {
    const survey = new Survey()
    survey.countBatch('agents', { requests: 1, writeUnits: 2 }, 3)
    survey.countBatch('agents', { requests: 2, writeUnits: 5 }, 1)
    expect(survey.of(agents)).to.deep.include({ writing: { requests: 3, writeUnits: 7 }, replaced: 4 })
  })

  it('leaves out what writing asks for where the target does not say', () => {
    const survey = new Survey()
    survey.countBatch('agents', undefined, 0)
    expect(survey.of(agents).writing).to.equal(undefined)
  })

  it('tells what the target holds, and nothing where that is not known', () => {
    const survey = new Survey()
    survey.countHeld('agents', 12)
    survey.countHeld('users', undefined)
    expect(survey.of(agents).held).to.equal(12)
    expect(survey.of(users).held).to.equal(undefined)
  })
})
