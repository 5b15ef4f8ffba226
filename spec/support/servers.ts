/**
 * The real servers for specs: each is started on first use in this mocha process and stopped after the last spec. Importing this module
 * is all that a spec file needs to do, also when it is run alone.
 */
import { randomBytes } from 'node:crypto'
import { startServer } from '../../scripts/servers/index.ts'
import type { Server, ServerName } from '../../scripts/servers/index.ts'

// The Firestore client looks for Google's metadata server and the AWS SDK speaks of Node 20, unless told not to.
process.env['METADATA_SERVER_DETECTION'] ??= 'none'
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'

type Environment = Readonly<Record<string, string>>

export interface CouchdbServer {
  /** Without credentials and trailing slash. */
  readonly url: string
  readonly user: string
  readonly password: string
  /** COUCHDB_URL, COUCHDB_USER, COUCHDB_PASSWORD: for `configure` and for the CLI. */
  readonly environment: Environment
}

export interface FirestoreServer {
  /** `127.0.0.1:8080` */
  readonly host: string
  /** Shared by all specs; `isolatedProject()` gives one that is empty. */
  readonly project: string
  /** FIRESTORE_EMULATOR_HOST, GOOGLE_CLOUD_PROJECT. */
  readonly environment: Environment
}

export interface DynamodbServer {
  readonly endpoint: string
  readonly region: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** DYNAMODB_ENDPOINT_URL, DYNAMODB_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY. */
  readonly environment: Environment
}

const started = new Map<ServerName, Promise<Server>>()
let stopping = false

async function environmentOf(name: ServerName): Promise<Environment> {
  let server = started.get(name)
  if (server === undefined) {
    server = startServer(name, { isShortLived: true })
    started.set(name, server)
    const { ended } = await server
    void ended?.then(output => {
      if (!stopping) process.stderr.write(`The ${name} server ended by itself. The end of what it printed:\n${output}\n`)
    })
  }
  return (await server).environment
}

/** Stops what was started; called by the hook below, or by a script that uses these servers outside mocha. */
export async function stopServers(): Promise<void> {
  stopping = true
  const all = await Promise.allSettled(started.values())
  started.clear()
  await Promise.all(all.flatMap(result => (result.status === 'fulfilled' ? [result.value.stop()] : [])))
  stopping = false
}

// A hook outside any describe belongs to the whole run.
if (typeof after === 'function') {
  after('stop the servers', async function () {
    this.timeout(30_000)
    await stopServers()
  })
}

export const servers = {
  async couchdb(): Promise<CouchdbServer> {
    const environment = await environmentOf('couchdb')
    const url = new URL(environment['COUCHDB_URL']!)
    const user = environment['COUCHDB_USER'] ?? decodeURIComponent(url.username)
    const password = environment['COUCHDB_PASSWORD'] ?? decodeURIComponent(url.password)
    url.username = ''
    url.password = ''
    const plain = url.href.replace(/\/$/, '')
    return { url: plain, user, password, environment: { COUCHDB_URL: plain, COUCHDB_USER: user, COUCHDB_PASSWORD: password } }
  },

  async firestore(): Promise<FirestoreServer> {
    const environment = await environmentOf('firestore')
    return { host: environment['FIRESTORE_EMULATOR_HOST']!, project: environment['GOOGLE_CLOUD_PROJECT']!, environment }
  },

  async dynamodb(): Promise<DynamodbServer> {
    const environment = await environmentOf('dynamodb')
    return {
      endpoint: environment['DYNAMODB_ENDPOINT_URL']!,
      region: environment['DYNAMODB_REGION']!,
      credentials: { accessKeyId: environment['AWS_ACCESS_KEY_ID']!, secretAccessKey: environment['AWS_SECRET_ACCESS_KEY']! },
      environment
    }
  }
}

/** A Firestore project that nobody else uses: the emulator makes projects by naming them. */
export function isolatedProject(): string {
  return `docferry-${randomBytes(6).toString('hex')}`
}

/** A collection name of a spec's own that every database takes: lower-case letters, digits and hyphens. */
export function uniqueName(prefix = 'spec'): string {
  return `${prefix.toLowerCase().replaceAll(/[^a-z0-9-]/g, '-')}-${randomBytes(5).toString('hex')}`
}

export interface CouchdbUser {
  readonly user: string
  readonly password: string
  remove(): Promise<void>
}

/**
 * A CouchDB user without rights, for specs of wrong passwords and missing permission: five wrong passwords lock a user for minutes, so
 * the admin's must never be used for that.
 */
export async function createCouchdbUser(): Promise<CouchdbUser> {
  const { url, user, password } = await servers.couchdb()
  const headers = { authorization: basicAuth(user, password), 'content-type': 'application/json' }
  const name = uniqueName('user')
  const secret = randomBytes(8).toString('hex')
  const database = await fetch(`${url}/_users`, { method: 'PUT', headers })
  if (!database.ok && database.status !== 412) throw new Error(`PUT _users: ${database.status}`)
  const address = `${url}/_users/org.couchdb.user:${name}`
  const body = JSON.stringify({ name, password: secret, roles: [], type: 'user' })
  const created = await fetch(address, { method: 'PUT', headers, body })
  if (!created.ok) throw new Error(`PUT _users/${name}: ${created.status}`)
  const { rev } = (await created.json()) as { rev: string }
  return {
    user: name,
    password: secret,
    async remove() {
      const removed = await fetch(`${address}?rev=${rev}`, { method: 'DELETE', headers })
      if (!removed.ok) throw new Error(`DELETE _users/${name}: ${removed.status}`)
    }
  }
}

export function basicAuth(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}
