/** The bytes of an answer, as its chunks come. */
import type { Readable } from 'node:stream'
import type { BufferPool } from '../../kernel/buffer-pool.ts'
import type { CallLimit } from './call-limit.ts'

export interface AnswerBytes {
  add(chunk: Buffer): void
  /** Nothing is added behind it. */
  all(): Buffer
}

/** In memory of their own. */
export class LooseBytes implements AnswerBytes {
  readonly #chunks: Buffer[] = []

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
  }

  all(): Buffer {
    return this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
  }
}

/** A Scan answers a megabyte of items, to which names of types and punctuation are added; one that is whole has told its length. */
const usualLength = 1536 * 1024
const mostTrusted = 16 * 1024 * 1024

/** One behind the other in a buffer of a pool's. */
export class PooledBytes implements AnswerBytes {
  readonly #pool: BufferPool
  #buffer: Buffer
  #length = 0

  /** @param length as the answer tells it; NaN where it does not */
  constructor(pool: BufferPool, length: number) {
    this.#pool = pool
    this.#buffer = pool.take(length > 0 && length <= mostTrusted ? length : usualLength)
  }

  add(chunk: Buffer): void {
    const length = this.#length + chunk.length
    if (length > this.#buffer.length) {
      const larger = this.#pool.take(2 * length)
      larger.set(this.#buffer.subarray(0, this.#length))
      this.#pool.give(this.#buffer)
      this.#buffer = larger
    }
    this.#buffer.set(chunk, this.#length)
    this.#length = length
  }

  all(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }
}

/** Without the stream's own iterator, which costs as much as the rest of a small answer. */
export function readBytes(body: Readable, bytes: AnswerBytes, limit: CallLimit): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let isWhole = false
    limit.watchAnswer(() => body.destroy(new Error('given up')))
    body.on('data', (chunk: Buffer) => bytes.add(chunk))
    body.on('end', () => {
      isWhole = true
      resolve(bytes.all())
    })
    body.on('error', reject)
    body.on('close', () => {
      if (!isWhole) reject(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }))
    })
  })
}
