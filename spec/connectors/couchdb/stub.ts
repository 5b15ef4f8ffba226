/** A server that answers what a spec says, also what no CouchDB should. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { couchdbConnector } from '../../../lib/connectors/couchdb/index.ts'
import type { CouchdbOptions } from '../../../lib/connectors/couchdb/index.ts'
import type { OpenContext, Source, Target } from '../../../lib/types.ts'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: string
  readonly authorization: string | undefined
}

export interface Reply {
  /** Default 200. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  /** Bytes of the body after which the connection is cut. */
  readonly cutAfter?: number
  /** Never answer. */
  readonly silent?: boolean
}

export type Script = (asked: Asked, number: number) => Reply | undefined

export interface Stub {
  readonly url: string
  /** What was asked, the greeting aside. */
  readonly asked: Asked[]
  /** Called for every request but the greeting; what it leaves open is a 404. */
  script: Script
  /** What `GET /` answers. */
  welcome: Reply | (() => Reply)
  stop(): Promise<void>
}

export async function startStub(script: Script = () => undefined): Promise<Stub> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://stub')
      const exchange: Asked = {
        method: request.method ?? '',
        path: decodeURIComponent(pathname),
        query: searchParams,
        body: Buffer.concat(chunks).toString(),
        authorization: request.headers.authorization
      }
      let reply: Reply | undefined
      if (pathname === '/') reply = typeof stub.welcome === 'function' ? stub.welcome() : stub.welcome
      else if (pathname === '/_session') reply = json({ ok: true, userCtx: { name: 'admin', roles: ['_admin'] } })
      else reply = stub.script(exchange, asked.push(exchange))
      const { status = 200, headers = {}, body = '', cutAfter, silent } = reply ?? json({ error: 'not_found', reason: 'missing' }, 404)
      if (silent) return
      const bytes = Buffer.from(body)
      response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length, ...headers })
      if (cutAfter === undefined) response.end(bytes)
      else response.write(bytes.subarray(0, cutAfter), () => response.destroy())
    })
  })
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  const stub: Stub = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    script,
    welcome: json({ couchdb: 'Welcome', version: '3.5.0' }),
    async stop() {
      server.closeAllConnections()
      await new Promise(closed => server.close(closed))
    }
  }
  return stub
}

export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers, body: JSON.stringify(value) }
}

/** `_all_docs` as Apache CouchDB writes it: a row a line, CR LF between them. */
export function allDocs(documents: readonly string[]): string {
  const rows = documents.map(text => {
    const { _id, _rev } = JSON.parse(text) as { _id: string; _rev: string }
    return `{"id":${JSON.stringify(_id)},"key":${JSON.stringify(_id)},"value":{"rev":"${_rev}"},"doc":${text}}`
  })
  return `{"total_rows":${rows.length},"offset":0,"rows":[\r\n${rows.join(',\r\n')}\r\n]}\n`
}

export function document(id: string, fields = ''): string {
  return `{"_id":${JSON.stringify(id)},"_rev":"1-a"${fields && `,${fields}`}}`
}

const ignore = (): void => undefined
export const context: OpenContext = { logger: { debug: ignore, info: ignore, warn: ignore, error: ignore } }

export function openSource(options: CouchdbOptions): Promise<Source> {
  return couchdbConnector.openSource(options, context)
}

export async function openTarget(options: CouchdbOptions): Promise<Target<string>> {
  return (await couchdbConnector.openTarget(options, context)) as Target<string>
}

/** The error that a promise ends with. */
export async function errorOf(promise: Promise<unknown>): Promise<Error & { code?: string; retryable?: boolean; retryAfterMs?: number }> {
  return promise.then(
    () => {
      throw new Error('no error')
    },
    (error: Error) => error
  )
}
