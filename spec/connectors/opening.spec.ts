/** How patient the calls are with which an end is opened. */
import { expect } from 'chai'
import { createServer } from 'node:net'
import { firstCall } from '../../lib/engine/first-calls.ts'
import { DocferryError } from '../../lib/errors.ts'
import { couchdbConnector } from '../../lib/connectors/couchdb/index.ts'
import { dynamodbConnector } from '../../lib/connectors/dynamodb/index.ts'
import { firestoreConnector } from '../../lib/connectors/firestore/index.ts'
import type { OpenContext, Source } from '../../lib/types.ts'
import { startGrpcProxy } from '../support/grpc-proxy.ts'
import { listen } from '../support/tcp-proxy.ts'
import { json, startStub } from './couchdb/stub.ts'
import { errorOf, Stub } from './dynamodb/support.ts'
import { listeningLogger, ownProject } from './firestore/support.ts'

interface Opening {
  open(context: OpenContext): Promise<Source>
  /** Calls with which it was opened so far. */
  calls(): number
  stop(): Promise<void>
}

interface Kind {
  readonly name: string
  /** An end whose first call fails so often: as a server fails (500), or as it refuses (4xx). */
  failing(times: number, how: 'broken' | 'refused'): Promise<Opening>
  /** The same on a port where nothing listens. */
  nowhere(port: number): (context: OpenContext) => Promise<Source>
}

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }

const kinds: readonly Kind[] = [
  {
    name: 'couchdb',
    async failing(times, how) {
      const stub = await startStub()
      let calls = 0
      const failure = how === 'broken' ? json({ error: 'oops' }, 500) : json({ error: 'forbidden' }, 403)
      stub.welcome = () => (++calls > times ? json({ couchdb: 'Welcome', version: '3.5.0' }) : failure)
      const open = (context: OpenContext): Promise<Source> => couchdbConnector.openSource({ url: stub.url }, context)
      return { open, calls: () => calls, stop: () => stub.stop() }
    },
    nowhere: port => context => couchdbConnector.openSource({ url: `http://127.0.0.1:${port}` }, context)
  },
  {
    name: 'dynamodb',
    async failing(times, how) {
      const failure =
        how === 'broken'
          ? { status: 500, body: { __type: 'com.amazonaws.dynamodb.v20120810#InternalServerError' } }
          : { status: 400, body: { __type: 'com.amazonaws.dynamodb.v20120810#ValidationException' } }
      const stub = await Stub.start((_, count) => (count < times ? failure : undefined))
      const open = (context: OpenContext): Promise<Source> =>
        dynamodbConnector.openSource({ endpoint: stub.endpoint, credentials }, context)
      return { open, calls: () => stub.requests.length, stop: () => stub.close() }
    },
    nowhere: port => context => dynamodbConnector.openSource({ endpoint: `http://127.0.0.1:${port}`, credentials }, context)
  },
  {
    name: 'firestore',
    async failing(times, how) {
      const options = await ownProject()
      const proxy = await startGrpcProxy({ target: options.emulator! })
      proxy.faults.push({ times, action: { type: 'status', code: how === 'broken' ? 13 : 7 } })
      const open = (context: OpenContext): Promise<Source> => firestoreConnector.openSource({ ...options, emulator: proxy.host }, context)
      return { open, calls: () => proxy.count(), stop: () => proxy.close() }
    },
    nowhere: port => context => firestoreConnector.openSource({ project: 'p', emulator: `127.0.0.1:${port}` }, context)
  }
]

for (const { name, failing, nowhere } of kinds) {
  describe(`opening: ${name}`, () => {
    const stops: (() => Promise<void>)[] = []
    afterEach(async () => {
      for (const stop of stops.splice(0).reverse()) await stop()
    })

    async function opening(times: number, how: 'broken' | 'refused'): Promise<Opening> {
      const made = await failing(times, how)
      stops.push(() => made.stop())
      return made
    }

    it('goes on asking a server that fails, and says so', async () => {
      const { open, calls } = await opening(9, 'broken')
      const logger = listeningLogger()
      const source = await open({ logger, retry: { baseMs: 1 } })
      await source.close()
      expect(calls()).to.equal(10)
      expect(logger.lines.map(({ level }) => level)).to.deep.equal(Array.from({ length: 9 }, (_, index) => (index === 3 ? 'warn' : 'info')))
    })

    it('asks as often as the run tries its calls', async () => {
      const { open, calls } = await opening(20, 'broken')
      const error = await errorOf(open({ logger: listeningLogger(), retry: { attempts: 5, baseMs: 1 } }))
      expect(error.exitCode).to.equal(10)
      expect(calls()).to.equal(5)
    })

    it('takes a refusal at its word', async () => {
      const { open, calls } = await opening(20, 'refused')
      await errorOf(open({ logger: listeningLogger(), retry: { baseMs: 1 } })).catch(() => undefined)
      expect(calls()).to.equal(1)
    })

    it('fails soon where nothing listens', async () => {
      const server = createServer()
      const port = await listen(server)
      await new Promise(closed => server.close(closed))
      const logger = listeningLogger()
      const error = await errorOf(nowhere(port)({ logger, retry: { baseMs: 1 } }))
      expect(error).to.include({ code: 'DOCFERRY_CONNECT' })
      expect(logger.lines.length).to.be.below(3)
    })
  })
}

describe('opening: any end', () => {
  it('has enough of an address that nobody answers at, also after answers', async () => {
    const failures = ['answer', 'none', 'answer', 'none', 'none']
    let calls = 0
    const work = (): Promise<never> =>
      Promise.reject(new DocferryError('DOCFERRY_CONNECT', failures[calls++] ?? 'one too many', { retryable: true }))
    const isHopeless = ({ message }: DocferryError): boolean => message === 'none'
    const error = await errorOf(firstCall(work, { logger: listeningLogger(), retry: { baseMs: 1 }, isHopeless, hopelessTries: 2 }))
    expect(error.message).to.equal('none')
    expect(calls).to.equal(5)
  })
})
