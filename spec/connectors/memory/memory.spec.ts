import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { createMemoryStore, memoryConnector } from '../../../lib/connectors/memory/index.ts'
import type { MemoryOptions, MemoryStore } from '../../../lib/connectors/memory/index.ts'
import type { Document, OnConflict, Source, Target } from '../../../lib/types.ts'
import { failure, makeLogger, pagesOf, put, useFolder } from '../file/support.ts'

const logger = makeLogger()
const source = (options: MemoryOptions): Promise<Source> => memoryConnector.openSource(options, { logger })
const target = (options: MemoryOptions): Promise<Target> => memoryConnector.openTarget(options, { logger })

function storeOf(collections: Readonly<Record<string, readonly Document[]>>): MemoryStore {
  const store = createMemoryStore()
  for (const [name, documents] of Object.entries(collections)) {
    const map = store.collection(name)
    for (const document of documents) map.set(document._id, document)
  }
  return store
}

const some = (count: number): Document[] => Array.from({ length: count }, (_, number) => ({ _id: String(number), number }))

async function read(opened: Source, wanted = 1): Promise<Record<string, Document[]>> {
  const found: Record<string, Document[]> = {}
  for (const { name } of (await opened.collections({})) ?? []) found[name] = []
  for (const partition of await opened.partitions(null, { wanted })) {
    for (const page of await pagesOf(opened, partition, { pageSize: 100 })) found[page.collection]?.push(...page.documents)
  }
  return found
}

describe('memory: options', () => {
  it('takes the snapshot from the address or from the environment', () => {
    expect(memoryConnector.configure('memory', {})).to.deep.equal({})
    expect(memoryConnector.configure('memory', { MEMORY_SNAPSHOT: 'a.json' })).to.deep.equal({ snapshot: 'a.json' })
    expect(memoryConnector.configure('memory:b.json', { MEMORY_SNAPSHOT: 'a.json' })).to.deep.equal({ snapshot: 'b.json' })
    expect(() => memoryConnector.configure('memory://b.json', {})).to.throw('memory:snapshot.json')
  })

  it('explains that nothing can be read from, or kept in, the memory of another process', async () => {
    const reading = await failure(source({}))
    expect(reading.code).to.equal('DOCFERRY_CONFIG')
    expect(reading.message).to.include('nothing outside a process can read its memory').and.include('MEMORY_SNAPSHOT')
    expect((await failure(target({}))).code).to.equal('DOCFERRY_CONFIG')
  })
})

