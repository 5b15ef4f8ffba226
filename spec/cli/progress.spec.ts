import { expect } from 'chai'
import { fractionDone, Meter, timeLeftMs } from '../../lib/cli/meter.ts'
import { progressLine, progressLines } from '../../lib/cli/progress.ts'
import { displayWidth, plainStyle } from '../../lib/cli/text.ts'
import type { RunReport } from '../../lib/report.ts'
import { doneCollection, fakeCollection, fakeReport, startMs } from './support/fake-run.ts'

function running(name: string, done: number, expected?: number) {
  return fakeCollection(name, { state: 'running', startedAt: startMs, read: done, written: done, bytesRead: done * 1000, expected })
}

/** A report four seconds into its run, and a meter that has seen it from the beginning. */
function observed(report: RunReport, seconds = 4): { report: RunReport; meter: Meter; nowMs: number } {
  const meter = new Meter()
  const before = { ...report, collections: report.collections.map(collection => ({ ...collection, written: 0, bytesRead: 0 })) }
  meter.sample(before, startMs)
  const nowMs = startMs + seconds * 1000
  meter.sample(report, nowMs)
  return { report, meter, nowMs }
}

function draw(report: RunReport, size: { columns?: number; rows?: number } = {}): string[] {
  const { meter, nowMs } = observed(report)
  return progressLines(report, { meter, nowMs, columns: 100, rows: 24, style: plainStyle, ...size })
}

describe('cli: progress on a terminal', () => {
  it('draws a line per collection with share, documents, rates and time left, and one for all', () => {
    const lines = draw(
      fakeReport({
        retries: 3,
        collections: [running('agents', 5000, 20_000), fakeCollection('users', { expected: 10_000 }), doneCollection('demos', 400)]
      })
    )
    expect(lines).to.have.length(5)
    expect(lines[0]).to.match(/^agents +█+░+ +25% +5,000 of 20,000 +1,250\/s +1.3 MB\/s +12 s left$/)
    expect(lines[1]).to.match(/^users +░+ +0% +0 of 10,000/)
    expect(lines[2]).to.match(/^demos +█+ +100% +400 +200\/s .* 2.0 s$/)
    expect(lines[3]).to.match(/^all +/)
    expect(lines[4]).to.equal('1 of 3 collections done, 4.0 s, 3 retries')
  })

  it('draws no line for all where there is only one collection', () => {
    expect(draw(fakeReport({ collections: [running('agents', 5, 20)] }))).to.have.length(2)
  })

  it('shows only those at work, and how many more, where not all fit', () => {
    const collections = Array.from({ length: 2000 }, (_, index) =>
      index < 30 ? running(`c${index}`, 10, 100) : fakeCollection(`c${index}`, { expected: 100 })
    )
    const lines = draw(fakeReport({ collections }), { rows: 10 })
    expect(lines).to.have.length(10)
    expect(lines[7]).to.equal('and 23 more at work')
    expect(lines.at(-1)).to.include('0 of 2,000 collections done')
  })

  for (const columns of [120, 100, 80, 60, 50, 40, 30, 20, 12]) {
    it(`keeps within ${columns} columns`, () => {
      const collections = [running('a_rather_long_collection_name_indeed', 5000, 20_000_000), running('日本語のコレクション', 12)]
      for (const line of draw(fakeReport({ collections }), { columns })) expect(displayWidth(line)).to.be.lessThan(columns)
    })
  }

  it('gives up the columns that matter least first', () => {
    const report = fakeReport({ collections: [running('agents', 5000, 20_000)] })
    expect(draw(report, { columns: 60 })[0])
      .to.include('12 s left')
      .and.not.include('MB/s')
    expect(draw(report, { columns: 40 })[0])
      .to.include('5,000 of 20,000')
      .and.not.include('█')
    expect(draw(report, { columns: 16 })[0]).to.include('25%')
  })

  it('claims no share of a collection whose size nobody knows', () => {
    expect(draw(fakeReport({ collections: [running('stdin', 500)] }))[0])
      .to.not.include('%')
      .and.not.include('left')
  })

  it('takes the share from bytes where documents are not known', () => {
    expect(fractionDone([fakeCollection('x', { state: 'running', written: 10, bytesRead: 250, expectedBytes: 1000 })])).to.equal(0.25)
  })

  it('distrusts an estimate that the run has passed', () => {
    const line = draw(fakeReport({ collections: [running('agents', 500, 100)] }))[0]
    expect(line).to.include('500').and.not.include('of 100').and.not.include('%')
  })

  it('never says 100% before the collection is done', () => {
    expect(draw(fakeReport({ collections: [running('agents', 20_000, 20_000)] }))[0]).to.include('99%')
  })

  it('shows control characters in a name instead of sending them', () => {
    expect(draw(fakeReport({ collections: [running('x\u001b[2J', 1, 2)] })).join('')).not.to.include('\u001b')
  })

  it('mentions what failed and what was skipped', () => {
    const collection = { ...running('agents', 10, 20), skipped: 2, failed: 1 }
    expect(draw(fakeReport({ collections: [collection] })).at(-1))
      .to.include('2 skipped')
      .and.include('1 failed')
  })
})

describe('cli: progress without a terminal', () => {
  it('is one line with everything', () => {
    const { report, meter, nowMs } = observed(
      fakeReport({ retries: 1, collections: [running('agents', 5000, 20_000), doneCollection('demos', 400)] })
    )
    expect(progressLine(report, meter, nowMs)).to.match(
      /^5,400 of 20,400 documents \(26%\); 1,\d{3}\/s, .*MB\/s; 1\d s left; at work: agents 25%; 1 of 2 collections done, 4.0 s, 1 retry$/
    )
  })

  it('names a few of many', () => {
    const { report, meter, nowMs } = observed(
      fakeReport({ collections: Array.from({ length: 9 }, (_, index) => running(`c${index}`, 1, 2)) })
    )
    expect(progressLine(report, meter, nowMs)).to.include('c3 50% and 5 more')
  })
})

describe('cli: meter', () => {
  it('measures over the last seconds, not since the beginning', () => {
    const meter = new Meter()
    const at = (seconds: number, documents: number) =>
      meter.sample(fakeReport({ collections: [running('agents', documents)] }), startMs + seconds * 1000)
    for (let second = 0; second <= 60; second++) at(second, second * 1000)
    for (let second = 61; second <= 70; second++) at(second, 60_000)
    expect(meter.rate()?.documentsPerSecond).to.equal(0)
  })

  it('tells no time left before something has moved', () => {
    expect(timeLeftMs([running('agents', 0, 100)], { documentsPerSecond: 0, bytesPerSecond: 0 })).to.equal(undefined)
    expect(timeLeftMs([running('agents', 50, 100)], { documentsPerSecond: 10, bytesPerSecond: 0 })).to.equal(5000)
  })
})
