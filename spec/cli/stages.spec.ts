import { expect } from 'chai'
import { parse } from 'yaml'
import { runCommandLine } from '../../lib/cli/program.ts'
import { yamlLines } from '../../lib/cli/yaml-text.ts'
import { loadStageSpec, parseStage, stageSpecs } from '../../lib/registry.ts'
import { decodeEnvelopes } from '../../lib/values/index.ts'
import type { Value } from '../../lib/values/index.ts'
import { FakeHost } from './support/fake-host.ts'

async function stages(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const host = new FakeHost(['stages', ...args])
  const code = await runCommandLine(host, () => Promise.resolve(1))
  return { code, stdout: host.stdout.text, stderr: host.stderr.text }
}

describe('cli: stages', () => {
  it('lists every built-in stage with its summary', async () => {
    const { code, stdout } = await stages()
    expect(code).to.equal(0)
    for (const name of Object.keys(stageSpecs)) {
      const { summary } = await loadStageSpec(name)
      expect(stdout).to.match(new RegExp(`^${name} +${summary.slice(0, 40)}`, 'm'))
    }
  })

  it('shows a stage with options, types, defaults, and examples', async () => {
    const { code, stdout } = await stages('convert')
    expect(code).to.equal(0)
    for (const words of [
      'convert: give values another type',
      'map of path to string | number',
      ', required. Path to type.',
      'fail | keep | null | remove, default "fail"',
      '--stage convert:path=number,other=date',
      "  stages:\n    - convert: { fields: { created_at: date, 'usage[*].cost': number, id: string } }"
    ])
      expect(stdout.replace(/\n {12,}/g, ' ')).to.include(words)
  })

  for (const name of Object.keys(stageSpecs)) {
    it(`shows examples of ${name} that are YAML as a pipeline holds it`, async () => {
      const { stdout } = await stages(name)
      const { examples } = await loadStageSpec(name)
      const [, text = ''] = stdout.split(/^Examples?\n/m)
      const shown = text
        .split(/^(?= {2}stages:)/m)
        .filter(each => each.startsWith('  stages:'))
        .map(each => parse(each) as { stages: object[]; tests: { in: Value; out: Value }[] })
      expect(shown.map(each => each.stages)).to.deep.equal(examples.map(({ options }) => [{ [name]: options }]))
      expect(shown.map(each => decodeEnvelopes(each.tests as unknown as Value))).to.deep.equal(
        examples.map(({ in: given, out }) => [{ in: given, out }])
      )
    })

    it(`keeps the page of ${name} in its columns`, async () => {
      const { stdout } = await stages(name)
      const [page = ''] = stdout.split('On the command line')
      expect(page.split('\n').filter(line => line.length > 100)).to.deep.equal([])
    })
  }

  it('shows how to write a stage on the command line so that it can be read', async () => {
    for (const name of Object.keys(stageSpecs)) {
      const { stdout } = await stages(name)
      for (const [, text] of stdout.matchAll(/^ +--stage '(.*)'$/gm)) {
        const stage = await parseStage(text!.replaceAll(String.raw`'\''`, "'"))
        expect(stage).to.include({ name })
      }
    }
  })

  it('gives specs as JSON, of one and of all', async () => {
    const one = JSON.parse((await stages('strip', '--json')).stdout) as { name: string; schema: object }
    const all = JSON.parse((await stages('--json')).stdout) as { stages: { name: string }[] }
    expect(one).to.include({ name: 'strip', summary: 'remove fields', short: 'strip:field,field' })
    expect(all.stages.map(({ name }) => name)).to.deep.equal(Object.keys(stageSpecs))
    expect(all.stages[0]).to.deep.equal(one)
  })

  it('shows no key on the command line, where it would be refused', async () => {
    expect((await stages('hash')).stdout)
      .to.include("--stage 'hash:[")
      .and.not.match(/--stage .*a secret/)
  })

  it('suggests the name that was meant', async () => {
    const { code, stderr } = await stages('fliter-flaten')
    expect(code).to.equal(2)
    expect(stderr).to.include('there is no stage fliter-flaten')
    expect((await stages('flaten')).stderr).to.include('did you mean flatten?')
  })
})

describe('cli: YAML for people', () => {
  it('is read back as what it was', () => {
    const values = [
      'yes',
      'null',
      '~',
      '1',
      '1e3',
      '0x1',
      '-',
      '- a',
      'a: b',
      'a #b',
      "it's",
      '',
      ' ',
      'a\nb',
      '"',
      '*a',
      '&a',
      '!a',
      '%a',
      '@a',
      '{',
      '[a',
      'a,b',
      'Ünï',
      '…',
      '🙂',
      '2024-05-01',
      '.5',
      '<<',
      '=',
      '\u0000',
      '\u2028'
    ]
    const value = {
      list: values,
      map: Object.fromEntries(values.map((each, index) => [each, index])),
      deep: [[1, [2, { a: [], b: {}, c: null }]], { x: [{ y: true, z: -1.5 }] }]
    }
    for (const columns of [1, 40, 10_000]) expect(parse(yamlLines('key', value, columns).join('\n'))).to.deep.equal({ key: value })
  })
})
