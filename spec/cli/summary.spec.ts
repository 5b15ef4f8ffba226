import { expect } from 'chai'
import { headingLines } from '../../lib/cli/heading.ts'
import { summaryLines } from '../../lib/cli/summary.ts'
import { displayWidth } from '../../lib/cli/text.ts'
import type { ErrorCode } from '../../lib/errors.ts'
import type { RunReport } from '../../lib/report.ts'
import { maxDepth } from '../../lib/values/kinds.ts'
import { doneCollection, fakeCollection, fakeReport, startMs } from './support/fake-run.ts'

const nowMs = startMs + 4000
const folder = '.docferry/runs/run-1'

function summary(report: RunReport, columns?: number): string {
  return summaryLines(report, { nowMs, columns }).join('\n')
}

describe('cli: summary', () => {
  it('is a table with a row per collection and the totals', () => {
    const text = summary(
      fakeReport({
        state: 'done',
        finishedAt: nowMs,
        collections: [doneCollection('agents', 1000), doneCollection('users', 234, { target: 'people' })]
      })
    )
    expect(text).to.match(/collection +read +written +skipped +filtered +failed +time +docs\/s/)
    expect(text).to.match(/agents +1,000 +1,000 +0 +0 +0 +2.0 s +500/)
    expect(text).to.match(/users -> people +234/)
    expect(text).to.match(/total +1,234 +1,234 +0 +0 +0 +4.0 s +309/)
    expect(text).to.include('Done in 4.0 s: 1,234 documents written.')
  })

  it('lines its columns up', () => {
    const lines = summaryLines(fakeReport({ collections: [doneCollection('a', 1), doneCollection('日本', 22_222)] }), { nowMs })
    const widths = lines.slice(0, 4).map(displayWidth)
    expect(new Set(widths).size).to.equal(1)
  })

  it('says in a dry run what would happen', () => {
    const collection = doneCollection('agents', 10, {
      created: true,
      failed: 1,
      written: 9,
      failures: [{ code: 'DOCFERRY_TOO_LARGE', message: 'too large', count: 1, examples: ['x'] }]
    })
    const text = summary(fakeReport({ dryRun: true, state: 'partial', collections: [collection] }))
    expect(text).to.include('would be written').and.include('would be skipped').and.include('would fail')
    expect(text)
      .to.include('1 collection would be created in the target')
      .and.include('1 document would fail:')
      .and.include('nothing was written')
  })

  it('groups failures by kind, with the first ids and what to try', () => {
    const failures = [
      { code: 'DOCFERRY_TOO_LARGE' as const, message: '412,331 bytes; an item holds at most 409,600', count: 7, examples: ['a', 'b'] }
    ]
    const text = summary(
      fakeReport({
        state: 'partial',
        deadLetters: '.docferry/runs/1/dead-letters.ndjson',
        collections: [doneCollection('users', 10, { failed: 7, written: 3, failures })]
      })
    )
    expect(text)
      .to.include('7 documents failed:')
      .and.include('users: 7 x DOCFERRY_TOO_LARGE: 412,331 bytes')
      .and.include('which: a, b, ...')
      .and.include('try: ')
    expect(text).to.include('Dead letters: .docferry/runs/1/dead-letters.ndjson').and.include('3 documents written, 7 not.')
  })

  describe('of a run with dead letters', () => {
    const failed = (code: ErrorCode, changes: Partial<RunReport> = {}): RunReport => {
      const failures = [{ code, message: 'no', count: 1, examples: ['a'] }]
      const collections = [doneCollection('users', 2, { failed: 1, written: 1, failures })]
      return fakeReport({ state: 'partial', deadLetters: '.docferry/runs/run-1/dead-letters.ndjson', collections, ...changes })
    }

    it('says how to write them again', () => {
      expect(summary(failed('DOCFERRY_TOO_LARGE'))).to.match(/docferry retry run-1$/m)
    })

    it('names a state folder of its own', () => {
      const deadLetters = '/var/lib/my runs/runs/run-1/dead-letters.ndjson'
      expect(summary(failed('DOCFERRY_TOO_LARGE', { deadLetters }))).to.include('docferry retry run-1 --state-dir "/var/lib/my runs"')
    })

    it('does not say so where none can be written again', () => {
      expect(summary(failed('DOCFERRY_BAD_DOCUMENT'))).not.to.include('retry')
      const target = { provider: 'file', address: 'out.ndjson', identity: 'file:out.ndjson' } as const
      expect(summary(failed('DOCFERRY_TOO_DEEP', { target }))).not.to.include('retry')
      expect(summary(failed('DOCFERRY_TOO_LARGE', { state: 'failed' }))).not.to.include('retry')
    })
  })

  it('sends whoever interrupted a retry back to it', () => {
    const text = summaryLines(fakeReport({ state: 'interrupted', folder, collections: [doneCollection('users', 2)] }), {
      nowMs: startMs,
      command: 'retry'
    }).join('\n')
    expect(text).to.include('docferry retry run-1').and.not.include('resume')
  })

  it('does not advise what was done already, and says what an id that is a path may be', () => {
    const failing = (message: string, changes: Partial<RunReport> = {}): string => {
      const failures = [{ code: 'DOCFERRY_BAD_ID' as const, message, count: 1, examples: ['x'] }]
      return summary(fakeReport({ state: 'partial', collections: [doneCollection('users', 2, { failed: 1, failures })], ...changes }))
    }
    expect(failing('empty')).to.include('try: write it escaped (--on-incompatible escape), or give it another _id')
    expect(failing('empty', { onIncompatible: 'escape' }))
      .to.include('try: give it another _id')
      .and.not.include('write it escaped')
    expect(failing('a slash; --subcollections takes it')).to.include('try: take it for a path (--subcollections), write it escaped')
  })

  it('advises of an empty name what works, and of what can not be read no other target', () => {
    const failing = (code: ErrorCode, message: string): string => {
      const failures = [{ code, message, count: 1, examples: ['x'] }]
      return summary(fakeReport({ state: 'partial', collections: [doneCollection('users', 2, { failed: 1, failures })] }))
    }
    for (const message of [
      'a field name is empty, which Firestore refuses',
      'an empty field name; a DynamoDB attribute has at least one character'
    ])
      expect(failing('DOCFERRY_BAD_FIELD', message))
        .to.include('write it escaped (--on-incompatible escape), or')
        .and.include('(--stage \'rename:""=new\')')
        .and.include('(--stage \'strip:""\')')
    expect(failing('DOCFERRY_TOO_DEEP', `nested more than ${maxDepth} levels deep`))
      .to.include('flatten it in the source')
      .and.not.include('take another target')
  })

  it('advises another target for documents that are too deep for this one alone', () => {
    for (const message of ['nested more than 20 levels deep, which Firestore refuses', 'more than 31 maps and lists inside one another']) {
      const failures = [{ code: 'DOCFERRY_TOO_DEEP' as const, message, count: 1, examples: ['x'] }]
      const text = summary(fakeReport({ state: 'partial', collections: [doneCollection('users', 2, { failed: 1, failures })] }))
      expect(text).to.include('flatten it, or take another target')
    }
  })

  it('gives one advice once', () => {
    const failures = [{ code: 'DOCFERRY_TOO_LARGE' as const, message: 'large', count: 1, examples: ['a'] }]
    const text = summary(fakeReport({ collections: ['x', 'y'].map(name => doneCollection(name, 1, { written: 0, failed: 1, failures })) }))
    expect(text.match(/try:/g)).to.have.length(1)
  })

  it('tells what the counts do not', () => {
    const text = summary(
      fakeReport({
        notTaken: ['agent_data_store'],
        retries: 2,
        notes: ['3 attachments were left behind'],
        collections: [
          doneCollection('agents', 10, {
            stripped: { _rev: 10, _attachments: 3 },
            filtered: 2,
            filteredBy: { 'filter:x': 2, 'leave-out-design-documents': 1 },
            skipped: 4,
            skippedExamples: ['a']
          })
        ]
      })
    )
    for (const words of [
      'not taken: agent_data_store',
      '2 retries',
      '3 attachments were left behind',
      '_attachments stripped from 3 documents',
      '2 documents left out by filter:x',
      '4 documents skipped',
      '(a, ...)'
    ]) {
      expect(text).to.include(words)
    }
  })

  it('does not praise a run that found nothing to read', () => {
    expect(summary(fakeReport({ state: 'done' }))).to.include('there was nothing to read')
  })

  it('marks what an interruption left unfinished, and says how to go on', () => {
    const collections = [fakeCollection('agents', { state: 'running', read: 5, written: 5, startedAt: startMs }), fakeCollection('users')]
    const text = summary(fakeReport({ state: 'interrupted', folder, finishedAt: nowMs, collections }))
    expect(text).to.include('agents (not whole)').and.include('users (not begun)').and.include('docferry resume run-1')
  })

  it('does not send back to a stage that would fail again', () => {
    const failures = [{ code: 'DOCFERRY_STAGE' as const, message: 'stage convert failed', count: 1, examples: ['a'] }]
    const failed = fakeReport({ state: 'failed', folder, collections: [fakeCollection('agents', { failures, failed: 1 })] })
    expect(summary(failed)).to.include('Once the document, or the code of the stage, is mended, go on with: docferry resume run-1')
  })

  it('does not send back to a document that the target would refuse again, where no other can come in its place', () => {
    const file = { provider: 'file', address: '/x.ndjson', identity: 'file:/x.ndjson' } as const
    const failed = fakeReport({ state: 'failed', folder, stoppedBy: 'DOCFERRY_BAD_ID', collections: [doneCollection('agents', 1)] })
    expect(summary({ ...failed, source: file }))
      .to.include('mend the input')
      .and.not.include('resume')
    expect(summary(failed)).to.include('Once that document is mended in the source, go on with: docferry resume run-1')
    expect(summary({ ...failed, source: file, stoppedBy: 'DOCFERRY_MAX_FAILURES' })).to.include('docferry resume run-1')
  })

  it('claims nothing of an output that is there only when it is whole', () => {
    const target = { provider: 'file', address: '/x.json', identity: 'x' } as const
    for (const state of ['interrupted', 'failed'] as const) {
      expect(summary(fakeReport({ state, target, folder, collections: [fakeCollection('agents', { written: 5 })] })))
        .to.include('before the output was complete')
        .and.include('docferry resume run-1')
        .and.not.include('5 documents written')
    }
  })

  it('sends nobody back to a run that went down a pipe, or that had not begun', () => {
    const target = { provider: 'file', address: 'standard output', identity: 'file:stdout' } as const
    for (const state of ['interrupted', 'failed'] as const) {
      const piped = fakeReport({ state, target, folder, piped: true })
      expect(summary(piped)).to.include('can not be gone on with: begin again').and.not.include('resume')
      expect(summary(fakeReport({ state }))).not.to.include('resume')
    }
  })

  it('names the run and the command that undoes it, where undo can', () => {
    const done = (changes: Partial<RunReport>): string =>
      summary(fakeReport({ state: 'done', folder, undo: 'created', collections: [doneCollection('users', 2)], ...changes }))
    expect(done({})).to.match(/^To undo the run: docferry undo run-1$/m)
    expect(done({ folder: '/var/my runs/runs/run-1' })).to.include('docferry undo run-1 --state-dir "/var/my runs"')
    expect(done({ state: 'failed', collections: [fakeCollection('users', { read: 1 })] })).to.include('docferry undo run-1')
    expect(done({ state: 'failed', collections: [fakeCollection('users', { created: true })] })).to.include('docferry undo run-1')
    expect(done({ state: 'failed', collections: [fakeCollection('users')] })).not.to.include('docferry undo')
    expect(done({ undo: 'none' })).not.to.include('docferry undo')
    expect(done({ collections: [doneCollection('users', 2, { written: 0, skipped: 2 })] })).not.to.include('docferry undo')
  })

  it('tells the speed of this process, and what the run had behind it', () => {
    const before = { read: 9_000, added: 0, written: 9_000, skipped: 0, filtered: 0, failed: 0, bytesRead: 0 }
    const collections = [doneCollection('agents', 10_000, { before }), doneCollection('users', 500)]
    const text = summary(fakeReport({ state: 'done', finishedAt: nowMs, collections }))
    expect(text).to.match(/agents +10,000 +10,000 .* 2.0 s +500\n/)
    expect(text).to.match(/total +10,500 .* 4.0 s +375\n/)
    expect(text).to.include('time and docs/s are of this process, which read 1,500 documents; 9,000 were read before')
    expect(text).to.include('10,500 documents written (9,000 were written before the run went on, and not read again)')
    const stopped = summary(fakeReport({ state: 'done', finishedAt: nowMs, collections, writtenBefore: 9_200 }))
    expect(stopped).to.include('10,500 documents written (9,200 were written before the run went on; 200 of them were read again)')
  })

  it('sums up what is too much for a table, those with failures first', () => {
    const collections = Array.from({ length: 2000 }, (_, index) =>
      doneCollection(`c${index}`, 10, index === 1999 ? { failed: 1, written: 9 } : {})
    )
    const lines = summaryLines(fakeReport({ collections }), { nowMs })
    expect(lines.length).to.be.lessThan(70)
    expect(lines[1]).to.match(/^c1999/)
    expect(lines.join('\n'))
      .to.match(/1,950 others +19,500/)
      .and.match(/total +20,000/)
  })

  it('drops the times before it breaks a narrow terminal', () => {
    const lines = summaryLines(fakeReport({ collections: [doneCollection('a_long_name_of_a_collection', 1_000_000)] }), {
      nowMs,
      columns: 70
    })
    for (const line of lines) expect(displayWidth(line)).to.be.at.most(70)
    expect(lines[0]).not.to.include('docs/s')
  })
})

