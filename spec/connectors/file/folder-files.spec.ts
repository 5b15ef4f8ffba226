import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import fc from 'fast-check'
import { encodeLine } from '../../../lib/connectors/file/encode.ts'
import { FileSink } from '../../../lib/connectors/file/file-sink.ts'
import { FolderFiles } from '../../../lib/connectors/file/folder-files.ts'
import type { StandingFile } from '../../../lib/connectors/file/folder-files.ts'
import { manifestPieces } from '../../../lib/connectors/file/manifest.ts'
import { suspendedOf } from '../../../lib/engine/output-stand.ts'
import { byteChunks } from '../../../lib/engine/byte-chunks.ts'
import type { DocumentLine } from '../../../lib/formats/document-lines.ts'
import { defaultRules } from '../../../lib/types.ts'
import { BucketSums } from '../../../lib/values/bucket-sums.ts'
import { documentDigests } from '../../../lib/values/index.ts'
import { failure } from './support.ts'

function useFolder(): { folder: string } {
  const used = { folder: '' }
  beforeEach(() => (used.folder = mkdtempSync(join(tmpdir(), 'docferry-folder-files-'))))
  afterEach(() => rmSync(used.folder, { recursive: true, force: true }))
  return used
}

function lineOf(id: string): DocumentLine {
  return (encodeLine({ _id: id }, defaultRules) as { readonly payload: DocumentLine }).payload
}

describe('file: many files of a folder', () => {
  const used = useFolder()

  function filesOf(gzip: boolean, suspended?: Record<string, StandingFile>): FolderFiles {
    return new FolderFiles({
      folder: () => Promise.resolve(used.folder),
      nameOf: collection => `${collection}.ndjson`,
      provider: 'file',
      digests: true,
      gzip,
      suspended
    })
  }

  for (const gzip of [false, true]) {
    it(`hold what was written, whichever rested and wherever the process died${gzip ? ', compressed' : ''}`, async function () {
      this.timeout(60_000)
      const collections = Array.from({ length: 100 }, (_, index) => `c${index}`)
      const write = fc.array(fc.tuple(fc.nat(99), fc.nat(3)), { maxLength: 150 })
      await fc.assert(
        fc.asyncProperty(write, write, write, async (before, lost, after) => {
          rmSync(used.folder, { recursive: true, force: true })
          used.folder = mkdtempSync(join(tmpdir(), 'docferry-folder-files-'))
          const expected = new Map(collections.map(name => [name, [] as string[]]))
          let number = 0
          const writeAll = (files: FolderFiles, writes: readonly (readonly [number, number])[], isLost: boolean): Promise<unknown> =>
            Promise.all(
              writes.map(([index, count]) => {
                const name = collections[index]!
                const ids = Array.from({ length: count }, () => `d${number++}`)
                if (!isLost) expected.get(name)!.push(...ids)
                return files.write(name, writer => writer.write(name, ids.map(lineOf)))
              })
            )
          const first = filesOf(gzip)
          await Promise.all(collections.slice(0, 70).map(name => first.make(name)))
          await writeAll(first, before, false)
          const { files } = suspendedOf({ stands: {}, parts: { files: await first.suspend() } })
          const stands = JSON.parse(JSON.stringify(files)) as Record<string, StandingFile>
          await writeAll(first, lost, true)
          await first.destroy()
          const second = filesOf(gzip, stands)
          for (const name of collections) await second.make(name)
          await writeAll(second, after, false)
          await second.end()
          const stated = new Map([...second.stated()].map(([, each]) => [each.name, each]))
          for (const [name, ids] of expected) {
            const bytes = readFileSync(join(used.folder, `${name}.ndjson`))
            const text = (gzip ? gunzipSync(bytes) : bytes).toString()
            expect(text, name).to.equal(ids.map(id => `{"_id":"${id}"}\n`).join(''))
            const sums = new BucketSums()
            for (const id of ids) sums.add(id, documentDigests({ _id: id }))
            const found = stated.get(name)!
            expect(found.count, name).to.equal(ids.length)
            expect(found.digest!(), name).to.equal(sums.total())
            expect(found.sums!.base64(), name).to.equal(sums.base64())
          }
        }),
        { numRuns: gzip ? 2 : 5 }
      )
    })
  }

  it('stand for what has not changed with the object that was given before', async () => {
    const files = filesOf(false)
    for (const name of ['a', 'b', 'empty']) await files.make(name)
    const put = (name: string, id: string): Promise<void> => files.write(name, writer => writer.write(name, [lineOf(id)]))
    await put('a', '1')
    await put('b', '1')
    const first = await files.suspend()
    await put('b', '2')
    const second = await files.suspend()
    expect(second.map(({ name }) => name)).to.deep.equal(['a', 'b'])
    expect(second[0]?.version).to.equal(first[0]?.version)
    expect(second[1]?.version).to.not.equal(first[1]?.version)
    await files.destroy()
  })
})

