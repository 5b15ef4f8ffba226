/**
 * A proxy that makes a healthy gRPC server (Firestore) misbehave on demand, call by call. It speaks HTTP/2 without TLS on both sides. Without
 * faults it passes everything on unchanged, message by message.
 */
import { connect as connectHttp2, constants, createServer } from 'node:http2'
import type { ClientHttp2Session, IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { once } from 'node:events'
import { createServer as createTcpServer } from 'node:net'
import type { Socket } from 'node:net'
import { FaultList } from './fault-list.ts'
import type { FaultOf, FaultRecord } from './fault-list.ts'
import { fieldsOf, lengthPrefixed, messagesOf, statusMessage } from './grpc-messages.ts'
import { listen } from './tcp-proxy.ts'

export interface GrpcRequest {
  /** `BatchWrite` */
  readonly method: string
  /** The call's one message. */
  readonly message: Buffer
}

export type GrpcAction =
  /** Answer with this status and nothing else, without passing anything on. */
  | { readonly type: 'status'; readonly code: number; readonly details?: string }
  /** Pass on, and after so many messages of the answer, and half of the next, close the connection. */
  | { readonly type: 'cut'; readonly afterMessages: number }
  /** Pass on, and after so many messages of the answer end it with this status, or, without one, as if there never were any. */
  | { readonly type: 'breakOff'; readonly afterMessages: number; readonly code?: number; readonly details?: string }
  /** Pass on, let the target do its work, and close the connection instead of answering. */
  | { readonly type: 'loseAnswer' }
  /** Close the connection without passing anything on. */
  | { readonly type: 'refuse' }
  /** The same by a reset (RST), as from a process that died. */
  | { readonly type: 'reset' }
  /** Pass on only when the promise settles. */
  | { readonly type: 'holdUntil'; readonly until: Promise<unknown> | (() => Promise<unknown>) }
  /** Never answer, never pass on; or pass on, and say no more after so many messages of the answer. */
  | { readonly type: 'stall'; readonly afterMessages?: number }
  /** Keep back the writes of a BatchWrite for which `keepBack` is true, pass on the others, and answer with this status for the kept. */
  | { readonly type: 'failWrites'; readonly keepBack: (index: number) => boolean; readonly code: number; readonly details?: string }

export interface GrpcProxy extends FaultRecord<GrpcRequest, GrpcAction> {
  /** Where the clients go: `127.0.0.1:port`. */
  readonly host: string
  /** Closes every connection, and from then on nothing listens: the system itself refuses new ones. */
  goDown(): Promise<void>
  /** Listens again, in the same place. */
  comeBack(): Promise<void>
  close(): Promise<void>
}

export type GrpcFault = FaultOf<GrpcRequest, GrpcAction>

/** What the target has answered, whole. */
interface Answer {
  readonly headers: OutgoingHttpHeaders
  readonly messages: readonly Buffer[]
  readonly trailers: OutgoingHttpHeaders
}

/** @param target `127.0.0.1:8080` */
export async function startGrpcProxy({ target }: { readonly target: string }): Promise<GrpcProxy> {
  const list = new FaultList<GrpcRequest, GrpcAction>()
  const sockets = new Map<number, Socket>()
  let upstream: ClientHttp2Session | undefined

  const askTarget = async (headers: IncomingHttpHeaders, message: Buffer): Promise<Answer> => {
    if (upstream === undefined || upstream.destroyed || upstream.closed) {
      upstream = connectHttp2(`http://${target}`)
      // Its calls fail with it, and tell so themselves.
      upstream.on('error', () => undefined)
    }
    return await ask(upstream, { ...headers, ':authority': target }, message)
  }
  const http2 = createServer()
  http2.on('stream', (stream, headers) => {
    stream.on('error', () => undefined)
    const handle = async (): Promise<void> => {
      const message = messagesOf(await readAll(stream))[0] ?? Buffer.alloc(0)
      const request = { method: String(headers[':path']).replace(/^.*\//, ''), message }
      const socket = sockets.get(stream.session?.socket.remotePort ?? 0)
      const action = list.add(request)
      if (!server.listening) list.cutAll()
      stream.once('close', () => list.end(request, stream.rstCode === constants.NGHTTP2_NO_ERROR))
      await act(stream, { action, message, socket, pass: part => askTarget(headers, part) })
    }
    handle().catch(() => stream.close(constants.NGHTTP2_INTERNAL_ERROR))
  })
  http2.on('session', session => session.on('error', () => undefined))
  const server = createTcpServer(socket => {
    const port = socket.remotePort ?? 0
    sockets.set(port, socket)
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(port))
    http2.emit('connection', socket)
  })
  const port = await listen(server)
  const goDown = async (): Promise<void> => {
    const closed = once(server, 'close')
    list.cutAll()
    server.close()
    for (const socket of sockets.values()) socket.destroy()
    await closed
  }
  return {
    host: `127.0.0.1:${port}`,
    faults: list.faults,
    requests: list.requests,
    hit: list.hit,
    get hits() {
      return list.hits
    },
    givenUp: list.givenUp,
    count: match => list.count(match),
    waitFor: (match, times) => list.waitFor(match, times),
    forget: () => list.forget(),
    goDown,
    comeBack: async () => void (await listen(server, port)),
    async close() {
      upstream?.destroy()
      if (server.listening) await goDown()
    }
  }
}

interface Call {
  readonly action: GrpcAction | undefined
  readonly message: Buffer
  readonly socket: Socket | undefined
  readonly pass: (message: Buffer) => Promise<Answer>
}

async function act(stream: ServerHttp2Stream, { action, message, socket, pass }: Call): Promise<void> {
  switch (action?.type) {
    case undefined:
      return await send(stream, await pass(message))
    case 'holdUntil':
      await (typeof action.until === 'function' ? action.until() : action.until)
      return await send(stream, await pass(message))
    case 'status':
      return stream.respond({ ...grpcHeaders, ...statusOf(action) }, { endStream: true })
    case 'cut': {
      const answer = await pass(message)
      const next = answer.messages[action.afterMessages] ?? Buffer.alloc(0)
      await sendMessages(stream, answer, action.afterMessages, lengthPrefixed(next).subarray(0, 5 + (next.length >> 1)))
      socket?.destroySoon()
      return
    }
    case 'breakOff': {
      const { afterMessages, code } = action
      const trailers = code === undefined ? undefined : statusOf({ ...action, code })
      if (trailers) stream.once('wantTrailers', () => stream.sendTrailers(trailers))
      await sendMessages(stream, await pass(message), afterMessages, undefined, trailers !== undefined)
      stream.end()
      return
    }
    case 'loseAnswer':
      await pass(message)
      socket?.destroy()
      return
    case 'refuse':
      socket?.destroy()
      return
    case 'reset':
      socket?.resetAndDestroy()
      return
    case 'stall':
      if (action.afterMessages !== undefined) await sendMessages(stream, await pass(message), action.afterMessages)
      return
    case 'failWrites':
      return await send(stream, await failWrites(action, message, pass))
  }
}

const grpcHeaders = { ':status': 200, 'content-type': 'application/grpc' }

function statusOf({ code, details = '' }: { readonly code: number; readonly details?: string }): OutgoingHttpHeaders {
  return { 'grpc-status': String(code), 'grpc-message': encodeURIComponent(details) }
}

async function ask(upstream: ClientHttp2Session, headers: OutgoingHttpHeaders, message: Buffer): Promise<Answer> {
  const call = upstream.request(headers)
  let trailers: OutgoingHttpHeaders = {}
  call.on('trailers', found => (trailers = withoutPseudo(found)))
  call.end(lengthPrefixed(message))
  const [found] = (await once(call, 'response')) as [IncomingHttpHeaders]
  return { headers: withoutPseudo(found), messages: messagesOf(await readAll(call)), trailers }
}

function withoutPseudo(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(':')))
}

