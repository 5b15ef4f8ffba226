import { expect } from 'chai'
import fc from 'fast-check'
import { checkDatabaseName } from '../../../lib/connectors/couchdb/limits.ts'
import { encodeDocument, encodeLine, nameRules, withRevision } from '../../../lib/connectors/couchdb/values.ts'
import { packLines } from '../../../lib/kernel/kernel.ts'
import type { Document, Encoded, Refusal, Value } from '../../../lib/types.ts'
import type { ValueMap } from '../../../lib/values/index.ts'
import { Decimal, Double, GeoPoint, parseJson, restoreNames, setField, Timestamp, ValueSet, Vector } from '../../../lib/values/index.ts'

const rules = { maxDocumentBytes: 8_000_000, partitioned: false, pouchdb: false }

function encode(document: Document, changed: Partial<typeof rules> = {}): Encoded<string> {
  const encoded = encodeDocument(document, { ...rules, ...changed })
  if ('code' in encoded) throw new Error(encoded.message)
  return encoded
}

function refusal(document: Document, changed: Partial<typeof rules> = {}): Refusal {
  const refused = encodeDocument(document, { ...rules, ...changed })
  if (!('code' in refused)) throw new Error('taken')
  return refused
}

function withField(map: ValueMap, name: string, value: Value): ValueMap {
  setField(map, name, value)
  return map
}

