import { expect } from 'chai'
import { BatchWriter } from '../../lib/engine/batch-writer.ts'
import { CollectionState } from '../../lib/engine/collection-state.ts'
import { RateControl } from '../../lib/engine/rate-control.ts'
import { writeBatch } from '../../lib/engine/write-batch.ts'
import { DocferryError } from '../../lib/errors.ts'
import { collectionReport } from '../../lib/report.ts'
import { Section } from '../../lib/types.ts'
import type { Encoded, Target, WriteOutcome } from '../../lib/types.ts'

const pushedBack: WriteOutcome = { code: 'DOCFERRY_THROTTLED', message: 'too much', retryable: true }
const refused: WriteOutcome = { code: 'DOCFERRY_BAD_VALUE', message: 'no', retryable: false }

/** A target of batches of three. @param answer of each call in turn; the last one stays */
function targetOf(answers: ((count: number) => WriteOutcome[])[]): { readonly target: Target; readonly log: string[] } {
  const log: string[] = []
  const idsOf = (documents: readonly Encoded[]): string => documents.map(({ id }) => id).join()
  const target: Target = {
    location: { provider: 'memory', address: 'a', identity: 'a' },
    limits: { batchCount: 3, batchBytes: 1_000, inFlight: 1 },
    checkCollection: () => undefined,
    prepare: () => Promise.resolve({ created: true, empty: true }),
    encode: (_, document) => ({ id: document._id, bytes: 1, payload: document }),
    write: (_, documents) => {
      log.push(`write ${idsOf(documents)}`)
      return Promise.resolve((answers.length > 1 ? answers.shift()! : answers[0]!)(documents.length))
    },
    release: documents => void (documents.length > 0 && log.push(`release ${idsOf(documents)}`)),
    get: () => Promise.resolve([]),
    commit: () => Promise.resolve(),
    close: () => Promise.resolve()
  }
  return { target, log }
}

async function write(target: Target, ids: readonly string[]): Promise<void> {
  const state = new CollectionState(collectionReport({ name: 'a', target: 'a' }), {
    fresh: true,
    isNew: true,
    idsMayRepeat: true,
    firstStays: true
  })
  const writer = new BatchWriter({
    target,
    send: (name, batch, { fresh }) => writeBatch(target, name, batch, { onConflict: 'skip', fresh, baseMs: 1, attempts: 3 }),
    enter: () => Promise.resolve(state),
    bury: ({ id }) => Promise.resolve(state.addFailed(id!)),
    rate: new RateControl(target.limits),
    onMark: () => undefined
  })
  await writer.add(new Section('a'))
  for (const _id of ids) await writer.add({ _id })
  await writer.finish()
}

const written = (count: number): WriteOutcome[] => new Array<WriteOutcome>(count).fill('written')

describe('documents in their target form are released', () => {
  it('when the whole batch has its outcomes, however often a part was sent', async () => {
    const { target, log } = targetOf([() => ['written', pushedBack, refused], written])
    await write(target, ['a', 'b', 'c'])
    expect(log).to.deep.equal(['write a,b,c', 'write b', 'release a,b,c'])
  })

  it('once where an id comes again', async () => {
    const { target, log } = targetOf([written])
    await write(target, ['a', 'a', 'b'])
    expect(
      log
        .filter(line => line.startsWith('release'))
        .flatMap(line => line.split(/[ ,]/).slice(1))
        .toSorted()
    ).to.deep.equal(['a', 'a', 'b'])
  })

  it('never where a call for them was given up, which may still send them', async () => {
    const lost = (): never => {
      throw new DocferryError('DOCFERRY_CONNECT', 'lost', { retryable: true })
    }
    const { target, log } = targetOf([lost, written])
    await write(target, ['a', 'b', 'c', 'd'])
    expect(log.filter(line => line.startsWith('release'))).to.deep.equal(['release d'])
  })
})
