/**
 * A proxy that makes a healthy server misbehave on demand, for anything that speaks HTTP/1 (CouchDB, DynamoDB); `startTcpProxy` is for
 * anything else on a connection (Firestore's gRPC). Without faults both pass everything on unchanged.
 *
 *     const proxy = await startFaultProxy({ target: server.url })
 *     proxy.faults.push({ match: request => request.path.endsWith('/_bulk_docs'), action: { type: 'cut', afterBytes: 100 } })
 *     ... connect to proxy.url ...
 *     await proxy.close()
 */
import { once } from 'node:events'
import { createServer, request as startRequest } from 'node:http'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { listen } from './tcp-proxy.ts'

export { startTcpProxy } from './tcp-proxy.ts'
export type { TcpProxy } from './tcp-proxy.ts'

/** A request as it reached the proxy, with its whole body. */
export interface ProxyRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
  /** DynamoDB's operation, from the header: `BatchWriteItem`. */
  readonly operation: string | undefined
  /** Counted from 1, in the order of coming. */
  readonly number: number
}

export type FaultAction =
  /** Pass on, and close the connection after so many bytes of the answer's body (0: after its head). A shorter answer arrives whole. */
  | { readonly type: 'cut'; readonly afterBytes: number }
  /** Pass on, let the target do its work, and close the connection instead of answering. */
  | { readonly type: 'loseAnswer' }
  /** Close the connection without passing anything on. */
  | { readonly type: 'refuse' }
  /** Answer without passing anything on. */
  | { readonly type: 'answer'; readonly status: number; readonly headers?: OutgoingHttpHeaders; readonly body?: string | object }
  /** Answer 429 (or 503), with Retry-After where a wait is given, without passing anything on. */
  | { readonly type: 'throttle'; readonly status?: 429 | 503; readonly retryAfterSeconds?: number }
  /** Answer with an error of DynamoDB, without passing anything on: `ThrottlingException`, `ProvisionedThroughputExceededException`. */
  | { readonly type: 'dynamodbError'; readonly name: string; readonly message?: string; readonly status?: number }
  /** Keep back the writes of a BatchWriteItem for which `keepBack` is true, pass on the others, and report the kept as unprocessed. */
  | { readonly type: 'unprocessed'; readonly keepBack: (write: unknown, index: number) => boolean }
  /** Pass on only when the promise settles. */
  | { readonly type: 'holdUntil'; readonly until: Promise<unknown> }
  /** Never answer, never pass on. */
  | { readonly type: 'stall' }

export interface Fault {
  /** Default: every request. */
  readonly match?: (request: ProxyRequest) => boolean
  /** How many requests it hits before it is used up; default 1. */
  readonly times?: number
  readonly action: FaultAction
}

export interface FaultProxy {
  /** Where the clients go: `http://127.0.0.1:port`. */
  readonly url: string
  /** The first that matches a request acts. Those that are used up leave the list. */
  readonly faults: Fault[]
  /** All requests so far, oldest first; bodies are dropped with `forget`. */
  readonly requests: readonly ProxyRequest[]
  /** Requests that no answer has been sent for yet. */
  readonly pending: number
  /** The most that were pending at once. */
  readonly maxPending: number
  count(match?: (request: ProxyRequest) => boolean): number
  /** Resolves once so many requests have come that match, those of before included. */
  waitFor(match: (request: ProxyRequest) => boolean, times?: number): Promise<void>
  /** Empties the list of requests and the counts. */
  forget(): void
  /** Closes every connection, also stalled ones. */
  close(): Promise<void>
}

export async function startFaultProxy(options: { readonly target: string }): Promise<FaultProxy> {
  const target = new URL(options.target)
  const requests: ProxyRequest[] = []
  const faults: Fault[] = []
  const used = new Map<Fault, number>()
  const waiting = new Set<() => void>()
  let number = 0
  let pending = 0
  let maxPending = 0

  const takeFault = (request: ProxyRequest): Fault | undefined => {
    const fault = faults.find(({ match }) => match === undefined || match(request))
    if (fault === undefined) return undefined
    const hits = (used.get(fault) ?? 0) + 1
    used.set(fault, hits)
    if (hits >= (fault.times ?? 1)) {
      faults.splice(faults.indexOf(fault), 1)
      used.delete(fault)
    }
    return fault
  }

  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    maxPending = Math.max(maxPending, ++pending)
    response.once('close', () => pending--)
    const request = describe(incoming, await readAll(incoming), ++number)
    requests.push(request)
    for (const check of waiting) check()
    await act(target, request, takeFault(request)?.action, response)
  }

  const server = createServer((incoming, response) => {
    // A client that gives up, or a target that closes, ends its own connection only.
    handle(incoming, response).catch(() => response.destroy())
  })
  const url = `http://127.0.0.1:${await listen(server)}`
  const count = (match: (request: ProxyRequest) => boolean = () => true): number => requests.filter(match).length
  return {
    url,
    faults,
    requests,
    get pending() {
      return pending
    },
    get maxPending() {
      return maxPending
    },
    count,
    waitFor: (match, times = 1) =>
      new Promise(resolve => {
        const check = (): void => {
          if (count(match) < times) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
      }),
    forget() {
      requests.length = 0
      maxPending = pending
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    }
  }
}