describe('couchdb: values', () => {
  it('writes integers of any length as digits', () => {
    expect(encode({ _id: 'a', n: 12345678901234567890123n }).payload).to.equal('{"_id":"a","n":12345678901234567890123}')
  })

  it('writes what CouchDB would round as envelopes that are read back', () => {
    const exact = {
      _id: 'a',
      list: [new Decimal('0.12345678901234567890123'), { huge: new Decimal('1E+400') }],
      set: new ValueSet([1, new Decimal('1E+400')])
    }
    const { payload } = encode(exact)
    expect(payload).to.include('{"$numberDecimal":"0.12345678901234567890123"}')
    expect(parseJson(payload)).to.deep.equal(exact)
  })

  it('writes a number below the normal doubles with the point that CouchDB needs', () => {
    expect(encode({ _id: 'a', n: 5e-324, v: new Vector([-9e-310, 1.5]) }).payload).to.equal(
      '{"_id":"a","n":5.0e-324,"v":{"$vector":[-9.0e-310,1.5]}}'
    )
  })

  it('does so in a place on the globe too', () => {
    const { payload } = encode({ _id: 'a', at: new GeoPoint(5e-324, 7.5) })
    expect(payload).to.equal('{"_id":"a","at":{"$geoPoint":[5.0e-324,7.5]}}')
    expect(parseJson(payload)).to.deep.equal({ _id: 'a', at: new GeoPoint(5e-324, 7.5) })
  })

  it('leaves a field alone that looks like one of its own marks', () => {
    const document = { _id: 'a', n: new Decimal('1E+400'), s: '0:0', map: { $numberDecimal: '5' } }
    expect(parseJson(encode(document).payload)).to.deep.equal(document)
  })

  it('writes integers past 2^53 as envelopes to PouchDB, which rounds them', () => {
    expect(encode({ _id: 'a', n: 9007199254740993n }, { pouchdb: true }).payload).to.equal(
      '{"_id":"a","n":{"$numberLong":"9007199254740993"}}'
    )
  })

  it('keeps 1.0 and fields named __proto__', () => {
    const inner = {}
    setField(inner, '__proto__', 1)
    expect(encode({ _id: 'a', n: new Double(1), inner }).payload).to.equal('{"_id":"a","n":1.0,"inner":{"__proto__":1}}')
    expect(refusal({ _id: 'a', inner }, { pouchdb: true })).to.include({ code: 'DOCFERRY_BAD_FIELD', path: 'inner.__proto__' })
  })

  it('refuses fields that CouchDB keeps for itself, at the top only', () => {
    for (const field of ['_rev', '_deleted', '_attachments', '_x', '__proto__']) {
      const document: Document = { _id: 'a' }
      setField(document, field, true)
      expect(refusal(document)).to.include({ code: 'DOCFERRY_BAD_FIELD', path: field })
    }
    expect(encode({ _id: 'a', map: { _rev: 1 }, _gone: undefined as never }).payload).to.equal('{"_id":"a","map":{"_rev":1}}')
  })

  for (const id of ['', '_x', '_local/x', '_design/', 'a\ud800']) {
    it(`refuses the id ${JSON.stringify(id)}`, () => expect(refusal({ _id: id })).to.include({ code: 'DOCFERRY_BAD_ID', path: '_id' }))
  }

  it('takes other ids', () => {
    for (const id of ['_design/x', ' ', '\u0000', 'a/b?c#d%', '😀', 'x'.repeat(9000)]) expect(encode({ _id: id }).id).to.equal(id)
  })

  it('wants ids of a partitioned database to name a partition', () => {
    for (const id of ['a', ':a', 'a:', 'a:_b']) expect(refusal({ _id: id }, { partitioned: true }).code).to.equal('DOCFERRY_BAD_ID')
    for (const id of ['a:b', 'a:b:c', '_design/a']) encode({ _id: id }, { partitioned: true })
  })

  it('writes text with half a surrogate pair as an envelope', () => {
    const document = { _id: 'a', list: [{ x: 'ok' }, { x: '50%\udc00' }] }
    expect(encode(document).payload).to.equal('{"_id":"a","list":[{"x":"ok"},{"x":{"$string":"50%25%uDC00"}}]}')
    expect(parseJson(encode(document).payload)).to.deep.equal(document)
  })

  it('finds half a surrogate pair in a name, or in a text that is to be plain', () => {
    const plain = { types: 'plain', escapeNames: false } as const
    expect(encodeDocument({ _id: 'a', list: [{ x: 'ok' }, { x: '\udc00' }] }, rules, plain)).to.include({
      code: 'DOCFERRY_BAD_VALUE',
      path: 'list[1].x'
    })
    expect(refusal({ _id: 'a', map: { 'k\ud83d': 1 } })).to.include({ code: 'DOCFERRY_BAD_FIELD', path: 'map.k\ufffd' })
    expect(encode({ _id: 'a', x: 'written \\ud800, and 😀' }).payload).to.include('😀')
  })

  it('measures a document as CouchDB does, without its id', () => {
    const document = { _id: 'x'.repeat(50), text: 'é'.repeat(10) }
    expect(encode(document, { maxDocumentBytes: 31 }).bytes).to.equal(90)
    expect(refusal(document, { maxDocumentBytes: 30 })).to.include({ code: 'DOCFERRY_TOO_LARGE' })
  })

  it('tells the size of a small document as CouchDB counts it too', () => {
    expect(encode({ _id: 'a', x: [0.123456789, 999_999_999_999_999] }).size).to.equal('{"x":[0.1,1000000000000000]}'.length)
    expect(encode({ _id: 'a', x: 'a\nb 3.14 9999999999999' }).size).to.equal('{"x":"a-b 3.14 9999999999999"}'.length)
    expect(encode({ _id: 'a', x: [12, 'plain'] }).size).to.equal('{"x":[12,"plain"]}'.length)
  })

  it('measures integers at the largest size as CouchDB does, also of a line', () => {
    const document = { _id: 'a', x: Array.from({ length: 100 }, () => 999_999_999_999_999) }
    const text = Buffer.from(encode(document).payload)
    const most = encode(document).size!
    expect(most).to.equal(text.length - '"_id":"a",'.length + 100)
    const database = { maxDocumentBytes: most, partitioned: false, pouchdb: false }
    expect(encode(document, database).size).to.equal(most)
    expect(refusal(document, { ...database, maxDocumentBytes: most - 1 })).to.include({ code: 'DOCFERRY_TOO_LARGE' })
    expect(encodeLine('a', text, { ...database, maxDocumentBytes: most - 1 })).to.equal(undefined)
  })

  it('refuses what is nested too deep instead of failing', () => {
    let value: Value = 1
    for (let depth = 0; depth < 20_000; depth++) value = [value]
    expect(refusal({ _id: 'a', x: value }).code).to.equal('DOCFERRY_TOO_DEEP')
  })

  describe('with names that CouchDB refuses', () => {
    const escaping = { types: 'natural', escapeNames: true } as const

    it('escapes them, and tells so', () => {
      const told: string[] = []
      const document = { _id: '_local', _own: 1, map: { _fine: 2, 'k\ud83d': 3 } }
      const encoded = encodeDocument(document, rules, escaping, (kind, conversion, path) => told.push(`${kind} ${conversion} ${path()}`))
      expect(encoded).to.include({ id: '_local', payload: '{"_id":"$%_local","$%_own":1,"map":{"_fine":2,"$%k%uD83D":3}}' })
      expect(told).to.deep.equal(['name escaped _own', 'name escaped map.k\ud83d', 'id escaped _id'])
      expect(restoreNames(parseJson((encoded as Encoded<string>).payload) as Document, nameRules(false))).to.deep.equal(document)
    })

    it('escapes __proto__ in a map for PouchDB only', () => {
      const document = { _id: 'a', map: withField({}, '__proto__', 1) }
      expect(encodeDocument(document, { ...rules, pouchdb: true }, escaping)).to.include({ payload: '{"_id":"a","map":{"$%__proto__":1}}' })
      expect(encodeDocument(document, rules, escaping)).to.include({ payload: '{"_id":"a","map":{"__proto__":1}}' })
    })

    it('escapes what would be read as escaped, whatever the policy', () => {
      expect(encode({ _id: '$%_a', '$%_b': 1, '$%b': 2, map: { '$%_c': 3 } }).payload).to.equal(
        '{"_id":"$%$%25_a","$%$%25_b":1,"$%b":2,"map":{"$%_c":3}}'
      )
    })

    it('leaves an id of a partitioned database that names no partition refused', () => {
      for (const _id of ['a', '$%_a', '_a'])
        expect(encodeDocument({ _id }, { ...rules, partitioned: true }, escaping), _id).to.include({ code: 'DOCFERRY_BAD_ID' })
    })
  })

  it('keeps 1.0 and -0 apart from 1 and 0 with exact', () => {
    const exact = { types: 'exact', escapeNames: false } as const
    const document = { _id: 'a', list: [new Double(1), -0, 2 ** 60, 2n ** 60n, 0.5] }
    const { payload } = encodeDocument(document, rules, exact) as Encoded<string>
    expect(payload).to.equal(
      '{"_id":"a","list":[{"$numberDouble":"1.0"},{"$numberDouble":"-0"},{"$numberDouble":"1152921504606847000.0"},1152921504606846976,0.5]}'
    )
    expect(parseJson(payload)).to.deep.equal(document)
  })

  it('writes no envelopes with plain, not even for numbers that JSON does not know', () => {
    const bare = { types: 'plain', escapeNames: false } as const
    expect(encodeDocument({ _id: 'a', n: NaN, v: new Vector([1, Infinity]) }, rules, bare)).to.include({
      payload: '{"_id":"a","n":"NaN","v":[1,"Infinity"]}'
    })
    const plain = { types: 'plain', escapeNames: false } as const
    const document = {
      _id: 'a',
      at: new Timestamp(0, 0),
      many: new Decimal('0.1234567890123456789'),
      set: new ValueSet([1, 2]),
      one: new Double(1)
    }
    expect(encodeDocument(document, rules, plain)).to.include({
      payload: '{"_id":"a","at":"1970-01-01T00:00:00Z","many":"0.1234567890123456789","set":[1,2],"one":1}'
    })
  })

  it('puts a revision in front', () => {
    expect(withRevision('{"_id":"a"}', '1-x')).to.equal('{"_rev":"1-x","_id":"a"}')
    expect(withRevision(Buffer.from(' { "_id":"a"}'), '1-x')).to.equal('{"_rev":"1-x", "_id":"a"}')
  })

  it('takes lines for what their documents are', () => {
    const names = fc.constantFrom('_rev', '_x', '__proto__', '$%a', 'a', 'b')
    const { value } = fc.letrec(tie => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.string({ unit: 'binary', maxLength: 12 }),
        fc.double({ noNaN: true }),
        fc.integer(),
        fc.constantFrom(null, true, ''),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(names, tie('value'), { maxKeys: 3 })
      )
    }))
    const id = fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom('', 'p:a', '_design/x', '$%a'))
    const document = fc.tuple(id, fc.dictionary(names, value, { maxKeys: 4 })).map(([_id, fields]) => ({ _id, ...fields }))
    let count = 0
    fc.assert(
      fc.property(
        document,
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom(60, 8_000_000),
        (fields, partitioned, pouchdb, maxDocumentBytes) => {
          const database = { partitioned, pouchdb, maxDocumentBytes }
          const [stretch] = packLines([Buffer.from(`${JSON.stringify(fields)}\n`)], { drop: ['_rev'], noUnderscores: true, byLine: true })
          if (!('packed' in stretch!)) return
          const { text, lines } = stretch.packed
          const encoded = encodeLine(lines!.ids[0]!, text.subarray(0, -1), database)
          if (!encoded) return
          count++
          const plain = encodeDocument(parseJson(text.toString()) as Document, database)
          expect('code' in plain, text.toString()).to.equal(false)
          const { id: told, payload } = plain as Encoded<string>
          expect(encoded.id).to.equal(told)
          expect(encoded.bytes).to.equal(text.length - 1)
          expect(parseJson(encoded.payload.toString())).to.deep.equal(parseJson(payload))
        }
      ),
      { numRuns: 2000 }
    )
    expect(count).to.be.greaterThan(100)
  })

  it('says which database name would do', () => {
    expect(checkDatabaseName('agents/a+b')).to.equal(undefined)
    expect(checkDatabaseName('Agents')?.message).to.include('--rename Agents=agents')
    expect(checkDatabaseName('2nd agents!')?.message).to.include('=nd_agents_')
    expect(checkDatabaseName('_users')?.message).to.include('=users')
    expect(checkDatabaseName('a'.repeat(238))).to.equal(undefined)
    expect(checkDatabaseName('a'.repeat(239))?.code).to.equal('DOCFERRY_COLLECTION_NAME')
    expect(checkDatabaseName('a/b', true)?.message).to.include('a_b')
  })
})
