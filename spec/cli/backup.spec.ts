import { PassThrough } from 'node:stream'
import { expect } from 'chai'
import type { Backup, BackupService } from '../../lib/contracts/backup.ts'
import { backup } from '../../lib/backup/backup.ts'
import { createJob, restoreJob } from '../../lib/cli/commands/backup.ts'
import type { BackupJob } from '../../lib/cli/commands/backup.ts'
import { executeBackup } from '../../lib/cli/execute-backup.ts'
import type { CommonFlags } from '../../lib/cli/execute.ts'
import { runCommandLine } from '../../lib/cli/program.ts'
import { scriptedBackups } from '../support/scripted-backups.ts'
import type { BackupScript } from '../support/scripted-backups.ts'
import { FakeHost } from './support/fake-host.ts'

const arn = 'arn:aws:dynamodb:us-east-1:111122223333:table/agents/backup/01489602797149-73d8d5bc'
const one = (id: string, state: Backup['state'], more: Partial<Backup> = {}): Backup => ({
  id,
  kind: 'backup',
  state,
  collections: ['agents'],
  startedAt: new Date('2026-11-22T10:00:00Z'),
  ...more
})

async function commandLine(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const host = new FakeHost(['backup', ...args])
  const code = await runCommandLine(host, async () => 0)
  return { code, stdout: host.stdout.text, stderr: host.stderr.text }
}

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly calls: readonly string[]
}

async function execute(
  script: BackupScript,
  job: Partial<Omit<BackupJob, 'flags'>> & { flags?: Partial<CommonFlags> },
  prepare: (host: FakeHost) => void = () => undefined
): Promise<Ran> {
  const { endpoint, calls } = scriptedBackups(script)
  const host = new FakeHost([])
  prepare(host)
  const whole: BackupJob = {
    action: { do: 'create', request: { collections: ['agents'] } },
    provider: 'dynamodb',
    wait: { pollMs: 1 },
    dryRun: false,
    yes: false,
    ...job,
    flags: { progress: false, logLevel: 'warn', ...job.flags }
  }
  const code = await executeBackup(whole, host, async () => ({ backup: options => backup({ ...options, provider: endpoint }) }))
  return { code, stdout: host.stdout.text, stderr: host.stderr.text, calls }
}

