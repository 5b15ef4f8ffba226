import { expect } from 'chai'
import { runCommandLine } from '../../lib/cli/program.ts'
import type { Job } from '../../lib/cli/execute.ts'
import { FakeHost } from './support/fake-host.ts'

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly job: Job | undefined
}

async function run(...args: string[]): Promise<Ran> {
  const host = new FakeHost(args)
  let job: Job | undefined
  const code = await runCommandLine(host, async given => {
    job = given
    return 0
  })
  return { code, stdout: host.stdout.text, stderr: host.stderr.text, job }
}

describe('cli: command line', () => {
  it('shows help, examples and exit codes', async () => {
    const { code, stdout, stderr } = await run('--help')
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    for (const words of ['migrate', 'export', 'import', 'Examples:', 'Exit codes:']) expect(stdout).to.include(words)
  })

  for (const [command, flags] of [
    [
      'migrate',
      [
        '--source',
        '--target',
        '--collections',
        '--preset',
        '--rename',
        '--on-conflict',
        '--stage',
        '--include-design',
        '--keep-metadata',
        '--parallel',
        '--dry-run',
        '--json',
        '--log-level',
        '--state-dir',
        '--dotenv',
        '--quiet',
        '--no-progress'
      ]
    ],
    ['export', ['--provider', '--output', '--format', '--gzip', '--documents-only', '--force', '--collections', '--json']],
    ['import', ['--input', '--target', '--format', '--on-conflict', '--dry-run', '--json']]
  ] as const) {
    it(`shows the options and examples of ${command}`, async () => {
      for (const args of [
        [command, '--help'],
        ['help', command]
      ]) {
        const { code, stdout } = await run(...args)
        expect(code).to.equal(0)
        for (const flag of flags) expect(stdout).to.include(flag)
        expect(stdout).to.include(`$ docferry ${command} `)
      }
    })
  }

  it('prints the version', async () => {
    const { code, stdout } = await run('--version')
    expect(code).to.equal(0)
    expect(stdout).to.match(/^\d+\.\d+\.\d+\S*\n$/)
  })

  for (const [args, words] of [
    [[], 'which command?'],
    [['migrat'], 'Did you mean migrate?'],
    [['compare', 'a', 'b'], 'Did you mean verify?'],
    [['help', 'migrat'], "unknown command 'migrat' (Did you mean migrate?)"],
    [['help', 'compare'], 'Did you mean verify?'],
    [['help', 'toString'], "unknown command 'toString'"],
    [['toString'], "unknown command 'toString'"],
    [['migrate', '--sorce', 'couchdb'], '--source'],
    [['migrate', '--target', 'memory'], '--source is missing'],
    [['migrate', '--source', 'couchdb'], '--target is missing'],
    [['migrate', 'couchdb', 'dynamodb'], 'too many arguments'],
    [['migrate', '--source', 'couchdb', '--target', 'dynamo'], 'did you mean dynamodb?'],
    [['migrate', '--source', 'couchdb', '--target', 'memory', '--on-conflict', 'skp'], 'skip, overwrite, fail (did you mean skip?)'],
    [['migrate', '--source', 'couchdb', '--target', 'memory', '--preset', 'gofanon'], 'did you mean gofannon?'],
    [['migrate', '--source', 'couchdb', '--target', 'memory', '--parallel', '2.5'], 'a whole number from 1 to 64'],
    [['migrate', '--source', 'couchdb', '--target', 'memory', '--workers', 'many'], 'It is auto, or a whole number from 0 to 64.'],
    [['migrate', '--source', 'couchdb', '--target', 'memory', '--log-level', 'loud'], 'silent, error, warn, info, debug'],
    [['migrate', '--source', 'couchdb', '--target', 'memory', '--rename', 'Old'], 'Old=new'],
    [['migrate', '--source', 'couchdb', '--target', 'memory', '--collections', 'a,,b'], 'A name is missing'],
    [['migrate', '--source', 'couchdb', '--target', 'memory', '--collections', 'a', '--preset', 'gofannon'], 'cannot be used with'],
    [['export', '--format', 'xml'], 'ndjson, json, folder'],
    [['export', '--provider', 'couchdb', '--source', 'memory'], 'cannot be used with'],
    [['export', '--output', '-', '--format', 'folder'], 'a folder cannot be written to standard output'],
    [['import', '--target', 'memory'], '--input is missing'],
    [['import', '--input', 'x.json'], '--target is missing']
  ] as const) {
    it(`refuses "${args.join(' ')}" as a usage error`, async () => {
      const { code, stdout, stderr, job } = await run(...args)
      expect(code).to.equal(2)
      expect(stderr)
        .to.include(words)
        .and.match(/^docferry: |\ndocferry: /)
        .and.include('DOCFERRY_USAGE')
      expect(stdout).to.equal('')
      expect(job).to.equal(undefined)
    })
  }

  it('reports a usage error as JSON too, if asked', async () => {
    const { stdout } = await run('migrate', '--json', '--bad')
    expect(JSON.parse(stdout)).to.deep.include({ command: 'migrate', state: 'failed', exitCode: 2 })
    expect(JSON.parse(stdout).error.code).to.equal('DOCFERRY_USAGE')
  })

  it('never prints a password, whatever is wrong with the line', async () => {
    for (const args of [
      ['migrate', '--sorce=couchdb://admin:hunter2secret@h'],
      ['migrate', 'couchdb://admin:hunter2secret@h'],
      ['couchdb://admin:hunter2secret@h'],
      ['migrate', '--on-conflict', 'couchdb://admin:hunter2secret@h'],
      ['migrate', '--source', 'couchd://admin:hunter2secret@h', '--target', 'memory', '--json'],
      ['migrate', '--source', 'couchdb://admin:hunter2secret@h', '--target', 'hunter2secret']
    ]) {
      const { code, stdout, stderr } = await run(...args)
      expect(code).to.equal(2)
      expect(stdout + stderr).not.to.include('hunter2secret')
    }
  })
})

