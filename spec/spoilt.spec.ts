/** Runs whose input turned out wrong: what can be gone on with, and what says that it can't. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { listRuns } from '../lib/checkpoint/run-folder.ts'
import { goOnCommand } from '../lib/cli/hints.ts'
import { summaryLines } from '../lib/cli/summary.ts'
import { createMemoryStore } from '../lib/connectors/memory/store.ts'
import { DocferryError } from '../lib/errors.ts'
import type { RunReport } from '../lib/report.ts'
import { retryRun } from '../lib/retry.ts'
import { migrate } from '../lib/run.ts'
import type { Stage } from '../lib/types.ts'
import { scriptedSource } from './support/scripted-connector.ts'
import { items, makeExport } from './connectors/file/s3-folder.ts'

const ids = Array.from({ length: 200 }, (_, index) => `d${String(index).padStart(3, '0')}`)

describe('run: an input that turns out wrong', () => {
  let folder: string
  let stateDir: string
  let store: ReturnType<typeof createMemoryStore>
  let seen: Readonly<RunReport> | undefined
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-spoilt-'))
    stateDir = join(folder, 'state')
    store = createMemoryStore()
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const run = (path: string, resume?: string): Promise<RunReport> =>
    migrate({
      source: `file:${path}`,
      target: { connector: 'memory', options: { store } },
      stateDir,
      checkpointMs: 1,
      resume,
      observe: report => (seen = report)
    })
  const failed = async (path: string, resume?: string): Promise<DocferryError> => {
    const error = await run(path, resume).catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(DocferryError)
    return error as DocferryError
  }
  const lastRun = async () => (await listRuns(stateDir))[0]!
  const written = (name: string): string[] => [...(store.collections.get(name)?.keys() ?? [])].sort()
  const exported = async (name: string): Promise<string> => {
    const source = scriptedSource({ collections: { agents: ids.map(_id => ({ _id, text: 'x'.repeat(20) })) } })
    const target = `${folder}/${name}`
    await migrate({ source, target: `file:${target}`, stateDir })
    return target
  }

  for (const name of ['out.ndjson', 'out/']) {
    it(`finds a document that was changed beside a line that is broken: ${name}`, async () => {
      const path = await exported(name)
      const file = name === 'out/' ? join(path, 'agents.ndjson') : path
      const text = readFileSync(file, 'utf8')
      const broken = text.replace('{"_id":"d003"', '"_id":"d003"')
      writeFileSync(file, broken)
      expect((await run(path)).collections[0]).to.include({ written: 199, failed: 1 })
      store = createMemoryStore()
      writeFileSync(file, broken.replace('"d177","text":"x', '"d177","text":"y'))
      expect((await failed(path)).message).to.include('changed after it was written')
    })
  }

  it('does not go on with an export in which lines are missing, though its end is there', async () => {
    const path = await exported('out.ndjson')
    writeFileSync(path, readFileSync(path, 'utf8').replace(/.*"d101".*\n/, ''))
    const error = await failed(path)
    expect(error.message).to.include('lines of it were lost')
    expect(seen!.collections[0]!.state).to.equal('stopped')
    expect(goOnCommand(seen!)).to.equal(undefined)
    const { runId, state } = await lastRun()
    expect(state).to.equal('spoilt')
    const refused = await retryRun({ run: runId, stateDir }).catch((thrown: unknown) => thrown)
    expect((refused as Error).message)
      .to.include("can't be gone on with")
      .and.include('begin a new run')
  })

  it('takes nothing of a data file of DynamoDB’s that is another, and goes on when it is right', async () => {
    const { data } = await makeExport(join(folder, 's3'), { files: [items('a', 'b'), items('c', 'd')] })
    const right = readFileSync(data[1]!)
    writeFileSync(
      data[1]!,
      gzipSync(
        items('c', 'x')
          .map(line => `${JSON.stringify(line)}\n`)
          .join('')
      )
    )
    expect(await failed(join(folder, 's3'))).to.include({ code: 'DOCFERRY_DECODE', spoilsRun: false })
    expect(written('orders')).to.deep.equal(['a', 'b'])
    const { runId, state } = await lastRun()
    expect(state).to.equal('failed')
    expect((await failed(join(folder, 's3'), runId)).message).to.include('its MD5 is another')
    expect(written('orders')).to.deep.equal(['a', 'b'])
    writeFileSync(data[1]!, right)
    expect((await run(join(folder, 's3'), runId)).collections[0]).to.include({ read: 4, written: 4, failed: 0 })
    expect(written('orders')).to.deep.equal(['a', 'b', 'c', 'd'])
  })

  it('does not go on with a file of DynamoDB’s that was damaged meanwhile, and does when it is whole again', async () => {
    const { data } = await makeExport(join(folder, 's3'), { files: [items(...ids)] })
    let isBroken = true
    const stop: Stage = {
      name: 'stop',
      mayRepeatIds: false,
      apply(document) {
        if (isBroken && document._id === 'd150') throw new Error('no')
        return document
      }
    }
    const options = {
      source: `file:${join(folder, 's3')}`,
      target: { connector: 'memory' as const, options: { store } },
      stages: [stop],
      stateDir
    }
    await migrate(options).catch(() => undefined)
    isBroken = false
    const { runId } = await lastRun()
    const right = readFileSync(data[0]!)
    const damaged = Buffer.from(right)
    damaged.fill(0x55, right.length - 200, right.length - 100)
    writeFileSync(data[0]!, damaged)
    await migrate({ ...options, resume: runId }).catch(() => undefined)
    writeFileSync(data[0]!, right)
    const report = await migrate({ ...options, resume: runId })
    expect(report.state).to.equal('done')
    expect(report.deadLetters).to.equal(undefined)
    expect(written('orders')).to.deep.equal(ids)
  })

  it('says that it can not be gone on with an export that was changed, and what to do', async () => {
    const path = await exported('out.ndjson')
    const right = readFileSync(path, 'utf8')
    writeFileSync(path, right.replace('"d003"', '"e003"'))
    expect(await failed(path)).to.include({ code: 'DOCFERRY_DECODE', spoilsRun: true })
    const { runId, state } = await lastRun()
    expect(state).to.equal('spoilt')
    expect(goOnCommand(seen!)).to.equal(undefined)
    const summary = summaryLines(seen!, { nowMs: Date.now() }).join('\n')
    expect(summary)
      .to.match(/can't be gone on with.*begin anew/)
      .and.not.include('docferry resume')
    writeFileSync(path, right)
    const refused = await failed(path, runId)
    expect(refused.code).to.equal('DOCFERRY_RUN_UNFIT')
    expect(refused.message).to.match(/may be wrong.*digest.*begin a new run/)
  })

  it('goes on with the whole file where the export was cut in the middle of a line', async () => {
    for (const name of ['cut.ndjson', 'cut/']) {
      store = createMemoryStore()
      const path = await exported(name)
      const file = name.endsWith('/') ? join(path, 'agents.ndjson') : path
      const right = readFileSync(file)
      truncateSync(file, Math.floor(right.length / 2))
      expect(await failed(path), name).to.include({ code: 'DOCFERRY_FILE_CUT' })
      const { runId } = await lastRun()
      writeFileSync(file, right)
      const report = await run(path, runId)
      expect(report.collections[0], name).to.include({ read: 200, written: 200, failed: 0 })
      expect(written('agents')).to.deep.equal(ids)
    }
  })

  it('takes damaged gzip data behind documents for a reason to begin anew', async () => {
    const noise = Array.from({ length: 40_000 }, (_, index) => `{"_id":"${index}","n":${Math.sin(index)}}\n`).join('')
    const bytes = gzipSync(noise)
    bytes.fill(0xff, bytes.length - 300, bytes.length - 200)
    writeFileSync(join(folder, 'late.ndjson.gz'), bytes)
    await failed(join(folder, 'late.ndjson.gz'))
    expect((await lastRun()).state).to.equal('spoilt')
  })
})
