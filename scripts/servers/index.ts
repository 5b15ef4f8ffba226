/** The real servers that tests and people run docferry against. */
import { startCouchdb } from './couchdb.ts'
import { fetchDynamodbLocal, startDynamodbLocal } from './dynamodb-local.ts'
import { findFirestoreJar, startFirestoreEmulator } from './firestore-emulator.ts'
import type { RunningServer } from './launch.ts'
import { findJava } from './tools.ts'
import type { Log } from './tools.ts'

export const serverNames = ['couchdb', 'firestore', 'dynamodb'] as const
export type ServerName = (typeof serverNames)[number]

export interface ServerOptions {
  readonly log?: Log
  /** Soon warm, for minutes of many small requests; without it, fast in the long run. */
  readonly isShortLived?: boolean
  readonly signal?: AbortSignal
}

/** A server that was started here, or one that the environment names. */
export interface Server {
  readonly name: ServerName
  /** The variables that tell docferry, and a person's shell, how to reach it. */
  readonly environment: Readonly<Record<string, string>>
  /** Process id of a server that was started here. */
  readonly pid?: number
  /** Settles when a server that was started here has ended, with its last lines; absent for one that was there before. */
  readonly ended?: Promise<string>
  /** Does nothing to a server that was there before. */
  stop(): Promise<void>
}

export interface Servers {
  readonly servers: readonly Server[]
  /** Of all of them together. */
  readonly environment: Readonly<Record<string, string>>
  stop(): Promise<void>
}

/** A server is used instead of started when the first of its variables is set. */
const variables: Readonly<Record<ServerName, readonly string[]>> = {
  couchdb: ['COUCHDB_URL', 'COUCHDB_USER', 'COUCHDB_PASSWORD'],
  firestore: ['FIRESTORE_EMULATOR_HOST', 'GOOGLE_CLOUD_PROJECT'],
  dynamodb: ['DYNAMODB_ENDPOINT_URL', 'DYNAMODB_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']
}

/** What a started server, or one whose other variables are not set, is used with. DynamoDB Local takes any credentials. */
const defaults: Readonly<Record<ServerName, Readonly<Record<string, string>>>> = {
  couchdb: {},
  firestore: { GOOGLE_CLOUD_PROJECT: 'docferry', METADATA_SERVER_DETECTION: 'none' },
  dynamodb: { DYNAMODB_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'docferry', AWS_SECRET_ACCESS_KEY: 'docferry' }
}

const quiet: Log = () => undefined

/**
 * Start several servers at once, or take those that the environment names.
 *
 * @throws {Error} when one can't be had, after stopping the others; the message says what to install
 */
export async function startServers(options: ServerOptions & { readonly which?: readonly ServerName[] } = {}): Promise<Servers> {
  const { which = serverNames } = options
  const results = await Promise.allSettled(which.map(name => startServer(name, options)))
  const servers = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map(server => server.stop()))
  }
  const failed = results.find(result => result.status === 'rejected')
  if (failed !== undefined) {
    await stop()
    throw failed.reason
  }
  return { servers, environment: Object.assign({}, ...servers.map(server => server.environment)) as Record<string, string>, stop }
}

/** Whether the environment names a server, which all processes then share. */
export function isServerGiven(): boolean {
  return serverNames.some(name => Boolean(process.env[variables[name][0]!]))
}

export async function startServer(name: ServerName, options: ServerOptions = {}): Promise<Server> {
  const given = Object.fromEntries(variables[name].flatMap(key => (process.env[key] ? [[key, process.env[key]]] : [])))
  if (given[variables[name][0]!] !== undefined) {
    return { name, environment: { ...defaults[name], ...given }, stop: () => Promise.resolve() }
  }
  const { log = quiet, isShortLived = false, signal } = options
  const { server, address } = await starters[name]({ log, isShortLived, signal })
  log(`${name}: pid ${server.pid}, port ${server.port}`)
  return { name, environment: { ...address, ...defaults[name] }, pid: server.pid, ended: server.ended, stop: () => server.stop() }
}

interface Started {
  readonly server: RunningServer
  readonly address: Readonly<Record<string, string>>
}

const starters: Readonly<Record<ServerName, (options: { log: Log; isShortLived: boolean; signal?: AbortSignal }) => Promise<Started>>> = {
  async couchdb(options) {
    const server = await startCouchdb(options)
    const { port, user, password } = server
    return { server, address: { COUCHDB_URL: `http://127.0.0.1:${port}`, COUCHDB_USER: user, COUCHDB_PASSWORD: password } }
  },
  async firestore(options) {
    const server = await startFirestoreEmulator(options)
    return { server, address: { FIRESTORE_EMULATOR_HOST: `127.0.0.1:${server.port}` } }
  },
  async dynamodb(options) {
    const server = await startDynamodbLocal(options)
    return { server, address: { DYNAMODB_ENDPOINT_URL: `http://127.0.0.1:${server.port}` } }
  }
}

/**
 * See to it that everything is there that starting takes (downloads, Java), so that what is missing shows at once and by name,
 * and no start takes long.
 *
 * @throws {AggregateError} with one error per thing that is missing
 */
export async function prepareServers(options: ServerOptions = {}): Promise<void> {
  const { log = quiet, signal } = options
  const wanted = serverNames.filter(name => !process.env[variables[name][0]!])
  const checks: Promise<unknown>[] = []
  if (wanted.includes('dynamodb')) checks.push(fetchDynamodbLocal({ log, signal }))
  if (wanted.includes('firestore')) checks.push(findFirestoreJar(signal))
  if (wanted.includes('dynamodb') || wanted.includes('firestore')) checks.push(findJava({ log, signal }))
  const failures = (await Promise.allSettled(checks)).flatMap(result => (result.status === 'rejected' ? [result.reason as Error] : []))
  if (failures.length > 0) throw new AggregateError(failures, failures.map(error => error.message).join('\n'))
}
