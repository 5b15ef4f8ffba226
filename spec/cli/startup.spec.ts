import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { commandList, nameOf } from '../../lib/cli/command-list.ts'
import { createProgram } from '../../lib/cli/program.ts'
import { projectFolder } from '../../scripts/servers/tools.ts'
import { docferry } from './support/docferry.ts'
import { FakeHost } from './support/fake-host.ts'

const inTypeScript = import.meta.url.endsWith('.ts')

/** The bundle holds the package of the command line, and others. */
const always = inTypeScript ? ['commander'] : []

/** Has the process tell of each module that it loads, by either of Node's loaders. */
const teller = `
  import { register, createRequire } from 'node:module'
  const hook = 'export const load = (url, context, next) => { process._rawDebug("LOADS " + url); return next(url, context) }'
  register('data:text/javascript,' + encodeURIComponent(hook))
  const { cache } = createRequire(${JSON.stringify(import.meta.url)})
  process.on('exit', () => Object.keys(cache).forEach(path => process._rawDebug('LOADS ' + path)))`

describe('docferry, as it starts', function () {
  this.timeout(30_000)
  let cwd: string
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-startup-'))
    writeFileSync(join(cwd, 'agents.ndjson'), '{"_id":"a1","name":"Ada"}\n')
    writeFileSync(join(cwd, 'copy.yaml'), 'source: agents.ndjson\ntarget: copy.ndjson\n')
  })
  after(() => rmSync(cwd, { recursive: true, force: true }))

  /** Names of packages, each once. */
  async function packagesOf(...args: string[]): Promise<{ packages: string[]; own: string[] }> {
    const nodeArgs = ['--import', `data:text/javascript,${encodeURIComponent(teller)}`]
    const { code, stderr } = await docferry(args, { cwd, nodeArgs })
    expect(code, stderr).to.equal(0)
    const loaded = [...stderr.matchAll(/^LOADS (.*)$/gm)].map(([, name]) => name!)
    const packages = loaded.flatMap(name => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(name)?.[1] ?? [])
    const root = projectFolder()
    const own = loaded.flatMap(name => (name.includes(root) && !name.includes('/node_modules/') ? [name] : []))
    return { packages: [...new Set(packages)].filter(name => name !== 'tsx' && name !== 'esbuild' && name !== 'get-tsconfig'), own }
  }

  for (const args of [['--help'], ['migrate', '--help'], ['help', 'lint'], ['--version'], ['runs']]) {
    it(`loads no package but that of the command line for ${args.join(' ')}`, async () => {
      expect((await packagesOf(...args)).packages).to.deep.equal(always)
    })
  }

  it('loads no package to move documents from NDJSON to NDJSON', async function () {
    if (inTypeScript) this.skip()
    expect((await packagesOf('migrate', '-s', 'agents.ndjson', '-t', 'copy.ndjson')).packages).to.deep.equal([])
  })

  it('loads no SDK to check a pipeline', async () => {
    const { packages } = await packagesOf('lint', 'copy.yaml')
    if (inTypeScript) expect(packages).to.include.members([...always, 'yaml'])
    else expect(packages).to.deep.equal([])
    expect(packages.filter(name => /^@aws-sdk|^@smithy|^@google-cloud|^google-|^@grpc|^nano$/.test(name))).to.deep.equal([])
  })

  it('finds the SDK of a target that is opened', async () => {
    const port = 1
    const nodeArgs = ['--import', `data:text/javascript,${encodeURIComponent(teller)}`]
    const args = ['migrate', '-s', 'agents.ndjson', '-t', `dynamodb://us-east-1?endpoint=http://127.0.0.1:${port}`]
    const { stderr } = await docferry(args, { cwd, nodeArgs, env: { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' } })
    expect(stderr).to.match(/^LOADS .*node_modules\/@aws-sdk\/client-dynamodb/m)
  })

  it('lists each command as it is when it is loaded', async () => {
    const none = async (): Promise<void> => undefined
    const runners = { run: none, undo: none, verify: none, repair: none, exit: () => undefined }
    const names = commandList.map(nameOf)
    const help = async (words: readonly string[]): Promise<string> =>
      (await createProgram(new FakeHost(), runners, words)).helpInformation()
    expect(await help([])).to.equal(await help(names))
    for (const { summary } of commandList) expect(summary.length).to.be.greaterThan(10)
  })

  it('comes in few files', async function () {
    if (inTypeScript) this.skip()
    expect((await packagesOf('--help')).own.length).to.be.lessThan(8)
    expect((await packagesOf('migrate', '-s', 'agents.ndjson', '-t', 'few.ndjson')).own.length).to.be.lessThan(20)
  })

  it('passes on the licences of the packages in the bundle', function () {
    if (inTypeScript) this.skip()
    const notices = readFileSync(new URL('../../bundle/LICENCES.txt', import.meta.url), 'utf8')
    for (const name of ['commander', 'jsonata', 'mingo', 'pino', 'sonic-boom', 'yaml'])
      expect(notices).to.match(new RegExp(`^${name}\\n\\n[^]*?Copyright`, 'm'))
  })

  it('finds what lies beside a module that was bundled', function () {
    if (inTypeScript) this.skip()
    const bundle = fileURLToPath(new URL('../../bundle/', import.meta.url))
    const texts = readdirSync(bundle).flatMap(name => (name.endsWith('.js') ? [readFileSync(join(bundle, name), 'utf8')] : []))
    const homes = texts.flatMap(text => [...text.matchAll(/new URL\("(\.\.\/lib\/[^"]+)", metaUrl\)/g)].map(([, path]) => path!))
    expect(homes.length).to.be.greaterThan(3)
    expect(homes.filter(path => !existsSync(join(bundle, path)))).to.deep.equal([])
  })
})
