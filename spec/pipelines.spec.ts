/** Every example of pipelines/, run against real servers; and what the folder promises. */
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { startCouchdb } from '../scripts/servers/couchdb.ts'
import { projectFolder } from '../scripts/servers/tools.ts'
import { listRuns } from '../lib/checkpoint/run-folder.ts'
import { runCommandLine } from '../lib/cli/program.ts'
import { describeError } from '../lib/errors.ts'
import { createMemoryStore } from '../lib/connectors/memory/store.ts'
import { openSource } from '../lib/open.ts'
import type { Endpoint } from '../lib/open.ts'
import { loadPipeline } from '../lib/pipeline/load.ts'
import { canonicalBytes, Timestamp } from '../lib/values/index.ts'
import type { Document, Value } from '../lib/values/index.ts'
import { FakeHost } from './cli/support/fake-host.ts'
import { subjects } from './conformance/subjects.ts'
import { startFaultProxy } from './support/fault-proxy.ts'
import { migrate } from './support/migrate.ts'
import { gofannonCollections } from './support/samples.ts'
import { isolatedProject, servers } from './support/servers.ts'

const folder = join(projectFolder(), 'pipelines')
const yamlFiles = readdirSync(folder)
  .filter(name => name.endsWith('.yaml'))
  .sort()
const pipelineFiles = [...yamlFiles, 'nightly-backup.ts']
const exampleEnvironment = join(folder, 'example.env')

type Data = Readonly<Record<string, readonly Document[]>>
type Fields = Readonly<Record<string, Value>>

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** In this process; nothing of it is left behind. */
async function docferry(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const host = new FakeHost(args, { ...env })
  const code = await runCommandLine(host, () => Promise.reject(new Error('another command')))
  return { code, stdout: host.stdout.text, stderr: host.stderr.text }
}

/** A place that is a source or a target, as a variable names it and as a spec opens it. */
interface Place {
  readonly text: string
  readonly variables: NodeJS.ProcessEnv
  readonly endpoint: Endpoint
  clear(): Promise<unknown>
}

function withoutKeys({ api_keys: _keys, ...user }: Document): Document {
  return user
}

