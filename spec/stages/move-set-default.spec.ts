import { expect } from 'chai'
import { set } from '../../lib/stages/set.ts'
import { Double, Timestamp } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'
import { applied, context, failed, json, made, wrong } from './support.ts'

describe('stage move: edges', () => {
  it('leaves a document in which nothing is to be moved as it is', async () => {
    const document = { _id: '1', b: { c: 1 } }
    expect(await applied('move', { fields: { a: 'x', 'b.d': 'y', 'b.c.d': 'z' } }, document)).to.deep.equal(document)
  })

  it('moves null, lists and values of classes', async () => {
    const at = new Timestamp(1, 0)
    expect(await applied('move', { fields: { a: 'x.a', b: 'x.b', c: 'x.c' } }, { _id: '1', a: null, b: [1], c: at })).to.deep.equal({
      _id: '1',
      x: { a: null, b: [1], c: at }
    })
  })

  it('moves a field into a map of its own name, and a member of a list out of it', async () => {
    expect(await applied('move', { fields: { a: 'a.b' } }, { _id: '1', a: 1 })).to.deep.equal({ _id: '1', a: { b: 1 } })
    expect(await applied('move', { fields: { 'l[0]': 'first' } }, { _id: '1', l: [1, 2] })).to.deep.equal({ _id: '1', l: [2], first: 1 })
  })

  it('fails where something is in the way, and changes nothing then', async () => {
    expect(await failed('move', { fields: { x: 'y', 'a.b': 'c' } }, { _id: '1', x: 1, a: { b: 'secret' }, c: null })).to.equal(
      'c: something stands there, where a.b would go'
    )
    expect(await failed('move', { fields: { 'a.b': 'c.d' } }, { _id: '1', a: { b: 1 }, c: 'text' })).to.equal('c.d: c is in the way')
    expect(await failed('move', { fields: { 'a.b': 'c.d' } }, { _id: '1', a: { b: 1 }, c: [1] })).to.equal('c.d: c is in the way')
    expect(await failed('move', { fields: { a: 'c[3]' } }, { _id: '1', a: 1, c: [1] })).to.equal('c[3]: the list has no member [3]')
  })

  it('puts it there all the same where it may overwrite', async () => {
    const fields = { 'a.b': 'c.d' }
    expect(await applied('move', { fields, overwrite: true }, { _id: '1', a: { b: 1 }, c: { d: 2, e: 3 } })).to.deep.equal({
      _id: '1',
      a: {},
      c: { d: 1, e: 3 }
    })
    expect(await applied('move', { fields, overwrite: true }, { _id: '1', a: { b: 1 }, c: 'text' })).to.deep.equal({
      _id: '1',
      a: {},
      c: { d: 1 }
    })
  })

  it('moves fields called __proto__', async () => {
    const moved = await applied('move', { fields: { __proto__x: 'x', a: '__proto__.b' } }, json('{"_id":"1","a":1}'))
    expect(JSON.stringify(moved)).to.equal('{"_id":"1","__proto__":{"b":1}}')
    const fields = JSON.parse('{"__proto__":"b"}') as object
    expect(JSON.stringify(await applied('move', { fields }, json('{"_id":"1","__proto__":1}')))).to.equal('{"_id":"1","b":1}')
    expect(await applied('move', { fields }, { _id: '1', c: 1 })).to.deep.equal({ _id: '1', c: 1 })
  })

  it('never moves _id', async () => {
    expect(await wrong('move', { fields: { _id: 'a' } })).to.include('fields._id: _id stays')
    expect(await wrong('move', { fields: { a: '_id' } })).to.include('fields.a: _id stays')
  })
})

