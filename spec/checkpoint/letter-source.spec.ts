import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { letterSource, surveyLetters } from '../../lib/checkpoint/letter-source.ts'
import type { LetterOrigin } from '../../lib/checkpoint/letter-source.ts'
import type { Document, Page, Source } from '../../lib/types.ts'

const lineOf = (collection: string, _id: string, changes: object = {}): string =>
  JSON.stringify({ collection, id: _id, at: 'write', code: 'DOCFERRY_REFUSED', message: 'no', document: { _id }, ...changes })

describe('checkpoint: dead letters as a source', () => {
  let folder: string
  let path: string
  let origins: WeakMap<Document, LetterOrigin>
  let rejected: string[]
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-letters-'))
    path = join(folder, 'dead-letters.ndjson')
    origins = new WeakMap()
    rejected = []
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const open = async (...lines: readonly string[]): Promise<Source> => {
    writeFileSync(path, lines.map(line => `${line}\n`).join(''))
    const survey = await surveyLetters(path)
    return letterSource({ path, survey, origins, onReject: async text => void rejected.push(text) })
  }
  const pagesOf = async (source: Source, collection: string, after?: string, pageSize = 2): Promise<Page[]> => {
    const pages: Page[] = []
    const [partition] = await source.partitions([collection], { wanted: 4 })
    for await (const page of source.read(partition!, { pageSize, ...(after !== undefined && { after }) })) pages.push(page)
    return pages
  }
  const idsOf = (pages: readonly Page[]): string[][] => pages.map(({ documents }) => documents.map(({ _id }) => _id))

  it('says which collections there are, and how many letters of each', async () => {
    const source = await open(lineOf('a', '1'), lineOf('b', '2'), lineOf('a', '3'))
    expect(await source.collections({})).to.deep.equal([
      { name: 'a', documents: 2 },
      { name: 'b', documents: 1 }
    ])
  })

  it('reads one collection, in pages, and goes on behind each', async () => {
    const source = await open(...['1', '2', '3', '4', '5'].flatMap(id => [lineOf('a', id), lineOf('ab', `x${id}`), lineOf('b', `y${id}`)]))
    const pages = await pagesOf(source, 'a')
    expect(idsOf(pages)).to.deep.equal([['1', '2'], ['3', '4'], ['5']])
    expect(idsOf(await pagesOf(source, 'a', pages[0]!.cursor))).to.deep.equal([['3', '4'], ['5']])
    expect(await pagesOf(source, 'a', pages[2]!.cursor)).to.deep.equal([])
  })

  it('names the line, also when it goes on', async () => {
    const source = await open(lineOf('a', '1'), lineOf('a', '2'), lineOf('a', '3'))
    const [page] = await pagesOf(source, 'a')
    writeFileSync(path, [lineOf('a', '1'), lineOf('a', '2'), '{"collection":"a"}'].join('\n'))
    const error = await pagesOf(source, 'a', page!.cursor).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_STATE' })
    expect((error as Error).message).to.include('line 3 of')
  })

  it('knows of each document the letter as it stands, whatever becomes of the document', async () => {
    const line = lineOf('a', '1', { document: { _id: '1', number: 1.5 } })
    const [page] = await pagesOf(await open(line), 'a')
    const document = page!.documents[0]!
    delete document['number']
    expect(origins.get(document)).to.deep.equal({ text: line, at: 'write', kept: false })
  })

  it('makes rejects of letters without a document, and hands them on as they stand', async () => {
    const read = lineOf('a', 'x', {
      id: undefined,
      at: 'read',
      code: 'DOCFERRY_BAD_DOCUMENT',
      where: 'line 7',
      document: undefined,
      raw: '{'
    })
    const without = lineOf('a', '2', { document: undefined, withoutDocument: 'too deep' })
    const [page] = await pagesOf(await open(read, without), 'a')
    expect(page!.rejects).to.deep.equal([
      { code: 'DOCFERRY_BAD_DOCUMENT', message: 'no', where: 'line 7' },
      { code: 'DOCFERRY_REFUSED', message: 'no', where: '', id: '2' }
    ])
    expect(rejected).to.deep.equal([read, without])
    expect(await surveyLetters(path)).to.include({ total: 2, never: 1, withoutDocument: 1, beforeStages: 0 })
  })

  for (const [what, line] of [
    ['no JSON', '{"collection":"a"'],
    ['no object', '[]'],
    ['no dead letter', '{"_id":"a"}'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])]
  ] as const) {
    it(`refuses a file with a line that is ${what}`, async () => {
      writeFileSync(path, Buffer.concat([Buffer.from(`${lineOf('a', '1')}\n`), Buffer.from(line as string), Buffer.from('\n')]))
      const error = await surveyLetters(path).catch((thrown: unknown) => thrown)
      expect(error).to.include({ code: 'DOCFERRY_STATE' })
      expect((error as Error).message).to.include(`line 2 of ${path}`)
    })
  }
})
