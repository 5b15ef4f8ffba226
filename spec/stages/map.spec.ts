import { expect } from 'chai'
import { makeStage } from '../../lib/stages/make-stage.ts'
import { map } from '../../lib/stages/map.ts'
import type { Document, StageContext } from '../../lib/types.ts'
import { Decimal, Double, GeoPoint, Reference, Timestamp, ValueSet } from '../../lib/values/index.ts'
import type { Value } from '../../lib/values/index.ts'

const context: StageContext = { collection: 'users', source: 'old' }

async function mapped(options: string | { expression: string; field?: string }, fields: Record<string, Value>): Promise<unknown> {
  const stage = await map(typeof options === 'string' ? { expression: options } : options)
  return await stage.apply({ _id: '1', ...fields }, context)
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(
    () => expect.fail('it did not fail'),
    (error: Error) => error
  )
}

describe('stage map', () => {
  const values = {
    time: new Timestamp(1_767_225_600, 5),
    bytes: new Uint8Array([1, 2]),
    reference: new Reference('users/1'),
    point: new GeoPoint(1, 2),
    big: 9007199254740993n,
    decimal: new Decimal('0.1234567890123456789'),
    tags: new ValueSet(['a', 'b']),
    price: new Double(2),
    nested: { price: new Double(3), list: [new Double(4), { deep: new Timestamp(1, 0) }] }
  }

  it('passes values of every kind on as they are', async () => {
    expect(await mapped('$merge([$, { "more": 1 }])', values)).to.deep.equal({ _id: '1', ...values, more: 1 })
    expect(await mapped('{ "when": time, "who": reference, "n": big, "cost": price, "in": nested }', values)).to.deep.equal({
      ...{ _id: '1', when: values.time, who: values.reference, n: values.big, cost: values.price, in: values.nested }
    })
    expect(await mapped('$ ~> |nested|{"x": 1}|', values)).to.deep.equal({ _id: '1', ...values, nested: { ...values.nested, x: 1 } })
  })

  it('computes with numbers, doubles that are whole included', async () => {
    expect(await mapped('{ "total": price * 2 + nested.price }', values)).to.deep.equal({ _id: '1', total: 7 })
  })

  it('gives the parts and the plain form of other values', async () => {
    const expression =
      '{ "seconds": time.seconds, "path": reference.path, "latitude": point.latitude, "has": "a" in tags.members, "iso": $plain(time), "hex": $plain(bytes), "digits": $plain(big), "long": $plain(decimal) }'
    expect(await mapped(expression, values)).to.deep.equal({
      ...{ _id: '1', seconds: 1_767_225_600, path: 'users/1', latitude: 1, has: true, iso: '2026-01-01T00:00:00.000000005Z' },
      ...{ hex: 'AQI=', digits: '9007199254740993', long: '0.1234567890123456789' }
    })
  })

  it('makes times', async () => {
    expect(await mapped({ expression: '$time(at)', field: 'at' }, { at: '2026-01-01T00:00:00Z' })).to.deep.equal({
      _id: '1',
      at: new Timestamp(1_767_225_600, 0)
    })
    const error = await failure(mapped('{ "at": $time(at) }', { at: 'hush' }))
    expect(error.message).to.include('$time takes a text such as').and.not.include('hush')
  })

  it('hands on the very document for $, and nothing for no result', async () => {
    const stage = await map({ expression: 'status = "on" ? $' })
    const document = { _id: '1', status: 'on', n: new Double(1) }
    expect(await stage.apply(document, context)).to.equal(document)
    expect(await stage.apply({ _id: '2', status: 'off' }, context)).to.equal(undefined)
    expect(await mapped('null', {})).to.equal(undefined)
  })

  it('gives a list of documents, whose parts are shared by nobody', async () => {
    const document = { meta: { a: 1 }, items: [{ k: 'x' }, { k: 'y' }] }
    const made = (await mapped('items.{ "_id": k, "meta": $$.meta, "again": $$.meta }', document)) as Document[]
    expect(made).to.deep.equal([
      { _id: 'x', meta: { a: 1 }, again: { a: 1 } },
      { _id: 'y', meta: { a: 1 }, again: { a: 1 } }
    ])
    expect(new Set([document.meta, ...made.flatMap(({ meta, again }) => [meta, again])]).size).to.equal(5)
  })

  it('refuses several documents with one id, or none', async () => {
    expect((await failure(mapped('items.{ "k": k }', { items: [{ k: 1 }, { k: 2 }] }))).message).to.include('number 0 has no _id')
    expect((await failure(mapped('items.{ "_id": "x" }', { items: [{}, {}] }))).message).to.include('number 1 has the _id of one before it')
    expect(await mapped('items.{ "k": k }', { items: [{ k: 1 }] })).to.deep.equal({ _id: '1', k: 1 })
  })

  it('refuses what is no document', async () => {
    for (const [expression, message] of [
      ['"hush"', 'gives text'],
      ['5', 'gives a number'],
      ['[1, 2]', 'gives a number as member 0'],
      ['{ "_id": 5 }', '_id: the expression gives a number'],
      ['{ "f": function($x) { $x } }', 'gives a function'],
      ['function($x) { $x }', 'gives a function']
    ] as const) {
      const error = await failure(mapped(expression, {}))
      expect(error.message, expression).to.include(message).and.not.include('hush')
    }
  })

  it('puts a result at one place, and leaves the document as it came', async () => {
    const document = { _id: '1', a: { b: 1 }, list: [1] }
    const stage = await map({ expression: 'list[]', field: 'a.c.d' })
    expect(await stage.apply(document, context)).to.deep.equal({ _id: '1', a: { b: 1, c: { d: [1] } }, list: [1] })
    expect(document).to.deep.equal({ _id: '1', a: { b: 1 }, list: [1] })
    expect(Object.keys(document.list)).to.deep.equal(['0'])
    expect(stage).to.include({ changesInPlace: false, mayRepeatIds: false })
    expect(await mapped({ expression: 'missing', field: 'a' }, { a: 1 })).to.deep.equal({ _id: '1', a: 1 })
    expect((await failure(mapped({ expression: '1', field: 'a.b' }, { a: 'hush' }))).message)
      .to.include('a is in the way')
      .and.not.include('hush')
    expect(await mapped({ expression: '"x-" & _id', field: '_id' }, {})).to.deep.equal({ _id: 'x-1' })
    expect((await failure(mapped({ expression: '1', field: '_id' }, {}))).message).to.include('_id')
  })

  it('keeps a field called __proto__', async () => {
    const document = JSON.parse('{"_id":"1","__proto__":{"a":1},"b":2}') as Document
    const stage = await map({ expression: '$merge([$, {"c": 3}])' })
    expect(JSON.stringify(await stage.apply(document, context))).to.equal('{"_id":"1","__proto__":{"a":1},"b":2,"c":3}')
  })

  it('knows collection and source', async () => {
    expect(await mapped('{ "c": $collection, "s": $source }', {})).to.deep.equal({ _id: '1', c: 'users', s: 'old' })
  })

  it('says whether two documents may leave it with one id', async () => {
    expect(await map({ expression: '{ "a": b }' })).to.include({ mayRepeatIds: false })
    expect(await map({ expression: '{ "_id": b }' })).to.include({ mayRepeatIds: true })
    expect(await map({ expression: '$merge([$, b])' })).to.include({ mayRepeatIds: true })
  })

  it('says where an expression fails, and nothing of the document', async () => {
    const fields = { name: 'hush', list: ['hush'], n: 91737, value: { a: 'hush' } }
    for (const [expression, place, message] of [
      ['{ "a": name + 1 }', 'character 13', 'left side of the "+" operator'],
      ['{ "a": $number(name) }', 'character 15', 'Unable to cast value to a number: (not shown)'],
      ['{ "a": name < 1 }', 'character 13', 'The values (not shown) and 1 either side'],
      ['{\n  "a": $sum(list)\n}', 'line 2, character 12', 'Argument 1 of function'],
      ['{ "a": $toMillis(name) }', '', 'Given (not shown)'],
      ['{ "a": $match(value, /x/) }', 'character 14', 'Argument 1 of function']
    ] as const) {
      const error = await failure(mapped(expression, fields))
      expect(error.message, expression)
        .to.include(place)
        .and.include(message.replace(' and 1 ', ' and (not shown) '))
        .and.not.include('hush')
        .and.not.include('91737')
    }
  })

  it('fails where a function calls itself for ever', async () => {
    const error = await failure(mapped('( $f := function($x) { 1 + $f($x) }; { "a": $f(1) } )', {}))
    expect(error.message).to.include('Stack overflow')
    const deep = await mapped('( $f := function($x) { $x = 0 ? 0 : 1 + $f($x - 1) }; { "a": $f(1000) } )', {})
    expect(deep).to.deep.equal({ _id: '1', a: 1000 })
  })

  it('lets an expression say itself what is wrong', async () => {
    expect((await failure(mapped('$error("no name")', {}))).message).to.include('no name')
  })

  for (const [expression, message] of [
    ['{ "a": }', 'character 8: The symbol "}" cannot be used'],
    ['1 +', 'character 3: Unexpected end of expression'],
    ['{\n  "a": "x\n}', 'line 3'],
    ['$summ(a)', 'character 5: there is no variable or function $summ (did you mean $sum?)'],
    ['a & $colection', '$colection (did you mean $collection?)'],
    ['{ "at": $now() }', 'character 12: $now gives another result'],
    ['$shuffle(a)', '$shuffle gives another result'],
    ['$eval(a)', '$eval would run what documents hold']
  ] as const) {
    it(`refuses ${JSON.stringify(expression)}: ${message}`, async () => {
      const error = await failure(map({ expression }))
      expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
      expect(error.message).to.match(/^expression, /)
      expect(error.message).to.include(message)
    })
  }

  it('knows the variables that an expression binds', async () => {
    expect(
      await mapped('( $f := function($x) { $x * 2 }; { "a": $map([1, 2], $f), "b": list#$i.($i + n) } )', { list: [{ n: 1 }] })
    ).to.deep.equal({ _id: '1', a: [2, 4], b: 1 })
  })

  it('refuses options that it has not', async () => {
    const error = await failure(makeStage('map', { expresion: 'a' }, { folder: '.', environment: {} }))
    expect(error.message).to.include('expresion: is unknown here (did you mean expression?)')
    expect((await failure(map({ expression: '1', field: '_id.a' }))).message).to.include('_id')
  })
})
