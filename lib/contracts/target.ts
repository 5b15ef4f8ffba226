/** The writing end. */
import type { Packed } from '../packed.ts'
import type { DocumentDigests } from '../values/digest.ts'
import type { Document } from '../values/types.ts'
import type { SuspendedOutput } from './connector.ts'
import type { Location, PlaceProof, Usage } from './place.ts'
import type { OnConversion } from './rules.ts'
import type { TargetSecurity } from './security.ts'
import type { Change, ChangeOutcome, Encoded, Held, Refusal, WriteOptions, WriteOutcome } from './written.ts'

/** How fast writes into a collection that was empty may begin, and grow. */
export interface Ramp {
  /** Documents a second at first. */
  readonly perSecond: number
  /** The rate is multiplied by this ... */
  readonly growth: number
  /** ... each time so many milliseconds have gone by. */
  readonly everyMs: number
}

/** Where an output stands that is made in one piece: by the two together it is gone on with. */
export interface OutputStand {
  /** What there is little of; plain JSON. */
  readonly stands: SuspendedOutput
  /** What there may be thousands of, by the field of what `resume` is given that holds them, a map by their names. */
  readonly parts: Readonly<Record<string, Iterable<OutputPart>>>
}

export interface OutputPart {
  readonly name: string
  /** The same object as long as the part is the same: it is written once or twice then, and not with every checkpoint. */
  readonly version: unknown
  /** Plain JSON; asked for before the next `write`, if at all. */
  readonly value: () => unknown
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
  /** Whether ordinary documents of this collection that come as objects are to be written as lines first. Missing where `Target.encode` costs less. */
  wantsObjects?(collection: string): boolean
  /**
   * As `Target.encode` does, for a document whose text is the same as the document: ordinary values, no name or `_id` that begins with `$`, no `_id`
   * that begins with `_`.
   *
   * @param line valid JSON without a line end, perhaps with white space; stays as it is until the document has its outcome
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
  /** Missing where only the address tells where it is. */
  readonly proof?: PlaceProof | undefined
  /** Whether the target can hold a collection of this name; pure. */
  checkCollection(collection: string): Refusal | undefined
  /** Refuse what it can't hold together. Missing: any number. @throws {DocferryError} DOCFERRY_CONFIG */
  checkTogether?(collections: readonly string[]): void
  /**
   * Make the collection ready to be written to. With `create: false` (a dry run) nothing is changed.
   *
   * @param options.mayMoreCome whether further collections may come that nobody knows of yet: else all are prepared before the first document
   * @throws {DocferryError} when it can't be created or is not usable (a table with another key than the documents')
   */
  prepare(
    collection: string,
    options: { readonly create: boolean; readonly mayMoreCome?: boolean; readonly signal?: AbortSignal }
  ): Promise<Prepared>
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
  /**
   * Change something that is no document, and that nobody sees, in the way in which `write` writes: shows whether the target writes at all, where documents
   * fail alone and no others are left. Nothing of it stays. Missing where there is no such thing.
   *
   * @param options those of the writes in question
   * @throws {DocferryError} as `write` does; not retryable where it does not let itself be asked
   */
  takesWrites?(collection: string, options: WriteOptions): Promise<void>
  /**
   * Write documents as they come, beside those of `write`, one call at a time. Numbers keep their kinds in the text (1.0), and what `encode` tells of as
   * enveloped stands in envelopes. Missing where the target takes no such.
   */
  writePacked?(collection: string, packed: Packed, options?: { readonly signal?: AbortSignal }): Promise<void>
  /** Whether it holds documents of one id beside each other, in the order in which they come, whatever `fresh` says. Default false. */
  readonly holdsRepeats?: boolean
  /**
   * Nobody looks at these any more, nor sends them: what they were encoded into may be used again. Each is told of once, or never, as where a call for it was
   * given up.
   */
  release?(documents: readonly Encoded<Payload>[]): void
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
   * @returns undefined once it is committed; where it stands holds until the next `write`
   */
  suspend?(): Promise<OutputStand | undefined>
  /** Nobody can go on with the run, and nothing is in its output: `close` removes that although it was suspended. Missing where `suspend` is. */
  abandon?(): void
  /** What a user should know in the end, and would not see from the counts. */
  notes?(): readonly string[]
  /** Called once after the last write of a run that came to its end, also when documents were dead-lettered: make the result whole (trailer, rename). */
  commit(options: { readonly signal?: AbortSignal }): Promise<void>
  /** Called always, last. Without a `commit` before it, what is only half there (a partial file) is removed. */
  close(): Promise<void>
}
