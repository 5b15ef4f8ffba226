/**
 * The contracts between the data path and everything that plugs into it: connectors, stages, control items.
 * Words are those of lib/README.md.
 */
import type { Duplex } from 'node:stream'
import type { BackupService } from './backup-types.ts'
import type { Facts, InspectOptions, Inspection } from './inspection.ts'
import type { Replicator, ReplicatorEnds } from './replication-types.ts'
import type { Packed, Packing } from './packed.ts'
import type { DocumentDigests } from './values/digest.ts'
import type { Document } from './values/types.ts'
import type { DocferryError, ErrorCode } from './errors.ts'
import type { ValueKind } from './values/kinds.ts'

export type { Document, Value } from './values/types.ts'

/** Names of the providers, as a user types them. */
export type ProviderName = 'memory' | 'couchdb' | 'firestore' | 'dynamodb' | 'file'

/** Also of several sources that are read as one, which no address names. */
export type PlaceName = ProviderName | 'several'

/** The environment as a plain map; only the CLI reads the process's own. */
export type Environment = Readonly<Record<string, string | undefined>>

/** What happens to a document whose id the target already holds. */
export type OnConflict = (typeof onConflicts)[number]
export const onConflicts = ['skip', 'overwrite', 'fail'] as const

/**
 * How values are written for which a target has no exact type. `natural`: a number is the target's number, anything else an envelope.
 * `exact`: an envelope also where the target would give back another kind of number (1.0 as 1). `plain`: no envelopes, by `toPlain`.
 */
export type Types = (typeof typeModes)[number]
export const typeModes = ['natural', 'exact', 'plain'] as const

/**
 * What happens to a document that the target can't hold as it is. `dead-letter`: it fails, the others are written. `escape`: ids and field
 * names that the target refuses are written by the rule of `values/names.ts`, what is still refused is a dead letter. `fail`: the run ends.
 */
export type OnIncompatible = (typeof onIncompatibles)[number]
export const onIncompatibles = ['dead-letter', 'escape', 'fail'] as const

/**
 * What a run keeps for its undoing. `created`: which documents it made. `all`: also what stood in place of those that it replaced, which is
 * looked up before each write. `none`: nothing.
 */
export type UndoMode = (typeof undoModes)[number]
export const undoModes = ['created', 'all', 'none'] as const

/** What a target's `encode` goes by. */
export interface EncodeRules {
  readonly types: Types
  /** Whether names that the target refuses are escaped; otherwise such a document is refused. */
  readonly escapeNames: boolean
  /** Whether an id that is a path, `x/runs/y`, is one: the document is written there, below the document `x`, where a target has subcollections. */
  readonly subcollections?: boolean | undefined
}

export const defaultRules: EncodeRules = { types: 'natural', escapeNames: false }

/**
 * How something that the target can't hold as it is was written: `merged`, as a number that is equal but comes back as another kind (1.0
 * as 1); `enveloped` and `escaped`, and comes back as it was; `lossy`, and does not.
 */
export type Conversion = 'merged' | 'enveloped' | 'escaped' | 'lossy'

/** Told of each conversion. A `path` is as in `Refusal.path`. */
export type OnConversion = (kind: ValueKind | 'name' | 'id', conversion: Conversion, path: () => string) => void

/** What a move asks of a service: requests, and the units that it bills or throttles by. */
export interface Usage {
  readonly requests: number
  /** DynamoDB's capacity units. */
  readonly readUnits?: number
  readonly writeUnits?: number
  /** Firestore's document reads and writes. */
  readonly documentReads?: number
  readonly documentWrites?: number
}

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
  /** Of a target: where its documents come from, where that is known. */
  readonly from?: PlaceName
  /** Of a target. Default `defaultRules`. */
  readonly rules?: EncodeRules
  /** Of a source: whether documents of subcollections are read, where it has any. Default: they are. */
  readonly subcollections?: boolean
  /** Of a target that can `suspend`: go on with what it was suspended at. */
  readonly resume?: SuspendedOutput
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

