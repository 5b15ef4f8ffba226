/** Whole runs over a network that fails: every document arrives, once, and is counted right. */
import { expect } from 'chai'
import type { Endpoint } from '../../lib/open.ts'
import { migrate } from '../support/migrate.ts'
import type { Document, OnConflict } from '../../lib/types.ts'
import { startFaultProxy, startTcpProxy } from '../support/fault-proxy.ts'
import type { Fault, FaultProxy, ProxyRequest, TcpProxy } from '../support/fault-proxy.ts'
import { scriptedSource, scriptedTarget } from '../support/scripted-connector.ts'
import { isolatedProject, servers, uniqueName } from '../support/servers.ts'
import { subjects } from './subjects.ts'
import { digest, someDocuments } from './suite.ts'

const retry = { attempts: 8, baseMs: 1, capMs: 50 }
const count = 2_000

interface Way {
  readonly proxy: FaultProxy
  /** Through the proxy. */
  readonly end: Endpoint
  readonly writes: (request: ProxyRequest) => boolean
  readonly reads: (request: ProxyRequest) => boolean
  readonly throttle: Fault['action']
}

const ways: Readonly<Record<'couchdb' | 'dynamodb', () => Promise<Way>>> = {
  async couchdb() {
    const { url, user, password } = await servers.couchdb()
    const proxy = await startFaultProxy({ target: url })
    return {
      proxy,
      end: { connector: 'couchdb', options: { url: proxy.url, user, password } },
      writes: ({ path }) => path.endsWith('/_bulk_docs'),
      reads: ({ path }) => path.includes('/_all_docs'),
      throttle: { type: 'throttle', status: 429 }
    }
  },
  async dynamodb() {
    const { endpoint, region } = await servers.dynamodb()
    const proxy = await startFaultProxy({ target: endpoint })
    return {
      proxy,
      end: { connector: 'dynamodb', options: { endpoint: proxy.url, region } },
      writes: ({ operation }) => operation === 'BatchWriteItem' || operation === 'TransactWriteItems',
      reads: ({ operation }) => operation === 'Scan',
      throttle: { type: 'dynamodbError', name: 'ProvisionedThroughputExceededException' }
    }
  }
}

for (const provider of ['couchdb', 'dynamodb'] as const) {
  describe(`conformance: ${provider} over a bad network`, function () {
    this.timeout(60_000)
    let way: Way
    let collection: string
    const made: string[] = []

    before(async () => {
      way = await ways[provider]()
    })
    beforeEach(() => {
      collection = uniqueName('net')
      made.push(collection)
      way.proxy.faults.length = 0
    })
    after(async () => {
      await way.proxy.close()
      await (await subjects[provider]()).remove(made)
    })

    const documents = someDocuments(count)
    const write = async (onConflict: OnConflict = 'skip'): Promise<void> => {
      const report = await migrate({
        source: scriptedSource({ collections: { [collection]: documents }, pageSize: 500 }),
        target: way.end,
        retry,
        onConflict
      })
      expect(report.collections[0]).to.include({ written: count, skipped: 0, failed: 0 })
      expect(way.proxy.faults, 'every fault came to pass').to.deep.equal([])
    }
    const read = async (): Promise<Document[]> => {
      const target = scriptedTarget()
      const report = await migrate({ source: way.end, target: target.endpoint, collections: [collection], retry })
      expect(report.collections[0]).to.include({ read: count, written: count })
      return [...(target.collections.get(collection)?.values() ?? [])]
    }
    const expectAll = async (): Promise<void> => void expect(digest(await read())).to.equal(digest(documents))

    it('writes everything when it is throttled', async () => {
      way.proxy.faults.push({ match: way.writes, times: 5, action: way.throttle })
      await write()
      await expectAll()
    })

    it('writes everything, and counts it as written, when answers are lost', async () => {
      way.proxy.faults.push({ match: way.writes, times: 3, action: { type: 'loseAnswer' } })
      await write()
      await expectAll()
    })

    it('does so where each write has a condition, too', async () => {
      await migrate({ source: scriptedSource({ collections: { [collection]: [{ _id: 'there' }] } }), target: way.end })
      way.proxy.faults.push({ match: way.writes, times: 3, action: { type: 'loseAnswer' } })
      await write('fail')
    })

    it('writes everything when answers are cut short', async () => {
      way.proxy.faults.push({ match: way.writes, times: 3, action: { type: 'cut', afterBytes: 1 } })
      await write()
      await expectAll()
    })

    it('skips what is there when an answer that says so is cut short', async () => {
      const there = documents.filter((_, index) => index % 2 === 0)
      await migrate({ source: scriptedSource({ collections: { [collection]: there } }), target: way.end })
      for (const afterBytes of [0, 1, 60]) way.proxy.faults.push({ match: way.writes, action: { type: 'cut', afterBytes } })
      const report = await migrate({
        source: scriptedSource({ collections: { [collection]: documents }, pageSize: 500 }),
        target: way.end,
        retry
      })
      expect(way.proxy.faults).to.deep.equal([])
      expect(report.collections[0]).to.include({ read: count, failed: 0 })
      await expectAll()
    })

    it('reads everything when pages are cut short, at any place', async () => {
      await write()
      for (const afterBytes of [0, 1, 1_000, 20_000]) way.proxy.faults.push({ match: way.reads, action: { type: 'cut', afterBytes } })
      await expectAll()
      expect(way.proxy.faults).to.deep.equal([])
    })

    it('reads everything when connections are refused and answers are errors', async () => {
      await write()
      way.proxy.faults.push(
        { match: way.reads, action: { type: 'refuse' } },
        { match: way.reads, action: way.throttle },
        {
          match: way.reads,
          action: { type: 'answer', status: 502, headers: { 'content-type': 'text/html' }, body: '<html>Bad Gateway</html>' }
        }
      )
      await expectAll()
      expect(way.proxy.faults).to.deep.equal([])
    })

    it('ends the run with an error that says so when the target stays away', async () => {
      way.proxy.faults.push({ match: way.writes, times: Infinity, action: { type: 'refuse' } })
      const error = await migrate({
        source: scriptedSource({ collections: { [collection]: documents } }),
        target: way.end,
        retry: { ...retry, attempts: 3 }
      }).catch((reason: unknown) => reason)
      expect(error).to.include({ code: 'DOCFERRY_CONNECT', exitCode: 10 })
      way.proxy.faults.length = 0
    })

    it('stops soon when told to while the target does not answer', async () => {
      way.proxy.faults.push({ match: way.reads, times: Infinity, action: { type: 'stall' } })
      await migrate({ source: scriptedSource({ collections: { [collection]: documents } }), target: way.end })
      const abort = new AbortController()
      way.proxy.forget()
      const moving = migrate({ source: way.end, target: scriptedTarget().endpoint, collections: [collection], signal: abort.signal }).catch(
        (reason: unknown) => reason
      )
      await way.proxy.waitFor(way.reads)
      abort.abort(new Error('Ctrl-C'))
      expect(await moving).to.include({ code: 'DOCFERRY_INTERRUPTED' })
      way.proxy.faults.length = 0
    })
  })
}

