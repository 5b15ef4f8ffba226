/** gzip as a stream: members one after another, and an end that is known to be whole. */
import { constants, createGunzip } from 'node:zlib'
import { DocferryError } from '../errors.ts'
import { formatCount } from '../values/format-count.ts'

const outputChunkBytes = 256 << 10
/** Decoded bytes that may wait for the reader before decoding pauses. */
const maxWaitingBytes = 4 * outputChunkBytes

/** Whether bytes begin as gzip does. */
export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b
}

/**
 * Decode gzip, of one member or of several put together; zero bytes behind the last one are ignored as padding.
 *
 * Everything that stands before the place where the input was cut is yielded before the error is thrown.
 *
 * @param name of the input, for messages
 * @throws {DocferryError} DOCFERRY_FILE_CUT, DOCFERRY_DECODE; and what `chunks` throws
 */
export async function* gunzip(chunks: AsyncIterable<Buffer>, { name }: { readonly name: string }): AsyncGenerator<Buffer> {
  // With the default finishFlush, zlib throws away what it decoded last when the input is cut.
  const decoder = createGunzip({ chunkSize: outputChunkBytes, finishFlush: constants.Z_SYNC_FLUSH })
  const waiting: Buffer[] = []
  let waitingBytes = 0
  let failure: unknown
  let done = false
  let wake = (): void => undefined
  decoder.on('data', (chunk: Buffer) => {
    waiting.push(chunk)
    waitingBytes += chunk.length
    if (waitingBytes > maxWaitingBytes) decoder.pause()
    wake()
  })
  const finish = (error?: unknown): void => {
    failure ??= error
    done = true
    wake()
  }
  decoder.on('error', finish)
  decoder.on('end', () => finish())
  let feedMore = (): void => undefined
  decoder.on('drain', () => feedMore())
  decoder.on('close', () => {
    finish()
    feedMore()
  })

  let inputBytes = 0
  let isProbing = false
  const feed = async (): Promise<void> => {
    for await (const chunk of chunks) {
      if (done) return
      inputBytes += chunk.length
      if (!decoder.write(chunk)) await new Promise<void>(resolve => (feedMore = resolve))
    }
    if (decoder.writableLength > 0) await new Promise<void>(resolve => decoder.write(Buffer.alloc(0), () => resolve()))
    if (done || decoder.destroyed) return
    // zlib takes a zero byte only inside a member: if it does, or fails on it, the last member had not ended.
    isProbing = true
    decoder.end(Buffer.alloc(1))
  }
  feed().catch((error: unknown) => {
    failure = error
    decoder.destroy()
  })

  try {
    for (;;) {
      const chunk = waiting.shift()
      if (chunk) {
        waitingBytes -= chunk.length
        yield chunk
      } else if (done) {
        break
      } else {
        decoder.resume()
        await new Promise<void>(resolve => {
          wake = resolve
          if (waiting.length > 0 || done) resolve()
        })
      }
    }
    if (failure !== undefined)
      throw isProbing && isZlibError(failure) ? cut(name, inputBytes, failure) : translate(failure, name, inputBytes)
    if (inputBytes === 0 || decoder.bytesWritten > inputBytes) throw cut(name, inputBytes)
  } finally {
    decoder.destroy()
  }
}

function cut(name: string, inputBytes: number, cause?: unknown): DocferryError {
  const where =
    inputBytes === 0 ? 'before its gzip data: it is empty' : `in the middle of its gzip data, after ${formatCount(inputBytes)} bytes`
  const message = `${name} ends ${where}, so it was cut. Copy or export it again`
  return new DocferryError('DOCFERRY_FILE_CUT', message, { where: `byte ${inputBytes}`, cause })
}

function isZlibError(error: unknown): boolean {
  return String((error as { code?: unknown }).code).startsWith('Z_')
}

/** Where damage begins, the checksum at the end of a member does not tell: what was decoded before may be wrong. */
function translate(error: unknown, name: string, inputBytes: number): unknown {
  if (!isZlibError(error)) return error
  const what = (error as Error).message
  const message = `${name} holds damaged gzip data, or something else behind it (${what}), before byte ${formatCount(inputBytes)}. Copy or export it again`
  return new DocferryError('DOCFERRY_DECODE', message, { where: `before byte ${inputBytes}`, cause: error, spoilsRun: true })
}
