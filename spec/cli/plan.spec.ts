import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { planJob } from '../../lib/cli/commands/plan.ts'
import { failureLimit, oneName, share } from '../../lib/cli/options.ts'
import { expectCode } from '../connectors/dynamodb/support.ts'
import { basicAuth, servers, uniqueName } from '../support/servers.ts'
import { docferry } from './support/docferry.ts'
import type { Ended } from './support/docferry.ts'

const agents = [
  { _id: 'a1', name: 'Ada', joined: { $date: '2026-01-01T00:00:00Z' } },
  { _id: 'a2', name: 'Grace' }
]
const users = [{ _id: 'u1', api_keys: { openai_api_key: 'sk-hunter2secret' } }]
const exported = { metadata: { provider: 'couchdb', exported_at: '2026-01-01T00:00:00Z' }, data: { agents, users } }

function refusalOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('it was taken')
}

const ends = ['--source', 'source.json', '--target', 'memory:target.json'] as const

describe('docferry plan, the command', function () {
  this.timeout(20_000)
  let cwd: string
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-cli-'))
    write('source.json', exported)
  })
  afterEach(() => rmSync(cwd, { recursive: true, force: true }))

  const write = (name: string, contents: unknown): void =>
    writeFileSync(join(cwd, name), typeof contents === 'string' ? contents : JSON.stringify(contents))
  const read = (name: string): string => readFileSync(join(cwd, name), 'utf8')
  const run = (...args: readonly string[]): Promise<Ended> => docferry(args, { cwd })
  const plan = (...args: readonly string[]): Promise<Ended> => run('plan', ...ends, ...args)
  const migrate = (...args: readonly string[]): Promise<Ended> => run('migrate', ...ends, '--plan', 'plan.json', ...args)

  it('says what a migration would do, and does nothing', async () => {
    const { code, stdout, stderr } = await plan()
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    expect(stdout)
      .to.match(/total +3 +3 +0 +0 +0/)
      .and.match(/\nagents\n {2}target +would be created\n {2}size .*\n {2}values +5 exact: 4 strings, 1 timestamp\n/)
      .and.match(/All of it\n {2}documents 3 to read, 3 to write/)
      .and.include('Dry run: nothing was written. 3 documents would be written')
    expect(readdirSync(cwd)).to.deep.equal(['source.json'])
  })

  it('exits 40 where documents would be refused, says which, and keeps no dead letters', async () => {
    write('source.ndjson', `${JSON.stringify(users[0])}\n{"name":"no id"}\n`)
    const { code, stdout } = await run('plan', '--source', 'source.ndjson', '--target', 'memory:target.json')
    expect(code).to.equal(40)
    expect(stdout)
      .to.include('1 document would fail:')
      .and.include('DOCFERRY_BAD_DOCUMENT')
      .and.match(/which: +line 2/)
    expect(readdirSync(cwd)).to.have.members(['source.json', 'source.ndjson'])
  })

  it('leaves standard output to the plan where documents would go there', async () => {
    const { code, stdout } = await run('plan', '--source', 'source.json', '--target', '-')
    expect(code).to.equal(0)
    expect(stdout)
      .to.match(/^docferry plan/)
      .and.include('3 documents would be written')
      .and.not.include('"_id"')
  })

  it('gives the plan as one JSON object', async () => {
    const { code, stdout } = await plan('--json', '--rate', '500/s')
    const { estimate, options, collections, ...rest } = JSON.parse(stdout)
    expect(code).to.equal(0)
    expect(rest).to.deep.include({ command: 'plan', dryRun: true, exitCode: 0, state: 'done' })
    expect(rest.totals).to.include({ read: 3, written: 3 })
    expect(options).to.deep.include({ onConflict: 'skip', types: 'natural', stages: [] })
    expect(estimate).to.include({ documents: 3, perSecond: 500, seconds: 3 / 500 })
    expect(collections[0]).to.include({ source: 'agents', written: 2, created: true })
    expect(collections[0].survey.values).to.deep.equal({ string: 4, timestamp: 1 })
    expect(collections[0].survey.bytes.largestId).to.equal('a1')
  })

  it('tells values that lose their type, with their places', async () => {
    expect((await plan('--types', 'plain')).stdout).to.include(
      '  lossy     1 timestamp turned into something else for good, such as a date into text: joined in a1\n'
    )
  })

  it('looks at a sample', async () => {
    write('many.ndjson', Array.from({ length: 2_000 }, (_, index) => `{"_id":"d${index}"}\n`).join(''))
    const { code, stdout } = await run('plan', '--source', 'many.ndjson', '--target', 'memory:target.json', '--sample', '10 %')
    expect(code).to.equal(0)
    expect(stdout)
      .to.match(/ of 2,000 documents looked at; the others were read, but only to choose and count/)
      .and.include('All of it, reckoned from the sample')
      .and.include('about 2,000 to read')
  })

  for (const [text, value] of [
    ['1%', 0.01],
    ['0.5 %', 0.005],
    ['.25', 0.25],
    ['100%', 1],
    ['1', 1]
  ] as const) {
    it(`takes --sample ${text} as ${value}`, () => {
      expect(share(text)).to.equal(value)
    })
  }

  for (const text of ['0.01', '101%', '0%', '-1', '1 in 100']) {
    it(`advises what --max-failures takes in place of "${text}"`, () => {
      const advice = refusalOf(() => failureLimit(text))
      expect(advice).to.match(/: \d+, or \d+%\.$/)
      const examples = advice.split(': ').at(-1)!.slice(0, -1).split(', or ')
      expect(examples.map(failureLimit)).to.deep.equal([100, { share: 0.01 }])
    })
  }

  it('refuses a name that is empty, before anything is opened', () => {
    expect(refusalOf(() => oneName(' '))).to.equal('The name is empty: give one, or leave the flag away.')
    expect(oneName('agents')).to.equal('agents')
  })

  for (const text of ['0', '0%', '101%', '2', '-1%', 'x', '', '1e-2', '1%%']) {
    it(`refuses --sample "${text}"`, () => {
      expect(() => share(text)).to.throw('It is a share of the documents: 1%, or 0.01.')
    })
  }

  it('ends with 2 where an option is no such thing', async () => {
    for (const [flag, value] of [
      ['--sample', '0'],
      ['--rate', 'fast'],
      ['--types', 'all']
    ] as const) {
      const { code, stderr } = await plan(flag, value)
      expect(code).to.equal(2)
      expect(stderr).to.include(flag)
    }
  })

  it('takes prices of the user', async () => {
    write('prices.json', { date: '2026-11-01', currency: 'EUR', dynamodb: { region: 'eu-central-1', writeUnit: 1 } })
    const flags = { source: 'source.json', target: 'dynamodb', progress: true, logLevel: 'warn' } as const
    const error = await expectCode(planJob({ ...flags, prices: join(cwd, 'prices.json') }), 'DOCFERRY_CONFIG')
    expect(error.message).to.include('currency')
    write('prices.json', { date: '2026-11-01', dynamodb: { region: 'eu-central-1', writeUnit: 1 } })
    const { plan: made } = await planJob({ ...flags, prices: join(cwd, 'prices.json') })
    expect(made?.estimate.prices).to.include({ date: '2026-11-01' }).and.have.nested.property('dynamodb.writeUnit', 1)
  })

  it('names everything that is wrong with prices, before anything is read', async () => {
    write('prices.json', { dynamodb: { writeUnits: 1, readUnit: '1' }, date: 'today' })
    const { code, stdout, stderr } = await plan('--prices', 'prices.json')
    expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' })
    expect(stderr).to.include('dynamodb.writeUnits').and.include('dynamodb.readUnit').and.include('date: ')
    const missing = await plan('--prices', 'none.json')
    expect(missing.code).to.equal(2)
    expect(missing.stderr).to.include("--prices: none.json can't be read")
  })

  it('finds out before it reads that the plan can not be saved', async () => {
    write('notes.json', 'precious')
    for (const [path, code] of [
      ['nowhere/plan.json', 'DOCFERRY_CONFIG'],
      ['/dev/null', 'DOCFERRY_CONFIG'],
      ['notes.json', 'DOCFERRY_CONFIG']
    ] as const) {
      const { code: exit, stdout, stderr } = await plan('--save', path)
      expect({ exit, stdout }).to.deep.equal({ exit: 2, stdout: '' })
      expect(stderr).to.include(code).and.include(path)
    }
    expect(read('notes.json')).to.equal('precious')
  })

  it('saves a plan without contents of documents, also one with failures', async () => {
    write('source.ndjson', `${JSON.stringify(users[0])}\n{"name":"no id"}\n`)
    expect((await run('plan', '--source', 'source.ndjson', '--target', 'memory:target.json', '--save', 'plan.json')).code).to.equal(40)
    expect(JSON.parse(read('plan.json'))).to.deep.include({
      docferryPlan: 1,
      ends: { source: 'file:source.ndjson', target: 'memory:target.json' }
    })
    expect(read('plan.json')).to.not.include('hunter2')
  })

  it('saves nothing where the source can not be read to its end', async () => {
    write('source.json', JSON.stringify(exported).slice(0, -20))
    const { code, stdout } = await plan('--save', 'plan.json')
    expect(code).to.equal(20)
    expect(stdout).to.not.include('All of it')
    expect(readdirSync(cwd)).to.deep.equal(['source.json'])
  })

  describe('docferry migrate --plan', () => {
    beforeEach(async () => {
      const { code } = await plan('--save', 'plan.json', '--stage', 'strip:name')
      expect(code).to.equal(0)
    })

    it('runs what was planned, named again or not', async () => {
      const alone = await run('migrate', '--plan', 'plan.json')
      expect({ code: alone.code, stderr: alone.stderr }).to.deep.equal({ code: 0, stderr: '' })
      expect(JSON.parse(read('target.json')).data.agents[1]).to.deep.equal({ _id: 'a2' })
      rmSync(join(cwd, 'target.json'))
      expect((await migrate('--stage', 'strip:name')).code).to.equal(0)
      expect(existsSync(join(cwd, 'target.json'))).to.equal(true)
    })

    const stage = ['--stage', 'strip:name']
    const differences: [string, readonly string[]][] = [
      ['--on-conflict', [...stage, '--on-conflict', 'overwrite']],
      ['--types', [...stage, '--types', 'exact']],
      ['--on-incompatible', [...stage, '--on-incompatible', 'escape']],
      ['--keep-metadata', [...stage, '--keep-metadata']],
      ['--stage: planned strip:name, now none', []],
      ['--stage: planned strip:name, now strip:cost', ['--stage', 'strip:cost']],
      ['collections: planned agents, users, now agents', [...stage, '--collections', 'agents']],
      ['now agents -> people, users', [...stage, '--rename', 'agents=people']],
      ['target', [...stage, '--target', 'memory:other.json']]
    ]
    for (const [difference, args] of differences) {
      it(`refuses with 2: ${args.join(' ') || 'no stage'}`, async () => {
        const { code, stderr } = await migrate(...args)
        expect(code).to.equal(2)
        expect(stderr).to.include('DOCFERRY_PLAN').and.include(difference)
        expect(readdirSync(cwd)).to.have.members(['source.json', 'plan.json'])
      })
    }

    it('refuses a source that holds a new collection', async () => {
      write('source.json', { ...exported, data: { ...exported.data, logs: [{ _id: 'l1' }] } })
      const { code, stderr } = await migrate(...stage)
      expect(code).to.equal(2)
      expect(stderr).to.include('planned agents, users, now agents, logs, users')
    })

    it('alone refuses other options that the plan decides', async () => {
      const { code, stderr } = await run('migrate', '--plan', 'plan.json', '--types', 'exact', '--on-conflict', 'fail')
      expect(code).to.equal(2)
      expect(stderr).to.include('--types').and.include('--on-conflict').and.include('--plan alone does what the plan says')
      expect(existsSync(join(cwd, 'target.json'))).to.equal(false)
    })

    it('alone takes options that say how, not what', async () => {
      const { code, stdout } = await run('migrate', '--plan', 'plan.json', '--json', '--parallel', '1', '--dry-run')
      expect(code).to.equal(0)
      expect(JSON.parse(stdout)).to.deep.include({ dryRun: true })
      expect(existsSync(join(cwd, 'target.json'))).to.equal(false)
    })

    it('refuses a plan that is broken or missing', async () => {
      write('plan.json', read('plan.json').slice(0, 200))
      const broken = await run('migrate', '--plan', 'plan.json')
      expect(broken.code).to.equal(2)
      expect(broken.stderr).to.include("plan.json is no plan of docferry's: not valid JSON")
      const missing = await run('migrate', '--plan', 'none.json')
      expect(missing.code).to.equal(2)
      expect(missing.stderr).to.include("none.json can't be read")
    })
  })

  it('keeps a preset, and what the target file is to be replaced by', async () => {
    write('out.json', 'old')
    const saved = await run(
      'plan',
      '--source',
      'source.json',
      '--target',
      'out.json',
      '--force',
      '--preset',
      'gofannon',
      '--save',
      'plan.json'
    )
    expect(saved.code).to.equal(0)
    expect(read('out.json')).to.equal('old')
    const { code, stderr } = await run('migrate', '--plan', 'plan.json')
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    expect(JSON.parse(read('out.json')).data.agents).to.have.length(2)
  })

  it('finds all that does not fit where the run ends with 40 at the first', async () => {
    const { environment, url, user, password } = await servers.couchdb()
    const name = uniqueName('plan')
    const documents = [...agents, { _id: 'x', _own: 1 }, { _id: 'y', _own: 1 }]
    write(`${name}.ndjson`, documents.map(document => `${JSON.stringify(document)}\n`).join(''))
    const args = ['--source', `${name}.ndjson`, '--target', 'couchdb', '--on-incompatible', 'fail']
    const planned = await docferry(['plan', ...args, '--save', 'plan.json'], { cwd, env: environment })
    expect(planned.code).to.equal(40)
    expect(planned.stdout).to.include('2 documents would fail').and.include('the run would end at the first document that does not fit')
    const there = await fetch(`${url}/${name}`, { headers: { authorization: basicAuth(user, password) } })
    expect(there.status).to.equal(404)
    const { code, stderr } = await docferry(['migrate', '--plan', 'plan.json'], { cwd, env: environment })
    expect(code).to.equal(40)
    expect(stderr).to.include('DOCFERRY_BAD_FIELD').and.include('document x')
    await fetch(`${url}/${name}`, { method: 'DELETE', headers: { authorization: basicAuth(user, password) } })
  })

  it('keeps no password of an address, and says what a run then needs', async () => {
    const { url, user, password } = await servers.couchdb()
    const target = `couchdb://${user}:${password}@${new URL(url).host}`
    const saved = await run('plan', '--source', 'source.json', '--target', target, '--rename', 'agents=a,users=b', '--save', 'plan.json')
    expect(saved.code).to.equal(0)
    expect(read('plan.json')).to.not.include(password)
    const { code, stderr } = await run('migrate', '--plan', 'plan.json')
    expect(code).to.equal(2)
    expect(stderr).to.include('an address that holds a password is not kept: give --source, --target')
  })
})
