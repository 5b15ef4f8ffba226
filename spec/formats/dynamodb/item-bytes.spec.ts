import { expect } from 'chai'
import fc from 'fast-check'
import { packItem, packLine } from '../../../lib/formats/dynamodb/item-bytes.ts'
import { fewItems } from '../../../lib/formats/dynamodb/item-kernel.ts'
import type { PackedItem } from '../../../lib/formats/dynamodb/item-bytes.ts'
import { toItem } from '../../../lib/formats/dynamodb/items.ts'
import type { ItemText } from '../../../lib/formats/dynamodb/items.ts'
import { documentKey } from '../../../lib/formats/dynamodb/keys.ts'
import type { TableKey } from '../../../lib/formats/dynamodb/keys.ts'
import { maxItemBytes } from '../../../lib/formats/dynamodb/limits.ts'
import { packLines } from '../../../lib/kernel/kernel.ts'
import type { EncodeRules } from '../../../lib/types.ts'
import { Decimal, Double, stringifyJson, Timestamp } from '../../../lib/values/index.ts'
import type { Document, Value } from '../../../lib/values/index.ts'
import { anyDocument, anyString } from '../../values/arbitraries.ts'
import { awkwardDocument } from '../../values/awkward.ts'

const everyRule = (['natural', 'exact', 'plain'] as const).flatMap(types =>
  [false, true].map((escapeNames): EncodeRules => ({ types, escapeNames }))
)

/** Whatever the rules: the same attributes and size, and nothing told. */
function expectAsToItem(document: Document, packed: PackedItem): void {
  for (const rules of everyRule) {
    const told: string[] = []
    const item = toItem(documentKey, document, rules, (kind, conversion) => told.push(`${kind} ${conversion}`)) as ItemText
    expect({ id: item.id, item: attributesOf(item.json), bytes: item.bytes }).to.deep.equal({
      id: packed.id,
      item: attributesOf(packed.payload.toString()),
      bytes: packed.bytes
    })
    expect(told).to.deep.equal([])
  }
}

/** In any order. */
function attributesOf(json: string): string[] {
  return Object.entries(JSON.parse(json) as object)
    .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
    .toSorted()
}

/** The same for a line of the document's JSON, as a target that takes lines is given it. */
function packText(document: Document): PackedItem | undefined {
  const [stretch] = packLines([Buffer.from(`${stringifyJson(document)}\n`)], { drop: [], byLine: true })
  if (!stretch || !('packed' in stretch)) return undefined
  const { text, lines } = stretch.packed
  return packLine(documentKey, lines!.ids[0]!, text.subarray(0, -1))
}

const longText = fc.tuple(anyString, fc.nat(200), anyString).map(([before, length, after]) => before + 'né'.repeat(length) + after)

const leaf = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  anyString,
  longText,
  fc.string({ unit: fc.constantFrom('"', '\\', '\n', '\u0000', '\u001f', '\u007f', '\u2028', 'é', '😀', '\uffff', 'a') }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.tuple(fc.integer(), fc.constantFrom(1, 8, 10, 1_000, 1e6, 1e9)).map(([whole, divisor]) => whole / divisor),
  fc.constantFrom(0, -0, 100, -1100, 0.001, 0.0105, -0.05, 1e20, 1e21, 2 ** 53, 0.1 + 0.2),
  fc.boolean(),
  fc.constant(null)
)
const name = fc.oneof(fc.string({ minLength: 1, maxLength: 12 }), fc.constantFrom('a', 'b', '__proto__', '0', '"', '\\', 'größe', '$x', ''))
const { value: ordinaryValue } = fc.letrec<{ value: Value }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4 })
  )
}))
const mostlyOrdinary: fc.Arbitrary<Document> = fc
  .tuple(
    fc.oneof(fc.string({ minLength: 1 }), anyString),
    fc.dictionary(fc.constantFrom('a', 'b', 'c', '0', '__proto__'), ordinaryValue, { maxKeys: 4 })
  )
  .map(([_id, fields]) => ({ ...fields, _id }))

