import { expect } from 'chai'
import { conversionNotes, estimateLines, planDetails } from '../../lib/cli/plan-view.ts'
import { summaryLines } from '../../lib/cli/summary.ts'
import { displayWidth } from '../../lib/cli/text.ts'
import { makePlan } from '../../lib/plan/plan.ts'
import type { Plan } from '../../lib/plan/plan.ts'
import { readPrices } from '../../lib/plan/prices.ts'
import type { CollectionReport, CollectionSurvey, ConversionGroup, RunReport } from '../../lib/report.ts'
import { doneCollection, fakeReport, startMs } from './support/fake-run.ts'

const survey: CollectionSurvey = {
  bytes: { total: 22_700, median: 1_800, p99: 2_400, largest: 2_500, largestId: 'big' },
  values: { string: 40, map: 2, double: 3 },
  held: 0,
  replaced: 0,
  writing: { requests: 1, writeUnits: 1_250 }
}

function group(
  kind: ConversionGroup['kind'],
  conversion: ConversionGroup['conversion'],
  changes: Partial<ConversionGroup> = {}
): ConversionGroup {
  return { kind, conversion, count: 1, examples: [{ id: 'a', path: 'x.y' }], ...changes }
}

function collection(changes: Partial<CollectionReport> = {}, found: Partial<CollectionSurvey> = {}): CollectionReport {
  return doneCollection('agents', 12, { survey: { ...survey, ...found }, ...changes })
}

function planOf(collections: CollectionReport[], changes: Partial<RunReport> = {}, sample?: number): Plan {
  return makePlan(fakeReport({ dryRun: true, state: 'done', finishedAt: startMs + 1_000, collections, ...changes }), { sample })
}

const details = (one: CollectionReport, columns?: number): string => planDetails(planOf([one]), { columns }).join('\n')
const estimate = (plan: Plan): string => estimateLines(plan, {}).join('\n')

