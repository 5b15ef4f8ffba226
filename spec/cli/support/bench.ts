/** Where specs of whole runs work: a folder, a collection, and a proxy in front of the database, new for each spec. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dynamodbSubject } from '../../conformance/subjects.ts'
import { startFaultProxy } from '../../support/fault-proxy.ts'
import type { FaultProxy } from '../../support/fault-proxy.ts'
import { basicAuth, servers, uniqueName } from '../../support/servers.ts'
import type { CouchdbServer, DynamodbServer } from '../../support/servers.ts'
import { docferry, start } from './docferry.ts'
import type { Ended, Started } from './docferry.ts'

/** A database that the runs of a spec write to. */
interface Behind {
  readonly url: string
  /** What configures docferry, with the proxy in its place. */
  environment(proxyUrl: string): NodeJS.ProcessEnv
  remove(collection: string): Promise<unknown>
}

export interface Bench {
  readonly cwd: string
  /** Its name, and that of the file `<name>.ndjson`, whose lines `write` makes. */
  readonly collection: string
  readonly proxy: FaultProxy
  /** Of the spec's own, for docferry's environment. */
  readonly variables: NodeJS.ProcessEnv
  write(documents: Iterable<object>): void
  run(...args: string[]): Promise<Ended>
  /** Killed when the spec ends, if it is still there. */
  begin(...args: string[]): Started
  /** The oldest first, those of one second in any order. */
  runIds(): Promise<string[]>
  lastRun(): Promise<string>
  /** Of the last run. */
  runFolder(): Promise<string>
}

/** Ask the database itself, not through the proxy. */
type Ask = (path: string, init?: RequestInit) => Promise<Record<string, unknown>>

export function couchdbBench(name: string): Bench & { readonly ask: Ask } {
  let server: CouchdbServer
  const request = async (collection: string, path: string, init: RequestInit): Promise<Record<string, unknown>> => {
    const headers = { authorization: basicAuth(server.user, server.password), 'content-type': 'application/json' }
    return (await (await fetch(`${server.url}/${collection}${path}`, { ...init, headers })).json()) as Record<string, unknown>
  }
  const bench = openBench(name, async () => {
    server = await servers.couchdb()
    return {
      url: server.url,
      environment: proxyUrl => ({ ...server.environment, COUCHDB_URL: proxyUrl }),
      remove: collection => request(collection, '', { method: 'DELETE' })
    }
  })
  return Object.assign(bench, { ask: (path: string, init: RequestInit = {}) => request(bench.collection, path, init) })
}

export function dynamodbBench(name: string): Bench {
  let server: DynamodbServer
  return openBench(name, async () => {
    server = await servers.dynamodb()
    return {
      url: server.endpoint,
      environment: proxyUrl => ({ ...server.environment, DYNAMODB_ENDPOINT_URL: proxyUrl }),
      remove: async table => (await dynamodbSubject()).remove([table])
    }
  })
}

/** Inside a `describe`: its hooks make and clear the bench. */
function openBench(name: string, open: () => Promise<Behind>): Bench {
  let behind: Behind
  let cwd = ''
  let collection = ''
  let proxy: FaultProxy
  let variables: NodeJS.ProcessEnv = {}
  const running: Started[] = []
  before(async () => {
    behind = await open()
  })
  beforeEach(async () => {
    cwd = mkdtempSync(join(tmpdir(), `docferry-${name}-`))
    collection = uniqueName(name)
    variables = {}
    proxy = await startFaultProxy({ target: behind.url })
  })
  afterEach(async () => {
    for (const { child, ended } of running.splice(0)) {
      child.kill('SIGKILL')
      await ended
    }
    await proxy.close()
    await behind.remove(collection)
    rmSync(cwd, { recursive: true, force: true })
  })
  const runIds = async (): Promise<string[]> =>
    (await readdir(join(cwd, '.docferry', 'runs')).catch(() => [])).toSorted((a, b) => a.localeCompare(b))
  const lastRun = async (): Promise<string> => (await runIds()).at(-1)!
  const env = (): NodeJS.ProcessEnv => ({ ...behind.environment(proxy.url), ...variables })
  return {
    get cwd() {
      return cwd
    },
    get collection() {
      return collection
    },
    get proxy() {
      return proxy
    },
    get variables() {
      return variables
    },
    write: documents =>
      writeFileSync(join(cwd, `${collection}.ndjson`), [...documents].map(document => `${JSON.stringify(document)}\n`).join('')),
    run: (...args) => docferry(args, { cwd, env: env() }),
    begin: (...args) => {
      const started = start(args, { cwd, env: env(), input: '' })
      running.push(started)
      return started
    },
    runIds,
    lastRun,
    runFolder: async () => join(cwd, '.docferry', 'runs', await lastRun())
  }
}
