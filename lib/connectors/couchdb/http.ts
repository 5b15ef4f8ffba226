/** HTTP as the streams of `node:http`: `fetch` copies what comes several times, and takes twice as long for it. */
import { request as requestHttp } from 'node:http'
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { request as requestHttps } from 'node:https'
import { setTimeout as wait } from 'node:timers/promises'
import type { RequestGuard } from './guard.ts'
import { ReadRests } from './read-rests.ts'

/** A long answer is taken in pieces of about so many bytes. */
const pieceBytes = 64 * 1024

/**
 * Begin a request; a redirect is not followed.
 *
 * @param path below the server's address, sent as it is: parts that are `.` or `..` too
 */
export function open(url: string, path: string, options: Pick<RequestOptions, 'method' | 'headers' | 'signal'>): ClientRequest {
  const { protocol, hostname, port, pathname } = new URL(url)
  const place = { protocol, hostname: hostname.replace(/^\[|\]$/g, ''), port, path: pathname.replace(/\/$/, '') + path }
  return (protocol === 'https:' ? requestHttps : requestHttp)({ ...place, ...options })
}

/** The head of the answer. Errors that come later are `bodyOf`'s, or nobody's. */
export function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('error', reject).once('response', answer => resolve(answer.on('error', () => undefined)))
  })
}

/**
 * The body of an answer to its end.
 *
 * @throws what breaks it off, and what `guard` throws where nothing comes in time
 */
export async function* bodyOf(answer: IncomingMessage, guard: RequestGuard, timeoutMs: number): AsyncGenerator<Buffer, void, undefined> {
  let parts: Buffer[] = []
  let bytes = 0
  let wake: (() => void) | undefined
  let end: { readonly error?: unknown } | undefined
  const finish = (how: NonNullable<typeof end>): void => {
    end ??= how
    wake?.()
  }
  answer.on('data', (part: Buffer) => {
    parts.push(part)
    bytes += part.length
    if (bytes >= pieceBytes) answer.pause()
    wake?.()
  })
  answer.on('end', () => finish({}))
  answer.on('error', error => finish({ error }))
  answer.on('close', () => finish({ error: new Error('the connection was closed in the middle of the answer') }))
  const rests = new ReadRests(pieceBytes)
  for (;;) {
    if (bytes === 0 && !end) await guard.within(new Promise<void>(resolve => (wake = resolve)), timeoutMs)
    wake = undefined
    if (bytes > 0) {
      const piece = parts.length === 1 ? parts[0]! : Buffer.concat(parts, bytes)
      parts = []
      bytes = 0
      yield piece
      const restMs = rests.behind(piece.length)
      if (!end && restMs > 0) await rest(answer, restMs)
      answer.resume()
    } else if (end?.error !== undefined) throw end.error
    else if (end) return
  }
}

async function rest({ socket }: IncomingMessage, ms: number): Promise<void> {
  socket.pause()
  await wait(ms)
  socket.resume()
}
