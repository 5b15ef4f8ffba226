/** From what a user names to an open end. */
import type { KeptEndpoint, RunRecord } from './checkpoint/run-folder.ts'
import { parseEndpoint } from './config/endpoint.ts'
import { holdsSecret } from './config/hide-credentials.ts'
import { pathOfIdentity, realPath } from './engine/real-path.ts'
import { DocferryError } from './errors.ts'
import type { BackupService } from './contracts/backup.ts'
import type { Replicator, ReplicatorEnds } from './contracts/replication.ts'
import type { InspectOptions, Inspection } from './contracts/inspection.ts'
import { loadConnector } from './registry.ts'
import type { Connector, Environment, Logger, OpenContext, PlaceName, ProviderName, Source, Target } from './types.ts'
import { definedOf } from './values/defined.ts'

/**
 * A source or a target: text as on the command line (`couchdb`, `dynamodb://us-east-1`, `backup.json`), or a connector with its own options,
 * which may hold a ready client. The connector is named, or it is an object: one that docferry does not know.
 */
export type Endpoint = string | { readonly connector: ProviderName | Connector; readonly options: object }

/** What the connector is given, and what a bare provider's name is configured by. */
export interface OpenOptions extends Partial<OpenContext> {
  readonly environment?: Environment
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Open an end to read from. Whoever opens it closes it. */
export async function openSource(endpoint: Endpoint, options: OpenOptions = {}): Promise<Source> {
  const { connector, configured, context } = await resolve(endpoint, options, 'the source')
  return await connector.openSource(configured, context)
}

/** Open an end to write to. Whoever opens it closes it. */
export async function openTarget(endpoint: Endpoint, options: OpenOptions = {}): Promise<Target> {
  const { connector, configured, context } = await resolve(endpoint, options, 'the target')
  return await connector.openTarget(configured, context)
}

/**
 * Open a server that replicates by itself, and the ends between which it does. Whoever opens it closes it.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG where the service has no such thing, or the ends are of several services
 */
export async function openReplicator(ends: ReplicatorEnds<Endpoint>, options: OpenOptions = {}): Promise<Replicator> {
  const open = await replicatingConnector(ends)
  const { sourceUrl, targetUrl } = ends
  const configured = async (end: Endpoint, role: string): Promise<unknown> => (await resolve(end, options, role)).configured
  const { context } = await resolve(ends.on, options, 'the server that replicates')
  return await open(
    {
      on: await configured(ends.on, 'the server that replicates'),
      ...(ends.source !== undefined && { source: await configured(ends.source, 'the source') }),
      ...(ends.target !== undefined && { target: await configured(ends.target, 'the target') }),
      ...(sourceUrl !== undefined && { sourceUrl }),
      ...(targetUrl !== undefined && { targetUrl })
    },
    context
  )
}

/**
 * What replicates between ends, of which nothing is opened.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG
 */
export async function replicatingConnector({
  on,
  source,
  target
}: ReplicatorEnds<Endpoint>): Promise<NonNullable<Connector['openReplicator']>> {
  const connectors = await Promise.all([on, source, target].filter(end => end !== undefined).map(end => connectorOf(end)))
  const [first, ...others] = connectors as [Connector, ...Connector[]]
  const stranger = connectors.find(connector => !connector.openReplicator) ?? others.find(({ name }) => name !== first.name)
  if (!stranger && first.openReplicator) return first.openReplicator.bind(first)
  const message = `${(stranger ?? first).name} does not take part: only CouchDB servers replicate, and only with each other; docferry migrate copies between all`
  throw new DocferryError('DOCFERRY_CONFIG', message, { provider: (stranger ?? first).name })
}

async function connectorOf(endpoint: Endpoint): Promise<Connector> {
  const connector = typeof endpoint === 'string' ? parseEndpoint(endpoint).connector : endpoint.connector
  return typeof connector === 'string' ? await loadConnector(connector) : connector
}

/**
 * Open a service's own backups. Whoever opens it closes it.
 *
 * @throws {DocferryError} DOCFERRY_USAGE where the provider has none, and what opening an end throws
 */
export async function openBackups(endpoint: Endpoint, options: OpenOptions = {}): Promise<BackupService> {
  const { connector, configured, context } = await resolve(endpoint, options, 'the provider')
  if (connector.openBackups) return await connector.openBackups(configured, context)
  const instead = connector.name === 'couchdb' ? 'docferry export, or docferry replicate to keep a second CouchDB' : 'docferry export'
  throw new DocferryError('DOCFERRY_USAGE', `${connector.name} makes no backups of its own: use ${instead}`)
}

/** What an end was given beside its place, as one text: parameters of an address, or plain options. Without secrets. */
export function settingsOf(endpoint: Endpoint | undefined): string {
  const given =
    typeof endpoint === 'string'
      ? [...new URLSearchParams(endpoint.split('?').slice(1).join('?'))]
      : Object.entries(endpoint ? plainOptions(endpoint) : {})
  const isSetting = ([name]: [string, unknown]): boolean => !/pass|secret|token|^force$|^path$/i.test(name)
  return given
    .filter(isSetting)
    .map(([name, value]) => `${name}=${String(value)}`)
    .sort()
    .join('&')
}

/** What a run keeps of an end, so that it can go on with it: nothing that holds a secret or can't be written down. */
export function kept(endpoint: Endpoint): KeptEndpoint | undefined {
  if (typeof endpoint === 'string') return holdsSecret(endpoint) ? undefined : endpoint
  return endpoint.connector === 'file' ? { connector: 'file', options: plainOptions(endpoint) } : undefined
}

/**
 * An end of a run that was, as it is given now or as the run has kept it.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG where it is neither
 */
export function keptEnd({ runId, ends }: RunRecord, role: 'source' | 'target', given?: Endpoint): Endpoint {
  const end = given ?? ends[role]
  if (end !== undefined) return end
  throw new DocferryError(
    'DOCFERRY_CONFIG',
    `the run ${runId} does not know its ${role} any more, for there was a password in the address, or it was given as an object: give --${role} again`
  )
}

/**
 * An end of a run, given again. Where it is the same file, what the run was told of it beside its path still holds: how its collection is called, its
 * format, its key.
 */
export async function givenAgain(given: Endpoint, { ends, asked }: RunRecord, role: 'source' | 'target'): Promise<Endpoint> {
  const kept = ends[role]
  const place = pathOfIdentity((asked as Readonly<Record<typeof role, PlaceName & { readonly identity: string }>>)[role].identity)
  const [before, now] = await Promise.all([kept && fileOptions(kept), fileOptions(given)])
  if (!before || !now || place === undefined || realPath(now.path) !== realPath(place)) return given
  if (settingsOf(kept) === settingsOf(given)) return given
  return { connector: 'file', options: { ...before, ...now } }
}

/** @returns undefined for what is no file */
async function fileOptions(endpoint: Endpoint): Promise<{ readonly path: string } | undefined> {
  const named = typeof endpoint === 'string' ? parseEndpoint(endpoint) : endpoint
  if (named.connector !== 'file') return undefined
  const options = 'text' in named ? (await loadConnector('file')).configure(named.text, {}) : named.options
  return definedOf(options as { readonly path: string })
}

/** A file's options are a path and the like, and streams, which can't be written down; those of a database may hold a password or a ready client. */
function plainOptions({ connector, options }: Exclude<Endpoint, string>): object {
  const given = connector === 'file' ? Object.entries(options) : []
  return Object.fromEntries(given.filter(([, value]) => /string|number|boolean/.test(typeof value)))
}

/**
 * Look at an end for a checklist; nothing is changed.
 *
 * @returns undefined where the connector has nothing to tell
 */
export async function inspectEnd(endpoint: Endpoint, asked: InspectOptions, options: OpenOptions = {}): Promise<Inspection | undefined> {
  const { connector, configured, context } = await resolve(endpoint, options, `the ${asked.end}`)
  return await connector.inspect?.(configured, context, asked)
}

async function resolve(endpoint: Endpoint, { environment = {}, logger = silentLogger, ...more }: OpenOptions, role: string) {
  const context: OpenContext = { ...more, logger }
  if (typeof endpoint === 'object') {
    const { connector, options } = endpoint
    return { connector: typeof connector === 'string' ? await loadConnector(connector) : connector, configured: options, context }
  }
  const { connector: name, text } = parseEndpoint(endpoint, role)
  const connector = await loadConnector(name)
  return { connector, configured: connector.configure(text, environment), context }
}