describe('cli: plan', () => {
  it('tells of a collection what is in it and what writing it takes', () => {
    expect(details(collection())).to.equal(
      [
        '',
        'agents',
        '  target    there, empty',
        '  size      22.7 kB; a document 1.8 kB (median), 2.4 kB (99th percentile), 2.5 kB (largest: big)',
        '  values    45 exact: 40 strings, 3 doubles, 2 maps',
        '  writing   1 request, 1,250 write units'
      ].join('\n')
    )
  })

  it('names a collection that gets another name by both', () => {
    expect(details(collection({ target: 'people' }))).to.include('\nagents -> people\n')
  })

  const targets: [string, Partial<CollectionReport>, Partial<CollectionSurvey>, string][] = [
    ['is missing', { created: true, skipped: 2 }, {}, 'would be created'],
    ['is empty', { skipped: 2 }, {}, 'there, empty'],
    ['holds others', {}, { held: 30 }, 'holds 30 documents'],
    ['does not count what it holds', {}, { held: undefined }, 'holds documents'],
    ['holds some of the ids', { skipped: 2 }, { held: 30 }, 'holds 30 documents; 2 documents would be skipped for it'],
    ['has some of them replaced', {}, { held: undefined, replaced: 3 }, 'holds documents; 3 of them would be replaced']
  ]
  for (const [what, changes, found, text] of targets) {
    it(`says of a target that ${what}: ${text}`, () => {
      expect(details(collection(changes, found)).split('\n')).to.include(`  target    ${text}`)
    })
  }

  it('tells what becomes of values by what is lost first, the most common kind first', () => {
    const conversions = [
      group('double', 'merged', { count: 2 }),
      group('id', 'escaped', { examples: [{ id: 'a/b', path: '_id' }] }),
      group('name', 'escaped', { count: 4 }),
      group('bytes', 'enveloped'),
      group('timestamp', 'lossy')
    ]
    const lines = details(collection({ conversions }, { values: { string: 5, double: 3, timestamp: 1 } })).split('\n')
    expect(lines.slice(4, -1)).to.deep.equal([
      '  values    6 exact: 5 strings, 1 double',
      '  lossy     1 timestamp turned into something else for good, such as a date into text: x.y in a',
      '  enveloped 1 byte string put in an envelope, which docferry reads back exactly: x.y in a',
      '  escaped   5 names escaped, which docferry reads back exactly',
      '            - 4 field names: x.y in a, ...',
      '            - 1 id: a/b',
      '  merged    2 doubles written as an equal number of another kind (1.0 as 1): x.y in a, ...'
    ])
  })

  it('names a path once for all its documents, and what could not be seen in quotes', () => {
    const examples = [
      { id: 'a', path: 'x' },
      { id: '', path: 'x' },
      { id: 'c', path: '' }
    ]
    expect(details(collection({ conversions: [group('set', 'enveloped', { count: 3, examples })] }))).to.include(': x in a, ""; "" in c\n')
  })

  it('says nothing of values where no document would be written', () => {
    const text = details(collection({ written: 0, failed: 12 }, { values: {}, bytes: { ...survey.bytes, total: 0 }, writing: undefined }))
    expect(text).to.equal('\nagents\n  target    there, empty')
  })

  it('lets no name steer the terminal', () => {
    const examples = [{ id: '\u001b[2J', path: '\u0007' }]
    const text = details(
      collection({ conversions: [group('set', 'lossy', { examples })] }, { bytes: { ...survey.bytes, largestId: '\r' } })
    )
    // oxlint-disable-next-line no-control-regex
    expect(text).to.not.match(/[\u0000-\u0009\u000b-\u001f]/)
  })

  it('keeps to the width of the terminal', () => {
    const examples = Array.from({ length: 5 }, (_, index) => ({ id: `document-${index}`, path: `usage_info.usage[${index}].cost` }))
    const conversions = [group('double', 'merged', { count: 9, examples }), group('number', 'merged', { count: 9, examples })]
    const plan = planOf([collection({ conversions })])
    for (const line of [...planDetails(plan, { columns: 72 }), ...estimateLines(plan, { columns: 72 })])
      expect(displayWidth(line)).to.be.at.most(72)
  })

  it('shows those of many collections that have trouble, and says how many there are more', () => {
    const many = Array.from({ length: 25 }, (_, index) => ({ ...collection(), source: `c${index}`, target: `c${index}` }))
    many[24] = { ...many[24]!, failed: 1 }
    const lines = planDetails(planOf(many), {})
    expect(lines[1]).to.equal('c24')
    expect(lines.at(-1)).to.equal('and 5 more collections: --json and --save have them all')
  })

  it('says how much of a collection a sample is, and what was done with the rest', () => {
    const sampled = (changes: object): string =>
      details(collection({}, { sample: { passed: 100, of: 3_000, exact: false, quick: true, read: 100, ...changes } }))
    expect(sampled({})).to.include('  sample    100 of about 3,000 documents looked at; the others were not read\n')
    expect(sampled({ exact: true, quick: false })).to.include('100 of 3,000 documents looked at; the others were read, but only to choose')
    expect(sampled({ exact: true, of: 100 })).to.include('100 of 100 documents looked at\n')
  })
})

