/** For every built-in stage: its schema is one, its examples are true, and what it promises of itself holds for them. */
import { expect } from 'chai'
import { applyStages } from '../../lib/engine/apply-stages.ts'
import { loadStageSpec, stageSpecs } from '../../lib/registry.ts'
import { checkStageOptions, makeStage, propertiesOf } from '../../lib/stages/make-stage.ts'
import type { JsonSchema, StageSpec } from '../../lib/stages/stage-spec.ts'
import type { Document, Stage } from '../../lib/types.ts'
import { canonicalBytes } from '../../lib/values/index.ts'

const making = { folder: '.', environment: {} }
const context = { collection: 'documents', partition: 'documents' }
const listOf = (documents: Document | readonly Document[]): readonly Document[] => ('_id' in documents ? [documents] : documents)

/** A stage gets documents that are nobody else's. */
async function run(stage: Stage, documents: readonly Document[]): Promise<Document[]> {
  const out: Document[] = []
  await stage.open?.({ dryRun: false, resumed: false })
  try {
    for (const document of documents) await applyStages([stage], copyOf(document), context, result => void out.push(result))
  } finally {
    await stage.close?.(true)
  }
  return out
}

/** Values of classes are immutable, and stay. */
function copyOf<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copyOf) as T
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, copyOf(member as unknown)])) as T
}

/** All schemas in a schema, itself included. */
function* schemasIn(schema: unknown): Generator<JsonSchema> {
  if (typeof schema !== 'object' || schema === null) return
  if (!Array.isArray(schema)) yield schema as JsonSchema
  for (const member of Object.values(schema)) yield* schemasIn(member)
}

for (const name of Object.keys(stageSpecs)) {
  describe(`stage ${name}`, () => {
    let spec: StageSpec

    before(async () => {
      spec = await loadStageSpec(name)
    })

    it('has the name that it is registered by, a summary in one line, and one to four examples', () => {
      expect(spec.name).to.equal(name)
      expect(spec.summary).to.match(/^[a-z][^\n]{3,99}[^.\n]$/)
      expect(spec.examples.length).to.be.within(1, 4)
    })

    it('has a schema that says what each option is for, and knows no others', () => {
      for (const [option, property] of propertiesOf(spec.schema)) expect(property['description'], option).to.be.a('string')
      for (const schema of schemasIn(spec.schema)) {
        expect(schema).to.not.have.property('$ref')
        if (typeof schema['properties'] === 'object' && schema['type'] === 'object') {
          expect(schema, Object.keys(schema['properties'] as object).join()).to.have.property('additionalProperties')
        }
      }
    })

    it('takes the options of its examples, and gives exactly what they say', async () => {
      for (const { options, in: given, out } of spec.examples) {
        expect(checkStageOptions(spec, options)).to.deep.equal([])
        const results = await run(await makeStage(name, options, making), listOf(given))
        expect(results).to.deep.equal(listOf(out))
        expect(results.map(each => Object.keys(each))).to.deep.equal(listOf(out).map(each => Object.keys(each)))
      }
    })

    it('gives the same when it is made again', async () => {
      for (const { options, in: given } of spec.examples) {
        const first = await run(await makeStage(name, options, making), listOf(given))
        expect(await run(await makeStage(name, options, making), listOf(given))).to.deep.equal(first)
      }
    })

    it('does not change what it is given where it says so', async () => {
      for (const { options, in: given } of spec.examples) {
        const stage = await makeStage(name, options, making)
        if (stage.changesInPlace !== false) continue
        const documents = listOf(given).map(copyOf)
        const before = documents.map(document => canonicalBytes(document))
        await stage.open?.({ dryRun: false, resumed: false })
        for (const document of documents) await applyStages([stage], document, context, () => undefined)
        await stage.close?.(true)
        expect(documents.map(document => canonicalBytes(document))).to.deep.equal(before)
      }
    })
  })
}
