import { expect } from 'chai'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DocferryError } from '../lib/errors.ts'
import type { MigrateOptions } from '../lib/options.ts'
import type { RunReport } from '../lib/report.ts'
import { migrate as moved } from '../lib/run.ts'
import { undo } from '../lib/undo/undo.ts'
import { verify } from '../lib/verify/verify.ts'
import { startFaultProxy } from './support/fault-proxy.ts'
import type { FaultProxy } from './support/fault-proxy.ts'
import { servers } from './support/servers.ts'
import type { CouchdbServer } from './support/servers.ts'

interface Held {
  readonly _rev: string
  readonly _attachments?: Readonly<Record<string, { readonly content_type: string; readonly length: number }>>
}

interface Whole {
  readonly rows: readonly { readonly doc: { readonly _attachments: { readonly '': { readonly data: string } } } }[]
}

const text = Buffer.from('hello, world\n'.repeat(2_000))
const bytes = randomBytes(100_000)
const name = 'photos/käse 1.png'
const couchbackupHeader = '{"name":"@cloudant/couchbackup","version":"2.11.12","mode":"full","attachments":true}'

describe('attachments', function () {
  this.timeout(60_000)
  let server: CouchdbServer
  let proxy: FaultProxy
  let folder: string
  let from: string
  let to: string
  const made: string[] = []

  before(async () => {
    server = await servers.couchdb()
    proxy = await startFaultProxy({ target: server.url })
  })
  after(async () => proxy.close())
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'docferry-attachments-'))
    const own = randomBytes(4).toString('hex')
    from = `attached-${own}-a`
    to = `attached-${own}-b`
    made.push(from, to)
    await ask('PUT', `/${from}`)
    await ask('PUT', `/${from}/plain`, '{"n":1}')
    const { rev } = (await (await ask('PUT', `/${from}/d`, '{"n":2}')).json()) as { rev: string }
    const second = (await (await attach(from, 'd', name, rev, 'image/png', bytes)).json()) as { rev: string }
    await attach(from, 'd', 'notes.txt', second.rev, 'text/plain', text)
  })
  afterEach(async () => {
    proxy.faults.splice(0)
    for (const database of made.splice(0)) await ask('DELETE', `/${database}`)
    await rm(folder, { recursive: true, force: true })
  })

  const authorization = (): string => `Basic ${Buffer.from(`${server.user}:${server.password}`).toString('base64')}`

  async function ask(method: string, path: string, body?: string | Buffer, type = 'application/json'): Promise<Response> {
    const headers = { authorization: authorization(), 'content-type': type, 'accept-encoding': 'identity' }
    return await fetch(server.url + path, { method, headers, ...(body !== undefined && { body: body as string }) })
  }

  async function attach(database: string, id: string, called: string, rev: string, type: string, content: Buffer): Promise<Response> {
    const answer = await ask('PUT', `/${database}/${id}/${encodeURIComponent(called)}?rev=${rev}`, content, type)
    expect(answer.status).to.equal(201)
    return answer
  }

  const held = async (database: string, id: string): Promise<Held> => (await (await ask('GET', `/${database}/${id}`)).json()) as Held
  const contentOf = async (database: string, id: string, called: string): Promise<Buffer> =>
    Buffer.from(await (await ask('GET', `/${database}/${id}/${encodeURIComponent(called)}`)).arrayBuffer())
  const couchdb = (url = server.url): MigrateOptions['source'] => ({
    connector: 'couchdb',
    options: { url, user: server.user, password: server.password }
  })

  function migrate(options: Partial<MigrateOptions> = {}): Promise<RunReport> {
    const ends = { source: couchdb(), target: couchdb(), collections: [from], rename: { [from]: to } }
    return moved({ ...ends, attachments: true, stateDir: folder, retry: { baseMs: 5 }, ...options })
  }

  const failure = async (work: Promise<unknown>): Promise<DocferryError> =>
    (await work.then(
      () => undefined,
      (error: unknown) => error
    )) as DocferryError

  const file = (): string => join(folder, 'backup.ndjson')
  const beside = (): string => join(folder, 'backup.attachments')
  const hashOf = (content: Buffer): string => createHash('sha256').update(content).digest('hex')
  const exported = (options: Partial<MigrateOptions> = {}): Promise<RunReport> =>
    migrate({ target: { connector: 'file', options: { path: file() } }, rename: {}, ...options })
  const imported = (options: Partial<MigrateOptions> = {}): Promise<RunReport> =>
    migrate({ source: { connector: 'file', options: { path: file() } }, ...options })

  async function expectWhole(database: string, names: readonly string[] = [name, 'notes.txt']): Promise<void> {
    expect((await contentOf(database, 'd', name)).equals(bytes)).to.equal(true)
    expect((await contentOf(database, 'd', 'notes.txt')).equals(text)).to.equal(true)
    const { _attachments = {} } = await held(database, 'd')
    expect(Object.keys(_attachments)).to.have.members([...names])
    expect(_attachments[name]).to.include({ content_type: 'image/png', length: bytes.length })
  }

  /** Other bytes, as many as before. */
  async function plant(database: string): Promise<void> {
    const { _rev } = await held(database, 'd')
    const other = Buffer.from(bytes)
    other[50_000]! ^= 1
    await attach(database, 'd', name, _rev, 'image/png', other)
  }

  describe('from CouchDB to CouchDB', () => {
    it('come with their documents, byte for byte', async () => {
      const report = await migrate()
      expect(report.collections[0]).to.include({ read: 2, written: 2, failed: 0 })
      await expectWhole(to)
      expect((await held(to, 'plain'))._attachments).to.equal(undefined)
    })

    for (const dots of ['.', '..']) {
      it(`come where they, or their documents, are named ${dots}`, async () => {
        const { _rev } = await held(from, 'plain')
        const added = { _id: 'plain', _rev, _attachments: { [dots]: { content_type: 'text/plain', data: text.toString('base64') } } }
        const other = { _id: dots, _attachments: { a: { content_type: 'text/plain', data: text.toString('base64') } } }
        await ask('POST', `/${from}/_bulk_docs`, JSON.stringify({ docs: [added, other] }))
        expect((await migrate()).collections[0]).to.include({ read: 3, written: 3, failed: 0 })
        const attached = await migrate({ source: couchdb(), dryRun: true, onConflict: 'overwrite' })
        expect(attached.collections[0]).to.include({ attachments: 4 })
        const same = { source: couchdb(), target: couchdb(), collections: [from], rename: { [from]: to }, stateDir: folder, settleMs: 0 }
        expect((await verify({ ...same, attachments: true })).state).to.equal('equal')
      })
    }

    it('come where they have no name, into exports too', async () => {
      const { _rev, _attachments } = await held(from, 'd')
      const stubs = Object.fromEntries(Object.keys(_attachments!).map(each => [each, { ..._attachments![each], stub: true }]))
      const nameless = { content_type: 'text/plain', data: text.toString('base64') }
      await ask('PUT', `/${from}/d`, JSON.stringify({ _rev, n: 2, _attachments: { ...stubs, '': nameless } }))
      await ask('PUT', `/${from}/alone`, JSON.stringify({ _attachments: { '': { ...nameless, data: bytes.toString('base64') } } }))
      const same = { source: couchdb(), target: couchdb(), collections: [from], rename: { [from]: to }, stateDir: folder, settleMs: 0 }
      for (const move of [() => migrate(), async () => (await exported(), await ask('DELETE', `/${to}`), await imported())]) {
        expect((await move()).collections[0]).to.include({ read: 3, written: 3, failed: 0, attachments: 4 })
        await expectWhole(to, [name, 'notes.txt', ''])
        const { rows } = (await (await ask('GET', `/${to}/_all_docs?include_docs=true&attachments=true&key=%22d%22`)).json()) as Whole
        expect(Buffer.from(rows[0]!.doc._attachments[''].data, 'base64').equals(text)).to.equal(true)
        expect((await verify({ ...same, attachments: true })).state).to.equal('equal')
      }
    })

    it('come with a document that a stage gives another id', async () => {
      await migrate({ stages: [document => ({ ...document, _id: `x-${document._id}` })] })
      expect((await contentOf(to, 'x-d', name)).equals(bytes)).to.equal(true)
    })

    it('come in one request with their document, so that neither is without the other', async () => {
      await migrate({ target: couchdb(proxy.url) })
      const puts = proxy.requests.filter(({ method, path }) => method === 'PUT' && path.startsWith(`/${to}/`))
      expect(puts.map(({ path, headers }) => [path, headers['content-type']?.split(';')[0]])).to.deep.equal([
        [`/${to}/d`, 'multipart/related']
      ])
    })

    it('are left where a stage drops them', async () => {
      await migrate({ stages: [({ _attachments: _dropped, ...document }) => document] })
      expect((await held(to, 'd'))._attachments).to.equal(undefined)
    })

    it('are counted where they are not moved', async () => {
      const report = await migrate({ attachments: false })
      expect(report.notes.join('\n')).to.include('1 document has 2 attachments, which are not moved (--attachments moves them')
      expect((await held(to, 'd'))._attachments).to.equal(undefined)
    })

    it('are not uploaded for a document that is skipped', async () => {
      await migrate()
      const report = await migrate({ target: couchdb(proxy.url) })
      expect(report.collections[0]).to.include({ written: 0, skipped: 2 })
      expect(proxy.requests.filter(({ method, path }) => method === 'PUT' && path.startsWith(`/${to}/d`))).to.deep.equal([])
      expect(report.notes.join('\n')).not.to.include('lacks attachments')
    })

    it('are told of where a document is skipped that lacks them', async () => {
      await migrate({ attachments: false })
      const report = await migrate()
      expect(report.collections[0]).to.include({ written: 0, skipped: 2 })
      expect(report.notes.join('\n')).to.include(`${to}: 1 document that was skipped lacks attachments of the source, or has others`)
    })

    it('are counted where they are moved', async () => {
      expect((await migrate()).collections[0]).to.include({ attachments: 2, attachmentBytes: bytes.length + text.length })
    })

    it('replace those of a document that is overwritten', async () => {
      await migrate()
      await plant(to)
      expect((await migrate({ onConflict: 'overwrite' })).collections[0]).to.include({ written: 2 })
      await expectWhole(to)
    })

    it('stay where their document is overwritten by a run that moves none', async () => {
      await migrate()
      expect((await migrate({ onConflict: 'overwrite', attachments: false })).collections[0]).to.include({ written: 2 })
      await expectWhole(to)
    })

    it('are a conflict where none may be there', async () => {
      await migrate()
      const { collections } = await migrate({ onConflict: 'fail' })
      expect(collections[0]).to.include({ written: 0, failed: 2 })
    })

    it('count as written when the answer was lost', async () => {
      proxy.faults.push({ match: ({ path }) => path === `/${to}/d`, action: { type: 'loseAnswer' }, times: 1 })
      const report = await migrate({ target: couchdb(proxy.url) })
      expect(report.collections[0]).to.include({ written: 2, skipped: 0, failed: 0 })
      expect(report.retries).to.be.greaterThan(0)
      await expectWhole(to)
    })

    it('are no document with half of them where reading them breaks off', async () => {
      let times = 0
      const match = ({ path }: { readonly path: string }): boolean => path.startsWith(`/${from}/d/photos`) && ++times === 2
      proxy.faults.push({ match, action: { type: 'cut', afterBytes: 60_000 } })
      const report = await migrate({ source: couchdb(proxy.url) })
      expect(report.collections[0]).to.include({ written: 2, failed: 0 })
      expect(report.retries).to.be.greaterThan(0)
      await expectWhole(to)
    })

    it('are undone with their document', async () => {
      const { runId } = await migrate()
      const report = await undo({ run: runId, target: couchdb(), stateDir: folder })
      expect(report.state).to.equal('undone')
      expect((await ask('GET', `/${to}`)).status).to.equal(404)
    })

    it('keep a document from being undone when their bytes were changed since', async () => {
      const { runId } = await migrate()
      await plant(to)
      expect((await undo({ run: runId, target: couchdb(), stateDir: folder })).state).to.equal('partial')
      expect((await held(to, 'd'))._attachments).to.include.keys(name)
    })

    it('are not replaced where what is replaced has to be kept', async () => {
      await migrate()
      await plant(to)
      const { collections } = await migrate({ onConflict: 'overwrite', undo: 'all' })
      expect(collections[0]).to.include({ written: 1, failed: 1 })
      expect(collections[0]?.failures[0]?.message).to.include('--undoable cannot keep')
    })

    it('are read for a dry run by their description alone', async () => {
      const report = await migrate({ source: couchdb(proxy.url), dryRun: true })
      expect(report.collections[0]).to.include({ written: 2, failed: 0 })
      expect(proxy.requests.filter(({ path }) => path.startsWith(`/${from}/d/`))).to.deep.equal([])
    })
  })

  describe('verified', () => {
    const compare = (options = {}) =>
      verify({
        source: couchdb(),
        target: couchdb(),
        collections: [from],
        rename: { [from]: to },
        stateDir: folder,
        settleMs: 0,
        ...options
      })

    it('are equal where their bytes are', async () => {
      await migrate()
      expect((await compare({ attachments: true })).state).to.equal('equal')
    })

    it('differ by a single bit, which nobody else sees', async () => {
      await migrate()
      await plant(to)
      expect((await compare({ attachments: true })).state).to.equal('different')
      const without = await compare()
      expect(without.state).to.equal('equal')
      expect(without.notes).to.include('not compared: 2 attachments (--attachments compares them) of the source')
    })

    it('differ from the receipt of their run', async () => {
      const { runId } = await migrate()
      expect((await verify({ run: runId, target: couchdb(), stateDir: folder, settleMs: 0 })).state).to.equal('equal')
      await plant(to)
      expect((await verify({ run: runId, target: couchdb(), source: couchdb(), stateDir: folder, settleMs: 0 })).state).to.equal(
        'different'
      )
    })
  })

  describe('in export files', () => {
    it('stand beside a single file, each content once, and come back', async () => {
      const { rev } = (await (await ask('PUT', `/${from}/e`, '{}')).json()) as { rev: string }
      await attach(from, 'e', 'again.png', rev, 'image/png', bytes)
      await exported()
      expect((await readdir(beside())).sort()).to.deep.equal([hashOf(bytes), hashOf(text)].sort())
      expect(await imported()).to.nested.include({ 'collections[0].written': 3 })
      await expectWhole(to)
      expect((await contentOf(to, 'e', 'again.png')).equals(bytes)).to.equal(true)
    })

    it('stand in a folder that is exported, and come back', async () => {
      const path = join(folder, 'backup/')
      await exported({ target: { connector: 'file', options: { path, format: 'folder' } } })
      expect(await readdir(join(path, 'attachments'))).to.have.lengthOf(2)
      await migrate({ source: { connector: 'file', options: { path } } })
      await expectWhole(to)
    })

    it('leave nothing behind when the export fails', async () => {
      const stages: MigrateOptions['stages'] = [
        document => {
          if (document._id === 'plain') throw new Error('no')
          return document
        }
      ]
      await failure(exported({ stages, stateDir: join(folder, 'state'), parallel: 1 }))
      expect((await readdir(folder)).filter(entry => entry.includes('attachments') && !entry.includes('partial'))).to.deep.equal([])
    })

    it('replace those of an export that is replaced, and those only', async () => {
      await exported()
      await plant(from)
      await exported({ target: { connector: 'file', options: { path: file(), force: true } } })
      const names = await readdir(beside())
      expect(names).to.have.lengthOf(2)
      expect(names).not.to.include(hashOf(bytes))
    })

    it('are readable by those who may read the export that they replace', async () => {
      await writeFile(file(), '', { mode: 0o600 })
      await exported({ target: { connector: 'file', options: { path: file(), force: true } } })
      expect((await stat(join(beside(), hashOf(bytes)))).mode & 0o777).to.equal(0o600)
      expect((await stat(beside())).mode & 0o077).to.equal(0)
    })

    it('are no whole export where their place is taken', async () => {
      await exported()
      await rm(file())
      expect((await failure(exported())).code).to.equal('DOCFERRY_OUTPUT_EXISTS')
      await writeFile(join(beside(), 'thesis.tex'), 'precious')
      expect((await failure(exported())).message)
        .to.include('choose another name')
        .and.not.include('--force')
    })

    for (const [what, harm] of [
      ['missing', () => rm(join(beside(), hashOf(bytes)))],
      ['changed', async () => writeFile(join(beside(), hashOf(bytes)), Buffer.alloc(bytes.length))],
      ['cut', async () => writeFile(join(beside(), hashOf(bytes)), bytes.subarray(1))]
    ] as const) {
      it(`make a dead letter of their document where one is ${what}`, async () => {
        await exported()
        await harm()
        const report = await imported()
        expect(report.collections[0]).to.include({ read: 2, written: 1, failed: 1 })
        expect(report.collections[0]?.failures[0]).to.include({ code: 'DOCFERRY_ATTACHMENT' })
        expect((await ask('GET', `/${to}/d`)).status).to.equal(404)
      })

      it(`tell a dry run where one is ${what}`, async () => {
        await exported()
        await harm()
        expect((await imported({ dryRun: true })).collections[0]).to.include({ read: 2, written: 1, failed: 1 })
      })
    }

    it('come out of a backup of couchbackup that holds them', async () => {
      const data = bytes.toString('base64')
      const backed = {
        _id: 'd',
        _rev: '3-c',
        n: 2,
        _attachments: { [name]: { content_type: 'image/png', revpos: 2, digest: 'md5-x', data } }
      }
      await writeFile(join(folder, 'backup.txt'), `${couchbackupHeader}\n${JSON.stringify([backed])}\n`)
      const source = { connector: 'file', options: { path: join(folder, 'backup.txt'), collection: from } } as const
      expect((await migrate({ source })).collections[0]).to.include({ written: 1, failed: 0 })
      expect((await contentOf(to, 'd', name)).equals(bytes)).to.equal(true)
      expect((await held(to, 'd'))._attachments?.[name]).to.include({ content_type: 'image/png', length: bytes.length })
    })

    for (const [what, stub, message] of [
      ['only described', { content_type: 'image/png', length: 3, digest: 'md5-x', stub: true }, 'its bytes are not in the input'],
      ['no base64', { content_type: 'image/png', digest: 'md5-x', data: 'abc' }, 'is no base64']
    ] as const) {
      it(`are not replaced by an older revision's where they are ${what}`, async () => {
        const lines = [[{ _id: 'd', _rev: '2-b', n: 2, _attachments: { [name]: stub } }], [{ _id: 'd', _rev: '1-a', n: 0 }]]
        await writeFile(join(folder, 'backup.txt'), [couchbackupHeader, ...lines.map(line => JSON.stringify(line)), ''].join('\n'))
        const source = { connector: 'file', options: { path: join(folder, 'backup.txt'), collection: from } } as const
        const [moved] = (await migrate({ source })).collections
        expect(moved).to.include({ read: 1, written: 0, failed: 1 })
        expect(moved?.failures.map(({ code }) => code)).to.deep.equal(['DOCFERRY_ATTACHMENT'])
        expect(moved?.failures[0]?.message).to.include(message)
        expect((await ask('GET', `/${to}/d`)).status).to.equal(404)
      })
    }

    it('of a document that fails are not replaced by another document of its id, which follows', async () => {
      const lines = [
        { _id: 'd', n: 2, _attachments: { [name]: { content_type: 'image/png', digest: 'md5-x', data: 'abc' } } },
        { _id: 'd', n: 0 }
      ]
      await writeFile(file(), lines.map(line => `${JSON.stringify(line)}\n`).join(''))
      const source = { connector: 'file', options: { path: file(), collection: from } } as const
      const [moved] = (await migrate({ source })).collections
      expect(moved).to.include({ read: 2, written: 0, failed: 2 })
      expect(moved?.failures.map(({ code }) => code)).to.deep.equal(['DOCFERRY_ATTACHMENT', 'DOCFERRY_FIRST_FAILED'])
      expect((await ask('GET', `/${to}/d`)).status).to.equal(404)
    })

    it('are told by the lines, which can be read without them', async () => {
      await exported()
      const line = (await readFile(file(), 'utf8')).split('\n').find(each => each.startsWith('{"_id":"d"'))!
      expect((JSON.parse(line) as { _attachments: object })._attachments).to.deep.include({
        [name]: { content_type: 'image/png', length: bytes.length, digest: `sha256-${hashOf(bytes)}` }
      })
      const report = await imported({ attachments: false })
      expect(report.collections[0]).to.include({ written: 2, attachmentsLeft: 2 })
    })

    it('are compared with those of the database', async () => {
      await exported()
      const compare = () =>
        verify({
          source: couchdb(),
          target: { connector: 'file', options: { path: file() } },
          collections: [from],
          attachments: true,
          stateDir: folder,
          settleMs: 0
        })
      expect((await compare()).state).to.equal('equal')
      await plant(from)
      expect((await compare()).state).to.equal('different')
    })
  })

  describe('where they cannot be held', () => {
    it('are refused before anything is written', async () => {
      const error = await failure(migrate({ target: `memory:${join(folder, 'memory.json')}` }))
      expect(error.code).to.equal('DOCFERRY_CONFIG')
      expect(error.message).to.include("memory can't hold attachments").and.to.include('docferry export --attachments')
    })

    it('are refused by standard output', async () => {
      expect((await failure(exported({ target: { connector: 'file', options: { path: '-' } } }))).code).to.equal('DOCFERRY_CONFIG')
    })
  })
})