describe('cli: estimate of a plan', () => {
  it('tells units, money and time', () => {
    expect(estimate(planOf([collection({}, { writing: { requests: 40, writeUnits: 1_000_000 } })]))).to.equal(
      [
        '',
        'All of it',
        '  documents 12 to read, 12 to write, 22.7 kB',
        '  writing   40 requests, 1,000,000 write units: 0.63 USD',
        '  storage   22.7 kB and 100 bytes for each document: less than 0.01 USD a month',
        '  time      12 ms at 1,000/s (--rate gives another); this plan read 12/s',
        '  prices    list prices of 2026-08-06, DynamoDB us-east-1, other places cost more or less, on demand, without free tiers and taxes (--prices gives your own)'
      ].join('\n')
    )
  })

  it('calls what is reckoned from a sample so', () => {
    const sample = { passed: 12, of: 1_200, exact: false, quick: true, read: 12 }
    const text = estimate(planOf([collection({}, { sample })], {}, 0.01))
    expect(text)
      .to.include('All of it, reckoned from the sample')
      .and.include('about 1,200 to read, about 1,200 to write, 2.3 MB')
      .and.include('about 125,000 write units')
  })

  it('says nothing of money where nothing is charged by use', () => {
    const target = { provider: 'couchdb', address: 'x', identity: 'x' } as const
    expect(estimate(planOf([collection({}, { writing: { requests: 1 } })], { target })))
      .to.include('  writing   1 request\n')
      .and.not.include('USD')
      .and.not.include('prices')
  })

  it('says nothing of storage where nothing would be added', () => {
    expect(estimate(planOf([collection({ written: 0, skipped: 12 })])))
      .to.include('0 to write, 0 B')
      .and.not.include('storage')
  })

  it('says whose prices they are', () => {
    const report = fakeReport({ finishedAt: startMs, collections: [collection()] })
    const prices = readPrices('{"dynamodb":{"writeUnit":1}}', 'my.json')
    expect(estimate(makePlan(report, {}, { prices })))
      .to.include('  prices    list prices of 2026-08-06 with those in my.json, DynamoDB us-east-1, ')
      .and.include('1,250 USD')
  })

  it('says that indexes of Firestore are not counted', () => {
    const target = { provider: 'firestore', address: 'x', identity: 'x' } as const
    expect(estimate(planOf([collection()], { target }))).to.include(
      '  storage   22.7 kB, its indexes not counted: less than 0.01 USD a month'
    )
  })

  it('says where the run would end at a document that does not fit', () => {
    const failing = (code: 'DOCFERRY_TOO_LARGE' | 'DOCFERRY_CONFLICT'): string =>
      estimate(planOf([collection({ failed: 1, failures: [{ code, message: '', count: 1, examples: [] }] })], { onIncompatible: 'fail' }))
    expect(failing('DOCFERRY_TOO_LARGE')).to.include('the run would end at the first document that does not fit')
    expect(failing('DOCFERRY_CONFLICT')).to.not.include('would end')
  })
})

describe('cli: summary of a plan', () => {
  const lines = (one: CollectionReport, sample?: number): string[] => {
    const changes = { dryRun: true, state: 'done', finishedAt: startMs + 1_000, collections: [one] } as const
    const report = fakeReport({ ...changes, collections: [one] })
    return summaryLines(report, { nowMs: startMs, plan: planOf([one], {}, sample) })
  }

  it('never leaves two lines empty', () => {
    const failures = [{ code: 'DOCFERRY_TOO_LARGE' as const, message: 'large', count: 1, examples: ['a'] }]
    for (const one of [collection(), collection({ created: true }), collection({ failed: 1, failures })])
      expect(lines(one).join('\n')).to.not.include('\n\n\n')
  })

  it('says of a sample that what would be written is of the sample', () => {
    const sample = { passed: 12, of: 1_200, exact: false, quick: true, read: 12 }
    expect(lines(collection({}, { sample }), 0.01).at(-1)).to.include('nothing was written. Of the sample, 12 documents would be written')
    expect(lines(collection()).at(-1)).to.include('nothing was written. 12 documents would be written')
  })
})

describe('cli: conversions of a run', () => {
  const collections = [
    collection({ conversions: [group('double', 'merged', { count: 4 }), group('bytes', 'enveloped')] }),
    collection({ conversions: [group('bytes', 'enveloped', { count: 2 }), group('set', 'enveloped')] })
  ]

  it('are told for all collections together', () => {
    expect(conversionNotes(fakeReport({ collections }))).to.deep.equal([
      '4 values put in an envelope, which docferry reads back exactly: 3 byte strings, 1 set'
    ])
  })

  it('are told in a dry run also where a number stays equal', () => {
    expect(conversionNotes(fakeReport({ dryRun: true, collections })))
      .to.have.length(2)
      .and.include('4 values would be written as an equal number of another kind (1.0 as 1): doubles')
  })
})