describe('cli: backup', () => {
  for (const what of ['create', 'list', 'status', 'restore', 'delete', 'cancel', 'point-in-time']) {
    it(`shows options and examples of backup ${what}`, async () => {
      const { code, stdout } = await commandLine(what, '--help')
      expect(code).to.equal(0)
      expect(stdout).to.include('--provider').and.include(`$ docferry backup ${what}`)
    })
  }

  for (const [args, words] of [
    [[], 'backup what? there are create'],
    [['creat'], 'did you mean create?'],
    [['create'], '--provider is missing'],
    [['create', '--provider', 'dynamo'], 'did you mean dynamodb?'],
    [['create', '--provider', 'memory'], 'docferry export'],
    [['create', '--provider', 'dynamodb', '--at', 'noon'], 'a moment with its zone'],
    [['create', '--provider', 'dynamodb', '--at', '2026-11-22T10:00:00'], 'a moment with its zone'],
    [['create', '--provider', 'dynamodb', '--at', 'latest'], 'a moment with its zone'],
    [['create', '--provider', 'dynamodb', '--timeout', '10'], '30s, 10m, 2h'],
    [['create', '--provider', 'dynamodb', '--option', 'sse'], 'name=value'],
    [['list', '--provider', 'dynamodb', '--kinds', 'backups'], 'did you mean backup?'],
    [['restore', '--provider', 'dynamodb'], 'restore what?'],
    [['restore', 'x', '--from', 'x', '--provider', 'dynamodb'], 'either an id or --from'],
    [['status'], "missing required argument 'id'"],
    [['point-in-time', 'of', '--provider', 'dynamodb'], 'It is on or off']
  ] as const) {
    it(`refuses "backup ${args.join(' ')}" as a usage error`, async () => {
      const { code, stdout, stderr } = await commandLine(...args)
      expect(stderr).to.include(words)
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' })
    })
  }

  it('hands on what only one service takes as options, and of a preset what is there', () => {
    const common = { progress: false, logLevel: 'warn' } as const
    const { action, wait, provider } = createJob({
      ...common,
      to: 's3://bucket/x',
      preset: 'gofannon',
      format: 'ion',
      option: { sse: 'kms' },
      timeout: 5
    })
    expect(action).to.deep.nested.include({ 'request.options': { sse: 'kms', format: 'ion' }, 'request.ifThere': true })
    expect({ wait, provider }).to.deep.equal({ wait: { timeoutMs: 5, pollMs: undefined }, provider: 'dynamodb' })
    const restored = restoreJob(arn, { ...common, rename: { agents: 'old', users: 'older' }, suffix: '-x', wait: false })
    expect(restored).to.deep.include({ wait: false, provider: 'dynamodb' })
    expect(restored.action).to.deep.nested.include({
      'request.from': arn,
      'request.options': { rename: 'agents=old,users=older', suffix: '-x' }
    })
    expect(createJob({ ...common, to: 'gs://bucket/x' }).provider).to.equal('firestore')
  })

  it('waits with the table at the end, and exits with 0 where all is available', async () => {
    const { code, stdout } = await execute(
      {
        begun: [one(arn, 'running')],
        looks: { [arn]: [one(arn, 'available', { documents: 1234, name: 'before-move', message: 'a note' })] }
      },
      {}
    )
    expect(code).to.equal(0)
    expect(stdout).to.equal(`docferry backup create
  at   dynamodb scripted
  what agents

agents  backup  available  before-move  2026-11-22 10:00:00Z  1,234 documents
  ${arn}

- agents: a note
${stdout.split('\n').at(-2)}
`)
    expect(stdout).to.match(/1 available, after .*\.\n$/)
  })

  it('exits with 40 where one of several failed', async () => {
    const { code, stdout } = await execute(
      { begun: [one(arn, 'available'), { ...one('', 'failed'), collections: ['users'], message: 'DynamoDB refused it' }] },
      {}
    )
    expect(code).to.equal(40)
    expect(stdout).to.include('users: DynamoDB refused it').and.include('1 available, 1 failed')
  })

  it('exits with 40 where it is not done in time, and says how to see it', async () => {
    const { code, stdout } = await execute(
      { begun: [one(arn, 'running')], looks: { [arn]: [one(arn, 'running')] } },
      { wait: { pollMs: 1, timeoutMs: 5 } }
    )
    expect(code).to.equal(40)
    expect(stdout).to.include(`docferry backup status ${arn} --provider dynamodb`)
  })

  it('leaves with --no-wait, and says how to see it', async () => {
    const { code, stdout, calls } = await execute({ begun: [one(arn, 'running')] }, { wait: false })
    expect(code).to.equal(0)
    expect(stdout).to.include('Begun.').and.include(`docferry backup status ${arn} --provider dynamodb`)
    expect(calls).to.deep.equal(['create', 'close'])
  })

  it('says at Ctrl-C that the service goes on, and how to see it', async () => {
    let host: FakeHost
    const methods: Partial<BackupService> = {
      async status() {
        host.emit('SIGINT')
        return one(arn, 'running')
      }
    }
    const { code, stdout, stderr } = await execute({ begun: [one(arn, 'running')], methods }, {}, made => (host = made))
    expect(code).to.equal(130)
    expect(stderr).to.include(`the service goes on by itself; to see how far it is: docferry backup status ${arn} --provider dynamodb`)
    expect(stdout).to.include('Not waited for any longer').and.not.include('available')
  })

  it('gives one JSON object', async () => {
    const looks = { [arn]: [one(arn, 'running'), one(arn, 'available', { bytes: 12, progress: { documents: { done: 3, of: 4 } } })] }
    const { code, stdout, stderr } = await execute({ begun: [one(arn, 'running')], looks }, { flags: { json: true } })
    expect(code).to.equal(0)
    expect(stderr).to.include('docferry backup create')
    const report = JSON.parse(stdout) as Record<string, unknown>
    expect(report).to.have.all.keys(
      ...[
        'command',
        'action',
        'location',
        'dryRun',
        'canCancel',
        'state',
        'backups',
        'retries',
        'exitCode',
        'startedAt',
        'finishedAt',
        'durationMs'
      ]
    )
    expect(report).to.deep.include({
      command: 'backup',
      action: 'create',
      state: 'done',
      exitCode: 0,
      backups: [
        {
          id: arn,
          kind: 'backup',
          state: 'available',
          collections: ['agents'],
          startedAt: '2026-11-22T10:00:00.000Z',
          bytes: 12,
          progress: { documents: { done: 3, of: 4 } }
        }
      ]
    })
  })

  it('says nothing with --quiet but what went wrong', async () => {
    const good = await execute({ begun: [one(arn, 'available')] }, { flags: { quiet: true } })
    expect({ code: good.code, stdout: good.stdout, stderr: good.stderr }).to.deep.equal({ code: 0, stdout: '', stderr: '' })
    const bad = await execute({ begun: [one(arn, 'failed')] }, { flags: { quiet: true } })
    expect({ code: bad.code, stdout: bad.stdout, stderr: bad.stderr }).to.deep.equal({
      code: 40,
      stdout: '',
      stderr: 'docferry: not all went well (exit 40)\n'
    })
  })

  describe('deleting', () => {
    const looks = { [arn]: [one(arn, 'available', { name: 'before-move' })] }
    const action = { do: 'delete', ids: [arn] } as const

    it('refuses without a terminal and without --yes', async () => {
      const { code, stderr, calls } = await execute({ looks }, { action })
      expect(code).to.equal(2)
      expect(stderr).to.include('--yes')
      expect(calls).to.not.include(`remove ${arn}`)
    })

    it('does it with --yes', async () => {
      const { code, calls } = await execute({ looks }, { action, yes: true })
      expect(code).to.equal(0)
      expect(calls).to.include(`remove ${arn}`)
    })

    it('shows with --dry-run what it would delete, without asking', async () => {
      const { code, stdout, calls } = await execute({ looks }, { action, dryRun: true })
      expect(code).to.equal(0)
      expect(stdout).to.include('before-move').and.include('Dry run: nothing was changed')
      expect(calls).to.not.include(`remove ${arn}`)
    })

    for (const [answer, code] of [
      ['y\n', 0],
      ['n\n', 2],
      ['\n', 2],
      [undefined, 2]
    ] as const) {
      it(`asks on a terminal: ${JSON.stringify(answer)}`, async () => {
        const ran = await execute({ looks }, { action }, host => {
          host.stderr.isTTY = true
          const stdin = Object.assign(new PassThrough(), { isTTY: true })
          stdin.end(answer)
          Object.assign(host, { stdin })
        })
        expect(ran.stderr).to.include('before-move').and.include('Delete 1 backup for good? [y/N]')
        expect(ran.code).to.equal(code)
        expect(ran.calls.includes(`remove ${arn}`)).to.equal(code === 0)
      })
    }
  })
})
