/** The two ways through a JSON file, held against stream-json alone. */
import { expect } from 'chai'
import fc from 'fast-check'
import { JsonElements } from '../../lib/formats/json-elements.ts'
import { JsonText } from '../../lib/formats/json-text.ts'
import type { Packing } from '../../lib/packed.ts'
import type { RejectDetails } from '../../lib/types.ts'
import { digestAt, documentDigests, parseJson, stringifyJson } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'
import { oddText, wrongBytes } from '../support/odd-json.ts'
import { anyDocument, fingerprint } from './bytes.ts'

interface Reading {
  readonly documents: Document[]
  /** Collection, and entries up to behind it, of each document. */
  readonly places: string[]
  readonly rejects: RejectDetails[]
  readonly sections: string[]
  readonly error: { readonly code: unknown; readonly message: string } | undefined
  readonly packed: number
}

interface Options {
  readonly size?: number
  readonly packing?: Packing
  readonly skip?: number
  readonly wanted?: string
}

const packing: Packing = { drop: [] }

/** @param isAlone whether stream-json reads everything */
function read(bytes: Buffer, isAlone: boolean, { size = bytes.length + 1, packing, skip, wanted }: Options = {}): Reading {
  const sections: string[] = []
  const text = new JsonText('x.json', {
    skip,
    collection: 'list',
    isWanted: name => wanted === undefined || name === wanted,
    onSection: name => sections.push(name)
  })
  const reader = isAlone ? { push: (chunk: Buffer) => text.pushAll(chunk), end: () => text.end() } : new JsonElements(text, packing)
  let error: Reading['error']
  try {
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size))
    reader.end()
  } catch (thrown) {
    const { code, message } = thrown as Error & { code: unknown }
    error = { code, message }
  }
  const reading = { documents: [] as Document[], places: [] as string[], rejects: [] as RejectDetails[], sections, error, packed: 0 }
  for (const entry of text.take()) {
    if ('reject' in entry) {
      reading.rejects.push(entry.reject)
      continue
    }
    const documents = 'packed' in entry ? unpacked(entry.packed.text, entry.packed.digests) : [entry.document]
    reading.documents.push(...documents)
    for (const [index] of documents.entries()) reading.places.push(`${entry.collection} ${entry.entries - documents.length + index + 1}`)
    if ('packed' in entry) reading.packed += documents.length
  }
  return reading
}

function unpacked(text: Buffer, digests: Uint32Array): Document[] {
  const documents = text
    .toString()
    .split('\n')
    .slice(0, -1)
    .map(line => parseJson(line) as Document)
  const found = documents.map(document => {
    const { values, kinds } = documentDigests(document)
    expect(kinds).to.equal(undefined)
    return Buffer.from(values).toString('hex')
  })
  expect(found).to.deep.equal(documents.map((_, index) => digestAt(digests, index).toString('hex')))
  return documents
}

function compare(bytes: Buffer, options: Options): Reading {
  const alone = read(bytes, true, options)
  const found = read(bytes, false, options)
  expect(found.error).to.deep.equal(alone.error)
  expect(found.sections).to.deep.equal(alone.sections)
  expect(found.places).to.deep.equal(alone.places)
  expect(fingerprint(found.documents)).to.deep.equal(fingerprint(alone.documents))
  expect(found.rejects).to.deep.equal(alone.rejects)
  return found
}

/** The same JSON with other space between its tokens. */
function spaced(json: string, space: string): string {
  return json.replace(/"(?:[^"\\]|\\.)*"|[[{,:]|[\]}]/g, token =>
    token.length > 1 ? token : /[\]}]/.test(token) ? space + token : token + space
  )
}

