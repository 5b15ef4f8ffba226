import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { runCommandLine } from '../../lib/cli/program.ts'
import { FakeHost } from './support/fake-host.ts'

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function run(files: Readonly<Record<string, string>>, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const host = new FakeHost(['test', ...args], env)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(host.cwd(), name), text)
  const code = await runCommandLine(host, () => Promise.reject(new Error('it runs')))
  return { code, stdout: host.stdout.text, stderr: host.stderr.text }
}

describe('docferry test', function () {
  this.timeout(20_000)
  const good = `source: couchdb
target: \${NOT_SET}
collections: [users]
stages:
  - strip: [password]
tests:
  - { name: keeps no password, in: { _id: u1, password: x, n: 1.0 }, out: { _id: u1, n: 1 } }
`
  const bad = good.replace('n: 1 }', 'n: 2, o: { a: [1] } }').replace('keeps no', 'keeps the')

  it('runs what is written, without the ends and what configures them', async () => {
    expect(await run({ 'good.yaml': good }, ['good.yaml'])).to.deep.equal({
      code: 0,
      stdout: 'good.yaml\n  ok    keeps no password\n1 test passed\n',
      stderr: ''
    })
  })

  it('shows what is different, and exits with 60', async () => {
    const { code, stdout } = await run({ 'bad.yaml': bad, 'good.yaml': good }, ['bad.yaml', 'good.yaml'])
    expect(code).to.equal(60)
    expect(stdout.split('\n').map(line => line.trimEnd())).to.deep.equal([
      'bad.yaml',
      '  FAIL  keeps the password (bad.yaml:7:5)',
      '        - expected + came out',
      '          {',
      '            "_id": "u1",',
      '        -   "n": 2,',
      '        -   "o": {',
      '        -     "a": [',
      '        -       1',
      '        -     ]',
      '        -   }',
      '        +   "n": 1.0',
      '          }',
      'good.yaml',
      '  ok    keeps no password',
      '2 tests, 1 failed',
      ''
    ])
  })

  it('is coloured where that is wanted', async () => {
    const { stdout } = await run({ 'bad.yaml': bad }, ['bad.yaml'], { FORCE_COLOR: '1' })
    expect(stdout).to.include('\u001b[31m-   "n": 2,\u001b[39m').and.include('\u001b[32m+   "n": 1.0\u001b[39m')
  })

  it('tells of a stage that fails, and where it is written', async () => {
    const text = good.replace('strip: [password]', 'validate: { schema: { required: [email] } }')
    const { code, stdout } = await run({ 'x.yaml': text }, ['x.yaml'])
    expect(code).to.equal(60)
    expect(stdout).to.include('a dead letter: stage validate (x.yaml:5:5) failed on users/u1: email is missing')
  })

  it('gives the same as JSON', async () => {
    const { code, stdout } = await run({ 'bad.yaml': bad, 'good.yaml': good }, ['--json', 'bad.yaml', 'good.yaml'])
    expect(code).to.equal(60)
    expect(JSON.parse(stdout)).to.deep.equal({
      command: 'test',
      exitCode: 60,
      files: [
        {
          file: 'bad.yaml',
          ok: false,
          tests: [
            {
              name: 'keeps the password',
              place: 'bad.yaml:7:5',
              collection: 'users',
              passed: false,
              expected: [{ _id: 'u1', n: 2, o: { a: [1] } }],
              out: [{ _id: 'u1', n: 1 }]
            }
          ]
        },
        {
          file: 'good.yaml',
          ok: true,
          tests: [{ name: 'keeps no password', place: 'good.yaml:7:5', collection: 'users', passed: true }]
        }
      ]
    })
  })

  it('tells all that is wrong with a file, tries the others, and exits with 2', async () => {
    const { code, stdout } = await run({ 'x.yaml': good.replace('strip', 'strp'), 'bad.yaml': bad }, ['x.yaml', 'bad.yaml'])
    expect(code).to.equal(2)
    expect(stdout)
      .to.match(/^x\.yaml:5:5: .*did you mean strip/)
      .and.include('FAIL  keeps the password')
  })

  it('says so where there are no tests', async () => {
    const { code, stdout } = await run({ 'x.yaml': good.replace(/tests:.*/s, '') }, ['x.yaml'])
    expect(code).to.equal(2)
    expect(stdout).to.equal('x.yaml: there are no tests in it: write tests: with a list of maps with in and out\n')
  })

  it('shows no secret of the pipeline', async () => {
    const text = good.replace('strip: [password]', 'set: { password: "${API_TOKEN}", n: 3 }')
    const { code, stdout } = await run({ 'x.yaml': text, '.env': 'API_TOKEN=hunter2secret\n' }, ['x.yaml'])
    expect(code).to.equal(60)
    expect(stdout).to.include('"password": "***"').and.not.include('hunter2')
  })
})
