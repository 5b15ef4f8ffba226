import { expect } from 'chai'
import { readNdjson } from '../../lib/formats/ndjson.ts'
import type { NdjsonOptions } from '../../lib/formats/ndjson.ts'
import { BucketSums } from '../../lib/values/bucket-sums.ts'
import { DigestSum, documentDigests, Double } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'
import type { Page } from '../../lib/types.ts'
import { documentsOf, failing, idsOf, inChunks, pathsOf, readAll } from './bytes.ts'

type Options = Partial<NdjsonOptions>

function read(text: Buffer | string, options: Options = {}): Promise<{ readonly pages: Page[]; readonly error?: unknown }> {
  return readAll(readNdjson(inChunks(text), { name: 'in.ndjson', collection: 'cities', wanted: null, ...options }))
}

const rejectsOf = (pages: readonly Page[]) => pages.flatMap(page => page.rejects ?? [])
const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code
const messageOf = (error: unknown): string => (error as Error).message

function digestOf(...documents: Document[]): string {
  const sum = new DigestSum()
  for (const document of documents) sum.add(document)
  return sum.hex()
}

const header = '{"$docferry":1,"metadata":{"provider":"memory","exported_at":"2026-01-01T00:00:00Z","collections":["a","b"]}}\n'
const body = '{"$collection":"a"}\n{"_id":"1"}\n{"_id":"2"}\n{"$collection":"b"}\n{"_id":"3"}\n'
const digest = { a: digestOf({ _id: '1' }, { _id: '2' }), b: digestOf({ _id: '3' }) }
const end = `${JSON.stringify({ $end: { counts: { a: 2, b: 1 }, digest } })}\n`

