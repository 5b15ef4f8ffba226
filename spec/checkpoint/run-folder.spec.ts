import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { Progress } from '../../lib/checkpoint/checkpoint.ts'
import { listRuns, RunFolder } from '../../lib/checkpoint/run-folder.ts'
import type { RunRecord } from '../../lib/checkpoint/run-folder.ts'
import { totalCounts } from '../../lib/report.ts'

const recordOf = (runId: string, startedAt = '2026-01-01T00:00:00.000Z'): RunRecord => ({
  runId,
  startedAt,
  asked: {},
  ends: {},
  partitions: [{ id: 'agents', collections: ['agents'], range: { from: null } }]
})

describe('checkpoint: run folder', () => {
  let stateDir: string
  const open: RunFolder[] = []
  beforeEach(() => {
    stateDir = join(mkdtempSync(join(tmpdir(), 'docferry-runs-')), 'state')
  })
  afterEach(async () => {
    for (const folder of open.splice(0)) await folder.close()
    rmSync(join(stateDir, '..'), { recursive: true, force: true })
  })

  const create = async (runId: string, startedAt?: string): Promise<RunFolder> => {
    const folder = await RunFolder.create(stateDir, runId)
    open.push(folder)
    await folder.begin(recordOf(runId, startedAt))
    return folder
  }
  const ended = async (runId: string, startedAt?: string): Promise<void> => {
    const folder = await create(runId, startedAt)
    await folder.end({ state: 'done', at: '2026-01-01T00:00:09.000Z', totals: totalCounts([]) })
    await folder.close()
  }
  const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
    ((await work.catch((thrown: unknown) => thrown)) as { code?: unknown }).code

  it('gives back the record and the checkpoint', async () => {
    const folder = await create('a')
    expect(await folder.checkpoint()).to.equal(undefined)
    const checkpoint = new Progress().snapshot(3, { bytes: 12 })
    await folder.save(folder.checkpointBytes(checkpoint))
    await folder.close()
    const again = await RunFolder.open(stateDir, 'a')
    open.push(again)
    expect(await again.record()).to.deep.equal(recordOf('a'))
    expect(await again.checkpoint()).to.deep.include({ ...checkpoint })
  })

  it('is not opened to be changed while another process verifies the run', async () => {
    await ended('a')
    const verifying = join(stateDir, 'runs', 'a', 'verifying')
    mkdirSync(verifying)
    writeFileSync(join(verifying, 'lock-1'), JSON.stringify({ pid: process.ppid, host: hostname() }))
    expect(await codeOf(RunFolder.open(stateDir, 'a'))).to.equal('DOCFERRY_RUN_BUSY')
    rmSync(verifying, { recursive: true })
    open.push(await RunFolder.open(stateDir, 'a'))
  })

  it('leaves the folder of a run alone that has the id of a new one', async () => {
    await create('a')
    const before = readdirSync(join(stateDir, 'runs', 'a'))
    expect(await codeOf(RunFolder.create(stateDir, 'a'))).to.equal('DOCFERRY_STATE')
    expect(readdirSync(join(stateDir, 'runs', 'a'))).to.deep.equal(before)
  })

  it('gives back the last of several checkpoints whole, whatever is shorter or longer, or was never saved', async () => {
    const folder = await create('a')
    for (const name of ['ü'.repeat(300_000), 'short', 'ü'.repeat(2_000_000), 'longer than that']) {
      const progress = new Progress()
      progress.prepare(name, { created: true, empty: true })
      folder.checkpointBytes(progress.snapshot(1, { bytes: 1 }))
      const checkpoint = progress.snapshot(2, { bytes: 2 })
      await folder.save(folder.checkpointBytes(checkpoint))
      expect(await folder.checkpoint()).to.deep.include({ ...checkpoint })
    }
  })

  it('can be looked into by its owner only', async () => {
    const folder = await create('a')
    expect(statSync(folder.path).mode & 0o777).to.equal(0o700)
    for (const name of readdirSync(folder.path)) expect(statSync(join(folder.path, name)).mode & 0o777, name).to.equal(0o600)
  })

  it('is not opened by two', async () => {
    await create('a')
    expect(await codeOf(RunFolder.open(stateDir, 'a'))).to.equal('DOCFERRY_RUN_BUSY')
  })

  it('is not opened where there is none, and none is made by that', async () => {
    expect(await codeOf(RunFolder.open(stateDir, 'a'))).to.equal('DOCFERRY_NO_SUCH_RUN')
    mkdirSync(join(stateDir, 'runs', 'empty'), { recursive: true })
    expect(await codeOf(RunFolder.open(stateDir, 'empty'))).to.equal('DOCFERRY_NO_SUCH_RUN')
    expect(readdirSync(join(stateDir, 'runs'))).to.deep.equal(['empty'])
  })

  for (const id of ['../a', 'a/b', '', '.', '..', '-a']) {
    it(`takes ${JSON.stringify(id)} for no run id`, async () => {
      expect(await codeOf(RunFolder.open(stateDir, id))).to.equal('DOCFERRY_NO_SUCH_RUN')
    })
  }

  it('knows the checkpoint of another run', async () => {
    const folder = await create('a')
    const other = await create('b')
    await other.save(other.checkpointBytes(new Progress().snapshot(0, undefined)))
    copyFileSync(join(other.path, 'checkpoint.json'), join(folder.path, 'checkpoint.json'))
    const error = await folder.checkpoint().catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_STATE' })
    expect((error as Error).message).to.include('of another run, b')
  })

  it('clears away what a killed process left half written', async () => {
    const folder = await create('a')
    writeFileSync(join(folder.path, '.checkpoint.json.01234567'), '{"docf')
    await folder.close()
    open.push(await RunFolder.open(stateDir, 'a'))
    expect(readdirSync(folder.path).filter(name => name.startsWith('.'))).to.deep.equal([])
  })

  describe('of a run that was killed before it began', () => {
    const never = (name: string, entries: Record<string, string>, minutes = 60): void => {
      const path = join(stateDir, 'runs', name)
      mkdirSync(path, { recursive: true })
      for (const [entry, text] of Object.entries(entries)) writeFileSync(join(path, entry), text)
      const at = Date.now() / 1000 - minutes * 60
      utimesSync(path, at, at)
    }
    const dead = JSON.stringify({ pid: process.pid, host: hostname(), began: 'another time' })
    const id = '2026-01-01T00-00-00-a1b2c3'
    const left = async (): Promise<string[]> => {
      await create('new')
      return readdirSync(join(stateDir, 'runs')).filter(name => name !== 'new')
    }

    it('is not listed, and cleared away by the next run', async () => {
      never(id, { 'lock-1': dead, 'lock.9-01234567': dead, '.run.json.01234567': '{"docf' })
      expect(await listRuns(stateDir)).to.deep.equal([])
      expect(await left()).to.deep.equal([])
    })

    it('stays while a living process holds it', async () => {
      never(id, { 'lock-1': JSON.stringify({ pid: process.pid, host: hostname() }) })
      expect(await left()).to.deep.equal([id])
    })

    it('stays while it may be about to begin', async () => {
      never(id, {}, 1)
      expect(await left()).to.deep.equal([id])
    })

    it('stays where it holds anything else, or has another name', async () => {
      never(id, { 'lock-1': dead, 'dead-letters.ndjson': '' })
      never('mine', {})
      expect((await left()).sort()).to.deep.equal([id, 'mine'])
    })
  })

  it('lists no runs where there are none', async () => {
    expect(await listRuns(stateDir)).to.deep.equal([])
  })

  it('lists runs with what became of them, the newest first', async () => {
    await ended('z-first', '2026-01-01T00:00:00.001Z')
    await (await create('y-second', '2026-01-01T00:00:00.002Z')).close()
    await create('x-third', '2026-01-01T00:00:00.003Z')
    mkdirSync(join(stateDir, 'runs', 'no-run'))
    writeFileSync(join(stateDir, 'runs', 'notes.txt'), 'mine')
    expect((await listRuns(stateDir)).map(({ runId, state }) => [runId, state])).to.deep.equal([
      ['x-third', 'running'],
      ['y-second', 'killed'],
      ['z-first', 'done']
    ])
  })

  for (const file of ['run.json', 'end.json']) {
    it(`lists a run whose ${file} is torn as damaged, and the others beside it`, async () => {
      await ended('a')
      await ended('b')
      const path = join(stateDir, 'runs', 'a', file)
      writeFileSync(path, readFileSync(path).subarray(0, 60))
      const runs = await listRuns(stateDir)
      expect(runs.map(({ runId, state }) => [runId, state])).to.have.deep.members([
        ['a', 'damaged'],
        ['b', 'done']
      ])
      expect(runs.find(({ runId }) => runId === 'a')?.trouble?.message).to.include(path)
    })
  }

  it('says that the runs of a state folder cannot be read', async () => {
    mkdirSync(stateDir)
    writeFileSync(join(stateDir, 'runs'), 'a file')
    expect(await codeOf(listRuns(stateDir))).to.equal('DOCFERRY_STATE')
    expect(await codeOf(RunFolder.create(stateDir, 'a'))).to.equal('DOCFERRY_STATE')
  })
})