describe('conformance: firestore over a bad network', function () {
  this.timeout(60_000)
  let proxy: TcpProxy
  let end: Endpoint
  const documents = someDocuments(count)

  beforeEach(async () => {
    const { host } = await servers.firestore()
    proxy = await startTcpProxy({ target: host })
    end = { connector: 'firestore', options: { project: isolatedProject(), emulator: proxy.host } }
  })
  afterEach(() => proxy.close())

  const write = async (onConflict: OnConflict = 'skip'): Promise<void> => {
    const report = await migrate({
      source: scriptedSource({ collections: { net: documents }, pageSize: 500 }),
      target: end,
      retry,
      onConflict
    })
    expect(report.collections[0]).to.include({ written: count, skipped: 0, failed: 0 })
  }
  const expectAll = async (): Promise<void> => {
    const target = scriptedTarget()
    await migrate({ source: end, target: target.endpoint, collections: ['net'], retry })
    const held = [...(target.collections.get('net')?.values() ?? [])].filter(({ _id }) => _id !== 'there')
    expect(digest(held)).to.equal(digest(documents))
  }

  for (const of of ['sent', 'received'] as const) {
    it(`writes everything when the connection is cut (${of})`, async () => {
      proxy.cutAfter(of === 'sent' ? 150_000 : 4_000, of)
      await write()
      expect(proxy.accepted).to.be.greaterThan(1)
      await expectAll()
    })
  }

  it('writes everything, and counts it as written, where each write has a condition, too', async () => {
    await migrate({ source: scriptedSource({ collections: { net: [{ _id: 'there' }] } }), target: end })
    proxy.cutAfter(3_000, 'received')
    await write('fail')
    await expectAll()
  })

  it('reads everything when the connection is cut', async () => {
    await write()
    for (const bytes of [1_000, 100_000]) {
      proxy.cutAfter(bytes)
      await expectAll()
    }
  })

  it('stops soon when told to while the server does not answer', async () => {
    await write()
    const abort = new AbortController()
    const target = scriptedTarget({ beforeWrite: () => proxy.stall() })
    const moving = migrate({
      source: end,
      target: target.endpoint,
      collections: ['net'],
      signal: abort.signal,
      observe: () => setImmediate(() => abort.abort(new Error('Ctrl-C')))
    }).catch((reason: unknown) => reason)
    expect(await moving).to.include({ code: 'DOCFERRY_INTERRUPTED' })
    proxy.resume()
  })
})