describe('formats: NDJSON, plain', () => {
  it('reads LF and CRLF, a byte order mark, blank lines, and a last line without line end', async () => {
    const { pages, error } = await read('\ufeff{"_id":"1"}\r\n\n  \t\r\n{"_id":"2"}\n{"_id":"é\u2028"}')
    expect(error).to.equal(undefined)
    expect(idsOf(pages)).to.deep.equal(['1', '2', 'é\u2028'])
    expect(rejectsOf(pages)).to.deep.equal([])
  })

  it('reports a bad line with its line and byte, keeps it for the dead letter, and goes on', async () => {
    const { pages, error } = await read('{"_id":"1"}\n{"_id":"é"}\n{"_id":\n{"_id":"4"}\n')
    expect(error).to.equal(undefined)
    expect(idsOf(pages)).to.deep.equal(['1', 'é', '4'])
    expect(rejectsOf(pages)).to.deep.equal([
      { code: 'DOCFERRY_BAD_DOCUMENT', message: 'not valid JSON', where: 'line 3, byte 25', raw: '{"_id":' }
    ])
  })

  it('never puts contents into a message', async () => {
    const { pages } = await read('{"_id":"1","api_key":"sk-secret" oops}\n')
    expect(JSON.stringify(rejectsOf(pages).map(({ message, where }) => [message, where]))).not.to.include('secret')
  })

  it('reports lines that are no object, and objects without a string _id', async () => {
    const { pages } = await read(
      ['null', '5', '[]', '"text"', '{}', '{"id":"1"}', '{"_id":5}', '{"_id":null}', '{"$date":"2026-01-01T00:00:00Z"}'].join('\n')
    )
    expect(rejectsOf(pages).map(({ message }) => message)).to.deep.equal([
      'no JSON object',
      'no JSON object',
      'no JSON object',
      'no JSON object',
      'it has no _id',
      'it has no _id',
      'its _id is no string',
      'its _id is no string',
      'no JSON object'
    ])
  })

  it('reports invalid UTF-8 instead of reading it as something else', async () => {
    const { pages } = await read(Buffer.concat([Buffer.from('{"_id":"1"}\n{"_id":"'), Buffer.of(0xff), Buffer.from('"}\n{"_id":"3"}\n')]))
    expect(idsOf(pages)).to.deep.equal(['1', '3'])
    expect(rejectsOf(pages).map(({ message, where }) => [message, where])).to.deep.equal([['not valid UTF-8', 'line 2, byte 12']])
  })

  it('keeps the bytes of a line that is no UTF-8, and of no other', async () => {
    const line = Buffer.concat([Buffer.from('{"_id":"'), Buffer.of(0xff, 0x0a)])
    const { pages } = await read(Buffer.concat([line, Buffer.from('{"_id":\n')]))
    const [bytes, text] = rejectsOf(pages)
    expect(Buffer.from(bytes!.rawBase64!, 'base64')).to.deep.equal(line.subarray(0, -1))
    expect(text).to.include({ raw: '{"_id":' }).and.not.have.property('rawBase64')
  })

  it('says that the file may be cut where its last line is bad and has no line end', async () => {
    const { pages, error } = await read('{"_id":"1"}\n{"_id":"2","na')
    expect(error).to.equal(undefined)
    expect(rejectsOf(pages)[0]?.message).to.match(/may be cut/)
    expect(rejectsOf(pages)[0]?.where).to.equal('line 2, byte 12')
  })

  it('keeps __proto__ keys, integers past 2^53 and long decimals', async () => {
    const { pages } = await read('{"_id":"1","__proto__":{"x":1},"n":9007199254740993,"d":0.12345678901234567890123,"f":1.0}\n')
    const [document] = documentsOf(pages)
    expect(Object.keys(document ?? {})).to.deep.equal(['_id', '__proto__', 'n', 'd', 'f'])
    expect(Object.getPrototypeOf(document)).to.equal(Object.prototype)
    expect(document?.n).to.equal(9007199254740993n)
    expect(String(document?.d)).to.equal('0.12345678901234567890123')
  })

  it('reads a line of 20 MB', async () => {
    const text = 'x'.repeat(20 << 20)
    const { pages } = await read(`{"_id":"1"}\n{"_id":"big","text":"${text}"}\n{"_id":"3"}\n`)
    expect(idsOf(pages)).to.deep.equal(['1', 'big', '3'])
    expect(documentsOf(pages)[1]?.text).to.have.length(text.length)
  })

  it('takes no export without its first line for documents of one collection', async () => {
    for (const [text, read_] of [
      [body + end, 0],
      [`broken\n${body}${end}`, 0],
      [`{"_id":"1"}\n${header}${body}${end}`, 1],
      [`{"_id":"3"}\n${end}`, 1]
    ] as const) {
      const { pages, error } = await read(text)
      expect(error).to.include({ code: 'DOCFERRY_DECODE', spoilsRun: true })
      expect(messageOf(error)).to.include('whose first line')
      expect(documentsOf(pages)).to.have.length(read_)
    }
  })

  it('takes a line that only looks like one of an export for a reject', async () => {
    const { pages, error } = await read('{"$collection":"a","n":1}\n{"$end":true}\n{"$docferry":1}\n{"_id":"1"}\n')
    expect(error).to.equal(undefined)
    expect(rejectsOf(pages)).to.have.length(3)
  })

  it('reads a line that is nested too deep as a reject', async () => {
    const deep = `{"_id":"1","x":${'{"$date":'.repeat(3000)}1${'}'.repeat(3000)}}`
    const { pages, error } = await read(`${deep}\n{"_id":"2"}\n`)
    expect(error).to.equal(undefined)
    expect(rejectsOf(pages).map(({ code }) => code)).to.deep.equal(['DOCFERRY_TOO_DEEP'])
    expect(idsOf(pages)).to.deep.equal(['2'])
  })

  it('hands on a document of an export that is too deep to have a digest', async () => {
    const deep = `{"_id":"1","x":${'['.repeat(3000)}${']'.repeat(3000)}}`
    const end = '{"$end":{"counts":{"a":2},"digest":{}}}'
    const { pages, error } = await read(`{"$docferry":1,"metadata":{}}\n{"$collection":"a"}\n${deep}\n{"_id":"2"}\n${end}\n`)
    expect(error).to.equal(undefined)
    expect(idsOf(pages)).to.deep.equal(['1', '2'])
  })

  it('wants a name for the documents', async () => {
    expect(codeOf((await read('{"_id":"1"}\n', { collection: null })).error)).to.equal('DOCFERRY_CONFIG')
  })

  it('bounds a page by documents and by bytes', async () => {
    const text = Array.from({ length: 10 }, (_, number) => `{"_id":"${number}","x":"${'y'.repeat(100)}"}\n`).join('')
    expect((await read(text, { pageSize: 4 })).pages.map(page => page.documents.length)).to.deep.equal([4, 4, 2])
    expect((await read(text, { pageBytes: 300 })).pages.map(page => page.documents.length)).to.deep.equal([3, 3, 3, 1])
    const { pages } = await read(text, { pageSize: 4 })
    expect(pages.reduce((sum, page) => sum + page.bytes, 0)).to.equal(text.length)
  })

  it('checks what a manifest states', async () => {
    const text = '{"_id":"1"}\n{"_id":"2"}\n'
    expect((await read(text, { expected: { documents: 2, digest: digest.a } })).error).to.equal(undefined)
    const cut = (await read(text, { expected: { documents: 3, digest: digest.a } })).error
    expect(codeOf(cut)).to.equal('DOCFERRY_FILE_CUT')
    expect(messageOf(cut)).to.include('should hold 3 documents and holds 2')
    expect(codeOf((await read(text, { expected: { documents: 1 } })).error)).to.equal('DOCFERRY_DECODE')
    const changed = (await read(text, { expected: { documents: 2, digest: digest.b } })).error
    expect(codeOf(changed)).to.equal('DOCFERRY_DECODE')
    expect(messageOf(changed)).to.include(digest.b).and.include(digest.a)
    expect(codeOf((await read('', { expected: { documents: 1 } })).error)).to.equal('DOCFERRY_FILE_CUT')
  })

  it('finds documents that were changed beside lines that are broken, by the parts of the collection that hold none of these', async () => {
    const documents = Array.from({ length: 30 }, (_, number) => ({ _id: `${number}`, n: 1 }))
    const sums = new BucketSums()
    for (const document of documents) sums.add(document._id, documentDigests(document))
    const lines = documents.map(document => JSON.stringify(document))
    const expected = { documents: 30, digest: digestOf(...documents), receipt: sums.bytes().toString('base64'), root: sums.root() }
    const broken = lines.map((line, number) => (number === 7 || number === 20 ? line.slice(0, -1) : line))
    const { pages, error } = await read(broken.join('\n'), { expected })
    expect(error).to.equal(undefined)
    expect(rejectsOf(pages)).to.have.length(2)
    const unchecked: string[] = []
    const options = { expected, pageSize: 5, onUnchecked: (collection: string) => void unchecked.push(collection) }
    const [, second] = (await read(broken.join('\n'), options)).pages
    expect(unchecked).to.deep.equal([])
    // A cursor has no room for the parts.
    await read(broken.join('\n'), { ...options, after: second!.cursor })
    expect(unchecked).to.deep.equal(['cities'])
    await read(lines.join('\n'), { ...options, after: (await read(lines.join('\n'), options)).pages[1]!.cursor })
    expect(unchecked).to.have.length(1)
    const changed = broken.map((line, number) => (number === 8 ? line.replace('1', '2') : line))
    expect(codeOf((await read(changed.join('\n'), { expected })).error)).to.equal('DOCFERRY_DECODE')
  })

  it('yields what it read before its input failed, and not the half line', async () => {
    const { pages, error } = await readAll(
      readNdjson(failing('{"_id":"1"}\n{"_i', new Error('disk')), { name: 'in', collection: 'c', wanted: null })
    )
    expect(idsOf(pages)).to.deep.equal(['1'])
    expect(rejectsOf(pages)).to.deep.equal([])
    expect(messageOf(error)).to.equal('disk')
  })
})

