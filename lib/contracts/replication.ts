/**
 * Replication that databases do by themselves: asked for, followed, listed and cancelled through a server's own API. What a connector gives where its
 * service has such a thing; documents never pass through docferry here.
 */
import type { ErrorCode } from '../errors.ts'
import type { Json } from '../values/types.ts'
import type { Location } from './place.ts'

/**
 * In the server's own words, and `gone` for one that it does not know any more. `initializing`, `pending`: not begun, or waiting for its turn. `crashing`,
 * `error`: has failed, and is tried again. `failed`: never will be.
 */
export type ReplicationState = (typeof replicationStates)[number]
export const replicationStates = ['initializing', 'error', 'pending', 'running', 'crashing', 'failed', 'completed', 'gone'] as const

/** Which documents are replicated; both missing: all, with design documents and deletions. */
export interface ReplicationFilter {
  /** In the database's own query language. */
  readonly selector?: { readonly [key: string]: Json }
  readonly ids?: readonly string[]
}

/** A server goes on counting where the same replication, by its ends and its filter, has run before into the same target: then they are of all times. */
export interface ReplicationCounts {
  /** Revisions that the source listed, and those of them that the target lacked. */
  readonly revisionsChecked: number
  readonly missingRevisions: number
  readonly documentsRead: number
  readonly documentsWritten: number
  /** Documents that the target refused. They are not tried again. */
  readonly writeFailures: number
  /** Changes of the source that are still to be looked at, where the server tells. */
  readonly pending?: number
}

/** What makes a replication fail, in words without secrets. */
export interface ReplicationTrouble {
  readonly code: ErrorCode
  readonly message: string
  /** Whether the same may work later. */
  readonly isPassing: boolean
}

/** One replication, as the server tells it now. */
export interface Replication {
  /** Which `cancel` takes: of the document that asks for it, or of a job that no document asks for. */
  readonly id: string
  readonly state: ReplicationState
  /** URLs without credentials. */
  readonly source: string
  readonly target: string
  readonly continuous: boolean
  /** Whether it is kept by no document, and so lost when the server is restarted. */
  readonly transient: boolean
  readonly counts?: ReplicationCounts
  /** Up to which of the source's changes everything has been dealt with; the service's own. */
  readonly through?: string
  /** How often in a row it has crashed. */
  readonly errors: number
  readonly trouble?: ReplicationTrouble
  /** ISO 8601. */
  readonly startedAt?: string
  readonly updatedAt?: string
}

/** One collection to be replicated; names as at the two ends. */
export interface ReplicationPair {
  readonly source: string
  readonly target: string
}

export interface ReplicationRequest extends ReplicationPair {
  readonly filter?: ReplicationFilter
  readonly continuous: boolean
  readonly transient: boolean
}

/** `joined`: the same was under way already. `renewed`: one of the same id had ended, or was asked for in another way, and was replaced. */
export interface Begun {
  readonly id: string
  readonly how: 'begun' | 'joined' | 'renewed'
}

export interface PrepareTargetOptions {
  readonly create: boolean
  /** Shards and copies of each, for what is created. */
  readonly shards?: number
  readonly copies?: number
  readonly signal?: AbortSignal
}

export interface PreparedTarget {
  readonly created: boolean
  /** Documents that it held before. */
  readonly documents: number
}

/** What comparing revisions tells of one pair: every leaf revision of the source, deletions included, has to be in the target. */
export interface RevisionCounts {
  readonly documents: number
  /** Documents whose winning revision is a deletion. */
  readonly deleted: number
  /** Documents with several leaf revisions: conflicts, those that are resolved as well. */
  readonly branched: number
  readonly revisions: number
  readonly missing: number
  /** Ids of documents of which a revision is missing, the first twenty. */
  readonly examples: readonly string[]
}

