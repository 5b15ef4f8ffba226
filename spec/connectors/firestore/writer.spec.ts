import { expect } from 'chai'
import type { Document, Encoded, Target, WriteOutcome } from '../../../lib/types.ts'
import type { FirestoreOptions } from '../../../lib/connectors/firestore/index.ts'
import { startGrpcProxy } from '../../support/grpc-proxy.ts'
import { uniqueName } from '../../support/servers.ts'
import { accepted, encodeAll, encoderBelow, fullest, numbered, openGate, openTarget, ownProject, thrownBy, writeAll } from './support.ts'

const codeOf = (outcome: WriteOutcome | undefined): string | undefined => (typeof outcome === 'object' ? outcome.code : outcome)

describe('firestore: writer', () => {
  let options: FirestoreOptions
  let target: Target<Buffer>
  let collection: string

  before(async () => {
    options = await ownProject()
    target = await openTarget(options)
  })
  beforeEach(() => {
    collection = uniqueName()
  })
  after(() => target.close())

  /** What Firestore refuses, and docferry's own checks would not have let through: a reserved name. */
  function malformed(id: string): Encoded<Buffer> {
    return accepted(encoderBelow(options.project!, '__a__/b').encode(collection, { _id: id }))
  }

  async function stored(ids: readonly string[]): Promise<string[]> {
    const documents = await target.get(collection, ids, { idsOnly: true })
    return documents!.map(({ _id }) => _id).sort()
  }

  it('tells an empty collection from one that holds documents', async () => {
    expect(await target.prepare(collection, { create: true })).to.deep.equal({ created: true, empty: true })
    await writeAll(target, collection, numbered(1))
    expect(await target.prepare(collection, { create: false })).to.include({ created: false, empty: false, documents: 1 })
  })

  it('shows that it writes by something that nobody sees, and of which nothing stays', async () => {
    await target.takesWrites!(collection, { onConflict: 'skip', fresh: false })
    expect(await target.prepare(collection, { create: false })).to.deep.equal({ created: true, empty: true })
    const prepared = await writeAll(target, collection, [{ _id: 'x' }])
    expect(prepared).to.deep.equal(['written'])
    await target.takesWrites!(collection, { onConflict: 'overwrite', fresh: true })
    expect(await target.prepare(collection, { create: false })).to.include({ documents: 1 })
  })

  it('stores the field _id as Gofannon does', async () => {
    await writeAll(target, collection, [{ _id: 'x', a: 1 }])
    const response = await fetch(`http://${options.emulator}/v1/projects/${options.project}/databases/(default)/documents/${collection}/x`)
    const { fields } = (await response.json()) as { fields: unknown }
    expect(fields).to.deep.equal({ _id: { stringValue: 'x' }, a: { integerValue: '1' } })
  })

  it('skips only the documents that exist', async () => {
    await writeAll(target, collection, [{ _id: 'b', old: true }])
    const documents = ['a', 'b', 'c'].map(_id => ({ _id, old: false }))
    const outcomes = await writeAll(target, collection, documents, { onConflict: 'skip', fresh: false })
    expect(outcomes).to.deep.equal(['written', 'skipped', 'written'])
    expect(await target.get(collection, ['b'], {})).to.deep.equal([{ _id: 'b', old: true }])
  })

  it('reports only the documents that exist as conflicts', async () => {
    await writeAll(target, collection, [{ _id: 'b' }])
    const outcomes = await writeAll(target, collection, numbered(2).concat({ _id: 'b' }), { onConflict: 'fail', fresh: false })
    expect(outcomes.map(codeOf)).to.deep.equal(['written', 'written', 'DOCFERRY_CONFLICT'])
  })

  it('replaces a document whole when it overwrites', async () => {
    await writeAll(target, collection, [{ _id: 'a', old: true }])
    expect(await writeAll(target, collection, [{ _id: 'a', new: true }], { onConflict: 'overwrite', fresh: false })).to.deep.equal([
      'written'
    ])
    expect(await target.get(collection, ['a'], {})).to.deep.equal([{ _id: 'a', new: true }])
  })

  for (const fresh of [true, false]) {
    it(`isolates the documents that Firestore refuses a whole request for, ${fresh ? 'without' : 'with'} a condition`, async () => {
      const batch: Encoded<Buffer>[] = encodeAll(target, collection, numbered(40))
      batch[7] = malformed('bad7')
      batch[31] = malformed('bad31')
      const outcomes = await target.write(collection, batch, { onConflict: 'skip', fresh })
      const failed = outcomes.flatMap((outcome, index) => (outcome === 'written' ? [] : [[index, codeOf(outcome)]]))
      expect(failed).to.deep.equal([
        [7, 'DOCFERRY_REFUSED'],
        [31, 'DOCFERRY_REFUSED']
      ])
      expect(await stored(batch.map(({ id }) => id))).to.have.length(38)
    })
  }

  it('reports a document that is too large for Firestore, and writes the others', async () => {
    const tooLarge = accepted(encoderBelow(options.project!).encode(collection, fullest(target, collection, {})))
    const batch = [...encodeAll(target, collection, numbered(2)), tooLarge]
    const outcomes = await target.write(collection, batch, { onConflict: 'overwrite', fresh: true })
    expect(outcomes.map(codeOf)).to.deep.equal(['written', 'written', 'DOCFERRY_TOO_LARGE'])
  })

  it('writes batches that are as large as its limits allow', async () => {
    const documents: Document[] = numbered(4, 'x'.repeat(1_040_000))
    const batch = encodeAll(target, collection, documents)
    const bytes = batch.reduce((sum, document) => sum + document.bytes, 0)
    const filler = encodeAll(target, collection, [{ _id: 'filler', a: 'x'.repeat(target.limits.batchBytes - bytes - 200) }])[0]!
    expect(bytes + filler.bytes).to.be.within(target.limits.batchBytes - 200, target.limits.batchBytes)
    const outcomes = await target.write(collection, [...batch, filler], { onConflict: 'skip', fresh: false })
    expect(new Set(outcomes)).to.deep.equal(new Set(['written']))
  })

  it('halves a batch that is too large for the server', async () => {
    const batch = encodeAll(target, collection, numbered(6, 'x'.repeat(1_000_000)))
    const outcomes = await target.write(collection, batch, { onConflict: 'skip', fresh: false })
    expect(new Set(outcomes)).to.deep.equal(new Set(['written']))
  })

  it('looks up ids that cannot exist without asking', async () => {
    await writeAll(target, collection, [{ _id: 'a' }])
    expect(await target.get(collection, ['a', 'b', '', '.', 'a/b/c', '__x__', '\ud800'], {})).to.deep.equal([{ _id: 'a' }])
  })

  it('says what a batch costs', () => {
    const batch = encodeAll(target, collection, numbered(3))
    expect(target.usage!(batch, { onConflict: 'skip', fresh: false })).to.deep.equal({ requests: 1, documentWrites: 3 })
    expect(target.usage!([], { onConflict: 'skip', fresh: true })).to.deep.equal({ requests: 0, documentWrites: 0 })
  })

  it('throws what may be tried again when the connection is cut', async () => {
    const gate = await openGate(options.emulator!)
    const gated = await openTarget({ ...options, emulator: gate.host })
    try {
      gate.cutAfter(0)
      const error = await thrownBy(writeAll(gated, collection, numbered(10)))
      expect(error).to.include({ code: 'DOCFERRY_CONNECT', retryable: true })
      expect(new Set(await writeAll(gated, collection, numbered(10)))).to.deep.equal(new Set(['written']))
    } finally {
      await gated.close()
      await gate.close()
    }
  })

  it('says that the target failed where it does not tell which documents it holds', async () => {
    const proxy = await startGrpcProxy({ target: options.emulator! })
    const failing = await openTarget({ ...options, emulator: proxy.host })
    try {
      const action = { type: 'status', code: 9, details: 'not now' } as const
      proxy.faults.push({ match: ({ method }) => method === 'BatchGetDocuments', action, times: Infinity })
      for (const asking of [failing.get(collection, ['a'], {}), failing.look!(collection, ['a'], {})]) {
        const { code, message } = await thrownBy(asking)
        expect(code).to.equal('DOCFERRY_TARGET')
        expect(message).to.match(/^cannot look up documents of collection /)
      }
    } finally {
      await failing.close()
      await proxy.close()
    }
  })

  it('stops at once when aborted, with the reason', async () => {
    const gate = await openGate(options.emulator!)
    const gated = await openTarget({ ...options, emulator: gate.host })
    try {
      gate.silenceAfter(0)
      const reason = new Error('enough')
      const controller = new AbortController()
      const writing = writeAll(gated, collection, numbered(10), { onConflict: 'skip', fresh: false, signal: controller.signal })
      controller.abort(reason)
      expect(await thrownBy(writing)).to.equal(reason)
      expect(await thrownBy(gated.get(collection, ['a'], { signal: controller.signal }))).to.equal(reason)
    } finally {
      await gated.close()
      await gate.close()
    }
  })
})
