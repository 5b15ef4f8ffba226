/** Runs within bounds: of documents and units a second, of tries, of failures. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { listRuns } from '../lib/checkpoint/run-folder.ts'
import { createMemoryStore } from '../lib/connectors/memory/store.ts'
import type { DocferryError } from '../lib/errors.ts'
import type { MigrateOptions } from '../lib/options.ts'
import { migrate } from '../lib/run.ts'
import type { Document, Usage, WriteOutcome } from '../lib/types.ts'
import { scriptedSource, scriptedTarget } from './support/scripted-connector.ts'

const documents: readonly Document[] = Array.from({ length: 100 }, (_, index) => ({ _id: `d${String(index).padStart(3, '0')}` }))
const throttled: WriteOutcome = { code: 'DOCFERRY_THROTTLED', message: 'slow down', retryable: true }

describe('run: within bounds', () => {
  let stateDir: string
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'docferry-rate-'))
  })
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }))

  const source = scriptedSource({ collections: { agents: documents } })
  const run = (options: Omit<MigrateOptions, 'source'> & Partial<Pick<MigrateOptions, 'source'>>) =>
    migrate({ source, stateDir, retry: { attempts: 3, baseMs: 1 }, ...options })
  const failure = (options: Parameters<typeof run>[0]): Promise<DocferryError> =>
    run(options).then(
      () => expect.fail('it should have failed'),
      (error: DocferryError) => error
    )

  it('keeps to --max-rate, in batches of a quarter of a second', async () => {
    const target = scriptedTarget({ limits: { batchCount: 50 } })
    const startedAt = performance.now()
    await run({ target: target.endpoint, maxRate: 80 })
    // 5 batches of 20, of which the first goes at once.
    expect(performance.now() - startedAt).to.be.greaterThan(990)
    expect(target.writes.map(({ ids }) => ids.length)).to.deep.equal([20, 20, 20, 20, 20])
  })

  it('refuses bounds in units that an end does not count', async () => {
    const error = await failure({ target: scriptedTarget().endpoint, maxReadUnits: 10, maxWriteUnits: 10 })
    expect(error.code).to.equal('DOCFERRY_CONFIG')
    expect(error.message).to.equal(
      '--max-rcu: the source is memory, which has no such units; --max-wcu: the target is memory, which has no such units; --max-rate bounds documents a second'
    )
    expect(existsSync(join(stateDir, 'runs'))).to.equal(false)
  })

  it('keeps reading to --max-rcu', async () => {
    let readUnits = 0
    const usage = (): Usage => ({ requests: 1, readUnits })
    const counted = scriptedSource({
      collections: { agents: documents },
      usage,
      beforePage() {
        readUnits += 10
      }
    })
    const startedAt = performance.now()
    await run({ target: scriptedTarget().endpoint, source: counted, maxReadUnits: 100 })
    // Ten pages of ten units; behind the last one nothing is waited for but the end.
    expect(performance.now() - startedAt).to.be.greaterThan(890)
  })

  it('stops when more fail than --max-failures allows, with all that was sent accounted for, and goes on', async () => {
    const isBad = (id: string): boolean => id >= 'd020' && id < 'd030'
    const mended = { value: false }
    const target = scriptedTarget({
      provider: 'couchdb',
      refuse: ({ _id }) => (isBad(_id) && !mended.value ? { code: 'DOCFERRY_BAD_ID', message: 'no' } : undefined)
    })
    const error = await failure({ target: target.endpoint, maxFailures: 5 })
    expect(error).to.include({ code: 'DOCFERRY_MAX_FAILURES', exitCode: 40 })
    expect(error.message).to.match(/^more documents could not be written than --max-failures allows \(5\): the run has stopped/)
    const [stopped] = await listRuns(stateDir)
    expect(stopped?.state).to.equal('failed')
    expect(target.collections.get('agents')!.size).to.be.lessThan(90)
    const report = await run({ target: target.endpoint, resume: stopped!.runId, maxFailures: 10 })
    expect(report).to.include({ state: 'partial' })
    expect(report.collections[0]).to.include({ read: 100, written: 90, failed: 10 })
    expect(readFileSync(report.deadLetters!, 'utf8').trim().split('\n')).to.have.length(10)
  })

  it('counts the failures of before when it goes on', async () => {
    const target = scriptedTarget({ provider: 'couchdb', refuse: () => ({ code: 'DOCFERRY_BAD_ID', message: 'no' }) })
    await failure({ target: target.endpoint, maxFailures: 30 })
    const [stopped] = await listRuns(stateDir)
    const again = await failure({ target: target.endpoint, maxFailures: 30, resume: stopped!.runId })
    expect(again.code).to.equal('DOCFERRY_MAX_FAILURES')
  })

  it('goes on where as many have failed as may and the cause is mended, and says first that the next failure stops it', async () => {
    const mended = { value: false }
    const isBad = (id: string): boolean => id >= 'd020' && !mended.value
    const target = scriptedTarget({
      provider: 'couchdb',
      refuse: ({ _id }) => (isBad(_id) ? { code: 'DOCFERRY_BAD_ID', message: 'no' } : undefined)
    })
    await failure({ target: target.endpoint, maxFailures: 5 })
    const [stopped] = await listRuns(stateDir)
    mended.value = true
    const warned: string[] = []
    const ignore = (): void => undefined
    const warn = (_: object, message: string): void => void warned.push(`${message}, at ${target.writes.length}`)
    const before = target.writes.length
    const logger = { debug: ignore, info: ignore, warn, error: ignore }
    const { state } = await run({ target: target.endpoint, maxFailures: 5, resume: stopped!.runId, logger })
    expect(state).to.equal('partial')
    const { failed } = stopped!.end!.totals
    expect(failed).to.be.greaterThan(5)
    expect(warned).to.deep.equal([
      `${failed} documents could not be written before, more than --max-failures allows (5): the next one stops the run; give a higher one if more may fail, at ${before}`
    ])
  })

  it('does not warn of failures of before that are within --max-failures', async () => {
    const mended = { value: false }
    const target = scriptedTarget({
      provider: 'couchdb',
      refuse: () => (mended.value ? undefined : { code: 'DOCFERRY_BAD_ID', message: 'no' })
    })
    await failure({ target: target.endpoint, maxFailures: 5 })
    const [stopped] = await listRuns(stateDir)
    mended.value = true
    const warned: string[] = []
    const ignore = (): void => undefined
    const logger = { debug: ignore, info: ignore, warn: (_: object, message: string): void => void warned.push(message), error: ignore }
    await run({ target: target.endpoint, maxFailures: 100, resume: stopped!.runId, logger })
    expect(warned).to.deep.equal([])
  })

  it('looks at a share of failures when a thousand documents were read', async () => {
    const many = Array.from({ length: 3_000 }, (_, index) => ({ _id: `d${index}`, bad: index < 30 || index > 1_500 }))
    const target = scriptedTarget({
      provider: 'couchdb',
      refuse: ({ bad }) => (bad ? { code: 'DOCFERRY_BAD_ID', message: 'no' } : undefined)
    })
    const error = await failure({
      source: scriptedSource({ collections: { agents: many } }),
      target: target.endpoint,
      maxFailures: { share: 0.05 }
    })
    expect(error.message).to.match(/^more documents could not be written than --max-failures allows \(5% of the 1,\d\d\d read\)/)
  })

  it('does not stop a dry run for failures: it is to find them all', async () => {
    const target = scriptedTarget({ refuse: () => ({ code: 'DOCFERRY_BAD_ID', message: 'no' }) })
    const report = await run({ target: target.endpoint, maxFailures: 5, dryRun: true })
    expect(report.collections[0]).to.include({ failed: 100 })
  })

  it('stops, resumable, when a target throttles everything, and dead-letters nothing', async () => {
    const open = { value: false }
    const target = scriptedTarget({ provider: 'couchdb', outcome: (_, call) => (call > 4 && !open.value ? throttled : undefined) })
    const error = await failure({ target: target.endpoint })
    expect(error).to.include({ code: 'DOCFERRY_THROTTLED', exitCode: 10 })
    open.value = true
    const [stopped] = await listRuns(stateDir)
    const report = await run({ target: target.endpoint, resume: stopped!.runId })
    expect(report.collections[0]).to.include({ read: 100, written: 100, failed: 0 })
    expect(report.deadLetters).to.equal(undefined)
  })

  it('stops, resumable, when a target fails for one document after the other and takes none, and dead-letters nothing', async () => {
    for (const count of [3, 100]) {
      const open = { value: false }
      const broken: WriteOutcome = { code: 'DOCFERRY_REFUSED', message: '500', retryable: true }
      const target = scriptedTarget({ provider: 'couchdb', outcome: () => (open.value ? undefined : broken) })
      const ends = { source: scriptedSource({ collections: { agents: documents.slice(0, count) } }), target: target.endpoint }
      const error = await failure(ends)
      expect(error).to.include({ code: 'DOCFERRY_TARGET', exitCode: 10 })
      open.value = true
      const [stopped] = await listRuns(stateDir)
      const report = await run({ ...ends, resume: stopped!.runId })
      expect(report.collections[0]).to.include({ read: count, written: count, failed: 0 })
      expect(report.deadLetters).to.equal(undefined)
    }
  })

  it('stops, resumable, when the tries are used up', async () => {
    const target = scriptedTarget({ provider: 'couchdb', outcome: (_, call) => (call % 2 === 1 ? throttled : undefined) })
    const error = await failure({ target: target.endpoint, maxRetries: 3 })
    expect(error).to.include({ code: 'DOCFERRY_THROTTLED' })
    expect(error.message).to.match(/tried again 3 times by now, which is its budget/)
    const [stopped] = await listRuns(stateDir)
    expect(stopped?.state).to.equal('failed')
    await run({ target: target.endpoint, resume: stopped!.runId })
    expect(target.collections.get('agents')!.size).to.equal(100)
  })

  it('sends smaller batches to a target that has pushed back', async () => {
    const target = scriptedTarget({ limits: { inFlight: 1, batchCount: 16 }, outcome: (_, call) => (call <= 2 ? throttled : undefined) })
    await run({ target: target.endpoint })
    const sizes = target.writes.map(({ ids }) => ids.length)
    expect(sizes.slice(0, 3)).to.deep.equal([16, 8, 4])
    expect(sizes.at(-2)).to.be.greaterThan(4)
  })

  it('runs no further ahead of a batch without an answer than batches may be under way', async () => {
    let answer = (): void => undefined
    const held = new Promise<void>(resolve => (answer = resolve))
    const target = scriptedTarget({ limits: { batchCount: 10, inFlight: 3 }, beforeWrite: call => (call === 1 ? held : undefined) })
    const running = run({ target: target.endpoint })
    while (target.writes.length < 4) await new Promise(resolve => setImmediate(resolve))
    for (let turns = 0; turns < 50; turns++) await new Promise(resolve => setImmediate(resolve))
    expect(target.writes).to.have.length(4)
    answer()
    await running
    expect(target.writes).to.have.length(10)
  })

  it('is not held up by an end that hangs while it closes', async function () {
    this.timeout(20_000)
    const messages: string[] = []
    const warn = (_: object, message: string): void => void messages.push(message)
    const silent = (): void => undefined
    const target = scriptedTarget({ provider: 'firestore', beforeClose: () => new Promise(() => undefined) })
    const report = await run({ target: target.endpoint, logger: { debug: silent, info: silent, error: silent, warn } })
    expect(report.state).to.equal('done')
    expect(messages).to.deep.equal(['firestore (scripted target) does not close its connections; they are left'])
  })

  it('refuses bounds that are none', async () => {
    const bad = { maxRate: 0, maxWriteUnits: -1, maxReadUnits: NaN, maxRetries: 1.5, maxFailures: { share: 2 } }
    const error = await failure({ target: { connector: 'memory', options: { store: createMemoryStore() } }, ...bad })
    expect(error.message.split('; ')).to.have.length(5)
  })
})
