import { expect } from 'chai'
import { BatchWriter } from '../../lib/engine/batch-writer.ts'
import { CollectionState } from '../../lib/engine/collection-state.ts'
import { HeldDocuments } from '../../lib/engine/held-documents.ts'
import type { Counted } from '../../lib/engine/counted.ts'
import { RateControl } from '../../lib/engine/rate-control.ts'
import { writeBatch } from '../../lib/engine/write-batch.ts'
import { collectionReport } from '../../lib/report.ts'
import { Section } from '../../lib/types.ts'
import type { Connector } from '../../lib/types.ts'
import { scriptedTarget } from '../support/scripted-connector.ts'

describe('held documents', () => {
  const of = (id: string, bytes = 10): Counted => ({ encoded: { id, bytes, payload: id } }) as unknown as Counted

  describe('of one batch', () => {
    let held: HeldDocuments
    let batches: number
    beforeEach(() => {
      batches = 0
      held = new HeldDocuments({ batchCount: 3, batchBytes: 100 }, () => ++batches)
    })

    it('have room for no second one of an id, and for no more bytes than a batch', () => {
      expect(held.hasNoRoomFor(of('a', 1_000))).to.equal(false)
      held.add(of('a', 60))
      expect(held.hasNoRoomFor(of('a'))).to.equal(true)
      expect(held.hasNoRoomFor(of('b', 41))).to.equal(true)
      expect(held.hasNoRoomFor(of('b', 40))).to.equal(false)
    })

    it('are a whole one by their number', () => {
      expect(['a', 'b', 'c'].map(id => held.add(of(id)))).to.deep.equal([false, false, true])
      expect(batches).to.equal(1)
    })

    it('are taken once, and then none is held', () => {
      held.add(of('a'))
      expect(held.take()!.items.map(({ encoded }) => encoded.id)).to.deep.equal(['a'])
      expect(held.take()).to.equal(undefined)
      expect(held.has('a')).to.equal(false)
    })

    it('are overdue when many batches have followed', () => {
      expect(held.areOverdue({ number: 1_000, items: [], bytes: 0 })).to.equal(false)
      held.add(of('a'))
      expect(held.areOverdue({ number: 64, items: [], bytes: 0 })).to.equal(false)
      expect(held.areOverdue({ number: 65, items: [], bytes: 0 })).to.equal(true)
    })
  })

  it('have an outcome each, also where another partition fails on an id while letters are kept', async () => {
    const { endpoint } = scriptedTarget({
      refuse: ({ bad }) => (bad === true ? { code: 'DOCFERRY_BAD_VALUE' as const, message: 'bad' } : undefined)
    })
    const target = await (endpoint as { readonly connector: Connector }).connector.openTarget(
      {},
      { logger: { debug() {}, info() {}, warn() {}, error() {} } }
    )
    const report = collectionReport({ name: 'a', target: 'a' })
    const state = new CollectionState(report, { fresh: true, isNew: true, idsMayRepeat: true, firstStays: true })
    await target.prepare('a', { create: true })
    const writer = new BatchWriter({
      target,
      send: (name, batch, { fresh }) => writeBatch(target, name, batch, { onConflict: 'skip', fresh, baseMs: 1, attempts: 5 }),
      enter: () => Promise.resolve(state),
      bury: async ({ code }) => {
        if (code === 'DOCFERRY_FIRST_FAILED') state.addFailed('y')
      },
      rate: new RateControl(target.limits),
      onMark: () => undefined
    })
    await writer.add(new Section('a'))
    const documents = [{ _id: 'x', bad: true }, { _id: 'y' }, { _id: 'x' }, { _id: 'y', again: true }]
    for (const document of documents) await writer.add(document)
    await writer.finish()
    expect(report.written + report.skipped + report.failed).to.equal(documents.length)
  })
})
