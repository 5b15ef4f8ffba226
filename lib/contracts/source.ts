/** The reading end. */
import type { DocferryError } from '../errors.ts'
import type { Packed, Packing } from '../packed.ts'
import type { DocumentDigests } from '../values/digest.ts'
import type { Document } from '../values/types.ts'
import type { RejectDetails } from './control-items.ts'
import type { CollectionInfo, Location, PlaceProof, Usage } from './place.ts'
import type { SecurityObject } from './security.ts'

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
  /** The place before its first page, where that tells what is read: a run that goes on before any page of it was acknowledged reads after it. */
  readonly start?: Cursor
}

/** What a reader yields: documents of one collection, and the place behind them. */
export interface Page {
  readonly collection: string
  /** Which of several sources it comes from, by its name. */
  readonly source?: string
  /** In front of the others, where the reader was asked for them. */
  readonly packed?: readonly Packed[]
  readonly documents: readonly Document[]
  /** `documentDigests` of each, by index, where the reader has made them to check what it reads, or was asked for them and knows them at little cost. */
  readonly digests?: readonly (DocumentDigests | undefined)[] | undefined
  /** What each was given without, by index, where the reader was asked to leave something out. Missing of one that is whole. */
  readonly leftOut?: readonly (LeftOut | undefined)[] | undefined
  /** What stood where a document should be and is none; each counts as read and is dead-lettered. */
  readonly rejects?: readonly RejectDetails[]
  /** Reading after it gives the rest of the partition. */
  readonly cursor: Cursor
  /** Bytes taken from the source for this page: of the file, of the response body, or estimated. */
  readonly bytes: number
}

/** Fields that a document was given without. */
export interface LeftOut {
  /** The field `Leaving.fields[n]` is bit n. */
  readonly fields: number
  /** Members of the one that is counted, where it is a map. */
  readonly members: number
}

/** What those who read do first with each document, and a reader may do in their place where that costs less. */
export interface Leaving {
  /** Top-level fields to leave out: at most 30, and no `_id`. */
  readonly fields: readonly string[]
  /** One of these, of which the members are counted where it is a map. */
  readonly counted?: string
  /** Whether `Page.digests` are of use. */
  readonly digests: boolean
}

export interface ReadOptions {
  /** Give what is behind this place. */
  readonly after?: Cursor
  readonly signal?: AbortSignal
  /** Most documents in a page; a smaller page is no smaller request. */
  readonly pageSize?: number
  /** Documents may be given packed. */
  readonly packing?: Packing | undefined
  /** Of documents that are given as objects, these fields may be left out, and told of. */
  readonly leaving?: Leaving | undefined
  /** Most read units in one request, where the service bills by them. */
  readonly requestUnits?: number
  /** How throttling and dropped connections are tried again. Default: as the connector finds right. */
  readonly retry?: { readonly attempts?: number; readonly baseMs?: number; readonly capMs?: number }
  /** Called before each wait for another try. */
  readonly onRetry?: (error: DocferryError, delayMs: number) => void
}

/** One of several sources that are read as one. */
export interface SourcePart {
  /** What tells documents of it apart (`StageContext.source`). Missing where they need not be. */
  readonly name?: string
  readonly source: Pick<Source, 'location' | 'proof'>
  /** What is read of it: its name there, and for the run. `null` where only reading tells. */
  readonly collections: readonly { readonly name: string; readonly as: string }[] | null
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
  /** Missing where only the address tells where it is. */
  readonly proof?: PlaceProof | undefined
  /** What it reads, and of which sources, where these are several. */
  readonly parts?: readonly SourcePart[]
  /** Whether it may have nothing to give for any time, because others read with it. Default: a reader that stands still is given up. */
  readonly waitsForOthers?: boolean
  /** What reading has asked of the service so far, by its own account where it gives one; missing where nothing is billed or sent. */
  usage?(): Usage
  close(): Promise<void>
}