async function send(stream: ServerHttp2Stream, { headers, messages, trailers }: Answer): Promise<void> {
  if (stream.destroyed) return
  // A status without any message comes in the headers.
  if (Object.keys(trailers).length === 0) return stream.respond({ ':status': 200, ...headers }, { endStream: true })
  stream.once('wantTrailers', () => stream.sendTrailers(trailers))
  await sendMessages(stream, { headers, messages }, messages.length, undefined, true)
  stream.end()
}

/** The first messages of an answer, and perhaps a part of one more. */
async function sendMessages(
  stream: ServerHttp2Stream,
  { headers, messages }: Pick<Answer, 'headers' | 'messages'>,
  count: number,
  part?: Buffer,
  waitForTrailers = false
): Promise<void> {
  if (stream.destroyed) return
  stream.respond({ ':status': 200, ...headers }, { waitForTrailers })
  for (const bytes of [...messages.slice(0, count).map(lengthPrefixed), ...(part ? [part] : [])]) {
    if (stream.destroyed) return
    await new Promise<void>(resolve => {
      stream.once('close', resolve)
      stream.write(bytes, () => {
        stream.off('close', resolve)
        resolve()
      })
    })
  }
}

const batchWrite = { writes: 2, results: 1, status: 2 } as const

async function failWrites(
  { keepBack, code, details = '' }: Extract<GrpcAction, { type: 'failWrites' }>,
  message: Buffer,
  pass: Call['pass']
): Promise<Answer> {
  let writes = 0
  const passed = fieldsOf(message).filter(({ field }) => field !== batchWrite.writes || !keepBack(writes++))
  const answer = await pass(Buffer.concat(passed.map(({ bytes }) => bytes)))
  const given = fieldsOf(answer.messages[0] ?? Buffer.alloc(0))
  const statuses = given.filter(({ field }) => field === batchWrite.status)
  const results = given.filter(({ field }) => field === batchWrite.results)
  let next = 0
  const parts = Array.from({ length: writes }, (_, index) => {
    const isKept = keepBack(index)
    const at = isKept ? -1 : next++
    const failed = statusMessage({ resultField: batchWrite.results, statusField: batchWrite.status, code, details })
    return isKept ? failed : [results[at]!.bytes, statuses[at]!.bytes]
  })
  return { ...answer, messages: [Buffer.concat(parts.flat())] }
}

async function readAll(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
