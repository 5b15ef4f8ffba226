import { Writable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import fc from 'fast-check'
import { openByteSink } from '../../lib/formats/byte-sink.ts'
import { documentLine } from '../../lib/formats/document-lines.ts'
import { jsonText, sectionedText } from '../../lib/formats/export-text.ts'
import { ExportWriter } from '../../lib/formats/export-writer.ts'
import { openInput } from '../../lib/formats/open-input.ts'
import { readTail } from '../../lib/formats/tail.ts'
import { stringifyJson } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'
import { anyDocument, fingerprint, inChunks } from './bytes.ts'

type Collections = Readonly<Record<string, readonly Document[]>>

async function write(collections: Collections, format: 'ndjson' | 'json', gzip: boolean): Promise<Buffer> {
  const parts: Buffer[] = []
  const stream = new Writable({ write: (chunk: Buffer, _, callback) => (parts.push(chunk), callback()) })
  const text = format === 'json' ? jsonText : sectionedText
  const writer = new ExportWriter(openByteSink(stream, { gzip, level: 1 }), {
    text,
    provider: 'memory',
    mayReopen: format !== 'json',
    digests: true
  })
  for (const name of Object.keys(collections)) writer.announce(name)
  for (const [name, documents] of Object.entries(collections)) {
    for (let from = 0; from < documents.length; from += 2) {
      await writer.write(
        name,
        documents.slice(from, from + 2).map(document => documentLine(document, stringifyJson(document)))
      )
    }
  }
  await writer.end()
  return Buffer.concat(parts)
}

async function read(bytes: Buffer, size: number, pageSize: number): Promise<Record<string, Document[]>> {
  const input = await openInput(inChunks(bytes, size), { name: 'input' })
  const found: Record<string, Document[]> = Object.fromEntries((input.head.metadata?.collections ?? []).map(name => [name, []]))
  for await (const page of input.read({ collection: null, wanted: null, pageSize })) {
    expect(page.rejects).to.deep.equal([])
    found[page.collection]?.push(...page.documents)
  }
  return found
}

const prints = (collections: Collections): [string, string[]][] =>
  Object.entries(collections).map(([name, documents]) => [name, fingerprint(documents)])

const collections: fc.Arbitrary<Collections> = fc.dictionary(
  fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('agents', 'constructor', '$end', 'a/b "c"')).filter(name => name !== '__proto__'),
  fc.array(anyDocument, { maxLength: 5 }),
  { maxKeys: 3, noNullPrototype: true }
)

describe('formats: round trip', () => {
  for (const format of ['ndjson', 'json'] as const) {
    for (const gzip of [false, true]) {
      it(`${format}${gzip ? '.gz' : ''} gives back all documents of all kinds, whatever the pieces`, async function () {
        this.timeout(60_000)
        await fc.assert(
          fc.asyncProperty(collections, fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 4 }), async (given, size, pageSize) => {
            const bytes = await write(given, format, gzip)
            expect(prints(await read(bytes, size, pageSize))).to.deep.equal(prints(given))
          }),
          { numRuns: 150 }
        )
      })
    }
  }

  it('gives back the same documents with a chunk boundary at every byte', async () => {
    const given: Collections = {
      a: [{ _id: 'é😀', x: 'line\u2028', n: 2n ** 60n, y: { $literal: 1 } }, { _id: '2' }],
      b: [],
      c: [{ _id: '1' }]
    }
    for (const format of ['ndjson', 'json'] as const) {
      const bytes = await write(given, format, false)
      for (let size = 1; size <= bytes.length; size++)
        expect(prints(await read(bytes, size, 10)), `${format}, ${size}`).to.deep.equal(prints(given))
    }
  })

  it('finds the summary at the end of NDJSON without reading the rest', async () => {
    const given = {
      a: Array.from({ length: 500 }, (_, number) => ({ _id: String(number), text: String(Math.sqrt(number)) })),
      b: [] as Document[]
    }
    for (const gzip of [false, true]) {
      const bytes = await write(given, 'ndjson', gzip)
      expect(readTail(bytes.subarray(-bytes.length + 2000), { gzip })?.counts).to.deep.equal({ a: 500, b: 0 })
      expect(readTail(bytes.subarray(0, -1), { gzip })).to.equal(undefined)
    }
  })

  it('writes JSON in the shape of a Gofannon export', async () => {
    const text = (await write({ agents: [{ _id: '1' }, { _id: '2' }], demos: [] }, 'json', false)).toString()
    const value = JSON.parse(text) as { metadata: { exported_at: string } }
    expect(value).to.deep.equal({
      metadata: { provider: 'memory', exported_at: value.metadata.exported_at, collections: ['agents', 'demos'] },
      data: { agents: [{ _id: '1' }, { _id: '2' }], demos: [] }
    })
    expect(text).to.match(/^\{\n {2}"metadata": \{\n {4}"provider": "memory"/)
    expect(JSON.parse((await write({}, 'json', false)).toString())).to.have.keys('metadata', 'data')
  })

  it('writes gzip that other programs read', async () => {
    const bytes = await write({ agents: [{ _id: '1' }] }, 'ndjson', true)
    expect(gunzipSync(bytes).toString().split('\n')[2]).to.equal('{"_id":"1"}')
  })
})
