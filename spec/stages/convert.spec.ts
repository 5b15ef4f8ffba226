import { expect } from 'chai'
import { Decimal, Double, Reference, Timestamp } from '../../lib/values/index.ts'
import type { Value } from '../../lib/values/index.ts'
import { applied, failed, wrong } from './support.ts'

const cannot = Symbol('it can not be converted')

async function converted(to: object | string, value: Value): Promise<unknown> {
  const { v = cannot } = (await applied('convert', { fields: { v: to }, otherwise: 'remove' }, { _id: '1', v: value })) as { v?: unknown }
  return v
}

const bytes = new Uint8Array([0, 255, 62])
const time = new Timestamp(1714557600, 250_000_000)

const table: readonly (readonly [string | object, readonly (readonly [Value, unknown])[]])[] = [
  [
    'string',
    [
      ['a', 'a'],
      [1.5, '1.5'],
      [new Double(1), '1'],
      [2n ** 64n, '18446744073709551616'],
      [new Decimal('1E+400'), '1E+400'],
      [false, 'false'],
      [time, '2024-05-01T10:00:00.250Z'],
      [new Reference('a/b'), 'a/b'],
      [bytes, cannot],
      [[1], cannot],
      [{}, cannot]
    ]
  ],
  [
    'number',
    [
      ['12', 12],
      ['1.50', 1.5],
      ['1.0', new Double(1)],
      ['18446744073709551616', 2n ** 64n],
      ['0.1234567890123456789', new Decimal('0.1234567890123456789')],
      ['007', cannot],
      ['1,000', cannot],
      [' 1', cannot],
      ['', cannot],
      ['NaN', cannot],
      ['1e9999999999999999', cannot],
      [true, cannot],
      [new Double(2), new Double(2)]
    ]
  ],
  [
    'integer',
    [
      [new Double(3), 3],
      ['4.0', 4],
      [1e20, 10n ** 20n],
      [new Decimal('1E+30'), 10n ** 30n],
      [-0, 0],
      [1.5, cannot],
      ['1.5', cannot],
      [NaN, cannot],
      [Infinity, cannot],
      [new Decimal('1E+999999'), cannot]
    ]
  ],
  [
    'double',
    [
      [3, new Double(3)],
      ['4', new Double(4)],
      [1.5, 1.5],
      [2n ** 64n, 2 ** 64],
      [2n ** 64n + 1n, cannot],
      [new Decimal('0.1234567890123456789'), cannot]
    ]
  ],
  [
    'boolean',
    [
      [true, true],
      ['True', true],
      ['no', false],
      [0, false],
      [new Double(1), true],
      ['1', true],
      [2, cannot],
      ['', cannot],
      ['toString', cannot],
      [[], cannot]
    ]
  ],
  [
    'date',
    [
      ['2024-05-01T10:00:00.250Z', time],
      ['2024-05-01 12:00:00.25+02:00', time],
      ['2024-05-01T12:00:00,25+0200', time],
      ['2024-05-01T10:00Z', new Timestamp(1714557600, 0)],
      ['2024-05-01T10:00:00', cannot],
      ['2024-02-30T10:00:00Z', cannot],
      ['soon', cannot],
      [1714557600, cannot],
      [time, time]
    ]
  ],
  [
    { to: 'date', zone: '+02:00' },
    [
      ['2024-05-01T12:00:00.25', time],
      ['2024-05-01', new Timestamp(1714514400, 0)],
      ['2024-05-01T10:00:00.25Z', time]
    ]
  ],
  [
    { to: 'date', from: 'epoch-s' },
    [
      [1714557600, new Timestamp(1714557600, 0)],
      [1714557600.25, time],
      ['1714557600.25', time],
      [new Double(-1), new Timestamp(-1, 0)],
      [-0.5, new Timestamp(-1, 500_000_000)],
      [new Decimal('1714557600.123456789'), new Timestamp(1714557600, 123_456_789)],
      [1e300, cannot],
      [9e15, cannot],
      [NaN, cannot],
      ['2024-05-01T10:00:00Z', cannot]
    ]
  ],
  [
    { to: 'date', from: 'epoch-ms' },
    [
      [1714557600250, time],
      [-1, new Timestamp(-1, 999_000_000)],
      [1.5, new Timestamp(0, 1_500_000)]
    ]
  ],
  [
    'epoch-ms',
    [
      [time, 1714557600250],
      [new Timestamp(-1, 999_000_000), -1],
      [new Timestamp(0, 1_500_000), 1.5],
      [new Timestamp(1714557600, 123_456_789), new Decimal('1714557600123.456789')],
      ['2024-05-01T10:00:00Z', 1714557600000]
    ]
  ],
  [
    'epoch-s',
    [
      [time, 1714557600.25],
      [new Timestamp(-1, 500_000_000), -0.5],
      [new Timestamp(5, 0), 5]
    ]
  ],
  [{ to: 'iso', from: 'epoch-ms' }, [[1714557600250, '2024-05-01T10:00:00.250Z']]],
  [
    'bytes',
    [
      ['AP8+', bytes],
      ['AP8', cannot],
      ['AP8-', cannot],
      ['', new Uint8Array(0)],
      [bytes, bytes],
      [1, cannot]
    ]
  ],
  [
    { to: 'bytes', from: 'hex' },
    [
      ['00FF3e', bytes],
      ['00f', cannot]
    ]
  ],
  [{ to: 'bytes', from: 'base64url' }, [['AP8-', bytes]]],
  [
    { to: 'bytes', from: 'utf-8' },
    [
      ['é', new Uint8Array([0xc3, 0xa9])],
      ['\ud800', cannot]
    ]
  ],
  ['base64', [[bytes, 'AP8+']]],
  ['hex', [[bytes, '00ff3e']]],
  [{ to: 'base64', from: 'hex' }, [['00ff3e', 'AP8+']]],
  [
    'json',
    [
      [{ a: [1, 'x'] }, '{"a":[1,"x"]}'],
      ['a', '"a"'],
      [time, '{"$date":"2024-05-01T10:00:00.250Z"}']
    ]
  ],
  [
    'parse-json',
    [
      ['{"a":[1.0]}', { a: [new Double(1)] }],
      ['{"$date":"2024-05-01T10:00:00.25Z"}', time],
      ['{', cannot],
      [1, cannot]
    ]
  ]
]