describe('formats: DynamoDB JSON, items as bytes', () => {
  // The first ones go the plain way, for a run of as few does without the module.
  before(() => {
    for (let item = 0; item < fewItems; item++) packItem(documentKey, { _id: 'x' })
  })

  it('writes what `toItem` writes, or leaves it to it', () => {
    let packedCount = 0
    fc.assert(
      fc.property(fc.oneof(mostlyOrdinary, mostlyOrdinary, anyDocument, awkwardDocument), document => {
        const line = packText(document)
        if (line) expectAsToItem(document, line)
        const packed = packItem(documentKey, document)
        if (!packed) return
        packedCount++
        expectAsToItem(document, packed)
      }),
      { numRuns: 3_000 }
    )
    expect(packedCount).to.be.greaterThan(500)
  })

  it('writes every number of a usual size as `toItem` does', () => {
    const number = fc.oneof(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), fc.maxSafeInteger(), fc.integer({ min: -2_000, max: 2_000 }))
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 20 }), numbers => {
        for (const n of numbers) {
          const packed = packItem(documentKey, { _id: 'n', n })
          if (packed) expectAsToItem({ _id: 'n', n }, packed)
          else expect(Object.is(n, -0) || String(n).includes('e'), String(n)).to.equal(true)
        }
      }),
      { numRuns: 300 }
    )
  })

  it('takes the documents that most collections hold', () => {
    const document: Document = {
      _id: 'agent:1',
      name: 'Zoë "the" \\ 名😀\n',
      n: 1.5,
      list: [[], {}, null, true, -3],
      map: { a: { b: ['x'] }, c: undefined as unknown as Value },
      note: 'é'.repeat(100),
      long: 'x'.repeat(100)
    }
    expectAsToItem(document, packItem(documentKey, document)!)
  })

  const left: Record<string, Document> = {
    'an empty id': { _id: '' },
    'an id that is too long': { _id: 'é'.repeat(1_025) },
    'an id that may be escaped': { _id: '$%a%2Fb' },
    'an id with half a surrogate pair': { _id: 'a\ud800' },
    'half a surrogate pair': { _id: 'a', s: '\udc00' },
    'half a surrogate pair in a long text': { _id: 'a', s: `${'x'.repeat(100)}\ud83d` },
    'two halves in the wrong order': { _id: 'a', s: '\udc00\ud800' },
    'a name that begins with $': { _id: 'a', map: { $date: 'soon' } },
    'an empty name': { _id: 'a', '': 1 },
    'a negative zero': { _id: 'a', n: -0 },
    'no number': { _id: 'a', n: NaN },
    'an infinity': { _id: 'a', n: -Infinity },
    'a number past 2^53': { _id: 'a', n: 2 ** 53 },
    'a number with an exponent': { _id: 'a', n: 1e-7 },
    'a bigint': { _id: 'a', n: 5n },
    bytes: { _id: 'a', b: new Uint8Array(1) },
    'a class of values': { _id: 'a', list: [new Timestamp(0, 0)] },
    'a Decimal': { _id: 'a', n: new Decimal('1.5') },
    'a Double': { _id: 'a', n: new Double(1) },
    'no value': { _id: 'a', list: [undefined as unknown as Value] },
    'a class of somebody else': { _id: 'a', when: new Date(0) as unknown as Value },
    'no id': {} as Document
  }
  for (const [what, document] of Object.entries(left)) {
    it(`leaves ${what} to \`toItem\``, () => {
      expect(packItem(documentKey, document)).to.equal(undefined)
    })
  }

  it('leaves tables with another key to `toItem`', () => {
    const other: TableKey = [{ name: 'pk', type: 'S' }]
    expect(packItem(other, { _id: 'a' })).to.equal(undefined)
  })

  it('takes as many levels and bytes as an item holds, and no more', () => {
    let deep: Value = 'x'
    for (let level = 0; level < 31; level++) deep = level % 2 === 0 ? [deep] : { a: deep }
    expectAsToItem({ _id: 'deep', deep }, packItem(documentKey, { _id: 'deep', deep })!)
    expect(packItem(documentKey, { _id: 'deep', deep: [deep] })).to.equal(undefined)
    const pad = 'é'.repeat((maxItemBytes - 3 - 3 - 1 - 4 - 2) / 2)
    const full: Document = { _id: 'big', pad4: pad, n: 1 }
    const { bytes } = packItem(documentKey, full)!
    expect(bytes).to.be.within(maxItemBytes - 4, maxItemBytes)
    expectAsToItem(full, packItem(documentKey, full)!)
    expect(packItem(documentKey, { ...full, more: 'x'.repeat(8) })).to.equal(undefined)
  })

  it('keeps each item as it was, however many follow or are left', () => {
    const documents = Array.from({ length: 300 }, (_, index): Document => ({
      _id: `d${index}`,
      text: 'x'.repeat((index * 37) % 2_000),
      index
    }))
    const packed = documents.map(document => {
      const item = packItem(documentKey, document)!
      packItem(documentKey, { ...document, last: new Timestamp(0, 0) })
      return item
    })
    packed.forEach((item, index) => expectAsToItem(documents[index]!, item))
  })

  it('keeps an item until it is released, whatever becomes of those beside it', () => {
    const document = (index: number): Document => ({ _id: `d${index}`, text: String(index % 10).repeat((index * 97) % 5_000) })
    const kept: { readonly index: number; readonly item: PackedItem }[] = []
    for (let index = 0; index < 4_000; index++) {
      const item = packItem(documentKey, document(index))!
      if (index % 40 === 0) kept.push({ index, item })
      else item.release?.()
    }
    for (const { index, item } of kept) expectAsToItem(document(index), item)
  })
})
