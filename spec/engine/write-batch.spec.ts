import { expect } from 'chai'
import { RateControl } from '../../lib/engine/rate-control.ts'
import { writeBatch } from '../../lib/engine/write-batch.ts'
import type { WriteBatchOptions } from '../../lib/engine/batch-job.ts'
import { DocferryError } from '../../lib/errors.ts'
import type { Document, Target, WriteOutcome } from '../../lib/types.ts'
import { openTarget } from '../../lib/open.ts'
import { Double } from '../../lib/values/index.ts'
import { scriptedTarget } from '../support/scripted-connector.ts'
import type { ScriptedTarget } from '../support/scripted-connector.ts'

const documents: readonly Document[] = Array.from({ length: 10 }, (_, index) => ({ _id: `d${index}` }))
const gone = (): DocferryError => new DocferryError('DOCFERRY_CONNECT', 'cut', { retryable: true })
const throttled: WriteOutcome = { code: 'DOCFERRY_THROTTLED', message: 'slow down', retryable: true }

async function target(script: ScriptedTarget) {
  const record = scriptedTarget(script)
  const opened = (await openTarget(record.endpoint)) as Target<Document>
  await opened.prepare('agents', { create: true })
  const write = async (options: Partial<WriteBatchOptions> = {}): Promise<readonly WriteOutcome[]> => {
    const batch = documents.map(document => ({ document, encoded: { id: document._id, bytes: 10, payload: document } }))
    return await writeBatch(opened, 'agents', batch, { onConflict: 'skip', fresh: false, attempts: 5, baseMs: 1, capMs: 1, ...options })
  }
  const failure = (options?: Partial<WriteBatchOptions>): Promise<DocferryError> =>
    write(options).then(
      () => expect.fail('it should have failed'),
      (error: DocferryError) => error
    )
  return { record, write, failure, calls: () => record.writes.map(({ ids }) => ids.length) }
}

