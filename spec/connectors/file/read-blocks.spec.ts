import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { readInTurn } from '../../../lib/connectors/file/read-blocks.ts'

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
