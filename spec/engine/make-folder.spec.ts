import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { makeFolder } from '../../lib/engine/make-folder.ts'

describe('engine: making folders', () => {
  let scratch: string
  beforeEach(() => (scratch = mkdtempSync(join(tmpdir(), 'docferry-folders-'))))
  afterEach(() => rmSync(scratch, { recursive: true, force: true }))
  const failure = (path: string): Promise<unknown> =>
    makeFolder(path).then(
      () => undefined,
      (error: unknown) => (error as { code?: unknown }).code
    )

  it('makes those that it stands in, with its mode', async () => {
    const path = join(scratch, 'a', 'b', 'c')
    await makeFolder(path, 0o700)
    for (const each of [path, join(scratch, 'a')]) expect(statSync(each).mode & 0o777).to.equal(0o700)
  })

  it('leaves one that is there as it is', async () => {
    chmodSync(scratch, 0o750)
    await makeFolder(scratch, 0o700)
    await makeFolder('/', 0o700)
    expect(statSync(scratch).mode & 0o777).to.equal(0o750)
  })

  it('is done by several at once', async () => {
    const path = join(scratch, 'a', 'b')
    await Promise.all(Array.from({ length: 8 }, () => makeFolder(path)))
    expect(statSync(path).isDirectory()).to.equal(true)
  })

  it('fails where a file stands in the way', async () => {
    writeFileSync(join(scratch, 'file'), '')
    expect(await failure(join(scratch, 'file'))).to.equal('EEXIST')
    expect(await failure(join(scratch, 'file', 'inner'))).to.equal('ENOTDIR')
  })

  if (process.platform === 'linux') {
    it('fails below a folder that is there and takes none, and does not try for ever', async () => {
      expect(await failure('/proc/nope')).to.equal('ENOENT')
      expect(await failure('/proc/nope/deeper')).to.equal('ENOENT')
    })
  }
})
