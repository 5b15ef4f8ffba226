import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { runMocha } from '../../scripts/run-mocha.ts'
import { projectFolder } from '../../scripts/servers/tools.ts'

describe('test runner', () => {
  let folder: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'docferry-spec-'))
  })

  after(async () => {
    await rm(folder, { recursive: true })
  })

  const cases: readonly (readonly [string, string, { passed: number; failed: number; complaints: readonly string[] }])[] = [
    ['counts what passed', `it('a', () => {}); it('b', () => {})`, { passed: 2, failed: 0, complaints: [] }],
    ['counts what failed', `it('a', () => {}); it('b', () => { throw new Error('no') })`, { passed: 1, failed: 1, complaints: [] }],
    ['counts a skipped test as failed', `it('a', () => {}); it.skip('b', () => {})`, { passed: 1, failed: 1, complaints: ['1 skipped'] }],
    [
      'counts a failed hook, and the tests that it kept from running',
      `it('a', () => {}); describe('x', () => { before(() => { throw new Error('no') }); it('b', () => {}); it('c', () => {}) })`,
      { passed: 1, failed: 3, complaints: ['1 failed hooks', '2 never ran'] }
    ],
    [
      'counts a crash as failed',
      `it('a', () => {}); it('b', () => process.exit(3))`,
      { passed: 1, failed: 1, complaints: ['1 mocha ended before its report (exit code 3)'] }
    ],
    ['counts a run without tests as failed', `describe('x', () => {})`, { passed: 0, failed: 1, complaints: ['1 no test to run'] }],
    [
      'ends a process that is kept open, and counts it as failed',
      `it('a', () => { setInterval(() => {}, 1000) })`,
      { passed: 1, failed: 1, complaints: ['1 process kept open'] }
    ]
  ]
  for (const [name, source, expected] of cases) {
    it(name, async () => {
      const file = join(folder, 'case.spec.cjs')
      await writeFile(file, source)
      expect(await runMocha(['--no-config', file], { cwd: projectFolder(), stdio: 'pipe' })).to.deep.equal(expected)
    })
  }
})
