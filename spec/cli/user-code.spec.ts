import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { uncaught, userPlace } from '../../lib/cli/user-code.ts'
import { DocferryError } from '../../lib/errors.ts'
import { docferry } from './support/docferry.ts'
import type { Ended } from './support/docferry.ts'

const own = new Error().stack!.match(/at .*?((?:file:\/\/)?\/.*)\/spec\//)![1]!

describe("cli: code of a user's own", () => {
  it('is found in a stack as a path, an address, or an async frame', () => {
    for (const frame of [
      'at bang (/home/me/p/mask.ts:3:9)',
      'at file:///home/me/p/mask.ts:3:9',
      'at async Timeout.mask [as _onTimeout] (file:///home/me/p/mask.ts?again:3:9)',
      'at /home/me/p/mask.ts:3:9'
    ])
      expect(
        userPlace(`Error: x\n    at node:internal/timers:3:4\n    ${frame}\n    at ${own}/lib/run.ts:1:1`, '/home/me/p'),
        frame
      ).to.equal('mask.ts:3')
  })

  it('is the caller of a library, and not the caller of docferry', () => {
    const library = 'at each (/home/me/p/node_modules/lodash/each.js:5:6)'
    const user = 'at mask (/home/me/p/mask.ts:3:9)'
    expect(userPlace(`Error: x\n    ${library}\n    ${user}`, '/home/me')).to.equal('p/mask.ts:3')
    expect(userPlace(`Error: x\n    ${library}\n    at f (${own}/lib/run.ts:1:1)\n    ${user}`, '/home/me')).to.equal(undefined)
    expect(userPlace(`Error: x\n    at f (docferry/dist/bundle/entry-main.js:1:1)\n    ${user}`, '/home/me')).to.equal(undefined)
    expect(userPlace('Error: x\n    at Timeout.f (node:internal/timers:1:1)', '/home/me')).to.equal(undefined)
  })

  it('is not blamed for what docferry throws on purpose, nor for what has no stack', () => {
    const error = new DocferryError('DOCFERRY_READ', 'x')
    error.stack = 'DocferryError: x\n    at mask (/home/me/p/mask.ts:3:9)'
    for (const thrown of [error, 'text', undefined]) expect(uncaught(thrown, '/')).to.equal(thrown)
  })
})

describe("cli: a module of a user's own that", function () {
  this.timeout(60_000)
  let cwd: string
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'docferry-user-code-'))
    writeFileSync(join(cwd, 'a.ndjson'), Array.from({ length: 2000 }, (_, n) => `{"_id":"u${n}","n":${n}}\n`).join(''))
    writeFileSync(join(cwd, 'p.yaml'), 'source: a.ndjson\ntarget: out.ndjson\nstages:\n  - module: ./bad.ts\n')
  })
  afterEach(() => rmSync(cwd, { recursive: true, force: true }))

  /** It does so with one document, whose answer comes never; without `BANG` it gives it back. */
  const stageThat = (does: string): void =>
    writeFileSync(
      join(cwd, 'bad.ts'),
      [
        'interface Numbered { _id: string; n: number }',
        'export default async function bad(document: Numbered): Promise<Numbered> {',
        '  if (document.n !== 1500 || !process.env.BANG) return document',
        `  ${does}`,
        '  return await new Promise(() => undefined)',
        '}'
      ].join('\n')
    )
  const run = (...args: string[]): Promise<Ended> => docferry(['run', 'p.yaml', ...args], { cwd, env: { BANG: '1' } })
  const runId = (): string => readdirSync(join(cwd, '.docferry', 'runs'))[0]!

  async function expectResumable(): Promise<void> {
    const { code, stderr } = await docferry(['resume', runId()], { cwd })
    expect(code, stderr).to.equal(0)
    expect(readFileSync(join(cwd, 'out.ndjson'), 'utf8').match(/"_id"/g)).to.have.length(2000)
  }

  for (const [what, does, words] of [
    ['ends the process', 'process.exit(0)', 'bad.ts:4 has ended the process'],
    ['ends the process later', 'setTimeout(() => process.exit(), 1)', 'bad.ts:4 has ended the process'],
    ['throws where nobody catches', 'setTimeout(() => { throw new Error("boom") }, 1)', 'bad.ts:4 has thrown'],
    ['leaves a promise that is rejected', 'void Promise.reject(new TypeError("boom"))', 'bad.ts:4 has thrown']
  ] as const)
    it(`${what} is named, and the run can be gone on with`, async () => {
      stageThat(does)
      const { code, stdout, stderr } = await run('--json')
      expect(code).to.equal(30)
      expect(stderr).to.include(words).and.include('DOCFERRY_STAGE').and.include(`to go on: docferry resume ${runId()}`)
      expect(JSON.parse(stdout)).to.have.nested.property('error.code', 'DOCFERRY_STAGE')
      await expectResumable()
    })

  it('ends the process with an exit code of its own does not pass for what docferry means by that code', async () => {
    for (const own of [3, 40]) {
      stageThat(`process.exit(${own})`)
      const { code, stderr } = await run()
      expect(code).to.equal(30)
      expect(stderr).to.include('bad.ts:4 has ended the process').and.include('to go on: docferry resume')
      rmSync(join(cwd, '.docferry'), { recursive: true })
    }
  })

  it('ends the process while it is loaded does not pass for one that is right', async () => {
    writeFileSync(join(cwd, 'bad.ts'), 'process.exit(0)\nexport default (document: object) => document\n')
    for (const command of ['run', 'lint']) {
      const { code, stderr } = await docferry([command, 'p.yaml'], { cwd })
      expect(code).to.equal(30)
      expect(stderr).to.include('bad.ts:1 has ended the process')
    }
  })

  it('ends the process when all is done changes nothing of what docferry has found', async () => {
    writeFileSync(join(cwd, 'a.ndjson'), 'no JSON\n{"_id":"a"}\n')
    // Nothing is written last, to see that all before it has been.
    const ending = ['process.stdout.write = text => text === "" ? process.exit(0) : true', 'export default document => document']
    writeFileSync(join(cwd, 'bad.ts'), ending.join('\n'))
    expect((await run()).code).to.equal(40)
  })
})
