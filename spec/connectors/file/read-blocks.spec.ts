import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { readAtOnce, readInTurn } from '../../../lib/connectors/file/read-blocks.ts'
import { BufferPool } from '../../../lib/kernel/buffer-pool.ts'

describe('file: chunks that are lent', () => {
  let folder: string
  before(() => (folder = mkdtempSync(join(tmpdir(), 'docferry-lent-'))))
  after(() => rmSync(folder, { recursive: true, force: true }))

  async function read(bytes: Buffer, start: number, signal?: AbortSignal): Promise<Buffer> {
    const path = join(folder, 'bytes')
    writeFileSync(path, bytes)
    const copies: Buffer[] = []
    for await (const chunk of readInTurn(path, { start, signal })) {
      copies.push(Buffer.from(chunk))
      // Theirs is the memory until they ask for the next.
      await new Promise(setImmediate)
      expect(chunk.equals(copies.at(-1)!)).to.equal(true)
    }
    return Buffer.concat(copies)
  }

  it('are all of a file from its start or from a place on', async () => {
    for (const size of [0, 1, 262_143, 262_144, 262_145, 1_000_000]) {
      const bytes = Buffer.from(Uint8Array.from({ length: size }, (_, index) => (index * 31) >> 3))
      for (const start of [0, 1, size >> 1, size])
        expect((await read(bytes, start)).equals(bytes.subarray(start)), `${size}`).to.equal(true)
    }
  })

  it('end with an abort', async () => {
    const error = await read(Buffer.alloc(1_000_000), 0, AbortSignal.abort(new Error('enough'))).catch((thrown: unknown) => thrown)
    expect(error).to.have.property('message', 'enough')
  })
})

describe('file: small files', () => {
  let folder: string
  before(() => (folder = mkdtempSync(join(tmpdir(), 'docferry-small-'))))
  after(() => rmSync(folder, { recursive: true, force: true }))

  async function chunksOf(path: string, bytes: number, places: BufferPool): Promise<Buffer[]> {
    const copies: Buffer[] = []
    for await (const chunk of readAtOnce(path, { bytes, places })) copies.push(Buffer.from(chunk))
    return copies
  }

  function write(bytes: Uint8Array): string {
    const path = join(folder, 'small')
    writeFileSync(path, bytes)
    return path
  }

  it('come in one chunk, in a place that the next one gets', async () => {
    const places = new BufferPool(1)
    for (const size of [0, 1, 65_535, 65_536, 300_000]) {
      const bytes = Buffer.alloc(size, size)
      const chunks = await chunksOf(write(bytes), size, places)
      expect(chunks, `${size}`).to.have.length(size > 0 ? 1 : 0)
      expect(Buffer.concat(chunks).equals(bytes), `${size}`).to.equal(true)
    }
    const place = places.take(1)
    expect(place.length).to.be.greaterThanOrEqual(300_000)
  })

  it('come whole where they have grown, also while they are read', async () => {
    const path = write(Buffer.alloc(200_000, 1))
    const found: number[] = []
    for await (const chunk of readAtOnce(path, { bytes: 10, places: new BufferPool(1) })) {
      if (found.length === 0) appendFileSync(path, Buffer.alloc(700_000, 2))
      found.push(chunk.length)
    }
    expect(found.length).to.be.greaterThan(1)
    expect(found.reduce((sum, length) => sum + length)).to.equal(900_000)
  })

  it('leave their place to nobody where they are compressed', async () => {
    const places = new BufferPool(1)
    const bytes = gzipSync('{"_id":"a"}')
    await chunksOf(write(bytes), bytes.length, places)
    expect(places.take(1)[0]).to.not.equal(0x1f)
  })
})
