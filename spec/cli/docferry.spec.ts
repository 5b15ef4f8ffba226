import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { listRuns } from '../../lib/checkpoint/run-folder.ts'
import { docferry, start } from './support/docferry.ts'
import type { Started } from './support/docferry.ts'
import type { Ended, StartOptions } from './support/docferry.ts'

const lines = (documents: readonly object[]): string => documents.map(document => `${JSON.stringify(document)}\n`).join('')
const agents = [
  { _id: 'a1', name: 'Ada' },
  { _id: 'a2', name: 'Grace', cost: 100.5 }
]
const users = [{ _id: 'u1', api_keys: { openai_api_key: 'sk-hunter2secret' } }]
const exported = {
  metadata: { provider: 'couchdb', exported_at: '2026-01-01T00:00:00Z', collections: ['agents', 'users'] },
  data: { agents, users }
}

describe('docferry, the command', function () {
  this.timeout(20_000)
  let cwd: string
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-cli-'))
  })
  afterEach(() => rmSync(cwd, { recursive: true, force: true }))

  const run = (args: readonly string[], options: Partial<StartOptions> = {}): Promise<Ended> => docferry(args, { cwd, ...options })
  const file = (name: string, contents: string | Buffer): string => {
    writeFileSync(join(cwd, name), contents)
    return name
  }
  const snapshot = (): Promise<Ended> =>
    run(['import', '--input', file('sample.json', JSON.stringify(exported)), '--target', 'memory:snapshot.json'])

  it('imports a JSON export and tells what it did', async () => {
    const { code, stdout, stderr } = await snapshot()
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    expect(stdout)
      .to.match(/from +file .*sample\.json/)
      .and.match(/to +memory .*snapshot\.json/)
    expect(stdout)
      .to.match(/agents +2 +2 +0 +0 +0/)
      .and.match(/total +3 +3/)
      .and.include('3 documents written')
  })

  it('exports what it imported, the same', async () => {
    await snapshot()
    expect((await run(['export', '--provider', 'memory:snapshot.json', '--output', 'back.json'])).code).to.equal(0)
    expect(JSON.parse(readFileSync(join(cwd, 'back.json'), 'utf8')).data).to.deep.equal(exported.data)
  })

  it('migrates between any two ends, with names and stages changed', async () => {
    await snapshot()
    const args = [
      'migrate',
      '--source',
      'memory:snapshot.json',
      '--target',
      'out.ndjson.gz',
      '--collections',
      'agents',
      '--rename',
      'agents=people',
      '--stage',
      'strip:cost'
    ]
    expect((await run(args)).code).to.equal(0)
    const text = gunzipSync(readFileSync(join(cwd, 'out.ndjson.gz'))).toString()
    expect(text).to.include('{"$collection":"people"}').and.include('"Grace"').and.not.include('cost')
  })

  it('says of a file beside the documents that can not be looked at that it can not be written', async () => {
    await snapshot()
    const name = 'x'.repeat(300)
    const ends = ['--source', 'sample.json', '--target', 'memory:snapshot.json']
    for (const args of [
      ['plan', ...ends, '--refused', name],
      ['plan', ...ends, '--save', name],
      ['verify', ...ends, '--differences', name]
    ]) {
      const { code, stderr } = await run(args)
      expect(code, args.join(' ')).to.equal(2)
      expect(stderr).to.include('DOCFERRY_CONFIG').and.include('ENAMETOOLONG')
    }
  })

  it('names in a file where its documents come from', async () => {
    await snapshot()
    expect((await run(['migrate', '--source', 'memory:snapshot.json', '--target', 'from.json'])).code).to.equal(0)
    expect(JSON.parse(readFileSync(join(cwd, 'from.json'), 'utf8')).metadata).to.include({ provider: 'memory' })
    expect((await run(['migrate', '--source', 'memory:snapshot.json', '--target', 'from.json'])).code).to.equal(2)
    expect((await run(['migrate', '--source', 'memory:snapshot.json', '--target', 'from.json', '--force'])).code).to.equal(0)
  })

  it('gives the report as one JSON object on stdout', async () => {
    await snapshot()
    const { code, stdout, stderr } = await run(['export', '--provider', 'memory:snapshot.json', '--output', 'x.ndjson', '--json'])
    const report = JSON.parse(stdout)
    expect(code).to.equal(0)
    expect(report).to.deep.include({ command: 'export', state: 'done', exitCode: 0, dryRun: false })
    expect(report.totals).to.deep.include({ read: 3, written: 3, failed: 0 })
    expect(report.durationMs).to.be.a('number')
    expect(report.collections.map(({ source }: { source: string }) => source)).to.have.members(['agents', 'users'])
    expect(stderr).to.include('docferry export')
  })

  it('writes nothing but documents to stdout with -', async () => {
    await snapshot()
    const { code, stdout, stderr } = await run([
      'export',
      '--provider',
      'memory:snapshot.json',
      '--output',
      '-',
      '--collections',
      'agents',
      '--documents-only',
      '--log-level',
      'debug'
    ])
    expect(code).to.equal(0)
    expect(
      stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
    ).to.have.deep.members(agents)
    expect(stderr).to.include('docferry export').and.include('2 documents written')
  })

  it('pipes one command into another', async () => {
    await snapshot()
    const { stdout } = await run(['export', '--provider', 'memory:snapshot.json', '--output', '-', '--quiet'])
    expect((await run(['import', '--input', '-', '--target', 'memory:copy.json', '--quiet'], { input: stdout })).code).to.equal(0)
    expect(JSON.parse(readFileSync(join(cwd, 'copy.json'), 'utf8')).data).to.deep.equal(exported.data)
  })

  it('says that documents of a pipe need a name, and does not take it for empty', async () => {
    const { code, stderr } = await run(['import', '--input', '-', '--target', 'memory:copy.json', '--quiet'], { input: lines(agents) })
    expect(code).to.equal(2)
    expect(stderr).to.include('DOCFERRY_CONFIG').and.include('--as NAME')
  })

  it('leaves nothing of an output with which nobody could go on, for it does not know to which collection documents belong', async () => {
    for (const output of ['copy.ndjson', 'copy.json.gz', 'copy/']) {
      const { code, stdout } = await run(['import', '--input', '-', '--target', `file:${output}`], { input: lines(agents) })
      expect({ code, output }).to.deep.equal({ code: 2, output })
      expect(stdout).not.to.include('docferry resume')
    }
    expect(readdirSync(cwd)).to.deep.equal(['.docferry'])
  })

  it('advises to pipe the input in again where nothing came', async () => {
    const { code, stderr } = await run(['import', '--input', '-', '--as', 'a', '--target', 'memory:copy.json', '--quiet'], { input: '' })
    expect(code).to.equal(20)
    expect(stderr).to.include('standard input holds nothing').and.include('cat FILE | docferry resume')
  })

  it('writes nothing in a dry run', async () => {
    const { code, stdout } = await run([
      'import',
      '--input',
      file('sample.json', JSON.stringify(exported)),
      '--target',
      'memory:snapshot.json',
      '--dry-run'
    ])
    expect(code).to.equal(0)
    expect(stdout).to.include('would be written').and.include('nothing was written')
    expect(existsSync(join(cwd, 'snapshot.json'))).to.equal(false)
    expect(existsSync(join(cwd, '.docferry'))).to.equal(false)
  })

  it('skips what the target holds already, and says so', async () => {
    await snapshot()
    const { code, stdout } = await snapshot()
    expect(code).to.equal(0)
    expect(stdout)
      .to.match(/total +3 +0 +3/)
      .and.include('2 documents skipped')
  })

  it('exits 40 when something could not be written, and keeps it with its cause', async () => {
    const input = `${lines(agents)}{"name":"no id"}\nnot json\n`
    const { code, stdout } = await run(['import', '--input', file('agents.ndjson', input), '--target', 'memory:snapshot.json'])
    expect(code).to.equal(40)
    expect(stdout)
      .to.include('2 documents failed')
      .and.include('DOCFERRY_BAD_DOCUMENT')
      .and.match(/line 3/)
    const letters = /Dead letters: (.*)/.exec(stdout)?.[1] ?? ''
    expect(readFileSync(join(cwd, letters), 'utf8').trim().split('\n')).to.have.length(2)
  })

  it('takes for a file that is read or written what an address may say, as its own errors advise, and flags before it', async () => {
    const advice = (await run(['import', '--input', file('x.csv', 'a,b\n'), '--target', 'memory:copy.json'])).stderr
    const [advised = ''] = /file:x\.csv\?format=ndjson/.exec(advice) ?? []
    const lone = await run(['import', '--input', advised, '--target', 'memory:other.json'])
    expect(lone.code, lone.stderr).to.equal(40)
    expect(lone.stdout).to.include('DOCFERRY_BAD_DOCUMENT')

    const told = `file:${file('agents.csv', lines(agents))}?format=ndjson`
    const given = await run(['import', '--input', `${told}&collection=bots`, '--target', 'memory:copy.json'])
    expect(given.code, given.stderr).to.equal(0)
    const flagged = await run(['import', '--input', `${told}&collection=bots`, '--as', 'robots', '--target', 'memory:copy.json'])
    expect(flagged.code, flagged.stderr).to.equal(0)
    expect(JSON.parse(readFileSync(join(cwd, 'copy.json'), 'utf8')).data).to.deep.equal({ bots: agents, robots: agents })

    const output = ['export', '--provider', 'memory:copy.json', '--collections', 'bots', '--output']
    const plain = await run([...output, 'file:out.txt?format=ndjson&documentsOnly=true'])
    expect(plain.code, plain.stderr).to.equal(0)
    expect(readFileSync(join(cwd, 'out.txt'), 'utf8')).to.equal(lines(agents))
    expect((await run([...output, 'file:-?documentsOnly=true'])).stdout).to.equal(lines(agents))
    expect((await run([...output, 'file:out.txt?formt=ndjson'])).stderr).to.include('formt: no such option')
  })

  it('names the file of a folder that is missing, and what to do', async () => {
    await snapshot()
    await run(['export', '--provider', 'memory:snapshot.json', '--output', 'out/'])
    rmSync(join(cwd, 'out/agents.ndjson'))
    const { code, stderr } = await run(['import', '--input', 'out', '--target', 'memory:copy.json'])
    expect(code).to.equal(20)
    expect(stderr).to.include('has no agents.ndjson, which its manifest.json names for the collection "agents"')
    expect(stderr).to.include('copy it to its place again').and.not.include('cut')
    expect((await run(['import', '--input', 'out', '--target', 'memory:copy.json', '--collections', 'users'])).code).to.equal(0)
  })

  it('exits 20 when the file is cut', async () => {
    const whole = gzipSync(lines(Array.from({ length: 2000 }, (_, index) => ({ _id: `d${index}`, text: String(Math.random()) }))))
    const { code, stderr } = await run([
      'import',
      '--input',
      file('x.ndjson.gz', whole.subarray(0, whole.length / 2)),
      '--target',
      'memory:snapshot.json'
    ])
    expect(code).to.equal(20)
    expect(stderr).to.include('DOCFERRY_FILE_CUT')
  })

  it('exits 2 for a collection that is not there, before anything is written', async () => {
    await snapshot()
    const { code, stderr } = await run([
      'export',
      '--provider',
      'memory:snapshot.json',
      '--output',
      'x.json',
      '--collections',
      'agents,nope'
    ])
    expect(code).to.equal(2)
    expect(stderr).to.include('DOCFERRY_NO_SUCH_COLLECTION').and.include('nope').and.include('users')
    expect(existsSync(join(cwd, 'x.json'))).to.equal(false)
  })

  for (const name of ['x.json', 'x.ndjson']) {
    it(`reads what it has written where only reading told which collections there are: ${name}`, async () => {
      const sections = ['a', 'b'].map(each => `{"$collection":"${each}"}\n{"_id":"1"}\n`).join('')
      const input = `{"$docferry":1,"metadata":{}}\n${sections}{"$end":{"counts":{"a":1,"b":1}}}\n`
      expect((await docferry(['import', '--input', '-', '--target', name], { cwd, input })).code).to.equal(0)
      const text = readFileSync(join(cwd, name), 'utf8')
      expect(text).to.not.include('"collections"')
      expect((await run(['import', '--input', name, '--target', 'memory:one.json'])).stdout).to.include('2 documents written')
      const piped = await docferry(['import', '--input', '-', '--target', 'memory:two.json'], { cwd, input: text })
      expect(piped.stdout, piped.stderr).to.include('2 documents written')
    })
  }

  it('takes all that an export holds whose metadata list nothing', async () => {
    const text = '{"metadata":{"provider":"memory","collections":[]},"data":{"a":[{"_id":"1"}]}}'
    file('none.json', text)
    expect((await run(['import', '--input', 'none.json', '--target', 'memory:one.json'])).stdout).to.include('1 document written')
    const named = ['import', '--input', 'none.json', '--target', 'memory:two.json', '--collections', 'a']
    expect((await run(named)).stdout).to.include('1 document written')
    const piped = await docferry(['import', '--input', '-', '--target', 'memory:three.json'], { cwd, input: text })
    expect(piped.stdout, piped.stderr).to.include('1 document written')
  })

  it('replaces an output only if told to', async () => {
    await snapshot()
    const args = ['export', '--provider', 'memory:snapshot.json', '--output', file('x.json', 'precious')]
    const refused = await run(args)
    expect(refused.code).to.equal(2)
    expect(refused.stderr).to.include('DOCFERRY_OUTPUT_EXISTS')
    expect(readFileSync(join(cwd, 'x.json'), 'utf8')).to.equal('precious')
    expect((await run([...args, '--force'])).code).to.equal(0)
  })

  it('replaces the file that an import goes into only if told to', async () => {
    file('in.ndjson', '{"_id":"1"}\n')
    const args = ['import', '--input', 'in.ndjson', '--target', file('x.json', 'precious')]
    expect((await run(args)).code).to.equal(2)
    expect(readFileSync(join(cwd, 'x.json'), 'utf8')).to.equal('precious')
    expect((await run([...args, '--force'])).code).to.equal(0)
    expect((await run(['import', '--input', 'in.ndjson', '--target', 'couchdb', '--force'])).stderr).to.include('--on-conflict overwrite')
  })

  it('takes its configuration from .env, or from another file', async () => {
    await snapshot()
    file('.env', 'MEMORY_SNAPSHOT=snapshot.json\n')
    expect((await run(['export', '--output', 'x.json'])).stdout).to.include('3 documents written')
    file('other.env', 'MEMORY_SNAPSHOT=missing.json\n')
    expect((await run(['export', '--output', 'y.json', '--dotenv', 'other.env'])).stdout).not.to.include('3 documents written')
    const real = await run(['export', '--output', 'z.json', '--dotenv', 'other.env'], { env: { MEMORY_SNAPSHOT: 'snapshot.json' } })
    expect(real.stdout).to.include('3 documents written')
  })

  it('exits 10 when a server cannot be reached, and prints its password nowhere', async () => {
    const port = await closedPort()
    for (const more of [[], ['--json'], ['--log-level', 'debug']]) {
      const { code, stdout, stderr } = await run([
        'migrate',
        '--source',
        `couchdb://admin:hunter2secret@127.0.0.1:${port}`,
        '--target',
        'x.ndjson',
        ...more
      ])
      expect(code).to.equal(10)
      expect(stderr).to.include('DOCFERRY_CONNECT')
      expect(stdout + stderr).not.to.include('hunter2secret')
    }
  })

  it('prints no document and no key of one, whatever fails', async () => {
    const { stdout, stderr } = await run([
      'import',
      '--input',
      file('users.ndjson', `${lines(users)}{"api_keys":{"openai_api_key":"sk-hunter2secret"}}\n{"_id":"u2","api_keys":"sk-hunter2secret\n`),
      '--target',
      'memory:s.json',
      '--log-level',
      'debug'
    ])
    expect(stdout + stderr).not.to.include('hunter2secret')
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`stops at ${signal}: finishes, says how far it came, exits 130`, async () => {
      const { child, ended, said } = start(['import', '--input', '-', '--as', 'agents', '--target', 'memory:snapshot.json'], { cwd })
      child.stdin.write(lines(agents))
      await said('docferry import')
      child.kill(signal)
      const { code, stdout, stderr } = await ended
      expect(code).to.equal(130)
      expect(stderr).to.include('Ctrl-C again').and.include('DOCFERRY_INTERRUPTED')
      expect(stdout).to.include('Interrupted after')
    })
  }

  it('advises no resume of what standard input gave and nobody can give again', async () => {
    const { child, ended, said } = start(['import', '--input', '-', '--as', 'agents', '--target', 'memory:snapshot.json'], { cwd })
    child.stdin.write(lines(agents))
    await said('docferry import')
    child.kill('SIGINT')
    expect((await ended).code).to.equal(130)
    for (const command of ['verify', 'retry']) {
      const [run] = await listRuns(join(cwd, '.docferry'))
      const { code, stderr } = await docferry(command === 'verify' ? ['verify'] : ['retry', run!.runId], { cwd })
      expect(code).to.equal(2)
      expect(stderr).to.include("it can't be gone on with, for what it read came by a pipe").and.not.include('docferry resume')
    }
  })

  it('stops while it waits for who writes into a named pipe', async () => {
    execFileSync('mkfifo', [join(cwd, 'pipe')])
    const args = ['import', '--input', 'pipe', '--as', 'agents', '--target', 'memory:snapshot.json', '--log-level', 'debug']
    const { child, ended, said } = start(args, { cwd, input: '' })
    await said('environment file')
    child.kill('SIGINT')
    expect((await ended).code).to.equal(130)
  })

  for (const [what, args] of [
    ['the target that is verified', ['verify', '--source', 'a.ndjson', '--target', 'file:pipe']],
    ['the log of a backup', ['import', '--input', 'a.ndjson', '--backup-log', 'pipe', '--target', 'memory:snapshot.json']]
  ] as const) {
    it(`stops at the second signal at the latest while it waits for who writes ${what} into a named pipe`, async function () {
      if (process.platform !== 'linux') this.skip()
      execFileSync('mkfifo', [join(cwd, 'pipe')])
      file('a.ndjson', lines(agents))
      const started = start([...args, '--log-level', 'debug'], { cwd, input: '' })
      // Opened without waiting for the other end.
      const holdsPipe = (): boolean =>
        readdirSync(`/proc/${started.child.pid}/fd`).some(
          fd => linkOf(`/proc/${started.child.pid}/fd/${fd}`) === join(realpathSync(cwd), 'pipe')
        )
      while (!holdsPipe()) await sleep(20)
      expect(await codeOfInterrupted(started)).to.equal(130)
    })
  }

  it('waits for who reads a named pipe, and stops at once at the second signal', async () => {
    execFileSync('mkfifo', [join(cwd, 'pipe')])
    const args = ['import', '--input', file('a.ndjson', lines(agents)), '--target', 'file:pipe?format=ndjson']
    const started = start(args, { cwd, input: '' })
    await started.said('docferry import')
    expect(await codeOfInterrupted(started)).to.equal(130)
  })

  it('shows numbers of thousands in one way in all that it tells people, and plain ones to programs', async () => {
    const twice = Array.from({ length: 1_200 }, (_, index) => `{"_id":"d${index}"}\n`)
      .join('')
      .repeat(2)
    const args = ['migrate', '--source', file('twice.ndjson', twice), '--target']
    expect((await run([...args, 'one.ndjson'])).stdout)
      .to.include('2,400')
      .and.include('- twice: 1,200 documents have an id that came before')
    const { collections } = JSON.parse((await run([...args, 'two.ndjson', '--json'])).stdout) as { collections: { written: number }[] }
    expect(collections[0]!.written).to.equal(2_400)
  })

  it('writes all of it to who reads a named pipe', async () => {
    execFileSync('mkfifo', [join(cwd, 'pipe')])
    const args = ['import', '--input', file('a.ndjson', lines(agents)), '--target', 'file:pipe?format=ndjson&documentsOnly=true']
    const { ended, said } = start(args, { cwd, input: '' })
    await said('docferry import')
    const read = await readFile(join(cwd, 'pipe'), 'utf8')
    expect((await ended).code).to.equal(0)
    expect(read).to.equal(lines(agents))
  })

  it('fails when the reader of the documents leaves', async () => {
    const many = Array.from({ length: 5000 }, (_, index) => ({ _id: `d${index}`, text: 'x'.repeat(200) }))
    await run(['import', '--input', file('many.ndjson', lines(many)), '--target', 'memory:snapshot.json'])
    const { child, ended } = start(['export', '--provider', 'memory:snapshot.json', '--output', '-'], { cwd, input: '' })
    child.stdout.once('data', () => child.stdout.destroy())
    const { code, stderr } = await ended
    expect(code).to.equal(10)
    expect(stderr).to.include('DOCFERRY_TARGET').and.not.include('DOCFERRY_BUG')
  })

  it('goes on when the reader of the summary leaves', async () => {
    const { child, ended } = start(
      ['import', '--input', file('sample.json', JSON.stringify(exported)), '--target', 'memory:snapshot.json'],
      { cwd, input: '' }
    )
    child.stdout.destroy()
    expect((await ended).code).to.equal(0)
    expect(JSON.parse(readFileSync(join(cwd, 'snapshot.json'), 'utf8')).data).to.deep.equal(exported.data)
  })

  it('calls what nobody caught a bug, without inspecting it', async () => {
    const reject = 'Promise.reject(Object.assign(new Error("boom"), { credentials: { private_key: ["hunter2", "secret"].join("") } }))'
    const look = `if (process.listenerCount("unhandledRejection")) { clearInterval(timer); ${reject} }`
    const preload = `const timer = setInterval(() => { ${look} }, 1)`
    const { ended } = start(['import', '--input', '-', '--target', 'memory:snapshot.json'], {
      cwd,
      nodeArgs: ['--import', `data:text/javascript,${encodeURIComponent(preload)}`]
    })
    const { code, stdout, stderr } = await ended
    expect(code).to.equal(1)
    expect(stderr).to.include('docferry: Error: boom').and.include('a bug in docferry')
    expect(stdout + stderr).not.to.include('hunter2secret')
  })
})

/** A port that nothing listens on. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

/** Signals until it has ended, of which the second ends it at once. @returns its exit code */
async function codeOfInterrupted({ child, ended, said }: Started): Promise<number | null> {
  child.kill('SIGINT')
  await said('stopping')
  let over = false
  void ended.then(() => (over = true))
  for (; !over; await sleep(50)) child.kill('SIGINT')
  return (await ended).code
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
