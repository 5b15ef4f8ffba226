/** What a replication is asked to do, and what of that makes no sense. */
import { timeIssue } from '../engine/time-option.ts'
import { DocferryError } from '../errors.ts'
import type { Endpoint } from '../open.ts'
import type { MigrateOptions } from '../options.ts'
import { issuesOf } from '../plan/check-options.ts'
import type { Json } from '../types.ts'
import type { ReplicateReport } from './report.ts'

export interface ReplicateOptions extends Pick<
  MigrateOptions,
  'source' | 'target' | 'collections' | 'preset' | 'rename' | 'stateDir' | 'environment' | 'signal' | 'logger'
> {
  /** The server that replicates: one of the two ends, or a third. Default `target`. */
  readonly on?: Endpoint
  /** How that server reaches an end, where it is not how docferry does: `http://couchdb-old:5984`, without credentials. */
  readonly sourceUrl?: string
  readonly targetUrl?: string
  /** Only documents that this fits, in CouchDB's query language. */
  readonly selector?: { readonly [key: string]: Json }
  /** Only documents of these ids. */
  readonly ids?: readonly string[]
  /** Go on for ever: what changes in the source changes in the target. */
  readonly continuous?: boolean
  /** Leave no document with credentials on the server: what it does is then lost when it is restarted. */
  readonly transient?: boolean
  /** Create what the target lacks. Default true. */
  readonly createTarget?: boolean
  /** Shards of a database that is created, and copies of each. Default: the server's own. */
  readonly shards?: number
  readonly copies?: number
  /** False: return as soon as all are begun. Default true: until a one-time replication has ended, and a continuous one has caught up. */
  readonly wait?: boolean
  /** Of a continuous one that has caught up: go on telling of it until it is interrupted. */
  readonly follow?: boolean
  /** Leave the document of a one-time replication, which holds credentials, on the server. */
  readonly keep?: boolean
  /** Compare both sides afterwards. Default true. */
  readonly verify?: boolean
  /** Documents of which the source knows nothing may be in the target: where several sources are merged. Default false. */
  readonly allowExtra?: boolean
  /** Give up waiting after so long. Default: never. */
  readonly timeoutMs?: number
  /** One-time replications at once. Default 8. Continuous ones are begun all. */
  readonly parallel?: number
  /** Called once, when all is known and before anything is changed. The report is then kept up to date in place. */
  readonly observe?: (report: Readonly<ReplicateReport>) => void
  /** How often the server is asked. Default 1,000. */
  readonly pollMs?: number
}

/** @throws {DocferryError} DOCFERRY_CONFIG, naming every issue at once */
export function checkReplicateOptions(options: ReplicateOptions): void {
  const { collections, preset, rename, parallel, stateDir, source, target } = options
  const common = Object.entries({ collections, preset, rename, parallel, stateDir, source, target }).filter(
    ([, value]) => value !== undefined
  )
  const issues = issuesOf(Object.fromEntries(common))
  const { selector, ids, continuous, transient, wait, follow, keep, timeoutMs } = options
  for (const name of ['sourceUrl', 'targetUrl'] as const) {
    const url = options[name]
    if (url !== undefined) issues.push(...urlIssues(name, url))
  }
  if (selector && ids) issues.push('selector and ids: one of them; CouchDB does not take both')
  if (selector && Object.keys(selector).length === 0) issues.push('selector: empty; leave it away to replicate all')
  if (ids && ids.length === 0) issues.push('ids: none; leave it away to replicate all')
  if (ids?.some(id => typeof id !== 'string' || id === '')) issues.push('ids: one is empty, or no text')
  if (follow && !continuous) issues.push('follow: only a continuous replication can be followed')
  if (follow && wait === false) issues.push('follow and no wait: one of them')
  if (transient && !continuous && wait === false)
    issues.push('transient without wait: it lasts as long as the request for it; leave one of them away, or make it continuous')
  if (keep && transient) issues.push('keep: a transient replication has no document to be kept')
  for (const name of ['shards', 'copies'] as const) {
    const count = options[name]
    if (count !== undefined && !(Number.isInteger(count) && count > 0)) issues.push(`${name}: a whole number over 0 is wanted`)
  }
  const late = timeIssue('timeoutMs', timeoutMs)
  if (late) issues.push(late)
  if (issues.length > 0) throw new DocferryError('DOCFERRY_CONFIG', issues.join('; '))
}

/** Nothing of the text is repeated, for it may hold a password. */
function urlIssues(name: string, text: string): string[] {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '')
    return [`${name}: must look like http://host:5984 or https://host, as the server that replicates reaches it`]
  if (url.username !== '' || url.password !== '') return [`${name}: without user and password; those of the end's own address are used`]
  return []
}
