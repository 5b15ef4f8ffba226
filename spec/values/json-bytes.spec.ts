import { expect } from 'chai'
import fc from 'fast-check'
import { Double, isOrdinary, notOrdinary, setField, writeJsonBytes } from '../../lib/values/index.ts'
import type { Value, ValueMap } from '../../lib/values/index.ts'
import { anyDocument } from '../formats/bytes.ts'

const buffer = Buffer.alloc(1 << 16)

function textOf(value: Value, at = 0): string | undefined {
  const end = writeJsonBytes(value, buffer, at)
  expect(end).to.be.at.most(buffer.length)
  return end === notOrdinary ? undefined : buffer.toString('utf8', at, end)
}

const key = fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom('__proto__', 'toJSON', '1', '', '$', 'a$'))
/** Most of it ordinary. */
const { value } = fc.letrec<{ value: Value }>(tie => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 100 }),
      fc.string({ unit: 'grapheme', maxLength: 100 }),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double(),
      fc.constantFrom(null, true, false, 0, -0, 9, 10, 999_999_999, 1e9, 2 ** 53, 5e-324, 1e21, 1n, new Double(1))
    ),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map(entries => {
      const map: ValueMap = {}
      for (const [name, each] of entries) setField(map, name, each)
      return map
    })
  )
}))

describe('values: JSON as bytes', () => {
  it('are what JSON.stringify gives for what is ordinary, and none for anything else', () => {
    fc.assert(
      fc.property(fc.oneof(value, anyDocument), fc.nat(100), (any, at) => {
        expect(textOf(any, at)).to.equal(isOrdinary(any) ? JSON.stringify(any) : undefined)
      }),
      { numRuns: 2000 }
    )
  })

  for (const [what, each] of Object.entries<Value>({
    'control characters, quotes and backslashes': 'a\u0000\u001f"\\/\u007f',
    'line separators': '\u2028\u2029',
    'pairs of surrogates, and halves': '\u{1f600} \ud83d \ude00',
    'long texts with them': `${'ü'.repeat(100)}\n\ud83d"`,
    'long texts without': 'x€'.repeat(100),
    'fields that are undefined': { a: undefined as unknown as Value, b: 1, c: undefined as unknown as Value },
    'empty maps and lists': [{}, [], [[]], { a: {} }]
  }))
    it(`write ${what} as JSON.stringify does`, () => {
      expect(textOf(each)).to.equal(JSON.stringify(each))
    })

  for (const [what, each] of Object.entries<Value>({
    'a hole in a list': Object.assign(new Array<Value>(2), { 1: 1 }),
    'a function': { toJSON: (() => 1) as unknown as Value },
    'a map without a prototype': Object.create(null) as Value,
    'an integer past 2^53': 2 ** 53,
    'a subnormal number': 5e-324
  }))
    it(`leave ${what} to others`, () => {
      expect(textOf(each)).to.equal(undefined)
    })

  it('leave what is too deep to others', () => {
    let deep: Value = []
    for (let depth = 0; depth < 1100; depth++) deep = [deep]
    expect(textOf(deep)).to.equal(undefined)
  })

  it('end past the buffer where there is no room, and write nothing behind it', () => {
    const texts: Value[] = [
      'a'.repeat(20),
      'ü'.repeat(20),
      'x'.repeat(80),
      '\n'.repeat(20),
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
      { abc: 1234567, d: true },
      12_345_678
    ]
    for (const each of texts) {
      const needed = Buffer.byteLength(JSON.stringify(each))
      for (let room = 0; room < needed; room++) {
        const whole = Buffer.alloc(64, 0xee)
        expect(writeJsonBytes(each, whole.subarray(0, room), 0), `${room}`).to.be.above(room)
        expect(whole.subarray(room).every(byte => byte === 0xee)).to.equal(true)
      }
    }
  })
})
