import { expect } from 'chai'
import fc from 'fast-check'
import { itemLineReader, itemOf, mayBeItemLine } from '../../../lib/formats/dynamodb/item-lines.ts'
import { toDocument, toItem } from '../../../lib/formats/dynamodb/items.ts'
import { parseKey } from '../../../lib/formats/dynamodb/key-option.ts'
import { documentKey } from '../../../lib/formats/dynamodb/keys.ts'
import type { ItemJson } from '../../../lib/formats/dynamodb/values.ts'
import { LineSplitter } from '../../../lib/formats/lines.ts'
import type { Line } from '../../../lib/formats/lines.ts'
import type { Document } from '../../../lib/types.ts'
import { anyDocument } from '../../values/arbitraries.ts'

function lineOf(text: string): Line {
  return new LineSplitter().push(Buffer.from(`${text}\n`))[0]!
}

const read = itemLineReader({})

function messageOf(text: string, reader = read): string {
  const entry = reader(lineOf(text))
  return 'reject' in entry ? entry.reject.message : 'a document'
}

describe('formats: DynamoDB JSON, a line', () => {
  it('gives back exactly what the table with this item would', () => {
    fc.assert(
      fc.property(anyDocument, fc.boolean(), fc.constantFrom('natural' as const, 'exact' as const), (document, escapeNames, types) => {
        const item = toItem(documentKey, document, { types, escapeNames })
        if ('code' in item) return
        const expected = toDocument(documentKey, JSON.parse(item.json) as ItemJson)
        for (const text of [`{"Item":${item.json}}`, item.json]) expect(read(lineOf(text))).to.deep.equal({ document: expected })
      }),
      { numRuns: 300 }
    )
  })

  it('keeps every digit, and text that looks like a number', () => {
    expect(
      read(lineOf('{"Item":{"_id":{"S":"1"},"n":{"N":"12345678901234567890.123456789012345678"},"s":{"S":"007"}}}'))
    ).to.have.nested.property('document.n.digits', '12345678901234567890.123456789012345678')
    expect(read(lineOf('{"Item":{"_id":{"S":"1"},"n":{"N":"9007199254740993"}}}'))).to.have.nested.property('document.n', 9007199254740993n)
  })

  it('reads an item of a table with another key by the id that the table’s documents have', () => {
    const item = '{"Item":{"pk":{"S":"a|b"},"sk":{"N":"4.20"},"_id":{"S":"own"}}}'
    const document = { _id: 'a%7Cb|4.2', pk: 'a|b', sk: 4.2, 'dynamodb:_id': 'own' }
    for (const key of ['pk,sk', 'pk:S,sk:N']) expect(itemLineReader({ key: parseKey(key) })(lineOf(item))).to.deep.equal({ document })
    expect(messageOf(item, itemLineReader({ key: parseKey('pk,sk:S') }))).to.equal('an item without its key')
    expect(messageOf('{"Item":{"pk":{"S":"a"}}}')).to.equal('an item without its key')
  })

  for (const [what, text] of [
    ['a type that there is not', '{"Item":{"_id":{"S":"1"},"a":{"X":"1"}}}'],
    ['two types for one value', '{"Item":{"_id":{"S":"1"},"a":{"S":"1","N":"1"}}}'],
    ['a number that is no text', '{"Item":{"_id":{"S":"1"},"a":{"N":1}}}'],
    ['bytes that are no base64', '{"Item":{"_id":{"S":"1"},"a":{"L":[{"B":"*"}]}}}'],
    ['a value without a type', '{"Item":{"_id":{"S":"1"},"a":{}}}'],
    ['an ordinary document', '{"_id":"1","Item":{}}'],
    ['a list', '[{"Item":{"_id":{"S":"1"}}}]'],
    ['something beside the item', '{"Item":{"_id":{"S":"1"}},"more":1}']
  ] as const) {
    it(`rejects ${what}`, () => {
      expect(messageOf(text)).to.equal('no item in DynamoDB JSON')
    })
  }

  it('rejects a number that is none, with its place', () => {
    const entry = read(lineOf('{"Item":{"_id":{"S":"1"},"a":{"N":"one"}}}'))
    expect(entry).to.deep.include.keys('reject')
    expect(entry).to.have.nested.property('reject.where', 'line 1, byte 0')
  })

  for (const [what, set, message] of [
    ['an empty set', '{"SS":[]}', 'an empty set, which DynamoDB does not have'],
    ['a set with a text twice', '{"SS":["a","a"]}', 'a set that holds one member twice'],
    ['a set with a number twice, in two forms', '{"NS":["1","1.0"]}', 'a set that holds one member twice'],
    ['a set with bytes twice, in two forms', '{"L":[{"BS":["AQI=","AQJ="]}]}', 'a set that holds one member twice']
  ] as const) {
    it(`rejects ${what}, since no text of a set would be read back as this one`, () => {
      expect(messageOf(`{"Item":{"_id":{"S":"1"},"a":${set}}}`)).to.equal(message)
    })
  }

  it('reads changes as what is now, and tells what was deleted by its id', () => {
    const changes = itemLineReader({ changes: true, key: parseKey('pk') })
    const metadata = '"Metadata":{"WriteTimestampMicros":{"N":"1"}}'
    expect(
      changes(lineOf(`{${metadata},"Keys":{"pk":{"S":"a"}},"OldImage":{"pk":{"S":"a"}},"NewImage":{"pk":{"S":"a"},"n":{"N":"1"}}}`))
    ).to.deep.equal({
      document: { _id: 'a', pk: 'a', n: 1 }
    })
    const deletion = changes(lineOf(`{${metadata},"Keys":{"pk":{"S":"b"}},"OldImage":{"pk":{"S":"b"}}}`))
    expect(deletion).to.have.nested.property('reject.id', 'b')
    expect(messageOf('{"Item":{"pk":{"S":"a"}}}', changes)).to.match(/no change/)
  })

  it('never takes a document for an item', () => {
    fc.assert(
      fc.property(anyDocument, document => {
        let text: string
        try {
          text = JSON.stringify(document)
        } catch {
          // A bigint.
          return
        }
        expect(itemOf(JSON.parse(text) as Document)).to.equal(undefined)
      })
    )
  })

  it('looks at as little as it can, and misses none', () => {
    const line = '{"Item":{"_id":{"S":"1"}}}'
    for (let end = 1; end < line.length; end++) expect(mayBeItemLine(line.slice(0, end), false), line.slice(0, end)).to.equal(true)
    expect(mayBeItemLine('{"_id":"1","a":{"b":1}}', false)).to.equal(false)
    expect(mayBeItemLine('[1]', false)).to.equal(false)
  })
})
