import { expect } from 'chai'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDefaultSecurity, sameSecurity } from '../lib/engine/security.ts'
import { DocferryError } from '../lib/errors.ts'
import type { MigrateOptions } from '../lib/options.ts'
import type { RunReport } from '../lib/report.ts'
import { migrate as moved } from '../lib/run.ts'
import { undo } from '../lib/undo/undo.ts'
import { verify } from '../lib/verify/verify.ts'
import { startFaultProxy } from './support/fault-proxy.ts'
import { servers } from './support/servers.ts'
import type { CouchdbServer } from './support/servers.ts'

const staff = { admins: { names: ['ann'], roles: [] }, members: { names: [], roles: ['staff', 'dev'] } }
const bobs = { admins: { names: ['bob'], roles: [] }, members: { names: [], roles: [] } }

describe('_security', function () {
  this.timeout(60_000)
  let server: CouchdbServer
  let folder: string
  let from: string
  let to: string

  before(async () => void (server = await servers.couchdb()))
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'docferry-security-'))
    const own = randomBytes(4).toString('hex')
    from = `secured-${own}-a`
    to = `secured-${own}-b`
    await ask('PUT', `/${from}`)
    await ask('PUT', `/${from}/d`, { n: 1 })
    await ask('PUT', `/${from}/_security`, staff)
  })
  afterEach(async () => {
    for (const database of [from, to]) await ask('DELETE', `/${database}`)
    await rm(folder, { recursive: true, force: true })
  })

  async function ask(method: string, path: string, body?: object): Promise<unknown> {
    const authorization = `Basic ${Buffer.from(`${server.user}:${server.password}`).toString('base64')}`
    const headers = { authorization, 'content-type': 'application/json' }
    const answer = await fetch(server.url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    return await answer.json()
  }

  const couchdb = (settings = {}): MigrateOptions['source'] => ({
    connector: 'couchdb',
    options: { url: server.url, user: server.user, password: server.password, ...settings }
  })
  const ends = () => ({ source: couchdb(), target: couchdb(), collections: [from], rename: { [from]: to }, stateDir: folder })

  function migrate(options: Partial<MigrateOptions> = {}): Promise<RunReport> {
    return moved({ ...ends(), includeSecurity: true, retry: { baseMs: 5 }, ...options })
  }

  const failure = async (work: Promise<unknown>): Promise<DocferryError> => {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown
    )
    expect(error).to.be.instanceOf(DocferryError)
    return error as DocferryError
  }

  it('is set in a database that the run creates', async () => {
    const { notes } = await migrate()
    expect(await ask('GET', `/${to}/_security`)).to.deep.equal(staff)
    expect(notes.join()).to.include(`_security set as in the source: ${to}`)
  })

  it('is not moved unasked', async () => {
    await migrate({ includeSecurity: false })
    expect(await ask('GET', `/${to}/_security`)).not.to.deep.equal(staff)
  })

  it('is told of where an export keeps it, and where it is imported without', async () => {
    const path = join(folder, 'whole.ndjson')
    const { notes } = await migrate({ target: { connector: 'file', options: { path } }, rename: {} })
    expect(notes).to.include(`_security kept: ${from}`)
    const imported = await migrate({ source: { connector: 'file', options: { path } }, includeSecurity: false })
    expect(imported.notes).to.include(`the export has _security of ${from}, not moved (--include-security sets it)`)
  })

  it('is set when all documents are there, so that it keeps nobody out before', async () => {
    const proxy = await startFaultProxy({ target: server.url })
    try {
      await migrate({ target: couchdb({ url: proxy.url }) })
      const writes = proxy.requests.filter(({ method }) => method !== 'GET').map(({ method, path }) => `${method} ${path.replace(to, '')}`)
      expect(writes.at(-1)).to.equal('PUT //_security')
    } finally {
      await proxy.close()
    }
  })

  it('is set where the target has none of its own', async () => {
    await ask('PUT', `/${to}`)
    await migrate()
    expect(await ask('GET', `/${to}/_security`)).to.deep.equal(staff)
  })

  it('leaves alone what the target has of its own, and says so', async () => {
    await ask('PUT', `/${to}`)
    await ask('PUT', `/${to}/_security`, bobs)
    const { notes } = await migrate()
    expect(await ask('GET', `/${to}/_security`)).to.deep.equal(bobs)
    expect(notes.join()).to.include('a _security of its own, which is left as it is (--on-conflict overwrite replaces it)')
  })

  it('replaces it where told to, and an undo puts it back', async () => {
    await ask('PUT', `/${to}`)
    await ask('PUT', `/${to}/_security`, bobs)
    const { runId } = await migrate({ onConflict: 'overwrite' })
    expect(await ask('GET', `/${to}/_security`)).to.deep.equal(staff)
    await undo({ run: runId, target: couchdb(), stateDir: folder })
    expect(await ask('GET', `/${to}/_security`)).to.deep.equal(bobs)
  })

  it('is left by an undo where somebody has changed it since', async () => {
    await ask('PUT', `/${to}`)
    const { runId } = await migrate()
    await ask('PUT', `/${to}/_security`, bobs)
    const { notes } = await undo({ run: runId, target: couchdb(), stateDir: folder })
    expect(await ask('GET', `/${to}/_security`)).to.deep.equal(bobs)
    expect(notes.join()).to.include('was changed since')
  })

  it('is told by a dry run, which sets nothing', async () => {
    await ask('PUT', `/${to}`)
    const before = await ask('GET', `/${to}/_security`)
    const { notes } = await migrate({ dryRun: true })
    expect(notes.join()).to.include('_security would be set to {"admins":{"names":["ann"]')
    expect(await ask('GET', `/${to}/_security`)).to.deep.equal(before)
  })

  it('is a difference to verify', async () => {
    await migrate()
    const compare = () => verify({ ...ends(), includeSecurity: true, settleMs: 0 })
    expect((await compare()).state).to.equal('equal')
    await ask('PUT', `/${to}/_security`, bobs)
    expect(await compare()).to.deep.include({ state: 'different', securityDiffers: [from] })
  })

  for (const [form, name] of [
    ['one JSON file', 'b.json'],
    ['one NDJSON file', 'b.ndjson.gz'],
    ['a folder', 'b/']
  ] as const) {
    it(`goes into ${form}, and comes back`, async () => {
      const path = join(folder, name)
      await migrate({ target: { connector: 'file', options: { path, ...(name === 'b/' && { format: 'folder' }) } }, rename: {} })
      await migrate({ source: { connector: 'file', options: { path } } })
      expect(await ask('GET', `/${to}/_security`)).to.deep.equal(staff)
    })
  }

  it('is missed in an export that was made without', async () => {
    const path = join(folder, 'b.json')
    await migrate({ target: { connector: 'file', options: { path } }, rename: {}, includeSecurity: false })
    const { notes } = await migrate({ source: { connector: 'file', options: { path } } })
    expect(notes.join()).to.include(`the source tells no _security of ${from}`)
  })

  it('is refused beforehand where the user may not set it', async () => {
    const name = `user-${randomBytes(4).toString('hex')}`
    await ask('PUT', `/_users/org.couchdb.user:${name}`, { name, password: 'lab', roles: ['staff'], type: 'user' })
    await ask('PUT', `/${to}`)
    await ask('PUT', `/${to}/_security`, { admins: { names: ['ann'], roles: [] }, members: { names: [name], roles: [] } })
    try {
      const error = await failure(migrate({ target: couchdb({ user: name, password: 'lab' }) }))
      expect(error.code).to.equal('DOCFERRY_PERMISSION')
      expect(error.message).to.include(`setting the _security of ${to}`)
      expect(await ask('GET', `/${to}`)).to.include({ doc_count: 0 })
    } finally {
      const { _rev: rev } = (await ask('GET', `/_users/org.couchdb.user:${name}`)) as { _rev: string }
      await ask('DELETE', `/_users/org.couchdb.user:${name}?rev=${rev}`)
    }
  })

  it('is refused where an end knows no such thing', async () => {
    const error = await failure(migrate({ target: `memory:${join(folder, 'm.json')}` }))
    expect([error.code, error.message]).to.deep.equal([
      'DOCFERRY_CONFIG',
      "the target (memory) holds no _security objects, which are CouchDB's: leave --include-security away"
    ])
  })

  it('is the same in any order of names, and with empty lists left out', () => {
    const other = { members: { roles: ['dev', 'staff'] }, admins: { names: ['ann'] } }
    expect(sameSecurity(staff, other)).to.equal(true)
    expect(sameSecurity(staff, { ...other, admins: { names: ['anna'] } })).to.equal(false)
  })

  it('is none of anybody where a server has made it', () => {
    expect(isDefaultSecurity({ admins: { roles: ['_admin'] }, members: { roles: ['_admin'] } })).to.equal(true)
    expect(isDefaultSecurity({})).to.equal(true)
    expect(isDefaultSecurity(bobs)).to.equal(false)
  })
})