describe('stage set: edges', () => {
  it('makes all values of the document as it came', async () => {
    expect(await applied('set', { a: '{{ b }}', b: '{{ a }}' }, { _id: '1', a: 1, b: 'x' })).to.deep.equal({ _id: '1', a: 'x', b: 1 })
  })

  it('keeps the type of a value that is the whole template', async () => {
    const document = { _id: '1', d: new Double(1), t: new Timestamp(1, 0), m: { a: [1] }, n: null }
    expect(await applied('set', { x: '{{ d }}', y: '{{ t }}', z: '{{ m.a }}', w: '{{ n }}', v: '{{ m.a[0] }}' }, document)).to.deep.equal({
      ...document,
      x: new Double(1),
      y: new Timestamp(1, 0),
      z: [1],
      w: null,
      v: 1
    })
  })

  it('never has two places of a document share a map', async () => {
    const document = { _id: '1', m: { a: [1] }, l: [{}, {}] }
    const result = (await applied('set', { x: '{{ m }}', 'l[*].v': { c: 1 } }, document)) as typeof document & {
      x: object
      l: { v: object }[]
    }
    expect(result.x).to.not.equal(result.m)
    expect(result.l[0]!.v).to.not.equal(result.l[1]!.v)
    const stage = set({ v: [] })
    const results = [stage.apply({ _id: '1' }, context), stage.apply({ _id: '2' }, context)] as unknown as { v: unknown[] }[]
    expect(results[0]!.v).to.not.equal(results[1]!.v)
  })

  it('takes values of all types, also in envelopes, and templates inside of them', async () => {
    const options = {
      at: { $date: '1970-01-01T00:00:01Z' },
      deep: { list: ['{{ a }}', '{{ none | optional }}', 1], gone: '{{ none | optional }}' },
      no: null
    }
    expect(await applied('set', options, { _id: '1', a: true })).to.deep.equal({
      _id: '1',
      a: true,
      at: new Timestamp(1, 0),
      deep: { list: [true, 1] },
      no: null
    })
  })

  it('knows collection, source and _id, and fields of odd names', async () => {
    const options = { x: '{{$source}}/{{ $collection }}/{{_id}}', y: '{{ "$collection" }}', z: '{{ "a}}b" }}{{ "c|d" }}' }
    expect(await applied('set', options, { _id: '1', $collection: 'own', 'a}}b': 1, 'c|d': 2 })).to.include({
      x: 'old/users/1',
      y: 'own',
      z: '12'
    })
  })

  it('applies filters in order', async () => {
    const document = { _id: '1', a: ' Ada Lovelace ', n: 7, list: [1, { x: 1 }], no: null }
    for (const [template, text] of [
      ['{{ a | trim | upper }}', 'ADA LOVELACE'],
      ['{{ a | lower | trim | slice:0:3 }}', 'ada'],
      ['{{ a | trim | slice:-8 }}', 'Lovelace'],
      ['{{ a | trim | replace:" ":"-" }}', 'Ada-Lovelace'],
      ['{{ a | trim | replace:Ada:$& }}', '$& Lovelace'],
      ['{{ list | json }}', '[1,{"x":1}]'],
      ['{{ n | slice:0:1 }}!', '7!'],
      ['{{ none | default:x | upper }}', 'X'],
      ['{{ no | default:"a | b: c" }}', 'a | b: c'],
      ['[{{ none | default: }}]', '[]'],
      ['[{{ none | default }}{{ none | optional }}]', '[]'],
      ['\\{{ a }}', '{{ a }}']
    ] as const)
      expect(await applied('set', { x: template }, { ...document }), template).to.include({ x: text })
    expect(
      await applied('set', { x: '{{ none | default:0 }}', y: '{{ none | default:"0" }}', z: '{{ none | default:null }}' }, { ...document })
    ).to.include({ x: 0, y: '0', z: null })
    expect(await applied('set', { x: '{{ none | optional }}' }, { ...document })).to.not.have.property('x')
  })

  it('fails for what leads nowhere or is no text, by name', async () => {
    expect(await failed('set', { x: 1, y: '{{ none.deep }}' }, { _id: '1' })).to.equal(
      '{{ none.deep }} is not there: write {{ none.deep | default:x }}, or | optional'
    )
    expect(await failed('set', { y: '{{ nope( }}' }, { _id: '1' }))
      .to.include('is read as the name of a field')
      .and.include('stage map')
    expect(await applied('set', { y: '{{ cost (EUR) }}' }, { _id: '1', 'cost (EUR)': 5 })).to.include({ y: 5 })
    expect(await failed('set', { y: 'a {{ a }}' }, { _id: '1', a: null })).to.include('{{ a }} is null')
    expect(await failed('set', { y: 'a {{ a }}' }, { _id: '1', a: ['secret'] })).to.equal(
      "{{ a }} is a list, which can't stand in a text: with | json it can"
    )
    expect(await failed('set', { y: '{{ a | upper }}' }, { _id: '1', a: { s: 'secret' } })).to.include('{{ a }} is a map')
    expect(await failed('set', { 'a.b': 1 }, { _id: '1', a: 'secret' })).to.equal('a.b: a is in the way')
  })

  it('refuses templates that are none', async () => {
    expect(await wrong('set', { x: { y: [new Date(0)] } })).to.include('x: something that is no value (Date): make it a Timestamp, or text')
    expect(await wrong('set', { x: '{{ a' })).to.include('x: the template "{{ a": a {{ has no }}')
    expect(await wrong('set', { x: '{{ }}' })).to.include('names no field')
    expect(await wrong('set', { x: '{{ a..b }}' })).to.include('is no path to a field')
    expect(await wrong('set', { x: '{{ a | uper }}' })).to.include('there is no filter uper (did you mean upper?)')
    expect(await wrong('set', { x: '{{ a | slice:x }}' })).to.include('slice:0:8')
    expect(await wrong('set', { x: '{{ a | trim:1 }}' })).to.include('the filter trim is written trim')
    expect(await wrong('set', { x: { y: ['{{ $colection }}'] } })).to.include('there is no $colection (did you mean $collection?)')
  })

  it('sets _id to text only, and then says that ids may repeat', async () => {
    expect(await applied('set', { _id: '{{ n }}' }, { _id: '1', n: 5 })).to.deep.equal({ _id: '5', n: 5 })
    expect(await made('set', { _id: '{{ n }}' })).to.include({ mayRepeatIds: true })
    expect(await made('set', { n: '{{ _id }}' })).to.include({ mayRepeatIds: false })
    expect(await failed('set', { _id: '{{ n | trim }}' }, { _id: '1', n: ' ' })).to.equal('_id would be empty')
    expect(await wrong('set', { _id: 5 })).to.include('_id: it must be text')
    expect(await wrong('set', { '_id.a': 5 })).to.include('_id is text')
  })

  it('sets fields called __proto__', async () => {
    for (const options of ['{"__proto__":{"a":1}}', '{"__proto__.a":1}'])
      expect(JSON.stringify(await applied('set', JSON.parse(options), json('{"_id":"1"}')))).to.equal('{"_id":"1","__proto__":{"a":1}}')
    expect(
      await applied('set', { x: '{{ __proto__ | default:none }}', y: '{{ a.constructor | default:none }}' }, { _id: '1', a: {} })
    ).to.include({ x: 'none', y: 'none' })
  })
})

