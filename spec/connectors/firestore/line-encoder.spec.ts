/** Lines that become messages, held against the encoder that sees documents. */
import { expect } from 'chai'
import fc from 'fast-check'
import { DocumentEncoder } from '../../../lib/connectors/firestore/encoder.ts'
import { createLineEncoder } from '../../../lib/connectors/firestore/line-encoder.ts'
import { packLines } from '../../../lib/kernel/kernel.ts'
import { DocumentPacker } from '../../../lib/kernel/pack-documents.ts'
import { defaultRules } from '../../../lib/types.ts'
import type { EncodeRules } from '../../../lib/types.ts'
import { parseJson, stringifyJson } from '../../../lib/values/index.ts'
import type { Document } from '../../../lib/values/index.ts'
import { anyDocument } from '../../formats/bytes.ts'
import { simpleDocuments } from '../../support/generator.ts'
import { root } from './support.ts'

/** One encoder for all: what it has written before must not show. */
const encoders = new Map<EncodeRules, ReturnType<typeof createLineEncoder>>()

/**
 * See that the line becomes what its document becomes, whether the kernel takes it or not.
 *
 * @returns whether it became a message
 */
function check(line: string, rules: EncodeRules = defaultRules): boolean {
  const [stretch] = packLines([Buffer.from(`${line}\n`)], { drop: [], byLine: true })
  if (!stretch || !('packed' in stretch)) return false
  const lines = encoders.get(rules) ?? createLineEncoder(root, rules)
  encoders.set(rules, lines)
  const { text } = stretch.packed
  const { ids, ends } = stretch.packed.lines!
  const found = lines.encode('c', ids[0]!, text.subarray(0, ends[0]! - 1))
  if (!found) return false
  const document = parseJson(line) as Document
  const encoded = new DocumentEncoder(root, rules).encode('c', document)
  if ('code' in encoded) throw new Error(`${encoded.code}: ${line}`)
  // Names that are numbers stand in front in an object.
  if (/"\d+" *:/.test(line)) expect(found.size).to.equal(encoded.size)
  else expect({ ...found, payload: found.payload.toString('hex') }).to.deep.equal({ ...encoded, payload: encoded.payload.toString('hex') })
  return true
}

const deep = (levels: number, open: string, close: string): string => `{"_id":"a","b":${open.repeat(levels)}1${close.repeat(levels)}}`
const path = (bytes: number): string => `{"_id":"a","${'b'.repeat(700)}":{"l":[{"${'c'.repeat(bytes - 703)}":1}]}}`

