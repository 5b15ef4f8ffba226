import { gunzipSync, gzipSync } from 'node:zlib'
import { PassThrough, Writable } from 'node:stream'
import { expect } from 'chai'
import { openByteSink } from '../../lib/formats/byte-sink.ts'
import { gunzip } from '../../lib/formats/gzip.ts'
import { failing, gather, inChunks } from './bytes.ts'

const name = 'backup.gz'
const noise = (length: number): Buffer => {
  let state = 1
  return Buffer.from(Array.from({ length }, () => (state = (state * 48271) % 2147483647) & 0xff))
}

async function decode(
  chunks: AsyncIterable<Buffer>
): Promise<{ readonly bytes: Buffer; readonly code?: string; readonly message?: string }> {
  const parts: Buffer[] = []
  try {
    for await (const chunk of gunzip(chunks, { name })) parts.push(chunk)
    return { bytes: Buffer.concat(parts) }
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return { bytes: Buffer.concat(parts), code, message }
  }
}

describe('formats: gunzip', () => {
  it('decodes members put together, cut into pieces of every size', async () => {
    const members = Buffer.concat(['one', '', 'two', 'three'].map(text => gzipSync(text)))
    for (let size = 1; size <= members.length; size++) {
      const { bytes, code } = await decode(inChunks(members, size))
      expect({ text: bytes.toString(), code }, `pieces of ${size}`).to.deep.equal({ text: 'onetwothree', code: undefined })
    }
  })

  it('ignores zero bytes behind the last member', async () => {
    expect((await decode(inChunks(Buffer.concat([gzipSync('text'), Buffer.alloc(100)])))).bytes.toString()).to.equal('text')
  })

  it('says at every possible cut that the file was cut, and gives what stands before', async () => {
    const whole = Buffer.concat([gzipSync('first\n'), gzipSync('second\n')])
    const first = gzipSync('first\n').length
    for (let length = 0; length < whole.length; length++) {
      const { code, bytes } = await decode(inChunks(whole.subarray(0, length), 16))
      if (length === first) expect(code).to.equal(undefined)
      else expect(code, `cut at ${length}`).to.equal('DOCFERRY_FILE_CUT')
      if (length >= first) expect(bytes.toString().startsWith('first\n')).to.equal(true)
    }
  })

  it('loses nothing that stands before a cut', async () => {
    const plain = noise(300_000)
    const compressed = gzipSync(plain)
    const { bytes, code } = await decode(inChunks(compressed.subarray(0, compressed.length - 4)))
    expect(code).to.equal('DOCFERRY_FILE_CUT')
    expect(bytes.equals(plain)).to.equal(true)
  })

  it('tells damaged data and garbage behind the end from a cut', async () => {
    const damaged = Buffer.from(gzipSync(noise(1000)))
    damaged[500] = (damaged[500] as number) ^ 0xff
    expect((await decode(inChunks(damaged))).code).to.equal('DOCFERRY_DECODE')
    const large = Buffer.from(gzipSync(noise(300_000)))
    large[150_000] = (large[150_000] as number) ^ 0xff
    const { code, message } = await decode(inChunks(large, large.length))
    expect(code).to.equal('DOCFERRY_DECODE')
    expect(message).to.include('damaged gzip data')
    const followed = await decode(inChunks(Buffer.concat([gzipSync('text'), Buffer.from('garbage')])))
    expect(followed.code).to.equal('DOCFERRY_DECODE')
    expect(followed.message).to.include(name)
  })

  it('passes on the error of its input', async () => {
    const error = Object.assign(new Error('disk'), { code: 'EIO' })
    expect((await decode(failing(gzipSync('text').subarray(0, 8), error))).code).to.equal('EIO')
  })

  it('decodes a long input without piling up listeners', async () => {
    const warnings: Error[] = []
    const listen = (warning: Error): void => void warnings.push(warning)
    process.on('warning', listen)
    const part = noise(200_000)
    const members = Buffer.concat(Array<Buffer>(20).fill(gzipSync(part)))
    const { bytes } = await decode(inChunks(members))
    await new Promise(resolve => setImmediate(resolve))
    process.off('warning', listen)
    expect(bytes).to.have.length(20 * part.length)
    expect(warnings).to.deep.equal([])
  })

  it('ends its input when its reader stops early', async () => {
    let ended = false
    const endless = (async function* () {
      try {
        for (;;) yield gzipSync(noise(100_000))
      } finally {
        ended = true
      }
    })()
    for await (const chunk of gunzip(endless, { name })) if (chunk.length > 0) break
    for (let turn = 0; turn < 1000 && !ended; turn++) await new Promise(resolve => setImmediate(resolve))
    expect(ended).to.equal(true)
  })
})