describe('stage default: edges', () => {
  it('leaves what is there, also false, zero and empty text, and null unless told', async () => {
    const document = { _id: '1', a: false, b: 0, c: '', d: null }
    const fields = { a: 1, b: 1, c: 1, d: 1 }
    expect(await applied('default', { fields }, document)).to.deep.equal({ _id: '1', a: false, b: 0, c: '', d: null })
    expect(await applied('default', { fields, null: true }, document)).to.deep.equal({ ...document, d: 1 })
  })

  it('fills members of lists that lack something, and only these', async () => {
    const document: Document = { _id: '1', l: [{ a: 1 }, {}, { a: null }] }
    expect(await applied('default', { fields: { 'l[*].a': 0, 'none[*].b': 1 } }, document)).to.deep.equal({
      _id: '1',
      l: [{ a: 1 }, { a: 0 }, { a: null }]
    })
    expect(document.l).to.deep.equal([{ a: 1 }, {}, { a: null }])
  })

  it('needs what a template names only where it is used', async () => {
    const options = { fields: { a: '{{ b }}' } }
    expect(await applied('default', options, { _id: '1', a: 1 })).to.deep.equal({ _id: '1', a: 1 })
    expect(await failed('default', options, { _id: '1' })).to.include('{{ b }} is not there')
    expect(await applied('default', { fields: { 'x.a': '{{ b | optional }}' } }, { _id: '1' })).to.deep.equal({ _id: '1' })
  })

  it('fails where something else is in the way', async () => {
    expect(await failed('default', { fields: { 'a.b': 1 } }, { _id: '1', a: 'text' })).to.equal('a.b: a is in the way')
    expect(await wrong('default', { fields: { _id: 'x' } })).to.include('every document has an _id')
    expect(await wrong('default', {})).to.include('fields: is missing')
  })

  it('does not take inherited names for fields', async () => {
    expect(await applied('default', { fields: { constructor: 1, 'a.toString': 2 } }, { _id: '1', a: {} })).to.deep.equal({
      _id: '1',
      constructor: 1,
      a: { toString: 2 }
    })
    const fields = JSON.parse('{"__proto__":1}') as object
    expect(JSON.stringify(await applied('default', { fields }, { _id: '1' }))).to.equal('{"_id":"1","__proto__":1}')
  })
})
