/** The code for one provider, and what it is given to open an end. */
import type { BackupService } from './backup.ts'
import type { Facts, InspectOptions, Inspection } from './inspection.ts'
import type { PlaceName } from './place.ts'
import type { Replicator, ReplicatorEnds } from './replication.ts'
import type { EncodeRules } from './rules.ts'
import type { Source } from './source.ts'
import type { Target } from './target.ts'

/** The environment as a plain map; only the CLI reads the process's own. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The least that docferry needs of a logger; pino's fits. Messages never hold a document or a secret. */
export interface Logger {
  debug(context: object, message: string): void
  info(context: object, message: string): void
  warn(context: object, message: string): void
  error(context: object, message: string): void
}

/** What a connector is given when it opens an end. */
export interface OpenContext {
  /** Aborting it gives up the opening. Each later call brings a signal of its own. */
  readonly signal?: AbortSignal
  readonly logger: Logger
  /** How often calls are tried that open the end, or tell what it holds. Default: 12 times, within about half a minute. */
  readonly retry?: { readonly attempts?: number; readonly baseMs?: number; readonly capMs?: number } | undefined
  /** Of a target: where its documents come from, where that is known. */
  readonly from?: PlaceName
  /** Of a target. Default `defaultRules`. */
  readonly rules?: EncodeRules
  /** Of a source: whether documents of subcollections are read, where it has any. Default: they are. */
  readonly subcollections?: boolean
  /** Of a target that can `suspend`: go on with what it was suspended at. */
  readonly resume?: SuspendedOutput
  /** Of a target: the id of the run that it is opened for, by which it may know again what this run has left behind before it could be suspended. */
  readonly run?: string
  /** Of a target: nothing will be written to it, only asked what it would hold and holds: it may be there already, and closed to writing. */
  readonly readOnly?: boolean
  /**
   * Documents are read, and given back by a target, with `_attachments` as `makeAttachment` makes them, and written with them. `checked`: each
   * is read to its end first, and has the SHA-256 of its bytes. `described`: it is as the place itself describes it. Missing: attachments are none of the run's.
   */
  readonly attachments?: 'checked' | 'described' | undefined
}

/** What is needed to go on with an output that is made in one piece; plain JSON, and the connector's own. */
export type SuspendedOutput = Readonly<Record<string, unknown>>

/**
 * The code for one provider.
 *
 * `configure` is pure and is called first; `openSource` and `openTarget` connect, so that a wrong address or refused
 * credentials show before anything is read or written. Every call of an open function makes a client of its own.
 */
export interface Connector<Options = unknown> {
  readonly name: PlaceName
  /**
   * Turn what the user wrote into options.
   *
   * @param text the provider's bare name (`couchdb`: all from the environment) or a URL (`couchdb://user:pass@host:5984`)
   * @throws {DocferryError} DOCFERRY_CONFIG, listing every issue at once
   */
  configure(text: string, environment: Environment): Options
  /**
   * Refuse options that this end could not be opened with, as far as that shows without connecting. Opening it refuses them too.
   *
   * @throws {DocferryError} DOCFERRY_CONFIG
   */
  checkEnd?(options: Options, end: 'source' | 'target'): void
  /** @throws {DocferryError} DOCFERRY_CONNECT, DOCFERRY_AUTH or DOCFERRY_PERMISSION */
  openSource(options: Options, context: OpenContext): Promise<Source>
  /** @throws {DocferryError} DOCFERRY_CONNECT, DOCFERRY_AUTH or DOCFERRY_PERMISSION */
  openTarget(options: Options, context: OpenContext): Promise<Target>
  /** The service's own backups; missing where it has none. Throws as the other two. */
  openBackups?(options: Options, context: OpenContext): Promise<BackupService>
  /** A server that replicates by itself; missing where the service has no such thing. Throws as the other two. */
  openReplicator?(ends: ReplicatorEnds<Options>, context: OpenContext): Promise<Replicator>
  /** Look at an end for a checklist, changing nothing. Missing: only what reading and writing show is known. Throws as the other two. */
  inspect?(options: Options, context: OpenContext, asked: InspectOptions): Promise<Inspection>
  /** What holds for every place of this provider, told without a connection. */
  readonly facts?: Facts
}
