/** CouchDB, and PouchDB behind its protocol, by plain HTTP with JSON text of our own making. */
import type { Document, Value } from '../../../lib/types.ts'
import { Decimal, doubleText, isMap, numberIdentity } from '../../../lib/values/index.ts'
import { pouchdbUrl } from '../../connectors/couchdb/pouchdb-server.ts'
import { basicAuth, servers, uniqueName } from '../../support/servers.ts'
import type { ServerWord } from './boundary.ts'
import type { RawServer } from './ends.ts'

export async function couchdbServer(): Promise<RawServer> {
  const { url, user, password } = await servers.couchdb()
  return await open({ url, user, password }, process.env['COUCHDB_URL'] === undefined)
}

export async function pouchdbServer(): Promise<RawServer> {
  return await open({ url: await pouchdbUrl() }, true)
}

interface Options {
  readonly url: string
  readonly user?: string
  readonly password?: string
}

/** What Apache CouchDB answers to a document that it takes no further; 500 where it stumbles over it. */
const refusals = [400, 413, 500]

async function open(options: Options, isEmulator: boolean): Promise<RawServer> {
  const { url, user = '', password = '' } = options
  const headers = { 'content-type': 'application/json', ...(user && { authorization: basicAuth(user, password) }) }
  const ask = async (method: string, path: string, body?: string): Promise<{ status: number; text: string }> => {
    const response = await fetch(`${url}/${path}`, { method, headers, body })
    return { status: response.status, text: await response.text() }
  }
  const collection = uniqueName('walk')

  async function put(document: Document): Promise<ServerWord> {
    const sent = jsonText(document)
    const written = await ask('POST', `${collection}/_bulk_docs`, `{"docs":[${sent}]}`)
    if (refusals.includes(written.status) && !(isEmulator && written.status === 500)) return 'refused'
    const [outcome] = JSON.parse(written.text) as { rev?: string; error?: string }[]
    if (written.status !== 201 || outcome?.rev === undefined) throw new Error(`writing: ${written.status} ${written.text.slice(0, 300)}`)
    const path = `${collection}/${encodeURIComponent(document._id)}`
    const held = await ask('GET', path)
    if (held.status !== 200) throw new Error(`reading: ${held.status} ${held.text.slice(0, 300)}`)
    await ask('DELETE', `${path}?rev=${outcome.rev}`)
    return comparable(held.text) === comparable(sent) ? 'taken' : 'changed'
  }

  async function make(name: string): Promise<ServerWord> {
    const { status, text } = await ask('PUT', encodeURIComponent(name))
    if (status === 400) return 'refused'
    if (status !== 201) throw new Error(`creating: ${status} ${text.slice(0, 300)}`)
    await ask('DELETE', encodeURIComponent(name))
    return 'taken'
  }

  async function close(): Promise<void> {
    await ask('DELETE', collection)
  }

  await ask('PUT', collection)
  return { endpoint: { connector: 'couchdb', options }, collection, isEmulator, put, make, close }
}

function jsonText(value: Value): string {
  if (typeof value === 'bigint' || value instanceof Decimal) return String(value)
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : doubleText(value)
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`
  if (!isMap(value)) return JSON.stringify(value)
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${jsonText(member)}`)
  return `{${members.join(',')}}`
}

const stringOrNumber = /"[^"\\]*(?:\\[^][^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

/** The document's text without what is CouchDB's own and with one form for equal strings and for equal numbers. */
function comparable(json: string): string {
  const same = json
    .trim()
    .replace(stringOrNumber, token => (token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : numberIdentity(token)))
  return same.replace(/"_(?:id|rev)":"(?:[^"\\]|\\.)*",?/g, '').replace(/,}$/, '}')
}
