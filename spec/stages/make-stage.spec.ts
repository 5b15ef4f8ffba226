import { expect } from 'chai'
import { checkStageOptions, issueText, makeStage, secretsIn } from '../../lib/stages/make-stage.ts'
import type { JsonSchema } from '../../lib/stages/stage-spec.ts'
import { making, wrong } from './support.ts'

const check = (schema: JsonSchema, options: unknown): readonly string[] => checkStageOptions({ schema }, options).map(issueText)

const listOrMap: JsonSchema = {
  anyOf: [
    { type: 'array', items: { type: 'string' } },
    {
      type: 'object',
      required: ['fields'],
      additionalProperties: false,
      properties: {
        fields: { type: 'array', minItems: 1, items: { type: 'string' } },
        how: { anyOf: [{ enum: ['fail', 'keep'] }, { type: 'boolean' }] },
        count: { type: 'integer', minimum: 1 }
      }
    }
  ]
}

describe('options of stages', () => {
  it('that fit have no issue, in any of their forms', () => {
    for (const options of [['a'], { fields: ['a'] }, { fields: ['a'], how: 'keep', count: 2 }, { fields: ['a'], how: true }])
      expect(check(listOrMap, options)).to.deep.equal([])
  })

  it('are told all that is wrong, each by its path', () => {
    expect(check(listOrMap, { fields: ['a', 1], how: 'kep', count: 1.5, feilds: [] })).to.have.members([
      'feilds: is unknown here (did you mean fields?); there are fields, how, count',
      'fields[1]: must be text, and is a number',
      'how: must be fail or keep or true or false (did you mean keep?)',
      'count: must be a whole number, and is a number with a fraction'
    ])
  })

  it('give paths whose indexes are numbers', () => {
    expect(checkStageOptions({ schema: listOrMap }, { fields: ['a', {}] })).to.deep.equal([
      { path: ['fields', 1], message: 'must be text, and is a map' }
    ])
    expect(checkStageOptions({ schema: { type: 'object', additionalProperties: { type: 'string' } } }, { '0': 1 })[0]?.path).to.deep.equal([
      '0'
    ])
  })

  it('of one form are judged by that form', () => {
    expect(check(listOrMap, [1])).to.deep.equal(['[0]: must be text, and is a number'])
    expect(check(listOrMap, {})).to.deep.equal(['fields: is missing'])
    expect(check(listOrMap, { fields: [] })).to.deep.equal(['fields: must not be empty'])
    expect(check(listOrMap, { fields: ['a'], count: 0 })).to.deep.equal(['count: must be at least 1'])
  })

  it('of no form are told which there are', () => {
    expect(check(listOrMap, 'a')).to.deep.equal(['must be a list or a map, and is text'])
    expect(check(listOrMap, 3)).to.deep.equal(['must be a list or a map, and is a number'])
  })

  it('that are missing or null are none', () => {
    expect(check({ type: 'object', additionalProperties: false }, undefined)).to.deep.equal([])
    expect(check(listOrMap, null)).to.deep.equal(['fields: is missing'])
  })

  it('of which one at least is needed are named together', () => {
    const schema = { type: 'object', anyOf: [{ required: ['a'] }, { required: ['b'] }] }
    expect(check(schema, {})).to.deep.equal(['one of a, b is needed'])
    expect(check(schema, { b: 1 })).to.deep.equal([])
  })

  it('are refused by makeStage with all issues', async () => {
    expect(await wrong('default', { null: 1, feilds: {} })).to.equal(
      'stage default: fields: is missing; feilds: is unknown here (did you mean fields?); there are fields, null; null: must be true or false, and is a number'
    )
  })

  it('name a path that is none by its place, also as the name of a field', async () => {
    expect(await wrong('strip', ['a', 'b..c'])).to.match(/^stage strip: \[1\]: "b\.\.c" is no path to a field \(character 3\)/)
    expect(await wrong('set', { 'a..b': 1 })).to.match(/^stage set: "a\.\.b": "a\.\.b" is no path to a field/)
    expect(await wrong('move', { fields: { 'a[*]': 'b' } })).to.match(/leads to several places, where one is wanted/)
    for (const path of ['*.a', '[0].a', '', 'a.', 'a[x]', '"a', '"\\q"'])
      expect(await wrong('strip', [path])).to.match(/is no path to a field|must not be empty/)
  })

  it('that are secrets are told by name only', () => {
    const schema = { type: 'object', properties: { key: { type: 'string', writeOnly: true }, other: {} } }
    expect(secretsIn({ schema }, { key: 'x', other: 1 })).to.deep.equal(['key'])
    expect(secretsIn({ schema }, { other: 1 })).to.deep.equal([])
  })

  it('never show their values in an issue', async () => {
    expect(await wrong('hash', { fields: ['a'], key: ['hunter2'], format: 'hunter2' })).to.not.include('hunter2')
  })

  it('of a stage that is none are a usage error', async () => {
    const error = await makeStage('strpi', [], making).catch((reason: Error) => reason)
    expect(error).to.include({ code: 'DOCFERRY_USAGE' })
    expect((error as Error).message).to.include('did you mean strip?')
  })
})
