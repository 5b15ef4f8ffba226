import { timeIssue } from '../../engine/time-option.ts'
import { DocferryError } from '../../errors.ts'
import type { Environment } from '../../types.ts'

/** What is used of the vendor's `v1.FirestoreClient`. */
export interface FirestoreClientLike {
  /** Connects and authenticates; resolves to the gRPC stub. */
  initialize(): Promise<unknown>
  close(): Promise<void>
}

/** What is used of the vendor's `v1.FirestoreAdminClient`. */
export interface FirestoreAdminClientLike extends FirestoreClientLike {
  /** What an operation's metadata is decoded by, per method that begins one. */
  readonly descriptors: {
    readonly longrunning: Readonly<Record<string, { readonly metadataDecoder: (bytes: Uint8Array) => { toJSON(): object } }>>
  }
  /** Of `google.longrunning.Operations`, on the same host. */
  readonly operationsClient: { readonly operationsStub: Promise<unknown> }
}

/** Where a Firestore database is, and how to get in. */
export interface FirestoreOptions {
  /** The project's id. Default: the one that the credentials name. */
  readonly project?: string
  /** Default `(default)`. */
  readonly database?: string
  /** `host:port` of an emulator, which then is used instead of the service. */
  readonly emulator?: string
  /**
   * `host:port` of a server that speaks Firestore's Admin API without TLS and credentials, beside an emulator, which has none: for tests of what
   * is done with backups.
   */
  readonly admin?: string
  /** Path of a key file. Default: Google's Application Default Credentials. */
  readonly credentials?: string
  /** Whether writes into an empty collection begin slowly (500/50/5). Default: where it is the service, and no emulator. */
  readonly ramp?: boolean
  /**
   * Of a source: whether documents in subcollections are read, default true. Of a target: whether an id that is a path (`x/runs/y`) means a
   * document in a subcollection, default where the documents come from such a place.
   */
  readonly subcollections?: boolean | undefined
  /** How long the service may say nothing to a call, in milliseconds. Default 60,000, and 30,000 while documents are read. */
  readonly timeoutMs?: number
  /** A ready `v1.FirestoreClient` instead of one made here; its owner closes it. `emulator` then says only what it talks to. */
  readonly client?: FirestoreClientLike
  /** The same for backups: a ready `v1.FirestoreAdminClient`. */
  readonly adminClient?: FirestoreAdminClientLike
}

export const defaultDatabase = '(default)'

const form =
  'firestore://project-id?database=(default)&emulator=127.0.0.1:8080&credentials=/path/key.json&subcollections=on&timeoutMs=60000'
const hostAndPort = /^(?:[\w.-]+|\[[\da-fA-F:.]+\]):\d{1,5}$/
/** Also `example.com:project`, of projects that belong to a domain. */
const projectId = /^[a-zA-Z0-9.-]+(?::[a-zA-Z0-9-]+)?$/
const parameters = ['database', 'emulator', 'admin', 'credentials', 'ramp', 'subcollections', 'timeoutMs']

/**
 * Options from `firestore` (all from the environment) or
 * `firestore://project-id?database=...&emulator=host:port&credentials=/path/key.json&timeoutMs=...`.
 *
 * `FIRESTORE_EMULATOR_HOST` is used, as by the vendor's clients, unless the URL names another emulator, which is refused, or says
 * `emulator=none`.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG with every issue
 */
