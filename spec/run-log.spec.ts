import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { listRuns } from '../lib/checkpoint/run-folder.ts'
import { DocferryError } from '../lib/errors.ts'
import { silentLogger } from '../lib/open.ts'
import type { MigrateOptions } from '../lib/options.ts'
import { RunLog } from '../lib/run-log.ts'
import type { RunLogOptions } from '../lib/run-log.ts'
import { migrate } from '../lib/run.ts'
import type { Logger } from '../lib/types.ts'
import { scriptedSource, scriptedTarget } from './support/scripted-connector.ts'

type Line = { readonly level: string; readonly msg: string } & Record<string, unknown>

const linesOf = (path: string): Line[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Line)

describe('log of a run', () => {
  let folder: string
  const open: RunLog[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-log-'))
  })
  afterEach(() => {
    for (const log of open.splice(0)) log.close()
    rmSync(folder, { recursive: true, force: true })
  })

  describe('as a logger', () => {
    const make = (options: Partial<RunLogOptions> = {}): RunLog => {
      const log = new RunLog({ caller: silentLogger, ...options })
      open.push(log)
      return log
    }
    const path = (): string => join(folder, 'log.ndjson')

    it('keeps what came before there was a file', async () => {
      const log = make()
      log.warn({ collection: 'agents' }, 'early')
      log.open(path())
      log.info({}, 'late')
      expect(linesOf(path()).map(({ level, msg }) => [level, msg])).to.deep.equal([
        ['warn', 'early'],
        ['info', 'late']
      ])
      expect(statSync(path()).mode & 0o777).to.equal(0o600)
    })

    it('tells the caller everything, at once', () => {
      const told: string[] = []
      const tell = (_: object, message: string): void => void told.push(message)
      const log = make({ caller: { debug: tell, info: tell, warn: tell, error: tell } })
      log.debug({}, 'a')
      log.info({}, 'b')
      log.warn({}, 'b')
      log.error({}, 'b')
      expect(told).to.deep.equal(['a', 'b', 'b', 'b'])
    })

    it('goes on behind what the file holds', async () => {
      for (const message of ['first', 'second']) {
        const log = make()
        log.open(path())
        log.info({}, message)
        log.close()
      }
      expect(linesOf(path()).map(({ msg }) => msg)).to.deep.equal(['first', 'second'])
    })

    it('holds no secret', async () => {
      const log = make({ mask: text => text.replaceAll('hunter2', '***') })
      log.open(path())
      const err = new DocferryError('DOCFERRY_AUTH', 'refused hunter2', { cause: new Error('http://a:s3cret@h') })
      log.error({ err, password: 's3cret' }, 'hunter2 at http://a:s3cret@h')
      expect(readFileSync(path(), 'utf8')).not.to.match(/hunter2|s3cret/)
    })

    it('tells what comes again and again once in a while, and how often it came', async () => {
      let now = 0
      const log = make({ now: () => now })
      log.open(path())
      for (; now <= 20_000; now += 10) log.info({ code: 'DOCFERRY_THROTTLED', delayMs: now }, `trying again: busy for ${now} ms`)
      log.info({ code: 'DOCFERRY_CONNECT' }, 'trying again: something else')
      log.close()
      const lines = linesOf(path())
      expect(lines).to.have.length(6)
      expect(lines.map(({ times = 1 }) => times)).to.deep.equal([1, 500, 500, 500, 500, 1])
    })

    it('tells at its end what came again since', async () => {
      const log = make()
      log.open(path())
      for (let index = 0; index < 3; index++) log.warn({}, 'the same')
      log.close()
      expect(linesOf(path()).map(({ times }) => times)).to.deep.equal([undefined, 2])
    })

    it('does not grow without bound, and still tells how the run ended', async () => {
      const log = make({ mostBytes: 2_000 })
      log.open(path())
      for (let index = 0; index < 1_000; index++) log.warn({}, `name ${'x'.repeat(index)}`)
      log.note('info', { state: 'done' }, 'the run has ended')
      expect(statSync(path()).size).to.be.lessThan(3_000)
      expect(linesOf(path()).at(-1)).to.include({ msg: 'the run has ended', state: 'done' })
    })

    it('stops nothing where it can not be written', async () => {
      const warnings: string[] = []
      const log = make({ caller: { ...silentLogger, warn: (_, message) => void warnings.push(message) } })
      log.open(join(folder, 'missing', 'log.ndjson'))
      log.info({}, 'unheard')
      log.close()
      expect(warnings).to.have.length(1)
      expect(warnings[0]).to.include('missing/log.ndjson')
    })
  })

  describe('of migrate', () => {
    const documents = Array.from({ length: 30 }, (_, index) => ({ _id: `d${index}`, secret: 'contents' }))
    const ends = (script: Parameters<typeof scriptedTarget>[0] = {}): Pick<MigrateOptions, 'source' | 'target'> => ({
      source: scriptedSource({ collections: { agents: documents } }),
      target: scriptedTarget({ provider: 'couchdb', ...script }).endpoint
    })
    const logged = async (): Promise<Line[]> => linesOf(join((await listRuns(folder))[0]!.path, 'log.ndjson'))

    it('says what was asked, and how it ended', async () => {
      const { runId } = await migrate({ ...ends(), stateDir: folder })
      const [first, last, ...others] = await logged()
      expect(first).to.deep.include({
        msg: 'the run begins',
        runId,
        source: 'scripted source',
        target: 'scripted target',
        collections: ['agents']
      })
      expect(last).to.include({ msg: 'the run has ended', state: 'done', read: 30, written: 30, retries: 0 })
      expect(others).to.deep.equal([])
    })

    it('says why it failed, and that it goes on', async () => {
      let isBroken = true
      const beforeWrite = (): void => {
        if (isBroken) throw new DocferryError('DOCFERRY_TARGET', 'no space at http://u:s3cret@h')
      }
      const options = { ...ends({ beforeWrite }), stateDir: folder }
      await migrate(options).catch(() => undefined)
      isBroken = false
      await migrate({ ...options, resume: (await listRuns(folder))[0]!.runId })
      const lines = await logged()
      expect(lines.map(({ msg }) => msg)).to.deep.equal([
        'the run begins',
        'the run has ended',
        'the run did not come to its end',
        'the run goes on',
        'the run has ended'
      ])
      expect(lines[2]).to.include({ level: 'error' }).and.deep.nested.include({ 'err.code': 'DOCFERRY_TARGET' })
      expect(JSON.stringify(lines)).not.to.include('s3cret')
    })

    it('holds what was tried again, and neither dead letters nor contents', async () => {
      let isBusy = true
      const beforeWrite = (): void => {
        if (!isBusy) return
        isBusy = false
        throw new DocferryError('DOCFERRY_TARGET', 'busy', { retryable: true })
      }
      const refuse = ({ _id }: { _id: string }) => (_id === 'd3' ? ({ code: 'DOCFERRY_BAD_ID', message: 'refused' } as const) : undefined)
      const told: string[] = []
      const logger: Logger = { ...silentLogger, info: (_, message) => void told.push(message) }
      const report = await migrate({ ...ends({ beforeWrite, refuse }), stateDir: folder, logger, retry: { baseMs: 1 } })
      expect(report.state).to.equal('partial')
      expect(told).to.deep.equal(['dead letter: refused', 'trying again: busy'])
      const lines = await logged()
      expect(lines.map(({ msg }) => msg)).to.deep.equal(['the run begins', 'trying again: busy', 'the run has ended'])
      expect(JSON.stringify(lines)).not.to.include('contents')
    })

    it('is not there of a dry run, nor of a run that did not begin', async () => {
      await migrate({ ...ends(), stateDir: folder, dryRun: true })
      await migrate({ ...ends(), collections: ['nobody'], stateDir: folder }).catch(() => undefined)
      expect(readdirSync(folder)).to.deep.equal([])
    })
  })
})
