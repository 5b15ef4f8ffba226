import { mkdtemp, readFile, rm, stat, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { DocferryError } from '../lib/errors.ts'
import { totalCounts } from '../lib/report.ts'
import type { RunReport } from '../lib/report.ts'
import { migrate } from '../lib/run.ts'
import type { MigrateOptions } from '../lib/options.ts'
import type { Document, Stage } from '../lib/types.ts'
import { scriptedSource, scriptedTarget } from './support/scripted-connector.ts'

const documents = (count: number, prefix = 'd'): Document[] => Array.from({ length: count }, (_, i) => ({ _id: `${prefix}${i}`, n: i }))

describe('run: migrate', () => {
  let stateDir: string

  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'docferry-run-'))
  })
  afterEach(() => rm(stateDir, { recursive: true, force: true }))

  const run = (options: MigrateOptions): Promise<RunReport> => migrate({ stateDir, retry: { attempts: 3, baseMs: 1 }, ...options })
  const failure = async (options: MigrateOptions): Promise<DocferryError> => {
    const error = await run(options).then(
      () => new Error('it did not fail'),
      (reason: Error) => reason
    )
    expect(error).to.be.instanceOf(DocferryError)
    return error as DocferryError
  }
  const expectBalanced = (report: RunReport): void => {
    for (const { read, added, written, skipped, filtered, failed } of report.collections)
      expect(read + added).to.equal(written + skipped + filtered + failed)
  }

  describe('moving', () => {
    it('takes as long as it takes, whatever becomes of the clock of the machine', async () => {
      const real = Date.now
      const documents = Array.from({ length: 50 }, (_, index) => ({ _id: `d${index}` }))
      for (const jumpMs of [86_400_000, -3_600_000]) {
        const source = scriptedSource({
          collections: { agents: documents },
          beforePage(_, page) {
            if (page === 2) Date.now = () => real() + jumpMs
          }
        })
        try {
          const { startedAt, finishedAt, collections } = await migrate({ source, target: scriptedTarget().endpoint, stateDir })
          expect(finishedAt! - startedAt).to.be.within(0, 60_000)
          expect(collections[0]!.finishedAt! - collections[0]!.startedAt!).to.be.within(0, 60_000)
          expect(Math.abs(startedAt - real())).to.be.below(60_000)
        } finally {
          Date.now = real
        }
      }
    })

    it('moves every collection and completes the target', async () => {
      const target = scriptedTarget()
      const report = await run({
        source: scriptedSource({ collections: { a: documents(35), b: documents(7) }, partitions: 3 }),
        target: target.endpoint
      })
      expect(report.state).to.equal('done')
      expect(totalCounts(report.collections)).to.deep.equal({ read: 42, added: 0, written: 42, skipped: 0, filtered: 0, failed: 0 })
      expect([...(target.collections.get('a')?.keys() ?? [])].toSorted()).to.deep.equal(
        documents(35)
          .map(({ _id }) => _id)
          .toSorted()
      )
      expect(target).to.include({ committed: true, closed: true })
    })

    it('writes without a condition into what was empty, with one into what was not', async () => {
      const target = scriptedTarget({ held: { b: [{ _id: 'old' }] } })
      await run({ source: scriptedSource({ collections: { a: documents(20), b: documents(20) } }), target: target.endpoint })
      expect(target.writes.filter(({ collection }) => collection === 'a').every(({ fresh }) => fresh)).to.equal(true)
      expect(target.writes.filter(({ collection }) => collection === 'b').some(({ fresh }) => fresh)).to.equal(false)
    })

    it('skips what is there, and names the first', async () => {
      const target = scriptedTarget({ held: { a: documents(12) } })
      const report = await run({ source: scriptedSource({ collections: { a: documents(20) } }), target: target.endpoint })
      expect(report.collections[0]).to.include({ written: 8, skipped: 12 })
      expect(report.collections[0]?.skippedExamples).to.deep.equal(['d0', 'd1', 'd2', 'd3', 'd4'])
      expectBalanced(report)
    })

    it("refuses to keep CouchDB's own fields in CouchDB, before anything is changed", async () => {
      const target = scriptedTarget({ provider: 'couchdb' })
      const error = await failure({
        source: scriptedSource({ collections: { a: documents(1) } }),
        target: target.endpoint,
        keepMetadata: true
      })
      expect(error.code).to.equal('DOCFERRY_CONFIG')
      expect(target.prepared).to.deep.equal([])
    })

    it('gives collections another name', async () => {
      const target = scriptedTarget()
      await run({
        source: scriptedSource({ collections: { Agents: documents(3) } }),
        target: target.endpoint,
        rename: { Agents: 'agents' }
      })
      expect([...target.collections.keys()]).to.deep.equal(['agents'])
    })

    it('reports before anything is changed, and then keeps the report up to date', async () => {
      const target = scriptedTarget()
      let preparedThen: string[] | undefined
      let seen: Readonly<RunReport> | undefined
      const report = await run({
        source: scriptedSource({ collections: { a: documents(3) } }),
        target: target.endpoint,
        observe: live => {
          preparedThen = [...target.prepared]
          seen = live
        }
      })
      expect(preparedThen).to.deep.equal([])
      expect(seen).to.equal(report)
    })

    it('moves an empty collection too', async () => {
      const target = scriptedTarget()
      const report = await run({ source: scriptedSource({ collections: { a: [] } }), target: target.endpoint })
      expect(target.collections.has('a')).to.equal(true)
      expect(report.collections[0]).to.include({ read: 0, state: 'done' })
    })
  })

  describe('choosing collections', () => {
    const source = () =>
      scriptedSource({
        collections: { agents: documents(1), users: documents(1), other: documents(1), _users: documents(1) },
        system: ['_users']
      })

    it("takes all but the database's own", async () => {
      const report = await run({ source: source(), target: scriptedTarget().endpoint })
      expect(report.collections.map(({ source: name }) => name)).to.deep.equal(['agents', 'users', 'other'])
    })

    it('takes a system collection that is named', async () => {
      const report = await run({ source: source(), target: scriptedTarget().endpoint, collections: ['_users'] })
      expect(report.collections.map(({ source: name }) => name)).to.deep.equal(['_users'])
    })

    it('takes of a preset what is there, and says what else there is', async () => {
      const report = await run({ source: source(), target: scriptedTarget().endpoint, preset: 'gofannon' })
      expect(report.collections.map(({ source: name }) => name)).to.deep.equal(['agents', 'users'])
      expect(report.notTaken).to.deep.equal(['other'])
      expect(report.notes.join()).to.match(/deployments, sessions, tickets, demos/)
    })

    it('refuses a preset of which the source holds nothing', async () => {
      const error = await failure({
        source: scriptedSource({ collections: { other: [] } }),
        target: scriptedTarget().endpoint,
        preset: 'gofannon'
      })
      expect(error.code).to.equal('DOCFERRY_NO_SUCH_COLLECTION')
    })

    it('refuses a collection that does not exist, before anything is written', async () => {
      const target = scriptedTarget()
      const error = await failure({ source: source(), target: target.endpoint, collections: ['agents', 'agnets'] })
      expect(error.code).to.equal('DOCFERRY_NO_SUCH_COLLECTION')
      expect(error.message).to.contain('agnets').and.contain('agents, users, other')
      expect(target.prepared).to.deep.equal([])
      expect(target).to.include({ committed: false, closed: true })
    })

    it('refuses names that the target refuses, all at once', async () => {
      const target = scriptedTarget({
        refuseCollection: name => (name === 'other' ? undefined : { code: 'DOCFERRY_COLLECTION_NAME', message: 'too plain' })
      })
      const error = await failure({ source: source(), target: target.endpoint })
      expect(error.message).to.contain('agents: too plain').and.contain('users: too plain').and.contain('--rename agents=NEW')
    })

    it('refuses to copy a collection onto itself', async () => {
      const error = await failure({
        source: scriptedSource({ collections: { a: [] }, identity: 'x' }),
        target: scriptedTarget({ identity: 'x' }).endpoint
      })
      expect(error.code).to.equal('DOCFERRY_SAME_PLACE')
    })

    it('copies within one place under another name', async () => {
      const report = await run({
        source: scriptedSource({ collections: { a: documents(1) }, identity: 'x' }),
        target: scriptedTarget({ identity: 'x' }).endpoint,
        rename: { a: 'b' }
      })
      expect(report.state).to.equal('done')
    })

    it('refuses to make one collection of two', async () => {
      const error = await failure({ source: source(), target: scriptedTarget().endpoint, rename: { users: 'agents' } })
      expect(error.code).to.equal('DOCFERRY_CONFIG')
    })

    it('refuses to rename what is not there', async () => {
      const error = await failure({ source: source(), target: scriptedTarget().endpoint, rename: { uesrs: 'people' } })
      expect(error.code).to.equal('DOCFERRY_NO_SUCH_COLLECTION')
    })

    it('takes collections as they come where only reading tells', async () => {
      const target = scriptedTarget()
      const report = await run({
        source: scriptedSource({ collections: { a: documents(12), b: documents(5) }, unknown: true }),
        target: target.endpoint
      })
      expect(report.collections.map(({ source: name, written }) => [name, written])).to.deep.equal([
        ['a', 12],
        ['b', 5]
      ])
    })

    it('says in the end which named collection never came', async () => {
      const error = await failure({
        source: scriptedSource({ collections: { a: documents(2) }, unknown: true }),
        target: scriptedTarget().endpoint,
        collections: ['a', 'b']
      })
      expect(error.code).to.equal('DOCFERRY_NO_SUCH_COLLECTION')
    })
  })

  describe('stages', () => {
    it("strips CouchDB's own fields, and says how many documents had attachments", async () => {
      const target = scriptedTarget()
      const report = await run({
        source: scriptedSource({
          collections: {
            a: [
              { _id: '1', _rev: '1-x', _attachments: { f: {}, g: {} } },
              { _id: '2', _rev: '1-y' }
            ]
          }
        }),
        target: target.endpoint
      })
      expect([...(target.collections.get('a')?.values() ?? [])]).to.deep.equal([{ _id: '1' }, { _id: '2' }])
      expect(report.collections[0]?.stripped).to.deep.equal({ _rev: 2, _attachments: 1 })
      expect(report.notes.join()).to.contain('1 document has 2 attachments, which are not moved (--attachments moves them')
    })

    it('keeps them where told to', async () => {
      const target = scriptedTarget()
      await run({
        source: scriptedSource({ collections: { a: [{ _id: '1', _rev: '1-x' }] } }),
        target: target.endpoint,
        keepMetadata: true
      })
      expect(target.collections.get('a')?.get('1')).to.deep.equal({ _id: '1', _rev: '1-x' })
    })

    it('leaves design documents out, and counts them', async () => {
      const target = scriptedTarget()
      const report = await run({
        source: scriptedSource({ collections: { a: [{ _id: '_design/x' }, { _id: 'y' }] } }),
        target: target.endpoint
      })
      expect([...(target.collections.get('a')?.keys() ?? [])]).to.deep.equal(['y'])
      expect(report.collections[0]).to.include({ read: 2, written: 1, filtered: 1 })
      expectBalanced(report)
    })

    it('takes design documents where it is told to, whatever the target', async () => {
      const target = scriptedTarget()
      const source = scriptedSource({ collections: { a: [{ _id: '_design/x' }, { _id: 'y' }] } })
      await run({ source, target: target.endpoint, includeDesign: true })
      expect([...(target.collections.get('a')?.keys() ?? [])]).to.deep.equal(['_design/x', 'y'])
    })

    it('counts what stages drop and add', async () => {
      const stages: Stage[] = [
        { name: 'odd', apply: document => (Number(document['n']) % 2 ? document : undefined) },
        { name: 'twice', apply: document => [document, { ...document, _id: `${document._id}b` }] }
      ]
      const target = scriptedTarget()
      const report = await run({ source: scriptedSource({ collections: { a: documents(30) } }), target: target.endpoint, stages })
      expect(report.collections[0]).to.include({ read: 30, added: 15, written: 30, filtered: 15 })
      expect(report.collections[0]?.filteredBy).to.deep.equal({ odd: 15 })
      expect(target.collections.get('a')?.size).to.equal(30)
      expectBalanced(report)
    })

    it('ends the run when a stage throws, naming stage and document', async () => {
      const target = scriptedTarget()
      const stages: Stage[] = [
        { name: 'price', apply: document => (document._id === 'd25' ? Promise.reject(new Error('no price')) : document) }
      ]
      const error = await failure({
        source: scriptedSource({ collections: { a: documents(100) }, partitions: 2 }),
        target: target.endpoint,
        stages
      })
      expect(error).to.include({ code: 'DOCFERRY_STAGE', exitCode: 30, message: 'stage price failed on a/d25: no price' })
      expect(target).to.include({ committed: false, closed: true })
    })

    it('writes what came before the document for which a stage failed, and accounts for each', async () => {
      const target = scriptedTarget()
      const stages: Stage[] = [
        {
          name: 'price',
          apply: document => {
            if (document._id === 'd57') throw new Error('no price')
            return document
          }
        }
      ]
      let report: Readonly<RunReport> | undefined
      await failure({
        source: scriptedSource({ collections: { a: documents(100) } }),
        target: target.endpoint,
        stages,
        observe: live => (report = live)
      })
      expect(report?.collections[0]).to.include({ state: 'stopped', read: 58, written: 57, failed: 1 })
      expect(target.collections.get('a')?.size).to.equal(57)
      expect(JSON.parse(await readFile(report?.deadLetters as string, 'utf8'))).to.include({ at: 'stage', id: 'd57' })
    })

    it('writes with a condition where a stage may repeat ids over several partitions', async () => {
      const target = scriptedTarget()
      const stages: Stage[] = [{ name: 'same', apply: document => ({ ...document, _id: String(Number(document['n']) % 10) }) }]
      const report = await run({
        source: scriptedSource({ collections: { a: documents(40) }, partitions: 2 }),
        target: target.endpoint,
        stages
      })
      expect(target.writes.some(({ fresh }) => fresh)).to.equal(false)
      expect(report.collections[0]).to.include({ read: 40, written: 10, skipped: 30 })
    })
  })

  describe('options', () => {
    it('take a bare function as a stage', async () => {
      const target = scriptedTarget()
      const keepEven = (document: Document) => (Number(document['n']) % 2 ? undefined : document)
      const report = await run({
        source: scriptedSource({ collections: { a: documents(10) } }),
        target: target.endpoint,
        stages: [keepEven]
      })
      expect(report.collections[0]).to.include({ read: 10, written: 5, filtered: 5 })
      expect(report.collections[0]?.filteredBy).to.deep.equal({ keepEven: 5 })
    })

    it('are all checked before an end is opened', async () => {
      const wrong = { source: 5, target: {}, collections: 'agents', preset: 'nope', rename: 'x', onConflict: 'Skip', parallel: 0 }
      const error = await failure(wrong as never)
      expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
      for (const name of Object.keys(wrong)) expect(error.message).to.contain(`${name}: `)
    })

    for (const parallel of [0, -1, 1.5, NaN]) {
      it(`refuse ${parallel} slices at once`, async () => {
        const ends = { source: scriptedSource({ collections: {} }), target: scriptedTarget().endpoint }
        expect((await failure({ ...ends, parallel })).code).to.equal('DOCFERRY_CONFIG')
      })
    }

    it('refuse what is no stage', async () => {
      const ends = { source: scriptedSource({ collections: {} }), target: scriptedTarget().endpoint }
      expect((await failure({ ...ends, stages: ['strip'] as never })).message).to.contain('stages[0]')
    })
  })

  describe('ids that repeat', () => {
    const repeating = {
      collections: { a: [...documents(30), { _id: 'd3', n: 'second' }, { _id: 'd29', n: 'second' }, { _id: 'd3', n: 'third' }] },
      uniqueIds: false
    }

    it('keeps the first, and says so', async () => {
      const target = scriptedTarget()
      const report = await run({ source: scriptedSource(repeating), target: target.endpoint })
      expect(report.collections[0]).to.include({ read: 33, written: 30, skipped: 3 })
      expect(target.collections.get('a')?.get('d3')).to.deep.equal({ _id: 'd3', n: 3 })
      expect(report.notes.join()).to.contain('3 documents have an id that came before in the source; the first of each is kept')
    })

    for (const onConflict of ['skip', 'overwrite', 'fail'] as const) {
      it(`are counted by a dry run as by the run (${onConflict}), and told by both`, async () => {
        for (const held of [{ a: [] }, { a: [{ _id: 'd0' }] }] as Record<string, Document[]>[]) {
          const [dry, real] = [
            await run({ source: scriptedSource(repeating), target: scriptedTarget({ held }).endpoint, onConflict, dryRun: true }),
            await run({ source: scriptedSource(repeating), target: scriptedTarget({ held }).endpoint, onConflict })
          ]
          expect(totalCounts(dry.collections)).to.deep.equal(totalCounts(real.collections))
          for (const { notes } of [dry, real]) expect(notes.join()).to.contain('3 documents have an id that came before')
        }
      })
    }

    it('keeps the last where told to overwrite, and says so', async () => {
      const target = scriptedTarget()
      const report = await run({ source: scriptedSource(repeating), target: target.endpoint, onConflict: 'overwrite' })
      expect(target.collections.get('a')?.get('d3')).to.deep.equal({ _id: 'd3', n: 'third' })
      expect(report.notes.join()).to.contain('the last of each is kept')
    })

    it('dead-letters the later ones where told to fail', async () => {
      const report = await run({ source: scriptedSource(repeating), target: scriptedTarget().endpoint, onConflict: 'fail' })
      expect(report.collections[0]).to.include({ written: 30, failed: 3 })
      expect(report.state).to.equal('partial')
    })
  })

  describe('dead letters', () => {
    const tooLarge = {
      refuse: (document: Document) =>
        document._id === 'd7' ? { code: 'DOCFERRY_TOO_LARGE' as const, message: 'too large', path: 'n' } : undefined
    }

    it('keep what the target refuses, readable by the owner only, and the run is partial', async () => {
      const report = await run({ source: scriptedSource({ collections: { a: documents(20) } }), target: scriptedTarget(tooLarge).endpoint })
      expect(report.state).to.equal('partial')
      expect(report.collections[0]).to.include({ written: 19, failed: 1 })
      expect(report.collections[0]?.failures).to.deep.equal([
        { code: 'DOCFERRY_TOO_LARGE', message: 'too large', count: 1, examples: ['d7'] }
      ])
      const path = report.deadLetters as string
      expect(JSON.parse(await readFile(path, 'utf8'))).to.deep.equal({
        collection: 'a',
        id: 'd7',
        at: 'write',
        code: 'DOCFERRY_TOO_LARGE',
        message: 'too large',
        where: 'n',
        document: { _id: 'd7', n: 7 },
        partition: 'a/0',
        mark: 0
      })
      expect((await stat(path)).mode & 0o777).to.equal(0o600)
      expect((await stat(dirname(path))).mode & 0o777).to.equal(0o700)
    })

    it('keep what the source holds that is no document', async () => {
      const rejects = [
        {
          code: 'DOCFERRY_BAD_DOCUMENT' as const,
          message: 'not valid UTF-8',
          where: 'line 3, byte 99',
          raw: '{"a\ufffd',
          rawBase64: 'eyJh/w=='
        }
      ]
      const report = await run({ source: scriptedSource({ collections: { a: documents(2) }, rejects }), target: scriptedTarget().endpoint })
      expect(report.collections[0]).to.include({ read: 3, written: 2, failed: 1 })
      expect(JSON.parse(await readFile(report.deadLetters as string, 'utf8'))).to.include({
        at: 'read',
        where: 'line 3, byte 99',
        raw: '{"a\ufffd',
        rawBase64: 'eyJh/w=='
      })
    })

    it('keep what is still throttled after the last try', async () => {
      const outcome = (id: string) =>
        id === 'd4' ? { code: 'DOCFERRY_THROTTLED' as const, message: 'slow down', retryable: true } : undefined
      const report = await run({
        source: scriptedSource({ collections: { a: documents(10) } }),
        target: scriptedTarget({ outcome }).endpoint
      })
      expect(report.collections[0]).to.include({ written: 9, failed: 1 })
      expect(report.retries).to.be.greaterThan(1)
    })

    it('keep by its id alone what no text can hold, and the run goes on', async () => {
      const refuse = (document: Document) => (document['at'] ? { code: 'DOCFERRY_BAD_VALUE' as const, message: 'no value' } : undefined)
      // A connector of one's own may give what no document is made of.
      const a = documents(10).map(document => (document._id === 'd3' ? ({ ...document, at: new Date() } as never) : document))
      const report = await run({ source: scriptedSource({ collections: { a } }), target: scriptedTarget({ refuse }).endpoint })
      expect(report.collections[0]).to.include({ written: 9, failed: 1 })
      const letter = JSON.parse(await readFile(report.deadLetters as string, 'utf8')) as object
      expect(letter).to.include({ id: 'd3', code: 'DOCFERRY_BAD_VALUE' }).and.not.have.property('document')
    })

    it('are grouped by what is wrong, with the first of each kind', async () => {
      const refuse = ({ _id, n }: Document) =>
        Number(n) < 8
          ? { code: 'DOCFERRY_BAD_ID' as const, message: _id < 'd4' ? `too long: ${Number(n) + 1} bytes` : 'an empty id' }
          : undefined
      const report = await run({
        source: scriptedSource({ collections: { a: documents(10) } }),
        target: scriptedTarget({ refuse }).endpoint
      })
      expect(report.collections[0]?.failures).to.deep.equal([
        { code: 'DOCFERRY_BAD_ID', message: 'an empty id', count: 4, examples: ['d4', 'd5', 'd6', 'd7'] },
        { code: 'DOCFERRY_BAD_ID', message: 'too long: 1 bytes', count: 4, examples: ['d0', 'd1', 'd2', 'd3'] }
      ])
    })

    it('name the field where it is its name that is refused', async () => {
      const refuse = ({ _id }: Document) => ({
        code: 'DOCFERRY_BAD_FIELD' as const,
        message: 'an empty name',
        path: `a[${_id.slice(1)}].""`
      })
      const report = await run({
        source: scriptedSource({ collections: { a: documents(2) } }),
        target: scriptedTarget({ refuse }).endpoint
      })
      expect(report.collections[0]?.failures).to.deep.equal([
        { code: 'DOCFERRY_BAD_FIELD', message: 'an empty name', count: 2, examples: ['d0 (a[0]."")', 'd1 (a[1]."")'] }
      ])
    })

    it('come in one order of their kinds, whichever was met first, also where the run fails', async () => {
      const kinds = [
        { code: 'DOCFERRY_BAD_ID' as const, message: 'an empty id' },
        { code: 'DOCFERRY_BAD_ID' as const, message: 'too long' },
        { code: 'DOCFERRY_BAD_VALUE' as const, message: 'no value' }
      ]
      const breaking: Stage = {
        name: 'breaks',
        apply: document => {
          if (document._id === 'end') throw new Error('no more')
          return document
        }
      }
      for (const all of [documents(3), documents(3).toReversed()])
        for (const stages of [[], [breaking]]) {
          let report: Readonly<RunReport> | undefined
          await run({
            source: scriptedSource({ collections: { a: [...all, { _id: 'end', n: 9 }] } }),
            target: scriptedTarget({ refuse: ({ n }) => kinds[Number(n)] }).endpoint,
            stages,
            observe: live => (report = live)
          }).catch(() => undefined)
          const met = report!.collections[0]!.failures.map(({ code, message }) => ({ code, message }))
          expect(met.slice(0, 3)).to.deep.equal(kinds)
        }
    })

    it('leave no file behind where there are none', async () => {
      const report = await run({ source: scriptedSource({ collections: { a: documents(2) } }), target: scriptedTarget().endpoint })
      expect(report.deadLetters).to.equal(undefined)
      expect(await readdir(join(stateDir, 'runs', report.runId))).not.to.include('dead-letters.ndjson')
    })

    it('end the run when they cannot be kept', async () => {
      const error = await failure({
        source: scriptedSource({ collections: { a: documents(20) } }),
        target: scriptedTarget(tooLarge).endpoint,
        stateDir: '/dev/null'
      })
      expect(error).to.include({ code: 'DOCFERRY_STATE', exitCode: 50 })
    })
  })

  describe('trouble', () => {
    it('tries a call again that failed as a whole', async () => {
      const beforeWrite = (call: number): void => {
        if (call < 3) throw new DocferryError('DOCFERRY_CONNECT', 'cut', { retryable: true })
      }
      const report = await run({
        source: scriptedSource({ collections: { a: documents(20) } }),
        target: scriptedTarget({ beforeWrite }).endpoint
      })
      expect(report.collections[0]?.written).to.equal(20)
      expect(report.retries).to.equal(2)
    })

    it('ends the run when the target is gone, and dead-letters nothing', async () => {
      const beforeWrite = (): never => {
        throw new DocferryError('DOCFERRY_CONNECT', 'gone', { retryable: true })
      }
      let report: Readonly<RunReport> | undefined
      const target = scriptedTarget({ beforeWrite })
      const error = await failure({
        source: scriptedSource({ collections: { a: documents(500) } }),
        target: target.endpoint,
        observe: live => (report = live)
      })
      expect(error).to.include({ code: 'DOCFERRY_CONNECT', exitCode: 10 })
      expect(report?.state).to.equal('failed')
      expect(report?.deadLetters).to.equal(undefined)
      expect(target).to.include({ committed: false, closed: true })
    })

    it('ends the run when the source breaks, with what was read before written', async () => {
      const beforePage = (_: string, page: number): void => {
        if (page === 3) throw new DocferryError('DOCFERRY_FILE_CUT', 'the file ends before its end')
      }
      const target = scriptedTarget()
      let report: Readonly<RunReport> | undefined
      const error = await failure({
        source: scriptedSource({ collections: { a: documents(100) }, beforePage }),
        target: target.endpoint,
        observe: live => (report = live)
      })
      expect(error).to.include({ code: 'DOCFERRY_FILE_CUT', exitCode: 20 })
      expect(target.committed).to.equal(false)
      expect(report?.collections[0]).to.include({ read: 30, written: 30, state: 'stopped' })
      expect(target.collections.get('a')?.size).to.equal(30)
    })

    it('stops reading when told to, writes what was read, and says that it was interrupted', async () => {
      const abort = new AbortController()
      const target = scriptedTarget()
      let report: Readonly<RunReport> | undefined
      const beforePage = (_: string, page: number): void => {
        if (page === 5) abort.abort(new Error('Ctrl-C'))
      }
      const error = await failure({
        source: scriptedSource({ collections: { a: documents(1_000) }, beforePage }),
        target: target.endpoint,
        signal: abort.signal,
        observe: live => (report = live)
      })
      expect(error).to.include({ code: 'DOCFERRY_INTERRUPTED', exitCode: 130 })
      expect(report?.state).to.equal('interrupted')
      expect(report?.collections[0]?.written).to.equal(report?.collections[0]?.read)
      expect(report?.collections[0]?.written).to.be.within(50, 70)
      expect(target).to.include({ committed: false, closed: true })
    })

    it('says that it was interrupted also when that was so before it began', async () => {
      const error = await failure({
        source: scriptedSource({ collections: {} }),
        target: scriptedTarget().endpoint,
        signal: AbortSignal.abort()
      })
      expect(error.code).to.equal('DOCFERRY_INTERRUPTED')
    })

    it('tells a stage that it was told to stop', async () => {
      const abort = new AbortController()
      const waits: Stage['apply'] = (_, { signal }) =>
        new Promise((__, reject) => {
          signal?.addEventListener('abort', () => reject(new Error('told')))
          abort.abort(new Error('Ctrl-C'))
        })
      const error = await failure({
        source: scriptedSource({ collections: { a: documents(5) } }),
        target: scriptedTarget().endpoint,
        stages: [waits],
        signal: abort.signal
      })
      expect(error.code).to.equal('DOCFERRY_INTERRUPTED')
    })

    it('says how many documents have no outcome when the target is gone', async () => {
      const beforeWrite = (call: number): void => {
        if (call > 2) throw new DocferryError('DOCFERRY_CONNECT', 'gone', { retryable: true })
      }
      let report: Readonly<RunReport> | undefined
      const target = scriptedTarget({ beforeWrite, provider: 'couchdb' })
      await failure({
        source: scriptedSource({ collections: { a: documents(500) } }),
        target: target.endpoint,
        observe: live => (report = live)
      })
      const { read = 0, written = 0 } = report?.collections[0] ?? {}
      expect(read).to.be.greaterThan(written)
      expect(report?.notes).to.deep.equal([
        `a: ${read - written} documents that were read have no outcome; those in flight may be written or not`
      ])
    })

    it('holds no more than a few batches and pages while the target is slow', async () => {
      let release: () => void = () => undefined
      const gate = new Promise<void>(resolve => (release = resolve))
      let pages = 0
      const target = scriptedTarget({ beforeWrite: () => gate, limits: { batchCount: 10, inFlight: 2 } })
      const beforePage = (): void => void pages++
      const moving = run({ source: scriptedSource({ collections: { a: documents(10_000) }, beforePage }), target: target.endpoint })
      let before = -1
      while (pages !== before) {
        before = pages
        for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
      }
      expect(pages).to.be.at.most(12)
      release()
      expect((await moving).collections[0]?.written).to.equal(10_000)
    })
  })

  describe('dry run', () => {
    it('writes nothing and says what a run would do', async () => {
      const target = scriptedTarget({
        held: { a: documents(4) },
        refuse: document => (document._id === 'd9' ? { code: 'DOCFERRY_BAD_ID', message: 'bad id' } : undefined)
      })
      const report = await run({
        source: scriptedSource({ collections: { a: [...documents(20), { _id: '_design/x' }], b: documents(3) } }),
        target: target.endpoint,
        dryRun: true
      })
      expect(report).to.include({ dryRun: true, state: 'partial' })
      expect(report.deadLetters).to.equal(undefined)
      expect(target.committed).to.equal(false)
      expect(report.collections[0]).to.include({ read: 21, written: 15, skipped: 4, filtered: 1, failed: 1, created: false })
      expect(report.collections[1]).to.include({ read: 3, written: 3, created: true })
      expect(target.writes).to.deep.equal([])
      expect(target.prepared).to.deep.equal([])
      expect([...target.collections.keys()]).to.deep.equal(['a'])
      expectBalanced(report)
    })
  })
})