/** Where an end really is, without secrets. */
export interface Location {
  readonly provider: PlaceName
  /** For people: `http://127.0.0.1:5984 as admin`, `project p, emulator 127.0.0.1:8080`, `us-east-1`, `/data/backup.json`. */
  readonly address: string
  /** Equal for two ends if and only if they are the same place, whoever connects. */
  readonly identity: string
}

export interface CollectionInfo {
  readonly name: string
  /** Estimated number of documents, where the database tells it cheaply. */
  readonly documents?: number
  /** Estimated bytes, in the unit that `Page.bytes` counts in. */
  readonly bytes?: number
  /** What a user should know of what is in it, in words: `3 documents in subcollections (runs)`. */
  readonly contents?: string
  /** The database's own (`_users`): taken only when named. */
  readonly system?: boolean
  /** Why it can't be read although the place says that it holds it: the file is gone that a folder's manifest names. */
  readonly lost?: string
}

/** An opaque, serialisable place in a partition. */
export type Cursor = string

/** An independent slice of a source; plain JSON, so that a checkpoint can hold it. */
export interface Partition {
  /** Unique in its run, and the same when the same source is split again in the same way: `agents/2of4`. */
  readonly id: string
  /** The collections that its pages may belong to: one, except for a file that holds several in one stream. */
  readonly collections: readonly string[]
  /** Those of a lower turn are read to their end before: of documents with one id, the first stays. Default: all in one turn. */
  readonly turn?: number
  /** What the connector needs to know to read it. */
  readonly range?: Readonly<Record<string, string | number | boolean | null>>
}

/** What a reader yields: documents of one collection, and the place behind them. */
export interface Page {
  readonly collection: string
  /** Which of several sources it comes from, by its name. */
  readonly source?: string
  /** In front of the others, where the reader was asked for them. */
  readonly packed?: readonly Packed[]
  readonly documents: readonly Document[]
  /** `documentDigests` of each, by index, where the reader has made them to check what it reads. */
  readonly digests?: readonly (DocumentDigests | undefined)[]
  /** What stood where a document should be and is none; each counts as read and is dead-lettered. */
  readonly rejects?: readonly RejectDetails[]
  /** Reading after it gives the rest of the partition. */
  readonly cursor: Cursor
  /** Bytes taken from the source for this page: of the file, of the response body, or estimated. */
  readonly bytes: number
}

export interface ReadOptions {
  /** Give what is behind this place. */
  readonly after?: Cursor
  readonly signal?: AbortSignal
  /** Most documents in a page; a smaller page is no smaller request. */
  readonly pageSize?: number
  /** Documents may be given packed. */
  readonly packing?: Packing | undefined
  /** Most read units in one request, where the service bills by them. */
  readonly requestUnits?: number
  /** How throttling and dropped connections are tried again. Default: as the connector finds right. */
  readonly retry?: { readonly attempts?: number; readonly baseMs?: number; readonly capMs?: number }
  /** Called before each wait for another try. */
  readonly onRetry?: (error: DocferryError, delayMs: number) => void
}

/** CouchDB's `_security` object of a database: who may read and administer it. */
export type SecurityObject = { readonly [key: string]: Json }

/** How a target holds the `_security` objects of its collections. */
export interface TargetSecurity {
  /** `first`: it has to be known before the documents come (an export's head). `last`: it applies at once, and may keep the run itself out. */
  readonly when: 'first' | 'last'
  /** What stands there; undefined where there is no such collection. */
  get(collection: string, options: { readonly signal?: AbortSignal | undefined }): Promise<SecurityObject | undefined>
  put(collection: string, security: SecurityObject, options: { readonly signal?: AbortSignal | undefined }): Promise<void>
  /** @throws {DocferryError} DOCFERRY_PERMISSION where the user may not put any */
  check(collections: readonly string[], options: { readonly signal?: AbortSignal | undefined }): Promise<void>
}

