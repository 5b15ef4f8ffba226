import { expect } from 'chai'
import { connect } from '../../lib/connectors/firestore/client.ts'
import type { FirestoreConnection } from '../../lib/connectors/firestore/client.ts'
import type { GrpcError } from '../../lib/connectors/firestore/errors.ts'
import { FirestoreTarget } from '../../lib/connectors/firestore/writer.ts'
import { listeningLogger, numbered, writeAll } from '../connectors/firestore/support.ts'
import { startGrpcProxy } from './grpc-proxy.ts'
import type { GrpcAction, GrpcProxy } from './grpc-proxy.ts'
import { isolatedProject, servers } from './servers.ts'

describe('fault proxy: gRPC', function () {
  this.timeout(30_000)
  let proxy: GrpcProxy
  let connection: FirestoreConnection
  let target: FirestoreTarget

  before(async () => {
    proxy = await startGrpcProxy({ target: (await servers.firestore()).host })
    connection = await connect({ project: isolatedProject(), emulator: proxy.host }, { logger: listeningLogger() })
    target = new FirestoreTarget(connection, listeningLogger())
    await writeAll(target, 'c', numbered(5))
  })
  beforeEach(() => {
    proxy.faults.length = 0
    proxy.forget()
  })
  after(async () => {
    await connection.close()
    await proxy.close()
  })

  /** The answers of a query, and the code that it ended with. */
  const query = async (action?: GrpcAction, timeoutMs = 20_000): Promise<{ answers: number; code: number }> => {
    if (action) proxy.faults.push({ match: ({ method }) => method === 'RunQuery', action })
    const structuredQuery = { from: [{ collectionId: 'c' }] }
    const call = connection.stream('RunQuery', { parent: connection.root, structuredQuery }, { deadline: Date.now() + timeoutMs })
    let answers = 0
    return new Promise(resolve => {
      call.on('data', () => answers++)
      call.on('error', (error: GrpcError & Error) => resolve({ answers, code: error.code }))
      call.on('end', () => resolve({ answers, code: 0 }))
    })
  }

  it('passes everything on without faults', async () => {
    const { answers, code } = await query()
    expect({ answers, code }).to.deep.equal({ answers: 5, code: 0 })
    expect(proxy.requests.map(({ method }) => method)).to.deep.equal(['RunQuery'])
  })

  it('answers with a status, and passes nothing on', async () => {
    expect(await query({ type: 'status', code: 8, details: 'Quota exceeded.' })).to.deep.equal({ answers: 0, code: 8 })
  })

  it('closes the connection in the middle of an answer', async () => {
    expect(await query({ type: 'cut', afterMessages: 2 })).to.deep.equal({ answers: 2, code: 14 })
  })

  it('ends an answer early, with a status or without', async () => {
    expect(await query({ type: 'breakOff', afterMessages: 3, code: 16 })).to.deep.equal({ answers: 3, code: 16 })
    const { answers, code } = await query({ type: 'breakOff', afterMessages: 3 })
    expect(answers).to.equal(3)
    expect(code).to.be.greaterThan(0)
  })

  it('says nothing more in the middle of an answer', async () => {
    expect(await query({ type: 'stall', afterMessages: 1 }, 300)).to.deep.equal({ answers: 1, code: 4 })
  })

  it('closes and resets connections', async () => {
    for (const type of ['refuse', 'reset'] as const) expect(await query({ type })).to.deep.equal({ answers: 0, code: 14 })
  })

  it('fails some writes of a batch, and passes the others on', async () => {
    proxy.faults.push({ action: { type: 'failWrites', keepBack: index => index === 1, code: 10, details: 'contention' } })
    const outcomes = await writeAll(target, 'd', numbered(3))
    expect(outcomes.map(outcome => (typeof outcome === 'object' ? outcome.code : outcome))).to.deep.equal([
      'written',
      'DOCFERRY_THROTTLED',
      'written'
    ])
    const held = await target.get('d', ['d00000', 'd00001', 'd00002'], {})
    expect(held.map(({ _id }) => _id)).to.have.members(['d00000', 'd00002'])
  })

  it('loses an answer when the work is done', async () => {
    proxy.faults.push({ action: { type: 'loseAnswer' } })
    const error = await writeAll(target, 'e', numbered(1)).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_CONNECT', retryable: true })
    expect(await target.get('e', ['d00000'], {})).to.have.lengthOf(1)
  })

  it('goes down, and comes back in the same place', async () => {
    await proxy.goDown()
    expect((await query()).code).to.equal(14)
    await proxy.comeBack()
    // The channel waits a little before it connects anew.
    let code = 14
    while (code === 14) ({ code } = await query())
    expect(code).to.equal(0)
  })
})
