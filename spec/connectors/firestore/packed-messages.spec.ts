/** Messages that become lines, held against the decoder. */
import { expect } from 'chai'
import fc from 'fast-check'
import { DocumentDecoder } from '../../../lib/connectors/firestore/decoder.ts'
import { DocumentEncoder } from '../../../lib/connectors/firestore/encoder.ts'
import { mostLineBytes, writeLine } from '../../../lib/connectors/firestore/message-lines.ts'
import { documentIn, MessagePacker } from '../../../lib/connectors/firestore/packed-messages.ts'
import { defaultRules } from '../../../lib/types.ts'
import type { Packing } from '../../../lib/packed.ts'
import { documentDigests, Double, parseJson, Timestamp } from '../../../lib/values/index.ts'
import type { Document, Value } from '../../../lib/values/index.ts'
import { anyDocument, fingerprint } from '../../formats/bytes.ts'
import { simpleDocuments } from '../../support/generator.ts'
import { answerOf, root } from './support.ts'

const nothingDropped: Packing = { drop: [] }
const encoder = new DocumentEncoder(root, { ...defaultRules, escapeNames: true, subcollections: true })

function answer(document: Document, collection = 'c'): Buffer {
  const encoded = encoder.encode(collection, document)
  if ('code' in encoded) throw new Error(encoded.message)
  return answerOf(encoded.payload)
}

function packer(packing = nothingDropped): MessagePacker {
  return MessagePacker.for(packing, root, 'c')!
}

/** Pack, and see that what was packed is what the decoder makes of it. @returns how many were packed */
function check(answers: readonly Buffer[]): number {
  const { packed, plain } = packer().pack(answers)
  const left = new Set(plain)
  const expected = answers.flatMap(each => (left.has(each) ? [] : [new DocumentDecoder(root, 'c').decodeAnswer(each)!]))
  const lines = packed.flatMap(({ text }) => text.toString().split('\n').slice(0, -1))
  const documents = lines.map(line => parseJson(line) as Document)
  expect(fingerprint(documents)).to.deep.equal(fingerprint(expected))
  const digests = packed.flatMap(each => [...each.digests].map(word => word.toString(16).padStart(8, '0'))).join('')
  expect(digests).to.equal(expected.map(each => Buffer.from(documentDigests(each).values).toString('hex')).join(''))
  for (const document of [...documents, ...expected]) expect(documentDigests(document).kinds).to.equal(undefined)
  expect(lines.length + plain.length).to.equal(answers.length)
  return lines.length
}

