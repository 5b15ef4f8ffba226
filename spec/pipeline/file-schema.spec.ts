import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ValidateFunction } from 'ajv/dist/2020.js'
import { expect } from 'chai'
import { parse } from 'yaml'
import { projectFolder } from '../../scripts/servers/tools.ts'
import { pipelineSchema } from '../../lib/pipeline/file-schema.ts'
import { stageSpecs } from '../../lib/registry.ts'
import { ends, pipelineBench } from './bench.ts'

describe('pipeline: the schema for editors', function () {
  this.timeout(20_000)
  const bench = pipelineBench()
  let schema: Record<string, unknown>
  let validate: ValidateFunction
  before(async () => {
    schema = await pipelineSchema()
    validate = new Ajv2020({
      strict: true,
      strictRequired: false,
      strictTypes: false,
      allowUnionTypes: true,
      allErrors: true,
      formats: {}
    }).compile(schema)
  })
  /** As an editor sees a file: nothing is put in for variables. */
  const fits = (text: string): boolean => validate(parse(text, { merge: true }))
  const why = (): string => JSON.stringify(validate.errors, undefined, 1)

  it('is the one in pipelines/: npm run schema writes it', () => {
    const written = readFileSync(join(projectFolder(), 'pipelines/pipeline.schema.json'), 'utf8')
    expect(JSON.parse(written)).to.deep.equal(JSON.parse(JSON.stringify(schema)))
  })

  it('fits every pipeline in pipelines/', () => {
    const folder = join(projectFolder(), 'pipelines')
    const files = readdirSync(folder).filter(name => /\.(?:ya?ml|json)$/.test(name) && name !== 'pipeline.schema.json')
    for (const file of files) expect(fits(readFileSync(join(folder, file), 'utf8')), `${file}: ${why()}`).to.equal(true)
  })

  it('fits every example of every stage', async () => {
    for (const [name, load] of Object.entries(stageSpecs)) {
      for (const { options } of (await load()).examples) {
        const pipeline = { source: 'a.json', target: 'b.json', stages: [{ [name]: options }] }
        expect(validate(pipeline), `${name}: ${why()}`).to.equal(true)
      }
    }
  })

  it('says of every stage what it does', () => {
    const { properties } = (schema['$defs'] as Record<string, { properties: Record<string, { description: string }> }>)['stage']!
    for (const name of Object.keys(stageSpecs)) expect(properties[name]!.description, name).to.be.a('string').and.not.equal('')
  })

  // What the two say of one text must be the same, but for what only the values of variables tell.
  for (const [what, text] of [
    ['a source and a target', ends],
    [
      'maps, several, and all keys',
      'sources: [{ name: a, address: a.json, collections: [x], rename: { x: y }, stages: [{ strip: [a] }] }, b.json]\ntargets: [c.json, { name: d, address: d.json }]\ncollections: [y, { name: b, as: bb, stages: [{ pick: [a] }] }]\n'
    ],
    ['a preset', `${ends}preset: gofannon\n`],
    [
      'a stage with all common keys',
      `${ends}stages:\n  - strip: [a]\n    name: n\n    onError: skip\n    collections: [a]\n    sources: [file]\n`
    ],
    [
      'variables in place of numbers and words',
      `${ends}options:\n  parallel: \${N:-4}\n  onConflict: \${C:-skip}\n  verify: \${V:-true}\n`
    ],
    ['options', `${ends}options: { onConflict: fail, parallel: 2, maxFailures: 1%, verify: true }\n`],
    ['tests', `${ends}tests: [{ in: { _id: a }, out: [] }, { name: n, in: [{ _id: a }], out: { _id: b } }]\n`],
    ['keys whose values are commented out', `${ends}stages:\n  # - strip: [a]\noptions:\ntests:\n`],
    ['anchors under a key of their own', `${ends}x-common: &c [{ strip: [a] }]\nstages: *c\n`]
  ] as const) {
    it(`fits, as lint does: ${what}`, async () => {
      expect(fits(text), why()).to.equal(true)
      expect(await bench.lint(text)).to.deep.equal([])
    })
  }

  for (const [what, text] of [
    ['a misspelt stage', `${ends}stages:\n  - strp: [a]\n`],
    ['a misspelt key beside a stage', `${ends}stages:\n  - strip: [a]\n    onErorr: skip\n`],
    ['a misspelt word', `${ends}stages:\n  - strip: [a]\n    onError: skipp\n`],
    ['two stages in one entry', `${ends}stages:\n  - strip: [a]\n    pick: [a]\n`],
    ['no stage in an entry', `${ends}stages:\n  - name: a\n`],
    ['options beside a built-in stage', `${ends}stages:\n  - strip: [a]\n    options: {}\n`],
    ['a stage that is only a name', `${ends}stages: [strip]\n`],
    ['options of a stage that are wrong', `${ends}stages:\n  - strip: { a: 1 }\n`],
    ['a path that is none', `${ends}stages:\n  - strip: [a..b]\n`],
    ['a missing source', 'target: a.json\n'],
    ['source and sources', `${ends}sources: [a.json]\n`],
    ['several under target', 'source: a.json\ntarget: [b.json]\n'],
    ['a source without an address', 'source: { name: a }\ntarget: b.json\n'],
    ['a target with stages', 'source: a.json\ntarget: { address: b.json, stages: [] }\n'],
    ['collections and a preset', `${ends}collections: [a]\npreset: gofannon\n`],
    ['an unknown key', `${ends}stage: []\n`],
    ['an option that is none', `${ends}options: { onConflct: skip }\n`],
    ['an option of a wrong type', `${ends}options: { parallel: two }\n`],
    ['a test without out', `${ends}tests: [{ in: { _id: a } }]\n`],
    ['a test with what is no document', `${ends}tests: [{ in: { id: a }, out: [] }]\n`]
  ] as const) {
    it(`refuses, as lint does: ${what}`, async () => {
      expect(fits(text)).to.equal(false)
      expect(await bench.lint(text)).not.to.deep.equal([])
    })
  }
})
