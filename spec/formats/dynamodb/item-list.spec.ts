import { isUtf8 } from 'node:buffer'
import { expect } from 'chai'
import fc from 'fast-check'
import { parseItemList, readItemList, scanItemList } from '../../../lib/formats/dynamodb/item-list.ts'
import type { ItemList } from '../../../lib/formats/dynamodb/item-list.ts'
import { toItem } from '../../../lib/formats/dynamodb/items.ts'
import { documentKey } from '../../../lib/formats/dynamodb/keys.ts'
import type { TableKey } from '../../../lib/formats/dynamodb/keys.ts'
import { readPlainItems } from '../../../lib/formats/dynamodb/plain-items.ts'
import type { PlainItems } from '../../../lib/formats/dynamodb/plain-items.ts'
import type { Document } from '../../../lib/values/index.ts'
import { oddText } from '../../support/odd-json.ts'
import { anyDocument, anyString } from '../../values/arbitraries.ts'
import { awkwardDocument } from '../../values/awkward.ts'
import { sameValue } from '../../values/same-value.ts'

const stringKey: TableKey = [{ name: 'pk', type: 'S' }]
const numberKey: TableKey = [{ name: 'n', type: 'N' }]
const pairKey: TableKey = [
  { name: 'pk', type: 'S' },
  { name: 'n', type: 'N' }
]
const keys = [documentKey, stringKey, numberKey, pairKey, [{ name: 'pk', type: 'B' } as const], [{ name: '_id', type: 'N' } as const]]

function documentOrError(list: ItemList, index: number): Document | string {
  try {
    return list.document(index)
  } catch (error) {
    return String(error)
  }
}

/** By the item's index, of blocks of so many bytes. */
function linesOf(items: PlainItems, length: number, mostBytes: number): Map<number, string> {
  const found = new Map<number, string>()
  for (let from = 0; from < length;) {
    const { to, lines, indexes, odd } = items.lines({ from, to: length, mostBytes })
    const all = Array.from({ length: to - from }, (_, at) => from + at)
    expect([...indexes, ...odd].toSorted((a, b) => a - b)).to.deep.equal(all)
    expect(to).to.be.above(from)
    expect(lines.length).to.be.at.most(mostBytes)
    const texts = lines.toString().split('\n')
    expect(texts.pop()).to.equal('')
    expect(texts).to.have.length(indexes.length)
    for (const [at, index] of indexes.entries()) found.set(index, texts[at]!)
    from = to
  }
  return found
}

/** What the plain way makes of it, or nothing: then the plain way is gone. @returns how many documents were made without objects for attributes */
function check(text: string | Buffer, key: TableKey): number {
  const bytes = Buffer.from(text)
  const scanned = scanItemList(bytes, key)
  if (!scanned) return 0
  const plain = parseItemList(bytes, key)!
  expect(scanned.length).to.equal(plain.length)
  expect(scanned.rest).to.deep.equal({ ...plain.rest, Items: null })
  let count = 0
  const some = scanned.documents?.(0, plain.length)
  const taken = readPlainItems(bytes, { ownKey: key === documentKey })!
  const lines = linesOf(taken, plain.length, 4_000_000)
  for (const [index, line] of linesOf(taken, plain.length, 100)) expect(line).to.equal(lines.get(index))
  for (let index = 0; index < plain.length; index++) {
    expect(scanned.item(index)).to.deep.equal(plain.item(index))
    const [ours, theirs] = [documentOrError(scanned, index), documentOrError(plain, index)]
    if (typeof theirs === 'string') expect(ours).to.equal(theirs)
    else sameValue(ours, theirs)
    const made = some?.[index]
    if (made) expect(made).to.deep.equal(ours)
    else expect(some === undefined || typeof theirs === 'string' || !lines.has(index) || lines.get(index)!.length > 65_000).to.equal(true)
    if (typeof ours !== 'string') expect(Object.keys(ours)).to.deep.equal(Object.keys(theirs))
    const text = taken.text(index)
    if (text !== undefined) count++
    const line = lines.get(index)
    if (line !== undefined) expect(line).to.equal(text)
    else expect(text === undefined || !isUtf8(bytes)).to.equal(true)
  }
  return count
}

