import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { checkSame } from '../../scripts/bench/same.ts'

describe('bench: same', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'docferry-same-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  const compared = async (ours: string, theirs: string, documents: number): Promise<string> => {
    await writeFile(join(folder, 'a.ndjson'), ours)
    await writeFile(join(folder, 'b.ndjson.gz'), gzipSync(theirs))
    return await checkSame(join(folder, 'a.ndjson'), join(folder, 'b.ndjson.gz'), documents).then(
      () => 'same',
      (error: Error) => error.message.replaceAll(folder, '')
    )
  }

  it('takes the same documents for the same, whatever their order, that of their fields, and their spelling', async () => {
    expect(
      await compared(
        '{"_id":"1","n":1.0}\n{"_id":"2","a":{"x":"é","y":[1,2]}}\n',
        '{"a":{"y":[1,2],"x":"\\u00e9"},"_id":"2"}\n{"n":1,"_id":"1"}\n',
        2
      )
    ).to.equal('same')
  })

  it('does not count the lines of an export that are no documents', async () => {
    const ours = '{"$docferry":1,"metadata":{}}\n{"$collection":"a"}\n{"_id":"1"}\n{"$end":{"counts":{"a":1}}}\n'
    expect(await compared(ours, '{"_id":"1"}\n', 1)).to.equal('same')
  })

  it('tells a document that is another one', async () => {
    expect(await compared('{"_id":"1","list":[1,2]}\n', '{"_id":"1","list":[2,1]}\n', 1)).to.equal(
      '/a.ndjson and /b.ndjson.gz hold other documents'
    )
  })

  it('tells files that are the same and hold too few', async () => {
    expect(await compared('{"_id":"1"}\n', '{"_id":"1"}\n', 2)).to.equal('/a.ndjson holds 1 documents of 2')
  })

  it('tells a document that comes twice in place of another', async () => {
    expect(await compared('{"_id":"1"}\n{"_id":"2"}\n', '{"_id":"1"}\n{"_id":"1"}\n', 2)).to.contain('hold other documents')
  })
})
