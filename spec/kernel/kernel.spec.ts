import { expect } from 'chai'
import fc from 'fast-check'
import { parseLine } from '../../lib/formats/document-line.ts'
import { canPack, packLines } from '../../lib/kernel/kernel.ts'
import { idHashes } from '../../lib/values/id-hashes.ts'
import { documentDigests, isMap, parseJson } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'

const drop = ['_rev', '_attachments', 'größe']
const packing = { drop, counted: '_attachments' }

function plain(line: string): Document | undefined {
  const found = parseLine({ bytes: Buffer.from(line), number: 2, offset: 0, end: 0, complete: true }, 'none')
  return 'document' in found ? found.document : undefined
}

function digestText(document: Document): string {
  return Buffer.from(documentDigests(document).values).toString('hex')
}

/** Of the first document. */
function firstDigest(digests: Uint32Array): string {
  return [...digests.subarray(0, 8)].map(word => word.toString(16).padStart(8, '0')).join('')
}

/** What must hold of a line, whichever way it goes. @returns whether it was packed */
function check(line: string): boolean {
  const stretches = packLines([Buffer.from(`${line}\n`)], packing)
  expect(stretches).to.have.length(1)
  if (!('packed' in stretches[0]!)) return false
  const { packed, bytes } = stretches[0]
  const { text, count, digests, idHashes: hashes, dropped, members } = packed
  const document = plain(line)
  if (!document) throw new Error(`packed, and no document: ${line}`)
  expect(documentDigests(document).kinds, line).to.equal(undefined)
  const left = Object.fromEntries(Object.entries(document).filter(([name]) => !drop.includes(name))) as Document
  expect(count).to.equal(1)
  expect(bytes).to.equal(Buffer.byteLength(line) + 1)
  expect(dropped).to.deep.equal(drop.map(name => (Object.hasOwn(document, name) ? 1 : 0)))
  const attachments = document['_attachments']
  expect(members).to.equal(isMap(attachments) ? Object.keys(attachments).length : 0)
  expect(firstDigest(digests), line).to.equal(digestText(left))
  expect(digestText(parseJson(text.toString()) as Document), line).to.equal(firstDigest(digests))
  expect(text.toString().endsWith('\n')).to.equal(true)
  expect(text.toString().slice(0, -1)).not.to.include('\n')
  expect([...hashes]).to.deep.equal(idHashes(document._id))
  return true
}

