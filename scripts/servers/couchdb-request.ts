/** HTTP as CouchDB 3.5 speaks it: reading a request's body and query, and answering. */
import { isUtf8 } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { Refused } from './couchdb-documents.ts'
import { isObject, parseBody, stringifyBody } from './couchdb-json.ts'
import type { JsonObject } from './couchdb-json.ts'

/** Bytes of the whole request line, the HTTP server's receive buffer. */
const maxRequestLine = 8192

/** Whether the request line fits; if not, the real one answers with a bare 400 and closes. */
export function requestLineFits(request: IncomingMessage): boolean {
  return `${request.method} ${request.url} HTTP/1.1\r\n`.length <= maxRequestLine
}

export interface Body {
  readonly value: unknown
  /** Of the text, unpacked. */
  readonly bytes: number
}

/** @throws {Refused} for another content type or encoding, and for what is no JSON in UTF-8 */
export async function readJson(request: IncomingMessage, options: { readonly anyType?: boolean } = {}): Promise<Body> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  if (options.anyType !== true) requireJsonType(request)
  const bytes = unpack(Buffer.concat(chunks), request.headers['content-encoding'])
  if (!isUtf8(bytes)) throw invalidJson()
  try {
    return { value: parseBody(bytes.toString('utf8')), bytes: bytes.length }
  } catch (error) {
    if (error instanceof SyntaxError) throw invalidJson()
    throw error
  }
}

/** The same for a body that must be an object. */
export async function readObject(request: IncomingMessage): Promise<JsonObject> {
  const { value } = await readJson(request)
  if (!isObject(value)) throw new Refused(400, 'bad_request', 'Request body must be a JSON object')
  return value
}

export function requireJsonType(request: IncomingMessage): void {
  if (/^application\/json\b/i.test(request.headers['content-type'] ?? '')) return
  throw new Refused(415, 'bad_content_type', 'Content-Type must be application/json')
}

function unpack(bytes: Buffer, encoding: string | undefined): Buffer {
  if (encoding === undefined || encoding === 'identity') return bytes
  if (encoding !== 'gzip') throw new Refused(415, 'bad_content_type', `${encoding} is not a supported content encoding.`)
  try {
    return gunzipSync(bytes)
  } catch {
    // Whatever zlib says, the client sent no gzip.
    throw new Refused(400, 'bad_request', 'Request body is not properly gzipped.')
  }
}

function invalidJson(): Refused {
  return new Refused(400, 'bad_request', 'invalid UTF-8 JSON')
}

export function startAnswer(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, {
    'Cache-Control': 'must-revalidate',
    'Content-Type': 'application/json',
    Server: 'CouchDB/3.5.0 (express-pouchdb)',
    'X-Couch-Request-ID': randomBytes(5).toString('hex'),
    ...headers
  })
}

export function answer(response: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  const text = Buffer.from(`${stringifyBody(body)}\n`)
  startAnswer(response, status, { ...headers, 'Content-Length': String(text.length) })
  response.end(text)
}

/** Resolves when there is room for more. */
export async function sendPart(response: ServerResponse, text: string): Promise<void> {
  if (text === '' || response.write(text) || response.destroyed) return
  // A client that leaves never drains.
  await Promise.race([once(response, 'drain'), once(response, 'close')])
}

export function methodNotAllowed(allowed: string): Refused {
  return new Refused(405, 'method_not_allowed', `Only ${allowed} allowed`)
}

/** Parameters of `_all_docs` and `_changes`, from the query and, winning over it, a body. */
export class Parameters {
  readonly #query: URLSearchParams
  readonly #body: JsonObject

  constructor(query: URLSearchParams, body: JsonObject = {}) {
    this.#query = query
    this.#body = body
  }

  text(name: string): string | undefined {
    const given = this.#body[name]
    return given === undefined ? (this.#query.get(name) ?? undefined) : String(given)
  }

  /** A value written as JSON; undefined when it is not given. */
  json(...names: readonly string[]): unknown {
    for (const name of names) {
      if (this.#body[name] !== undefined) return this.#body[name]
      const text = this.#query.get(name)
      if (text === null) continue
      try {
        return parseBody(text)
      } catch {
        throw invalidJson()
      }
    }
    return undefined
  }

  flag(name: string): boolean | undefined {
    const text = this.text(name)
    if (text === undefined || text === 'true' || text === 'false') return text === undefined ? undefined : text === 'true'
    throw new Refused(400, 'query_parse_error', `Invalid boolean parameter: ${JSON.stringify(text)}`)
  }

  count(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    if (!/^-?\d+$/.test(text)) throw new Refused(400, 'query_parse_error', `Invalid value for integer: ${JSON.stringify(text)}`)
    if (text.startsWith('-')) throw new Refused(400, 'query_parse_error', `Invalid value for positive integer: ${JSON.stringify(text)}`)
    return Number(text)
  }
}
