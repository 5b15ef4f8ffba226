import { expect } from 'chai'
import fc from 'fast-check'
import { applyStages } from '../../lib/engine/apply-stages.ts'
import { placeStage } from '../../lib/pipeline/place-stage.ts'
import { loadStageSpec } from '../../lib/registry.ts'
import { inPlaceOf, stagesInPlace } from '../../lib/stages/in-place.ts'
import { makeStage } from '../../lib/stages/make-stage.ts'
import type { Document, Stage, Value } from '../../lib/types.ts'
import { cloneDocument } from '../../lib/values/index.ts'
import { making } from './support.ts'

const context = { collection: 'a', partition: 'a' }

const names = ['a', 'b', 'c', '__proto__']
const scalar: fc.Arbitrary<Value> = fc.constantFrom<Value>(null, true, 'true', '7', 'x', '2024-05-01T10:00:00Z', 0, 1.5, '[1]')
const value = fc.letrec<{ any: Value }>(tie => ({
  any: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...names), tie('any'), { maxKeys: 4 })
  )
})).any
const document: fc.Arbitrary<Document> = fc
  .dictionary(fc.constantFrom(...names), value, { maxKeys: 4 })
  .map(fields => ({ _id: 'd', ...fields }))

const path = fc.constantFrom('a', 'b', 'c', 'a.b', 'a.b.c', 'b[*]', 'b[0].a', 'a.*', 'c[*].b', 'c.a')
const paths = fc.uniqueArray(path, { minLength: 1, maxLength: 3 })
const constant = fc.constantFrom<unknown>(1, 'x', { a: { b: 1 } }, [{ c: 1 }], '{{ a | default:0 }}', '{{ b.a | optional }}', '{{ c }}')
const puts = fc.dictionary(path, constant, { minKeys: 1, maxKeys: 3 })
const types = fc.constantFrom('string', 'number', 'boolean', 'json', 'parse-json', 'date')

const stage: fc.Arbitrary<readonly [string, unknown]> = fc.oneof(
  puts.map(options => ['set', options] as const),
  fc.record({ fields: puts, null: fc.boolean() }).map(options => ['default', options] as const),
  fc
    .record({
      fields: fc.dictionary(path, types, { minKeys: 1, maxKeys: 3 }),
      otherwise: fc.constantFrom('fail', 'keep', 'null', 'remove')
    })
    .map(options => ['convert', options] as const),
  fc.dictionary(path, fc.constantFrom('a', 'b', 'n'), { minKeys: 1, maxKeys: 2 }).map(options => ['rename', options] as const),
  paths.map(options => ['strip', options] as const),
  paths.map(options => ['pick', options] as const),
  paths.map(fields => ['redact', { fields }] as const),
  paths.map(fields => ['redact', { fields, patterns: [{ regex: 'x' }] }] as const),
  fc.constantFrom({ a: 'x' }, { 'a.b': { $exists: false } }).map(options => ['filter', options] as const)
)

async function made(entries: readonly (readonly [string, unknown])[]): Promise<Stage[] | undefined> {
  try {
    return await Promise.all(entries.map(([name, options]) => makeStage(name, options, making)))
  } catch {
    return undefined
  }
}

/** @returns undefined where a stage fails */
function outOf(stages: readonly Stage[], came: Document): Document[] | undefined {
  const out: Document[] = []
  try {
    void applyStages(stages, came, context, each => void out.push(each))
    return out
  } catch {
    return undefined
  }
}

/** Change every map and list in it. */
function spoil(part: Value): void {
  if (typeof part !== 'object' || part === null) return
  if (Array.isArray(part)) {
    part.forEach(spoil)
    part.push('spoilt')
  } else if (Object.getPrototypeOf(part) === Object.prototype) {
    for (const each of Object.values(part as Record<string, Value>)) spoil(each)
    ;(part as Record<string, Value>)['spoilt'] = true
  }
}

const keyed = (documents: readonly Document[] | undefined): string => JSON.stringify(documents ?? 'failed')

describe('stages in place', function () {
  this.timeout(60_000)

  it('make the same, fields in the same order, and give nothing that anybody else holds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(stage, { minLength: 1, maxLength: 3 }),
        fc.array(document, { minLength: 1, maxLength: 4 }),
        async (entries, all) => {
          const stages = await made(entries)
          if (!stages) return
          const inPlace = stagesInPlace(stages)
          for (const came of [...all, ...all]) {
            const before = JSON.stringify(came)
            const wanted = outOf(stages, cloneDocument(came))
            const found = outOf(inPlace, cloneDocument(came))
            expect(keyed(found), JSON.stringify([entries, before])).to.equal(keyed(wanted))
            expect(found).to.deep.equal(wanted)
            found?.forEach(spoil)
          }
        }
      ),
      { numRuns: 500 }
    )
  })

  it('end with the first that may give what somebody holds', async () => {
    const [set] = (await made([['set', { 'a.b': 1 }]]))!
    const shared = { b: 0 }
    const own: Stage = { name: 'own', apply: came => ({ ...came, a: shared }) }
    const stages = stagesInPlace([set!, own, set!])
    expect(stages.map((each, index) => each.apply !== [set!, own, set!][index]!.apply)).to.deep.equal([true, false, false])
    expect(outOf(stages, { _id: 'd' })).to.deep.equal([{ _id: 'd', a: { b: 1 } }])
    expect(shared).to.deep.equal({ b: 0 })
  })

  it('are only for the collections that their place in a pipeline names', async () => {
    const spec = await loadStageSpec('set')
    const set = await spec.make({ 'a.b': 1 }, making)
    const placed = placeStage(set, { name: 'set', text: 'set', place: 'stages[0]', collections: ['others'] }) as Stage
    const [inPlace] = stagesInPlace([placed])
    expect(inPlaceOf(placed.apply)).not.to.equal(undefined)
    const came: Document = { _id: 'd', a: {} }
    expect(inPlace!.apply(came, context)).to.equal(came).and.deep.equal({ _id: 'd', a: {} })
    expect(inPlace!.apply(came, { ...context, collection: 'others' }))
      .to.equal(came)
      .and.deep.equal({ _id: 'd', a: { b: 1 } })
  })
})