function describe(incoming: IncomingMessage, body: Buffer, number: number): ProxyRequest {
  const { method, url, headers } = incoming
  const operation = headers['x-amz-target']?.toString().split('.')[1]
  return { method: method!, path: url!, headers, body, operation, number }
}

async function act(target: URL, request: ProxyRequest, action: FaultAction | undefined, response: ServerResponse): Promise<void> {
  switch (action?.type) {
    case undefined:
      return passOn(await ask(target, request), response)
    case 'holdUntil':
      await action.until
      return passOn(await ask(target, request), response)
    case 'cut':
      return cutAfter(await ask(target, request), response, action.afterBytes)
    case 'loseAnswer':
      await readAll(await ask(target, request))
      response.destroy()
      return
    case 'refuse':
      response.destroy()
      return
    case 'answer':
      return answer(response, action.status, action.body ?? '', action.headers)
    case 'throttle': {
      const { status = 429, retryAfterSeconds } = action
      const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }
      return answer(response, status, { error: status === 429 ? 'too_many_requests' : 'service_unavailable', reason: 'slow down' }, headers)
    }
    case 'dynamodbError': {
      const { name, message = name, status = 400 } = action
      const body = { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message }
      return answer(response, status, body, { 'content-type': 'application/x-amz-json-1.0' })
    }
    case 'unprocessed':
      return await keepBack(target, request, action.keepBack, response)
    case 'stall':
      return
  }
}

/** The target's answer to a request, once its head is there. */
async function ask(target: URL, request: ProxyRequest, body = request.body): Promise<IncomingMessage> {
  const headers = { ...request.headers, host: target.host, connection: 'close', 'content-length': String(body.length) }
  delete (headers as OutgoingHttpHeaders)['transfer-encoding']
  // A pattern of '*' and other odd forms of a path go on as they came.
  const asked = startRequest({ hostname: target.hostname, port: target.port, method: request.method, path: request.path, headers })
  asked.end(body)
  const [reply] = (await once(asked, 'response')) as [IncomingMessage]
  return reply
}

function head(reply: IncomingMessage): OutgoingHttpHeaders {
  const { connection: _connection, 'keep-alive': _keepAlive, ...headers } = reply.headers
  return headers
}

async function passOn(reply: IncomingMessage, response: ServerResponse): Promise<void> {
  response.writeHead(reply.statusCode!, head(reply))
  // A feed may be silent for long: a client that leaves it must not wait for its next line.
  response.once('close', () => reply.destroy())
  // Each wait for room leaves a listener behind until the answer is whole.
  response.setMaxListeners(0)
  for await (const chunk of reply) {
    if (!response.write(chunk)) await Promise.race([once(response, 'drain'), once(response, 'close')])
    if (response.destroyed) return
  }
  response.end()
}

async function cutAfter(reply: IncomingMessage, response: ServerResponse, bytes: number): Promise<void> {
  response.writeHead(reply.statusCode!, head(reply))
  response.flushHeaders()
  let left = bytes
  for await (const chunk of reply) {
    const part = (chunk as Buffer).subarray(0, left)
    left -= part.length
    if (part.length > 0) await new Promise<void>(resolve => response.write(part, () => resolve()))
    if (left === 0) break
  }
  reply.destroy()
  // What was written has left this process; ending the socket lets it arrive before the connection closes.
  response.socket?.destroySoon()
}

async function keepBack(
  target: URL,
  request: ProxyRequest,
  keeps: (write: unknown, index: number) => boolean,
  response: ServerResponse
): Promise<void> {
  const asked = JSON.parse(request.body.toString()) as { RequestItems: Record<string, unknown[]> }
  const kept: Record<string, unknown[]> = {}
  const passed: Record<string, unknown[]> = {}
  let index = 0
  for (const [table, writes] of Object.entries(asked.RequestItems)) {
    for (const write of writes) ((keeps(write, index++) ? kept : passed)[table] ??= []).push(write)
  }
  const headers = { 'content-type': 'application/x-amz-json-1.0' }
  if (Object.keys(passed).length === 0) return answer(response, 200, { UnprocessedItems: kept }, headers)
  const reply = await ask(target, request, Buffer.from(JSON.stringify({ ...asked, RequestItems: passed })))
  const text = (await readAll(reply)).toString()
  if (reply.statusCode !== 200) return answer(response, reply.statusCode!, text, headers)
  const answered = JSON.parse(text) as { UnprocessedItems?: Record<string, unknown[]> }
  const unprocessed = { ...answered.UnprocessedItems }
  for (const [table, writes] of Object.entries(kept)) unprocessed[table] = [...(unprocessed[table] ?? []), ...writes]
  answer(response, 200, { ...answered, UnprocessedItems: unprocessed }, headers)
}

function answer(response: ServerResponse, status: number, body: string | object, headers: OutgoingHttpHeaders = {}): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', ...headers, 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