describe('stage convert: edges', () => {
  for (const [to, rows] of table) {
    it(`converts to ${typeof to === 'string' ? to : JSON.stringify(to)} without loss, or not at all`, async () => {
      for (const [value, expected] of rows) expect(await converted(to, value), String(value)).to.deep.equal(expected)
    })
  }

  it('gives bytes that are the document’s own', async () => {
    expect(await converted('bytes', 'AP8+'))
      .to.be.an.instanceOf(Uint8Array)
      .and.not.an.instanceOf(Buffer)
  })

  it('leaves null and what is missing as it is, whatever the type', async () => {
    const document = { _id: '1', v: null, w: { x: 1 } }
    for (const to of ['string', 'integer', 'date', 'json', 'bytes'])
      expect(await applied('convert', { fields: { v: to, none: to, 'w.y': to } }, document)).to.equal(document)
  })

  it('fails by path and type, without the value, and leaves the document as it came', async () => {
    expect(
      await failed('convert', { fields: { a: 'string', 'l[*].n': 'integer' } }, { _id: '1', a: 1, l: [{ n: '1' }, { n: 'secret' }] })
    ).to.equal("l[1].n: text that can't be converted to integer")
    expect(await failed('convert', { fields: { at: 'date' } }, { _id: '1', at: 5 }))
      .to.include('at: a number that')
      .and.include('from: epoch-s or epoch-ms')
    expect(await failed('convert', { fields: { at: 'date' } }, { _id: '1', at: [] })).to.equal("at: a list that can't be converted to date")
    expect(await failed('convert', { fields: { at: 'date' } }, { _id: '1', at: '2024-05-01T10:00:00' })).to.include('say zone: Z')
  })

  it('keeps, empties or removes what can not be converted, by field or for all', async () => {
    const fields = {
      a: 'number',
      b: { to: 'number', otherwise: 'keep' },
      c: { to: 'number', otherwise: 'remove' },
      'l[*]': { to: 'number', otherwise: 'remove' }
    }
    expect(await applied('convert', { fields, otherwise: 'null' }, { _id: '1', a: 'x', b: 'x', c: 'x', l: ['1', 'x', '2'] })).to.deep.equal(
      { _id: '1', a: null, b: 'x', l: [1, 2] }
    )
  })

  it('takes a common format for the fields that it fits', async () => {
    const options = { fields: { at: 'date', b: 'bytes', n: 'number' }, from: 'epoch-s' }
    expect(await applied('convert', options, { _id: '1', at: 1, b: 'AP8+', n: '2' })).to.deep.equal({
      _id: '1',
      at: new Timestamp(1, 0),
      b: bytes,
      n: 2
    })
  })

  it('refuses what it does not know, with the path', async () => {
    expect(await wrong('convert', { fields: { a: 'strnig' } })).to.match(
      /^stage convert: a: .*did you mean string\?|^stage convert: fields\.a: .*did you mean string\?/
    )
    expect(await wrong('convert', { fields: { a: { to: 'number', from: 'hex' } } })).to.include('fields.a.from: number is not made of hex')
    expect(await wrong('convert', { fields: { a: { to: 'date', form: 'iso' } } })).to.include(
      'fields.a.form: is unknown here (did you mean from?)'
    )
    expect(await wrong('convert', { fields: { a: 'date' }, zone: 'CET' })).to.include('zone: must have the form')
    expect(await wrong('convert', { fields: { _id: 'string' } })).to.include('_id')
  })
})
