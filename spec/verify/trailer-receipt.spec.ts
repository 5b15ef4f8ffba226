import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import fc from 'fast-check'
import { manifestPieces } from '../../lib/connectors/file/manifest.ts'
import type { ManifestEntry } from '../../lib/connectors/file/manifest.ts'
import { createMemoryStore } from '../../lib/connectors/memory/store.ts'
import { openSource } from '../../lib/open.ts'
import type { MigrateOptions } from '../../lib/options.ts'
import type { RunReport } from '../../lib/report.ts'
import type { CollectionInfo, Document } from '../../lib/types.ts'
import { manifestList } from '../../lib/formats/export-text.ts'
import { readListed } from '../../lib/formats/listed-json.ts'
import { BucketSums } from '../../lib/values/bucket-sums.ts'
import { documentDigests, Double } from '../../lib/values/index.ts'
import { readReceipt } from '../../lib/verify/read-receipt.ts'
import { rootOf } from '../../lib/verify/receipt.ts'
import { parseManifestReceipt, readTrailerReceipt, receiptInManifest } from '../../lib/verify/trailer-receipt.ts'
import { migrate } from '../support/migrate.ts'
import { edited, editsOf, inPieces, sizes } from '../support/read-in-pieces.ts'

const documents = (count: number): Document[] => Array.from({ length: count }, (_, index) => ({ _id: `d${index}`, index }))

