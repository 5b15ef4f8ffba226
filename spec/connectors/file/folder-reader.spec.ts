import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import type { Packing } from '../../../lib/packed.ts'
import type { Document, Partition } from '../../../lib/types.ts'
import { parseJson } from '../../../lib/values/index.ts'
import { Packer } from '../../../lib/work/packer.ts'
import { failure, makeLogger, readWhole, source, useFolder, writeWhole } from './support.ts'

const some = (count: number, prefix = ''): Document[] =>
  Array.from({ length: count }, (_, number) => ({ _id: `${prefix}${number}`, number }))

describe('file: folder reader', () => {
  const path = useFolder()

  it('reads a folder without manifest, whatever wrote it', async () => {
    await mkdir(path('in'))
    await writeFile(path('in', 'b.jsonl'), '{"_id":"2"}\n')
    await writeFile(path('in', 'a%2Fb.ndjson.gz'), gzipSync('{"_id":"1"}\n'))
    await writeFile(path('in', 'README.md'), 'notes')
    const logger = makeLogger()
    expect((await source({ path: path('in') }, logger)).unread).to.deep.equal(['README.md'])
    expect(logger.warnings).to.have.length(1)
    expect(await readWhole({ path: path('in') })).to.deep.equal({ 'a/b': [{ _id: '1' }], b: [{ _id: '2' }] })
  })

  it('is a partition for each collection', async () => {
    await writeWhole({ path: path('out/') }, { a: some(2), b: some(1) })
    const opened = await source({ path: path('out') })
    expect((await opened.partitions(['b', 'a'], { wanted: 1 })).map(({ id }) => id)).to.deep.equal(['a', 'b'])
    expect((await opened.partitions(['b'], { wanted: 1 })).map(({ collections }) => collections)).to.deep.equal([['b']])
  })

  it('finds what differs from the manifest', async () => {
    await writeWhole({ path: path('out/') }, { a: some(3), b: some(1) })
    const original = await readFile(path('out', 'a.ndjson'), 'utf8')
    const check = async (text: string, code: string): Promise<void> => {
      await writeFile(path('out', 'a.ndjson'), text)
      expect((await failure(readWhole({ path: path('out') }))).code).to.equal(code)
    }
    await check(original.split('\n').slice(1).join('\n'), 'DOCFERRY_FILE_CUT')
    await check(`${original}{"_id":"more"}\n`, 'DOCFERRY_DECODE')
    await check(original.replace('"number":1', '"number":7'), 'DOCFERRY_DECODE')
    await check(original.split('\n').toReversed().join('\n'), 'none')
  })

  it('finds that a file of the manifest is missing, and reads one that it does not list', async () => {
    await writeWhole({ path: path('out/') }, { a: some(1) })
    await writeFile(path('out', 'more.ndjson'), '{"_id":"1"}\n')
    expect(Object.keys(await readWhole({ path: path('out') }))).to.deep.equal(['a', 'more'])
    await promisify(execFile)('mv', [path('out', 'a.ndjson'), path('elsewhere')])
    const opened = await source({ path: path('out') })
    const infos = await opened.collections({})
    expect(infos?.map(({ name, lost }) => [name, lost?.includes('has no a.ndjson, which its manifest.json names')])).to.deep.equal([
      ['a', true],
      ['more', undefined]
    ])
    expect(await failure(readWhole({ path: path('out') }))).to.include({ code: 'DOCFERRY_FILE_MISSING' })
  })

  it('reads small files packed as it reads them one by one, several at once, whatever they hold', async () => {
    const packing: Packing = { drop: [], special: true }
    await mkdir(path('in'))
    const odd = ['', '{"_id":"1"', '{"_id":1}\n{"_id":"2"}\n', '\n\n{"_id":"1"}', '\ufeff{"_id":"1"}\n', '{"_id":"1","n":1.0}\nnonsense\n']
    for (const [index, text] of odd.entries()) await writeFile(path('in', `odd${index}.ndjson`), text)
    await writeFile(path('in', 'invalid.ndjson'), Buffer.from([0x7b, 0xff, 0x0a, ...Buffer.from('{"_id":"1"}\n')]))
    await writeFile(path('in', 'compressed.ndjson'), gzipSync('{"_id":"1"}\n'.repeat(50_000)))
    for (let file = 0; file < 20; file++)
      await writeFile(
        path('in', `f${file}.ndjson`),
        some(100 * file, `${file}-`)
          .map(each => `${JSON.stringify(each)}\n`)
          .join('')
      )
    const opened = await source({ path: path('in') })
    const partitions = await opened.partitions(null, { wanted: 1 })
    interface Read {
      readonly items: unknown[]
      readonly rejects: unknown[]
      readonly errors: string[]
    }
    const readAll = async (how?: Packing): Promise<Record<string, Read>> => {
      const found: Record<string, Read> = {}
      const readOne = async (partition: Partition): Promise<void> => {
        const read: Read = (found[partition.id] = { items: [], rejects: [], errors: [] })
        try {
          for await (const { packed = [], documents, rejects = [] } of opened.read(partition, { packing: how })) {
            for (const { text, release } of packed) {
              for (const line of text.toString().split('\n').slice(0, -1)) read.items.push(parseJson(line))
              release?.()
            }
            read.items.push(...documents)
            read.rejects.push(...rejects.map(({ code, where, raw }) => ({ code, where, raw })))
          }
        } catch (error) {
          read.errors.push((error as Error).message)
        }
      }
      await Promise.all(partitions.map(readOne))
      return found
    }
    const plain = await readAll()
    const packer = new Packer({ packing, threads: 1, after: 0 })
    try {
      expect(await readAll(packing)).to.deep.equal(plain)
      expect(await readAll({ ...packing, packer })).to.deep.equal(plain)
    } finally {
      await packer.close()
    }
  })

  it('does not wait for who writes into a pipe that lies in it', async () => {
    await mkdir(path('in'))
    await promisify(execFile)('mkfifo', [path('in', 'a.ndjson')])
    expect(await failure(source({ path: path('in') }))).to.include({ code: 'DOCFERRY_CONFIG' })
  })

  it('refuses two files for one collection, a broken manifest, and an export inside', async () => {
    await writeWhole({ path: path('out/') }, { a: some(1) })
    await writeFile(path('out', 'a.jsonl'), '')
    expect((await failure(source({ path: path('out') }))).code).to.equal('DOCFERRY_CONFIG')
    await mkdir(path('broken'))
    await writeFile(path('broken', 'manifest.json'), '{"files":')
    expect((await failure(source({ path: path('broken') }))).code).to.equal('DOCFERRY_DECODE')
    await mkdir(path('inside'))
    await writeWhole({ path: path('inside', 'x.ndjson') }, { a: some(1) })
    expect((await failure(readWhole({ path: path('inside') }))).code).to.equal('DOCFERRY_CONFIG')
  })
})