describe('engine: writing a batch', () => {
  it('sends again only what failed and may be tried again', async () => {
    const { write, record } = await target({ outcome: (id, call) => (call < 3 && id === 'd4' ? throttled : undefined) })
    expect(await write()).to.deep.equal(documents.map(() => 'written'))
    expect(record.writes.map(({ ids }) => ids)).to.deep.equal([documents.map(({ _id }) => _id), ['d4'], ['d4']])
  })

  for (const onConflict of ['skip', 'fail'] as const) {
    it(`${onConflict}: counts as written what the target holds of a document that is said to have failed`, async () => {
      const failed: WriteOutcome = { code: 'DOCFERRY_CONNECT', message: 'timeout', retryable: true }
      const { write, record } = await target({
        held: { agents: [{ _id: 'd7', others: true }] },
        beforeWrite(call) {
          if (call === 1) for (const id of ['d1', 'd2']) record.collections.get('agents')!.set(id, { _id: id })
        },
        outcome: (id, call) => {
          if (call > 1) return undefined
          return id === 'd1' ? failed : id === 'd2' ? { ...failed, code: 'DOCFERRY_REFUSED', alone: true } : undefined
        }
      })
      const own: number[] = []
      const outcomes = await write({ onConflict, onOwn: index => own.push(index) })
      expect(outcomes.filter(outcome => outcome === 'written')).to.have.length(9)
      expect(outcomes[7]).to.not.equal('written')
      expect(own).to.have.members([1, 2])
    })
  }

  for (const onConflict of ['skip', 'fail'] as const) {
    it(`${onConflict}: looks at once for what may be written of a call that somebody on the way has refused`, async () => {
      const refused: WriteOutcome = { code: 'DOCFERRY_TOO_LARGE', message: '413', retryable: false }
      const conflict: WriteOutcome = { code: 'DOCFERRY_CONFLICT', message: 'there already', retryable: false }
      const { write, calls } = await target({
        held: { agents: [{ _id: 'd1' }, { _id: 'd2' }, { _id: 'd7', others: true }] },
        outcome: id => {
          if (id === 'd1' || id === 'd8') return { ...refused, mayBeApplied: true }
          return id === 'd2' || id === 'd7' ? { ...conflict, mayBeApplied: true } : undefined
        }
      })
      const own: (readonly [number, boolean])[] = []
      const outcomes = await write({ onConflict, onOwn: (index, wasSent) => own.push([index, wasSent]) })
      const others = onConflict === 'skip' ? 'skipped' : conflict
      expect(outcomes).to.deep.equal(documents.map(({ _id }) => (_id === 'd7' ? others : _id === 'd8' ? refused : 'written')))
      expect(own).to.have.deep.members([
        [1, true],
        [2, true]
      ])
      expect(calls()).to.deep.equal([10])
    })
  }

  it('counts as written what the target holds of a document whose every call is refused on its way back', async () => {
    const refused: WriteOutcome = { code: 'DOCFERRY_REFUSED', message: '403', retryable: true, alone: true }
    const { write } = await target({ held: { agents: [{ _id: 'd3' }] }, outcome: id => (id === 'd3' ? refused : undefined) })
    expect(await write()).to.deep.equal(documents.map(() => 'written'))
  })

  it('sends smaller parts when there is no answer', async () => {
    const { write, calls } = await target({
      beforeWrite(_, ids) {
        if (ids.length > 3) throw gone()
      }
    })
    expect(await write()).to.deep.equal(documents.map(() => 'written'))
    expect(calls().slice(0, 4)).to.deep.equal([10, 5, 5, 2])
  })

  it('finds the one document that no connection survives, and writes the others', async () => {
    const { write, record } = await target({
      beforeWrite(_, ids) {
        if (ids.includes('d0')) throw gone()
      }
    })
    const outcomes = await write()
    expect(outcomes[0]).to.deep.equal({ code: 'DOCFERRY_CONNECT', message: 'cut; other calls are answered', retryable: false })
    expect(outcomes.slice(1)).to.deep.equal(documents.slice(1).map(() => 'written'))
    expect(record.collections.get('agents')?.size).to.equal(9)
  })

  for (const keepsKinds of [true, false]) {
    it(`takes ${keepsKinds ? 'no' : 'an'} equal of another kind for what a lost call has written${keepsKinds ? ', where the target tells kinds' : ''}`, async () => {
      const record = scriptedTarget({
        keepsKinds,
        held: { agents: [{ _id: 'd0', n: new Double(1) }] },
        beforeWrite(call) {
          if (call === 1) throw gone()
        }
      })
      const opened = await openTarget(record.endpoint)
      const document: Document = { _id: 'd0', n: 1 }
      const batch = [{ document, encoded: { id: 'd0', bytes: 10, payload: document } }]
      const outcomes = await writeBatch(opened, 'agents', batch, { onConflict: 'skip', fresh: false, baseMs: 1, capMs: 1 })
      expect(outcomes).to.deep.equal([keepsKinds ? 'skipped' : 'written'])
    })
  }

  it('throws when the target is gone, after the tries that it has', async () => {
    const { failure, calls } = await target({
      beforeWrite() {
        throw gone()
      }
    })
    expect(await failure()).to.include({ code: 'DOCFERRY_CONNECT', message: 'cut' })
    expect(calls()).to.have.length(5)
  })

  it('waits at least half of what it may between tries, so that a target that restarts is back before the last', async () => {
    const { failure } = await target({
      beforeWrite() {
        throw gone()
      }
    })
    const delays: number[] = []
    await failure({ attempts: 6, baseMs: 4, capMs: 16, onRetry: (_, delayMs) => delays.push(delayMs) })
    const bounds = [4, 8, 16, 16, 16]
    expect(delays.length).to.be.at.least(4)
    for (const [at, delayMs] of delays.slice(1).entries()) expect(delayMs).to.be.within(bounds[at + 1]! / 2, bounds[at + 1]!)
  })

  it('throws when the target takes nothing, and fails no document for it', async () => {
    const { failure } = await target({ outcome: () => throttled })
    expect(await failure()).to.include({ code: 'DOCFERRY_THROTTLED', message: 'slow down' })
  })

  it('throws when the target takes nothing any more behind a few documents', async () => {
    const { failure } = await target({ outcome: (id, call) => (call === 1 && id < 'd3' ? undefined : throttled) })
    expect(await failure()).to.include({ code: 'DOCFERRY_THROTTLED' })
  })

  it('is patient with throttled documents while the target takes others', async () => {
    const rate = new RateControl({ batchCount: 10, batchBytes: 1_000, inFlight: 4 })
    const { write } = await target({
      outcome(id, call) {
        // What other batches get done.
        rate.decided(1)
        return call < 20 && id >= 'd5' ? throttled : undefined
      }
    })
    expect(await write({ rate })).to.deep.equal(documents.map(() => 'written'))
  })

  it('gives up a single document that alone is throttled', async () => {
    const { write } = await target({ outcome: id => (id === 'd4' ? throttled : undefined) })
    const outcomes = await write()
    expect(outcomes[4]).to.deep.equal({ ...(throttled as object), retryable: false })
    expect(outcomes.filter(outcome => outcome === 'written')).to.have.length(9)
  })

  it('gives up documents that fail by themselves', async () => {
    const refused: WriteOutcome = { code: 'DOCFERRY_REFUSED', message: '500', retryable: true }
    const { write, calls } = await target({ outcome: id => (id < 'd2' ? refused : undefined) })
    const outcomes = await write()
    expect(outcomes.filter(outcome => typeof outcome === 'object')).to.have.length(2)
    expect(calls()).to.deep.equal([10, 2, 2, 2, 2])
  })

  it('throws when documents fail one by one and nothing is taken, however small the parts are', async () => {
    const refused: WriteOutcome = { code: 'DOCFERRY_REFUSED', message: '500', retryable: true, cause: new Error('{"secret":1}') }
    for (const batchCount of [10, 1]) {
      const { failure, calls } = await target({ outcome: () => refused })
      const rate = new RateControl({ batchCount, batchBytes: 1_000, inFlight: 4 })
      const error = await failure({ rate })
      expect(error).to.include({ code: 'DOCFERRY_TARGET', message: '500' })
      expect(error.cause).to.equal(undefined)
      expect(calls()).to.have.length(5)
    }
  })

  it('gives up several documents that fail by themselves while the target takes others, with their causes', async () => {
    const cause = new Error('what it says')
    const refused: WriteOutcome = { code: 'DOCFERRY_REFUSED', message: '500', retryable: true, cause }
    const bad = new Set(['d0', 'd4', 'd5'])
    const { write } = await target({ outcome: id => (bad.has(id) ? refused : undefined) })
    const outcomes = await write({ rate: new RateControl({ batchCount: 3, batchBytes: 1_000, inFlight: 4 }) })
    expect(outcomes).to.deep.equal(documents.map(({ _id }) => (bad.has(_id) ? { ...refused, retryable: false } : 'written')))
  })

  it('gives up one document where nothing else is to be written, and stops at the second', async () => {
    const refused: WriteOutcome = { code: 'DOCFERRY_REFUSED', message: '500', retryable: true }
    const record = scriptedTarget({ outcome: id => (id < 'd3' ? refused : undefined) })
    const opened = (await openTarget(record.endpoint)) as Target<Document>
    await opened.prepare('agents', { create: true })
    const rate = new RateControl({ batchCount: 10, batchBytes: 1_000, inFlight: 4 })
    const write = async (_id: string): Promise<unknown> =>
      await writeBatch(opened, 'agents', [{ document: { _id }, encoded: { id: _id, bytes: 10, payload: { _id } } }], {
        onConflict: 'skip',
        fresh: false,
        attempts: 3,
        baseMs: 1,
        capMs: 1,
        rate
      }).catch((error: unknown) => (error as DocferryError).code)
    expect(await write('d0')).to.deep.equal([{ ...refused, retryable: false }])
    expect(await write('d1')).to.equal('DOCFERRY_TARGET')
    expect(await write('d5')).to.deep.equal(['written'])
    expect(await write('d2')).to.deep.equal([{ ...refused, retryable: false }])
  })

  it('tells the rate control what it met', async () => {
    const rate = new RateControl({ batchCount: 10, batchBytes: 1_000, inFlight: 4 })
    const { write } = await target({ outcome: (id, call) => (call === 1 && id >= 'd5' ? throttled : undefined) })
    await write({ rate })
    expect(rate).to.include({ inFlight: 3, cuts: 1, taken: 10 })
  })

  it('ends a wait when the run is told to stop', async () => {
    const stop = new AbortController()
    const { failure } = await target({ outcome: () => ({ ...(throttled as object), retryAfterMs: 60_000 }) as WriteOutcome })
    const error = failure({ stop: stop.signal, onRetry: () => stop.abort(new Error('enough')) })
    expect((await error).message).to.equal('enough')
  })
})