/** The reading end. Closed by whoever opened it, also after an error. */
export interface Source {
  readonly location: Location
  /** Whether no two documents of one collection can have the same id (a database: yes; a file: no). */
  readonly uniqueIds: boolean
  /** Whether an id that is a path means a document of a subcollection: Firestore, where these are read, and its exports. Default: it does not. */
  holdsSubcollections?(options: { readonly signal?: AbortSignal }): Promise<boolean>
  /** Whether it may hold 1.0 as 1, unless `types` was `exact`: then equal numbers are equal, whatever a target keeps of them. Default: it does not. */
  readonly mergesKinds?: boolean
  /** Whether it gives what has changed in documents that a target holds already: to be written in their place, and in no other way. */
  readonly givesChanges?: boolean
  /** Whether it can give documents packed, from this place on. */
  readonly packs?: boolean
  /** Whether it then has lines go through `Packing.worker`. Default false. */
  readonly works?: boolean
  /** Names of what lies there too and is not read: the other files of a folder. */
  readonly unread?: readonly string[]
  /** The database's own `_security` object; undefined where nothing tells. Missing where there is no such thing. */
  security?(collection: string, options: { readonly signal?: AbortSignal }): Promise<SecurityObject | undefined>
  /** What a user should know of it before trusting what is read: a folder that has lost what tells whether it is whole. */
  readonly doubts?: readonly string[]
  /** What a user should know in the end of what was read, and would not see from the counts: what stands there and is no document. */
  notes?(): readonly string[]
  /**
   * What the source holds, in a stable order, the database's own collections marked as such.
   * `null` where only reading can tell (standard input without a header).
   */
  collections(options: { readonly signal?: AbortSignal }): Promise<readonly CollectionInfo[] | null>
  /**
   * Split collections into independent slices, stable across a resume.
   *
   * @param collections names, as `collections()` gave them; `null` for everything there is
   * @param wanted how many slices per collection would be useful; fewer is fine
   * @param designLast design documents are taken: they have to be in slices of a later turn than all others, where the source can tell them
   */
  partitions(
    collections: readonly string[] | null,
    options: { readonly wanted: number; readonly designLast?: boolean; readonly signal?: AbortSignal }
  ): Promise<readonly Partition[]>
  /**
   * Read one partition in pages. Memory is bounded by a page. Throttling and dropped connections are retried inside, within a
   * bound. Stops soon after `signal` aborts, by throwing its reason.
   *
   * @throws {DocferryError} DOCFERRY_READ and others of exit code 20, DOCFERRY_CONNECT; never a short result
   */
  read(partition: Partition, options: ReadOptions): AsyncIterable<Page>
  /** Whether it can be read a single time only: standard input. */
  readonly readsOnce?: boolean
  /** Whether it reads the collection of this name at the place with this `Location.identity`. Default: where its own is that, by the same name. */
  reads?(identity: string, collection: string): boolean
  /** Where it reads, where that is several places. Default: its location. */
  readonly places?: readonly Location[]
  /** Whether it may have nothing to give for any time, because others read with it. Default: a reader that stands still is given up. */
  readonly waitsForOthers?: boolean
  /** What reading has asked of the service so far, by its own account where it gives one; missing where nothing is billed or sent. */
  usage?(): Usage
  close(): Promise<void>
}

/** How fast writes into a collection that was empty may begin, and grow. */
export interface Ramp {
  /** Documents a second at first. */
  readonly perSecond: number
  /** The rate is multiplied by this ... */
  readonly growth: number
  /** ... each time so many milliseconds have gone by. */
  readonly everyMs: number
}

/** The service's own rules that the data path needs; a connector's `limits.ts` says where each comes from. */
export interface TargetLimits {
  /** Most documents in one `write`. */
  readonly batchCount: number
  /** Most bytes in one `write`, summed over `Encoded.bytes`; a single larger document that `encode` accepted goes alone. */
  readonly batchBytes: number
  /** `write` calls that may be under way at once, over all partitions. */
  readonly inFlight: number
  /** How fast writes into an empty collection may begin: a service that spreads a collection over machines only as it grows. */
  readonly ramp?: Ramp
  /** Whether documents of different collections may not be mixed in time: a single file that holds one section after another. */
  readonly oneCollectionAtATime?: boolean
}

