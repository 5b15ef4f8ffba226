import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
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
    ],
    [
      'counts what tests left in the temporary folder as failed',
      `const { writeFileSync } = require('node:fs'); it('a', () => writeFileSync(require('node:os').tmpdir() + '/docferry-left', ''))`,
      { passed: 1, failed: 1, complaints: ['1 left behind: docferry-left'] }
    ]
  ]
  let said = ''
  const quietly = { cwd: projectFolder(), write: (text: string) => void (said += text) }
  beforeEach(() => {
    said = ''
  })
  const write = async (name: string, source: string): Promise<string> => {
    const file = join(folder, `${name}.spec.cjs`)
    await writeFile(file, source)
    return file
  }

  for (const [name, source, expected] of cases) {
    it(name, async () => {
      expect(await runMocha(['--no-config'], [[await write('case', source)]], quietly)).to.deep.equal(expected)
    })
  }

  describe('with several processes', () => {
    const passing = `it('a', () => {}); it('b', () => {})`

    it('counts the tests of all', async () => {
      const shares = [[await write('one', passing)], [await write('two', passing)]]
      expect(await runMocha(['--no-config'], shares, quietly)).to.deep.equal({ passed: 4, failed: 0, complaints: [] })
    })

    it('counts a crash of one as failed, and the tests of the others', async () => {
      const shares = [[await write('one', `it('a', () => process.kill(process.pid, 'SIGKILL'))`)], [await write('two', passing)]]
      const complaints = ['1 mocha ended before its report (SIGKILL)']
      expect(await runMocha(['--no-config'], shares, quietly)).to.deep.equal({ passed: 2, failed: 1, complaints })
    })

    it('removes what a crash has left behind', async () => {
      const leaving = `it('a', () => {
        require('node:fs').writeFileSync('${join(folder, 'where')}', require('node:os').tmpdir())
        require('node:fs').mkdirSync(require('node:os').tmpdir() + '/docferry-left')
        process.kill(process.pid, 'SIGKILL')
      })`
      const { complaints } = await runMocha(['--no-config'], [[await write('one', leaving)]], quietly)
      expect(complaints).to.deep.equal(['1 mocha ended before its report (SIGKILL)'])
      expect(existsSync(await readFile(join(folder, 'where'), 'utf8'))).to.equal(false)
    })

    it('takes it well that --grep finds nothing in one, and badly in none', async () => {
      const shares = [[await write('one', passing)], [await write('two', `it('c', () => {})`)]]
      const found = await runMocha(['--no-config', '--grep', 'c'], shares, quietly)
      expect(found).to.deep.equal({ passed: 1, failed: 0, complaints: [] })
      const none = await runMocha(['--no-config', '--grep', 'd'], shares, quietly)
      expect(none).to.deep.equal({ passed: 0, failed: 1, complaints: ['1 no test to run'] })
    })

    it('lets --forbid-only fail', async () => {
      const shares = [[await write('one', passing)], [await write('two', `it.only('c', () => {})`)]]
      expect((await runMocha(['--no-config', '--forbid-only'], shares, quietly)).failed).to.equal(1)
    })

    it("shows each file's tests together, and what failed behind them all", async () => {
      // Each test waits until the one before it, of another process, has begun.
      const source = (file: string, steps: readonly number[], end: string): string => `
        const { existsSync, writeFileSync } = require('node:fs')
        const turn = step => ${JSON.stringify(folder)} + '/turn-' + step
        describe('${file}', () => {
          for (const step of ${JSON.stringify(steps)}) it('${file} ' + step, async () => {
            writeFileSync(turn(step), '')
            while (!existsSync(turn(step + 1))) await new Promise(setImmediate)
            console.log('${file} says ' + step)
          })
          it('${file} ends', () => { ${end} })
        })`
      const shares = [
        [
          await write('one', source('one', [1, 3], `throw new Error('no')`)),
          await write('more', `describe('more', () => it('runs', () => {}))`)
        ],
        [await write('two', source('two', [2, 4], ''))]
      ]
      await writeFile(join(folder, 'turn-5'), '')
      expect(await runMocha(['--no-config'], shares, quietly)).to.include({ passed: 6, failed: 1 })
      const lines = stripVTControlCharacters(said)
        .split('\n')
        .map(line => line.trim())
      const told = (of: string): number[] => lines.flatMap((line, at) => (line.includes(`✔ ${of}`) || line === of ? [at] : []))
      for (const file of ['one', 'two']) {
        const [first = 0, ...rest] = told(file).slice(0, 3)
        const between = lines.slice(first, rest.at(-1)).filter(line => line !== '')
        expect(
          between.every(line => line.includes(file)),
          between.join('\n')
        ).to.equal(true)
      }
      const lastTest = lines.findLastIndex(line => line.startsWith('✔'))
      expect(lines.findIndex(line => line === 'Error: no')).to.be.greaterThan(lastTest)
    })
  })
})