const element = fc.oneof(
  { weight: 8, arbitrary: anyDocument.map(document => stringifyJson(document)) },
  {
    weight: 4,
    arbitrary: fc
      .record({ _id: fc.string(), n: fc.integer(), t: fc.array(fc.string({ unit: 'binary' })) })
      .map(fields => JSON.stringify(fields))
  },
  fc.constantFrom(
    ...['null', '1', '-0.0', '"text"', 'true', '[]', '[{"_id":"in"}]', '{}', '{"_id":1}', '{"id":"x"}', '{"_id":"a","_id":"b"}'],
    ...[
      '{"_id":"a","n":1e400}',
      '{"_id":"a","b":1,"b":2}',
      '{"_id":"a","d":{"$date":"x"}}',
      '{"_id":"a","d":{"$date":"2026-01-01T00:00:00Z"}}'
    ],
    ...[
      `{"_id":"deep","x":${'['.repeat(1200)}${']'.repeat(1200)}}`,
      '{"_id":"\\ud800"}',
      '{"_id":"a","text":"},{[\\"]"}',
      '{"_id":"1.0","n":1.0}'
    ]
  )
)
const list = fc.array(element, { maxLength: 12 }).map(elements => `[${elements.join(',')}]`)
const file = fc
  .tuple(
    fc.oneof(
      list,
      fc.array(fc.tuple(fc.constantFrom('a', 'b', '__proto__'), list), { maxLength: 3 }).map(lists => {
        const data = lists.map(([name, each]) => `${JSON.stringify(name)}:${each}`).join(',')
        return `{"metadata":{"provider":"x","list":[[[1,{"a":[]}]]]},"data":{${data}},"more":[{"_id":"no"}]}`
      })
    ),
    fc.constantFrom('', ' ', '\n', '\r\n\t  ', '\n                        ')
  )
  .map(([json, space]) => spaced(json, space))
const options = fc.record({
  size: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 40, max: 100_000 })),
  packing: fc.constantFrom(undefined, packing),
  skip: fc.constantFrom(0, 0, 1, 5),
  wanted: fc.constantFrom(undefined, undefined, 'a', 'b')
})

describe('formats: elements of JSON lists', function () {
  this.timeout(120_000)

  it('are the same by both ways', () => {
    let packed = 0
    fc.assert(
      fc.property(file, options, fc.boolean(), (text, how, hasMark) => {
        packed += compare(Buffer.from(hasMark ? `\ufeff${text}` : text), how).packed
      }),
      { numRuns: 400 }
    )
    expect(packed).to.be.greaterThan(100)
  })

  it('are the same by both ways wherever the file is spoilt or cut', () => {
    fc.assert(
      fc.property(
        file,
        options,
        fc.nat(),
        fc.nat(3),
        fc.oneof(
          oddText.map(text => Buffer.from(text)),
          wrongBytes,
          fc.constant(undefined)
        ),
        (text, how, at, length, put) => {
          const bytes = Buffer.from(text)
          const place = at % (bytes.length + 1)
          const rest = put ? [put, bytes.subarray(place + length)] : []
          compare(Buffer.concat([bytes.subarray(0, place), ...rest]), how)
        }
      ),
      { numRuns: 1200, interruptAfterTimeLimit: 60_000 }
    )
  })

  it('that are large are the same by both ways, in parts and whole', () => {
    const large = (id: string, length: number): string =>
      JSON.stringify({ _id: id, text: 'é"\\'.repeat(length / 5), list: [1, { a: null }] })
    const text = `[${[large('a', 300_000), large('b', 10), large('c', 1_500_000), large('d', 5_000_000), large('e', 10), 'null'].join(',\n')}]`
    for (const size of [64 << 10, 256 << 10, 1 << 24]) {
      const { documents, packed } = compare(Buffer.from(text), { size, packing })
      expect(documents).to.have.length(5)
      expect(packed).to.be.at.least(2)
    }
  })

  it('tell of a wrong byte behind the first megabyte of a document', () => {
    const text = JSON.stringify([{ _id: 'a', text: 'x'.repeat(1_500_000) }, { _id: 'b' }])
    const bytes = Buffer.from(text)
    bytes[1_400_000] = 0xff
    const { documents, rejects } = compare(bytes, { packing })
    expect([documents.map(({ _id }) => _id), rejects.map(({ message }) => message)]).to.deep.equal([['b'], ['not valid UTF-8']])
  })
})
