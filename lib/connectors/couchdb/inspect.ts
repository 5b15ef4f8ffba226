/** Looks at a CouchDB for a checklist: who we are there, what works on the databases, and what would refuse a write. */
import type { Inspection, InspectOptions } from '../../contracts/inspection.ts'
import type { Client } from './client.ts'
import { AnswerError, whatIsTold } from './errors.ts'
import { defaultMaxDocumentBytes } from './limits.ts'

/** What `_active_tasks` and the scheduler tell, as far as it is looked at. */
interface Task {
  readonly type?: unknown
  readonly database?: unknown
  readonly source?: unknown
  readonly target?: unknown
  readonly state?: unknown
}

interface Info {
  readonly update_seq?: unknown
  readonly compact_running?: unknown
}

const databasesAtOnce = 8

export async function inspect(client: Client, { end, collections, signal }: InspectOptions): Promise<Inspection> {
  const asked = client.asked('looking at the server', 'DOCFERRY_CONNECT')
  const get = (path: string): Promise<unknown> => whatIsTold(client.json({ method: 'GET', path, asked, signal }))
  const before = new Date()
  const server = await client.date(asked, signal)
  const after = new Date()
  const welcome = (await get('/')) as Record<string, unknown>
  const session = (await get('/_session')) as { readonly userCtx?: { readonly roles?: unknown } } | undefined
  const isAdmin = Array.isArray(session?.userCtx?.roles) && session.userCtx.roles.includes('_admin')
  const names = (await databaseNames(client, signal)) ?? []
  const wanted = collections ?? names.filter(name => !name.startsWith('_'))
  const found = await inGroups(wanted, name => lookAt(client, name, end, signal))
  const marks = Object.fromEntries(found.flatMap(({ name, mark }) => (mark === undefined ? [] : [[name, mark]])))
  const tasks = isAdmin ? await tasksOf(get) : undefined
  return {
    ...(versionOf(welcome) !== undefined && { version: versionOf(welcome) }),
    ...(server && { clock: { server, before, after } }),
    rights: end === 'source' ? [] : rightsOf(isAdmin, found),
    live: [
      ...(tasks ?? []).flatMap(task => sentenceOf(task, wanted)),
      ...found.flatMap(({ name, isCompacting }) => (isCompacting ? [`${name} is being compacted, which slows reading`] : []))
    ],
    notes: [
      ...(tasks === undefined && !client.pouchdb
        ? ['whether replications or compactions are at work is told to admins only: ask one, or connect as one']
        : []),
      ...(end === 'target' ? found.flatMap(({ validations }) => validations) : []),
      ...(end === 'target' && isAdmin ? await sizeNotes(client, get) : [])
    ],
    designDocuments: Object.fromEntries(found.flatMap(({ name, designs }) => (designs > 0 ? [[name, designs]] : []))),
    marks
  }
}

function versionOf(welcome: Record<string, unknown> | undefined): string | undefined {
  const pouchdb = welcome?.['express-pouchdb']
  if (pouchdb !== undefined) return 'PouchDB Server'
  const { version, vendor } = (welcome ?? {}) as { readonly version?: unknown; readonly vendor?: { readonly name?: unknown } }
  if (typeof version !== 'string') return undefined
  const isApache = typeof vendor?.name !== 'string' || /apache/i.test(vendor.name)
  return isApache ? `Apache CouchDB ${version}` : `CouchDB ${version} (${vendor.name})`
}

/** Who may not list the databases may still know one by its name. */
function rightsOf(isAdmin: boolean, found: readonly Look[]): Inspection['rights'] {
  if (isAdmin) return [{ what: 'create databases and write to them (a server admin)', isGranted: true }]
  const named = (state: Look['state']): string[] => found.filter(look => look.state === state).map(({ name }) => name)
  const [missing, closed] = [named('missing'), named('closed')]
  const advice = 'only a server admin creates databases: connect as one, or have them created before'
  const create = missing.length > 0 ? [{ what: `create ${missing.join(', ')}`, isGranted: false, advice }] : []
  const open = closed.length > 0 ? [{ what: `see ${closed.join(', ')}`, isGranted: false, advice: 'make this user a member of it' }] : []
  const write = 'write to the databases that are there'
  return [...create, ...open, { what: write, isGranted: 'unknown', advice: '--probe-write tries it where databases may be created' }]
}

async function databaseNames(client: Client, signal: AbortSignal | undefined): Promise<readonly string[] | undefined> {
  if (client.settings.databases) return client.settings.databases
  return await whatIsTold(client.databaseNames(signal))
}

interface Look {
  readonly name: string
  /** `closed`: it is there, and this user may not see it. */
  readonly state: 'there' | 'missing' | 'closed'
  readonly mark?: string
  readonly isCompacting: boolean
  /** How many design documents it holds. */
  readonly designs: number
  readonly validations: readonly string[]
}