describe('kernel', () => {
  it('runs here', () => {
    expect(canPack()).to.equal(true)
  })

  const packed: readonly string[] = [
    '{"_id":"a"}',
    '{ "_id" : "a" , "b" : [ 1 , 2.5 , { } , [ ] ] }',
    '{"_id":"a","_rev":"1-x"}',
    '{"_rev":"1-x","_id":"a"}',
    '{"_rev":"1-x","_attachments":{"a":{"length":3}},"_id":"a","größe":1}',
    '{"_id":"a", "_rev":"1-x" , "_attachments" : {} }',
    '{"z":1,"_id":"a","_rev":"1","b":2,"_attachments":{},"c":"x"}',
    '{"_id":"\\u00e9\\ud83d\\ude00\\n\\"","b":"\\/"}',
    '{"_id":"é😀","b":"日本語のテキストで十六バイトより長いもの"}',
    '{"_id":"","":""}',
    '{"_id":"a","n":[0,1,-1,0.5,-0.25,123456789012345,0.911369,1e0]}'.replace(',1e0', ''),
    '{"_id":"a","n":0.9113690123456789,"m":{"b":1.2345678901234567,"a":0.1234567890123456}}',
    '{"_id":"a","t":[true,false,null]}\r'
  ]
  for (const line of packed) it(`packs ${line}`, () => expect(check(line)).to.equal(true))

  const left: readonly string[] = [
    '',
    '{}',
    '[]',
    '"_id"',
    '{"_id":1}',
    '{"_id":"_design/a"}',
    '{"_id":"a"',
    '{"_id":"a"}}',
    '{"_id":"a"} x',
    '{"_id":"a",}',
    '{"_id":"a",,"b":1}',
    '{,"_id":"a"}',
    '{"_id":"a","b"}',
    '{"_id":"a","b":}',
    '{"_id":"a","b":tru}',
    '{"_id":"a","b":[1,]}',
    '{"_id":"a","b":[1 2]}',
    '{"_id":"a","b":01}',
    '{"_id":"a","b":1.}',
    '{"_id":"a","b":.5}',
    '{"_id":"a","b":-}',
    '{"_id":"a","b":+1}',
    '{"_id":"a","b":1.0}',
    '{"_id":"a","b":-0}',
    '{"_id":"a","b":1e5}',
    '{"_id":"a","b":12345678901234567890}',
    '{"_id":"a","b":0.12345678901234567890}',
    '{"_id":"a","b":NaN}',
    '{"_id":"a","b":"\\ud800"}',
    '{"_id":"a","b":"\\x"}',
    '{"_id":"a","b":"\\u12"}',
    '{"_id":"a","b":"\t"}',
    '{"_id":"a","b":"unended}',
    '{"_id":"a","_id":"b"}',
    '{"_id":"a","b":1,"b":2}',
    '{"_id":"a","_attachments":{"a":1},"_attachments":{}}',
    '{"_id":"a","b":{"z":1,"a":2,"z":3}}',
    '{"_id":"a","d":{"$date":"2026-01-01T00:00:00Z"}}',
    '{"_id":"a","$x":1}',
    '{"_id":"a","\\u0024x":1}',
    '{"$collection":"a"}',
    '{"_id":"a","\uffff":1,"😀":2}',
    `{"_id":"a","b":${'['.repeat(70)}${']'.repeat(70)}}`
  ]
  for (const line of left) it(`leaves ${JSON.stringify(line).slice(0, 80)} to the plain way`, () => expect(check(line)).to.equal(false))

  const name = fc.oneof(
    fc.constantFrom('_rev', '_attachments', '_id', 'a', 'b', 'größe', '$date', '😀', ''),
    fc.string({ unit: 'binary', maxLength: 20 })
  )
  const { value } = fc.letrec(tie => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.double({ noNaN: true, min: -1000, max: 1000 }),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.constantFrom(null, true, false, 0.1, 1e21, 1.5e-7),
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(name, tie('value'), { maxKeys: 6 })
    )
  }))
  const document = fc
    .tuple(fc.string({ unit: 'binary', maxLength: 30 }), fc.dictionary(name, value, { maxKeys: 8 }), fc.boolean())
    .map(([id, fields, isFirst]) => (isFirst ? { _id: id, ...fields } : { ...fields, _id: id }))

  it('packs what the plain way takes for the same document, and nothing else', () => {
    let count = 0
    fc.assert(
      fc.property(document, fc.constantFrom(undefined, 1, '\t'), (fields, space) => {
        const text = JSON.stringify(fields, undefined, space)
        if (check(text.replaceAll('\n', ' '))) count++
      }),
      { numRuns: 3000 }
    )
    expect(count).to.be.greaterThan(300)
  })

  it('packs no text that the plain way refuses, wherever it is spoilt', () => {
    const odd = fc.constantFrom(
      '"',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '0',
      '1',
      '.',
      'e',
      '-',
      ' ',
      't',
      'null',
      '\\u00',
      '\u0000',
      '$',
      'é',
      ''
    )
    fc.assert(
      fc.property(document, fc.nat(), fc.nat(3), odd, (fields, at, length, put) => {
        const text = JSON.stringify(fields)
        const place = at % (text.length + 1)
        const spoilt = text.slice(0, place) + put + text.slice(place + length)
        if (Buffer.from(spoilt).toString() === spoilt && !spoilt.includes('\n')) check(spoilt)
      }),
      { numRuns: 10000 }
    )
  })

  it('gives stretches and single lines in the order of the block', () => {
    const lines = [
      '{"_id":"a"}',
      '{"_id":"b","_rev":"1"}',
      'x',
      '',
      '{"_id":"c","n":0.9113690123456789}',
      '{"_id":"d"}',
      '{"_id":"e","n":1.0}'
    ]
    const block = Buffer.from(lines.map(line => `${line}\n`).join(''))
    const found = packLines([block.subarray(0, 12), block.subarray(12)], packing).map(stretch =>
      'packed' in stretch ? stretch.packed.text.toString() : block.toString('utf8', stretch.from, stretch.to)
    )
    expect(found).to.deep.equal([
      '{"_id":"a"}\n{"_id":"b"}\n',
      'x',
      '',
      '{"_id":"c","n":0.9113690123456789}\n{"_id":"d"}\n',
      '{"_id":"e","n":1.0}'
    ])
  })
})
