/** JSON files by stream-json alone, and whatever else reads them held against that. */
import { expect } from 'chai'
import fc from 'fast-check'
import { JsonText } from '../../lib/formats/json-text.ts'
import type { Packing } from '../../lib/packed.ts'
import type { RejectDetails } from '../../lib/types.ts'
import { digestAt, documentDigests, parseJson, stringifyJson } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'
import { anyDocument, fingerprint } from '../formats/bytes.ts'
import { oddText, wrongBytes } from './odd-json.ts'

export interface Reading {
  readonly documents: Document[]
  /** Collection, and entries up to behind it, of each document. */
  readonly places: string[]
  readonly rejects: RejectDetails[]
  readonly sections: string[]
  readonly error: { readonly code: unknown; readonly message: string } | undefined
  readonly packed: number
}

export interface Options {
  readonly size?: number
  readonly packing?: Packing
  readonly skip?: number
  readonly wanted?: string
}

export const packing: Packing = { drop: [] }

/** What stream-json alone reads. */
export function readAlone(bytes: Buffer, options: Options): Reading {
  const { text, sections } = textOf(options)
  return readingOf(text, sections, () => {
    for (const part of partsOf(bytes, options)) text.pushAll(part)
    text.end()
  })
}

export function textOf({ skip, wanted }: Options): { readonly text: JsonText; readonly sections: string[] } {
  const sections: string[] = []
  const text = new JsonText('x.json', {
    skip,
    collection: 'list',
    isWanted: name => wanted === undefined || name === wanted,
    onSection: name => sections.push(name)
  })
  return { text, sections }
}

export function* partsOf(bytes: Buffer, { size = bytes.length + 1 }: Options): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

export function readingOf(text: JsonText, sections: string[], read: () => void): Reading {
  let error: Reading['error']
  try {
    read()
  } catch (thrown) {
    error = errorOf(thrown)
  }
  return told(text, sections, error)
}

export function errorOf(thrown: unknown): Reading['error'] {
  const { code, message } = thrown as Error & { code: unknown }
  return { code, message }
}

export function told(text: JsonText, sections: string[], error: Reading['error']): Reading {
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

export function expectSame(found: Reading, alone: Reading): void {
  expect(found.error).to.deep.equal(alone.error)
  expect(found.sections).to.deep.equal(alone.sections)
  expect(found.places).to.deep.equal(alone.places)
  expect(fingerprint(found.documents)).to.deep.equal(fingerprint(alone.documents))
  expect(found.rejects).to.deep.equal(alone.rejects)
}

/** The same JSON with other space between its tokens. */
export function spaced(json: string, space: string): string {
  return json.replace(/"(?:[^"\\]|\\.)*"|[[{,:]|[\]}]/g, token =>
    token.length > 1 ? token : /[\]}]/.test(token) ? space + token : token + space
  )
}

/** Of a list. */
export const element = fc.oneof(
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
export const file = fc
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
export const options = fc.record({
  size: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 40, max: 100_000 })),
  packing: fc.constantFrom(undefined, packing),
  skip: fc.constantFrom(0, 0, 1, 5),
  wanted: fc.constantFrom(undefined, undefined, 'a', 'b')
})

/** A file that is spoilt or cut somewhere. */
export function spoilt(
  text: string,
  { at, length, put }: { readonly at: number; readonly length: number; readonly put: Buffer | undefined }
): Buffer {
  const bytes = Buffer.from(text)
  const place = at % (bytes.length + 1)
  const rest = put ? [put, bytes.subarray(place + length)] : []
  return Buffer.concat([bytes.subarray(0, place), ...rest])
}

export const spoiling = fc.record({
  at: fc.nat(),
  length: fc.nat(3),
  put: fc.oneof(
    oddText.map(text => Buffer.from(text)),
    wrongBytes,
    fc.constant(undefined)
  )
})