/** A document in the target's own form, ready to send. */
export interface Encoded<Payload = unknown> {
  /** The document's, also where the target holds it under an escaped one. */
  readonly id: string
  /** Size of what is sent, for batches. */
  readonly bytes: number
  /** Size as the target itself counts a document against its limit, where that is another. */
  readonly size?: number
  /** Its attachments, where they are a part of it. */
  readonly attached?: { readonly count: number; readonly bytes: number }
  readonly payload: Payload
}

/** Why a document can't be written to this target, known without asking it. Never holds contents of the document. */
export interface Refusal {
  readonly code: ErrorCode
  /** What is wrong and by how much: `412,331 bytes; a DynamoDB item holds at most 409,600`. */
  readonly message: string
  /** Where in the document, as a path of field names: `usage_info.usage[3]`. */
  readonly path?: string
}

/** One document's failed write. */
export interface WriteFailure {
  readonly code: ErrorCode
  /** Never holds contents of the document. */
  readonly message: string
  /** Whether the same write may work later. */
  readonly retryable: boolean
  readonly retryAfterMs?: number
  /** What the service said. Of a failure that is not retryable it may quote the document: it goes among the dead letters, and nowhere else. */
  readonly cause?: unknown
}

export type WriteOutcome = 'written' | 'skipped' | WriteFailure

export interface WriteOptions {
  readonly onConflict: OnConflict
  /**
   * The caller knows that the target holds none of these ids (the collection was empty, or created by this run, and the ids were
   * not seen before), so that a write without a condition is right and the fastest may be used.
   */
  readonly fresh: boolean
  readonly signal?: AbortSignal
}

/** A document as the target holds it, and what tells this state of it from any other; the connector's own. */
export interface Held<Version = unknown> {
  readonly document: Document
  readonly version: Version
  /** What it has besides that can't be read, in words: it would be lost with the document, and stays where another is put in its place. */
  readonly besides?: string
}

/** What is to become of a document that nobody has changed since it was seen. */
export interface Change<Payload = unknown, Version = unknown> {
  readonly seen: Held<Version>
  /** To stand in its place, with the same id. Missing: the document is removed. */
  readonly put?: Encoded<Payload>
}

/** `changed`: somebody has changed or removed it meanwhile, and it was left as it is. */
export type ChangeOutcome = 'done' | 'changed' | WriteFailure

export interface Prepared {
  /** Whether the collection was missing (and, if `create` was set, has been created). */
  readonly created: boolean
  readonly empty: boolean
  /** Documents that it holds, where the database tells that cheaply. */
  readonly documents?: number
}

/** Of a target that gives such documents back as they are. */
export interface LineEncoder<Payload = unknown> {
  /** Whether it has to see those that have another top-level field than `_id` that begins with an underscore. */
  readonly noUnderscores: boolean
  /**
   * As `Target.encode` does, for a document whose text is the same as the document: ordinary values, no name or `_id` that begins with `$`, no `_id`
   * that begins with `_`.
   *
   * @param line valid JSON without a line end, perhaps with white space; stays as it is as long as it is held
   * @returns undefined where it has to see the document
   */
  encode(collection: string, id: string, line: Buffer): Encoded<Payload> | undefined
}

/**
 * The writing end. `encode` and `write` are all that the data path needs per document: the first is pure and tells what the target
 * would refuse, the second sends and tells what became of each.
 */
