/** The command on a real server: killed in the middle, with dead letters, and taken back. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { servers, uniqueName } from '../support/servers.ts'
import { docferry, start } from './support/docferry.ts'

describe('docferry repair of a database', function () {
  this.timeout(120_000)
  const names: string[] = []
  let cwd: string
  let env: NodeJS.ProcessEnv
  let couchdb: Awaited<ReturnType<typeof servers.couchdb>>
  before(async () => {
    couchdb = await servers.couchdb()
    env = { COUCHDB_URL: couchdb.url, COUCHDB_USER: couchdb.user, COUCHDB_PASSWORD: couchdb.password }
  })
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-repair-'))
  })
  afterEach(async () => {
    rmSync(cwd, { recursive: true, force: true })
    for (const name of names.splice(0)) await ask('DELETE', name)
  })

  const ask = async (method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
    const authorization = `Basic ${Buffer.from(`${couchdb.user}:${couchdb.password}`).toString('base64')}`
    const url = new URL(path, couchdb.url.endsWith('/') ? couchdb.url : `${couchdb.url}/`)
    const headers = { authorization, 'content-type': 'application/json' }
    const response = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    return (await response.json()) as Record<string, unknown>
  }
  const made = async (...documents: object[]): Promise<string> => {
    const name = uniqueName('to')
    names.push(name)
    await ask('PUT', name)
    await ask('POST', `${name}/_bulk_docs`, { docs: documents })
    return name
  }
  const write = (count: number, more = ''): void => {
    const lines = Array.from({ length: count }, (_, n) => `{"_id":"d${n}","n":${n}}\n`)
    writeFileSync(join(cwd, 'a.ndjson'), lines.join('') + more)
  }
  const repair = (name: string, ...more: string[]): string[] => [
    ...['repair', '--source', 'a.ndjson', '--target', 'couchdb', '--rename', `a=${name}`],
    ...more
  ]

  it('killed in the middle, finds what is left when it is given again', async () => {
    write(10_000)
    const name = await made({ _id: 'd1', n: -1 }, { _id: 'extra' })
    const { child, ended, said } = start(repair(name, '--delete-extra'), { cwd, env, input: '' })
    await said('To do:')
    while ((await ask('GET', name))['doc_count'] === 2);
    child.kill('SIGKILL')
    expect((await ended).code).to.equal(null)
    const { doc_count: count } = await ask('GET', name)
    expect(count).to.be.within(3, 10_000)
    const [killed] = readdirSync(join(cwd, '.docferry', 'runs'))
    const resumed = await docferry(['resume', killed!], { cwd, env })
    expect(resumed.code).to.equal(2)
    expect(resumed.stderr).to.include('is a repair')
    const { code, stdout, stderr } = await docferry(repair(name, '--delete-extra'), { cwd, env })
    expect(code, stderr).to.equal(0)
    expect(stdout).to.match(/^Equal: 10,000 documents, repaired, in /m)
    expect(await ask('GET', `${name}/d1`)).to.include({ n: 1 })
    expect(await ask('GET', `${name}/extra`)).to.include({ error: 'not_found' })
  })

  it('names the command that takes it back', async () => {
    write(50)
    const name = await made(...Array.from({ length: 40 }, (_, n) => ({ _id: `d${n}`, n: n === 7 ? -7 : n })))
    const { code, stdout, stderr } = await docferry(repair(name), { cwd, env })
    expect(code, stderr).to.equal(0)
    expect(stdout).to.include('11 documents written')
    const command = /^To undo what was written: docferry (undo \S+)$/m.exec(stdout)?.[1]
    const undone = await docferry(command!.split(' '), { cwd, env })
    expect(undone.code, undone.stderr).to.equal(0)
    expect(await ask('GET', name)).to.include({ doc_count: 40 })
    expect(await ask('GET', `${name}/d7`)).to.include({ n: -7 })
  })

  it('exits with 40 where documents become dead letters, and does not try again what is refused', async () => {
    write(5, '{"_id":"refused","_reserved":1}\n')
    const name = uniqueName('to')
    names.push(name)
    const { code, stdout } = await docferry(repair(name), { cwd, env })
    expect(code).to.equal(40)
    expect(stdout).to.include('the target has no such collection').and.include('Dead letters: ')
    expect(stdout).to.match(/^Not all could be written: 1 difference left in 5 documents/m)
    const again = await docferry(repair(name), { cwd, env })
    expect(again.code).to.equal(60)
    expect(again.stdout).to.include('Nothing to do.').and.include('1 document missing that the target can not hold: not tried again')
  })
})