describe('formats: byte sink', () => {
  const collect = (): { readonly stream: Writable; readonly bytes: () => Buffer } => {
    const parts: Buffer[] = []
    const stream = new Writable({
      highWaterMark: 10,
      write(chunk: Buffer, _, callback) {
        parts.push(chunk)
        setImmediate(callback)
      }
    })
    return { stream, bytes: () => Buffer.concat(parts) }
  }

  for (const gzip of [false, true]) {
    const title = gzip ? 'compressed' : 'plain'
    it(`writes everything, in order (${title})`, async () => {
      const { stream, bytes } = collect()
      const sink = openByteSink(stream, { gzip })
      for (let number = 0; number < 100; number++) await sink.write(Buffer.from(`${number}\n`))
      await sink.end([Buffer.from('end\n')])
      const text = (gzip ? gunzipSync(bytes()) : bytes()).toString()
      expect(text).to.equal(`${Array.from({ length: 100 }, (_, number) => `${number}\n`).join('')}end\n`)
      expect(stream.writableFinished).to.equal(true)
    })

    it(`leaves a stream open that is not its own (${title})`, async () => {
      const { stream, bytes } = collect()
      const sink = openByteSink(stream, { gzip, keepOpen: true })
      await sink.write(Buffer.from('text'))
      await sink.end()
      expect(stream.writableEnded).to.equal(false)
      expect((gzip ? gunzipSync(bytes()) : bytes()).toString()).to.equal('text')
      expect(stream.listenerCount('error')).to.equal(0)
    })

    it(`tells the next writer of a failure (${title})`, async () => {
      const stream = new Writable({
        write: (_chunk, _encoding, callback) => callback(Object.assign(new Error('full'), { code: 'ENOSPC' }))
      })
      const sink = openByteSink(stream, { gzip, level: 1 })
      let failure: unknown
      try {
        for (let number = 0; number < 200; number++) await sink.write(noise(100_000))
        await sink.end()
      } catch (error) {
        failure = error
      }
      expect((failure as { code?: unknown }).code).to.equal('ENOSPC')
      sink.destroy()
    })
  }

  it('waits when its stream is slow', async () => {
    const stream = new PassThrough({ highWaterMark: 10 })
    const sink = openByteSink(stream)
    let resolved = false
    const written = sink.write(Buffer.alloc(100)).then(() => (resolved = true))
    await new Promise(resolve => setImmediate(resolve))
    expect(resolved).to.equal(false)
    stream.resume()
    await written
    await sink.end()
  })

  it('writes what stands at the end as a gzip member of its own', async () => {
    const { stream, bytes } = collect()
    const sink = openByteSink(stream, { gzip: true })
    await sink.write(Buffer.from('text\n'))
    await sink.end([Buffer.from('end\n')])
    const last = bytes().lastIndexOf(Buffer.from([0x1f, 0x8b, 0x08]))
    expect(last).to.be.above(0)
    expect(gunzipSync(bytes().subarray(last)).toString()).to.equal('end\n')
    expect((await gather(gunzip(inChunks(bytes()), { name }))).toString()).to.equal('text\nend\n')
  })
})
