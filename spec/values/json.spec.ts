import { expect } from 'chai'
import fc from 'fast-check'
import { DocferryError } from '../../lib/errors.ts'
import {
  Decimal,
  Double,
  GeoPoint,
  Reference,
  Timestamp,
  ValueSet,
  Vector,
  canonicalBytes,
  mostDigits,
  numberFromText,
  parseJson,
  stringifyJson,
  type Value
} from '../../lib/values/index.ts'
import { anyValue } from './arbitraries.ts'
import { sameValue } from './same-value.ts'

describe('values: parseJson', function () {
  this.timeout(20_000)

  const numbers: [string, Value][] = [
    ['1', 1],
    ['-7', -7],
    ['0', 0],
    ['-0', -0],
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', 9007199254740992n],
    ['-9007199254740993', -9007199254740993n],
    ['123456789012345678901234567890', 123456789012345678901234567890n],
    ['1.0', new Double(1)],
    ['100.0', new Double(100)],
    ['100.00', new Double(100)],
    ['-3.0', new Double(-3)],
    ['0.0', new Double(0)],
    ['-0.0', new Double(-0)],
    ['1E2', new Double(100)],
    ['1e2', new Double(100)],
    ['1.5e+1', new Double(15)],
    ['1.0E7', new Double(1e7)],
    ['9007199254740991.0', new Double(9007199254740991)],
    ['9007199254740992.0', 9007199254740992],
    ['9007199254740993.0', 9007199254740993n],
    ['1e300', 1e300],
    ['1E+300', 1e300],
    ['1.5', 1.5],
    ['0.10', 0.1],
    ['1.50E-1', 0.15],
    ['5e-05', 0.00005],
    ['33.333333333333336', 33.333333333333336],
    ['0.30000000000000004', 0.30000000000000004],
    ['0.300000000000000040', 0.30000000000000004],
    ['0.3000000000000000444', new Decimal('0.3000000000000000444')],
    ['0.12345678901234567890', new Decimal('0.1234567890123456789')],
    ['12345678901234567890.5', new Decimal('12345678901234567890.5')],
    ['1e400', new Decimal('1E+400')],
    ['-1.50E400', new Decimal('-1.5E+400')],
    ['1e-400', new Decimal('1E-400')],
    ['5e-324', 5e-324],
    ['4.9e-324', new Decimal('4.9E-324')],
    ['0e400', new Double(0)],
    ['1.7976931348623157e308', 1.7976931348623157e308],
    ['1.7976931348623159e308', new Decimal('1.7976931348623159E+308')]
  ]
  for (const [text, value] of numbers) {
    it(`reads ${text} without loss, wherever it stands`, () => {
      sameValue(parseJson(text), value)
      sameValue(parseJson(` ${text}\n`), value)
      sameValue(parseJson(`{"a":${text}}`), { a: value })
      sameValue(parseJson(`{"a": {"b" :\t${text} }, "c": "x"}`), { a: { b: value }, c: 'x' })
      sameValue(parseJson(`["${text}",${text},[ ${text} ],"\\"${text},",${text}]`), [text, value, [value], `"${text},`, value])
    })
  }

  it('leaves numbers inside strings alone', () => {
    const texts = [
      'costs: 1.0, then',
      '[1e400]',
      ':12345678901234567890,',
      'a\\',
      '\\":1.0,',
      '',
      '1.0',
      '"',
      ' 2.0 ',
      'user_123456789012345678901'
    ]
    expect(parseJson(JSON.stringify({ texts, b: 'x:1.0,', '1.0': 1 }))).to.deep.equal({ texts, b: 'x:1.0,', '1.0': 1 })
    expect(parseJson(`{"texts":${JSON.stringify(texts)},"n":1.0}`)).to.deep.equal({ texts, n: new Double(1) })
  })

  it('refuses a number whose exponent nobody can hold, and leaves the same text in a string alone', () => {
    expect(() => parseJson('{"n":1e9999999999999999}')).to.throw(SyntaxError, 'exponent')
    expect(() => parseJson('{"n":1E-9999999999999999}')).to.throw(SyntaxError, 'exponent')
    expect(parseJson('{"s":"[1,1e9999999999999999,2]"}')).to.deep.equal({ s: '[1,1e9999999999999999,2]' })
  })

  it('refuses a number of more than 10,000 digits without counting them out, and leaves the same text in a string alone', () => {
    const digits = '7'.repeat(mostDigits)
    expect(parseJson(`[${digits},-${digits}]`)).to.deep.equal([BigInt(digits), -BigInt(digits)])
    sameValue(parseJson(`[0.${digits}]`), [new Decimal(`0.${digits}`)])
    for (const text of [`${digits}7`, `-${digits}7`, `0.${digits}7`, `${digits}7e5`, `1${'0'.repeat(mostDigits)}`, '7'.repeat(20_000_000)])
      expect(() => parseJson(`{"n":${text}}`)).to.throw(SyntaxError, '10,000 digits')
    expect(parseJson(`{"s":"[1,${digits}7,2]"}`)).to.deep.equal({ s: `[1,${digits}7,2]` })
    expect(parseJson(`{"$numberLong":"${digits}7"}`)).to.deep.equal({ $numberLong: `${digits}7` })
    sameValue(parseJson(`[1.${'0'.repeat(mostDigits)},0.${'0'.repeat(mostDigits)}1]`), [new Double(1), new Decimal('1E-10001')])
  })

  it('keeps a number that is the same as the placeholder of another', () => {
    expect(parseJson('[9007199254740992,1.0,9007199254740994,9007199254740992.0]')).to.deep.equal([
      9007199254740992n,
      new Double(1),
      9007199254740994n,
      9007199254740992
    ])
  })

  it('finds every number, and none in a string', () => {
    const digits = fc.stringMatching(/^(0|[1-9]\d{0,20})(\.(\d{1,20}|0{1,3}))?([eE][+-]?\d{1,3})?$/)
    const number = fc.tuple(fc.constantFrom('', '-'), digits).map(parts => parts.join(''))
    const space = fc.constantFrom('', '', ' ', '\n  ', '\t')
    const trickyString = fc.array(
      fc.constantFrom('1.0', '"', '\\', ',', ':', '[', ' ', 'e5', '1e400', '12345678901234567890', '}', '-0', 'E', '.0')
    )
    const item = fc.oneof(
      number.map(text => ({ text, value: numberFromText(text) as Value })),
      trickyString.map(parts => ({ text: JSON.stringify(parts.join('')), value: parts.join('') as Value }))
    )
    fc.assert(
      fc.property(fc.nat(40), fc.array(fc.tuple(space, item, space)), (length, parts) => {
        const shift = 'x'.repeat(length)
        const elements = parts.map(([before, { text }, after]) => before + text + after)
        const values = parts.map(([, { value }]) => value)
        sameValue(parseJson(`["${shift}",${elements.join(',') || 1}]`), [shift, ...(values.length > 0 ? values : [1])])
        const fields = elements.map((text, index) => `"${index}":${text}`)
        sameValue(parseJson(`{${fields.join(',')}}`), Object.fromEntries(values.entries()))
      }),
      { numRuns: 2000 }
    )
  })

  it('takes the last of fields with one name', () => {
    expect(parseJson('{"a":1.0,"a":2}')).to.deep.equal({ a: 2 })
    expect(parseJson('{"a":1,"a":2.0}')).to.deep.equal({ a: new Double(2) })
  })

  it('keeps a field named __proto__', () => {
    for (const text of ['{"__proto__":{"a":1}}', '{"__proto__":{"a":1.0}}', '{"__proto__":{"$date":"2026-01-01T00:00:00Z"}}']) {
      expect(stringifyJson(parseJson(text))).to.equal(text)
      expect(Object.keys(parseJson(text) as object)).to.deep.equal(['__proto__'])
    }
  })

  it('decodes an envelope whose key is written with an escape', () => {
    expect(parseJson('{"a":{"\\u0024date":"2026-01-01T00:00:00Z"}}')).to.deep.equal({ a: new Timestamp(1767225600, 0) })
  })

  it('decodes an envelope behind strings and keys that begin with a dollar sign, whatever white space is around its key', () => {
    const date = new Timestamp(1767225600, 0)
    expect(parseJson('["$",{"a$":"$5"},{ "$date"\n : "2026-01-01T00:00:00Z"}]')).to.deep.equal(['$', { a$: '$5' }, date])
    expect(parseJson('{"$\\"a\\\\":"$\\"","b":{"$date":"2026-01-01T00:00:00Z"}}')).to.deep.equal({ '$"a\\': '$"', b: date })
  })

  for (const text of [
    '',
    '{',
    '{"a":01.0}',
    '{"a":1.0',
    '1.0.0',
    '{"a":.0}',
    '[1.0,]',
    '{"a":1.}',
    '-',
    '{"a":1e}',
    '[12345678901234567890.]',
    "{'a':1.0}",
    '{"$date":"x",}',
    '1.0 1.0'
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseJson(text)).to.throw(SyntaxError)
    })
  }

  it('quotes nothing of a text that it refuses', () => {
    for (const text of ['{"key":"sk-secret",}', '{"key":"sk-secret","n":1.0,}', 'sk-secret', '["sk-secret" 1.0]']) {
      expect(() => parseJson(text))
        .to.throw(SyntaxError)
        .with.property('message')
        .that.matches(/^not valid JSON( at position \d+)?$/)
    }
  })

  it('takes linear time for texts made to be slow', () => {
    const size = 200_000
    const texts = [
      '9'.repeat(mostDigits),
      `"${'1e1E'.repeat(size)}"`,
      `"${'.0'.repeat(size)}"`,
      `"${'\\\\'.repeat(size)}"`,
      `[${'1.0,'.repeat(size / 4)}1]`,
      `[${'"$","$\\\\",'.repeat(size / 10)}"\\"$"]`,
      `"${'\\"$'.repeat(size)}"`,
      `"${' '.repeat(size)}1.0${' '.repeat(size)}"`,
      `"${'\\"'.repeat(size)}",1.0`.replace(/^(.*)$/s, '[$1]')
    ]
    const started = performance.now()
    for (const text of texts) parseJson(text)
    expect(performance.now() - started).to.be.below(3000)
  })

  it('reads what is nested deeply, and refuses it clearly where there is something to decode', () => {
    const depth = 5000
    expect(parseJson('['.repeat(depth) + ']'.repeat(depth))).to.be.an('array')
    expect(() => parseJson('['.repeat(depth) + '1.0' + ']'.repeat(depth)))
      .to.throw(DocferryError)
      .with.property('code', 'DOCFERRY_TOO_DEEP')
  })
})

