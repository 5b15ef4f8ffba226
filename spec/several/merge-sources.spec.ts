import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { DocferryError } from '../../lib/errors.ts'
import type { MigrateOptions } from '../../lib/options.ts'
import { openSource } from '../../lib/open.ts'
import { totalCounts } from '../../lib/report.ts'
import type { RunReport } from '../../lib/report.ts'
import { migrate } from '../../lib/run.ts'
import { mergedSources } from '../../lib/several/merge-sources.ts'
import type { Document } from '../../lib/types.ts'
import { verify } from '../../lib/verify/verify.ts'
import { scriptedSource, scriptedTarget } from '../support/scripted-connector.ts'

const documents = (prefix: string, count: number, of = prefix): Document[] =>
  Array.from({ length: count }, (_, n) => ({ _id: `${prefix}${n}`, of }))

describe('several sources as one', () => {
  let stateDir: string
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'docferry-merge-'))
  })
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }))

  const run = (options: Omit<MigrateOptions, 'stateDir'>): Promise<RunReport> => migrate({ stateDir, checkpointMs: 5, ...options })
  const old = scriptedSource({
    collections: { users: documents('u', 12, 'old'), agents: documents('a', 3, 'old') },
    partitions: 2,
    identity: 'old'
  })
  const fresh = scriptedSource({ collections: { people: documents('u', 20, 'new') }, partitions: 3, identity: 'new' })
  const both = mergedSources([
    { name: 'old', endpoint: old },
    { name: 'new', endpoint: fresh, rename: { people: 'users' } }
  ])

  it('moves what all of them hold; of documents with one id the first source’s stays', async () => {
    const target = scriptedTarget()
    const report = await run({ source: both, target: target.endpoint })
    expect(report.source.address).to.equal('old = memory scripted source, new = memory scripted source')
    expect(totalCounts(report.collections)).to.deep.equal({ read: 35, added: 0, written: 23, skipped: 12, filtered: 0, failed: 0 })
    const users = [...target.collections.get('users')!.values()]
    expect(users).to.have.length(20)
    expect(users.filter(({ of }) => of === 'old')).to.have.length(12)
    expect(target.collections.get('agents')!.size).to.equal(3)
  })

  it('tells stages which source a document is from', async () => {
    const target = scriptedTarget()
    await run({
      source: both,
      target: target.endpoint,
      stages: [(document, { source }) => ({ ...document, _id: `${source}-${document._id}` })]
    })
    expect([...target.collections.get('users')!.keys()])
      .to.include.members(['old-u0', 'new-u0'])
      .and.have.length(32)
  })

  it('takes of each what is wanted of it', async () => {
    const target = scriptedTarget()
    const source = mergedSources([
      { name: 'old', endpoint: old, collections: ['agents'] },
      { name: 'new', endpoint: fresh }
    ])
    await run({ source, target: target.endpoint })
    expect([...target.collections.keys()].sort()).to.deep.equal(['agents', 'people'])
  })

  it('writes one file, with a receipt that verify goes by', async () => {
    const file = join(stateDir, 'all.ndjson')
    const report = await run({ source: both, target: file })
    expect(totalCounts(report.collections)).to.include({ read: 35, written: 35 })
    expect(readFileSync(file, 'utf8').match(/\$collection/g)).to.have.length(2)
    expect((await verify({ run: report.runId, stateDir })).state).to.equal('equal')
    expect((await verify({ source: both, target: file })).state).to.equal('equal')
  })

  it('goes on where it was cut', async () => {
    const target = scriptedTarget({ provider: 'couchdb' })
    const failing = scriptedSource({
      collections: { people: documents('p', 40) },
      identity: 'new',
      beforePage: (_, page) => {
        if (page === 2) throw new DocferryError('DOCFERRY_READ', 'cut')
      }
    })
    const whole = scriptedSource({ collections: { people: documents('p', 40) }, identity: 'new' })
    const merged = (endpoint: typeof old): MigrateOptions['source'] =>
      mergedSources([
        { name: 'old', endpoint: old },
        { name: 'new', endpoint }
      ])
    let runId = ''
    await run({ source: merged(failing), target: target.endpoint, observe: report => (runId = report.runId) }).then(
      () => expect.fail('it did not fail'),
      (error: unknown) => expect(error).to.include({ code: 'DOCFERRY_READ' })
    )
    const report = await run({ source: merged(whole), target: target.endpoint, resume: runId })
    expect(totalCounts(report.collections)).to.include({ read: 55, written: 55 })
  })

  it('refuses a target that one of them is, by the same collection', async () => {
    const target = scriptedTarget({ identity: 'new' })
    const to = (rename: Record<string, string>): Promise<RunReport> =>
      run({
        source: mergedSources([
          { name: 'old', endpoint: old },
          { name: 'new', endpoint: fresh, rename }
        ]),
        target: target.endpoint
      })
    await to({}).then(
      () => expect.fail('it did not fail'),
      (error: unknown) => expect(error).to.include({ code: 'DOCFERRY_SAME_PLACE' })
    )
    expect((await to({ people: 'users' })).state).to.equal('done')
  })

  it('refuses what a source does not hold, and closes what it has opened', async () => {
    const source = mergedSources([
      { name: 'old', endpoint: old },
      { name: 'new', endpoint: fresh, collections: ['nosuch'] }
    ])
    await openSource(source).then(
      () => expect.fail('it did not fail'),
      (error: unknown) => expect((error as Error).message).to.equal('the source new has no collection nosuch')
    )
  })
})