export interface Target<Payload = unknown> {
  readonly location: Location
  readonly limits: TargetLimits
  /** Whether the target can hold a collection of this name; pure. */
  checkCollection(collection: string): Refusal | undefined
  /** Refuse what it can't hold together. Missing: any number. @throws {DocferryError} DOCFERRY_CONFIG */
  checkTogether?(collections: readonly string[]): void
  /**
   * Make the collection ready to be written to. With `create: false` (a dry run) nothing is changed.
   *
   * @throws {DocferryError} when it can't be created or is not usable (a table with another key than the documents')
   */
  prepare(collection: string, options: { readonly create: boolean; readonly signal?: AbortSignal }): Promise<Prepared>
  /** Turn a document into the target's form, or say why the target would refuse it. Pure; called after `prepare`. */
  encode(collection: string, document: Document, onConversion?: OnConversion): Encoded<Payload> | Refusal
  /** What `write` of this batch would ask of the service if nothing has to be tried again; missing where nothing is billed or sent. */
  usage?(documents: readonly Encoded<Payload>[], options: Pick<WriteOptions, 'onConflict' | 'fresh'>): Usage
  /**
   * Write one batch, within `limits`, ids unique in it.
   *
   * Trouble with one document is an outcome; the others of the batch are still written. The whole call throws only where nothing can be
   * said about its documents. `write` itself does not retry, except to isolate a document for which the service refuses a whole batch.
   *
   * @returns one outcome per document, by index
   * @throws {DocferryError} with `retryable: true` when the same call may work later (network, throttling: perhaps with `retryAfterMs`);
   * with `retryable: false` when it never will (credentials, a missing table). A thrown call may have been applied in part.
   */
  write(collection: string, documents: readonly Encoded<Payload>[], options: WriteOptions): Promise<readonly WriteOutcome[]>
  /** Write documents as they come, beside those of `write`, one call at a time. Missing where the target takes no such. */
  writePacked?(collection: string, packed: Packed, options?: { readonly signal?: AbortSignal }): Promise<void>
  /** Whether it holds documents of one id beside each other, in the order in which they come, whatever `fresh` says. Default false. */
  readonly holdsRepeats?: boolean
  /** In place of `writePacked`: takes documents one by one as the lines of their JSON, for `write`. Missing where it has to see documents. */
  readonly lines?: LineEncoder<Payload>
  /**
   * Look documents up by id, in the target's present state.
   *
   * @param ids at most `limits.batchCount`
   * @returns those that exist, in any order; with `idsOnly` each is just `{ _id }`. `null` where the target can't be asked (a file being written)
   */
  get(
    collection: string,
    ids: readonly string[],
    options: { readonly idsOnly?: boolean; readonly signal?: AbortSignal }
  ): Promise<readonly Document[] | null>
  /**
   * The document as `get` will give it back once it is written, up to what canonical bytes take for equal: another one where `types` is
   * `plain`, or a table adds fields of its own. Missing where it is always the document itself. Pure; called after `prepare`.
   *
   * @param options `kinds`: also with the kinds of numbers (1.0 apart from 1) as they come back; asked for only where `keepsKinds`
   */
  readBack?(collection: string, document: Document, options?: { readonly kinds?: boolean }): Document
  /**
   * Whether it gives back numbers as the kinds that `readBack` says with `kinds`, so that 1 in place of 1.0 is a difference. Where that is
   * not so, or missing, equal numbers are equal.
   */
  readonly keepsKinds?: boolean
  /** Whether it was opened to hold attachments, and can: see `OpenContext.attachments`. */
  readonly holdsAttachments?: boolean
  /** Missing where there is no `_security` object. */
  readonly security?: TargetSecurity
  /** Digests of what is written, where the connector makes them anyway; undefined for a document of which it has made none. Pure. */
  digests?(encoded: Encoded<Payload>): DocumentDigests | undefined
  /** Make those of many documents at once, before `digests` is asked for each: where that costs less. */
  digestAll?(encoded: readonly Encoded<Payload>[]): void
  /**
   * Look documents up for `change`. Missing, as the two after it, where what is written can't be changed one by one (a file). Called after
   * `prepare`.
   *
   * @param ids at most `limits.batchCount`, each once
   * @returns those that exist, in any order
   */
  look?(collection: string, ids: readonly string[], options: { readonly signal?: AbortSignal }): Promise<readonly Held[]>
  /**
   * Remove or replace documents by compare-and-set, at most `limits.batchCount`. Throws as `write` does; sent again after a lost answer, what
   * the first call did is told as `changed`.
   *
   * @returns one outcome per change, by index
   */
  change?(
    collection: string,
    changes: readonly Change<Payload>[],
    options: { readonly signal?: AbortSignal }
  ): Promise<readonly ChangeOutcome[]>
  /**
   * Remove a collection that holds nothing. Missing also where such a collection is not there at all (Firestore).
   *
   * @returns false where it holds something, or is not there
   */
  dropCollection?(collection: string, options: { readonly signal?: AbortSignal }): Promise<boolean>
  /**
   * Of an output that is made in one piece (a file): make what was written durable, and say what is needed to go on from there. No `write` is under
   * way. From then on `close` without a `commit` leaves what is there. Missing where every acknowledged write stays by itself, or can't be gone on with.
   *
   * @returns undefined once it is committed
   */
  suspend?(): Promise<SuspendedOutput | undefined>
  /** What a user should know in the end, and would not see from the counts. */
  notes?(): readonly string[]
  /** Called once after the last write of a run that came to its end, also when documents were dead-lettered: make the result whole (trailer, rename). */
  commit(options: { readonly signal?: AbortSignal }): Promise<void>
  /** Called always, last. Without a `commit` before it, what is only half there (a partial file) is removed. */
  close(): Promise<void>
}