async function lookAt(client: Client, name: string, end: InspectOptions['end'], signal: AbortSignal | undefined): Promise<Look> {
  const asked = client.asked(`looking at ${name}`, 'DOCFERRY_CONNECT', name)
  const path = `/${encodeURIComponent(name)}`
  const info = await infoOf(client, path, asked, signal)
  if (typeof info === 'string') return { name, state: info, isCompacting: false, designs: 0, validations: [] }
  const seq = info.update_seq
  // Behind the number stands where each shard is, which another node may tell in another way.
  const mark = typeof seq === 'number' ? String(seq) : typeof seq === 'string' ? seq.split('-')[0] : undefined
  const designs = await designsOf(client, path, { asked, signal, withBodies: end === 'target' })
  return {
    name,
    state: 'there',
    designs: designs.length,
    ...(mark !== undefined && { mark }),
    isCompacting: info.compact_running === true,
    validations: designs
      .filter(({ validate_doc_update: validates }) => typeof validates === 'string')
      .map(({ _id: id }) => `${name}: ${id ?? 'a design document'} checks every write (validate_doc_update), and may refuse documents`)
  }
}

interface Design {
  readonly _id?: string
  readonly validate_doc_update?: unknown
}

async function infoOf(
  client: Client,
  path: string,
  asked: ReturnType<Client['asked']>,
  signal: AbortSignal | undefined
): Promise<Info | 'missing' | 'closed'> {
  try {
    return (await client.json({ method: 'GET', path, asked, signal })) ?? {}
  } catch (error) {
    if (!(error instanceof AnswerError)) throw error
    return error.answer.status === 404 ? 'missing' : 'closed'
  }
}

interface DesignOptions {
  readonly asked: ReturnType<Client['asked']>
  readonly signal: AbortSignal | undefined
  readonly withBodies: boolean
}

/** @returns those that the server lets us see; without their bodies where these are not wanted */
async function designsOf(client: Client, path: string, { asked, signal, withBodies }: DesignOptions): Promise<Design[]> {
  const query = `startkey=%22_design%2F%22&endkey=%22_design0%22&include_docs=${withBodies}&limit=1000`
  const answer = await whatIsTold(client.json({ method: 'GET', path: `${path}/_all_docs?${query}`, asked, signal }))
  const { rows } = (answer ?? {}) as { readonly rows?: readonly { readonly doc?: Design }[] }
  return rows?.map(({ doc }) => doc ?? {}) ?? []
}

/** What runs now, and what the replicator's scheduler holds besides. */
async function tasksOf(get: (path: string) => Promise<unknown>): Promise<readonly Task[]> {
  const active = await get('/_active_tasks')
  const { jobs } = ((await get('/_scheduler/jobs')) ?? {}) as { readonly jobs?: unknown }
  const running = Array.isArray(active) ? (active as Task[]).filter(({ type }) => type !== 'replication') : []
  const scheduled = Array.isArray(jobs) ? (jobs as Task[]).map(job => ({ ...job, type: 'replication' })) : []
  return [...running, ...scheduled]
}

/** Addresses may hold credentials, so that only the databases' names are told. */
function sentenceOf({ type, database, source, target }: Task, wanted: readonly string[]): string[] {
  if (type === 'replication') {
    const [from, to] = [databaseOf(source), databaseOf(target)]
    if (!wanted.includes(from) && !wanted.includes(to)) return []
    return [`the server's replicator copies ${from} to ${to}`]
  }
  // Of a shard: shards/00000000-7fffffff/agents.1732272000
  const name = typeof database === 'string' ? decodeURIComponent(database.replace(/^shards\/[^/]+\//, '').replace(/\.\d+$/, '')) : ''
  if (!wanted.includes(name)) return []
  return [`${name}: ${String(type).replaceAll('_', ' ')} is at work, which slows reading and writing`]
}

function databaseOf(address: unknown): string {
  if (typeof address !== 'string') return 'a database'
  const path = URL.canParse(address) ? new URL(address).pathname : address
  return decodeURIComponent(path.replace(/\/+$/, '').split('/').at(-1) ?? '')
}

async function sizeNotes(client: Client, get: (path: string) => Promise<unknown>): Promise<string[]> {
  const told = Number(await get('/_node/_local/_config/couchdb/max_document_size'))
  const { maxDocumentBytes } = client.settings
  if (!(told > 0) || told === maxDocumentBytes) return []
  const known = maxDocumentBytes === defaultMaxDocumentBytes ? "CouchDB's default" : 'what the address says'
  return [`the server takes documents of ${told} bytes (max_document_size), which is not ${known}: add ?maxDocumentBytes=${told}`]
}

async function inGroups<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let start = 0; start < items.length; start += databasesAtOnce)
    results.push(...(await Promise.all(items.slice(start, start + databasesAtOnce).map(work))))
  return results
}
