/** Databases of a spec's own on the CouchDB that there is, and a replication between two of them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openReplicator } from '../../lib/open.ts'
import type { Replicator } from '../../lib/contracts/replication.ts'
import type { ReplicateOptions } from '../../lib/replicate/options.ts'
import { replicate } from '../../lib/replicate/replicate.ts'
import type { ReplicateReport } from '../../lib/replicate/report.ts'
import { basicAuth, servers, uniqueName } from '../support/servers.ts'
import type { CouchdbServer } from '../support/servers.ts'

export type Answer = Record<string, unknown>

export interface Replicating {
  readonly source: string
  readonly target: string
  readonly end: { readonly connector: 'couchdb'; readonly options: { url: string; user: string; password: string } }
  readonly server: CouchdbServer
  /** Ask the server itself, as admin. */
  ask(path: string, init?: RequestInit): Promise<Answer>
  put(id: string, document: object): Promise<string>
  run(options?: Partial<ReplicateOptions>): Promise<ReplicateReport>
  /** The one that replicates, for what is left on it. */
  open(): Promise<Replicator>
}

/** Inside a `describe`: makes the source for each spec, and removes both databases and what still replicates them. */
export function replicatingBench(): Replicating {
  let server: CouchdbServer
  let [source, target, stateDir] = ['', '', '']
  const ask = async (path: string, init: RequestInit = {}): Promise<Answer> => {
    const headers = {
      authorization: basicAuth(server.user, server.password),
      'content-type': 'application/json',
      accept: 'application/json'
    }
    return (await (await fetch(`${server.url}/${path}`, { ...init, headers: { ...headers, ...init.headers } })).json()) as Answer
  }
  const end = () => ({ connector: 'couchdb', options: { url: server.url, user: server.user, password: server.password } }) as const
  before(async () => {
    server = await servers.couchdb()
  })
  beforeEach(async () => {
    source = uniqueName('repl')
    target = `${source}-to`
    stateDir = await mkdtemp(join(tmpdir(), 'docferry-replicate-'))
    await ask(source, { method: 'PUT' })
  })
  afterEach(async () => {
    const replicator = await openReplicator({ on: end() })
    for (const { id, source: from } of await replicator.list({})) if (from.endsWith(source)) await replicator.cancel(id, {})
    await replicator.close()
    for (const database of [source, target]) await ask(database, { method: 'DELETE' })
    await rm(stateDir, { recursive: true, force: true })
  })
  return {
    get source() {
      return source
    },
    get target() {
      return target
    },
    get end() {
      return end()
    },
    get server() {
      return server
    },
    ask,
    put: async (id, document) => {
      const path = `${source}/${encodeURIComponent(id).replace('_design%2F', '_design/')}`
      return (await ask(path, { method: 'PUT', body: JSON.stringify(document) }))['rev'] as string
    },
    run: (options = {}) =>
      replicate({ source: end(), target: end(), collections: [source], rename: { [source]: target }, stateDir, pollMs: 50, ...options }),
    open: () => openReplicator({ on: end() })
  }
}
