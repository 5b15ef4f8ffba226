import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'chai'
import fc from 'fast-check'
import { optionsSchema, rootSchema, sourceSchema, targetSchema, testSchema } from '../../lib/pipeline/sections.ts'
import { stageSpecs } from '../../lib/registry.ts'
import { surelyFits } from '../../lib/stages/fits-schema.ts'
import type { JsonSchema } from '../../lib/stages/stage-spec.ts'

const ajv = new Ajv2020({ allowUnionTypes: true, strictTypes: false, strictRequired: false, strictTuples: false })

const name = fc.constantFrom('a', 'b', 'ab', '__proto__', 'toString', '')
const number = fc.constantFrom(0, 1, 2, 2.5, -1, NaN, Infinity)
const text = fc.constantFrom('', 'a', 'ab', 'abc', '😀', '\u{1f600}b', 'toString')
const scalar = fc.oneof(fc.constantFrom(null, true, false, undefined), number, text)
const value = fc.letrec(tie => ({
  any: fc.oneof({ maxDepth: 3 }, scalar, fc.array(tie('any'), { maxLength: 3 }), fc.dictionary(name, tie('any'), { maxKeys: 3 }), fc.date())
})).any

const small = fc.integer({ min: 0, max: 3 })
const schema: fc.Arbitrary<JsonSchema> = fc.letrec<{ any: JsonSchema }>(tie => {
  const named = fc.dictionary(fc.constantFrom('a', 'b', 'ab'), tie('any'), { maxKeys: 2 })
  const patterns = fc.constantFrom('^a', 'b$', '^.$', '^(?!__proto__$)')
  return {
    any: fc.oneof(
      { maxDepth: 3 },
      fc.record(
        {
          type: fc.oneof(
            fc.constantFrom('string', 'number', 'integer', 'boolean', 'null', 'array', 'object'),
            fc.constant(['object', 'null', 'array'])
          ),
          enum: fc.uniqueArray(fc.oneof(text, fc.constantFrom(1, null, true)), { minLength: 1, maxLength: 3 }),
          minLength: small,
          maxLength: small,
          minimum: small,
          maximum: small,
          exclusiveMinimum: small,
          exclusiveMaximum: small,
          pattern: patterns,
          title: fc.constant('a title')
        },
        { requiredKeys: [] }
      ),
      fc.record({ const: fc.oneof(text, fc.constantFrom(1, null)) }),
      fc.record({ anyOf: fc.array(tie('any'), { minLength: 1, maxLength: 2 }) }),
      fc.record({ not: tie('any') }),
      fc.record({ oneOf: fc.array(tie('any'), { minLength: 1, maxLength: 2 }) }),
      fc.record(
        { type: fc.constant('array'), items: tie('any'), minItems: small, maxItems: small, uniqueItems: fc.constant(true) },
        { requiredKeys: [] }
      ),
      fc.record(
        {
          type: fc.constant('object'),
          properties: named,
          patternProperties: fc.dictionary(patterns, tie('any'), { maxKeys: 1 }),
          additionalProperties: fc.oneof(fc.boolean(), tie('any')),
          propertyNames: fc.record({ pattern: patterns }),
          required: fc.uniqueArray(name, { maxLength: 2 }),
          dependentRequired: fc.dictionary(
            name.filter(each => each !== '__proto__'),
            fc.uniqueArray(name, { maxLength: 2 }),
            { maxKeys: 1 }
          ),
          minProperties: small,
          maxProperties: small
        },
        { requiredKeys: [] }
      )
    )
  }
}).any

/** To compare the elements of a list ajv calls their `valueOf` and `toString`, which may be fields, or missing: then it throws. */
function judgement(validate: () => boolean): boolean | undefined {
  try {
    return validate()
  } catch {
    return undefined
  }
}

describe('surelyFits', function () {
  this.timeout(60_000)

  it('says so only of what fits', () => {
    let found = 0
    fc.assert(
      fc.property(schema, fc.array(value, { minLength: 1, maxLength: 8 }), (wanted, values) => {
        let validate: (each: unknown) => boolean
        try {
          // What a value only inherits, such as `toString`, is no property of it; ajv takes it for one unless it is told.
          validate = new Ajv2020({ allowUnionTypes: true, strict: false, ownProperties: true }).compile(wanted)
        } catch {
          return
        }
        for (const each of values) {
          const fits = judgement(() => validate(each))
          const isSure = surelyFits(wanted, each)
          if (isSure) expect(fits, JSON.stringify([wanted, each])).to.equal(true)
          if (isSure) found++
        }
      }),
      { numRuns: 300 }
    )
    expect(found).to.be.above(20)
  })

  it('says so of the options of every example', async () => {
    for (const load of Object.values(stageSpecs)) {
      const spec = await load()
      for (const { options } of spec.examples) expect(surelyFits(spec.schema, options), spec.name).to.equal(true)
    }
  })

  it('says so of the parts of a pipeline', () => {
    const fitting: [JsonSchema, unknown][] = [
      [rootSchema, { source: 'a.ndjson', target: 'b.ndjson', stages: [], 'x-mine': 1 }],
      [sourceSchema, { address: 'a.ndjson', collections: ['a'] }],
      [targetSchema, { address: 'a.ndjson' }],
      [optionsSchema, { workers: 'auto', maxRate: 5 }],
      [testSchema, { in: { _id: 'a' }, out: { _id: 'a' } }]
    ]
    for (const [wanted, each] of fitting) {
      expect(ajv.compile(wanted)(each), JSON.stringify(each)).to.equal(true)
      expect(surelyFits(wanted, each), JSON.stringify(each)).to.equal(true)
    }
  })

  it('knows nothing of objects of a class, or of keywords that it does not know', () => {
    class Options {
      readonly a = 1
    }
    expect(surelyFits({ type: 'object' }, new Options())).to.equal(false)
    expect(surelyFits({ properties: { a: { type: 'number' } } }, new Options())).to.equal(false)
    expect(surelyFits({ uniqueItems: true }, ['a'])).to.equal(false)
  })
})
