import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { expect } from 'chai'
import type { Document, Page } from '../../../lib/types.ts'
import { failure, pagesOf, readWhole, source, useFolder, writeWhole } from './support.ts'

const some = (count: number, prefix = ''): Document[] =>
  Array.from({ length: count }, (_, number) => ({ _id: `${prefix}${number}`, number }))

describe('file: standard input', () => {
  const path = useFolder()

  it('reads what is piped in, and tells its collections from its head', async () => {
    for (const name of ['a.ndjson', 'a.ndjson.gz', 'a.json', 'a.json.gz']) {
      await writeWhole({ path: path(name) }, { agents: some(3), users: some(2, 'u') })
      const bytes = await readFile(path(name))
      const stdin = Readable.from(
        bytes
          .subarray(0)
          .toString('latin1')
          .match(/[^]{1,7}/g)!
          .map(part => Buffer.from(part, 'latin1'))
      )
      expect(await readWhole({ path: '-', stdin })).to.deep.equal({ agents: some(3), users: some(2, 'u') })
    }
  })

  it('does not know what a plain stream holds until someone says', async () => {
    const text = '{"_id":"1"}\n'
    const opened = await source({ path: '-', stdin: Readable.from([text]) })
    expect(await opened.collections({})).to.equal(null)
    const [unnamed] = await opened.partitions(null, { wanted: 1 })
    expect(await failure(pagesOf(opened, unnamed!))).to.include({ code: 'DOCFERRY_CONFIG' })
    expect(await readWhole({ path: '-', stdin: Readable.from([text]), collection: 'cities' })).to.deep.equal({ cities: [{ _id: '1' }] })
    const named = await source({ path: '-', stdin: Readable.from([text]) })
    const [partition] = await named.partitions(['towns'], { wanted: 1 })
    expect((await pagesOf(named, partition!)).map(page => page.collection)).to.deep.equal(['towns'])
  })

  it('reads all sections of a stream whose header lists none', async () => {
    const text = '{"$docferry":1}\n{"$collection":"a"}\n{"_id":"1"}\n{"$collection":"b"}\n{"_id":"2"}\n{"$end":{"counts":{"a":1,"b":1}}}\n'
    expect(await readWhole({ path: '-', stdin: Readable.from([text]) })).to.deep.equal({ a: [{ _id: '1' }], b: [{ _id: '2' }] })
  })

  it('does not take an empty pipe for an empty backup', async () => {
    const opened = await source({ path: '-', stdin: Readable.from([]) })
    expect((await failure(opened.collections({}))).code).to.equal('DOCFERRY_FILE_CUT')
  })

  it('can be read once', async () => {
    const opened = await source({ path: '-', stdin: Readable.from(['{"_id":"1"}\n']), collection: 'c' })
    const [partition] = await opened.partitions(['c'], { wanted: 1 })
    await pagesOf(opened, partition!)
    expect((await failure(pagesOf(opened, partition!))).code).to.equal('DOCFERRY_READ')
  })

  it('is not gone on with, for nothing tells whether it is what it was', async () => {
    const text = '{"_id":"1"}\n{"_id":"2"}\n'
    const read = async (after?: string): Promise<readonly Page[]> => {
      const opened = await source({ path: '-', stdin: Readable.from([text]), collection: 'c' })
      const [partition] = await opened.partitions(['c'], { wanted: 1 })
      return await pagesOf(opened, partition!, { after })
    }
    const [page] = await read()
    expect((await failure(read(page!.cursor))).code).to.equal('DOCFERRY_RUN_UNFIT')
  })

  it('gives up on a silent pipe when the signal aborts', async () => {
    const stdin = new Readable({ read() {} })
    const opened = await source({ path: '-', stdin })
    const controller = new AbortController()
    const collections = opened.collections({ signal: controller.signal })
    setImmediate(() => controller.abort(new Error('stop')))
    expect((await failure(collections)).message).to.equal('stop')

    const slow = new Readable({ read() {} })
    slow.push('{"_id":"1"}\n{"_id":"2"}\n')
    const second = await source({ path: '-', stdin: slow, collection: 'c' })
    const [partition] = await second.partitions(['c'], { wanted: 1 })
    const again = new AbortController()
    const read = pagesOf(second, partition!, { signal: again.signal })
    setImmediate(() => again.abort(new Error('stop reading')))
    expect((await failure(read)).message).to.equal('stop reading')
    await second.close()
  })

  it('names what a named pipe holds as it does of a file, if the pipe is called as one', async () => {
    for (const [name, collection] of [
      ['agents.ndjson', 'agents'],
      ['agents', undefined]
    ] as const) {
      await promisify(execFile)('mkfifo', [path(name)])
      const writing = writeFile(path(name), '{"_id":"1"}\n')
      const opened = await source({ path: path(name) })
      expect(await opened.collections({})).to.deep.equal(collection === undefined ? null : [{ name: collection }])
      await opened.close()
      await writing
    }
  })

  it('reads a named pipe once', async () => {
    await promisify(execFile)('mkfifo', [path('pipe')])
    const writing = writeFile(path('pipe'), '{"_id":"1"}\n')
    expect(await readWhole({ path: path('pipe'), collection: 'c' })).to.deep.equal({ c: [{ _id: '1' }] })
    await writing
  })
})
