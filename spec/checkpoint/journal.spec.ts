import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Checkpoint } from '../../lib/checkpoint/checkpoint.ts'
import { Journal } from '../../lib/checkpoint/journal.ts'
import type { Suspend } from '../../lib/checkpoint/journal.ts'
import { listRuns } from '../../lib/checkpoint/run-folder.ts'
import { readState } from '../../lib/checkpoint/state-file.ts'
import { emptyReport } from '../../lib/report.ts'
import type { RunReport } from '../../lib/report.ts'
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

  it('goes on where it was', async () => {
    const first = await begun(work => work({ bytes: 12 }))
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
    const first = await begun(work => work({ bytes: 12 }))
    await first.end(reportOf(first, 'interrupted'))
    await first.close()
    const before = [await saved(first), (await listRuns(stateDir))[0]]
    const second = await openJournal(first.runId)
    await second.end(reportOf(second, 'failed'))
    await second.close()
    expect([await saved(first), (await listRuns(stateDir))[0]]).to.deep.equal(before)
  })

  it('keeps the checkpoint of a run whose target could not be prepared again', async () => {
    const first = await begun(work => work({ bytes: 12 }))
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
    const journal = await begun(work => (bytes === undefined ? Promise.resolve(undefined) : work({ bytes })))
    bytes = undefined
    await journal.end(reportOf(journal, 'failed'))
    expect((await saved(journal))?.output).to.deep.equal({ bytes: 12 })
  })

  it('asks nothing of an output any more once it has settled', async () => {
    let asked = 0
    const journal = await begun(work => work({ asked: ++asked }), 1)
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
    await journal.start(reportOf(journal), undefined, never, async () => {
      journal.progress.advance(new Mark('p', 'late', 1, 1), [])
      seen.push((await saved(journal))?.partitions)
    })
    await journal.save()
    // What comes while it is brought there is for the next.
    expect(seen).to.deep.equal([undefined, {}])
    expect((await saved(journal))?.partitions).to.deep.equal({ p: { cursor: 'late', done: false, marks: 1 } })
  })

  it('writes no checkpoint where that does not come to disk', async () => {
    const journal = await openJournal()
    await journal.begin(record)
    const full = new Error('the disk is full')
    const thrown = await journal.start(reportOf(journal), undefined, never, () => Promise.reject(full)).catch((error: unknown) => error)
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
})
