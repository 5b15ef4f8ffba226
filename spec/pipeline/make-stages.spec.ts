import type { Transform } from 'node:stream'
import { expect } from 'chai'
import { makeStages } from '../../lib/pipeline/make-stages.ts'
import type { Document, Environment, Stage, StageContext, TransformStage } from '../../lib/types.ts'
import { ends, pipelineBench } from './bench.ts'

describe('pipeline: stages', function () {
  this.timeout(20_000)
  const bench = pipelineBench()

  async function make(text: string, environment: Environment = {}, name?: string): Promise<readonly Stage[]> {
    return (await makeStages(await bench.load(text, environment, name), { environment })) as readonly Stage[]
  }
  /** What the stages make of a document, one after the other. */
  async function run(stages: readonly Stage[], document: Document, context: StageContext = { collection: 'users' }): Promise<unknown> {
    let current: unknown = document
    for (const stage of stages) current = await stage.apply(current as Document, context)
    return current
  }
  const moduleStage = (more = ''): string => `${ends}stages:\n  - module: ./s.ts#own\n${more}`

  it('come in order: of sources, common, of collections, each only for its own', async () => {
    const stages = await make(
      'sources: [{ name: a, address: a.json, stages: [{ strip: [a] }] }, { name: b, address: b.json, stages: [{ strip: [b] }] }]\ntarget: c.json\n' +
        'stages:\n  - strip: [c]\n  - strip: [d]\n    collections: [y]\n  - strip: [e]\n    sources: [a]\ncollections: [x, { name: y, stages: [{ strip: [f] }] }]\n'
    )
    const document = { _id: '1', a: 1, b: 1, c: 1, d: 1, e: 1, f: 1 }
    const left = async (context: StageContext): Promise<string[]> => Object.keys((await run(stages, { ...document }, context)) as object)
    expect(await left({ collection: 'x', source: 'a' })).to.deep.equal(['_id', 'b', 'd', 'f'])
    expect(await left({ collection: 'y', source: 'b' })).to.deep.equal(['_id', 'a', 'e'])
  })

  it('need no source in the context where there is only one', async () => {
    const stages = await make(
      `source: { name: a, address: a.json, stages: [{ strip: [a] }] }\ntarget: c.json\nstages:\n  - strip: [b]\n    sources: [a]\n`
    )
    expect(await run(stages, { _id: '1', a: 1, b: 1 })).to.deep.equal({ _id: '1' })
  })

  it('have a name, a place, and what an error does', async () => {
    const [first, second] = await make(`${ends}stages:\n  - strip: [a]\n  - strip: [a]\n    name: no a\n    onError: skip\n`)
    expect(first).to.deep.include({ name: 'strip', place: 'x.yaml:4:5', onError: undefined, mayRepeatIds: false })
    expect(second).to.deep.include({ name: 'no a', place: 'x.yaml:5:5', onError: 'skip' })
  })

  it('are known again by a text that tells what they are, and no secret', async () => {
    const textOf = async (options: string, environment = {}): Promise<string> =>
      (await make(`${ends}stages:\n  - ${options}\n`, environment))[0]!.text!
    const text = await textOf('rename: { a: b, c: d }')
    expect(text).to.match(/^rename#[0-9a-f]{12}$/)
    expect(await textOf('rename: { c: d, a: b } # in another order')).to.equal(text)
    expect(await textOf('rename: { a: b, c: e }')).not.to.equal(text)
    expect(await textOf('{ rename: { a: b, c: d }, collections: [x] }')).not.to.equal(text)
    expect(await textOf('strip: ["${PASSWORD}"]', { PASSWORD: 'hunter2' })).not.to.include('hunter2')
  })

  it('keep all that a stage has, and whose it is', async () => {
    bench.write(
      's.ts',
      `class Count {
        name = 'count'; mayRepeatIds = false; changesInPlace = false; onError = 'dead-letter'; #seen = 0; calls: string[] = []
        state = { take: () => this.#seen, restore: () => {} }
        apply(document: object) { this.#seen++; return document }
        open() { this.calls.push('open') }
        isSated(collection: string) { return this.#seen > 0 }
        notes() { return [...this.calls, String(this.#seen)] }
        close() { this.calls.push('close') }
      }
      import { defineStage } from 'docferry'
      export const own = defineStage({ make: () => new Count() as never })`
    )
    const [stage] = await make(moduleStage('    collections: [users]\n'))
    await stage!.open!({ dryRun: false, resumed: false })
    expect(await run([stage!], { _id: '1' }, { collection: 'users' })).to.deep.equal({ _id: '1' })
    expect(await run([stage!], { _id: '1' }, { collection: 'logs' })).to.deep.equal({ _id: '1' })
    await stage!.close!(true)
    expect(stage).to.deep.include({ name: 'count', mayRepeatIds: false, changesInPlace: false, onError: 'dead-letter' })
    expect(stage!.notes!()).to.deep.equal(['open', 'close', '1'])
    expect((stage!.state as { take: (partition: string) => unknown }).take('p')).to.equal(1)
    expect([stage!.isSated!('users'), stage!.isSated!('logs')]).to.deep.equal([true, false])
  })

  it('that are for one of several sources are never sated: documents of the others pass them by', async () => {
    bench.write('s.ts', 'export const own = { name: "own", apply: (d: object) => d, isSated: () => true }')
    const text = 'sources: [{ name: a, address: a.json }, { name: b, address: b.json }]\ntarget: c.json\nstages:\n  - module: ./s.ts#own\n'
    expect((await make(text))[0]!.isSated!('x')).to.equal(true)
    expect((await make(`${text}    sources: [a]\n`))[0]!.isSated!('x')).to.equal(false)
  })

  describe('of a module', () => {
    it('may be a function, which finds its options in the context', async () => {
      bench.write(
        's.ts',
        'export function own(document: object, { options, collection }: { options: { to: string }; collection: string }) { return { ...document, [options.to]: collection } }'
      )
      const stages = await make(moduleStage('    options: { to: from }\n'))
      expect(stages[0]!.name).to.equal('own')
      expect(await run(stages, { _id: '1' })).to.deep.equal({ _id: '1', from: 'users' })
    })

    it('may be async, or a generator', async () => {
      bench.write(
        's.ts',
        'export const own = async (document: object) => ({ ...document, a: 1 })\nexport default function* (document: object) { yield document; yield document }'
      )
      expect(await run(await make(moduleStage()), { _id: '1' })).to.deep.equal({ _id: '1', a: 1 })
      const [twice] = await make(`${ends}stages:\n  - module: ./s.ts\n`)
      expect([...((await twice!.apply({ _id: '1' }, { collection: 'a' })) as Iterable<Document>)]).to.have.length(2)
      expect(twice!.name).to.equal('./s.ts')
    })

    it('are made by defineStage anew each time, from options that its schema allows', async () => {
      bench.write(
        's.ts',
        `import { defineStage } from 'docferry'
        export const own = defineStage<{ start: number }>({
          name: 'numbered',
          schema: { type: 'object', additionalProperties: false, required: ['start'], properties: { start: { type: 'integer' } } },
          make({ start }, { folder, environment }) { return document => ({ ...document, number: start++, folder: folder.length > 0, zone: environment['ZONE'] }) }
        })`
      )
      const pipeline = await bench.load(moduleStage('    options: { start: 5 }\n'))
      const environment = { ZONE: 'z' }
      const [first] = (await makeStages(pipeline, { environment })) as readonly Stage[]
      const [again] = (await makeStages(pipeline, { environment })) as readonly Stage[]
      expect(first!.name).to.equal('numbered')
      expect(await run([first!], { _id: '1' })).to.deep.equal({ _id: '1', number: 5, folder: true, zone: 'z' })
      expect(await run([first!], { _id: '1' })).to.deep.include({ number: 6 })
      expect(await run([again!], { _id: '1' })).to.deep.include({ number: 5 })
      expect((await bench.lint(moduleStage('    options: { start: a, stop: 2 }\n'))).map(line => line.replace(/;.*/, ''))).to.deep.equal([
        'x.yaml:5:23: stages[0].options.start: must be a whole number, and is text',
        'x.yaml:5:26: stages[0].options.stop: is unknown here'
      ])
      expect(await bench.lint(moduleStage())).to.deep.equal(['x.yaml:4:5: stages[0].options.start: is missing'])
    })

    it('may export the schema of their options beside the stage', async () => {
      bench.write(
        's.ts',
        'export const schema = { type: "object", properties: { a: { type: "string" } } }\nexport const own = (document: object) => document'
      )
      expect(await bench.lint(moduleStage('    options: { a: 1 }\n'))).to.deep.equal([
        'x.yaml:5:19: stages[0].options.a: must be text, and is a number'
      ])
    })

    it('may be a Node Transform, made by defineTransform for each collection of each partition', async () => {
      bench.write(
        's.ts',
        `import { Transform } from 'node:stream'
        import { defineTransform } from 'docferry'
        export const own = defineTransform<{ add: number }>({
          holdsBack: false,
          make: ({ add }, { collection }) => new Transform({ objectMode: true, transform(document, _, done) { done(null, { ...document, add, collection }) } })
        })`
      )
      const [stage] = (await makeStages(await bench.load(moduleStage('    options: { add: 2 }\n    collections: [users]\n')), {
        environment: {}
      })) as readonly TransformStage[]
      expect(stage).to.deep.include({ name: './s.ts#own', holdsBack: false })
      const through = async (collection: string): Promise<unknown> => {
        const stream = stage!.transform({ collection }) as Transform
        stream.end({ _id: '1' })
        return (await stream.toArray())[0]
      }
      expect(await through('users')).to.deep.equal({ _id: '1', add: 2, collection: 'users' })
      expect(await through('logs')).to.deep.equal({ _id: '1' })
      expect(await bench.lint(moduleStage('    onError: skip\n'))).to.deep.equal([
        'x.yaml:5:5: stages[0].onError: is not possible for a Node Transform: a stream that has failed can not go on'
      ])
    })

    for (const [what, module, ...patterns] of [
      ['a missing module', undefined, /^x\.yaml:4:13: stages\[0\]\.module: there is no module \.\/s\.ts/],
      [
        'a missing export',
        'export const other = 1, owner = 2',
        /\.\/s\.ts exports no own \(did you mean owner\?\); it exports other, owner$/
      ],
      ['a syntax error', 'export const a = 1\nexport const b = = 2\n', /\.\/s\.ts does not load: .*\(s\.ts:2:18\)$/],
      ['an error while it loads', 'const a: number = 1\n\nthrow new Error(`no ${a}`)', /\.\/s\.ts does not load: no 1 \(s\.ts:3\)$/],
      ['an import that is missing', "import 'no-such-package'\nexport const own = 1", /there is no module no-such-package \(s\.ts:1\)$/],
      ['a class', 'export class own {}', /s\.ts#own is a class; export a function/],
      [
        'a stream',
        'import { PassThrough } from "node:stream"\nexport const own = new PassThrough()',
        /s\.ts#own is a stream, which can be used only once/
      ],
      ['what only looks like a factory', 'export const own = { make() {} }', /s\.ts#own is an object with make: wrap it as defineStage/],
      ['what is no stage', 'export const own = 5', /s\.ts#own is of type number; a function, /],
      [
        'a make that fails',
        'import { defineStage } from "docferry"\nexport const own = defineStage({ make() { throw new Error("no key") } })',
        /s\.ts#own: no key$/
      ],
      [
        'a make that gives no stage',
        'import { defineStage } from "docferry"\nexport const own = defineStage({ make: () => 5 as never })',
        /make returned no stage/
      ],
      [
        'a schema that is none',
        'export const schema = { type: "strin" }\nexport const own = (d: object) => d',
        /the schema of its options is none: /
      ]
    ] as const) {
      it(`tell ${what}`, async () => {
        if (module !== undefined) bench.write('s.ts', module)
        const lines = await bench.lint(moduleStage())
        expect(lines, lines.join('\n')).to.have.length(patterns.length)
        for (const [index, pattern] of patterns.entries()) expect(lines[index]).to.match(pattern)
      })
    }

    it('suggests the name of a file', async () => {
      bench.write('my-stage.ts', '')
      expect((await bench.lint(`${ends}stages:\n  - module: ./my-stag.ts\n`))[0]).to.include('(did you mean ./my-stage.ts?)')
      expect((await bench.lint(`${ends}stages:\n  - module: my-stage.ts\n`))[0]).to.include('write ./my-stage.ts')
    })

    it('is loaded once, and shares what its modules share', async () => {
      bench.write('count.ts', 'export const seen: string[] = []')
      bench.write(
        's.ts',
        "import { seen } from './count.ts'\nseen.push('loaded')\nexport const own = (document: object) => ({ ...document, seen: seen.length })\nexport const other = own"
      )
      bench.write('t.ts', "import { seen } from './count.ts'\nexport default (document: object) => { seen.push('t'); return document }")
      const stages = await make(moduleStage('  - module: ./t.ts\n  - module: ./s.ts#other\n'))
      expect(await run(stages, { _id: '1' })).to.deep.equal({ _id: '1', seen: 2 })
    })
  })
})