/** Details of something read that is no document. */
export interface RejectDetails {
  readonly code: ErrorCode
  /** Why, without contents: `not valid JSON`. */
  readonly message: string
  /** Where, so that a person finds it: `line 12, byte 3456`. */
  readonly where: string
  readonly id?: string
  /** What stood there, for the dead letter only. */
  readonly raw?: string
  /** How many documents of its page stood before it, where that matters: its id may come again. Default: all. */
  readonly documentsBefore?: number
}

/**
 * What travels in an object stream beside documents. Stages never see control items; anything else that stands in a pipeline must pass
 * on, in order, what is an instance of this class.
 */
export abstract class ControlItem {}

/** The documents behind it belong to this collection, until the next one. The first item of every internal stream. */
export class Section extends ControlItem {
  readonly collection: string
  /** See `Page.source`. */
  readonly source: string | undefined
  constructor(collection: string, source?: string) {
    super()
    this.collection = collection
    this.source = source
  }
}

/** The place in the partition up to which everything has passed. */
export class Mark extends ControlItem {
  readonly partition: string
  readonly cursor: Cursor
  /** Documents (rejects included) and bytes read since the mark before. */
  readonly documents: number
  readonly bytes: number
  constructor(partition: string, cursor: Cursor, documents: number, bytes: number) {
    super()
    this.partition = partition
    this.cursor = cursor
    this.documents = documents
    this.bytes = bytes
  }
}

/** Something read that is no document, or that a stage failed on: it counts, and becomes a dead letter. */
export class Reject extends ControlItem {
  readonly details: RejectDetails
  /** Of a document that a stage failed on: as it came to the stage, and the stage's index. */
  readonly failed: { readonly document: Document; readonly stage: number } | undefined
  constructor(details: RejectDetails, failed?: Reject['failed']) {
    super()
    this.details = details
    this.failed = failed
  }
}

/** What a stage is told about the document it gets. */
export interface StageContext {
  readonly collection: string
  /** Of the source, as a pipeline names it, where there are several. */
  readonly source?: string | undefined
  /** The partition that it is read from; missing outside of a run. */
  readonly partition?: string
  /** What a pipeline gives a stage of a user's own. */
  readonly options?: unknown
  readonly signal?: AbortSignal
}

/** A document, several, or none. */
export type StageResult = Document | Iterable<Document> | AsyncIterable<Document> | null | undefined