describe('values: stringifyJson', function () {
  this.timeout(20_000)

  const texts: [Value, string][] = [
    [{ a: 1, b: [true, null, 'x'] }, '{"a":1,"b":[true,null,"x"]}'],
    [{}, '{}'],
    [[], '[]'],
    [{ a: {}, b: [], c: -0 }, '{"a":{},"b":[],"c":-0}'],
    [new Double(1), '1.0'],
    [new Double(-0), '-0.0'],
    [-0, '-0'],
    [1e21, '1e+21'],
    [1e20, '100000000000000000000.0'],
    [2 ** 53, '9007199254740992.0'],
    [NaN, '{"$numberDouble":"NaN"}'],
    [-Infinity, '{"$numberDouble":"-Infinity"}'],
    [12345678901234567890n, '12345678901234567890'],
    [new Decimal('1E+400'), '1E+400'],
    [new Timestamp(1767225600, 123456789), '{"$date":"2026-01-01T00:00:00.123456789Z"}'],
    [new Timestamp(-1, 500_000_000), '{"$date":"1969-12-31T23:59:59.500Z"}'],
    [new Uint8Array([1, 2, 255]), '{"$binary":{"base64":"AQL/","subType":"00"}}'],
    [Buffer.from([1, 2]), '{"$binary":{"base64":"AQI=","subType":"00"}}'],
    [new GeoPoint(1.5, -0), '{"$geoPoint":[1.5,-0]}'],
    [new Reference('agents/a'), '{"$reference":"agents/a"}'],
    [new Vector([1, NaN]), '{"$vector":[1,{"$numberDouble":"NaN"}]}'],
    [new ValueSet(['a', 'b']), '{"$set":["a","b"]}'],
    [[[1], [2]], '[[1],[2]]'],
    [{ $date: 'soon' }, '{"$date":"soon"}'],
    [{ $date: '2026-01-01T00:00:00Z' }, '{"$literal":{"$date":"2026-01-01T00:00:00Z"}}'],
    [{ $literal: { $date: '2026-01-01T00:00:00Z' } }, '{"$literal":{"$literal":{"$literal":{"$date":"2026-01-01T00:00:00Z"}}}}'],
    [{ $literal: { a: 1 } }, '{"$literal":{"a":1}}'],
    [{ $gt: 5, a: 1n }, '{"$gt":5,"a":1}'],
    ['\ud800 "x"\n\u2028', '"\\ud800 \\"x\\"\\n\u2028"'],
    [{ '\udc00': 1.5, b: 1n }, '{"\\udc00":1.5,"b":1}']
  ]
  for (const [value, text] of texts) {
    it(`writes ${text}`, () => {
      expect(stringifyJson(value)).to.equal(text)
    })
  }

  it('leaves out fields that are undefined', () => {
    expect(stringifyJson({ a: undefined, b: 1 } as never)).to.equal('{"b":1}')
    expect(stringifyJson({ a: undefined, b: 1n } as never)).to.equal('{"b":1}')
  })

  for (const [name, value] of Object.entries({
    date: new Date(0),
    map: new Map(),
    function: () => 1,
    'undefined in an array': [undefined],
    symbol: Symbol('x')
  })) {
    it(`refuses what is no value: ${name}`, () => {
      expect(() => stringifyJson({ a: value } as never))
        .to.throw(DocferryError)
        .with.property('code', 'DOCFERRY_BAD_VALUE')
    })
  }

  it('refuses what is nested too deeply', () => {
    for (const innermost of [1, 1n]) {
      let value: Value = innermost
      for (let level = 0; level < 20_000; level++) value = { a: value }
      expect(() => stringifyJson(value))
        .to.throw(DocferryError)
        .with.property('code', 'DOCFERRY_TOO_DEEP')
    }
  })

  it('is undone by parseJson, for every value', () => {
    fc.assert(
      fc.property(anyValue, value => {
        sameValue(parseJson(stringifyJson(value)), value)
      }),
      { numRuns: 3000 }
    )
  })

  it('writes what JSON.stringify writes, for every ordinary value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        const text = JSON.stringify(value)
        expect(JSON.stringify(JSON.parse(stringifyJson(parseJson(text))))).to.equal(JSON.stringify(JSON.parse(text)))
      })
    )
  })

  it('refuses an integer that could not be read again', () => {
    const most = 10n ** BigInt(mostDigits)
    for (const value of [most - 1n, 1n - most]) expect(parseJson(stringifyJson([value]))).to.deep.equal([value])
    for (const value of [most, -most]) {
      expect(() => stringifyJson([value]))
        .to.throw(DocferryError)
        .with.property('code', 'DOCFERRY_BAD_VALUE')
      expect(() => canonicalBytes({ _id: 'a', value }))
        .to.throw(DocferryError)
        .with.property('code', 'DOCFERRY_BAD_VALUE')
    }
  })

  it('takes a thousand levels', () => {
    for (const innermost of [1, 2n ** 60n, new Double(1)]) {
      let value: Value = innermost
      for (let level = 0; level < 1000; level++) value = level % 2 === 0 ? { a: value } : [value]
      const document = { _id: 'a', value }
      expect(stringifyJson(parseJson(stringifyJson(document)))).to.equal(stringifyJson(document))
      expect(canonicalBytes(document).length).to.be.above(1000)
    }
  })

  for (const text of ['12e999999999999999', '10e999999999999999', '0.1e-999999999999999', '{"a":12e999999999999999}']) {
    it(`takes ${text}, whose exponent grows in its normal form, for no number`, () => {
      expect(() => parseJson(text)).to.throw(SyntaxError)
    })
  }
})
