import fs from 'node:fs'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createAtomicFile } from '../../lib/engine/atomic-file.ts'

describe('a large output', () => {
  const { fdatasync } = fs
  const chunk = Buffer.alloc(1 << 20, 'x')
  let folder: string
  const onSync = (work: (fd: number, done: fs.NoParamCallback) => void): void =>
    void (fs.fdatasync = Object.assign(work, { __promisify__: fdatasync.__promisify__ }))
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'docferry-ahead-'))))
  afterEach(() => {
    fs.fdatasync = fdatasync
    rmSync(folder, { recursive: true, force: true })
  })

  async function fill(path: string, chunks: number): Promise<Awaited<ReturnType<typeof createAtomicFile>>> {
    const file = await createAtomicFile(path)
    for (let count = 0; count < chunks; count++) if (!file.stream.write(chunk)) await once(file.stream, 'drain')
    return file
  }

  it('is brought to the disk while it is written', async () => {
    let synced = 0
    onSync((fd, done) => {
      synced++
      fdatasync(fd, done)
    })
    const file = await fill(join(folder, 'x'), 100)
    file.stream.end('end')
    await once(file.stream, 'close')
    await file.commit()
    expect(synced).to.be.within(1, 3)
    expect(readFileSync(join(folder, 'x'), 'latin1')).to.equal(`${'x'.repeat(100 << 20)}end`)
  })

  it('fails where the disk does not take it', async () => {
    onSync((_, done) => done(Object.assign(new Error('no such disk'), { code: 'EIO' })))
    const writing = fill(join(folder, 'x'), 100)
    expect(await writing.catch((error: unknown) => error)).to.have.property('code', 'EIO')
    expect(readdirSync(folder)).to.not.include('x')
  })

  it('is not closed before the disk has answered', async () => {
    let answer: (() => void) | undefined
    onSync((fd, done) => void (answer = () => fdatasync(fd, done)))
    const file = await fill(join(folder, 'x'), 40)
    const closed = once(file.stream, 'close')
    const ended = once(file.stream, 'finish')
    file.stream.end()
    await ended
    expect(file.stream).to.have.property('closed', false)
    answer!()
    await closed
    await file.commit()
    expect(readdirSync(folder)).to.deep.equal(['x'])
  })
})