/** What a run takes as a stage. */
export type RunStage = Stage | TransformStage

/** A stage as users write it: a bare function stands for one whose name is the function's. */
export type StageLike = RunStage | Stage['apply']

/**
 * What becomes of a document for which a stage fails. `fail`: the run ends. `dead-letter`: the document, as it came to the stage, is kept with
 * the cause, and a retry goes on with that stage. `skip`: it is left out, and counted as filtered.
 */
export type OnStageError = (typeof onStageErrors)[number]
export const onStageErrors = ['fail', 'dead-letter', 'skip'] as const

/** Plain JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/**
 * What a stage remembers from one document to the next, so that a run that goes on can give it back: the engine takes it piece by piece
 * with each mark, and keeps what is of documents that the target has acknowledged. Pieces may come back in any order.
 */
export interface StageState {
  /** What it has learnt of documents of this partition since it was asked for it last; undefined: nothing. Called at each mark. */
  take(partition: string): Json | undefined
  /** Called for each piece that was kept, before the first document of a run that goes on. */
  restore(piece: Json): void
}

interface AnyStage {
  readonly name: string
  /** What tells it from another stage of its name, as a user writes it: `strip:a,b`. Default: the name. */
  readonly text?: string
  /** Where it is written, for errors: `pipelines/x.yaml:12:5`. */
  readonly place?: string
  /** Whether two documents may leave with the same id although the ids that came in were unique. Default true: nothing is known. */
  readonly mayRepeatIds?: boolean
}

/**
 * A step between reader and writer: one document in; one, several or none out. It may change the document it gets.
 * It sees neither pages nor batches nor control items. A name makes errors and counts readable.
 */
export interface Stage extends AnyStage {
  readonly apply: (document: Document, context: StageContext) => StageResult | Promise<StageResult>
  /** That it does nothing but leave out these top-level fields: documents need not be parsed for it. */
  readonly drops?: readonly string[]
  /** Told of what was dropped without it: how many documents had the field, and the members that it had in them, where they are counted. */
  readonly onDropped?: (collection: string, field: string, documents: number, members: number) => void
  /** Whether all it does is to make something of the document: it may come to the same one twice, and in a thread of its own. Default false. */
  readonly isPure?: boolean
  /**
   * The top-level fields that it looks into, takes away, adds or changes, `_id` beside them. It leaves every other field as it is, and among the others
   * where it is; of a document it makes one at most, and without a promise. Missing where it may look at all of them.
   */
  readonly fields?: readonly string[]
  /** Whether it may change the object that it is given, instead of answering with another one. Default true: nothing is known. */
  readonly changesInPlace?: boolean
  /** Default `fail`. */
  readonly onError?: OnStageError
  /**
   * Missing: it remembers nothing, and the same document always gives the same. `lost`: it remembers something that a run can't be gone on
   * with; such a run is begun anew.
   */
  readonly state?: StageState | 'lost'
  /** Called once, before the first document. */
  readonly open?: (run: { readonly dryRun: boolean; readonly resumed: boolean; readonly signal?: AbortSignal }) => void | Promise<void>
  /** Whether it will let no further document of the collection pass, so that these need not be read. Asked between pages. */
  readonly isSated?: (collection: string) => boolean
  /** What a user should know in the end and would not see from the counts. */
  readonly notes?: () => readonly string[]
  /** Called once, last, also after an error. @param isDone whether the run has come to its end */
  readonly close?: (isDone: boolean) => void | Promise<void>
}

/** A Node Transform of documents as a step between reader and writer, made anew for each collection of each partition. */
export interface TransformStage extends AnyStage {
  readonly transform: (context: StageContext) => Duplex
  /**
   * Whether documents may leave it after the callback for the one that they were made of: it sorts, batches or sums up. A run that goes on
   * then repeats its partitions from their beginning. Default true: nothing is known.
   */
  readonly holdsBack?: boolean
}
