/** The README's commands for Firestore's backups, in their order, against the protocol server: no emulator has that API. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { runCommandLine } from '../../lib/cli/program.ts'
import { projectFolder } from '../../scripts/servers/tools.ts'
import type { FirestoreAdminServer } from '../support/firestore-admin/server.ts'
import { startFirestoreAdmin } from '../support/firestore-admin/server.ts'
import { FakeHost } from './support/fake-host.ts'

const project = 'projects/my-project'
const database = `${project}/databases/(default)`
const backup = `${project}/locations/eur3/backups/BACKUP_ID`

const commands = readFileSync(join(projectFolder(), 'README.md'), 'utf8')
  .split('\n')
  .filter(line => /^docferry backup .*firestore/.test(line))
  .map(line => line.replace(/ {2,}#.*$/, '').trim())

describe('cli: backup of Firestore', () => {
  let server: FirestoreAdminServer

  before(async () => {
    server = await startFirestoreAdmin()
    server.state.addDatabase(database, ['agents', 'runs'])
    server.state.addDatabase(`${project}/databases/copy`)
    server.state.buckets.add('my-bucket')
    server.state.workPerLook = Infinity
    server.state.backups.set(backup, { name: backup, database, state: 'READY' })
  })
  after(() => server.close())

  /** The same command, at our server, without waiting for long, and of a moment that is not over. */
  function argumentsOf(command: string): string[] {
    const halfAnHourAgo = new Date((Math.floor(Date.now() / 60_000) - 30) * 60_000).toISOString()
    const waits = /backup (?:create|restore) /.test(command)
    const words = command
      .split(' ')
      .slice(1)
      .map(word => word.replace(/^'|'$/g, ''))
    return [...words, ...(waits ? ['--poll', '1ms'] : [])].map(word => {
      if (word === '2026-11-22T12:00:00Z') return halfAnHourAgo
      if (!/^firestore(?::|$)/.test(word)) return word
      const at = `emulator=${server.host}&admin=${server.host}`
      return word === 'firestore' ? `firestore://my-project?${at}` : `${word}&${at}`
    })
  }

  async function run(args: readonly string[]): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
    const host = new FakeHost(args)
    const code = await runCommandLine(host, async () => 0)
    return { code, stdout: host.stdout.text, stderr: host.stderr.text }
  }

  it('has commands in the README', () => {
    expect(commands).to.have.length.greaterThan(6)
  })

  for (const command of commands) {
    it(command, async () => {
      const { code, stderr, stdout } = await run(argumentsOf(command))
      expect(stderr).to.equal('')
      expect(code).to.equal(0)
      expect(stdout).to.match(/\d (?:available|items)[,.]/)
    })
  }

  it('refuses an import over documents, with exit 2 and what to say if it is wanted', async () => {
    const { code, stderr } = await run(argumentsOf('docferry backup restore gs://my-bucket/before-move --provider firestore'))
    expect(code).to.equal(2)
    expect(stderr).to.include('--option overwrite=yes')
  })

  for (const other of [`${project}/locations/eur3/backups/none`, 'gs://my-bucket/before-move', database]) {
    it(`deletes none where one of several is ${other}`, async () => {
      const { code, stderr } = await run([...argumentsOf('docferry backup delete --provider firestore'), backup, other, '--yes'])
      expect(code).to.equal(2)
      expect(stderr).to.include(other).and.include('nothing was deleted')
      expect(server.state.backups.has(backup)).to.equal(true)
    })
  }

  it('exits with 40 where an export fails, with the reason', async () => {
    const begun = await run([...argumentsOf('docferry backup list --provider firestore'), '--kinds', 'export', '--json'])
    const { backups } = JSON.parse(begun.stdout) as { backups: { id: string }[] }
    const operation = server.state.operation(backups[0]!.id)
    server.state.fail(operation, 7, 'the bucket is not ours')
    const { code, stdout } = await run([...argumentsOf('docferry backup status --provider firestore'), operation.name])
    expect(code).to.equal(40)
    expect(stdout).to.include('the bucket is not ours').and.include('roles/storage.admin')
  })
})
