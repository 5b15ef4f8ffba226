import { expect } from 'chai'
import { checkpointFrom, Progress } from '../../lib/checkpoint/checkpoint.ts'
import type { Checkpoint, Step } from '../../lib/checkpoint/checkpoint.ts'
import { addOutcome } from '../../lib/engine/outcome-sums.ts'
import { Tally } from '../../lib/engine/tally.ts'
import { countWritten } from '../../lib/report.ts'
import { Mark } from '../../lib/types.ts'
import { documentDigests } from '../../lib/values/index.ts'

const mark = (partition: string, cursor: string): Mark => new Mark(partition, cursor, 10, 100)

function tally(collection: string, written: number): Tally {
  const made = new Tally()
  for (let index = 0; index < written; index++) {
    const _id = `d${index}`
    countWritten(made.of(collection), { bytes: 5 })
    addOutcome(made.sumsOf(collection), 'written', _id, documentDigests({ _id }))
  }
  made.of(collection).read += written
  return made
}

/** As it comes back from disk. */
const saved = (progress: Progress): Checkpoint => JSON.parse(JSON.stringify(progress.snapshot(0, undefined))) as Checkpoint
const again = (progress: Progress): Progress => new Progress(saved(progress))

describe('checkpoint: progress', () => {
  it('knows nothing of a partition that has not begun', () => {
    expect(new Progress().of('agents/1of2')).to.deep.equal({ done: false, marks: 0 })
  })

  it('keeps the last mark of each partition, and how many there were', () => {
    const progress = new Progress()
    progress.advance(mark('p', 'a'), [])
    progress.advance(mark('q', 'x'), [])
    progress.advance(mark('p', 'b'), [])
    progress.finish('q')
    expect(progress.of('p')).to.deep.equal({ cursor: 'b', done: false, marks: 2 })
    expect(progress.of('q')).to.deep.equal({ cursor: 'x', done: true, marks: 1 })
  })

  it('adds up the counts of all partitions by collection', () => {
    const progress = new Progress()
    progress.advance(mark('p', 'a'), [tally('agents', 3), tally('users', 1)])
    progress.advance(mark('q', 'x'), [tally('agents', 4)])
    expect(progress.collections.get('agents')).to.include({ read: 7, written: 7, bytesWritten: 35 })
    expect(progress.collections.get('users')).to.include({ read: 1, written: 1 })
  })

  it('goes on from what was saved as if it had never ended', () => {
    const progress = new Progress()
    progress.prepare('agents', { created: true, empty: true })
    progress.advance(mark('p', 'a'), [tally('agents', 3)])
    const restored = again(progress)
    for (const each of [progress, restored]) each.advance(mark('p', 'b'), [tally('agents', 2)])
    expect(saved(restored)).to.deep.equal(saved(progress))
  })

  it('does not change what it was made from', () => {
    const progress = new Progress()
    progress.advance(mark('p', 'a'), [tally('agents', 3)])
    const from = progress.snapshot(0, undefined)
    const before = JSON.stringify(from)
    new Progress(from).advance(mark('p', 'b'), [tally('agents', 2)])
    expect(JSON.stringify(from)).to.equal(before)
  })

  it('adds up the sums with the counts, also from what is kept between checkpoints', () => {
    const progress = new Progress()
    const steps: Step[] = []
    const kept = JSON.parse(JSON.stringify(progress.snapshot(0, undefined))) as Checkpoint
    progress.tell(step => steps.push(JSON.parse(JSON.stringify(step)) as Step))
    progress.advance(mark('p', 'a'), [tally('agents', 3)])
    progress.advance(mark('p', 'b'), [tally('agents', 2), tally('users', 1)])
    const roots = (each: Progress) => [...each.sums].map(([name, { written }]) => [name, written?.count, written?.root()])
    expect(roots(progress).map(([name, count]) => [name, count])).to.deep.equal([
      ['agents', 5],
      ['users', 1]
    ])
    expect(roots(new Progress(kept, steps))).to.deep.equal(roots(progress))
    expect(roots(again(progress))).to.deep.equal(roots(progress))
  })

  it('reads a checkpoint and steps of an older docferry, which have no sums', () => {
    const step: Step = { partition: 'p', cursor: 'a', counts: [{ source: 'agents', written: 2 }] }
    const { sums, ...older } = new Progress(undefined, [step]).snapshot(0, undefined)
    expect(sums).to.deep.equal({})
    const progress = new Progress(older, [step])
    expect(progress.collections.get('agents')).to.include({ written: 4 })
    expect(progress.sums.get('agents')).to.equal(undefined)
  })

  it('remembers what a collection of the target was when the run began', () => {
    const progress = new Progress()
    progress.prepare('agents', { created: true, empty: true })
    const now = again(progress).prepare('agents', { created: false, empty: false, documents: 3 })
    expect(now).to.deep.equal({ created: true, empty: true })
  })

  it('saves where the output stands', () => {
    expect(new Progress().snapshot(2, { bytes: 12 })).to.deep.include({ retries: 2, output: { bytes: 12 } })
  })

  for (const content of [null, 12, [], {}, { partitions: null, collections: [], retries: 0 }, { partitions: {}, collections: {} }]) {
    it(`takes ${JSON.stringify(content)} for no checkpoint`, () => {
      expect(() => checkpointFrom(content, { runId: 'a', path: 'x/checkpoint.json' }))
        .to.throw('x/checkpoint.json')
        .with.property('code', 'DOCFERRY_STATE')
    })
  }
})
