/**
 * Long answers, read past `node:http`, which makes a buffer and several calls of each chunk of an answer: CouchDB sends a row or two as a chunk. A
 * socket is read into one buffer, and what stands in the chunks goes into blocks that are used again.
 */
import { connect as connectTcp, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { BufferPool } from '../../kernel/buffer-pool.ts'
import type { RequestGuard } from './guard.ts'
import { framingOf, longestHead, readHead } from './http-framing.ts'
import type { Framing, Head } from './http-framing.ts'
import { LineBlocks } from './line-blocks.ts'
import { ReadRests } from './read-rests.ts'

/** What one read takes at most. */
const readBytes = 64 * 1024
/** A slow server's bytes are handed on in blocks that are not full. */
const longestGatheringMs = 100

export interface LongAnswer extends Head {
  /**
   * The body to its end. What it gives is the caller's until the next is asked for, and ends with lines where these are not longer than a block.
   *
   * @throws what breaks it off, and what `guard` throws where nothing comes in time
   */
  body(guard: RequestGuard, timeoutMs: number): AsyncGenerator<Buffer, void, undefined>
}

export interface LongRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly pool: BufferPool
}

/**
 * Ask for what is below an address.
 *
 * @returns undefined where only `node:http` can ask, or can tell what the answer is
 */
export async function askLong(url: string, path: string, { headers, signal, pool }: LongRequest): Promise<LongAnswer | undefined> {
  const { protocol, hostname, port, host, pathname } = new URL(url)
  const lines = [`GET ${pathname.replace(/\/$/, '')}${path} HTTP/1.1`, `host: ${host}`, 'connection: close']
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`)
  // Neither a space nor the end of a line within what is no place for one.
  if (!lines.every(line => /^[\x20-\x7e]*$/.test(line)) || lines[0]!.split(' ').length !== 3) return undefined
  const reception = new Reception(pool)
  const buffer = Buffer.allocUnsafe(readBytes)
  const onread = { buffer, callback: (count: number): boolean => reception.take(buffer.subarray(0, count)) }
  const place = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (protocol === 'https:' ? 443 : 80), onread }
  const servername = isIP(place.host) ? '' : place.host
  const socket = protocol === 'https:' ? connectTls({ ...place, servername, ALPNProtocols: ['http/1.1'] }) : connectTcp(place)
  reception.watch(socket, signal)
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  try {
    const head = await reception.head
    if (head) return { ...head, body: reception.body.bind(reception) }
  } catch (error) {
    reception.end()
    throw error
  }
  reception.end()
  return undefined
}

/** How an answer ended: with all that it should have, or with what broke it off. */
interface End {
  readonly error?: unknown
}

/** One answer, as it comes. */
class Reception {
  /** undefined for one that is not of the plainest form. */
  readonly head: Promise<Head | undefined>
  readonly #blocks: LineBlocks
  #socket: Socket | undefined
  #text = ''
  #framing: Framing | undefined
  #end: End | undefined
  #settleHead!: (head: Head | undefined) => void
  #failHead!: (error: unknown) => void
  #wake: (() => void) | undefined
  /** Whether any bytes wake who waits, and not only a full block. */
  #wantsAny = false
  readonly #rests = new ReadRests(readBytes)
  #rest: NodeJS.Timeout | undefined

  constructor(pool: BufferPool) {
    this.#blocks = new LineBlocks(pool)
    this.head = new Promise((resolve, reject) => {
      this.#settleHead = resolve
      this.#failHead = reject
    })
  }

  watch(socket: Socket, signal: AbortSignal): void {
    this.#socket = socket
    const abort = (): void => void socket.destroy(new Error('the request was given up'))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    socket.on('error', error => this.#finish({ error }))
    socket.on('end', () => this.#finish({ error: new Error('the connection was closed in the middle of the answer') }))
    socket.on('close', () => {
      signal.removeEventListener('abort', abort)
      this.#finish({ error: new Error('the connection was closed in the middle of the answer') })
    })
    socket.resume()
  }

  /** @returns whether to go on reading at once */
  take(bytes: Buffer): boolean {
    if (this.#end) return false
    try {
      const body = this.#framing ? bytes : this.#takeHead(bytes)
      if (body) this.#framing!.take(body, this.#blocks)
    } catch (error) {
      this.#finish({ error })
    }
    if (this.#framing?.isDone) this.#finish({})
    if (this.#wantsAny || this.#blocks.isFull) this.#wake?.()
    return !this.#end && !this.#blocks.isFull && !this.#restBehind(bytes.length)
  }

  async *body(guard: RequestGuard, timeoutMs: number): AsyncGenerator<Buffer, void, undefined> {
    const blocks = this.#blocks
    try {
      for (;;) {
        if (blocks.isEmpty && !this.#end) await guard.within(this.#woken({ byAny: true }), timeoutMs)
        if (!blocks.isFull && !this.#end) await this.#woken({ afterMs: longestGatheringMs })
        if (!blocks.isEmpty) {
          const piece = blocks.take(this.#end !== undefined)
          this.#resume()
          yield piece
        } else if (this.#end?.error !== undefined) throw this.#end.error
        else if (this.#end) return
      }
    } finally {
      this.end()
    }
  }

  end(): void {
    this.#finish({})
    this.#blocks.end()
  }

  /** @returns what comes behind the head, once it is whole */
  #takeHead(bytes: Buffer): Buffer | undefined {
    const before = this.#text.length
    this.#text += bytes.toString('latin1')
    const end = this.#text.indexOf('\r\n\r\n')
    if (end === -1 && this.#text.length <= longestHead) return undefined
    const head = end === -1 ? undefined : readHead(this.#text.slice(0, end + 4))
    this.#framing = head && framingOf(head)
    this.#settleHead(this.#framing && head)
    if (!this.#framing) this.#finish({})
    return this.#framing && bytes.subarray(end + 4 - before)
  }

  #restBehind(count: number): boolean {
    const ms = this.#rests.behind(count)
    if (ms === 0) return false
    this.#rest = setTimeout(() => {
      this.#rest = undefined
      this.#resume()
    }, ms)
    return true
  }

  #resume(): void {
    if (!this.#rest && !this.#blocks.isFull && !this.#end) this.#socket?.resume()
  }

  async #woken({ byAny = false, afterMs }: { readonly byAny?: boolean; readonly afterMs?: number }): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    this.#wantsAny = byAny
    await new Promise<void>(resolve => {
      this.#wake = resolve
      if (afterMs !== undefined) timer = setTimeout(resolve, afterMs)
    })
    clearTimeout(timer)
    this.#wake = undefined
  }

  #finish(how: End): void {
    if (this.#end) return
    this.#end = how
    clearTimeout(this.#rest)
    this.#failHead(how.error)
    this.#socket?.destroy()
    this.#wake?.()
  }
}