describe('firestore: packed messages', function () {
  this.timeout(60_000)

  it('are lines with the id in front and the fields as they stand', () => {
    const document = { _id: 'x/runs/é', b: 1, a: { z: [true, false, null, 'q"\\\n\u0001'], y: {} }, n: -3, m: 1_700_000_000_000, d: 0.1 }
    const { packed } = packer().pack([answer(document)])
    const line = '{"_id":"x/runs/é","b":1,"a":{"z":[true,false,null,"q\\"\\\\\\n\\u0001"],"y":{}},"n":-3,"m":1700000000000,"d":0.1}\n'
    expect(packed[0]!.text.toString()).to.equal(line)
  })

  it('are made of every ordinary document', () => {
    const documents = [...simpleDocuments({ seed: 4, count: 700, bytes: 1_500 })]
    expect(check(documents.map(each => answer(each)))).to.equal(documents.length)
  })

  it('hold doubles as JSON.stringify writes them, of however many digits', () => {
    const bits = new DataView(new ArrayBuffer(8))
    const neighbour = (value: number, steps: number): number => {
      bits.setFloat64(0, value)
      bits.setBigInt64(0, bits.getBigInt64(0) + BigInt(steps))
      return bits.getFloat64(0)
    }
    const decimal = fc.tuple(fc.maxSafeNat(), fc.integer({ min: 0, max: 22 })).map(([digits, point]) => digits / 10 ** point)
    const near = fc.tuple(decimal, fc.integer({ min: -2, max: 2 })).map(([value, steps]) => neighbour(value, steps))
    const double = fc
      .tuple(fc.oneof(decimal, near, fc.double({ noNaN: true, noDefaultInfinity: true })), fc.boolean())
      .map(([value, isNegative]) => (isNegative ? -value : value))
      .filter(value => !Number.isInteger(value) && Number.isFinite(value))
    fc.assert(
      fc.property(fc.array(double, { maxLength: 100 }), list => {
        const message = answer({ _id: 'a', list })
        const [from, end] = documentIn(message)!
        const line = Buffer.alloc(mostLineBytes(end - from))
        const length = writeLine(message, { from, end, prefix: Buffer.from(`${root}/c/`) }, line, 0)
        expect(line.toString('utf8', 0, length)).to.equal(`${JSON.stringify({ _id: 'a', list })}\n`)
      }),
      { numRuns: 2_000 }
    )
  })

  const left: [string, Value][] = [
    ['a double that is an integer', new Double(1)],
    ['-0', -0],
    ['no number', NaN],
    ['an integer past 2^53', 2n ** 60n],
    ['a timestamp', new Timestamp(1, 0)],
    ['bytes', new Uint8Array(3)],
    ['a map that may be an envelope', { $x: 1 }],
    ['a name that two underscores begin', { __x: 1 }]
  ]
  for (const [what, value] of left) it(`are not made of ${what}`, () => expect(check([answer({ _id: 'a', list: [1, value] })])).to.equal(0))

  it('are not made of an id that may be escaped', () => expect(check([answer({ _id: '$%x' }), answer({ _id: '' })])).to.equal(0))

  it('are what the decoder gives, of whatever values', () => {
    let packed = 0
    fc.assert(
      fc.property(fc.array(anyDocument, { maxLength: 5 }), documents => {
        packed += check(documents.filter(each => 'payload' in encoder.encode('c', each)).map(each => answer(each)))
      }),
      { numRuns: 400 }
    )
    expect(packed).to.be.greaterThan(100)
  })

  it('are what the decoder gives where bytes of a message are spoilt', () => {
    const whole = [...simpleDocuments({ seed: 5, count: 40, bytes: 300 })].map(each => answer(each))
    const spoils = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(0x22, 0x5c, 0x0a, 0x80, 0xff))), { maxLength: 3 })
    let spoilt = 0
    fc.assert(
      fc.property(fc.nat(whole.length - 1), spoils, fc.option(fc.nat()), (index, changes, cut) => {
        const bytes = Buffer.from(whole[index]!)
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        const message = cut === null ? bytes : bytes.subarray(0, cut % bytes.length)
        let isDocument: boolean
        try {
          isDocument = documentIn(message) !== undefined
        } catch (error) {
          expect(error).to.be.instanceOf(RangeError)
          return
        }
        if (isDocument) spoilt += check([message])
      }),
      { numRuns: 4_000 }
    )
    expect(spoilt).to.be.greaterThan(100)
  })

  it('are none of another collection', () => {
    expect(packer().pack([answer({ _id: 'a' }, 'd')]).packed).to.deep.equal([])
  })

  it('leave out what is dropped', () => {
    const { packed } = packer({ drop: ['_rev'] }).pack([answer({ _id: 'a', _rev: '1-x', b: 1 })])
    expect(packed[0]!.text.toString()).to.equal('{"_id":"a","b":1}\n')
    expect(packed[0]!.dropped).to.deep.equal([1])
  })

  it('hold documents larger than a block, decoded', () => {
    const answers = [answer({ _id: 'a', n: 1 }), answer({ _id: 'b', text: '"'.repeat(300_000) }), answer({ _id: 'c', n: 2 })]
    expect(check(answers)).to.equal(2)
  })

  it('are tried for again after pages of documents that can not be packed', () => {
    const trying = packer()
    const odd = [answer({ _id: 'a', at: new Timestamp(1, 0) })]
    const plain = [answer({ _id: 'b' })]
    trying.pack(odd)
    let pages = 0
    while (trying.pack(plain).packed.length === 0) pages++
    expect(pages).to.be.within(1, 100)
  })
})
