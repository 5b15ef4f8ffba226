import { expect } from 'chai'
import { addDelta, Tally } from '../../lib/engine/tally.ts'
import { collectionReport, countFailure, countSkipped, countWritten, examplesPerKind } from '../../lib/report.ts'
import type { CollectionReport } from '../../lib/report.ts'

const empty = (): CollectionReport => collectionReport({ name: 'agents', target: 'agents' })

describe('engine: tally', () => {
  it('keeps one account for each collection', () => {
    const tally = new Tally()
    tally.of('agents').read++
    tally.of('users').read++
    tally.of('agents').read++
    expect([...tally.deltas].map(({ source, read }) => [source, read])).to.deep.equal([
      ['agents', 2],
      ['users', 1]
    ])
  })

  it('adds every count', () => {
    const [total, delta] = [empty(), empty()]
    Object.assign(delta, { read: 9, added: 1, skipped: 1, filtered: 3, bytesRead: 70, filteredBy: { a: 1, b: 2 }, stripped: { _rev: 4 } })
    countWritten(delta, { bytes: 12 })
    addDelta(total, delta)
    addDelta(total, delta)
    expect(total).to.include({ read: 18, added: 2, written: 2, skipped: 2, filtered: 6, bytesRead: 140, bytesWritten: 24 })
    expect(total.filteredBy).to.deep.equal({ a: 2, b: 4 })
    expect(total.stripped).to.deep.equal({ _rev: 8 })
  })

  it('names examples by their ids alone, however often they are added up', () => {
    const long = 'x'.repeat(100)
    const delta = empty()
    for (const bytes of [12, 13]) countFailure(delta, 'DOCFERRY_TOO_LARGE', `too large by ${bytes} bytes`, `${long}${bytes}`)
    let total = delta
    for (let time = 0; time < 2; time++) {
      const next = empty()
      addDelta(next, total)
      total = next
    }
    const shortened = `${long.slice(0, 80)}... (102 characters)`
    expect(total.failures).to.deep.equal([
      { code: 'DOCFERRY_TOO_LARGE', message: 'too large by 12 bytes', count: 2, examples: [shortened, shortened] }
    ])
  })

  it('puts failures that differ in the document’s own id into one group', () => {
    const total = empty()
    for (const id of ['abcdefgh', 'jihgfedc', 'a', 'the']) {
      countFailure(total, 'DOCFERRY_STAGE', `stage own failed on agents/${id}: the name is taken`, id)
      countFailure(total, 'DOCFERRY_BAD_VALUE', id.length > 3 ? `nothing is known of ${id}` : 'nothing is known of somebody', id)
    }
    expect(total.failures).to.deep.equal([
      { code: 'DOCFERRY_STAGE', message: 'stage own: the name is taken', count: 4, examples: ['abcdefgh', 'jihgfedc', 'a', 'the'] },
      { code: 'DOCFERRY_BAD_VALUE', message: 'nothing is known of abcdefgh', count: 2, examples: ['abcdefgh', 'jihgfedc'] },
      { code: 'DOCFERRY_BAD_VALUE', message: 'nothing is known of somebody', count: 2, examples: ['a', 'the'] }
    ])
  })

  it('comes to the same in parts as in one, failures and examples too', () => {
    const [total, whole] = [empty(), empty()]
    for (let part = 0; part < 4; part++) {
      const delta = empty()
      for (let index = 0; index < 3; index++) {
        const id = `d${part}${index}`
        for (const report of [delta, whole]) {
          countFailure(report, 'DOCFERRY_TOO_LARGE', 'too large by 12 bytes', id)
          countFailure(report, 'DOCFERRY_BAD_ID', index === 0 ? 'empty' : 'with a slash', id)
          countSkipped(report, id)
        }
      }
      // Skipped is a plain count beside its examples.
      addDelta(total, delta)
    }
    expect(total).to.deep.equal(whole)
    expect(total.failed).to.equal(24)
    expect(total.skippedExamples).to.have.length(examplesPerKind)
  })

  it('adds conversions of one kind and way together', () => {
    const total = empty()
    for (let part = 0; part < 4; part++) {
      const delta = empty()
      const examples = [
        { id: `d${part}`, path: 'a' },
        { id: `e${part}`, path: 'b' }
      ]
      delta.conversions.push({ kind: 'double', conversion: 'merged', count: 2, examples })
      delta.conversions.push({ kind: 'double', conversion: 'enveloped', count: 1, examples: [] })
      addDelta(total, delta)
    }
    expect(total.conversions.map(({ conversion, count, examples }) => [conversion, count, examples.length])).to.deep.equal([
      ['merged', 8, examplesPerKind],
      ['enveloped', 4, 0]
    ])
  })

  it('leaves what it adds unchanged', () => {
    const [total, delta] = [empty(), empty()]
    delta.conversions.push({ kind: 'double', conversion: 'merged', count: 1, examples: [{ id: 'd', path: 'a' }] })
    countFailure(delta, 'DOCFERRY_BAD_ID', 'no', 'd')
    const before = JSON.stringify(delta)
    addDelta(total, delta)
    addDelta(total, delta)
    expect(JSON.stringify(delta)).to.equal(before)
  })
})