export function configureFirestore(text: string, environment: Environment): FirestoreOptions {
  const issues: string[] = []
  const { project: named, query } = parseAddress(text, issues)
  const project = named ?? set(environment.GOOGLE_CLOUD_PROJECT) ?? set(environment.GCLOUD_PROJECT)
  const emulator = emulatorOf(query.get('emulator') ?? undefined, set(environment.FIRESTORE_EMULATOR_HOST), issues)
  const credentials = set(query.get('credentials') ?? undefined) ?? set(environment.GOOGLE_APPLICATION_CREDENTIALS)
  const ramp = query.get('ramp') ?? undefined
  const admin = query.get('admin') ?? undefined
  const subcollections = query.get('subcollections') ?? undefined
  const timeout = set(query.get('timeoutMs') ?? undefined)
  const database = set(query.get('database') ?? undefined) ?? defaultDatabase

  if (project !== undefined && !projectId.test(project)) issues.push(`project: ${project} is no project id`)
  if (project === undefined && (emulator !== undefined || credentials === undefined)) {
    issues.push('project: required; set GOOGLE_CLOUD_PROJECT, or write firestore://project-id')
  }
  const late = timeIssue('timeoutMs', timeout === undefined ? undefined : /^\d+$/.test(timeout) ? Number(timeout) : NaN)
  if (late) issues.push(late)
  if (/[/\s]/.test(database)) issues.push(`database: ${database} is no database id`)
  if (emulator !== undefined && query.has('emulator') && query.has('credentials')) {
    issues.push('credentials: an emulator takes none; leave out one of emulator and credentials')
  }
  if (admin !== undefined && !hostAndPort.test(admin)) issues.push(`admin: ${admin} is not of the form host:port`)
  if (admin !== undefined && emulator === undefined)
    issues.push('admin: goes with an emulator only; the service has its Admin API in its own place')
  for (const [name, word] of Object.entries({ ramp, subcollections }))
    if (word !== undefined && !/^(?:on|off)$/.test(word)) issues.push(`${name}: on or off is wanted`)
  if (issues.length > 0) throw new DocferryError('DOCFERRY_CONFIG', `firestore: ${issues.join('; ')}`, { provider: 'firestore' })
  return {
    project,
    database,
    emulator,
    credentials: emulator === undefined ? credentials : undefined,
    ...(admin !== undefined && { admin }),
    ...(ramp !== undefined && { ramp: ramp === 'on' }),
    ...(subcollections !== undefined && { subcollections: subcollections === 'on' }),
    ...(timeout !== undefined && { timeoutMs: Number(timeout) })
  }
}

/** Of options that a program has made. @throws {DocferryError} DOCFERRY_CONFIG */
export function checkTimes({ timeoutMs }: FirestoreOptions): void {
  const issue = timeIssue('timeoutMs', timeoutMs)
  if (issue) throw new DocferryError('DOCFERRY_CONFIG', `firestore: ${issue}`, { provider: 'firestore' })
}

function parseAddress(text: string, issues: string[]): { project?: string; query: URLSearchParams } {
  if (text === 'firestore') return { query: new URLSearchParams() }
  const match = /^firestore:\/\/([^/?#]*)\/?(?:\?([^#]*))?$/.exec(text)
  if (match === null) {
    issues.push(`the address is not of the form ${form}`)
    return { query: new URLSearchParams() }
  }
  const query = new URLSearchParams(match[2]?.replaceAll('+', '%2B'))
  for (const name of new Set(query.keys())) {
    if (!parameters.includes(name)) issues.push(`${name}: unknown; known are ${parameters.join(', ')}`)
    else if (query.getAll(name).length > 1) issues.push(`${name}: given more than once`)
    else if (query.get(name) === '') issues.push(`${name}: empty`)
  }
  return { project: set(match[1]), query }
}

function emulatorOf(explicit: string | undefined, variable: string | undefined, issues: string[]): string | undefined {
  if (explicit === 'none') return undefined
  if (explicit !== undefined && variable !== undefined && normalHost(explicit) !== normalHost(variable)) {
    issues.push(
      `emulator: the address says ${explicit} but FIRESTORE_EMULATOR_HOST says ${variable}; unset the variable or make them equal`
    )
  }
  const emulator = explicit ?? variable
  if (emulator !== undefined && !hostAndPort.test(emulator)) {
    issues.push(`${explicit === undefined ? 'FIRESTORE_EMULATOR_HOST' : 'emulator'}: ${emulator} is not of the form host:port`)
  }
  return emulator
}

/** One spelling for one place, as far as names tell. */
export function normalHost(host: string): string {
  return host.toLowerCase().replace(/^(?:localhost|\[::1\]|0\.0\.0\.0):/, '127.0.0.1:')
}

/** An empty variable is as good as none. */
function set(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text
}