describe('firestore: line encoder', function () {
  this.timeout(60_000)

  it('writes every ordinary document', () => {
    for (const document of simpleDocuments({ seed: 6, count: 300, bytes: 1_500 })) expect(check(JSON.stringify(document))).to.equal(true)
  })

  const written = [
    '{"_id":"a"}',
    ' { "_id" : "a" , "b" : [ 1 , -2.5 , { } , [ ] , { "c" : null } ] , "d" : { "_id" : 3 } } '.replace('[ ] , ', ''),
    '{"b":true,"_id":"é😀","c":false,"_rev":"1-x","_":1}',
    '{"_id":"a","text":"\\n\\"\\u00e9 and what stands behind","é":""}',
    '{"_id":"a","n":[0,-1,999999999999999,0.1,123456789012345,0.0001,1.50,0.9113690123456789]}',
    `{"_id":"a","text":"${'é'.repeat(300_000)}"}`,
    deep(20, '{"a":', '}'),
    path(1_500)
  ]
  for (const line of written) it(`writes ${line.slice(0, 60)}`, () => expect(check(line)).to.equal(true))

  const left = [
    '{"_id":"__a__"}',
    '{"_id":"a/b"}',
    '{"_id":""}',
    `{"_id":"${'a'.repeat(1_501)}"}`,
    '{"_id":"a","":1}',
    '{"_id":"a","__b__":1}',
    '{"_id":"a","map":{"__proto__":1}}',
    '{"_id":"a","\\u0024date":1}',
    '{"_id":"a","list":[[1]]}',
    '{"_id":"a","text":"\\ud83d\\ude00"}',
    `{"_id":"a","text":"${'x'.repeat(1_048_488)}"}`,
    `{"_id":"a","list":[${'1,'.repeat(20_000)}1]}`,
    deep(21, '{"a":', '}'),
    path(1_501)
  ]
  for (const line of left) it(`leaves ${line.slice(0, 60)}`, () => expect(check(line)).to.equal(false))

  it('wants documents that come as objects as lines too', () =>
    expect(createLineEncoder(root, defaultRules).wantsObjects?.('c')).to.equal(true))

  it('leaves what is too large', () => {
    const line = (length: number) => Buffer.from(`{"_id":"a","one":"${'x'.repeat(length)}","two":"${'x'.repeat(524_288)}"}`)
    const lines = createLineEncoder(root, defaultRules)
    const { size } = lines.encode('c', 'a', line(524_000))!
    const full = 524_000 + 1_048_576 - size!
    expect(lines.encode('c', 'a', line(full))).to.include({ size: 1_048_576 })
    expect(lines.encode('c', 'a', line(full + 1))).to.equal(undefined)
  })

  it('writes what a document of it becomes, of whatever values, by whichever rules', () => {
    const rules = [defaultRules, { types: 'exact', escapeNames: true, subcollections: true }] as const
    let written = 0
    fc.assert(
      fc.property(anyDocument, fc.constantFrom(...rules), (document, by) => {
        if (check(stringifyJson(document), by)) written++
      }),
      { numRuns: 2_000 }
    )
    expect(written).to.be.greaterThan(100)
  })

  it('writes documents that come as objects as the encoder that sees them does', () => {
    const usual = [...simpleDocuments({ seed: 8, count: 20, bytes: 300 })]
    const lines = createLineEncoder(root, defaultRules)
    const encoder = new DocumentEncoder(root, defaultRules)
    const gap = fc.tuple(anyDocument, fc.string()).map(([document, name]): Document => ({ ...document, [name]: undefined }) as never)
    let written = 0
    fc.assert(
      fc.property(fc.array(fc.oneof(anyDocument, gap), { maxLength: 10 }), documents => {
        for (const { documents: own, packed } of new DocumentPacker().pack([...usual, ...documents])) {
          if (!packed) continue
          let from = 0
          for (const [index, end] of packed.lines!.ends.entries()) {
            const found = lines.encode('c', packed.lines!.ids[index]!, packed.text.subarray(from, end - 1))
            from = end
            if (!found) continue
            const encoded = encoder.encode('c', own[index]!)
            if ('code' in encoded) throw new Error(encoded.code)
            expect({ ...found, payload: found.payload.toString('hex') }).to.deep.equal({
              ...encoded,
              payload: encoded.payload.toString('hex')
            })
            written++
          }
          packed.release?.()
        }
      }),
      { numRuns: 500 }
    )
    expect(written).to.be.greaterThan(10_000)
  })

  it('writes what a document of it becomes, of texts and numbers however they are written', () => {
    const escape = fc.oneof(
      fc.constantFrom(
        '\\n',
        '\\t',
        '\\r',
        '\\b',
        '\\f',
        '\\"',
        '\\\\',
        '\\/',
        '\\u0000',
        '\\u001F',
        '\\u007f',
        '\\u07ff',
        '\\u0800',
        '\\uFFFF'
      ),
      fc.string({ unit: 'grapheme' }).map(text => JSON.stringify(text).slice(1, -1))
    )
    const text = fc.array(escape, { maxLength: 12 }).map(parts => `"${parts.join('')}"`)
    const digits = fc.stringMatching(/^-?(0|[1-9]\d{0,18})(\.\d{1,19})?([eE][+-]?\d{1,2})?$/)
    let written = 0
    fc.assert(
      fc.property(fc.array(fc.oneof(text, digits), { maxLength: 4 }), values => {
        if (check(`{"_id":"a","l":[${values.join()}],"m":{"é":${values[0] ?? null}}}`)) written++
      }),
      { numRuns: 5_000 }
    )
    expect(written).to.be.greaterThan(500)
  })

  it('writes what a document of it becomes, of all that JSON is', () => {
    let written = 0
    fc.assert(
      fc.property(fc.string(), fc.dictionary(fc.string(), fc.jsonValue()), (_id, fields) => {
        if (check(JSON.stringify({ ...fields, _id }))) written++
      }),
      { numRuns: 2_000 }
    )
    expect(written).to.be.greaterThan(100)
  })
})
