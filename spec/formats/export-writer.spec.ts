import { Writable } from 'node:stream'
import { expect } from 'chai'
import { openByteSink } from '../../lib/formats/byte-sink.ts'
import { documentLine } from '../../lib/formats/document-lines.ts'
import { sectionedText } from '../../lib/formats/export-text.ts'
import { ExportWriter } from '../../lib/formats/export-writer.ts'
import { ExportBooks } from '../../lib/formats/export-books.ts'
import type { ExportState } from '../../lib/formats/export-books.ts'
import { trailerPieces } from '../../lib/formats/trailer-text.ts'
import { BucketSums } from '../../lib/values/bucket-sums.ts'
import { DigestSum, documentDigests } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'

const documents: Document[] = Array.from({ length: 10 }, (_, index) => ({ _id: `d${index}` }))
const lines = (some: readonly Document[]) => some.map(document => documentLine(document, JSON.stringify(document)))

function open(state?: ExportState): ExportWriter {
  const sink = openByteSink(new Writable({ write: (_chunk, _encoding, callback) => callback() }))
  return new ExportWriter(sink, {
    text: sectionedText,
    provider: 'memory',
    mayReopen: true,
    digests: true,
    books: state && ExportBooks.from(state)
  })
}

function stated(writer: ExportWriter): unknown {
  return (JSON.parse([...trailerPieces(writer.stated())].join('')) as { readonly $end: unknown }).$end
}

function digestOf(some: readonly Document[]): string {
  const sum = new DigestSum()
  for (const document of some) sum.add(document)
  return sum.hex()
}

describe('formats: export writer', () => {
  const sums = new BucketSums()
  for (const document of documents) sums.add(document._id, documentDigests(document))

  async function suspended(): Promise<ExportState> {
    const writer = open()
    await writer.write('a', lines(documents.slice(0, 4)))
    const { books } = await writer.suspend()
    return JSON.parse(JSON.stringify(books.state())) as ExportState
  }

  it('goes on with digests and receipt of what was written before', async () => {
    const writer = open(await suspended())
    await writer.write('a', lines(documents.slice(4)))
    expect(stated(writer)).to.deep.equal({
      counts: { a: 10 },
      digest: { a: digestOf(documents) },
      receipt: { a: sums.base64() },
      root: { a: sums.root() }
    })
  })

  it('goes on with an export of an older docferry, through another suspension, without a receipt', async () => {
    const { collections, ...rest } = await suspended()
    const older = { ...rest, collections: collections.map(([name, count, digest]) => [name, count, digest] as const) }
    const first = open(older)
    await first.write('a', lines(documents.slice(4, 6)))
    const { books } = await first.suspend()
    const writer = open(JSON.parse(JSON.stringify(books.state())) as ExportState)
    await writer.write('a', lines(documents.slice(6)))
    expect(stated(writer)).to.deep.equal({ counts: { a: 10 }, digest: { a: digestOf(documents) } })
  })
})