describe('memory: store', () => {
  it('gives every document once, in slices that stay the same', async () => {
    const store = storeOf({ a: some(5000), b: some(3) })
    const opened = await source({ store })
    const partitions = await opened.partitions(null, { wanted: 4 })
    expect(partitions.map(({ id }) => id)).to.deep.equal(['a/1of4', 'a/2of4', 'a/3of4', 'a/4of4', 'b'])
    expect(await opened.partitions(null, { wanted: 4 })).to.deep.equal(partitions)
    const found = await read(opened, 4)
    expect(found.a?.map(document => document._id).sort()).to.deep.equal(
      some(5000)
        .map(document => document._id)
        .sort()
    )
    expect(await opened.collections({})).to.deep.equal([
      { name: 'a', documents: 5000 },
      { name: 'b', documents: 3 }
    ])
    expect(opened.uniqueIds).to.equal(true)
  })

  it('goes on behind every cursor with exactly the rest', async () => {
    const opened = await source({ store: storeOf({ a: some(25) }) })
    const [partition] = await opened.partitions(['a'], { wanted: 1 })
    const pages = await pagesOf(opened, partition!, { pageSize: 4 })
    for (const [index, { cursor }] of pages.entries()) {
      const rest = await pagesOf(opened, partition!, { after: cursor })
      expect(rest.flatMap(page => page.documents)).to.deep.equal(pages.slice(index + 1).flatMap(page => page.documents))
    }
  })

  it('copies documents in and out', async () => {
    const store = createMemoryStore()
    const opened = await target({ store })
    await opened.prepare('a', { create: true })
    const document: Document = { _id: '1', list: [{ x: 1 }], bytes: new Uint8Array([1]) }
    const encoded = opened.encode('a', document)
    ;(document.list as { x: number }[])[0]!.x = 2
    ;(document.bytes as Uint8Array)[0] = 2
    if ('code' in encoded) throw new Error(encoded.message)
    await opened.write('a', [encoded], { onConflict: 'skip', fresh: true })
    const [out] = (await opened.get('a', ['1'], {})) ?? []
    expect(out).to.deep.equal({ _id: '1', list: [{ x: 1 }], bytes: new Uint8Array([1]) })
    ;(out!.list as unknown[]).push('more')
    const [page] = await pagesOf(await source({ store }), { id: 'a', collections: ['a'] })
    expect(page?.documents[0]?.list).to.deep.equal([{ x: 1 }])
    ;(page!.documents[0]!.list as unknown[]).push('more')
    expect(store.collections.get('a')?.get('1')?.list).to.deep.equal([{ x: 1 }])
  })

  it('does what is asked where a document is there already', async () => {
    const outcomes = async (onConflict: OnConflict): Promise<{ readonly outcomes: readonly unknown[]; readonly kept: unknown }> => {
      const store = storeOf({ a: [{ _id: '1', v: 'old' }] })
      const opened = await target({ store })
      const documents: Document[] = [{ _id: '0' }, { _id: '1', v: 'new' }]
      const encoded = documents.map(document => opened.encode('a', document))
      const results = await opened.write('a', encoded as never, { onConflict, fresh: false })
      return {
        outcomes: results.map(outcome => (typeof outcome === 'string' ? outcome : outcome.code)),
        kept: store.collections.get('a')?.get('1')?.v
      }
    }
    expect(await outcomes('skip')).to.deep.equal({ outcomes: ['written', 'skipped'], kept: 'old' })
    expect(await outcomes('overwrite')).to.deep.equal({ outcomes: ['written', 'written'], kept: 'new' })
    expect(await outcomes('fail')).to.deep.equal({ outcomes: ['written', 'DOCFERRY_CONFLICT'], kept: 'old' })
  })

  it('says what a collection was, and makes it only when told to', async () => {
    const store = storeOf({ a: some(1), b: [] })
    const opened = await target({ store })
    expect(await opened.prepare('a', { create: true })).to.include({ created: false, empty: false })
    expect(await opened.prepare('b', { create: true })).to.include({ created: false, empty: true })
    expect(await opened.prepare('c', { create: false })).to.include({ created: true, empty: true })
    expect([...store.collections.keys()]).to.deep.equal(['a', 'b'])
  })

  it('looks documents up', async () => {
    const opened = await target({ store: storeOf({ a: some(3) }) })
    expect(await opened.get('a', ['0', '7', '2'], { idsOnly: true })).to.deep.equal([{ _id: '0' }, { _id: '2' }])
    expect(await opened.get('none', ['0'], {})).to.deep.equal([])
  })

  it('keeps __proto__ as a field and as a collection', async () => {
    const store = createMemoryStore()
    const opened = await target({ store })
    await put(opened, '__proto__', [JSON.parse('{"_id":"__proto__","__proto__":{"x":1}}') as Document])
    const [page] = await pagesOf(await source({ store }), { id: 'p', collections: ['__proto__'] })
    expect(JSON.stringify(page?.documents)).to.equal('[{"_id":"__proto__","__proto__":{"x":1}}]')
  })

  it('refuses what is no value, and what is nested too deep', async () => {
    const opened = await target({ store: createMemoryStore() })
    expect(opened.encode('a', { _id: '1', x: new Map() as never })).to.include({ code: 'DOCFERRY_BAD_VALUE' })
    let deep: Document[string] = 1
    for (let level = 0; level < 2000; level++) deep = [deep]
    expect(opened.encode('a', { _id: '1', deep })).to.include({ code: 'DOCFERRY_TOO_DEEP' })
  })

  it('tells stores apart', async () => {
    const store = createMemoryStore()
    const [one, other, same] = [await source({ store }), await source({ store: createMemoryStore() }), await target({ store })]
    expect(one.location.identity).to.equal(same.location.identity).and.not.equal(other.location.identity)
  })

  it('stops when the signal aborts', async () => {
    const opened = await source({ store: storeOf({ a: some(10) }) })
    const signal = AbortSignal.abort(new Error('stop'))
    expect((await failure(pagesOf(opened, { id: 'a', collections: ['a'] }, { signal }))).message).to.equal('stop')
    const writing = await target({ store: createMemoryStore() })
    expect((await failure(writing.write('a', [], { onConflict: 'skip', fresh: true, signal }))).message).to.equal('stop')
  })
})

