import { expect } from 'chai'
import { makeStage } from '../../lib/stages/make-stage.ts'
import { filter } from '../../lib/stages/filter.ts'
import { Decimal, Double, GeoPoint, Reference, Timestamp, ValueSet, Vector } from '../../lib/values/index.ts'
import type { Value } from '../../lib/values/index.ts'

const context = { collection: 'agents' }

function passes(query: Record<string, unknown>, fields: Record<string, unknown>): boolean {
  return filter(query).apply({ _id: '1', ...(fields as Record<string, Value>) }, context) !== undefined
}

function problemOf(query: unknown): string {
  try {
    filter(query as Record<string, unknown>)
    return 'none'
  } catch (error) {
    expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
    return (error as Error).message
  }
}

describe('stage filter', () => {
  describe('numbers', () => {
    const past = 9007199254740993n

    it('compares numbers of all kinds by value', () => {
      expect(passes({ n: 1 }, { n: new Double(1) })).to.equal(true)
      expect(passes({ n: { $gt: 1.5 } }, { n: past })).to.equal(true)
      expect(passes({ n: { $lt: 0.2 } }, { n: new Decimal('0.1234567890123456789') })).to.equal(true)
      expect(passes({ n: { $in: [2, 1] } }, { n: new Double(2) })).to.equal(true)
    })

    it('tells integers past 2^53 and long decimals exactly', () => {
      expect(passes({ n: { $numberLong: '9007199254740993' } }, { n: past })).to.equal(true)
      expect(passes({ n: { $numberLong: '9007199254740995' } }, { n: past })).to.equal(false)
      expect(passes({ n: { $gt: 9007199254740992 } }, { n: past })).to.equal(true)
      expect(passes({ n: { $numberDecimal: '0.1234567890123456788' } }, { n: new Decimal('0.1234567890123456789') })).to.equal(false)
      expect(passes({ n: { $lt: new Decimal('1E+500') } }, { n: new Decimal('1E+400') })).to.equal(true)
      expect(passes({ n: { $lt: 0 } }, { n: new Decimal('-1E+400') })).to.equal(true)
    })

    it('takes NaN for neither less nor more than a number, and infinity for more', () => {
      expect(passes({ n: { $gte: 0 } }, { n: NaN })).to.equal(false)
      expect(passes({ n: { $lte: 0 } }, { n: NaN })).to.equal(false)
      expect(passes({ n: { $gt: past } }, { n: Infinity })).to.equal(true)
    })

    it('divides and masks exactly', () => {
      expect(passes({ n: { $mod: [2, 1] } }, { n: past })).to.equal(true)
      expect(passes({ n: { $mod: [4, 0] } }, { n: new Double(8) })).to.equal(true)
      expect(passes({ n: { $bitsAllSet: [40, 1] } }, { n: 2 ** 40 + 2 })).to.equal(true)
      expect(passes({ n: { $bitsAnySet: 1 } }, { n: 6 })).to.equal(false)
    })
  })

  describe('times', () => {
    const created = new Timestamp(1_767_225_600, 1000)

    it('compares with an envelope, to the nanosecond', () => {
      expect(passes({ created: { $gt: { $date: '2026-01-01T00:00:00Z' } } }, { created })).to.equal(true)
      expect(passes({ created: { $gt: { $date: '2026-01-01T00:00:00.000001Z' } } }, { created })).to.equal(false)
      expect(passes({ created: { $date: '2026-01-01T01:00:00.000001+01:00' } }, { created })).to.equal(true)
    })

    it('compares with text that is a time or a day, which compares with text as text', () => {
      for (const value of [created, '2026-01-01T00:00:00.000Z']) {
        expect(passes({ created: { $gte: '2026-01-01' } }, { created: value })).to.equal(true)
        expect(passes({ created: { $lt: '2026-01-01' } }, { created: value })).to.equal(false)
      }
      expect(passes({ created: { $in: ['x', '2026-01-01T00:00:00.000001Z'] } }, { created })).to.equal(true)
      expect(passes({ created: { $gte: 'soon' } }, { created })).to.equal(false)
    })

    it('takes a Date from code', () => {
      expect(passes({ created: { $gt: new Date('2025-12-31') } }, { created })).to.equal(true)
      expect(passes({ created: { $lt: new Date('2025-12-31') } }, { created })).to.equal(false)
    })
  })

  it('compares bytes, references, points, sets and vectors', () => {
    expect(passes({ b: { $binary: { base64: 'aGk=', subType: '00' } } }, { b: new Uint8Array([0x68, 0x69]) })).to.equal(true)
    expect(passes({ author: 'users/1' }, { author: new Reference('users/1') })).to.equal(true)
    expect(passes({ at: { $geoPoint: [1, 2] } }, { at: new GeoPoint(1, 2) })).to.equal(true)
    expect(passes({ tags: 'b' }, { tags: new ValueSet(['a', 'b']) })).to.equal(true)
    expect(passes({ tags: ['b', 'a'] }, { tags: new ValueSet(['a', 'b']) })).to.equal(true)
    expect(passes({ tags: { $all: ['a', 'b'], $size: 2 } }, { tags: new ValueSet(['a', 'b']) })).to.equal(true)
    expect(passes({ v: { $elemMatch: { $gt: 1, $lt: 2 } } }, { v: new Vector([0.5, 1.5]) })).to.equal(true)
  })

  it('never finds a value of one kind less or more than one of another', () => {
    for (const value of ['5', true, null, {}, new Timestamp(9, 0), undefined]) {
      expect(passes({ n: { $gte: 1 } }, { n: value }), String(value)).to.equal(false)
      expect(passes({ n: { $lte: 1 } }, { n: value }), String(value)).to.equal(false)
    }
  })

  describe('paths', () => {
    const messages = [{ role: 'user', tags: ['a', 'b'] }, { role: 'agent', tags: [] }, 'odd', [{ role: 'inner' }]]

    it('looks into every member of a list, at any depth', () => {
      expect(passes({ 'messages.role': 'agent' }, { messages })).to.equal(true)
      expect(passes({ 'messages.tags': 'b' }, { messages })).to.equal(true)
      expect(passes({ 'messages.tags': ['a', 'b'] }, { messages })).to.equal(true)
      expect(passes({ 'messages.role': 'inner' }, { messages })).to.equal(false)
    })

    it('looks at one member by its number', () => {
      expect(passes({ 'messages.0.role': 'user' }, { messages })).to.equal(true)
      expect(passes({ 'messages.1.role': 'user' }, { messages })).to.equal(false)
      expect(passes({ 'map.0': 'x' }, { map: { 0: 'x' } })).to.equal(true)
    })

    it('asks all of one member with $elemMatch', () => {
      const query = { messages: { $elemMatch: { role: 'agent', tags: 'a' } } }
      expect(passes(query, { messages })).to.equal(false)
      expect(passes({ 'messages.role': 'agent', 'messages.tags': 'a' }, { messages })).to.equal(true)
      expect(passes({ messages: { $all: [{ $elemMatch: { role: 'user' } }, { $elemMatch: { role: 'agent' } }] } }, { messages })).to.equal(
        true
      )
    })

    it('sees no fields but the document’s own', () => {
      expect(passes({ constructor: { $exists: true } }, {})).to.equal(false)
      expect(passes({ 'a.toString': { $exists: true } }, { a: {} })).to.equal(false)
      expect(passes({ 'a.__proto__.b': 1 }, { a: JSON.parse('{"__proto__":{"b":1}}') as object })).to.equal(true)
    })
  })

  it('takes null for missing and for null, and $exists for what it says', () => {
    expect(passes({ a: null }, {})).to.equal(true)
    expect(passes({ a: null }, { a: null })).to.equal(true)
    expect(passes({ a: null }, { a: 0 })).to.equal(false)
    expect(passes({ 'a.b': { $ne: null } }, { a: { b: 1 } })).to.equal(true)
    expect(passes({ a: { $exists: true } }, { a: null })).to.equal(true)
    expect(passes({ 'a.b': { $exists: false } }, { a: 'text' })).to.equal(true)
    expect(passes({ 'a.b': { $exists: true } }, { a: [{}, { b: 1 }] })).to.equal(true)
    expect(passes({ a: { $exists: true } }, { a: undefined })).to.equal(false)
  })

  it('joins and turns queries round', () => {
    const query = { $or: [{ a: 1 }, { $and: [{ b: 2 }, { c: { $not: { $gt: 3 } } }] }], $nor: [{ d: 4 }] }
    expect(passes(query, { a: 1 })).to.equal(true)
    expect(passes(query, { b: 2 })).to.equal(true)
    expect(passes(query, { b: 2, c: 4 })).to.equal(false)
    expect(passes(query, { a: 1, d: 4 })).to.equal(false)
    expect(passes({ a: { $nin: [1, 2] } }, {})).to.equal(true)
    expect(passes({ a: { $ne: 1 } }, { a: [1, 2] })).to.equal(false)
  })

  it('matches patterns, each time from the beginning', () => {
    const stage = filter({ name: /^a/gi })
    for (let time = 0; time < 3; time++) expect(stage.apply({ _id: '1', name: 'Ada' }, context)).to.be.an('object')
    expect(passes({ name: { $regex: '^a', $options: 'i' } }, { name: ['x', 'Ada'] })).to.equal(true)
    expect(passes({ name: { $in: [/^b/, 'x'] } }, { name: 'bob' })).to.equal(true)
    expect(passes({ name: { $not: { $regex: '^a' } } }, { name: 'ada' })).to.equal(false)
  })

  it('finds values of all kinds in a list of what they may be', () => {
    const wanted = ['a', 'users/1', '2026-01-01', 5, 2 ** 60, true, null, { x: 1 }, { $numberLong: '9007199254740993' }]
    const found = [
      'a',
      new Reference('users/1'),
      new Timestamp(1_767_225_600, 0),
      5,
      new Double(5),
      1152921504606847000n,
      true,
      null,
      { x: new Double(1) },
      9007199254740993n
    ]
    for (const value of [...found, undefined, ['z', 'a']])
      expect(passes({ v: { $in: wanted } }, { v: value }), String(value)).to.equal(true)
    for (const value of ['b', new Reference('users/2'), new Timestamp(0, 0), 6, false, {}, 9007199254740995n, []]) {
      expect(passes({ v: { $nin: wanted } }, { v: value }), String(value)).to.equal(true)
    }
  })

  it('knows the types of values, also of members', () => {
    expect(passes({ v: { $type: 'date' } }, { v: new Timestamp(0, 0) })).to.equal(true)
    expect(passes({ v: { $type: ['int', 'string'] } }, { v: 5 })).to.equal(true)
    expect(passes({ v: { $type: 'int' } }, { v: 2 ** 40 })).to.equal(false)
    expect(passes({ v: { $type: 'double' } }, { v: new Double(1) })).to.equal(true)
    expect(passes({ v: { $type: 'string' } }, { v: [1, 'a'] })).to.equal(true)
    expect(passes({ v: { $type: 'null' } }, {})).to.equal(false)
  })

  it('compares fields with one another by $expr, numbers and times of all kinds', () => {
    const query = { $expr: { $lt: ['$start', '$end'] } }
    expect(passes(query, { start: new Timestamp(1, 0), end: new Timestamp(2, 0) })).to.equal(true)
    expect(passes({ $expr: { $eq: [{ $year: '$at' }, 2026] } }, { at: new Timestamp(1_767_225_600, 0) })).to.equal(true)
    expect(
      passes({ $expr: { $gt: [{ $add: ['$a', '$b.c'] }, 10n] } }, { a: new Double(5), b: { c: new Decimal('5.12345678901234567890') } })
    ).to.equal(true)
    expect(passes({ $expr: { $gt: [{ $sum: '$items.price' }, 5] } }, { items: [{ price: 3 }, { price: new Double(4) }] })).to.equal(true)
    expect(passes({ $expr: { $eq: ['$at', { $date: '2026-01-01T00:00:00Z' }] } }, { at: new Timestamp(1_767_225_600, 0) })).to.equal(true)
  })

  it('says nothing of a document where $expr fails', () => {
    expect(() => passes({ $expr: { $toDate: '$at' } }, { at: 'secret text' }))
      .to.throw()
      .with.property('message')
      .not.include('secret')
  })

  it('hands on the very document, unchanged', () => {
    const document = { _id: '1', n: new Double(1), list: [{ a: 1n }], t: new Timestamp(1, 1) }
    const text = JSON.stringify({ ...document, list: 0 })
    const stage = filter({ n: 1, 'list.a': 1, $expr: { $eq: ['$n', 1] } })
    expect(stage.apply(document, context)).to.equal(document)
    expect(JSON.stringify({ ...document, list: 0 })).to.equal(text)
    expect(document.n).to.be.instanceOf(Double)
    expect(stage).to.include({ mayRepeatIds: false, changesInPlace: false })
  })

  const wrong: readonly (readonly [unknown, string])[] = [
    [{ age: { $gtt: 1 } }, 'age.$gtt: there is no such operator (did you mean $gt?)'],
    [{ $an: [] }, '$an: there is no such operator here (did you mean $and?)'],
    [{ $gt: 5 }, '$gt: stands behind the name of a field: { field: { $gt: ... } }'],
    [{ $where: 'this.a' }, '$where: runs code'],
    [{ a: { $where: 'x' } }, 'a.$where: runs code'],
    [{ $expr: { $function: { body: '', args: [], lang: 'js' } } }, '$expr.$function: runs code'],
    [{ $expr: { $gt: [{ $rand: {} }, 0.5] } }, '$expr.$gt[0].$rand: gives another result each time'],
    [{ $expr: { $gt: ['$$NOW', '$a'] } }, '$$NOW is another time'],
    [{ $expr: { $grt: ['$a', 1] } }, '$expr.$grt: there is no such operator in $expr (did you mean $gt?)'],
    [{ a: { $or: [{ b: 1 }] } }, 'a.$or: stands in place of a field'],
    [{ $or: { a: 1 } }, '$or: a list of queries is wanted'],
    [{ $or: [{ a: { $size: 'x' } }] }, '$or[0].a.$size: a whole number is wanted'],
    [{ a: { $in: 'x' } }, 'a.$in: a list of values is wanted'],
    [{ a: { $regex: '(' } }, 'a.$regex: Invalid regular expression'],
    [{ a: { $regex: 'a', $options: 'x' } }, 'a.$options: letters of i, m, s and u are wanted'],
    [{ a: { $options: 'i' } }, 'a.$options: stands beside $regex only'],
    [{ a: { $type: 'strin' } }, 'a.$type: there is no type strin (did you mean string?)'],
    [{ a: { $gt: { $date: 'soon' } } }, 'none'],
    [{ a: { $date: 'soon' } }, 'a.$date: a time is written'],
    [{ a: { $exists: 'false' } }, 'a.$exists: true or false is wanted'],
    [{ a: { $mod: [0, 1] } }, 'a.$mod: [divisor, remainder]'],
    [{ a: { b: 1, $gt: 2 } }, 'a: b stands beside operators; for a field inside it write "a.b"'],
    [{ 'list[*].role': 'x' }, 'write list.role'],
    [{ 'list[0].role': 'x' }, 'write list.0.role'],
    [{ 'a..b': 1 }, 'a..b: a name is missing'],
    [JSON.parse('{"__proto__":{"$gt":1}}'), '__proto__: no query can ask']
  ]
  for (const [query, message] of wrong) {
    it(`says of ${JSON.stringify(query)}: ${message}`, () => {
      expect(problemOf(query)).to.include(message)
    })
  }

  it('tells every issue at once', () => {
    expect(problemOf({ a: { $gtt: 1 }, b: { $in: 1 } })).to.match(/^a\.\$gtt: .*; b\.\$in: /)
  })

  it('refuses a query that is empty, or none', async () => {
    for (const options of [{}, [], 'status=active', undefined]) {
      const error = await makeStage('filter', options, { folder: '.', environment: {} }).catch((reason: Error) => reason)
      expect(error, JSON.stringify(options)).to.include({ code: 'DOCFERRY_CONFIG' })
    }
  })
})
