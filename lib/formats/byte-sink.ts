/** Writes bytes to a Node stream with back-pressure, through gzip if wanted, and loses no error. */
import type { TransformOptions, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { ZlibOptions } from 'node:zlib'

/** So much may wait in front of gzip: with less, compression does not overlap with the making of documents. */
const gzipInputBytes = 4 << 20
/** gzip works in a thread, and rests from each full chunk until the main thread has a moment for it: small ones cost both. */
const gzipChunkBytes = 256 << 10

export interface ByteSinkOptions {
  readonly gzip?: boolean
  /** 1 (fast) to 9 (small). Default 6. */
  readonly level?: number
  /** Leave the stream open at the end: standard output is not ours to close. */
  readonly keepOpen?: boolean
  /** Bytes that stand before what is written now. Default 0. */
  readonly offset?: number
  /** Whether the stream does not look at bytes any more once it has called back. Default false. */
  readonly forgets?: boolean
}

export interface ByteSink {
  /**
   * Hand bytes over, one call after the other. Resolves when more may come.
   *
   * @param release called when they are not looked at any more, or never
   * @throws whatever the stream failed with, now or before
   */
  write(bytes: Buffer, release?: () => void): Promise<void>
  /**
   * Hand on everything so far; compressed, a gzip member ends, so that a file cut off here is whole.
   *
   * @returns bytes in the file
   */
  flush(): Promise<number>
  /**
   * Everything has been handed over. Resolves when the operating system has it.
   *
   * @param last bytes that stand at the end, each good until the next are asked for; compressed, they are a gzip member of their own, so that they can be
   * read without the rest
   */
  end(last?: Iterable<Buffer>): Promise<void>
  /** Give up; a stream that stays open for others is left as it is. */
  destroy(): void
}

export function openByteSink(
  stream: Writable,
  { gzip = false, level = 6, keepOpen = false, offset = 0, forgets = false }: ByteSinkOptions = {}
): ByteSink {
  const plain = new StreamSink(stream, { keepOpen, offset, forgets })
  return gzip ? compressed(plain, level) : plain
}

/** What is written into it goes to `target` through gzip. */
export function compressed(target: ByteSink, level = 6): ByteSink {
  return new GzipSink(target, level)
}

/** gzip members, one after another: each `flush` ends one. */
class GzipSink implements ByteSink {
  readonly #target: ByteSink
  readonly #level: number
  #member: Member | undefined

  constructor(target: ByteSink, level: number) {
    this.#target = target
    this.#level = level
  }

  async write(bytes: Buffer, release?: () => void): Promise<void> {
    this.#member ??= openMember(this.#target, this.#level)
    await this.#member.write(bytes, release)
  }

  async flush(): Promise<number> {
    await this.#member?.end()
    this.#member = undefined
    return await this.#target.flush()
  }

  async end(last?: Iterable<Buffer>): Promise<void> {
    // Compressed, nothing is an empty member, and not an empty file.
    if (!this.#member && !last && (await this.#target.flush()) === 0) this.#member = openMember(this.#target, this.#level)
    await this.#member?.end()
    this.#member = last && openMember(this.#target, this.#level)
    await this.#member?.end(last)
    await this.#target.end()
  }

  destroy(): void {
    this.#member?.destroy()
    this.#target.destroy()
  }
}

interface Member {
  write(bytes: Buffer, release?: () => void): Promise<void>
  end(last?: Iterable<Buffer>): Promise<void>
  destroy(): void
}

function openMember(target: ByteSink, level: number): Member {
  const options: ZlibOptions & TransformOptions = { level, writableHighWaterMark: gzipInputBytes, chunkSize: gzipChunkBytes }
  const encoder = createGzip(options)
  const head = new StreamSink(encoder, { keepOpen: false, offset: 0, forgets: true })
  const pump = async (): Promise<void> => {
    for await (const chunk of encoder) await target.write(chunk as Buffer)
  }
  const pumped = pump()
  // Whoever writes next, or ends, is told; until then the rejection must not count as unhandled.
  pumped.catch(() => undefined)
  // When the target fails, the encoder is torn down, and says no more than that.
  const orTargetFailure = async (work: Promise<void>): Promise<void> => {
    try {
      await work
    } catch (error) {
      await pumped
      throw error
    }
  }
  return {
    write: (bytes, release) => orTargetFailure(head.write(bytes, release)),
    async end(last) {
      await orTargetFailure(head.end(last))
      await pumped
    },
    destroy: () => head.destroy()
  }
}

class StreamSink implements ByteSink {
  readonly #stream: Writable
  readonly #keepOpen: boolean
  #failure: { readonly error: unknown } | undefined
  #wake: (() => void) | undefined
  #lastWrite: Promise<void> = Promise.resolve()
  readonly #forgets: boolean
  #bytes: number

  constructor(stream: Writable, { keepOpen, offset, forgets }: Required<Pick<ByteSinkOptions, 'keepOpen' | 'offset' | 'forgets'>>) {
    this.#stream = stream
    this.#keepOpen = keepOpen
    this.#forgets = forgets
    this.#bytes = offset
    stream.on('error', this.#fail)
    stream.on('drain', this.#drained)
  }

  async write(bytes: Buffer, release?: () => void): Promise<void> {
    this.#throwFailure()
    this.#bytes += bytes.length
    let free = true
    this.#lastWrite = new Promise(resolve => {
      free = this.#stream.write(bytes, error => {
        if (error) this.#fail(error)
        else if (this.#forgets) release?.()
        resolve()
      })
    })
    if (!free) await new Promise<void>(resolve => (this.#wake = resolve))
    this.#throwFailure()
  }

  async flush(): Promise<number> {
    await this.#lastWrite
    this.#throwFailure()
    return this.#bytes
  }

  async end(last: Iterable<Buffer> = []): Promise<void> {
    for (const bytes of last) {
      await this.write(this.#forgets ? bytes : Buffer.from(bytes))
      await this.#lastWrite
    }
    this.#throwFailure()
    if (this.#keepOpen) {
      await this.#lastWrite
    } else {
      this.#stream.end()
      await finished(this.#stream, { readable: false })
    }
    this.#throwFailure()
    this.#release()
  }

  destroy(): void {
    // What is under way in a stream that stays open may still fail, and must find a listener.
    if (!this.#keepOpen) this.#stream.destroy()
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error
  }

  readonly #fail = (error: unknown): void => {
    this.#failure ??= { error }
    this.#wake?.()
  }

  readonly #drained = (): void => {
    this.#wake?.()
  }

  #release(): void {
    this.#stream.off('error', this.#fail)
    this.#stream.off('drain', this.#drained)
  }
}
