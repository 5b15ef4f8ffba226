import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as slowDisk } from 'node:timers/promises'
import { expect } from 'chai'
import type { Checkpoint } from '../../lib/checkpoint/checkpoint.ts'
import { Journal } from '../../lib/checkpoint/journal.ts'
import type { Suspend } from '../../lib/checkpoint/journal.ts'
import { listRuns } from '../../lib/checkpoint/run-folder.ts'
import { readState } from '../../lib/checkpoint/state-file.ts'
import { emptyReport } from '../../lib/report.ts'
import type { RunReport } from '../../lib/report.ts'
import { Tally } from '../../lib/engine/tally.ts'
import { countFailure, countWritten } from '../../lib/report.ts'
import { Mark } from '../../lib/types.ts'

const place = { provider: 'memory', address: 'here', identity: 'here' } as const
const record = { asked: { what: 'it was asked' }, ends: {}, partitions: [] }
const never = (error: unknown): void => expect.fail(String(error))

describe('checkpoint: journal', () => {
  let stateDir: string
  const open: Journal[] = []
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'docferry-journal-'))
  })
  afterEach(async () => {
    for (const journal of open.splice(0)) await journal.close()
    rmSync(stateDir, { recursive: true, force: true })
  })

  const openJournal = async (resume?: string, everyMs = 1e6): Promise<Journal> => {
    const journal = await Journal.open({ stateDir, resume, everyMs })
    open.push(journal)
    return journal
  }
  const reportOf = ({ runId }: Journal, state: RunReport['state'] = 'running'): RunReport => ({
    ...emptyReport({
      runId,
      dryRun: false,
      onConflict: 'skip',
      onIncompatible: 'dead-letter',
      types: 'natural',
      source: place,
      target: place
    }),
    state
  })
  const begun = async (suspend?: Suspend, everyMs?: number): Promise<Journal> => {
    const journal = await openJournal(undefined, everyMs)
    await journal.begin(record)
    await journal.start(reportOf(journal), suspend, never)
    return journal
  }
  const saved = async ({ runId }: Journal): Promise<Checkpoint | undefined> =>
    (await readState(join(stateDir, 'runs', runId, 'checkpoint.json'), 'checkpoint')) as Checkpoint | undefined

  it('keeps nothing before it begins', async () => {
    const journal = await openJournal()
    await journal.end(reportOf(journal, 'failed'))
    await journal.close()
    expect(readdirSync(stateDir)).to.deep.equal([])
  })

  it('gives each run an id of its own', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, async () => (await openJournal()).runId))
    expect(new Set(ids).size).to.equal(20)
  })

  it('writes the first checkpoint before anything is written', async () => {
    expect(await saved(await begun())).to.deep.include({ partitions: {}, collections: [] })
  })

  it('writes checkpoints by itself from then on', async () => {
    let asked = (): void => undefined
    const journal = await begun(work => (asked(), work(undefined)), 1)
    journal.progress.advance(new Mark('p', 'a', 1, 1), [])
    await new Promise<void>(resolve => (asked = resolve))
    await journal.close()
    // One that is asked for when one is under way comes behind it.
    await journal.save()
    expect((await saved(journal))?.partitions).to.deep.equal({ p: { cursor: 'a', done: false, marks: 1 } })
  })

  it('writes them about as often where the disk takes its time', async () => {
    let count = 0
    let fourth = (): void => undefined
    const journal = await begun(work => {
      if (++count === 4) fourth()
      return work(undefined)
    }, 1)
    journal.syncFirst(() => slowDisk(100))
    // Mocha gives up long before a pause that is a multiple of what the disk takes is over three times.
    await new Promise<void>(resolve => (fourth = resolve))
    await journal.close()
  })

  it('goes on where it was', async () => {
    const first = await begun(work => work({ stands: { bytes: 12 }, parts: {} }))
    first.progress.advance(new Mark('p', 'a', 1, 1), [])
    await first.save()
    await first.close()
    const second = await openJournal(first.runId)
    expect(second.runId).to.equal(first.runId)
    expect(second.record).to.deep.include(record)
    expect(second.output).to.deep.equal({ bytes: 12 })
    expect(second.progress.of('p')).to.include({ cursor: 'a', marks: 1 })
  })

  it('leaves a run as it was that it was opened for and did not go on with', async () => {
    const first = await begun(work => work({ stands: { bytes: 12 }, parts: {} }))
    await first.end(reportOf(first, 'interrupted'))
    await first.close()
    const before = [await saved(first), (await listRuns(stateDir))[0]]
    const second = await openJournal(first.runId)
    await second.end(reportOf(second, 'failed'))
    await second.close()
    expect([await saved(first), (await listRuns(stateDir))[0]]).to.deep.equal(before)
  })

  it('keeps the checkpoint of a run whose target could not be prepared again', async () => {
    const first = await begun(work => work({ stands: { bytes: 12 }, parts: {} }))
    await first.close()
    const second = await openJournal(first.runId)
    await second.begin(record)
    await second.end(reportOf(second, 'failed'))
    expect((await saved(first))?.output).to.deep.equal({ bytes: 12 })
    await second.close()
    expect((await listRuns(stateDir))[0]?.state).to.equal('failed')
  })

  it('keeps the checkpoint before where there is none to be had', async () => {
    let bytes: number | undefined = 12
    const journal = await begun(work => (bytes === undefined ? Promise.resolve(undefined) : work({ stands: { bytes }, parts: {} })))
    bytes = undefined
    await journal.end(reportOf(journal, 'failed'))
    expect((await saved(journal))?.output).to.deep.equal({ bytes: 12 })
  })

  it('asks nothing of an output any more once it has settled', async () => {
    let asked = 0
    const journal = await begun(work => work({ stands: { asked: ++asked }, parts: {} }), 1)
    await journal.settle()
    const before = asked
    await journal.save()
    await journal.end(reportOf(journal, 'done'))
    expect(asked).to.equal(before)
    expect((await saved(journal))?.output).to.deep.equal({ asked: before })
  })

  it('tells of a checkpoint that could not be written', async () => {
    const journal = await openJournal(undefined, 1)
    await journal.begin(record)
    let tell = (error: unknown): void => never(error)
    const failure = new Promise<unknown>(resolve => (tell = resolve))
    await journal.start(reportOf(journal), undefined, error => tell(error))
    rmSync(join(stateDir, 'runs'), { recursive: true })
    expect(await failure).to.include({ code: 'DOCFERRY_STATE' })
  })

  it('writes no checkpoint before what it must not be ahead of is on disk', async () => {
    const journal = await openJournal()
    await journal.begin(record)
    const seen: unknown[] = []
    journal.syncFirst(async () => {
      journal.progress.advance(new Mark('p', 'late', 1, 1), [])
      seen.push((await saved(journal))?.partitions)
    })
    await journal.start(reportOf(journal), undefined, never)
    await journal.save()
    // What comes while it is brought there is for the next.
    expect(seen).to.deep.equal([undefined, {}])
    expect((await saved(journal))?.partitions).to.deep.equal({ p: { cursor: 'late', done: false, marks: 1 } })
  })

  it('writes no checkpoint where that does not come to disk', async () => {
    const journal = await openJournal()
    await journal.begin(record)
    const full = new Error('the disk is full')
    journal.syncFirst(() => Promise.reject(full))
    const thrown = await journal.start(reportOf(journal), undefined, never).catch((error: unknown) => error)
    expect(thrown).to.equal(full)
    expect(await saved(journal)).to.equal(undefined)
  })

  it('says how the run ended', async () => {
    const journal = await begun()
    await journal.end(reportOf(journal, 'partial'))
    await journal.close()
    const [run] = await listRuns(stateDir)
    expect(run).to.include({ runId: journal.runId, state: 'partial' })
    expect(run?.end?.totals).to.include({ read: 0, written: 0 })
    expect(existsSync(join(run!.path, 'lock-1'))).to.equal(false)
  })

  it('adds the retries of all processes up', async () => {
    const first = await openJournal()
    await first.begin(record)
    await first.start({ ...reportOf(first), retries: 3 }, undefined, never)
    await first.close()
    expect((await openJournal(first.runId)).retries).to.equal(3)
  })

  it('gives up a checkpoint that takes too long, and leaves the next one more time', async () => {
    const journal = await openJournal(undefined, 1)
    await journal.begin(record)
    const patience: number[] = []
    await new Promise<void>((resolve, reject) => {
      const suspend: Suspend = (work, patienceMs) => {
        patience.push(patienceMs)
        if (patience.length === 4) resolve()
        return patience.length === 2 ? Promise.resolve(undefined) : work(undefined)
      }
      journal.start(reportOf(journal), suspend, never).catch(reject)
    })
    await journal.settle()
    expect(patience[0]).to.equal(Infinity)
    expect(patience[1]).to.be.within(1, 60_000)
    expect(patience.at(-1)).to.equal(Infinity)
  })

  describe('with steps', () => {
    const tally = (written: number): Tally => {
      const made = new Tally()
      const delta = made.of('agents')
      delta.read = written + 1
      for (let index = 0; index < written; index++) countWritten(delta, { bytes: 5 })
      countFailure(delta, 'DOCFERRY_BAD_ID', 'no', 'bad')
      return made
    }
    const advance = ({ progress }: Journal, cursor: string): void => progress.advance(new Mark('p', cursor, 4, 9), [tally(3)])
    const stepping = async (suspend?: Suspend): Promise<Journal> => {
      const journal = await openJournal()
      await journal.begin(record, { steps: true })
      await journal.start(reportOf(journal), suspend, never)
      return journal
    }
    const logsOf = ({ runId }: Journal, at = stateDir): string[] =>
      readdirSync(join(at, 'runs', runId)).filter(name => name.startsWith('progress-'))

    /** What is on disk at this moment, as if the process were killed. */
    const killed = (): string => {
      const copy = mkdtempSync(join(stateDir, 'killed-'))
      cpSync(join(stateDir, 'runs'), join(copy, 'runs'), { recursive: true, filter: path => !/lock/.test(path) })
      return copy
    }
    const resumed = async ({ runId }: Journal, at: string): Promise<Journal> => {
      const journal = await Journal.open({ stateDir: at, resume: runId, everyMs: 1e6 })
      open.push(journal)
      return journal
    }

    it('loses nothing that was acknowledged before it was killed', async () => {
      const journal = await stepping()
      advance(journal, 'a')
      journal.progress.prepare('users', { created: true, empty: true })
      advance(journal, 'b')
      journal.progress.finish('q')
      const again = await resumed(journal, killed())
      expect(again.progress.of('p')).to.deep.equal({ cursor: 'b', done: false, marks: 2 })
      expect(again.progress.of('q').done).to.equal(true)
      expect(again.progress.prepare('users', { created: false, empty: false })).to.include({ created: true })
      expect(again.progress.collections.get('agents')).to.deep.equal(journal.progress.collections.get('agents'))
      expect(again.progress.collections.get('agents')).to.include({ read: 8, written: 6, failed: 2, bytesWritten: 30 })
    })

    it('counts each step once, at whatever point of a checkpoint it is killed', async () => {
      let during = (): void => undefined
      const journal = await stepping(work => {
        const checkpoint = work(undefined)
        during()
        return checkpoint
      })
      advance(journal, 'before')
      const before = killed()
      let meanwhile = ''
      during = () => {
        // The checkpoint is not on disk yet, and more is acknowledged.
        advance(journal, 'during')
        meanwhile = killed()
      }
      await journal.save()
      const after = killed()
      const unremoved = killed()
      for (const log of logsOf(journal, before)) {
        const path = join('runs', journal.runId, log)
        cpSync(join(before, path), join(unremoved, path))
      }
      expect(logsOf(journal, unremoved)).to.have.length(2)
      const marks: (readonly [number, number | undefined])[] = []
      for (const place of [before, meanwhile, unremoved, after]) {
        const { progress } = await resumed(journal, place)
        marks.push([progress.of('p').marks, progress.collections.get('agents')?.written])
      }
      expect(marks).to.deep.equal([
        [1, 3],
        [2, 6],
        [2, 6],
        [2, 6]
      ])
    })

    it('goes on through several kills, without a checkpoint in between', async () => {
      let journal = await stepping()
      advance(journal, 'a')
      let place = killed()
      for (const cursor of ['b', 'c', 'd']) {
        journal = await resumed(journal, place)
        await journal.begin(record, { steps: true })
        advance(journal, cursor)
        const next = mkdtempSync(join(stateDir, 'killed-'))
        cpSync(join(place, 'runs'), join(next, 'runs'), { recursive: true, filter: path => !/lock/.test(path) })
        place = next
      }
      const last = await resumed(journal, place)
      expect(last.progress.of('p')).to.deep.equal({ cursor: 'd', done: false, marks: 4 })
      expect(last.progress.collections.get('agents')).to.include({ written: 12 })
    })

    it('keeps one log, and none when the run has ended', async () => {
      const journal = await stepping()
      for (const cursor of ['a', 'b', 'c']) {
        advance(journal, cursor)
        await journal.save()
        expect(logsOf(journal)).to.have.length(1)
      }
      await journal.settle()
      await journal.end(reportOf(journal, 'failed'))
      expect(logsOf(journal)).to.deep.equal([])
      await journal.close()
      expect((await openJournal(journal.runId)).progress.of('p')).to.include({ marks: 3 })
    })

    it('keeps the logs of a run that goes on and fails before its first checkpoint', async () => {
      const journal = await stepping()
      advance(journal, 'a')
      const place = killed()
      const second = await resumed(journal, place)
      await second.begin(record, { steps: true })
      await second.end(reportOf(second, 'failed'))
      await second.close()
      expect((await resumed(journal, place)).progress.of('p')).to.include({ cursor: 'a' })
    })

    it('ends the run when a step can not be kept', async () => {
      const journal = await openJournal()
      await journal.begin(record, { steps: true })
      let error: unknown
      // The place of the next log is taken.
      writeFileSync(join(stateDir, 'runs', journal.runId, 'progress-2.ndjson'), '')
      await journal.start(reportOf(journal), undefined, never).catch((thrown: unknown) => (error = thrown))
      expect(error).to.include({ code: 'DOCFERRY_STATE' })
    })
  })
})
