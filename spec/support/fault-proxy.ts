/**
 * A proxy that makes a healthy server misbehave on demand, for anything that speaks HTTP/1 (CouchDB, DynamoDB); `startGrpcProxy` does
 * so for gRPC (Firestore), `startTcpProxy` for anything else on a connection. Without faults both pass everything on unchanged.
 *
 *     const proxy = await startFaultProxy({ target: server.url })
 *     proxy.faults.push({ match: request => request.path.endsWith('/_bulk_docs'), action: { type: 'cut', afterBytes: 100 } })
 *     ... connect to proxy.url ...
 *     await proxy.close()
 */
import { once } from 'node:events'
import { createServer, request as startRequest } from 'node:http'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { FaultList } from './fault-list.ts'
import type { FaultOf, FaultRecord } from './fault-list.ts'
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
  /** The same by a reset (RST), as from a process that died. */
  | { readonly type: 'reset' }
  /** Answer without passing anything on; or, with `passes`, once the target has done its work. */
  | {
      readonly type: 'answer'
      readonly passes?: boolean
      readonly status: number
      readonly headers?: OutgoingHttpHeaders
      readonly body?: string | object | ((request: ProxyRequest) => object)
    }
  /** Answer 429 (or 503), with Retry-After where a wait is given, without passing anything on. */
  | { readonly type: 'throttle'; readonly status?: 429 | 503; readonly retryAfterSeconds?: number }
  /** Answer with an error of DynamoDB, without passing anything on: `ThrottlingException`, `ProvisionedThroughputExceededException`. */
  | { readonly type: 'dynamodbError'; readonly name: string; readonly message?: string; readonly status?: number }
  /** Keep back the writes of a BatchWriteItem for which `keepBack` is true, pass on the others, and report the kept as unprocessed. */
  | { readonly type: 'unprocessed'; readonly keepBack: (write: unknown, index: number) => boolean }
  /** Answer a TransactWriteItems with TransactionCanceledException and a reason (`None`) for each action, without passing anything on. */
  | { readonly type: 'cancelTransaction'; readonly reasonFor: (action: unknown, index: number) => string }
  /**
   * Keep back the documents of CouchDB's `_bulk_docs` for which `keepBack` is true, pass on the others, and report the kept with an error. `passesAll`: these are
   * passed on too.
   */
  | {
      readonly type: 'failRows'
      readonly keepBack: (index: number) => boolean
      readonly error: string
      readonly reason?: string
      readonly passesAll?: boolean
    }
  /** Pass on only when the promise settles. */
  | { readonly type: 'holdUntil'; readonly until: Promise<unknown> | (() => Promise<unknown>) }
  /** Never answer, never pass on; or pass on, and say no more after so many bytes of the answer's body. */
  | { readonly type: 'stall'; readonly afterBytes?: number }

export type Fault = FaultOf<ProxyRequest, FaultAction>

export interface FaultProxy extends FaultRecord<ProxyRequest, FaultAction> {
  /** Where the clients go: `http://127.0.0.1:port`. */
  readonly url: string
  /** Requests that no answer has been sent for yet. */
  readonly pending: number
  /** The most that were pending at once. */
  readonly maxPending: number
  /** Closes every connection, and from then on nothing listens: the system itself refuses new ones. */
  goDown(): Promise<void>
  /** Listens again, in the same place. */
  comeBack(): Promise<void>
  /** Closes every connection, also stalled ones. */
  close(): Promise<void>
}