const answerOf = (items: readonly string[], more = ''): string =>
  `{"ConsumedCapacity":{"CapacityUnits":1.5,"TableName":"t\\"]}"},"Count":${items.length},"Items":[${items.join(',')}]${more},"ScannedCount":3}`

const numberText = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.stringMatching(/^-?(0|[1-9]\d{0,20})(\.\d{1,20})?$/),
  fc.constantFrom(
    '0',
    '-0',
    '0.0',
    '-0.0',
    '1.0',
    '1E5',
    '1e21',
    '9007199254740993',
    '0.30000000000000004',
    '007',
    '',
    '.5',
    '5.',
    '+1',
    '1 '
  )
)
const text = fc.oneof(fc.string(), anyString, fc.string({ unit: 'grapheme' })).map(each => JSON.stringify(each))
const name = fc.oneof(
  fc.constantFrom(
    '"a"',
    '"b"',
    '"n"',
    '"pk"',
    '"_id"',
    '"dynamodb:_id"',
    '"$date"',
    '"__proto__"',
    '"0"',
    '""',
    '"\\u0024date"',
    '"$%a%2Fb"'
  ),
  text
)
const { attribute } = fc.letrec<{ attribute: string }>(tie => ({
  attribute: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text.map(each => `{"S":${each}}`),
    numberText.map(each => `{"N":"${each}"}`),
    fc.constantFrom(
      '{"NULL":true}',
      '{"BOOL":true}',
      '{"BOOL":false}',
      '{"B":"AQID"}',
      '{"SS":["a"]}',
      '{"NS":["1"]}',
      '{"M":{}}',
      '{"L":[]}'
    ),
    fc.constantFrom(
      '{}',
      'null',
      '"S"',
      '{"S":"a","N":"1"}',
      '{"X":"1"}',
      '{"S":1}',
      '{"N":1}',
      '{"NULL":false}',
      '{"S": "a"}',
      '{"L":[null]}'
    ),
    fc.array(tie('attribute'), { maxLength: 4 }).map(list => `{"L":[${list.join(',')}]}`),
    fc.array(fc.tuple(name, tie('attribute')), { maxLength: 4 }).map(fields => `{"M":{${fields.map(pair => pair.join(':')).join(',')}}}`)
  )
}))
const idField = fc
  .oneof(fc.string({ minLength: 1 }), anyString, fc.stringMatching(/^[a-z]{40,80}$/))
  .map(id => `"_id":{"S":${JSON.stringify(id)}}`)
const field = fc.oneof(
  fc.tuple(name, attribute).map(pair => pair.join(':')),
  fc.constant('"pk":{"S":"p"}'),
  numberText.map(n => `"n":{"N":"${n}"}`)
)
const item = fc
  .tuple(fc.array(field, { maxLength: 4 }), fc.array(idField, { maxLength: 1 }), fc.array(field, { maxLength: 4 }))
  .map(parts => `{${parts.flat().join(',')}}`)

