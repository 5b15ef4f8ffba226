/** The commands of a guide, given as it prints them: there and back again. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { guide } from '../../lib/guide/guide.ts'
import type { Guide, GuidePart } from '../../lib/guide/report.ts'
import { basicAuth, servers, uniqueName } from '../support/servers.ts'
import { projectFolder } from '../../scripts/servers/tools.ts'
import { docferry } from './support/docferry.ts'

const bash = promisify(execFile)

describe('docferry guide', function () {
  this.timeout(90_000)
  let cwd: string
  let env: NodeJS.ProcessEnv
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-guide-'))
    mkdirSync(join(cwd, 'bin'))
    const main = join(projectFolder(), 'dist/bundle/main.js')
    writeFileSync(join(cwd, 'bin', 'docferry'), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`, { mode: 0o755 })
    env = { PATH: `${join(cwd, 'bin')}${delimiter}${process.env['PATH']}`, HOME: cwd }
  })
  afterEach(() => rmSync(cwd, { recursive: true, force: true }))

  /**
   * Give all commands of some parts that are given in any case, in one shell.
   *
   * @returns what each has ended with
   */
  const follow = async ({ steps }: Guide, ...parts: GuidePart[]): Promise<Record<string, number>> => {
    const commands = steps
      .filter(({ part }) => parts.includes(part))
      .flatMap(({ commands: all = [] }) => all.filter(({ when }) => when === undefined).map(({ text }) => text))
    const script = commands.map((text, index) => `${text}\necho "@${index} $?"`).join('\n')
    const { stdout } = await bash('bash', ['-c', script], { cwd, env })
    const codes = new Map([...stdout.matchAll(/^@(\d+) (\d+)$/gm)].map(match => [Number(match[1]), Number(match[2])]))
    return Object.fromEntries(commands.map((text, index) => [text, codes.get(index)!]))
  }
  const failed = (codes: Record<string, number>): string[] =>
    Object.entries(codes).flatMap(([text, code]) => (code === 0 ? [] : [`${code}: ${text}`]))
  const lines = (documents: readonly object[]): string => documents.map(document => `${JSON.stringify(document)}\n`).join('')
  const documentsOf = (path: string): unknown[] =>
    Object.values((JSON.parse(readFileSync(join(cwd, path), 'utf8')) as { data: object }).data).flat()

  it('leads from a file to a snapshot of memory, and back', async () => {
    writeFileSync(join(cwd, 'agents.ndjson'), lines([{ _id: 'a', n: 1 }]))
    const made = await guide({ source: 'agents.ndjson', target: 'memory:out.json' })
    expect(failed(await follow(made, 'prepare', 'migrate'))).to.deep.equal([])
    expect(documentsOf('out.json')).to.deep.equal([{ _id: 'a', n: 1 }])
    expect(readFileSync(join(cwd, 'check-before.md'), 'utf8')).to.include('# Migration checklist')
    // The application goes on meanwhile.
    writeFileSync(join(cwd, 'agents.ndjson'), lines([{ _id: 'a', n: 2 }, { _id: 'b' }]))
    expect(failed(await follow(made, 'switch', 'afterwards'))).to.deep.equal([
      '60: docferry repair --source agents.ndjson --target memory:out.json --dry-run'
    ])
    expect(documentsOf('out.json')).to.have.deep.members([{ _id: 'a', n: 2 }, { _id: 'b' }])
    expect(failed(await follow(made, 'rollback'))).to.deep.equal([])
    expect(existsSync(join(cwd, 'out.json'))).to.equal(false)
    expect(readFileSync(join(cwd, 'agents.ndjson.before'), 'utf8')).to.equal(lines([{ _id: 'a', n: 1 }]))
  })

  it('leads from a snapshot of memory to a compressed file', async () => {
    writeFileSync(join(cwd, 'in.json'), JSON.stringify({ data: { agents: [{ _id: 'a', n: 1 }] } }))
    const made = await guide({ source: 'memory:in.json', target: "it's.ndjson.gz", collections: ['agents'] })
    expect(failed(await follow(made, 'prepare', 'migrate', 'switch', 'afterwards'))).to.deep.equal([])
    expect(existsSync(join(cwd, "it's.ndjson.gz"))).to.equal(true)
    expect(failed(await follow(made, 'rollback'))).to.deep.equal([])
    expect(existsSync(join(cwd, "it's.ndjson.gz"))).to.equal(false)
  })

  it('checks and undoes no other run where the migration was refused', async () => {
    writeFileSync(join(cwd, 'agents.ndjson'), lines([{ _id: 'a', n: 1 }]))
    const made = await guide({ source: 'agents.ndjson', target: 'memory:out.json', collections: ['agents'] })
    expect(failed(await follow(made, 'prepare'))).to.deep.equal([])
    await docferry(['export', '--provider', 'memory:agents.json', '--output', 'other.ndjson'], { cwd, env })
    writeFileSync(join(cwd, 'plan.json'), 'no plan')
    expect(failed(await follow(made, 'migrate')).map(text => text.slice(0, 18))).to.deep.equal(['2: docferry migrat', '50: docferry check'])
    expect(existsSync(join(cwd, 'migrate.runs'))).to.equal(false)
  })

  it('leads from a file to a CouchDB, and takes back all that was written there', async () => {
    const server = await servers.couchdb()
    const name = uniqueName('guide')
    const ask = async (path: string, method = 'GET') =>
      (await (
        await fetch(`${server.url}/${path}`, { method, headers: { authorization: basicAuth(server.user, server.password) } })
      ).json()) as object
    env = { ...env, ...server.environment }
    writeFileSync(
      join(cwd, `${name}.ndjson`),
      lines([
        { _id: 'a', n: 1 },
        { _id: 'b', n: 1 }
      ])
    )
    try {
      const made = await guide({ source: `${name}.ndjson`, target: 'couchdb' })
      expect(failed(await follow(made, 'prepare', 'migrate'))).to.deep.equal([])
      writeFileSync(join(cwd, `${name}.ndjson`), lines([{ _id: 'a', n: 2 }, { _id: 'b', n: 1 }, { _id: 'c' }]))
      expect(failed(await follow(made, 'switch', 'afterwards')).map(text => text.slice(0, 19))).to.deep.equal(['60: docferry repair'])
      expect(await ask(`${name}/a`)).to.include({ n: 2 })
      expect(await ask(name)).to.include({ doc_count: 3 })
      writeFileSync(join(cwd, `${name}.ndjson`), lines([{ _id: 'a', n: 3 }, { _id: 'c' }]))
      await docferry(words(made, '--delete-extra'), { cwd, env })
      expect(await ask(name)).to.include({ doc_count: 2 })
      expect(readFileSync(join(cwd, 'migrate-delta.runs'), 'utf8').split('\n')).to.have.length(3)
      expect(failed(await follow(made, 'rollback'))).to.deep.equal([])
      expect(await ask(name)).to.include({ error: 'not_found' })
    } finally {
      await ask(name, 'DELETE')
    }
  })

  /** Of a command that is given in some case only. */
  const words = ({ steps }: Guide, flag: string): string[] =>
    steps
      .flatMap(({ commands = [] }) => commands)
      .find(({ text }) => text.includes(flag))!
      .text.split(' ')
      .slice(1)

  const run = (...args: string[]) => docferry(['guide', ...args], { cwd, env })

  it('prints each command on a line of its own, as text, Markdown and JSON', async () => {
    const ends = ['--source', 'couchdb', '--target', 'dynamodb', '--preset', 'gofannon']
    const { code, stdout } = await run(...ends)
    expect(code).to.equal(0)
    expect(stdout).to.match(
      /^ {3}docferry migrate --source couchdb --target dynamodb --preset gofannon --plan plan\.json --run-id-file migrate\.runs$/m
    )
    expect(stdout).to.match(/^== The way back ==$/m)
    const markdown = (await run(...ends, '--markdown')).stdout
    expect(markdown)
      .to.match(/^# Migration from couchdb to dynamodb: agents, /)
      .and.match(/^```sh\ndocferry check /m)
    const { steps } = JSON.parse((await run(...ends, '--json')).stdout) as Guide
    for (const { commands = [] } of steps) for (const { text } of commands) expect(markdown).to.include(`\n${text}\n`)
  })

  it('refuses what it can not guide', async () => {
    expect(await run('--target', 'couchdb')).to.include({ code: 2 })
    expect(await run('--source', 'couchdb', '--target', 'mongo')).to.include({ code: 2 })
    expect((await run('--source', 'couchdb')).stderr).to.include('--target is missing')
  })
})
