import { expect } from 'chai'
import { couchdbConnector } from '../../../lib/connectors/couchdb/index.ts'
import { silentLogger } from '../../../lib/open.ts'
import { startStub } from './stub.ts'
import { basicAuth, createCouchdbUser, servers, uniqueName } from '../../support/servers.ts'

describe('couchdb: inspect', function () {
  this.timeout(20_000)
  let options: { readonly url: string; readonly user: string; readonly password: string }
  let name: string
  let ask: (path: string, init: RequestInit) => Promise<Response>
  beforeEach(async () => {
    const { url, user, password } = await servers.couchdb()
    options = { url, user, password }
    name = uniqueName('inspect')
    const headers = { authorization: basicAuth(user, password), 'content-type': 'application/json' }
    ask = (path, init) => fetch(`${url}/${path}`, { ...init, headers })
    await ask(name, { method: 'PUT' })
  })
  afterEach(() => ask(name, { method: 'DELETE' }))
  const inspect = (end: 'source' | 'target', as: object = options) =>
    couchdbConnector.inspect!({ ...options, ...as }, { logger: silentLogger }, { end, collections: [name] })

  it('tells the version and the clock', async () => {
    const { version, clock } = await inspect('source')
    expect(version).to.match(/CouchDB|PouchDB/)
    expect(Math.abs(clock!.server.getTime() - clock!.after.getTime())).to.be.lessThan(5_000)
  })

  it('gives a mark that is another one once a document is written, and the same otherwise', async () => {
    const first = (await inspect('source')).marks![name]
    expect((await inspect('source')).marks![name]).to.equal(first)
    await ask(`${name}/a`, { method: 'PUT', body: '{}' })
    expect((await inspect('source')).marks![name]).not.to.equal(first)
  })

  it('warns of a design document in the target that checks writes', async () => {
    const body = JSON.stringify({ validate_doc_update: 'function () {}' })
    await ask(`${name}/_design/strict`, { method: 'PUT', body })
    expect((await inspect('target')).notes!.join()).to.include(`${name}: _design/strict checks every write`)
    expect((await inspect('source')).notes!.join()).not.to.include('_design/strict')
  })

  it('says that an admin may create databases, and that another user may not', async () => {
    expect((await inspect('target')).rights).to.deep.equal([
      { what: 'create databases and write to them (a server admin)', isGranted: true }
    ])
    const other = await createCouchdbUser()
    try {
      const missing = uniqueName('missing')
      const as = { ...options, user: other.user, password: other.password }
      const { rights } = await couchdbConnector.inspect!(as, { logger: silentLogger }, { end: 'target', collections: [missing] })
      expect(rights![0]).to.include({ what: `create ${missing}`, isGranted: false })
    } finally {
      await other.remove()
    }
  })

  it('does not want the right to create a database that is there', async () => {
    const other = await createCouchdbUser()
    try {
      await ask(`${name}/_security`, { method: 'PUT', body: JSON.stringify({ members: { names: [other.user], roles: [] } }) })
      const { rights } = await inspect('target', { user: other.user, password: other.password })
      expect(rights!.map(({ what }) => what)).to.deep.equal(['write to the databases that are there'])
    } finally {
      await other.remove()
    }
  })

  it('counts design documents, which are in the count of all', async () => {
    expect((await inspect('source')).designDocuments).to.deep.equal({})
    await ask(`${name}/_design/a`, { method: 'PUT', body: '{}' })
    await ask(`${name}/b`, { method: 'PUT', body: '{}' })
    for (const end of ['source', 'target'] as const) expect((await inspect(end)).designDocuments).to.deep.equal({ [name]: 1 })
  })

  it('tells what works on the databases by their names, never by addresses', async () => {
    const answers: Readonly<Record<string, unknown>> = {
      '/_all_dbs': ['agents', 'other'],
      '/agents': { update_seq: '7-x', doc_count: 1, compact_running: true },
      '/_active_tasks': [
        { type: 'view_compaction', database: 'shards/00000000-7fffffff/agents.1732272000' },
        { type: 'indexer', database: 'other' }
      ],
      '/_scheduler/jobs': { jobs: [{ source: 'http://u:geheim@old:5984/agents/', target: 'http://u:geheim@new:5984/copy/' }] },
      '/_node/_local/_config/couchdb/max_document_size': '4294967296'
    }
    const stub = await startStub(({ path }) => (answers[path] === undefined ? undefined : { body: JSON.stringify(answers[path]) }))
    try {
      const asked = { end: 'target', collections: ['agents'] } as const
      const as = { url: stub.url, user: 'admin', password: 'x' }
      const { live, notes, marks } = await couchdbConnector.inspect!(as, { logger: silentLogger }, asked)
      expect(live).to.deep.equal([
        'agents: view compaction is at work, which slows reading and writing',
        "the server's replicator copies agents to copy",
        'agents is being compacted, which slows reading'
      ])
      expect(notes!.join()).to.include('add ?maxDocumentBytes=4294967296')
      expect(marks).to.deep.equal({ agents: '7' })
    } finally {
      await stub.stop()
    }
  })
})
