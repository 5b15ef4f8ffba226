import fs from 'node:fs'
import { mkdir, readFile, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import type { Packing } from '../../../lib/packed.ts'
import type { Cursor, Document, Page } from '../../../lib/types.ts'
import { Packer } from '../../../lib/work/packer.ts'
import { fileConnector } from '../../../lib/connectors/file/index.ts'
import { failure, makeLogger, openFiles, pagesOf, readWhole, source, useFolder, writeWhole } from './support.ts'

const ids = (documents: readonly Document[] = []): string[] => documents.map(document => document._id)
const some = (count: number, prefix = ''): Document[] =>
  Array.from({ length: count }, (_, number) => ({ _id: `${prefix}${number}`, number }))

describe('file: reader', () => {
  const path = useFolder()

  it('names the documents of a plain file after the file, or as told', async () => {
    await writeFile(path('cities.ndjson.gz'), gzipSync('{"_id":"1"}\n'))
    expect(await readWhole({ path: path('cities.ndjson.gz') })).to.deep.equal({ cities: [{ _id: '1' }] })
    expect(await readWhole({ path: path('cities.ndjson.gz'), collection: 'towns' })).to.deep.equal({ towns: [{ _id: '1' }] })
    await writeFile(path('list.json'), '[{"_id":"1"}]')
    expect(await readWhole({ path: path('list.json') })).to.deep.equal({ list: [{ _id: '1' }] })
  })

  it('says of an empty NDJSON file, plain, compressed or in a folder, that it was empty', async () => {
    await mkdir(path('folder'))
    await writeFile(path('x.ndjson'), '')
    await writeFile(path('x.ndjson.gz'), gzipSync(''))
    await writeFile(path('blank.ndjson'), '\n\r\n')
    await writeFile(path('folder/x.ndjson'), '')
    await writeFile(path('folder/y.ndjson'), '{"_id":"1"}\n')
    await writeFile(path('full.ndjson'), '{"_id":"1"}\n')
    const notes = async (name: string): Promise<readonly string[]> => {
      const opened = await source({ path: path(name) })
      for (const partition of await opened.partitions(null, { wanted: 1 })) await pagesOf(opened, partition)
      return opened.notes?.() ?? []
    }
    for (const [name, file] of [['x.ndjson'], ['x.ndjson.gz'], ['blank.ndjson'], ['folder', 'folder/x.ndjson']] as const) {
      const [note, ...others] = await notes(name)
      expect(note).to.include(`${path(file ?? name)} is empty`)
      expect(others).to.deep.equal([])
    }
    expect(await notes('full.ndjson')).to.deep.equal([])
  })

  it('lists the collections of an export with their counts, without reading all of it', async () => {
    for (const name of ['a.ndjson', 'a.ndjson.gz']) {
      await writeWhole({ path: path(name) }, { agents: some(3), empty: [] })
      const opened = await source({ path: path(name) })
      expect((await opened.collections({}))?.map(({ name: each, documents }) => [each, documents])).to.deep.equal([
        ['agents', 3],
        ['empty', 0]
      ])
    }
  })

  it('reads the head of a file once, however many collections ask what it says', async () => {
    const security = { a: { admins: { names: ['x'] } }, b: { admins: { names: ['y'] } } }
    const text = (await exported({ a: some(1), b: some(1) })).replace('"metadata":{', `"metadata":{"security":${JSON.stringify(security)},`)
    await writeFile(path('x.ndjson'), text)
    const opened = await source({ path: path('x.ndjson') })
    expect(await opened.security?.('a', {})).to.deep.equal(security.a)
    await rm(path('x.ndjson'))
    expect(await opened.security?.('b', {})).to.deep.equal(security.b)
  })

  it('reads the head of a file once where a target of it was asked before, unless the file has changed', async () => {
    const options = { path: path('x.ndjson') }
    const ask = (): Promise<unknown> => fileConnector.openTarget(options, { logger: makeLogger(), readOnly: true })
    const names = async (): Promise<readonly string[] | undefined> =>
      (await (await source(options)).collections({}))?.map(({ name }) => name)
    const first = await exported({ a: some(1) })
    await writeFile(path('x.ndjson'), first)
    await ask()
    const reads: string[] = []
    const realOpen = fs.openSync
    fs.openSync = (...given) => {
      reads.push(String(given[0]))
      return realOpen(...given)
    }
    try {
      expect((await (await source(options)).security?.('a', {})) ?? null).to.equal(null)
      expect(reads).to.deep.equal([])
    } finally {
      fs.openSync = realOpen
    }
    await ask()
    await writeFile(path('x.ndjson'), await exported({ b: some(2) }))
    expect(await names()).to.deep.equal(['b'])
  })

  it('lists what the end of an export names and its header does not', async () => {
    const text = (await exported({ a: some(1), b: some(1) })).replace('"collections":["a","b"]', '"collections":["a"]')
    await writeFile(path('x.ndjson'), text)
    expect(Object.keys(await readWhole({ path: path('x.ndjson') }))).to.deep.equal(['a', 'b'])
  })

  it('looks through a file whose header lists nothing', async () => {
    await writeFile(path('x.ndjson'), '{"$docferry":1}\n{"$collection":"a"}\n{"_id":"1"}\n{"$collection":"b"}\n')
    await writeFile(path('x.json'), '{"data":{"a":[{"_id":"1"}],"b":[]}}')
    for (const name of ['x.ndjson', 'x.json']) {
      const opened = await source({ path: path(name) })
      if (name === 'x.json') expect((await opened.collections({}))?.map(each => each.name)).to.deep.equal(['a', 'b'])
      else expect((await failure(opened.collections({}))).code).to.equal('DOCFERRY_FILE_CUT')
    }
  })

  it('reads a large JSON file out of places of a packer, from its beginning or a cursor', async () => {
    const packing: Packing = { drop: [], special: true }
    const packer = new Packer({ packing, threads: 0, after: 0 })
    const all = { a: some(30_000, 'a'), b: some(30_000, 'b') }
    await writeFile(path('x.json'), JSON.stringify({ metadata: { collections: ['a', 'b'] }, data: all }, null, 2))
    const opened = await source({ path: path('x.json') })
    const [partition] = await opened.partitions(['a', 'b'], { wanted: 1 })
    const read = async (after?: Cursor): Promise<{ lines: string[]; cursors: { cursor: Cursor; lines: number }[]; inPlace: number }> => {
      const found = { lines: [] as string[], cursors: [] as { cursor: Cursor; lines: number }[], inPlace: 0 }
      for await (const { packed = [], documents, cursor } of opened.read(partition!, { after, packing: { ...packing, packer } })) {
        for (const { text, release } of packed) {
          found.lines.push(...text.toString().split('\n').slice(0, -1))
          if (release) found.inPlace++
          release?.()
        }
        found.lines.push(...documents.map(document => JSON.stringify(document)))
        found.cursors.push({ cursor, lines: found.lines.length })
      }
      return found
    }
    const whole = await read()
    expect(whole.lines).to.deep.equal([...all.a, ...all.b].map(document => JSON.stringify(document)))
    expect(whole.inPlace).to.be.greaterThan(3)
    for (const { cursor, lines } of whole.cursors) expect((await read(cursor)).lines).to.deep.equal(whole.lines.slice(lines))
    await opened.close()
    await packer.close()
  })

  it('is one partition that yields only what is wanted', async () => {
    await writeWhole({ path: path('a.ndjson') }, { a: some(3), b: some(2, 'b'), c: some(1, 'c') })
    const opened = await source({ path: path('a.ndjson') })
    const partitions = await opened.partitions(['c', 'a'], { wanted: 8 })
    expect(partitions.map(({ collections }) => collections)).to.deep.equal([['c', 'a']])
    expect(await readWhole({ path: path('a.ndjson') }, ['a', 'c'])).to.deep.equal({ a: some(3), c: some(1, 'c') })
    expect(opened.uniqueIds).to.equal(false)
  })

  for (const name of ['x.ndjson', 'x.ndjson.gz', 'x.json', 'x.json.gz', 'x/']) {
    it(`goes on behind every cursor with exactly the rest, in another process (${name})`, async () => {
      await writeWhole({ path: path(name) }, { a: some(7, 'a'), b: some(6, 'b') })
      const first = await source({ path: path(name) })
      for (const partition of await first.partitions(null, { wanted: 2 })) {
        const pages = await pagesOf(first, partition, { pageSize: 3 })
        for (const [index, page] of pages.entries()) {
          const again = await source({ path: path(name) })
          const [same] = (await again.partitions(null, { wanted: 2 })).filter(({ id }) => id === partition.id)
          const rest = await pagesOf(again, JSON.parse(JSON.stringify(same)) as typeof partition, { after: page.cursor })
          const expected = pages.slice(index + 1).flatMap(each => ids(each.documents))
          expect(rest.flatMap(each => ids(each.documents))).to.deep.equal(expected)
        }
      }
    })
  }

  it('reads behind a cursor without reading what stands before it', async () => {
    await writeWhole({ path: path('a.ndjson') }, { a: some(1000) })
    await utimes(path('a.ndjson'), 1, 1)
    const opened = await source({ path: path('a.ndjson') })
    const [partition] = await opened.partitions(null, { wanted: 1 })
    const pages = await pagesOf(opened, partition!, { pageSize: 900 })
    const text = await readFile(path('a.ndjson'), 'utf8')
    const half = Math.floor(text.indexOf('"$end"') / 2)
    // What stands before the cursor would be seen to be damaged if it was read.
    await writeFile(path('a.ndjson'), `${text.slice(0, 200)}${'x'.repeat(half - 200)}${text.slice(half)}`)
    await utimes(path('a.ndjson'), 1, 1)
    const rest = await pagesOf(opened, partition!, { after: pages[0]!.cursor })
    expect(rest.flatMap(page => ids(page.documents))).to.deep.equal(ids(some(1000)).slice(900))
  })

  for (const name of ['x.ndjson', 'plain.ndjson', 'x.ndjson.gz', 'plain.ndjson.gz', 'x.json', 'out/']) {
    it(`does not go on in ${name} once it was changed, whatever of it`, async () => {
      const write = async (documents: readonly Document[]): Promise<void> => {
        const lines = documents.map(document => `${JSON.stringify(document)}\n`).join('')
        if (name.startsWith('plain')) await writeFile(path(name), name.endsWith('.gz') ? gzipSync(lines) : lines)
        else if (name === 'out/') await mkdir(path('out'), { recursive: true }).then(() => writeFile(path('out', 'a.ndjson'), lines))
        else await rm(path(name), { force: true }).then(() => writeWhole({ path: path(name) }, { a: documents }))
      }
      const firstPage = async (after?: Cursor) => {
        const opened = await source({ path: path(name) })
        const [partition] = await opened.partitions(null, { wanted: 1 })
        return await pagesOf(opened, partition!, { pageSize: 100, ...(after !== undefined && { after }) })
      }
      await write(some(1000))
      const [{ cursor }] = (await firstPage()) as [Page]
      expect((await firstPage(cursor)).flatMap(page => ids(page.documents)).length).to.equal(900)
      for (const others of [some(1000).toReversed(), some(1001), some(500)]) {
        await write(others)
        const error = await failure(firstPage(cursor))
        expect(error.code).to.equal('DOCFERRY_RUN_UNFIT')
        expect(error.message).to.include('was changed since it was read')
      }
    })
  }

  for (const name of ['x.ndjson', 'plain.ndjson.gz', 'x.json']) {
    it(`goes on in ${name}, which was cut, with the whole of it, and with no other`, async () => {
      const whole = async (documents: readonly Document[]): Promise<Buffer> => {
        await rm(path(name), { force: true })
        if (name.startsWith('plain')) return gzipSync(documents.map(document => `${JSON.stringify(document)}\n`).join(''))
        await writeWhole({ path: path(name) }, { a: documents })
        return await readFile(path(name))
      }
      const odd = (document: Document): Document => ({ ...document, text: String(Math.sin(document.number as number)) })
      const right = await whole(some(5000).map(odd))
      const other = await whole(some(5000).map((document, index) => odd(index === 7 ? { ...document, number: 9 } : document)))
      await writeFile(path(name), right.subarray(0, Math.floor(right.length * 0.3)))
      const cursors: Cursor[] = []
      const read = async (after?: Cursor): Promise<string[]> => {
        const found: string[] = []
        const opened = await source({ path: path(name) })
        const [partition] = await opened.partitions(['a', 'plain'], { wanted: 1 })
        for await (const page of opened.read(partition!, { pageSize: 100, ...(after !== undefined && { after }) })) {
          cursors.push(page.cursor)
          found.push(...ids(page.documents))
        }
        return found
      }
      expect((await failure(read())).code).to.equal('DOCFERRY_FILE_CUT')
      const last = cursors.at(-1)!
      await writeFile(path(name), other)
      expect((await failure(read(last))).code).to.equal('DOCFERRY_RUN_UNFIT')
      await writeFile(path(name), right)
      const rest = await read(last)
      expect(rest.length).to.be.within(1, 4999)
      expect(rest).to.deep.equal(ids(some(5000)).slice(-rest.length))
    })
  }

  it('says that a file is cut, behind its documents', async () => {
    // A large part of an NDJSON export is its trailer.
    const shares = { 'x.ndjson': 0.35, 'x.ndjson.gz': 0.2, 'x.json': 0.7, 'x.json.gz': 0.7 }
    for (const [name, share] of Object.entries(shares)) {
      const documents = some(2000).map(document => ({ ...document, text: String(Math.sin(document.number as number)) }))
      await writeWhole({ path: path(name) }, { a: documents })
      const { length } = await readFile(path(name))
      await truncate(path(name), Math.floor(length * share))
      const opened = await source({ path: path(name) })
      const found: string[] = []
      const read = async (): Promise<void> => {
        for await (const page of opened.read((await opened.partitions(['a'], { wanted: 1 }))[0]!, {})) found.push(...ids(page.documents))
      }
      const { code, message } = await failure(read)
      expect(code, name).to.equal('DOCFERRY_FILE_CUT')
      expect(message).to.include(path(name))
      expect(found.length).to.be.within(500, 1900)
      expect(found).to.deep.equal(ids(documents).slice(0, found.length))
    }
  })

  it('says what is wrong with a path', async () => {
    expect(await failure(source({ path: path('missing.json') }))).to.include({ code: 'DOCFERRY_CONFIG' })
    expect((await failure(source({ path: path('missing.json') }))).message)
      .to.include('missing.json')
      .and.include('ENOENT')
    await writeFile(path('a.json'), '[]')
    expect((await failure(source({ path: path('a.json', 'b.json') }))).code).to.equal('DOCFERRY_READ')
    expect((await failure(source({ path: path('a.json'), format: 'folder' }))).code).to.equal('DOCFERRY_CONFIG')
    await mkdir(path('folder'))
    expect((await failure(source({ path: path('folder'), format: 'json' }))).code).to.equal('DOCFERRY_CONFIG')
    expect((await failure(source({ path: path('folder') }))).code).to.equal('DOCFERRY_CONFIG')
    await writeFile(path('data'), 'a,b\n')
    const opened = await source({ path: path('data') })
    expect((await failure(opened.collections({}))).code).to.equal('DOCFERRY_CONFIG')
  })

  it('says where it really is', async () => {
    await writeFile(path('a.json'), '[]')
    await symlink(path('a.json'), path('link.json'))
    const [real, link] = [await source({ path: path('a.json') }), await source({ path: path('link.json') })]
    expect(link.location).to.deep.equal(real.location)
    expect(real.location).to.include({ provider: 'file', identity: `file:${path('a.json')}` })
  })

  it('stops when the signal aborts, with its reason', async () => {
    await writeWhole({ path: path('a.ndjson') }, { a: some(5000) })
    const opened = await source({ path: path('a.ndjson') })
    const controller = new AbortController()
    const reason = new Error('stop')
    const [partition] = await opened.partitions(null, { wanted: 1 })
    let pages = 0
    const read = async (): Promise<void> => {
      for await (const page of opened.read(partition!, { signal: controller.signal, pageSize: 10 })) {
        pages += page.documents.length > 0 ? 1 : 0
        if (pages === 2) controller.abort(reason)
      }
    }
    expect((await failure(read)).message).to.equal('stop')
    expect(pages).to.equal(2)
  })

  it('closes the file when its reader stops early', async () => {
    await writeWhole({ path: path('a.ndjson.gz') }, { a: some(5000) })
    const opened = await source({ path: path('a.ndjson.gz') })
    for (let round = 0; round < 20; round++) {
      for await (const page of opened.read((await opened.partitions(null, { wanted: 1 }))[0]!, { pageSize: 1 })) if (page) break
    }
    await eventually(() => !openFiles().includes(path('a.ndjson.gz')))
    await opened.close()
  })
})

async function exported(collections: Readonly<Record<string, Document[]>>): Promise<string> {
  const parts: Buffer[] = []
  const { PassThrough } = await import('node:stream')
  const stdout = new PassThrough().on('data', (chunk: Buffer) => parts.push(chunk))
  await writeWhole({ path: '-', stdout }, collections)
  return Buffer.concat(parts).toString()
}

async function eventually(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    if (condition()) return
    await new Promise(resolve => setImmediate(resolve))
  }
  throw new Error('the condition did not come true')
}
