import { appendFile, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { expect } from 'chai'
import { DocferryError } from '../lib/errors.ts'
import type { MigrateOptions } from '../lib/options.ts'
import { totalCounts } from '../lib/report.ts'
import type { RunReport } from '../lib/report.ts'
import { retryRun } from '../lib/retry.ts'
import { migrate } from '../lib/run.ts'
import { makeStage } from '../lib/stages/make-stage.ts'
import type { Document, Json, Stage, StageState, TransformStage } from '../lib/types.ts'
import { scriptedSource, scriptedTarget } from './support/scripted-connector.ts'
import type { ScriptedSource, TargetRecord } from './support/scripted-connector.ts'

const documents = (count: number): Document[] => Array.from({ length: count }, (_, n) => ({ _id: `d${String(n).padStart(3, '0')}`, n }))

describe('run: stages', () => {
  let stateDir: string
  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'docferry-stages-'))
  })
  afterEach(() => rm(stateDir, { recursive: true, force: true }))

  const run = (
    stages: MigrateOptions['stages'],
    {
      source = { collections: { a: documents(40) } },
      target = scriptedTarget(),
      ...options
    }: Partial<Omit<MigrateOptions, 'source' | 'target'>> & {
      source?: ScriptedSource
      target?: TargetRecord
    } = {}
  ): Promise<RunReport> =>
    migrate({ stateDir, stages: stages ?? [], source: scriptedSource(source), target: target.endpoint, checkpointMs: 5, ...options })
  const failure = async (promise: Promise<unknown>): Promise<DocferryError> => {
    const error = await promise.then(
      () => new Error('it did not fail'),
      (reason: unknown) => reason
    )
    expect(error).to.be.instanceOf(DocferryError)
    return error as DocferryError
  }
  const held = ({ collections }: TargetRecord, name = 'a'): string[] => [...(collections.get(name)?.keys() ?? [])].sort()
  const expectBalanced = (report: RunReport): void => {
    const { read, added, written, skipped, filtered, failed } = totalCounts(report.collections)
    expect(read + added, JSON.stringify(report.collections)).to.equal(written + skipped + filtered + failed)
  }
  const failsFor = (onError: Stage['onError'], ids: readonly string[]): Stage => ({
    name: 'strict',
    onError,
    apply(document) {
      document['touched'] = true
      if (ids.includes(document._id)) throw new Error('no good')
      return document
    }
  })

  describe('that fail', () => {
    it('end the run, naming stage and document, where nothing else is wanted', async () => {
      const error = await failure(run([failsFor('fail', ['d007'])]))
      expect(error).to.include({ code: 'DOCFERRY_STAGE' })
      expect(error.message).to.include('stage strict failed on a/d007: no good')
    })

    it('leave the document out, and count it', async () => {
      const target = scriptedTarget()
      const report = await run([failsFor('skip', ['d007', 'd020'])], { target })
      expect(report.state).to.equal('done')
      expect(report.collections[0]!.filteredBy).to.deep.equal({ 'strict (failed)': 2 })
      expect(held(target)).to.have.length(38).and.not.include('d007')
      expectBalanced(report)
    })

    it('dead-letter the document as it came to them, and a retry goes on with the same stage', async () => {
      const target = scriptedTarget()
      const once: Stage = { name: 'once', apply: document => ({ ...document, seen: ((document['seen'] as number | undefined) ?? 0) + 1 }) }
      const report = await run([once, failsFor('dead-letter', ['d007'])], { target })
      expect(report.state).to.equal('partial')
      expect(totalCounts(report.collections)).to.include({ read: 40, written: 39, failed: 1 })
      const letter = JSON.parse(await readFile(report.deadLetters!, 'utf8')) as Record<string, unknown>
      expect(letter).to.deep.include({ collection: 'a', id: 'd007', at: 'stage', stage: 3, document: { _id: 'd007', n: 7, seen: 1 } })
      expect(letter['message']).to.include('stage strict failed on a/d007')

      const options = { run: report.runId, stateDir, target: target.endpoint }
      const again = await retryRun({ ...options, runStages: [once, failsFor('dead-letter', ['d007'])] })
      expect(again.state).to.equal('partial')
      const mended = await retryRun({ ...options, runStages: [once, failsFor('dead-letter', [])] })
      expect(mended.state).to.equal('done')
      expect(target.collections.get('a')!.get('d007')).to.deep.equal({ _id: 'd007', n: 7, seen: 1, touched: true })
    })

    it('count what a generator gave before it failed', async () => {
      const target = scriptedTarget()
      const report = await run(
        [
          {
            name: 'halves',
            onError: 'dead-letter',
            *apply(document) {
              yield { ...document, _id: `${document._id}-1` }
              if (document._id === 'd003') throw new Error('no second half')
              yield { ...document, _id: `${document._id}-2` }
            }
          }
        ],
        { target, source: { collections: { a: documents(5) } } }
      )
      expect(totalCounts(report.collections)).to.include({ read: 5, added: 5, written: 9, failed: 1 })
      expectBalanced(report)
    })

    it('are told by their place among the stages where a Transform stands between', async () => {
      const report = await run([passOn({ holdsBack: false }), failsFor('dead-letter', ['d001'])], {
        source: { collections: { a: documents(3) } }
      })
      expect(JSON.parse(await readFile(report.deadLetters!, 'utf8'))).to.include({ stage: 3 })
    })
  })

  describe('that remember', () => {
    /** Lets the first of each `n % 10` pass. */
    const firstOfEach = (): Stage & { readonly restored: Json[] } => {
      const seen = new Set<number>()
      const news = new Map<string, number[]>()
      const restored: Json[] = []
      const state: StageState = {
        take(partition) {
          const taken = news.get(partition)
          news.delete(partition)
          return taken
        },
        restore(piece) {
          restored.push(piece)
          for (const key of piece as number[]) seen.add(key)
        }
      }
      return {
        name: 'first of each',
        restored,
        state,
        apply(document, { partition = '' }) {
          const key = (document['n'] as number) % 10
          if (seen.has(key)) return null
          seen.add(key)
          news.set(partition, [...(news.get(partition) ?? []), key])
          return document
        }
      }
    }

    for (const steps of [true, false]) {
      it(`get back what they knew of what was acknowledged, ${steps ? 'by what was kept between checkpoints too' : 'by the checkpoint'}`, async () => {
        const target = scriptedTarget({ provider: 'couchdb' })
        const source: ScriptedSource = {
          collections: { a: documents(40) },
          pageSize: 5,
          beforePage: (_, page) => {
            if (page === 4) throw new DocferryError('DOCFERRY_READ', 'cut')
          }
        }
        const first = firstOfEach()
        let runId = ''
        await failure(run([first], { source, target, observe: report => (runId = report.runId), ...(!steps && { checkpointMs: 1 }) }))
        expect(held(target)).to.have.length(10)
        const again = firstOfEach()
        const report = await run([again], { source: { ...source, beforePage: () => undefined }, target, resume: runId })
        expect(again.restored.flat()).to.have.members([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
        expect(held(target)).to.deep.equal(documents(10).map(({ _id }) => _id))
        expect(totalCounts(report.collections)).to.include({ read: 40, written: 10, filtered: 30 })
      })
    }

    it('and say that it is lost refuse to go on', async () => {
      const stage: Stage = { name: 'counter', state: 'lost', apply: document => document }
      let runId = ''
      const source: ScriptedSource = {
        collections: { a: documents(40) },
        beforePage: (_, page) => {
          if (page === 2) throw new DocferryError('DOCFERRY_READ', 'cut')
        }
      }
      await failure(run([stage], { source, observe: report => (runId = report.runId) }))
      const error = await failure(run([stage], { resume: runId }))
      expect(error).to.include({ code: 'DOCFERRY_RUN_UNFIT' })
      expect(error.message).to.include('the stage counter remembered something')
    })

    it('end the run where they can not say what they remember, and where they can not be closed', async () => {
      const state: StageState = {
        take: () => {
          throw new Error('disk full')
        },
        restore: () => undefined
      }
      const target = scriptedTarget()
      const error = await failure(run([{ name: 'full', state, apply: document => document }], { target }))
      expect(error.message).to.include('disk full')
      const close = (isDone: boolean): void => {
        if (isDone) throw new DocferryError('DOCFERRY_STATE', 'no room')
      }
      expect(await failure(run([{ name: 'full', close, apply: document => document }], { target }))).to.include({ code: 'DOCFERRY_STATE' })
      expect(target.committed).to.equal(false)
    })

    const builtIn = async (name: string, options: unknown): Promise<Stage> =>
      await makeStage(name, options, { folder: stateDir, environment: {} })
    it('of docferry’s own go on as if nothing had happened', async () => {
      const target = scriptedTarget({ provider: 'couchdb' })
      const source = (isCut: boolean): ScriptedSource => ({
        collections: { a: documents(60).map(each => ({ ...each, key: (each['n'] as number) % 25 })) },
        pageSize: 5,
        beforePage: (_, page) => {
          if (isCut && page === 4) throw new DocferryError('DOCFERRY_READ', 'cut')
        }
      })
      const stages = async (): Promise<Stage[]> => [
        await builtIn('tap', { file: 'seen.ndjson', count: ['key'] }),
        await builtIn('dedupe', { by: ['key'] }),
        await builtIn('limit', { count: 23 })
      ]
      let runId = ''
      const first = await failure(run(await stages(), { source: source(true), target, observe: report => (runId = report.runId) }))
      expect(first).to.include({ code: 'DOCFERRY_READ' })
      expect(held(target)).to.have.length(20)
      const report = await run(await stages(), { source: source(false), target, resume: runId })
      expect(held(target)).to.deep.equal(documents(23).map(({ _id }) => _id))
      expectBalanced(report)
      const seen = (await readFile(join(stateDir, 'seen.ndjson'), 'utf8')).match(/"_id":"d\d+"/g)!
      expect(new Set(seen).size).to.equal(totalCounts(report.collections).read)
      expect(report.notes.join()).to.include('key')
    })

    describe('and write aside', () => {
      const path = (name = 'seen.ndjson'): string => join(stateDir, name)
      const aside = async (options: object = {}): Promise<Stage[]> => [await builtIn('tap', { file: 'seen.ndjson', ...options })]
      const cut = (page: number): ScriptedSource => ({
        collections: { a: documents(20), b: documents(20) },
        pageSize: 5,
        beforePage: (_, number) => {
          if (number === page) throw new DocferryError('DOCFERRY_READ', 'cut')
        }
      })
      const seen = async (name?: string): Promise<number> => (await readFile(path(name), 'utf8')).match(/\n/g)!.length

      for (const dryRun of [false, true])
        it(`find a file of somebody’s before anything is begun${dryRun ? ', in a dry run too' : ''}`, async () => {
          await writeFile(path(), 'mine')
          const target = scriptedTarget()
          expect(await failure(run(await aside(), { target, dryRun }))).to.include({ code: 'DOCFERRY_OUTPUT_EXISTS' })
          await writeFile(path('b.ndjson'), 'mine')
          const each = await aside({ file: '{collection}.ndjson' })
          expect(await failure(run(each, { target, dryRun, source: cut(-1) }))).to.include({ code: 'DOCFERRY_OUTPUT_EXISTS' })
          expect(await readFile(path(), 'utf8')).to.equal('mine')
          expect(target.collections.size).to.equal(0)
          expect(await readdir(stateDir)).to.have.members(['seen.ndjson', 'b.ndjson'])
        })

      it('go on with their own file, and with nobody else’s', async () => {
        const target = scriptedTarget({ provider: 'couchdb' })
        let runId = ''
        const parallel = 1
        const options = { target, parallel, observe: (report: Readonly<RunReport>) => void (runId = report.runId) }
        await failure(run(await aside(), { ...options, source: cut(2) }))
        await rename(path(), path('own'))
        await writeFile(path(), '{"mine":"no newline"}')
        const error = await failure(run(await aside(), { target, parallel, source: cut(-1), resume: runId }))
        expect(error).to.include({ code: 'DOCFERRY_OUTPUT_EXISTS' })
        expect(await readFile(path(), 'utf8')).to.equal('{"mine":"no newline"}')
        await rename(path('own'), path())
        await appendFile(path(), '{"_id":"torn')
        await run(await aside(), { target, parallel, source: cut(-1), resume: runId })
        expect(await seen()).to.equal(40)
      })

      it('add to it what is retried', async () => {
        const target = scriptedTarget()
        const stages = async (ids: readonly string[]): Promise<Stage[]> => [
          failsFor('dead-letter', ids),
          ...(await aside({ existing: 'overwrite' }))
        ]
        const { runId } = await run(await stages(['d007']), { target })
        expect(await seen()).to.equal(39)
        await retryRun({ run: runId, stateDir, target: target.endpoint, runStages: await stages([]) })
        expect(await seen()).to.equal(40)
      })

      it('are refused two of one file before anything is begun', async () => {
        const target = scriptedTarget()
        const stages = [...(await aside({ existing: 'overwrite' })), ...(await aside({ existing: 'append' }))]
        expect(await failure(run(stages, { target }))).to.include({ code: 'DOCFERRY_CONFIG' })
        expect(await readdir(stateDir)).to.deep.equal([])
      })
    })

    it('are opened first and closed last, also where the run fails, and are heard', async () => {
      const calls: string[] = []
      const stage = (name: string): Stage => ({
        name,
        open: ({ dryRun, resumed }) => void calls.push(`${name} opens ${dryRun} ${resumed}`),
        apply: document => document,
        notes: () => [`${name} has seen it`],
        close: isDone => void calls.push(`${name} closes ${isDone}`)
      })
      const report = await run([stage('x'), stage('y')])
      expect(report.notes).to.deep.equal(['x has seen it', 'y has seen it'])
      await failure(run([stage('z'), failsFor('fail', ['d000'])]))
      expect(calls).to.deep.equal([
        'x opens false false',
        'y opens false false',
        'y closes true',
        'x closes true',
        'z opens false false',
        'z closes false'
      ])
    })
  })

  it('that are sated end the reading', async () => {
    let passed = 0
    let pages = 0
    const limit: Stage = { name: 'limit', apply: document => (passed++ < 12 ? document : null), isSated: () => passed >= 12 }
    const target = scriptedTarget()
    const report = await run([limit], { target, source: { collections: { a: documents(4_000) }, beforePage: () => void pages++ } })
    expect(report.state).to.equal('done')
    expect(held(target)).to.have.length(12)
    expect(pages).to.be.lessThan(20)
    expectBalanced(report)
  })

  /** Each document as it is, by a Node Transform. */
  function passOn(options: Partial<TransformStage> = {}): TransformStage {
    return {
      name: 'pass on',
      transform: () =>
        new Transform({ objectMode: true, transform: (document, _, callback) => void setImmediate(callback, null, document) }),
      ...options
    }
  }

  /** Documents of a page and more, in one with their sum, by a Node Transform. */
  const summing = (): TransformStage => ({
    name: 'sum',
    transform({ collection }) {
      let sum = 0
      return new Transform({
        objectMode: true,
        transform(document: Document, _, callback) {
          sum += document['n'] as number
          callback()
        },
        flush(callback) {
          callback(null, { _id: `${collection}-sum`, sum })
        }
      })
    }
  })

  describe('that are Node Transforms', () => {
    for (const holdsBack of [true, false]) {
      it(`move everything once, ${holdsBack ? 'held back' : 'at once'}`, async () => {
        const target = scriptedTarget()
        const report = await run([passOn({ holdsBack })], {
          target,
          source: { collections: { a: documents(35), b: documents(7) }, partitions: 3 }
        })
        expect(totalCounts(report.collections)).to.deep.equal({ read: 42, added: 0, written: 42, skipped: 0, filtered: 0, failed: 0 })
        expect([held(target).length, held(target, 'b').length]).to.deep.equal([35, 7])
      })
    }

    it('may sum up, each collection for itself', async () => {
      const target = scriptedTarget()
      const report = await run([summing()], { target, source: { collections: { a: documents(35), b: documents(7) }, unknown: true } })
      expect(target.collections.get('a')!.get('a-sum')).to.include({ sum: (34 * 35) / 2 })
      expect(target.collections.get('b')!.get('b-sum')).to.include({ sum: 21 })
      expect(totalCounts(report.collections)).to.include({ read: 42, written: 2, filtered: 40 })
      expectBalanced(report)
    })

    it('give nothing of a part that is cut short, and begin it again', async () => {
      const target = scriptedTarget({ provider: 'couchdb' })
      const source: ScriptedSource = {
        collections: { a: documents(40) },
        beforePage: (_, page) => {
          if (page === 2) throw new DocferryError('DOCFERRY_READ', 'cut')
        }
      }
      let runId = ''
      await failure(run([summing()], { source, target, observe: report => (runId = report.runId) }))
      expect(held(target)).to.deep.equal([])
      const report = await run([summing()], { source: { collections: { a: documents(40) } }, target, resume: runId })
      expect(target.collections.get('a')!.get('a-sum')).to.include({ sum: (39 * 40) / 2 })
      expect(totalCounts(report.collections)).to.include({ read: 40, written: 1, filtered: 39 })
    })

    it('go on behind what was acknowledged where they hold nothing back', async () => {
      const target = scriptedTarget({ provider: 'couchdb' })
      const pages: number[] = []
      const source = (failing: boolean): ScriptedSource => ({
        collections: { a: documents(40) },
        beforePage: (_, page) => {
          pages.push(page)
          if (failing && page === 2) throw new DocferryError('DOCFERRY_READ', 'cut')
        }
      })
      let runId = ''
      await failure(run([passOn({ holdsBack: false })], { source: source(true), target, observe: report => (runId = report.runId) }))
      expect(held(target)).to.have.length(20)
      pages.length = 0
      const report = await run([passOn({ holdsBack: false })], { source: source(false), target, resume: runId })
      expect(pages[0]).to.equal(2)
      expect(totalCounts(report.collections)).to.include({ read: 40, written: 40 })
    })

    const broken: readonly [string, TransformStage['transform'], string][] = [
      ['fail', () => new Transform({ objectMode: true, transform: (_, __, callback) => callback(new Error('broken')) }), 'broken'],
      [
        'throw',
        () =>
          new Transform({
            objectMode: true,
            transform: () => {
              throw new Error('thrown')
            }
          }),
        'thrown'
      ],
      [
        'give what is no document',
        () => new Transform({ objectMode: true, transform: (_, __, callback) => callback(null, { n: 1 }) }),
        'no document'
      ],
      ['are not in object mode', () => new Transform({}), 'not in object mode'],
      ['are none', () => ({}) as Transform, 'no Node Transform'],
      [
        'close before their end',
        () => {
          const made = new Transform({ objectMode: true, transform: () => void made.destroy() })
          return made
        },
        'closed before its end'
      ]
    ]
    for (const [how, transform, message] of broken) {
      it(`end the run where they ${how}`, async () => {
        const error = await failure(run([{ name: 'own', transform }]))
        expect(error).to.include({ code: 'DOCFERRY_STAGE' })
        expect(error.message).to.include('stage own failed on a').and.include(message)
      })
    }

    it('are held back by a slow target, and hold the source back', async () => {
      let pages = 0
      let release: (() => void) | undefined
      const gate = new Promise<void>(resolve => (release = resolve))
      const target = scriptedTarget({ limits: { inFlight: 1 }, beforeWrite: () => gate })
      const running = run([passOn({ holdsBack: false })], {
        target,
        source: { collections: { a: documents(10_000) }, beforePage: () => void pages++ }
      })
      while (target.writes.length === 0) await new Promise(resolve => setImmediate(resolve))
      for (let turn = 0; turn < 2_000; turn++) await new Promise(resolve => setImmediate(resolve))
      expect(pages).to.be.lessThan(40)
      release!()
      expect(totalCounts((await running).collections)).to.include({ written: 10_000 })
    })

    it('that never answer are left when the run is stopped', async () => {
      const controller = new AbortController()
      const stuck: TransformStage = {
        name: 'stuck',
        transform: () => new Transform({ objectMode: true, transform: () => controller.abort() })
      }
      const error = await failure(run([stuck], { signal: controller.signal }))
      expect(error).to.include({ code: 'DOCFERRY_INTERRUPTED' })
    }).timeout(30_000)
  })
})
