import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { formatOfName, openInput } from '../../lib/formats/open-input.ts'
import type { Format } from '../../lib/formats/open-input.ts'
import { failing, idsOf, inChunks, readAll } from './bytes.ts'

async function sniff(
  text: string | Buffer,
  { name = 'backup', format, size = 64 << 10 }: { name?: string; format?: Format; size?: number } = {}
) {
  const input = await openInput(inChunks(text, size), { name, format })
  const { pages, error } = await readAll(input.read({ collection: 'c', wanted: null }))
  return { ...input.head, gzip: input.gzip, ids: idsOf(pages), error }
}

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'none'
  } catch (error) {
    return String((error as { code?: unknown }).code)
  }
}

const header = '{"$docferry":1,"metadata":{"provider":"couchdb","exported_at":"2026-01-01T00:00:00Z","collections":["a"]}}\n'

describe('formats: finding out what an input is', () => {
  it('tells the format from a name', () => {
    expect(formatOfName('/data.json/x.ndjson.gz')).to.deep.equal({ format: 'ndjson', gzip: true, stem: 'x' })
    expect(formatOfName('cities.JSON')).to.deep.equal({ format: 'json', gzip: false, stem: 'cities' })
    expect(formatOfName('a.b.jsonl')).to.deep.equal({ format: 'ndjson', gzip: false, stem: 'a.b' })
    expect(formatOfName('backup')).to.deep.equal({ format: undefined, gzip: false, stem: 'backup' })
  })

  it('recognises each form from its first bytes, in pieces of every size', async () => {
    for (let size = 1; size < 40; size++) {
      expect(await sniff('{"_id":"1"}\n{"_id":"2"}\n', { size })).to.include({ format: 'ndjson', hasSections: false, gzip: false })
      expect(await sniff('\ufeff\n [{"_id":"1"}]', { size })).to.include({ format: 'json', hasSections: false })
      expect(await sniff('{\n  "data": {"a": [{"_id":"1"}]}\n}', { size })).to.include({ format: 'json', hasSections: true })
      const sectioned = await sniff(`${header}{"$collection":"a"}\n{"_id":"1"}\n{"$end":{"counts":{"a":1}}}\n`, { size })
      expect(sectioned).to.include({ format: 'ndjson', hasSections: true, error: undefined })
      expect(sectioned.metadata?.collections).to.deep.equal(['a'])
      expect(sectioned.ids).to.deep.equal(['1'])
      expect(await sniff(gzipSync('{"_id":"1"}\n'), { size })).to.deep.include({ format: 'ndjson', gzip: true, ids: ['1'] })
    }
  })

  it('knows an export by its header, also where that is longer than what is looked at', async () => {
    const header = JSON.stringify({
      $docferry: 1,
      metadata: { collections: Array.from({ length: 50_000 }, (_, n) => `${n}`.padEnd(100, 'x')) }
    })
    expect(await sniff(`${header}\n{"$collection":"a"}\n`)).to.include({ format: 'ndjson', hasSections: true })
  })

  it('reads the metadata of a JSON export, wherever its end is', async () => {
    const names = Array.from({ length: 30_000 }, (_, number) => `collection_${number}`)
    const { metadata, ids } = await sniff(
      JSON.stringify({ metadata: { provider: 'x', collections: names }, data: { a: [{ _id: '1' }] } }, null, 2)
    )
    expect(metadata?.collections).to.have.length(names.length)
    expect(ids).to.deep.equal(['1'])
  })

  it('reads lines in a file called .json', async () => {
    expect(await sniff('{"_id":"1"}\n{"_id":"2"}\n', { name: 'cities.json' })).to.deep.include({ format: 'ndjson', ids: ['1', '2'] })
  })

  it('believes a name that ends in .ndjson, and the user', async () => {
    expect(await sniff('[1]\n{"_id":"1"}\n', { name: 'x.ndjson' })).to.deep.include({ format: 'ndjson', ids: ['1'] })
    expect(await sniff('{"data":{"c":[{"_id":"1"}]}}\n', { format: 'ndjson' })).to.deep.include({ format: 'ndjson', ids: [] })
  })

  it('refuses JSON over several lines, or a list, that is called NDJSON, and says what to do', async () => {
    const documents = [
      { _id: '1', list: [1] },
      { _id: '2', map: {} }
    ]
    const indented = (value: unknown): string => JSON.stringify(value, null, 2)
    const told = async (text: string, size?: number): Promise<string> =>
      await sniff(text, { name: 'x.ndjson', ...(size && { size }) }).then(
        () => 'nothing',
        (error: { code: string; message: string }) => `${error.code} ${error.message}`
      )
    for (const size of [1, 7, 64 << 10]) {
      expect(await told(`\n${indented(documents)}\n`, size)).to.match(/^DOCFERRY_CONFIG .*a JSON list.*\.json.*--format json/)
      expect(await told(indented({ metadata: {}, data: { c: documents } }), size)).to.match(/a JSON export.*--format json/)
      expect(await told(documents.map(indented).join('\n'), size)).to.match(/JSON over several lines.*jq -c/)
    }
    expect(await told(JSON.stringify(documents))).to.include('a JSON list')
    expect(await failure(sniff(indented(documents), { format: 'ndjson' }))).to.equal('DOCFERRY_CONFIG')
  })

  it('reads NDJSON whose first lines are cut or long as NDJSON', async () => {
    const cut = '{"_id":"0","list":[\n{"_id":"1"}\n{"_id":"2"}\n{"_id":"3"}\n'
    const long = `{"_id":"1","text":"${'x'.repeat(200_000)}"}\n`
    for (const size of [1, 64 << 10]) expect((await sniff(cut, { name: 'x.ndjson', size })).ids).to.deep.equal(['1', '2', '3'])
    expect((await sniff(long, { name: 'x.ndjson' })).ids).to.deep.equal(['1'])
  })

  it('says of an export on one line that is called NDJSON what it is', async () => {
    const text = `${JSON.stringify({ metadata: {}, data: { c: [{ _id: '1' }] } })}\n`
    const input = await openInput(inChunks(text, 1000), { name: 'x.ndjson' })
    const { pages } = await readAll(input.read({ collection: 'c', wanted: null }))
    expect(pages[0]?.rejects?.[0]?.message).to.match(/a whole JSON export.*\.json.*--format json/)
  })

  it('reads what is called .gz and is none', async () => {
    expect(await sniff('{"_id":"1"}\n', { name: 'x.ndjson.gz' })).to.deep.include({ gzip: false, ids: ['1'] })
  })

  it('says that an empty .gz is cut, and reads an empty .ndjson as nothing', async () => {
    expect(await failure(sniff('', { name: 'x.ndjson.gz' }))).to.equal('DOCFERRY_FILE_CUT')
    expect(await sniff('', { name: 'x.ndjson' })).to.deep.include({ ids: [], error: undefined })
    expect(String(((await sniff('', { name: 'x.json' })).error as { code?: unknown }).code)).to.equal('DOCFERRY_FILE_CUT')
  })

  it('asks for the format where nothing tells it', async () => {
    for (const text of ['', 'a,b\n1,2\n', 'null\n', '{\n  "name": "no export"\n}\n'.repeat(20)]) {
      expect(await failure(sniff(text)), JSON.stringify(text)).to.equal('DOCFERRY_CONFIG')
    }
  })

  it('tells a read error as what it is', async () => {
    const error = Object.assign(new Error('no'), { code: 'EIO' })
    expect(await failure(openInput(failing('', error), { name: 'backup' }))).to.equal('EIO')
    const input = await openInput(failing('{"_id":"1"}\n', error), { name: 'x.ndjson' })
    const { pages, error: met } = await readAll(input.read({ collection: 'c', wanted: null }))
    expect(idsOf(pages)).to.deep.equal(['1'])
    expect(met).to.equal(error)
  })
})