describe('formats: DynamoDB JSON, the items of an answer', () => {
  it('makes the documents that the plain way makes of what docferry wrote', () => {
    let count = 0
    fc.assert(
      fc.property(
        fc.array(fc.oneof(anyDocument, awkwardDocument), { maxLength: 4 }),
        fc.constantFrom('natural', 'exact', 'plain'),
        (documents, types) => {
          const items = documents.map(document => toItem(documentKey, document, { types, escapeNames: true }))
          count += check(answerOf(items.flatMap(each => ('code' in each ? [] : [each.json]))), documentKey)
        }
      ),
      { numRuns: 500 }
    )
    expect(count).to.be.greaterThan(20)
  })

  it('makes the documents that the plain way makes of any items, in tables with any key', () => {
    let count = 0
    fc.assert(
      fc.property(fc.array(item, { maxLength: 3 }), fc.constantFrom(...keys), (items, key) => {
        count += check(answerOf(items), key)
      }),
      { numRuns: 4_000 }
    )
    expect(count).to.be.greaterThan(100)
  })

  it('takes no answer for sound that is not, wherever it is cut or changed', () => {
    const odd = fc.oneof({ weight: 20, arbitrary: oddText }, { weight: 1, arbitrary: fc.constant('"Items":[],') })
    fc.assert(
      fc.property(
        fc.array(item, { minLength: 1, maxLength: 2 }),
        fc.nat(),
        fc.nat(3),
        odd,
        fc.boolean(),
        (items, at, length, put, isCut) => {
          const whole = answerOf(items, ',"LastEvaluatedKey":{"_id":{"S":"x"}}')
          const place = at % (whole.length + 1)
          check(isCut ? whole.slice(0, place) : whole.slice(0, place) + put + whole.slice(place + length), documentKey)
        }
      ),
      { numRuns: 4_000 }
    )
  })

  it('reads bytes that are no UTF-8 as the plain way does', () => {
    const [before, after] = answerOf(['{"_id":{"S":"a"},"s":{"S":"?"}}']).split('?') as [string, string]
    for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf0, 0x9f]])
      expect(check(Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]), documentKey)).to.equal(1)
  })

  it('takes what most tables hold without the plain way', () => {
    const ordinary =
      '{"name":{"S":"Zo\\u00eb \\"x\\" 名"},"n":{"N":"-12.5"},"f":{"N":"0.30000000000000004"},"_id":{"S":"doc-1"},"l":{"L":[{"M":{}},{"L":[]},{"NULL":true},{"M":{"a":{"BOOL":false}}}]}}'
    expect(check(answerOf([ordinary, ordinary]), documentKey)).to.equal(2)
    const list = readItemList(Buffer.from(answerOf([ordinary])), documentKey)!
    expect(list.document(0)).to.deep.equal({
      _id: 'doc-1',
      name: 'Zoë "x" 名',
      n: -12.5,
      f: 0.30000000000000004,
      l: [{}, [], null, { a: false }]
    })
    expect(check(answerOf(['{"pk":{"S":"a|b"},"n":{"N":"1.5"}}']), pairKey)).to.equal(1)
  })

  it('puts an id of any length first', () => {
    for (const length of [1, 37, 38, 39, 40, 41, 300, 2_048]) {
      const id = 'x'.repeat(length)
      for (const more of ['', ',"a":{"S":"y"}', `,"a":{"S":"${'y'.repeat(500)}"}`])
        expect(check(answerOf([`{"b":{"N":"1"},"_id":{"S":"${id}"}${more}}`, `{"_id":{"S":"${id}"}${more}}`]), documentKey)).to.equal(2)
    }
  })

  it('keeps apart the items of an answer that has very many small ones', () => {
    const items = Array.from({ length: 5_000 }, (_, index) => `{"_id":{"S":"${index}"}}`)
    expect(check(answerOf(items), documentKey)).to.equal(5_000)
    const keyed = Array.from({ length: 5_000 }, (_, index) => `{"n":{"N":"${index}"}}`)
    expect(check(answerOf(keyed), numberKey)).to.equal(5_000)
  })

  it('takes an answer of several megabytes, and leaves one with an item that is larger than any', () => {
    const large = (id: number, bytes: number): string => `{"text":{"S":"${'é'.repeat(bytes / 2)}"},"_id":{"S":"${id}"}}`
    const items = [400_000, 300_000, 1_500_000, 10, 900_000, 1_200_000, 700_000].map((bytes, id) => large(id, bytes))
    expect(check(answerOf(items, ',"LastEvaluatedKey":{"_id":{"S":"x"}}'), documentKey)).to.equal(items.length)
    expect(scanItemList(Buffer.from(answerOf([large(1, 2_200_000)])), documentKey)).to.equal(undefined)
  })

  it('goes the plain way for an answer without items, with spaces, or of which nothing is known', () => {
    expect(readItemList(Buffer.from('{"Count":0}'), documentKey)).to.equal(undefined)
    expect(readItemList(Buffer.from('{ "Items": [ {"_id": {"S": "a"}} ] }'), documentKey)!.document(0)).to.deep.equal({ _id: 'a' })
    for (const bad of ['', 'null', '[]', '<html>', '{"Items":[{"_id":{"S":"a"}}'])
      expect(() => readItemList(Buffer.from(bad), documentKey), bad).to.throw(SyntaxError)
  })
})
