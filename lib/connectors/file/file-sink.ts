/** Writes to a file by its descriptor: of thousands of small files, each would cost more as a stream than its bytes do. */
import fs from 'node:fs'
import { promisify } from 'node:util'
import { QuickCalls } from '../../engine/quick-calls.ts'
import type { ByteSink } from '../../formats/byte-sink.ts'

/** So much may wait to be written. */
const mostWaitingBytes = 1 << 20
/** More is written while others are read and packed. */
const mostAtOnceBytes = 256 << 10

const openDescriptor = promisify(fs.open)
const writeOne = promisify(fs.write)
const writeSeveral = promisify(fs.writev)
const syncDescriptor = promisify(fs.fsync)
const closeDescriptor = promisify(fs.close)

const opening = new QuickCalls()
const writing = new QuickCalls()

interface Waiting {
  readonly bytes: Buffer
  readonly release: (() => void) | undefined
}

export class FileSink implements ByteSink {
  readonly #descriptor: number
  /** Where what comes next is written. */
  #position: number
  #waiting: Waiting[] = []
  #waitingBytes = 0
  /** Never rejects. */
  #work: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #closing: Promise<void> | undefined

  private constructor(descriptor: number, position: number) {
    this.#descriptor = descriptor
    this.#position = position
  }

  /** @param position where to begin; what stands behind it must have been cut off */
  static async open(path: string, { flags, position = 0 }: { readonly flags: string; readonly position?: number }): Promise<FileSink> {
    const descriptor = await opening.make(
      () => fs.openSync(path, flags),
      () => openDescriptor(path, flags)
    )
    return new FileSink(descriptor, position)
  }

  async write(bytes: Buffer, release?: () => void): Promise<void> {
    this.#throwFailure()
    // Its descriptor may be another file's by now.
    if (this.#closing) throw new Error('the file is closed')
    this.#waiting.push({ bytes, release })
    this.#waitingBytes += bytes.length
    this.#work ??= this.#writeWaiting()
    while (this.#waitingBytes >= mostWaitingBytes && this.#work !== undefined) await this.#work
    this.#throwFailure()
  }

  async flush(): Promise<number> {
    while (this.#work !== undefined) await this.#work
    this.#throwFailure()
    return this.#position
  }

  /** The file stays open: it may have to be made durable. */
  async end(last: Iterable<Buffer> = []): Promise<void> {
    for (const bytes of last) {
      await this.write(bytes)
      await this.flush()
    }
    await this.flush()
  }

  /** What was flushed is on disk when this resolves. */
  async sync(): Promise<void> {
    await syncDescriptor(this.#descriptor)
  }

  /** Resolves when nothing is written into it any more. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  destroy(): void {
    this.#waiting = []
    this.close().catch(() => undefined)
  }

  async #close(): Promise<void> {
    while (this.#work !== undefined) await this.#work
    await opening.make(
      () => fs.closeSync(this.#descriptor),
      () => closeDescriptor(this.#descriptor)
    )
  }

  async #writeWaiting(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const some = this.#waiting
        this.#waiting = []
        await this.#put(some.map(({ bytes }) => bytes))
        for (const { bytes, release } of some) {
          this.#waitingBytes -= bytes.length
          release?.()
        }
      }
    } catch (error) {
      this.#failure ??= { error }
    } finally {
      this.#work = undefined
    }
  }

  async #put(buffers: readonly Buffer[]): Promise<void> {
    for (let rest = buffers.filter(({ length }) => length > 0); rest.length > 0;) {
      const isMuch = rest.reduce((sum, { length }) => sum + length, 0) > mostAtOnceBytes
      const written = await (isMuch ? this.#putInThread(rest) : this.#putSoon(rest))
      this.#position += written
      rest = behind(rest, written)
    }
  }

  #putSoon(buffers: readonly Buffer[]): number | Promise<number> {
    return writing.make(
      () => fs.writevSync(this.#descriptor, buffers, this.#position),
      () => this.#putInThread(buffers)
    )
  }

  async #putInThread(buffers: readonly Buffer[]): Promise<number> {
    const first = buffers[0]!
    const { bytesWritten } =
      buffers.length === 1
        ? await writeOne(this.#descriptor, first, 0, first.length, this.#position)
        : await writeSeveral(this.#descriptor, buffers, this.#position)
    return bytesWritten
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error
  }
}

/** What is left of buffers, of which so many bytes are done. */
export function behind(buffers: readonly Buffer[], bytes: number): Buffer[] {
  let start = 0
  const left: Buffer[] = []
  for (const buffer of buffers) {
    const rest = buffer.subarray(Math.max(0, bytes - start))
    if (rest.length > 0) left.push(rest)
    start += buffer.length
  }
  return left
}
