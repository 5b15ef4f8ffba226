import { join } from 'node:path'
import { expect } from 'chai'
import { Double, Timestamp } from '../../lib/values/index.ts'
import { ends, pipelineBench } from './bench.ts'

describe('pipeline: load', function () {
  this.timeout(20_000)
  const bench = pipelineBench()

  it('gives what the file says, typed, with places', async () => {
    const text =
      'description: d\nsource: { address: a.json, collections: [U], rename: { U: users } }\ntarget: couchdb://h\n' +
      'collections: [{ name: users, as: people, stages: [{ pick: [a] }] }]\nstages:\n  - strip: [b]\n    name: no b\n    onError: skip\noptions: { maxFailures: 2.5%, maxRate: "2,500/s" }\n'
    const { path, folder, ...pipeline } = await bench.load(text)
    expect({ path, folder }).to.deep.equal({ path: join(bench.folder, 'x.yaml'), folder: bench.folder })
    expect(pipeline).to.deep.equal({
      description: 'd',
      sources: [{ name: 'file', address: 'a.json', collections: ['U'], rename: { U: 'users' }, stages: [] }],
      targets: [{ name: 'couchdb', address: 'couchdb://h' }],
      collections: [{ name: 'users', as: 'people', stages: [{ kind: 'pick', options: ['a'], place: 'x.yaml:4:51' }] }],
      stages: [{ kind: 'strip', options: ['b'], name: 'no b', onError: 'skip', place: 'x.yaml:6:5' }],
      options: { maxFailures: { share: 0.025 }, maxRate: 2500 },
      tests: [],
      secrets: []
    })
  })

  it('refuses a file with something wrong, and lists all of it, one a line', async () => {
    const error = (await bench.load('source: a.json\nstage: []\n').catch((thrown: unknown) => thrown)) as Error & { code: string }
    expect(error.code).to.equal('DOCFERRY_CONFIG')
    expect(error.message.split('\n')).to.have.length(2)
  })

  it('gives ends names that tell them apart', async () => {
    const text = 'sources: [a.json, { name: file, address: b.json }, c.json, "memory:m.json"]\ntarget: out.json\n'
    expect((await bench.load(text)).sources.map(({ name }) => name)).to.deep.equal(['file-2', 'file', 'file-3', 'memory'])
  })

  describe('variables', () => {
    const optionsOf = async (text: string, environment = {}): Promise<unknown> =>
      (await bench.load(`${ends}options:\n  ${text}\n`, environment)).options
    const described = async (text: string, environment = {}): Promise<unknown> =>
      (await bench.load(`${ends}description: ${text}\n`, environment)).description

    it('stand for their values, several in one text', async () => {
      expect(await described('from ${A} to ${B}', { A: 'x', B: '${A}' })).to.equal('from x to ${A}')
    })

    it('have defaults, also where they are empty', async () => {
      expect(await described('"${A:-one} ${B:-two} ${C:-}."', { A: '', B: 'b' })).to.equal('one b .')
    })

    it('are typed in plain text, and stay text in quotes', async () => {
      expect(await optionsOf('parallel: ${N:-4}')).to.deep.equal({ parallel: 4 })
      expect(await optionsOf('verify: ${V}', { V: 'true' })).to.deep.equal({ verify: true })
      expect(await described('"${N:-4}"')).to.equal('4')
    })

    it('are only text where what is put in looks like YAML', async () => {
      expect(await described('${A}', { A: 'a: [b' })).to.equal('a: [b')
      expect(await described('${A}', { A: '*b' })).to.equal('*b')
    })

    it('are not looked for behind $$', async () => {
      expect(await described('$${A} and $$ and ${A}', { A: 'a' })).to.equal('${A} and $$ and a')
    })

    it('may be files, relative to the pipeline, without their last line break', async () => {
      bench.write('deep/secrets/pw', '\uFEFFhunter2 \r\n\r\n')
      const pipeline = await bench.load(`${ends}description: "\${file:secrets/pw}"\n`, {}, 'deep/x.yaml')
      expect(pipeline.description).to.equal('hunter2 \r\n')
    })

    it('are not replaced in keys', async () => {
      const { stages } = await bench.load(`${ends}stages:\n  - rename: { "\${A}": b }\n`, { A: 'x' })
      expect(stages[0]!.options).to.deep.equal({ '${A}': 'b' })
    })
  })

  it('names what must be masked: files, variables that look secret, passwords in addresses', async () => {
    bench.write('key', 'from-a-file\n')
    const environment = { HASH_KEY: 'from-a-variable', REGION: 'us-east-1', COUCHDB_URL: 'couchdb://u:pass%2Fword@h' }
    const text = 'source: ${COUCHDB_URL}\ntarget: dynamodb://${REGION}\nstages:\n  - strip: ["${HASH_KEY}", "${file:key}"]\n'
    const { secrets } = await bench.load(text, environment)
    expect([...secrets].sort()).to.deep.equal(['from-a-file', 'from-a-variable', 'pass%2Fword', 'pass/word'])
  })

  it('resolves anchors, aliases and merge keys', async () => {
    const text = `${ends}x-base: &base { parallel: 2, maxRate: 10 }\nx-more: &more { maxRate: 20, maxRetries: 1 }\noptions:\n  <<: [*base, *more]\n  parallel: 3\n`
    expect((await bench.load(text)).options).to.deep.equal({ parallel: 3, maxRate: 10, maxRetries: 1 })
  })

  it('keeps the kinds of numbers where a stage sets them, wherever the stage stands', async () => {
    const stages =
      'stages: [{ set: { cost: 1.0, big: 12345678901234567890, list: [-0.0, 2], hex: 0x10 } }, { default: { fields: { d: 3.0 } } }]'
    const options = [
      { cost: new Double(1), big: 12345678901234567890n, list: [new Double(-0), 2], hex: 16 },
      { fields: { d: new Double(3) } }
    ]
    const places = [
      `${ends}${stages}\n`,
      `sources: [{ name: a, address: a.json, ${stages} }]\ntarget: b.json\n`,
      `${ends}collections: [{ name: c, ${stages} }]\n`
    ]
    for (const text of places) {
      const { sources, collections = [], stages: common } = await bench.load(text)
      const entries = [...sources.flatMap(source => source.stages), ...common, ...collections.flatMap(collection => collection.stages)]
      expect(entries.map(entry => entry.options)).to.deep.equal(options)
    }
    expect((await bench.load(`${ends}stages: [{ limit: 1 }]\n`)).stages[0]!.options).to.equal(1)
  })

  it('keeps a field called __proto__', async () => {
    const { tests } = await bench.load(`${ends}tests:\n  - in: { _id: a, __proto__: 1 }\n    out: []\n`)
    expect(Object.keys(tests[0]!.in[0]!)).to.deep.equal(['_id', '__proto__'])
  })

  describe('tests', () => {
    it('hold documents as exports write them: envelopes, and numbers of their kinds', async () => {
      const text =
        `${ends}tests:\n  - in: { _id: a, at: { $date: 2026-01-02T03:04:05Z }, cost: 1.0, n: 12345678901234567890, hex: 0x10 }\n` +
        '    out: [{ _id: a }, { _id: b }]\n  - name: none\n    in: [{ _id: a }]\n    out: []\n'
      const { tests } = await bench.load(text)
      expect(tests[0]!.in).to.deep.equal([
        { _id: 'a', at: new Timestamp(1767323045, 0), cost: new Double(1), n: 12345678901234567890n, hex: 16 }
      ])
      expect(tests.map(({ name, out, place }) => [name, out.length, place])).to.deep.equal([
        ['test 1', 2, 'x.yaml:4:5'],
        ['none', 0, 'x.yaml:6:5']
      ])
    })

    for (const [what, text, collection] of [
      ['the first that is named', 'collections: [b, c]\n', 'b'],
      ['the first of a preset', 'preset: gofannon\n', 'agents'],
      ['documents, where none is named', '', 'documents']
    ] as const) {
      it(`are of ${what}`, async () => {
        const { tests } = await bench.load(`${ends}${text}tests: [{ in: { _id: a }, out: [] }]\n`)
        expect(tests[0]!.collection).to.equal(collection)
      })
    }
  })

  it('reads JSON', async () => {
    const text = '{\n\t"source": "a.json",\n\t"target": "\\ud83d\\ude00\\/b.json",\n\t"options": { "parallel": 2 }\n}'
    const { targets, options } = await bench.load(text, {}, 'x.json')
    expect([targets[0]!.address, options]).to.deep.equal(['😀/b.json', { parallel: 2 }])
  })

  describe('in TypeScript or JavaScript', () => {
    it('is the default export, with functions and stages among the stages', async () => {
      const text = `
        import type { Document } from 'docferry'
        import { definePipeline, defineStage, Timestamp } from 'docferry'
        const shout = (document: Document): Document => ({ ...document, loud: true })
        export default definePipeline({
          source: 'a.json', target: '\${TARGET}',
          stages: [{ strip: ['a'] }, shout, { name: 'own', apply: shout }, { function: defineStage({ make: () => shout }), options: { a: 1 }, collections: ['u'] }],
          tests: [{ in: { _id: 'a', at: new Timestamp(1, 0) }, out: [] }]
        })`
      const { stages, targets, tests } = await bench.load(text, { TARGET: 'b.json' }, 'x.ts')
      expect(stages.map(({ kind, place }) => [kind, place])).to.deep.equal([
        ['strip', 'x.ts: stages[0]'],
        ['function', 'x.ts: stages[1]'],
        ['function', 'x.ts: stages[2]'],
        ['function', 'x.ts: stages[3]']
      ])
      expect(stages[3]).to.deep.include({ options: { a: 1 }, collections: ['u'] })
      expect(targets[0]!.address).to.equal('b.json')
      expect(tests[0]!.in[0]!['at']).to.be.instanceOf(Timestamp)
    })

    for (const [name, text] of [
      ['x.mjs', 'export default async environment => ({ source: "a.json", target: environment.TARGET })'],
      ['x.cjs', 'module.exports = environment => ({ source: "a.json", target: environment.TARGET })'],
      ['x.mts', 'export default (environment: Record<string, string>) => ({ source: "a.json", target: environment["TARGET"] })']
    ] as const) {
      it(`may be a function of the environment: ${name}`, async () => {
        expect((await bench.load(text, { TARGET: 'b.json' }, name)).targets[0]!.address).to.equal('b.json')
      })
    }

    it('is read as it is now, when it is read again', async () => {
      await bench.load(
        'import { a } from "./a.ts"\nexport default { source: a, target: "b.json" }',
        {},
        (bench.write('a.ts', 'export const a = "1.json"'), 'x.ts')
      )
      bench.write('a.ts', 'export const a = "2.json"')
      const { sources } = await bench.load('import { a } from "./a.ts"\nexport default { source: a, target: "c.json" }', {}, 'x.ts')
      expect(sources[0]!.address).to.equal('2.json')
    })

    for (const [what, text, pattern] of [
      [
        'a mistake',
        'export default { source: "a.json", target: "b.json", stages: [{ strp: [] }] }',
        /^x\.ts: stages\[0\]\.strp: there is no stage strp/
      ],
      [
        'a class',
        'class A {}\nexport default { source: "a.json", target: "b.json", stages: [A] }',
        /^x\.ts: stages\[0\]: is a class; export a function/
      ],
      [
        'a function that is none',
        'export default { source: "a.json", target: "b.json", stages: [{ function: 5 }] }',
        /^x\.ts: stages\[0\]\.function: is of type number/
      ],
      ['no default export', 'export const a = 1', /^x\.ts: has no default export/],
      ['a function that fails', 'export default () => { throw new Error("no vault") }', /^x\.ts: its function failed: no vault/],
      ['a syntax error', 'export default {\n  source: "a" "b"\n}', /^x\.ts: .*x\.ts:2:15\)$/],
      ['a missing import', 'import "./no.ts"\nexport default {}', /^x\.ts: .*there is no module \.\/no\.ts \(x\.ts:1\)$/],
      [
        'a value that holds itself',
        'const a: unknown[] = []; a.push(a); export default { source: "a.json", target: "b.json", "x-a": a }',
        /x-a\[0\]: holds itself/
      ]
    ] as const) {
      it(`tells ${what}`, async () => {
        expect((await bench.lint(text, {}, 'x.ts'))[0]).to.match(pattern)
      })
    }
  })
})
