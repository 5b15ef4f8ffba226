/** Runs what README.md says: every docferry command of its shell blocks, its library example, and the example it points to. */
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { migrate } from './support/migrate.ts'
import { startCouchdb } from '../scripts/servers/couchdb.ts'
import { projectFolder } from '../scripts/servers/tools.ts'
import { stageSpecs } from '../lib/registry.ts'
import { subjects } from './conformance/subjects.ts'
import { makeExport } from './connectors/file/s3-folder.ts'
import { isolatedProject, servers } from './support/servers.ts'

const root = projectFolder()
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map(match => match[1] as string)
const commands = blocks('sh')
  .flatMap(block => block.split('\n'))
  .map(line => line.replace(/ {2,}#.*$/, '').trim())
const pipelineWith = (words: string): string => blocks('yaml').find(block => block.includes(words))!
const bash = promisify(execFile)

interface Manifest {
  readonly name: string
  readonly version: string
  readonly files: readonly string[]
  readonly scripts: Readonly<Record<string, string>>
}
const manifest = (): Manifest => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest

type Started = Awaited<ReturnType<typeof startCouchdb>>

describe('README', function () {
  this.timeout(60_000)
  let folder: string
  let env: NodeJS.ProcessEnv
  let hosts: readonly (readonly [string, string])[]
  const started: Started[] = []
  const moved = ['agents', 'deployments', 'users', 'sessions', 'tickets', 'demos']

  before(async () => {
    started.push(await startCouchdb({}), await startCouchdb({}))
    const [old, other] = started as [Started, Started]
    const url = `http://127.0.0.1:${old.port}`
    const { host } = await servers.firestore()
    const dynamodb = await servers.dynamodb()
    const project = isolatedProject()
    folder = mkdtempSync(join(tmpdir(), 'docferry-readme-'))
    mkdirSync(join(folder, 'bin'))
    writeFileSync(join(folder, 'bin', 'docferry'), `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'dist/bundle/main.js')}" "$@"\n`, {
      mode: 0o755
    })
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(root, join(folder, 'node_modules', 'docferry'))
    cpSync(join(root, 'pipelines'), join(folder, 'pipelines'), { recursive: true })
    writeFileSync(join(folder, 'staging.yaml'), pipelineWith('memory:staging.json'))
    writeFileSync(join(folder, 'merged.yaml'), pipelineWith('merged.ndjson.gz'))
    writeFileSync(join(folder, 'initials.yaml'), pipelineWith('./initials.ts'))
    writeFileSync(join(folder, 'initials.ts'), blocks('ts')[0]!)
    for (const [name, as] of Object.entries({ 'resumed.txt': 'animaldb.txt', 'resumed-log.txt': 'animaldb.log' }))
      cpSync(join(root, 'spec/fixtures/couchbackup', name), join(folder, as))
    await makeExport(join(folder, 'dynamodb-exports'), { files: [[{ Item: { pk: { S: 'a' }, sk: { N: '1' } } }]] })
    env = {
      PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH']}`,
      COUCHDB_URL: url,
      COUCHDB_USER: old.user,
      COUCHDB_PASSWORD: old.password,
      NEW_PASSWORD: other.password,
      ...dynamodb.environment,
      FIRESTORE_EMULATOR_HOST: host,
      GOOGLE_CLOUD_PROJECT: project
    }
    const login = `${old.user}:${old.password}@127.0.0.1:${old.port}`
    hosts = [
      ['admin:secret@old:5984', login],
      ['admin:secret@localhost:5984', login],
      ['admin@new:5984', `${other.user}@127.0.0.1:${other.port}`],
      ['firestore://my-project', `firestore://${project}`],
      ['dynamodb://us-east-1 ', `'dynamodb://us-east-1?endpoint=${dynamodb.endpoint}' `]
    ]
    await migrate({
      source: join(root, 'spec/fixtures/gofannon-export.json'),
      target: { connector: 'couchdb', options: { url, user: old.user, password: old.password } }
    })
  })
  after(async () => {
    for (const server of started) await server.stop()
    await (await subjects.dynamodb()).remove(moved)
    rmSync(folder, { recursive: true, force: true })
  })

  const real = (text: string): string => hosts.reduce((result, [name, place]) => result.replaceAll(name, place), text)
  const run = async (command: string): Promise<string> =>
    (await bash('bash', ['-o', 'pipefail', '-c', real(command)], { cwd: folder, env })).stdout

  it('has commands', () => {
    expect(commands.filter(line => line.includes('docferry '))).to.have.length.greaterThan(10)
  })

  for (const command of commands.filter(line =>
    /(?:^|\| )docferry (?:migrate|plan|export|import|runs|run|lint|test|preview|stages|schema|guide|replicate .*--rename|--help)/.test(line)
  )) {
    it(command, async () => {
      await run(command)
    })
  }

  it('shows a library example that runs', async () => {
    writeFileSync(join(folder, 'example.mjs'), real(blocks('js')[0] as string))
    rmSync(join(folder, 'agents.ndjson.gz'), { force: true })
    expect(await run('node example.mjs')).to.include("{ read: 12, written: 12, failed: 0, state: 'done' }")
  })

  it('shows pipelines that are right, and a stage of one’s own that runs', async () => {
    expect(await run('docferry lint staging.yaml merged.yaml initials.yaml')).to.match(/^(?:\w+\.yaml: ok .*\n){3}$/)
    await run('docferry run initials.yaml')
    const { data } = JSON.parse(readFileSync(join(folder, 'initials.json'), 'utf8')) as { data: { agents: { name: string }[] } }
    expect(data.agents).to.have.length(12)
    for (const { name } of data.agents) expect(name).to.match(/^(?:\S\. ?)+$/u)
  })

  it('lists the built-in stages as they describe themselves', async () => {
    const specs = await Promise.all(Object.values(stageSpecs).map(load => load()))
    const rows = [...readme.matchAll(/^\| `([a-z]+)` +\| (.*?) +\|$/gm)].map(([, name, summary]) => ({ name, summary }))
    const described = rows.filter(({ name }) => Object.hasOwn(stageSpecs, name!))
    expect(described).to.deep.equal(specs.map(({ name, summary }) => ({ name, summary })))
  })

  it('points to an example that runs', async () => {
    expect(await run('node pipelines/mask-users.mjs backup.json masked.ndjson.gz')).to.equal('12 users written\n')
    const masked = await run('gunzip -c masked.ndjson.gz')
    expect(masked).to.contain('@example.com').and.not.contain('api_key')
  })

  it('links, as do the pages it links to, only to what the npm package holds', () => {
    const { files } = manifest()
    const pages = ['README.md']
    for (const page of pages)
      for (const [, link] of readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
        const path = join(dirname(page), link!)
        const isPacked = existsSync(join(root, path)) && files.some(file => path === file || path.startsWith(`${file}/`))
        expect(isPacked, `${page} links to ${link}`).to.equal(true)
        if (path.endsWith('.md') && !pages.includes(path)) pages.push(path)
      }
    expect(pages).to.include('lib/README.md')
  })

  it('names the package as npm pack does', () => {
    const { name, version } = manifest()
    expect(new Set(readme.match(/docferry-[\d.]+\.tgz/g))).to.deep.equal(new Set([`${name}-${version}.tgz`]))
  })

  it('names scripts that exist', () => {
    const { scripts } = manifest()
    const named = commands
      .flatMap(line => [...line.matchAll(/npm (?:run )?(start|test|[\w:]+)/g)].map(match => match[1] as string))
      .filter(name => !['ci', 'link', 'run'].includes(name))
    expect(scripts).to.include.all.keys(...named)
  })
})
