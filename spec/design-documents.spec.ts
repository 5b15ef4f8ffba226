import { expect } from 'chai'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withoutDesign } from '../lib/connectors/couchdb/partitions.ts'
import type { DocferryError } from '../lib/errors.ts'
import type { MigrateOptions } from '../lib/options.ts'
import type { RunReport } from '../lib/report.ts'
import { migrate as moved } from '../lib/run.ts'
import { undo } from '../lib/undo/undo.ts'
import { createCouchdbUser, servers } from './support/servers.ts'
import type { CouchdbServer } from './support/servers.ts'

const views = { all: { map: 'function (doc) { emit(doc._id) }' } }

describe('design documents', function () {
  this.timeout(60_000)
  let server: CouchdbServer
  let folder: string
  let from: string
  let to: string

  before(async () => void (server = await servers.couchdb()))
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'docferry-design-'))
    const own = randomBytes(4).toString('hex')
    from = `designed-${own}-a`
    to = `designed-${own}-b`
    await ask('PUT', `/${from}`)
    // The ids lie on both sides of those of design documents.
    await ask('POST', `/${from}/_bulk_docs`, { docs: [{ _id: 'Anna' }, { _id: '_design/v', views }, { _id: 'zoe' }] })
    await ask('PUT', `/${from}/_local/mine`, { n: 1 })
  })
  afterEach(async () => {
    for (const database of [from, to]) await ask('DELETE', `/${database}`)
    await rm(folder, { recursive: true, force: true })
  })

  async function ask(method: string, path: string, body?: object): Promise<unknown> {
    const authorization = `Basic ${Buffer.from(`${server.user}:${server.password}`).toString('base64')}`
    const headers = { authorization, 'content-type': 'application/json' }
    return await (await fetch(server.url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })).json()
  }

  const couchdb = (): MigrateOptions['source'] => ({
    connector: 'couchdb',
    options: { url: server.url, user: server.user, password: server.password }
  })

  function migrate(options: Partial<MigrateOptions> = {}): Promise<RunReport> {
    const ends = { source: couchdb(), target: couchdb(), collections: [from], rename: { [from]: to } }
    return moved({ ...ends, includeDesign: true, stateDir: folder, ...options })
  }

  const file = (): MigrateOptions['target'] => ({ connector: 'file', options: { path: join(folder, 'b.ndjson') } })
  const idsInFile = async (): Promise<string[]> =>
    [...(await readFile(join(folder, 'b.ndjson'), 'utf8')).matchAll(/^\{"_id":"([^"]+)"/gm)].map(([, id]) => id!)

  /** The order in which a database got its documents. */
  async function arrivals(database: string): Promise<string[]> {
    const { results } = (await ask('GET', `/${database}/_changes`)) as { results: { seq: string; id: string }[] }
    return results.toSorted((a, b) => parseInt(a.seq) - parseInt(b.seq)).map(({ id }) => id)
  }

  it('come to another CouchDB, without what is local', async () => {
    const report = await migrate()
    expect(report.collections[0]).to.include({ read: 3, written: 3, failed: 0 })
    expect(await ask('GET', `/${to}/_design/v`)).to.deep.include({ views })
    expect(await ask('GET', `/${to}/_local/mine`)).to.include({ error: 'not_found' })
  })

  it('come last, for their functions judge what is written', async () => {
    await migrate({ target: file(), rename: {} })
    expect(await idsInFile()).to.deep.equal(['Anna', 'zoe', '_design/v'])
  })

  it('come last out of a file too, wherever they stand in it', async () => {
    const text = [{ _id: '_design/v', views }, { _id: 'Anna' }, { _id: 'zoe' }].map(each => JSON.stringify(each)).join('\n')
    const path = join(folder, `${from}.ndjson`)
    await writeFile(path, `${text}\n`)
    const report = await migrate({ source: { connector: 'file', options: { path } } })
    expect(report.collections[0]).to.include({ read: 3, written: 3 })
    const order = await arrivals(to)
    // A cluster numbers each shard by itself; a front with one shard tells the order.
    if (order.length === 3 && server.url !== process.env['COUCHDB_URL']) expect(order.at(-1)).to.equal('_design/v')
    expect(order).to.have.members(['Anna', 'zoe', '_design/v'])
  })

  it('go into a file and come back', async () => {
    await migrate({ target: file(), rename: {} })
    expect((await migrate({ source: file() })).collections[0]).to.include({ read: 3, written: 3 })
    expect(await ask('GET', `/${to}/_design/v`)).to.deep.include({ views })
  })

  it('follow the rule for conflicts', async () => {
    await ask('PUT', `/${to}`)
    await ask('PUT', `/${to}/_design/v`, { views: {} })
    expect((await migrate()).collections[0]).to.include({ written: 2, skipped: 1 })
    expect((await migrate({ onConflict: 'overwrite' })).collections[0]).to.include({ written: 3 })
    expect(await ask('GET', `/${to}/_design/v`)).to.deep.include({ views })
  })

  for (const attachments of [false, true]) {
    it(`are refused by themselves where the user is no admin${attachments ? ', with attachments too' : ''}, and told so`, async () => {
      const { user, password, remove } = await createCouchdbUser()
      try {
        const file = { 'a.txt': { content_type: 'text/plain', data: 'aGVsbG8=' } }
        await ask('PUT', `/${from}/_design/w`, { views, _attachments: file })
        await ask('PUT', `/${to}`)
        await ask('PUT', `/${to}/_security`, { members: { names: [user], roles: [] }, admins: { names: [], roles: ['_admin'] } })
        const target = { connector: 'couchdb', options: { url: server.url, user, password } } as const
        const { runId, collections } = await migrate({ target, attachments })
        expect(collections[0]).to.include({ read: 4, written: 2, failed: 2 })
        const letters = await readFile(join(folder, 'runs', runId, 'dead-letters.ndjson'), 'utf8')
        const messages = letters
          .trim()
          .split('\n')
          .map(line => (JSON.parse(line) as { message: string }).message)
        for (const message of messages) expect(message).to.include('only an admin of the database').and.not.include('validation')
      } finally {
        await remove()
      }
    })
  }

  it('are undone with the rest', async () => {
    const { runId } = await migrate()
    expect((await undo({ run: runId, target: couchdb(), stateDir: folder })).state).to.equal('undone')
    expect(await ask('GET', `/${to}`)).to.include({ error: 'not_found' })
  })

  it('are refused for Firestore beforehand, with words that help', async () => {
    const { environment, project } = await servers.firestore()
    const error = await migrate({ target: `firestore://${project}`, environment }).then(
      () => undefined,
      (thrown: unknown) => thrown as DocferryError
    )
    expect(error?.code).to.equal('DOCFERRY_CONFIG')
    expect(error?.message).to.include('leave --include-design away').and.to.include('--on-incompatible escape')
  })

  describe('apart from others', () => {
    const ranges = (start: string | null, end: string | null): unknown[] =>
      withoutDesign({ id: 'd/1of1', collections: ['d'], range: { start, end } }).map(({ range }) => [range?.['start'], range?.['end']])

    it('leave the parts of a range before and behind them', () => {
      expect(ranges(null, null)).to.deep.equal([
        [null, '_design/'],
        ['_design0', null]
      ])
      expect(ranges('_design/m', 'b')).to.deep.equal([['_design0', 'b']])
      expect(ranges('A', '_design/m')).to.deep.equal([['A', '_design/']])
    })

    it('leave a range whole that has none of them', () => {
      expect(ranges(null, 'Z')).to.deep.equal([[null, 'Z']])
      expect(ranges('a', null)).to.deep.equal([['a', null]])
    })

    it('leave nothing of a range that has nothing else', () => {
      expect(ranges('_design/a', '_design/b')).to.deep.equal([])
    })
  })
})