describe('cli: from flags to a run', () => {
  it('understands a whole migrate line', async () => {
    const { job } = await run(
      ...[
        'migrate',
        '--source',
        'couchdb',
        '--target',
        'dynamodb://eu-west-1',
        '--collections',
        'a, b',
        '--collections',
        'c\\,d',
        '--rename',
        'a=A,b=B',
        '--rename',
        'c=C'
      ],
      ...[
        '--on-conflict',
        'overwrite',
        '--stage',
        'strip:x,y',
        '--stage',
        'pick:z',
        '--keep-metadata',
        '--parallel',
        '8',
        '--dry-run',
        '--state-dir',
        '/tmp/x'
      ]
    )
    expect(job?.options).to.deep.include({
      source: 'couchdb',
      target: 'dynamodb://eu-west-1',
      collections: ['a', 'b', 'c,d'],
      rename: { a: 'A', b: 'B', c: 'C' },
      onConflict: 'overwrite',
      keepMetadata: true,
      parallel: 8,
      dryRun: true,
      stateDir: '/tmp/x'
    })
    expect(job?.stages).to.deep.equal(['strip:x,y', 'pick:z'])
    expect(job?.dataOnStdout).to.equal(false)
  })

  it('leaves it to the ends whether there are subcollections, unless that is said', async () => {
    const asked = async (...flags: string[]) =>
      (await run('migrate', '--source', 'firestore', '--target', 'couchdb', ...flags)).job?.options
    expect((await asked())?.subcollections).to.equal(undefined)
    expect((await asked('--subcollections'))?.subcollections).to.equal(true)
    expect((await asked('--no-subcollections'))?.subcollections).to.equal(false)
  })

  it('has the defaults of the guide', async () => {
    const { job } = await run('migrate', '--source', 'couchdb', '--target', 'memory')
    expect(job?.options).to.deep.include({ onConflict: 'skip', parallel: 4, stateDir: '.docferry', collections: undefined })
    expect(job?.flags).to.deep.include({ logLevel: 'warn', progress: true })
  })

  it('exports memory into backup.json when nothing else is said, as the script that it replaces', async () => {
    const { job } = await run('export')
    expect(job?.options.source).to.equal('memory')
    expect(job?.options.target).to.deep.include({ connector: 'file' }).and.have.nested.property('options.path', 'backup.json')
  })

  it('hands the flags of an export to the file connector', async () => {
    for (const flag of ['--provider', '--source']) {
      const { job } = await run(
        'export',
        flag,
        'couchdb://h',
        '--output',
        'out',
        '--format',
        'ndjson',
        '--gzip',
        '--force',
        '--documents-only'
      )
      expect(job?.options.source).to.equal('couchdb://h')
      expect(job?.options.target).to.deep.equal({
        connector: 'file',
        options: { path: 'out', format: 'ndjson', gzip: true, force: true, documentsOnly: true, key: undefined }
      })
    }
  })

  it('knows when documents go to standard output', async () => {
    for (const args of [
      ['export', '--output', '-'],
      ['export', '--output', 'file:-'],
      ['migrate', '--source', 'memory', '--target', '-'],
      ['import', '--input', 'x.json', '--target', 'file:-']
    ]) {
      expect((await run(...args)).job?.dataOnStdout, args.join(' ')).to.equal(true)
    }
  })

  it('imports from a path or from standard input', async () => {
    const { job } = await run('import', '--input', '-', '--target', 'couchdb', '--format', 'json', '--as', 'logs')
    expect(job?.options.source).to.deep.include({ connector: 'file' })
    expect(job?.options.source)
      .to.have.property('options')
      .that.deep.includes({ path: '-', format: 'json', gzip: undefined, collection: 'logs' })
    expect(job?.dataOnStdout).to.equal(false)
  })

  it('hands what other tools’ files need to the file connector', async () => {
    const { job } = await run(
      'import',
      '-i',
      'x',
      '-t',
      'couchdb',
      '-f',
      'couchbackup',
      '--backup-log',
      'x.log',
      '--key',
      'pk,sk',
      '--incremental'
    )
    expect(job?.options.source)
      .to.have.property('options')
      .that.deep.includes({ format: 'couchbackup', backupLog: 'x.log', key: 'pk,sk', incremental: true })
    const { job: exported } = await run('export', '-o', 'x.json', '-f', 'dynamodb-json', '--key', 'pk')
    expect(exported?.options.target).to.have.property('options').that.deep.includes({ format: 'dynamodb-json', key: 'pk' })
  })
})
