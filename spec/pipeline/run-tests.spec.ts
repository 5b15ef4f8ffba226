import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { runTests } from '../../lib/pipeline/run-tests.ts'
import type { TestResult } from '../../lib/pipeline/run-tests.ts'
import { ends, pipelineBench } from './bench.ts'

describe('pipeline: its tests', () => {
  const bench = pipelineBench()
  const results = async (text: string, limitMs?: number): Promise<readonly TestResult[]> =>
    await runTests(await bench.load(text), { environment: {}, ...(limitMs !== undefined && { limitMs }) })
  /** Which tests pass. */
  const passed = async (text: string): Promise<boolean[]> => (await results(text)).map(result => result.passed)

  it('take documents through all stages, in order, restricted as in a run', async () => {
    const text = `
sources: [{ name: old, address: a.json, rename: { U: users }, stages: [{ set: { at: [first] } }] }, { name: new, address: b.json }]
target: c.json
collections: [{ name: users, stages: [{ set: { last: true } }] }, agents]
stages:
  - { set: { from: '{{ $source }}' }, sources: [new] }
  - { set: { on: '{{ $collection }}' }, collections: [agents] }
tests:
  - { in: { _id: a }, out: { _id: a, at: [first], last: true } }
  - { source: new, in: { _id: a }, out: { _id: a, from: new, last: true } }
  - { source: new, collection: agents, in: { _id: a }, out: { _id: a, from: new, on: agents } }
`
    expect(await passed(text)).to.deep.equal([true, true, true])
  })

  it('go through the stages of every run first', async () => {
    const tests = 'tests: [{ in: [{ _id: _design/x }, { _id: a, _rev: 1-x }], out: { _id: a } }]\n'
    expect(await passed(`${ends}${tests}`)).to.deep.equal([true])
    expect(await passed(`${ends}options: { includeDesign: true, keepMetadata: true }\n${tests}`)).to.deep.equal([false])
  })

  it('have stages of their own, which remember nothing of another test', async () => {
    const test = '{ in: [{ _id: a }, { _id: b }], out: { _id: a } }'
    expect(await passed(`${ends}stages: [limit: 1]\ntests: [${test}, ${test}]\n`)).to.deep.equal([true, true])
  })

  it('go through Node Transforms too, also ones that hold back', async () => {
    bench.write(
      'sum.mjs',
      `import { Transform } from 'node:stream'
import { defineTransform } from 'docferry'
export default defineTransform({ make: () => { let n = 0; return new Transform({ objectMode: true,
  transform(document, _, done) { n += document.n; done() }, flush(done) { done(null, { _id: 'sum', n }) } }) } })`
    )
    const text = `${ends}stages: [{ set: { x: 1 } }, { module: ./sum.mjs }, { set: { y: 2 } }]\ntests: [{ in: [{ _id: a, n: 1 }, { _id: b, n: 2 }], out: { _id: sum, n: 3, y: 2 } }]\n`
    expect(await passed(text)).to.deep.equal([true])
  })

  it('take values for equal that are, and no others', async () => {
    const test = (given: string, out: string): string => `{ in: { _id: a, v: ${given} }, out: { _id: a, v: ${out} } }`
    const text = (...tests: string[]): string => `${ends}tests: [${tests.join(', ')}]\n`
    expect(
      await passed(
        text(
          test('1', '1.0'),
          test('{ a: 1, b: 2 }', '{ b: 2, a: 1 }'),
          test('{ $date: 2026-01-01T00:00:00Z }', '{ $date: 2026-01-01T00:00:00.000Z }'),
          test('{ $set: [a, b] }', '{ $set: [b, a] }')
        )
      )
    ).to.deep.equal([true, true, true, true])
    expect(
      await passed(text(test('1', '2'), test('[1, 2]', '[2, 1]'), test('"1"', '1'), test('9007199254740993', '9007199254740992')))
    ).to.deep.equal([false, false, false, false])
  })

  it('fail where the documents come in another order, or too few or many', async () => {
    const test = (out: string): string => `${ends}tests: [{ in: [{ _id: a }, { _id: b }], out: ${out} }]\n`
    for (const out of ['[{ _id: b }, { _id: a }]', '{ _id: a }', '[{ _id: a }, { _id: b }, { _id: c }]', '[]'])
      expect(await passed(test(out)), out).to.deep.equal([false])
  })

  describe('where a stage fails', () => {
    const text = (stage: string, ...tests: string[]): string => `${ends}stages: [${stage}]\ntests: [${tests.join(', ')}]\n`
    const refuse = '{ validate: { schema: { required: [a] } } }'
    const given = 'in: [{ _id: x }, { _id: y, a: 1 }], out: { _id: y, a: 1 }'

    it('fail, and tell of the dead letter', async () => {
      const [result] = await results(text(refuse, `{ ${given} }`))
      expect(result).to.include({ passed: false, isRightOut: true })
      expect(result!.troubles).to.deep.equal([{ id: 'x', stage: 'validate', message: result!.troubles[0]!.message, isDeadLetter: true }])
      expect(result!.troubles[0]!.message).to.include('x.yaml:3:10').and.include('documents/x').and.include('a is missing')
    })

    it('pass if they say so', async () => {
      expect(await passed(text(refuse, `{ ${given}, fails: x }`, `{ ${given}, fails: [x] }`, `{ ${given}, fails: true }`))).to.deep.equal([
        true,
        true,
        true
      ])
    })

    it('fail where it is another document, or none', async () => {
      const [other, none] = await results(
        text(refuse, `{ ${given}, fails: [x, z] }`, '{ in: { _id: y, a: 1 }, out: { _id: y, a: 1 }, fails: true }')
      )
      expect(other).to.deep.include({ passed: false, notFailed: ['z'] })
      expect(none).to.include({ passed: false })
    })

    it('end there, as a run does', async () => {
      const [result] = await results(
        text(
          '{ convert: { fields: { n: integer } } }',
          '{ in: [{ _id: x, n: "1" }, { _id: y, n: two }, { _id: z, n: "3" }], out: { _id: x, n: 1 } }'
        )
      )
      expect(result!.troubles).to.have.length(1)
      expect(result!.troubles[0]).to.include({ id: 'y', isDeadLetter: false })
      expect(result).to.include({ passed: false, isRightOut: true })
    })

    it('leave the document out with onError: skip', async () => {
      const stage = '{ convert: { fields: { n: integer } }, onError: skip }'
      expect(await passed(text(stage, '{ in: [{ _id: x, n: one }, { _id: y, n: "1" }], out: { _id: y, n: 1 } }'))).to.deep.equal([true])
    })
  })

  it('name the stage that returns what is no value', async () => {
    bench.write('odd.mjs', 'export default document => ({ ...document, seen: new Date(0) })')
    const [result] = await results(
      `${ends}stages: [{ module: ./odd.mjs, name: stamp }, { strip: [a] }]\ntests: [{ in: { _id: x }, out: [] }]\n`
    )
    expect(result!.troubles).to.have.length(1)
    expect(result!.troubles[0]).to.include({ id: 'x', stage: 'stamp' })
    expect(result!.troubles[0]!.message).to.include('failed on documents/x').and.include('x.yaml:3:').and.include('no value at seen (Date)')
  })

  it('write nothing aside', async () => {
    expect(await passed(`${ends}stages: [{ tap: { file: aside.ndjson } }]\ntests: [{ in: { _id: a }, out: { _id: a } }]\n`)).to.deep.equal([
      true
    ])
    expect(existsSync(join(bench.folder, 'aside.ndjson'))).to.equal(false)
  })

  it('do not wait for ever', async () => {
    bench.write('never.mjs', 'export default () => new Promise(() => undefined)')
    const [result] = await results(`${ends}stages: [module: ./never.mjs]\ntests: [{ in: { _id: a }, out: [] }]\n`, 20)
    expect(result).to.include({ passed: false })
    expect(result!.troubles[0]!.message).to.include('within 0.02 s')
  })

  it('are checked: fails is true or ids', async () => {
    const test = (fails: string): string => `${ends}tests: [{ in: { _id: a }, out: [], fails: ${fails} }]\n`
    for (const fails of ['false', '[]', '1', '{}']) expect(await bench.lint(test(fails)), fails).to.have.length(1)
    for (const fails of ['true', 'a', '[a, b]']) expect(await bench.lint(test(fails)), fails).to.deep.equal([])
  })
})
