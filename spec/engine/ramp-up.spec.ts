import { setImmediate } from 'node:timers/promises'
import { expect } from 'chai'
import { BatchWriter } from '../../lib/engine/batch-writer.ts'
import { CollectionState } from '../../lib/engine/collection-state.ts'
import { DocumentSlice } from '../../lib/engine/document-slice.ts'
import { RateControl } from '../../lib/engine/rate-control.ts'
import { DocumentPacker } from '../../lib/kernel/pack-documents.ts'
import { collectionReport } from '../../lib/report.ts'
import { Section } from '../../lib/types.ts'
import type { Target } from '../../lib/types.ts'

const sliceSize = 20

const target: Target = {
  location: { provider: 'memory', address: 'a', identity: 'a' },
  limits: { batchCount: sliceSize, batchBytes: 1e6, inFlight: 4 },
  checkCollection: () => undefined,
  prepare: () => Promise.resolve({ created: true, empty: true }),
  encode: (_, document) => ({ id: document._id, bytes: 1, payload: document }),
  lines: { noUnderscores: true, wantsObjects: () => true, encode: (_, id, line) => ({ id, bytes: line.length, payload: line }) },
  write: (_, documents) => Promise.resolve(documents.map(() => 'written' as const)),
  get: () => Promise.resolve([]),
  commit: () => Promise.resolve(),
  close: () => Promise.resolve()
}

/** @returns in which order slices were packed and batches sent; before each is sent there is something to wait for, as the disk */
async function write(slices: number, rate: RateControl): Promise<readonly string[]> {
  const log: string[] = []
  const state = new CollectionState(collectionReport({ name: 'a', target: 'a' }), {
    fresh: true,
    isNew: true,
    idsMayRepeat: false,
    firstStays: true
  })
  const packer = new DocumentPacker()
  const writer = new BatchWriter({
    target,
    send: async (_, batch) => {
      await setImmediate()
      log.push('send')
      return batch.map(() => 'written' as const)
    },
    pack: documents => {
      log.push('pack')
      return packer.pack(documents)
    },
    enter: () => Promise.resolve(state),
    bury: () => Promise.resolve(),
    rate,
    onMark: () => undefined
  })
  await writer.add(new Section('a'))
  for (let slice = 0; slice < slices; slice++) {
    const documents = Array.from({ length: sliceSize }, (_, index) => ({ _id: `${slice}-${index}`, n: index }))
    await writer.add(new DocumentSlice(documents))
  }
  await writer.finish()
  expect(state.report.written).to.equal(slices * sliceSize)
  return log
}

describe('documents that come as objects, from a source that never waits', () => {
  it('are on their way while more of them are packed', async () => {
    const log = await write(4, new RateControl(target.limits))
    expect(log.filter(line => line === 'send')).to.have.lengthOf(4)
    expect(log.indexOf('send')).to.be.lessThan(log.lastIndexOf('pack'))
  })

  it('are packed one batch ahead where no more may be under way', async () => {
    const log = await write(3, new RateControl({ ...target.limits, inFlight: 1 }))
    expect(log).to.deep.equal(['pack', 'pack', 'send', 'pack', 'send', 'send'])
  })
})