describe('formats: NDJSON, an export with sections', () => {
  it('reads the sections', async () => {
    const { pages, error } = await read(header + body + end)
    expect(error).to.equal(undefined)
    expect(pathsOf(pages)).to.deep.equal(['a/1', 'a/2', 'b/3'])
  })

  it('hands on the digests by which it checks documents, and has none where nothing is checked', async () => {
    const digestsOf = ({ documents, digests = [] }: Page) => documents.map((_, index) => digests[index])
    const number = '{"$collection":"a"}\n{"_id":"1","n":1.0}\n{"_id":"2"}\nbroken\n{"_id":"3"}\n'
    const [page] = (await read(header + number, { collection: null })).pages
    const known = [documentDigests({ _id: '1', n: new Double(1) }), documentDigests({ _id: '2' }), documentDigests({ _id: '3' })]
    expect(digestsOf(page!)).to.deep.equal(known)
    expect(digestsOf((await read('{"_id":"1"}\n')).pages[0]!)).to.deep.equal([undefined])
  })

  it('yields only what is wanted, and tells of every section', async () => {
    const sections: string[] = []
    const { pages, error } = await read(header + body + end, { collection: null, wanted: ['b'], onSection: name => sections.push(name) })
    expect(error).to.equal(undefined)
    expect(pathsOf(pages)).to.deep.equal(['b/3'])
    expect(sections).to.deep.equal(['a', 'b'])
  })

  it('takes a document with a field $collection for a document', async () => {
    const document = { _id: '1', $collection: 'b', $end: true } as unknown as Document
    const text = `${header}{"$collection":"a"}\n${JSON.stringify(document)}\n${JSON.stringify({ $end: { counts: { a: 1 }, digest: { a: digestOf(document) } } })}\n`
    const { pages, error } = await read(text)
    expect(error).to.equal(undefined)
    expect(pathsOf(pages)).to.deep.equal(['a/1'])
  })

  it('says where a file was cut, behind the documents before it', async () => {
    const whole = header + body + end
    for (let length = header.length; length < whole.length - 1; length++) {
      const { pages, error } = await read(whole.slice(0, length))
      expect(codeOf(error), `cut at ${length}`).to.equal('DOCFERRY_FILE_CUT')
      expect(messageOf(error)).to.match(/in\.ndjson ends at line \d, byte \d+ without/)
      const lines = whole.slice(0, length).split('\n').slice(0, -1)
      expect(pages.flatMap(page => page.documents).length).to.be.at.least(lines.filter(line => line.includes('_id')).length)
    }
    expect((await read(whole.slice(0, -1))).error).to.equal(undefined)
  })

  it('finds documents that are missing, added or changed', async () => {
    const check = async (text: string, code: string): Promise<void> => {
      expect(codeOf((await read(text)).error)).to.equal(code)
    }
    await check(header + body.replace('{"_id":"2"}\n', '') + end, 'DOCFERRY_DECODE')
    await check(header + body.replace('{"_id":"2"}\n', '{"_id":"2"}\n{"_id":"2b"}\n') + end, 'DOCFERRY_DECODE')
    await check(header + body.replace('{"_id":"2"}', '{"_id":"x"}') + end, 'DOCFERRY_DECODE')
    await check(header + body.replace('{"$collection":"b"}\n{"_id":"3"}\n', '') + end, 'DOCFERRY_DECODE')
  })

  it('tells in each cursor what was found of every section so far, also of one that is gone on with', async () => {
    const sections: [string, string][] = [
      ['a', '1'],
      ['__proto__', '2'],
      ['b"', '3'],
      ['a', '4'],
      ['a', '5'],
      ['c', '6'],
      ['b"', '7']
    ]
    const text = header + sections.map(([name, id]) => `${JSON.stringify({ $collection: name })}\n{"_id":"${id}"}\n`).join('')
    const foundAfter = (count: number): Map<string, { entries: number; digest: string }> => {
      const found = new Map<string, Document[]>()
      for (const [name, id] of sections.slice(0, count)) found.set(name, [...(found.get(name) ?? []), { _id: id }])
      return new Map([...found].map(([name, documents]) => [name, { entries: documents.length, digest: digestOf(...documents) }]))
    }
    const checkCursors = (pages: readonly Page[], first: number): void =>
      pages.forEach(({ cursor }, index) => {
        const { found } = JSON.parse(cursor) as { found: object }
        expect(new Map(Object.entries(found))).to.deep.equal(foundAfter(first + index + 1))
      })
    const { pages } = await read(text, { collection: null })
    expect(pages.length).to.equal(sections.length)
    checkCursors(pages, 0)
    for (const [index, { cursor }] of pages.entries())
      checkCursors((await read(text, { collection: null, after: cursor })).pages, index + 1)
  })

  it('does not check sections that it passes over', async () => {
    expect((await read(header + body.replace('{"_id":"2"}', '{"_id":"x"}') + end, { wanted: ['b'] })).error).to.equal(undefined)
  })

  it('counts a bad line as what was to be there', async () => {
    const { pages, error } = await read(header + body.replace('{"_id":"2"}', '{"_id":"2"') + end)
    expect(error).to.equal(undefined)
    expect(rejectsOf(pages)).to.have.length(1)
  })

  it('refuses what follows the end, a second header, and a newer version', async () => {
    expect(codeOf((await read(`${header}${body}${end}{"_id":"4"}\n`)).error)).to.equal('DOCFERRY_DECODE')
    expect(codeOf((await read(`${header}${body}${end}${header}${body}${end}`)).error)).to.equal('DOCFERRY_DECODE')
    expect(codeOf((await read(header.replace(':1,', ':2,') + body + end)).error)).to.equal('DOCFERRY_DECODE')
    expect((await read(`${header}${body}${end}\n\n`)).error).to.equal(undefined)
  })

  it('never passes over a collection unseen that the header does not list', async () => {
    const { pages, error } = await read(header + body + end, { wanted: ['a'], listed: ['a'] })
    expect(pathsOf(pages)).to.deep.equal(['a/1', 'a/2'])
    expect(codeOf(error)).to.equal('DOCFERRY_DECODE')
    expect(messageOf(error)).to.include('"b"')
    expect((await read(header + body + end, { wanted: ['a'], listed: ['a', 'b'] })).error).to.equal(undefined)
  })

  it('goes on behind every cursor with exactly the rest, and still finds what is wrong at the end', async () => {
    const text = header + body + end
    const changed = text.replace('{"_id":"1"}', '{"_id":"x"}')
    for (const input of [text, changed]) {
      const { pages, error } = await read(input, { pageSize: 1 })
      for (const [index, page] of pages.entries()) {
        const rest = await read(input, { after: page.cursor })
        expect(pathsOf(rest.pages)).to.deep.equal(pathsOf(pages.slice(index + 1)))
        expect(codeOf(rest.error)).to.equal(codeOf(error))
      }
    }
  })

  it('says that a file is shorter than it was', async () => {
    const { pages } = await read(header + body + end)
    const { error } = await read(header, { after: pages.at(-1)?.cursor })
    expect(codeOf(error)).to.equal('DOCFERRY_FILE_CUT')
  })
})