/** What a target holds of the source's documents and the source does not know: conflicts with it, open or resolved. */
export interface TargetRevisions {
  /** Documents with such leaf revisions, and these. */
  readonly documents: number
  readonly revisions: number
  /** Documents of which the target serves one of them. */
  readonly served: number
  /** Documents that the source has deleted, and the target serves. */
  readonly undeleted: number
  /** Ids of documents, the first twenty; of `undeleted` by themselves. */
  readonly examples: readonly string[]
  readonly undeletedExamples: readonly string[]
}

interface Stoppable {
  readonly signal?: AbortSignal
}

export interface CancelOptions extends Stoppable {
  /** Leave what somebody else has begun anew meanwhile, and has not ended. Default false. */
  readonly sparing?: boolean
}

/** A server that replicates, and the two ends between which it does. Closed by whoever opened it. */
export interface Replicator {
  /** Of the server that replicates. */
  readonly location: Location
  /** `Apache CouchDB 3.5.0` */
  readonly version: string
  /**
   * See that this user may replicate here, and that the filter is one; makes ready what is lacking for it.
   *
   * @returns what was done
   * @throws {DocferryError} DOCFERRY_PERMISSION, DOCFERRY_CONFIG
   */
  prepare(
    request: Pick<ReplicationRequest, 'filter' | 'transient'> & { readonly collections: readonly string[] },
    options: Stoppable
  ): Promise<readonly string[]>
  /**
   * Look at the target's collection, and create it where it is missing and that is wanted, in the source's kind.
   *
   * @throws {DocferryError} where it can't be created, is missing, or can't hold what the source's holds
   */
  prepareTarget(pair: ReplicationPair, options: PrepareTargetOptions): Promise<PreparedTarget>
  /** Returns as soon as the server has taken it. */
  begin(request: ReplicationRequest, options: Stoppable): Promise<Begun>
  /** Of an id that `begin` gave, or of any other. @returns state `gone` where there is none */
  look(id: string, options: Stoppable): Promise<Replication>
  /**
   * How one ended that is gone, by what was left when its request was removed.
   *
   * @returns undefined where nothing tells, or it was removed before its end
   */
  ending(id: string, options: Stoppable): Promise<Pick<Replication, 'state' | 'counts'> | undefined>
  /** By id. */
  list(options: Stoppable): Promise<readonly Replication[]>
  /**
   * Have it stop, remove what asks for it, and wait until the server has let go.
   *
   * @returns as it was before; undefined where there was none, or it was spared
   */
  cancel(id: string, options: CancelOptions): Promise<Replication | undefined>
  /** Whether the source has no change that this replication has not dealt with. */
  isCaughtUp(request: ReplicationRequest, seen: Replication, options: Stoppable): Promise<boolean>
  /** @param onDocument told of each document that was to be replicated */
  compareRevisions(
    request: Pick<ReplicationRequest, 'source' | 'target' | 'filter'>,
    options: Stoppable & { readonly onDocument?: (id: string) => void }
  ): Promise<RevisionCounts>
  /**
   * Look for revisions of the source's documents that only the target has. Documents of which the source knows nothing at all are not counted.
   *
   * @param isMeant whether a document was to be replicated. Default: all were
   */
  targetRevisions(
    request: Pick<ReplicationRequest, 'source' | 'target' | 'filter'>,
    options: Stoppable & { readonly isMeant?: (id: string) => boolean }
  ): Promise<TargetRevisions>
  /** @returns those of the ids of which the source's collection holds neither a document nor a deletion */
  unknownIds(collection: string, ids: readonly string[], options: Stoppable): Promise<readonly string[]>
  close(): Promise<void>
}

/** Where the ends and the server that replicates are. */
export interface ReplicatorEnds<Options = unknown> {
  readonly on: Options
  /** Both missing where replications are only listed or cancelled. */
  readonly source?: Options
  readonly target?: Options
  /** How the server that replicates reaches them, where that is not how docferry does: `http://couchdb-old:5984`. */
  readonly sourceUrl?: string
  readonly targetUrl?: string
}
