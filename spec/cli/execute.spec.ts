import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { execute } from '../../lib/cli/execute.ts'
import type { Job } from '../../lib/cli/execute.ts'
import { DocferryError } from '../../lib/errors.ts'
import type { RunReport } from '../../lib/report.ts'
import type { MigrateOptions } from '../../lib/options.ts'
import { FakeHost } from './support/fake-host.ts'
import { doneCollection, fakeReport, startMs } from './support/fake-run.ts'

type Run = (options: MigrateOptions) => Promise<RunReport>

function job(changes: Partial<Job> = {}, flags: Partial<Job['flags']> = {}): Job {
  return {
    command: 'migrate',
    options: { source: 'memory', target: 'memory:x.json' },
    dataOnStdout: false,
    flags: { progress: true, logLevel: 'warn', ...flags },
    ...changes
  }
}

const finished = (changes: Partial<RunReport> = {}): RunReport =>
  fakeReport({ state: 'done', finishedAt: startMs + 1000, collections: [doneCollection('agents', 12)], ...changes })

const succeed: Run = async ({ observe }) => {
  const report = finished()
  observe?.(report)
  return report
}

const executeWith = (host: FakeHost, given: Job, run: Run): Promise<number> => execute(given, host, async () => ({ migrate: run }))

describe('cli: running a command', () => {
  it('says what will happen and what came of it on stdout, and nothing on stderr', async () => {
    const host = new FakeHost()
    expect(await executeWith(host, job(), succeed)).to.equal(0)
    expect(host.stdout.text.indexOf('docferry migrate')).to.equal(0)
    expect(host.stdout.text).to.include('Done in').and.include('agents')
    expect(host.stderr.text).to.equal('')
  })

  it('keeps stdout for the documents when they go there', async () => {
    const host = new FakeHost()
    await executeWith(host, job({ dataOnStdout: true }), succeed)
    expect(host.stdout.text).to.equal('')
    expect(host.stderr.text).to.include('docferry migrate').and.include('Done in')
  })

  it('prints one JSON object, and nothing else, on stdout with --json', async () => {
    const host = new FakeHost()
    await executeWith(host, job({}, { json: true }), succeed)
    const report = JSON.parse(host.stdout.text)
    expect(report).to.deep.include({
      command: 'migrate',
      state: 'done',
      exitCode: 0,
      durationMs: 1000,
      startedAt: '2026-01-01T00:00:00.000Z'
    })
    expect(report.totals).to.deep.include({ read: 12, written: 12 })
    expect(report.collections[0]).to.deep.include({ source: 'agents', durationMs: 2000 })
  })

  it('prints JSON on failure too', async () => {
    const host = new FakeHost()
    const code = await executeWith(host, job({}, { json: true }), async () => {
      throw new DocferryError('DOCFERRY_CONNECT', 'cannot reach it', { provider: 'couchdb' })
    })
    expect(code).to.equal(10)
    expect(JSON.parse(host.stdout.text)).to.deep.include({ state: 'failed', exitCode: 10 })
    expect(JSON.parse(host.stdout.text).error).to.deep.include({ code: 'DOCFERRY_CONNECT', provider: 'couchdb' })
    expect(host.stderr.text).to.include('docferry: cannot reach it')
  })

  it('refuses documents and JSON on the same stream', async () => {
    const host = new FakeHost()
    expect(await executeWith(host, job({ dataOnStdout: true }, { json: true }), succeed)).to.equal(2)
    expect(host.stdout.text).to.equal('')
    expect(host.stderr.text).to.include('cannot both be on standard output')
  })

  it('exits 40 when documents were dead-lettered', async () => {
    const host = new FakeHost()
    expect(await executeWith(host, job(), async () => finished({ state: 'partial' }))).to.equal(40)
  })

  it('says nothing in quiet, unless something failed', async () => {
    const host = new FakeHost()
    await executeWith(host, job({}, { quiet: true }), succeed)
    expect(host.stdout.text + host.stderr.text).to.equal('')
    await executeWith(host, job({}, { quiet: true }), async () => finished({ state: 'partial', deadLetters: 'dead.ndjson' }))
    expect(host.stderr.text).to.include('dead.ndjson')
  })

  it('keeps the counts of a run that failed in the middle', async () => {
    const host = new FakeHost()
    const code = await executeWith(host, job({}, { json: true }), async ({ observe }) => {
      observe?.(fakeReport({ collections: [doneCollection('agents', 5, { state: 'running' })] }))
      throw new DocferryError('DOCFERRY_READ', 'cut')
    })
    expect(code).to.equal(20)
    expect(JSON.parse(host.stdout.text)).to.deep.include({ state: 'failed', exitCode: 20 }).and.have.nested.property('totals.written', 5)
  })

  it('stops the run at Ctrl-C, says so, and exits 130', async () => {
    const host = new FakeHost()
    const code = await executeWith(host, job(), async ({ signal, observe }) => {
      observe?.(fakeReport({ collections: [doneCollection('agents', 5, { state: 'running' })] }))
      host.emit('SIGINT')
      signal?.throwIfAborted()
      throw new Error('was not stopped')
    })
    expect(code).to.equal(130)
    expect(host.stderr.text).to.include('Ctrl-C again to stop at once').and.include('DOCFERRY_INTERRUPTED')
    expect(host.stdout.text).to.include('Interrupted after')
    expect(host.eventNames()).to.deep.equal([])
  })

  it('is interrupted, whatever the interruption makes fail', async () => {
    const host = new FakeHost()
    const code = await executeWith(host, job(), async () => {
      host.emit('SIGTERM')
      throw new DocferryError('DOCFERRY_CONNECT', 'the connection was cut')
    })
    expect(code).to.equal(130)
  })

  it('goes on when the reader of the summary has left', async () => {
    const host = new FakeHost()
    const code = await executeWith(host, job(), async options => {
      host.stdout.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
      expect(options.signal?.aborted).to.equal(false)
      return finished()
    })
    expect(code).to.equal(0)
  })

  it('stops and fails when the reader of the documents has left', async () => {
    const host = new FakeHost()
    const code = await executeWith(host, job({ dataOnStdout: true }), async ({ signal }) => {
      host.stdout.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
      signal?.throwIfAborted()
      return finished()
    })
    expect(code).to.equal(10)
    expect(host.stderr.text).to.include('standard output was closed').and.not.include('resume')
  })

  it('calls standard output full when it is full', async () => {
    const host = new FakeHost()
    const code = await executeWith(host, job({ dataOnStdout: true }), async ({ signal }) => {
      host.stdout.emit('error', Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' }))
      signal?.throwIfAborted()
      return finished()
    })
    expect(code).to.equal(10)
    expect(host.stderr.text).to.include('standard output is full').and.include('ENOSPC').and.not.include('closed')
  })

  describe('at the second Ctrl-C', () => {
    const stoppedAtOnce = async (changes: Partial<RunReport>, given = job(), host = new FakeHost()): Promise<string> => {
      const realNow = performance.now.bind(performance)
      await executeWith(host, given, async ({ observe }) => {
        observe?.(fakeReport(changes))
        host.emit('SIGINT')
        performance.now = () => realNow() + 1000
        host.emit('SIGINT')
        performance.now = realNow
        throw new Error('was not stopped')
      })
      expect(host.exits).to.deep.equal([130])
      return host.stderr.text
    }
    const folder = '.docferry/runs/run-1'

    it('says how to go on', async () => {
      expect(await stoppedAtOnce({ folder })).to.match(/^docferry: stopped at once; to go on: docferry resume run-1 \(exit 130\)$/m)
    })

    it('sends a retry back to it', async () => {
      expect(await stoppedAtOnce({ folder }, job({ command: 'retry' }))).to.include('to go on: docferry retry run-1')
    })

    it('tells a program', async () => {
      const host = new FakeHost()
      await stoppedAtOnce({ folder }, job({}, { json: true }), host)
      const told = JSON.parse(host.stdout.text.split('\n')[0]!) as object
      expect(told).to.include({ state: 'interrupted', exitCode: 130 }).and.have.nested.property('error.code', 'DOCFERRY_INTERRUPTED')
    })

    it('promises nothing of a dry run, a pipe, or a run that had not begun', async () => {
      expect(await stoppedAtOnce({ folder, piped: true }))
        .to.include('begin again')
        .and.not.include('resume')
      expect(await stoppedAtOnce({ dryRun: true }))
        .to.include('nothing was written')
        .and.not.include('resume')
      expect(await stoppedAtOnce({}))
        .to.include('before anything was written')
        .and.not.include('resume')
    })
  })

  it('tells a program how to go on, and a person who sees no summary', async () => {
    for (const flags of [{ json: true }, { quiet: true }]) {
      const host = new FakeHost()
      await executeWith(host, job({}, flags), async ({ observe }) => {
        observe?.(fakeReport({ state: 'failed', folder: '.docferry/runs/run-1' }))
        throw new DocferryError('DOCFERRY_CONNECT', 'cannot reach it')
      })
      expect(host.stderr.text).to.match(/try: check that .*; then go on: docferry resume run-1$/m)
      if (flags.json) expect((JSON.parse(host.stdout.text) as { error: { try: string } }).error.try).to.include('docferry resume run-1')
    }
  })

  it('configures the run by .env, under the real environment', async () => {
    const host = new FakeHost([], { COUCHDB_URL: 'http://real' })
    writeFileSync(join(host.cwd(), '.env'), 'COUCHDB_URL=http://file\nCOUCHDB_USER=u\n')
    let environment: MigrateOptions['environment']
    await executeWith(host, job(), async options => {
      environment = options.environment
      return finished()
    })
    expect(environment).to.deep.include({ COUCHDB_URL: 'http://real', COUCHDB_USER: 'u' })
  })

  it('hands the stages over as functions', async () => {
    const host = new FakeHost()
    let names: string[] = []
    await executeWith(host, job({ stages: ['strip:a', 'pick:b'] }), async ({ stages = [] }) => {
      names = stages.map(({ name }) => name)
      return finished()
    })
    expect(names).to.deep.equal(['strip', 'pick'])
  })

  it('refuses an unknown stage before anything runs', async () => {
    const host = new FakeHost()
    const code = await executeWith(host, job({ stages: ['strp:a'] }), succeed)
    expect(code).to.equal(2)
    expect(host.stdout.text).to.equal('')
  })

  it('logs to stderr as JSON lines, without secrets', async () => {
    const host = new FakeHost(['--source', 'couchdb://admin:hunter2secret@h'])
    await executeWith(host, job(), async ({ logger }) => {
      logger?.warn({ password: 'hunter2secret', url: 'http://admin:hunter2secret@h' }, 'refused hunter2secret')
      return finished()
    })
    expect(JSON.parse(host.stderr.text)).to.deep.include({ level: 'warn', msg: 'refused ***', password: '***' })
    expect(host.stderr.text).not.to.include('hunter2secret')
  })

  it('takes secrets out of the log in the folder of the run too', async () => {
    const host = new FakeHost(['--source', 'couchdb://admin:hunter2secret@h'])
    let masked: string | undefined
    await executeWith(host, job(), async ({ mask }) => {
      masked = mask?.('refused hunter2secret')
      return finished()
    })
    expect(masked).to.equal('refused ***')
  })

  it('draws bars on a terminal and takes them away before the summary', async () => {
    const host = new FakeHost()
    host.stdout.isTTY = host.stderr.isTTY = true
    await executeWith(host, job(), succeed)
    expect(host.stderr.text).to.include('opening memory and memory').and.include('█')
    expect(host.stderr.text.endsWith('\u001b[J\u001b[?25h')).to.equal(true)
  })

  it('leaves the bars standing when the summary goes elsewhere', async () => {
    const host = new FakeHost()
    host.stderr.isTTY = true
    await executeWith(host, job(), succeed)
    expect(host.stderr.text).to.match(/█[^]*\n\u001b\[J\u001b\[\?25h$/)
  })

  it('draws nothing with --no-progress', async () => {
    const host = new FakeHost()
    host.stderr.isTTY = true
    await executeWith(host, job({}, { progress: false }), succeed)
    expect(host.stderr.text).to.equal('')
  })

  it('obeys NO_COLOR', async () => {
    const host = new FakeHost([], { NO_COLOR: '1' })
    host.stdout.isTTY = true
    await executeWith(host, job(), succeed)
    expect(host.stdout.text).not.to.include('\u001b[')
  })
})
