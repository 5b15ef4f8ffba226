/**
 * All documents of a database, by lines and JSON.parse in two key ranges: no checks, nothing kept. As a process of its own:
 * `node bare-couchdb.js DATABASE MIDDLE`, with the server in COUCHDB_URL, COUCHDB_USER and COUCHDB_PASSWORD.
 */
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { fileURLToPath } from 'node:url'

export interface CouchdbServer {
  /** Of plain HTTP, without credentials. */
  readonly url: string
  readonly user: string
  readonly password: string
}

export interface RangesOptions {
  readonly database: string
  /** The id at which the second range begins. */
  readonly middle: string
  /** Told each document; what it gives is waited for. */
  readonly take?: (document: Record<string, unknown>) => Promise<void> | undefined
}

/** @returns how many documents there are */
export async function readRanges(server: CouchdbServer, { middle, ...options }: RangesOptions): Promise<number> {
  const key = encodeURIComponent(JSON.stringify(middle))
  const ranges = [`endkey=${key}&inclusive_end=false`, `startkey=${key}`]
  return (await Promise.all(ranges.map(range => readRange(server, range, options)))).reduce((a, b) => a + b)
}

async function readRange(
  { url, user, password }: CouchdbServer,
  range: string,
  { database, take }: Omit<RangesOptions, 'middle'>
): Promise<number> {
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const answer = await new Promise<IncomingMessage>((resolve, reject) =>
    request(`${url}/${database}/_all_docs?include_docs=true&${range}`, { headers: { authorization } }, resolve).on('error', reject).end()
  )
  let count = 0
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    let start = 0
    for (let lineEnd = bytes.indexOf(10); lineEnd !== -1; lineEnd = bytes.indexOf(10, start)) {
      const line = bytes.toString('utf8', start, lineEnd).trimEnd()
      start = lineEnd + 1
      if (!line.startsWith('{"id"')) continue
      const { doc } = JSON.parse(line.endsWith(',') ? line.slice(0, -1) : line) as { doc: Record<string, unknown> }
      count++
      const wait = take?.(doc)
      if (wait) await wait
    }
    rest = bytes.subarray(start)
  }
  return count
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [database = '', middle = ''] = process.argv.slice(2)
  const { COUCHDB_URL: url = '', COUCHDB_USER: user = '', COUCHDB_PASSWORD: password = '' } = process.env
  await readRanges({ url, user, password }, { database, middle })
}
