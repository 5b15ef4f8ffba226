/** Changes over a network that fails: the call throws what may be tried again, and a second one finds out what the first has done. */
import { expect } from 'chai'
import { openTarget } from '../../lib/open.ts'
import type { Endpoint } from '../../lib/open.ts'
import type { Change, Document, Encoded, Held, Target } from '../../lib/types.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import type { Fault, FaultProxy, ProxyRequest } from '../support/fault-proxy.ts'
import { servers, uniqueName } from '../support/servers.ts'
import { subjects } from './subjects.ts'
import { expectSame } from './suite.ts'

type Changing = Target & Required<Pick<Target, 'look' | 'change'>>

interface Way {
  readonly server: () => Promise<{ readonly url: string; readonly end: (url: string) => Endpoint }>
  readonly changes: (request: ProxyRequest) => boolean
  readonly throttle: Fault['action']
  /** What throttling is to be told as. */
  readonly code: string
}

const ways: Readonly<Record<'couchdb' | 'dynamodb', Way>> = {
  couchdb: {
    async server() {
      const { url, user, password } = await servers.couchdb()
      return { url, end: proxied => ({ connector: 'couchdb', options: { url: proxied, user, password } }) }
    },
    changes: ({ path }) => path.endsWith('/_bulk_docs'),
    throttle: { type: 'throttle', status: 429, retryAfterSeconds: 3 },
    code: 'DOCFERRY_CONNECT'
  },
  dynamodb: {
    async server() {
      const { endpoint, region } = await servers.dynamodb()
      return { url: endpoint, end: endpointUrl => ({ connector: 'dynamodb', options: { endpoint: endpointUrl, region } }) }
    },
    changes: ({ operation }) => operation === 'TransactWriteItems',
    throttle: { type: 'dynamodbError', name: 'ProvisionedThroughputExceededException' },
    code: 'DOCFERRY_THROTTLED'
  }
}

for (const provider of ['couchdb', 'dynamodb'] as const) {
  describe(`conformance: ${provider}: changes over a bad network`, function () {
    this.timeout(60_000)
    const { server, changes: isChange, throttle, code } = ways[provider]
    let proxy: FaultProxy
    let target: Changing
    let collection: string
    const made: string[] = []
    const ids = ['a', 'b', 'c']
    const old = ids.map((_id): Document => ({ _id, n: 'old' }))
    const wanted = [
      { _id: 'b', n: 'new' },
      { _id: 'c', n: 'old' }
    ]

    before(async () => {
      const { url, end } = await server()
      proxy = await startFaultProxy({ target: url })
      target = (await openTarget(end(proxy.url))) as Changing
    })
    after(async () => {
      await target.close()
      await proxy.close()
      await (await subjects[provider]()).remove(made)
    })

    const encode = (document: Document): Encoded => target.encode(collection, document) as Encoded
    /** To remove `a` and replace `b`. */
    let changes: Change[]

    beforeEach(async () => {
      collection = uniqueName('change')
      made.push(collection)
      proxy.faults.length = 0
      await target.prepare(collection, { create: true })
      await target.write(collection, old.map(encode), { onConflict: 'skip', fresh: true })
      const held = await target.look(collection, ids, {})
      const seen = (id: string): Held => held.find(({ document }) => document._id === id) as Held
      changes = [{ seen: seen('a') }, { seen: seen('b'), put: encode({ _id: 'b', n: 'new' }) }]
    })

    const change = () => target.change(collection, changes, {})
    const failing = async (action: Fault['action']): Promise<unknown> => {
      proxy.faults.push({ match: isChange, action })
      const thrown: unknown = await change().catch((error: unknown) => error)
      expect(proxy.faults, 'the fault came to pass').to.deep.equal([])
      return thrown
    }
    const held = async (): Promise<readonly Document[]> => (await target.get(collection, ids, {})) ?? []

    it('throws when it is throttled, and has changed nothing', async () => {
      expect(await failing(throttle)).to.include({ code, retryable: true })
      expectSame(await held(), old)
      expect(await change()).to.deep.equal(['done', 'done'])
      expectSame(await held(), wanted)
    })

    it('throws when the connection is refused', async () => {
      expect(await failing({ type: 'refuse' })).to.include({ code: 'DOCFERRY_CONNECT', retryable: true })
      expect(await change()).to.deep.equal(['done', 'done'])
      expectSame(await held(), wanted)
    })

    for (const action of [{ type: 'loseAnswer' }, { type: 'cut', afterBytes: 1 }] as const) {
      it(`throws when an answer does not come whole (${action.type}), and then tells as changed what was done`, async () => {
        expect(await failing(action)).to.include({ code: 'DOCFERRY_CONNECT', retryable: true })
        expect(await change()).to.deep.equal(['changed', 'changed'])
        expectSame(await held(), wanted)
      })
    }

    it('gives up at once when it is told to while the server does not answer', async () => {
      proxy.faults.push({ match: isChange, action: { type: 'stall' } })
      proxy.forget()
      const abort = new AbortController()
      const reason = new Error('Ctrl-C')
      const changing = target.change(collection, changes, { signal: abort.signal }).catch((error: unknown) => error)
      await proxy.waitFor(isChange)
      abort.abort(reason)
      expect(await changing).to.equal(reason)
    })
  })
}
