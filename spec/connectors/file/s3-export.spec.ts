import { cp, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { createMemoryStore } from '../../../lib/connectors/memory/store.ts'
import type { Document } from '../../../lib/types.ts'
import { migrate } from '../../support/migrate.ts'
import { items, makeExport, md5, writeManifest } from './s3-folder.ts'
import { failure, pagesOf, readWhole, source, useFolder, writeWhole } from './support.ts'

const ids = (documents: readonly Document[] = []): string[] => documents.map(document => document._id)
const two = [items('a', 'b', 'c'), [], items('d', 'e')]

describe('file: DynamoDB’s exports to S3', () => {
  const path = useFolder()

  it('reads a table’s items from all data files, named after the table', async () => {
    const { folder } = await makeExport(path('x'), { files: two })
    const expected = { orders: ['a', 'b', 'c', 'd', 'e'].map(_id => ({ _id, n: 1.5 })) }
    for (const place of [folder, path('x/AWSDynamoDB'), path('x'), path()])
      expect(await readWhole({ path: place }), place).to.deep.equal(expected)
  })

  it('reads the exports of several tables below one prefix', async () => {
    await makeExport(path('x'), { files: [items('1')] })
    await makeExport(path('x'), { files: [items('2')], table: 'users', id: '01693685827464-aaaaaaaa' })
    const opened = await source({ path: path('x') })
    expect(await opened.collections({})).to.deep.equal([
      { name: 'orders', documents: 1, lost: undefined },
      { name: 'users', documents: 1, lost: undefined }
    ])
    expect(await readWhole({ path: path('x') }, ['users'])).to.deep.equal({ users: [{ _id: '2', n: 1.5 }] })
  })

  it('refuses two exports of one table, and names both', async () => {
    await makeExport(path(), { files: two })
    await makeExport(path(), { files: two, id: '01700000000000-bbbbbbbb', summary: { exportTime: '2026-12-01T00:00:00Z' } })
    const { code, message } = await failure(source({ path: path() }))
    expect(code).to.equal('DOCFERRY_CONFIG')
    expect(message).to.match(/two exports of the table orders, .*2d8752fd \(2026-11-04.* and .*bbbbbbbb \(2026-12-01/)
  })

  it('goes on behind every cursor with exactly the rest, in another process', async () => {
    await makeExport(path(), { files: two })
    const first = await source({ path: path() })
    const [partition] = await first.partitions(null, { wanted: 4 })
    const pages = await pagesOf(first, partition!, { pageSize: 2 })
    expect(pages.map(({ documents }) => ids(documents))).to.deep.equal([['a', 'b'], ['c'], ['d', 'e']])
    for (const [index, { cursor }] of pages.entries()) {
      const again = await source({ path: path() })
      const rest = await pagesOf(again, JSON.parse(JSON.stringify(partition)) as typeof partition & object, { after: cursor, pageSize: 2 })
      expect(rest.flatMap(({ documents }) => ids(documents))).to.deep.equal(
        pages.slice(index + 1).flatMap(({ documents }) => ids(documents))
      )
    }
  })

  it('reads what was stored without compression, and empty files as no items', async () => {
    const { folder, data } = await makeExport(path(), { files: [items('a')] })
    const plain = '{"Item":{"_id":{"S":"a"}}}\n'
    await rm(data[0]!)
    await writeFile(join(folder, 'data/x.json'), plain)
    await writeFile(join(folder, 'data/empty.json.gz'), '')
    const listed = [
      { itemCount: 1, md5Checksum: md5(plain), dataFileS3Key: 'AWSDynamoDB/1/data/x.json' },
      { itemCount: 0, md5Checksum: md5(''), dataFileS3Key: 'AWSDynamoDB/1/data/empty.json.gz' }
    ]
    await writeManifest(folder, 'manifest-files', listed.map(each => JSON.stringify(each)).join('\n'))
    expect(await readWhole({ path: path() })).to.deep.equal({ orders: [{ _id: 'a' }] })
  })

  it('tells of files that the manifest does not list, and of a manifest without checksum', async () => {
    const { folder } = await makeExport(path(), { files: [items('a')] })
    await writeFile(join(folder, 'data/other.json.gz'), gzipSync('{"Item":{"_id":{"S":"z"}}}\n'))
    await rm(join(folder, 'manifest-files.md5'))
    const opened = await source({ path: folder })
    expect(opened.unread).to.deep.equal(['data/other.json.gz'])
    expect(opened.doubts).to.have.length(1)
    expect(opened.doubts![0]).to.include('manifest-files.json has no checksum')
    expect(opened.notes!()).to.have.length(2)
    expect(await readWhole({ path: folder })).to.deep.equal({ orders: [{ _id: 'a', n: 1.5 }] })
  })

  it('checks a data file by its tag where there is no MD5, and tells where there is none either', async () => {
    const { folder, data } = await makeExport(path(), { files: [items('a')] })
    const listed = (await readFile(join(folder, 'manifest-files.json'), 'utf8')).replace(/"md5Checksum":"[^"]*",/, '')
    await writeManifest(folder, 'manifest-files', listed)
    expect((await source({ path: folder })).doubts!.join()).to.include('1 of its data files have no MD5')
    const etag = Buffer.from(md5(await readFile(data[0]!)), 'base64').toString('hex')
    await writeManifest(folder, 'manifest-files', listed.replace(/"etag":"[^"]*"/, `"etag":"${etag}"`))
    expect((await source({ path: folder })).doubts).to.deep.equal([])
    await writeManifest(folder, 'manifest-files', listed.replace(/"etag":"[^"]*"/, `"etag":"${'0'.repeat(32)}"`))
    expect((await failure(readWhole({ path: folder }))).code).to.equal('DOCFERRY_DECODE')
  })

  it('checks by a checksum of another usual kind', async () => {
    const { folder } = await makeExport(path(), { files: [items('a')] })
    await rm(join(folder, 'manifest-summary.md5'))
    await writeFile(join(folder, 'manifest-summary.checksum'), 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n')
    expect((await failure(source({ path: folder }))).message).to.include('not what its checksum')
  })

  describe('with a table of another key', () => {
    const rows = [{ Item: { pk: { S: 'a' }, sk: { N: '1' } } }, { Item: { pk: { S: 'a' }, sk: { N: '2' } } }]

    it('asks for the key before anything is written, with the names of the attributes', async () => {
      await makeExport(path(), { files: [[], rows] })
      const opened = await source({ path: path() })
      const { code, message } = await failure(opened.collections({}))
      expect(code).to.equal('DOCFERRY_CONFIG')
      expect(message).to.match(/orders.*--key pk.*"pk", "sk"/)
      const wrong = await source({ path: path(), key: 'id' })
      expect((await failure(wrong.collections({}))).message).to.include('no item of a table with the key id')
    })

    it('makes ids of the key as the table’s documents have them', async () => {
      await makeExport(path(), { files: [rows] })
      expect(await readWhole({ path: path(), key: 'pk,sk' })).to.deep.equal({
        orders: [
          { _id: 'a|1', pk: 'a', sk: 1 },
          { _id: 'a|2', pk: 'a', sk: 2 }
        ]
      })
    })
  })

  describe('with damage', () => {
    async function read(): Promise<{ readonly code: string; readonly message: string; readonly found: string[] }> {
      const found: string[] = []
      const error = await failure(async () => {
        const opened = await source({ path: path() })
        const collections = await opened.collections({})
        for (const { lost } of collections ?? []) if (lost !== undefined) found.push('lost')
        for (const partition of await opened.partitions(null, { wanted: 1 }))
          for await (const page of opened.read(partition, {})) found.push(...ids(page.documents))
      })
      return { ...error, found }
    }

    it('reads nothing of a table of which a data file is missing, and says so beforehand', async () => {
      const { data } = await makeExport(path(), { files: two })
      await rm(data[2]!)
      const { code, message, found } = await read()
      expect(found).to.deep.equal(['lost'])
      expect(code).to.equal('DOCFERRY_FILE_MISSING')
      expect(message).to.match(/of its 3 data files 1 are missing \(csdl123dasas/)
    })

    it('gives nothing of a data file that is cut, and all that stands before it', async () => {
      const { data } = await makeExport(path(), { files: [items('a'), items(...Array.from({ length: 2000 }, (_, index) => `b${index}`))] })
      await truncate(data[1]!, (await readFile(data[1]!)).length - 100)
      const { code, found } = await read()
      expect(code).to.equal('DOCFERRY_DECODE')
      expect(found).to.deep.equal(['a'])
    })

    it('tells a data file that is changed while it is read, and that what it gave may be wrong', async () => {
      const { folder, data } = await makeExport(path(), { files: [items('a')] })
      await rm(data[0]!)
      const lines = Array.from({ length: 20_000 }, (_, index) => `{"Item":{"_id":{"S":"${String(index).padStart(6, '0')}"}}}\n`).join('')
      await writeFile(join(folder, 'data/x.json'), lines)
      const listed = { itemCount: 20_000, md5Checksum: md5(lines), dataFileS3Key: 'AWSDynamoDB/1/data/x.json' }
      await writeManifest(folder, 'manifest-files', JSON.stringify(listed))
      const summary = await readFile(join(folder, 'manifest-summary.json'), 'utf8')
      await writeManifest(folder, 'manifest-summary', summary.replace('"itemCount":1', '"itemCount":20000'))
      const opened = await source({ path: path() })
      const [partition] = await opened.partitions(null, { wanted: 1 })
      const pages = opened.read(partition!, { pageSize: 10 })[Symbol.asyncIterator]()
      await pages.next()
      await writeFile(join(folder, 'data/x.json'), lines.replace('019999', '0x9999'))
      const error = await (async () => {
        while (!(await pages.next()).done);
      })().catch((thrown: unknown) => thrown)
      expect(error).to.include({ code: 'DOCFERRY_DECODE', spoilsRun: true })
      expect((error as Error).message).to.include('was changed while it was read')
    })

    it('tells a data file that was put in place of another', async () => {
      const { data } = await makeExport(path(), { files: two })
      await writeFile(data[0]!, gzipSync('{"Item":{"_id":{"S":"x"}}}\n{"Item":{"_id":{"S":"y"}}}\n{"Item":{"_id":{"S":"z"}}}\n'))
      const { code, message } = await read()
      expect(code).to.equal('DOCFERRY_DECODE')
      expect(message).to.include('its MD5 is another')
    })

    it('tells a data file that holds fewer or more items than listed', async () => {
      for (const [count, code] of [
        [4, 'DOCFERRY_FILE_CUT'],
        [2, 'DOCFERRY_DECODE']
      ] as const) {
        const { folder } = await makeExport(path(), { files: [items('a', 'b', 'c')], summary: { itemCount: count } })
        const listed = (await readFile(join(folder, 'manifest-files.json'), 'utf8')).replace('"itemCount":3', `"itemCount":${count}`)
        await writeManifest(folder, 'manifest-files', listed)
        expect((await read()).code).to.equal(code)
      }
    })

    it('tells a summary that counts other items than its files', async () => {
      await makeExport(path(), { files: two, summary: { itemCount: 7 } })
      expect((await read()).message).to.match(/speaks of 7 items, the files of manifest-files.json of 5/)
    })

    it('tells a manifest that is not what its checksum is of', async () => {
      for (const name of ['manifest-summary.json', 'manifest-files.json']) {
        const { folder } = await makeExport(path(), { files: two })
        await writeFile(join(folder, name), (await readFile(join(folder, name), 'utf8')) + '\n')
        expect((await read()).message).to.include(`${name} is not what its checksum`)
      }
    })

    it('tells an export without its manifests from a folder of something else', async () => {
      for (const name of ['manifest-summary.json', 'manifest-files.json']) {
        const { folder } = await makeExport(path('x'), { files: two })
        await rm(join(folder, name))
        expect((await failure(source({ path: path('x') }))).message, name).to.include('an export without its manifests')
      }
      await mkdir(path('y/AWSDynamoDB/01-a'), { recursive: true })
      expect((await failure(source({ path: path('y') }))).message).to.include('an export without its manifests')
    })

    it('asks for the folder above the data', async () => {
      const { folder } = await makeExport(path(), { files: two })
      expect((await failure(source({ path: join(folder, 'data') }))).message).to.include('name the folder above it')
    })

    it('reads no file outside of the export, whatever the manifest names', async () => {
      const { folder } = await makeExport(path('x'), { files: [items('a')] })
      await writeFile(path('secret'), '{"Item":{"_id":{"S":"s"}}}\n')
      await writeManifest(folder, 'manifest-files', '{"itemCount":1,"dataFileS3Key":"data/../../../../secret"}\n')
      expect((await failure(readWhole({ path: path('x') }))).code).to.equal('DOCFERRY_FILE_MISSING')
    })
  })

  it('refuses Ion, with what to do', async () => {
    await makeExport(path(), { files: [], summary: { outputFormat: 'ION' } })
    expect((await failure(source({ path: path() }))).message).to.match(/orders in ION.*--export-format DYNAMODB_JSON/)
  })

  describe('incremental', () => {
    const metadata = { WriteTimestampMicros: { N: '1693685827463000' } }
    const changes = [
      { Metadata: metadata, Keys: { _id: { S: 'a' } }, OldImage: { _id: { S: 'a' } }, NewImage: { _id: { S: 'a' }, n: { N: '2' } } },
      { Metadata: metadata, Keys: { _id: { S: 'b' } }, OldImage: { _id: { S: 'b' }, n: { N: '1' } } }
    ]
    const summary = {
      exportType: 'INCREMENTAL_EXPORT',
      exportFromTime: '2026-11-04',
      exportToTime: '2026-11-05',
      outputView: 'NEW_AND_OLD_IMAGES'
    }

    it('is refused where nobody said that changes are meant', async () => {
      await makeExport(path(), { files: [changes], summary })
      const { code, message } = await failure(source({ path: path() }))
      expect(code).to.equal('DOCFERRY_CONFIG')
      expect(message).to.match(/incremental export of orders, 2026-11-04 to 2026-11-05.*--incremental/)
    })

    it('gives changed items, and each deleted one as a reject with its id', async () => {
      const { folder } = await makeExport(path(), { files: [changes], summary })
      // Incremental exports share one folder of data.
      await cp(join(folder, 'data'), path('AWSDynamoDB/data'), { recursive: true })
      await rm(join(folder, 'data'), { recursive: true })
      const opened = await source({ path: path(), incremental: true })
      const [partition] = await opened.partitions(null, { wanted: 1 })
      const [page, ...more] = await pagesOf(opened, partition!)
      expect(more).to.deep.equal([])
      expect(page!.documents).to.deep.equal([{ _id: 'a', n: 2 }])
      expect(page!.rejects!.map(({ id, code }) => [id, code])).to.deep.equal([['b', 'DOCFERRY_DELETED']])
    })

    it('is refused where its items would not replace what is there', async () => {
      await makeExport(path(), { files: [changes], summary })
      const store = createMemoryStore()
      const options = {
        source: `file:${path()}?incremental=true`,
        target: { connector: 'memory', options: { store } }
      } as const
      for (const onConflict of [undefined, 'skip', 'fail'] as const) {
        const { code, message } = await failure(migrate({ ...options, onConflict }))
        expect(code).to.equal('DOCFERRY_CONFIG')
        expect(message).to.include('--on-conflict overwrite')
      }
      for (const dryRun of [true, false]) {
        const report = await migrate({ ...options, onConflict: 'overwrite', dryRun })
        expect(report.collections[0]).to.include({ read: 2, written: 1, failed: 1 })
        expect(report.collections[0]!.failures[0]).to.include({ code: 'DOCFERRY_DELETED' })
      }
    })

    it('takes no full export for one', async () => {
      await makeExport(path(), { files: two })
      expect((await failure(source({ path: path(), incremental: true }))).message).to.include('leave --incremental away')
    })
  })

  it('leaves a folder of docferry’s own what it is, whatever lies beside its files', async () => {
    await writeWhole({ path: path('x/') }, { a: [{ _id: '1' }] })
    await makeExport(path('x'), { files: two })
    expect(await readWhole({ path: path('x') })).to.deep.equal({ a: [{ _id: '1' }] })
    expect(Object.keys(await readWhole({ path: path('x'), format: 'folder' }))).to.deep.equal(['a'])
  })
})