export async function startFaultProxy(options: { readonly target: string }): Promise<FaultProxy> {
  const target = new URL(options.target)
  const list = new FaultList<ProxyRequest, FaultAction>()
  let number = 0
  let pending = 0
  let maxPending = 0

  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    maxPending = Math.max(maxPending, ++pending)
    response.once('close', () => pending--)
    const request = describe(incoming, await readAll(incoming), ++number)
    const action = list.add(request)
    if (!server.listening) list.cutAll()
    response.once('close', () => list.end(request, response.writableFinished))
    await act(target, request, action, response)
  }

  const server = createServer((incoming, response) => {
    // A client that gives up, or a target that closes, ends its own connection only.
    handle(incoming, response).catch(() => response.destroy())
  })
  const port = await listen(server)
  const goDown = async (): Promise<void> => {
    const closed = once(server, 'close')
    list.cutAll()
    server.close()
    server.closeAllConnections()
    await closed
  }
  return {
    url: `http://127.0.0.1:${port}`,
    faults: list.faults,
    requests: list.requests,
    hit: list.hit,
    get hits() {
      return list.hits
    },
    givenUp: list.givenUp,
    get pending() {
      return pending
    },
    get maxPending() {
      return maxPending
    },
    count: match => list.count(match),
    waitFor: (match, times) => list.waitFor(match, times),
    forget() {
      list.forget()
      maxPending = pending
    },
    goDown,
    comeBack: async () => void (await listen(server, port)),
    async close() {
      if (server.listening) await goDown()
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
      await (typeof action.until === 'function' ? action.until() : action.until)
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
    case 'reset':
      response.socket?.resetAndDestroy()
      return
    case 'answer': {
      const { passes = false, status, body = '', headers } = action
      if (passes) await readAll(await ask(target, request))
      return answer(response, status, typeof body === 'function' ? body(request) : body, headers)
    }
    case 'throttle': {
      const { status = 429, retryAfterSeconds } = action
      const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }
      return answer(response, status, { error: status === 429 ? 'too_many_requests' : 'service_unavailable', reason: 'slow down' }, headers)
    }
    case 'dynamodbError':
      return dynamodbError(response, action)
    case 'cancelTransaction': {
      const { TransactItems } = JSON.parse(request.body.toString()) as { TransactItems: unknown[] }
      const reasons = TransactItems.map((item, index) => ({ Code: action.reasonFor(item, index) }))
      const message = `Transaction cancelled, please refer cancellation reasons for specific reasons [${reasons.map(({ Code }) => Code).join(', ')}]`
      return dynamodbError(response, { name: 'TransactionCanceledException', message }, { CancellationReasons: reasons })
    }
    case 'unprocessed':
      return await keepBack(target, request, action.keepBack, response)
    case 'failRows':
      return await failRows(target, request, action, response)
    case 'stall':
      if (action.afterBytes !== undefined) await sendPart(await ask(target, request), response, action.afterBytes)
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
  await sendPart(reply, response, bytes)
  // What was written has left this process; ending the socket lets it arrive before the connection closes.
  response.socket?.destroySoon()
}

/** The answer's head, and so many bytes of its body; the rest of it is dropped. */
async function sendPart(reply: IncomingMessage, response: ServerResponse, bytes: number): Promise<void> {
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
}

async function failRows(
  target: URL,
  request: ProxyRequest,
  { keepBack, error, reason, passesAll = false }: Extract<FaultAction, { type: 'failRows' }>,
  response: ServerResponse
): Promise<void> {
  const { docs, ...rest } = JSON.parse(request.body.toString()) as { docs: { _id: string }[] }
  const passed = docs.filter((_, index) => passesAll || !keepBack(index))
  const reply = await ask(target, request, Buffer.from(JSON.stringify({ ...rest, docs: passed })))
  const text = (await readAll(reply)).toString()
  if (reply.statusCode !== 201) return answer(response, reply.statusCode!, text)
  const rows = JSON.parse(text) as object[]
  let next = 0
  const all = docs.map(({ _id: id }, index) => {
    const row = passesAll || !keepBack(index) ? rows[next++] : undefined
    return keepBack(index) ? { id, error, reason } : row
  })
  answer(response, 201, all)
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

function dynamodbError(
  response: ServerResponse,
  { name, message = name, status = 400 }: { readonly name: string; readonly message?: string; readonly status?: number },
  more: object = {}
): void {
  const body = { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message, ...more }
  answer(response, status, body, { 'content-type': 'application/x-amz-json-1.0' })
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
