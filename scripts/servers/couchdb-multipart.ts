/** A document with its attachments in one request or answer, as CouchDB 3.5 takes and gives it: https://docs.couchdb.org/en/stable/api/document/common.html */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Refused } from './couchdb-documents.ts'
import { isObject, parseBody } from './couchdb-json.ts'
import type { JsonObject } from './couchdb-json.ts'
import type { Body } from './couchdb-request.ts'

const form = /^multipart\/related\s*;(?:.*;)?\s*boundary="?([^";]+)"?/i

export function isMultipart(request: IncomingMessage): boolean {
  return form.test(request.headers['content-type'] ?? '')
}

/**
 * The document, its attachments that follow as if they had stood in it.
 *
 * @throws {Refused} where what follows has not the length that the document says
 */
export async function readMultipart(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  const boundary = form.exec(request.headers['content-type']!)![1]!
  const start = body.indexOf(`--${boundary}\r\n`)
  if (start < 0) throw new Refused(400, 'bad_request', 'Missing boundary in multipart body')
  const separator = Buffer.from(`\r\n--${boundary}`)
  const json = partAt(body, start, body.indexOf(separator, start))
  const value = parseJson(json.toString('utf8'))
  const attachments = isObject(value) && isObject(value['_attachments']) ? value['_attachments'] : {}
  let at = body.indexOf(separator, start)
  for (const attachment of Object.values(attachments)) {
    if (!isObject(attachment) || attachment['follows'] !== true) continue
    const { length } = attachment
    const next = body.indexOf(separator, at + separator.length)
    const bytes = partAt(body, at + 2, next < 0 ? body.length : next)
    if (bytes.length !== length)
      throw new Refused(400, 'bad_request', `attachment ${bytes.length < Number(length) ? 'shorter' : 'longer'} than expected`)
    delete attachment['follows']
    delete attachment['length']
    attachment['data'] = bytes.toString('base64')
    at = next
  }
  return { value, bytes: json.length }
}

export function wantsMultipart(request: IncomingMessage): boolean {
  return /multipart\/(related|\*)/.test(request.headers.accept ?? '')
}

/** @param document with the data of its attachments, as base64 */
export function sendMultipart(response: ServerResponse, document: JsonObject): void {
  const boundary = randomBytes(16).toString('hex')
  const attachments = Object.entries(document['_attachments'] as Record<string, JsonObject>)
  const contents = attachments.map(([, { data }]) => Buffer.from(String(data), 'base64'))
  const listed = attachments.map(([name, { data: _data, ...stub }], index) => {
    return [name, { ...stub, length: contents[index]!.length, follows: true }] as const
  })
  const text = JSON.stringify({ ...document, _attachments: Object.fromEntries(listed) })
  const parts = attachments.flatMap(([name, { content_type: type }], index) => [
    `\r\n--${boundary}\r\nContent-Disposition: attachment; filename="${name}"\r\nContent-Type: ${String(type)}\r\nContent-Length: ${contents[index]!.length}\r\n\r\n`,
    contents[index]!
  ])
  const body = [`--${boundary}\r\nContent-Type: application/json\r\n\r\n${text}`, ...parts, `\r\n--${boundary}--`]
  response.writeHead(200, { 'Content-Type': `multipart/related; boundary="${boundary}"` })
  response.end(Buffer.concat(body.map(piece => Buffer.from(piece as string))))
}

/** What stands behind the headers of a part. */
function partAt(body: Buffer, start: number, end: number): Buffer {
  const head = body.indexOf('\r\n\r\n', start)
  return body.subarray(head + 4, end)
}

function parseJson(text: string): JsonObject {
  try {
    const value = parseBody(text)
    if (isObject(value)) return value
  } catch {
    // As for any other body.
  }
  throw new Refused(400, 'bad_request', 'invalid UTF-8 JSON')
}
