/** One part out of an answer of many, as it comes: what is before it is passed over, and never held. */
import { createHash } from 'node:crypto'
import { DocferryError } from '../../errors.ts'
import { gunzip } from '../../formats/gzip.ts'

/** A boundary has 70 bytes at most. */
const mostBoundary = 100
/** Names of attachments stand in the heads of parts. */
const mostHead = 1 << 20
const lineEnd = Buffer.from('\r\n')
const headEnd = Buffer.from('\r\n\r\n')

interface Part {
  readonly head: string
  readonly bytes: AsyncGenerator<Buffer, void, undefined>
}

/**
 * The bytes of an attachment whose name is the empty text, out of its whole document as `multipart/related`: its own address would be the document's.
 *
 * @param digest as CouchDB lists it: of the bytes as they are stored and come, before they are decoded
 * @throws {DocferryError} where the answer is none of many parts, or holds it not, or with other bytes
 */
export async function* namelessAttachment(chunks: AsyncIterable<Uint8Array>, digest: string, what: string): AsyncGenerator<Buffer> {
  for await (const { head, bytes } of partsOf(chunks)) {
    if (!/^content-disposition:.*;\s*filename=""\s*$/im.test(head)) continue
    const stored = withDigest(bytes, digest, what)
    if (/^content-encoding:\s*gzip\s*$/im.test(head)) yield* decoded(stored, what)
    else yield* stored
    return
  }
  const message = `${what}: an attachment without a name can't be fetched by itself, and this server does not give it with its document; docferry replicate keeps it`
  throw new DocferryError('DOCFERRY_READ', message, { provider: 'couchdb' })
}

/** What is not read of a part is passed over when the next one is asked for. None where the answer has another form. */
async function* partsOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Part, void, undefined> {
  const reader = new Scanner(chunks)
  try {
    const first = await reader.text(lineEnd, mostBoundary)
    if (first === undefined || !/^--[^\s]+$/.test(first)) return
    const delimiter = Buffer.from(`\r\n${first}`)
    reader.putBack(lineEnd)
    for (;;) {
      const head = await reader.text(headEnd, mostHead)
      // Behind the last one there are two hyphens, and no head.
      if (head === undefined || head.startsWith('--')) return
      const bytes = reader.until(delimiter)
      yield { head, bytes }
      for await (const _passed of bytes);
    }
  } finally {
    await reader.close()
  }
}

class Scanner {
  readonly #chunks: AsyncIterator<Uint8Array>
  #held: Buffer = Buffer.alloc(0)

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  putBack(bytes: Buffer): void {
    this.#held = Buffer.concat([bytes, this.#held])
  }

  /** @returns what is before the mark, or undefined where it does not come in so many bytes; the mark is passed over */
  async text(mark: Buffer, most: number): Promise<string | undefined> {
    for (;;) {
      const at = this.#held.indexOf(mark)
      if (at >= 0) return this.#take(at, mark.length).toString()
      if (this.#held.length > most || !(await this.#more())) return undefined
    }
  }

  /** What is before the mark, in pieces; the mark is passed over. */
  async *until(mark: Buffer): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const at = this.#held.indexOf(mark)
      if (at >= 0) {
        const last = this.#take(at, mark.length)
        if (last.length > 0) yield last
        return
      }
      const sure = this.#held.length - mark.length + 1
      if (sure > 0) yield this.#take(sure, 0)
      if (!(await this.#more())) throw new DocferryError('DOCFERRY_READ', 'an answer of several parts has no end', { provider: 'couchdb' })
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return?.()
  }

  #take(length: number, behind: number): Buffer {
    const taken = this.#held.subarray(0, length)
    this.#held = this.#held.subarray(length + behind)
    return taken
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next()
    if (done === true) return false
    this.#held = this.#held.length === 0 ? Buffer.from(value) : Buffer.concat([this.#held, value])
    return true
  }
}

async function* withDigest(bytes: AsyncIterable<Buffer>, digest: string, what: string): AsyncGenerator<Buffer> {
  const hash = createHash('md5')
  for await (const chunk of bytes) {
    hash.update(chunk)
    yield chunk
  }
  if (digest.startsWith('md5-') && digest !== `md5-${hash.digest('base64')}`) throw damaged(what)
}

async function* decoded(bytes: AsyncIterable<Buffer>, what: string): AsyncGenerator<Buffer> {
  try {
    yield* gunzip(bytes, { name: what })
  } catch (error) {
    const isGzip = error instanceof DocferryError && (error.code === 'DOCFERRY_DECODE' || error.code === 'DOCFERRY_FILE_CUT')
    throw isGzip ? damaged(what, error) : error
  }
}

function damaged(what: string, cause?: unknown): DocferryError {
  return new DocferryError('DOCFERRY_ATTACHMENT', `${what} has other bytes than its digest says: it was changed, or cut`, { cause })
}