describe('receipt in a trailer', () => {
  let folder: string
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'docferry-trailer-'))))
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const path = (name: string): string => join(folder, name)

  async function write(
    name: string,
    options: Partial<MigrateOptions> = {},
    counts = { agents: 3_000, users: 10, none: 0 }
  ): Promise<RunReport> {
    const store = createMemoryStore()
    for (const [collection, count] of Object.entries(counts))
      store.collections.set(collection, new Map(documents(count).map(document => [document._id, document])))
    return await migrate({
      source: { connector: 'memory', options: { store } },
      target: { connector: 'file', options: { path: path(name) } },
      ...options
    })
  }
  const failing = async (promise: Promise<unknown>): Promise<Error & { code?: unknown }> =>
    await promise.then(
      () => expect.fail('it should have failed'),
      (error: Error) => error
    )
  async function readThrough(name: string): Promise<number> {
    const source = await openSource({ connector: 'file', options: { path: path(name) } })
    try {
      let count = 0
      for (const partition of await source.partitions(null, { wanted: 1 }))
        for await (const page of source.read(partition, {})) count += page.documents.length
      return count
    } finally {
      await source.close()
    }
  }
  async function collectionsOf(name: string): Promise<readonly CollectionInfo[] | null> {
    const source = await openSource({ connector: 'file', options: { path: path(name) } })
    try {
      return await source.collections({})
    } finally {
      await source.close()
    }
  }

  for (const name of ['out.ndjson', 'out.ndjson.gz', 'out/', 'zipped/']) {
    it(`is that of the run which has written ${name}`, async () => {
      const target = { connector: 'file' as const, options: { path: path(name), gzip: name !== 'out.ndjson' && name !== 'out/' } }
      const report = await write(name, { target })
      const found = await readTrailerReceipt(path(name))
      expect(found.map(({ target: collection, written }) => [collection, written.count])).to.have.deep.members([
        ['agents', 3_000],
        ['users', 10],
        ['none', 0]
      ])
      expect(rootOf(found)).to.equal(report.receiptRoot)
      expect(rootOf((await readReceipt(report.receipt!)).collections)).to.equal(report.receiptRoot)
      expect(await readThrough(name)).to.equal(3_010)
    })
  }

  it('is found in a file that another program has compressed as one piece', async () => {
    const report = await write('out.ndjson')
    writeFileSync(path('again.ndjson.gz'), gzipSync(readFileSync(path('out.ndjson'))))
    expect(rootOf(await readTrailerReceipt(path('again.ndjson.gz')))).to.equal(report.receiptRoot)
  })

  it('does not hide the counts, however many collections there are', async () => {
    const counts = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`c${index}`, 1_000])) as {
      agents: number
      users: number
      none: number
    }
    await write('out.ndjson', {}, counts)
    const { length } = readFileSync(path('out.ndjson'), 'utf8').split('\n').at(-2)!
    expect(length).to.be.above(256 << 10)
    expect((await collectionsOf('out.ndjson'))?.map(each => each.documents)).to.deep.equal(Array(10).fill(1_000))
  })

  for (const [name, spoil] of [
    ['that was cut', (text: string) => text.slice(0, -10)],
    ['without a trailer', (text: string) => text.slice(0, text.indexOf('{"$end"'))],
    ['of an older docferry', (text: string) => text.replace(/,"receipt":\{.*\}\}\}/, '}}')],
    ['whose count was changed', (text: string) => text.replace('"users":10', '"users":11')],
    ['whose sums were changed', (text: string) => text.replace(/"users":"..../, '"users":"AAAA')],
    ['whose sums of a collection are missing', (text: string) => text.replace(/,"users":"[^"]*"/, '')],
    ['that is no export', () => '{"_id":"1"}\n'],
    ['that is empty', () => '']
  ] as const) {
    it(`is refused in a file ${name}`, async () => {
      await write('out.ndjson')
      const text = readFileSync(path('out.ndjson'), 'utf8')
      const spoilt = spoil(text)
      expect(spoilt).not.to.equal(text)
      for (const file of ['out.ndjson', 'out.ndjson.gz']) {
        writeFileSync(path(file), file.endsWith('.gz') ? gzipSync(spoilt) : spoilt)
        const error = await failing(readTrailerReceipt(path(file)))
        expect(error).to.include({ code: 'DOCFERRY_RECEIPT' })
        expect(error.message).to.include(path(file))
      }
    })
  }

  it('is refused where there is no file, and in a folder without a manifest', async () => {
    expect(await failing(readTrailerReceipt(path('none.ndjson')))).to.include({ code: 'DOCFERRY_RECEIPT' })
    expect(await failing(readTrailerReceipt(folder))).to.include({ code: 'DOCFERRY_RECEIPT' })
  })

  it('is none where the counts of the last line have another name', async () => {
    await write('out.ndjson')
    const text = readFileSync(path('out.ndjson'), 'utf8')
    const at = text.lastIndexOf('"counts"')
    writeFileSync(path('out.ndjson'), `${text.slice(0, at)}"bounts"${text.slice(at + 8)}`)
    expect((await failing(readTrailerReceipt(path('out.ndjson')))).message).to.contain('out.ndjson')
  })

  it('is checked when the file is read', async () => {
    await write('out.ndjson')
    await write('other.ndjson', {}, { agents: 3_001, users: 10, none: 0 })
    const sumsIn = (name: string): string => /"receipt":\{"agents":"([^"]*)"/.exec(readFileSync(path(name), 'utf8'))![1]!
    const text = readFileSync(path('out.ndjson'), 'utf8')
    for (const wrong of [sumsIn('other.ndjson'), 'AAAA']) {
      writeFileSync(path('out.ndjson'), text.replace(sumsIn('out.ndjson'), wrong))
      const error = await failing(readThrough('out.ndjson'))
      expect(error).to.include({ code: 'DOCFERRY_DECODE' })
      expect(error.message).to.include('receipt')
      writeFileSync(path('out.ndjson'), text)
    }
  })

  describe('with a bit changed in the sums of the kinds of numbers', () => {
    const doubles: Document[] = Array.from({ length: 10 }, (_, index) => ({ _id: `d${index}`, n: new Double(index) }))
    /** The last byte of the sums is one of the kinds. */
    const flip = (text: string): string =>
      text.replace(/"receipt":\s*(?:\{"agents":)?"([^"]*)"/, (all, sums: string) => {
        const bytes = Buffer.from(sums, 'base64')
        bytes[bytes.length - 1]! ^= 1
        return all.replace(sums, bytes.toString('base64'))
      })
    const make = async (name: string): Promise<string> => {
      const store = createMemoryStore()
      store.collections.set('agents', new Map(doubles.map(document => [document._id, document])))
      await migrate({ source: { connector: 'memory', options: { store } }, target: { connector: 'file', options: { path: path(name) } } })
      return name.endsWith('/') ? join(name, 'manifest.json') : name
    }

    for (const name of ['out.ndjson', 'out/']) {
      it(`is refused, and ${name} is not read through`, async () => {
        const file = path(await make(name))
        const text = readFileSync(file, 'utf8')
        expect(await readThrough(name)).to.equal(10)
        writeFileSync(file, flip(text))
        expect(await failing(readTrailerReceipt(path(name)))).to.include({ code: 'DOCFERRY_RECEIPT' })
        const error = await failing(readThrough(name))
        expect(error).to.include({ code: 'DOCFERRY_DECODE' })
        expect(error.message).to.include('the receipt of "agents"')
      })

      it(`is read as before in ${name} of an older docferry, which has no root`, async () => {
        const file = path(await make(name))
        const text = readFileSync(file, 'utf8')
        const old = text.replace(/,\s*"root":\s*("[^"]*"|\{[^}]*\})/, '')
        expect(old).to.not.include('"root"')
        writeFileSync(file, old)
        expect((await readTrailerReceipt(path(name)))[0]!.written.count).to.equal(10)
        expect(await readThrough(name)).to.equal(10)
      })
    }
  })

  it('is not asked of a file of an older docferry', async () => {
    await write('out.ndjson')
    const text = readFileSync(path('out.ndjson'), 'utf8')
    writeFileSync(path('out.ndjson'), text.replace(/,"receipt":\{.*\}\}\}/, '}}'))
    expect(await readThrough('out.ndjson')).to.equal(3_010)
  })

  it('stands in no file that holds documents only, and in no JSON', async () => {
    await write('out.json')
    const only = { connector: 'file' as const, options: { path: path('only.ndjson'), documentsOnly: true } }
    await write('only.ndjson', { target: only, collections: ['users'] })
    for (const name of ['out.json', 'only.ndjson']) {
      expect(readFileSync(path(name), 'utf8')).not.to.include('receipt')
      expect(await failing(readTrailerReceipt(path(name)))).to.include({ code: 'DOCFERRY_RECEIPT' })
    }
  })
})