describe('memory: snapshot', () => {
  const path = useFolder()

  it('is saved when the run ends, and loaded again', async () => {
    for (const name of ['s.json', 's.json.gz', 'snapshot']) {
      const opened = await target({ snapshot: path(name) })
      await opened.prepare('empty', { create: true })
      await put(opened, 'a', some(500))
      expect(await readdir(path())).to.not.include(name)
      await opened.commit({})
      await opened.close()
      expect(await read(await source({ snapshot: path(name) }))).to.deep.equal({
        empty: [],
        a: some(500).sort((x, y) => (x._id < y._id ? -1 : 1))
      })
    }
    expect((await readdir(path())).sort()).to.deep.equal(['s.json', 's.json.gz', 'snapshot'])
    expect(
      gunzipSync(await readFile(path('s.json.gz')))
        .subarray(0, 20)
        .toString()
    ).to.include('"metadata"')
  })

  it('is what a target starts from', async () => {
    await writeFile(path('s.json'), '{"data":{"a":[{"_id":"1","v":"old"}],"other":[{"_id":"2"}]}}')
    const opened = await target({ snapshot: path('s.json') })
    expect(await opened.prepare('a', { create: true })).to.include({ created: false, empty: false })
    await put(opened, 'a', [{ _id: '1', v: 'new' }, { _id: '3' }], false)
    await opened.commit({})
    expect(await read(await source({ snapshot: path('s.json') }))).to.deep.equal({
      a: [{ _id: '1', v: 'old' }, { _id: '3' }],
      other: [{ _id: '2' }]
    })
  })

  it('stays as it was without a commit', async () => {
    await writeFile(path('s.json'), '{"data":{"a":[]}}')
    const opened = await target({ snapshot: path('s.json') })
    await put(opened, 'a', some(1))
    await opened.close()
    expect(await readdir(path())).to.deep.equal(['s.json'])
    expect(await readFile(path('s.json'), 'utf8')).to.equal('{"data":{"a":[]}}')
  })

  it('may be any file that docferry reads, for a source', async () => {
    await writeFile(path('cities.ndjson.gz'), gzipSync('{"_id":"1"}\n'))
    expect(await read(await source({ snapshot: path('cities.ndjson.gz') }))).to.deep.equal({ cities: [{ _id: '1' }] })
    expect((await failure(target({ snapshot: path('cities.ndjson.gz') }))).code).to.equal('DOCFERRY_CONFIG')
  })

  it('is not saved over what another has saved meanwhile', async () => {
    const [one, two] = [await target({ snapshot: path('shared.json') }), await target({ snapshot: path('shared.json') })]
    await one.prepare('a', { create: true })
    await two.prepare('b', { create: true })
    await one.commit({})
    const error = await failure(two.commit({}))
    expect(error.code).to.equal('DOCFERRY_TARGET')
    expect(error.message).to.include('changed by somebody else')
    expect(await read(await source({ snapshot: path('shared.json') }))).to.deep.equal({ a: [] })
  })

  it('is never loaded in part', async () => {
    const texts = {
      'twice.json': '{"data":{"a":[{"_id":"1"},{"_id":"1"}]}}',
      'bad.json': '{"data":{"a":[{"_id":"1"},5]}}',
      'cut.json': '{"data":{"a":[{"_id":"1"}'
    }
    for (const [name, text] of Object.entries(texts)) {
      await writeFile(path(name), text)
      const code = name === 'cut.json' ? 'DOCFERRY_FILE_CUT' : 'DOCFERRY_DECODE'
      for (const open of [source, target]) {
        const { code: found, message } = await failure(open({ snapshot: path(name) }))
        expect(found).to.equal(code)
        expect(message).to.include(path(name))
      }
    }
  })

  it('must be there for a source, and its folder for a target', async () => {
    expect(await failure(source({ snapshot: path('none.json') }))).to.include({ code: 'DOCFERRY_CONFIG' })
    expect(await failure(target({ snapshot: path('no', 'folder.json') }))).to.include({ code: 'DOCFERRY_TARGET' })
    await symlink('loop', path('loop'))
    for (const name of ['loop', 'x'.repeat(300)])
      expect(await failure(target({ snapshot: path(name) }))).to.include({ code: 'DOCFERRY_TARGET' })
  })

  for (const [end, open] of [
    ['source', source],
    ['target', target]
  ] as const) {
    it(`is a file, and no folder: ${end}`, async () => {
      await mkdir(path('folder.json'))
      const { code, message } = await failure(open({ snapshot: path('folder.json') }))
      expect({ code, end }).to.deep.equal({ code: 'DOCFERRY_CONFIG', end })
      expect(message).to.include('it is a folder, and a file is wanted')
    })
  }

  it('is the same place as the file of that name', async () => {
    const { fileConnector } = await import('../../../lib/connectors/file/index.ts')
    await writeFile(path('s.json'), '{"data":{}}')
    const memory = await target({ snapshot: path('s.json') })
    const file = await fileConnector.openSource({ path: path('s.json') }, { logger })
    expect(memory.location.identity).to.equal(file.location.identity)
  })
})
