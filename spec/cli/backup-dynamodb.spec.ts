/** The whole command, as a process, on our own server of DynamoDB's protocol. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { startControlServer } from '../support/dynamodb-control/server.ts'
import type { ControlServer } from '../support/dynamodb-control/server.ts'
import { docferry, start } from './support/docferry.ts'
import type { Ended } from './support/docferry.ts'

const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'

describe('cli: backups of DynamoDB', function () {
  this.timeout(60_000)
  let server: ControlServer
  let cwd: string
  let env: NodeJS.ProcessEnv
  beforeEach(async () => {
    server = await startControlServer(['agents', 'users'])
    cwd = mkdtempSync(join(tmpdir(), 'docferry-backup-'))
    env = {
      DYNAMODB_ENDPOINT_URL: server.endpoint,
      DYNAMODB_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'AKIASPEC',
      AWS_SECRET_ACCESS_KEY: secret
    }
  })
  afterEach(async () => {
    await server.close()
    rmSync(cwd, { recursive: true, force: true })
  })
  const run = async (...args: string[]): Promise<Ended> => await docferry(['backup', ...args], { cwd, env })
  const polling = ['--provider', 'dynamodb', '--poll', '1ms']

  it('backs up, lists, restores and deletes', async () => {
    const made = await run('create', ...polling, '--name', 'before-move')
    expect(made.code, made.stderr).to.equal(0)
    expect(made.stdout)
      .to.match(/agents {2}backup {2}available {2}before-move/)
      .and.include('2 available')
    const listed = await run('list', '--provider', 'dynamodb', '--name', 'before-move', '--json')
    const { backups } = JSON.parse(listed.stdout) as { backups: { id: string; collections: string[] }[] }
    expect(backups.map(({ collections }) => collections[0])).to.have.members(['agents', 'users'])
    const restored = await run('restore', ...polling, '--from', 'before-move', '--suffix', '-restored')
    expect(restored.code, restored.stderr).to.equal(0)
    expect(restored.stdout).to.include('agents-restored').and.include('time to live')
    const deleted = await run('delete', ...backups.map(({ id }) => id), '--yes')
    expect(deleted.code, deleted.stderr).to.equal(0)
    expect(server.account.backups).to.have.property('size', 0)
  })

  it('deletes none where one of several is no backup, and exits with 2', async () => {
    await run('create', ...polling, '--collections', 'agents')
    const [backup] = [...server.account.backups.keys()]
    const { code, stderr } = await run('delete', backup!, 'arn:aws:dynamodb:us-east-1:111122223333:table/users', '--yes')
    expect(code).to.equal(2)
    expect(stderr).to.include('the table users itself').and.include('nothing was deleted')
    expect(server.account.backups).to.have.property('size', 1)
  })

  it('exits with 40 where one of several could not be deleted', async () => {
    await run('create', ...polling)
    server.faults.push({ operation: 'DeleteBackup', error: 'AccessDeniedException', skip: 1 })
    const { code, stdout } = await run('delete', ...server.account.backups.keys(), '--yes')
    expect(code).to.equal(40)
    expect(stdout).to.include('1 deleted, 1 failed').and.include('not deleted: ')
  })

  it('exits with 40 where one of several failed', async () => {
    server.faults.push({ operation: 'CreateBackup', error: 'AccessDeniedException', skip: 1 })
    const { code, stdout } = await run('create', ...polling)
    expect(code).to.equal(40)
    expect(stdout).to.include('1 available, 1 failed').and.include('users: ')
  })

  it('exits with 40 where an import leaves items out', async () => {
    server.account.script.importOutcome = { ErrorCount: 1, ImportedItemCount: 41 }
    const { code, stdout } = await run('restore', ...polling, '--from', 's3://bucket/x', '--as', 'copy', '--json')
    expect(code).to.equal(40)
    expect(JSON.parse(stdout)).to.deep.include({ action: 'restore', state: 'partial', exitCode: 40 })
  })

  it('does not mind being asked for less while it waits', async () => {
    server.faults.push({ operation: 'DescribeBackup', error: 'ThrottlingException', times: 3 })
    const { code, stdout } = await run('create', ...polling, '--collections', 'agents', '--json')
    expect(code).to.equal(0)
    expect(JSON.parse(stdout)).to.deep.nested.include({ 'backups[0].state': 'available' })
  })

  it('says at Ctrl-C that DynamoDB goes on, and the command that it prints tells how it ended', async () => {
    server.account.script.looks = 1_000_000
    const { child, ended, said } = start(['backup', 'create', ...polling, '--collections', 'agents'], { cwd, env, input: '' })
    await said('docferry backup create')
    await new Promise<void>(resolve => (server.onCall = ({ operation }) => operation === 'DescribeBackup' && resolve()))
    child.kill('SIGINT')
    const { code, stdout, stderr } = await ended
    expect(code).to.equal(130)
    const [, id] = /docferry backup status (arn:\S+) --provider dynamodb/.exec(stderr) ?? []
    expect(id, stdout + stderr).to.be.a('string')
    for (const thing of server.account.backups.values()) thing.looks = 0
    expect((await run('status', id!)).stdout).to.include('agents  backup  available')
  })

  it('asks for --yes before continuous backups are switched off', async () => {
    expect((await run('point-in-time', 'on', '--provider', 'dynamodb', '--collections', 'agents', '--days', '7')).code).to.equal(0)
    const refused = await run('point-in-time', 'off', '--provider', 'dynamodb', '--collections', 'agents')
    expect(refused.code).to.equal(2)
    expect(refused.stderr).to.include('--yes')
    const told = await run('point-in-time', '--provider', 'dynamodb')
    expect(told.code).to.equal(0)
    expect(told.stdout)
      .to.match(/agents {2}point-in-time {2}available/)
      .and.match(/users {3}point-in-time {2}off/)
  })

  it('prints no credentials, whatever goes wrong', async () => {
    server.faults.push({ operation: 'ListTables', error: 'UnrecognizedClientException', message: `key ${secret}` })
    const { code, stdout, stderr } = await run('list', '--provider', 'dynamodb', '--log-level', 'debug', '--json')
    expect(code).to.equal(10)
    expect(stdout + stderr).not.to.include(secret)
  })
})