describe('receipt in a manifest', () => {
  const sums = new BucketSums()
  for (let n = 0; n < 3; n++) sums.add(`d${n}`, documentDigests({ _id: `d${n}` }))
  const entry: ManifestEntry = { file: 'a.ndjson', documents: 3, digest: sums.total(), receipt: sums.base64(), root: sums.root() }
  const textOf = (entries: readonly (readonly [string, ManifestEntry])[]): string =>
    [...manifestPieces('memory', [], entries, { a: { admins: { names: ['ü'] } } })].join('')
  const said = (found: readonly { readonly target: string; readonly written: BucketSums }[]): unknown =>
    found.map(({ target, written }) => [target, written.base64()])
  const whole = (text: string): unknown => {
    try {
      return said(parseManifestReceipt(text, 'out'))
    } catch {
      return undefined
    }
  }
  const piecewise = async (text: string, sizes: readonly number[]): Promise<unknown> => {
    const found = await receiptInManifest('out', visitor => readListed(inPieces(text, sizes), manifestList, visitor)).catch(() => undefined)
    return found && said(found)
  }

  it('says the same read in pieces, whatever the pieces', async () => {
    const name = fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom('__proto__', '7', '12', ' "files": {', '\\"'))
    await fc.assert(
      fc.asyncProperty(fc.array(name, { minLength: 1, maxLength: 5 }), sizes, async (names, pieces) => {
        const text = textOf(names.map(each => [each, { ...entry, file: each }]))
        expect(await piecewise(text, pieces))
          .to.deep.equal(whole(text))
          .and.not.to.equal(undefined)
      })
    )
  })

  it('says the same or is left to who reads it whole, however it was changed', async () => {
    const { root: _, ...older } = entry
    const text = textOf([
      ['a', entry],
      ['7', { ...entry, file: '7.ndjson' }],
      ['b', older]
    ])
    const edits = editsOf(text, ['\n', '}', ',', '"', '"files": {', '{', '\n    }', '"a"', '"receipt"', entry.receipt!, '"documents": 4'])
    await fc.assert(
      fc.asyncProperty(edits, sizes, async (changes, pieces) => {
        const changed = edited(text, changes)
        const found = await piecewise(changed, pieces)
        if (found !== undefined) expect(found).to.deep.equal(whole(changed))
      }),
      { numRuns: 1_000 }
    )
  })
})