describe('pipelines: the examples', function () {
  this.timeout(60_000)
  let scratch: string
  let couchdb: Awaited<ReturnType<typeof startCouchdb>>
  const data: Data = gofannonCollections({ count: 8 })
  const names = Object.keys(data)

  before(async () => {
    couchdb = await startCouchdb({})
  })
  after(() => couchdb.stop())
  const open: Place[] = []
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'docferry-examples-'))
  })
  afterEach(async () => {
    for (const place of open.splice(0)) await place.clear()
    rmSync(scratch, { recursive: true, force: true })
  })

  const opened = (place: Place): Place => {
    open.push(place)
    return place
  }
  const places = {
    async couchdb(): Promise<Place> {
      const { port, user, password } = couchdb
      const url = `http://127.0.0.1:${port}`
      const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
      const clear = async (): Promise<void> => {
        const held = (await (await fetch(`${url}/_all_dbs`, { headers: { authorization } })).json()) as string[]
        for (const name of held.filter(each => !each.startsWith('_')))
          await fetch(`${url}/${name}`, { method: 'DELETE', headers: { authorization } })
      }
      const variables = { COUCHDB_URL: url, COUCHDB_USER: user, COUCHDB_PASSWORD: password }
      return opened({ text: 'couchdb', variables, endpoint: { connector: 'couchdb', options: { url, user, password } }, clear })
    },
    async firestore(): Promise<Place> {
      const { host } = await servers.firestore()
      const project = isolatedProject()
      const variables = { FIRESTORE_EMULATOR_HOST: host, GOOGLE_CLOUD_PROJECT: project }
      const endpoint = { connector: 'firestore', options: { project, emulator: host } } as const
      return opened({ text: 'firestore', variables, endpoint, clear: () => Promise.resolve() })
    },
    async dynamodb(): Promise<Place> {
      const { endpoint, region } = await servers.dynamodb()
      const clear = async (): Promise<void> => (await subjects.dynamodb()).remove([...names, 'messages'])
      await clear()
      const variables = { DYNAMODB_ENDPOINT_URL: endpoint, DYNAMODB_REGION: region }
      return opened({ text: 'dynamodb', variables, endpoint: { connector: 'dynamodb', options: { endpoint, region } }, clear })
    },
    memory(name = 'snapshot.json'): Promise<Place> {
      const text = `memory:${join(scratch, name)}`
      return Promise.resolve({ text, variables: {}, endpoint: text, clear: () => Promise.resolve() })
    },
    file(name = 'documents.ndjson.gz'): Promise<Place> {
      const text = join(scratch, name)
      return Promise.resolve({ text, variables: {}, endpoint: text, clear: () => Promise.resolve() })
    }
  }
  type PlaceName = keyof typeof places

  const fill = async ({ endpoint }: Place, given: Data = data): Promise<void> => {
    const store = createMemoryStore()
    for (const [name, documents] of Object.entries(given)) store.collections.set(name, new Map(documents.map(each => [each._id, each])))
    const { state } = await migrate({ source: { connector: 'memory', options: { store } }, target: endpoint })
    expect(state).to.equal('done')
  }

  /** All that it holds, by collection and id, without CouchDB's revisions. */
  const held = async ({ endpoint }: Pick<Place, 'endpoint'>, wanted: readonly string[]): Promise<Record<string, Map<string, Document>>> => {
    const source = await openSource(endpoint)
    const found: Record<string, Map<string, Document>> = Object.fromEntries(wanted.map(name => [name, new Map<string, Document>()]))
    try {
      for (const partition of await source.partitions(wanted, { wanted: 1 })) {
        for await (const { collection, documents } of source.read(partition, {}))
          for (const { _rev, ...document } of documents) {
            void _rev
            found[collection]?.set(document._id, document)
          }
      }
    } finally {
      await source.close()
    }
    return found
  }
  const expectAll = (found: Readonly<Record<string, ReadonlyMap<string, Document>>>, wanted: Data): void => {
    for (const [name, documents] of Object.entries(wanted)) {
      expect([...found[name]!.keys()].sort(), name).to.deep.equal(documents.map(({ _id }) => _id).sort())
      for (const document of documents)
        expect(
          Buffer.compare(canonicalBytes(found[name]!.get(document._id)!), canonicalBytes(document)),
          `${name}/${document._id}`
        ).to.equal(0)
    }
  }

  const run = async (file: string, ends: readonly Place[], variables: NodeJS.ProcessEnv = {}, ...flags: string[]): Promise<Ran> => {
    const env = { ...Object.assign({}, ...ends.map(end => end.variables)), ...variables } as NodeJS.ProcessEnv
    const ran = await docferry(['run', join(folder, file), '--no-progress', '--state-dir', join(scratch, 'state'), ...flags], env)
    return ran
  }
  const runs = async (...args: Parameters<typeof run>): Promise<string> => {
    const { code, stdout, stderr } = await run(...args)
    expect(code, `${stdout}\n${stderr}`).to.equal(0)
    return stdout
  }

  describe('as they are', () => {
    it('pass docferry lint and docferry test, with the variables of example.env', async () => {
      const files = pipelineFiles.map(name => join(folder, name))
      const linted = await docferry(['lint', ...files, '--dotenv', exampleEnvironment])
      expect(linted.code, linted.stdout).to.equal(0)
      const tested = await docferry(['test', ...files, '--dotenv', exampleEnvironment])
      expect(tested.code, tested.stdout).to.equal(0)
    })

    for (const file of pipelineFiles)
      it(`${file} says what it is for, and has a test`, async () => {
        const environment = Object.fromEntries(
          [...readFileSync(exampleEnvironment, 'utf8').matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value])
        )
        const pipeline = await loadPipeline(join(folder, file), { environment, cwd: '.' })
        expect(pipeline.description).to.match(/^[A-Z].{10,}[^.]$/)
        expect(pipeline.tests).to.not.deep.equal([])
        if (file.endsWith('.yaml'))
          expect(readFileSync(join(folder, file), 'utf8')).to.match(/^# yaml-language-server: \$schema=\.\/pipeline\.schema\.json\n/)
      })

    it('are all in the README of their folder', () => {
      const readme = readFileSync(join(folder, 'README.md'), 'utf8')
      for (const file of readdirSync(folder).filter(name => name !== 'README.md')) expect(readme, file).to.include(`](${file})`)
    })
  })

  describe('plain moves', () => {
    const databases = ['couchdb', 'firestore', 'dynamodb'] as const
    const whole: readonly PlaceName[] = [...databases, 'memory', 'file']

    for (const from of databases)
      for (const to of databases.filter(name => name !== from))
        it(`${from}-to-${to}.yaml`, async () => {
          const [source, target] = [await places[from](), await places[to]()]
          await fill(source)
          expect(await runs(`${from}-to-${to}.yaml`, [source, target])).to.include('Verified: 48 documents')
          const found = await held(target, names)
          if (from !== 'dynamodb' || to !== 'firestore') return expectAll(found, data)
          const [user] = data['users']!
          expect(found['users']!.get(user!._id)!['created_at']).to.be.instanceOf(Timestamp)
          for (const name of names) expect(found[name]).to.have.property('size', 8)
        })

    for (const from of whole)
      for (const to of whole.filter(name => !(databases as readonly string[]).includes(from) || name === 'memory' || name === 'file'))
        it(`any-to-any.yaml: ${from} -> ${to}`, async () => {
          const [source, target] = [await places[from](), await places[to](...(from === to ? ['other.json'] : []))]
          await fill(source)
          await runs('any-to-any.yaml', [source, target], { SOURCE: source.text, TARGET: target.text })
          expectAll(await held(target, names), data)
        })
  })

  describe('docferry preview', () => {
    for (const from of ['couchdb', 'firestore', 'dynamodb', 'memory', 'file'] as const)
      it(`shows the first documents of ${from}, and opens no target`, async () => {
        const source = await places[from]()
        await fill(source)
        const TARGET = `memory:${join(scratch, 'none', 'copy.json')}`
        const args = ['preview', join(folder, 'any-to-any.yaml'), '--limit', '2', '--json']
        const { code, stdout, stderr } = await docferry(args, { ...source.variables, SOURCE: source.text, TARGET })
        expect(code, stderr).to.equal(0)
        const { collections } = JSON.parse(stdout) as { collections: { name: string; documents: { before: object; after: object[] }[] }[] }
        expect(collections.map(({ name }) => name).sort()).to.deep.equal(names.toSorted())
        for (const { name, documents } of collections) {
          expect(documents, name).to.have.length(2)
          for (const { before, after } of documents) expect(after).to.deep.equal([before])
        }
      })

    it('shows what anonymise.yaml takes away', async () => {
      const source = await places.couchdb()
      await fill(source)
      const args = ['preview', join(folder, 'anonymise.yaml'), '--collections', 'users', '--limit', '1']
      const { code, stdout, stderr } = await docferry(args, { ...source.variables, HASH_KEY: 'of this spec' })
      expect(code, stderr).to.equal(0)
      expect(stdout)
        .to.match(/-\s+"display_name": "(?!Somebody)/)
        .and.match(/\+\s+"display_name": "Somebody"/)
      expect(stdout).to.not.include('of this spec')
    })
  })

  it('export-gzip.yaml: the file holds all, and goes back into a database', async () => {
    const [source, target] = [await places.couchdb(), await places.memory()]
    await fill(source)
    const BACKUP = join(scratch, 'backup.ndjson.gz')
    expect(await runs('export-gzip.yaml', [source], { BACKUP })).to.include('Verified: 48 documents')
    expect([...readFileSync(BACKUP).subarray(0, 2)]).to.deep.equal([0x1f, 0x8b])
    await runs('any-to-any.yaml', [source, target], { SOURCE: BACKUP, TARGET: target.text })
    expectAll(await held(target, names), data)
  })

  it('anonymise.yaml: nobody can be recognised, and all still fits together', async () => {
    const [source, target] = [await places.couchdb(), await places.memory('staging.json')]
    const users = data['users']!
    const sessions = data['sessions']!.map((session, index) => ({ ...session, user_id: users[index % users.length]!._id }))
    const [first] = sessions
    const told = { ...first!, messages: [{ role: 'user', content: 'I am ada@example.org, +39 06 1234567' }] }
    await fill(source, { ...data, sessions: [told, ...sessions.slice(1)] })
    await runs('anonymise.yaml', [source], { STAGING: target.text, HASH_KEY: 'of this spec' })
    const found = await held(target, ['users', 'sessions', 'tickets', 'agents'])
    expect(found['users']!.size).to.equal(8)
    for (const { user_id: user } of found['sessions']!.values()) expect(found['users']!.has(user as string), String(user)).to.equal(true)
    const text = readFileSync(join(scratch, 'staging.json'), 'utf8')
    const names = users.map(user => (user['basic_info'] as Fields)['display_name'] as string)
    for (const secret of [
      ...names,
      ...users.map(({ _id }) => _id),
      'user_google',
      '@example.org',
      '203.0.113.',
      'sk-',
      'api_keys',
      '1234567',
      'of this spec'
    ])
      expect(text).to.not.include(secret)
    expect(text).to.include('I am [redacted], [redacted]')
  })

  it('anonymise.yaml: needs a key', async () => {
    const { code, stderr } = await run('anonymise.yaml', [await places.couchdb()])
    expect(code).to.equal(2)
    expect(stderr).to.include('the variable HASH_KEY is not set')
  })

  it('sessions-to-messages.yaml: each message is a document', async () => {
    const [source, target] = [await places.couchdb(), await places.dynamodb()]
    await fill(source)
    await runs('sessions-to-messages.yaml', [source, target])
    const { messages } = await held(target, ['messages'])
    const lists = data['sessions']!.map(session => session['messages'] as Fields[])
    expect(messages!.size).to.equal(lists.reduce((sum, list) => sum + list.length, 0))
    const session = data['sessions']![3]!
    expect(messages!.get(`${session._id}-0`)).to.include({
      session_id: session._id,
      user_id: session['user_id'],
      role: 'user',
      content: lists[3]![0]!['content']
    })
    expect(messages!.get(`${session._id}-0`)!['agent_id']).to.be.a('string')
  })

  it('merge-two-databases.yaml: the first source wins, by id and by e-mail', async () => {
    const [first, second, target] = [await places.couchdb(), await places.firestore(), await places.dynamodb()]
    const users = data['users']!
    const emailOf = (user: Document): Value => (user['basic_info'] as Fields)['email']!
    await fill(first)
    await fill(second, {
      people: [
        { _id: users[0]!._id, mail: 'other@example.org', full_name: 'Same id' },
        { _id: 'p1', mail: emailOf(users[1]!), full_name: 'Same e-mail' },
        { _id: 'p2', mail: 'new@example.org', full_name: 'Somebody new' }
      ],
      secrets: [{ _id: 's' }]
    })
    const stdout = await runs('merge-two-databases.yaml', [first, second, target])
    const found = await held(target, ['users', 'agents'])
    expect([...found['users']!.keys()].sort()).to.deep.equal([...users.map(({ _id }) => _id), 'p2'].sort())
    expect(found['users']!.get('p2')).to.deep.equal({
      _id: 'p2',
      basic_info: { email: 'new@example.org', display_name: 'Somebody new' },
      origin: 'old'
    })
    expect(found['users']!.get(users[0]!._id)).to.deep.include({ origin: 'new', basic_info: users[0]!['basic_info'] })
    expect(found['agents']!.size).to.equal(8)
    expect(stdout).to.include('dedupe')
  })

  it('gofannon-to-production.yaml: keys and drafts stay behind, what is broken is kept apart', async () => {
    const [source, target] = [await places.couchdb(), await places.firestore()]
    const agents = data['agents']!.map((agent, index) => (index === 0 ? { ...agent, code: '' } : agent))
    await fill(source, { ...data, agents })
    const { code, stdout, stderr } = await run('gofannon-to-production.yaml', [source, target])
    expect(code, `${stdout}\n${stderr}`).to.equal(40)
    expect(stdout).to.include('deployable').and.include(agents[0]!._id)
    const found = await held(target, names)
    expect(found['agents']!.size).to.equal(7)
    expect(found['sessions']!.size + found['tickets']!.size).to.equal(0)
    expect([...found['demos']!.values()].map(({ is_public: isPublic }) => isPublic)).to.deep.equal(
      data['demos']!.filter(demo => demo['is_public']).map(() => true)
    )
    for (const user of found['users']!.values()) {
      expect(user).to.not.have.property('api_keys')
      const usage = user['usage_info'] as Fields
      expect(usage).to.not.have.property('usage')
      expect(Number(usage['spend_remaining'])).to.equal(Number(usage['monthly_allowance']))
    }
  })

  it('custom-stage.yaml: a stage in TypeScript sums up', async () => {
    const [source, target] = [await places.couchdb(), await places.dynamodb()]
    await fill(source)
    await runs('custom-stage.yaml', [source, target])
    const { users } = await held(target, ['users'])
    const usageOf = (user: Document): Fields[] => (user['usage_info'] as { usage: Fields[] }).usage
    const active = data['users']!.filter(user => usageOf(user).length > 0)
    expect([...users!.keys()].sort()).to.deep.equal(active.map(({ _id }) => _id).sort())
    for (const user of active) {
      const { usage, totals } = users!.get(user._id)!['usage_info'] as unknown as {
        usage: Fields[]
        totals: Record<string, { calls: number }>
      }
      expect(usage).to.have.length(Math.min(2, usageOf(user).length))
      expect(Object.values(totals).reduce((sum, { calls }) => sum + calls, 0)).to.equal(usageOf(user).length)
    }
  })

  it('fan-out.yaml: both targets hold all', async () => {
    const [source, second, backup] = [await places.couchdb(), await places.dynamodb(), await places.file('backup.ndjson.gz')]
    await fill(source)
    const stdout = await runs('fan-out.yaml', [source, second], { BACKUP: backup.text })
    expect(stdout.match(/Verified: 48 documents/g)).to.have.length(2)
    const without = { ...data, users: data['users']!.map(withoutKeys) }
    expectAll(await held(second, names), without)
    expectAll(await held(backup, names), without)
  })

  it('nightly-backup.ts: a file with the day in its name', async () => {
    const source = await places.couchdb()
    await fill(source)
    await runs('nightly-backup.ts', [source], { BACKUP_FOLDER: scratch, BACKUP_DATE: '2026-11-22' })
    const found = await held({ endpoint: join(scratch, '2026-11-22.ndjson.gz') }, names)
    for (const name of names) expect(found[name]!.size).to.equal(8)
    const [session] = found['sessions']!.values()
    expect(session).to.include({ backed_up_on: '2026-11-22' })
    expect(session!['metadata']).to.not.have.property('ip_address')
  })

  it('run from elsewhere too: what they name is looked for beside them', async () => {
    for (const name of ['custom-stage.yaml', 'usage-totals.ts']) copyFileSync(join(folder, name), join(scratch, name))
    const { code, stdout } = await docferry(['test', join(scratch, 'custom-stage.yaml')])
    expect(code, stdout).to.equal(0)
  })

  it('write a database once that two targets name in two ways', async () => {
    const { text, variables } = await places.couchdb()
    const { port, user } = couchdb
    writeFileSync(join(scratch, 'a.json'), JSON.stringify({ metadata: { collections: ['twice'] }, data: { twice: [{ _id: 'a' }] } }))
    const second = `couchdb://${user}@127.0.0.1:${port}?passwordEnv=COUCHDB_PASSWORD`
    const file = join(scratch, 'twice.yaml')
    writeFileSync(
      file,
      `source: ${join(scratch, 'a.json')}\ntargets: [${text}, "${second}"]\noptions: { stateDir: ${join(scratch, 'state')} }\n`
    )
    const { code, stdout, stderr } = await docferry(['run', file, '--on-conflict', 'overwrite', '--no-progress'], variables)
    expect(code, stdout + stderr).to.equal(2)
    expect(stdout).to.include('two targets are the same place').and.include('1 document written')
  })

  it('write a database once that two targets reach under two addresses', async () => {
    const { text, variables } = await places.couchdb()
    const { port, user } = couchdb
    const proxy = await startFaultProxy({ target: `http://127.0.0.1:${port}` })
    try {
      writeFileSync(join(scratch, 'a.json'), JSON.stringify({ metadata: { collections: ['apart'] }, data: { apart: [{ _id: 'a' }] } }))
      const second = `couchdb://${user}@${new URL(proxy.url).host}?passwordEnv=COUCHDB_PASSWORD`
      const file = join(scratch, 'apart.yaml')
      writeFileSync(
        file,
        `source: ${join(scratch, 'a.json')}\ntargets: [${text}, "${second}"]\noptions: { stateDir: ${join(scratch, 'state')} }\n`
      )
      const dry = await docferry(['run', file, '--on-conflict', 'overwrite', '--no-progress', '--dry-run'], variables)
      expect(dry.code, dry.stdout + dry.stderr).to.equal(2)
      expect(dry.stdout).to.include('two targets are the same place')
      const { code, stdout, stderr } = await docferry(['run', file, '--on-conflict', 'overwrite', '--no-progress'], variables)
      expect(code, stdout + stderr).to.equal(2)
      expect(stdout).to.include('two targets are the same place').and.include('1 document written').and.not.include('docferry resume')
      const [refused] = (await listRuns(join(scratch, 'state'))).filter(({ end }) => end?.refused)
      expect(refused?.state).to.equal('broken off')
      const again = migrate({ source: join(scratch, 'a.json'), target: second, resume: refused!.runId, stateDir: join(scratch, 'state') })
      expect(await again.catch(describeError)).to.include('another target is the same place')
    } finally {
      await proxy.close()
    }
  })
})