describe('cli: heading', () => {
  it('tells an empty database from a stream that only reading can tell about', () => {
    expect(headingLines('migrate', fakeReport()).join('\n')).to.include('the source holds no collections')
    const source = { provider: 'file', address: 'standard input', identity: '-' } as const
    expect(headingLines('import', fakeReport({ source })).join('\n')).to.include('only reading tells')
  })

  it('says where each end really is, what is taken, and what happens to existing documents', () => {
    const text = headingLines(
      'migrate',
      fakeReport({ collections: [fakeCollection('agents', { expected: 1200 }), fakeCollection('users', { target: 'people' })] })
    ).join('\n')
    expect(text).to.include('from  couchdb   http://127.0.0.1:5984 as admin').and.include('to    dynamodb  us-east-1')
    expect(text)
      .to.include('2 collections, about 1,200 documents')
      .and.include('agents 1,200, users -> people')
      .and.include('--on-conflict skip')
    expect(text).not.to.include('dry run')
  })

  it('says of a pipe that it can not be gone on with', () => {
    const target = { provider: 'file', address: '/dev/fd/63', identity: 'file:/dev/fd/63' } as const
    expect(headingLines('export', fakeReport({ target, piped: true })).join('\n')).to.include('can not be gone on with')
    expect(headingLines('export', fakeReport({ target })).join('\n')).not.to.include('gone on with')
  })

  it('says that a dry run is one', () => {
    expect(headingLines('migrate', fakeReport({ dryRun: true })).join('\n')).to.include('nothing is written')
  })

  it('counts what it does not name', () => {
    expect(
      headingLines('migrate', fakeReport({ collections: Array.from({ length: 2000 }, (_, index) => fakeCollection(`c${index}`)) })).join(
        '\n'
      )
    ).to.include('and 1,988 more')
  })
})