describe('file: a file by its descriptor', () => {
  const used = useFolder()

  it('takes buffers of any number and size, in their order, and gives them back', async () => {
    const path = join(used.folder, 'x')
    const sink = await FileSink.open(path, { flags: 'wx' })
    const expected: Buffer[] = []
    let released = 0
    for (let index = 0; index < 3_000; index++) {
      const bytes = Buffer.alloc(index % 701, index)
      expected.push(bytes)
      await sink.write(bytes, () => released++)
    }
    const whole = Buffer.concat(expected)
    expect(await sink.flush()).to.equal(whole.length)
    expect(released).to.equal(3_000)
    await sink.close()
    expect(readFileSync(path).equals(whole)).to.equal(true)
  })

  it('has written what it was given when it is closed', async () => {
    const path = join(used.folder, 'x')
    const sink = await FileSink.open(path, { flags: 'wx' })
    const bytes = Buffer.alloc(900 << 10, 'x')
    await sink.write(bytes)
    await sink.close()
    expect(readFileSync(path).equals(bytes)).to.equal(true)
  })

  it('writes nothing once it is closed, for its descriptor may be of another file', async () => {
    const sink = await FileSink.open(join(used.folder, 'x'), { flags: 'wx' })
    await sink.close()
    const other = openSync(join(used.folder, 'other'), 'wx')
    try {
      expect((await failure(sink.write(Buffer.from('x')))).message).to.contain('closed')
      await sink.flush().catch(() => undefined)
      expect(readFileSync(join(used.folder, 'other')).length).to.equal(0)
    } finally {
      closeSync(other)
    }
  })

  it('says what the disk did not take, also to whoever comes later', async () => {
    const sink = await FileSink.open('/dev/full', { flags: 'r+' })
    await sink.write(Buffer.from('x')).catch(() => undefined)
    expect(await failure(sink.flush())).to.have.property('code', 'ENOSPC')
    expect(await failure(sink.write(Buffer.from('x')))).to.have.property('code', 'ENOSPC')
    await sink.close()
  })
})

describe('file: a manifest in pieces', () => {
  it('is the text of its JSON', () => {
    const entry = fc.record({ file: fc.string(), documents: fc.nat(), receipt: fc.option(fc.string(), { nil: undefined }) })
    const security = fc.dictionary(fc.string(), fc.constant({ admins: { names: ['a'] } }))
    fc.assert(
      fc.property(
        fc.uniqueArray(
          fc.tuple(
            fc.string().map(name => `c${name}`),
            entry
          ),
          { selector: ([name]) => name }
        ),
        security,
        (entries, kept) => {
          const names = entries.map(([name]) => name)
          const text = Buffer.concat(
            Array.from(byteChunks(manifestPieces('memory', names, entries, kept)), chunk => Buffer.from(chunk))
          ).toString()
          const parsed = JSON.parse(text) as { readonly metadata: { readonly exported_at: string } }
          const { exported_at } = parsed.metadata
          const metadata = { provider: 'memory', exported_at, collections: names, ...(Object.keys(kept).length > 0 && { security: kept }) }
          const members = entries.map(([name, each]) => `${JSON.stringify(name)}:${JSON.stringify(each)}`)
          expect(text.endsWith('}\n')).to.equal(true)
          expect(JSON.stringify(parsed)).to.equal(
            JSON.stringify(JSON.parse(`{"$docferry":1,"metadata":${JSON.stringify(metadata)},"files":{${members.join(',')}}}`))
          )
          // Laid out as the same text is.
          expect(text).to.equal(JSON.stringify(JSON.parse(text), undefined, 2) + '\n')
        }
      )
    )
  })
})
