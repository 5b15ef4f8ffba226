import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { makeStage } from '../../lib/stages/make-stage.ts'
import { validate } from '../../lib/stages/validate.ts'
import type { Stage } from '../../lib/types.ts'
import { Decimal, Double, GeoPoint, Reference, Timestamp, ValueSet, Vector } from '../../lib/values/index.ts'
import type { Value } from '../../lib/values/index.ts'

const context = { collection: 'c' }
const making = (folder: string) => ({ folder, environment: {} })

function problem(schema: object | boolean, fields: Record<string, Value>, options: { withoutId?: boolean } = {}): string {
  const document = { _id: '1', ...fields }
  try {
    expect(validate({ schema, ...options }).apply(document, context)).to.equal(document)
    return 'none'
  } catch (error) {
    return (error as Error).message
  }
}

async function makingProblem(options: unknown, folder = '.'): Promise<string> {
  return await makeStage('validate', options, making(folder)).then(
    () => 'none',
    (error: Error & { code?: string }) => `${error.code} ${error.message}`
  )
}

describe('stage validate', () => {
  it('makes dead letters of what does not fit, unless somebody says otherwise', () => {
    expect(validate({ schema: {} })).to.include({ onError: 'dead-letter', changesInPlace: false, mayRepeatIds: false })
  })

  it('compares maps by their fields, whatever these are called', () => {
    const names = ['valueOf', 'toString', 'constructor', 'hasOwnProperty', '__proto__', 'length', 'a']
    const map = (name: string, value: Value): Value => JSON.parse(`{${JSON.stringify(name)}:${JSON.stringify(value)},"b":1}`) as Value
    for (const name of names) {
      for (const value of [1, null, 'x', { c: 1 }, [1]]) {
        const list = (other: Value): string =>
          problem({ properties: { l: { uniqueItems: true } } }, { l: [1, map(name, value), 'x', other] })
        expect(list(map(name, value)), name).to.equal('l must NOT have duplicate items (uniqueItems)')
        for (const other of [map(name, 2), map(name, { c: 2 }), {}, [], null, map('other', value)])
          expect(list(other), name).to.equal('none')
        const schemas = [{ const: map(name, value) }, { enum: [7, map(name, value)] }]
        for (const schema of schemas) {
          expect(problem({ properties: { m: schema } }, { m: map(name, value) }), name).to.equal('none')
          expect(problem({ properties: { m: schema } }, { m: map(name, 2) }), name).to.match(/^m must be equal to/)
        }
      }
    }
  })

  it('names every place and keyword, and no value', () => {
    const schema = {
      type: 'object',
      required: ['name', 'age'],
      properties: {
        _id: {},
        age: { type: 'integer', minimum: 18 },
        email: { type: 'string', format: 'email' },
        role: { enum: ['admin', 'user'] },
        kind: { const: 'x' },
        'odd.name': { type: 'object', required: ['in'] },
        list: { type: 'array', items: { type: 'object', properties: { n: { type: 'number' } } }, maxItems: 1 }
      },
      additionalProperties: false
    }
    const fields = { age: 7.5, email: 'hush', role: 'hush', kind: 'hush', 'odd.name': {}, list: [{ n: 1 }, { n: 'hush' }], more: 'hush' }
    const issues = problem(schema, fields).split('; ')
    expect(issues).to.have.members([
      'name is missing (required)',
      'more is not allowed (additionalProperties)',
      'age must be integer (type)',
      'age must be >= 18 (minimum)',
      'email must match format email (format)',
      'role must be equal to one of the allowed values (enum)',
      'kind must be equal to constant (const)',
      '"odd.name".in is missing (required)',
      'list must NOT have more than 1 items (maxItems)',
      'list[1].n must be number (type)'
    ])
  })

  it('tells so many issues and no more', () => {
    const issues = problem({ properties: { l: { items: { type: 'string' } } } }, { l: Array.from({ length: 1000 }, () => 5) })
    expect(issues).to.match(/^l\[0\] must be string \(type\); .*; and 980 more$/)
    expect(issues.length).to.be.below(1000)
  })

  it('checks values in their plain form', () => {
    const schema = {
      properties: {
        double: { type: 'integer', const: 1 },
        big: { type: 'integer', exclusiveMinimum: 9007199254740991 },
        decimal: { type: 'number', maximum: 0.2 },
        at: { type: 'string', format: 'date-time' },
        bytes: { type: 'string', const: 'aGk=' },
        author: { type: 'string', pattern: '^users/' },
        point: { type: 'object', required: ['latitude', 'longitude'], properties: { latitude: { maximum: 90 } } },
        vector: { type: 'array', items: { type: 'number' }, minItems: 2 },
        set: { type: 'array', uniqueItems: true, items: { type: 'number' } }
      }
    }
    const fields = {
      double: new Double(1),
      big: 9007199254740993n,
      decimal: new Decimal('0.1234567890123456789'),
      at: new Timestamp(1, 5),
      bytes: new Uint8Array([0x68, 0x69]),
      author: new Reference('users/1'),
      point: new GeoPoint(1, 2),
      vector: new Vector([1, 2]),
      set: new ValueSet([1, 9007199254740993n])
    }
    expect(problem(schema, fields)).to.equal('none')
    expect(
      problem({ properties: { l: { items: { properties: { at: { type: 'number' } } } } } }, { l: [{ at: new Timestamp(1, 0) }] })
    ).to.equal('l[0].at must be number (type)')
    expect(fields.double).to.be.instanceOf(Double)
  })

  it('sees the document’s own fields only', () => {
    expect(problem({ required: ['toString'] }, {})).to.equal('toString is missing (required)')
    expect(problem({ required: ['a'] }, { a: undefined as never })).to.equal('a is missing (required)')
  })

  it('checks with _id, or without', () => {
    const schema = { properties: { a: {} }, additionalProperties: false }
    expect(problem(schema, { a: 1 })).to.equal('_id is not allowed (additionalProperties)')
    expect(problem(schema, { a: 1 }, { withoutId: true })).to.equal('none')
  })

  it('takes true and false', () => {
    expect(problem(true, { a: 1 })).to.equal('none')
    expect(problem(false, { a: 1 })).to.not.equal('none')
  })

  it('knows draft 07 and 2019-09 by $schema, and 2020-12 otherwise', () => {
    const pair = { l: [1, 'x'] as Value[] }
    const tuple = { items: [{ type: 'string' }] }
    expect(problem({ $schema: 'http://json-schema.org/draft-07/schema#', properties: { l: tuple } }, pair)).to.equal(
      'l[0] must be string (type)'
    )
    expect(problem({ $schema: 'https://json-schema.org/draft/2019-09/schema', properties: { l: tuple } }, pair)).to.equal(
      'l[0] must be string (type)'
    )
    for (const $schema of [undefined, 'https://json-schema.org/draft/2020-12/schema']) {
      expect(problem({ ...($schema && { $schema }), properties: { l: { prefixItems: [{ type: 'string' }] } } }, pair)).to.equal(
        'l[0] must be string (type)'
      )
    }
  })

  it('lets references inside of the schema be, and what OpenAPI adds', () => {
    const schema = { $defs: { id: { type: 'string', example: 'x', 'x-order': 1 } }, properties: { a: { $ref: '#/$defs/id' } } }
    expect(problem(schema, { a: 5 })).to.equal('a must be string (type)')
  })

  for (const [schema, message] of [
    [{ type: 'objekt' }, 'schema.type: must be one of array, boolean, integer, null, number, object, string (did you mean object?)'],
    [{ properties: { a: { type: ['nul', 'string'] } } }, 'schema.properties.a.type[0]: must be one of'],
    [{ required: 'a', minimum: 'b' }, 'schema.minimum: must be number; schema.required: must be array'],
    [{ requird: ['a'] }, 'there is no keyword requird (did you mean required?)'],
    [{ properties: { a: { format: 'emial' } } }, 'there is no format emial (did you mean email?)'],
    [{ properties: { a: { pattern: '(' } } }, 'Invalid regular expression'],
    [{ $ref: 'https://example.com/other.json' }, 'put what it refers to into $defs'],
    [{ $schema: 'http://json-schema.org/draft-04/schema#' }, 'schema.$schema: there is https://json-schema.org/draft/2020-12/schema'],
    [{ $async: true }, '$async is not possible here']
  ] as const) {
    it(`refuses the schema ${JSON.stringify(schema)}`, async () => {
      expect(await makingProblem({ schema }))
        .to.match(/^DOCFERRY_CONFIG schema/)
        .and.include(message)
    })
  }

  describe('from a file', () => {
    let folder: string

    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'docferry-validate-'))
      writeFileSync(join(folder, 'user.json'), '{"required":["a"]}')
      writeFileSync(join(folder, 'broken.json'), '{"required":')
      writeFileSync(join(folder, 'list.json'), '[]')
    })

    after(() => rmSync(folder, { recursive: true }))

    it('is read relative to the pipeline', async () => {
      const stages: Stage[] = [
        await makeStage('validate', 'user.json', making(folder)),
        await makeStage('validate', { file: './user.json' }, making(folder))
      ]
      for (const stage of stages) expect(() => stage.apply({ _id: '1' }, context)).to.throw('a is missing (required)')
    })

    it('says what is wrong with the file', async () => {
      expect(await makingProblem('missing.json', folder)).to.match(/^DOCFERRY_CONFIG file: .*missing\.json cannot be read \(ENOENT\)$/)
      expect(await makingProblem('broken.json', folder)).to.include('broken.json is not valid JSON')
      expect(await makingProblem('list.json', folder)).to.include('list.json holds no JSON Schema')
    })
  })

  it('wants one schema', async () => {
    for (const options of [{}, { schema: {}, file: 'x' }, { shema: {} }, undefined]) {
      expect(await makingProblem(options), JSON.stringify(options)).to.match(
        /^DOCFERRY_CONFIG (stage validate: shema: is unknown|schema, file: one of the two is wanted)/
      )
    }
  })
})
