/** One CouchDB by two addresses: the second is a proxy before it. */
import { expect } from 'chai'
import { check } from '../../../lib/check/check.ts'
import type { DocferryError } from '../../../lib/errors.ts'
import { openTarget } from '../../../lib/open.ts'
import { TargetsApart } from '../../../lib/plan/same-place.ts'
import type { RunReport } from '../../../lib/report.ts'
import type { MigrateOptions } from '../../../lib/options.ts'
import { repair } from '../../../lib/repair/repair.ts'
import { replicate } from '../../../lib/replicate/replicate.ts'
import { mergedSources } from '../../../lib/several/merge-sources.ts'
import { sharedSource } from '../../../lib/several/share-source.ts'
import { startFaultProxy } from '../../support/fault-proxy.ts'
import type { FaultAction, FaultProxy } from '../../support/fault-proxy.ts'
import { migrate } from '../../support/migrate.ts'
import { scriptedSource } from '../../support/scripted-connector.ts'
import { basicAuth, servers, uniqueName } from '../../support/servers.ts'
import type { CouchdbServer } from '../../support/servers.ts'

describe('couchdb: a database under another address', function () {
  this.timeout(60_000)
  let server: CouchdbServer
  let proxy: FaultProxy
  let database: string
  let here: string
  let there: string

  const call = async (method: string, path: string, body?: object): Promise<Response> => {
    const headers = { authorization: basicAuth(server.user, server.password), 'content-type': 'application/json' }
    return await fetch(`${server.url}/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })
  }
  const addressOf = (url: string): string => {
    const { host } = new URL(url)
    return `couchdb://${encodeURIComponent(server.user)}:${encodeURIComponent(server.password)}@${host}`
  }
  const strip: MigrateOptions['stages'] = [({ _id }) => ({ _id })]
  const run = (options: Partial<MigrateOptions> = {}): Promise<RunReport> =>
    migrate({ source: here, target: there, collections: [database], stages: strip, onConflict: 'overwrite', ...options })
  const refusal = async (running: Promise<unknown>): Promise<string> => {
    const error = await running.then(
      () => expect.fail('it was not refused'),
      (error: unknown) => error as DocferryError
    )
    expect(error.code).to.equal('DOCFERRY_SAME_PLACE')
    return error.message
  }
  const answerTo = (path: RegExp, action: FaultAction): void =>
    void proxy.faults.push({ match: request => path.test(request.path), action, times: Infinity })
  const withUuid = async (uuid: string | undefined): Promise<void> => {
    const { uuid: _, ...welcome } = (await (await call('GET', '')).json()) as Record<string, unknown>
    answerTo(/^\/$/, { type: 'answer', status: 200, body: { ...welcome, ...(uuid !== undefined && { uuid }) } })
  }
  const revision = async (): Promise<unknown> => ((await (await call('GET', `${database}/a`)).json()) as { _rev: unknown })._rev

  let before: unknown
  beforeEach(async () => {
    server = await servers.couchdb()
    proxy = await startFaultProxy({ target: server.url })
    database = uniqueName('same')
    here = addressOf(server.url)
    there = addressOf(proxy.url)
    await call('PUT', database)
    await call('POST', `${database}/_bulk_docs`, { docs: [{ _id: 'a', secret: 1 }] })
    before = await revision()
  })
  afterEach(async () => {
    await proxy.close()
    for (const name of [database, `${database}-new`]) await call('DELETE', name)
  })

  it('is refused, and nothing written', async () => {
    const message = await refusal(run())
    expect(message).to.include(`collection ${database}, is the same database as ${database} of`).and.include('under another address')
    expect(message).not.to.include(server.password)
    expect(await revision()).to.equal(before)
  })

  for (const [what, options] of [
    ['a dry run', { dryRun: true }],
    ['a dry run of a sample', { dryRun: true, sample: 0.5 }],
    ['a run with design documents', { includeDesign: true }]
  ] as const) {
    it(`is refused by ${what}`, async () => {
      expect(await refusal(run(options))).to.include('under another address')
    })
  }

  it('is refused whichever of the two names it is read by', async () => {
    expect(await refusal(run({ source: there, target: here }))).to.include('under another address')
  })

  it('is refused where it is one of several sources, and of a source that several targets share', async () => {
    const other = scriptedSource({ collections: { others: [{ _id: 'x' }] } })
    const both = mergedSources([
      { name: 'old', endpoint: other },
      { name: 'new', endpoint: here, collections: [database], rename: { [database]: 'mine' } }
    ])
    expect(await refusal(run({ source: both, collections: undefined, rename: { mine: database } }))).to.include('under another address')
    const [shared] = sharedSource(here, 1, {})
    expect(await refusal(run({ source: shared! }))).to.include('under another address')
  })

  it('is refused by repair, replicate and check', async () => {
    const ends = { source: here, target: there, collections: [database] }
    expect(await refusal(repair({ ...ends, dryRun: true, stages: strip }))).to.include('under another address')
    expect(await refusal(replicate(ends))).to.include('under another address')
    const { lines } = await check(ends)
    expect(lines.find(({ id }) => id === 'collections.named')).to.include({ result: 'failed', code: 'DOCFERRY_SAME_PLACE' })
    expect(await revision()).to.equal(before)
  })

  it('is written to under another name', async () => {
    const report = await run({ rename: { [database]: `${database}-new` } })
    expect(report.state).to.equal('done')
    expect(await revision()).to.equal(before)
  })

  it('is not known where the server hides what it calls itself', async () => {
    await withUuid(undefined)
    expect((await run({ stages: [], onConflict: 'skip' })).state).to.equal('done')
  })

  it('is not asked about where the servers call themselves otherwise', async () => {
    await withUuid('0123456789abcdef0123456789abcdef')
    const asked = (): string[] => proxy.requests.map(({ method, path }) => `${method} ${path}`)
    await run({ dryRun: true })
    expect(asked().filter(each => /_uuids|_membership/.test(each))).to.deep.equal([])
    expect(asked().filter(each => each === `GET /${database}`)).to.have.length(1)
  })

  it('is another one where a database of that name was made at another time, or is called otherwise there', async () => {
    const info = (await (await call('GET', database)).json()) as object
    for (const change of [{ instance_start_time: '1' }, { db_name: 'other' }]) {
      proxy.faults.length = 0
      answerTo(new RegExp(`^/${database}$`), { type: 'answer', status: 200, body: { ...info, ...change } })
      expect((await run({ dryRun: true })).state).to.equal('done')
    }
  })

  it('is another one on a cloned machine, which has all the same but what runs there', async () => {
    const uuids = [1, 2].map(n => `${'f'.repeat(26)}00000${n}`)
    answerTo(/^\/_uuids/, { type: 'answer', status: 200, body: { uuids } })
    expect((await run({ dryRun: true })).state).to.equal('done')
  })

  it('is the same where nodes of one cluster answer', async () => {
    const nodes = ['couchdb@one', 'couchdb@two']
    answerTo(/^\/_uuids/, { type: 'answer', status: 200, body: { uuids: [1, 2].map(n => `${'f'.repeat(26)}00000${n}`) } })
    answerTo(/^\/_membership/, { type: 'answer', status: 200, body: { all_nodes: nodes, cluster_nodes: nodes } })
    expect(await refusal(run())).to.include('under another address')
  })

  it('is not taken for one that is not there yet either, where a proxy renames databases', async () => {
    const enterBoth = async (): Promise<string[]> => {
      const apart = new TargetsApart()
      const targets = await Promise.all([here, there].map(url => openTarget(url)))
      try {
        const notes: string[] = []
        for (const target of targets) notes.push(...(await apart.enter(target, `${database}-new`, { isMissing: true })))
        return notes
      } finally {
        for (const target of targets) await target.close()
      }
    }
    expect(await refusal(enterBoth())).to.include('two targets are the same place')
    const info = (await (await call('GET', database)).json()) as object
    answerTo(/^\/_all_dbs/, { type: 'answer', status: 200, body: [database] })
    answerTo(new RegExp(`^/${database}$`), { type: 'answer', status: 200, body: { ...info, db_name: `tenant-${database}` } })
    expect((await enterBoth()).join())
      .to.include('may be one place')
      .and.include('the run looks once it has made it')
  })

  it('is known by who answers where the server does not tell when it was made (2.0 to 3.2)', async () => {
    const info = (await (await call('GET', database)).json()) as object
    const old = await startFaultProxy({ target: server.url })
    try {
      for (const { faults } of [proxy, old]) {
        const action: FaultAction = { type: 'answer', status: 200, body: { ...info, instance_start_time: '0' } }
        faults.push({ match: ({ path }) => path === `/${database}`, action, times: Infinity })
      }
      expect(await refusal(run({ source: addressOf(old.url) }))).to.include('under another address')
      answerTo(/^\/_uuids/, { type: 'answer', status: 401, body: { error: 'unauthorized' } })
      expect((await run({ source: addressOf(old.url), dryRun: true })).state).to.equal('done')
    } finally {
      await old.close()
    }
  })
})
